//! The health overseer: breakers in, score and status out.
//!
//! A [`Board`] keeps one [`Breaker`] for each thing that is looked after and sums them up: a score from 0 to 1, a
//! [`Status`], and a bounded history. A [`HealthAgent`] feeds it with the pulses that agents offer, fire and
//! forget. `docs/health.md` has the states and what was refused.
//!
//! ```
//! use ephor_health::{Board, BoardConfig, BreakerState, Status};
//!
//! let mut board = Board::new(BoardConfig::default())?;
//! let desk = board.register("desk")?;
//! let tools = board.register("tools")?;
//! board.report(tools, BreakerState::Open, 1_000);
//! let snapshot = board.snapshot();
//! assert_eq!((snapshot.score, snapshot.status), (0.5, Status::Degraded));
//! board.report(tools, BreakerState::Closed, 2_000);
//! assert_eq!(board.snapshot().status, Status::Healthy);
//! assert_eq!(board.lowest_score(), 0.5);
//! # let _ = desk;
//! # Ok::<(), ephor_health::HealthError>(())
//! ```
//!
//! **Absent on purpose:** threads, a clock, callbacks that could block, weights.
#![forbid(unsafe_code)]

mod agent;
mod board;
mod breaker;
mod config;

pub use crate::agent::{BreakerView, HealthAgent, HealthHandle, HealthView};
pub use crate::board::{BREAKER_LIMIT, Board, BreakerId, Snapshot};
pub use crate::breaker::{Breaker, BreakerLimits, BreakerState, Trial};
pub use crate::config::{BoardConfig, HealthError, Status};
