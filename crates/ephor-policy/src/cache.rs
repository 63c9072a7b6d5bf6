//! The decision cache: eight ways, a clock hand per set, all memory taken at the start.
//!
//! A hit is always right: entries are compared by the whole key, which is a SHA-256 over policy, data,
//! entry point and input, and the input's length. What is forgotten is evaluated again. Finding and
//! inserting never allocate, block or loop over more than one set.
//!
//! A key is hashed with a seed of the process to a set and a tag. The eight tags of a set, the marks of its
//! clock and its hand share one cache line, so a miss costs one line and a hit two:
//!
//! ```text
//! line of a set  | tag 0 | tag 1 | … | tag 7 | marks | hand |      4 bytes a tag, 0 = empty
//! entries        | key 40 | reasons 8 | outcome 1 | × 8
//! ```
//!
//! A hit marks its way. To make room, the hand passes over marked ways, unmarking them, and takes the first
//! that has not been hit since it last came by. Size it at three times the inputs that are live at once: sets
//! fill unevenly, and at less the fuller ones forget.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;

use crate::decision::{Decision, Outcome};
use crate::reasons::ReasonSet;
use crate::revision::first_word;

/// The most decisions of one cache: about a gigabyte of them.
pub const CACHE_CAPACITY_LIMIT: usize = 1 << 24;

const WAY_COUNT: usize = 8;

/// What a decision is remembered under; made by [`crate::Engine::key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionKey {
    digest: [u8; 32],
    input_bytes: u64,
}

impl DecisionKey {
    pub(crate) fn new(digest: [u8; 32], input_bytes: u64) -> Self {
        Self { digest, input_bytes }
    }
}

/// Why a cache could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The capacity is zero or too large.
    #[error("a cache of {capacity} decisions is not possible (1 to {CACHE_CAPACITY_LIMIT})")]
    Capacity {
        /// The capacity asked for.
        capacity: usize,
    },
    /// The system gave no random seed.
    #[error("no random seed for the cache: {0}")]
    Seed(getrandom::Error),
}

/// One set's tags and clock, in one line.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
struct Line {
    tags: [u32; WAY_COUNT],
    marks: u8,
    hand: u8,
}

const _: () = assert!(size_of::<Line>() == 64);

#[derive(Clone, Copy)]
struct Entry {
    key: DecisionKey,
    reasons: ReasonSet,
    outcome: Outcome,
}

const VACANT: Entry = Entry {
    key: DecisionKey { digest: [0; 32], input_bytes: 0 },
    reasons: ReasonSet::EMPTY,
    outcome: Outcome::Deny,
};

/// Remembers decisions, within a capacity fixed at the start.
pub struct DecisionCache {
    lines: Box<[Line]>,
    entries: Box<[[Entry; WAY_COUNT]]>,
    hasher: FixedState,
    hit_count: u64,
    miss_count: u64,
}

impl DecisionCache {
    /// Takes the memory for at least `capacity` decisions (a power of two, eight or more), with a random
    /// seed so that no input can be made to fall into a chosen set.
    ///
    /// # Errors
    /// [`CacheError::Capacity`] unless `capacity` is 1 to [`CACHE_CAPACITY_LIMIT`]; [`CacheError::Seed`].
    pub fn new(capacity: usize) -> Result<Self, CacheError> {
        Self::with_seed(capacity, getrandom::u64().map_err(CacheError::Seed)?)
    }

    /// As [`new`](Self::new) with a given seed, for runs that must repeat.
    ///
    /// # Errors
    /// [`CacheError::Capacity`] unless `capacity` is 1 to [`CACHE_CAPACITY_LIMIT`].
    pub fn with_seed(capacity: usize, seed: u64) -> Result<Self, CacheError> {
        if capacity == 0 || capacity > CACHE_CAPACITY_LIMIT {
            return Err(CacheError::Capacity { capacity });
        }
        let set_count = capacity.div_ceil(WAY_COUNT).next_power_of_two();
        Ok(Self {
            lines: vec![Line::default(); set_count].into(),
            entries: vec![[VACANT; WAY_COUNT]; set_count].into(),
            hasher: FixedState::with_seed(seed),
            hit_count: 0,
            miss_count: 0,
        })
    }

    /// The decision remembered under `key`, with `cached` set. Counts a hit or a miss.
    pub fn find(&mut self, key: &DecisionKey) -> Option<Decision> {
        let (set, tag) = self.place(key);
        let Some(way) = self.way_of(set, tag, key) else {
            self.miss_count += 1;
            return None;
        };
        self.hit_count += 1;
        self.lines[set].marks |= 1 << way;
        let Entry { reasons, outcome, .. } = self.entries[set][way];
        Some(Decision { outcome, reasons, cached: true })
    }

