//! Faults put into the bus under load, and how it takes them.
//!
//! A load runs at a steady rate that the subject can take; a third into the run a fault strikes; a watcher outside notes health and
//! asks every agent for a turn. For each fault it is told what was lost and by which name, when it was noticed, how long its cause
//! lasted, and how long after that all was as before.

mod acts;
mod cause;
mod course;
mod held_up;
mod load;
mod pace;
mod pings;
mod verdict;
mod watch;

use std::collections::{BTreeMap, BTreeSet};

use ephor_core::Frame;

use crate::error::ProfileError;
use crate::metric::Metric;
use crate::repeat::{Apart, Repeated, between, is_enough, most_frequent, of_one_class};
use crate::report::{Fault, Status};
use crate::trial::Recipe;
use crate::workflow::{Found, Session};
use pace::Pace;

/// How often each fault is put in, in a quick profile and in a full one.
const REPETITIONS: (usize, usize) = (1, 3);

/// How often a run may be made that the host spoils, and how many are made again because the distance changed.
const TRIES: usize = 4;
const AGAIN: usize = 2;

/// The faults, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Panic,
    Stall,
    FullLane,
    Breaker,
    Policy,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Panic, Self::Stall, Self::FullLane, Self::Breaker, Self::Policy];

    fn name(self) -> &'static str {
        match self {
            Self::Panic => "panicking agent",
            Self::Stall => "stalled agent",
            Self::FullLane => "full lane",
            Self::Breaker => "forced breaker",
            Self::Policy => "policy engine failing",
        }
    }

    /// The name in metrics.
    fn key(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Stall => "stall",
            Self::FullLane => "full_lane",
            Self::Breaker => "breaker",
            Self::Policy => "policy",
        }
    }
}

/// A time of a fault: the figure's name, what it counts, and where it is in the report.
type Time = (&'static str, &'static str, fn(&Fault) -> Option<u64>);

const TIMES: [Time; 2] = [
    ("fault_detect", "from the fault to its notice", |fault| fault.detect_ns),
    ("fault_recover", "from the end of its cause to a bus as before", |fault| fault.recover_ns),
];

/// One repetition: how far apart the cores were, and what came of it.
type Run = (Apart, Fault);

/// Puts each fault into a bus under load.
pub(crate) fn antifragility_verification<F: Frame>(
    session: &mut Session<'_, F>,
) -> Result<Found, ProfileError> {
    let pace = Pace::of(&mut *session.recipe, session.saturation_per_s)?;
    let (quick, full) = REPETITIONS;
    let repetitions = session.config.effort.pick(quick, full);
    let mut lines = Vec::new();
    for (at, kind) in Kind::ALL.into_iter().enumerate() {
        let mut runs: Vec<Run> = Vec::new();
        while runs.len() < repetitions + AGAIN && !is_skipped(&runs) {
            let done = most_frequent(&runs).1;
            if is_enough(session, done, runs.len(), repetitions) {
                break;
            }
            session.step(at * repetitions + done, Kind::ALL.len() * repetitions)?;
            let cores = session.cores;
            let mut run = || strike(&mut *session.recipe, &pace, kind, || session.config.stop.is_raised());
            let (apart, mut fault) = between(cores, &mut run)?;
            if let (Apart::At(class), true) = (apart, fault.status != Status::Skipped) {
                fault.distance = Some(class.name().to_owned());
            }
            runs.push((apart, fault));
        }
        let fault = telling(&runs);
        lines.push(line(&fault));
        session.report.faults.push(fault);
        let is_skipped = is_skipped(&runs);
        let unmade = repetitions.saturating_sub(runs.len());
        let runs = Repeated { unmade, ..of_one_class(runs) };
        figures(kind, &runs).into_iter().for_each(|metric| session.add(metric));
        if runs.kept.is_empty() && !is_skipped {
            TIMES.iter().for_each(|(name, ..)| session.leave_untold(&figure(name, kind), &runs.why_untold()));
        }
    }
    Ok(found(&session.report.faults, lines))
}

