//! Cold starts, each in a process of its own: from its start to the first message that was handled.
//!
//! The parent starts the process, says when, and whether it is to start with pre-warm; the child builds the subject, starts it,
//! sends one message, warms up, sends one more, and prints what it measured. Starts with and without pre-warm come in pairs, as
//! what the host does meanwhile touches both.

mod process;

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ephor_core::{Correlation, Frame};
use ephor_runtime::Prewarm;
use serde::{Deserialize, Serialize};

use crate::error::ProfileError;
use crate::figure;
use crate::metric::Metric;
use crate::repeat::{Repeated, repeat};
use crate::subject::{Ask, IntoSubject, Sent};
use crate::trial::{Recipe, Rig, on_first_core};
use crate::workflow::{Found, Session};

/// In the child's environment: when the parent started it, in nanoseconds since 1970.
const STARTED: &str = "EPHOR_PROFILE_STARTED_NS";
/// In the child's environment: whether it starts with pre-warm; it does unless this is [`NO`].
const PREWARM: &str = "EPHOR_PROFILE_PREWARM";
const NO: &str = "no";
/// How long a first message may take.
const LONGEST: Duration = Duration::from_secs(5);
/// How long a process may take.
const PROCESS_LONGEST: Duration = Duration::from_secs(30);
/// How long pairs at another distance are made again.
const PATIENCE: Duration = Duration::from_secs(2);

/// When a program began, as early as it could tell.
///
/// Taken on the first line of `main`, before arguments and files are read, so that reading them is told apart from the start
/// of the process.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    at: Instant,
    wall_ns: u64,
}

impl Begun {
    /// Now.
    pub fn now() -> Self {
        Self { at: Instant::now(), wall_ns: wall_ns() }
    }

    /// How long after `started_ns`, as the environment has it, that was; none for no number, or a clock that was set back.
    fn since(self, started_ns: &str) -> Option<u64> {
        self.wall_ns.checked_sub(started_ns.parse().ok()?)
    }
}

/// What one cold start took, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColdStart {
    /// Whether lanes and stacks were touched before the first message.
    pub is_prewarmed: bool,
    /// From the parent's order to the first line of the program, by the wall clock; none when the parent did not say when.
    pub process_ns: Option<u64>,
    /// From there to the start of the measurement: what the program read first, its arguments and files.
    pub read_ns: u64,
    /// Making the topology.
    pub build_ns: u64,
    /// Checking it, and starting the workers and their agents.
    pub start_ns: u64,
    /// From sending the first message to its fate.
    pub first_message_ns: u64,
    /// The same for a message after the warm-up.
    pub warm_message_ns: u64,
    /// Each agent's factory and start hook.
    pub agents: Vec<(String, u64)>,
}

impl ColdStart {
    /// The line that a fresh process prints.
    ///
    /// # Panics
    /// Never: numbers and names always have a spelling.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and names always have a spelling")
    }
}

/// Measures a cold start of the subject that `recipe` makes, in a program that began at `begun`: for the processes of
/// [`Config::fresh_processes`](crate::Config::fresh_processes), which print what it returns as JSON.
///
/// What the program did since `begun` is [`ColdStart::read_ns`]; what `recipe` does is [`ColdStart::build_ns`].
///
/// # Errors
/// As [`run`](crate::run).
pub fn cold_start<F, S>(begun: Begun, recipe: impl FnMut() -> S) -> Result<ColdStart, ProfileError>
where
    F: Frame,
    S: IntoSubject<F>,
{
    let is_left_out = std::env::var(PREWARM).is_ok_and(|word| word == NO);
    measure(begun, if is_left_out { Prewarm::No } else { Prewarm::Yes }, recipe)
}