    /// Remembers a decision under `key`, and forgets another one if the set is full.
    ///
    /// A failure of the engine is not remembered: the next evaluation may not fail.
    pub fn insert(&mut self, key: &DecisionKey, decision: Decision) {
        if decision.is_failure() {
            return;
        }
        let (set, tag) = self.place(key);
        let way = match self.way_of(set, tag, key) {
            Some(way) => way,
            None => self.lines[set].vacate(),
        };
        self.lines[set].tags[way] = tag;
        self.entries[set][way] = Entry { key: *key, reasons: decision.reasons, outcome: decision.outcome };
    }

    /// Forgets every decision; the counters stay. Linear in the capacity.
    pub fn clear(&mut self) {
        self.lines.fill(Line::default());
    }

    /// How many lookups found a decision.
    pub fn hits(&self) -> u64 {
        self.hit_count
    }

    /// How many lookups found none.
    pub fn misses(&self) -> u64 {
        self.miss_count
    }

    /// How many decisions there is room for.
    pub fn capacity(&self) -> usize {
        self.lines.len() * WAY_COUNT
    }

    /// How many decisions are remembered. Linear in the capacity.
    pub fn count(&self) -> usize {
        self.lines.iter().flat_map(|line| line.tags).filter(|&tag| tag != 0).count()
    }

    /// The set and the tag of a key; a tag is never zero.
    fn place(&self, key: &DecisionKey) -> (usize, u32) {
        let hash = self.hasher.hash_one(first_word(&key.digest));
        let set = hash as usize & (self.lines.len() - 1);
        (set, (hash >> 32) as u32 | 1)
    }

    fn way_of(&self, set: usize, tag: u32, key: &DecisionKey) -> Option<usize> {
        let tags = &self.lines[set].tags;
        (0..WAY_COUNT).find(|&way| tags[way] == tag && self.entries[set][way].key == *key)
    }
}

impl Line {
    /// An empty way, or the one the clock takes; at most two rounds of the hand.
    fn vacate(&mut self) -> usize {
        if let Some(way) = self.tags.iter().position(|&tag| tag == 0) {
            return way;
        }
        loop {
            let way = self.hand as usize;
            self.hand = (self.hand + 1) % WAY_COUNT as u8;
            if self.marks >> way & 1 == 0 {
                return way;
            }
            self.marks &= !(1 << way);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> DecisionKey {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        DecisionKey::new(digest, 0)
    }

    fn decision(bit: u32) -> Decision {
        Decision::of(ReasonSet::from_bits(1 << bit))
    }

    #[test]
    fn a_hit_spares_a_decision_from_the_hand_once() {
        let mut cache = DecisionCache::with_seed(8, 1).unwrap();
        (0..8).for_each(|number| cache.insert(&key(number), decision(10)));
        assert!(cache.find(&key(0)).is_some());
        cache.insert(&key(8), decision(11));
        assert!(cache.find(&key(0)).is_some(), "it was hit, so the hand passed");
        assert!(cache.find(&key(1)).is_none(), "it was the first that was not hit");
    }

    #[test]
    fn keys_that_differ_only_behind_the_hashed_word_are_told_apart() {
        let mut cache = DecisionCache::with_seed(8, 1).unwrap();
        let (mut other, mut longer) = (key(5), key(5));
        other.digest[31] = 1;
        longer.input_bytes = 1;
        cache.insert(&key(5), decision(10));
        assert_eq!(cache.find(&other), None);
        assert_eq!(cache.find(&longer), None);
        cache.insert(&other, decision(11));
        assert_eq!(cache.find(&key(5)).map(|found| found.reasons), Some(decision(10).reasons));
        assert_eq!(cache.find(&other).map(|found| found.reasons), Some(decision(11).reasons));
    }

    #[test]
    fn inserting_again_replaces_and_takes_no_second_way() {
        let mut cache = DecisionCache::with_seed(8, 1).unwrap();
        cache.insert(&key(1), decision(10));
        cache.insert(&key(1), decision(12));
        assert_eq!(cache.find(&key(1)).map(|found| found.reasons), Some(decision(12).reasons));
        assert_eq!(cache.count(), 1);
    }

    #[test]
    fn failures_are_not_remembered() {
        let mut cache = DecisionCache::with_seed(8, 1).unwrap();
        for kind in crate::decision::FailureKind::ALL {
            cache.insert(&key(1), Decision::of(ReasonSet::of_failure(kind)));
        }
        assert_eq!((cache.find(&key(1)), cache.count()), (None, 0));
    }

    #[test]
    fn capacity_is_rounded_up_to_whole_sets_and_bounded() {
        let capacity = |asked| DecisionCache::with_seed(asked, 1).map(|cache| cache.capacity());
        assert_eq!([capacity(1).unwrap(), capacity(8).unwrap(), capacity(9).unwrap()], [8, 8, 16]);
        assert_eq!(capacity(1_000).unwrap(), 1_024);
        assert!(matches!(capacity(0), Err(CacheError::Capacity { capacity: 0 })));
        assert!(matches!(capacity(CACHE_CAPACITY_LIMIT + 1), Err(CacheError::Capacity { .. })));
    }
}
