//! Fixed-size byte blocks for what does not fit a frame, lent and handed over by a number.
//!
//! It promises that a block has one owner at a time; that a shared handle, which travels in a frame and so can
//! be copied, is redeemed by exactly one of those who hold it; and that a stale or made-up handle redeems
//! nothing that is not on offer. A block comes back when its [`Loan`] is dropped.
//!
//! ```text
//!             take                    share                  redeem
//!   free  ------------->  on loan  ------------->  shared  ------------->  on loan ...
//!         <-------------  (turn even)              (turn odd)
//!              drop
//! ```
//!
//! Each share and each redeem moves the block to its next turn, and a handle names the turn in which it was
//! made: with 44 bits of turn the same handle comes round after 8 million million shares of one block. Free
//! blocks are bits in words, taken and set by one read-modify-write: there are no links, so there is nothing
//! that could change and change back under a slow thread.
//!
//! A handle that nobody redeems keeps its block; whoever drops a message redeems the handle in it first.

use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::lines::{LINE_BYTES, Lines};
use crate::sync::{AtomicU32, AtomicU64, Cell, Ordering};

/// The most blocks that a pool may have.
pub const BLOCK_COUNT_LIMIT: usize = 1 << INDEX_BITS;
/// The most bytes that a block may have.
pub const BLOCK_BYTES_LIMIT: usize = 1 << 30;

const INDEX_BITS: u32 = 20;
const TURN_MASK: u64 = u64::MAX >> INDEX_BITS;
const WORD_BITS: usize = u64::BITS as usize;

/// A set of equal blocks; a clone is the same pool.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    /// One bit per block, set while the block is free.
    free: Box<[AtomicU64]>,
    blocks: Box<[Block]>,
    memory: Lines,
    block_bytes: usize,
    /// From one block to the next: `block_bytes` rounded up to whole lines.
    stride_bytes: usize,
}

struct Block {
    /// Even while the block is free or on loan, odd while it is shared.
    turn: AtomicU64,
    /// The used length while the block is shared; its loan knows it otherwise.
    used_bytes: AtomicU32,
    /// Stands for the block's bytes, and has no size: with it the model checker sees who is at them.
    bytes: Cell<()>,
}

// SAFETY: the only field that is not `Sync` is the bytes cell of each block, which has no bytes: it is touched
// by the loan of that block alone, together with the block's memory, and a block has one loan at a time.
unsafe impl Sync for Block {}

