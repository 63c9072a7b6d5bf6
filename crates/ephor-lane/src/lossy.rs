//! A lane for telemetry: a full lane sheds a value instead of holding up its sender.
//!
//! It promises that nothing is shed in silence: each [`offer`](Producer::offer) takes the value in, and hands
//! out the one that had to go for it, to be counted. So offered = received + shed + in the lane, at any time.
//! Which value goes is chosen when the lane is made ([`Shed`]).
//!
//! Newest and oldest stand on one [`crossbeam_queue::ArrayQueue`], because a single-producer ring cannot evict:
//! its producer may not move the consumer's cursor. Latest stands on one queue of one place per key, and a
//! word with one mark per key, so that the consumer looks only where something is new. No call waits for a
//! message or for room; an eviction that meets the consumer in the middle of taking that same value out spins
//! for the few instructions the copy takes.

#[cfg_attr(not(loom), expect(unreachable_pub, reason = "public to its model"))]
mod marks;

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use crate::batch::Batch;
use crate::slots::check_capacity;
use crate::sync::{AtomicBool, Ordering};

#[cfg(not(loom))]
use self::marks::Marks;
#[cfg(loom)]
pub use self::marks::Marks;

/// The most keys that a [`Shed::Latest`] lane can have.
pub const KEY_LIMIT: usize = 64;

/// Which value a full lane gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shed {
    /// The one that is being offered: history counts.
    Newest,
    /// The one that has waited longest: freshness counts.
    Oldest,
    /// The older value of the same key: only the present state of each key counts.
    Latest,
}

/// What became of an offer.
#[must_use = "a shed value has to be counted"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer<T> {
    /// The value is in the lane, and nothing was lost for it.
    Sent,
    /// This value was lost: the new one with [`Shed::Newest`] or a consumer that is gone, else an older one.
    Shed(T),
}

enum Store<T> {
    Newest(ArrayQueue<T>),
    Oldest(ArrayQueue<T>),
    Latest { places: Box<[ArrayQueue<T>]>, marks: Marks },
}

struct Shared<T> {
    store: Store<T>,
    producer_gone: AtomicBool,
    consumer_gone: AtomicBool,
}

/// Makes a lane of exactly `capacity` slots, or of `capacity` keys with [`Shed::Latest`].
///
/// # Panics
/// When `capacity` is 0 or above [`CAPACITY_LIMIT`](crate::CAPACITY_LIMIT), or [`KEY_LIMIT`] for keys.
pub fn channel<T: Copy + Send + 'static>(capacity: usize, shed: Shed) -> (Producer<T>, Consumer<T>) {
    check_capacity(capacity);
    let store = match shed {
        Shed::Newest => Store::Newest(ArrayQueue::new(capacity)),
        Shed::Oldest => Store::Oldest(ArrayQueue::new(capacity)),
        Shed::Latest => {
            assert!(capacity <= KEY_LIMIT, "a lane has 1 to {KEY_LIMIT} keys, not {capacity}");
            Store::Latest {
                places: (0..capacity).map(|_| ArrayQueue::new(1)).collect(),
                marks: Marks::default(),
            }
        }
    };
    let shared = Arc::new(Shared {
        store,
        producer_gone: AtomicBool::new(false),
        consumer_gone: AtomicBool::new(false),
    });
    (Producer { shared: Arc::clone(&shared) }, Consumer { batch: Batch::new(), marked: 0, shared })
}

/// The writing end.
pub struct Producer<T: Copy + Send + 'static> {
    shared: Arc<Shared<T>>,
}

impl<T: Copy + Send + 'static> Producer<T> {
    /// Puts `value` into the lane, and hands out the value that was lost for it, if one was.
    ///
    /// `key` is the place of the value with [`Shed::Latest`], and ignored otherwise.
    ///
    /// # Panics
    /// When the lane keeps the latest value per key and `key` is not one of its keys.
    #[inline]
    pub fn offer(&mut self, key: usize, value: T) -> Offer<T> {
        if self.is_closed() {
            return Offer::Shed(value);
        }
        let lost = match &self.shared.store {
            Store::Newest(queue) => queue.push(value).err(),
            Store::Oldest(queue) => queue.force_push(value),
            Store::Latest { places, marks } => {
                assert!(key < places.len(), "key {key} of {} keys", places.len());
                let lost = places[key].force_push(value);
                marks.set(key);
                lost
            }
        };
        lost.map_or(Offer::Sent, Offer::Shed)
    }

    /// Whether the consumer is gone. Every further offer is shed.
    #[inline]
    pub fn is_closed(&self) -> bool {
        // Relaxed: nothing is read on the strength of it.
        self.shared.consumer_gone.load(Ordering::Relaxed)
    }
}

