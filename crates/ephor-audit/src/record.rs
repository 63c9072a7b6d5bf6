//! The audit record as an entry of the log: 160 bytes that mean the same tomorrow.
//!
//! ```text
//! byte   0        1            2         3              4       6       8     10     12      14
//!        version  disposition  boundary  payload_bytes  source  target  kind  flags  worker  verdict
//!        16     24           32          40        48        56       64                      160
//!        stamp  correlation  sent_ticks  at_ticks  sequence  reasons  payload (96 bytes)  ...
//! ```
//!
//! Little-endian throughout. Each record has one encoding, and each encoding that decodes is that of one
//! record. Behind the tree's prefix byte it fills three SHA-256 blocks.

use zerocopy::little_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// How many bytes an encoded record has.
pub const RECORD_BYTES: usize = 160;
/// How many payload bytes a record has room for.
pub const RECORD_PAYLOAD_BYTES: usize = 96;

/// The encoding's version, its first byte.
const VERSION: u8 = 1;

/// One fate of one message, in plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The stamp that the message carried.
    pub stamp: u64,
    /// What ties a reply to its request.
    pub correlation: u64,
    /// When the message was sent, on the bus clock.
    pub sent_ticks: u64,
    /// When its fate was settled, on the bus clock.
    pub at_ticks: u64,
    /// The record's number among those of its producer; a missing number shows a gap.
    pub sequence: u64,
    /// Reasons of the handler that denied or held it.
    pub reasons: u64,
    /// The agent that sent the message.
    pub source: u16,
    /// The agent that it was for.
    pub target: u16,
    /// The message's kind.
    pub kind: u16,
    /// The header's flags.
    pub flags: u16,
    /// The worker that settled its fate.
    pub worker: u16,
    /// Reasons of the check; zero is permit.
    pub verdict: u16,
    /// What became of the message.
    pub disposition: u8,
    /// Where.
    pub boundary: u8,
    /// How many bytes of `payload` are the message's, at most [`RECORD_PAYLOAD_BYTES`].
    pub payload_bytes: u8,
    /// The message's payload.
    pub payload: [u8; RECORD_PAYLOAD_BYTES],
}

impl AuditRecord {
    /// Writes the record's encoding. A `payload_bytes` beyond the payload's room is written as that room.
    pub fn encode(&self, out: &mut [u8; RECORD_BYTES]) {
        let wire = Wire {
            version: VERSION,
            disposition: self.disposition,
            boundary: self.boundary,
            payload_bytes: self.payload_bytes.min(RECORD_PAYLOAD_BYTES as u8),
            source: self.source.into(),
            target: self.target.into(),
            kind: self.kind.into(),
            flags: self.flags.into(),
            worker: self.worker.into(),
            verdict: self.verdict.into(),
            stamp: self.stamp.into(),
            correlation: self.correlation.into(),
            sent_ticks: self.sent_ticks.into(),
            at_ticks: self.at_ticks.into(),
            sequence: self.sequence.into(),
            reasons: self.reasons.into(),
            payload: self.payload,
        };
        out.copy_from_slice(wire.as_bytes());
    }

    /// Reads a record from an entry.
    ///
    /// # Errors
    /// [`DecodeError`] when the entry is no record of this version; entry 0 of a log never is one.
    pub fn decode(entry: &[u8]) -> Result<Self, DecodeError> {
        let wire = Wire::read_from_bytes(entry).map_err(|_| DecodeError::Length { bytes: entry.len() })?;
        if wire.version != VERSION {
            return Err(DecodeError::Version { version: wire.version });
        }
        if usize::from(wire.payload_bytes) > RECORD_PAYLOAD_BYTES {
            return Err(DecodeError::Payload { bytes: wire.payload_bytes });
        }
        Ok(wire.into())
    }
}

/// Why an entry is no audit record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It has the wrong length.
    #[error("a record has {RECORD_BYTES} bytes, not {bytes}")]
    Length {
        /// The entry's length.
        bytes: usize,
    },
    /// It is of a version that this code does not know.
    #[error("record version {version} is unknown (this is version {VERSION})")]
    Version {
        /// The entry's first byte.
        version: u8,
    },
    /// It claims more payload than fits.
    #[error("a record holds up to {RECORD_PAYLOAD_BYTES} payload bytes, not {bytes}")]
    Payload {
        /// The claimed count.
        bytes: u8,
    },
}

