//! The slots of a ring: a power of two of them, addressed by sequence.
//!
//! A sequence grows for ever and its low bits pick the slot, so no index is ever out of bounds and nothing is
//! divided. Both ends of a lane hold a clone: the memory lives as long as either, and its address and mask lie
//! next to the cursors that each end works with.

use std::mem::{ManuallyDrop, MaybeUninit, needs_drop};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::lines::{LINE_BYTES, Memory, Pages};
use crate::sync::{AtomicU64, Cell};

/// The most slots that a lane may have.
pub const CAPACITY_LIMIT: usize = 1 << 20;

type Slot<T> = Cell<MaybeUninit<T>>;

/// A shared view of the slots. Neither `Send` nor `Sync` by itself, as it holds a raw pointer.
pub struct Slots<T> {
    base: NonNull<Slot<T>>,
    mask: usize,
    /// Keeps the memory behind `base` alive.
    memory: Arc<Memory>,
    /// Under the model checker one word of each slot is modelled apart from the value.
    #[cfg(loom)]
    words: Arc<[AtomicU64]>,
}

// SAFETY: a `Slots` that moves to another thread gives that thread nothing but the unsafe `write` and `read`,
// whose callers order their accesses, and through them values of `T`, which may move between threads.
unsafe impl<T: Send> Send for Slots<T> {}

impl<T> Clone for Slots<T> {
    fn clone(&self) -> Self {
        Self {
            base: self.base,
            mask: self.mask,
            memory: Arc::clone(&self.memory),
            #[cfg(loom)]
            words: Arc::clone(&self.words),
        }
    }
}

impl<T: Copy> Slots<T> {
    /// Allocates at least `capacity` slots, rounded up to a power of two, and touches every page of them.
    ///
    /// # Panics
    /// When `capacity` is 0 or above [`CAPACITY_LIMIT`].
    pub(crate) fn new(capacity: usize) -> Self {
        Self::on(capacity, Pages::Touched)
    }

    /// The same on `pages`.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub(crate) fn on(capacity: usize, pages: Pages) -> Self {
        const {
            assert!(align_of::<Slot<T>>() <= LINE_BYTES, "a lane carries values aligned to 64 bytes at most");
            assert!(!needs_drop::<Slot<T>>());
        }
        check_capacity(capacity);
        let count = capacity.next_power_of_two();
        let memory = Arc::new(Memory::new(count * size_of::<Slot<T>>(), pages));
        let base = NonNull::new(memory.base().cast::<Slot<T>>()).expect("an allocation is never at null");
        // Zeros are a slot already, but for the model checker, which wants to know of each.
        let to_write = if cfg!(loom) || pages == Pages::Touched { count } else { 0 };
        for index in 0..to_write {
            // SAFETY: `memory` has room for `count` slots and `index < count`.
            let slot = unsafe { base.add(index) };
            // SAFETY: `slot` is aligned (checked above), inside `memory`, and nobody else knows it yet.
            unsafe { slot.write(Slot::new(MaybeUninit::uninit())) };
        }
        Self {
            base,
            mask: count - 1,
            memory,
            #[cfg(loom)]
            words: (0..count).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The same view for a loop, whose address and mask can stay in registers: nobody else can change them, which the compiler
    /// cannot know of those in memory. Earned by `emit_all` of `benches/gates` (38 instructions a message, 31 with it).
    ///
    /// # Safety
    /// `self` outlives the answer, which is not dropped by hand.
    #[inline(always)]
    pub(crate) unsafe fn alias(&self) -> ManuallyDrop<Self> {
        // SAFETY: `self` is valid to read, and the copy is never dropped, so that the memory is given back once.
        ManuallyDrop::new(unsafe { std::ptr::read(self) })
    }

    /// How many slots there are.
    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.mask + 1
    }

    /// Asks for the lines of the slot of `sequence`, which will be written soon. A hint: it touches nothing.
    #[inline(always)]
    pub(crate) fn prefetch(&self, sequence: u64) {
        let slot: *const Slot<T> = self.slot(sequence);
        for line in 0..size_of::<T>().div_ceil(LINE_BYTES) {
            prefetch_for_write(slot.wrapping_byte_add(line * LINE_BYTES).cast());
        }
    }

    /// Where the slot of `sequence` is.
    #[cfg(not(loom))]
    #[inline(always)]
    pub(crate) fn place(&self, sequence: u64) -> *const T {
        let slot: *const Slot<T> = self.slot(sequence);
        slot.cast()
    }

