//! Why there is no comparison.

use std::io;

use super::BASELINE_BYTES_MAX;

/// The most characters that an error repeats of what the parser says, which may quote the text.
const PROBLEM_CHARS_MAX: usize = 200;

/// Why a baseline cannot be read or compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// The file cannot be opened or read.
    #[error("{file}: the baseline cannot be read: {error}")]
    Read {
        /// The file's path.
        file: String,
        /// What the operating system says.
        #[source]
        error: io::Error,
    },
    /// The file is too large.
    #[error(
        "{file}: is larger than the {BASELINE_BYTES_MAX} bytes that a report may have; is it another file?"
    )]
    Size {
        /// The file's name.
        file: String,
    },
    /// The file is not text.
    #[error("{file}:{line}: is not UTF-8; a report is JSON in UTF-8")]
    NotUtf8 {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// The text is not JSON.
    #[error("{file}:{line}: is not JSON: {problem}")]
    Syntax {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The JSON is no report, or one of another version.
    #[error("{file}:{line}: {problem}")]
    Content {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The report is of another machine, subject or effort, or of other inputs or notes.
    #[error(
        "{file}:{line}: is not of a run like this one: {differences}; measure a baseline like this run, or force the comparison (--force)"
    )]
    Other {
        /// The file's name.
        file: String,
        /// The line of the first of them, from 1.
        line: usize,
        /// Each field that differs, with both values.
        differences: String,
    },
}

impl BaselineError {
    /// What the parser says about `file`.
    pub(super) fn json(file: &str, error: &serde_json::Error) -> Self {
        let (file, line) = (file.to_owned(), error.line().max(1));
        let message = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let reason = message.strip_suffix(&place).unwrap_or(&message);
        let problem = reason.chars().take(PROBLEM_CHARS_MAX).collect();
        if error.is_data() {
            Self::Content { file, line, problem }
        } else {
            Self::Syntax { file, line, problem }
        }
    }
}
