//! The lane by which foreign threads send in: many producers, one consumer, one bounded queue.
//!
//! It promises that each sender's values arrive in its order; that a refused value comes back with the reason;
//! and that closing loses nothing: every value for which [`Sender::try_send`] answered `Ok` is received before
//! [`Receiver::is_drained`] answers `true`. Nothing here waits: a close with a sender in the middle of its call
//! returns at once, and the drain goes on until that sender is out.
//!
//! A [`crossbeam_queue::ArrayQueue`] carries the values; a gate beside it counts who is inside. The receiver
//! takes them into a buffer of [`BATCH_LIMIT`](crate::BATCH_LIMIT), so that a value can be looked at before it
//! is released. Values that are still in the lane when the receiver is dropped are forgotten: close, drain and
//! count them first.

#[cfg_attr(not(loom), expect(unreachable_pub, reason = "public to its model"))]
mod gate;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;

use crate::batch::Batch;
use crate::slots::check_capacity;

#[cfg(not(loom))]
use self::gate::Gate;
#[cfg(loom)]
pub use self::gate::Gate;

struct Shared<T> {
    queue: ArrayQueue<T>,
    gate: CachePadded<Gate>,
}

/// Makes a lane of exactly `capacity` slots, and the receiver's buffer.
///
/// # Panics
/// When `capacity` is 0 or above [`CAPACITY_LIMIT`](crate::CAPACITY_LIMIT).
pub fn channel<T: Copy + Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    check_capacity(capacity);
    let shared = Arc::new(Shared { queue: ArrayQueue::new(capacity), gate: CachePadded::default() });
    (Sender { shared: Arc::clone(&shared) }, Receiver { batch: Batch::new(), shared })
}

/// Why a gateway did not take a value, with the value inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// Every slot is taken.
    Full(T),
    /// The receiver has closed the lane, or is gone.
    Closed(T),
}

impl<T> TrySendError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the gateway is full",
            Self::Closed(_) => "the gateway is closed",
        })
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> Error for TrySendError<T> {}

/// A writing end; every foreign thread may have a clone, or share one.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T: Copy + Send + 'static> Sender<T> {
    /// Puts `value` into the lane. Never waits; lock-free.
    ///
    /// # Errors
    /// [`TrySendError::Full`] or [`TrySendError::Closed`], with `value` inside.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        if !self.shared.gate.enter() {
            return Err(TrySendError::Closed(value));
        }
        let result = self.shared.queue.push(value).map_err(TrySendError::Full);
        self.shared.gate.leave();
        result
    }

    /// How many values the lane holds when it is full, the receiver's buffer not counted.
    pub fn capacity(&self) -> usize {
        self.shared.queue.capacity()
    }

    /// Whether the receiver has closed the lane.
    pub fn is_closed(&self) -> bool {
        self.shared.gate.is_closed()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

/// The reading end. Dropping it closes the lane.
pub struct Receiver<T> {
    batch: Batch<T>,
    shared: Arc<Shared<T>>,
}

impl<T: Copy + Send + 'static> Receiver<T> {
    /// How many values can be read now, at most `limit` and at most [`BATCH_LIMIT`](crate::BATCH_LIMIT). They
    /// stay in the buffer until they are released.
    #[inline]
    pub fn receive(&mut self, limit: usize) -> usize {
        // `pop` of an empty queue is a full fence; looking first costs two loads.
        let queue = &self.shared.queue;
        self.batch.receive(limit, || if queue.is_empty() { None } else { queue.pop() })
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

    /// How many values are in the lane, those in the buffer included. Senders may be adding more.
    #[inline]
    pub fn len_estimate(&self) -> usize {
        self.batch.len() + self.shared.queue.len()
    }

    /// Closes the lane: a `try_send` that begins after this returned is refused. Returns at once; values of
    /// senders that were inside may still arrive, until [`is_drained`](Self::is_drained).
    pub fn close(&mut self) {
        self.shared.gate.close();
    }

    /// Whether the lane is closed, no sender is inside any more, and every accepted value is released. Nothing
    /// arrives after that.
    pub fn is_drained(&self) -> bool {
        self.shared.gate.is_quiet() && self.len_estimate() == 0
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.gate.close();
    }
}
