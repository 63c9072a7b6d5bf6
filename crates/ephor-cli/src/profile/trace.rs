//! A recorded trace as a subject: the bus that it is replayed on, driven by its messages.
//!
//! The lines are read and their contents made once, before anything is measured; the loads send them in order and begin anew
//! at the end. Unlike a replay, nothing waits for the line before it: that is what an open loop is.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ephor::audit::{LogWriter, SigningKey};
use ephor::constitution::Charter;
use ephor::policy::PolicyHandle;
use ephor::profile::{Ask, Load, Sent, Subject, SubjectError, log_directory, outcome};
use ephor::{IdleStrategy, Pin, WorkerOptions, cores_allowed};

use crate::failure::Failure;
use crate::options::ProfileOptions;
use crate::replay::bus::{self, Ingredients, Wired};
use crate::replay::contents::Contents;
use crate::replay::{charter, decider, workers_suggested};
use crate::trace::{Line, TraceReader};

/// Lines that are read of a trace: more of a longer one would take memory here, and time in each pass of the traffic.
pub(crate) const LINES_MAX: usize = 20_000;

/// A line with the block that travels with it.
struct Prepared {
    line: Line,
    block: Option<Vec<u8>>,
}

/// A trace that was read, with what its bus is built from.
pub(crate) struct Recorded {
    charter: Charter,
    policy: PolicyHandle,
    /// Whether the trace has more lines than are read.
    pub(crate) is_cut: bool,
    lines: Arc<[Prepared]>,
}

impl Recorded {
    /// Reads the trace at `path`, its policy and its charter.
    ///
    /// # Errors
    /// When one of them is bad; names file, line and value.
    pub(crate) fn open(path: &Path, options: &ProfileOptions) -> Result<Self, Failure> {
        let mut contents = Contents::default();
        let mut lines = Vec::new();
        let mut is_cut = false;
        for line in TraceReader::open(path)? {
            if lines.len() == LINES_MAX {
                is_cut = true;
                break;
            }
            let mut line = line?;
            let block = contents
                .of(&mut line)
                .map_err(|error| Failure::refused(format!("{}:{}: {error}", path.display(), line.number)))?;
            lines.push(Prepared { line, block });
        }
        if lines.is_empty() {
            return Err(Failure::refused(format!(
                "{}: no lines; a profile needs at least one",
                path.display()
            )));
        }
        Ok(Self {
            charter: charter(options.charter.as_deref())?,
            policy: PolicyHandle::new(decider(options.policy.as_deref(), options.facts.as_deref())?),
            is_cut,
            lines: lines.into(),
        })
    }

    /// Makes the subject, anew a call.
    pub(crate) fn recipe(self) -> impl FnMut() -> Result<Subject, SubjectError> {
        move || {
            let place = log_directory()?;
            let log = LogWriter::create(&place.path().join("log"), SigningKey::generate("ephor/profile")?)?;
            let (charter, policy) = (self.charter.clone(), self.policy.clone());
            let wired = Ingredients::wire(charter, policy, log, &workers())?;
            let target = wired.desk();
            let Wired { mut topology, doors, oversight, auditor, .. } = wired;
            let auditing = topology.worker(apart(IdleStrategy::backoff()));
            let overseeing = topology.worker(apart(IdleStrategy::park()));
            topology.place(auditor, auditing);
            oversight.place(&mut topology, overseeing);
            let watch = oversight.watchdog(&mut topology);
            let (asking, lines) = (doors.with_receipts(), Arc::clone(&self.lines));
            let next = AtomicUsize::new(0);
            let load = Load::new("lines", target, move |ask| {
                // Relaxed: one thread sends.
                let Prepared { line, block } = &lines[next.load(Ordering::Relaxed) % lines.len()];
                let sent = match ask {
                    Ask::Plain => doors.send(line.number, line, block.as_deref()),
                    Ask::Receipt(number) => asking.send(number.0, line, block.as_deref()),
                };
                let sent = match sent {
                    bus::Sent::Gone => Sent::Taken,
                    bus::Sent::Refused(_) => Sent::Denied,
                    bus::Sent::Full => Sent::Refused,
                };
                next.fetch_add(1, Ordering::Relaxed);
                sent
            });
            let subject = Subject::new(topology).with(load).overseen_by(oversight).keeping(place);
            Ok(subject.watched_through(move |pulse| outcome(watch.try_send(pulse))))
        }
    }
}

/// The workers of customer, desk and tools, and of policy: as many as a replay has, but pinned, counted from the last core, so that
/// the first is left to the load.
fn workers() -> Vec<WorkerOptions> {
    (0..workers_suggested())
        .map(|place| WorkerOptions { pin: pin(place), idle: IdleStrategy::park() })
        .collect()
}

/// A worker of those who watch, on the last core. They have to move when others do not; and who waits for the disk holds up nobody.
fn apart(idle: IdleStrategy) -> WorkerOptions {
    WorkerOptions { pin: pin(0), idle }
}

/// The core at this place from the last; none when that would be the first.
fn pin(place: usize) -> Pin {
    let mut cores = cores_allowed();
    cores.sort_unstable();
    match cores.len().checked_sub(place + 1) {
        Some(index) if index > 0 => Pin::IfPossible(cores[index]),
        _ => Pin::None,
    }
}
