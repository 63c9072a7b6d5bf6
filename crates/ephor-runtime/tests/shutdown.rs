//! How a bus stops: what is in flight, what is left, who is stuck.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ephor_constitution::Charter;
use ephor_runtime::{Agent, Cx, Disposition, Handler, ShutdownError, Topology, TryOut, WorkerOptions, agent};
use support::{Item, LONG, Sink, Tally};

/// Does not return before it is told to.
struct Stubborn {
    entered: mpsc::Sender<()>,
    leave: Arc<std::sync::Mutex<mpsc::Receiver<()>>>,
}

impl Agent for Stubborn {}
agent!(Stubborn { Item });

impl Handler<Item> for Stubborn {
    fn on(&mut self, _item: &Item, _cx: &mut Cx<'_>) {
        self.entered.send(()).unwrap();
        self.leave.lock().unwrap().recv().unwrap();
    }
}

#[test]
fn a_handler_that_does_not_return_is_named_with_its_worker() {
    let mut topology = Topology::new(Charter::default());
    topology.worker(WorkerOptions::default());
    let second = topology.worker(WorkerOptions::default());
    let sink = topology.reserve::<Sink>("sink");
    let stubborn = topology.reserve::<Stubborn>("stubborn");
    topology.place(stubborn.id(), second);
    let gate = topology.gateway(stubborn, 4);
    let (entered, has_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel();
    let may_leave = Arc::new(std::sync::Mutex::new(may_leave));
    topology.install(sink, || Sink { tally: Tally::default() });
    topology.install(stubborn, move || Stubborn { entered: entered.clone(), leave: may_leave.clone() });
    let bus = topology.build().unwrap().start().unwrap();
    gate.try_send(Item(1)).unwrap();
    has_entered.recv().unwrap();
    let Err(ShutdownError::Stuck { stuck, report, .. }) = bus.shutdown(Duration::from_millis(1)) else {
        panic!("a stuck worker was not seen");
    };
    assert_eq!(stuck, ["worker 1 (stubborn)"]);
    assert_eq!(report.ledger.in_flight(), 1);
    leave.send(()).unwrap();
}

/// Counts its stops, and tries to say goodbye.
struct Polite {
    goodbye: TryOut<Item>,
    stops: Arc<AtomicU64>,
}

agent!(Polite { Item });

impl Agent for Polite {
    fn on_stop(&mut self, cx: &mut Cx<'_>) {
        self.stops.fetch_add(1, Ordering::SeqCst);
        cx.try_emit(&self.goodbye, Item(1)).unwrap();
    }
}

impl Handler<Item> for Polite {
    fn on(&mut self, _item: &Item, _cx: &mut Cx<'_>) {}
}

#[test]
fn stop_hooks_run_once_and_what_they_send_is_accounted_for() {
    for workers in [1, 2] {
        let mut topology = Topology::new(Charter::default());
        let workers: Vec<_> = (0..workers).map(|_| topology.worker(WorkerOptions::default())).collect();
        let polite = topology.reserve::<Polite>("polite");
        let sink = topology.reserve::<Sink>("sink");
        topology.place(sink.id(), *workers.last().unwrap());
        let goodbye = topology.refuse(polite, sink, 4);
        let stops = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&stops);
        topology.install(polite, move || Polite { goodbye, stops: Arc::clone(&counted) });
        topology.install(sink, || Sink { tally: Tally::default() });
        let report = topology.build().unwrap().start().unwrap().shutdown(LONG).unwrap();
        assert_eq!(stops.load(Ordering::SeqCst), 1);
        let ledger = &report.ledger;
        assert_eq!(ledger.sent(), 1);
        assert_eq!(ledger.handled() + ledger.lost(Disposition::Undelivered), 1, "{ledger}");
        assert!(ledger.adds_up());
    }
}

#[test]
fn dropping_a_bus_stops_its_threads() {
    let mut topology = Topology::new(Charter::default());
    let sink = topology.reserve::<Sink>("sink");
    let tally = Tally::default();
    let alive = Arc::downgrade(&tally.count);
    topology.install(sink, move || Sink { tally: tally.clone() });
    drop(topology.build().unwrap().start().unwrap());
    assert!(alive.upgrade().is_none(), "the worker, its factory and its agent are gone");
}

#[test]
fn the_ledger_can_be_read_while_the_bus_runs() {
    let mut topology = Topology::new(Charter::default());
    let sink = topology.reserve::<Sink>("sink");
    let gate = topology.gateway(sink, 64);
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(sink, move || Sink { tally: tally.clone() });
    let bus = topology.build().unwrap().start().unwrap();
    for number in 0..50 {
        gate.send_timeout(Item(number), LONG).unwrap();
    }
    while !bus.is_quiescent() {
        assert!(bus.ledger().adds_up());
        std::thread::yield_now();
    }
    assert_eq!((bus.ledger().handled(), seen.count()), (50, 50));
    assert!(bus.shutdown(LONG).unwrap().ledger.adds_up());
}
