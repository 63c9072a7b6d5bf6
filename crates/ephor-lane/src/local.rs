//! A lane between two agents of one thread: the ring of [`spsc`](crate::spsc) without its atomics.
//!
//! It promises what [`spsc`](crate::spsc) promises, method by method, private tail included, so that moving an
//! agent to another worker changes where its edges live and nothing else. Both ends share plain cursors and
//! cannot leave their thread:
//!
//! ```compile_fail
//! fn moved<T: Send>() {}
//! moved::<ephor_lane::local::Producer<u64>>();
//! ```

use std::cell::Cell;
use std::rc::Rc;

use crate::lines::Pages;
use crate::slots::Slots;

#[derive(Default)]
struct Cursors {
    published: Cell<u64>,
    released: Cell<u64>,
    /// The sequence whose slot is the first; see [`Producer::free_at_least`].
    base: Cell<u64>,
}

/// Makes a lane of `capacity` slots, rounded up to a power of two, and touches every page of it.
///
/// # Panics
/// When `capacity` is 0 or above [`CAPACITY_LIMIT`](crate::CAPACITY_LIMIT).
pub fn channel<T: Copy + Send + 'static>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    channel_on(capacity, Pages::Touched)
}

/// Makes a lane whose memory is on `pages`. Otherwise as [`channel`].
///
/// # Panics
/// As [`channel`].
pub fn channel_on<T: Copy + Send + 'static>(capacity: usize, pages: Pages) -> (Producer<T>, Consumer<T>) {
    let slots = Slots::on(capacity, pages);
    let cursors = Rc::new(Cursors::default());
    let full_at = slots.capacity() as u64;
    let producer = Producer { tail: 0, full_at, base: 0, slots: slots.clone(), cursors: Rc::clone(&cursors) };
    (producer, Consumer { ready: 0, slots, cursors })
}

/// The writing end; see [`spsc::Producer`](crate::spsc::Producer).
pub struct Producer<T: Copy + Send + 'static> {
    /// The sequence of the next value; at least what is published.
    tail: u64,
    /// The sequence that finds the lane full, by the last look at what was released.
    full_at: u64,
    base: u64,
    slots: Slots<T>,
    cursors: Rc<Cursors>,
}

impl<T: Copy + Send + 'static> Producer<T> {
    /// How many values the lane holds when it is full.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// How many values can be emitted now, whatever the `want`: the exact number costs one load here.
    ///
    /// An empty lane begins anew at its first slot, so that one whose values are soon taken stays within a few cache lines,
    /// however large it is.
    #[inline]
    pub fn free_at_least(&mut self, _want: usize) -> usize {
        let released = self.cursors.released.get();
        self.full_at = released + self.slots.capacity() as u64;
        if released == self.tail {
            self.base = released;
            self.cursors.base.set(released);
        }
        (self.full_at - self.tail) as usize
    }

    /// Writes `value` behind the private tail; the consumer sees nothing of it before
    /// [`publish`](Self::publish).
    ///
    /// # Errors
    /// `value` itself, when the lane is full.
    #[inline]
    pub fn emit(&mut self, value: T) -> Result<(), T> {
        if self.tail == self.full_at && self.free_at_least(1) == 0 {
            return Err(value);
        }
        // SAFETY: fewer values than slots are unreleased, so this slot is vacant and the consumer, which reads
        // only what is published and not released, has no reference into it: all of those have been counted from the same
        // `base`, which moves only when there is none. Both ends are on this thread.
        unsafe { self.slots.write(self.tail - self.base, value) };
        self.tail += 1;
        Ok(())
    }

    /// Writes values behind the private tail, as [`emit`](Self::emit) does, until there is no more room or no more of them.
    /// Returns how many it wrote. None is taken from `values` that there is no room for.
    ///
    /// When `values` panics, nothing of it was emitted.
    #[inline]
    pub fn emit_all(&mut self, mut values: impl Iterator<Item = T>) -> usize {
        let room = self.free_at_least(1) as u64;
        let first = self.tail - self.base;
        let mut count = 0;
        while count < room
            && let Some(value) = values.next()
        {
            // SAFETY: as in `emit`: this slot is vacant, and the consumer is told of it by `publish` only.
            unsafe { self.slots.write(first + count, value) };
            count += 1;
        }
        self.tail += count;
        count as usize
    }

    /// The private tail: the sequence of the next value.
    #[inline]
    pub fn mark(&self) -> u64 {
        self.tail
    }

    /// Takes back every value that was emitted since `mark` and is not published.
    ///
    /// # Panics
    /// When `mark` is not between what is published and the private tail.
    #[inline]
    pub fn rewind(&mut self, mark: u64) {
        assert!(
            (self.published()..=self.tail).contains(&mark),
            "mark {mark} is not between {} published and {} emitted",
            self.published(),
            self.tail
        );
        self.tail = mark;
    }

    /// The values that were emitted since `mark` and are not published, oldest first.
    ///
    /// # Panics
    /// When `mark` is not between what is published and the private tail.
    pub fn staged_since(&mut self, mark: u64) -> impl Iterator<Item = &T> {
        assert!((self.published()..=self.tail).contains(&mark), "mark {mark} is not among the staged values");
        (mark..self.tail).map(|sequence| {
            // SAFETY: `published <= sequence < tail`, so `emit` wrote this slot, and only `emit` through
            // `&mut self` writes it again.
            unsafe { self.slots.read(sequence - self.base) }
        })
    }

    /// Makes all staged values visible and returns how many they were.
    #[inline]
    pub fn publish(&mut self) -> usize {
        let count = self.staged();
        self.cursors.published.set(self.tail);
        count
    }

    /// How many values were emitted and not yet published.
    #[inline]
    pub fn staged(&self) -> usize {
        (self.tail - self.published()) as usize
    }

    /// How many values were ever published.
    #[inline]
    pub fn published(&self) -> u64 {
        self.cursors.published.get()
    }

    /// Whether the consumer is gone.
    #[inline]
    pub fn is_closed(&self) -> bool {
        Rc::strong_count(&self.cursors) == 1
    }
}

