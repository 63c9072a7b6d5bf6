//! A lane between two threads: one producer, one consumer, one ring.
//!
//! It promises that values arrive in order, each once; that what was emitted is visible only when it is
//! published, all of it at once, and can be taken back until then; and that free space which the producer has
//! seen can only grow, since nobody else fills it. Every operation is wait-free: a fixed number of steps,
//! whatever the other side does.
//!
//! Two cursors count for ever, each with one writer and on lines of its own. A side looks at the cursor of
//! the other only when its last view of it does not suffice:
//!
//! ```text
//!   released          known tail       published        private tail      released + capacity
//!   (consumer writes) (consumer's      (producer        (producer's       (producer's view:
//!      |               view)            writes)          own)              `full_at`)
//! -----+================+===============+- - - - - - - -+                 +----> sequence
//!      | received or    | visible, not  | emitted, not  |  vacant         |
//!      | receivable     | yet seen      | visible       |                 |
//! ```
//!
//! A frame is `Copy`, so what is left in a lane when both ends are gone is forgotten, never dropped. When the
//! producer goes, its unpublished values are discarded and the consumer reads on to the end; when the
//! consumer goes, the producer is told and fills the lane at most once more.

use std::sync::Arc;

use crossbeam_utils::CachePadded;

use crate::slots::Slots;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// What one side writes and the other reads.
#[derive(Default)]
struct Side {
    /// Producer: how many were ever published. Consumer: how many were ever released.
    cursor: AtomicU64,
    gone: AtomicBool,
}

#[derive(Default)]
struct Shared {
    producer: CachePadded<Side>,
    consumer: CachePadded<Side>,
}

/// Makes a lane of `capacity` slots, rounded up to a power of two.
///
/// Allocates the storage on a cache line boundary and touches every page of it, so that no message pays for a
/// page fault. Nothing is allocated later.
///
/// # Panics
/// When `capacity` is 0 or above [`CAPACITY_LIMIT`](crate::CAPACITY_LIMIT).
pub fn channel<T: Copy + Send + 'static>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let slots = Slots::new(capacity);
    let shared = Arc::new(Shared::default());
    let full_at = slots.capacity() as u64;
    let producer =
        Producer { tail: 0, published: 0, full_at, slots: slots.clone(), shared: Arc::clone(&shared) };
    (producer, Consumer { head: 0, ready: 0, known_tail: 0, slots, shared })
}

/// The writing end. It may move between threads, but is neither shared nor cloned:
///
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<ephor_lane::spsc::Producer<u64>>();
/// ```
pub struct Producer<T: Copy + Send + 'static> {
    /// The sequence of the next value; at least `published`.
    tail: u64,
    /// What the consumer was told.
    published: u64,
    /// The sequence that finds the lane full, by the last look at the consumer's cursor.
    full_at: u64,
    slots: Slots<T>,
    shared: Arc<Shared>,
}

impl<T: Copy + Send + 'static> Producer<T> {
    /// How many values the lane holds when it is full.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// How many values can be emitted now. The answer can only grow until the next emit.
    ///
    /// Looks at the consumer's cursor only when fewer than `want` are known to be free.
    #[inline]
    pub fn free_at_least(&mut self, want: usize) -> usize {
        if self.free() < want {
            self.look();
        }
        self.free()
    }

    /// Writes `value` behind the private tail. The consumer sees nothing of it before
    /// [`publish`](Self::publish).
    ///
    /// # Errors
    /// `value` itself, when the lane is full.
    #[inline]
    pub fn emit(&mut self, value: T) -> Result<(), T> {
        if self.tail == self.full_at {
            self.look();
            if self.tail == self.full_at {
                return Err(value);
            }
        }
        // SAFETY: `tail < full_at`, so the consumer has released this slot, seen by the Acquire load in `look`
        // (or it was never used), and reads it again only once `publish` has moved the shared cursor past it.
        // `&mut self` on the only producer keeps every other writer out.
        unsafe { self.slots.write(self.tail, value) };
        self.tail += 1;
        Ok(())
    }

    /// The private tail: the sequence of the next value. Hand it to [`rewind`](Self::rewind) to take back
    /// what is emitted from here on.
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
            (self.published..=self.tail).contains(&mark),
            "mark {mark} is not between {} published and {} emitted",
            self.published,
            self.tail
        );
        self.tail = mark;
    }

    /// The values that were emitted since `mark` and are not published, oldest first.
    ///
    /// # Panics
    /// When `mark` is not between what is published and the private tail.
    pub fn staged_since(&self, mark: u64) -> impl Iterator<Item = &T> {
        assert!((self.published..=self.tail).contains(&mark), "mark {mark} is not among the staged values");
        (mark..self.tail).map(|sequence| {
            // SAFETY: `published <= sequence < tail`, so `emit` wrote this slot, and only `emit` through
            // `&mut self` writes it again.
            unsafe { self.slots.read(sequence) }
        })
    }

    /// Makes all staged values visible, with one store, and returns how many they were.
    #[inline]
    pub fn publish(&mut self) -> usize {
        let count = self.staged();
        if count > 0 {
            self.published = self.tail;
            // Publishes the slots below `tail`. Pairs with the Acquire load in `Consumer::receive`.
            self.shared.producer.cursor.store(self.tail, Ordering::Release);
        }
        count
    }

    /// How many values were emitted and not yet published.
    #[inline]
    pub fn staged(&self) -> usize {
        (self.tail - self.published) as usize
    }

    /// How many values were ever published.
    #[inline]
    pub fn published(&self) -> u64 {
        self.published
    }

    /// Whether the consumer is gone. From then on its released count, as
    /// [`free_at_least`](Self::free_at_least) shows it, is final.
    #[inline]
    pub fn is_closed(&self) -> bool {
        // Acquire makes the consumer's last release visible. Pairs with the Release store in its drop.
        self.shared.consumer.gone.load(Ordering::Acquire)
    }

    #[inline]
    fn free(&self) -> usize {
        (self.full_at - self.tail) as usize
    }

    /// Takes a fresh look at the consumer's cursor.
    #[inline]
    fn look(&mut self) {
        // The consumer is done with what it released before we write there. Pairs with the Release store in
        // `Consumer::release`.
        let released = self.shared.consumer.cursor.load(Ordering::Acquire);
        self.full_at = released + self.slots.capacity() as u64;
    }
}

