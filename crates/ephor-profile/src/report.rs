//! The report: what a profile measured and found, as the object that `--json` writes.
//!
//! The names of the fields are the format, version [`SCHEMA`]; `docs/profile.md` explains each. A reader that meets another
//! version refuses it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Effort;
use crate::distance::Class;
use crate::machine::Machine;
use crate::metric::Metric;

/// The version of the format.
pub const SCHEMA: u32 = 1;

/// All that a profile has to tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of the format: [`SCHEMA`].
    pub schema: u32,
    /// The version of Ephor that was measured.
    pub ephor: String,
    /// What was measured: `overseers`, the name of a user's own topology, or `trace` and the name of its file.
    pub subject: String,
    /// `quick` or `full`.
    pub effort: String,
    /// What it ran on.
    pub machine: Machine,
    /// What was read to make the subject, each by name with a digest of its content.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// What there is to know before any figure: one core, a pin that was refused, a debug build, a trace that was cut.
    pub notes: Vec<String>,
    /// What happened in the course of this run and touches what was measured after it, such as a check that did not end. Runs are
    /// compared all the same.
    #[serde(default)]
    pub incidents: Vec<String>,
    /// From the first phase to the last, in seconds.
    pub seconds: f64,
    /// The phases that ran, in order.
    pub phases: Vec<Phase>,
    /// Every figure.
    pub metrics: Vec<Metric>,
    /// Throughput and latency against offered load, one curve a way of pacing.
    pub curves: Vec<Curve>,
    /// Every agent of the topology.
    pub agents: Vec<AgentFacts>,
    /// Where messages waited and were handled.
    pub hot_spots: Vec<HotSpot>,
    /// The coordination suite.
    pub suite: Suite,
    /// The faults that were put in.
    pub faults: Vec<Fault>,
    /// Each target and whether it was met.
    pub targets: Vec<Verdict>,
    /// What to do, the most worthwhile first.
    pub recommendations: Vec<Recommendation>,
    /// What changed since an earlier run, when one was given.
    pub comparison: Option<Comparison>,
    /// The original's figures beside ours, when they were asked for.
    pub original: Vec<Original>,
}

/// One of the five phases.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// `profile`, `status`, `validate`, `analyse` or `report`.
    pub name: String,
    /// How long it took.
    pub seconds: f64,
    /// What was done, in order.
    pub actions: Vec<Action>,
}

/// One action of a phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Its name, which is the original's.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// How long it took.
    pub seconds: f64,
    /// What it found, in a sentence.
    pub summary: String,
    /// What else there is to say, a line each.
    pub details: Vec<String>,
}

/// How an action, a check or a fault ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It did what it was to do, and found nothing wrong.
    #[default]
    Passed,
    /// It found something wrong.
    Failed,
    /// It was not done; the summary says why.
    Skipped,
}

/// Throughput and latency against offered load, with one way of pacing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// `constant`, `poisson` or `arrivals`.
    pub pacing: String,
    /// How far the cores were apart at most of its points: `same`, `near`, `far`; none when that cannot be told. Only points at
    /// this distance are compared with each other.
    pub distance: Option<String>,
    /// By offered load, rising.
    pub points: Vec<LoadPoint>,
}

/// One offered load and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadPoint {
    /// Messages that were due, a second.
    pub offered_per_s: f64,
    /// Messages that came to a fate which is no loss, a second: handled, or decided upon.
    pub handled_per_s: f64,
    /// The least and the most of its repetitions.
    #[serde(default)]
    pub handled_range_per_s: [f64; 2],
    /// Percentiles of the time from when a message was due to its fate, in nanoseconds, of all repetitions together. None where
    /// [`no_latency`](Self::no_latency) says why, and none of a percentile that the samples are too few for.
    pub p50_ns: Option<f64>,
    /// 99 of 100.
    pub p99_ns: Option<f64>,
    /// The least and the most p99 of its repetitions.
    #[serde(default)]
    pub p99_range_ns: Option<[f64; 2]>,
    /// 999 of 1000.
    pub p999_ns: Option<f64>,
    /// The longest.
    pub max_ns: Option<f64>,
    /// Messages that were due.
    pub sent: u64,
    /// How many of them were timed.
    pub samples: u64,
    /// One message in so many asked for its fate.
    pub one_in: usize,
    /// Messages that were refused because a lane was full; they count as sent and late.
    pub refused: u64,
    /// How late the generator itself sent, 99 of 100, in nanoseconds: after a message was due and the send before it had returned.
    pub schedule_error_p99_ns: f64,
    /// Why no latency is told here.
    #[serde(default)]
    pub no_latency: Option<NoLatency>,
    /// Repetitions that this stands on.
    #[serde(default)]
    pub repetitions: usize,
    /// Repetitions that it was to stand on: others were left out, or not made because the time for them was over. Where none was
    /// kept, it stands on all that were tried, which may be more.
    #[serde(default)]
    pub wanted: usize,
    /// How far the cores were apart in the repetitions that this stands on; none when that cannot be told.
    pub distance: Option<Class>,
}

