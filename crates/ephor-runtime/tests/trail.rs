//! The trail: one record for each fate, in order, and none dropped.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ephor_constitution::Charter;
use ephor_runtime::{
    Agent, Boundary, Cx, Disposition, Handler, Out, PanicAt, Record, SendError, Topology, WorkerOptions,
    agent,
};
use support::{Item, Sink, Tally};

/// Reads records while its switch is on.
struct Auditor {
    records: Arc<Mutex<Vec<Record>>>,
    reads: Arc<AtomicBool>,
}

agent!(Auditor {});

impl Agent for Auditor {
    fn on_cycle(&mut self, cx: &mut Cx<'_>) -> usize {
        if !self.reads.load(Ordering::SeqCst) {
            return 0;
        }
        let Some(record) = cx.next_record() else { return 0 };
        self.records.lock().unwrap().push(record);
        1
    }

    fn on_stop(&mut self, cx: &mut Cx<'_>) {
        self.reads.store(true, Ordering::SeqCst);
        while self.on_cycle(cx) > 0 {}
    }
}

/// Forwards even items, denies odd ones.
struct Judge {
    out: Out<Item>,
}

impl Agent for Judge {}
agent!(Judge { Item });

impl Handler<Item> for Judge {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
        if item.0.is_multiple_of(2) { cx.forward(&self.out) } else { cx.deny(1 << item.0) }
    }
}

struct Setup {
    topology: Topology,
    gate: ephor_runtime::Gateway<Judge>,
    sink: ephor_core::AgentId,
    records: Arc<Mutex<Vec<Record>>>,
    reads: Arc<AtomicBool>,
    tally: Tally,
}

fn setup(capacity: usize, workers: usize) -> Setup {
    let mut topology = Topology::new(Charter::default());
    let workers: Vec<_> = (0..workers).map(|_| topology.worker(WorkerOptions::default())).collect();
    let judge = topology.reserve::<Judge>("judge");
    let sink = topology.reserve::<Sink>("sink");
    let audit = topology.reserve::<Auditor>("audit");
    let last = *workers.last().unwrap();
    topology.place(sink.id(), last).place(audit.id(), last).auditor(audit.id(), capacity);
    let out = topology.hold(judge, sink, 16);
    let gate = topology.gateway(judge, 16);
    let (records, reads) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(true)));
    let (kept, switch) = (Arc::clone(&records), Arc::clone(&reads));
    topology.install(judge, move || Judge { out });
    topology.install(audit, move || Auditor { records: kept.clone(), reads: switch.clone() });
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(sink, move || Sink { tally: tally.clone() });
    Setup { topology, gate, sink: sink.id(), records, reads, tally: seen }
}

#[test]
fn every_fate_has_a_record_with_its_reasons_and_payload() {
    for workers in [1, 2] {
        let Setup { mut topology, gate, sink, records, .. } = setup(64, workers);
        topology.drill(sink, PanicAt::message(2));
        let mut bus = topology.build().unwrap().invoke().unwrap();
        for number in 0..4 {
            gate.try_send(Item(number)).unwrap();
        }
        let impact = gate.with_impact(ephor_core::Impact::MAX);
        assert!(matches!(impact.try_send(Item(9)), Err(SendError::Held(..))));
        while bus.poll() > 0 {}
        let report = bus.shutdown(10);
        assert_eq!(report.trail_gaps, 0);
        let records = records.lock().unwrap();
        let fates = |number: u64| -> Vec<_> {
            let mut fates: Vec<_> = records
                .iter()
                .filter(|record| record.payload[..8] == number.to_ne_bytes())
                .map(|record| (record.disposition, record.boundary, record.reasons))
                .collect();
            // Records of one worker come in order; those of two come as the auditor finds them.
            fates.sort_by_key(|(disposition, ..)| *disposition);
            fates
        };
        let handler = |disposition, reasons| (disposition, Boundary::Handler, reasons);
        assert_eq!(fates(0), [handler(Disposition::Handled, 0), handler(Disposition::Forwarded, 0)]);
        assert_eq!(fates(1), [handler(Disposition::Denied, 2)]);
        assert_eq!(fates(2), [handler(Disposition::Forwarded, 0), handler(Disposition::Quarantined, 0)]);
        assert_eq!(fates(3), [handler(Disposition::Denied, 8)]);
        assert_eq!(fates(9), [(Disposition::Held, Boundary::Entry, 0)]);
        assert_eq!(records.len(), 7);
        for worker in 0..workers as u16 {
            let numbers: Vec<u64> =
                records.iter().filter(|record| record.worker == worker).map(|r| r.sequence).collect();
            assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>(), "no hole in worker {worker}");
        }
    }
}

#[test]
fn a_full_trail_holds_the_bus_and_loses_nothing() {
    let Setup { topology, gate, records, reads, tally, .. } = setup(4, 1);
    reads.store(false, Ordering::SeqCst);
    let mut bus = topology.build().unwrap().invoke().unwrap();
    for number in 0..8 {
        gate.try_send(Item(2 * number)).unwrap();
    }
    while bus.poll() > 0 {}
    let held_at = tally.count();
    assert!(held_at < 8, "with four places for records, eight messages of two fates each cannot have gone");
    reads.store(true, Ordering::SeqCst);
    while bus.poll() > 0 {}
    assert_eq!(tally.count(), 8);
    let report = bus.shutdown(10);
    assert_eq!((records.lock().unwrap().len(), report.trail_gaps), (16, 0));
}

#[test]
fn an_auditor_that_never_reads_does_not_keep_the_bus_from_stopping() {
    let Setup { topology, gate, reads, .. } = setup(4, 1);
    reads.store(false, Ordering::SeqCst);
    let bus = topology.build().unwrap().start().unwrap();
    for number in 0..8 {
        gate.send_timeout(Item(2 * number), support::LONG).unwrap();
    }
    let report = bus.shutdown(std::time::Duration::ZERO).unwrap();
    assert!(report.ledger.adds_up(), "{}", report.ledger);
    assert!(report.ledger.lost(Disposition::Undelivered) > 0);
    assert!(report.trail_gaps > 0, "what could not be recorded is counted");
}

#[test]
fn a_trail_too_small_for_one_call_is_refused_since_its_agent_would_never_run() {
    let error = setup(1, 1).topology.build().unwrap_err();
    let expected = "the trail holds 1 records, but one handler call of `judge` may cause 2";
    assert_eq!(error.to_string(), expected);
}
