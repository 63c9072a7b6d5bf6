//! What can be wrong with a file of the log.

use std::io;
use std::path::{Path, PathBuf};

use crate::checkpoint::CheckpointError;
use crate::hash::Hash;

/// A file of the log that is not as the log wrote it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file should be there and is not.
    #[error("{}: is missing", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// The file or directory cannot be read.
    #[error("{}: cannot be read: {error}", file.display())]
    Read {
        /// The file or directory.
        file: PathBuf,
        /// What the operating system says.
        #[source]
        error: io::Error,
    },
    /// There is something else under the file's name: a directory, a link, a device.
    #[error("{}: is not a plain file", file.display())]
    Kind {
        /// What should be a file.
        file: PathBuf,
    },
    /// The file is larger than any such file can be.
    #[error("{}: has more than {limit} bytes", file.display())]
    Large {
        /// The file.
        file: PathBuf,
        /// The most that it may have.
        limit: usize,
    },
    /// The checkpoint is not one, or not one by the log's key.
    #[error("{}: {error}", file.display())]
    Checkpoint {
        /// The checkpoint's file.
        file: PathBuf,
        /// What is wrong.
        #[source]
        error: CheckpointError,
    },
    /// A file of hashes is cut.
    #[error("{}: has {bytes} bytes, not {expected}", file.display())]
    Short {
        /// The file.
        file: PathBuf,
        /// How many bytes it has.
        bytes: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A file of entries stops making sense: an entry runs past the end, or bytes follow the last one.
    #[error("{}: entry {index}, at byte {offset}, does not end where the file says", file.display())]
    Bundle {
        /// The file.
        file: PathBuf,
        /// The entry's number in the log.
        index: u64,
        /// Where in the file it begins.
        offset: usize,
    },
    /// An entry is not the one that its hash was made of.
    #[error("{}: entry {index} does not match its hash in {}", file.display(), tile.display())]
    Entry {
        /// The file of entries.
        file: PathBuf,
        /// The entry's number in the log.
        index: u64,
        /// The file with the hash.
        tile: PathBuf,
    },
    /// A hash is not that of the entries, which are as the root says.
    #[error("{}: hash {position}, at byte {offset}, is not that of the entries", file.display())]
    Tile {
        /// The file of hashes.
        file: PathBuf,
        /// Which of its hashes.
        position: usize,
        /// Where in the file the hash begins.
        offset: usize,
    },
    /// Entries and hashes agree with each other, but not with the root.
    #[error("{}: the {size} entries have root {found}, not {stated}", file.display())]
    Root {
        /// The log's directory.
        file: PathBuf,
        /// How many entries were read.
        size: u64,
        /// The root of the entries that were read.
        found: Hash,
        /// The root that they should have.
        stated: Hash,
    },
}

impl Fault {
    /// The file at fault, or the log's directory when it is no single file.
    pub fn file(&self) -> &Path {
        match self {
            Fault::Missing { file }
            | Fault::Read { file, .. }
            | Fault::Kind { file }
            | Fault::Large { file, .. }
            | Fault::Checkpoint { file, .. }
            | Fault::Short { file, .. }
            | Fault::Bundle { file, .. }
            | Fault::Entry { file, .. }
            | Fault::Tile { file, .. }
            | Fault::Root { file, .. } => file,
        }
    }
}
