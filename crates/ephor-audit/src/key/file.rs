//! The private key's file: made once with mode 0600, read ever after.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{KeyError, SigningKey};

/// How large a key file may be; the longest key needs less than half.
const FILE_BYTES_LIMIT: u64 = 1024;

impl SigningKey {
    /// Reads the key at `path`, or makes one there when there is none.
    ///
    /// A new file is readable by its owner only and is on disk before this returns. A file that exists is
    /// never written to.
    ///
    /// # Errors
    /// [`KeyFileError`] when the file cannot be read or made, holds no key, or holds the key of another name.
    pub fn load_or_create(path: &Path, name: &str) -> Result<Self, KeyFileError> {
        match load(path, name) {
            Err(KeyFileError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => create(path, name),
            other => other,
        }
    }
}

/// Why a private key cannot be had from its file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The operating system refused.
    #[error("cannot {operation} key file {}: {error}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The key file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        error: io::Error,
    },
    /// The file holds no key, or no key can be made.
    #[error("key file {}: {error}", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        error: KeyError,
    },
    /// The file holds the key of another name.
    #[error("key file {} is for '{found}', not '{wanted}'", path.display())]
    Name {
        /// The key file.
        path: PathBuf,
        /// The name in the file.
        found: String,
        /// The name that was asked for.
        wanted: String,
    },
}

fn load(path: &Path, name: &str) -> Result<SigningKey, KeyFileError> {
    let text = read(path).map_err(|error| failed("read", path, error))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let key = SigningKey::from_private_text(text).map_err(|error| no_key(path, error))?;
    match key.vkey.name() {
        found if found == name => Ok(key),
        found => Err(KeyFileError::Name {
            path: path.to_owned(),
            found: found.to_owned(),
            wanted: name.to_owned(),
        }),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_LIMIT).read_to_string(&mut text)?;
    Ok(text)
}

fn create(path: &Path, name: &str) -> Result<SigningKey, KeyFileError> {
    let key = SigningKey::generate(name).map_err(|error| no_key(path, error))?;
    match write(path, &key) {
        Ok(()) => Ok(key),
        // Another process was first; its key is the key.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => load(path, name),
        Err(error) => Err(failed("create", path, error)),
    }
}

fn write(path: &Path, key: &SigningKey) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}", key.to_private_text())?;
    file.sync_all()?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}

fn failed(operation: &'static str, path: &Path, error: io::Error) -> KeyFileError {
    KeyFileError::Io { operation, path: path.to_owned(), error }
}

fn no_key(path: &Path, error: KeyError) -> KeyFileError {
    KeyFileError::Key { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_can_read_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log.key");
        let key = SigningKey::load_or_create(&path, "log").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("PRIVATE+KEY+log+") && text.ends_with('\n'), "{text}");

        let again = SigningKey::load_or_create(&path, "log").unwrap();
        assert_eq!(again.verifier_key(), key.verifier_key());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_file_without_the_right_key_is_refused_and_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log.key");
        fs::write(&path, "").unwrap();
        let empty = SigningKey::load_or_create(&path, "log");
        assert!(matches!(empty, Err(KeyFileError::Key { error: KeyError::Form, .. })));
        assert_eq!(fs::read(&path).unwrap(), b"");

        fs::remove_file(&path).unwrap();
        SigningKey::load_or_create(&path, "log").unwrap();
        let other = SigningKey::load_or_create(&path, "other").unwrap_err();
        assert!(other.to_string().ends_with("is for 'log', not 'other'"), "{other}");
    }

    #[test]
    fn a_missing_directory_is_named() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("missing/log.key");
        let error = SigningKey::load_or_create(&path, "log").unwrap_err();
        assert!(error.to_string().starts_with("cannot create key file"), "{error}");
        assert!(error.to_string().contains("missing/log.key"), "{error}");
    }
}
