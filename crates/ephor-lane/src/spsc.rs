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
//! That costs a message two cache lines: its own and the cursor's. A batch of many spreads the second over all of them;
//! one message alone pays for both. So a lane of values with a byte to spare ([`channel_marked`]) announces a small batch
//! by a mark in each value's own line (`marks.rs`), the last value first, so that the first, announced last, makes all
//! visible at once; a larger batch goes by the cursor. The consumer looks first at whichever of the two told it something
//! last. What is announced by mark is not in the cursor until a later batch is, or the producer goes.
//!
//! A frame is `Copy`, so what is left in a lane when both ends are gone is forgotten, never dropped. When the
//! producer goes, its unpublished values are discarded and the consumer reads on to the end; when the
//! consumer goes, the producer is told and fills the lane at most once more.

mod announce;

use std::marker::PhantomData;
use std::sync::Arc;

use crossbeam_utils::CachePadded;

use self::announce::Announce;
pub use self::announce::{ByCursor, ByMark};
use crate::lines::Pages;
use crate::marks::Plain;
use crate::slots::Slots;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// The largest batch that a marked lane announces by marks. See `docs/performance.md`.
const MARKED_BATCH_MAX: usize = 7;

/// How many slots ahead a marked lane's producer asks for the lines that it will write, which the consumer has read a
/// lap ago, when it emits one by one: after a small batch, earned by `lane-items` of `benches/peers`, and after a large one.
/// A burst asks for none: see `docs/performance.md`.
const PREFETCH_SLOTS: u64 = 3;
const PREFETCH_SLOTS_BATCH: u64 = 16;

/// The most marks that one look looks at. It looks at one when the last look found nothing, and at twice as many after each
/// that found something: to look at a mark that is not there yet takes its line from the producer, and the reply to a message
/// that came alone would wait for it. Earned by `hop-rtt` of `benches/peers`.
const REACH_MAX: u64 = 64;

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
    channel_on(capacity, Pages::Touched)
}

/// Makes a lane whose memory is on `pages`. Otherwise as [`channel`].
///
/// # Panics
/// As [`channel`].
pub fn channel_on<T: Copy + Send + 'static>(capacity: usize, pages: Pages) -> (Producer<T>, Consumer<T>) {
    ends(Slots::on(capacity, pages), 0)
}

/// Makes a lane that announces small batches by marks in the values' own lines. Otherwise as [`channel`].
///
/// The byte at `AT` of each value belongs to the lane; what it holds when the value is received is unspecified. Does not
/// compile when a value has no such byte, or is not a whole number of aligned 8-byte words.
///
/// # Panics
/// When `capacity` is 0 or above [`CAPACITY_LIMIT`](crate::CAPACITY_LIMIT).
pub fn channel_marked<T: Plain, const AT: usize>(
    capacity: usize,
) -> (Producer<T, ByMark<AT>>, Consumer<T, ByMark<AT>>) {
    channel_marked_up_to(capacity, MARKED_BATCH_MAX)
}

/// Makes a lane that announces small batches by marks, whose memory is on `pages`. Otherwise as [`channel_marked`].
///
/// # Panics
/// As [`channel_marked`].
pub fn channel_marked_on<T: Plain, const AT: usize>(
    capacity: usize,
    pages: Pages,
) -> (Producer<T, ByMark<AT>>, Consumer<T, ByMark<AT>>) {
    ends(Slots::unmarked::<AT>(capacity, pages), MARKED_BATCH_MAX)
}

/// Makes a lane that announces batches of at most `batch_max` by marks; for those who measure what is best.
///
/// # Panics
/// When `capacity` is 0 or above [`CAPACITY_LIMIT`](crate::CAPACITY_LIMIT).
pub fn channel_marked_up_to<T: Plain, const AT: usize>(
    capacity: usize,
    batch_max: usize,
) -> (Producer<T, ByMark<AT>>, Consumer<T, ByMark<AT>>) {
    ends(Slots::unmarked::<AT>(capacity, Pages::Touched), batch_max)
}

