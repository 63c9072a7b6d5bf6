//! Reports for the tests of the page: one as a profile writes it, and one that means harm.
//!
//! The figures are made up, by a fixed rule.

use std::collections::BTreeMap;

use ephor_profile::Machine;
use ephor_profile::distance::Class;
use ephor_profile::metric::{Distribution, Metric, histogram};
use ephor_profile::report::{
    Action, AgentFacts, Change, CheckResult, Comparison, Curve, Fault, HealthPoint, HotSpot, LoadPoint,
    NoLatency, Original, Phase, Recommendation, Report, SCHEMA, Status, Suite, Verdict,
};

/// A script, a pipe, quotes of both kinds, an end of a comment and of a script, and what Markdown reads as its own.
pub(crate) const HOSTILE: &str =
    "<script>alert('x')</script>|\"q\" & `c` **b** [l](http://x) --> </style> \\|";
/// A name without a place to break.
pub(crate) const LONG: &str =
    "overseers_of_the_overseers_that_watch_over_the_overseers_latency_p99_at_the_gateway_of_the_tenant";
const OPERATIONS: [(&str, f64, &str); 10] = [
    ("check", 34.0, "the check of one header against the default charter's tables"),
    ("frame", 41.0, "header and a payload of 48 bytes into a frame of 128"),
    ("send", 96.0, "try_send through a gateway with room: clock, check, count, lane"),
    ("hop_local", 128.0, "two agents of one worker, emit to handler"),
    ("hop_cross", 310.0, "two workers on two cores, emit to handler"),
    ("recovery_schedule", 72.0, "a recovery into the wheel, among up to 256"),
    ("recovery_fire", 88.0, "polling for an attempt that is due, among up to 256"),
    ("policy_hit", 190.0, "a decision from the cache, by canonical input"),
    ("policy_miss", 46_000.0, "a decision evaluated in Rego, two rules"),
    ("audit_append", 1_450.0, "a record into the log's tree and file, without a sync"),
];

/// Numbers from 0 to 1, the same ones each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A distribution around `ns` with a long tail.
fn distribution(ns: f64, count: usize) -> Distribution {
    let mut dice = Dice(ns.to_bits());
    let mut times = histogram();
    for _ in 0..count {
        let bell = (0..6).map(|_| dice.roll()).sum::<f64>() / 3.0 - 1.0;
        let tail = if dice.roll() > 0.995 { 4.0 + 60.0 * dice.roll().powi(3) } else { 1.0 };
        times.saturating_record((ns * (1.0 + 0.5 * bell) * tail) as u64);
    }
    Distribution::of(&times)
}

/// p50, p99 and mean of an operation, as a profile has them.
fn operation((name, ns, method): (&str, f64, &str)) -> [Metric; 3] {
    let of = distribution(ns, 20_000);
    let figure = |suffix: &str, value: f64| {
        let repetitions = vec![value * 0.97, value, value * 1.06];
        let mut metric = Metric::of_repetitions(format!("{name}_{suffix}"), repetitions, "ns").by(method);
        metric.samples = of.count;
        metric.distance = name.ends_with("cross").then(|| "near".to_owned());
        metric
    };
    let mut figures = [figure("p50", of.p50), figure("p99", of.p99), figure("mean", of.mean)];
    figures[0].distribution = Some(of.clone());
    figures[1].distribution = Some(of);
    if name.ends_with("cross") {
        figures[1].marks.push("the distance changed in 1 of 5 repetitions, which was dropped".to_owned());
    }
    figures
}

fn metrics() -> Vec<Metric> {
    let mut metrics = vec![
        Metric::of_repetitions("throughput", vec![3_120_000.0, 3_410_000.0, 3_290_000.0], "msg/s")
            .by("sent as fast as the gateways take for 2s, until every message has come to its fate"),
        Metric::derived("throughput_derived", 13_300_000.0, "msg/s")
            .by("1 / (mean of a check + mean of making a frame): no lane, no handler, no receiver"),
        Metric::rate("compliance", 121, 121, "judged rightly / judged")
            .by("every reason of the check, for and against"),
        Metric::rate("cache_hits", 99_997, 100_000, "answered from the cache / asked"),
        Metric::measured("lost", 0.0, "count").by("of 500,000 messages, refused or lost under any name"),
        Metric::measured("start", 4_300_000.0, "ns")
            .by("a fresh process, from its start to the first message"),
    ];
    let latency = distribution(2_600.0, 50_000);
    let values = [("p50", latency.p50), ("p99", latency.p99), ("p999", latency.p999), ("max", latency.max)];
    for (suffix, value) in values {
        let metric =
            Metric::of_repetitions(format!("latency_{suffix}"), vec![value * 0.9, value, value * 1.2], "ns");
        let mut metric = metric.by("open loop, constant, 100,000 messages a second, from due to fate");
        metric.distribution = Some(latency.clone());
        metrics.push(metric);
    }
    metrics.extend(OPERATIONS.into_iter().flat_map(operation));
    metrics
}

