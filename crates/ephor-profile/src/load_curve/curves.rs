//! Throughput and latency against offered load, a curve for each way of pacing.

use std::collections::BTreeMap;
use std::time::Duration;

use ephor_core::Frame;

use super::latency::pooled;
use super::{one_in, repeated};
use crate::distance::Class;
use crate::error::ProfileError;
use crate::metric::is_told;
use crate::pacing::Pacing;
use crate::repeat::Repeated;
use crate::report::{Curve, LoadPoint, NoLatency};
use crate::trial::Trial;
use crate::workflow::Session;

/// Points of a curve, as parts of saturation.
const LOADS: [f64; 6] = [0.1, 0.25, 0.5, 0.75, 0.9, 1.1];
/// How long a repetition for a point lasts, in a quick profile.
const LENGTH: Duration = Duration::from_millis(40);

/// A curve for each way of pacing.
pub(super) fn of_each_pacing<F: Frame>(
    session: &mut Session<'_, F>,
    saturation: f64,
    problems: &mut Vec<String>,
) -> Result<Vec<Curve>, ProfileError> {
    let mut pacings = vec![Pacing::Constant, Pacing::Poisson];
    pacings.extend(session.config.arrivals.clone().map(Pacing::Arrivals));
    let mut curves = Vec::new();
    for pacing in pacings {
        let mut points = Vec::new();
        for part in LOADS {
            points.push(measured(session, &pacing, part * saturation, problems)?);
        }
        let distance = most_frequent_distance(&points).map(|class| class.name().to_owned());
        curves.push(Curve { pacing: pacing.name().to_owned(), distance, points });
    }
    Ok(curves)
}

/// The distance at which most points were measured that have a latency.
fn most_frequent_distance(points: &[LoadPoint]) -> Option<Class> {
    let count = |class| points.iter().filter(|point| point.distance == Some(class)).count();
    let classes = [Class::Same, Class::Near, Class::Far].into_iter().filter(|class| count(*class) > 0);
    classes.max_by_key(|class| count(*class))
}

/// One offered load.
fn measured<F: Frame>(
    session: &mut Session<'_, F>,
    pacing: &Pacing,
    per_s: f64,
    problems: &mut Vec<String>,
) -> Result<LoadPoint, ProfileError> {
    let (repetitions, length) = session.config.effort.pick((2, LENGTH), (5, 5 * LENGTH));
    let trials = repeated(session, pacing, per_s, repetitions, length)?;
    problems.extend(trials.every().filter_map(|trial| trial.stopped.disagreement()));
    let mut point = point(&trials, per_s);
    (point.one_in, point.wanted) = (one_in(per_s, length), repetitions);
    Ok(point)
}

/// Several repetitions as one point. Where none is kept, what was handled is told of those that were left out, and no latency.
fn point(trials: &Repeated<Trial>, per_s: f64) -> LoadPoint {
    let is_kept = !trials.kept.is_empty();
    let used: Vec<&Trial> = if is_kept { trials.kept.iter().collect() } else { trials.every().collect() };
    let all = pooled(used.iter().copied());
    let at = |quantile| is_told(&all, quantile).then(|| all.value_at_quantile(quantile) as f64);
    let p99s = used.iter().filter(|trial| is_told(&trial.latency_ns, 0.99));
    let handled: Vec<f64> = used.iter().map(|trial| handled_per_s(trial)).collect();
    let mut point = LoadPoint {
        // What was due, and not what was asked for: chance may differ from its rate over a short while.
        offered_per_s: mean(used.iter().map(|trial| offered_per_s(trial, per_s))),
        handled_per_s: mean(handled.iter().copied()),
        handled_range_per_s: range(handled).unwrap_or_default(),
        p50_ns: at(0.5),
        p99_ns: at(0.99),
        p99_range_ns: range(p99s.map(|trial| trial.latency_ns.value_at_quantile(0.99) as f64)),
        p999_ns: at(0.999),
        max_ns: at(1.0),
        sent: used.iter().map(|trial| trial.driven.due).sum(),
        samples: all.len(),
        refused: used.iter().map(|trial| trial.driven.refused).sum(),
        schedule_error_p99_ns: used.iter().map(|trial| trial.driven.own.p99_ns()).max().unwrap_or(0) as f64,
        distance: trials.class,
        repetitions: used.len(),
        ..LoadPoint::default()
    };
    if !is_kept {
        let spoilt = trials.spoilt.iter().filter_map(|trial| trial.driven.spoilt_by());
        point.leave_untold(most_often(
            spoilt.chain(trials.dropped.iter().map(|_| NoLatency::DistanceChanged)),
        ));
    }
    point
}

/// The most frequent of the reasons.
fn most_often(reasons: impl Iterator<Item = NoLatency>) -> NoLatency {
    let mut counts: BTreeMap<NoLatency, usize> = BTreeMap::new();
    reasons.for_each(|why| *counts.entry(why).or_default() += 1);
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or(NoLatency::DistanceChanged, |(why, _)| why)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

/// The least and the most; none of nothing.
fn range(values: impl IntoIterator<Item = f64>) -> Option<[f64; 2]> {
    values.into_iter().fold(None, |range, value| {
        let [low, high] = range.unwrap_or([value; 2]);
        Some([value.min(low), value.max(high)])
    })
}

/// Messages a second that came to a fate which is no loss.
fn handled_per_s(trial: &Trial) -> f64 {
    let handled = trial.driven.taken.saturating_sub(trial.stopped.lost());
    handled as f64 * 1e9 / trial.elapsed_ns.max(1) as f64
}

/// Messages that were due, a second: from the first to the last, in which there is a gap fewer than messages. Of a single
/// burst it is what was asked for.
fn offered_per_s(trial: &Trial, per_s: f64) -> f64 {
    let driven = &trial.driven;
    if driven.span_ns == 0 { per_s } else { (driven.due - 1) as f64 * 1e9 / driven.span_ns as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_without_a_latency_names_the_most_frequent_reason() {
        use NoLatency::{CoreLost, DistanceChanged, GeneratorLate};
        assert_eq!(most_often([CoreLost, GeneratorLate, GeneratorLate].into_iter()), GeneratorLate);
        assert_eq!(
            most_often([GeneratorLate, DistanceChanged, DistanceChanged].into_iter()),
            DistanceChanged
        );
    }

    #[test]
    fn a_range_is_of_all_values_and_none_of_nothing() {
        assert_eq!(range([2.0, 1.0, 3.0]), Some([1.0, 3.0]));
        assert_eq!(range([]), None);
    }

    #[test]
    fn a_curve_is_at_the_distance_of_most_of_its_points() {
        let at = |distance| LoadPoint { distance, ..LoadPoint::default() };
        let points = [None, Some(Class::Far), Some(Class::Near), Some(Class::Far), None, None].map(at);
        assert_eq!(most_frequent_distance(&points), Some(Class::Far));
        assert_eq!(most_frequent_distance(&[at(None)]), None);
    }
}
