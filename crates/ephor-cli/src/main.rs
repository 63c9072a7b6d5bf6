//! The `ephor` command: replays recorded traffic of agents through a governed bus, and verifies the log that
//! is left behind.
//!
//! Results go to stdout, progress and errors to stderr. It ends with 0, or with 2 for bad input or usage, 3 for
//! a log that does not verify, 130 after Ctrl-C.
#![forbid(unsafe_code)]

mod arrivals;
mod audit;
mod decisions;
mod facts;
mod failure;
mod interrupt;
mod lines;
mod machine;
mod options;
mod overlay;
mod progress;
mod replay;
mod report;
mod sample;
mod show;
mod trace;
mod words;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

use crate::failure::Failure;
use crate::options::{AuditCommand, Cli, Command};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match dispatch(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn dispatch(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Replay(options) => replay::run(options),
        Command::Audit(AuditCommand::Verify(options)) => audit::verify(options),
    }
}
