//! What a baseline may be, what is refused and how, and what is called a change.

#![allow(clippy::unwrap_used)] // a test may

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ephor_profile::Machine;
use ephor_profile::baseline::{Baseline, Force};
use ephor_profile::metric::Metric;
use ephor_profile::report::{Change, Comparison, Report, SCHEMA};
use proptest::prelude::*;

/// A report of one machine with these figures.
fn report(metrics: Vec<Metric>) -> Report {
    Report {
        schema: SCHEMA,
        subject: "overseers".into(),
        effort: "full".into(),
        machine: Machine { cpu: "Fast CPU".into(), cores: 2, os: "linux".into(), ..Machine::default() },
        metrics,
        ..Report::default()
    }
}

fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).unwrap()
}

fn baseline(report: &Report) -> Baseline {
    Baseline::parse(&json(report), "b.json").unwrap()
}

/// Nine repetitions around `value`, a hundredth apart.
fn repeated(name: &str, value: f64, unit: &str) -> Metric {
    let repetitions = (0..9).map(|at| value * (1.0 + f64::from(at) / 100.0)).collect();
    Metric::of_repetitions(name, repetitions, unit)
}

fn compared(before: Vec<Metric>, now: Vec<Metric>) -> Comparison {
    baseline(&report(before)).compare(&report(now), Force::No).unwrap()
}

/// The only change between two figures.
#[track_caller]
fn change(before: Metric, now: Metric) -> Change {
    let changes = compared(vec![before], vec![now]).changes;
    assert_eq!(changes.len(), 1);
    changes[0].clone()
}

#[track_caller]
fn verdict(before: Metric, now: Metric) -> String {
    change(before, now).verdict
}

#[track_caller]
fn refuses(text: &str, message: &str) {
    assert_eq!(Baseline::parse(text, "b.json").unwrap_err().to_string(), message);
}

#[test]
fn a_report_is_a_baseline_for_itself_and_nothing_changed() {
    let report =
        report(vec![repeated("check_mean", 5.0, "ns"), Metric::measured("suite_failed", 0.0, "count")]);
    let comparison = baseline(&report).compare(&report, Force::No).unwrap();
    assert_eq!(
        (comparison.baseline.as_str(), comparison.confidence, comparison.forced),
        ("b.json", 0.99, None)
    );
    assert!(comparison.changes.iter().all(|change| change.verdict == "same" && change.ratio == 1.0));
    assert_eq!(comparison.changes.len(), 2);
}

#[test]
fn twice_the_time_is_worse_and_half_is_better() {
    let of = |value| repeated("policy_hit_mean", value, "ns");
    let change = change(of(100.0), of(200.0));
    assert_eq!(
        (change.verdict.as_str(), change.before, change.now, change.ratio),
        ("worse", 104.0, 208.0, 2.0)
    );
    assert!(change.why.starts_with("2.00 times as slow, no drift known"), "{}", change.why);
    assert_eq!(verdict(of(200.0), of(100.0)), "better");
    assert_eq!(verdict(of(100.0), of(150.0)), "same");
}

#[test]
fn a_third_of_the_rate_is_worse_and_thrice_is_better() {
    let of = |value| Metric { distance: Some("near".into()), ..repeated("throughput", value, "msg/s") };
    assert_eq!(verdict(of(3e6), of(1e6)), "worse");
    assert_eq!(verdict(of(1e6), of(3e6)), "better");
    assert_eq!(verdict(of(1e6), of(0.5e6)), "same");
}

