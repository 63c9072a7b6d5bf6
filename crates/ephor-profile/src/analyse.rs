//! What the measurements mean: where time goes, what is already as it should be, and what is worth doing.

mod patterns;

use std::collections::BTreeMap;
use std::time::Duration;

use ephor_core::Frame;
use ephor_runtime::TimeSpent;

use crate::error::ProfileError;
use crate::figure;
use crate::mark::Mark;
use crate::metric::Metric;
use crate::pacing::Pacing;
use crate::repeat::{Repeated, repeat_good};
use crate::report::{Curve, HotSpot, Recommendation, Report, Status, Verdict};
use crate::targets::Targets;
use crate::trial::Rig;
use crate::workflow::{Found, Session};

/// The rate at which places are timed, where saturation is not known, and its part where it is.
const PER_S: f64 = 10_000.0;
const PART: f64 = 0.25;
const PER_S_MAX: f64 = 200_000.0;
const LENGTH: Duration = Duration::from_millis(200);
/// How long repetitions that were no good are made again.
const PATIENCE: Duration = Duration::from_secs(1);
/// A curve bends where p99 is this many times that of the lowest load, or this part of what was offered is not handled.
const BEND: f64 = 5.0;
const SHORTFALL: f64 = 0.95;
/// A place is a bottleneck when it takes this share of all time.
const SHARE: f64 = 0.3;
/// What a message does on an edge.
const WAIT: &str = "wait";

/// Times every edge and handler under a moderate load, and looks where the load curves bend.
pub(crate) fn identify_bottlenecks<F: Frame>(session: &mut Session<'_, F>) -> Result<Found, ProfileError> {
    let per_s = session.saturation_per_s.map_or(PER_S, |most| (PART * most).min(PER_S_MAX));
    let made = hot_spots(session, per_s)?;
    if made.kept.is_empty() {
        session.leave_untold("wait_p99.*", &made.why_untold());
    }
    let made = or_handling_alone(made);
    if let Some(why) = made.every().find_map(|run| run.disagreement.as_ref()) {
        return Err(ProfileError::operation("where time goes", why));
    }
    session.outside = made.every().next().map(|run| run.outside.clone()).unwrap_or_default();
    let (spots, metrics) = told(&made, per_s);
    metrics.into_iter().for_each(|metric| session.add(metric));
    let mut lines: Vec<String> = spots.iter().take(5).map(line).collect();
    lines.extend(session.report.curves.iter().map(bend));
    if session.report.curves.is_empty() {
        lines.push("no load curve: it is made by the profile phase".to_owned());
    }
    let summary = match spots.first() {
        Some(spot) => format!(
            "{} of {} takes most: {:.0} % of the time {}",
            spot.what,
            spot.place,
            100.0 * spot.share,
            if has_waits(&spots) { "of all messages" } else { "in handlers; waits are not told" }
        ),
        None => "no message was timed".to_owned(),
    };
    session.report.hot_spots = spots;
    Ok(Found::passed(summary).with(lines))
}

fn line(spot: &HotSpot) -> String {
    format!(
        "{} {}: {:.0} %, p50 {} ns, p99 {} ns, {} messages",
        spot.what,
        spot.place,
        100.0 * spot.share,
        spot.p50_ns,
        spot.p99_ns,
        spot.count
    )
}

/// One run under load, with the times of every edge and handler.
#[derive(Debug, Default)]
struct Run {
    spots: Vec<HotSpot>,
    /// Senders that are no agents.
    outside: Vec<String>,
    /// Where the two ends of each edge are, by its place.
    crossings: BTreeMap<String, Crossing>,
    /// Whether the generator kept its rate.
    is_kept: bool,
    /// What speaks against the counts.
    disagreement: Option<String>,
}

/// Where messages spend their time, on some buses one after the other.
///
/// There is no warm-up: all that a bus handles is timed, and a thousand messages in a burst would wait longer than any of those
/// at the rate that counts. The first of each bus, which meet cold caches, are a few of some thousand.
fn hot_spots<F: Frame>(session: &mut Session<'_, F>, per_s: f64) -> Result<Repeated<Run>, ProfileError> {
    session.be_patient(PATIENCE);
    let (cores, repetitions) = (session.cores, session.config.effort.pick(3, 5));
    let count = (per_s * LENGTH.as_secs_f64()) as usize;
    let due = Pacing::Constant.due_ns(per_s, count.max(1), 0);
    repeat_good(session, cores, repetitions, |session, _| run_once(session, &due), |run| run.is_kept)
}

