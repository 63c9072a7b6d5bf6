//! The head of the report: whether all is well, what is not, and what was measured on what.

use crate::figure;
use crate::html::table::{Line, Tone};
use crate::html::words;
use crate::report::{Report, Status};

/// Most things gone wrong that the head names; the sections have all of them.
const MISSES_MAX: usize = 12;

/// What stands above the sections.
pub(crate) struct Head {
    /// What was measured.
    pub(crate) title: String,
    /// Whether all is well.
    pub(crate) verdict: Line,
    /// What is not.
    pub(crate) misses: Vec<String>,
    /// What was measured, how, and on what: names and values.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// What touches every figure.
    pub(crate) notes: Vec<String>,
    /// Parts that the report leaves out, because nothing was measured.
    pub(crate) absent: String,
}

impl Head {
    /// Reads the head off `report`.
    pub(crate) fn of(report: &Report) -> Self {
        let mut misses = misses(report);
        let more = misses.len().saturating_sub(MISSES_MAX);
        misses.truncate(MISSES_MAX);
        if more > 0 {
            misses.push(format!("and {more} more, below"));
        }
        let title = if report.subject.is_empty() { "Nothing" } else { &report.subject };
        let (facts, notes) = (facts(report), report.remarks().cloned().collect());
        Self {
            title: title.to_owned(),
            verdict: verdict(report),
            misses,
            facts,
            notes,
            absent: absent(report),
        }
    }
}

fn verdict(report: &Report) -> Line {
    if report.is_passed() {
        return match report.targets.len() {
            0 => Line::new("No targets set, nothing failed", Tone::Plain),
            1 => Line::new("The one target met", Tone::Good),
            all => Line::new(format!("All {all} targets met"), Tone::Good),
        };
    }
    let missed = report.targets.iter().filter(|target| !target.met).count();
    let faults = report.faults.iter().filter(|fault| fault.status == Status::Failed).count();
    let actions = actions(report).filter(|action| action.status == Status::Failed).count();
    let parts = [
        (missed, format!("{missed} of {} missed", words::counted(report.targets.len(), "target"))),
        (report.suite.failed, words::counted(report.suite.failed, "check") + " failed"),
        (faults, words::counted(faults, "fault") + " not withstood"),
        (actions, words::counted(actions, "action") + " failed"),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
    Line::new(parts.join(", "), Tone::Bad)
}

fn misses(report: &Report) -> Vec<String> {
    let targets = report.targets.iter().filter(|target| !target.met).map(|target| {
        let actual = words::actual(target);
        words::because(format!("{}: {actual}, wanted {}", target.metric, words::target(target)), &target.why)
    });
    let checks = report.suite.checks.iter().filter(|check| check.status == Status::Failed);
    let checks = checks.map(|check| words::because(format!("check: {}", check.sentence), &check.why));
    let faults = report.faults.iter().filter(|fault| fault.status == Status::Failed);
    let faults = faults.map(|fault| words::because(format!("fault: {}", fault.name), &fault.why));
    let actions = actions(report).filter(|action| action.status == Status::Failed);
    let actions = actions.map(|action| words::because(format!("action: {}", action.name), &action.summary));
    targets.chain(checks).chain(faults).chain(actions).collect()
}

fn actions(report: &Report) -> impl Iterator<Item = &crate::report::Action> {
    report.phases.iter().flat_map(|phase| &phase.actions)
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let machine = &report.machine;
    let workers = match (machine.workers, machine.pinned) {
        (0, _) => String::new(),
        (workers, true) => format!("{workers}, each pinned to a core"),
        (workers, false) => format!("{workers}, not pinned"),
    };
    let cores = if machine.cores == 0 { String::new() } else { machine.cores.to_string() };
    let system = format!("{} {}", machine.os, machine.kernel);
    let inputs: Vec<_> = report.inputs.iter().map(|(name, digest)| format!("{name} {digest}")).collect();
    let facts = [
        ("Processor", machine.cpu.clone()),
        ("Cores", cores),
        ("Workers", workers),
        ("System", system.trim().to_owned()),
        ("Effort", report.effort.clone()),
        ("Took", figure::time(1e9 * report.seconds)),
        ("Ephor", report.ephor.clone()),
        ("Inputs", inputs.join(", ")),
    ];
    facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn absent(report: &Report) -> String {
    let is_spread = report.metrics.iter().any(|metric| metric.distribution.is_some());
    let parts = [
        (report.targets.is_empty(), "targets"),
        (report.phases.is_empty(), "phases"),
        (report.metrics.is_empty(), "figures"),
        (!is_spread, "distributions"),
        (report.curves.is_empty(), "load"),
        (report.agents.is_empty(), "agents"),
        (report.hot_spots.is_empty(), "hot spots"),
        (report.suite.checks.is_empty(), "coordination suite"),
        (report.faults.is_empty(), "faults"),
    ];
    let absent: Vec<_> =
        parts.into_iter().filter(|(is_absent, _)| *is_absent).map(|(_, name)| name).collect();
    absent.join(", ")
}