impl Pool {
    /// Makes a pool of `blocks` blocks of `block_bytes` bytes, each on lines of its own, in one allocation
    /// whose pages are all touched. Nothing is allocated later.
    ///
    /// # Panics
    /// When there are no blocks or no bytes, or more than [`BLOCK_COUNT_LIMIT`] or [`BLOCK_BYTES_LIMIT`].
    pub fn new(blocks: usize, block_bytes: usize) -> Self {
        assert!(
            (1..=BLOCK_COUNT_LIMIT).contains(&blocks),
            "a pool has 1 to {BLOCK_COUNT_LIMIT} blocks, not {blocks}"
        );
        assert!(
            (1..=BLOCK_BYTES_LIMIT).contains(&block_bytes),
            "a block has 1 to {BLOCK_BYTES_LIMIT} bytes, not {block_bytes}"
        );
        let stride_bytes = block_bytes.next_multiple_of(LINE_BYTES);
        let pool_bytes = blocks.checked_mul(stride_bytes).expect("a pool fits the address space");
        let free = (0..blocks.div_ceil(WORD_BITS)).map(|word| AtomicU64::new(free_bits(blocks, word)));
        let shared = Shared {
            free: free.collect(),
            blocks: (0..blocks).map(|_| Block::new()).collect(),
            memory: Lines::new(pool_bytes),
            block_bytes,
            stride_bytes,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Borrows a block, empty at first; `None` when all are in use. Lock-free; looks at one word per 64
    /// blocks, and may miss a block that comes back while it looks.
    #[inline]
    pub fn take(&self) -> Option<Loan> {
        let index = self.shared.free.iter().enumerate().find_map(|(word, free)| {
            let bit = take_bit(free)?;
            Some(word * WORD_BITS + bit.trailing_zeros() as usize)
        })?;
        Some(Loan { pool: self.clone(), index, used_bytes: 0, is_shared: false })
    }

    /// Turns a shared handle back into a loan. `None` when it was redeemed before, or is not one of this
    /// pool's; any 64 bits may be tried.
    #[inline]
    pub fn redeem(&self, handle: Handle) -> Option<Loan> {
        let (index, turn) = (handle.index(), handle.turn());
        let block = self.shared.blocks.get(index)?;
        if turn & 1 == 0 {
            return None;
        }
        // The winner sees the bytes and their length. Pairs with the Release store in `Loan::share`. Relaxed on
        // failure: the loser reads nothing.
        block.turn.compare_exchange(turn, next_turn(turn), Ordering::Acquire, Ordering::Relaxed).ok()?;
        // Relaxed: the exchange above made it visible.
        let used_bytes = block.used_bytes.load(Ordering::Relaxed) as usize;
        Some(Loan { pool: self.clone(), index, used_bytes, is_shared: false })
    }

    /// How many blocks are free. Other threads may be taking and returning some.
    pub fn free_estimate(&self) -> usize {
        // Relaxed: a number, by which nobody touches a block.
        self.shared.free.iter().map(|word| word.load(Ordering::Relaxed).count_ones() as usize).sum()
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.shared.blocks.len()
    }

    /// The most bytes that one block holds.
    pub fn block_bytes(&self) -> usize {
        self.shared.block_bytes
    }
}

impl Block {
    fn new() -> Self {
        Self { turn: AtomicU64::new(0), used_bytes: AtomicU32::new(0), bytes: Cell::new(()) }
    }
}

/// The bits of the word number `word` that stand for one of `blocks` blocks.
fn free_bits(blocks: usize, word: usize) -> u64 {
    let beyond = ((word + 1) * WORD_BITS).saturating_sub(blocks);
    u64::MAX >> beyond
}

/// Takes one bit out of `free`. Tries again only when another thread took the very bit it went for.
#[inline]
fn take_bit(free: &AtomicU64) -> Option<u64> {
    // Relaxed: a guess, which the exchange below makes certain.
    let mut seen = free.load(Ordering::Relaxed);
    while seen != 0 {
        let bit = seen & seen.wrapping_neg();
        // The last owner is done with the block. Pairs with the Release in `Loan::drop`; the takers of other
        // bits in between continue that release.
        let before = free.fetch_and(!bit, Ordering::Acquire);
        if before & bit != 0 {
            return Some(bit);
        }
        seen = before;
    }
    None
}

#[inline]
fn next_turn(turn: u64) -> u64 {
    (turn + 1) & TURN_MASK
}

/// A block that is yours. Reading it gives the bytes that were written; dropping it returns the block.
pub struct Loan {
    pool: Pool,
    index: usize,
    used_bytes: usize,
    /// The block has been handed over, and is not this loan's to return.
    is_shared: bool,
}

/// `bytes` do not fit a block of `capacity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// How many bytes were to be written.
    pub bytes: usize,
    /// How many fit.
    pub capacity: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes do not fit a block of {}", self.bytes, self.capacity)
    }
}

impl Error for TooLarge {}

