//! The `ephor` command: replays recorded traffic of agents through a governed bus, verifies the log that is left
//! behind, and measures a bus against targets.
//!
//! Results go to stdout, progress and errors to stderr. It ends with 0, or with 1 for a target that was missed or a
//! check that failed, 2 for bad input or usage, 3 for a log that does not verify, 130 after Ctrl-C.
#![forbid(unsafe_code)]

mod arrivals;
mod audit;
mod decisions;
mod facts;
mod failure;
mod interrupt;
mod lines;
mod options;
mod overlay;
mod profile;
mod progress;
mod replay;
mod report;
mod sample;
mod show;
mod trace;
mod words;

use std::process::ExitCode;

use clap::Parser;
use ephor::profile::Begun;
use mimalloc::MiMalloc;

use crate::failure::Failure;
use crate::options::{AuditCommand, Cli, Command};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let begun = Begun::now();
    match dispatch(&Cli::parse().command, begun) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn dispatch(command: &Command, begun: Begun) -> Result<(), Failure> {
    match command {
        Command::Replay(options) => replay::run(options),
        Command::Profile(options) => profile::run(options, begun),
        Command::Audit(AuditCommand::Verify(options)) => audit::verify(options),
    }
}
