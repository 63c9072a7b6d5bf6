//! What the machine gives: a number passed between two pinned threads in one cache line, or in two.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::round_trips::RoundTrips;

type Line = Arc<CachePadded<AtomicU64>>;

fn line() -> Line {
    Arc::new(CachePadded::new(AtomicU64::new(0)))
}

fn wait_for<const PAUSE: bool>(line: &AtomicU64, value: u64) {
    while line.load(Ordering::Acquire) != value {
        if PAUSE {
            spin_loop();
        }
    }
}

/// There and back in one line.
pub fn one_line<const PAUSE: bool>(rounds: u64) -> Option<RoundTrips> {
    let line = line();
    passed::<PAUSE>(rounds, Arc::clone(&line), line)
}

/// There in one line, back in another.
pub fn two_lines<const PAUSE: bool>(rounds: u64) -> Option<RoundTrips> {
    passed::<PAUSE>(rounds, line(), line())
}

fn passed<const PAUSE: bool>(rounds: u64, there: Line, back: Line) -> Option<RoundTrips> {
    let (answer_there, answer_back) = (Arc::clone(&there), Arc::clone(&back));
    let mut answered = 0;
    RoundTrips::between_cores(
        rounds,
        move |round| {
            there.store(2 * round + 1, Ordering::Release);
            wait_for::<PAUSE>(&back, 2 * round + 2);
            true
        },
        move || {
            wait_for::<PAUSE>(&answer_there, 2 * answered + 1);
            answer_back.store(2 * answered + 2, Ordering::Release);
            answered += 1;
        },
    )
}
