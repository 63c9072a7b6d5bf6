//! Idle strategies: what a worker does after a pass that found no work.

use std::thread;
use std::time::Duration;

use ephor_lane::park::Parker;

/// Passes without work that a spinning worker makes before it begins to hint to the processor that it waits. A hint costs
/// some 20 ns, so that a message that comes soon would wait for it.
const EAGER_PASSES: u32 = 256;

/// How long a parking worker naps while mail waits that it cannot handle yet.
const HELD_NAP_NS: u64 = 50_000;

/// What a worker does after a duty cycle without work.
///
/// | strategy | wakes in | costs |
/// | --- | --- | --- |
/// | `Spin` | nanoseconds | a whole core, always |
/// | `Yield` | a scheduler turn | a whole core that others may use |
/// | `Backoff` | up to `park_ns_max` | little when idle |
/// | `Park` | one wake-up, 20 to 50 us | nothing when idle; senders check for a sleeper once a batch |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdleStrategy {
    /// Spins; with a processor hint when it has found nothing for a while.
    Spin,
    /// Gives the core to whoever wants it.
    Yield,
    /// Spins, then yields, then sleeps for longer and longer.
    Backoff {
        /// Passes without work that spin.
        spins: u32,
        /// Passes after those that yield.
        yields: u32,
        /// The first sleep.
        park_ns_min: u64,
        /// The longest sleep.
        park_ns_max: u64,
    },
    /// Spins, then yields, then sleeps until a sender wakes it or a timer is due; or until `park_ns_max` has passed, when an
    /// agent of the worker has a source of its own ([`Agent::on_cycle`](crate::Agent::on_cycle)) or does not run.
    Park {
        /// Passes without work that spin.
        spins: u32,
        /// Passes after those that yield.
        yields: u32,
        /// The longest sleep while something has to be looked at that wakes nobody.
        park_ns_max: u64,
    },
}

impl IdleStrategy {
    /// Ten spins, five yields, sleeps of 1 us to 1 ms.
    pub const fn backoff() -> Self {
        Self::Backoff { spins: 10, yields: 5, park_ns_min: 1_000, park_ns_max: 1_000_000 }
    }

    /// A hundred spins, twenty yields, sleeps of up to 10 ms where there is something to look at, else until woken.
    pub const fn park() -> Self {
        Self::Park { spins: 100, yields: 20, park_ns_max: 10_000_000 }
    }

    pub(crate) const fn parks(self) -> bool {
        matches!(self, Self::Park { .. })
    }
}

impl Default for IdleStrategy {
    /// [`IdleStrategy::park`]: a library does not burn its host's cores unless it is told to.
    fn default() -> Self {
        Self::park()
    }
}

/// The state of a worker's idling.
#[derive(Debug)]
pub(crate) struct Idler {
    strategy: IdleStrategy,
    /// Passes without work in a row.
    passes: u32,
    park_ns: u64,
    /// Whether the last pass left mail that could not be handled: a held or crashed agent's.
    is_held: bool,
}

impl Idler {
    pub(crate) fn new(strategy: IdleStrategy) -> Self {
        Self { strategy, passes: 0, park_ns: 0, is_held: false }
    }

    /// Goes on after a pass that did work.
    #[inline]
    pub(crate) fn reset(&mut self) {
        self.passes = 0;
        self.park_ns = 0;
        self.is_held = false;
    }

    /// Idles after a pass without work. `has_work` is asked once more before a sleep that senders end; `is_looking` says
    /// whether anything has to be looked at that wakes nobody.
    pub(crate) fn idle(
        &mut self,
        parker: Option<&mut Parker>,
        timer_in_ns: impl Fn() -> Option<u64>,
        has_work: impl Fn() -> bool,
        is_looking: impl Fn() -> bool,
    ) {
        self.passes = self.passes.saturating_add(1);
        match self.strategy {
            // Before that, a pass is pause enough; see `docs/performance.md`.
            IdleStrategy::Spin if self.passes > EAGER_PASSES => std::hint::spin_loop(),
            IdleStrategy::Spin => {}
            IdleStrategy::Yield => thread::yield_now(),
            IdleStrategy::Backoff { spins, yields, park_ns_min, park_ns_max } => {
                if !self.is_warm(spins, yields) {
                    self.park_ns = (self.park_ns * 2).clamp(park_ns_min, park_ns_max);
                    thread::park_timeout(Duration::from_nanos(self.bounded(timer_in_ns())));
                }
            }
            IdleStrategy::Park { spins, yields, park_ns_max } => {
                self.park_ns = park_ns_max;
                if !self.is_warm(spins, yields)
                    && let Some(parker) = parker
                {
                    let was_held = std::mem::replace(&mut self.is_held, has_work());
                    if was_held && self.is_held {
                        // Mail that a pass could not move: room comes without a wake-up.
                        thread::park_timeout(Duration::from_nanos(HELD_NAP_NS));
                    } else {
                        let longest = is_looking().then_some(self.park_ns);
                        let ns = [timer_in_ns(), longest].into_iter().flatten().min();
                        parker.park(has_work, ns.map(Duration::from_nanos));
                    }
                }
            }
        }
    }

    /// Whether it has only spun since the last pass. Else the core was somebody else's for a time.
    #[inline]
    pub(crate) fn is_spinning(&self) -> bool {
        match self.strategy {
            IdleStrategy::Spin => true,
            IdleStrategy::Yield => false,
            IdleStrategy::Backoff { spins, .. } | IdleStrategy::Park { spins, .. } => self.passes <= spins,
        }
    }

    /// Spins or yields while that is due; false when it is time to sleep.
    fn is_warm(&self, spins: u32, yields: u32) -> bool {
        if self.passes <= spins {
            std::hint::spin_loop();
        } else if self.passes - spins <= yields {
            thread::yield_now();
        } else {
            return false;
        }
        true
    }

    fn bounded(&self, timer_in_ns: Option<u64>) -> u64 {
        timer_in_ns.map_or(self.park_ns, |ns| ns.min(self.park_ns))
    }
}
