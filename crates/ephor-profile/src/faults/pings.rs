//! The pings: every agent in its turn is asked for one of its own, by a thread that does nothing else.
//!
//! An agent that does not answer in time is reported down, and up when it answers again. That is what a watchdog is for: health
//! learns of a stall in no other way.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use ephor_core::{AgentId, Frame};
use ephor_runtime::{Bus, Vital};

use super::cause::Cause;
use super::held_up::HeldUp;

/// How long an agent may take to answer before it is called down.
const PING_DEADLINE: Duration = Duration::from_millis(5);
/// Between an answer and the next ping.
const PING_EVERY: Duration = Duration::from_micros(200);

/// What an agent's answer, or its silence, says of it.
pub(super) type Word = (AgentId, Vital);

/// What pings have told: written by their thread alone, read by the one that notes health.
#[derive(Debug, Default)]
pub(super) struct Answers {
    down: AtomicUsize,
    silences: AtomicU64,
    of_target: AtomicU64,
}

impl Answers {
    /// Agents that do not answer now.
    pub(super) fn down(&self) -> usize {
        // Relaxed: a count that nothing else is handed over with.
        self.down.load(Ordering::Relaxed)
    }

    /// How often an agent ceased to answer.
    pub(super) fn silences(&self) -> u64 {
        // Relaxed: see `down`.
        self.silences.load(Ordering::Relaxed)
    }

    /// How often the fault's target did.
    pub(super) fn silences_of_target(&self) -> u64 {
        // Relaxed: see `down`.
        self.of_target.load(Ordering::Relaxed)
    }

    fn note(&self, vital: Vital, is_target: bool) {
        // Relaxed: see `down`.
        if vital == Vital::Down {
            self.down.fetch_add(1, Ordering::Relaxed);
            self.silences.fetch_add(1, Ordering::Relaxed);
            self.of_target.fetch_add(u64::from(is_target), Ordering::Relaxed);
        } else {
            self.down.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Pings `agents` by turns until `is_over`; every change goes into `answers` and to `words`. Returns how long it was held up.
pub(super) fn ping<F: Frame>(
    bus: &Bus<F>,
    agents: &[AgentId],
    (cause, target): (&Cause, AgentId),
    answers: &Answers,
    words: &Sender<Word>,
    is_over: &AtomicBool,
) -> HeldUp {
    let mut held_up = HeldUp::new(bus.now());
    let mut are_down = vec![false; agents.len()];
    for at in (0..agents.len()).cycle() {
        // Relaxed: nothing else is handed over with it.
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let is_down = bus.ping(agents[at], PING_DEADLINE).is_err();
        if is_down != are_down[at] {
            are_down[at] = is_down;
            let vital = if is_down { Vital::Down } else { Vital::Up };
            answers.note(vital, agents[at] == target);
            // Nobody listens any more when the run is over.
            let _unheard = words.send((agents[at], vital));
        }
        thread::park_timeout(PING_EVERY);
        held_up.turn(bus.now(), PING_DEADLINE + PING_EVERY, cause.began().is_some());
    }
    held_up
}