    /// Writes `value` into the slot of `sequence`.
    ///
    /// # Safety
    /// - No reference into this slot is alive.
    /// - No other thread reads or writes this slot until it is told of the write by a release/acquire pair.
    #[inline(always)]
    pub(crate) unsafe fn write(&self, sequence: u64, value: T) {
        self.slot(sequence).with_mut(|slot| {
            // SAFETY: the slot is inside the allocation and aligned; the caller promises that it is ours alone.
            unsafe { slot.write(MaybeUninit::new(value)) }
        });
    }

    /// Writes all words of `value` but one into the slot of `sequence`, and returns that one.
    ///
    /// The value is a whole number of aligned, initialised words, as marked values are.
    ///
    /// # Safety
    /// As for [`write`](Self::write), of all words but that one.
    #[cfg(not(loom))]
    #[inline(always)]
    pub(crate) unsafe fn write_around(&self, sequence: u64, value: T, but: usize) -> u64 {
        let from = (&raw const value).cast::<u64>();
        self.slot(sequence).with_mut(|slot| {
            for index in (0..size_of::<T>() / size_of::<u64>()).filter(|index| *index != but) {
                // SAFETY: the index is inside the value.
                let source = unsafe { from.add(index) };
                // SAFETY: the index is inside the slot.
                let place = unsafe { slot.cast::<u64>().add(index) };
                // SAFETY: `source` is an initialised, aligned word of `value`.
                let word = unsafe { source.read() };
                // SAFETY: the slot is aligned, and the caller promises that this word is ours alone.
                unsafe { place.write(word) };
            }
        });
        // SAFETY: the word is inside the value.
        let rest = unsafe { from.add(but) };
        // SAFETY: it is an initialised, aligned word of `value`.
        unsafe { rest.read() }
    }

    /// Under the model checker the value is written whole, and the word apart from it holds the mark alone.
    ///
    /// # Safety
    /// As for [`write`](Self::write).
    #[cfg(loom)]
    pub(crate) unsafe fn write_around(&self, sequence: u64, value: T, _but: usize) -> u64 {
        // SAFETY: passed on to the caller.
        unsafe { self.write(sequence, value) };
        0
    }

    /// One word of the slot of `sequence`, to be read and written by several threads.
    #[cfg(not(loom))]
    #[inline(always)]
    pub(crate) fn word(&self, sequence: u64, index: usize) -> &AtomicU64 {
        assert!(index < size_of::<T>() / size_of::<u64>() && align_of::<T>() >= align_of::<u64>());
        self.slot(sequence).with_mut(|slot| {
            // SAFETY: the index is inside the slot.
            let word = unsafe { slot.cast::<u64>().add(index) };
            // SAFETY: the word is aligned and lives as long as `self`. A marked lane reads and writes it atomically
            // only, but through the `&T` of `read`, and while such a reference is alive nobody writes it.
            unsafe { AtomicU64::from_ptr(word) }
        })
    }

    #[cfg(loom)]
    pub(crate) fn word(&self, sequence: u64, _index: usize) -> &AtomicU64 {
        &self.words[sequence as usize & self.mask]
    }

    /// The value in the slot of `sequence`.
    ///
    /// # Safety
    /// - The slot was written, and that write happened before this call.
    /// - The slot is not written while the answer is alive.
    #[inline(always)]
    pub(crate) unsafe fn read(&self, sequence: u64) -> &T {
        self.slot(sequence).with(|slot| {
            // SAFETY: the slot is inside the allocation and aligned; the caller promises that nobody writes it.
            let slot = unsafe { &*slot };
            // SAFETY: the caller promises that the slot was written.
            unsafe { slot.assume_init_ref() }
        })
    }

    /// The values in `count` slots from that of `sequence`: the run up to the end of the ring, and the rest.
    ///
    /// # Safety
    /// - Each of these slots was written, and that write happened before this call.
    /// - None of them is written while the answer is alive.
    #[cfg(not(loom))]
    #[inline(always)]
    pub(crate) unsafe fn slices(&self, sequence: u64, count: usize) -> (&[T], &[T]) {
        let index = sequence as usize & self.mask;
        let before_end = count.min(self.capacity() - index);
        let start = self.base.cast::<T>().as_ptr();
        // SAFETY: the mask is one less than the number of slots, so the index is inside the allocation.
        let first = unsafe { start.add(index) };
        // SAFETY: these slots lie inside the allocation, a slot is laid out like its value, and the caller promises
        // that they are written and stay so.
        let first = unsafe { std::slice::from_raw_parts(first, before_end) };
        // SAFETY: likewise; the rest begins at the ring's first slot, and `count` is at most the capacity.
        let rest = unsafe { std::slice::from_raw_parts(start, count - before_end) };
        (first, rest)
    }

