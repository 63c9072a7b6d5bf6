//! A report that means harm: text that ends tags, names without end, and figures that are nothing or far too large.

use ephor_profile::metric::{Distribution, Metric, Ratio, Spread};
use ephor_profile::report::{
    Change, Curve, Fault, HealthPoint, HotSpot, LoadPoint, Original, Report, Status,
};

use crate::example::{HOSTILE, LONG, plain};

/// More distributions than are drawn.
const MORE: usize = 20;

/// The plain report with a hostile row in each of its parts.
pub(crate) fn hostile() -> Report {
    let mut report = plain();
    report.subject = HOSTILE.to_owned();
    report.effort = HOSTILE.to_owned();
    report.machine.cpu = LONG.repeat(3);
    report.notes = vec![HOSTILE.to_owned(), LONG.repeat(5), String::new()];
    report.incidents = vec![HOSTILE.to_owned()];
    report.phases[0].name = HOSTILE.to_owned();
    report.phases[0].actions[0].name = LONG.to_owned();
    report.phases[0].actions[0].summary = HOSTILE.to_owned();
    report.phases[0].actions[0].details = vec![HOSTILE.to_owned(), LONG.to_owned()];
    report.phases[0].actions[1].seconds = 0.0;
    report.metrics.extend(metrics());
    report.curves.extend(curves());
    report.agents[0].name = HOSTILE.to_owned();
    report.agents[0].waits_for = vec![LONG.to_owned(), HOSTILE.to_owned()];
    report.agents[1].build_ns = u64::MAX;
    report.hot_spots.extend(hot_spots());
    report.suite.checks[0].group = HOSTILE.to_owned();
    report.suite.checks[1].sentence = LONG.to_owned();
    report.suite.checks[4].why = HOSTILE.to_owned();
    report.suite.checks[4].case = Some(HOSTILE.to_owned());
    report.faults.extend(faults());
    report.targets[0].metric = HOSTILE.to_owned();
    report.targets[1].metric = LONG.to_owned();
    report.targets[2].relation = HOSTILE.to_owned();
    report.targets[3].why = HOSTILE.to_owned();
    report.targets[4].unit = HOSTILE.to_owned();
    let comparison = report.comparison.get_or_insert_default();
    comparison.baseline = HOSTILE.to_owned();
    comparison.forced = Some(HOSTILE.to_owned());
    comparison.changes.extend(changes());
    let text = || HOSTILE.to_owned();
    let original = Original { what: text(), said: text(), measured: text(), ours: text(), source: text() };
    report.original.push(original);
    report.recommendations[0].text = HOSTILE.to_owned();
    report.recommendations[1].evidence = LONG.to_owned();
    report
}

/// A distribution with one bucket, at `ns`.
fn single(ns: f64) -> Distribution {
    Distribution {
        min: ns,
        p50: ns,
        p90: ns,
        p99: ns,
        p999: ns,
        max: ns,
        mean: ns,
        count: 1,
        buckets: vec![(ns, 1)],
    }
}

fn metrics() -> Vec<Metric> {
    let of = |name: &str, distribution| Metric {
        distribution: Some(distribution),
        ..Metric::measured(name, 1e12, "ns")
    };
    let wide = Distribution {
        min: 1.0,
        max: 1e12,
        p50: 1.0,
        p99: 1e12,
        buckets: vec![(0.0, 7), (1.0, 1_000_000), (1e6, 1), (1e12, 1)],
        count: 1_000_009,
        ..Distribution::default()
    };
    let mut metrics = vec![
        of(HOSTILE, single(5.0)),
        of(&format!("latency_{LONG}"), wide),
        of("latency_of_nothing", Distribution::default()),
        of("hop_zero", single(0.0)),
        of("hop_longest", single(1e12)),
        Metric::measured("nothing", 0.0, "ns"),
        Metric::measured("no_number", f64::NAN, "ns"),
        Metric::measured("endless", f64::INFINITY, "%"),
        Metric::derived("unit", 12.0, HOSTILE),
    ];
    metrics.extend((0..MORE).map(|at| of(&format!("more_{at}"), single(10.0 + at as f64))));
    metrics[0].method = HOSTILE.to_owned();
    metrics[0].marks = vec![HOSTILE.to_owned(), LONG.to_owned()];
    metrics[0].distance = Some(HOSTILE.to_owned());
    metrics[0].spread = Some(Spread { low: 0.0, high: 1e12, what: HOSTILE.to_owned() });
    metrics[0].ratio = Some(Ratio { numerator: 0, denominator: u64::MAX, what: HOSTILE.to_owned() });
    metrics
}

fn curves() -> Vec<Curve> {
    let extreme =
        LoadPoint { offered_per_s: 1e12, handled_per_s: 1.0, p99_ns: Some(1e12), ..LoadPoint::default() };
    vec![
        Curve { pacing: HOSTILE.to_owned(), distance: None, points: vec![LoadPoint::default(), extreme] },
        Curve::default(),
    ]
}

fn hot_spots() -> Vec<HotSpot> {
    let spot = |what: &str, place: &str, share| HotSpot {
        what: what.to_owned(),
        place: place.to_owned(),
        share,
        ..HotSpot::default()
    };
    vec![
        spot(HOSTILE, HOSTILE, 0.0),
        HotSpot { total_ns: u64::MAX, ..spot("wait", LONG, 1.0) },
        spot("wait", "W漢🦀", f64::NAN),
    ]
}

fn faults() -> Vec<Fault> {
    let point = |at_ms, score| HealthPoint { at_ms, score, status: HOSTILE.to_owned() };
    let fault = |name: &str, timeline| Fault { name: name.to_owned(), timeline, ..Fault::default() };
    let mut named = fault(HOSTILE, vec![point(0.0, 1.0), point(0.0, -3.0), point(1e9, 7.0)]);
    named.what = LONG.to_owned();
    named.why = HOSTILE.to_owned();
    named.status = Status::Failed;
    named.lost = [(HOSTILE.to_owned(), u64::MAX), (LONG.to_owned(), 1)].into();
    named.decided = [(HOSTILE.to_owned(), u64::MAX)].into();
    (named.cause_ns, named.distance) = (Some(u64::MAX), Some(HOSTILE.to_owned()));
    named.health = [point(0.0, 0.0), point(1.0, 1e-9), point(2.0, 1.0)];
    (named.detect_ns, named.recover_ns) = (Some(0), Some(u64::MAX));
    vec![named, fault("full lane", vec![point(0.0, 0.5)]), fault("", vec![point(f64::NAN, f64::NAN)])]
}

fn changes() -> Vec<Change> {
    let change = |metric: &str, ratio, verdict: &str| Change {
        metric: metric.to_owned(),
        unit: "ns".to_owned(),
        ratio,
        verdict: verdict.to_owned(),
        ..Change::default()
    };
    let mut changes = vec![
        change(HOSTILE, 1e9, "worse"),
        change(LONG, 1e-9, "better"),
        change("zero", 0.0, HOSTILE),
        change("endless", f64::INFINITY, "worse"),
    ];
    changes.extend((0..30).map(|at| change(&format!("same_{at}"), 1.0, "same")));
    changes
}
