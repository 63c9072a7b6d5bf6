//! What a targets file may say, what is refused and how, and what becomes of a target.

#![allow(clippy::unwrap_used)] // a test may

use std::fs;
use std::path::Path;

use ephor_profile::catalogue::METRICS;
use ephor_profile::metric::Metric;
use ephor_profile::report::Verdict;
use ephor_profile::targets::{Relation, TARGETS_BYTES_MAX, Targets};
use proptest::prelude::*;

/// A text with one line under the table.
fn with(line: &str) -> String {
    format!("[targets]\n{line}\n")
}

#[track_caller]
fn refuses(text: &str, message: &str) {
    assert_eq!(Targets::parse(text, "t.toml").unwrap_err().to_string(), message);
}

/// What becomes of one target.
#[track_caller]
fn judged(line: &str, metrics: &[Metric]) -> Verdict {
    let verdicts = Targets::parse(&with(line), "t.toml").unwrap().judge(metrics);
    assert_eq!(verdicts.len(), 1);
    verdicts[0].clone()
}

#[track_caller]
fn met(line: &str, metric: Metric) -> bool {
    judged(line, &[metric]).met
}

#[test]
fn the_originals_targets_are_its_four() {
    let all: Vec<_> = Targets::original()
        .iter()
        .map(|target| (target.metric.clone(), target.relation, target.bound, target.unit))
        .collect();
    let expected = [
        ("latency_p99".to_owned(), Relation::Below, 5.0, "ms"),
        ("throughput".to_owned(), Relation::Above, 100.0, "msg/s"),
        ("cache_hit_rate".to_owned(), Relation::Above, 85.0, "%"),
        ("compliance".to_owned(), Relation::AtLeast, 100.0, "%"),
    ];
    assert_eq!(all, expected);
}

#[test]
fn each_strict_target_is_at_least_as_strict_as_the_originals() {
    let strict = Targets::strict();
    assert_eq!(strict.iter().count(), 10);
    for original in Targets::original().iter() {
        let ours = strict.iter().find(|target| target.metric == original.metric).unwrap();
        assert_eq!(ours.unit, original.unit);
        assert!(original.relation.holds(ours.bound, original.bound), "{ours:?} {original:?}");
    }
}

#[test]
fn targets_keep_the_order_of_the_file() {
    let text = "[targets]\nthroughput = { above = 1, unit = 'msg/s' }\ncheck_p50 = { below = 1, unit = 'us' }\n\
                compliance = { at_least = 1, unit = 'ratio' }";
    let targets = Targets::parse(text, "t.toml").unwrap();
    let names: Vec<_> = targets.iter().map(|target| target.metric.as_str()).collect();
    assert_eq!(names, ["throughput", "check_p50", "compliance"]);
}

#[test]
fn a_member_of_a_family_needs_no_quotes() {
    let text = "[targets]\nping.audit = { at_most = 50, unit = 'us' }\n\"start.*\" = { below = 1, unit = 'ms' }\n\
                'ping.health' = { below = 1e2, unit = 'us' }\n[targets.wait_p99]\n'a -> b' = { below = 1, unit = 's' }";
    let targets = Targets::parse(text, "t.toml").unwrap();
    let names: Vec<_> = targets.iter().map(|target| target.metric.as_str()).collect();
    assert_eq!(names, ["ping.audit", "start.*", "ping.health", "wait_p99.a -> b"]);
}

#[test]
fn every_figure_takes_its_own_unit() {
    for entry in METRICS {
        let text = with(&format!("\"{}\" = {{ at_most = 1_000, unit = \"{}\" }}", entry.name, entry.unit));
        let targets = Targets::parse(&text, "t.toml").unwrap();
        assert_eq!(targets.iter().next().map(|target| target.bound), Some(1_000.0), "{entry:?}");
    }
}

#[test]
fn an_unknown_figure_is_refused_with_the_nearest() {
    refuses(
        &with("\nlatency_p98 = { below = 5, unit = 'ms' }"),
        "t.toml:3: `latency_p98`: is not the name of a figure; is `latency_p99` or `latency_p50` or `latency_p999` meant?",
    );
    refuses(
        &with("\"thr\\nput\" = 5"),
        "t.toml:2: `thr\\nput`: is not the name of a figure; is `throughput` meant?",
    );
    let long =
        Targets::parse(&with(&format!("{} = 1", "x".repeat(5_000))), "t.toml").unwrap_err().to_string();
    assert!(long.len() < 250, "{long}");
}

