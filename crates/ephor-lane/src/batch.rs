//! What a consumer has taken out of a shared queue and not yet released.
//!
//! [`lossy`](crate::lossy) lanes stand on a queue that hands values out by
//! move. This buffer gives them the reading end of the other lanes: look first, release afterwards. It is
//! allocated once, and its pages are touched.

use std::collections::VecDeque;
use std::mem::MaybeUninit;

/// The most values that a lossy lane's consumer holds received and not released.
pub const BATCH_LIMIT: usize = 64;

pub(crate) struct Batch<T> {
    held: VecDeque<T>,
    /// What the last `receive` answered, less what was released since.
    ready: usize,
}

impl<T: Copy> Batch<T> {
    pub(crate) fn new() -> Self {
        let mut held = Vec::with_capacity(BATCH_LIMIT);
        held.spare_capacity_mut().fill(MaybeUninit::zeroed());
        Self { held: held.into(), ready: 0 }
    }

    /// Fills up from `take` until `limit` values are held, and answers how many can be read.
    #[inline]
    pub(crate) fn receive(&mut self, limit: usize, mut take: impl FnMut() -> Option<T>) -> usize {
        let limit = limit.min(BATCH_LIMIT);
        while self.held.len() < limit
            && let Some(value) = take()
        {
            self.held.push_back(value);
        }
        self.ready = self.held.len().min(limit);
        self.ready
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> &T {
        assert!(index < self.ready, "index {index} of {} received", self.ready);
        &self.held[index]
    }

    #[inline]
    pub(crate) fn slices(&self) -> (&[T], &[T]) {
        let (first, rest) = self.held.as_slices();
        let before_end = first.len().min(self.ready);
        (&first[..before_end], &rest[..self.ready - before_end])
    }

    #[inline]
    pub(crate) fn release(&mut self, count: usize) {
        assert!(count <= self.ready, "release of {count} of {} received", self.ready);
        self.held.drain(..count);
        self.ready -= count;
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_never_grows() {
        let mut batch = Batch::new();
        let capacity = batch.held.capacity();
        let mut numbers = 0..;
        for release in [64, 1, 63, 0, 30, 40] {
            assert_eq!(batch.receive(usize::MAX, || numbers.next()), BATCH_LIMIT);
            batch.release(release);
        }
        assert_eq!(batch.held.capacity(), capacity);
        assert_eq!(batch.len(), 24);
    }
}
