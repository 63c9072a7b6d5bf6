//! Supervision: what happens after a handler panicked.
//!
//! ```text
//!            panic                    restart
//! running ──────────► crashed ──────────────────► running ── first message handled ──► recovered
//!                        │ abandoned, or too many restarts
//!                        ▼
//!                     stopped: its mailbox is emptied as `stopped`, so that nobody waits for it
//! ```
//!
//! The mailbox outlives the agent. The message at fault is kept and delivered again to the rebuilt agent;
//! after `quarantine_after` crashes it goes to quarantine with its bytes.

use arrayvec::ArrayVec;
use ephor_core::{AgentId, Correlation, Header, Kind, Ticks};
use ephor_lane::spsc;

/// Restarts that a window can remember.
const RESTART_LIMIT: usize = 16;

/// How an agent is supervised.
#[derive(Clone, Copy, Debug)]
pub struct Supervision {
    /// A message goes to quarantine when it has crashed its handler this often. At least 1.
    pub quarantine_after: u32,
    /// Who restarts the agent.
    pub restart: Restart,
}

/// Who restarts a crashed agent.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Restart {
    /// Its worker, at its next turn; after `at_most` restarts within `within_ns` it is stopped for good.
    ByWorker {
        /// Restarts allowed in the window, up to 16.
        at_most: u32,
        /// Length of the window.
        within_ns: u64,
    },
    /// The topology's supervisor, by [`Cx::restart`](crate::Cx::restart) or [`Cx::abandon`](crate::Cx::abandon).
    BySupervisor,
}

impl Default for Supervision {
    /// Quarantine after two crashes; at most five restarts in ten seconds by the worker.
    fn default() -> Self {
        let restart = Restart::ByWorker { at_most: 5, within_ns: 10_000_000_000 };
        Self { quarantine_after: 2, restart }
    }
}

impl Supervision {
    /// Two crashes to quarantine; the supervisor restarts.
    pub fn by_supervisor() -> Self {
        Self { restart: Restart::BySupervisor, ..Self::default() }
    }
}

/// What a worker tells the supervisor.
#[derive(Clone, Copy, Debug)]
pub struct Notice {
    /// The agent concerned.
    pub agent: AgentId,
    /// When, on the bus clock.
    pub at_ticks: Ticks,
    /// What happened.
    pub incident: Incident,
}

/// What happened to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incident {
    /// It panicked and is down; `crashes` counts those of the message at fault, 0 when none was.
    Crashed {
        /// Kind of the message at fault.
        kind: Kind,
        /// Its correlation.
        correlation: Correlation,
        /// How often it has crashed its handler.
        crashes: u32,
        /// Whether it went to quarantine.
        quarantined: bool,
    },
    /// It was rebuilt and runs.
    Restarted,
    /// It handled its first message since it was rebuilt.
    Recovered,
    /// It was stopped for good.
    Stopped,
}

/// A message that crashed its handler too often, with its bytes.
#[derive(Clone, Debug)]
pub struct Quarantined {
    /// Name of the agent that it crashed.
    pub agent: String,
    /// The header.
    pub header: Header,
    /// The frame's payload.
    pub payload: Vec<u8>,
    /// The pool block that travelled with it.
    pub block: Option<Vec<u8>>,
    /// How often it crashed its handler.
    pub crashes: u32,
    /// When it was put away.
    pub at_ticks: Ticks,
    /// The last panic's message.
    pub panic: String,
}

/// The restarts of the recent past.
#[derive(Debug, Default)]
pub(crate) struct RestartWindow {
    times: ArrayVec<Ticks, RESTART_LIMIT>,
}

impl RestartWindow {
    /// Notes a restart, if the window has room for one.
    pub(crate) fn admit(&mut self, now: Ticks, at_most: u32, within_ns: u64) -> bool {
        self.times.retain(|time| now.since_ns(*time) < within_ns);
        let room = (at_most as usize).min(RESTART_LIMIT);
        if self.times.len() >= room {
            return false;
        }
        self.times.push(now);
        true
    }
}

/// The supervisor's end of the notices, one lane a worker.
pub(crate) struct NoticeEnd {
    pub(crate) workers: Vec<spsc::Consumer<Notice>>,
}

impl NoticeEnd {
    pub(crate) fn next(&mut self) -> Option<Notice> {
        self.workers.iter_mut().find_map(|lane| {
            if lane.receive(1) == 0 {
                return None;
            }
            let notice = *lane.get(0);
            lane.release(1);
            Some(notice)
        })
    }

    pub(crate) fn has_work(&self) -> bool {
        self.workers.iter().any(|lane| lane.len_estimate() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_forgets_what_is_older_than_itself() {
        let mut window = RestartWindow::default();
        assert!(window.admit(Ticks(0), 2, 100));
        assert!(window.admit(Ticks(50), 2, 100));
        assert!(!window.admit(Ticks(99), 2, 100));
        assert!(window.admit(Ticks(100), 2, 100), "the restart at 0 has left the window");
        assert!(!window.admit(Ticks(101), 2, 100));
    }
}
