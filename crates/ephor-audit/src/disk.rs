//! Writes the log's files so that what a checkpoint covers is on disk before the checkpoint is.
//!
//! Every file but the checkpoint is made once, with its final bytes, and never written again. It stays open
//! until it is synchronised, so that a late write error is reported to us and to nobody else.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::tile::Tile;
use crate::writer::LogError;

/// The log's checkpoint.
pub(crate) const CHECKPOINT_FILE: &str = "checkpoint";
/// The next checkpoint before it takes the place of the last.
pub(crate) const CHECKPOINT_NEXT_FILE: &str = "checkpoint.next";

/// How many files may be written and not yet synchronised; the next one synchronises them all.
const UNSYNCED_LIMIT: usize = 128;

/// A log's directory, for its one writer.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: PathBuf,
    /// Written and not yet synchronised.
    unsynced: Vec<(PathBuf, File)>,
    /// Directories with new or removed names since they were last synchronised.
    changed: BTreeSet<PathBuf>,
}

impl Disk {
    /// Takes a directory for a new log: makes it if it is missing, refuses it if anything is in it.
    pub(crate) fn claim(dir: &Path) -> Result<Self, LogError> {
        make_dirs(dir)?;
        let mut names = fs::read_dir(dir).map_err(failed("read directory", dir))?;
        if let Some(found) = names.next() {
            let found = found.map_err(failed("read directory", dir))?.path();
            return Err(LogError::Occupied { dir: dir.to_owned(), found });
        }
        let unsynced = Vec::with_capacity(UNSYNCED_LIMIT);
        Ok(Self { dir: dir.to_owned(), unsynced, changed: BTreeSet::new() })
    }

    /// Writes a new file of entries or hashes; it is on disk after the next [`sync`](Self::sync).
    pub(crate) fn write(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), LogError> {
        if self.unsynced.len() == UNSYNCED_LIMIT {
            self.sync_files()?;
        }
        let path = self.dir.join(tile.path());
        self.make_parent(&path)?;
        let file = write_new(&path, bytes)?;
        self.unsynced.push((path, file));
        Ok(())
    }

    /// Puts all that was written on disk, first bytes, then names.
    pub(crate) fn sync(&mut self) -> Result<(), LogError> {
        self.sync_files()?;
        while let Some(dir) = self.changed.pop_last() {
            sync_dir(&dir)?;
        }
        Ok(())
    }

    /// Replaces the checkpoint in one step: whoever reads it sees the old one or the new one.
    pub(crate) fn publish(&mut self, note: &str) -> Result<(), LogError> {
        let (next, path) = (self.dir.join(CHECKPOINT_NEXT_FILE), self.dir.join(CHECKPOINT_FILE));
        let file = write_new(&next, note.as_bytes())?;
        file.sync_data().map_err(failed("synchronise", &next))?;
        fs::rename(&next, &path).map_err(failed("replace", &path))?;
        sync_dir(&self.dir)
    }

    /// Removes a partial tile, and its directory with the last one in it.
    pub(crate) fn remove(&mut self, tile: Tile) -> Result<(), LogError> {
        let path = self.dir.join(tile.path());
        fs::remove_file(&path).map_err(failed("remove", &path))?;
        let dir = parent(&path);
        match fs::remove_dir(dir) {
            Ok(()) => {
                self.changed.remove(dir);
                self.changed.insert(parent(dir).to_owned());
            }
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                self.changed.insert(dir.to_owned());
            }
            Err(error) => return Err(failed("remove directory", dir)(error)),
        }
        Ok(())
    }

    fn sync_files(&mut self) -> Result<(), LogError> {
        for (path, file) in self.unsynced.drain(..) {
            file.sync_data().map_err(failed("synchronise", &path))?;
        }
        Ok(())
    }

    fn make_parent(&mut self, path: &Path) -> Result<(), LogError> {
        let dir = parent(path);
        if self.changed.contains(dir) {
            return Ok(());
        }
        fs::create_dir_all(dir).map_err(failed("create directory", dir))?;
        let inside = dir.ancestors().take_while(|above| above.starts_with(&self.dir));
        self.changed.extend(inside.map(Path::to_owned));
        Ok(())
    }
}

/// Makes a directory and those above it, and puts their names on disk.
fn make_dirs(dir: &Path) -> Result<(), LogError> {
    let missing: Vec<_> =
        dir.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.exists()).collect();
    fs::create_dir_all(dir).map_err(failed("create directory", dir))?;
    missing.into_iter().try_for_each(|made| sync_dir(parent(made)))
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<File, LogError> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = file.map_err(failed("create", path))?;
    file.write_all(bytes).map_err(failed("write", path))?;
    Ok(file)
}

fn sync_dir(dir: &Path) -> Result<(), LogError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(failed("synchronise directory", dir))
}

/// The directory that holds `path`; the current one for a bare name.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogError {
    move |error| LogError::Io { operation, path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tile::Row;

    #[test]
    fn no_more_files_than_the_limit_are_open() {
        let place = tempfile::tempdir().unwrap();
        let mut disk = Disk::claim(place.path()).unwrap();
        for index in 0..=UNSYNCED_LIMIT as u64 {
            disk.write(Tile::full(Row::Entries, index), &[]).unwrap();
            assert_eq!(disk.unsynced.len() as u64, 1 + index % UNSYNCED_LIMIT as u64);
        }
        disk.sync().unwrap();
        assert!(disk.unsynced.is_empty() && disk.changed.is_empty());
    }

    #[test]
    fn a_bare_name_lies_in_the_current_directory() {
        assert_eq!(parent(Path::new("log")), Path::new("."));
        assert_eq!(parent(Path::new("a/log")), Path::new("a"));
    }
}