/// The reading end; see [`spsc::Consumer`](crate::spsc::Consumer).
pub struct Consumer<T: Copy + Send + 'static> {
    /// The end of what the last `receive` answered for.
    ready: u64,
    slots: Slots<T>,
    cursors: Rc<Cursors>,
}

impl<T: Copy + Send + 'static> Consumer<T> {
    /// How many values can be read now, at most `limit`. They stay in the lane until they are released.
    #[inline]
    pub fn receive(&mut self, limit: usize) -> usize {
        let count = self.len_estimate().min(limit);
        self.ready = self.released() + count as u64;
        count
    }

    /// Looks at a received value in place; 0 is the oldest that is not released.
    ///
    /// # Panics
    /// When `index` is not below the number of values that are received and not released.
    #[inline]
    pub fn get(&self, index: usize) -> &T {
        let left = self.left();
        assert!(index < left, "index {index} of {left} received");
        // SAFETY: the slot lies between released and published, so it was written, and the producer writes it
        // again only when it is released, which takes `&mut self`: not while the answer borrows `self`.
        unsafe { self.slots.read(self.first() + index as u64) }
    }

    /// Looks at all received values in place, oldest first: two runs, since the ring wraps. Nothing is checked for
    /// each of them.
    #[inline]
    #[cfg(not(loom))]
    pub fn slices(&self) -> (&[T], &[T]) {
        // SAFETY: as in `get`, for every sequence from released to ready.
        unsafe { self.slots.slices(self.first(), self.left()) }
    }

    /// Gives the slots of the `count` oldest received values back to the producer.
    ///
    /// # Panics
    /// When `count` is above the number of values that are received and not released.
    #[inline]
    pub fn release(&mut self, count: usize) {
        let left = self.left();
        assert!(count <= left, "release of {count} of {left} received");
        self.cursors.released.set(self.released() + count as u64);
    }

    /// How many values are published and not released; exact here.
    #[inline]
    pub fn len_estimate(&self) -> usize {
        (self.cursors.published.get() - self.released()) as usize
    }

    /// Whether the producer is gone and every value that it published is released.
    #[inline]
    pub fn is_closed(&self) -> bool {
        Rc::strong_count(&self.cursors) == 1 && self.len_estimate() == 0
    }

    /// How many values were ever released.
    #[inline]
    pub fn released(&self) -> u64 {
        self.cursors.released.get()
    }

    #[inline]
    fn left(&self) -> usize {
        (self.ready - self.released()) as usize
    }

    /// Where the oldest value lies, counted from the first slot.
    #[inline]
    fn first(&self) -> u64 {
        self.released() - self.cursors.base.get()
    }
}
