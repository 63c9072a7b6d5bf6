//! What the generator itself can do: the highest rate that it keeps into a gateway that is always drained.

use std::time::Duration;

use ephor_constitution::Charter;
use ephor_core::{Frame, Message};
use ephor_runtime::{Agent, Cx, Handler, IdleStrategy, Pin, Topology, WorkerOptions, agent};

use super::ONE_IN;
use crate::error::ProfileError;
use crate::generator::{Driven, SCHEDULE_ERROR_NS_MAX};
use crate::metric::{Metric, Spread};
use crate::pacing::Pacing;
use crate::repeat::{Repeated, between, core_pair, most_frequent, of_one_class};
use crate::report::NoLatency;
use crate::subject::Subject;
use crate::trial::{Rate, at_rate};
use crate::workflow::Session;

/// The names of the figures.
pub(super) const RATE: &str = "generator_rate_max";
const ERROR: &str = "schedule_error_p99";
/// Rates at which the generator is tried.
const RATES_PER_S: [f64; 7] = [1e5, 2e5, 5e5, 1e6, 2e6, 4e6, 8e6];
/// Runs that count at each rate, and how many are made at most to have them: one in which the system took its core, or the
/// distance changed, says nothing about the generator.
const RUNS: usize = 3;
const TRIES: usize = 12;
const LENGTH: Duration = Duration::from_millis(10);

/// A number to throw away.
#[derive(Clone, Copy, Debug, Message)]
#[message(kind = 1, crate = ephor_core)]
struct Number(u64);

