//! `ephor audit`: works with the log that a replay leaves.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ephor::audit::{Verified, VerifyOptions as LogOptions, verify as verify_log};
use serde_json::json;

use crate::failure::Failure;
use crate::options::{VerifierKey, VerifyOptions};
use crate::progress::Progress;
use crate::report::print_stdout;

/// The most that is read of a file with a key or a checkpoint; both are far smaller.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Verifies the log that `options` name.
///
/// # Errors
/// [`Failure::Refused`] when the key, the checkpoint or the directory cannot be read, [`Failure::Unverified`] when the
/// log does not verify.
pub(crate) fn verify(options: &VerifyOptions) -> Result<(), Failure> {
    if !options.log.is_dir() {
        return Err(Failure::refused(format!("{}: there is no such directory", options.log.display())));
    }
    let known = LogOptions {
        vkey: options.vkey.as_ref().map(key).transpose()?,
        checkpoint: options.checkpoint.as_deref().map(read).transpose()?,
    };
    let progress = Progress::on_stderr(None);
    let outcome = verify_log(&options.log, &known, |done, _total| progress.set(done));
    drop(progress);
    match outcome {
        Ok(verified) => report(options, &verified),
        Err(error) => Err(Failure::Unverified(error.into())),
    }
}

/// The key itself, or the one in a file.
fn key(given: &VerifierKey) -> Result<ephor::audit::VerifierKey, Failure> {
    let (text, place) = match given {
        VerifierKey::Text(text) => (text.clone(), "--vkey".to_owned()),
        VerifierKey::File(path) => {
            let text = String::from_utf8_lossy(&read(path)?).trim().to_owned();
            (text, path.display().to_string())
        }
    };
    // Not the text itself: it may be a private key, or any other file.
    text.parse().map_err(|error| Failure::refused(format!("{place}: no verifier key: {error}")))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|error| Failure::refused(format!("{}: cannot be read: {error}", path.display())))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let message =
            format!("{}: more than {FILE_BYTES_MAX} bytes, the most for a key or checkpoint", path.display());
        return Err(Failure::refused(message));
    }
    Ok(bytes)
}

fn report(options: &VerifyOptions, verified: &Verified) -> Result<(), Failure> {
    let text = if options.json {
        let object = json!({
            "verified": true,
            "records": verified.size,
            "root": verified.root.to_string(),
            "origin": verified.origin,
            "vkey": verified.vkey.to_string(),
            "pinned": verified.pinned,
            "checkpoint": options.checkpoint.is_some(),
        });
        format!("{object}\n")
    } else {
        let key = if verified.pinned {
            "the key that was given"
        } else {
            "the key that the log itself names; give --vkey to make sure that it is the right one"
        };
        let end = if options.checkpoint.is_some() {
            "it holds the checkpoint that was given"
        } else {
            "give --checkpoint, kept elsewhere, to make sure that nothing was cut off with a new signature"
        };
        format!(
            "{}: {} records, unchanged\nroot    {}\norigin  {}\nsigned  by {key}\nend     {end}\n",
            options.log.display(),
            verified.size,
            verified.root,
            verified.origin,
        )
    };
    print_stdout(&text).map_err(Failure::from)
}
