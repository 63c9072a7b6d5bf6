//! A file that is written at the end, such as that of `--json`: there whole or not at all.
//!
//! Created before the first message, so that a place that cannot be written is refused at once: a file beside
//! the target, which takes its place when all is in it. What stands at the target stays until then, and for good
//! when the command ends without it. A target that is no regular file, such as
//! `/dev/stdout`, is written directly.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Why it could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutFileError {
    /// The file cannot be created.
    #[error("{file}: the {what} cannot be created: {source}")]
    Create {
        /// The target.
        file: String,
        /// What was to be in it.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("{file}: the {what} cannot be written: {source}")]
    Write {
        /// The target.
        file: String,
        /// What was to be in it.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
}

/// A place that something will be written to. Dropped without one, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct OutFile {
    shown: String,
    what: &'static str,
    target: PathBuf,
    /// The file beside the target, until it has taken its place; `None` when the target is written directly.
    beside: Option<PathBuf>,
    out: File,
}

impl OutFile {
    /// Makes sure that a file can be written to `path`; `what` is what errors call what will be in it.
    ///
    /// # Errors
    /// When no file can be created there.
    pub(crate) fn create(path: &Path, what: &'static str) -> Result<Self, OutFileError> {
        let shown = path.display().to_string();
        // A link stays a link: what it leads to is replaced.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        match open(&target) {
            Ok((out, beside)) => Ok(Self { shown, what, target, beside, out }),
            Err(source) => Err(OutFileError::Create { file: shown, what, source }),
        }
    }

    /// Writes `object` as one JSON object and lets it take the place of what was there.
    ///
    /// # Errors
    /// When it cannot be written; what was there before is then still there.
    pub(crate) fn commit_json(self, object: &impl Serialize) -> Result<(), OutFileError> {
        let mut text = serde_json::to_vec_pretty(object).expect("memory takes every byte of an object");
        text.push(b'\n');
        self.commit(&text)
    }

    /// Writes `text` and lets it take the place of what was there.
    ///
    /// # Errors
    /// When it cannot be written; what was there before is then still there.
    pub(crate) fn commit(mut self, text: &[u8]) -> Result<(), OutFileError> {
        let Self { what, .. } = self;
        self.write(text).map_err(|source| OutFileError::Write { file: self.shown.clone(), what, source })
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.out.write_all(text)?;
        if let Some(beside) = &self.beside {
            self.out.sync_all()?;
            fs::rename(beside, &self.target)?;
            self.beside = None;
        }
        Ok(())
    }
}

impl Drop for OutFile {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // Nothing more can be done about a file that cannot be removed.
            let _ = fs::remove_file(beside);
        }
    }
}

/// Opens a file beside `target`, or `target` itself when it is there and no regular file.
fn open(target: &Path) -> io::Result<(File, Option<PathBuf>)> {
    if target.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Ok((File::options().write(true).open(target)?, None));
    }
    let name = target.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}", std::process::id()));
    let beside = target.with_file_name(hidden);
    Ok((File::create(&beside)?, Some(beside)))
}

#[cfg(test)]
mod tests {
    use std::fs::read_dir;

    use serde_json::Value;

    use super::super::tests::example;
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_summary_takes_the_place_of_what_was_there_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r.json");
        fs::write(&path, "old").unwrap();
        let file = OutFile::create(&path, "summary").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        file.commit_json(&example()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["commands"]["denied"], 39);
        assert!(text.ends_with("}\n"));
        assert_eq!(names(directory.path()), ["r.json"]);
    }

    #[test]
    fn without_a_summary_nothing_changes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r.json");
        fs::write(&path, "old").unwrap();
        drop(OutFile::create(&path, "summary").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(directory.path()), ["r.json"]);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_refused_and_named() {
        for path in ["no/such/r.json", "/", "."] {
            let error = OutFile::create(Path::new(path), "summary").unwrap_err().to_string();
            assert!(error.starts_with(&format!("{path}: the summary cannot be created: ")), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("r.json"), directory.path().join("link"));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        OutFile::create(&link, "summary").unwrap().commit_json(&example()).unwrap();
        assert!(link.is_symlink());
        assert!(fs::read_to_string(&path).unwrap().starts_with('{'));
        OutFile::create(Path::new("/dev/null"), "summary").unwrap().commit_json(&example()).unwrap();
        assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_and_no_silence() {
        let file = OutFile::create(Path::new("/dev/full"), "summary").unwrap();
        let error = file.commit_json(&example()).unwrap_err().to_string();
        assert!(error.starts_with("/dev/full: the summary cannot be written"), "{error}");
    }
}
