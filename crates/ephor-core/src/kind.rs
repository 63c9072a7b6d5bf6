//! The number of a message type in the format.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Kinds are numbered below this, so that a compiled constitution can be one flat table.
pub const KIND_LIMIT: usize = 256;

/// Which message a payload is. Part of the recorded format: once given, a number is never reused.
///
/// 1 to 239 are for users, 240 to 255 for Ephor's own messages; 0 is no message.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
)]
#[repr(transparent)]
pub struct Kind(pub u8);

impl Kind {
    /// The first number that Ephor keeps for its own messages.
    pub const RESERVED: Kind = Kind(240);

    /// The number as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
