//! What a profile is asked to do.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::baseline::{Baseline, Force};
use crate::check::Check;
use crate::subject::SubjectError;
use crate::targets::Targets;

/// How long a profile may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// Under 20 seconds on two cores.
    Quick,
    /// Under two minutes on two cores.
    #[default]
    Full,
}

impl Effort {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }

    /// One of the two.
    pub(crate) fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }

    /// How long all of it may take before measurements are cut short; what cannot be cut short follows, so it is a little less
    /// than what is said of the effort.
    pub(crate) fn length_of_all(self) -> Duration {
        Duration::from_secs(self.pick(18, 110))
    }

    /// Repetitions of each measurement.
    pub(crate) fn repetitions(self) -> usize {
        self.pick(9, 15)
    }

    /// How long one repetition of the latency at a fixed rate lasts: long enough for what comes only now and then, such as a
    /// log that is made durable.
    pub(crate) fn length(self) -> Duration {
        self.pick(Duration::from_millis(250), Duration::from_millis(1_200))
    }
}

/// One of the five phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PhaseName {
    /// Performance profiling.
    Profile,
    /// Agent status assessment.
    Status,
    /// Test validation.
    Validate,
    /// Optimization analysis.
    Analyse,
    /// Report generation.
    Report,
}

impl PhaseName {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Profile, Self::Status, Self::Validate, Self::Analyse, Self::Report];

    /// The name that reports and `--phase` use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Status => "status",
            Self::Validate => "validate",
            Self::Analyse => "analyse",
            Self::Report => "report",
        }
    }
}

/// What one pass of real traffic came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Commands that were decided.
    pub judged: u64,
    /// Those whose decision was the right one.
    pub right: u64,
    /// Decisions that were found in the cache.
    pub hits: u64,
    /// Decisions that were evaluated.
    pub misses: u64,
}

/// Runs one pass of traffic.
type PassRunner = Box<dyn FnMut() -> Result<Pass, SubjectError> + Send>;

/// Real traffic with decisions whose right answers are known. Its cache lives as long as it does. A long pass has to look by itself
/// whether to stop.
pub struct Traffic {
    pub(crate) name: String,
    pub(crate) pass: PassRunner,
}

impl Traffic {
    /// Traffic that `pass` sends through a bus once a call.
    pub fn new(name: &str, pass: impl FnMut() -> Result<Pass, SubjectError> + Send + 'static) -> Self {
        Self { name: name.to_owned(), pass: Box::new(pass) }
    }
}

/// How far a profile is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// A phase begins.
    Phase(PhaseName),
    /// An action begins.
    Action(&'static str),
    /// Steps of the action that are done.
    Step {
        /// How many.
        done: usize,
        /// Of how many.
        all: usize,
    },
}

/// Says when a profile is to stop. It looks before each measurement, and while a check runs; what the subject's own closures and a
/// pass of traffic do meanwhile is not cut short.
pub struct Stop(Box<dyn Fn() -> bool + Send>);

impl Stop {
    /// When `is_raised` says so.
    pub fn when(is_raised: impl Fn() -> bool + Send + 'static) -> Self {
        Self(Box::new(is_raised))
    }

    pub(crate) fn is_raised(&self) -> bool {
        (self.0)()
    }
}

impl Default for Stop {
    /// Never.
    fn default() -> Self {
        Self::when(|| false)
    }
}

/// What a profile is asked to do.
pub struct Config {
    pub(crate) subject: String,
    pub(crate) effort: Effort,
    pub(crate) only: Option<PhaseName>,
    pub(crate) inputs: BTreeMap<String, String>,
    pub(crate) notes: Vec<String>,
    pub(crate) like: Option<(Baseline, Force)>,
    pub(crate) targets: Targets,
    pub(crate) rate: Option<f64>,
    pub(crate) arrivals: Option<Arc<[u64]>>,
    pub(crate) fresh: Option<Box<dyn FnMut() -> Command + Send>>,
    pub(crate) traffic: Option<Traffic>,
    pub(crate) checks: Vec<Check>,
    pub(crate) tell: Box<dyn FnMut(Progress) + Send>,
    pub(crate) stop: Stop,
}

