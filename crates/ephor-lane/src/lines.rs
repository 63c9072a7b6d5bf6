//! One allocation of cache lines, every page of it touched.
//!
//! It promises an address on a cache line boundary, room for the bytes asked for, zeros at first, and that
//! the first message does not pay for a page fault. It gives out a raw pointer and nothing else: who uses it
//! says why it may.

use std::cell::UnsafeCell;
use std::hint::black_box;
use std::mem::MaybeUninit;

/// Bytes of a cache line, as storage is aligned to it.
pub(crate) const LINE_BYTES: usize = 64;

#[repr(C, align(64))]
struct Line(UnsafeCell<[MaybeUninit<u8>; LINE_BYTES]>);

const _: () = assert!(size_of::<Line>() == LINE_BYTES && align_of::<Line>() == LINE_BYTES);

/// Memory for the lanes and the pool.
pub(crate) struct Lines(Box<[Line]>);

// SAFETY: a shared `Lines` only answers with its address; every byte is behind `UnsafeCell`, and each use of
// the pointer is an unsafe operation that has to show on its own that no other thread is in the way.
unsafe impl Sync for Lines {}

impl Lines {
    /// Allocates room for `bytes` bytes, all zero.
    pub(crate) fn new(bytes: usize) -> Self {
        // The compiler cannot see through the black box that these are zeros, so it has to store them rather
        // than ask for zeroed memory, whose pages would be mapped at the first use.
        let line = || Line(UnsafeCell::new(black_box([MaybeUninit::new(0); LINE_BYTES])));
        Self((0..bytes.div_ceil(LINE_BYTES)).map(|_| line()).collect())
    }

    /// The address of the first byte, on a cache line boundary.
    #[inline]
    pub(crate) fn base(&self) -> *mut u8 {
        UnsafeCell::raw_get(self.0.as_ptr().cast::<UnsafeCell<u8>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_starts_on_a_line_and_rounds_up() {
        for bytes in [0, 1, 63, 64, 65, 4097] {
            let lines = Lines::new(bytes);
            assert_eq!(lines.base().addr() % LINE_BYTES, 0);
            assert_eq!(lines.0.len(), bytes.div_ceil(64));
        }
    }
}
