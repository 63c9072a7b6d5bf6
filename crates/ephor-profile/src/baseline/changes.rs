//! What became of each figure that two reports have.
//!
//! Here it is decided what can be compared at all, and which criterion a figure is judged by; how repetitions are judged is the
//! rule's.

use super::rule::{self, CLOCK_STEP_NS, Case, Finding, Outcome};
use crate::catalogue::{self, Better, Criterion, Entry, Place};
use crate::machine::Machine;
use crate::metric::Metric;
use crate::report::{Change, Report};

/// The fewest repetitions that are judged.
const REPETITIONS_MIN: usize = 5;
/// The most that are looked at: those that came first.
const REPETITIONS_MAX: usize = 100;

/// What became of a figure, and why.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    verdict: &'static str,
    why: String,
}

/// A figure of two reports.
struct Pair<'a> {
    before: &'a Metric,
    now: &'a Metric,
}

/// Every figure that both reports have, in the order of `now`.
pub(super) fn changes(before: &Report, now: &Report) -> Vec<Change> {
    let pairs = now.metrics.iter().filter_map(|metric| {
        let earlier = before.metric(&metric.name)?;
        Some(Pair { before: earlier, now: metric })
    });
    let pairs: Vec<_> = pairs.map(|pair| (pair.judge(&before.machine, &now.machine), pair)).collect();
    let judged: Vec<&(&Entry, Case)> = pairs.iter().filter_map(|(judged, _)| judged.as_ref().ok()).collect();
    let drift = rule::drift(judged.iter().filter(|(entry, _)| is_drift(entry)).map(|(_, case)| case));
    let cases: Vec<Case> = judged.into_iter().map(|(_, case)| case.clone()).collect();
    let mut findings = rule::judge(&cases, drift.unwrap_or(1.0)).into_iter();
    let told = pairs.into_iter().map(|(judged, pair)| {
        let told = judged.and_then(|(_, case)| {
            let finding = findings.next().ok_or_else(|| not_comparable("not judged"))?;
            Ok(tell(&finding, &case, drift))
        });
        let incidents = pair.incidents(before, now);
        pair.change(told.unwrap_or_else(|told| told), &incidents)
    });
    told.collect()
}

/// Whether a figure tells how fast the one thread was that it ran on.
fn is_drift(entry: &Entry) -> bool {
    entry.place == Place::Thread && !entry.name.ends_with("_p99")
}

fn not_comparable(why: impl Into<String>) -> Told {
    Told { verdict: "not comparable", why: why.into() }
}

fn verdict(better: Better, difference: f64) -> &'static str {
    match better {
        _ if difference == 0.0 => "same",
        Better::Smaller if difference > 0.0 => "worse",
        Better::Larger if difference < 0.0 => "worse",
        _ => "better",
    }
}

