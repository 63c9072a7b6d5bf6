//! The runtime: agents on pinned workers, joined by a topology that is checked before it starts.
//!
//! A [`Topology`] declares agents, typed ports and placement. [`Topology::build`] refuses what could lock
//! up and names it; [`Plan::start`] runs it on threads, [`Plan::invoke`] on the caller's.
//!
//! What it promises, and where it is done:
//!
//! - every message is checked when it enters a lane and when it leaves one: [`Cx`], [`Gateway`], the cell;
//! - a handler never waits: the worker runs an agent only when its hold lanes have room;
//! - a handler that panics has sent nothing, and its message is kept: see [`Supervision`];
//! - sent = handled + each named loss + in flight: [`Ledger`].
//!
//! **Absent on purpose:** futures, allocation on the message path after the start, locks there, dynamic
//! wiring, and a choice of allocator, signal or panic hook.
#![forbid(unsafe_code)]

mod affinity;
mod agent;
mod bus;
mod cell;
mod clock;
mod control;
mod cx;
mod delivery;
mod drill;
mod edge;
mod env;
mod error;
mod gateway;
mod hands;
mod hold_cycle;
mod idle;
mod invoker;
mod kinds;
mod ledger;
mod looks;
mod plan;
mod port;
mod pulse;
mod ready;
mod receipt;
mod seating;
mod start;
mod supervision;
mod times;
mod topology;
mod trail;
pub mod wheel;
mod worker;

pub use ephor_lane::pool;

pub use crate::affinity::{Pin, cores_allowed, pin_current};
pub use crate::agent::{Accepts, Agent, Dispatch, Handler};
pub use crate::bus::{Bus, Latency, Report};
pub use crate::clock::Clock;
pub use crate::cx::{Cx, TimersFull};
pub use crate::drill::{Drill, PanicAt, Release, StallAt, Struck};
pub use crate::error::{BuildError, PingError, SendError, ShutdownError, StartError};
pub use crate::gateway::Gateway;
pub use crate::idle::IdleStrategy;
pub use crate::invoker::Invoker;
pub use crate::ledger::{Disposition, Ledger};
pub use crate::plan::{EdgeFacts, Plan};
pub use crate::port::{Full, Lossy, Offered, Out, TryOut};
pub use crate::pulse::{Pulse, Vital};
pub use crate::receipt::{Receipt, Receipts};
pub use crate::start::{AgentStart, WorkerStart};
pub use crate::supervision::{Incident, Notice, Quarantined, Restart, Supervision};
pub use crate::times::TimeSpent;
pub use crate::topology::{Address, Lane, Prewarm, Shed, Topology, WorkerId, WorkerOptions};
pub use crate::trail::{Boundary, RECORD_PAYLOAD_BYTES, Record};

/// What the code of [`agent!`] names; not part of the public contract.
#[doc(hidden)]
pub mod __private {
    pub use ephor_core::{Frame, Kind, Message};

    pub use crate::agent::assert_kinds_differ;
}
