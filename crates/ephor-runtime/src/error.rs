//! What can be wrong with a topology, a start and a shutdown.

use std::fmt;
use std::time::Duration;

use ephor_constitution::{CompileError, Verdict};
use ephor_core::{AgentId, Kind};

use crate::Report;

/// A topology that cannot be built. Each names what is wrong and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Hold edges form a cycle: once its lanes are full, none of its agents could ever run again.
    #[error(
        "hold cycle: {}; make one of these edges `refuse` or `lossy`",
        .path.join(" -> ")
    )]
    HoldCycle {
        /// Names of the agents along the cycle; the first is also the last.
        path: Vec<String>,
    },
    /// An address was reserved and never installed.
    #[error("agent `{agent}` was reserved but not installed")]
    NotInstalled {
        /// The agent.
        agent: String,
    },
    /// Two seats have one name.
    #[error("two agents are named `{name}`")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// One handler call may emit more than the lane holds.
    #[error("the edge {from} -> {to} holds {capacity} messages, but one handler call may emit {burst}")]
    BurstTooLarge {
        /// The sending agent.
        from: String,
        /// The receiving agent.
        to: String,
        /// Messages that the lane holds.
        capacity: usize,
        /// The sum of `K` over the ports of this edge.
        burst: usize,
    },
    /// One handler call may cause more records than the trail holds, so its agent would never run.
    #[error("the trail holds {capacity} records, but one handler call of `{agent}` may cause {records}")]
    TrailTooSmall {
        /// The agent.
        agent: String,
        /// Records that the trail holds.
        capacity: usize,
        /// The message in hand, and the sum of `K` over the agent's hold ports.
        records: usize,
    },
    /// A capacity that no lane can have.
    #[error("the edge {from} -> {to} has a capacity of {capacity}: 1 to {limit} are allowed")]
    Capacity {
        /// The sending agent or gateway.
        from: String,
        /// The receiving agent.
        to: String,
        /// The capacity asked for.
        capacity: usize,
        /// The largest that is allowed.
        limit: usize,
    },
    /// An agent waits for a supervisor, and there is none: once crashed it would stay so.
    #[error("agent `{agent}` is restarted by a supervisor, but the topology has none")]
    NoSupervisor {
        /// The agent.
        agent: String,
    },
    /// Two types claim one kind.
    #[error("kind {} is claimed by both `{first}` and `{second}`", .kind.0)]
    KindTaken {
        /// The kind.
        kind: Kind,
        /// The first type.
        first: &'static str,
        /// The second type.
        second: &'static str,
    },
    /// The charter refuses a seat.
    #[error(transparent)]
    Charter(#[from] CompileError),
    /// The charter has neither a role of the agent's name nor a default role.
    #[error("agent `{agent}` has no role: the charter knows {}", .roles.join(", "))]
    NoRole {
        /// The agent.
        agent: String,
        /// The roles that the charter knows.
        roles: Vec<String>,
    },
    /// A placement names a worker that was not declared.
    #[error("agent `{agent}` is placed on worker {worker}, but there are {workers}")]
    NoWorker {
        /// The agent.
        agent: String,
        /// The worker asked for.
        worker: usize,
        /// Workers declared.
        workers: usize,
    },
}

/// A bus that could not be started. Nothing is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The core does not exist or the system refused it. [`Pin::IfPossible`](crate::Pin) goes on without.
    #[error("worker {worker} could not be pinned to core {core}: it may run on cores {found:?}")]
    PinRefused {
        /// The worker.
        worker: usize,
        /// The core asked for.
        core: usize,
        /// Where the thread may run, read back from the system.
        found: Vec<usize>,
    },
    /// The system refused a thread.
    #[error("worker {worker} could not be started: {source}")]
    Thread {
        /// The worker.
        worker: usize,
        /// Why.
        source: std::io::Error,
    },
    /// An agent's factory or start hook panicked.
    #[error("agent `{agent}` panicked while it was started: {message}")]
    AgentPanicked {
        /// The agent.
        agent: String,
        /// The panic's message.
        message: String,
    },
}

/// A shutdown that did not end by its deadline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// Workers did not answer: a handler does not return.
    #[error(
        "{} did not stop within {waited:?}: a handler does not return",
        .stuck.join(", ")
    )]
    Stuck {
        /// What the stuck workers run, such as `worker 1 (policy, audit)`.
        stuck: Vec<String>,
        /// How long was waited.
        waited: Duration,
        /// The report as far as it can be told.
        report: Box<Report>,
    },
}

/// A message that a gateway did not take. It is always inside.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError<M> {
    /// The lane is full, or receipts were not read: back-pressure.
    Full(M),
    /// The bus is stopping or has stopped.
    Closed(M),
    /// The bus has not been started.
    NotRunning(M),
    /// The check refused the message; it is counted as denied.
    Denied(M, Verdict),
    /// Its impact asks for deliberation; it is counted as held.
    Held(M, Verdict),
}

impl<M> SendError<M> {
    /// Takes the message back.
    pub fn into_message(self) -> M {
        match self {
            Self::Full(message)
            | Self::Closed(message)
            | Self::NotRunning(message)
            | Self::Denied(message, _)
            | Self::Held(message, _) => message,
        }
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the gateway is full"),
            Self::Closed(_) => f.write_str("the bus is closed"),
            Self::NotRunning(_) => f.write_str("the bus is not running yet"),
            Self::Denied(_, verdict) => write!(f, "denied: {verdict}"),
            Self::Held(_, verdict) => write!(f, "held for deliberation: {verdict}"),
        }
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendError({self})")
    }
}

impl<M> std::error::Error for SendError<M> {}

/// A ping without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PingError {
    /// There is no such agent, or the control lane of its worker is full.
    #[error("agent {} cannot be asked: there is no such agent, or its worker takes no more orders", .0.0)]
    NotAsked(AgentId),
    /// It had no turn in time.
    #[error("agent {} had no turn within {waited:?}", .agent.0)]
    NoAnswer {
        /// The agent.
        agent: AgentId,
        /// The deadline.
        waited: Duration,
    },
}
