//! The keys of a log: Ed25519, in the text forms of C2SP signed-note.
//!
//! ```text
//! <name>+<id>+<base64 of 0x01 and the public key>              verifier key ("vkey"), for everyone
//! PRIVATE+KEY+<name>+<id>+<base64 of 0x01 and the seed>        private key file, mode 0600
//!
//! id = first four bytes of SHA-256(name, newline, 0x01, public key), as eight lower-case hex digits
//! ```
//!
//! A key's name is the log's name (its *origin*): by convention a URL without a scheme. Each key has one
//! spelling; any other is refused. The private key is never printed, and lies outside the log's directory.

mod file;

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer;
use sha2::{Digest, Sha256};

pub use self::file::KeyFileError;

/// How long a key's name may be.
const NAME_BYTES_LIMIT: usize = 255;
/// What the format calls Ed25519 signatures.
const ED25519: u8 = 1;
const KEY_BYTES: usize = 32;

const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";

/// The key that signs a log's checkpoints.
pub struct SigningKey {
    vkey: VerifierKey,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// Makes a new key from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Name`] for a name that no key can have, [`KeyError::Randomness`] when there is none.
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        check_name(name)?;
        let mut seed = [0; KEY_BYTES];
        getrandom::fill(&mut seed).map_err(|error| KeyError::Randomness { problem: error.to_string() })?;
        Ok(Self::from_seed(name, &seed))
    }

    /// The public half.
    pub fn verifier_key(&self) -> VerifierKey {
        self.vkey.clone()
    }

    /// Signs bytes. The same bytes always get the same signature.
    pub(crate) fn sign(&self, text: &[u8]) -> [u8; 64] {
        self.key.sign(text).to_bytes()
    }

    /// Reads the private text form.
    fn from_private_text(text: &str) -> Result<Self, KeyError> {
        let parts = Parts::read(text.strip_prefix(PRIVATE_PREFIX).ok_or(KeyError::Form)?)?;
        let key = Self::from_seed(parts.name, &parts.key);
        parts.check_id(key.vkey.id)?;
        Ok(key)
    }

    fn to_private_text(&self) -> String {
        format!("{PRIVATE_PREFIX}{}", text(&self.vkey.name, self.vkey.id, self.key.as_bytes()))
    }

    fn from_seed(name: &str, seed: &[u8; KEY_BYTES]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        Self { vkey: VerifierKey::new(name, key.verifying_key().to_bytes()), key }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret)", self.vkey)
    }
}

/// The public key of a log, with the log's name; displays and parses as a vkey.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    key: [u8; KEY_BYTES],
}

impl VerifierKey {
    /// The bytes are those of a public key.
    fn new(name: &str, key: [u8; KEY_BYTES]) -> Self {
        let hash =
            Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(key).finalize();
        let id = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        Self { name: name.to_owned(), id, key }
    }

    /// The key's name, which is also the log's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The short number by which a signature names its key. It is no proof of anything.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether this key made `signature` over exactly `text`.
    pub(crate) fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&self.key);
        let signature = ed25519_dalek::Signature::from_slice(signature);
        key.and_then(|key| key.verify_strict(text, &signature?)).is_ok()
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let parts = Parts::read(text)?;
        ed25519_dalek::VerifyingKey::from_bytes(&parts.key).map_err(|_| KeyError::Point)?;
        let vkey = Self::new(parts.name, parts.key);
        parts.check_id(vkey.id)?;
        Ok(vkey)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(&self.name, self.id, &self.key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

/// Why a text is no key, or no key can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The name is not one that a key can have.
    #[error("key name '{}' {problem}", name.escape_debug())]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The text has not the parts of a key.
    #[error("not of the form name+id+base64 (a private key begins with {PRIVATE_PREFIX})")]
    Form,
    /// The id is not eight lower-case hex digits.
    #[error("key id '{}' is not eight lower-case hex digits", id.escape_debug())]
    Id {
        /// The id's text.
        id: String,
    },
    /// The key's bytes are not base64 of the right length.
    #[error("the key is not the base64 text of 33 bytes")]
    Base64,
    /// The key is for another kind of signature.
    #[error("signature type {kind} is not supported (1 is Ed25519)")]
    Type {
        /// The type's number.
        kind: u8,
    },
    /// The bytes are no Ed25519 public key.
    #[error("the bytes are no Ed25519 public key")]
    Point,
    /// Name, id and key do not belong together.
    #[error("key id {stated:08x} does not belong to this name and key (theirs is {found:08x})")]
    Mismatch {
        /// The id in the text.
        stated: u32,
        /// The id of the name and key in the text.
        found: u32,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system: {problem}")]
    Randomness {
        /// What it said.
        problem: String,
    },
}

/// The parts that both text forms share.
struct Parts<'a> {
    name: &'a str,
    id: u32,
    key: [u8; KEY_BYTES],
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Result<Self, KeyError> {
        let (name, rest) = text.split_once('+').ok_or(KeyError::Form)?;
        // The base64 text may contain further signs of addition.
        let (id, key) = rest.split_once('+').ok_or(KeyError::Form)?;
        check_name(name)?;
        Ok(Self { name, id: read_id(id)?, key: read_key(key)? })
    }

    fn check_id(&self, found: u32) -> Result<(), KeyError> {
        match self.id == found {
            true => Ok(()),
            false => Err(KeyError::Mismatch { stated: self.id, found }),
        }
    }
}

