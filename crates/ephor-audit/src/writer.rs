//! The one writer of a log.
//!
//! It promises that a checkpoint covers only what is on disk and reads back as it was given, that no two of its
//! checkpoints contradict each other, and that a closed log is exactly the files that [`verify`](crate::verify)
//! reads. After any error it accepts nothing more: a write that failed once is not known to be good later.
//!
//! ```text
//! append      buffer the entry, hash it; each 256th writes a bundle and a tile (not yet synchronised)
//! checkpoint  write partial bundle and tiles → synchronise files → synchronise directories
//!             → read back, hash again, compare → sign → write, synchronise, rename, synchronise
//! close       checkpoint → remove partial tiles that a wider one replaces → synchronise
//! ```

use std::io;
use std::path::{Path, PathBuf};

use zerocopy::IntoBytes;

use crate::bundle;
use crate::checkpoint::Checkpoint;
use crate::disk::Disk;
use crate::fault::Fault;
use crate::genesis;
use crate::hash::Hash;
use crate::key::SigningKey;
use crate::record::RECORD_BYTES;
use crate::replay::Replay;
use crate::tile::{ENTRY_BYTES_LIMIT, Row, TILE_WIDTH, Tile};
use crate::tree::Tree;

/// Bundle memory to begin with: 256 audit records behind their lengths.
const BUNDLE_BYTES_START: usize = TILE_WIDTH * (2 + RECORD_BYTES);

/// Appends entries to a log in a directory of its own, and signs checkpoints of it.
///
/// Dropping a writer without [`close`](Self::close) leaves what was written, and the last checkpoint. The
/// entries after that checkpoint are then lost to a verifier, and `verify` reports the log as unfinished.
#[derive(Debug)]
pub struct LogWriter {
    key: SigningKey,
    tree: Tree,
    /// The entries of the open bundle.
    bundle: Vec<u8>,
    disk: Disk,
    /// The partial tiles on disk.
    partials: Vec<Tile>,
    /// What was on disk at the last checkpoint, read back.
    replay: Replay,
    last: Option<Checkpoint>,
    is_poisoned: bool,
}

impl LogWriter {
    /// Begins a log in `dir`, which is made if it is missing, with `key`'s public half as entry 0.
    ///
    /// The first checkpoint, of that entry, is on disk when this returns.
    ///
    /// # Errors
    /// [`LogError::Occupied`] when there is anything in the directory; [`LogError::Io`] names the path that
    /// cannot be made or written.
    pub fn create(dir: &Path, key: SigningKey) -> Result<Self, LogError> {
        let genesis = genesis::entry(&key.verifier_key());
        Self::begin(dir, key, genesis.as_bytes())
    }

    /// Begins a log with any entry.
    pub(crate) fn begin(dir: &Path, key: SigningKey, first: &[u8]) -> Result<Self, LogError> {
        let mut log = Self {
            disk: Disk::claim(dir)?,
            replay: Replay::new(dir.to_owned()),
            tree: Tree::new(),
            bundle: Vec::with_capacity(BUNDLE_BYTES_START),
            partials: Vec::new(),
            last: None,
            is_poisoned: false,
            key,
        };
        log.append(first)?;
        log.checkpoint()?;
        Ok(log)
    }

    /// Adds an entry and returns its index.
    ///
    /// The entry is in memory, or in a file that is not synchronised: only a checkpoint makes it last. Costs
    /// two hashes and a copy; every 256th call also creates two files (three each 65,536th, and so on), and
    /// when 128 files wait to be synchronised it synchronises them.
    ///
    /// Allocates for the paths of the files that it creates, and when the 256 entries of a bundle need more
    /// memory than any before them and than 256 audit records do. Otherwise it does not allocate.
    ///
    /// # Errors
    /// [`LogError::Entry`] when the entry is too long, and the log goes on; else the log is poisoned.
    pub fn append(&mut self, entry: &[u8]) -> Result<u64, LogError> {
        if entry.len() > ENTRY_BYTES_LIMIT {
            return Err(LogError::Entry { bytes: entry.len() });
        }
        self.guard(|log| log.append_entry(entry))
    }

