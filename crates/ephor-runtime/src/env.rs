//! What the agents of one worker share: time, tables, timers, and the lanes to the overseers.

use std::sync::{Arc, Mutex};

use ephor_constitution::Tables;
use ephor_core::{Frame, Ticks};
use ephor_lane::park::Waker;
use ephor_lane::pool::{Handle, Loan, Pool};
use ephor_lane::spsc;

use crate::clock::BusClock;
use crate::control::Controls;
use crate::kinds::KindRows;
use crate::ready::Ready;
use crate::receipt::Receipt;
use crate::supervision::{Notice, Quarantined};
use crate::times::Times;
use crate::trail::{Fate, Record};
use crate::wheel::Wheel;

/// A producer with the waker of the worker that reads it.
pub(crate) struct Tap<T: Copy + Send + 'static> {
    pub(crate) lane: spsc::Producer<T>,
    pub(crate) waker: Option<Waker>,
}

impl<T: Copy + Send + 'static> Tap<T> {
    /// Makes what was staged visible, and wakes a parked reader.
    #[inline]
    pub(crate) fn publish(&mut self) {
        if self.lane.publish() > 0
            && let Some(waker) = &self.waker
        {
            waker.wake();
        }
    }
}

/// A timer's owner and what it is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alarm {
    /// Index of the agent on its worker.
    pub(crate) cell: u16,
    /// The agent's life in which it was scheduled; timers die with their agent.
    pub(crate) life: u32,
    pub(crate) token: u64,
}

/// What the agents of one worker share.
pub(crate) struct Env {
    pub(crate) worker: u16,
    pub(crate) ready: Ready,
    /// Time of this pass.
    pub(crate) now: Ticks,
    /// Passes without work until the clock is read again; 0 when it has to be read before the next pass.
    pub(crate) passes_until_tick: u8,
    pub(crate) clock: BusClock,
    pub(crate) tables: Arc<Tables>,
    pub(crate) kinds: Arc<KindRows>,
    pub(crate) timers: Wheel<Alarm>,
    pub(crate) trail: Option<Tap<Record>>,
    /// Whether the auditor was given up on; see [`crate::control::Control::Unrecord`].
    pub(crate) is_unrecorded: bool,
    pub(crate) trail_sequence: u64,
    /// Records that could not be handed over; see [`crate::trail`].
    pub(crate) trail_gaps: u64,
    pub(crate) receipts: Option<Tap<Receipt>>,
    pub(crate) notices: Option<Tap<Notice>>,
    pub(crate) controls: Controls,
    pub(crate) pool: Option<Pool>,
    /// Where messages spend their time, when the topology measures.
    pub(crate) times: Option<Box<Times>>,
    /// The block that travels with the message in hand.
    pub(crate) loan: Option<Loan>,
    pub(crate) quarantine: Arc<Mutex<Vec<Quarantined>>>,
}

/// Passes without work that go by one reading of the clock: a reading costs more than an idle pass.
const PASSES_A_TICK: u8 = 8;

impl Env {
    /// Begins a pass: the time is read when the last pass did work or the worker slept, else every few passes.
    #[inline]
    pub(crate) fn begin_pass(&mut self) {
        self.passes_until_tick = self.passes_until_tick.saturating_sub(1);
        if self.passes_until_tick == 0 || self.clock.is_manual() {
            self.now = self.clock.now();
            self.passes_until_tick = PASSES_A_TICK;
        }
    }

    /// Says that time has passed since the clock was read: this pass did work, or the worker slept.
    #[inline]
    pub(crate) fn time_has_passed(&mut self) {
        self.passes_until_tick = 0;
    }

    /// Whether each message needs more than its check and its handler: a record, or the time it took.
    #[inline]
    pub(crate) fn is_attended(&self) -> bool {
        self.trail.is_some() || self.times.is_some()
    }

    /// Time to stamp on what is sent now: exact when the topology measures, else that of the batch.
    #[inline]
    pub(crate) fn sent_ticks(&self) -> Ticks {
        if self.times.is_some() { self.clock.read() } else { self.now }
    }

    /// Records, receipts and frees: everything that the end of a message owes to others but counters.
    #[inline]
    pub(crate) fn conclude<F: Frame>(&mut self, frame: &F, fate: Fate) {
        self.record(frame, fate);
        let header = frame.header();
        if header.flags.has_receipt()
            && let Some(receipts) = &mut self.receipts
        {
            let receipt = Receipt {
                correlation: header.correlation,
                agent: header.target,
                disposition: fate.disposition,
                verdict: fate.verdict,
                reasons: fate.reasons,
                at_ticks: self.clock.read(),
            };
            let room = receipts.lane.emit(receipt).is_ok();
            debug_assert!(room, "the place of a receipt is taken before its message is sent");
        }
        if header.flags.has_loan() {
            // Nothing comes back when the block was redeemed before: then its loan is elsewhere, and ends there.
            drop(self.redeem(frame));
        }
    }

    /// Hands a record to the trail, if there is one.
    #[inline]
    pub(crate) fn record<F: Frame>(&mut self, frame: &F, fate: Fate) {
        if let Some(trail) = &mut self.trail {
            let mut record = Record::of(frame, self.now, fate);
            record.worker = self.worker;
            record.sequence = self.trail_sequence;
            self.trail_sequence += 1;
            if trail.lane.emit(record).is_err() {
                self.trail_gaps += 1;
            }
        }
    }

    /// Takes back the block whose handle stands at the front of `frame`'s payload.
    pub(crate) fn redeem<F: Frame>(&self, frame: &F) -> Option<Loan> {
        let bits = u64::from_ne_bytes(frame.payload().first_chunk().copied()?);
        self.pool.as_ref()?.redeem(Handle::from_bits(bits))
    }

    /// Makes records, receipts and notices visible.
    #[inline]
    pub(crate) fn publish(&mut self) {
        if let Some(trail) = &mut self.trail {
            trail.publish();
        }
        if let Some(receipts) = &mut self.receipts {
            receipts.publish();
        }
    }

    /// Tells the supervisor; false when its lane is full and the worker must try again.
    pub(crate) fn notify(&mut self, notice: Notice) -> bool {
        let Some(notices) = &mut self.notices else { return true };
        let sent = notices.lane.emit(notice).is_ok();
        notices.publish();
        sent
    }
}
