//! Real traffic with known answers: a labelled trace, sent through its governed bus once a pass.
//!
//! The bus stays the same over the passes, and with it the cache of decisions. Each pass feeds the trace from its start, one
//! line of a run after the other, as a replay does, and stops early when Ctrl-C was pressed. Of a long trace it feeds as many lines
//! as the subject keeps.

use std::path::Path;

use ephor::audit::{LogWriter, SigningKey};
use ephor::profile::{Pass, SubjectError, Traffic, log_directory};
use tempfile::TempDir;

use super::trace::LINES_MAX;
use crate::arrivals::Pacing;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::options::ProfileOptions;
use crate::progress::Progress;
use crate::replay::bus::{Ingredients, Running};
use crate::replay::feeder::{Fed, Feed};
use crate::replay::{charter, decider, workers_suggested};
use crate::sample;
use crate::trace::{Line, TraceError, TraceReader};

/// The traffic of `--trace`, or that of the sample. `is_cut` says whether the trace has more lines than are fed.
///
/// # Errors
/// When charter, policy or facts are bad.
pub(crate) fn of(options: &ProfileOptions, is_cut: bool, interrupt: &Interrupt) -> Result<Traffic, Failure> {
    let trace = options.trace.clone();
    let trace_name =
        trace.as_ref().map_or_else(|| sample::file_name("calls.jsonl"), |path| path.display().to_string());
    let name =
        if is_cut { format!("the first {LINES_MAX} lines of {trace_name}") } else { trace_name.clone() };
    let interrupt = interrupt.clone();
    let mut ingredients = Some((
        charter(options.charter.as_deref())?,
        decider(options.policy.as_deref(), options.facts.as_deref())?,
    ));
    let mut running = None;
    Ok(Traffic::new(&name, move || {
        if let Some((charter, decider)) = ingredients.take() {
            running = Some(Sample::start(charter, decider, trace_name.clone(), interrupt.clone())?);
        }
        let sample = running.as_mut().ok_or("the bus was started above")?;
        sample.pass(trace.as_deref())
    }))
}

/// The bus of the passes, with the directory of its log.
struct Sample {
    running: Running,
    interrupt: Interrupt,
    /// Goes after the bus.
    _place: TempDir,
}

impl Sample {
    fn start(
        charter: ephor::constitution::Charter,
        decider: ephor::policy::Decider,
        trace_name: String,
        interrupt: Interrupt,
    ) -> Result<Self, SubjectError> {
        let place = log_directory()?;
        let log = LogWriter::create(&place.path().join("log"), SigningKey::generate("ephor/profile")?)?;
        let ingredients =
            Ingredients { charter, decider, log, workers: workers_suggested(), injection: None, trace_name };
        let running = ingredients.start()?;
        Ok(Self { running, interrupt, _place: place })
    }

    /// Feeds the trace once.
    fn pass(&mut self, trace: Option<&Path>) -> Result<Pass, SubjectError> {
        let before = self.running.policy.stats();
        let Fed { labels, stopped, .. } = match trace {
            Some(path) => self.feed(TraceReader::open(path)?),
            None => {
                let name = sample::file_name("calls.jsonl");
                self.feed(TraceReader::new(name, sample::TRACE.as_bytes()))
            }
        };
        if let Some(failure) = stopped {
            return Err(failure.to_string().into());
        }
        let after = self.running.policy.stats();
        Ok(Pass {
            judged: labels.judged,
            right: labels.right,
            hits: after.hits - before.hits,
            misses: after.misses - before.misses,
        })
    }

    fn feed(&mut self, trace: impl Iterator<Item = Result<Line, TraceError>>) -> Fed {
        let progress = Progress::hidden();
        let feed = Feed {
            trace: trace.take(LINES_MAX),
            pacing: &Pacing::AsFastAsPossible,
            interrupt: &self.interrupt,
            progress: &progress,
            decisions: None,
        };
        feed.run(&mut self.running.gates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_ends_early_when_ctrl_c_was_pressed() {
        let (charter, decider) = (charter(None).unwrap(), decider(None, None).unwrap());
        let mut sample = Sample::start(charter, decider, "sample".to_owned(), Interrupt::raised()).unwrap();
        assert_eq!(sample.pass(None).unwrap(), Pass::default());
    }
}
