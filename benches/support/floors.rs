//! What the machine gives: a number passed between two pinned threads in one cache line, or in two.

use std::collections::VecDeque;
use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crossbeam_utils::CachePadded;
use ephor::constitution::{Charter, Seat, Tables};
use ephor::{AgentId, Header, Kind, Ticks};

use crate::round_trips::RoundTrips;
use crate::words::{Words, sum_of};

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
            true
        },
    )
}

/// A frame through a `VecDeque` on one thread, `batch` in and then `batch` out; nanoseconds a frame.
pub fn vec_deque<const W: usize>(messages: u64, batch: u64) -> Option<f64> {
    let mut queue = VecDeque::with_capacity(1024);
    let (mut number, mut sum) = (0, 0_u64);
    let begun = Instant::now();
    while number < messages {
        let count = batch.min(messages - number);
        (number..number + count).for_each(|number| queue.push_back(black_box(Words::<W>::of(number))));
        for _ in 0..count {
            sum = sum.wrapping_add(queue.pop_front()?.sum());
        }
        number += count;
    }
    let spent = begun.elapsed();
    (sum == sum_of::<W>(messages)).then(|| spent.as_nanos() as f64 / messages as f64)
}

/// A frame copied from one place to another in the core's own caches: nanoseconds a frame.
pub fn copied<const W: usize>(messages: u64) -> Option<f64> {
    const PLACES: usize = 1024;
    let from: Vec<_> = (0..PLACES as u64).map(Words::<W>::of).collect();
    let mut to = vec![Words([0; W]); PLACES];
    let begun = Instant::now();
    for _ in 0..messages / PLACES as u64 {
        for (to, from) in to.iter_mut().zip(&from) {
            *to = *black_box(from);
        }
        black_box(&mut to);
    }
    let spent = begun.elapsed();
    let sum = to.iter().fold(0_u64, |sum, words| sum.wrapping_add(words.sum()));
    let count = messages / PLACES as u64 * PLACES as u64;
    (count > 0 && sum == sum_of::<W>(PLACES as u64)).then(|| spent.as_nanos() as f64 / count as f64)
}

fn tables() -> Option<(Tables, Header)> {
    let seat = |name: &str| Seat { name: name.into(), role: "agent".into(), tenant: None };
    let tables = Charter::default().compile(&[seat("left"), seat("right")]).ok()?;
    let header = Header {
        stamp: tables.stamp(),
        kind: Kind(7),
        source: AgentId(0),
        target: AgentId(1),
        ..Header::default()
    };
    Some((tables, header))
}

/// Judges headers by what `permits` says of each; nanoseconds a header.
fn judged(headers: u64, header: Header, mut permits: impl FnMut(&Header) -> bool) -> Option<f64> {
    let batch = [header; 64];
    let begun = Instant::now();
    let mut count = 0;
    for _ in 0..headers / 64 {
        count += black_box(&batch).iter().filter(|header| permits(header)).count() as u64;
    }
    let spent = begun.elapsed();
    (count == headers / 64 * 64).then(|| spent.as_nanos() as f64 / count as f64)
}

/// The check alone.
pub fn check(headers: u64) -> Option<f64> {
    let (tables, header) = tables()?;
    let now = black_box(Ticks::ZERO);
    judged(headers, header, |header| ephor::constitution::check(header, &tables, now).is_permit())
}

/// The pass alone.
pub fn pass(headers: u64) -> Option<f64> {
    let (tables, header) = tables()?;
    let pass = black_box(tables.pass(header.kind, header.source, header.target));
    // One time for a batch, as a worker has.
    let now = black_box(Ticks::ZERO);
    judged(headers, header, |header| pass.admits(header, now))
}
