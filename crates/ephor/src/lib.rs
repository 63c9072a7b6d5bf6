//! Ephor: a lock-free actor runtime on dedicated, pinned threads, in which every message is checked against a
//! constitution at every boundary it crosses.
//!
//! ```
//! use std::time::Duration;
//! use ephor::prelude::*;
//!
//! #[derive(Clone, Copy, Message)]
//! #[message(kind = 1)]
//! struct Greeting { to: u32 }
//!
//! struct Greeter;
//! impl Agent for Greeter {}
//! agent!(Greeter { Greeting });
//!
//! impl Handler<Greeting> for Greeter {
//!     fn on(&mut self, greeting: &Greeting, _cx: &mut Cx<'_>) {
//!         println!("hello, agent {}", greeting.to);
//!     }
//! }
//!
//! let mut topology = Topology::new(Charter::default());
//! let greeter = topology.reserve::<Greeter>("greeter");
//! let gate = topology.gateway(greeter, 16);
//! topology.install(greeter, || Greeter);
//!
//! let bus = topology.build()?.start()?;
//! gate.try_send(Greeting { to: 7 })?;
//! let report = bus.shutdown(Duration::from_secs(5))?;
//! assert!(report.ledger.adds_up() && report.ledger.handled() == 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How to write a bus
//!
//! 1. **Messages** are plain `Copy` structs with [`Message`] derived and a number each, 1 to 239. At most 96 bytes of
//!    fields; larger data goes into a block of a [`pool`] and travels as a handle.
//! 2. **Agents** are structs. Implement [`Handler`] once a message type, list the types with [`agent!`], and
//!    implement [`Agent`] for its hooks (all optional). A handler never waits. Agents are built on their own
//!    worker and need not be `Send`.
//! 3. **The topology** wires them: [`Topology::reserve`] gives an address, [`Topology::hold`],
//!    [`Topology::refuse`] and [`Topology::lossy`] give ports, [`Topology::install`] takes a closure that builds the
//!    agent. The port's type says what happens when its lane is full: [`Out`] holds the sender back, [`TryOut`]
//!    hands the message back, [`Lossy`] sheds and counts.
//! 4. **Build** checks it: a cycle of hold edges is refused with its path, since once full it would never move
//!    again. Make one of its edges `refuse` or `lossy`.
//! 5. **Start**, send through a [`Gateway`], and **shut down** with a deadline: the [`Report`] holds the [`Ledger`], in
//!    which sent = handled + each named loss + in flight.
//!
//! A link to an agent without a handler for the message does not compile:
//!
//! ```compile_fail
//! # use ephor::prelude::*;
//! # #[derive(Clone, Copy, Message)]
//! # #[message(kind = 1)]
//! # struct Known(u8);
//! # #[derive(Clone, Copy, Message)]
//! # #[message(kind = 2)]
//! # struct Unknown(u8);
//! # struct Node;
//! # impl Agent for Node {}
//! # agent!(Node { Known });
//! # impl Handler<Known> for Node { fn on(&mut self, _: &Known, _: &mut Cx<'_>) {} }
//! # let mut topology: Topology = Topology::new(Charter::default());
//! # let (a, b) = (topology.reserve::<Node>("a"), topology.reserve::<Node>("b"));
//! let port: Out<Unknown> = topology.hold(a, b, 64); // error: the agent `Node` does not handle `Unknown`
//! ```
//!
//! # What it guarantees
//!
//! Checked on every hop; no allocation, lock or system call on the message path between start and close (a panic and
//! the rebuilding of its agent, and one wake a batch to a parked worker, are the named exceptions); bounded and free
//! of deadlock by construction; handlers that send all or nothing; nothing lost silently; every decision in a log that
//! other people's tools verify.
//!
//! # When not to use it
//!
//! When messages must own heap data, when the graph of agents changes while it runs, when handlers must wait for
//! the network, or when agents live on several machines: take an async actor framework or a message broker.
//!
//! # Overseers
//!
//! [`Oversight`] wires the four: [`health`], [`recovery`], [`policy`] and [`audit`].
#![forbid(unsafe_code)]

pub use ephor_core::{
    AgentId, Correlation, Flags, Frame, Frame64, Frame128, Header, Impact, Kind, Message, Priority, Stamp,
    Tenant, Ticks,
};
pub use ephor_runtime::{
    Accepts, Address, Agent, AgentStart, Boundary, BuildError, Bus, Clock, Cx, Dispatch, Disposition, Drill,
    EdgeFacts, Full, Gateway, Handler, IdleStrategy, Incident, Invoker, Lane, Latency, Ledger, Lossy, Notice,
    Offered, Out, PanicAt, Pin, PingError, Plan, Prewarm, Pulse, Quarantined, Receipt, Receipts, Record,
    Report, Restart, SendError, Shed, ShutdownError, StallAt, StartError, Struck, Supervision, TimeSpent,
    TimersFull, Topology, TryOut, Vital, WorkerId, WorkerOptions, WorkerStart, agent, cores_allowed,
    pin_current, pool,
};

pub use ephor_oversight::{Oversight, OversightView};

/// The charter, its compiled tables, and the check.
pub mod constitution {
    pub use ephor_constitution::*;
}

/// The health overseer: breakers in, score and status out.
pub mod health {
    pub use ephor_health::*;
}

/// The recovery overseer: who is restarted, when, and how often.
pub mod recovery {
    pub use ephor_recovery::*;
}

/// The policy overseer: Rego in process, decisions cached, fail closed.
pub mod policy {
    pub use ephor_policy::*;
}

/// The audit overseer: a Merkle log on disk, and its verifier.
pub mod audit {
    pub use ephor_audit::*;
}

/// The profiling workflow: measures a bus in five phases, compares it with targets, and reports.
#[cfg(feature = "profile")]
pub mod profile {
    pub use ephor_profile::*;
}

/// What nearly every program needs.
pub mod prelude {
    pub use ephor_constitution::Charter;
    pub use ephor_core::{Message, Ticks};
    pub use ephor_runtime::{Agent, Cx, Gateway, Handler, Lane, Lossy, Out, Shed, Topology, TryOut, agent};
}

/// What derived code names; not part of the public contract.
#[doc(hidden)]
pub mod __private {
    pub use ephor_core::__private::*;
}
