//! Why a log does not pass.

use std::path::{Path, PathBuf};

use crate::checkpoint::CheckpointError;
use crate::fault::Fault;
use crate::hash::Hash;
use crate::key::VerifierKey;

/// Why a log does not pass, and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A file is missing, cut or changed.
    #[error(transparent)]
    File(#[from] Fault),
    /// Entry 0 does not name the log's key.
    #[error("{}: entry 0 {problem}", file.display())]
    Genesis {
        /// The file with entry 0.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The given key signed the checkpoint, but entry 0 names another.
    #[error("entry 0 names key {stated}, not the given one")]
    Key {
        /// The key in the log.
        stated: VerifierKey,
    },
    /// There is a name that no log has.
    #[error("{}: does not belong to a log", file.display())]
    Unexpected {
        /// What is there.
        file: PathBuf,
    },
    /// All that the checkpoint covers is sound, but there are more files of a log than it calls for, or an
    /// empty directory.
    #[error(
        "{}: is one of {count} files beyond the sound log of {size} entries: added, or the log was not closed",
        file.display()
    )]
    Unfinished {
        /// The first such file that was found.
        file: PathBuf,
        /// How many there are.
        count: u64,
        /// How many entries the checkpoint covers.
        size: u64,
    },
    /// The given checkpoint is not one, or the log's key did not sign it.
    #[error("the given checkpoint: {error}")]
    Outside {
        /// What is wrong.
        #[source]
        error: CheckpointError,
    },
    /// The log is shorter than the given checkpoint says.
    #[error("the log ends at {size} entries, the given checkpoint is of {stated}")]
    Cut {
        /// How many entries the log has.
        size: u64,
        /// How many it had at the checkpoint.
        stated: u64,
    },
    /// The log is sound in itself, but is not the one that the given checkpoint is of.
    #[error("the first {size} entries are not those of the given checkpoint, whose root is {stated}")]
    Fork {
        /// How many entries the checkpoint covers.
        size: u64,
        /// The checkpoint's root.
        stated: Hash,
    },
}

impl VerifyError {
    /// The file at fault (the log's directory for [`Fault::Root`]); `None` when the log is at odds with what
    /// was given, not with itself.
    pub fn file(&self) -> Option<&Path> {
        match self {
            VerifyError::File(fault) => Some(fault.file()),
            VerifyError::Genesis { file, .. }
            | VerifyError::Unexpected { file }
            | VerifyError::Unfinished { file, .. } => Some(file),
            VerifyError::Key { .. }
            | VerifyError::Outside { .. }
            | VerifyError::Cut { .. }
            | VerifyError::Fork { .. } => None,
        }
    }
}