fn measure<F, S>(
    begun: Begun,
    prewarm: Prewarm,
    mut recipe: impl FnMut() -> S,
) -> Result<ColdStart, ProfileError>
where
    F: Frame,
    S: IntoSubject<F>,
{
    let process_ns = std::env::var(STARTED).ok().and_then(|started| begun.since(&started));
    let read = Instant::now();
    let mut recipe = || recipe().into_subject().map_err(ProfileError::Subject);
    let recipe: &mut Recipe<'_, F> = &mut recipe;
    let mut built = read;
    let mut rig = Rig::start(recipe, 16, |topology, _| {
        topology.prewarm(prewarm);
        built = Instant::now();
    })?;
    let started = Instant::now();
    let (first_message_ns, warm_message_ns) = on_first_core(|| {
        let first = one_message(&mut rig)?;
        rig.warm_up();
        // At once, so that it finds the workers awake.
        Ok::<_, ProfileError>((first, one_message(&mut rig)?))
    })?;
    let agents = rig.bus.starts().into_iter().flat_map(|worker| worker.agents);
    let agents = agents.map(|agent| (agent.agent, agent.build_ns + agent.hook_ns)).collect();
    rig.stop(0)?;
    Ok(ColdStart {
        is_prewarmed: prewarm == Prewarm::Yes,
        process_ns,
        read_ns: ns(read - begun.at),
        build_ns: ns(built - read),
        start_ns: ns(started - built),
        first_message_ns,
        warm_message_ns,
        agents,
    })
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn wall_ns() -> u64 {
    ns(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Sends one message and waits for its fate; returns how long that took.
fn one_message<F: Frame>(rig: &mut Rig<F>) -> Result<u64, ProfileError> {
    let begun = rig.bus.now();
    let until = Instant::now() + LONGEST;
    let broken = |why| ProfileError::operation("a first message", why);
    if (rig.loads[0].send)(Ask::Receipt(Correlation(0))) != Sent::Taken {
        return Err(broken("the gateway did not take it"));
    }
    loop {
        if let Some(receipt) = rig.receipts.try_receive() {
            return Ok(receipt.at_ticks.since_ns(begun));
        }
        if Instant::now() > until {
            return Err(broken("it came to no fate within 5 s"));
        }
        thread::yield_now();
    }
}

/// A start with pre-warm and one without, one right after the other.
#[derive(Clone, Debug)]
struct Pair {
    warmed: ColdStart,
    unwarmed: ColdStart,
}

/// Cold starts in fresh processes, with and without pre-warm.
pub(crate) fn import_timing_benchmark<F: Frame>(session: &mut Session<'_, F>) -> Result<Found, ProfileError> {
    let Some(mut fresh) = session.config.fresh.take() else {
        return Ok(Found::skipped("no way to start a fresh process was given (`Config::fresh_processes`)"));
    };
    session.be_patient(session.config.effort.pick(PATIENCE, 4 * PATIENCE));
    let count = session.config.effort.repetitions();
    let pairs = repeat(session, count, |session, _| {
        let mut one = |prewarm| in_a_process(fresh(), prewarm, || session.is_to_stop());
        Ok(Pair { warmed: one(Prewarm::Yes)?, unwarmed: one(Prewarm::No)? })
    });
    session.config.fresh = Some(fresh);
    let pairs = pairs?;
    let figures = figures(&pairs);
    let found = Found::passed(summary(&figures, pairs.every().count())).with(figures.iter().map(line));
    if pairs.kept.is_empty() {
        PARTS_ACROSS.iter().for_each(|(name, ..)| session.leave_untold(name, &pairs.why_untold()));
    }
    figures.into_iter().for_each(|figure| session.add(figure));
    Ok(found)
}

/// Starts a process and reads what it measured off its last line.
fn in_a_process(
    mut command: Command,
    prewarm: Prewarm,
    is_stopped: impl Fn() -> bool,
) -> Result<ColdStart, ProfileError> {
    let broken = |why: String| ProfileError::operation("a cold start", why);
    let word = if prewarm == Prewarm::Yes { "yes" } else { NO };
    command.env(PREWARM, word).env(STARTED, wall_ns().to_string());
    let ended = process::run(command, PROCESS_LONGEST, is_stopped).map_err(broken)?;
    let last = ended.stdout.lines().last().unwrap_or_default();
    let start: ColdStart = serde_json::from_str(last).map_err(|_| {
        broken(format!("the process ended with {} and said: {last} {}", ended.status, ended.stderr.trim()))
    })?;
    if start.is_prewarmed != (prewarm == Prewarm::Yes) {
        return Err(broken(format!("the process was told {PREWARM}={word}, and did not do so")));
    }
    Ok(start)
}

/// A part of a cold start: its metric, where it is, and how it was measured.
type Part = (&'static str, fn(&Pair) -> Option<u64>, &'static str);

/// What happens on one thread, or in the kernel.
const PARTS: [Part; 5] = [
    ("cold_process", |pair| pair.warmed.process_ns, "from the order to start a process to its first line"),
    (
        "cold_read",
        |pair| Some(pair.warmed.read_ns),
        "from the first line to the start of the measurement: arguments, and the files that the subject is made of",
    ),
    ("cold_build", |pair| Some(pair.warmed.build_ns), "making the topology, before it is checked"),
    (
        "cold_start",
        |pair| Some(pair.warmed.start_ns),
        "checking it, making and touching lanes and stacks, starting workers and agents, opening gateways",
    ),
    (
        "cold_start_no_prewarm",
        |pair| Some(pair.unwarmed.start_ns),
        "the same with lanes and stacks left untouched (`Prewarm::No`)",
    ),
];

/// What crosses threads.
const PARTS_ACROSS: [Part; 3] = [
    (
        "cold_first_message",
        |pair| Some(pair.warmed.first_message_ns),
        "the first message of the process, from send to fate, after a start with pre-warm",
    ),
    (
        "cold_first_message_no_prewarm",
        |pair| Some(pair.unwarmed.first_message_ns),
        "the same after a start without pre-warm",
    ),
    (
        "cold_first_message_warm",
        |pair| Some(pair.warmed.warm_message_ns),
        "a message after 1,000 others, from send to fate",
    ),
];

/// The figures: what crosses threads of the pairs of one class of distance, and of all pairs what does not.
fn figures(made: &Repeated<Pair>) -> Vec<Metric> {
    let of = |pairs: &mut dyn Iterator<Item = &Pair>, (name, part, method): &Part| {
        let values: Vec<f64> = pairs.filter_map(part).map(|ns| ns as f64).collect();
        (!values.is_empty()).then(|| median(*name, values, method))
    };
    let alone = PARTS.iter().filter_map(|part| of(&mut made.every(), part));
    let mut figures: Vec<Metric> = alone.map(|metric| made.note_unmade(metric)).collect();
    let across = PARTS_ACROSS.iter().filter_map(|part| of(&mut made.kept.iter(), part));
    figures.extend(across.map(|metric| made.note(metric)));
    let mut agents: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (agent, ns) in made.every().flat_map(|pair| &pair.warmed.agents) {
        agents.entry(agent).or_default().push(*ns as f64);
    }
    let method = "its factory and its start hook, on its worker";
    let of_agents =
        agents.into_iter().map(|(agent, values)| median(format!("cold_agent.{agent}"), values, method));
    figures.extend(of_agents.map(|metric| made.note_unmade(metric)));
    figures
}

/// The median over processes.
fn median(name: impl Into<String>, values: Vec<f64>, method: &str) -> Metric {
    Metric::of_repetitions(name, values, "ns").by(format!("{method}; in a fresh process each"))
}

fn line(metric: &Metric) -> String {
    format!("{}: {} ({})", metric.name, figure::time(metric.value), metric.method)
}

fn summary(figures: &[Metric], pairs: usize) -> String {
    let told = |name: &str| {
        let figure = figures.iter().find(|figure| figure.name == name);
        figure.map_or_else(|| "not told".to_owned(), |figure| figure::time(figure.value))
    };
    format!(
        "{} cold starts, each in a process of its own; with pre-warm the bus starts in {} and its first message takes {}, without {} and {}",
        2 * pairs,
        told("cold_start"),
        told("cold_first_message"),
        told("cold_start_no_prewarm"),
        told("cold_first_message_no_prewarm")
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;
    use crate::catalogue;
    use crate::distance::Class;
    use crate::overseers::{Audited, overseers};
    use crate::repeat::{Apart, of_one_class};

    fn pair(ns: u64) -> Pair {
        let agents = vec![("relay".to_owned(), ns), ("sink".to_owned(), 2 * ns)];
        let warmed = ColdStart { is_prewarmed: true, start_ns: 10 * ns, agents, ..ColdStart::default() };
        Pair {
            unwarmed: ColdStart { start_ns: ns, first_message_ns: 7 * ns, ..ColdStart::default() },
            warmed,
        }
    }

    fn of<'a>(figures: &'a [Metric], name: &str) -> &'a Metric {
        figures.iter().find(|figure| figure.name == name).unwrap()
    }

    #[test]
    fn every_agent_and_both_kinds_of_start_have_figures_over_all_processes() {
        let [near, far] = [Class::Near, Class::Far].map(Apart::At);
        let figures = figures(&of_one_class(vec![(far, pair(5)), (near, pair(1)), (near, pair(3))]));
        for (name, value) in [
            ("cold_agent.relay", 3.0),
            ("cold_agent.sink", 6.0),
            ("cold_start", 30.0),
            ("cold_start_no_prewarm", 3.0),
        ] {
            let figure = of(&figures, name);
            let spread = figure.spread.as_ref().unwrap();
            assert_eq!((figure.value, figure.samples), (value, 3), "{name}");
            assert_eq!((spread.low * 3.0, spread.high * 3.0), (value, 5.0 * value), "{name}");
        }
        let first = of(&figures, "cold_first_message_no_prewarm");
        assert_eq!((first.value, first.samples), (14.0, 2), "the third pair was at another distance");
        assert!(figures.iter().all(|figure| catalogue::find(&figure.name).is_some()));
        let across: Vec<_> = figures.iter().filter(|figure| figure.distance.is_some()).collect();
        assert!(across.len() == 3 && across.iter().all(|figure| figure.name.contains("message")));
        assert!(
            !figures.iter().any(|figure| figure.name == "cold_process"),
            "nobody said when it was started"
        );
    }

    #[test]
    fn what_a_program_does_before_the_measurement_is_no_part_of_its_process_or_of_the_build() {
        const READING: Duration = Duration::from_millis(30);
        let begun = Begun::now();
        thread::sleep(READING);
        let started_ns = (begun.wall_ns - 5).to_string();
        assert_eq!((begun.since(&started_ns), begun.since("soon")), (Some(5), None));
        let start = measure(begun, Prewarm::No, overseers(Audited::No)).unwrap();
        assert!(start.read_ns >= ns(READING), "{start:?}");
        assert_eq!((start.process_ns, start.is_prewarmed), (None, false));
        let names: Vec<_> = start.agents.iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains(&"relay") && names.contains(&"health"), "{names:?}");
    }

    #[cfg(unix)]
    mod processes {
        use super::*;

        /// A process that prints a cold start, with what it was told in it.
        fn echoing(is_prewarmed: &str) -> Command {
            let start = ColdStart { process_ns: Some(1), ..ColdStart::default() }.to_json();
            let line = start.replace("false", is_prewarmed);
            let mut command = Command::new("sh");
            command.args([
                "-c",
                &format!("p=true; [ ${PREWARM} = no ] && p=false; echo chatter; echo '{line}'"),
            ]);
            command
        }

        #[test]
        fn a_process_is_told_whether_to_start_with_pre_warm() {
            for (prewarm, is_prewarmed) in [(Prewarm::Yes, true), (Prewarm::No, false)] {
                let start = in_a_process(echoing("'$p'"), prewarm, || false).unwrap();
                assert_eq!((start.is_prewarmed, start.process_ns), (is_prewarmed, Some(1)));
            }
        }

        #[test]
        fn a_process_that_starts_in_another_way_than_it_was_told_is_no_measurement() {
            let error = in_a_process(echoing("true"), Prewarm::No, || false).unwrap_err();
            assert!(error.to_string().contains("EPHOR_PROFILE_PREWARM=no"), "{error}");
        }

        #[test]
        fn a_process_that_prints_no_measurement_is_an_error_with_what_it_said() {
            let mut command = Command::new("sh");
            command.args(["-c", "echo nonsense; echo why >&2; exit 4"]);
            let error = in_a_process(command, Prewarm::Yes, || false).unwrap_err().to_string();
            assert!(error.contains("4") && error.contains("nonsense why"), "{error}");
        }
    }
}
