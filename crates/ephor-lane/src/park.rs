//! How an idle thread sleeps without missing its work.
//!
//! It promises that a wake-up is never lost: work that was made visible before [`Waker::wake`] is either seen
//! by the parker's last look, or ends its sleep. Parking may end early; the caller looks for work again.
//!
//! Each side writes, fences, then reads what the other wrote, so at least one of them sees the other:
//!
//! ```text
//!   parker                          waker
//!   state = parked                  work is published
//!   fence                           fence
//!   look for work                   look at state
//! ```
//!
//! A wake costs a fence and a load while its worker is awake. A worker that never parks is given out as
//! [`Waker::never`], which costs a load: whether a worker parks is settled before it starts, because a waker
//! that skipped the fence on finding "has never parked" could miss the first park.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU32, Ordering, Thread, current, fence, park};

const AWAKE: u32 = 0;
const PARKED: u32 = 1;

struct Shared {
    state: CachePadded<AtomicU32>,
    /// Set before the state is `PARKED` for the first time.
    thread: OnceLock<Thread>,
}

/// Makes the two sides of one sleeping place.
pub fn pair() -> (Parker, Waker) {
    let shared = Arc::new(Shared { state: CachePadded::new(AtomicU32::new(AWAKE)), thread: OnceLock::new() });
    (Parker { shared: Arc::clone(&shared) }, Waker { shared: Some(shared) })
}

/// The side that sleeps. It belongs to the thread that first parks with it.
pub struct Parker {
    shared: Arc<Shared>,
}

impl Parker {
    /// Sleeps until a wake-up or for at most `timeout`, unless `has_work` finds work. May return early.
    ///
    /// `has_work` has to look at what the wakers publish before they wake, such as
    /// [`len_estimate`](crate::spsc::Consumer::len_estimate).
    ///
    /// # Panics
    /// When another thread has parked with it before.
    pub fn park(&mut self, has_work: impl Fn() -> bool, timeout: Option<Duration>) {
        self.register();
        // Makes the registered thread visible. Pairs with the Acquire exchange in `unpark`.
        self.shared.state.store(PARKED, Ordering::Release);
        // Either the look below sees the work, or the waker's look sees `PARKED`. Pairs with the fence there.
        fence(Ordering::SeqCst);
        if !has_work() {
            park(timeout);
        }
        // Relaxed: a waker that still reads `PARKED` only unparks for nothing.
        self.shared.state.store(AWAKE, Ordering::Relaxed);
    }

    fn register(&mut self) {
        let thread = current();
        let owner = self.shared.thread.get_or_init(current);
        assert!(thread.id() == owner.id(), "a parker belongs to the thread that first parked with it");
    }
}

/// A side that wakes; every thread that makes work for the parker has a clone.
#[derive(Clone)]
pub struct Waker {
    shared: Option<Arc<Shared>>,
}

impl Waker {
    /// A waker for a worker that never parks: waking it does nothing.
    pub fn never() -> Self {
        Self { shared: None }
    }

    /// Ends the sleep of the parker, if it sleeps. Call it after the work is visible, once a batch.
    #[inline]
    pub fn wake(&self) {
        let Some(shared) = &self.shared else { return };
        // Either the look below sees `PARKED`, or the parker's look sees the work. Pairs with the fence there.
        fence(Ordering::SeqCst);
        // Relaxed: the fence orders it.
        if shared.state.load(Ordering::Relaxed) == PARKED {
            unpark(shared);
        }
    }
}

/// Unparks once for each time that the state became `PARKED`.
#[cold]
fn unpark(shared: &Shared) {
    // Makes the registered thread visible. Pairs with the Release store in `Parker::park`. Relaxed on failure:
    // another waker, or the parker itself, was quicker.
    let won = shared.state.compare_exchange(PARKED, AWAKE, Ordering::Acquire, Ordering::Relaxed);
    if won.is_ok() {
        shared.thread.get().expect("a parked thread has registered before").unpark();
    }
}
