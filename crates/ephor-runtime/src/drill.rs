//! Drills: a fault put into an agent on purpose, to see supervision work.

use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ephor_core::{AgentId, Correlation, Header, Kind, Ticks};

use crate::clock::BusClock;

/// When a drill struck, on the bus clock.
#[derive(Clone, Debug, Default)]
pub struct Struck(Arc<AtomicU64>);

impl Struck {
    /// The time of its first stroke; none before it.
    pub fn at(&self) -> Option<Ticks> {
        // Relaxed: nothing else is handed over with it.
        let ns = self.0.load(Ordering::Relaxed);
        (ns > 0).then(|| Ticks::from_ns(ns))
    }

    fn strike(&self, now: Ticks) {
        if self.at().is_none() {
            self.0.store(now.as_ns().max(1), Ordering::Relaxed);
        }
    }
}

/// Makes an agent panic on every delivery of its `nth` message, counted from 1.
///
/// The message is delivered again after each restart, so it crashes its agent until it is in quarantine.
#[derive(Clone, Debug)]
pub struct PanicAt {
    nth: u64,
    seen: u64,
    struck: Option<Struck>,
    victim: Option<(AgentId, Kind, Correlation)>,
}

impl PanicAt {
    /// Panics at message `nth`; 0 is never.
    pub const fn message(nth: u64) -> Self {
        Self { nth, seen: 0, struck: None, victim: None }
    }

    /// Notes in `struck` when it does.
    #[must_use]
    pub fn noted(self, struck: &Struck) -> Self {
        Self { struck: Some(struck.clone()), ..self }
    }

    /// Whether `panic` is that of a drill: for a panic hook that does not tell of what was to happen.
    pub fn is_origin(panic: &PanicHookInfo<'_>) -> bool {
        panic.location().is_some_and(|place| place.file() == file!())
    }

    /// Looks at a delivery, just before its handler would run.
    ///
    /// # Panics
    /// When this is the message.
    fn on_delivery(&mut self, header: &Header, clock: &BusClock) {
        let message = (header.source, header.kind, header.correlation);
        if self.victim != Some(message) {
            self.seen += 1;
            if self.seen != self.nth {
                return;
            }
            self.victim = Some(message);
        }
        if let Some(struck) = &self.struck {
            struck.strike(clock.now());
        }
        panic!("drill: message {} was to crash its handler", self.nth);
    }
}

/// Ends a stall before its time.
#[derive(Clone, Debug, Default)]
pub struct Release(Arc<AtomicBool>);

impl Release {
    /// Lets every agent go that stalls until this.
    pub fn release(&self) {
        // Relaxed: nothing else is handed over with it.
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_released(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Makes an agent stall on its `nth` message, counted from 1: for so long nothing on its worker moves, as when a handler
/// does not return.
#[derive(Clone, Debug)]
pub struct StallAt {
    nth: u64,
    seen: u64,
    struck: Option<Struck>,
    length: Duration,
    release: Option<Release>,
}

impl StallAt {
    /// Stalls for `length` at message `nth`; 0 is never.
    pub const fn message(nth: u64, length: Duration) -> Self {
        Self { nth, seen: 0, struck: None, length, release: None }
    }

    /// Notes in `struck` when it does.
    #[must_use]
    pub fn noted(self, struck: &Struck) -> Self {
        Self { struck: Some(struck.clone()), ..self }
    }

    /// Stalls until it is released, and no longer than for its length.
    #[must_use]
    pub fn until(self, release: &Release) -> Self {
        Self { release: Some(release.clone()), ..self }
    }

    /// Looks at a delivery, and holds the thread while it is the one. A hand-set clock does not move by itself, so a bus that
    /// its host drives does not stall.
    fn on_delivery(&mut self, clock: &BusClock) {
        self.seen += 1;
        if self.seen != self.nth || clock.is_manual() {
            return;
        }
        let begun = clock.now();
        if let Some(struck) = &self.struck {
            struck.strike(begun);
        }
        let is_released = || self.release.as_ref().is_some_and(Release::is_released);
        while u128::from(clock.now().since_ns(begun)) < self.length.as_nanos() && !is_released() {
            std::hint::spin_loop();
        }
    }
}

/// A fault put into an agent; see [`Topology::drill`](crate::Topology::drill).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Drill {
    /// It panics.
    Panic(PanicAt),
    /// It stalls.
    Stall(StallAt),
}

impl Drill {
    /// Looks at a delivery, just before its handler would run.
    ///
    /// # Panics
    /// When this is the message that is to crash it.
    pub(crate) fn on_delivery(&mut self, header: &Header, clock: &BusClock) {
        match self {
            Self::Panic(panic) => panic.on_delivery(header, clock),
            Self::Stall(stall) => stall.on_delivery(clock),
        }
    }
}

impl From<PanicAt> for Drill {
    fn from(panic: PanicAt) -> Self {
        Self::Panic(panic)
    }
}

impl From<StallAt> for Drill {
    fn from(stall: StallAt) -> Self {
        Self::Stall(stall)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn only_the_nth_message_panics_and_it_does_at_every_delivery() {
        let mut drill = PanicAt::message(2);
        let mut panics = |number| {
            let header = Header { correlation: Correlation(number), ..Header::default() };
            let mut copy = drill.clone();
            let clock = BusClock::manual();
            let delivery = AssertUnwindSafe(move || copy.on_delivery(&header, &clock));
            let panicked = catch_unwind(delivery).is_err();
            if panicked {
                drill.victim = Some((header.source, header.kind, header.correlation));
            }
            drill.seen += 1;
            panicked
        };
        assert_eq!([panics(7), panics(8), panics(8), panics(9)], [false, true, true, false]);
    }

    #[test]
    fn only_the_nth_message_stalls_and_for_its_whole_length() {
        let clock = BusClock::counter();
        let length = Duration::from_millis(3);
        let struck = Struck::default();
        let mut drill = StallAt::message(2, length).noted(&struck);
        let mut took_ns = || {
            let begun = clock.now();
            drill.on_delivery(&clock);
            clock.now().since_ns(begun)
        };
        took_ns();
        assert_eq!(struck.at(), None);
        assert!(took_ns() >= 3_000_000);
        assert!(struck.at().is_some_and(|at| at < clock.now()));
    }
    #[test]
    fn a_stall_that_is_released_ends_before_its_time() {
        let (clock, release) = (BusClock::counter(), Release::default());
        let mut drill = StallAt::message(1, Duration::from_secs(600)).until(&release);
        std::thread::scope(|scope| {
            scope.spawn(|| drill.on_delivery(&clock));
            release.release();
        });
    }
}
