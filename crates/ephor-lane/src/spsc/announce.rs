//! How a lane between two threads announces its values: by the cursor alone, or small batches by a mark in each value's line.

use crate::marks::Plain;
use crate::slots::Slots;

/// How values are written and announced.
pub trait Announce<T: Copy>: 'static {
    /// Whether there are marks.
    const HAS_MARKS: bool;

    /// Writes a value, unannounced; returns the word with its mark.
    ///
    /// # Safety
    /// As for [`Slots::write`].
    unsafe fn write(slots: &Slots<T>, sequence: u64, value: T) -> u64;

    /// That word of a value that was written and not announced.
    fn word(slots: &Slots<T>, sequence: u64) -> u64;

    /// Announces the values from `first` up to `end`, which is beyond it, by their marks; the last one's word is `word`.
    fn announce(slots: &Slots<T>, first: u64, end: u64, word: u64);

    /// Whether a value was announced by its mark.
    fn is_announced(slots: &Slots<T>, sequence: u64) -> bool;
}

/// Announces by the cursor alone; for any value.
#[derive(Debug)]
pub struct ByCursor;

/// Announces small batches in the values' own lines, by the byte at `AT` of each value.
#[derive(Debug)]
pub struct ByMark<const AT: usize>;

impl<T: Copy> Announce<T> for ByCursor {
    const HAS_MARKS: bool = false;

    #[inline(always)]
    unsafe fn write(slots: &Slots<T>, sequence: u64, value: T) -> u64 {
        // SAFETY: passed on to the caller.
        unsafe { slots.write(sequence, value) };
        0
    }

    #[inline(always)]
    fn word(_: &Slots<T>, _: u64) -> u64 {
        0
    }

    #[inline(always)]
    fn announce(_: &Slots<T>, _: u64, _: u64, _: u64) {}

    #[inline(always)]
    fn is_announced(_: &Slots<T>, _: u64) -> bool {
        false
    }
}

impl<T: Plain, const AT: usize> Announce<T> for ByMark<AT> {
    const HAS_MARKS: bool = true;

    #[inline(always)]
    unsafe fn write(slots: &Slots<T>, sequence: u64, value: T) -> u64 {
        // SAFETY: passed on to the caller.
        let word = unsafe { slots.write_but_mark::<AT>(sequence, value) };
        slots.write_unmarked::<AT>(sequence, word);
        word
    }

    #[inline(always)]
    fn word(slots: &Slots<T>, sequence: u64) -> u64 {
        slots.marked_word::<AT>(sequence)
    }

    #[inline(always)]
    fn announce(slots: &Slots<T>, first: u64, end: u64, word: u64) {
        slots.write_marked::<AT>(end - 1, word);
        // The first last: until it is announced, the consumer stops there.
        for sequence in (first..end - 1).rev() {
            slots.write_marked::<AT>(sequence, slots.marked_word::<AT>(sequence));
        }
    }

    #[inline(always)]
    fn is_announced(slots: &Slots<T>, sequence: u64) -> bool {
        slots.is_announced::<AT>(sequence)
    }
}
