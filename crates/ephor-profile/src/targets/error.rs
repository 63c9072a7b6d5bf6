//! Why a text holds no targets.

use std::io;

use super::TARGETS_BYTES_MAX;

/// Why targets cannot be read. Displays as `file:line: key: problem`, and the problem says what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetsError {
    /// The file cannot be opened or read.
    #[error("{file}: the targets cannot be read: {error}")]
    Read {
        /// The file's path.
        file: String,
        /// What the operating system says.
        #[source]
        error: io::Error,
    },
    /// The file is too large.
    #[error(
        "{file}: is larger than the {TARGETS_BYTES_MAX} bytes that targets may have; is it another file?"
    )]
    Size {
        /// The file's name.
        file: String,
    },
    /// The file is not text.
    #[error("{file}:{line}: is not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// The text is not TOML.
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
        /// The key, with those of the tables around it: `targets.latency_p99.unit`.
        key: String,
        /// What is wrong, and what is allowed.
        problem: String,
    },
}