/// Where no run kept its rate at one distance, what a message waits is not told: it is of no rate or of no distance. What a handler
/// takes is its own affair.
fn or_handling_alone(made: Repeated<Run>) -> Repeated<Run> {
    if !made.kept.is_empty() {
        return made;
    }
    let Repeated { class, kept: _, dropped, spoilt, unmade } = made;
    let handling = |mut run: Run| {
        run.spots.retain(|spot| spot.what != WAIT);
        run
    };
    let kept = spoilt.into_iter().chain(dropped).map(handling).collect();
    Repeated { class, kept, dropped: Vec::new(), spoilt: Vec::new(), unmade }
}

/// Where the two ends of an edge are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crossing {
    /// On one worker.
    None,
    /// On the two cores between which the distance is probed.
    Probed,
    /// On others.
    Other,
}

/// Where the ends of an edge between `from` and `to` are; a sender that is no agent has no worker, and is at the load's core.
fn crossing<F: Frame>(session: &Session<'_, F>, from: Option<usize>, to: Option<usize>) -> Crossing {
    match (from, to) {
        (Some(from), Some(to)) if from == to => Crossing::None,
        (None, Some(to)) if session.cores_to(to) == session.cores => Crossing::Probed,
        _ => Crossing::Other,
    }
}

fn run_once<F: Frame>(session: &mut Session<'_, F>, due_ns: &[u64]) -> Result<Run, ProfileError> {
    let mut rig = Rig::start(&mut *session.recipe, 1, |topology, _| {
        topology.measure();
    })?;
    let seats = rig.agents.iter().zip(&rig.worker_of);
    let outside = seats.filter(|(_, worker)| worker.is_none()).map(|(name, _)| name.clone()).collect();
    let worker_of = |name: &str| {
        let at = rig.agents.iter().position(|agent| agent == name)?;
        rig.worker_of[at]
    };
    let places = rig.agents.iter().flat_map(|from| rig.agents.iter().map(move |to| (from, to)));
    let crossings = places
        .map(|(from, to)| (format!("{from} -> {to}"), crossing(session, worker_of(from), worker_of(to))));
    let crossings = crossings.collect();
    let driven = rig.drive(due_ns, usize::MAX, session.waiting);
    rig.drain();
    let stopped = rig.stop(driven.taken + driven.denied)?;
    let spots = stopped.report.time_spent.iter().filter_map(hot_spot).collect();
    Ok(Run { spots, outside, crossings, is_kept: driven.is_kept(), disagreement: stopped.disagreement() })
}

/// The places of all runs, those that take the most first, and their figures: p50 and p99 are the medians over the runs, counts
/// and totals are sums.
fn told(made: &Repeated<Run>, per_s: f64) -> (Vec<HotSpot>, Vec<Metric>) {
    let mut by_place: BTreeMap<(&str, &str), Vec<&HotSpot>> = BTreeMap::new();
    for spot in made.kept.iter().flat_map(|run| &run.spots) {
        by_place.entry((&spot.what, &spot.place)).or_default().push(spot);
    }
    let has_waits = made.kept.iter().any(|run| has_waits(&run.spots));
    let total: u64 = by_place.values().flatten().map(|spot| spot.total_ns).sum();
    let mut told: Vec<(HotSpot, Metric)> = by_place
        .into_iter()
        .map(|((what, place), spots)| {
            let metric = p99_of(what, place, &spots, per_s);
            let crossing = made.kept.iter().find_map(|run| run.crossings.get(place).copied());
            let crossing = if what == WAIT { crossing.unwrap_or(Crossing::Other) } else { Crossing::None };
            let mut metric = match crossing {
                Crossing::Probed => made.note(metric),
                Crossing::None | Crossing::Other => made.note_unmade(metric),
            };
            if crossing == Crossing::Other {
                metric.marks.push("the distance between its two ends is not known".to_owned());
            }
            if !has_waits {
                metric.marks.push("no run kept its rate at one distance, so waits are not told".to_owned());
            }
            (sum_up(&spots, &metric, total), metric)
        })
        .collect();
    told.sort_by_key(|(spot, _)| std::cmp::Reverse(spot.total_ns));
    told.into_iter().unzip()
}

/// Whether waits are told: something waited wherever something was handled.
fn has_waits(spots: &[HotSpot]) -> bool {
    spots.iter().any(|spot| spot.what == WAIT)
}