/// Runs one fault. A run that went wrong while something else touched it is made again, a few times, which its marks say.
fn strike<F: Frame>(
    recipe: &mut Recipe<'_, F>,
    pace: &Pace,
    kind: Kind,
    is_to_stop: impl Fn() -> bool,
) -> Result<Fault, ProfileError> {
    let mut wrong = Vec::new();
    loop {
        let watched = match watch::watched(recipe, pace, kind)? {
            Ok(watched) => watched,
            Err(why) => {
                let name = kind.name().to_owned();
                return Ok(Fault { name, status: Status::Skipped, why, ..Fault::default() });
            }
        };
        let mut fault = verdict::told(watched, pace);
        let is_told = fault.status != Status::Failed || fault.marks.is_empty() || wrong.len() + 1 == TRIES;
        if is_told || is_to_stop() {
            fault.marks.append(&mut wrong);
            return Ok(fault);
        }
        wrong.push(format!("made again after: {} ({})", fault.why, fault.marks.join("; ")));
    }
}

/// Whether the fault cannot be tried on this subject, however often.
fn is_skipped(runs: &[Run]) -> bool {
    runs.iter().any(|(_, fault)| fault.status == Status::Skipped)
}

/// The repetition that the report tells: the last that failed, or the last of all.
fn telling(runs: &[Run]) -> Fault {
    let failed = runs.iter().rfind(|(_, fault)| fault.status == Status::Failed);
    failed.or(runs.last()).map(|(_, fault)| fault.clone()).unwrap_or_default()
}

/// The times to notice and to overcome a fault, over its repetitions at one distance.
fn figures(kind: Kind, runs: &Repeated<Fault>) -> Vec<Metric> {
    let what = runs.kept.last().map(|fault| fault.what.clone()).unwrap_or_default();
    let mut metrics = Vec::new();
    for (name, from, time) in TIMES {
        let ns: Vec<f64> = runs.kept.iter().filter_map(time).map(|ns| ns as f64).collect();
        if ns.is_empty() {
            continue;
        }
        let missing = runs.kept.len() - ns.len();
        let mut metric = Metric::of_repetitions(figure(name, kind), ns, "ns").by(format!("{from}: {what}"));
        if missing > 0 {
            metric.marks.push(format!("{missing} of {} repetitions have no such time", runs.kept.len()));
        }
        let told = runs.kept.iter().filter(|fault| time(fault).is_some());
        let marks: BTreeSet<&String> = told.flat_map(|fault| &fault.marks).collect();
        metric.marks.extend(marks.into_iter().cloned());
        metrics.push(runs.note(metric));
    }
    metrics
}

/// The name of a fault's figure.
fn figure(name: &str, kind: Kind) -> String {
    format!("{name}.{}", kind.key())
}

/// What the action found.
fn found(faults: &[Fault], lines: Vec<String>) -> Found {
    let count = |status| faults.iter().filter(|fault| fault.status == status).count();
    let [passed, failed, skipped] = [Status::Passed, Status::Failed, Status::Skipped].map(count);
    let summary =
        format!("{passed} faults were noticed and overcome, {failed} were not, {skipped} were not tried");
    if failed > 0 { Found::failed(summary).with(lines) } else { Found::passed(summary).with(lines) }
}

/// A fault in a line.
fn line(fault: &Fault) -> String {
    if fault.status == Status::Skipped {
        return format!("{}: not tried, {}", fault.name, fault.why);
    }
    let ms = |ns: Option<u64>| ns.map_or("never".to_owned(), |ns| format!("after {:.2} ms", ns as f64 / 1e6));
    let lasted = fault.cause_ns.map(|ns| format!(", lasted {:.2} ms", ns as f64 / 1e6)).unwrap_or_default();
    let [before, lowest, after] = &fault.health;
    let mut line = format!(
        "{}: noticed {}{lasted}, overcome {}; lost: {}; decided: {}; health {:.2}, {:.2}, {:.2}",
        fault.name,
        ms(fault.detect_ns),
        ms(fault.recover_ns),
        counts(&fault.lost),
        counts(&fault.decided),
        before.score,
        lowest.score,
        after.score,
    );
    for text in fault.marks.iter().chain([&fault.why]).filter(|text| !text.is_empty()) {
        line.push_str("; ");
        line.push_str(text);
    }
    line
}

