//! What a board is set to, and what can be wrong with it.

use std::fmt;

use crate::BreakerLimits;

/// How the whole is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Below the degraded threshold.
    Critical,
    /// Below the healthy threshold.
    Degraded,
    /// At or above it.
    Healthy,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Critical => "critical",
            Self::Degraded => "degraded",
            Self::Healthy => "healthy",
        })
    }
}

/// Settings of a board.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoardConfig {
    /// A score of at least this is healthy. 0 to 1.
    pub healthy_at: f64,
    /// A score of at least this is degraded. 0 to `healthy_at`.
    pub degraded_at: f64,
    /// Snapshots that the history keeps.
    pub history: usize,
    /// When breakers open and try again.
    pub breakers: BreakerLimits,
}

impl Default for BoardConfig {
    /// Healthy from 0.7, degraded from 0.5, 300 snapshots.
    fn default() -> Self {
        Self { healthy_at: 0.7, degraded_at: 0.5, history: 300, breakers: BreakerLimits::default() }
    }
}

/// What is wrong with a board's settings or a registration.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HealthError {
    /// A threshold is not a number from 0 to 1.
    #[error("the {which} threshold is {value}: 0 to 1 is allowed")]
    Threshold {
        /// `healthy` or `degraded`.
        which: &'static str,
        /// What it was.
        value: f64,
    },
    /// The thresholds stand the wrong way round.
    #[error("the degraded threshold {degraded_at} is above the healthy threshold {healthy_at}")]
    Order {
        /// The healthy threshold.
        healthy_at: f64,
        /// The degraded threshold.
        degraded_at: f64,
    },
    /// A breaker of this name is registered.
    #[error("a breaker named `{name}` is registered already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The board has no room for one more breaker.
    #[error("the board holds {limit} breakers; `{name}` is one more")]
    Full {
        /// The name.
        name: String,
        /// How many it holds.
        limit: usize,
    },
}

impl BoardConfig {
    pub(crate) fn check(&self) -> Result<(), HealthError> {
        for (which, value) in [("healthy", self.healthy_at), ("degraded", self.degraded_at)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(HealthError::Threshold { which, value });
            }
        }
        if self.degraded_at > self.healthy_at {
            let Self { healthy_at, degraded_at, .. } = *self;
            return Err(HealthError::Order { healthy_at, degraded_at });
        }
        Ok(())
    }
}