/// The p99 of one place over all runs.
fn p99_of(what: &str, place: &str, spots: &[&HotSpot], per_s: f64) -> Metric {
    let (name, method) = match what {
        WAIT => (format!("wait_p99.{place}"), "from emit to handler on this edge"),
        _ => (format!("handling_p99.{place}"), "in this handler"),
    };
    let mut metric =
        Metric::of_repetitions(name, spots.iter().map(|spot| spot.p99_ns as f64).collect(), "ns");
    metric.samples = spots.iter().map(|spot| spot.count).sum();
    metric.at(per_s).by(format!(
        "{method}, every message timed, at {per_s:.0} messages a second; the median over fresh buses"
    ))
}

/// One place over all runs; `total` is the time of all places.
fn sum_up(spots: &[&HotSpot], p99: &Metric, total: u64) -> HotSpot {
    let p50s = spots.iter().map(|spot| spot.p50_ns as f64).collect();
    let total_ns = spots.iter().map(|spot| spot.total_ns).sum();
    HotSpot {
        count: p99.samples,
        total_ns,
        p50_ns: Metric::of_repetitions("p50", p50s, "ns").value as u64,
        p99_ns: p99.value as u64,
        share: total_ns as f64 / total.max(1) as f64,
        ..spots[0].clone()
    }
}

fn hot_spot(spent: &TimeSpent) -> Option<HotSpot> {
    let (what, place, times, total_ns) = match spent {
        TimeSpent::Wait { from, to, times, total_ns } => (WAIT, format!("{from} -> {to}"), times, *total_ns),
        TimeSpent::Handling { agent, kind, times, total_ns } => {
            ("handling", format!("{agent}: {kind}"), times, *total_ns)
        }
        _ => return None,
    };
    Some(HotSpot {
        what: what.to_owned(),
        place,
        count: times.count,
        total_ns,
        p50_ns: times.p50,
        p99_ns: times.p99,
        share: 0.0,
    })
}

/// Where a curve bends, in words.
fn bend(curve: &Curve) -> String {
    let Some(lowest) = curve.comparable().find_map(|point| point.p99_ns) else {
        return format!("{}: no latency was told", curve.pacing);
    };
    let bent = curve.comparable().find(|point| {
        point.p99_ns.is_some_and(|p99| p99 > BEND * lowest)
            || point.handled_per_s < SHORTFALL * point.offered_per_s
    });
    match bent {
        Some(point) => format!(
            "{}: bends at {:.0} messages a second, where p99 is {} and {:.0} a second are handled (p99 {:.1} us at the lowest load)",
            curve.pacing,
            point.offered_per_s,
            point.p99_ns.map_or("not told".to_owned(), |p99| format!("{:.1} us", p99 / 1e3)),
            point.handled_per_s,
            lowest / 1e3
        ),
        None => format!(
            "{}: does not bend up to {:.0} messages a second",
            curve.pacing,
            curve.comparable().last().map_or(0.0, |point| point.offered_per_s)
        ),
    }
}

/// Rules over the measurements; each recommendation has the figure that it stands on.
pub(crate) fn categorize_optimizations<F: Frame>(
    session: &mut Session<'_, F>,
) -> Result<Found, ProfileError> {
    let mut found = Vec::new();
    found.extend(spot_rules(&session.report.hot_spots, &session.outside));
    found.extend(cache_rule(&session.report, &session.config.targets));
    found.extend(start_rule(session));
    found.extend(refusal_rule(&session.report.curves));
    found.extend(mark_rules(&session.marks));
    let count =
        |priority: &str| found.iter().filter(|one: &&Recommendation| one.priority == priority).count();
    let summary =
        format!("{} medium, {} low, {} already implemented", count("medium"), count("low"), count("done"));
    let lines = found
        .iter()
        .map(|one| format!("{}: {} ({})", one.priority, one.text, one.evidence))
        .collect::<Vec<_>>();
    session.report.recommendations.extend(found);
    Ok(Found::passed(summary).with(lines))
}

fn recommend(priority: &str, text: String, evidence: String) -> Recommendation {
    Recommendation { priority: priority.to_owned(), text, evidence }
}

/// A place that takes much of the time.
fn spot_rules(spots: &[HotSpot], outside: &[String]) -> Vec<Recommendation> {
    // Of handlers alone there is always one that takes most.
    let heavy = spots.iter().filter(|spot| has_waits(spots) && spot.share >= SHARE);
    heavy
        .map(|spot| {
            let p99 = figure::time(spot.p99_ns as f64);
            let evidence =
                format!("{:.0} % of all time, p99 {p99} over {} messages", 100.0 * spot.share, spot.count);
            recommend("medium", advice(spot, outside), evidence)
        })
        .collect()
}