impl Pair<'_> {
    /// The repetitions, for the rule to judge together with those of other figures.
    ///
    /// # Errors
    /// What became of it, where that can be told without them or not at all.
    fn judge(&self, before: &Machine, now: &Machine) -> Result<(&'static Entry, Case), Told> {
        let entry = self.entry()?;
        self.like_with_like()?;
        if entry.place == Place::Cores || self.before.distance.is_some() || self.now.distance.is_some() {
            self.one_distance(before, now)?;
        }
        match entry.change {
            Criterion::Shown => {
                Err(not_comparable("shown, not judged: the host moves it more than the code does"))
            }
            Criterion::Points(points) => Err(self.by_difference(entry, points)),
            Criterion::Share(share) => {
                // Of few repetitions one that the host held up is a large share.
                self.are_repeated()?;
                Err(self.by_share(entry, share))
            }
            Criterion::Ratio(factor) => self.case(entry, factor).map(|case| (entry, case)),
        }
    }

    fn entry(&self) -> Result<&'static Entry, Told> {
        catalogue::find(&self.now.name)
            .ok_or_else(|| not_comparable("no figure of this name is known, nor which way is better"))
    }

    fn like_with_like(&self) -> Result<(), Told> {
        let (before, now) = (self.before, self.now);
        if before.unit != now.unit {
            return Err(not_comparable(format!("in `{}` before, in `{}` now", before.unit, now.unit)));
        }
        if !before.is_measured() || !now.is_measured() {
            return Err(not_comparable("derived from other figures, which are compared themselves"));
        }
        if !before.value.is_finite() || !now.value.is_finite() {
            return Err(not_comparable("not a number"));
        }
        if before.offered_per_s != now.offered_per_s {
            let told = |per_s: Option<f64>| {
                per_s.map_or("no stated rate".to_owned(), |per_s| format!("{per_s:.0} messages a second"))
            };
            let rates = [before.offered_per_s, now.offered_per_s].map(told);
            return Err(not_comparable(format!("at {} before, at {} now", rates[0], rates[1])));
        }
        Ok(())
    }

    /// What crosses cores is compared within one class of distance, and with the threads in the same places.
    fn one_distance(&self, before: &Machine, now: &Machine) -> Result<(), Told> {
        let told = |distance: &Option<String>| distance.clone().unwrap_or_else(|| "not known".to_owned());
        let (then, today) = (&self.before.distance, &self.now.distance);
        if then.is_none() || then != today {
            let why =
                format!("the distance of the cores was {} before and is {} now", told(then), told(today));
            return Err(not_comparable(why));
        }
        let seats = |machine: &Machine| {
            format!("{} workers {}", machine.workers, if machine.pinned { "pinned" } else { "not pinned" })
        };
        if (before.workers, before.pinned) == (now.workers, now.pinned) {
            return Ok(());
        }
        Err(not_comparable(format!("{} before, {} now", seats(before), seats(now))))
    }

    /// A figure without repetitions: changed when it differs by more than `most`.
    fn by_difference(&self, entry: &Entry, most: f64) -> Told {
        if self.before.samples == 0 || self.now.samples == 0 {
            return not_comparable("no samples");
        }
        let difference = self.now.value - self.before.value;
        let shown = format!("differs by {}", (difference.abs() * 1e6).round() / 1e6);
        let is_same = difference.abs() <= most;
        let verdict = if is_same { "same" } else { verdict(entry.better, difference) };
        let bound = if most == 0.0 {
            "any difference counts".to_owned()
        } else {
            format!("more than {most} {} counts", entry.unit)
        };
        Told { verdict, why: format!("{shown}; {bound}") }
    }

    /// A count of many: changed when its part of what was counted differs by more than `most`.
    fn by_share(&self, entry: &Entry, most: f64) -> Told {
        if self.before.samples == 0 || self.now.samples == 0 {
            return not_comparable("no samples");
        }
        let part = |metric: &Metric| metric.value / metric.samples as f64;
        let difference = part(self.now) - part(self.before);
        let verdict = if difference.abs() <= most { "same" } else { verdict(entry.better, difference) };
        let why = format!(
            "differs by {:.1} % of what was counted; more than {:.0} % counts",
            100.0 * difference.abs(),
            100.0 * most
        );
        Told { verdict, why }
    }

    /// Whether there are enough repetitions to judge by.
    fn are_repeated(&self) -> Result<(), Told> {
        let counts = (self.before.repetitions.len(), self.now.repetitions.len());
        if counts.0.min(counts.1) >= REPETITIONS_MIN {
            return Ok(());
        }
        Err(not_comparable(format!(
            "{} and {} repetitions; {REPETITIONS_MIN} each are the fewest that are judged",
            counts.0, counts.1
        )))
    }

    /// The repetitions as costs.
    fn case(&self, entry: &Entry, factor: f64) -> Result<Case, Told> {
        self.are_repeated()?;
        // A mean over a loop reads the clock twice for all of it.
        let is_read_alone = entry.unit == "ns" && !entry.name.ends_with("_mean");
        let step = if is_read_alone { CLOCK_STEP_NS } else { 0.0 };
        let before = costs(&self.before.repetitions, entry.better, step)?;
        let now = costs(&self.now.repetitions, entry.better, step)?;
        Ok(Case { before, now, factor, step })
    }

    /// What happened in the course of a run before the figure was measured, to stand after why it is called what it is.
    fn incidents(&self, before: &Report, now: &Report) -> String {
        let runs = [("before", before, self.before), ("now", now, self.now)];
        let all = runs.into_iter().flat_map(|(when, report, metric)| {
            let touching = report.incidents.iter().filter(|incident| metric.marks.contains(incident));
            touching.map(move |incident| format!("; {when}: {incident}"))
        });
        all.collect()
    }

    fn change(&self, told: Told, incidents: &str) -> Change {
        let (before, now) = (self.before.value, self.now.value);
        let ratio = now / before;
        Change {
            metric: self.now.name.clone(),
            unit: self.now.unit.clone(),
            before,
            now,
            // JSON has no infinity: from nothing to something there is no ratio, and 0 stands for it.
            ratio: if before == now {
                1.0
            } else if ratio.is_finite() {
                ratio
            } else {
                0.0
            },
            verdict: told.verdict.to_owned(),
            why: told.why + incidents,
        }
    }
}

/// Repetitions as costs, rising. A time below the step of the clock is one step.
fn costs(repetitions: &[f64], better: Better, step: f64) -> Result<Vec<f64>, Told> {
    let cost = |value: &f64| match better {
        Better::Smaller => value.max(step),
        Better::Larger => 1.0 / value,
    };
    let mut costs: Vec<f64> = repetitions.iter().take(REPETITIONS_MAX).map(cost).collect();
    if costs.iter().any(|cost| !cost.is_normal() || *cost < 0.0) {
        return Err(not_comparable("a repetition of 0, or not a number, has no ratio"));
    }
    costs.sort_by(f64::total_cmp);
    Ok(costs)
}

/// What the rule found, in words.
fn tell(finding: &Finding, case: &Case, drift: Option<f64>) -> Told {
    let drift = drift.map_or_else(
        || "no drift known, since too few figures are of one thread".to_owned(),
        |drift| format!("a drift of {drift:.2} divided out"),
    );
    let (before, now) = (case.before.len(), case.now.len());
    let but =
        if finding.left_out == 0 { String::new() } else { format!(" but the {} slowest", finding.left_out) };
    let (verdict, why) = match finding.outcome {
        Outcome::Worse => {
            let why = format!("each of {now} repetitions is slower than all of {before} before{but}");
            ("worse", format!("{:.2} times as slow, {drift}; {why}", finding.ratio))
        }
        Outcome::Better => {
            let why = format!("each of {before} repetitions before is slower than all of {now} now{but}");
            ("better", format!("{:.2} times as fast, {drift}; {why}", 1.0 / finding.ratio))
        }
        Outcome::Same => {
            let from = finding.worse_from;
            ("same", format!("{:.2} times as slow, {drift}; called worse from {from:.2} on", finding.ratio))
        }
        Outcome::TooFew => {
            let why = format!(
                "{before} and {now} repetitions are too few to judge it beside others; 8 and 8 would do"
            );
            return not_comparable(format!("{:.2} times as slow, {drift}; {why}", finding.ratio));
        }
    };
    Told { verdict, why }
}
