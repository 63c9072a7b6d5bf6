//! Words and phrases for what the report holds.

use std::collections::BTreeMap;

use crate::figure;
use crate::html::table::{Cell, Tone};
use crate::metric::Kind;
use crate::report::{Curve, HealthPoint, Status, Verdict};

/// What stands for a figure that there is none of.
pub(crate) const NOT_MEASURED: &str = "not measured";

/// `1 check`, `2 checks`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", figure::count(count as u64), if count == 1 { "" } else { "s" })
}

/// `what`, and why, when that is known.
pub(crate) fn because(what: String, why: &str) -> String {
    if why.is_empty() { what } else { format!("{what} ({why})") }
}

/// How an action, a check or a fault ended.
pub(crate) fn status(status: Status) -> Cell {
    match status {
        Status::Passed => Cell::toned("passed", Tone::Good),
        Status::Failed => Cell::toned("failed", Tone::Bad),
        Status::Skipped => Cell::toned("skipped", Tone::Care),
    }
}

/// How long what ended so took; what was skipped took no time worth telling.
pub(crate) fn took(status: Status, seconds: f64) -> Cell {
    if status == Status::Skipped && seconds == 0.0 {
        return Cell::default();
    }
    Cell::new(figure::time(1e9 * seconds))
}

/// What a target wants: `< 1.00 us`.
pub(crate) fn target(target: &Verdict) -> String {
    let relation = match target.relation.as_str() {
        "below" => "<",
        "above" => ">",
        "at_most" => "≤",
        "at_least" => "≥",
        other => other,
    };
    format!("{relation} {}", figure::value(target.bound, &target.unit))
}

/// What a target was held against.
pub(crate) fn actual(target: &Verdict) -> String {
    target.actual.map_or(NOT_MEASURED.to_owned(), |actual| figure::value(actual, &target.unit))
}

/// Losses by name, the largest first.
pub(crate) fn losses(lost: &BTreeMap<String, u64>) -> Cell {
    counts(lost).map_or_else(|| Cell::toned("none", Tone::Quiet), Cell::new)
}

/// Counts by name, the largest first; none when there are none.
pub(crate) fn counts(counts: &BTreeMap<String, u64>) -> Option<String> {
    let mut counts: Vec<_> = counts.iter().filter(|(_, count)| **count > 0).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let parts: Vec<_> =
        counts.iter().map(|(name, count)| format!("{name} {}", figure::count(**count))).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// A score, and what it is called. A point without a name was not measured.
pub(crate) fn health(point: &HealthPoint) -> Cell {
    if point.status.is_empty() {
        return Cell::toned(NOT_MEASURED, Tone::Quiet);
    }
    Cell::new(figure::trimmed(point.score)).with(&point.status, Tone::Quiet)
}

/// A curve's way of pacing, and how far the cores were apart.
pub(crate) fn curve(curve: &Curve) -> String {
    match &curve.distance {
        Some(distance) => format!("{}, cores {distance}", curve.pacing),
        None => curve.pacing.clone(),
    }
}

/// Whether a metric was measured.
pub(crate) fn kind(kind: Kind) -> (&'static str, Tone) {
    match kind {
        Kind::Measured => ("measured", Tone::Plain),
        Kind::Derived => ("derived", Tone::Quiet),
    }
}
