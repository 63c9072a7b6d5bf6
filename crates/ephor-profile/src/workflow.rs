//! The workflow: five phases in order, each a few actions with the original's names.

use std::time::{Duration, Instant};

use ephor_core::Frame;
use ephor_runtime::cores_allowed;

use crate::baseline::Force;
use crate::config::{Config, PhaseName, Progress};
use crate::error::ProfileError;
use crate::generator::Waiting;
use crate::machine::{cores, parallelism, quota};
use crate::mark::Mark;
use crate::metric::Metric;
use crate::panics::{Untold, caught};
use crate::repeat::core_pair;
use crate::report::{Action, Phase, Report, Status};
use crate::subject::IntoSubject;
use crate::targets::members::Names;
use crate::trial::{Recipe, Rig};
use crate::{analyse, cold, conclude, faults, load_curve, logs, ops, status, validate};

/// What an action found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) status: Status,
    pub(crate) summary: String,
    pub(crate) details: Vec<String>,
}

impl Found {
    pub(crate) fn passed(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..Self::default() }
    }

    pub(crate) fn failed(summary: impl Into<String>) -> Self {
        Self { status: Status::Failed, ..Self::passed(summary) }
    }

    pub(crate) fn skipped(summary: impl Into<String>) -> Self {
        Self { status: Status::Skipped, ..Self::passed(summary) }
    }

    pub(crate) fn with(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }
}

/// A profile under way.
pub(crate) struct Session<'a, F: Frame> {
    pub(crate) recipe: Box<Recipe<'a, F>>,
    pub(crate) config: Config,
    pub(crate) report: Report,
    /// How the generator waits.
    pub(crate) waiting: Waiting,
    /// What touches every figure from now on, such as the machine: each of these is also a remark of the report.
    pub(crate) marks: Vec<Mark>,
    /// The load's core and that of the worker that the first load goes to; none when that worker is not pinned, or to the
    /// load's own core.
    pub(crate) cores: Option<(usize, usize)>,
    /// The core of each worker, as far as it has one.
    pinned: Vec<Option<usize>>,
    /// What the subject's agents and edges are called.
    names: Names,
    /// What the phases hand on to later ones.
    pub(crate) saturation_per_s: Option<f64>,
    /// Senders that are no agents.
    pub(crate) outside: Vec<String>,
    action: &'static str,
    /// Figures that are not told, and why.
    untold: Vec<(String, String)>,
    begun: Instant,
    /// Until when repetitions that were spoilt are made again, and until when more than the fewest are made.
    patience: Option<[Instant; 2]>,
}

type Act<'a, F> = fn(&mut Session<'a, F>) -> Result<Found, ProfileError>;

/// Every action, in order, and which part of the time for the whole profile is over when it should be done, in percent.
fn actions<'a, F: Frame>() -> [(PhaseName, &'static str, u32, Act<'a, F>); 14] {
    [
        (PhaseName::Profile, "import_timing_benchmark", 10, cold::import_timing_benchmark),
        (PhaseName::Profile, "operation_microbenchmark", 20, ops::operation_microbenchmark),
        (PhaseName::Profile, "throughput_calculation", 55, load_curve::throughput_calculation),
        (PhaseName::Status, "agent_availability_check", 60, status::agent_availability_check),
        (PhaseName::Status, "import_latency_analysis", 64, status::import_latency_analysis),
        (PhaseName::Status, "dependency_trace", 64, status::dependency_trace),
        (PhaseName::Validate, "coordination_test_suite", 82, validate::coordination_test_suite),
        (PhaseName::Validate, "antifragility_verification", 93, faults::antifragility_verification),
        (PhaseName::Analyse, "identify_bottlenecks", 98, analyse::identify_bottlenecks),
        (PhaseName::Analyse, "categorize_optimizations", 98, analyse::categorize_optimizations),
        (PhaseName::Analyse, "verify_existing_patterns", 100, analyse::verify_existing_patterns),
        (PhaseName::Report, "compile_metrics", 100, conclude::compile_metrics),
        (PhaseName::Report, "compare_to_targets", 100, conclude::compare_to_targets),
        (PhaseName::Report, "document_recommendations", 100, conclude::document_recommendations),
    ]
}

