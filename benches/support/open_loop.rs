//! One way at a fixed rate: each message is due at a time of its own, whatever became of those before it, and its
//! delay counts from there. So a stall is seen by all the messages that were due during it.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::pin::pin;
use crossbeam_utils::CachePadded;
use hdrhistogram::Histogram;

use crate::{HERE, THERE};

/// Nanoseconds between two messages: a million a second.
pub const PERIOD_NS: u64 = 1_000;
/// Messages before those that are counted.
const WARM: u64 = 10_000;
/// Lines of the bare hand-over.
const LINES: u64 = 1024;
/// After how many messages the bare receiver says how far it is.
const STRIDE: u64 = 256;

/// When which message is due, in raw steps of the time stamp counter.
#[derive(Clone)]
pub struct Schedule {
    clock: quanta::Clock,
    begins_at: u64,
    raw_per_message: f64,
    messages: u64,
    next: u64,
}

impl Schedule {
    /// Begins `after_ns` from now, with the warm-up and then `messages` messages.
    pub fn new(messages: u64, after_ns: u64) -> Self {
        let clock = quanta::Clock::new();
        // Steps a nanosecond, from a span that is long beside one step.
        let span = 1 << 32;
        let raw_per_ns = span as f64 / clock.delta_as_nanos(0, span) as f64;
        let begins_at = clock.raw() + (after_ns as f64 * raw_per_ns) as u64;
        let raw_per_message = PERIOD_NS as f64 * raw_per_ns;
        Self { clock, begins_at, raw_per_message, messages: WARM + messages, next: 0 }
    }

    /// The time at which the next message was due, once it is; none again when all are sent.
    #[inline(always)]
    pub fn due(&mut self) -> Option<u64> {
        let at = self.begins_at + (self.next as f64 * self.raw_per_message) as u64;
        let is_due = self.next < self.messages && self.clock.raw() >= at;
        self.next += u64::from(is_due);
        is_due.then_some(at)
    }

    /// Whether all were due.
    pub fn is_over(&self) -> bool {
        self.next == self.messages
    }

    /// How many messages there are in all.
    pub fn messages(&self) -> u64 {
        self.messages
    }
}

/// The delays of the messages that count.
#[derive(Clone)]
pub struct Delays {
    clock: quanta::Clock,
    seen: u64,
    histogram: Histogram<u64>,
}

impl Default for Delays {
    fn default() -> Self {
        Self::new()
    }
}

impl Delays {
    /// None yet.
    pub fn new() -> Self {
        let histogram = Histogram::new_with_max(1_000_000_000, 3).expect("the bounds are constants that fit");
        Self { clock: quanta::Clock::new(), seen: 0, histogram }
    }

    /// Takes a message that was due at `due` and is here now; returns how many were taken.
    #[inline(always)]
    pub fn take(&mut self, due: u64) -> u64 {
        self.seen += 1;
        if self.seen > WARM {
            self.histogram.saturating_record(self.clock.delta_as_nanos(due, self.clock.raw()));
        }
        self.seen
    }

    /// p50, p99, p99.9 and the longest.
    pub fn percentiles(&self) -> [f64; 4] {
        let at = |quantile| self.histogram.value_at_quantile(quantile) as f64;
        [at(0.5), at(0.99), at(0.999), self.histogram.max() as f64]
    }

    /// 99 of 100 took no longer.
    pub fn p99(&self) -> f64 {
        self.histogram.value_at_quantile(0.99) as f64
    }
}

/// From one core to the other through bare cache lines, each of which says in its own first word whether it is new.
pub fn bare_lines<const PAUSE: bool>(messages: u64) -> Option<f64> {
    let lines: Vec<CachePadded<[AtomicU64; 2]>> = (0..LINES).map(|_| CachePadded::default()).collect();
    let taken = CachePadded::new(AtomicU64::new(0));
    let is_broken = AtomicBool::new(false);
    let mut schedule = Schedule::new(messages, 5_000_000);
    let all = schedule.messages();
    let (lines, taken, is_broken) = (&lines, &taken, &is_broken);
    let at = |number: u64| &lines[(number % LINES) as usize];
    thread::scope(|scope| {
        scope.spawn(move || {
            is_broken.fetch_or(pin(HERE).is_err(), Ordering::SeqCst);
            for number in 0..all {
                // Until then the lines of a lap ago may not have been read.
                while number % STRIDE == 0 && number + STRIDE > taken.load(Ordering::Acquire) + LINES {
                    spin_loop();
                }
                let due = loop {
                    match schedule.due() {
                        Some(due) => break due,
                        None => spin_loop(),
                    }
                };
                at(number)[1].store(due, Ordering::Relaxed);
                at(number)[0].store(number + 1, Ordering::Release);
            }
        });
        let receiver = scope.spawn(move || {
            is_broken.fetch_or(pin(THERE).is_err(), Ordering::SeqCst);
            let mut delays = Delays::new();
            for number in 0..all {
                while at(number)[0].load(Ordering::Acquire) != number + 1 {
                    if PAUSE {
                        spin_loop();
                    }
                }
                delays.take(at(number)[1].load(Ordering::Relaxed));
                if (number + 1) % STRIDE == 0 {
                    taken.store(number + 1, Ordering::Release);
                }
            }
            delays
        });
        let delays = receiver.join().ok()?;
        (!is_broken.load(Ordering::SeqCst)).then(|| delays.p99())
    })
}
