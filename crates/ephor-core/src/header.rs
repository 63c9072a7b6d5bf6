//! The 32-byte header that stands at the same place in every frame.
//!
//! ```text
//! byte  0        8      9      10      12       14       16            24           32
//!       | stamp  | kind | lane | flags | source | target | correlation | sent_ticks |
//! ```
//!
//! Integers are in the byte order of the machine: a frame lives inside one process.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{AgentId, Correlation, Flags, Kind, Message, Ticks};

/// Size of a header.
pub const HEADER_BYTES: usize = 32;
/// The same in words.
const HEADER_WORDS: usize = HEADER_BYTES / size_of::<u64>();

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

/// The byte of a frame that belongs to the lane that carries it.
///
/// A lane between workers announces a frame by it, in the frame's own cache line. It says nothing about the
/// message: any two are equal.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(transparent)]
pub struct LaneByte(u8);

impl PartialEq for LaneByte {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for LaneByte {}

impl std::fmt::Debug for LaneByte {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("_")
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
    /// Not the message's.
    pub lane: LaneByte,
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
const _: () = assert!(std::mem::offset_of!(Header, lane) == Header::LANE_AT);
const _: () =
    assert!(std::mem::offset_of!(Header, flags) == 10 && std::mem::offset_of!(Header, target) == 14);

impl Header {
    /// Where in a header, and so in a frame, the lane's byte is.
    pub const LANE_AT: usize = 9;

    /// A header for a message of type `M`, with everything but its kind and loan mark left blank.
    pub const fn of<M: Message>() -> Self {
        let flags = if M::LOAN { Flags::new().with_loan() } else { Flags::new() };
        Self {
            stamp: Stamp(0),
            kind: M::KIND,
            lane: LaneByte(0),
            flags,
            source: AgentId(0),
            target: AgentId(0),
            correlation: Correlation(0),
            sent_ticks: Ticks::ZERO,
        }
    }

    /// Kind, flags, source and target as one word, for comparing all four at once. The lane's byte is 0 in it.
    #[inline(always)]
    pub fn route(&self) -> u64 {
        let bytes: &[u8; HEADER_BYTES] = zerocopy::transmute_ref!(self);
        let word = bytes[8..].first_chunk().copied().map_or(0, u64::from_ne_bytes);
        word & !ROUTE_LANE_BITS
    }

    /// Whether nothing differs that the check looks at but the time: stamp, kind, flags, source and target are the same.
    #[inline(always)]
    pub fn is_like(&self, other: &Header) -> bool {
        (self.stamp.0 ^ other.stamp.0) | (self.route() ^ other.route()) == 0
    }

    /// Whether nothing differs that the check looks at, the time included, between this header and any of `others`. Without a
    /// branch for each.
    #[inline(always)]
    pub fn is_same_as_all<'a>(&self, others: impl IntoIterator<Item = &'a Header>) -> bool {
        let own: &[u64; HEADER_WORDS] = zerocopy::transmute_ref!(self);
        let mut differences = [0; HEADER_WORDS];
        for other in others {
            let words: &[u64; HEADER_WORDS] = zerocopy::transmute_ref!(other);
            for at in 0..HEADER_WORDS {
                differences[at] |= own[at] ^ words[at];
            }
        }
        let [stamp, route, _correlation, time] = differences;
        stamp | (route & !ROUTE_LANE_BITS) | time == 0
    }
}

/// Where the lane's byte is in the word of [`Header::route`].
const ROUTE_LANE_BITS: u64 = u64::from_ne_bytes([0, 0xff, 0, 0, 0, 0, 0, 0]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Impact, Tenant};

    #[test]
    fn headers_are_the_same_when_they_differ_in_correlation_and_the_lanes_byte_alone() {
        let header = Header { kind: Kind(3), source: AgentId(4), target: AgentId(5), ..Header::default() };
        let same = Header { correlation: Correlation(7), lane: LaneByte(9), ..header };
        assert!(header.is_same_as_all([&same, &header, &same]));
        assert!(header.is_same_as_all([]));
        for other in [
            Header { stamp: Stamp(1), ..header },
            Header { kind: Kind(2), ..header },
            Header { source: AgentId(260), ..header },
            Header { target: AgentId(6), ..header },
            Header { sent_ticks: Ticks(1), ..header },
            Header { flags: Flags::new().with_tenant(Tenant(1)), ..header },
        ] {
            for at in 0..4 {
                let mut four = [&same; 4];
                four[at] = &other;
                assert!(!header.is_same_as_all(four), "{other:?} at {at}");
            }
        }
    }

    #[test]
    fn the_route_tells_apart_what_it_compares_and_leaves_the_lanes_byte_out() {
        let header = Header { kind: Kind(3), source: AgentId(4), target: AgentId(5), ..Header::default() };
        assert_eq!(Header { lane: LaneByte(9), ..header }.route(), header.route());
        assert_eq!(Header { stamp: Stamp(1), sent_ticks: Ticks(2), ..header }.route(), header.route());
        for other in [
            Header { kind: Kind(2), ..header },
            Header { source: AgentId(260), ..header },
            Header { target: AgentId(6), ..header },
            Header { flags: Flags::new().with_tenant(Tenant(1)), ..header },
            Header { flags: Flags::from_bits(0).with_impact(Impact::from_class(8)), ..header },
        ] {
            assert_ne!(other.route(), header.route(), "{other:?}");
            assert!(!other.is_like(&header), "{other:?}");
        }
        assert!(!Header { stamp: Stamp(1), ..header }.is_like(&header));
        let correlation = crate::Correlation(9);
        assert!(
            Header { lane: LaneByte(9), sent_ticks: Ticks(2), correlation, ..header }.is_like(&header),
            "the lane's byte, the time and the correlation do not matter"
        );
    }
}