fn ends<T, A>(slots: Slots<T>, marked_max: usize) -> (Producer<T, A>, Consumer<T, A>)
where
    T: Copy + Send + 'static,
    A: Announce<T>,
{
    let shared = Arc::new(Shared::default());
    let full_at = slots.capacity() as u64;
    let producer = Producer {
        tail: 0,
        published: 0,
        full_at,
        marked_max,
        ahead: PREFETCH_SLOTS,
        newest_word: 0,
        slots: slots.clone(),
        shared: Arc::clone(&shared),
        announce: PhantomData,
    };
    let consumer = Consumer {
        head: 0,
        ready: 0,
        known_tail: 0,
        is_marking: A::HAS_MARKS,
        reach: 1,
        slots,
        shared,
        announce: PhantomData,
    };
    (producer, consumer)
}

/// The writing end. It may move between threads, but is neither shared nor cloned:
///
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<ephor_lane::spsc::Producer<u64>>();
/// ```
pub struct Producer<T: Copy + Send + 'static, A: Announce<T> = ByCursor> {
    /// The sequence of the next value; at least `published`.
    tail: u64,
    /// What the consumer was told.
    published: u64,
    /// The sequence that finds the lane full, by the last look at the consumer's cursor.
    full_at: u64,
    /// The largest batch that is announced by marks.
    marked_max: usize,
    /// The word with the mark of the newest staged value. To read it back from its line, which the consumer may be asking
    /// for, cost a round trip a third of its time (`lane-rtt` of `benches/peers`: 391 ns, 296 without).
    newest_word: u64,
    /// How far ahead to prefetch, by the size of the last batch.
    ahead: u64,
    slots: Slots<T>,
    shared: Arc<Shared>,
    announce: PhantomData<fn(A)>,
}

