//! The recovery overseer: who is tried again, when, and how often.
//!
//! An [`Orchestrator`] is a plain state machine: time and what happened go in, [`Attempt`]s come out. A timer
//! wheel holds what is not due; a heap orders what is due by priority, then by age. A [`RecoveryAgent`] feeds it
//! with the workers' notices of crashes and restarts agents when their attempts are due. `docs/recovery.md` has the
//! states and what was refused.
//!
//! ```
//! use ephor_recovery::{Orchestrator, Policy, ServiceId, Strategy};
//!
//! let policy = Policy::new(Strategy::Exponential).initial_delay_ns(100).max_delay_ns(10_000).build()?;
//! let mut orchestrator = Orchestrator::new(policy, 0);
//! let desk = ServiceId(3);
//! orchestrator.schedule(desk, 0, None, 0)?;
//! assert_eq!(orchestrator.poll(99_999), None, "deadlines are rounded up to a tick of 1 ms");
//! let attempt = orchestrator.poll(1_000_000).expect("it is due");
//! assert_eq!((attempt.service, attempt.number), (desk, 1));
//! orchestrator.succeeded(desk);
//! assert_eq!(orchestrator.recoveries(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Absent on purpose:** threads, a clock, and calls into what is recovered while a lock is held.
#![forbid(unsafe_code)]

mod agent;
mod orchestrator;
mod policy;

pub use crate::agent::{RecoveryAgent, RecoveryHandle, RecoveryView};
pub use crate::orchestrator::{
    Attempt, Failed, Orchestrator, SERVICE_LIMIT, ScheduleError, ServiceId, State,
};
pub use crate::policy::{Policy, PolicyBuilder, PolicyError, Strategy};
