//! What became of a target.

use super::units::unit;
use super::{Relation, Target};
use crate::catalogue;
use crate::figure;
use crate::metric::Metric;
use crate::report::Verdict;

/// What became of `target` by what was measured.
pub(super) fn judge(target: &Target, metrics: &[Metric]) -> Verdict {
    let is_family = catalogue::find(&target.metric)
        .is_some_and(|entry| entry.name == target.metric && entry.family().is_some());
    if is_family {
        return judge_family(target, metrics);
    }
    match metrics.iter().find(|metric| metric.name == target.metric) {
        Some(metric) => judge_one(target, metric),
        None => verdict(target, None, Err("not measured".to_owned()), Vec::new()),
    }
}

/// Judges the worst member of a family.
fn judge_family(target: &Target, metrics: &[Metric]) -> Verdict {
    let prefix = target.metric.trim_end_matches('*');
    let members: Vec<_> = metrics.iter().filter(|metric| metric.name.starts_with(prefix)).collect();
    let judged = members.iter().map(|metric| (judge_one(target, metric), metric));
    let badness = |verdict: &Verdict| match (verdict.met, verdict.actual) {
        // One that cannot be judged is worse than any that can.
        (false, actual) if actual.is_none_or(|actual| target.relation.holds(actual, target.bound)) => {
            f64::INFINITY
        }
        (_, actual) => target.relation.badness(actual.unwrap_or(f64::NAN)),
    };
    let worst = judged.max_by(|(left, _), (right, _)| badness(left).total_cmp(&badness(right)));
    let Some((mut verdict, metric)) = worst else {
        return verdict(target, None, Err("not measured".to_owned()), Vec::new());
    };
    let more = if verdict.why.is_empty() { String::new() } else { format!("; {}", verdict.why) };
    verdict.why = format!("the worst of {} is `{}`{more}", members.len(), metric.name);
    verdict
}

fn judge_one(target: &Target, metric: &Metric) -> Verdict {
    let actual = unit(&metric.unit)
        .zip(unit(target.unit))
        .and_then(|(from, to)| from.tell(metric.value, to))
        .filter(|actual| actual.is_finite());
    verdict(target, actual, meets(target, metric, actual), footing(metric))
}

/// Whether the figure meets the target, or why not.
fn meets(target: &Target, metric: &Metric, actual: Option<f64>) -> Result<(), String> {
    if !metric.is_measured() {
        return Err("derived from other figures, which satisfies no target".to_owned());
    }
    if metric.samples == 0 {
        return Err("no samples".to_owned());
    }
    if !metric.value.is_finite() {
        return Err("not a number".to_owned());
    }
    let Some(actual) = actual else {
        return Err(format!("measured in `{}`, which is not told in {}", metric.unit, target.unit));
    };
    if target.relation.holds(actual, target.bound) {
        return Ok(());
    }
    Err(format!("{actual} {} is not {} {}", target.unit, target.relation.phrase(), target.bound))
}

/// What a figure stands on: its counts, the load, and what touches it.
fn footing(metric: &Metric) -> Vec<String> {
    let ratio = metric
        .ratio
        .as_ref()
        .map(|ratio| format!("{} of {} ({})", ratio.numerator, ratio.denominator, ratio.what));
    let rate = metric.offered_per_s.map(|per_s| format!("at {}", figure::rate(per_s)));
    ratio.into_iter().chain(rate).chain(metric.marks.iter().cloned()).collect()
}

fn verdict(target: &Target, actual: Option<f64>, meets: Result<(), String>, footing: Vec<String>) -> Verdict {
    let met = meets.is_ok();
    let why: Vec<String> = meets.err().into_iter().chain(footing).collect();
    Verdict {
        metric: target.metric.clone(),
        relation: target.relation.name().to_owned(),
        bound: target.bound,
        unit: target.unit.to_owned(),
        actual,
        met,
        why: why.join("; "),
    }
}

impl Relation {
    fn phrase(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Above => "above",
            Self::AtMost => "at most",
            Self::AtLeast => "at least",
        }
    }

    /// How bad a figure is, more is worse.
    fn badness(self, actual: f64) -> f64 {
        match self {
            Self::Below | Self::AtMost => actual,
            Self::Above | Self::AtLeast => -actual,
        }
    }
}
