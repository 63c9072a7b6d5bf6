//! The trail: one record for each fate of a message, handed from the workers to the auditor.
//!
//! A worker counts a lane to the auditor among the lanes it must have room in before it runs a handler, so a full
//! trail holds the bus back and a record is never dropped. What cannot wait for room is counted as a *gap* when the
//! lane happens to be full: a denied `try_emit` or `offer`, a shed message, and a denied emit of a timer or cycle hook;
//! and so is what comes when the auditor has stopped or was given up on.

use ephor_constitution::Verdict;
use ephor_core::{Frame, Header, Ticks};
use ephor_lane::{gateway, spsc};

use crate::Disposition;

/// Payload bytes that a record keeps.
pub const RECORD_PAYLOAD_BYTES: usize = 96;

/// Where a message's fate was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Boundary {
    /// When it was to enter a lane.
    Entry = 0,
    /// When it left a lane.
    Exit = 1,
    /// By its handler.
    Handler = 2,
}

/// One fate of one message.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Record {
    /// The message's header over this hop.
    pub header: Header,
    /// When the fate was settled, on the bus clock.
    pub at_ticks: Ticks,
    /// Number of this record among those of its producer; a missing number shows a gap.
    pub sequence: u64,
    /// Reasons of the handler that denied or held it: bits whose names the handler's agent knows.
    pub reasons: u64,
    /// Reasons of the check.
    pub verdict: Verdict,
    /// The worker that settled it; `u16::MAX` for gateways.
    pub worker: u16,
    /// What became of the message.
    pub disposition: Disposition,
    /// Where.
    pub boundary: Boundary,
    /// How many bytes of `payload` are the frame's.
    pub payload_bytes: u8,
    /// The frame's payload.
    pub payload: [u8; RECORD_PAYLOAD_BYTES],
}

const _: () = assert!(size_of::<Record>() == 192);

impl Record {
    /// A record of `frame`'s fate, without a sequence.
    pub(crate) fn of<F: Frame>(frame: &F, at: Ticks, fate: Fate) -> Self {
        let mut payload = [0; RECORD_PAYLOAD_BYTES];
        payload[..F::PAYLOAD_BYTES].copy_from_slice(frame.payload());
        Self {
            header: *frame.header(),
            at_ticks: at,
            sequence: 0,
            reasons: fate.reasons,
            verdict: fate.verdict,
            worker: u16::MAX,
            disposition: fate.disposition,
            boundary: fate.boundary,
            payload_bytes: F::PAYLOAD_BYTES as u8,
            payload,
        }
    }
}

/// What became of a message, where and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    pub(crate) disposition: Disposition,
    pub(crate) boundary: Boundary,
    pub(crate) verdict: Verdict,
    pub(crate) reasons: u64,
}

impl Fate {
    /// The fate of a message whose handler says nothing else.
    pub(crate) const HANDLED: Fate = Fate {
        disposition: Disposition::Handled,
        boundary: Boundary::Handler,
        verdict: Verdict::PERMIT,
        reasons: 0,
    };

    /// A fate without reasons.
    pub(crate) fn new(disposition: Disposition, boundary: Boundary) -> Self {
        Self { disposition, boundary, verdict: Verdict::PERMIT, reasons: 0 }
    }

    /// The fate of a message that the check did not permit.
    pub(crate) fn by_check(verdict: Verdict, boundary: Boundary) -> Self {
        use ephor_constitution::Ruling;
        let disposition = match verdict.ruling() {
            Ruling::Hold => Disposition::Held,
            Ruling::Expired => Disposition::Expired,
            _ => Disposition::Denied,
        };
        Self { disposition, boundary, verdict, reasons: 0 }
    }
}

/// The auditor's end of the trail.
pub(crate) struct TrailEnd {
    pub(crate) workers: Vec<spsc::Consumer<Record>>,
    pub(crate) gateways: gateway::Receiver<Record>,
    /// Number of the next record from a gateway. Numbered here, since they have many writers.
    gateway_sequence: u64,
    /// The lane to look at first next time, so that no worker starves another.
    turn: usize,
}

impl TrailEnd {
    pub(crate) fn new(workers: Vec<spsc::Consumer<Record>>, gateways: gateway::Receiver<Record>) -> Self {
        Self { workers, gateways, gateway_sequence: 0, turn: 0 }
    }

    /// Takes the next record, from each lane in turn.
    pub(crate) fn next(&mut self) -> Option<Record> {
        for _ in 0..=self.workers.len() {
            let lane = self.turn;
            self.turn = (self.turn + 1) % (self.workers.len() + 1);
            if let Some(worker) = self.workers.get_mut(lane) {
                if worker.receive(1) == 1 {
                    let record = *worker.get(0);
                    worker.release(1);
                    return Some(record);
                }
            } else if self.gateways.receive(1) == 1 {
                let record = Record { sequence: self.gateway_sequence, ..*self.gateways.get(0) };
                self.gateways.release(1);
                self.gateway_sequence += 1;
                return Some(record);
            }
        }
        None
    }

    pub(crate) fn has_work(&self) -> bool {
        self.unread() > 0
    }

    /// Records that wait to be read.
    pub(crate) fn unread(&self) -> usize {
        self.workers.iter().map(|lane| lane.len_estimate()).sum::<usize>() + self.gateways.len_estimate()
    }
}