/// What helps against a place that takes much of the time.
fn advice(spot: &HotSpot, outside: &[String]) -> String {
    let place = &spot.place;
    let is_from_outside = outside.iter().any(|name| place.starts_with(&format!("{name} -> ")));
    match spot.what.as_str() {
        "wait" if is_from_outside => format!(
            "messages wait at the gateway, {place}: give its agent's worker a core of its own, and let it spin"
        ),
        "wait" => format!(
            "messages wait on {place}: place its two ends on one worker, or give the receiver a worker of its own that spins"
        ),
        _ => format!(
            "{place} is the longest handler: make it shorter, or move its agent to a worker of its own"
        ),
    }
}

/// A cache that seldom knows the answer: less often than the target asks for, or the original's where there is none for it.
fn cache_rule(report: &Report, targets: &Targets) -> Option<Recommendation> {
    let value = |name| report.metric(name).map(|metric| metric.value);
    let (rate, hit, miss) = (value("cache_hit_rate")?, value("policy_hit_p50")?, value("policy_miss_p50")?);
    let verdict_of = |targets: &Targets| -> Option<Verdict> {
        targets.judge(&report.metrics).into_iter().find(|verdict| verdict.metric == "cache_hit_rate")
    };
    let verdict = verdict_of(targets).or_else(|| verdict_of(&Targets::original()))?;
    let evidence = format!(
        "{rate:.1} % of decisions from the cache, {} {} {} wanted; a hit takes {hit:.0} ns, a miss {miss:.0} ns",
        verdict.relation, verdict.bound, verdict.unit
    );
    Some(if verdict.met {
        recommend("done", "decisions are cached by canonical input".to_owned(), evidence)
    } else {
        recommend(
            "medium",
            "few decisions repeat: leave out of the input what no rule reads".to_owned(),
            evidence,
        )
    })
}

/// A first message that costs much more than later ones.
fn start_rule<F: Frame>(session: &Session<'_, F>) -> Option<Recommendation> {
    let (cold, warm) = (session.value("cold_first_message")?, session.value("cold_first_message_warm")?);
    let unwarmed = session
        .value("cold_first_message_no_prewarm")
        .map_or_else(String::new, |ns| format!(" ({} without pre-warm)", figure::time(ns)));
    let evidence = format!(
        "the first message of a process takes {}{unwarmed}, one after 1,000 others {}",
        figure::time(cold),
        figure::time(warm)
    );
    Some(if cold > 4.0 * warm {
        recommend("low", "warm up with some messages before the first that counts".to_owned(), evidence)
    } else {
        recommend("done", "lanes and stacks are touched before the first message".to_owned(), evidence)
    })
}

/// A load below saturation that is refused.
fn refusal_rule(curves: &[Curve]) -> Option<Recommendation> {
    let points = curves.iter().flat_map(|curve| curve.points.iter().map(move |point| (curve, point)));
    let (curve, point) = points
        .filter(|(_, point)| point.refused > 0 && point.handled_per_s > SHORTFALL * point.offered_per_s)
        .max_by_key(|(_, point)| point.refused)?;
    let text = "bursts find the gateway full although the bus keeps up: make its lane longer".to_owned();
    let evidence = format!(
        "{} of {} messages were refused at {:.0} a second, {}",
        point.refused, point.sent, point.offered_per_s, curve.pacing
    );
    Some(recommend("low", text, evidence))
}

/// What touches every figure, each with what helps against it.
fn mark_rules(marks: &[Mark]) -> Vec<Recommendation> {
    let rule = |mark: &Mark| {
        let (priority, advice) = mark.advice();
        recommend(priority, advice.to_owned(), mark.text())
    };
    marks.iter().map(rule).collect()
}

