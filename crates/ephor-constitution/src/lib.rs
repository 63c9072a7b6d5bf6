//! The constitution: a charter file, the tables compiled from it, and the check at every boundary.
//!
//! A [`Charter`] is a TOML file that says who may do what to whom. [`Charter::compile`] turns it and the
//! [`Seat`]s of a topology into [`Tables`]; [`check`] looks a message's header up in them and returns a
//! [`Verdict`]: the set of reasons why the message may not pass. The empty set is a permit.
//!
//! ```
//! use ephor_constitution::{Charter, Reason, Seat, check};
//! use ephor_core::{AgentId, Header, Kind, Ticks};
//!
//! let charter = Charter::default();
//! let seat = |name: &str| Seat { name: name.into(), role: "agent".into(), tenant: None };
//! let tables = charter.compile(&[seat("left"), seat("right")]).expect("both roles are in the charter");
//!
//! let (source, target) = (AgentId(0), AgentId(1));
//! let header = Header { stamp: tables.stamp(), kind: Kind(7), source, target, ..Header::default() };
//! assert!(check(&header, &tables, Ticks::ZERO).is_permit());
//!
//! let stranger = Header { source: AgentId(2), ..header };
//! assert!(check(&stranger, &tables, Ticks::ZERO).contains(Reason::UnknownSource));
//! ```
//!
//! The check is integer work on one flat structure: no branch that depends on data, no panic, no heap.
//! Everything that is slow or can fail (files, names, errors) happens before, while the tables are built.
//!
//! **Absent on purpose:** threads, a clock, signatures (a stamp is a consistency mark inside one process),
//! judgement of a payload's content (that is policy), and `unsafe` code.
#![forbid(unsafe_code)]

mod charter;
mod check;
mod compile;
mod pass;
mod tables;
mod verdict;

pub use crate::charter::{ACTION_LIMIT, CHARTER_BYTES_MAX, ROLE_LIMIT, TENANT_LIMIT};
pub use crate::charter::{Article, Charter, CharterError};
pub use crate::check::check;
pub use crate::compile::{CompileError, Seat};
pub use crate::pass::{Pass, Span};
pub use crate::tables::{Quarantined, Tables};
pub use crate::verdict::{Reason, Ruling, Verdict};