struct Drain;
impl Agent for Drain {}
agent!(Drain { Number });
impl Handler<Number> for Drain {
    fn on(&mut self, _number: &Number, _cx: &mut Cx<'_>) {}
}

/// A gateway that is always drained.
pub(super) fn drained() -> Subject {
    let mut topology: Topology = Topology::new(Charter::default());
    if let Some((_, last)) = core_pair() {
        topology.worker(WorkerOptions { pin: Pin::IfPossible(last), idle: IdleStrategy::Spin });
    }
    let drain = topology.reserve::<Drain>("drain");
    let gate = topology.gateway(drain, 1 << 14);
    topology.install(drain, || Drain);
    Subject::new(topology).load("numbers", &gate, || Number(1))
}

/// The highest rate that the generator keeps: 0 when it keeps none, and none when that cannot be known.
pub(super) fn highest<F: Frame>(session: &mut Session<'_, F>) -> Result<Option<f64>, ProfileError> {
    let (mut best, mut end) = (None, None);
    for (at, per_s) in RATES_PER_S.into_iter().enumerate() {
        session.step(at, RATES_PER_S.len())?;
        let runs = runs_at(session, per_s)?;
        if !is_kept(&runs) {
            end = Some((per_s, runs));
            break;
        }
        best = Some((per_s, runs));
    }
    Ok(match figures(best, end) {
        Ok(figures) => {
            let per_s = figures[0].value;
            figures.into_iter().for_each(|metric| session.add(metric));
            Some(per_s)
        }
        Err(why) => {
            [RATE, ERROR].into_iter().for_each(|name| session.leave_untold(name, &why));
            None
        }
    })
}

/// Runs of the generator at this rate.
fn runs_at<F: Frame>(session: &Session<'_, F>, per_s: f64) -> Result<Repeated<Driven>, ProfileError> {
    let (mut runs, mut spoilt) = (Vec::new(), Vec::new());
    for tries in 0..TRIES {
        if most_frequent(&runs).1 == RUNS || (tries >= RUNS && session.is_over_budget()) {
            break;
        }
        let rate =
            Rate { pacing: &Pacing::Constant, per_s, length: LENGTH, one_in: ONE_IN, seed: tries as u64 };
        let run = || Ok(at_rate(&mut || Ok(drained()), rate, session.waiting)?.driven);
        let (apart, driven) = between(core_pair(), run)?;
        if driven.spoilt_by() == Some(NoLatency::CoreLost) {
            spoilt.push(driven);
        } else {
            runs.push((apart, driven));
        }
    }
    Ok(Repeated { spoilt, ..of_one_class(runs) })
}

/// Whether the generator kept the rate of `runs`: in the middle one of them 99 of 100 messages were tried in time, and in most
/// of them none was refused. Not where none can be judged.
fn is_kept(runs: &Repeated<Driven>) -> bool {
    let refused = runs.kept.iter().filter(|driven| driven.refused > 0).count();
    let is_in_time = error(runs).is_some_and(|error| error.value < SCHEDULE_ERROR_NS_MAX as f64);
    is_in_time && 2 * refused < runs.kept.len()
}

/// How late the generator was in `runs`; none of none.
fn error(runs: &Repeated<Driven>) -> Option<Metric> {
    let late: Vec<f64> = runs.kept.iter().map(|driven| driven.own.late_p99_ns() as f64).collect();
    let samples = runs.kept.iter().map(|driven| driven.due).sum();
    (!late.is_empty()).then(|| Metric { samples, ..Metric::of_repetitions(ERROR, late, "ns") })
}

/// A rate, and the runs at it.
type At = (f64, Repeated<Driven>);

/// The rate, and how late the generator is at it: of the highest rate that it kept, and the first that it did not or that could
/// not be judged.
///
/// # Errors
/// Why nothing is known, where not even the lowest rate could be judged.
fn figures(best: Option<At>, end: Option<At>) -> Result<Vec<Metric>, String> {
    let (per_s, runs) = match (best, &end) {
        (Some((per_s, runs)), _) => (per_s, Some(runs)),
        (None, Some((_, runs))) if runs.kept.is_empty() => return Err(runs.why_untold()),
        (None, _) => (0.0, None),
    };
    let method = "a gateway that is always drained, at constant rates from 100,000 a second on; the highest of seven up to 8 million at which 99 of 100 messages are tried less than 1 us after they were due, in the median of its runs, and none is refused in most of them";
    let mut rate = Metric::measured(RATE, per_s, "msg/s")
        .by(format!("{method}; runs of {LENGTH:?}, {RUNS} a rate where as many could be judged in time"));
    match &end {
        Some((above, runs)) if !runs.kept.is_empty() => {
            let what = "the highest rate tried that was kept, and the next, which was not".to_owned();
            rate.spread = Some(Spread { low: per_s, high: *above, what });
            rate.samples = runs.kept.iter().map(|driven| driven.due).sum();
        }
        Some((above, runs)) => {
            rate.marks.push(format!("{above:.0} a second could not be judged: {}", runs.why_untold()));
        }
        None => {}
    }
    let Some((runs, error)) = runs.and_then(|runs| error(&runs).map(|error| (runs, error))) else {
        return Ok(vec![rate]);
    };
    rate.samples = error.samples;
    let error = error.by("how late the generator is at that rate, 99 of 100 messages");
    Ok([rate, error].map(|metric| runs.note(metric)).into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;
    use crate::distance::Class;
    use crate::generator::tests::driven;
    use crate::repeat::Apart;

    fn runs(late_ns: &[u64], refused: u64) -> Repeated<Driven> {
        of_one_class(late_ns.iter().map(|ns| (Apart::At(Class::Near), driven(*ns, refused, 0))).collect())
    }

    #[test]
    fn a_rate_is_kept_when_the_middle_run_is_in_time_and_most_refuse_nothing() {
        assert!(is_kept(&runs(&[20, 9_000, 30], 0)));
        assert!(!is_kept(&runs(&[20, 9_000, 3_000], 0)));
        assert!(!is_kept(&runs(&[20, 30, 40], 1)));
        assert!(!is_kept(&runs(&[], 0)));
    }

    #[test]
    fn the_highest_rate_stands_with_the_next_that_was_not_kept() {
        let figures = figures(Some((1e6, runs(&[20, 30, 40], 0))), Some((2e6, runs(&[9_000], 0)))).unwrap();
        let [rate, error] = &figures[..] else { panic!("{figures:?}") };
        let spread = rate.spread.as_ref().unwrap();
        assert_eq!((rate.value, spread.low, spread.high), (1e6, 1e6, 2e6));
        assert_eq!((error.value, error.samples, error.distance.as_deref()), (30.0, 3_000, Some("near")));
    }

    #[test]
    fn a_rate_that_cannot_be_judged_is_not_one_that_was_not_kept() {
        let none = Repeated { spoilt: vec![driven(0, 0, 900)], ..runs(&[], 0) };
        let unjudged = figures(Some((1e6, runs(&[20], 0))), Some((2e6, none))).unwrap();
        assert!(
            unjudged[0].spread.is_none() && unjudged[0].marks[0].starts_with("2000000 a second could not")
        );
        let unknown = figures(None, Some((1e5, of_one_class(vec![(Apart::Changed, driven(20, 0, 0))]))));
        assert!(unknown.unwrap_err().contains("or it changed meanwhile"));
        let none_kept = figures(None, Some((1e5, runs(&[9_000], 0)))).unwrap();
        assert_eq!((none_kept.len(), none_kept[0].value, none_kept[0].samples), (1, 0.0, 1_000));
    }
}
