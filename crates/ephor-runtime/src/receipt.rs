//! Receipts: a foreign thread is told, once, what became of each message that it sent.
//!
//! The place for a receipt is taken before the message is sent, so a receipt always has room and a
//! reader that is slow holds back its own gateway, not the bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ephor_constitution::Verdict;
use ephor_core::{AgentId, Correlation, Ticks};
use ephor_lane::spsc;

use crate::Disposition;

/// What became of a message.
#[derive(Clone, Copy, Debug)]
pub struct Receipt {
    /// The number that the gateway gave the message.
    pub correlation: Correlation,
    /// The agent at which its fate was settled.
    pub agent: AgentId,
    /// Its fate. Never [`Disposition::Forwarded`]: that is not the end.
    pub disposition: Disposition,
    /// Reasons of the check.
    pub verdict: Verdict,
    /// Reasons of the handler.
    pub reasons: u64,
    /// When it was settled: the clock is read for each receipt.
    pub at_ticks: Ticks,
}

/// Places for receipts, shared between the gateways that ask and the reader.
#[derive(Clone, Debug)]
pub(crate) struct Credit {
    free: Arc<AtomicUsize>,
}

impl Credit {
    pub(crate) fn new(places: usize) -> Self {
        Self { free: Arc::new(AtomicUsize::new(places)) }
    }

    /// Takes a place; false when every place is taken.
    pub(crate) fn take(&self) -> bool {
        // Relaxed: the places only bound a count; the lanes order the data.
        let mut free = self.free.load(Ordering::Relaxed);
        while free > 0 {
            match self.free.compare_exchange_weak(free, free - 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => free = now,
            }
        }
        false
    }

    pub(crate) fn give_back(&self) {
        self.free.fetch_add(1, Ordering::Relaxed);
    }
}

/// The reading end of the receipts; one a topology.
pub struct Receipts {
    workers: Vec<spsc::Consumer<Receipt>>,
    credit: Credit,
    turn: usize,
}

impl Receipts {
    pub(crate) fn new(workers: Vec<spsc::Consumer<Receipt>>, credit: Credit) -> Self {
        Self { workers, credit, turn: 0 }
    }

    /// Takes the next receipt, if there is one. Does not wait.
    pub fn try_receive(&mut self) -> Option<Receipt> {
        for _ in 0..self.workers.len() {
            let at = self.turn;
            self.turn = (at + 1) % self.workers.len();
            let lane = &mut self.workers[at];
            if lane.receive(1) == 0 {
                continue;
            }
            let receipt = *lane.get(0);
            lane.release(1);
            self.credit.give_back();
            return Some(receipt);
        }
        None
    }
}

impl std::fmt::Debug for Receipts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Receipts({} workers)", self.workers.len())
    }
}
