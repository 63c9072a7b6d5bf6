//! Messages reach their handlers, on one worker and on two, and the ledger adds up.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use ephor_constitution::Charter;
use ephor_core::{Frame, Frame64, Frame128};
use ephor_runtime::{
    Accepts, Agent, Cx, Gateway, Handler, IdleStrategy, Out, Pin, Topology, WorkerOptions, agent,
};
use support::{Item, LONG, Relay, Sink, Tally};

const COUNT: u64 = 20_000;

fn worker(idle: IdleStrategy) -> WorkerOptions {
    WorkerOptions { pin: Pin::None, idle }
}

/// Sends `COUNT` items through a relay into a sink and compares count, sum and ledger.
#[track_caller]
fn check_relay(workers: &[IdleStrategy]) {
    let mut topology = Topology::new(Charter::default());
    let workers: Vec<_> = workers.iter().map(|idle| topology.worker(worker(*idle))).collect();
    let relay = topology.reserve::<Relay>("relay");
    let sink = topology.reserve::<Sink>("sink");
    topology.place(sink.id(), *workers.last().unwrap());
    let out = topology.hold(relay, sink, 64);
    let gate = topology.gateway(relay, 128);
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(relay, move || Relay { out });
    topology.install(sink, move || Sink { tally: tally.clone() });

    let bus = topology.build().unwrap().start().unwrap();
    for number in 0..COUNT {
        gate.send_timeout(Item(number), LONG).unwrap();
    }
    let report = bus.shutdown(LONG).unwrap();

    assert_eq!(seen.count(), COUNT);
    assert_eq!(seen.sum(), COUNT * (COUNT - 1) / 2);
    assert_eq!(report.ledger.sent(), 2 * COUNT, "the gateway and the relay each sent all");
    assert_eq!(report.ledger.handled(), 2 * COUNT);
    assert_eq!(report.ledger.in_flight(), 0);
    assert!(report.ledger.adds_up(), "{}", report.ledger);
}

#[test]
fn every_message_is_handled_on_one_worker() {
    check_relay(&[IdleStrategy::Yield]);
}

#[test]
fn every_message_is_handled_across_two_workers_that_yield() {
    check_relay(&[IdleStrategy::Yield, IdleStrategy::Yield]);
}

#[test]
fn every_message_is_handled_across_two_workers_that_park() {
    check_relay(&[IdleStrategy::park(), IdleStrategy::park()]);
}

#[test]
fn every_message_is_handled_across_two_workers_that_back_off() {
    check_relay(&[IdleStrategy::backoff(), IdleStrategy::backoff()]);
}

/// A relay for either frame.
struct Either {
    out: Out<Item>,
}

struct End<F> {
    tally: Tally,
    frame: std::marker::PhantomData<F>,
}

impl<F: Frame> Agent<F> for Either {}
agent!(Either { Item });

impl<F: Frame> Handler<Item, F> for Either {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_, F>) {
        cx.emit(&self.out, *item);
    }
}

impl Agent<Frame64> for End<Frame64> {}
impl Agent<Frame128> for End<Frame128> {}
agent!(End<Frame64> { Item });
agent!(End<Frame128> { Item });

impl<F: Frame, G> Handler<Item, F> for End<G> {
    fn on(&mut self, item: &Item, _cx: &mut Cx<'_, F>) {
        self.tally.add(item.0);
    }
}

fn send_all<F: Frame>(gate: &Gateway<Either, F>)
where
    Either: Accepts<Item, F>,
{
    for number in 0..1_000 {
        gate.send_timeout(Item(number), LONG).unwrap();
    }
}

#[test]
fn a_topology_of_small_frames_works_like_one_of_large_frames() {
    let mut topology: Topology<Frame64> = Topology::new(Charter::default());
    let relay = topology.reserve::<Either>("relay");
    let end = topology.reserve::<End<Frame64>>("end");
    let out = topology.hold(relay, end, 8);
    let gate = topology.gateway(relay, 8);
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(relay, move || Either { out });
    topology.install(end, move || End { tally: tally.clone(), frame: std::marker::PhantomData });
    let bus = topology.build().unwrap().start().unwrap();
    send_all(&gate);
    let report = bus.shutdown(LONG).unwrap();
    assert_eq!(seen.count(), 1_000);
    assert!(report.ledger.adds_up());
}
