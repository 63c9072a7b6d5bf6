//! Entry 0 of every log: the key that signs it.
//!
//! ```text
//! ephor audit log v1
//! example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
//! ```
//!
//! So a log can be checked against accidental change wherever it lies, without a key at hand. It proves
//! nothing about *who* wrote the log: whoever rewrites all of it writes this entry too.

use crate::key::{KeyError, VerifierKey};

const TITLE: &str = "ephor audit log v1\n";

/// The entry for a log that `vkey` verifies.
pub(crate) fn entry(vkey: &VerifierKey) -> String {
    format!("{TITLE}{vkey}\n")
}

/// Reads the key from a log's first entry.
pub(crate) fn read(entry: &[u8]) -> Result<VerifierKey, String> {
    let text = std::str::from_utf8(entry).map_err(|error| error.to_string())?;
    let vkey = text.strip_prefix(TITLE).and_then(|vkey| vkey.strip_suffix('\n'));
    let vkey = vkey.ok_or_else(|| format!("is not the line '{}' and a line with a key", TITLE.trim_end()))?;
    vkey.parse().map_err(|error: KeyError| error.to_string())
}
