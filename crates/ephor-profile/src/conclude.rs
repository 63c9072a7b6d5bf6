//! The last phase: what was measured, beside what it was to be, and what to do about it.

use ephor_core::Frame;

use crate::catalogue;
use crate::config::PhaseName;
use crate::error::ProfileError;
use crate::metric::Kind;
use crate::report::Verdict;
use crate::targets::Target;
use crate::workflow::{Found, Session};

/// Counts what there is.
pub(crate) fn compile_metrics<F: Frame>(session: &mut Session<'_, F>) -> Result<Found, ProfileError> {
    let metrics = &session.report.metrics;
    let derived: Vec<&str> = metrics
        .iter()
        .filter(|metric| metric.kind == Kind::Derived)
        .map(|metric| metric.name.as_str())
        .collect();
    let marked = metrics.iter().filter(|metric| !metric.marks.is_empty()).count();
    let measured = metrics.len() - derived.len();
    let mut details = Vec::new();
    if !derived.is_empty() {
        details.push(format!("derived, and no target is met by it: {}", derived.join(", ")));
    }
    let summary = format!("{measured} figures measured, {} derived; {marked} bear a mark", derived.len());
    Ok(Found::passed(summary).with(details))
}

/// Judges every target; where one phase ran alone, those whose figures are measured in it.
pub(crate) fn compare_to_targets<F: Frame>(session: &mut Session<'_, F>) -> Result<Found, ProfileError> {
    let only = session.config.only;
    let is_due = |target: &Target| only.is_none_or(|phase| is_measured_in(phase, target));
    let (due, others): (Vec<&Target>, Vec<&Target>) =
        session.config.targets.iter().partition(|target| is_due(target));
    let left = only.filter(|_| !others.is_empty()).map(|phase| left_out(phase, &others));
    if let (true, Some(left)) = (due.is_empty(), &left) {
        return Ok(Found::skipped(format!("no target judged; {left}")));
    }
    let metrics = &session.report.metrics;
    let judged = due.into_iter().map(|target| {
        let mut verdict = target.judge(metrics);
        // Of a figure that was to be measured it is known why there is none.
        if let (None, Some(why)) = (verdict.actual, session.why_untold(&target.metric)) {
            verdict.why = format!("{}: {why}", verdict.why);
        }
        verdict
    });
    let verdicts: Vec<Verdict> = judged.collect();
    let missed: Vec<String> = verdicts
        .iter()
        .filter(|verdict| !verdict.met)
        .map(|verdict| match verdict.actual {
            Some(actual) => format!(
                "missed: {} is {actual} {}, to be {} {}",
                verdict.metric,
                verdict.unit,
                verdict.relation.replace('_', " "),
                verdict.bound
            ),
            None => format!("missed: {}: {}", verdict.metric, verdict.why),
        })
        .collect();
    let met = format!("{} of {} targets met", verdicts.len() - missed.len(), verdicts.len());
    let summary = left.into_iter().fold(met, |met, left| format!("{met}; {left}"));
    session.report.targets = verdicts;
    Ok(if missed.is_empty() { Found::passed(summary) } else { Found::failed(summary).with(missed) })
}

fn is_measured_in(phase: PhaseName, target: &Target) -> bool {
    catalogue::find(&target.metric).is_some_and(|entry| entry.phase == phase)
}

/// Which targets were not judged, and that this is no miss.
fn left_out(phase: PhaseName, targets: &[&Target]) -> String {
    let names: Vec<&str> = targets.iter().map(|target| target.metric.as_str()).collect();
    format!("not measured, because only the phase {} ran: {}", phase.name(), names.join(", "))
}

/// Orders the recommendations, the most worthwhile first.
pub(crate) fn document_recommendations<F: Frame>(
    session: &mut Session<'_, F>,
) -> Result<Found, ProfileError> {
    let rank = |priority: &str| match priority {
        "medium" => 0,
        "low" => 1,
        _ => 2,
    };
    session.report.recommendations.sort_by_key(|recommendation| rank(&recommendation.priority));
    let open = session.report.recommendations.iter().filter(|one| one.priority != "done");
    let lines: Vec<String> =
        open.map(|one| format!("{}: {} ({})", one.priority, one.text, one.evidence)).collect();
    let done = session.report.recommendations.len() - lines.len();
    Ok(Found::passed(format!("{} to do, {done} already implemented", lines.len())).with(lines))
}
