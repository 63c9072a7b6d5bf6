//! The hashes of RFC 6962: of an entry, of two hashes, and of nothing.
//!
//! An entry and a pair of hashes are hashed under different first bytes, so that no inner node can pass for
//! an entry.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// How many bytes a hash has.
pub(crate) const HASH_BYTES: usize = 32;

const LEAF_PREFIX: u8 = 0;
const NODE_PREFIX: u8 = 1;

/// A SHA-256 hash in the log's tree; displays as base64.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(transparent)]
pub struct Hash([u8; HASH_BYTES]);

impl Hash {
    /// The hash of an entry.
    pub(crate) fn of_leaf(entry: &[u8]) -> Self {
        Self(Sha256::new().chain_update([LEAF_PREFIX]).chain_update(entry).finalize().into())
    }

    /// The hash of two neighbours.
    pub(crate) fn of_node(left: &Hash, right: &Hash) -> Self {
        let mut node = [NODE_PREFIX; 1 + 2 * HASH_BYTES];
        node[1..=HASH_BYTES].copy_from_slice(&left.0);
        node[1 + HASH_BYTES..].copy_from_slice(&right.0);
        Self(Sha256::digest(node).into())
    }

    /// The root of a tree without entries.
    pub(crate) fn of_nothing() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// Reads a hash from its base64 text; `None` unless it is the one text of 32 bytes.
    pub(crate) fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// The hash's bytes.
    pub const fn bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes_come_out() {
        // SHA-256 of the empty string and of the single byte 0: published test values.
        assert_eq!(Hash::of_nothing().to_string(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(Hash::of_leaf(b"").to_string(), "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=");
    }

    #[test]
    fn a_node_is_no_leaf_of_the_same_bytes() {
        let (left, right) = (Hash::of_leaf(b"l"), Hash::of_leaf(b"r"));
        let bytes = [*left.bytes(), *right.bytes()].concat();
        assert_ne!(Hash::of_node(&left, &right), Hash::of_leaf(&bytes));
    }

    #[test]
    fn only_the_canonical_base64_is_read() {
        let text = Hash::of_nothing().to_string();
        assert_eq!(Hash::from_base64(&text), Some(Hash::of_nothing()));
        for bad in [&text[..43], &format!("{text}="), &text.replace("FU=", "FV="), "", &text[..40]] {
            assert_eq!(Hash::from_base64(bad), None, "{bad}");
        }
    }
}