    #[inline(always)]
    fn slot(&self, sequence: u64) -> &Slot<T> {
        let index = sequence as usize & self.mask;
        // SAFETY: the mask is one less than the number of slots, so the index is inside the allocation.
        let slot = unsafe { self.base.add(index) };
        // SAFETY: `on` initialised every slot, or left it the zeros that it was, and `memory` keeps it alive as long as `self`.
        unsafe { slot.as_ref() }
    }
}

/// Asks for a line in a state in which it can be written.
#[cfg(all(target_arch = "x86_64", not(miri), not(loom)))]
#[inline(always)]
fn prefetch_for_write(line: *const u8) {
    // SAFETY: a prefetch has no effect on memory, registers or flags, whatever the address; processors that do not
    // know this one take it for no instruction.
    unsafe { std::arch::asm!("prefetchw [{}]", in(reg) line, options(nostack, preserves_flags, readonly)) };
}

#[cfg(not(all(target_arch = "x86_64", not(miri), not(loom))))]
fn prefetch_for_write(_: *const u8) {}

/// Asks for the lines of a value that will be read soon. A hint: it touches nothing, and the address may be of anything.
#[cfg(all(target_arch = "x86_64", not(miri), not(loom)))]
#[inline(always)]
pub fn prefetch_for_read<T>(value: *const T) {
    for line in 0..size_of::<T>().div_ceil(LINE_BYTES) {
        let line = value.wrapping_byte_add(line * LINE_BYTES);
        // SAFETY: a prefetch has no effect on memory, registers or flags, whatever the address.
        unsafe {
            std::arch::asm!("prefetcht0 [{}]", in(reg) line, options(nostack, preserves_flags, readonly))
        };
    }
}

/// Asks for the lines of a value that will be read soon: nothing, on this processor.
#[cfg(not(all(target_arch = "x86_64", not(miri), not(loom))))]
pub fn prefetch_for_read<T>(_: *const T) {}

/// Refuses a capacity that no lane can have.
///
/// # Panics
/// When `capacity` is 0 or above [`CAPACITY_LIMIT`].
pub(crate) fn check_capacity(capacity: usize) {
    assert!(
        (1..=CAPACITY_LIMIT).contains(&capacity),
        "a lane has 1 to {CAPACITY_LIMIT} slots, not {capacity}"
    );
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_rounded_up_to_a_power_of_two() {
        for (asked, got) in [(1, 1), (2, 2), (3, 4), (5, 8), (64, 64), (65, 128)] {
            assert_eq!(Slots::<u8>::new(asked).capacity(), got);
        }
    }

    #[test]
    fn slots_that_nobody_touched_are_slots() {
        let slots = Slots::<u64>::on(600, Pages::Untouched);
        for sequence in [0, 1023] {
            // SAFETY: this thread alone has the slots, and no reference into them is alive.
            unsafe { slots.write(sequence, sequence) };
            // SAFETY: it was just written.
            assert_eq!(unsafe { *slots.read(sequence) }, sequence);
        }
        slots.clear_marks::<0>();
    }

    #[test]
    fn a_sequence_beyond_the_capacity_finds_its_slot() {
        let slots = Slots::<u32>::new(4);
        for sequence in 0..4 {
            // SAFETY: this thread alone has the slots, and no reference into them is alive.
            unsafe { slots.write(sequence, sequence as u32 * 10) };
        }
        // SAFETY: the slot of 4 + 3 is that of 3, written above and not again.
        assert_eq!(unsafe { *slots.read((u64::MAX - 3) + 3) }, 30);
    }

    #[test]
    #[should_panic(expected = "a lane has 1 to 1048576 slots, not 0")]
    fn no_slots_are_refused() {
        Slots::<u8>::new(0);
    }

    #[test]
    #[should_panic(expected = "not 1048577")]
    fn too_many_slots_are_refused() {
        Slots::<u8>::new(CAPACITY_LIMIT + 1);
    }
}
