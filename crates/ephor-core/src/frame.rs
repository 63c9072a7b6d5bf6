//! The fixed-size bytes that cross a lane.
//!
//! ```text
//! Frame64    | header 32 | payload 32 |                one cache line
//! Frame128   | header 32 | payload 96              |   two
//! ```
//!
//! A topology uses one of the two for all its messages, as a type parameter.

use std::fmt::Debug;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::{HEADER_BYTES, Header, Message};

mod sealed {
    pub trait Sealed {}
}

/// One of the two frames, [`Frame64`] or [`Frame128`].
pub trait Frame:
    Copy + Send + Sync + Debug + FromBytes + IntoBytes + Immutable + KnownLayout + sealed::Sealed + 'static
{
    /// Bytes that a message may take.
    const PAYLOAD_BYTES: usize;

    /// Whether the check runs on it. Only a bench's twin says no.
    #[doc(hidden)]
    const IS_GOVERNED: bool;

    /// A frame of zeros.
    fn blank() -> Self;

    /// The header.
    fn header(&self) -> &Header;

    /// The header, to be changed.
    fn header_mut(&mut self) -> &mut Header;

    /// The payload's bytes.
    fn payload(&self) -> &[u8];

    /// The payload's bytes, to be changed.
    fn payload_mut(&mut self) -> &mut [u8];

    /// Puts `message` behind `header`. Does not compile when the message does not fit this frame.
    #[inline(always)]
    fn carry<M: Message>(header: Header, message: &M) -> Self {
        const {
            assert!(
                M::BYTES <= Self::PAYLOAD_BYTES,
                "the message does not fit this frame: use Frame128, or put what is larger into a pool block and send its handle"
            );
        }
        let mut frame = Self::blank();
        *frame.header_mut() = header;
        message.write(frame.payload_mut());
        frame
    }

    /// Reads the message; `None` when the kind is another or the bytes are no valid value.
    #[inline(always)]
    fn open<M: Message>(&self) -> Option<M> {
        if self.header().kind == M::KIND { M::read(self.payload()) } else { None }
    }
}

macro_rules! frame {
    ($name:ident, $bytes:literal, $is_governed:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
        #[repr(C, align(64))]
        pub struct $name {
            header: Header,
            payload: [u8; $bytes - HEADER_BYTES],
        }

        const _: () = assert!(size_of::<$name>() == $bytes);
        const _: () = assert!(align_of::<$name>() == 64);
        const _: () = assert!(!std::mem::needs_drop::<$name>());

        impl sealed::Sealed for $name {}

        impl Frame for $name {
            const PAYLOAD_BYTES: usize = $bytes - HEADER_BYTES;
            const IS_GOVERNED: bool = $is_governed;

            #[inline(always)]
            fn blank() -> Self {
                Self::new_zeroed()
            }

            #[inline(always)]
            fn header(&self) -> &Header {
                &self.header
            }

            #[inline(always)]
            fn header_mut(&mut self) -> &mut Header {
                &mut self.header
            }

            #[inline(always)]
            fn payload(&self) -> &[u8] {
                &self.payload
            }

            #[inline(always)]
            fn payload_mut(&mut self) -> &mut [u8] {
                &mut self.payload
            }
        }
    };
}

frame!(
    Frame64,
    64,
    true,
    "One cache line: a header and 32 bytes of payload, copied by value and never dropped."
);
frame!(
    Frame128,
    128,
    true,
    "Two cache lines: a header and 96 bytes of payload, copied by value and never dropped."
);
#[cfg(feature = "twin")]
frame!(
    Twin64,
    64,
    false,
    "A [`Frame64`] that nothing checks, so that a bench can tell what the check costs. For benches alone."
);
