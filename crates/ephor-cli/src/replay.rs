//! `ephor replay`: recorded traffic of agents through a governed bus.
//!
//! Everything that is read is checked before the first message; then the trace is fed line by line, the bus is
//! drained, the log is closed, and the summary is written, also when the trace ended early.

pub(crate) mod bus;
pub(crate) mod contents;
pub(crate) mod feeder;
mod messages;
mod outcome;
mod runs;

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ephor::audit::{LogWriter, SigningKey, VerifierKey};
use ephor::constitution::Charter;
use ephor::policy::{Decider, DecisionCache, Engine, EntryPoint, Limits, PolicySource};
use serde_json::json;

use crate::arrivals::Pacing;
use crate::decisions::DecisionsWriter;
use crate::facts::Facts;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::options::ReplayOptions;
use crate::progress::Progress;
use crate::report::OutFile;
use crate::sample;
use crate::trace::TraceReader;
use bus::Ingredients;
use feeder::Feed;
use outcome::Outcome;

/// The rule of the policy that yields the names of the rules that a call breaks.
const ENTRY_POINT: &str = "data.airline.violations";
/// Decisions that are remembered: three times what one pass over a large trace asks for.
const CACHE_DECISIONS: usize = 4096;
/// How long the bus may take to handle what is under way when the trace has ended.
const DRAIN: Duration = Duration::from_secs(30);

/// Replays what `options` ask for.
///
/// # Errors
/// [`Failure::Refused`] when an input is bad or an output cannot be written, [`Failure::Interrupted`] after
/// Ctrl-C. What came before is replayed, recorded and reported all the same.
pub(crate) fn run(options: &ReplayOptions) -> Result<(), Failure> {
    match &options.trace {
        Some(path) => {
            let trace = TraceReader::open(path)?;
            replay(options, trace, path.display().to_string(), count_lines(path))
        }
        None => {
            let name = sample::file_name("calls.jsonl");
            let lines = sample::TRACE.lines().count() as u64;
            replay(options, TraceReader::new(name.clone(), sample::TRACE.as_bytes()), name, Some(lines))
        }
    }
}

fn replay(
    options: &ReplayOptions,
    trace: TraceReader<impl BufRead>,
    trace_name: String,
    lines: Option<u64>,
) -> Result<(), Failure> {
    options.check_outputs()?;
    let charter = charter(options.charter.as_deref())?;
    let decider = decider(options.policy.as_deref(), options.facts.as_deref())?;
    let pacing = options.arrivals.as_deref().map(|path| Pacing::open(path, options.speed())).transpose()?;
    let interrupt = Interrupt::install()?;
    let json = options.json.as_deref().map(|path| OutFile::create(path, "summary")).transpose()?;
    let decisions = options.decisions.as_deref().map(DecisionsWriter::create).transpose()?;
    let (log, dir, vkey) = open_log(options)?;
    quiet_workers();

    let workers = options.workers.map_or_else(workers_suggested, usize::from);
    let ingredients = Ingredients { charter, decider, log, workers, injection: options.inject, trace_name };
    let mut running = ingredients.start()?;
    let progress = if options.quiet { Progress::hidden() } else { Progress::on_stderr(lines) };
    let feed = Feed {
        trace,
        pacing: &pacing.unwrap_or(Pacing::AsFastAsPossible),
        interrupt: &interrupt,
        progress: &progress,
        decisions,
    };
    let fed = feed.run(&mut running.gates);
    drop(progress);
    let outcome = Outcome { fed, running, dir, vkey, workers };
    outcome.finish(json, options.quiet, interrupt.is_raised(), DRAIN)
}

/// Reads the charter, or that of the sample.
pub(crate) fn charter(path: Option<&Path>) -> Result<Charter, Failure> {
    Ok(match path {
        Some(path) => Charter::load(path)?,
        None => Charter::parse(sample::CHARTER, &sample::file_name("charter.toml"))?,
    })
}

/// Loads policy and facts into an engine with a cache in front of it.
pub(crate) fn decider(policy: Option<&Path>, facts: Option<&Path>) -> Result<Decider, Failure> {
    let source = match policy {
        Some(dir) => PolicySource::load_dir(dir)?,
        None => PolicySource::from_texts(sample::POLICY)?,
    };
    let Facts { reservations, users, flights } = facts.map_or_else(Facts::sample, Facts::load)?;
    let facts = json!({ "reservations": reservations, "users": users, "flights": flights });
    let entry = EntryPoint::new(ENTRY_POINT)?;
    // What is recorded is decided by its content: a host that stops for a moment is no reason to deny.
    let engine = Engine::load(&source, vec![("facts".to_owned(), facts)], &entry, Limits::patient())?;
    Ok(Decider::new(engine, DecisionCache::new(CACHE_DECISIONS)?))
}

/// Begins the log. Its key signs this log alone and is never written anywhere: when the log is closed, nobody
/// can sign another end for it.
fn open_log(options: &ReplayOptions) -> Result<(LogWriter, PathBuf, VerifierKey), Failure> {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let dir = options
        .audit
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("ephor-audit-{now_ms}-{}", std::process::id())));
    let key = SigningKey::generate(&format!("ephor/replay/{now_ms}"))?;
    let vkey = key.verifier_key();
    Ok((LogWriter::create(&dir, key)?, dir, vkey))
}

/// How many lines the progress bar has to go; none when the trace is not a file that can be read twice, or
/// nobody sees the bar.
fn count_lines(path: &Path) -> Option<u64> {
    if !std::io::stderr().is_terminal() || !path.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return None;
    }
    let mut file = BufReader::new(File::open(path).ok()?);
    let mut lines = 0;
    loop {
        let bytes = file.fill_buf().ok()?;
        if bytes.is_empty() {
            return Some(lines);
        }
        lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let count = bytes.len();
        file.consume(count);
    }
}

/// One worker fewer than there are cores, since the reader needs one, and no more than there is work for.
pub(crate) fn workers_suggested() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get).saturating_sub(1).clamp(1, 3)
}

/// Keeps panics of workers to one line each: they are caught, counted, and their messages are kept.
/// Those of other threads are told as ever.
fn quiet_workers() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match thread::current().name() {
        Some(name) if name.starts_with("ephor-") => eprintln!("{name}: {panic}"),
        _ => default(panic),
    }));
}