fn phases() -> Vec<Phase> {
    let action = |name: &str, status, seconds, summary: &str, details: &[&str]| Action {
        name: name.to_owned(),
        status,
        seconds,
        summary: summary.to_owned(),
        details: details.iter().map(|line| (*line).to_owned()).collect(),
    };
    use Status::{Failed, Passed, Skipped};
    let warm = ["process start 1.21 ms", "build 0.44 ms", "worker start 0.18 ms", "first message 0.07 ms"];
    let profile = vec![
        action("import_timing_benchmark", Passed, 3.21, "ready after 4.30 ms, 1.90 ms with pre-warm", &warm),
        action("operation_microbenchmark", Passed, 9.8, "10 operations, each at least 10,000 times", &[]),
        action("throughput_calculation", Passed, 24.6, "3.29 M messages a second, every one received", &[]),
    ];
    let validate = vec![
        action("coordination_test_suite", Failed, 2.4, "1 of 14 checks failed", &[]),
        action("antifragility_verification", Failed, 6.1, "1 of 5 faults was not withstood", &[]),
    ];
    let analyse = vec![
        action("identify_bottlenecks", Passed, 0.8, "the load curve bends at 2.5 M messages a second", &[]),
        action("verify_existing_patterns", Skipped, 0.0, "needs two cores of one cache", &[]),
    ];
    [("profile", 37.6, profile), ("validate", 8.5, validate), ("analyse", 0.8, analyse)]
        .map(|(name, seconds, actions)| Phase { name: name.to_owned(), seconds, actions })
        .into()
}

fn curve(pacing: &str, slowness: f64) -> Curve {
    let rates = [10e3, 20e3, 50e3, 100e3, 200e3, 500e3, 1e6, 2e6, 3e6, 5e6];
    let point = |per_s: &f64| {
        let room = 1.0 - (per_s / 3.4e6).min(0.999);
        let p50 = 900.0 * slowness / room.powf(1.2);
        let is_kept = *per_s < 4e6;
        let told = |ns: f64| is_kept.then_some(ns);
        LoadPoint {
            offered_per_s: *per_s,
            handled_per_s: per_s.min(3.3e6),
            handled_range_per_s: [0.98 * per_s.min(3.3e6), per_s.min(3.3e6)],
            p50_ns: told(p50),
            p99_ns: told(p50 * (3.0 + 8.0 * slowness * (per_s / 3e6))),
            p99_range_ns: is_kept.then_some([2.9 * p50, 11.2 * p50]),
            p999_ns: told(p50 * 40.0),
            max_ns: told(p50 * 300.0),
            sent: (per_s * 2.0) as u64,
            samples: (per_s / 50.0) as u64,
            refused: if is_kept { 0 } else { 1_204_411 },
            schedule_error_p99_ns: if is_kept { 380.0 } else { 41_000.0 },
            no_latency: (!is_kept).then_some(NoLatency::AboveOwnRate),
            repetitions: 5,
            wanted: if is_kept { 6 } else { 2 },
            one_in: if *per_s > 150e3 { 64 } else { 1 },
            distance: Some(if *per_s == 500e3 { Class::Far } else { Class::Near }),
        }
    };
    let distance = Some("near".to_owned());
    Curve { pacing: pacing.to_owned(), distance, points: rates.iter().map(point).collect() }
}

fn agents() -> Vec<AgentFacts> {
    let agent = |name: &str, worker, ping_ns, waits: &[&str]| AgentFacts {
        name: name.to_owned(),
        worker,
        build_ns: 21_400,
        hook_ns: if name == "policy" { 1_930_000 } else { 410 },
        first_message_ns: (name != "recovery").then_some(63_200),
        ping_ns,
        waits_for: waits.iter().map(|name| (*name).to_owned()).collect(),
    };
    vec![
        agent("relay", 0, Some(2_140), &["policy", "audit"]),
        agent("health", 0, Some(2_410), &[]),
        agent("recovery", 0, None, &["health"]),
        agent("policy", 1, Some(8_920), &["audit"]),
        agent("audit", 1, Some(3_050), &[]),
        agent("sink", 1, Some(1_870), &[]),
    ]
}