/// Counts by name.
fn counts(counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use std::time::{Duration, Instant};

    use ephor_constitution::Charter;
    use ephor_core::Message;
    use ephor_runtime::{Agent, Cx, Handler, IdleStrategy, Topology, WorkerOptions, agent};

    use super::*;
    use crate::distance::Class;
    use crate::overseers::{Audited, overseers};
    use crate::subject::{Load, Sent, Subject};

    #[derive(Clone, Copy, Message)]
    #[message(kind = 1, crate = ephor_core)]
    struct Item(u64);

    /// Takes so long for each message, and denies one in so many.
    #[derive(Clone, Copy)]
    struct Consumer {
        work: Duration,
        denies: u64,
    }
    impl Agent for Consumer {}
    agent!(Consumer { Item });
    impl Handler<Item> for Consumer {
        fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
            let begun = Instant::now();
            while begun.elapsed() < self.work {}
            if self.denies > 0 && item.0.is_multiple_of(self.denies) {
                cx.deny(1);
            }
        }
    }

    const PROMPT: Consumer = Consumer { work: Duration::ZERO, denies: 0 };

    /// A consumer behind a gateway that holds `room` messages, and one that gets `others` of its messages for each of the first's.
    fn subject(consumer: Consumer, room: usize, others: u32) -> Subject {
        let mut topology: Topology = Topology::new(Charter::default());
        topology.worker(WorkerOptions { idle: IdleStrategy::park(), ..WorkerOptions::default() });
        let first = topology.reserve::<Consumer>("first");
        let second = topology.reserve::<Consumer>("second");
        let (to_first, to_second) = (topology.gateway(first, room), topology.gateway(second, 1 << 12));
        topology.install(first, move || consumer);
        topology.install(second, || PROMPT);
        let mut number = 0;
        let item = move || {
            number += 1;
            Item(number)
        };
        let subject = Subject::new(topology).load("first", &to_first, item);
        if others == 0 {
            return subject;
        }
        subject.with(Load::through("second", &to_second, || Item(0)).weight(others))
    }

    #[track_caller]
    fn struck(kind: Kind, mut make: impl FnMut() -> Subject) -> Fault {
        let mut recipe = || Ok(make());
        let pace = Pace::of(&mut recipe, None).unwrap();
        strike(&mut recipe, &pace, kind, || false).unwrap()
    }

    #[test]
    fn a_slow_topology_sees_the_fault() {
        let slow = Consumer { work: Duration::from_millis(2), ..PROMPT };
        let fault = struck(Kind::Panic, || subject(slow, 64, 0));
        assert_eq!((fault.status, fault.why.as_str()), (Status::Passed, ""), "{}", fault.what);
        assert_eq!(fault.lost.get("quarantined"), Some(&1));
        assert!(fault.sent < 1_000, "at most a quarter of what it can take: {}", fault.what);
    }

    #[test]
    fn a_target_that_gets_few_of_the_messages_sees_the_fault_as_early_as_any() {
        let fault = struck(Kind::Panic, || subject(PROMPT, 1 << 12, 19));
        assert_eq!((fault.status, fault.why.as_str()), (Status::Passed, ""), "{}", fault.what);
    }

    #[test]
    fn a_fault_that_never_struck_says_so() {
        let silent = || {
            let Subject { topology, loads, .. } = subject(PROMPT, 64, 0);
            Subject::new(topology).with(Load::new("silent", loads[0].target, |_| Sent::Refused))
        };
        let fault = struck(Kind::Stall, silent);
        assert_eq!(fault.status, Status::Failed);
        assert!(fault.why.starts_with("it never struck: first handled 0 messages"), "{}", fault.why);
        assert!(!fault.why.contains("noticed"), "{}", fault.why);
        assert_eq!((fault.detect_ns, fault.cause_ns, fault.recover_ns), (None, None, None));
    }

    #[test]
    fn a_lane_of_any_size_overflows() {
        for room in [4, 4_096, 40_000] {
            let fault = struck(Kind::FullLane, || subject(PROMPT, room, 0));
            assert_eq!((fault.status, fault.why.as_str()), (Status::Passed, ""), "{}", fault.what);
            assert!(fault.lost["refused"] > 0, "{:?}", fault.lost);
        }
    }

    #[test]
    fn a_lane_whose_room_is_not_known_is_not_tried() {
        let loose = || {
            let Subject { topology, loads, .. } = subject(PROMPT, 64, 0);
            let mut topology = topology;
            let hidden = topology.reserve::<Consumer>("hidden");
            topology.install(hidden, || PROMPT);
            let mut load = loads.into_iter().next().unwrap();
            load.target = hidden.id();
            Subject::new(topology).with(load)
        };
        let fault = struck(Kind::FullLane, loose);
        assert_eq!(fault.status, Status::Skipped);
        assert!(fault.why.contains("has no gateway"), "{}", fault.why);
    }

    #[test]
    fn what_was_decided_is_not_lost() {
        let picky = Consumer { denies: 3, ..PROMPT };
        let fault = struck(Kind::Stall, || subject(picky, 1 << 14, 0));
        assert_eq!((fault.status, fault.why.as_str()), (Status::Passed, ""), "{}", fault.what);
        assert!(fault.lost.is_empty(), "{:?}", fault.lost);
        assert_eq!(fault.sent, fault.handled + fault.decided["denied"]);
        assert!(fault.cause_ns >= fault.detect_ns, "{fault:?}");
    }

    #[test]
    fn the_built_in_subject_takes_every_fault_and_every_message_has_its_fate() {
        let mut overseers = overseers(Audited::No);
        let mut recipe = || overseers().map_err(ProfileError::Subject);
        let pace = Pace::of(&mut recipe, None).unwrap();
        for kind in Kind::ALL {
            let fault = strike(&mut recipe, &pace, kind, || false).unwrap();
            assert_eq!((fault.status, fault.why.as_str()), (Status::Passed, ""), "{}", line(&fault));
            let (lost, decided) = (fault.lost.values().sum::<u64>(), fault.decided.values().sum::<u64>());
            assert_eq!(fault.sent, fault.handled + lost + decided, "{}", line(&fault));
            assert_eq!(decided > 0, kind == Kind::Policy, "{}", line(&fault));
        }
    }

    fn run(class: Class, status: Status, detect_ns: u64, recover_ns: Option<u64>) -> Run {
        let fault = Fault { status, detect_ns: Some(detect_ns), recover_ns, ..Fault::default() };
        (Apart::At(class), fault)
    }

    #[test]
    fn figures_are_medians_over_repetitions_at_one_distance() {
        let passed = |class, ns| run(class, Status::Passed, ns, Some(10 * ns));
        let runs = vec![
            passed(Class::Near, 5),
            passed(Class::Far, 900),
            passed(Class::Near, 3),
            passed(Class::Near, 4),
        ];
        let [detect, recover] = figures(Kind::Stall, &of_one_class(runs)).try_into().unwrap();
        assert_eq!((detect.name.as_str(), detect.value, detect.samples), ("fault_detect.stall", 4.0, 3));
        assert_eq!((recover.name.as_str(), recover.value), ("fault_recover.stall", 40.0));
        let spread = detect.spread.unwrap();
        assert_eq!((spread.low, spread.high, detect.distance.as_deref()), (3.0, 5.0, Some("near")));
        assert_eq!(
            detect.marks,
            ["1 repetition left out: at another distance of the cores, or it changed meanwhile"]
        );
    }

    #[test]
    fn a_single_repetition_has_no_spread_and_what_never_was_has_no_figure() {
        let metrics = figures(Kind::Panic, &of_one_class(vec![run(Class::Far, Status::Failed, 7, None)]));
        assert_eq!(metrics.len(), 1, "it was never overcome");
        assert_eq!((metrics[0].spread.clone(), metrics[0].samples), (None, 1));
    }

    #[test]
    fn the_keys_of_the_faults_are_those_that_targets_may_name() {
        let named = crate::catalogue::find("fault_detect.*").and_then(|entry| entry.members).unwrap();
        let crate::catalogue::Members::Named(named) = named else { panic!("{named:?}") };
        assert_eq!(named, Kind::ALL.map(Kind::key));
    }

    #[test]
    fn the_report_tells_the_repetition_that_failed() {
        let (near, recover) = (Class::Near, Some(1));
        let passed = |ns| run(near, Status::Passed, ns, recover);
        let detect_ns = |runs: &[Run]| telling(runs).detect_ns;
        assert_eq!(detect_ns(&[passed(1), passed(2)]), Some(2));
        assert_eq!(detect_ns(&[passed(1), run(near, Status::Failed, 7, recover), passed(3)]), Some(7));
    }
}
