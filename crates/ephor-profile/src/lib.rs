//! The profiling workflow: measures a bus in five phases, compares what it measured with targets, and reports.
//!
//! It takes a *recipe* for a [`Subject`], which it calls for each measurement, and a [`Config`]; it returns a
//! [`Report`](report::Report), which serializes, and is shown by [`html()`] and [`markdown()`]. Without a subject of one's own
//! there is [`overseers`]. `docs/profile.md` explains every phase, figure and limit.
//!
//! What it promises:
//!
//! - latency counts from when a message was **due**, at a stated rate: a stall is felt by all that was due during it;
//! - a figure is measured or marked derived, and a derived one meets no target;
//! - above the rate that the generator itself keeps, no latency is told;
//! - what crosses threads is compared within one distance of the cores only;
//! - a trial whose counts do not agree with the ledger fails.
//!
//! **Absent on purpose:** a command line, files, output, and any change to how a bus runs: it is measured as it is.
//!
//! While [`run`] runs, the process has a panic hook that keeps back the panics that checks and faults make on purpose; see there.
#![forbid(unsafe_code)]

mod analyse;
pub mod baseline;
pub mod catalogue;
mod chance;
pub mod check;
mod cold;
mod conclude;
mod config;
pub mod distance;
mod error;
mod faults;
pub mod figure;
mod generator;
mod html;
mod load_curve;
mod logs;
mod machine;
mod mark;
mod markdown;
pub mod metric;
mod ops;
mod original;
mod overseers;
mod pacing;
mod panics;
mod repeat;
pub mod report;
mod saturation;
mod status;
mod stolen;
mod subject;
mod suite;
pub mod targets;
mod trial;
mod validate;
mod workflow;

pub use crate::cold::{Begun, ColdStart, cold_start};
pub use crate::config::{Config, Effort, Pass, PhaseName, Progress, Stop, Traffic};
pub use crate::error::ProfileError;
pub use crate::generator::SCHEDULE_ERROR_NS_MAX;
pub use crate::html::{HtmlError, html};
pub use crate::logs::log_directory;
pub use crate::machine::Machine;
pub use crate::markdown::markdown;
pub use crate::original::beside_original;
pub use crate::overseers::{Audited, overseers};
pub use crate::pacing::Pacing;
pub use crate::saturation::{Asking, cost_of_asking};
pub use crate::subject::{Ask, IntoSubject, Load, Sent, Subject, SubjectError, outcome};
pub use crate::workflow::run;
