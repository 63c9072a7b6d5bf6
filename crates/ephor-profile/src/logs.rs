//! Where the logs of measured buses lie: in memory, where there is room.
//!
//! A log is two files for each 256 records, and a profile makes and deletes tens of thousands of them. A file system remembers: ext4
//! looks at the inode of every file that was deleted in the last minutes before it takes another for a new one, so that each
//! run slows the next. On one such disk the built-in bus took 385,000 messages a second, then 223,000, then 134,000; in
//! memory, eight times after each other, 1,074,000 to 1,153,000.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

/// The file system in memory of Linux.
const MEMORY: &str = "/dev/shm";
/// Bytes that have to be free there: several times what the longest measurement writes.
const ROOM: u64 = 1 << 30;

/// What is said of a run whose logs lie elsewhere.
pub(crate) const ON_A_FILE_SYSTEM: &str = "the logs of measured buses lie on a file system, since TMPDIR says so or /dev/shm has no gigabyte free: what it does, and what it remembers of files deleted before, is in the figures of every bus that has a log";

/// A directory for the log of a bus that is measured, which goes when it is dropped: in memory, where that has room, and in the
/// directory that the environment variable `TMPDIR` names, where it is set.
///
/// # Errors
/// When it cannot be made.
pub fn log_directory() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("ephor-profile-").tempdir_in(base())
}

/// Whether logs lie in memory.
pub(crate) fn is_in_memory() -> bool {
    free_in_memory(base()).is_some()
}

/// The directory in which all logs of this process lie.
fn base() -> &'static Path {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    BASE.get_or_init(|| {
        let memory = Path::new(MEMORY);
        let is_writable = || tempfile::tempdir_in(memory).is_ok();
        base_of(std::env::var_os("TMPDIR"), free_in_memory(memory).filter(|_| is_writable()))
    })
}

fn base_of(chosen: Option<OsString>, free: Option<u64>) -> PathBuf {
    let memory = || free.filter(|free| *free >= ROOM).map(|_| PathBuf::from(MEMORY));
    let chosen = chosen.filter(|chosen| !chosen.is_empty()).map(PathBuf::from);
    chosen.or_else(memory).unwrap_or_else(std::env::temp_dir)
}

/// How many bytes are free for this process where `place` is; none where that is no file system in memory.
#[cfg(target_os = "linux")]
fn free_in_memory(place: &Path) -> Option<u64> {
    /// statfs(2): the type of a tmpfs.
    const TMPFS: u64 = 0x0102_1994;
    let told = rustix::fs::statfs(place).ok()?;
    let free = u64::try_from(told.f_bsize).ok()? * told.f_bavail;
    (u64::try_from(told.f_type).ok()? == TMPFS).then_some(free)
}

/// There is no such file system.
#[cfg(not(target_os = "linux"))]
fn free_in_memory(_place: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    #[test]
    fn logs_lie_where_they_were_told_to_or_in_memory_where_it_has_room() {
        let told = Some(OsString::from("/some/where"));
        assert_eq!(base_of(told, Some(ROOM)), Path::new("/some/where"));
        assert_eq!(base_of(None, Some(ROOM)), Path::new(MEMORY));
        assert_eq!(base_of(Some(OsString::new()), Some(ROOM)), Path::new(MEMORY));
        for free in [None, Some(ROOM - 1)] {
            assert_eq!(base_of(None, free), std::env::temp_dir());
        }
    }

    #[test]
    fn a_directory_goes_when_it_is_dropped() {
        let place = log_directory().unwrap();
        let path = place.path().to_owned();
        assert!(path.is_dir() && path.starts_with(base()));
        drop(place);
        assert!(!path.exists());
    }
}
