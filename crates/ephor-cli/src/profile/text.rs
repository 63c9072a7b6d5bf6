//! The report as text: what each phase did, the figures, and what passed and failed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, Width};
use ephor::profile::figure;
use ephor::profile::metric::{Kind, Metric};
use ephor::profile::report::{Comparison, Fault, Report, Status};

use crate::report::{Look, right, table, tinted};

/// Widest table, in columns of text.
const COLUMNS: u16 = 110;
/// Figures that the text shows; the files have all of them.
const SHOWN: [&str; 15] = [
    "latency_",
    "throughput",
    "lost",
    "generator_rate_max",
    "schedule_error_p99",
    "measuring_cost",
    "stolen",
    "cache_hit_rate",
    "compliance",
    "availability",
    "cold_",
    "check_",
    "hop_",
    "policy_",
    "audit_append",
];

/// The text, with a newline at its end.
pub(super) fn render(report: &Report, look: Look) -> String {
    let mut out = head(report);
    let mut tables = vec![phases(report, look), figures(report, look)];
    if !report.faults.is_empty() {
        tables.push(faults(&report.faults, look));
    }
    tables.extend(report.comparison.as_ref().map(|comparison| changes(comparison, look)));
    if !report.original.is_empty() {
        tables.push(original(report, look));
    }
    if !report.targets.is_empty() {
        tables.push(targets(report, look));
    }
    for mut table in tables {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(COLUMNS);
        for line in table.lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        if look == Look::Plain {
            out.push('\n');
        }
    }
    failing(report, &mut out);
    recommended(report, &mut out);
    let verdict = if report.is_passed() { "passed".to_owned() } else { what_failed(report) };
    let _infallible = writeln!(out, "{verdict}; {:.1} s", report.seconds);
    out
}

/// What was measured, where, and what touches every figure.
fn head(report: &Report) -> String {
    let machine = &report.machine;
    let mut out = format!(
        "{} ({}), {} cores of {}, {} {}\n",
        report.subject, report.effort, machine.cores, machine.cpu, machine.os, machine.kernel
    );
    if !report.inputs.is_empty() {
        let inputs: Vec<String> =
            report.inputs.iter().map(|(name, digest)| format!("{name} {digest}")).collect();
        let _infallible = writeln!(out, "inputs: {}", inputs.join(", "));
    }
    for note in report.remarks() {
        let _infallible = writeln!(out, "note: {note}");
    }
    out
}

fn status(status: Status) -> Cell {
    match status {
        Status::Passed => tinted("passed", Some(Color::Green)),
        Status::Failed => tinted("FAILED", Some(Color::Red)),
        Status::Skipped => tinted("skipped", Some(Color::Yellow)),
    }
}

fn met(is_met: bool) -> Cell {
    if is_met { tinted("met", Some(Color::Green)) } else { tinted("MISSED", Some(Color::Red)) }
}

fn phases(report: &Report, look: Look) -> Table {
    let mut table = table(look, ["phase", "action", "", "seconds", "found"]);
    for phase in &report.phases {
        for (index, action) in phase.actions.iter().enumerate() {
            table.add_row([
                Cell::new(if index == 0 { phase.name.as_str() } else { "" }),
                Cell::new(&action.name),
                status(action.status),
                right(&format!("{:.2}", action.seconds)),
                Cell::new(&action.summary),
            ]);
        }
    }
    if let Some(column) = table.column_mut(1) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(28)));
    }
    table
}

fn figures(report: &Report, look: Look) -> Table {
    let mut table = table(look, ["figure", "value", "seen from", "to", "samples", "kind", "cores"]);
    let shown =
        report.metrics.iter().filter(|metric| SHOWN.iter().any(|start| metric.name.starts_with(start)));
    for metric in shown {
        table.add_row(figure_row(metric));
    }
    table
}

fn figure_row(metric: &Metric) -> [Cell; 7] {
    let end = |of: fn(&ephor::profile::metric::Spread) -> f64| {
        metric.spread.as_ref().map_or(String::new(), |spread| figure::value(of(spread), &metric.unit))
    };
    let kind = match metric.kind {
        Kind::Measured => Cell::new("measured"),
        Kind::Derived => tinted("derived", Some(Color::Yellow)),
    };
    [
        Cell::new(&metric.name),
        right(&figure::value(metric.value, &metric.unit)),
        right(&end(|spread| spread.low)),
        right(&end(|spread| spread.high)),
        right(&figure::count(metric.samples)),
        kind,
        Cell::new(metric.distance.as_deref().unwrap_or("")),
    ]
}