/// Profiles the subject that `recipe` makes, which is called for each measurement.
///
/// Takes 20 seconds or two minutes, by the effort, and both cores of a small machine. A check that fails, a fault that is not
/// noticed and a target that is missed are in the report; see [`Report::is_passed`]. A closure of the subject that panics while
/// something is measured fails that action, and the others go on.
///
/// Meanwhile the process has a panic hook that keeps back the panics that checks and faults make on purpose, and hands all others
/// on to the hook that was there, which comes back at the end. A hook that is set meanwhile is lost.
///
/// # Errors
/// [`ProfileError`] when the subject cannot be made, built, started or stopped, when the profile was asked to stop, or when it was
/// asked for what cannot be, such as a target on an agent that the subject does not have.
pub fn run<F, S>(mut recipe: impl FnMut() -> S, config: Config) -> Result<Report, ProfileError>
where
    F: Frame,
    S: IntoSubject<F>,
{
    if config.only == Some(PhaseName::Report) {
        return Err(ProfileError::NothingToReport);
    }
    let (begun, _untold) = (Instant::now(), Untold::begin());
    let mut session =
        Session::new(Box::new(move || recipe().into_subject().map_err(ProfileError::Subject)), config);
    session.run()?;
    session.report.seconds = begun.elapsed().as_secs_f64();
    Ok(session.report)
}

impl<'a, F: Frame> Session<'a, F> {
    pub(crate) fn new(recipe: Box<Recipe<'a, F>>, config: Config) -> Self {
        let mut report = Report::about(&config.subject, config.effort);
        (report.inputs, report.notes) = (config.inputs.clone(), config.notes.clone());
        let mut session = Self {
            recipe,
            config,
            report,
            waiting: Waiting::Spin,
            marks: Vec::new(),
            cores: None,
            pinned: Vec::new(),
            names: Names::default(),
            saturation_per_s: None,
            outside: Vec::new(),
            action: "",
            untold: Vec::new(),
            begun: Instant::now(),
            patience: None,
        };
        session.look_at_the_machine();
        session
    }

    /// Notes what touches every figure here.
    fn look_at_the_machine(&mut self) {
        if cores() < 2 {
            self.waiting = Waiting::Yield;
            self.mark(Mark::OneCore);
        }
        if let Some(quota) = quota(cores(), parallelism()) {
            self.mark(quota);
        }
        if cfg!(debug_assertions) {
            self.mark(Mark::Unoptimized);
        }
        if !logs::is_in_memory() {
            self.report.notes.push(logs::ON_A_FILE_SYSTEM.to_owned());
        }
        let Some(core) = cores_allowed().first().copied() else {
            return self.mark(Mark::NoCores);
        };
        let pinned = std::thread::scope(|scope| {
            scope.spawn(|| ephor_runtime::pin_current(core)).join().unwrap_or(Err(Vec::new()))
        });
        if pinned.is_err() {
            self.mark(Mark::PinRefused);
        }
    }

    /// Adds to what is said at the top, and beside each figure that is measured from now on.
    pub(crate) fn mark(&mut self, mark: Mark) {
        let report = &mut self.report;
        let remarks = if mark.is_incident() { &mut report.incidents } else { &mut report.notes };
        remarks.push(mark.text());
        self.marks.push(mark);
    }