impl<T: Copy + Send + 'static> Drop for Producer<T> {
    fn drop(&mut self) {
        // Makes the last publish visible with it. Pairs with the Acquire load in `Consumer::is_closed`.
        self.shared.producer.gone.store(true, Ordering::Release);
    }
}

/// The reading end. It may move between threads, but is neither shared nor cloned:
///
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<ephor_lane::spsc::Consumer<u64>>();
/// ```
pub struct Consumer<T: Copy + Send + 'static> {
    /// The sequence of the oldest value that is not released.
    head: u64,
    /// The end of what the last `receive` answered for.
    ready: u64,
    /// What the producer had published at the last look.
    known_tail: u64,
    slots: Slots<T>,
    shared: Arc<Shared>,
}

impl<T: Copy + Send + 'static> Consumer<T> {
    /// How many values can be read now, at most `limit`. They stay in the lane until they are released, and a
    /// later call counts them again.
    ///
    /// Looks at the producer's cursor, one load, only when fewer than `limit` are known.
    #[inline]
    pub fn receive(&mut self, limit: usize) -> usize {
        if self.known_tail - self.head < limit as u64 {
            // The slots below the cursor are written. Pairs with the Release store in `Producer::publish`.
            self.known_tail = self.shared.producer.cursor.load(Ordering::Acquire);
        }
        let count = (self.known_tail - self.head).min(limit as u64);
        self.ready = self.head + count;
        count as usize
    }

    /// Looks at a received value in place; 0 is the oldest that is not released.
    ///
    /// # Panics
    /// When `index` is not below the number of values that are received and not released.
    #[inline]
    pub fn get(&self, index: usize) -> &T {
        let left = self.left();
        assert!(index < left, "index {index} of {left} received");
        // SAFETY: `head + index < ready <= known_tail`, so the slot was written before the Acquire load in
        // `receive`. The producer leaves it alone until it is released, and `release` takes `&mut self`, so
        // not while the answer borrows `self`.
        unsafe { self.slots.read(self.head + index as u64) }
    }

    /// Looks at all received values in place, oldest first: two runs, since the ring wraps. Nothing is checked for
    /// each of them.
    #[inline]
    #[cfg(not(loom))]
    pub fn slices(&self) -> (&[T], &[T]) {
        // SAFETY: as in `get`, for every sequence from `head` to `ready`.
        unsafe { self.slots.slices(self.head, self.left()) }
    }

    /// Gives the slots of the `count` oldest received values back to the producer, with one store.
    ///
    /// # Panics
    /// When `count` is above the number of values that are received and not released.
    #[inline]
    pub fn release(&mut self, count: usize) {
        let left = self.left();
        assert!(count <= left, "release of {count} of {left} received");
        if count > 0 {
            self.head += count as u64;
            // Our reads of these slots come before. Pairs with the Acquire load in `Producer::look`.
            self.shared.consumer.cursor.store(self.head, Ordering::Release);
        }
    }

    /// How many values are published and not released. The producer may be publishing more.
    #[inline]
    pub fn len_estimate(&self) -> usize {
        // Relaxed: a number, by which nobody reads a slot.
        (self.shared.producer.cursor.load(Ordering::Relaxed) - self.head) as usize
    }

    /// Whether the producer is gone and every value that it published is released.
    #[inline]
    pub fn is_closed(&self) -> bool {
        // Acquire makes the producer's last publish visible to the count behind it. Pairs with the Release
        // store in its drop.
        self.shared.producer.gone.load(Ordering::Acquire) && self.len_estimate() == 0
    }

    /// How many values were ever released.
    #[inline]
    pub fn released(&self) -> u64 {
        self.head
    }

    #[inline]
    fn left(&self) -> usize {
        (self.ready - self.head) as usize
    }
}

impl<T: Copy + Send + 'static> Drop for Consumer<T> {
    fn drop(&mut self) {
        // Makes the last release visible with it. Pairs with the Acquire load in `Producer::is_closed`.
        self.shared.consumer.gone.store(true, Ordering::Release);
    }
}