impl<T: Copy + Send + 'static> Drop for Producer<T> {
    fn drop(&mut self) {
        // Makes the last offer visible with it. Pairs with the Acquire load in `Consumer::is_closed`.
        self.shared.producer_gone.store(true, Ordering::Release);
    }
}

/// The reading end.
pub struct Consumer<T: Copy + Send + 'static> {
    batch: Batch<T>,
    /// Keys taken from the marks whose places were not looked at yet.
    marked: u64,
    shared: Arc<Shared<T>>,
}

impl<T: Copy + Send + 'static> Consumer<T> {
    /// How many values can be read now, at most `limit` and at most [`BATCH_LIMIT`](crate::BATCH_LIMIT). They
    /// stay in the buffer until they are released, and cannot be shed any more.
    #[inline]
    pub fn receive(&mut self, limit: usize) -> usize {
        match &self.shared.store {
            Store::Newest(queue) | Store::Oldest(queue) => {
                // `pop` of an empty queue is a full fence; looking first costs two loads.
                self.batch.receive(limit, || if queue.is_empty() { None } else { queue.pop() })
            }
            Store::Latest { places, marks } => {
                let marked = &mut self.marked;
                self.batch.receive(limit, || next_marked(marked, marks, places))
            }
        }
    }

    /// Looks at a received value; 0 is the oldest that is not released.
    ///
    /// # Panics
    /// When `index` is not below the number of values that are received and not released.
    #[inline]
    pub fn get(&self, index: usize) -> &T {
        self.batch.get(index)
    }

    /// Looks at all received values, oldest first, in two runs.
    #[inline]
    pub fn slices(&self) -> (&[T], &[T]) {
        self.batch.slices()
    }

    /// Forgets the `count` oldest received values.
    ///
    /// # Panics
    /// When `count` is above the number of values that are received and not released.
    #[inline]
    pub fn release(&mut self, count: usize) {
        self.batch.release(count);
    }

    /// How many values are in the lane, those in the buffer included. The producer may be adding more.
    #[inline]
    pub fn len_estimate(&self) -> usize {
        let waiting = match &self.shared.store {
            Store::Newest(queue) | Store::Oldest(queue) => queue.len(),
            Store::Latest { places, .. } => places.iter().map(ArrayQueue::len).sum(),
        };
        self.batch.len() + waiting
    }

    /// Whether the producer is gone and every value that is not shed is released.
    #[inline]
    pub fn is_closed(&self) -> bool {
        // Acquire makes the producer's last offer visible to the count behind it. Pairs with the Release store
        // in its drop.
        self.shared.producer_gone.load(Ordering::Acquire) && self.len_estimate() == 0
    }
}

impl<T: Copy + Send + 'static> Drop for Consumer<T> {
    fn drop(&mut self) {
        // Relaxed: tells the producer to stop, and nothing else.
        self.shared.consumer_gone.store(true, Ordering::Relaxed);
    }
}

/// The newest value of the next changed key. Keys that were seen changed are all looked at before new marks
/// are taken, so that a busy low key does not starve a high one.
fn next_marked<T>(marked: &mut u64, marks: &Marks, places: &[ArrayQueue<T>]) -> Option<T> {
    loop {
        if *marked == 0 {
            *marked = marks.take();
        }
        if *marked == 0 {
            return None;
        }
        let key = marked.trailing_zeros() as usize;
        *marked &= *marked - 1;
        // Empty when an earlier look already took the value that set this mark; each value sets one mark, so
        // there are no more empty looks than values received.
        if let Some(value) = places[key].pop() {
            return Some(value);
        }
    }
}