fn hot_spots() -> Vec<HotSpot> {
    let spot = |what: &str, place: &str, count, total_ns, share| HotSpot {
        what: what.to_owned(),
        place: place.to_owned(),
        count,
        total_ns,
        p50_ns: total_ns / count,
        p99_ns: 9 * total_ns / count,
        share,
    };
    vec![
        spot("handling", "policy: DecisionRequest", 100_000, 4_610_000_000, 0.467),
        spot("wait", "relay -> policy", 100_000, 2_900_000_000, 0.294),
        spot("wait", "policy -> audit", 100_000, 1_200_000_000, 0.121),
        spot("handling", "audit: Record", 200_000, 890_000_000, 0.09),
        spot("wait", "gateway -> relay", 500_000, 210_000_000, 0.021),
        spot("handling", "sink: Number", 500_000, 62_000_000, 0.006),
    ]
}

fn suite() -> Suite {
    let check = |group: &str, sentence: &str, status, why: &str| CheckResult {
        group: group.to_owned(),
        sentence: sentence.to_owned(),
        case: (group != "audit").then(|| "C1".to_owned()),
        status,
        why: why.to_owned(),
        ms: 12.4,
    };
    use Status::{Failed, Passed, Skipped};
    let checks = vec![
        check("boundaries", "a frame with another charter's stamp is denied at the gateway", Passed, ""),
        check("boundaries", "a frame that is older than its limit is denied", Passed, ""),
        check("boundaries", "what is denied is counted by its reason", Passed, ""),
        check("priorities", "a control message overtakes a full lane of others", Passed, ""),
        check(
            "tenants",
            "one tenant's flood takes no room of another's",
            Failed,
            "the quiet tenant lost 3 of 1,000",
        ),
        check("tenants", "a tenant that is unknown is denied", Passed, ""),
        check(
            "recovery",
            "an agent that panicked runs again within its deadline",
            Skipped,
            "there is one worker",
        ),
        check("ledger", "sent is handled, each named loss, and in flight", Passed, ""),
        check("audit", "a log with one byte changed does not verify", Passed, ""),
    ];
    Suite { passed: 7, failed: 1, skipped: 1, seconds: 2.41, checks }
}

fn fault(name: &str, status: Status, why: &str, (detect, recover): (Option<u64>, Option<u64>)) -> Fault {
    let at = |at_ms: f64, score: f64| {
        let status = if score > 0.8 { "healthy" } else { "degraded" };
        HealthPoint { at_ms, score, status: status.to_owned() }
    };
    let end = if recover.is_some() { 0.98 } else { 0.62 };
    let lost = [("refused", 211), ("restarted", 64), ("expired", 0)];
    Fault {
        name: name.to_owned(),
        what: "the relay panics once, at its 1,000th message".to_owned(),
        status,
        why: why.to_owned(),
        sent: 120_000,
        handled: 119_725,
        lost: BTreeMap::from(lost.map(|(name, count)| (name.to_owned(), count))),
        decided: BTreeMap::from([("denied".to_owned(), 17)]),
        cause_ns: recover.map(|_| 60_000_000),
        distance: Some("near".to_owned()),
        detect_ns: detect,
        recover_ns: recover,
        health: [at(400.0, 1.0), at(512.0, 0.38), at(1_100.0, end)],
        marks: vec!["the host held up those who watch for 7.20 ms".to_owned()],
        fault_at_ms: 500.0,
        timeline: vec![at(0.0, 1.0), at(504.0, 0.71), at(512.0, 0.38), at(640.0, 0.62), at(812.0, end)],
    }
}

fn faults() -> Vec<Fault> {
    let skipped = Fault {
        name: "policy engine failing".to_owned(),
        what: "the engine answers nothing".to_owned(),
        status: Status::Skipped,
        why: "the subject has no policy agent".to_owned(),
        ..Fault::default()
    };
    vec![
        fault("panicking agent", Status::Passed, "", (Some(4_100_000), Some(312_000_000))),
        fault("stalled agent", Status::Failed, "it was not started again", (Some(12_000_000), None)),
        fault("full lane", Status::Passed, "", (Some(900_000), Some(2_400_000))),
        skipped,
    ]
}

