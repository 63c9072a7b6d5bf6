//! Marks: how a value announces itself in its own cache line.
//!
//! A value with a byte to spare can say by that byte that it is published. One line then crosses between
//! the cores for a message instead of two. The byte is read and written as part of the 8-byte word around it, always
//! atomically; the other words of the slot never are.
//!
//! ```text
//! mark 0           written by emit: not announced, or announced by the cursor
//! mark 1 + n % 2   announced, in lap n of the ring
//! ```
//!
//! Why no mark is taken for another lap's: when a slot comes round in lap n, its mark is what lap n - 1 left there, 0 or
//! 1 + (n - 1) % 2, until emit writes 0 and publish writes 1 + n % 2. None of the earlier two is the last. And a
//! consumer that has been at this slot in lap n - 1 cannot see what was there before, since a location's values are
//! seen in their order. A value that is rewound leaves 0, or what the next emit writes over it.

use std::hint::black_box;

use zerocopy::{FromBytes, IntoBytes};

use crate::lines::{PAGE_BYTES, Pages};
use crate::slots::Slots;
use crate::sync::{AtomicU64, Ordering};

/// A value of which one byte can belong to the lane that carries it: any bytes are a valid value, and none are padding, so
/// whichever byte is named, naming it is safe.
pub trait Plain: Copy + Send + FromBytes + IntoBytes + 'static {}

impl<T: Copy + Send + FromBytes + IntoBytes + 'static> Plain for T {}

const WORD_BYTES: usize = size_of::<u64>();

/// Where a value's mark is.
struct Place<T, const AT: usize>(std::marker::PhantomData<T>);

impl<T: Plain, const AT: usize> Place<T, AT> {
    /// The word that has the mark.
    const WORD: usize = {
        assert!(AT < size_of::<T>(), "the lane's byte lies inside the value");
        assert!(
            align_of::<T>() >= WORD_BYTES && size_of::<T>().is_multiple_of(WORD_BYTES),
            "a marked value is made of aligned words"
        );
        AT / WORD_BYTES
    };
    /// The mark's place in that word.
    const SHIFT: u32 = {
        let byte = (AT % WORD_BYTES) as u32;
        8 * if cfg!(target_endian = "little") { byte } else { WORD_BYTES as u32 - 1 - byte }
    };
    const BITS: u64 = 0xff << Self::SHIFT;
}

/// With the mark in the byte at `AT` of each value.
impl<T: Plain> Slots<T> {
    /// Allocates slots on `pages`, none of which has a mark; see [`Slots::on`].
    ///
    /// # Panics
    /// As there.
    pub(crate) fn unmarked<const AT: usize>(capacity: usize, pages: Pages) -> Self {
        let slots = Self::on(capacity, pages);
        // What nobody touched is zeros, and so without marks.
        if pages == Pages::Touched {
            slots.clear_marks::<AT>();
        }
        slots
    }

    /// Writes one word of every page, as it is: senders may be putting values in meanwhile.
    pub(crate) fn touch_marks<const AT: usize>(&self) {
        let stride = (PAGE_BYTES / size_of::<T>()).max(1);
        let last = self.capacity() - 1;
        for sequence in (0..last).step_by(stride).chain([last]) {
            // The compiler may not see that nothing changes: it would only read then, and reading maps no page of one's own.
            // Relaxed: it changes no mark.
            self.mark_word::<AT>(sequence as u64).fetch_or(black_box(0), Ordering::Relaxed);
        }
    }

    /// Clears every mark. Before the lane is given out.
    pub(crate) fn clear_marks<const AT: usize>(&self) {
        for sequence in 0..self.capacity() as u64 {
            // Relaxed: the ends are handed to their threads later.
            self.mark_word::<AT>(sequence).store(0, Ordering::Relaxed);
        }
    }

    /// Writes all of `value` into the slot of `sequence` but the word with the mark, which is returned.
    ///
    /// # Safety
    /// As for [`Slots::write`].
    #[inline(always)]
    pub(crate) unsafe fn write_but_mark<const AT: usize>(&self, sequence: u64, value: T) -> u64 {
        // SAFETY: passed on to the caller.
        unsafe { self.write_around(sequence, value, Place::<T, AT>::WORD) }
    }

    /// Writes the word that [`write_but_mark`](Self::write_but_mark) returned, unannounced.
    #[inline(always)]
    pub(crate) fn write_unmarked<const AT: usize>(&self, sequence: u64, word: u64) {
        // Relaxed: nobody takes a word without its mark for more than that.
        self.mark_word::<AT>(sequence).store(word & !Place::<T, AT>::BITS, Ordering::Relaxed);
    }

    /// Writes that word with the mark: announces the value, and with it everything that was written before.
    #[inline(always)]
    pub(crate) fn write_marked<const AT: usize>(&self, sequence: u64, word: u64) {
        let mark = self.mark_of(sequence) << Place::<T, AT>::SHIFT;
        // Publishes the slot. Pairs with the Acquire load in `is_announced`.
        self.mark_word::<AT>(sequence).store(word & !Place::<T, AT>::BITS | mark, Ordering::Release);
    }

    /// The word with the mark, as this thread has written it.
    #[inline(always)]
    pub(crate) fn marked_word<const AT: usize>(&self, sequence: u64) -> u64 {
        // Relaxed: it was written by this thread.
        self.mark_word::<AT>(sequence).load(Ordering::Relaxed)
    }

    /// Whether the value of `sequence` was announced by its mark.
    #[inline(always)]
    pub(crate) fn is_announced<const AT: usize>(&self, sequence: u64) -> bool {
        // The slot, and all before it, are written. Pairs with the Release store in `announce`.
        let word = self.mark_word::<AT>(sequence).load(Ordering::Acquire);
        word & Place::<T, AT>::BITS == self.mark_of(sequence) << Place::<T, AT>::SHIFT
    }

    /// The mark of the lap that `sequence` is in.
    #[inline(always)]
    fn mark_of(&self, sequence: u64) -> u64 {
        1 + u64::from(sequence & self.capacity() as u64 != 0)
    }

    #[inline(always)]
    fn mark_word<const AT: usize>(&self, sequence: u64) -> &AtomicU64 {
        self.word(sequence, Place::<T, AT>::WORD)
    }
}