fn read_id(text: &str) -> Result<u32, KeyError> {
    let id = u32::from_str_radix(text, 16).ok().filter(|id| format!("{id:08x}") == text);
    id.ok_or_else(|| KeyError::Id { id: text.to_owned() })
}

fn read_key(text: &str) -> Result<[u8; KEY_BYTES], KeyError> {
    let bytes = STANDARD.decode(text).map_err(|_| KeyError::Base64)?;
    let [kind, key @ ..] = <[u8; 1 + KEY_BYTES]>::try_from(bytes).map_err(|_| KeyError::Base64)?;
    match kind {
        ED25519 => Ok(key),
        kind => Err(KeyError::Type { kind }),
    }
}

fn text(name: &str, id: u32, key: &[u8; KEY_BYTES]) -> String {
    let mut typed = [ED25519; 1 + KEY_BYTES];
    typed[1..].copy_from_slice(key);
    format!("{name}+{id:08x}+{}", STANDARD.encode(typed))
}

/// What a signed note allows as a key's name.
pub(crate) fn check_name(name: &str) -> Result<(), KeyError> {
    let problem = if name.is_empty() {
        "is empty"
    } else if name.len() > NAME_BYTES_LIMIT {
        "is longer than 255 bytes"
    } else if name.contains('+') {
        "contains a +"
    } else if name.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        "contains a space or a control character"
    } else {
        return Ok(());
    };
    Err(KeyError::Name { name: name.to_owned(), problem })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The verifier key that the specification gives as its example.
    const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn the_key_of_the_specification_is_read() {
        let vkey: VerifierKey = VKEY.parse().unwrap();
        assert_eq!((vkey.name(), vkey.id()), ("example.com/foo", 0x530d_903a));
        assert_eq!(vkey.to_string(), VKEY);
    }

    #[test]
    fn a_key_that_is_not_one_says_why() {
        let error = |text: &str| text.parse::<VerifierKey>().unwrap_err();
        assert_eq!(error("example.com/foo"), KeyError::Form);
        assert_eq!(error("example.com/foo+530d903a"), KeyError::Form);
        assert!(matches!(error(&VKEY.replace("/foo", "/ foo")), KeyError::Name { .. }));
        assert!(matches!(error(&VKEY[15..]), KeyError::Name { problem: "is empty", .. }));
        assert!(matches!(error(&VKEY.replace("530d", "530D")), KeyError::Id { .. }));
        assert!(matches!(error(&VKEY.replace("530d", "+30d")), KeyError::Form | KeyError::Id { .. }));
        assert_eq!(error(&VKEY[..60]), KeyError::Base64);
        assert_eq!(error(&format!("{VKEY}\n")), KeyError::Base64);
        assert_eq!(error(&VKEY.replace("+Ae", "+Be")), KeyError::Type { kind: 5 });
        let mismatch = KeyError::Mismatch { stated: 0x530d_903b, found: 0x530d_903a };
        assert_eq!(error(&VKEY.replace("903a", "903b")), mismatch);
        assert_eq!(
            mismatch.to_string(),
            "key id 530d903b does not belong to this name and key (theirs is 530d903a)"
        );
    }

    #[test]
    fn a_name_keeps_to_what_a_note_allows() {
        for name in ["", "a b", "a+b", "a\u{2003}b", "a\nb", "a\0b", &"n".repeat(256)] {
            assert!(matches!(SigningKey::generate(name), Err(KeyError::Name { .. })), "{name:?}");
        }
        for name in ["a", "example.com/log", "ein-prüfer", &"n".repeat(255)] {
            let key = SigningKey::generate(name).unwrap();
            assert_eq!(key.verifier_key().to_string().parse(), Ok(key.verifier_key()));
        }
    }

    #[test]
    fn a_private_key_comes_back_from_its_text() {
        let key = SigningKey::generate("example.com/log").unwrap();
        let text = key.to_private_text();
        let again = SigningKey::from_private_text(&text).unwrap();
        assert_eq!(again.verifier_key(), key.verifier_key());
        assert!(key.verifier_key().has_signed(b"text", &again.sign(b"text")));
        assert!(!key.verifier_key().has_signed(b"texts", &again.sign(b"text")));
        let renamed = text.replace("/log+", "/other+");
        assert!(matches!(SigningKey::from_private_text(&renamed), Err(KeyError::Mismatch { .. })));
        assert!(!format!("{key:?}").contains(&text[text.len() - 20..]), "debug output keeps the secret");
    }

    #[test]
    fn two_keys_of_one_name_differ() {
        let [one, two] = [(); 2].map(|()| SigningKey::generate("log").unwrap().verifier_key());
        assert_ne!(one, two);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(PRIVATE\\+KEY\\+)?.{0,8}[+]?[0-9a-f]{0,9}[+]?[A-Za-z0-9+/=]{0,48}") {
            let _ = SigningKey::from_private_text(&text);
            if let Ok(vkey) = text.parse::<VerifierKey>() {
                prop_assert_eq!(vkey.to_string(), text);
            }
        }

        #[test]
        fn a_key_with_one_letter_changed_is_another_or_none(at in 0..VKEY.len(), letter in "[ -~]") {
            let changed = format!("{}{letter}{}", &VKEY[..at], &VKEY[at + 1..]);
            prop_assume!(changed != VKEY);
            prop_assert!(changed.parse::<VerifierKey>().is_err(), "{}", changed);
        }
    }
}