impl Curve {
    /// The points that were measured at the distance of the curve, and may be compared.
    pub fn comparable(&self) -> impl Iterator<Item = &LoadPoint> {
        self.points.iter().filter(|point| self.is_comparable(point))
    }

    /// Whether `point` was measured at the distance of the curve.
    pub(crate) fn is_comparable(&self, point: &LoadPoint) -> bool {
        point.distance.map(Class::name) == self.distance.as_deref()
    }
}

/// Why the latencies of a load are not the bus's, or of no one distance, and so are not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoLatency {
    /// The rate is above the highest that the generator keeps here (`generator_rate_max`).
    AboveOwnRate,
    /// Which rates the generator keeps here is not known.
    OwnRateUnknown,
    /// No repetition is kept, most often because the generator itself was late.
    GeneratorLate,
    /// The same, because the system took the generator's core for more than a tenth of the messages.
    CoreLost,
    /// The same, because the distance of the cores changed.
    DistanceChanged,
}

impl NoLatency {
    /// In a few words.
    pub fn text(self) -> &'static str {
        match self {
            Self::AboveOwnRate => "above what the generator keeps",
            Self::OwnRateUnknown => "what the generator keeps is not known",
            Self::GeneratorLate => "the generator was late",
            Self::CoreLost => "the generator lost its core",
            Self::DistanceChanged => "the distance changed",
        }
    }
}

impl LoadPoint {
    /// Takes the latencies back, and says why.
    pub(crate) fn leave_untold(&mut self, why: NoLatency) {
        self.no_latency = Some(why);
        self.p99_range_ns = None;
        [self.p50_ns, self.p99_ns, self.p999_ns, self.max_ns] = [None; 4];
    }
}

/// One agent of the topology.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentFacts {
    /// Its name.
    pub name: String,
    /// The worker that runs it, counted from 0.
    pub worker: usize,
    /// How long its factory took, in nanoseconds.
    pub build_ns: u64,
    /// How long its start hook took.
    pub hook_ns: u64,
    /// From the first message that was sent to the first that it handled; none when none reached it, or the distance of the cores
    /// changed in every start.
    pub first_message_ns: Option<u64>,
    /// How long a ping took to be answered in its turn; none when the deadline passed each time, or the distance of the cores changed
    /// on every bus.
    pub ping_ns: Option<u64>,
    /// The agents whose room it waits for, by its hold edges.
    pub waits_for: Vec<String>,
}

/// Where messages spent their time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HotSpot {
    /// `wait` on an edge, or `handling` in an agent.
    pub what: String,
    /// The edge as `from -> to`, or the agent with the kind as `agent: Kind`.
    pub place: String,
    /// Messages that were timed.
    pub count: u64,
    /// Their time together, in nanoseconds.
    pub total_ns: u64,
    /// Half of them took at most this long.
    pub p50_ns: u64,
    /// 99 of 100.
    pub p99_ns: u64,
    /// Its share of all time measured, 0 to 1.
    pub share: f64,
}

/// What the coordination suite came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    /// Checks that held.
    pub passed: usize,
    /// Checks that did not.
    pub failed: usize,
    /// Checks that were not made.
    pub skipped: usize,
    /// How long it took.
    pub seconds: f64,
    /// Every check.
    pub checks: Vec<CheckResult>,
}

/// One check of the suite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// What it belongs to: `boundaries`, `priorities`, `tenants`, `roles`, `recovery`, `ledger`, `policy`, `audit`, ...
    pub group: String,
    /// What it says, a sentence that can fail.
    pub sentence: String,
    /// The acceptance case that it stands for, such as `C1`.
    pub case: Option<String>,
    /// How it ended.
    pub status: Status,
    /// Why it failed or was skipped.
    pub why: String,
    /// How long it took, in milliseconds.
    pub ms: f64,
}