/// The record in the order and byte order of the log.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Wire {
    version: u8,
    disposition: u8,
    boundary: u8,
    payload_bytes: u8,
    source: U16,
    target: U16,
    kind: U16,
    flags: U16,
    worker: U16,
    verdict: U16,
    stamp: U64,
    correlation: U64,
    sent_ticks: U64,
    at_ticks: U64,
    sequence: U64,
    reasons: U64,
    payload: [u8; RECORD_PAYLOAD_BYTES],
}

const _: () = assert!(size_of::<Wire>() == RECORD_BYTES);

impl From<Wire> for AuditRecord {
    fn from(wire: Wire) -> Self {
        Self {
            stamp: wire.stamp.get(),
            correlation: wire.correlation.get(),
            sent_ticks: wire.sent_ticks.get(),
            at_ticks: wire.at_ticks.get(),
            sequence: wire.sequence.get(),
            reasons: wire.reasons.get(),
            source: wire.source.get(),
            target: wire.target.get(),
            kind: wire.kind.get(),
            flags: wire.flags.get(),
            worker: wire.worker.get(),
            verdict: wire.verdict.get(),
            disposition: wire.disposition,
            boundary: wire.boundary,
            payload_bytes: wire.payload_bytes,
            payload: wire.payload,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record in which no two bytes of the head are alike.
    fn sample() -> AuditRecord {
        AuditRecord {
            stamp: u64::from_le_bytes([16, 17, 18, 19, 20, 21, 22, 23]),
            correlation: u64::from_le_bytes([24, 25, 26, 27, 28, 29, 30, 31]),
            sent_ticks: u64::from_le_bytes([32, 33, 34, 35, 36, 37, 38, 39]),
            at_ticks: u64::from_le_bytes([40, 41, 42, 43, 44, 45, 46, 47]),
            sequence: u64::from_le_bytes([48, 49, 50, 51, 52, 53, 54, 55]),
            reasons: u64::from_le_bytes([56, 57, 58, 59, 60, 61, 62, 63]),
            source: 0x0504,
            target: 0x0706,
            kind: 0x0908,
            flags: 0x0b0a,
            worker: 0x0d0c,
            verdict: 0x0f0e,
            disposition: 1,
            boundary: 2,
            payload_bytes: 3,
            payload: std::array::from_fn(|at| 64 + at as u8),
        }
    }

    #[test]
    fn every_field_has_the_drawn_place() {
        let mut out = [0; RECORD_BYTES];
        sample().encode(&mut out);
        let mut expected: [u8; RECORD_BYTES] = std::array::from_fn(|at| at as u8);
        expected[0] = VERSION;
        assert_eq!(out, expected);
    }

    #[test]
    fn what_is_no_record_says_why() {
        let mut entry = [0; RECORD_BYTES];
        sample().encode(&mut entry);
        assert_eq!(AuditRecord::decode(&entry), Ok(sample()));
        assert_eq!(AuditRecord::decode(&entry[1..]), Err(DecodeError::Length { bytes: 159 }));
        assert_eq!(AuditRecord::decode(&[0; 161]), Err(DecodeError::Length { bytes: 161 }));
        entry[3] = 97;
        assert_eq!(AuditRecord::decode(&entry), Err(DecodeError::Payload { bytes: 97 }));
        entry[0] = 2;
        assert_eq!(AuditRecord::decode(&entry), Err(DecodeError::Version { version: 2 }));
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(mut entry in prop::collection::vec(any::<u8>(), RECORD_BYTES)) {
            entry[0] = VERSION;
            entry[3] %= 97;
            let record = AuditRecord::decode(&entry).unwrap();
            let mut again = [0; RECORD_BYTES];
            record.encode(&mut again);
            prop_assert_eq!(&again[..], &entry[..]);
        }

        #[test]
        fn any_bytes_are_read_without_panic(entry: Vec<u8>) {
            let _ = AuditRecord::decode(&entry);
        }
    }
}
