//! One mark per key, in one word: where the consumer of a lossy lane has to look.
//!
//! A mark is set after its value is in place, and taken before the place is looked at. So a value never waits
//! without a mark, and the worst is a mark whose value is already taken.

use crate::sync::{AtomicU64, Ordering};

/// Up to 64 marks.
#[derive(Default)]
pub struct Marks {
    word: AtomicU64,
}

impl Marks {
    /// Marks `key`, which is below 64, as changed.
    #[inline]
    pub fn set(&self, key: usize) {
        // Publishes the value in its place. Pairs with the Acquire in `take`.
        self.word.fetch_or(1 << key, Ordering::Release);
    }

    /// Takes all marks, as a set of bits.
    #[inline]
    pub fn take(&self) -> u64 {
        // An idle poll costs a load, not a read-modify-write. Relaxed: the swap below reads what counts.
        if self.word.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        // Makes the marked values visible. Pairs with the Release in `set`.
        self.word.swap(0, Ordering::Acquire)
    }
}
