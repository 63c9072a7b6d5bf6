//! Why a text is no charter.

use std::io;

use super::CHARTER_BYTES_MAX;

/// Why a charter cannot be read. Displays as `file:line: key: problem`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CharterError {
    /// The file cannot be opened or read.
    #[error("{file}: cannot be read: {error}")]
    Read {
        /// The file's path.
        file: String,
        /// What the operating system says.
        #[source]
        error: io::Error,
    },
    /// The file is too large.
    #[error("{file}: is larger than the {CHARTER_BYTES_MAX} bytes that a charter may have")]
    Size {
        /// The file's name.
        file: String,
    },
    /// The text is not TOML, or cannot be a charter whatever its keys are.
    #[error("{file}:{line}: {problem}")]
    Syntax {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A key is unknown or missing, or its value is not allowed.
    #[error("{file}:{line}: {key}: {problem}")]
    Value {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The key, with those of the tables around it: `kinds.order.number`.
        key: String,
        /// What is wrong, and what is allowed.
        problem: String,
    },
}
