//! One allocation of cache lines, every page of it touched, or none on request.
//!
//! It promises an address on a cache line boundary, room for the bytes asked for, zeros at first, and that
//! the first message does not pay for a page fault, unless it was asked for untouched. It gives out a raw pointer and
//! nothing else: who uses it says why it may.

use std::cell::UnsafeCell;
use std::hint::black_box;
use std::mem::MaybeUninit;

/// Bytes of a cache line, as storage is aligned to it.
pub(crate) const LINE_BYTES: usize = 64;
/// Bytes of the smallest page that systems have.
pub(crate) const PAGE_BYTES: usize = 4096;

/// Who pays for the pages of new memory, which the system maps when they are first written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pages {
    /// Whoever makes the lane: every page is written at once.
    #[default]
    Touched,
    /// The first messages: the memory is asked for and left alone. Memory that the allocator has handed out before may be
    /// mapped all the same.
    Untouched,
}

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

/// Of which untouched memory is made: what allocators align to by themselves. Asked for more, the standard one writes the
/// zeros instead of leaving them to the system.
const BLOCK_BYTES: usize = 16;

#[repr(C, align(16))]
struct Block(UnsafeCell<[MaybeUninit<u8>; BLOCK_BYTES]>);

const _: () = assert!(size_of::<Block>() == BLOCK_BYTES && align_of::<Block>() == BLOCK_BYTES);

/// The same memory, its pages as they come from the allocator.
pub(crate) struct UntouchedLines(Box<[Block]>);

// SAFETY: as for `Lines`.
unsafe impl Sync for UntouchedLines {}

impl UntouchedLines {
    /// Allocates room for `bytes` bytes, all zero, and touches none of it.
    pub(crate) fn new(bytes: usize) -> Self {
        let blocks = Box::<[Block]>::new_zeroed_slice((bytes + LINE_BYTES).div_ceil(BLOCK_BYTES));
        // SAFETY: a `Block` is bytes that may be anything, so zeros are one.
        Self(unsafe { blocks.assume_init() })
    }

    /// The address of the first byte, on a cache line boundary.
    pub(crate) fn base(&self) -> *mut u8 {
        let start = UnsafeCell::raw_get(self.0.as_ptr().cast::<UnsafeCell<u8>>());
        let to_line = start.addr().next_multiple_of(LINE_BYTES) - start.addr();
        // SAFETY: `new` allocated a line more than was asked for, and the next boundary is less than a line away.
        unsafe { start.add(to_line) }
    }
}

/// What a lane's memory is kept alive by.
pub(crate) enum Memory {
    Touched(Lines),
    Untouched(UntouchedLines),
}

impl Memory {
    /// Allocates room for `bytes` bytes, all zero, on `pages`.
    pub(crate) fn new(bytes: usize, pages: Pages) -> Self {
        match pages {
            Pages::Touched => Self::Touched(Lines::new(bytes)),
            Pages::Untouched => Self::Untouched(UntouchedLines::new(bytes)),
        }
    }

    /// The address of the first byte, on a cache line boundary.
    pub(crate) fn base(&self) -> *mut u8 {
        match self {
            Self::Touched(lines) => lines.base(),
            Self::Untouched(lines) => lines.base(),
        }
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

    #[test]
    fn untouched_storage_starts_on_a_line_and_is_zeros_to_its_end() {
        for bytes in [1, 63, 64, 65, 4097] {
            let lines = UntouchedLines::new(bytes);
            let base = lines.base();
            assert_eq!(base.addr() % LINE_BYTES, 0);
            // SAFETY: the address is the first of `bytes` bytes.
            let last = unsafe { base.add(bytes - 1) };
            // SAFETY: inside the allocation, which was zeroed.
            assert_eq!(unsafe { last.read() }, 0);
        }
    }
}