#[test]
fn a_wrong_unit_is_refused_with_those_that_are_right() {
    refuses(
        &with("throughput = { above = 5,\nunit = 'ms' }"),
        "t.toml:3: targets.throughput.unit: `ms` is not a unit of `throughput`; write one of msg/s, kmsg/s, Mmsg/s",
    );
    refuses(
        &with("latency_p99 = { below = 5, unit = 'parsec' }"),
        "t.toml:2: targets.latency_p99.unit: `parsec` is not a unit of `latency_p99`; write one of ns, us, ms, s",
    );
    refuses(&with("lost = { at_most = 0 }"), "t.toml:2: targets.lost: has no unit; write one of count");
    refuses(
        &with("compliance = { at_most = 0, unit = 7 }"),
        "t.toml:2: targets.compliance.unit: is `7`, an integer; it must be a string",
    );
}

#[test]
fn a_bound_that_no_figure_can_have_is_refused() {
    let at = |value: &str| with(&format!("check_p99 = {{ unit = 'us', below = {value} }}"));
    for value in ["nan", "+inf", "-inf", "-1", "-0.5", "1e999"] {
        let shown = value.trim_start_matches('+');
        let error = Targets::parse(&at(value), "t.toml").unwrap_err().to_string();
        assert!(error.starts_with("t.toml:2: targets.check_p99.below: is `"), "{error}");
        assert!(error.contains(shown) && error.ends_with("it must be a number from 0 on"), "{error}");
    }
    refuses(&at("'5'"), "t.toml:2: targets.check_p99.below: is `5`, a string; it must be a decimal number");
    refuses(&at("[5]"), "t.toml:2: targets.check_p99.below: is `[5]`, an array; it must be a decimal number");
    refuses(&at("0x10"), "t.toml:2: targets.check_p99.below: must be written in decimal");
    refuses(
        &at("1979-05-27"),
        "t.toml:2: targets.check_p99.below: is `1979-05-27`, a date; it must be a decimal number",
    );
}

#[test]
fn two_bounds_or_none_are_refused() {
    refuses(
        &with("check_p99 = { below = 5, unit = 'us', at_most = 5 }"),
        "t.toml:2: targets.check_p99: has two bounds, below and at_most; keep one",
    );
    refuses(
        &with("check_p99 = { unit = 'us' }"),
        "t.toml:2: targets.check_p99: has no bound; write one of below, above, at_most, at_least",
    );
}

#[test]
fn what_is_not_known_is_refused() {
    refuses(
        &with("check_p99 = { belw = 5, unit = 'us' }"),
        "t.toml:2: targets.check_p99.belw: is not a known key; write one of below, above, at_most, at_least and unit",
    );
    refuses(
        &with("check_p99 = 5"),
        "t.toml:2: targets.check_p99: must be a table such as { below = 5, unit = \"ms\" }, not an integer",
    );
    refuses("\n[target]", "t.toml:2: `target`: is not a known key; targets stand under [targets]");
    refuses(
        "targets = 1",
        "t.toml:1: targets: must be a table such as { below = 5, unit = \"ms\" }, not an integer",
    );
    refuses(
        &with("ping = 1"),
        "t.toml:2: targets.ping: must be a table such as { below = 5, unit = \"ms\" }, not an integer",
    );
}