fn targets() -> Vec<Verdict> {
    let target = |metric: &str, relation: &str, bound, unit: &str, actual, met, why: &str| Verdict {
        metric: metric.to_owned(),
        relation: relation.to_owned(),
        bound,
        unit: unit.to_owned(),
        actual,
        met,
        why: why.to_owned(),
    };
    vec![
        target("latency_p99", "below", 5e6, "ns", Some(41_300.0), true, ""),
        target("latency_p50", "below", 10_000.0, "ns", Some(2_610.0), true, ""),
        target("throughput", "above", 100_000.0, "msg/s", Some(3.29e6), true, ""),
        target("throughput_derived", "at_least", 195_949.0, "msg/s", Some(13.3e6), false, "it is derived"),
        target("compliance", "at_least", 100.0, "%", Some(100.0), true, "121 of 121"),
        target("hop_cross_p99", "at_most", 500.0, "ns", Some(1_210.0), false, ""),
        target("start_warm", "below", 2e6, "ns", None, false, "no fresh process could be started"),
    ]
}

fn comparison() -> Comparison {
    let change = |metric: &str, before: f64, now: f64, verdict: &str, why: &str| Change {
        metric: metric.to_owned(),
        unit: "ns".to_owned(),
        before,
        now,
        ratio: now / before,
        verdict: verdict.to_owned(),
        why: why.to_owned(),
    };
    let changes = vec![
        change("latency_p99", 38_000.0, 41_300.0, "same", "within what repetitions differ by"),
        change("policy_miss_p50", 31_000.0, 46_100.0, "worse", "every repetition is above every earlier one"),
        change("hop_cross_p50", 390.0, 311.0, "better", "every repetition is below every earlier one"),
        change("audit_append_p50", 1_440.0, 1_450.0, "same", "within what repetitions differ by"),
        change("hop_local_p99", 210.0, 260.0, "not comparable", "the distance was far then"),
    ];
    Comparison { baseline: "baseline.json".to_owned(), confidence: 0.99, forced: None, changes }
}

fn originals() -> Vec<Original> {
    let row = |what: &str, said: &str, measured: &str, ours: &str, source: &str| Original {
        what: what.to_owned(),
        said: said.to_owned(),
        measured: measured.to_owned(),
        ours: ours.to_owned(),
        source: source.to_owned(),
    };
    let note = "measured again on the same kind of machine; comparable";
    vec![
        row("a check", "292 ns", "265 ns", "34.1 ns", note),
        row(
            "messages a second, received",
            "195,949 (derived)",
            "3,385",
            "3.29 M",
            "one in flight; not comparable",
        ),
        row("decision from the cache", "", "3.90 us", "190 ns", note),
        row("import of the package", "36.1 ms", "158 ms", "", "nothing is imported here"),
    ]
}

fn recommendations() -> Vec<Recommendation> {
    let row = |priority: &str, text: &str, evidence: &str| Recommendation {
        priority: priority.to_owned(),
        text: text.to_owned(),
        evidence: evidence.to_owned(),
    };
    vec![
        row("medium", "Give policy a worker of its own.", "46.7 % of all time is handling in policy"),
        row("low", "Pre-warm the policy engine at start.", "its start hook took 1.93 ms of 4.30 ms"),
        row("done", "Decisions come from a cache.", "policy_hit_p50 is 1/240 of policy_miss_p50"),
    ]
}

/// A report as a profile of the overseers writes it.
pub(crate) fn plain() -> Report {
    Report {
        schema: SCHEMA,
        ephor: "0.1.0".to_owned(),
        subject: "overseers".to_owned(),
        effort: "full".to_owned(),
        machine: Machine {
            cpu: "AMD EPYC 9B45 64-Core Processor".to_owned(),
            cores: 2,
            kernel: "6.18.0-cloud".to_owned(),
            os: "linux".to_owned(),
            workers: 2,
            pinned: true,
        },
        inputs: Default::default(),
        notes: vec!["The two cores share a cache with other tenants of the host.".to_owned()],
        incidents: Vec::new(),
        seconds: 47.3,
        phases: phases(),
        metrics: metrics(),
        curves: vec![curve("constant", 1.0), curve("poisson", 1.6), curve("arrivals", 2.7)],
        agents: agents(),
        hot_spots: hot_spots(),
        suite: suite(),
        faults: faults(),
        targets: targets(),
        recommendations: recommendations(),
        comparison: Some(comparison()),
        original: originals(),
    }
}

/// The same, all is well, and nothing to compare with.
pub(crate) fn passed() -> Report {
    let mut report = plain();
    report.targets.retain(|target| target.met);
    report.suite.checks.retain(|check| check.status == Status::Passed);
    (report.suite.failed, report.suite.skipped) = (0, 0);
    report.faults.retain(|fault| fault.status != Status::Failed);
    report.phases.retain(|phase| phase.name != "validate");
    (report.comparison, report.original, report.notes) = (None, Vec::new(), Vec::new());
    report
}
