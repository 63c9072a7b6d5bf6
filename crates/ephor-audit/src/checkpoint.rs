//! Checkpoints (C2SP tlog-checkpoint): the log's name, size and root, signed.
//!
//! ```text
//! example.com/bus
//! 70001
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — example.com/bus Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeO…
//! ```
//!
//! The name is that of the key. Extension lines, which the format advises against, are refused.

use crate::hash::Hash;
use crate::key::{SigningKey, VerifierKey};
use crate::note::{self, Note, NoteError, SignatureError};

/// What a log says of itself at one size. Keep [`Checkpoint::note`] elsewhere: it pins all entries before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    note: String,
}

impl Checkpoint {
    /// Signs the root of a log's first `size` entries.
    pub(crate) fn sign(size: u64, root: Hash, key: &SigningKey) -> Self {
        let origin = key.verifier_key().name().to_owned();
        let note = note::sign(&format!("{origin}\n{size}\n{root}\n"), key);
        Self { origin, size, root, note }
    }

    /// Reads what a checkpoint claims; [`check`](Self::check) tells whether the log's key signed it.
    ///
    /// # Errors
    /// [`CheckpointError`] says what is wrong with the bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let text = note::parse(bytes)?.text;
        let lines: Vec<&str> = text.lines().collect();
        let &[origin, size, root] = lines.as_slice() else {
            return Err(CheckpointError::Lines { count: lines.len() });
        };
        let note = String::from_utf8_lossy(bytes).into_owned();
        let (size, root) = (parse_size(size)?, Hash::from_base64(root).ok_or(CheckpointError::Root)?);
        Ok(Self { origin: origin.to_owned(), size, root, note })
    }

    /// Checks that `vkey` signed this checkpoint and that it is a checkpoint of that key's log.
    ///
    /// # Errors
    /// [`CheckpointError`] says what is missing.
    pub fn check(&self, vkey: &VerifierKey) -> Result<(), CheckpointError> {
        self.parse_note()?.check(vkey)?;
        match self.origin == vkey.name() {
            true => Ok(()),
            false => {
                Err(CheckpointError::Origin { origin: self.origin.clone(), name: vkey.name().to_owned() })
            }
        }
    }

    /// Like [`check`](Self::check), and that nobody else signed it: as the log writes it.
    pub(crate) fn check_alone(&self, vkey: &VerifierKey) -> Result<(), CheckpointError> {
        self.check(vkey)?;
        match self.parse_note()?.signatures.len() {
            1 => Ok(()),
            count => Err(CheckpointError::Signatures { count }),
        }
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries the root covers.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the hash tree over these entries.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// The signed text, as it is in the log's `checkpoint` file.
    pub fn note(&self) -> &str {
        &self.note
    }

    fn parse_note(&self) -> Result<Note<'_>, NoteError> {
        note::parse(self.note.as_bytes())
    }
}

/// Why bytes are no checkpoint, or not one of the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It is no signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text has not three lines.
    #[error("a checkpoint has 3 lines (origin, size, root), not {count}")]
    Lines {
        /// How many it has.
        count: usize,
    },
    /// The second line is no size.
    #[error("size '{}' is not a plain decimal number of 64 bits", size.escape_debug())]
    Size {
        /// The line.
        size: String,
    },
    /// The third line is no root.
    #[error("the root is not the base64 text of 32 bytes")]
    Root,
    /// It is not signed by the key.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It is signed by the key, but of a log with another name.
    #[error("origin '{}' is not the key's name '{name}'", origin.escape_debug())]
    Origin {
        /// The checkpoint's first line.
        origin: String,
        /// The key's name.
        name: String,
    },
    /// There are signatures that the log did not write.
    #[error("{count} signatures where the log writes 1")]
    Signatures {
        /// How many there are.
        count: usize,
    },
}

fn parse_size(text: &str) -> Result<u64, CheckpointError> {
    // Only one spelling: no sign, no leading zeros.
    let size = text.parse::<u64>().ok().filter(|size| size.to_string() == text);
    size.ok_or_else(|| CheckpointError::Size { size: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_checkpoint_has_the_lines_of_the_specification() {
        let key = SigningKey::generate("example.com/bus").unwrap();
        let checkpoint = Checkpoint::sign(20_852_163, Hash::of_nothing(), &key);
        let lines: Vec<&str> = checkpoint.note().split('\n').collect();
        assert_eq!(lines[..4], ["example.com/bus", "20852163", &Hash::of_nothing().to_string(), ""]);
        assert!(lines[4].starts_with("— example.com/bus "));
        assert_eq!(lines[5..], [""]);

        let parsed = Checkpoint::parse(checkpoint.note().as_bytes()).unwrap();
        assert_eq!(parsed, checkpoint);
        assert_eq!(parsed.check_alone(&key.verifier_key()), Ok(()));
    }

    /// Signs `text` and says what reading and checking it comes to.
    fn outcome(text: &str) -> Result<(), CheckpointError> {
        let key = SigningKey::generate("log").unwrap();
        Checkpoint::parse(note::sign(text, &key).as_bytes())?.check(&key.verifier_key())
    }

    #[test]
    fn only_the_exact_form_is_a_checkpoint() {
        let root = Hash::of_nothing();
        assert_eq!(outcome(&format!("log\n0\n{root}\n")), Ok(()));
        assert_eq!(outcome(&format!("log\n18446744073709551615\n{root}\n")), Ok(()));
        for size in ["", "00", "01", "+1", "-1", " 1", "1e3", "18446744073709551616"] {
            let error = CheckpointError::Size { size: size.to_owned() };
            assert_eq!(outcome(&format!("log\n{size}\n{root}\n")), Err(error));
        }
        assert_eq!(outcome("log\n0\n\n"), Err(CheckpointError::Root));
        assert_eq!(outcome("log\n0\nAAAA\n"), Err(CheckpointError::Root));
        assert_eq!(outcome("log\n0\n"), Err(CheckpointError::Lines { count: 2 }));
        assert_eq!(outcome(&format!("log\n0\n{root}\nmore\n")), Err(CheckpointError::Lines { count: 4 }));
        let origin = CheckpointError::Origin { origin: "other".into(), name: "log".into() };
        assert_eq!(outcome(&format!("other\n0\n{root}\n")), Err(origin));
    }

    #[test]
    fn a_second_signature_is_for_elsewhere() {
        let key = SigningKey::generate("log").unwrap();
        let vkey = key.verifier_key();
        let checkpoint = Checkpoint::sign(1, Hash::of_nothing(), &key);
        let own_line = checkpoint.note().lines().last().unwrap();
        for line in ["— witness AAAAAAE=", own_line] {
            let more = Checkpoint::parse(format!("{}{line}\n", checkpoint.note()).as_bytes()).unwrap();
            assert_eq!(more.check(&vkey), Ok(()));
            assert_eq!(more.check_alone(&vkey), Err(CheckpointError::Signatures { count: 2 }));
        }
    }

    proptest! {
        #[test]
        fn anything_like_a_checkpoint_is_read_without_panic(
            text in "[a-z]{0,3}\n[0-9]{0,21}\n[A-Za-z0-9+/]{0,44}=?\n[a\n]{0,2}\n— [a-z]{1,2} [A-Za-z0-9+/=]{8,12}\n"
        ) {
            if let Ok(checkpoint) = Checkpoint::parse(text.as_bytes()) {
                prop_assert_eq!(checkpoint.note(), text);
            }
        }
    }
}