    /// Notes how the subject runs: how many workers, whether each has a core of its own, and what its parts are called.
    pub(crate) fn look_at_the_subject(&mut self) -> Result<(), ProfileError> {
        let rig = Rig::start(&mut *self.recipe, 1, |_, _| {})?;
        self.pinned = rig.bus.pinned();
        self.names = names_of(&rig);
        self.report.machine.workers = self.pinned.len();
        self.report.machine.pinned = self.pinned.iter().all(Option::is_some);
        let worker = rig.worker_of[rig.loads[0].target.index()];
        self.cores = worker.and_then(|worker| self.cores_to(worker));
        rig.stop(0)?;
        if core_pair().is_some() && self.cores.is_none() {
            self.mark(Mark::NoPair);
        }
        Ok(())
    }

    /// The load's core and that of `worker`; none when that is not pinned, or to the load's own core.
    pub(crate) fn cores_to(&self, worker: usize) -> Option<(usize, usize)> {
        let there = self.pinned.get(worker).copied().flatten();
        core_pair().map(|(load, _)| load).zip(there).filter(|(load, there)| load != there)
    }

    /// What [`cores_to`](Self::cores_to) says of all workers, each once.
    pub(crate) fn pairs_of_cores(&self) -> Vec<Option<(usize, usize)>> {
        let mut pairs: Vec<_> = (0..self.pinned.len()).map(|worker| self.cores_to(worker)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    fn run(&mut self) -> Result<(), ProfileError> {
        caught(|| self.look_at_the_subject()).map_err(ProfileError::Panicked)??;
        self.config.targets.fits(&self.names)?;
        if let Some((baseline, Force::No)) = &self.config.like {
            baseline.fits(&self.report)?;
        }
        let all = actions::<F>();
        for phase in PhaseName::ALL {
            if self.config.only.is_some_and(|only| only != phase) {
                continue;
            }
            (self.config.tell)(Progress::Phase(phase));
            let begun = Instant::now();
            let mut done = Vec::new();
            for (_, name, until, act) in all.iter().filter(|(of, ..)| *of == phase) {
                done.push(self.act(name, *until, *act)?);
            }
            // Without the report phase, its comparison ends the one that ran.
            if self.config.only.is_some() {
                done.push(self.act("compare_to_targets", 100, conclude::compare_to_targets)?);
            }
            let seconds = begun.elapsed().as_secs_f64();
            self.report.phases.push(Phase { name: phase.name().to_owned(), seconds, actions: done });
        }
        Ok(())
    }

    fn act(&mut self, name: &'static str, until: u32, act: Act<'a, F>) -> Result<Action, ProfileError> {
        self.action = name;
        self.patience = Some([self.begun + self.config.effort.length_of_all() * until / 100; 2]);
        let told = self.untold.len();
        self.go_on()?;
        (self.config.tell)(Progress::Action(name));
        let begun = Instant::now();
        let found = caught(|| act(self));
        // What went wrong because it was asked to stop went wrong for no other reason.
        self.go_on()?;
        // One action that cannot be done costs its own figures, and no others.
        let Found { status, summary, mut details } = match found {
            Ok(found) => found.unwrap_or_else(|error| Found::failed(error.to_string())),
            Err(panic) => Found::failed(format!("panicked: {panic}")),
        };
        details.extend(self.untold[told..].iter().map(|(name, why)| format!("{name}: {why}")));
        Ok(Action { name: name.to_owned(), status, seconds: begun.elapsed().as_secs_f64(), summary, details })
    }

    /// In this action repetitions that are spoilt are made again for so long, and more than the fewest for half as long again, and
    /// neither once the profile is behind: on a machine that is busy the action still ends.
    pub(crate) fn be_patient(&mut self, length: Duration) {
        let now = Instant::now();
        let ends = [now + length, now + length + length / 2];
        self.patience =
            Some(self.patience.map_or(ends, |[again, more]| [ends[0].min(again), ends[1].min(more)]));
    }

    /// Whether what is spoilt is left as it is.
    pub(crate) fn is_over_budget(&self) -> bool {
        self.patience.is_some_and(|[again, _]| Instant::now() > again)
    }

    /// Whether the fewest repetitions have to do.
    pub(crate) fn is_out_of_time(&self) -> bool {
        self.patience.is_some_and(|[_, more]| Instant::now() > more)
    }

    /// Says how many steps of the action are done, and looks whether to go on.
    ///
    /// # Errors
    /// [`ProfileError::Interrupted`] when it was asked to stop.
    pub(crate) fn step(&mut self, done: usize, all: usize) -> Result<(), ProfileError> {
        (self.config.tell)(Progress::Step { done, all });
        self.go_on()
    }

    /// Whether it was asked to stop.
    pub(crate) fn is_to_stop(&self) -> bool {
        self.config.stop.is_raised()
    }

    fn go_on(&self) -> Result<(), ProfileError> {
        if self.is_to_stop() {
            return Err(ProfileError::Interrupted { during: self.action.to_owned() });
        }
        Ok(())
    }

    /// Adds a figure, with what touches it.
    pub(crate) fn add(&mut self, mut metric: Metric) {
        metric.marks.extend(self.marks.iter().map(|mark| mark.text()));
        self.report.metrics.push(metric);
    }

    /// Says why a figure is not told: in the action's details, and of a target on it.
    pub(crate) fn leave_untold(&mut self, name: &str, why: &str) {
        self.untold.push((name.to_owned(), why.to_owned()));
    }

    /// Why a figure is not told, or a family, or the first of its members that is not.
    pub(crate) fn why_untold(&self, name: &str) -> Option<&str> {
        self.untold.iter().find(|(untold, _)| are_one(untold, name)).map(|(_, why)| why.as_str())
    }

    /// The value of a figure that was added before.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.report.metric(name).map(|metric| metric.value)
    }
}

/// What the agents and edges of a bus are called. Outside senders are no agents, and what they send through is an edge.
fn names_of<F: Frame>(rig: &Rig<F>) -> Names {
    let agents = rig.seats().map(|(_, name, _)| name.to_owned());
    let edges = rig.edges.iter().chain(&rig.gateways).map(|edge| format!("{} -> {}", edge.from, edge.to));
    Names { agents: agents.collect(), edges: edges.collect() }
}

/// Whether two figures are one, or one of them is a family, which ends with a `*`, and the other is of it.
fn are_one(left: &str, right: &str) -> bool {
    let is_of =
        |name: &str, family: &str| family.strip_suffix('*').is_some_and(|start| name.starts_with(start));
    left == right || is_of(left, right) || is_of(right, left)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;
    use crate::repeat::repeat_good;
    use crate::trial::tests::consumer;

    /// How many of nine repetitions, none of them any good unless `is_good`, a profile makes that began so long ago, and how many
    /// it says that it did not.
    fn made(ago: Duration, is_good: fn(&()) -> bool) -> [usize; 2] {
        let mut session = Session::new(Box::new(consumer), Config::new("consumer"));
        session.begun -= ago;
        let act: Act<'_, _> = |session| {
            session.be_patient(Duration::from_secs(60));
            Ok(Found::passed("done"))
        };
        session.act("import_timing_benchmark", 10, act).unwrap();
        let repeated = repeat_good(&mut session, None, 9, |_, _| Ok(()), is_good).unwrap();
        [repeated.every().count(), repeated.unmade]
    }

    #[test]
    fn a_profile_that_is_behind_makes_a_third_of_its_repetitions_and_none_again() {
        let long = Config::new("consumer").effort.length_of_all();
        assert_eq!(made(Duration::ZERO, |()| true), [9, 0]);
        assert_eq!(made(Duration::ZERO, |()| false), [27, 0], "what is no good is made again");
        assert_eq!(made(long / 10, |()| true), [3, 6]);
        assert_eq!(made(long / 10, |()| false), [9, 0]);
    }

    #[test]
    fn a_figure_is_one_with_its_family_and_with_no_other() {
        assert!(are_one("ping.sink", "ping.*") && are_one("ping.*", "ping.sink") && are_one("lost", "lost"));
        assert!(!are_one("ping.sink", "ping.sinks") && !are_one("ping.sink", "start.*"));
    }
}
