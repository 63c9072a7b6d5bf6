//! The command line.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Parser;

use crate::contest::{Contest, Figures};

/// Measures Ephor's hop beside other rings and actor runtimes, on cores 0 and 1.
///
/// Each figure stands between two probes of the distance of the two cores, and ratios are taken within one class.
#[derive(Parser, Debug)]
#[command(
    version,
    after_help = "Examples:\n  \
    ephor-peers                          every row, three process starts\n  \
    ephor-peers --quick                  under a minute\n  \
    ephor-peers --only lane-items,check  two rows\n  \
    ephor-peers --json peers.json --all  every entrant's figure, and a file"
)]
pub struct Options {
    /// Fewer messages, fewer rounds, one start: under 60 seconds.
    #[arg(long)]
    pub quick: bool,
    /// Rows to measure, by id; all when left out.
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    only: Vec<String>,
    /// How many processes to start, one after the other; 3, or 1 with --quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    starts: Option<u8>,
    /// How many rounds each process runs; 15, or 5 with --quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rounds: Option<u16>,
    /// Write the rows to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Print every entrant's median, not only the best.
    #[arg(long)]
    pub all: bool,
    /// Run in this process and print raw figures; used by the program itself.
    #[arg(long, hide = true)]
    pub child: bool,
}

impl Options {
    pub fn starts(&self) -> usize {
        self.starts.map_or(if self.quick { 1 } else { 3 }, usize::from)
    }

    pub fn rounds(&self) -> usize {
        self.rounds.map_or(if self.quick { 5 } else { 15 }, usize::from)
    }

    /// `full` messages, or a part of them in a quick run.
    pub fn messages(&self, full: u64) -> u64 {
        if self.quick { full / 4 } else { full }
    }

    pub fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == id)
    }

    /// Refuses ids that no row has.
    pub fn check_ids(&self, rows: &[Contest]) -> Result<(), String> {
        for only in &self.only {
            if !rows.iter().any(|row| row.id == only) {
                let mut ids: Vec<_> = rows.iter().map(|row| row.id).collect();
                ids.dedup();
                return Err(format!("--only {only}: no row has this id; there are {}", ids.join(", ")));
            }
        }
        Ok(())
    }

    /// Runs the rows in a process of their own: where code and data lie differs from start to start.
    pub fn start_child(&self) -> Result<Vec<Figures>, String> {
        let program = std::env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
        let output = Command::new(&program)
            .arg("--child")
            .args(std::env::args_os().skip(1))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        if !output.status.success() {
            return Err(format!("a start ended with {}", output.status));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| format!("the figures of a start: {error}"))
    }
}
