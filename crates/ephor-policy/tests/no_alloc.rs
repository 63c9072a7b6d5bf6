//! A cache hit and an insert allocate nothing, counted on this thread by an allocator that is shown to count.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use ephor_policy::{Decider, DecisionCache, Outcome};

use common::{ask, rbac};

struct Counting;

thread_local! {
    static ALLOCATION_COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATION_COUNT.with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches a thread-local number that
// needs no memory of its own and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`, which is passed on as it is.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, and so from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        // SAFETY: the pointer came from `alloc` above, and so from the system's allocator.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many times `work` took memory on this thread.
fn allocations<T>(work: impl FnOnce() -> T) -> u64 {
    let before = ALLOCATION_COUNT.get();
    black_box(work());
    ALLOCATION_COUNT.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| Box::new(black_box(1_u64))), 1);
    assert_eq!(allocations(|| black_box(1_u64) + 1), 0);
    let mut decider = Decider::new(rbac(), DecisionCache::new(64).unwrap());
    let input = ask("ada", "read", "plan");
    assert!(allocations(|| decider.decide(&input)) > 10, "evaluating allocates, and the counter sees it");
}

#[test]
fn a_hit_allocates_nothing() {
    let mut decider = Decider::new(rbac(), DecisionCache::new(64).unwrap());
    let (denied, permitted) = (ask("bob", "write", "deed"), ask("ada", "write", "plan"));
    let _ = (decider.decide(&denied), decider.decide(&permitted));
    let hits = allocations(|| {
        for _ in 0..1_000 {
            let decision = decider.decide(&denied);
            assert!(decision.cached && decision.outcome == Outcome::Deny);
            assert_eq!(decider.reason_names(decision.reasons).count(), 2);
            assert!(decider.decide(&permitted).cached);
        }
    });
    assert_eq!((hits, decider.cache().hits()), (0, 2_000));
}

#[test]
fn misses_and_inserts_that_displace_allocate_nothing() {
    let mut engine = rbac();
    let decision = engine.decide(&ask("ada", "read", "plan"));
    let mut cache = DecisionCache::new(64).unwrap();
    let inserts = allocations(|| {
        for input in 0..10_000_u32 {
            let key = engine.key(&input.to_le_bytes());
            assert_eq!(cache.find(&key), None);
            cache.insert(&key, decision);
        }
    });
    assert_eq!((inserts, cache.count()), (0, cache.capacity()));
}