impl<T: Copy + Send + 'static, A: Announce<T>> Producer<T, A> {
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
        self.newest_word = unsafe { A::write(&self.slots, self.tail, value) };
        if A::HAS_MARKS {
            self.slots.prefetch(self.tail + self.ahead);
        }
        self.tail += 1;
        Ok(())
    }

    /// Writes values behind the private tail, as [`emit`](Self::emit) does, until there is no more room or no more of them.
    /// Returns how many it wrote. None is taken from `values` that there is no room for.
    ///
    /// When `values` panics, nothing of it was emitted.
    #[inline]
    pub fn emit_all(&mut self, mut values: impl Iterator<Item = T>) -> usize {
        // SAFETY: it ends with this call, which borrows `self.slots`.
        let slots = unsafe { self.slots.alias() };
        let mut tail = self.tail;
        loop {
            if tail == self.full_at {
                self.look();
            }
            let (begun, full_at) = (tail, self.full_at);
            for value in values.by_ref().take((full_at - begun) as usize) {
                // SAFETY: as in `emit`: `tail < full_at`, and what lies from `self.tail` on is neither published nor staged.
                unsafe { A::write(&slots, tail, value) };
                tail += 1;
            }
            let is_at_end = tail < full_at;
            if is_at_end || tail == begun {
                break;
            }
        }
        let count = tail - self.tail;
        self.stand_at(tail);
        count as usize
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
        self.stand_at(mark);
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

    /// Makes all staged values visible at once and returns how many they were: one store, or one each for a small
    /// batch of marked values.
    #[inline]
    pub fn publish(&mut self) -> usize {
        let count = self.staged();
        if count > 0 {
            if A::HAS_MARKS && count <= self.marked_max {
                A::announce(&self.slots, self.published, self.tail, self.newest_word);
                self.ahead = PREFETCH_SLOTS;
            } else {
                self.show_cursor();
                self.ahead = PREFETCH_SLOTS_BATCH;
            }
            self.published = self.tail;
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

    /// Moves the private tail, to behind a value that is staged, or to where nothing is.
    #[inline]
    fn stand_at(&mut self, tail: u64) {
        if tail != self.tail && tail != self.published {
            self.newest_word = A::word(&self.slots, tail - 1);
        }
        self.tail = tail;
    }

    #[inline]
    fn show_cursor(&self) {
        // Publishes the slots below `tail`. Pairs with the Acquire load in `Consumer::look_at_cursor`.
        self.shared.producer.cursor.store(self.tail, Ordering::Release);
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

impl<T: Copy + Send + 'static, A: Announce<T>> Drop for Producer<T, A> {
    fn drop(&mut self) {
        // What was announced by mark only is now in the cursor too; what was not published is discarded.
        self.tail = self.published;
        self.show_cursor();
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
pub struct Consumer<T: Copy + Send + 'static, A: Announce<T> = ByCursor> {
    /// The sequence of the oldest value that is not released.
    head: u64,
    /// The end of what the last `receive` answered for.
    ready: u64,
    /// What the producer had published at the last look.
    known_tail: u64,
    /// Whether it was a mark that told of the newest value.
    is_marking: bool,
    /// How many marks the next look may look at.
    reach: u64,
    slots: Slots<T>,
    shared: Arc<Shared>,
    announce: PhantomData<fn(A)>,
}

impl<T: Copy + Send + 'static, A: Announce<T>> Consumer<T, A> {
    /// How many values can be read now, at most `limit`. They stay in the lane until they are released, and a
    /// later call counts them again.
    ///
    /// Looks for more, at the producer's cursor and at the marks, only when fewer than `limit` are known. A marked lane
    /// may count a part of what is there, but never none when there is any; the next look finds more.
    #[inline]
    pub fn receive(&mut self, limit: usize) -> usize {
        if self.known_tail - self.head < limit as u64 {
            self.look(limit as u64);
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
        // `look`. The producer leaves it alone until it is released, and `release` takes `&mut self`, so
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

    /// Where the values behind those that were received lie, to be asked for
    /// ([`prefetch_for_read`](crate::prefetch_for_read)): when at least `count` are known to be published.
    #[inline(always)]
    #[cfg(not(loom))]
    pub fn next_batch(&self, count: usize) -> Option<*const T> {
        (self.known_tail - self.ready >= count as u64).then(|| self.slots.place(self.ready))
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
        // Acquire, although no slot is read: a mark may be looked at only beyond what was seen, or one of the lap
        // before the last could still be read there. Pairs with the Release store in `Producer::show_cursor`.
        let mut tail = self.shared.producer.cursor.load(Ordering::Acquire).max(self.known_tail);
        // Ends at the latest where the ring is full: the mark there is that of `head`, a lap ago.
        while A::is_announced(&self.slots, tail) {
            tail += 1;
        }
        (tail - self.head) as usize
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

    /// Looks for values beyond those that are known: first where the newest one was announced, then at the other
    /// place.
    #[inline]
    fn look(&mut self, limit: u64) {
        if !A::HAS_MARKS {
            self.look_at_cursor();
        } else if self.is_marking {
            self.is_marking = self.look_at_marks(limit) || !self.look_at_cursor();
        } else {
            self.is_marking = !self.look_at_cursor() && self.look_at_marks(limit);
        }
    }

    #[inline]
    fn look_at_cursor(&mut self) -> bool {
        // The slots below the cursor are written. Pairs with the Release store in `Producer::show_cursor`.
        let tail = self.shared.producer.cursor.load(Ordering::Acquire);
        // It lags behind what was announced by marks since.
        let is_news = tail > self.known_tail;
        self.known_tail = self.known_tail.max(tail);
        is_news
    }

    #[inline]
    fn look_at_marks(&mut self, limit: u64) -> bool {
        let before = self.known_tail;
        let end = self.head.saturating_add(limit).min(before + self.reach);
        let mut tail = before;
        while tail < end && A::is_announced(&self.slots, tail) {
            tail += 1;
        }
        self.known_tail = tail;
        self.reach = if tail == before { 1 } else { (2 * self.reach).min(REACH_MAX) };
        tail > before
    }

    #[inline]
    fn left(&self) -> usize {
        (self.ready - self.head) as usize
    }
}

impl<T: Copy + Send + 'static, A: Announce<T>> Drop for Consumer<T, A> {
    fn drop(&mut self) {
        // Makes the last release visible with it. Pairs with the Acquire load in `Producer::is_closed`.
        self.shared.consumer.gone.store(true, Ordering::Release);
    }
}
