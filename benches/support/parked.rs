//! What a thread that sleeps costs, and how soon it is awake.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::pin::pin;

use crate::round_trips::RoundTrips;
use crate::{HERE, THERE};

/// Time between two wake-ups, long enough that the other side is asleep again.
const REST: Duration = Duration::from_micros(300);

/// Wakes the other side now and then: `wake` is given the time at which it was due, in raw steps of the counter.
pub fn wake_now_and_then(count: u64, clock: &quanta::Clock, mut wake: impl FnMut(u64)) {
    for _ in 0..count {
        let begun = Instant::now();
        while begun.elapsed() < REST {
            std::hint::spin_loop();
        }
        wake(clock.raw());
    }
}

/// How soon a thread that waits for a bare futex runs: that of `std::thread::park`. Half took no longer, nanoseconds.
pub fn bare_futex(count: u64) -> Option<f64> {
    let due = AtomicU64::new(0);
    thread::scope(|scope| {
        let due = &due;
        let sleeper = scope.spawn(move || {
            let pinned = pin(THERE);
            let clock = quanta::Clock::new();
            let mut trips = RoundTrips::new();
            for _ in 0..count {
                let at = loop {
                    let at = due.swap(0, Ordering::Acquire);
                    if at != 0 {
                        break at;
                    }
                    thread::park();
                };
                trips.0.saturating_record(clock.delta_as_nanos(at, clock.raw()));
            }
            pinned.is_ok().then(|| trips.p50())
        });
        let wakee = sleeper.thread().clone();
        let waker = scope.spawn(move || {
            let pinned = pin(HERE);
            wake_now_and_then(count, &quanta::Clock::new(), |at| {
                due.store(at, Ordering::Release);
                wakee.unpark();
                // Late now and then: the next one must not take its place.
                while due.load(Ordering::Acquire) != 0 {
                    std::hint::spin_loop();
                }
            });
            pinned.is_ok()
        });
        let is_pinned = waker.join().ok()?;
        sleeper.join().ok()?.filter(|_| is_pinned)
    })
}

/// The processor time that the threads of this process whose names begin with `name` have had, in nanoseconds.
pub fn processor_ns(name: &str) -> Option<u64> {
    let mut sum = None;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let task = task.ok()?.path();
        if std::fs::read_to_string(task.join("comm")).ok()?.starts_with(name) {
            let text = std::fs::read_to_string(task.join("schedstat")).ok()?;
            let ns: u64 = text.split_whitespace().next()?.parse().ok()?;
            sum = Some(sum.unwrap_or(0) + ns);
        }
    }
    sum
}
