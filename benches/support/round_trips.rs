//! Round trips between two cores, each timed on its own by the time stamp counter.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::pin::pin;
use hdrhistogram::Histogram;

use crate::{HERE, THERE};

/// Round trips before those that are counted.
pub const WARM_ROUNDS: u64 = 500;

/// The round trips of one repetition, in nanoseconds.
pub struct RoundTrips(pub Histogram<u64>);

impl Default for RoundTrips {
    fn default() -> Self {
        Self::new()
    }
}

impl RoundTrips {
    /// None yet.
    pub fn new() -> Self {
        Self(Histogram::new_with_max(1_000_000_000, 3).expect("the bounds are constants that fit"))
    }

    /// Half of them took no longer. The counter steps by 10 ns on some machines, so that this is the mean of those
    /// at the middle: the share of each step that lies below it.
    pub fn p50(&self) -> f64 {
        let half = self.0.len() as f64 / 2.0;
        let (mut below, mut last) = (0.0, 0.0);
        for bar in self.0.iter_recorded() {
            let count = bar.count_at_value() as f64;
            let value = bar.value_iterated_to() as f64;
            if below + count >= half {
                let share = (half - below) / count;
                return if last == 0.0 { value } else { last + (value - last) * share };
            }
            below += count;
            last = value;
        }
        last
    }

    /// p50, p99, p99.9 and the longest.
    pub fn percentiles(&self) -> [f64; 4] {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64;
        [self.p50(), at(0.99), at(0.999), self.0.max() as f64]
    }

    /// Runs `ask` on one core, again and again, and `answer` on the other; each says whether all went right. None when
    /// something did not, or a pin did not take.
    pub fn between_cores(
        rounds: u64,
        mut ask: impl FnMut(u64) -> bool + Send,
        mut answer: impl FnMut() -> bool + Send,
    ) -> Option<Self> {
        let pinned = AtomicU32::new(0);
        let failed = AtomicU32::new(0);
        let start = |core| {
            match pin(core) {
                Ok(()) => pinned.fetch_add(1, Ordering::SeqCst),
                Err(_) => failed.fetch_add(1, Ordering::SeqCst),
            };
            while pinned.load(Ordering::SeqCst) < 2 && failed.load(Ordering::SeqCst) == 0 {
                spin_loop();
            }
            failed.load(Ordering::SeqCst) == 0
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                if start(THERE) {
                    (0..WARM_ROUNDS + rounds).all(|_| answer());
                }
            });
            let asker = scope.spawn(|| {
                if !start(HERE) {
                    return None;
                }
                let clock = quanta::Clock::new();
                let mut trips = Self::new();
                let mut last = clock.raw();
                for round in 0..WARM_ROUNDS + rounds {
                    if !ask(round) {
                        return None;
                    }
                    let now = clock.raw();
                    if round >= WARM_ROUNDS {
                        trips.0.saturating_record(clock.delta_as_nanos(last, now));
                    }
                    last = now;
                }
                Some(trips)
            });
            asker.join().ok()?
        })
    }
}
