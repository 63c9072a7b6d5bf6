//! Two agents on two workers or on one, driven step by step on this thread.

use ephor::constitution::Charter;
use ephor::prelude::*;
use ephor::{Frame, Frame64, Invoker, WorkerOptions};

/// Messages that the source emits in a cycle.
pub const BURST: usize = 64;

/// The payload of a 64-byte frame.
#[derive(Clone, Copy, Message)]
#[message(kind = 1)]
pub struct Four([u64; 4]);

/// How a source emits its burst.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    OneByOne,
    AllAtOnce,
}

/// Emits a burst in each of its cycles.
struct Source {
    out: Out<Four, BURST>,
    next: u64,
    pace: Pace,
}

/// Adds up what it is sent.
pub struct Sink {
    sum: u64,
}

impl<F: Frame> Agent<F> for Source {
    fn on_cycle(&mut self, cx: &mut Cx<'_, F>) -> usize {
        let numbers = self.next..self.next + BURST as u64;
        self.next = numbers.end;
        match self.pace {
            Pace::OneByOne => numbers.for_each(|number| cx.emit(&self.out, Four([number; 4]))),
            Pace::AllAtOnce => cx.emit_all(&self.out, numbers.map(|number| Four([number; 4]))),
        }
        BURST
    }
}
agent!(Source {});

impl<F: Frame> Agent<F> for Sink {}
agent!(Sink { Four });

impl<F: Frame> Handler<Four, F> for Sink {
    fn on(&mut self, four: &Four, _: &mut Cx<'_, F>) {
        self.sum = four.0.iter().fold(self.sum, |sum, word| sum.wrapping_add(*word));
    }
}

/// A bus of a source and a sink, warm: the source has worker 0, the sink the last one.
pub fn bus(workers: usize, pace: Pace) -> Invoker<Frame64> {
    let mut topology = Topology::<Frame64>::new(Charter::default());
    let all: Vec<_> = (0..workers).map(|_| topology.worker(WorkerOptions::default())).collect();
    let source = topology.reserve::<Source>("source");
    let sink = topology.reserve::<Sink>("sink");
    topology.place(source.id(), all[0]).place(sink.id(), all[workers - 1]);
    let out = topology.hold(source, sink, 1024);
    topology.install(source, move || Source { out, next: 0, pace });
    topology.install(sink, || Sink { sum: 0 });
    let mut bus = topology.build().expect("the topology is sound").invoke().expect("the agents start");
    for _ in 0..64 {
        bus.poll();
    }
    bus
}

/// A bus of a sink alone, and a gateway to it.
pub fn foreign() -> (Invoker<Frame64>, Entrance) {
    let mut topology = Topology::<Frame64>::new(Charter::default());
    topology.worker(WorkerOptions::default());
    let sink = topology.reserve::<Sink>("sink");
    let gateway = topology.gateway(sink, 1024);
    topology.install(sink, || Sink { sum: 0 });
    let bus = topology.build().expect("the topology is sound").invoke().expect("the agent starts");
    (bus, Entrance(gateway))
}

/// Where a foreign thread sends to the sink.
pub struct Entrance(ephor::Gateway<Sink, Frame64>);

impl Entrance {
    /// Sends one message.
    #[inline(never)]
    pub fn send(&self, number: u64) {
        assert!(self.0.try_send(Four([number; 4])).is_ok(), "there is room");
    }
}
