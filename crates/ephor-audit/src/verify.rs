//! Reads a closed log whole, and says whether it is as its writer left it, or where it is not.
//!
//! A log passes when every file that the checkpoint's size calls for is there, no other file is, the entries
//! have the hashes in the tiles, the hashes have the root in the checkpoint, and the log's key signed that. So
//! one changed, missing or additional byte anywhere fails.
//!
//! Without a verifier key the log is checked against the key in its own entry 0, which finds accidents but not
//! a log that was made anew; with one it is pinned to its writer, and with a checkpoint kept elsewhere
//! also to its past: it must still begin with the entries of that checkpoint.

mod error;
mod walk;

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::disk::CHECKPOINT_FILE;
use crate::fault::Fault;
use crate::genesis;
use crate::hash::Hash;
use crate::key::VerifierKey;
use crate::load;
use crate::reader::read_checkpoint;
use crate::replay::Replay;
use crate::tile::{Row, Tile};

pub use self::error::VerifyError;
use self::walk::Walk;

/// What is known about the log from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// The log's key.
    pub vkey: Option<VerifierKey>,
    /// The bytes of an earlier checkpoint; it may carry further signatures.
    pub checkpoint: Option<Vec<u8>>,
}

/// What a log that passed is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has, with entry 0.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The log's name.
    pub origin: String,
    /// The key that signed the checkpoint.
    pub vkey: VerifierKey,
    /// Whether that key was given, rather than read from the log itself.
    pub pinned: bool,
}

/// Verifies the closed log in `dir`; calls `progress` with the entries done and the entries in all.
///
/// Reads every byte once (the bundle in which a given checkpoint ends, twice), and needs memory for one file.
///
/// # Errors
/// [`VerifyError`] says what is wrong, and [`VerifyError::file`] where.
pub fn verify(
    dir: &Path,
    options: &VerifyOptions,
    mut progress: impl FnMut(u64, u64),
) -> Result<Verified, VerifyError> {
    let checkpoint = read_checkpoint(dir)?;
    let size = checkpoint.size();
    let walk = Walk::of(dir, size)?;

    // The signature comes before the entries, so that a changed checkpoint is not blamed on them. Without a
    // key, when entry 0 is damaged, it is the other way round.
    let stated = read_genesis(dir, &walk);
    let vkey = options.vkey.as_ref().or(stated.as_ref().ok());
    if let Some(vkey) = vkey {
        let file = dir.join(CHECKPOINT_FILE);
        checkpoint.check_alone(vkey).map_err(|error| Fault::Checkpoint { file, error })?;
    }
    let outside = options.checkpoint.as_ref().map(|bytes| read_outside(bytes, vkey, size)).transpose()?;

    let mut replay = Replay::new(dir.to_owned());
    let mut report = |done| progress(done, size);
    let mut prefix = None;
    if let Some(outside) = &outside {
        replay.advance(outside.size(), size, &mut report)?;
        prefix = Some(replay.root());
    }
    replay.advance(size, size, &mut report)?;
    replay.settle(checkpoint.root())?;

    let vkey = check_genesis(stated?, options)?;
    if let Some(outside) = outside.filter(|outside| Some(outside.root()) != prefix) {
        return Err(VerifyError::Fork { size: outside.size(), stated: outside.root() });
    }
    walk.finish(size)?;
    let origin = checkpoint.origin().to_owned();
    Ok(Verified { size, root: checkpoint.root(), origin, vkey, pinned: options.vkey.is_some() })
}

/// The key that the log states in its first entry.
fn read_genesis(dir: &Path, walk: &Walk) -> Result<VerifierKey, VerifyError> {
    let tile = walk.bundle_first.unwrap_or(Tile::full(Row::Entries, 0));
    let mut bytes = Vec::new();
    let entries = load::entries(dir, tile, &mut bytes)?;
    genesis::read(entries[0]).map_err(|problem| VerifyError::Genesis { file: dir.join(tile.path()), problem })
}

fn check_genesis(stated: VerifierKey, options: &VerifyOptions) -> Result<VerifierKey, VerifyError> {
    match &options.vkey {
        Some(given) if *given != stated => Err(VerifyError::Key { stated }),
        _ => Ok(stated),
    }
}

/// Reads a checkpoint kept elsewhere, and holds its size against the log's.
fn read_outside(bytes: &[u8], vkey: Option<&VerifierKey>, size: u64) -> Result<Checkpoint, VerifyError> {
    let outside = Checkpoint::parse(bytes).map_err(|error| VerifyError::Outside { error })?;
    vkey.map_or(Ok(()), |vkey| outside.check(vkey)).map_err(|error| VerifyError::Outside { error })?;
    match outside.size() <= size {
        true => Ok(outside),
        false => Err(VerifyError::Cut { size, stated: outside.size() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;
    use crate::writer::LogWriter;

    /// What a log with `first` as entry 0 comes to, with and without its key at hand.
    fn outcomes(first: impl FnOnce(&VerifierKey) -> String) -> [VerifyError; 2] {
        let place = tempfile::tempdir().unwrap();
        let key = SigningKey::generate("log").unwrap();
        let vkey = key.verifier_key();
        let log = LogWriter::begin(&place.path().join("log"), key, first(&vkey).as_bytes()).unwrap();
        log.close().unwrap();
        [None, Some(vkey)].map(|vkey| {
            let options = VerifyOptions { vkey, checkpoint: None };
            verify(&place.path().join("log"), &options, |_, _| {}).unwrap_err()
        })
    }

    #[test]
    fn a_log_that_does_not_begin_with_a_key_does_not_pass() {
        let texts = ["", "ephor audit log v1\n", "ephor audit log v1\nlog+00000000+AA==\n"];
        for text in texts {
            for error in outcomes(|_| text.to_owned()) {
                assert!(matches!(error, VerifyError::Genesis { .. }), "{error}");
            }
        }
        for error in outcomes(|vkey| format!("ephor audit log v2\n{vkey}\n")) {
            assert!(matches!(error, VerifyError::Genesis { .. }), "{error}");
        }
    }

    #[test]
    fn a_log_that_begins_with_another_key_does_not_pass() {
        let other = SigningKey::generate("log").unwrap().verifier_key();
        let [unpinned, pinned] = outcomes(|_| genesis::entry(&other));
        assert!(matches!(unpinned, VerifyError::File(Fault::Checkpoint { .. })), "{unpinned}");
        assert!(matches!(pinned, VerifyError::Key { stated } if stated == other));
    }
}
