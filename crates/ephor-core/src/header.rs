//! The 32-byte header that stands at the same place in every frame.
//!
//! ```text
//! byte  0        8      10      12      14      16             24           32
//!       | stamp  | kind | flags | source | target | correlation | sent_ticks |
//! ```
//!
//! Integers are in the byte order of the machine: a frame lives inside one process.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{AgentId, Correlation, Flags, Kind, Message, Ticks};

/// Size of a header.
pub const HEADER_BYTES: usize = 32;

/// The 64-bit identity of the constitution that a message was sent under.
///
/// A consistency mark inside a process, not a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(transparent)]
pub struct Stamp(pub u64);

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Who sent what to whom, when, and under which constitution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Header {
    /// The constitution that the sender worked under.
    pub stamp: Stamp,
    /// Which message the payload is.
    pub kind: Kind,
    /// Priority, impact, tenant, loan and receipt.
    pub flags: Flags,
    /// The agent that sent the message over this hop.
    pub source: AgentId,
    /// The agent that the message goes to over this hop.
    pub target: AgentId,
    /// The sender's own number for the message; a receipt carries it back.
    pub correlation: Correlation,
    /// When the message was sent, on the bus clock.
    pub sent_ticks: Ticks,
}

const _: () = assert!(size_of::<Header>() == HEADER_BYTES);

impl Header {
    /// A header for a message of type `M`, with everything but its kind and loan mark left blank.
    pub const fn of<M: Message>() -> Self {
        let flags = if M::LOAN { Flags::new().with_loan() } else { Flags::new() };
        Self {
            stamp: Stamp(0),
            kind: M::KIND,
            flags,
            source: AgentId(0),
            target: AgentId(0),
            correlation: Correlation(0),
            sent_ticks: Ticks::ZERO,
        }
    }
}
