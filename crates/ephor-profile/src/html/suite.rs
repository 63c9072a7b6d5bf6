//! The coordination suite: a table for each group of checks, those with a failed one first.

use std::collections::BTreeMap;

use crate::figure;
use crate::html::table::{Cell, Fold, Section, Table, Tone, figures, prose, words};
use crate::html::words as say;
use crate::report::{CheckResult, Status, Suite};

/// The section, unless there was no check.
pub(crate) fn section(suite: &Suite) -> Option<Section> {
    let mut groups: BTreeMap<&str, Vec<&CheckResult>> = BTreeMap::new();
    for check in &suite.checks {
        groups.entry(&check.group).or_default().push(check);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, checks)| checks.iter().map(|check| rank(check.status)).min());
    let tables = groups.into_iter().map(|(name, checks)| table(name, checks)).collect();
    let text = format!(
        "{} passed, {} failed, {} skipped, in {}.",
        suite.passed,
        suite.failed,
        suite.skipped,
        figure::time(1e9 * suite.seconds)
    );
    (!suite.checks.is_empty()).then(|| Section::new("suite", "Coordination suite", tables).says(text))
}

fn table(name: &str, mut checks: Vec<&CheckResult>) -> Table {
    checks.sort_by_key(|check| rank(check.status));
    let is_well = checks.iter().all(|check| check.status == Status::Passed);
    let parts = [(Status::Failed, "failed"), (Status::Skipped, "skipped"), (Status::Passed, "passed")];
    let parts =
        parts.map(|(status, name)| (checks.iter().filter(|check| check.status == status).count(), name));
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}"));
    let label = format!("{name}: {}", parts.collect::<Vec<_>>().join(", "));
    Table::new(label, &[prose("Check"), words("Result"), figures("Took"), words("Case")])
        .rows(checks.into_iter().map(row))
        .folded(if is_well { Fold::Closed } else { Fold::Open })
}

fn row(check: &CheckResult) -> Vec<Cell> {
    let tone = if check.status == Status::Failed { Tone::Bad } else { Tone::Care };
    vec![
        Cell::new(&check.sentence).with(&check.why, tone),
        say::status(check.status),
        say::took(check.status, check.ms / 1e3),
        Cell::new(check.case.as_deref().unwrap_or_default()),
    ]
}

/// What went wrong comes first.
fn rank(status: Status) -> u8 {
    match status {
        Status::Failed => 0,
        Status::Skipped => 1,
        Status::Passed => 2,
    }
}
