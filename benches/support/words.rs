//! The message that every ring carries: whole cache lines of words, each written by the sender and read by the receiver.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `W` words, aligned to the cache line: 8 are 64 bytes, 16 are 128.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Words<const W: usize>(pub [u64; W]);

impl<const W: usize> Words<W> {
    /// The message number `number`.
    #[inline(always)]
    pub fn of(number: u64) -> Self {
        let mut words = [0; W];
        for (at, word) in words.iter_mut().enumerate() {
            *word = number.wrapping_add(at as u64);
        }
        Self(words)
    }

    /// What its words add up to.
    #[inline(always)]
    pub fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, word| sum.wrapping_add(*word))
    }
}

/// Where the second word has its top byte.
pub const TOP_BYTE: usize = if cfg!(target_endian = "little") { 15 } else { 8 };

/// The same, whose second word leaves its top byte to the lane, as a frame's header does.
macro_rules! spare_byte {
    ($name:ident, $words:literal) => {
        #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C, align(64))]
        #[doc = concat!(stringify!($words), " words, of which the lane has a byte.")]
        pub struct $name([u64; $words]);

        impl $name {
            #[inline(always)]
            /// These words, but for that byte.
            pub fn of(words: Words<$words>) -> Self {
                Self(words.0)
            }

            #[inline(always)]
            /// The words, with a zero where the lane's byte was.
            pub fn words(&self) -> Words<$words> {
                let mut words = self.0;
                words[1] &= u64::MAX >> 8;
                Words(words)
            }
        }
    };
}

spare_byte!(SpareByte8, 8);
spare_byte!(SpareByte16, 16);

/// What the words of the messages 0 to `messages` - 1 add up to.
pub fn sum_of<const W: usize>(messages: u64) -> u64 {
    let words = W as u64;
    let numbers = u128::from(messages) * u128::from(messages.saturating_sub(1)) / 2;
    let sum = numbers * u128::from(words) + u128::from(messages) * u128::from(words * (words - 1) / 2);
    sum as u64
}
