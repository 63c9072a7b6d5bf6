//! Stacks are touched before the first message, unless that was left out. Alone in its process, so that no thread before it
//! leaves a stack behind that was used.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ephor_constitution::Charter;
use ephor_runtime::{Bus, Prewarm, Topology};
use support::{LONG, Sink, Tally};

/// Stack that is used, and the page faults that this takes at least where nobody used it before.
const BYTES: usize = 56 * 1024;
const PAGES: u64 = 4;

/// Minor page faults of the calling thread so far.
fn faults() -> Option<u64> {
    let stat = fs::read_to_string("/proc/thread-self/stat").ok()?;
    // Behind the name in brackets: state, six numbers, then minor faults.
    stat.rsplit(')').next()?.split_whitespace().nth(7)?.parse().ok()
}

#[inline(never)]
fn use_stack() {
    let mut stack = [0_u8; BYTES];
    stack[0] = 1;
    black_box(&stack);
}

/// A bus whose agent uses its worker's stack, and the page faults of that.
fn start(prewarm: Prewarm) -> (Bus, u64) {
    let faulted = Arc::new(AtomicU64::new(0));
    let noted = Arc::clone(&faulted);
    let mut topology: Topology = Topology::new(Charter::default());
    topology.prewarm(prewarm);
    let sink = topology.reserve::<Sink>("sink");
    topology.install(sink, move || {
        // What reading the count itself touches is touched first.
        assert!(faults().is_some());
        let before = faults().unwrap();
        use_stack();
        noted.store(faults().unwrap() - before, Ordering::SeqCst);
        Sink { tally: Tally::default() }
    });
    let bus = topology.build().unwrap().start().unwrap();
    let faults = faulted.load(Ordering::SeqCst);
    (bus, faults)
}

#[test]
fn a_stack_is_touched_unless_that_is_left_out() {
    let huge = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    if faults().is_none() || huge.contains("[always]") {
        eprintln!("SKIPPED: this system tells no page faults, or maps a whole stack at once");
        return;
    }
    // Both run at one time, so that each has a stack of its own.
    let (warm, with) = start(Prewarm::Yes);
    let (cold, without) = start(Prewarm::No);
    assert!(with < PAGES && without >= PAGES, "{with} page faults with pre-warm, {without} without");
    for bus in [warm, cold] {
        bus.shutdown(LONG).unwrap();
    }
}