/// A fault that was put into the bus under load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// `panicking agent`, `stalled agent`, `full lane`, `forced breaker`, `policy engine failing`.
    pub name: String,
    /// What was done, to whom, and for how long.
    pub what: String,
    /// How it ended: passed when it was noticed while it lasted and the bus recovered.
    pub status: Status,
    /// Why it failed or was skipped.
    pub why: String,
    /// Messages that the loads were to send while it was watched, and those that made a policy engine fail. Reports to health are
    /// not among them.
    pub sent: u64,
    /// Messages handled, of the kinds that the loads sent: one that was forwarded counts once, and one that an agent sent anew under
    /// one of these kinds counts too. Pulses, and kinds that only agents send, do not.
    pub handled: u64,
    /// Messages of any kind, pulses included, that were lost, by the name of the loss; `refused` were handed back to their sender.
    pub lost: BTreeMap<String, u64>,
    /// Messages that were decided upon and so not handled: `denied` by a check or a handler, `held` for deliberation. Denials that the
    /// fault brought about are among them.
    #[serde(default)]
    pub decided: BTreeMap<String, u64>,
    /// From the fault to its notice, in nanoseconds.
    pub detect_ns: Option<u64>,
    /// How long its cause lasted, in nanoseconds: the stall, the breaker that was held open, the engine that failed. None for a panic,
    /// which is over at once.
    #[serde(default)]
    pub cause_ns: Option<u64>,
    /// From the end of its cause to a bus as before, in nanoseconds; for a panic, from the panic.
    pub recover_ns: Option<u64>,
    /// Health when it struck, at its lowest from then on, and at the end.
    pub health: [HealthPoint; 3],
    /// What else touched this run: those who watch were held up by the host, health changed before the fault.
    #[serde(default)]
    pub marks: Vec<String>,
    /// How far the load's core and that of the worker were apart meanwhile: `same`, `near` or `far`; none when that is not known.
    #[serde(default)]
    pub distance: Option<String>,
    /// When the fault was put in, in milliseconds since the load began; 0 when it never struck.
    pub fault_at_ms: f64,
    /// Health over time; a point at each change.
    pub timeline: Vec<HealthPoint>,
}

/// Health at one time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HealthPoint {
    /// Milliseconds since the load began.
    pub at_ms: f64,
    /// 0 to 1.
    pub score: f64,
    /// `healthy`, `degraded` or `critical`.
    pub status: String,
}

/// A target and whether it was met.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The metric.
    pub metric: String,
    /// `below`, `above`, `at_most` or `at_least`.
    pub relation: String,
    /// The bound, in `unit`.
    pub bound: f64,
    /// The unit of bound and actual.
    pub unit: String,
    /// What was measured; none when it was not.
    pub actual: Option<f64>,
    /// Whether the target is met. A derived figure meets none.
    pub met: bool,
    /// Why not, or what the figure stands on.
    pub why: String,
}

/// Something to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// `done` (already implemented), `medium` or `low`.
    pub priority: String,
    /// What to do.
    pub text: String,
    /// The measurement that says so.
    pub evidence: String,
}

/// This run beside an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The file of the earlier run.
    pub baseline: String,
    /// How sure it is that no figure is called changed that is not, 0 to 1.
    pub confidence: f64,
    /// What the earlier run differs in besides time, when `--force` compared it all the same.
    pub forced: Option<String>,
    /// Every metric that both have.
    pub changes: Vec<Change>,
}

/// A metric beside that of an earlier run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The metric.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// Then.
    pub before: f64,
    /// Now.
    pub now: f64,
    /// Now / before.
    pub ratio: f64,
    /// `worse`, `better`, `same`, or `not comparable`.
    pub verdict: String,
    /// Why it is called that.
    pub why: String,
}

/// A figure of the original system beside ours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Original {
    /// What it is about.
    pub what: String,
    /// What the original's document says; empty when it says nothing.
    pub said: String,
    /// What was measured of the original.
    pub measured: String,
    /// Ours, as it is printed; `not measured` when it is not.
    pub ours: String,
    /// Where the original's figures come from, and whether the two can be compared.
    pub source: String,
}

impl Report {
    /// An empty report about `subject` on this machine.
    pub fn about(subject: &str, effort: Effort) -> Self {
        Self {
            schema: SCHEMA,
            ephor: env!("CARGO_PKG_VERSION").to_owned(),
            subject: subject.to_owned(),
            effort: effort.name().to_owned(),
            machine: Machine::probe(),
            ..Self::default()
        }
    }

    /// What stands at the top: the notes, and what happened in the course of the run.
    pub fn remarks(&self) -> impl Iterator<Item = &String> {
        self.notes.iter().chain(&self.incidents)
    }

    /// The figure of this name.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == name)
    }

    /// Whether every target was met, and no check, fault or action failed.
    pub fn is_passed(&self) -> bool {
        let mut actions = self.phases.iter().flat_map(|phase| &phase.actions);
        self.targets.iter().all(|target| target.met)
            && self.suite.failed == 0
            && self.faults.iter().all(|fault| fault.status != Status::Failed)
            && actions.all(|action| action.status != Status::Failed)
    }
}
