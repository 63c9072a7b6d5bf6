//! Identities: the first eight bytes of a SHA-256 over fields with their lengths.
//!
//! Each field is preceded by its length, so no two lists of fields feed the hash the same bytes. Eight
//! bytes tell revisions apart; they are not a signature.

use std::fmt;

use sha2::{Digest, Sha256};

/// The identity of a policy or of its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    /// Sixteen hexadecimal digits, in the order of the hash's bytes.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

/// Feeds fields to a SHA-256, each after its length. Cloning one keeps what it was fed so far.
#[derive(Clone)]
pub(crate) struct Revisor(Sha256);

impl Revisor {
    /// Starts with a domain, so that a hash of one kind is never a hash of another.
    pub(crate) fn new(domain: &str) -> Self {
        let mut revisor = Self(Sha256::new());
        revisor.field(domain.as_bytes());
        revisor
    }

    pub(crate) fn field(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    pub(crate) fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    pub(crate) fn revision(self) -> Revision {
        Revision(first_word(&self.digest()))
    }
}

/// The first eight bytes as one number, big end first.
pub(crate) fn first_word(digest: &[u8; 32]) -> u64 {
    digest[..8].iter().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_prints_the_first_bytes_of_the_hash() {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&[0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]);
        assert_eq!(Revision(first_word(&digest)).to_string(), "0123456789abcdef");
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let hash = |fields: &[&str]| {
            let mut revisor = Revisor::new("test");
            fields.iter().for_each(|field| revisor.field(field.as_bytes()));
            revisor.revision()
        };
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["a"]), hash(&["a", ""]));
        assert_eq!(hash(&["a", "b"]), hash(&["a", "b"]));
    }
}