#[test]
fn a_file_without_targets_is_refused_since_nothing_could_miss() {
    let none = "targets: holds no target; write [targets], and a line such as latency_p99 = { below = 5, unit = \"ms\" }";
    refuses("", &format!("t.toml:1: {none}"));
    refuses("# nothing\n[targets]\n", &format!("t.toml:2: {none}"));
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    let error = Targets::parse("[targets]\nlatency_p99 = { below = 5", "t.toml").unwrap_err().to_string();
    assert!(error.starts_with("t.toml:2: `latency_p99 = { below = 5`: "), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
    let dots = format!("{}a = 1", "a.".repeat(20_000));
    assert!(Targets::parse(&dots, "t.toml").unwrap_err().to_string().contains("dot"));
    let brackets = "a = ".to_owned() + &"[".repeat(20_000);
    assert!(Targets::parse(&brackets, "t.toml").is_err());
}

#[test]
fn a_file_is_read_or_refused_by_its_path() {
    let place = std::env::temp_dir().join(format!("ephor-targets-{}.toml", std::process::id()));
    let error = || Targets::load(&place).unwrap_err().to_string();
    let name = place.display();
    fs::write(&place, format!("\u{feff}{}", with("lost = { at_most = 0, unit = 'count' }"))).unwrap();
    assert_eq!(Targets::load(&place).unwrap().iter().count(), 1);
    fs::write(&place, b"[targets]\n\xff").unwrap();
    assert_eq!(error(), format!("{name}:2: is not UTF-8; save the file as UTF-8"));
    fs::write(&place, "#".repeat(TARGETS_BYTES_MAX + 1)).unwrap();
    assert!(error().contains("is larger than the 65536 bytes"), "{}", error());
    fs::remove_file(&place).unwrap();
    assert!(error().starts_with(&format!("{name}: the targets cannot be read: ")), "{}", error());
    assert!(Targets::load(Path::new("/")).is_err());
}

#[test]
fn bound_and_actual_are_told_in_the_targets_unit() {
    let verdict = judged(
        "latency_p99 = { below = 5, unit = 'ms' }",
        &[Metric::measured("latency_p99", 12_500.0, "ns")],
    );
    assert_eq!((verdict.actual, verdict.bound, verdict.unit.as_str()), (Some(0.0125), 5.0, "ms"));
    assert_eq!((verdict.met, verdict.relation.as_str(), verdict.why.as_str()), (true, "below", ""));
}

#[test]
fn a_bound_is_kept_or_missed_to_the_last_digit() {
    let latency = |ns| Metric::measured("latency_p99", ns, "ns");
    assert!(met("latency_p99 = { below = 5, unit = 'ms' }", latency(4_999_999.0)));
    assert!(!met("latency_p99 = { below = 5, unit = 'ms' }", latency(5_000_000.0)));
    assert!(met("latency_p99 = { at_most = 5, unit = 'ms' }", latency(5_000_000.0)));
    assert!(!met("latency_p99 = { at_most = 5, unit = 'ms' }", latency(5_000_001.0)));
    let rate = |value| Metric::measured("throughput", value, "msg/s");
    assert!(!met("throughput = { above = 0.1, unit = 'kmsg/s' }", rate(100.0)));
    assert!(met("throughput = { at_least = 0.1, unit = 'kmsg/s' }", rate(100.0)));
    assert!(met(
        "compliance = { at_least = 1, unit = 'ratio' }",
        Metric::rate("compliance", 121, 121, "right / judged")
    ));
    assert!(!met(
        "compliance = { at_least = 1, unit = 'ratio' }",
        Metric::rate("compliance", 120, 121, "right / judged")
    ));
}

#[test]
fn what_was_not_measured_satisfies_nothing_and_says_so() {
    let line = "throughput = { above = 100, unit = 'msg/s' }";
    let why = |metric: Metric| {
        let verdict = judged(line, &[metric]);
        assert!(!verdict.met);
        verdict.why
    };
    assert_eq!(judged(line, &[]).why, "not measured");
    assert_eq!(judged(line, &[]).actual, None);
    let derived = Metric::derived("throughput", 195_949.0, "msg/s");
    assert_eq!(why(derived), "derived from other figures, which satisfies no target");
    let empty = Metric { samples: 0, ..Metric::measured("throughput", 1e6, "msg/s") };
    assert_eq!(why(empty), "no samples");
    for value in [f64::NAN, f64::INFINITY] {
        assert_eq!(why(Metric::measured("throughput", value, "msg/s")), "not a number");
    }
    let other = Metric::measured("throughput", 1e6, "frames");
    assert_eq!(why(other), "measured in `frames`, which is not told in msg/s");
    assert_eq!(why(Metric::measured("throughput", 99.5, "msg/s")), "99.5 msg/s is not above 100");
}

#[test]
fn a_verdict_says_what_its_figure_stands_on() {
    let mut rate = Metric::rate("cache_hit_rate", 19, 20, "hits / decisions");
    rate.marks.push("one core".to_owned());
    let line = "cache_hit_rate = { above = 85, unit = '%' }";
    assert_eq!(judged(line, &[rate.clone()]).why, "19 of 20 (hits / decisions); one core");
    let verdict = judged("cache_hit_rate = { above = 95, unit = '%' }", &[rate]);
    assert_eq!(verdict.why, "95 % is not above 95; 19 of 20 (hits / decisions); one core");
    let none = judged(line, &[Metric::rate("cache_hit_rate", 0, 0, "hits / decisions")]);
    assert_eq!((none.met, none.why.as_str()), (false, "no samples; 0 of 0 (hits / decisions)"));
}

#[test]
fn a_family_is_judged_by_its_worst_member() {
    let ping = |agent: &str, ns: f64| Metric::measured(format!("ping.{agent}"), ns, "ns");
    let line = "\"ping.*\" = { below = 10, unit = 'us' }";
    let good = [ping("audit", 1_000.0), ping("health", 9_000.0), ping("policy", 3_000.0)];
    let verdict = judged(line, &good);
    assert_eq!((verdict.met, verdict.actual, verdict.metric.as_str()), (true, Some(9.0), "ping.*"));
    assert_eq!(verdict.why, "the worst of 3 is `ping.health`");
    let bad = [ping("audit", 11_000.0), ping("health", 9_000.0)];
    assert_eq!(judged(line, &bad).why, "the worst of 2 is `ping.audit`; 11 us is not below 10");
    let derived = [ping("audit", 11_000.0), Metric::derived("ping.health", 1.0, "ns")];
    let why = "the worst of 2 is `ping.health`; derived from other figures, which satisfies no target";
    assert_eq!(judged(line, &derived).why, why);
    assert_eq!(judged(line, &[Metric::measured("pinger", 1.0, "ns")]).why, "not measured");
    assert!(!judged("ping.audit = { below = 10, unit = 'us' }", &bad).met);
    assert!(judged("ping.health = { below = 10, unit = 'us' }", &bad).met);
}

#[test]
fn the_worst_member_of_a_family_that_should_be_large_is_its_least() {
    let members = [Metric::measured("ping.a", 5.0, "ns"), Metric::measured("ping.b", 7.0, "ns")];
    let verdict = judged("\"ping.*\" = { at_least = 6, unit = 'ns' }", &members);
    assert_eq!(verdict.why, "the worst of 2 is `ping.a`; 5 ns is not at least 6");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 400 }))]

    #[test]
    fn any_text_is_read_or_refused(text in "(\\[targets\\]\n)?(latency_p99|ping|[a-z_.=\\[\\]{}\"'#0-9,\n \\PC]){0,60}") {
        if let Err(error) = Targets::parse(&text, "t.toml") {
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn any_damage_to_a_good_text_is_read_or_refused(at in 0usize..400, with in "\\PC{0,4}") {
        let good = "[targets]\nlatency_p99 = { below = 5, unit = \"ms\" }\n\"ping.*\" = { at_most = 1e3, unit = \"us\" }\n";
        let at = (at % good.len()..=good.len()).find(|at| good.is_char_boundary(*at)).unwrap();
        let end = (at + with.len()).min(good.len());
        let text = format!("{}{with}{}", &good[..at], good.get(end..).unwrap_or_default());
        let _read_or_refused = Targets::parse(&text, "t.toml");
    }

    #[test]
    fn a_figure_meets_exactly_the_targets_it_satisfies(actual in 0.0..1e12f64, bound in 0.0..1e12f64) {
        let metric = Metric::measured("check_p50", actual, "ns");
        for (name, expected) in [
            ("below", actual < bound), ("above", actual > bound), ("at_most", actual <= bound), ("at_least", actual >= bound),
        ] {
            let line = format!("check_p50 = {{ {name} = {bound:?}, unit = 'ns' }}");
            prop_assert_eq!(judged(&line, std::slice::from_ref(&metric)).met, expected);
        }
    }
}
