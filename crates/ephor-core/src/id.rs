//! Numbers that name agents and messages.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The most agents of one topology, gateways included.
pub const AGENT_LIMIT: usize = 256;

/// The number of an agent in its topology, below [`AGENT_LIMIT`].
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
pub struct AgentId(pub u16);

impl AgentId {
    /// The number as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A sender's own number for one of its messages.
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
pub struct Correlation(pub u64);