#[test]
fn one_planted_figure_is_named_among_many_and_drift_is_told() {
    let names = ["check", "frame", "send", "pulse", "recovery_cancel", "policy_hit", "policy_miss"];
    let before: Vec<_> = names.iter().map(|name| repeated(&format!("{name}_mean"), 100.0, "ns")).collect();
    let mut now: Vec<_> = names.iter().map(|name| repeated(&format!("{name}_mean"), 120.0, "ns")).collect();
    now[3] = repeated("pulse_mean", 240.0, "ns");
    let changes = compared(before, now).changes;
    let named: Vec<_> = changes.iter().filter(|change| change.verdict != "same").collect();
    assert_eq!(named.len(), 1);
    assert_eq!((named[0].metric.as_str(), named[0].verdict.as_str()), ("pulse_mean", "worse"));
    assert!(
        changes[0].why.starts_with("1.00 times as slow, a drift of 1.20 divided out; called worse from"),
        "{}",
        changes[0].why
    );
}

#[test]
fn a_percentile_of_the_tail_has_to_be_five_times_as_slow() {
    let of = |value| repeated("policy_miss_p99", value, "ns");
    assert_eq!(verdict(of(1_000.0), of(4_000.0)), "same");
    assert_eq!(verdict(of(1_000.0), of(6_000.0)), "worse");
}

#[test]
fn a_longest_time_is_shown_and_not_judged() {
    let of = |value| Metric { distance: Some("near".into()), ..repeated("latency_max", value, "ns") };
    let change = change(of(1e3), of(1e6));
    assert_eq!((change.verdict.as_str(), change.ratio), ("not comparable", 1e3));
    assert!(change.why.starts_with("shown, not judged"), "{}", change.why);
}

#[test]
fn counts_and_shares_are_compared_as_they_are() {
    let failed = |count| Metric::measured("suite_failed", count, "count");
    assert_eq!(verdict(failed(0.0), failed(1.0)), "worse");
    assert_eq!(verdict(failed(1.0), failed(0.0)), "better");
    let change = change(failed(0.0), failed(2.0));
    assert_eq!((change.ratio, change.why.as_str()), (0.0, "differs by 2; any difference counts"));
    let right = |part| Metric::rate("compliance", part, 1_000, "right / judged");
    assert_eq!(verdict(right(1_000), right(999)), "worse");
    let hits = |part| Metric::rate("cache_hit_rate", part, 1_000, "hits / decisions");
    assert_eq!(verdict(hits(950), hits(941)), "same", "within a point");
    assert_eq!(verdict(hits(950), hits(900)), "worse");
    assert_eq!(verdict(Metric::rate("compliance", 0, 0, "x"), right(5)), "not comparable");
}

#[test]
fn losses_count_when_they_are_more_than_a_host_that_stops_makes() {
    let lost = |count| Metric {
        samples: 10_000,
        repetitions: vec![count, 0.0, 0.0, 0.0, 0.0],
        ..Metric::measured("lost", count, "count")
    };
    assert_eq!(verdict(lost(0.0), lost(500.0)), "same");
    assert_eq!(verdict(lost(0.0), lost(501.0)), "worse");
    // As large a part of three times as many messages is no more.
    let often = Metric { samples: 30_000, ..lost(1_200.0) };
    assert_eq!(verdict(lost(400.0), often), "same");
}

#[test]
fn losses_of_few_repetitions_are_not_judged_since_one_that_was_held_up_is_a_large_share() {
    let lost = |count, repetitions| Metric {
        samples: 2_500 * repetitions as u64,
        repetitions: vec![count; repetitions],
        ..Metric::measured("lost", count * repetitions as f64, "count")
    };
    for (before, now) in [(9, 1), (9, 4), (4, 9)] {
        let change = change(lost(0.0, before), lost(363.0, now));
        let why = format!("{before} and {now} repetitions; 5 each are the fewest that are judged");
        assert_eq!((change.verdict.as_str(), change.why), ("not comparable", why));
    }
    assert_eq!(verdict(lost(0.0, 9), lost(363.0, 5)), "worse");
}

