//! Signed notes (C2SP signed-note): a text, a blank line, and lines that sign it.
//!
//! ```text
//! any lines of text
//!
//! — <key name> <base64 of four bytes of key id and the signature>
//! ```
//!
//! A note that was read is not to be believed: call [`Note::check`] with a key that is trusted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::key::{SigningKey, VerifierKey, check_name};

/// How large a note may be: 16 signatures of the largest known kind need less than half.
pub const NOTE_BYTES_LIMIT: usize = 1 << 18;

const SIGNATURE_PREFIX: &str = "— ";
const KEY_ID_BYTES: usize = 4;

/// A note, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// What is signed, with its last newline.
    pub text: &'a str,
    /// Who says to have signed it, in the note's order; at least one.
    pub signatures: Vec<Signature<'a>>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The name of the key.
    pub name: &'a str,
    /// The key's short number.
    pub id: u32,
    /// The signature's bytes; their length depends on the kind of key.
    pub bytes: Vec<u8>,
}

/// Reads a note. Allocates in proportion to its bytes, never panics.
///
/// # Errors
/// [`NoteError`] says which rule of the format the bytes break.
pub fn parse(bytes: &[u8]) -> Result<Note<'_>, NoteError> {
    if bytes.len() > NOTE_BYTES_LIMIT {
        return Err(NoteError::Size { bytes: bytes.len() });
    }
    let note = std::str::from_utf8(bytes).map_err(|error| NoteError::Utf8 { offset: error.valid_up_to() })?;
    if let Some(offset) = bytes.iter().position(|&byte| byte < b' ' && byte != b'\n') {
        return Err(NoteError::Control { offset });
    }
    let blank = note.rfind("\n\n").ok_or(NoteError::Blank)?;
    let (text, lines) = (&note[..=blank], &note[blank + 2..]);
    let lines = lines.strip_suffix('\n').ok_or(NoteError::End)?;
    let signatures = lines.split('\n').enumerate().map(|(at, line)| {
        parse_signature(line).ok_or_else(|| NoteError::Signature { line: text.lines().count() + 2 + at })
    });
    Ok(Note { text, signatures: signatures.collect::<Result<_, _>>()? })
}

fn parse_signature(line: &str) -> Option<Signature<'_>> {
    let (name, base64) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
    check_name(name).ok()?;
    let decoded = STANDARD.decode(base64).ok()?;
    let (id, bytes) = decoded.split_first_chunk::<KEY_ID_BYTES>()?;
    let id = u32::from_be_bytes(*id);
    (!bytes.is_empty()).then(|| Signature { name, id, bytes: bytes.to_vec() })
}

impl Note<'_> {
    /// Checks that `vkey` signed this note. Signatures of other keys are ignored.
    ///
    /// # Errors
    /// [`SignatureError`] when no signature names the key, or one that does is wrong.
    pub fn check(&self, vkey: &VerifierKey) -> Result<(), SignatureError> {
        let mut is_signed = false;
        for signature in self.signatures.iter().filter(|signature| signature.names(vkey)) {
            if !vkey.has_signed(self.text.as_bytes(), &signature.bytes) {
                return Err(SignatureError::Wrong { vkey: vkey.clone() });
            }
            is_signed = true;
        }
        is_signed.then_some(()).ok_or_else(|| SignatureError::Absent { vkey: vkey.clone() })
    }
}

impl Signature<'_> {
    /// Whether the line says that `vkey` made it.
    fn names(&self, vkey: &VerifierKey) -> bool {
        self.name == vkey.name() && self.id == vkey.id()
    }
}

/// Signs a text that ends in a newline, and returns the note.
pub(crate) fn sign(text: &str, key: &SigningKey) -> String {
    let vkey = key.verifier_key();
    let mut signature = vkey.id().to_be_bytes().to_vec();
    signature.extend(key.sign(text.as_bytes()));
    format!("{text}\n{SIGNATURE_PREFIX}{} {}\n", vkey.name(), STANDARD.encode(signature))
}

/// Why bytes are no note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// There are too many bytes.
    #[error("a note has at most {NOTE_BYTES_LIMIT} bytes, not {bytes}")]
    Size {
        /// How many there are.
        bytes: usize,
    },
    /// The bytes are not UTF-8.
    #[error("not UTF-8 at byte {offset}")]
    Utf8 {
        /// Where.
        offset: usize,
    },
    /// There is a control character other than newline.
    #[error("control character at byte {offset}")]
    Control {
        /// Where.
        offset: usize,
    },
    /// No blank line separates text and signatures.
    #[error("no blank line between text and signatures")]
    Blank,
    /// The last line does not end.
    #[error("the last signature line is missing or does not end in a newline")]
    End,
    /// A signature line is not one.
    #[error("line {line} is no signature line")]
    Signature {
        /// The line, from 1.
        line: usize,
    },
}

