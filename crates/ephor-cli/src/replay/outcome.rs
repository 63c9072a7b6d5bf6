//! What a replay came to: drains the bus, closes the log, and puts the figures together.

use std::path::PathBuf;
use std::time::Duration;

use ephor::audit::VerifierKey;
use ephor::{Latency, Ledger as BusLedger, Report, ShutdownError};

use crate::failure::Failure;
use crate::replay::bus::Running;
use crate::replay::feeder::Fed;
use crate::replay::messages::{KINDS, run_and_step};
use crate::report::{
    Audit, Breaker, Cache, Health, Ledger, Look, OutFile, Percentiles, Quarantined, SCHEMA, Summary, Text,
    print_stdout, program_name,
};
use ephor::profile::Machine;

/// A replay that has been fed.
pub(crate) struct Outcome {
    pub(crate) fed: Fed,
    pub(crate) running: Running,
    pub(crate) dir: PathBuf,
    pub(crate) vkey: VerifierKey,
    pub(crate) workers: usize,
}

impl Outcome {
    /// Stops the bus within `drain`, writes the summary, and says how it ended.
    ///
    /// # Errors
    /// What stopped the feed, a bus that does not stop, a log that could not be closed, or an output that could
    /// not be written; the first of them.
    pub(crate) fn finish(
        self,
        json: Option<OutFile>,
        quiet: bool,
        is_interrupted: bool,
        drain: Duration,
    ) -> Result<(), Failure> {
        let Outcome { fed, running, dir, vkey, workers } = self;
        let Running { bus, gates, oversight, policy, audit } = running;
        let is_pinned = bus.pinned().iter().all(Option::is_some);
        let failed = gates.failure();
        drop(gates);
        // With a failed log nothing moves any more, so there is nothing to wait for.
        let drain = if failed.is_some() { Duration::ZERO } else { drain };
        let (report, stuck) = match bus.shutdown(drain) {
            Ok(report) => (report, None),
            Err(ShutdownError::Stuck { stuck, waited, report }) => {
                let message = format!("{} did not stop within {waited:?}", stuck.join(", "));
                (*report, Some(Failure::refused(message)))
            }
            Err(error) => return Err(error.into()),
        };
        let closed = audit.closed();
        let stats = policy.stats();
        let view = oversight.view();
        let decisions = stats.hits + stats.misses;
        let summary = Summary {
            schema: SCHEMA,
            ledger: ledger(&report.ledger),
            commands: fed.commands,
            hop_ns: percentiles(report.hop_ns.unwrap_or_default()),
            decision_ns: Percentiles {
                p50: stats.p50_ns,
                p99: stats.p99_ns,
                p999: stats.p999_ns,
                max: stats.max_ns,
                count: decisions,
            },
            cache: Cache { hits: stats.hits, misses: stats.misses },
            health: Health {
                score: view.health.score,
                status: view.health.status.to_string(),
                lowest_score: view.health.lowest_score,
            },
            recoveries: view.recovery.recoveries,
            quarantine: quarantine(&report),
            audit: Audit {
                records: closed.as_ref().map_or(0, |checkpoint| checkpoint.size()),
                root: closed.as_ref().map_or_else(String::new, |checkpoint| checkpoint.root().to_string()),
                dir: dir.display().to_string(),
                vkey: vkey.to_string(),
            },
            elapsed_s: report.elapsed.as_secs_f64(),
            machine: Machine { workers, pinned: is_pinned, ..Machine::probe() },
        };
        if let Some(json) = json {
            json.commit_json(&summary)?;
        }
        if !quiet {
            let breakers: Vec<Breaker> = view
                .health
                .breakers
                .into_iter()
                .map(|breaker| Breaker {
                    name: breaker.name,
                    state: breaker.state.to_string(),
                    trips: breaker.trips,
                })
                .collect();
            let text = Text { summary: &summary, breakers: &breakers, program: &program_name() };
            print_stdout(&text.render(Look::of_stdout()))?;
        }
        let log_failure =
            audit.failure().map(|error| Failure::refused(format!("the audit log failed: {error}")));
        let interrupted = is_interrupted.then_some(Failure::Interrupted { lines: fed.lines });
        match fed.stopped.or(stuck).or(log_failure).or(interrupted) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}

/// The trace's part of the bus's ledger.
fn ledger(bus: &BusLedger) -> Ledger {
    let part = bus.of_kinds(&KINDS.map(|(kind, _)| kind));
    Ledger {
        sent: part.sent(),
        handled: part.handled(),
        lost: part.losses().into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
        in_flight: part.in_flight(),
    }
}

fn percentiles(latency: Latency) -> Percentiles {
    let Latency { p50, p99, p999, max, count } = latency;
    Percentiles { p50, p99, p999, max, count }
}

fn quarantine(report: &Report) -> Vec<Quarantined> {
    report
        .quarantine
        .iter()
        .map(|message| {
            let place = run_and_step(&message.payload, message.header.flags.has_loan());
            let kind = KINDS.iter().find(|(kind, _)| *kind == message.header.kind);
            let bytes = message.payload.iter().chain(message.block.iter().flatten());
            Quarantined {
                agent: message.agent.clone(),
                run: place.map_or_else(String::new, |(run, _)| run.as_str().to_owned()),
                step: place.map_or(0, |(_, step)| step),
                kind: kind.map_or("other", |(_, name)| name).to_owned(),
                crashes: u64::from(message.crashes),
                bytes_hex: bytes.map(|byte| format!("{byte:02x}")).collect(),
            }
        })
        .collect()
}