impl Loan {
    /// Replaces the content, and its length, by `bytes`.
    ///
    /// # Errors
    /// [`TooLarge`] when they do not fit; the content stays as it was.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        if bytes.len() > self.capacity() {
            return Err(TooLarge { bytes: bytes.len(), capacity: self.capacity() });
        }
        let start = self.start();
        self.block().bytes.with_mut(|_| {
            // SAFETY: the block has room for `capacity` bytes from `start`, and `&mut self` on its only loan
            // keeps every other access out; so `bytes` is not inside it either.
            unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
        });
        self.used_bytes = bytes.len();
        Ok(())
    }

    /// Offers the block to whoever redeems the handle first.
    #[inline]
    #[must_use = "a handle that nobody redeems keeps its block"]
    pub fn share(mut self) -> Handle {
        let block = self.block();
        // Relaxed: published by the store of the turn.
        block.used_bytes.store(self.used_bytes as u32, Ordering::Relaxed);
        let handle = self.next_handle();
        // Publishes the bytes and their length. Pairs with the Acquire exchange in `Pool::redeem`.
        block.turn.store(handle.turn(), Ordering::Release);
        self.is_shared = true;
        handle
    }

    /// The handle that [`share`](Self::share) will return. It cannot be redeemed before.
    #[inline]
    pub fn next_handle(&self) -> Handle {
        // Relaxed: the turn of a block on loan is even, and nobody but its loan moves it.
        Handle::new(self.index, next_turn(self.block().turn.load(Ordering::Relaxed)))
    }

    /// How many bytes the block holds at most.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.pool.shared.block_bytes
    }

    #[inline]
    fn block(&self) -> &Block {
        &self.pool.shared.blocks[self.index]
    }

    /// The address of the block's first byte.
    #[inline]
    fn start(&self) -> *mut u8 {
        let shared = &*self.pool.shared;
        // SAFETY: `index` is below the number of blocks, and the allocation is that many strides long.
        unsafe { shared.memory.base().add(self.index * shared.stride_bytes) }
    }
}

impl Deref for Loan {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let start = self.start();
        self.block().bytes.with(|_| {
            // SAFETY: the block is inside the allocation, all of whose bytes are initialised; this is its only
            // loan, and `write` takes `&mut self`: not while the answer borrows `self`.
            unsafe { std::slice::from_raw_parts(start, self.used_bytes) }
        })
    }
}

impl Drop for Loan {
    #[inline]
    fn drop(&mut self) {
        if !self.is_shared {
            let bit = 1 << (self.index % WORD_BITS);
            // We are done with the block. Pairs with the Acquire in `take_bit`.
            self.pool.shared.free[self.index / WORD_BITS].fetch_or(bit, Ordering::Release);
        }
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loan(block {}, {} bytes)", self.index, self.used_bytes)
    }
}

/// A shared block as a number, to be put into a frame: turn in the high 44 bits, index in the low 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Handle(u64);

const _: () = assert!(size_of::<Handle>() == 8);

impl Handle {
    fn new(index: usize, turn: u64) -> Self {
        Self(turn << INDEX_BITS | index as u64)
    }

    /// The handle as bits.
    #[inline]
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The handle that `bits` stand for. Any bits will do: those that name nothing on offer redeem nothing,
    /// and zero never does.
    #[inline]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline]
    fn index(self) -> usize {
        (self.0 & ((1 << INDEX_BITS) - 1)) as usize
    }

    #[inline]
    fn turn(self) -> u64 {
        self.0 >> INDEX_BITS
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn turns_wrap_without_changing_parity() {
        assert_eq!(next_turn(TURN_MASK), 0);
        assert_eq!(TURN_MASK & 1, 1);
        let handle = Handle::new(BLOCK_COUNT_LIMIT - 1, TURN_MASK);
        assert_eq!((handle.index(), handle.turn()), (BLOCK_COUNT_LIMIT - 1, TURN_MASK));
    }

    #[test]
    fn free_bits_stand_for_blocks_only() {
        assert_eq!(free_bits(1, 0), 1);
        assert_eq!(free_bits(64, 0), u64::MAX);
        assert_eq!((free_bits(65, 0), free_bits(65, 1)), (u64::MAX, 1));
        assert_eq!(free_bits(100, 1), (1 << 36) - 1);
    }

    #[test]
    fn a_handle_of_a_block_on_loan_cannot_be_made_up() {
        let pool = Pool::new(1, 8);
        let loan = pool.take().unwrap();
        for turn in 0..4 {
            assert!(pool.redeem(Handle::new(0, turn)).is_none(), "turn {turn}");
        }
        drop(loan);
        assert_eq!(pool.free_estimate(), 1);
    }
}