impl Config {
    /// A full profile of a subject called `subject`, against the original's targets, in silence.
    pub fn new(subject: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            effort: Effort::Full,
            only: None,
            inputs: BTreeMap::new(),
            notes: Vec::new(),
            like: None,
            targets: Targets::original(),
            rate: None,
            arrivals: None,
            fresh: None,
            traffic: None,
            checks: Vec::new(),
            tell: Box::new(|_| {}),
            stop: Stop::default(),
        }
    }

    /// How long it may take.
    #[must_use]
    pub fn effort(mut self, effort: Effort) -> Self {
        self.effort = effort;
        self
    }

    /// Runs this phase alone. Targets are judged whose figures are measured in it; which ones are not is said, and is no miss. The
    /// report phase measures nothing, and alone is refused.
    #[must_use]
    pub fn only(mut self, phase: PhaseName) -> Self {
        self.only = Some(phase);
        self
    }

    /// Says in the report what the subject was made of: an input by name, with a digest of its content. Runs with other inputs
    /// are not compared.
    #[must_use]
    pub fn input(mut self, name: &str, digest: &str) -> Self {
        self.inputs.insert(name.to_owned(), digest.to_owned());
        self
    }

    /// Says something at the top of the report that a reader must know, such as what was left out.
    #[must_use]
    pub fn note(mut self, note: &str) -> Self {
        self.notes.push(note.to_owned());
        self
    }

    /// Measures latency at the rate of this earlier run, where that can be, and refuses to measure what could not be compared
    /// with it: on another machine, with other inputs or notes. By [`Force::Yes`] nothing is refused.
    #[must_use]
    pub fn like(mut self, baseline: Baseline, force: Force) -> Self {
        self.like = Some((baseline, force));
        self
    }

    /// Compares with these targets. One on an agent, edge or fault that there is not is refused before anything is measured.
    #[must_use]
    pub fn targets(mut self, targets: Targets) -> Self {
        self.targets = targets;
        self
    }

    /// Measures latency, and what is lost, at so many messages a second. Otherwise it is the rate of the run that this one is to be
    /// [`like`](Self::like), where that is at most half of saturation and the generator keeps it, or else the highest of 10,000, 1,000 and 100 that is at
    /// most a quarter of it.
    ///
    /// # Panics
    /// When it is not above 0, or not finite.
    #[must_use]
    pub fn rate(mut self, per_s: f64) -> Self {
        assert!(per_s > 0.0 && per_s.is_finite(), "a rate is above 0");
        self.rate = Some(per_s);
        self
    }

    /// Drives the load curve by this pattern too: times in microseconds from the first, never going back.
    ///
    /// # Panics
    /// When there are fewer than two.
    #[must_use]
    pub fn arrivals(mut self, times_us: impl Into<Arc<[u64]>>) -> Self {
        let times_us = times_us.into();
        assert!(times_us.len() > 1, "a pattern of arrivals has at least two");
        self.arrivals = Some(times_us);
        self
    }

    /// Measures cold starts in processes that `command` starts; each must call [`cold_start`](crate::cold_start) with the
    /// same subject and print what it returns as its last line. They get two words more in their environment: when they were
    /// started, and whether to start with pre-warm. One that is not done after 30 s is killed.
    #[must_use]
    pub fn fresh_processes(mut self, command: impl FnMut() -> Command + Send + 'static) -> Self {
        self.fresh = Some(Box::new(command));
        self
    }

    /// Judges cache and compliance by this traffic.
    #[must_use]
    pub fn traffic(mut self, traffic: Traffic) -> Self {
        self.traffic = Some(traffic);
        self
    }

    /// Adds a check of one's own to the suite.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Tells how far it is.
    #[must_use]
    pub fn tell(mut self, tell: impl FnMut(Progress) + Send + 'static) -> Self {
        self.tell = Box::new(tell);
        self
    }

    /// Can be asked to stop.
    #[must_use]
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Config({}, {})", self.subject, self.effort.name())
    }
}