#[test]
fn what_crosses_cores_is_compared_within_one_known_distance() {
    let at = |distance: Option<&str>, value| Metric {
        distance: distance.map(str::to_owned),
        ..repeated("hop_cross_p50", value, "ns")
    };
    let change = change(at(Some("near"), 100.0), at(Some("far"), 900.0));
    assert_eq!(change.verdict, "not comparable");
    assert_eq!(change.why, "the distance of the cores was near before and is far now");
    assert_eq!(verdict(at(None, 100.0), at(None, 900.0)), "not comparable");
    assert_eq!(verdict(at(Some("far"), 100.0), at(Some("far"), 900.0)), "worse");
    let mut moved = report(vec![at(Some("far"), 900.0)]);
    moved.machine.pinned = true;
    let before = baseline(&report(vec![at(Some("far"), 100.0)]));
    let changes = before.compare(&moved, Force::No).unwrap().changes;
    assert_eq!(changes[0].why, "0 workers not pinned before, 0 workers pinned now");
}

#[test]
fn what_was_measured_at_one_rate_is_not_compared_with_another() {
    let at = |rate: Option<f64>, value| {
        let offered_per_s = rate;
        let distance = Some("near".to_owned());
        Metric { offered_per_s, distance, ..repeated("latency_p50", value, "ns") }
    };
    let change = change(at(Some(1e5), 2_950.0), at(Some(1e4), 34_100.0));
    assert_eq!(change.verdict, "not comparable");
    assert_eq!(change.why, "at 100000 messages a second before, at 10000 messages a second now");
    assert_eq!(verdict(at(None, 100.0), at(Some(1e4), 900.0)), "not comparable");
    assert_eq!(verdict(at(Some(1e4), 100.0), at(Some(1e4), 900.0)), "worse");
}

#[test]
fn what_cannot_be_judged_says_why() {
    let few = |value| Metric::of_repetitions("check_mean", vec![value; 4], "ns");
    assert_eq!(change(few(1.0), few(9.0)).why, "4 and 4 repetitions; 5 each are the fewest that are judged");
    let unit = change(repeated("check_mean", 1.0, "ns"), repeated("check_mean", 1.0, "us"));
    assert_eq!(unit.why, "in `ns` before, in `us` now");
    let derived = Metric::derived("throughput_derived", 1.0, "msg/s");
    assert!(change(derived.clone(), derived).why.starts_with("derived from other figures"));
    let zero = change(repeated("check_mean", 0.0, "ns"), repeated("check_mean", 1.0, "ns"));
    assert_eq!(zero.why, "a repetition of 0, or not a number, has no ratio");
    let unknown = Metric::measured("mine", 1.0, "ns");
    assert!(change(unknown.clone(), unknown).why.starts_with("no figure of this name is known"));
    let nan = Metric::measured("lost", f64::NAN, "count");
    let changes = baseline(&report(vec![Metric::measured("lost", 0.0, "count")]))
        .compare(&report(vec![nan]), Force::No);
    assert_eq!(changes.unwrap().changes[0].why, "not a number");
}

#[test]
fn only_figures_of_both_runs_are_compared() {
    let one = || Metric::measured("lost", 0.0, "count");
    let other = || Metric::measured("suite_failed", 0.0, "count");
    let changes =
        compared(vec![one(), other()], vec![other(), Metric::measured("clock_floor", 1.0, "ns")]).changes;
    let names: Vec<_> = changes.iter().map(|change| change.metric.as_str()).collect();
    assert_eq!(names, ["suite_failed"]);
}

#[test]
fn another_machine_subject_or_effort_is_refused_unless_forced() {
    let before = report(vec![repeated("check_mean", 5.0, "ns")]);
    let mut now = before.clone();
    now.machine.cpu = "Slow\nCPU".into();
    now.machine.cores = 64;
    now.effort = "quick".into();
    let error = baseline(&before).compare(&now, Force::No).unwrap_err().to_string();
    let differences = "machine.cpu `Fast CPU` before, `Slow\\nCPU` now; machine.cores `2` before, `64` now; effort `full` before, `quick` now";
    let advice = "measure a baseline like this run, or force the comparison (--force)";
    assert_eq!(error, format!("b.json:7: is not of a run like this one: {differences}; {advice}"));
    let forced = baseline(&before).compare(&now, Force::Yes).unwrap();
    assert_eq!(forced.forced.as_deref(), Some(differences));
    assert!(forced.changes.iter().all(|change| change.why.starts_with("forced: ")));
    let other_os = Machine { os: "plan9".into(), ..before.machine.clone() };
    for now in
        [Report { machine: other_os, ..before.clone() }, Report { subject: "mine".into(), ..before.clone() }]
    {
        assert!(baseline(&before).compare(&now, Force::No).is_err());
    }
    let same = baseline(&before).compare(&before, Force::Yes).unwrap();
    assert_eq!(same.forced, None, "nothing had to be forced");
}