fn faults(faults: &[Fault], look: Look) -> Table {
    let mut table = table(look, ["fault", "", "noticed", "lasted", "overcome", "lost", "decided", "health"]);
    let time = |ns: Option<u64>| ns.map_or("never".to_owned(), |ns| figure::time(ns as f64));
    let counts = |counts: &BTreeMap<String, u64>| {
        let parts: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        parts.join(", ")
    };
    for fault in faults {
        let health = fault.health.each_ref().map(|point| format!("{:.2}", point.score)).join(" ");
        let is_skipped = fault.status == Status::Skipped;
        table.add_row([
            Cell::new(&fault.name),
            status(fault.status),
            right(&if is_skipped { String::new() } else { time(fault.detect_ns) }),
            right(&fault.cause_ns.map(|ns| figure::time(ns as f64)).unwrap_or_default()),
            right(&if is_skipped { String::new() } else { time(fault.recover_ns) }),
            Cell::new(counts(&fault.lost)),
            Cell::new(counts(&fault.decided)),
            Cell::new(if is_skipped { String::new() } else { health }),
        ]);
    }
    table
}

fn changes(comparison: &Comparison, look: Look) -> Table {
    let mut table = table(look, ["changed", "before", "now", "ratio", "why"]);
    let changed =
        comparison.changes.iter().filter(|change| ["worse", "better"].contains(&change.verdict.as_str()));
    for change in changed {
        let colour = if change.verdict == "worse" { Color::Red } else { Color::Green };
        table.add_row([
            tinted(&format!("{} {}", change.metric, change.verdict), Some(colour)),
            right(&figure::value(change.before, &change.unit)),
            right(&figure::value(change.now, &change.unit)),
            right(&format!("{:.2}", change.ratio)),
            Cell::new(&change.why),
        ]);
    }
    if table.row_count() == 0 {
        table.add_row([unchanged(comparison)]);
    }
    if let Some(differences) = &comparison.forced {
        table.add_row([format!("compared by force: {differences}")]);
    }
    table
}

/// That nothing changed, of how many figures that were judged.
fn unchanged(comparison: &Comparison) -> String {
    let all = comparison.changes.len();
    let judged = comparison.changes.iter().filter(|change| change.verdict != "not comparable").count();
    let Comparison { baseline, confidence, .. } = comparison;
    format!(
        "nothing since {baseline}: {judged} figures judged at a confidence of {confidence}, {} shown only",
        all - judged
    )
}

fn original(report: &Report, look: Look) -> Table {
    let mut table = table(look, ["the original", "said", "measured of it", "ours"]);
    for one in &report.original {
        table.add_row([&one.what, &one.said, &one.measured, &one.ours]);
    }
    table
}

fn targets(report: &Report, look: Look) -> Table {
    let mut table = table(look, ["target", "bound", "actual", "", "why"]);
    for target in &report.targets {
        let relation = target.relation.replace('_', " ");
        table.add_row([
            Cell::new(&target.metric),
            right(&format!("{relation} {} {}", figure::trimmed(target.bound), target.unit)),
            right(
                &target
                    .actual
                    .map_or("-".to_owned(), |actual| format!("{} {}", figure::trimmed(actual), target.unit)),
            ),
            met(target.met),
            Cell::new(&target.why),
        ]);
    }
    table
}

/// The checks that failed, the faults that failed or were not tried, and what else touched these, each in a line.
fn failing(report: &Report, out: &mut String) {
    for check in report.suite.checks.iter().filter(|check| check.status == Status::Failed) {
        let _infallible = writeln!(out, "FAILED {}: {}: {}", check.group, check.sentence, check.why);
    }
    for fault in report.faults.iter().filter(|fault| !fault.why.is_empty()) {
        let word = if fault.status == Status::Failed { "FAILED" } else { "not tried:" };
        let _infallible = writeln!(out, "{word} {}: {}", fault.name, fault.why);
    }
    for (fault, mark) in
        report.faults.iter().flat_map(|fault| fault.marks.iter().map(move |mark| (fault, mark)))
    {
        let _infallible = writeln!(out, "note: {}: {mark}", fault.name);
    }
}

fn recommended(report: &Report, out: &mut String) {
    for one in report.recommendations.iter().filter(|one| one.priority != "done") {
        let _infallible = writeln!(out, "{}: {} ({})", one.priority, one.text, one.evidence);
    }
}

/// What failed, in a line: the targets by name, then checks, faults and actions.
pub(super) fn what_failed(report: &Report) -> String {
    let mut parts = Vec::new();
    let missed: Vec<&str> =
        report.targets.iter().filter(|target| !target.met).map(|target| target.metric.as_str()).collect();
    if !missed.is_empty() {
        parts.push(format!("targets missed: {}", missed.join(", ")));
    }
    if report.suite.failed > 0 {
        parts.push(format!("{} checks failed", report.suite.failed));
    }
    let faults: Vec<&str> = report
        .faults
        .iter()
        .filter(|fault| fault.status == Status::Failed)
        .map(|fault| fault.name.as_str())
        .collect();
    if !faults.is_empty() {
        parts.push(format!("faults not overcome: {}", faults.join(", ")));
    }
    if parts.is_empty() {
        let actions = report.phases.iter().flat_map(|phase| &phase.actions);
        let failed: Vec<&str> = actions
            .filter(|action| action.status == Status::Failed)
            .map(|action| action.name.as_str())
            .collect();
        parts.push(format!("failed: {}", failed.join(", ")));
    }
    parts.join("; ")
}
