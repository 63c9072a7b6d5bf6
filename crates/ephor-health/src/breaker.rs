//! A circuit breaker: stops calls to what does not work, and lets one through after a while to see.
//!
//! ```text
//!           failure_limit failures in a row            open_ns have passed: one trial
//!  closed ──────────────────────────────────► open ─────────────────────────────────► half-open
//!    ▲                                          ▲                                       │   │
//!    │                                          └────────────── trial failed ───────────┘   │
//!    └───────────────────────────────────────────────────────── trial succeeded ────────────┘
//! ```

use std::fmt;

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// One call is on trial.
    HalfOpen,
    /// Calls are refused.
    Open,
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        })
    }
}

/// When a breaker opens and when it tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerLimits {
    /// Failures in a row that open it. At least 1.
    pub failure_limit: u32,
    /// How long it stays open before a trial.
    pub open_ns: u64,
}

impl Default for BreakerLimits {
    /// Five failures, thirty seconds.
    fn default() -> Self {
        Self { failure_limit: 5, open_ns: 30_000_000_000 }
    }
}

/// Whether a call may go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Trial {
    /// It may.
    Go,
    /// It may, as the only one; what becomes of it decides.
    GoOnTrial,
    /// It may not.
    Refused,
}

/// One breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    name: String,
    limits: BreakerLimits,
    state: BreakerState,
    failures: u32,
    opened_ns: u64,
    trips: u64,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(name: &str, limits: BreakerLimits) -> Self {
        let state = BreakerState::Closed;
        Self { name: name.to_owned(), limits, state, failures: 0, opened_ns: 0, trips: 0 }
    }

    /// Asks to make a call.
    pub fn ask(&mut self, now_ns: u64) -> Trial {
        match self.state {
            BreakerState::Closed => Trial::Go,
            BreakerState::Open if now_ns.saturating_sub(self.opened_ns) >= self.limits.open_ns => {
                self.state = BreakerState::HalfOpen;
                Trial::GoOnTrial
            }
            BreakerState::Open | BreakerState::HalfOpen => Trial::Refused,
        }
    }

    /// A call succeeded.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.state = BreakerState::Closed;
    }

    /// A call failed.
    pub fn failed(&mut self, now_ns: u64) {
        self.failures = self.failures.saturating_add(1);
        if self.state == BreakerState::HalfOpen || self.failures >= self.limits.failure_limit.max(1) {
            self.open(now_ns);
        }
    }

    /// Sets the state that somebody else has found.
    pub fn set(&mut self, state: BreakerState, now_ns: u64) {
        match state {
            BreakerState::Closed => self.succeeded(),
            BreakerState::HalfOpen => self.state = state,
            BreakerState::Open => self.open(now_ns),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it stands.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// How often it opened.
    pub fn trips(&self) -> u64 {
        self.trips
    }

    fn open(&mut self, now_ns: u64) {
        if self.state != BreakerState::Open {
            self.trips += 1;
        }
        self.state = BreakerState::Open;
        self.opened_ns = now_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn five_failures_open_it_and_one_trial_after_thirty_seconds_decides() {
        let mut breaker = Breaker::new("service", BreakerLimits::default());
        for _ in 0..5 {
            assert_eq!(breaker.ask(0), Trial::Go);
            breaker.failed(0);
        }
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.ask(30 * SECOND - 1), Trial::Refused);
        assert_eq!(breaker.ask(30 * SECOND), Trial::GoOnTrial);
        assert_eq!(breaker.ask(30 * SECOND), Trial::Refused, "there is a single trial");
        breaker.failed(30 * SECOND);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.ask(60 * SECOND), Trial::GoOnTrial);
        breaker.succeeded();
        assert_eq!((breaker.state(), breaker.trips()), (BreakerState::Closed, 2));
    }

    #[test]
    fn a_success_in_between_forgets_the_failures_before() {
        let mut breaker = Breaker::new("service", BreakerLimits::default());
        for round in 0..2 {
            for _ in 0..4 {
                breaker.failed(0);
            }
            assert_eq!(breaker.state(), BreakerState::Closed, "round {round}");
            breaker.succeeded();
        }
    }
}
