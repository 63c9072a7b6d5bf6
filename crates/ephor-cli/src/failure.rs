//! Why the command ends with a code other than 0.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// Why the command ended; printed to stderr as `error: ...`.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Input or usage is bad, or a file cannot be read or written: code 2.
    Refused(Box<dyn Error + Send + Sync>),
    /// A target was missed or a check failed: code 1.
    Missed(String),
    /// An audit log does not verify: code 3.
    Unverified(Box<dyn Error + Send + Sync>),
    /// Ctrl-C ended a replay early; what came before is replayed and recorded: code 130.
    Interrupted {
        /// Lines that were replayed.
        lines: u64,
    },
    /// Ctrl-C ended a profile, which has no report then: code 130.
    Stopped {
        /// What it was about to do.
        during: String,
    },
}

impl Failure {
    /// A refusal in words of its own, which name the value that is wrong.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::Refused(message.into().into())
    }

    /// The code that the command ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refused(_) => ExitCode::from(2),
            Self::Unverified(_) => ExitCode::from(3),
            Self::Missed(_) => ExitCode::from(1),
            Self::Interrupted { .. } | Self::Stopped { .. } => ExitCode::from(130),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) | Self::Unverified(error) => error.fmt(formatter),
            Self::Missed(what) => formatter.write_str(what),
            Self::Stopped { during } => write!(formatter, "interrupted during {during}; nothing was written"),
            Self::Interrupted { lines } => write!(formatter, "interrupted after {lines} lines of the trace"),
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}
