//! The close protocol of a gateway, apart from the queue so that the model checker sees all of it.
//!
//! One word holds a closed bit and the number of senders inside. Whoever enters before the bit is set has
//! counted itself, and whoever enters after it sees the bit: there is no order of the two in one word that
//! lets a sender pass uncounted. So once the word is *closed, nobody inside*, it stays so, and every push that
//! was let in has happened.

use crate::sync::{AtomicUsize, Ordering};

const CLOSED: usize = 1 << (usize::BITS - 1);

/// Counts the senders that are inside, and shuts.
#[derive(Default)]
pub struct Gate {
    word: AtomicUsize,
}

impl Gate {
    /// Lets a sender in, unless the gate is closed. Who was let in calls [`leave`](Self::leave).
    #[inline]
    pub fn enter(&self) -> bool {
        // Senders that go on trying a closed gate must not keep the count from reaching zero.
        if self.is_closed() {
            return false;
        }
        // Relaxed: atomicity decides who is in, and what a sender does inside is published by `leave`.
        if self.word.fetch_add(1, Ordering::Relaxed) & CLOSED == 0 {
            return true;
        }
        // Relaxed: this sender did nothing inside.
        self.word.fetch_sub(1, Ordering::Relaxed);
        false
    }

    /// Lets a sender out, with all that it did inside.
    #[inline]
    pub fn leave(&self) {
        // Publishes the push. Pairs with the Acquire load in `is_quiet`; the read-modify-writes of other
        // senders in between continue this release.
        self.word.fetch_sub(1, Ordering::Release);
    }

    /// Shuts the gate for those who come later.
    pub fn close(&self) {
        // Relaxed: atomicity puts it before or after each `enter`.
        self.word.fetch_or(CLOSED, Ordering::Relaxed);
    }

    /// Whether the gate is shut.
    pub fn is_closed(&self) -> bool {
        // Relaxed: a hint to senders; `enter` decides.
        self.word.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// Whether the gate is shut and nobody is inside: everything that was let in has happened.
    pub fn is_quiet(&self) -> bool {
        // Makes every push visible. Pairs with the Release in `leave`.
        self.word.load(Ordering::Acquire) == CLOSED
    }
}
