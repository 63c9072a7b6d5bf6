//! Finds what is in a log's directory that its checkpoint does not account for.
//!
//! What should be there and is not shows when the entries are read.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use super::VerifyError;
use crate::disk::{CHECKPOINT_FILE, CHECKPOINT_NEXT_FILE};
use crate::load::unread;
use crate::tile::{Row, Tile};

/// What a walk through a log's directory came across.
#[derive(Debug)]
pub(super) struct Walk {
    /// The file with entry 0: the one of the checkpoint's size, or else another.
    pub(super) bundle_first: Option<Tile>,
    leftover_first: Option<PathBuf>,
    leftover_count: u64,
}

impl Walk {
    /// Walks through the directory of a log of `size` entries.
    ///
    /// # Errors
    /// [`VerifyError::Unexpected`] at the first name that no log has.
    pub(super) fn of(dir: &Path, size: u64) -> Result<Self, VerifyError> {
        let mut walk = Walk { bundle_first: None, leftover_first: None, leftover_count: 0 };
        let mut dirs = vec![dir.to_owned()];
        while let Some(next) = dirs.pop() {
            let mut is_empty = true;
            for entry in fs::read_dir(&next).map_err(|error| unread(&next, error))? {
                is_empty = false;
                let entry = entry.map_err(|error| unread(&next, error))?;
                if is_dir(&entry).map_err(|error| unread(&next, error))? {
                    dirs.push(entry.path());
                } else {
                    walk.take(dir, &entry, size)?;
                }
            }
            if is_empty {
                walk.leave(next);
            }
        }
        Ok(walk)
    }

    /// Fails when there was more than a closed log has.
    pub(super) fn finish(self, size: u64) -> Result<(), VerifyError> {
        match self.leftover_first {
            Some(file) => Err(VerifyError::Unfinished { file, count: self.leftover_count, size }),
            None => Ok(()),
        }
    }

    /// Sorts one file; what is no plain file fails when it is read, or is left over like any other.
    fn take(&mut self, dir: &Path, entry: &DirEntry, size: u64) -> Result<(), VerifyError> {
        let file = entry.path();
        let name = file.strip_prefix(dir).ok().and_then(Path::to_str).unwrap_or_default();
        if name == CHECKPOINT_FILE {
            return Ok(());
        }
        let tile = Tile::parse(name);
        if tile.is_none() && name != CHECKPOINT_NEXT_FILE {
            return Err(VerifyError::Unexpected { file });
        }
        let is_first = |tile: &Tile| tile.row == Row::Entries && tile.index == 0;
        if let Some(tile) =
            tile.filter(is_first).filter(|tile| self.bundle_first.is_none() || tile.is_of(size))
        {
            self.bundle_first = Some(tile);
        }
        if !tile.is_some_and(|tile| tile.is_of(size)) {
            self.leave(file);
        }
        Ok(())
    }

    fn leave(&mut self, file: PathBuf) {
        self.leftover_count += 1;
        self.leftover_first.get_or_insert(file);
    }
}

/// Whether an entry is a directory; a link to one is not.
fn is_dir(entry: &DirEntry) -> io::Result<bool> {
    Ok(entry.file_type()?.is_dir())
}
