//! Ephor's hop beside the rings and actor runtimes that a user could pick instead. See `benches/README.md`.

mod actors;
mod contest;
mod options;
mod report;
mod rings;
mod rows;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::Parser;
use ephor_bench::{HERE, THERE};

use crate::contest::Figures;
use crate::options::Options;
use crate::report::Row;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let is_stopped = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&is_stopped))
            .map_err(|error| format!("signal {signal} cannot be handled: {error}"))?;
    }
    let cores = ephor_bench::pin::cores();
    for core in [HERE, THERE] {
        if !cores.contains(&core) {
            return Err(format!("two cores are needed, {HERE} and {THERE}; this process may use {cores:?}"));
        }
    }
    let mut rows = rows::all(options);
    options.check_ids(&rows)?;
    if options.child {
        return child(options, &mut rows, &is_stopped);
    }
    let mut figures: Vec<Figures> = vec![Figures::default(); rows.len()];
    for start in 0..options.starts() {
        if is_stopped.load(Ordering::Relaxed) {
            break;
        }
        eprintln!("start {} of {}", start + 1, options.starts());
        for (sum, part) in figures.iter_mut().zip(options.start_child()?) {
            sum.merge(part);
        }
    }
    let rows: Vec<Row> = rows.iter().zip(&figures).flat_map(|(row, figures)| Row::of(row, figures)).collect();
    report::print(&rows, options.all);
    if let Some(path) = &options.json {
        report::write(&rows, path)?;
    }
    if is_stopped.load(Ordering::Relaxed) {
        Err("stopped before the end; the figures above are of a part".into())
    } else {
        Ok(())
    }
}

/// Runs every row in this process and prints the figures as JSON, for the process that started it.
fn child(options: &Options, rows: &mut [contest::Contest], is_stopped: &AtomicBool) -> Result<(), String> {
    let mut all = Vec::new();
    for row in rows {
        let begun = Instant::now();
        let figures =
            if options.wants(row.id) { row.run(options.rounds(), is_stopped)? } else { Figures::default() };
        if options.wants(row.id) {
            eprintln!("  {:<14} {:>6.1} s  {}", row.id, begun.elapsed().as_secs_f64(), row.what);
        }
        all.push(figures);
    }
    let text = serde_json::to_string(&all).map_err(|error| error.to_string())?;
    println!("{text}");
    Ok(())
}
