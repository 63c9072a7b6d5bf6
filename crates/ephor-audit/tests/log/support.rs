//! Logs to test with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ephor_audit::{Checkpoint, LogWriter, SigningKey, Verified, VerifyError, VerifyOptions, verify};
use tempfile::TempDir;

/// The name of the logs here.
pub(crate) const NAME: &str = "example.com/bus";

/// A directory for one test, with room for logs and keys side by side.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The key in the file `name`, the same each time.
    pub(crate) fn key(&self, name: &str) -> SigningKey {
        SigningKey::load_or_create(&self.path(name), NAME).unwrap()
    }

    /// A closed log of `size` entries, entry 0 among them, under the key `log.key`.
    pub(crate) fn closed(&self, name: &str, size: u64) -> (PathBuf, Checkpoint) {
        let dir = self.path(name);
        let mut log = LogWriter::create(&dir, self.key("log.key")).unwrap();
        append_up_to(&mut log, size);
        (dir, log.close().unwrap())
    }
}

/// Entry `index` of the logs here: a few bytes.
pub(crate) fn entry(index: u64) -> Vec<u8> {
    index.to_be_bytes()[6..].to_vec()
}

pub(crate) fn append_up_to(log: &mut LogWriter, size: u64) {
    while log.size() < size {
        let index = log.size();
        assert_eq!(log.append(&entry(index)).unwrap(), index);
    }
}

/// Verifies without knowing anything about the log.
pub(crate) fn check(dir: &Path) -> Result<Verified, VerifyError> {
    verify(dir, &VerifyOptions::default(), |_, _| {})
}

/// Every file under `dir` by its path from there, with its bytes.
pub(crate) fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

pub(crate) fn names(dir: &Path) -> Vec<String> {
    files(dir).into_keys().collect()
}
