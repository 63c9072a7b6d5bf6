//! The bus clock: nanoseconds since the bus started.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ephor_core::Ticks;

/// The clock of a running bus, for threads that are not its workers.
#[derive(Clone, Debug)]
pub struct Clock(pub(crate) BusClock);

impl Clock {
    /// Reads it: the time that receipts, records and notices carry. About 10 ns.
    #[inline]
    pub fn now(&self) -> Ticks {
        self.0.now()
    }
}

/// Where a bus takes its time from.
#[derive(Clone, Debug)]
pub(crate) enum BusClock {
    /// The machine's time stamp counter, about 10 ns a reading.
    Counter { clock: quanta::Clock, start: u64 },
    /// A hand-set time, for hosts that drive the bus themselves and for tests.
    Manual(Arc<AtomicU64>),
}

impl BusClock {
    /// Starts a clock at zero.
    pub(crate) fn counter() -> Self {
        let clock = quanta::Clock::new();
        let start = clock.raw();
        Self::Counter { clock, start }
    }

    /// Starts a hand-set clock at zero.
    pub(crate) fn manual() -> Self {
        Self::Manual(Arc::new(AtomicU64::new(0)))
    }

    /// Whether a host sets the time, and reading it costs nothing.
    #[inline]
    pub(crate) fn is_manual(&self) -> bool {
        matches!(self, Self::Manual(_))
    }

    /// Reads the clock, out of line: for callers that seldom do.
    #[cold]
    pub(crate) fn read(&self) -> Ticks {
        self.now()
    }

    /// Reads the clock.
    #[inline]
    pub(crate) fn now(&self) -> Ticks {
        match self {
            Self::Counter { clock, start } => Ticks(clock.delta_as_nanos(*start, clock.raw())),
            // Relaxed: one thread sets and reads it.
            Self::Manual(ns) => Ticks(ns.load(Ordering::Relaxed)),
        }
    }

    /// Moves a hand-set clock; a counter goes by itself.
    pub(crate) fn advance(&self, ns: u64) {
        if let Self::Manual(time) = self {
            // Relaxed: one thread sets and reads it.
            time.fetch_add(ns, Ordering::Relaxed);
        }
    }
}
