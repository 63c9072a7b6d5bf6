//! The policy overseer: Rego evaluated in process, every decision cached, and every doubt a denial.
//!
//! A policy is a set of Rego files whose entry point yields the **names of the rules that an action
//! breaks**. The empty set permits; any name denies; so does everything that is not a set of names: an
//! undefined entry point, an error, a panic, a time-out. A [`PolicySource`] holds the files, an [`Engine`]
//! is what they compile to, a [`Decider`] is an engine behind a [`DecisionCache`], and
//! [`rego_test::run_tests`] runs the `test_*` rules beside them.
//!
//! ```
//! use ephor_policy::{Engine, EntryPoint, Limits, Outcome, PolicySource};
//!
//! let text = r#"
//!     package desk
//!     violations contains "refund-over-limit" if input.args.amount > data.limit
//! "#;
//! let source = PolicySource::from_texts(&[("desk.rego", text)])?;
//! let facts = vec![("facts".to_owned(), serde_json::json!({ "limit": 100 }))];
//! let entry = EntryPoint::new("data.desk.violations")?;
//! let mut engine = Engine::load(&source, facts, &entry, Limits::default())?;
//!
//! let decision = engine.decide(br#"{"args":{"amount":250}}"#);
//! assert_eq!(decision.outcome, Outcome::Deny);
//! assert!(engine.reason_names(decision.reasons).eq(["refund-over-limit"]));
//! # Ok::<(), ephor_policy::LoadError>(())
//! ```
//!
//! **Absent on purpose:** threads, clocks of our own, a policy that changes while it is loaded, an answer
//! of "permit" from anything but an empty set. The interpreter is evaluated under `catch_unwind`, so a
//! build with `panic = "abort"` loses that one fence.
#![forbid(unsafe_code)]

mod agent;
mod cache;
pub mod canonical;
mod decider;
mod decision;
mod engine;
mod error;
mod reasons;
mod rego;
pub mod rego_test;
mod revision;
mod source;

pub use crate::agent::{PolicyAgent, PolicyHandle, PolicyStats};
pub use crate::cache::{CACHE_CAPACITY_LIMIT, CacheError, DecisionCache, DecisionKey};
pub use crate::decider::Decider;
pub use crate::decision::{Decision, Failure, FailureKind, Outcome};
pub use crate::engine::{Engine, EntryPoint, Limits};
pub use crate::error::{LoadError, Place};
pub use crate::reasons::{REASON_LIMIT, ReasonSet};
pub use crate::revision::Revision;
pub use crate::source::PolicySource;
