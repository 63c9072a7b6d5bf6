//! The lane by which foreign threads send in: many producers, one consumer, one bounded ring.
//!
//! It promises that each sender's values arrive in its order; that a refused value comes back with the reason;
//! and that closing loses nothing: every value for which [`Sender::try_send`] answered `Ok` is received before
//! [`Receiver::is_drained`] answers `true`. Nothing here waits, and no sender waits for another.
//!
//! A sender claims a ticket, the next number of one tail that all senders share; writes its value into the ticket's slot,
//! which is its alone; and announces it there. The receiver goes from slot to slot in the order of the tickets and stops
//! at the first that is not announced. So a sender that is interrupted between claim and announcement holds up the
//! receiver, as in every ring of this kind, but no other sender until the ring is full.
//!
//! ```text
//!   tail    closed | next ticket       senders: compare and exchange        the closed bit ends all claims
//!   head    next ticket to release     receiver: one store a batch          claims stop a capacity ahead of it
//!   slot    value, announced           its claimer, then the receiver
//! ```
//!
//! The closed bit lies in the tail, so a claim comes before the close or not at all, and the tail then says for good how
//! many values there are. A ring of values with a byte to spare ([`channel_marked`]) announces each by a mark in the value's
//! own cache line (`marks.rs`); others have their announcements beside them.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crossbeam_utils::CachePadded;

use crate::lines::Pages;
use crate::marks::Plain;
use crate::slots::{Slots, check_capacity};
use crate::sync::{AtomicU64, Ordering};

/// In the tail: no more claims.
const CLOSED: u64 = 1 << 63;

/// How many slots ahead a sender asks for the lines that will be written. See `docs/performance.md`.
const PREFETCH_SLOTS: u64 = 2;

mod sealed {
    use super::{AtomicU64, Slots};

    /// How a value says that it is there.
    pub trait Announce<T: Copy>: Sized + 'static {
        /// Makes ready for `slots`.
        fn new(slots: &Slots<T>) -> Self;

        /// Writes and announces the value of a ticket.
        ///
        /// # Safety
        /// As for [`Slots::write`].
        unsafe fn put(&self, slots: &Slots<T>, ticket: u64, value: T);

        /// Whether the value of a ticket is announced.
        fn is_there(&self, slots: &Slots<T>, ticket: u64) -> bool;
    }

    /// Announcements beside the values.
    #[derive(Debug)]
    pub struct Beside(pub(super) Box<[AtomicU64]>);

    /// By the byte at `AT` of each value.
    #[derive(Debug)]
    pub struct ByMark<const AT: usize>;
}

use sealed::Announce;
pub use sealed::{Beside, ByMark};

impl<T: Copy> Announce<T> for Beside {
    fn new(slots: &Slots<T>) -> Self {
        Self((0..slots.capacity()).map(|_| AtomicU64::new(0)).collect())
    }

    #[inline]
    unsafe fn put(&self, slots: &Slots<T>, ticket: u64, value: T) {
        // SAFETY: passed on to the caller.
        unsafe { slots.write(ticket, value) };
        // Publishes the slot. Pairs with the Acquire load in `is_there`.
        self.0[ticket as usize & (self.0.len() - 1)].store(ticket + 1, Ordering::Release);
    }

    #[inline]
    fn is_there(&self, _: &Slots<T>, ticket: u64) -> bool {
        // The slot is written. Pairs with the Release store in `put`.
        self.0[ticket as usize & (self.0.len() - 1)].load(Ordering::Acquire) == ticket + 1
    }
}

impl<T: Plain, const AT: usize> Announce<T> for ByMark<AT> {
    fn new(slots: &Slots<T>) -> Self {
        slots.clear_marks::<AT>();
        Self
    }

    #[inline]
    unsafe fn put(&self, slots: &Slots<T>, ticket: u64, value: T) {
        // SAFETY: passed on to the caller.
        let word = unsafe { slots.write_but_mark::<AT>(ticket, value) };
        slots.write_marked::<AT>(ticket, word);
        slots.prefetch(ticket + PREFETCH_SLOTS);
    }

    #[inline]
    fn is_there(&self, slots: &Slots<T>, ticket: u64) -> bool {
        slots.is_announced::<AT>(ticket)
    }
}

struct Shared<T, A> {
    slots: Slots<T>,
    announcements: A,
    /// Most values in the lane.
    limit: u64,
    senders: CachePadded<Senders>,
    /// Tickets that were ever released.
    head: CachePadded<AtomicU64>,
}

/// What the senders write.
#[derive(Default)]
struct Senders {
    /// The next ticket, and the closed bit.
    tail: AtomicU64,
    /// The head when a sender last looked at it, so that few do.
    known_head: AtomicU64,
}

// SAFETY: all fields but `slots` are atomic or never change. A slot is written by the one sender that claimed its ticket,
// after the receiver has released the ticket of a lap ago, and read by the one receiver after it was announced: so through
// a shared reference values move between threads, which `T: Send` allows, and no two threads are at one value at once.
unsafe impl<T: Send, A: Sync> Sync for Shared<T, A> {}

