//! Reads the entries of a log, as many as its checkpoint says.
//!
//! It believes the files: what it returns is as good as the last [`verify`](crate::verify).

use std::path::{Path, PathBuf};

use crate::checkpoint::Checkpoint;
use crate::disk::CHECKPOINT_FILE;
use crate::fault::Fault;
use crate::load;
use crate::note::NOTE_BYTES_LIMIT;
use crate::tile::{Row, TILE_WIDTH, Tile};

/// A log, open for reading at the checkpoint that it had when it was opened.
///
/// A writer may go on meanwhile. It removes the last, partial bundle of an old checkpoint once that bundle is
/// full; then those entries read as missing, until the log is opened again.
#[derive(Debug)]
pub struct LogReader {
    dir: PathBuf,
    checkpoint: Checkpoint,
}

impl LogReader {
    /// Opens the log in `dir`.
    ///
    /// # Errors
    /// [`Fault`] when there is no checkpoint, or something else in its place.
    pub fn open(dir: &Path) -> Result<Self, Fault> {
        Ok(Self { checkpoint: read_checkpoint(dir)?, dir: dir.to_owned() })
    }

    /// The checkpoint, unchecked.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Reads one entry; entry 0 is the text that names the log's key. Reads the file of up to 256 entries.
    ///
    /// # Errors
    /// [`ReadError::Index`] beyond the checkpoint; [`ReadError::File`] when the file cannot be read.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, ReadError> {
        let size = self.checkpoint.size();
        if index >= size {
            return Err(ReadError::Index { index, size });
        }
        let tile = self.bundle(index / TILE_WIDTH as u64).expect("an entry below the size has a bundle");
        Ok(self.read_bundle(tile)?.swap_remove((index % TILE_WIDTH as u64) as usize))
    }

    /// All entries in order, with entry 0. An error ends the iteration.
    pub fn entries(&self) -> Entries<'_> {
        Entries { log: self, bundle_next: 0, read: Vec::new().into_iter() }
    }

    fn bundle(&self, index: u64) -> Option<Tile> {
        Tile::of(Row::Entries, index, self.checkpoint.size())
    }

    fn read_bundle(&self, tile: Tile) -> Result<Vec<Vec<u8>>, Fault> {
        let mut bytes = Vec::new();
        let entries = load::entries(&self.dir, tile, &mut bytes)?;
        Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
    }
}

/// The entries of a log, one file in memory at a time.
#[derive(Debug)]
pub struct Entries<'a> {
    log: &'a LogReader,
    bundle_next: u64,
    read: std::vec::IntoIter<Vec<u8>>,
}

impl Iterator for Entries<'_> {
    type Item = Result<Vec<u8>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.read.next() {
            return Some(Ok(entry));
        }
        let tile = self.log.bundle(self.bundle_next)?;
        match self.log.read_bundle(tile) {
            Ok(entries) => {
                self.bundle_next += 1;
                self.read = entries.into_iter();
                self.read.next().map(Ok)
            }
            Err(fault) => {
                self.bundle_next = u64::MAX;
                Some(Err(fault.into()))
            }
        }
    }
}

/// Why an entry cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A file is missing or is not what it should be.
    #[error(transparent)]
    File(#[from] Fault),
    /// There is no such entry.
    #[error("there is no entry {index} ({size} at the checkpoint)")]
    Index {
        /// The index that was asked for.
        index: u64,
        /// How many entries there are.
        size: u64,
    },
}

/// Reads a log's checkpoint, without believing it.
pub(crate) fn read_checkpoint(dir: &Path) -> Result<Checkpoint, Fault> {
    let file = dir.join(CHECKPOINT_FILE);
    let mut bytes = Vec::new();
    load::file(&file, NOTE_BYTES_LIMIT, &mut bytes)?;
    Checkpoint::parse(&bytes).map_err(|error| Fault::Checkpoint { file, error })
}