/// Proves by a measurement that each pattern of the original is there.
pub(crate) fn verify_existing_patterns<F: Frame>(
    session: &mut Session<'_, F>,
) -> Result<Found, ProfileError> {
    let all = patterns::ALL.len();
    let (mut lines, mut absent) = (Vec::new(), 0);
    for (at, (name, prove)) in patterns::ALL.iter().enumerate() {
        session.step(at, all)?;
        let (status, evidence) = prove();
        absent += usize::from(status == Status::Failed);
        let word = match status {
            Status::Passed => "present",
            Status::Failed => "absent",
            Status::Skipped => "not seen",
        };
        lines.push(format!("{name}: {word}: {evidence}"));
        if status == Status::Passed {
            session.report.recommendations.push(recommend("done", (*name).to_owned(), evidence));
        }
    }
    let summary = format!(
        "{} of {all} patterns present in Ephor, {absent} absent; proven on buses of the profile's own, not on the subject",
        lines.iter().filter(|line| line.contains(": present: ")).count()
    );
    Ok(if absent > 0 { Found::failed(summary).with(lines) } else { Found::passed(summary).with(lines) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;
    use crate::distance::Class;
    use crate::repeat::{Apart, of_one_class};

    fn spot(what: &str, place: &str, p99_ns: u64, total_ns: u64) -> HotSpot {
        let (what, place) = (what.to_owned(), place.to_owned());
        HotSpot { what, place, count: 10, total_ns, p50_ns: p99_ns / 2, p99_ns, share: 0.0 }
    }

    fn run(p99_ns: u64) -> Run {
        let spots = vec![
            spot(WAIT, "a -> b", p99_ns, 300),
            spot("handling", "b: Item", 2 * p99_ns, 100),
            spot(WAIT, "b -> c", p99_ns, 0),
            spot(WAIT, "b -> d", p99_ns, 0),
        ];
        let crossings =
            [("a -> b", Crossing::Probed), ("b -> c", Crossing::None), ("b -> d", Crossing::Other)];
        let crossings = crossings.map(|(place, crossing)| (place.to_owned(), crossing)).into();
        Run { spots, crossings, is_kept: true, ..Run::default() }
    }

    #[test]
    fn a_place_is_told_by_the_median_of_its_runs_with_their_spread() {
        let made = [900, 10, 30].map(|ns| (Apart::At(Class::Far), run(ns)));
        let made = of_one_class(made.into());
        let (spots, metrics) = told(&made, 1_000.0);
        let seen: Vec<_> =
            spots.iter().map(|spot| (spot.place.as_str(), spot.count, spot.p99_ns, spot.share)).collect();
        assert_eq!(seen[..2], [("a -> b", 30, 30, 0.75), ("b: Item", 30, 60, 0.25)]);
        let [wait, handling, same, other] = &metrics[..] else { panic!("{metrics:?}") };
        let spread = wait.spread.as_ref().unwrap();
        assert_eq!((wait.value, spread.low, spread.high, wait.samples), (30.0, 10.0, 900.0, 30));
        assert_eq!(wait.repetitions.len(), 3);
        assert_eq!((wait.distance.as_deref(), handling.distance.as_deref()), (Some("far"), None));
        assert!(wait.marks.is_empty());
        assert_eq!((same.distance.as_deref(), same.marks.len()), (None, 0), "it crosses nothing");
        assert!(other.distance.is_none() && other.marks[0].contains("not known"), "{other:?}");
    }

    #[test]
    fn where_the_generator_kept_no_rate_handlers_are_told_alone_and_say_so() {
        let spoilt = vec![Run { is_kept: false, ..run(10) }];
        let made = or_handling_alone(Repeated { spoilt, ..of_one_class(Vec::new()) });
        let (spots, metrics) = told(&made, 1_000.0);
        assert_eq!(spots.iter().map(|spot| spot.place.as_str()).collect::<Vec<_>>(), ["b: Item"]);
        assert!(metrics[0].marks[0].contains("waits are not told"), "{:?}", metrics[0].marks);
        assert!(spot_rules(&spots, &[]).is_empty(), "of one handler all time is in it");
        let changed = or_handling_alone(of_one_class(vec![(Apart::Changed, run(10))]));
        assert_eq!(told(&changed, 1_000.0).0.len(), 1);
    }

    #[test]
    fn a_cache_is_judged_by_the_target_in_force() {
        let figure = |name: &str, value| Metric { samples: 1, ..Metric::measured(name, value, "ns") };
        let mut report = Report::about("a test", crate::Effort::Quick);
        report.metrics = vec![
            Metric::rate("cache_hit_rate", 80, 100, "hits / all"),
            figure("policy_hit_p50", 100.0),
            figure("policy_miss_p50", 9_000.0),
        ];
        let rule = |text: &str| cache_rule(&report, &Targets::parse(text, "a test").unwrap()).unwrap();
        let own = rule("[targets]\ncache_hit_rate = { at_least = 75, unit = \"%\" }");
        assert_eq!(own.priority, "done");
        assert!(own.evidence.contains("at_least 75 %"), "{}", own.evidence);
        let none = rule("[targets]\nlost = { at_most = 0, unit = \"count\" }");
        assert_eq!(none.priority, "medium", "the original wants 85 %");
    }

    #[test]
    fn each_mark_has_advice_of_its_own() {
        let rules = mark_rules(&[Mark::Unoptimized, Mark::OneCore, Mark::PinRefused]);
        for (rule, word) in rules.iter().zip(["--release", "two cores", "pin its threads"]) {
            assert!(rule.text.contains(word), "{rule:?}");
        }
        assert!(rules[0].evidence.contains("without optimization") && mark_rules(&[]).is_empty());
    }
}