/// Makes a lane of exactly `capacity` values.
///
/// # Panics
/// When `capacity` is 0 or above [`CAPACITY_LIMIT`](crate::CAPACITY_LIMIT).
pub fn channel<T: Copy + Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    ends(capacity)
}

/// Makes a lane that announces each value by a mark in its own line. Otherwise as [`channel`].
///
/// The byte at `AT` of each value belongs to the lane; what it holds when the value is received is unspecified. Does not
/// compile when a value has no such byte, or is not a whole number of aligned 8-byte words.
///
/// # Panics
/// When `capacity` is 0 or above [`CAPACITY_LIMIT`](crate::CAPACITY_LIMIT).
pub fn channel_marked<T: Plain, const AT: usize>(
    capacity: usize,
) -> (Sender<T, ByMark<AT>>, Receiver<T, ByMark<AT>>) {
    ends(capacity)
}

/// Makes a lane that announces by marks and whose memory is left alone: [`Receiver::touch`] touches it. Otherwise as
/// [`channel_marked`].
///
/// # Panics
/// As [`channel_marked`].
pub fn channel_marked_untouched<T: Plain, const AT: usize>(
    capacity: usize,
) -> (Sender<T, ByMark<AT>>, Receiver<T, ByMark<AT>>) {
    check_capacity(capacity);
    ends_of(capacity, Slots::unmarked::<AT>(capacity, Pages::Untouched), ByMark)
}

fn ends<T, A>(capacity: usize) -> (Sender<T, A>, Receiver<T, A>)
where
    T: Copy + Send + 'static,
    A: Announce<T>,
{
    check_capacity(capacity);
    let slots = Slots::new(capacity);
    let announcements = A::new(&slots);
    ends_of(capacity, slots, announcements)
}

fn ends_of<T, A>(capacity: usize, slots: Slots<T>, announcements: A) -> (Sender<T, A>, Receiver<T, A>)
where
    T: Copy + Send + 'static,
    A: Announce<T>,
{
    let shared = Arc::new(Shared {
        slots,
        announcements,
        limit: capacity as u64,
        senders: CachePadded::default(),
        head: CachePadded::new(AtomicU64::new(0)),
    });
    (Sender { shared: Arc::clone(&shared) }, Receiver { head: 0, ready: 0, known: 0, shared })
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
pub struct Sender<T, A = Beside> {
    shared: Arc<Shared<T, A>>,
}

impl<T: Copy + Send + 'static, A: Announce<T>> Sender<T, A> {
    /// Puts `value` into the lane. Never waits; lock-free.
    ///
    /// # Errors
    /// [`TrySendError::Full`] or [`TrySendError::Closed`], with `value` inside.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.try_send_with(|_| value).map(|_| ()).map_err(|error| match error {
            TrySendError::Full(()) => TrySendError::Full(value),
            TrySendError::Closed(()) => TrySendError::Closed(value),
        })
    }

    /// Claims a ticket, puts the value that `make` makes for it into the lane, and returns the ticket. Tickets count
    /// from 0, without holes. `make` is called when there is room for sure; until it returns, the receiver gets nothing
    /// beyond this ticket.
    ///
    /// # Errors
    /// [`TrySendError::Full`] or [`TrySendError::Closed`]; `make` was not called.
    ///
    /// # Panics
    /// `make` must not: the lane would stand still for ever.
    #[inline]
    pub fn try_send_with(&self, make: impl FnOnce(u64) -> T) -> Result<u64, TrySendError<()>> {
        let ticket = self.claim()?;
        let value = make(ticket);
        // SAFETY: the ticket is ours alone, by the exchange in `claim`. The receiver has released the ticket of a lap ago,
        // seen by an Acquire load there, and looks at the slot again only when it is announced.
        unsafe { self.shared.announcements.put(&self.shared.slots, ticket, value) };
        Ok(ticket)
    }

    /// Takes the next ticket.
    #[inline]
    fn claim(&self) -> Result<u64, TrySendError<()>> {
        let Shared { senders, limit, .. } = &*self.shared;
        // Relaxed: the exchange decides, and what a ticket stands for is published in its slot.
        let mut tail = senders.tail.load(Ordering::Relaxed);
        loop {
            if tail & CLOSED != 0 {
                return Err(TrySendError::Closed(()));
            }
            // Acquire: the receiver is done with what was released before that. Pairs with the Release store below, of
            // one who saw it at the head itself.
            let known = senders.known_head.load(Ordering::Acquire);
            if is_full(tail, known, *limit) {
                // Likewise. Pairs with the Release store in `Receiver::release`.
                let head = self.shared.head.load(Ordering::Acquire);
                if is_full(tail, head, *limit) {
                    return Err(TrySendError::Full(()));
                }
                senders.known_head.store(head, Ordering::Release);
            }
            // Relaxed: atomicity makes the ticket ours.
            match senders.tail.compare_exchange_weak(tail, tail + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(ticket) => return Ok(ticket),
                Err(now) => tail = now,
            }
        }
    }

    /// How many values the lane holds when it is full, those received and not released included.
    pub fn capacity(&self) -> usize {
        self.shared.limit as usize
    }

    /// Whether the receiver has closed the lane.
    pub fn is_closed(&self) -> bool {
        // Relaxed: a hint to senders; `claim` decides.
        self.shared.senders.tail.load(Ordering::Relaxed) & CLOSED != 0
    }
}