/// Why a note is not signed by a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// No signature names the key.
    #[error("no signature by key {vkey}")]
    Absent {
        /// The key.
        vkey: VerifierKey,
    },
    /// A signature names the key, which did not make it for this text.
    #[error("the signature is not that of key {vkey} over this text")]
    Wrong {
        /// The key.
        vkey: VerifierKey,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The specification's example of a note and its key.
    const NOTE: &str = "This is an example message.\n\n— example.com/foo \
        Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    fn vkey() -> VerifierKey {
        VKEY.parse().unwrap()
    }

    #[test]
    fn the_note_of_the_specification_is_accepted() {
        let note = parse(NOTE.as_bytes()).unwrap();
        assert_eq!(note.text, "This is an example message.\n");
        assert_eq!(note.check(&vkey()), Ok(()));
    }

    #[test]
    fn signatures_of_unknown_keys_are_ignored() {
        let more = format!("{NOTE}— witness.example/w AAAAAAE=\n— example.com/foo AAAAAAE=\n");
        let note = parse(more.as_bytes()).unwrap();
        assert_eq!(note.signatures.len(), 3);
        assert_eq!(note.check(&vkey()), Ok(()));
        let other = SigningKey::generate("example.com/foo").unwrap().verifier_key();
        assert_eq!(note.check(&other), Err(SignatureError::Absent { vkey: other.clone() }));
    }

    #[test]
    fn one_wrong_signature_of_the_key_is_enough_to_refuse() {
        let more = format!("{NOTE}— example.com/foo Uw2QOgE=\n");
        let note = parse(more.as_bytes()).unwrap();
        assert_eq!(note.check(&vkey()), Err(SignatureError::Wrong { vkey: vkey() }));
    }

    #[test]
    fn a_text_may_have_blank_lines() {
        let key = SigningKey::generate("log").unwrap();
        for text in ["a\n\nb\n", "a\n\n", "\n", "— a b\n"] {
            let note = sign(text, &key);
            let note = parse(note.as_bytes()).unwrap();
            assert_eq!(note.text, text);
            assert_eq!(note.check(&key.verifier_key()), Ok(()));
        }
    }

    #[test]
    fn what_is_no_note_says_why() {
        let error = |bytes: &[u8]| parse(bytes).unwrap_err();
        assert_eq!(error(b""), NoteError::Blank);
        assert_eq!(error(b"a\nb\n"), NoteError::Blank);
        assert_eq!(error(b"a\n\n"), NoteError::End);
        assert_eq!(error(&NOTE.as_bytes()[..NOTE.len() - 1]), NoteError::End);
        assert_eq!(error(b"a\r\n\n"), NoteError::Control { offset: 1 });
        assert_eq!(error(b"a\xff\n\n"), NoteError::Utf8 { offset: 1 });
        for line in ["", "—  AAAAAAE=", "- a AAAAAAE=", "— a AAAAAA==", "— a AAAAAAE", "— a  AAAAAAE="]
        {
            assert_eq!(
                error(format!("a\nb\n\n{line}\n").as_bytes()),
                match line {
                    "" => NoteError::End,
                    _ => NoteError::Signature { line: 4 },
                }
            );
        }
        let large = vec![b'a'; NOTE_BYTES_LIMIT + 1];
        assert_eq!(error(&large), NoteError::Size { bytes: NOTE_BYTES_LIMIT + 1 });
    }

    #[test]
    fn no_byte_of_a_note_can_change() {
        for at in 0..NOTE.len() {
            for bit in 0..8 {
                let mut bytes = NOTE.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                let is_accepted = parse(&bytes).is_ok_and(|note| note.check(&vkey()).is_ok());
                assert!(!is_accepted, "byte {at}, bit {bit}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn anything_like_a_note_is_read_without_panic(note in "[a-z\n]{0,9}\n\n(— [a-z]{0,2} [A-Za-z0-9+/=]{0,12}\n){0,3}") {
            if let Ok(note) = parse(note.as_bytes()) {
                prop_assert!(note.text.ends_with('\n') && !note.signatures.is_empty());
                prop_assert!(note.check(&vkey()).is_err());
            }
        }
    }
}
