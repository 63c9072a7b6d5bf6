//! Why a profile has no report.

use ephor_runtime::{BuildError, ShutdownError, StartError};

use crate::baseline::BaselineError;
use crate::subject::SubjectError;
use crate::targets::TargetsError;

/// Why a profile has no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The recipe returned no subject.
    #[error("the subject cannot be made: {0}")]
    Subject(SubjectError),
    /// The subject has no load.
    #[error("the subject has no load: add one with `Subject::load`, so that there is something to measure")]
    NoLoad,
    /// The topology cannot be built.
    #[error("the subject's topology cannot be built: {0}")]
    Build(#[from] BuildError),
    /// The bus does not start.
    #[error("the subject's bus does not start: {0}")]
    Start(#[from] StartError),
    /// The bus does not stop.
    #[error("the subject's bus does not stop: {0}")]
    Shutdown(#[from] ShutdownError),
    /// A directory for temporary files cannot be had.
    #[error("no directory for temporary files: {0}")]
    Temporary(#[from] std::io::Error),
    /// An operation that is measured by itself does not work.
    #[error("{what} cannot be measured: {why}")]
    Operation {
        /// The operation.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// A closure of the subject panicked before anything was measured.
    #[error("the subject panics before anything is measured: {0}")]
    Panicked(String),
    /// The report phase was asked for alone.
    #[error(
        "the report phase measures nothing, so alone it has nothing to report; run all phases, or one of profile, status, \
         validate and analyse"
    )]
    NothingToReport,
    /// A target is on a member of a family that the subject does not have.
    #[error(transparent)]
    NoMember(#[from] TargetsError),
    /// The run could not be compared with the one that it was to be like.
    #[error(transparent)]
    NotLike(#[from] BaselineError),
    /// It was asked to stop.
    #[error("interrupted during {during}")]
    Interrupted {
        /// What it was about to do.
        during: String,
    },
}

impl ProfileError {
    /// That `what` cannot be measured, and why not.
    pub(crate) fn operation(what: &'static str, why: impl ToString) -> Self {
        Self::Operation { what, why: why.to_string() }
    }
}