/// Whether a claim of `tail` has to wait for a release beyond `head`. A tail that was read before the head may lie behind
/// it: then it is out of date, which the exchange finds.
#[inline]
fn is_full(tail: u64, head: u64, limit: u64) -> bool {
    tail.wrapping_sub(head) as i64 >= limit as i64
}

impl<T, A> Clone for Sender<T, A> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

/// The reading end. Dropping it closes the lane; values that are still in it are forgotten: close, drain and count them
/// first.
pub struct Receiver<T: Copy, A = Beside> {
    /// The oldest ticket that is not released.
    head: u64,
    /// The end of what the last `receive` answered for.
    ready: u64,
    /// The end of what is known to be announced.
    known: u64,
    shared: Arc<Shared<T, A>>,
}

impl<T: Plain, const AT: usize> Receiver<T, ByMark<AT>> {
    /// Touches every page of the lane, so that no message pays for a page fault: what [`channel_marked_untouched`] left.
    ///
    /// Senders may be adding meanwhile.
    pub fn touch(&mut self) {
        self.shared.slots.touch_marks::<AT>();
    }
}

impl<T: Copy + Send + 'static, A: Announce<T>> Receiver<T, A> {
    /// How many values can be read now, at most `limit`. They stay in the lane until they are released.
    #[inline]
    pub fn receive(&mut self, limit: usize) -> usize {
        let end = self.head + (limit as u64).min(self.shared.limit);
        while self.known < end && self.shared.announcements.is_there(&self.shared.slots, self.known) {
            self.known += 1;
        }
        self.ready = self.known.min(end);
        (self.ready - self.head) as usize
    }

    /// Looks at a received value in place; 0 is the oldest that is not released.
    ///
    /// # Panics
    /// When `index` is not below the number of values that are received and not released.
    #[inline]
    pub fn get(&self, index: usize) -> &T {
        let left = self.left();
        assert!(index < left, "index {index} of {left} received");
        // SAFETY: the ticket lies below `known`, so its slot was written before the Acquire load that found it announced.
        // Nobody claims the slot again until it is released, and `release` takes `&mut self`: not while the answer
        // borrows `self`.
        unsafe { self.shared.slots.read(self.head + index as u64) }
    }

    /// Looks at all received values in place, oldest first: two runs, since the ring wraps.
    #[inline]
    #[cfg(not(loom))]
    pub fn slices(&self) -> (&[T], &[T]) {
        // SAFETY: as in `get`, for every ticket from `head` to `ready`.
        unsafe { self.shared.slots.slices(self.head, self.left()) }
    }

    /// Gives the slots of the `count` oldest received values back to the senders, with one store.
    ///
    /// # Panics
    /// When `count` is above the number of values that are received and not released.
    #[inline]
    pub fn release(&mut self, count: usize) {
        let left = self.left();
        assert!(count <= left, "release of {count} of {left} received");
        if count > 0 {
            self.head += count as u64;
            // Our reads of these slots come before. Pairs with the Acquire loads in `Sender::claim`.
            self.shared.head.store(self.head, Ordering::Release);
        }
    }

    /// How many values are in the lane, those that are being put in included. Senders may be adding more.
    #[inline]
    pub fn len_estimate(&self) -> usize {
        // Relaxed: a look before sleep is ordered by the fences of `park`.
        let tail = self.shared.senders.tail.load(Ordering::Relaxed) & !CLOSED;
        // What was announced was claimed, whether or not this load sees it yet.
        (tail.max(self.known) - self.head) as usize
    }

    /// Closes the lane: a `try_send` that begins after this returned is refused. Returns at once; values of
    /// senders that were inside may still arrive, until [`is_drained`](Self::is_drained).
    pub fn close(&mut self) {
        self.shared.close();
    }

    /// Whether the lane is closed and every ticket that was ever claimed is released. Nothing arrives after that.
    pub fn is_drained(&self) -> bool {
        // Relaxed: no claim comes after the closed bit, so a tail that has it is the last, whenever it is read.
        self.shared.senders.tail.load(Ordering::Relaxed) == CLOSED | self.head
    }

    #[inline]
    fn left(&self) -> usize {
        (self.ready - self.head) as usize
    }
}

impl<T, A> Shared<T, A> {
    fn close(&self) {
        // Relaxed: atomicity puts it before or after each claim.
        self.senders.tail.fetch_or(CLOSED, Ordering::Relaxed);
    }
}

impl<T: Copy, A> Drop for Receiver<T, A> {
    fn drop(&mut self) {
        self.shared.close();
    }
}
