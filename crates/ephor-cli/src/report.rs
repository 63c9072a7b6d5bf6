//! The summary of a replay: the object that `--json` writes, and (in `table`) the text that people read.
//!
//! The names of the fields are the format; `docs/replay.md` explains each.

mod file;
mod look;
mod table;

use std::collections::BTreeMap;

use serde::Serialize;

use ephor::profile::Machine;

pub(crate) use file::OutFile;
pub(crate) use look::{Look, print_stdout};
pub(crate) use table::{Breaker, Text, program_name, right, table, tinted};

/// The version of the format of `--json`.
pub(crate) const SCHEMA: u32 = 1;

/// All that a replay has to tell when it is over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// The version of the format: [`SCHEMA`].
    pub(crate) schema: u32,
    /// Where every message went.
    pub(crate) ledger: Ledger,
    /// What was decided about commands.
    pub(crate) commands: Commands,
    /// From emit to handler.
    pub(crate) hop_ns: Percentiles,
    /// From a command's arrival at policy to its decision.
    pub(crate) decision_ns: Percentiles,
    /// How decisions were found.
    pub(crate) cache: Cache,
    /// How the bus was.
    pub(crate) health: Health,
    /// Agents that were restarted.
    pub(crate) recoveries: u64,
    /// Messages that crashed their handler until they were set aside.
    pub(crate) quarantine: Vec<Quarantined>,
    /// Where the proof is.
    pub(crate) audit: Audit,
    /// From the first message to the last, in seconds.
    pub(crate) elapsed_s: f64,
    /// What it ran on.
    pub(crate) machine: Machine,
}

/// Where every message went: sent = handled + each named loss + in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Ledger {
    /// Messages that were sent into the bus.
    pub(crate) sent: u64,
    /// Those that a handler took.
    pub(crate) handled: u64,
    /// Those that no handler took, by the name of the loss.
    pub(crate) lost: BTreeMap<String, u64>,
    /// Those that were still on their way at the end.
    pub(crate) in_flight: u64,
}

impl Ledger {
    /// Messages that no handler took, under any name.
    pub(crate) fn lost_total(&self) -> u64 {
        self.lost.values().sum()
    }

    /// Whether every message is accounted for.
    pub(crate) fn adds_up(&self) -> bool {
        self.sent == self.handled + self.lost_total() + self.in_flight
    }
}

/// What was decided about commands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Commands {
    /// All commands.
    pub(crate) total: u64,
    /// Those passed on to the tools.
    pub(crate) permitted: u64,
    /// Those that were not.
    pub(crate) denied: u64,
    /// How many were denied for each reason; one command may have several.
    pub(crate) by_reason: BTreeMap<String, u64>,
}

/// A distribution of times in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Percentiles {
    /// Half are at most this.
    pub(crate) p50: u64,
    /// 99 of 100 are at most this.
    pub(crate) p99: u64,
    /// 999 of 1000 are at most this.
    pub(crate) p999: u64,
    /// All are at most this.
    pub(crate) max: u64,
    /// How many were measured.
    pub(crate) count: u64,
}

/// How decisions were found. Hits and misses together are all commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Cache {
    /// Decisions that had been made before.
    pub(crate) hits: u64,
    /// Decisions that were evaluated.
    pub(crate) misses: u64,
}

/// How the bus was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Health {
    /// The score at the end, 0 to 1.
    pub(crate) score: f64,
    /// The status at the end: `healthy`, `degraded` or `critical`.
    pub(crate) status: String,
    /// The lowest score on the way.
    pub(crate) lowest_score: f64,
}

/// Where the proof is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Audit {
    /// Records in the log.
    pub(crate) records: u64,
    /// The root of its Merkle tree, in base64.
    pub(crate) root: String,
    /// The directory of the log.
    pub(crate) dir: String,
    /// The key that verifies its checkpoint.
    pub(crate) vkey: String,
}

/// A message that crashed its handler until it was set aside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Quarantined {
    /// The agent that it crashed.
    pub(crate) agent: String,
    /// The run that it is part of.
    pub(crate) run: String,
    /// Its step in the run.
    pub(crate) step: u32,
    /// What it is.
    pub(crate) kind: String,
    /// How often it crashed the agent.
    pub(crate) crashes: u64,
    /// The frame, byte by byte in hexadecimal.
    pub(crate) bytes_hex: String,
}

#[cfg(test)]
mod tests;