/// A report with these notes, and a trace of this content.
fn with(notes: &[&str], trace: &str) -> Report {
    let inputs = BTreeMap::from([("trace".to_owned(), trace.to_owned())]);
    let notes = notes.iter().map(|note| (*note).to_owned()).collect();
    Report { inputs, notes, ..report(vec![repeated("check_mean", 5.0, "ns")]) }
}

#[test]
fn other_notes_and_inputs_of_other_content_are_refused_unless_forced() {
    let cases = [
        (with(&["one core"], "aa"), 17, "notes `one core` before, none now"),
        (with(&[], "bb"), 14, "inputs.trace `bb` before, `aa` now"),
        (report(Vec::new()), 14, "inputs.trace none before, `aa` now"),
    ];
    let now = with(&[], "aa");
    for (before, line, differences) in cases {
        let before = baseline(&before);
        let error = before.compare(&now, Force::No).unwrap_err().to_string();
        assert!(error.starts_with(&format!("b.json:{line}: ")) && error.contains(differences), "{error}");
        assert_eq!(before.compare(&now, Force::Yes).unwrap().forced.as_deref(), Some(differences));
    }
    let error = baseline(&now).fits(&with(&["pinned nowhere", "slow"], "aa")).unwrap_err().to_string();
    assert!(
        error.contains("notes none before, `pinned nowhere` now; notes none before, `slow` now"),
        "{error}"
    );
    assert!(baseline(&with(&["a", "b"], "aa")).fits(&with(&["b", "a"], "aa")).is_ok());
}

#[test]
fn what_happened_in_the_course_of_one_run_forbids_no_comparison_and_is_told_of_what_came_after() {
    let quiet =
        report(vec![repeated("check_mean", 5.0, "ns"), Metric::measured("suite_failed", 0.0, "count")]);
    let mut disturbed = quiet.clone();
    disturbed.incidents = vec!["a check did not end".to_owned()];
    disturbed.metrics[1].value = 1.0;
    disturbed.metrics[1].marks = vec!["one core".to_owned(), disturbed.incidents[0].clone()];
    for (before, now, verdict, when) in
        [(&quiet, &disturbed, "worse", "now"), (&disturbed, &quiet, "better", "before")]
    {
        let comparison = baseline(before).compare(now, Force::No).unwrap();
        let [first, after] = &comparison.changes[..] else { panic!("{comparison:?}") };
        assert!(!first.why.contains("did not end"), "it was measured before that: {}", first.why);
        let why = format!("differs by 1; any difference counts; {when}: a check did not end");
        assert_eq!((after.verdict.as_str(), after.why.as_str()), (verdict, why.as_str()));
        assert_eq!(comparison.forced, None);
    }
}

#[test]
fn a_report_that_does_not_name_its_inputs_or_incidents_is_read() {
    let text = json(&report(Vec::new()));
    for (field, empty) in [("inputs", "{}"), ("incidents", "[]")] {
        let without = text.replace(&format!("\"{field}\": {empty},"), "");
        assert_ne!(text, without);
        assert!(Baseline::parse(&without, "b.json").unwrap().report().inputs.is_empty());
    }
}

