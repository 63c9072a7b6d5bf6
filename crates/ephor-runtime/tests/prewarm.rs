//! After the start, the first messages cause no more page faults than later ones: rings and stacks were touched.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ephor_constitution::Charter;
use ephor_runtime::{Agent, Cx, Handler, Out, Topology, agent};
use support::{Item, LONG, Sink, Tally};

/// Frames through the lane: more than a page holds, so that an untouched ring would fault again and again.
const CAPACITY: usize = 4096;

/// Minor page faults of the calling thread so far.
fn faults() -> Option<u64> {
    let stat = fs::read_to_string("/proc/thread-self/stat").ok()?;
    // Behind the name in brackets: state, six numbers, then minor faults.
    stat.rsplit(')').next()?.split_whitespace().nth(7)?.parse().ok()
}

/// Passes on what it gets, and notes the page faults when it is asked to.
struct Probe {
    out: Out<Item>,
    marks: Arc<[AtomicU64; 3]>,
    seen: u64,
}

impl Agent for Probe {}
agent!(Probe { Item });

impl Handler<Item> for Probe {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
        let mark = match self.seen {
            0 => Some(0),
            at if at == CAPACITY as u64 => Some(1),
            at if at == 2 * CAPACITY as u64 => Some(2),
            _ => None,
        };
        if let Some(mark) = mark {
            self.marks[mark].store(faults().unwrap_or(0), Ordering::SeqCst);
        }
        self.seen += 1;
        cx.emit(&self.out, *item);
    }
}

#[test]
fn the_first_messages_through_a_ring_fault_no_more_than_the_next() {
    if faults().is_none() {
        eprintln!("SKIPPED: this system has no /proc/thread-self/stat");
        return;
    }
    let mut topology = Topology::new(Charter::default());
    let probe = topology.reserve::<Probe>("probe");
    let sink = topology.reserve::<Sink>("sink");
    let out = topology.hold(probe, sink, CAPACITY);
    let gate = topology.gateway(probe, 64);
    let marks: Arc<[AtomicU64; 3]> = Arc::default();
    let noted = Arc::clone(&marks);
    topology.install(probe, move || {
        // What reading the count itself touches is touched here.
        assert!(faults().is_some());
        Probe { out, marks: Arc::clone(&noted), seen: 0 }
    });
    topology.install(sink, || Sink { tally: Tally::default() });
    let bus = topology.build().unwrap().start().unwrap();
    for number in 0..=2 * CAPACITY as u64 {
        gate.send_timeout(Item(number), LONG).unwrap();
    }
    bus.shutdown(LONG).unwrap();
    let at = |mark: usize| marks[mark].load(Ordering::SeqCst);
    let (first, next) = (at(1) - at(0), at(2) - at(1));
    // The ring's pages alone are 128. A few faults belong to what the handler's own probe and the
    // thread library touch for the first time.
    assert!(first <= next + 8, "{first} page faults in the first round, {next} in the second");
}