    /// Puts all entries on disk, reads them back, and signs and publishes their root.
    ///
    /// Without new entries since the last checkpoint it returns that one and does nothing. Blocks for several
    /// synchronous writes; reads the open bundle and all newer ones again.
    ///
    /// # Errors
    /// [`LogError`], and the log is poisoned. The last checkpoint on disk remains, or the new one is complete.
    pub fn checkpoint(&mut self) -> Result<Checkpoint, LogError> {
        self.guard(|log| match &log.last {
            Some(last) if last.size() == log.tree.size() => Ok(last.clone()),
            _ => log.advance(),
        })
    }

    /// Ends the log with a last checkpoint, and removes what only earlier checkpoints needed.
    ///
    /// # Errors
    /// As for [`checkpoint`](Self::checkpoint).
    pub fn close(mut self) -> Result<Checkpoint, LogError> {
        let checkpoint = self.checkpoint()?;
        self.remove_partials(|tile| !tile.is_of(checkpoint.size()))?;
        self.disk.sync()?;
        Ok(checkpoint)
    }

    /// How many entries the log has, with entry 0.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root over all entries so far, signed or not.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Does `work` unless something failed before, and remembers if it fails or panics.
    fn guard<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, LogError>) -> Result<T, LogError> {
        if self.is_poisoned {
            return Err(LogError::Poisoned);
        }
        self.is_poisoned = true;
        let outcome = work(self);
        self.is_poisoned = outcome.is_err();
        outcome
    }

    fn append_entry(&mut self, entry: &[u8]) -> Result<u64, LogError> {
        let index = self.tree.size();
        bundle::push(&mut self.bundle, entry);
        if (index + 1).is_multiple_of(TILE_WIDTH as u64) {
            self.disk.write(Tile::full(Row::Entries, index / TILE_WIDTH as u64), &self.bundle)?;
            self.bundle.clear();
        }
        self.tree.append(Hash::of_leaf(entry), |tile, hashes| self.disk.write(tile, hashes.as_bytes()))?;
        Ok(index)
    }

    fn advance(&mut self) -> Result<Checkpoint, LogError> {
        let (size, root) = (self.tree.size(), self.tree.root());
        self.write_partials()?;
        self.disk.sync()?;
        self.replay.advance(size, size, |_| {})?;
        self.replay.settle(root)?;
        let checkpoint = Checkpoint::sign(size, root, &self.key);
        self.disk.publish(checkpoint.note())?;
        self.last = Some(checkpoint.clone());
        self.remove_partials(|tile| tile.is_full_at(size))?;
        Ok(checkpoint)
    }

    fn write_partials(&mut self) -> Result<(), LogError> {
        for tile in Tile::partials(self.tree.size()) {
            // An upper tile is as wide as at the last checkpoint, more often than not.
            if self.partials.contains(&tile) {
                continue;
            }
            let bytes = match tile.row {
                Row::Entries => &self.bundle,
                Row::Level(level) => self.tree.open(level).as_bytes(),
            };
            self.disk.write(tile, bytes)?;
            self.partials.push(tile);
        }
        Ok(())
    }

    fn remove_partials(&mut self, is_obsolete: impl Fn(&Tile) -> bool) -> Result<(), LogError> {
        let obsolete = self.partials.extract_if(.., |tile| is_obsolete(tile));
        obsolete.into_iter().try_for_each(|tile| self.disk.remove(tile))
    }
}

/// Why a log does not accept an entry or make a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The directory is not empty.
    #[error("{} is not empty: there is {}", dir.display(), found.display())]
    Occupied {
        /// The directory.
        dir: PathBuf,
        /// Something that is in it.
        found: PathBuf,
    },
    /// The entry is too long.
    #[error("an entry has at most {ENTRY_BYTES_LIMIT} bytes, not {bytes}")]
    Entry {
        /// The entry's length.
        bytes: usize,
    },
    /// The operating system refused.
    #[error("cannot {operation} {}: {error}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        error: io::Error,
    },
    /// A file does not read as it was written.
    #[error("read back after writing: {0}")]
    ReadBack(#[from] Fault),
    /// An earlier error ended the log.
    #[error("the log takes nothing more after an earlier error")]
    Poisoned,
}