#[test]
fn another_version_of_the_format_says_so_before_anything_else_can_be_wrong() {
    refuses(
        "{\n \"metrics\": 7,\n \"schema\": 2\n}",
        "b.json:3: `schema` is 2, and this version reads 1; compare with the version that wrote it",
    );
    refuses(
        "{\"schema\": 0}",
        "b.json:1: `schema` is 0, and this version reads 1; measure the baseline again",
    );
    refuses(
        "{\"schema\": \"1\"}",
        "b.json:1: invalid type: string \"1\", expected the number of the report's format, 1",
    );
    for text in ["{}", "{\"schema\": null}", "{\"metrics\": []}"] {
        let message =
            "b.json:1: has no `schema`, so it is no report of a profile; a profile writes one as JSON";
        refuses(text, message);
    }
}

#[test]
fn what_is_no_report_is_refused_with_its_line() {
    refuses("", "b.json:1: is not JSON: EOF while parsing a value");
    refuses("{\n\"schema\" 1}", "b.json:2: is not JSON: expected `:`");
    refuses("[1]", "b.json:1: is a list, so it is no report of a profile; a profile writes one as JSON");
    refuses("7", "b.json:1: invalid type: integer `7`, expected a report, which is an object");
    let good = json(&report(vec![Metric::measured("lost", 0.0, "count")]));
    let bad = good.replace("\"value\": 0.0", "\"value\": \"none\"");
    let line = 1 + bad.lines().position(|line| line.contains("none")).unwrap();
    refuses(&bad, &format!("b.json:{line}: invalid type: string \"none\", expected f64"));
    let error = Baseline::parse("{\n\"schema\": 1\n}", "b.json").unwrap_err().to_string();
    assert!(error.starts_with("b.json:3: missing field `"), "{error}");
    assert!(Baseline::parse(&"[".repeat(100_000), "b.json").is_err());
}

#[test]
fn a_file_is_read_or_refused_by_its_path() {
    let place = std::env::temp_dir().join(format!("ephor-baseline-{}.json", std::process::id()));
    let error = || Baseline::load(&place).unwrap_err().to_string();
    let name = place.display();
    let report = report(Vec::new());
    fs::write(&place, json(&report)).unwrap();
    assert_eq!(Baseline::load(&place).unwrap().report(), &report);
    fs::write(&place, b"{\n\n\xff").unwrap();
    assert_eq!(error(), format!("{name}:3: is not UTF-8; a report is JSON in UTF-8"));
    fs::remove_file(&place).unwrap();
    assert!(error().starts_with(&format!("{name}: the baseline cannot be read: ")), "{}", error());
    assert!(Baseline::load(Path::new("/")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 500 }))]

    #[test]
    fn any_text_is_read_or_refused(text in "(\\{\"schema\": ?1,)?([a-z\":,\\[\\]{}0-9\n]|\\PC){0,80}") {
        if let Err(error) = Baseline::parse(&text, "b.json") {
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn any_damage_to_a_report_is_read_or_refused(at in 0usize..4_000, with in "\\PC{0,3}") {
        let good = json(&report(vec![repeated("check_mean", 5.0, "ns")]));
        let at = at % good.len();
        let text = format!("{}{with}{}", &good[..at], good.get(at + with.len()..).unwrap_or_default());
        if let Ok(damaged) = Baseline::parse(&text, "b.json") {
            let _compared = damaged.compare(&report(vec![repeated("check_mean", 5.0, "ns")]), Force::Yes);
        }
    }

    #[test]
    fn any_repetitions_are_compared(
        before in proptest::collection::vec(any::<f64>().prop_filter("JSON has no others", |value| value.is_finite()), 0..20),
        now in proptest::collection::vec(any::<f64>(), 0..20),
        name in prop_oneof![Just("check_mean"), Just("check_p50"), Just("send_p99"), Just("throughput"), Just("hop_cross_p50")],
    ) {
        let of = |repetitions: Vec<f64>| Metric {
            repetitions,
            distance: Some("near".into()),
            ..Metric::measured(name, 1.0, "ns")
        };
        let changes = compared(vec![of(before)], vec![of(now)]).changes;
        prop_assert_eq!(changes.len(), 1);
    }
}
