//! The airline example's policy: its own Rego tests, and the labels of its sample.
#![allow(clippy::unwrap_used)] // a test may

use std::fs;
use std::path::{Path, PathBuf};

use ephor_policy::rego_test::run_tests;
use ephor_policy::{Decider, DecisionCache, Engine, EntryPoint, Limits, PolicySource, canonical};
use serde_json::{Map, Value, json};

/// The rules of the airline's written policy.
const RULES: [&str; 18] = [
    "already-cancelled",
    "baggage-removed",
    "baggage-undercharged",
    "basic-economy-modified",
    "cancel-not-allowed",
    "certificate-amount",
    "certificate-for-update",
    "certificate-not-eligible",
    "flight-not-available",
    "passenger-count-changed",
    "payment-mix",
    "payment-not-in-profile",
    "route-changed",
    "segment-already-flown",
    "too-many-passengers",
    "unknown-flight",
    "unknown-reservation",
    "unknown-user",
];

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/airline")
}

fn source() -> PolicySource {
    PolicySource::load_dir(&example().join("policy")).unwrap()
}

fn facts() -> Value {
    let read = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(example().join(name)).unwrap()).unwrap()
    };
    json!({
        "reservations": read("reservations.json"),
        "users": read("users.json"),
        "flights": read("flights.json"),
    })
}

#[test]
fn every_rego_test_of_the_airline_policy_passes() {
    let report = run_tests(&source(), &[]).unwrap();
    let failed: Vec<_> = report.results.iter().filter(|result| !result.passed).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(report.results.len() >= 2 * RULES.len(), "only {} tests were found", report.results.len());
    let missed: Vec<_> = report.coverage.iter().filter(|file| !file.missed.is_empty()).collect();
    assert!(missed.is_empty(), "lines that no test evaluates: {missed:#?}");
}

#[test]
fn each_rule_has_a_test_that_fails_without_it() {
    let read = |name: &str| fs::read_to_string(example().join("policy").join(name)).unwrap();
    let (policy, tests) = (read("airline.rego"), read("airline_test.rego"));
    for rule in RULES {
        let contains = format!("violations contains \"{rule}\"");
        assert!(policy.contains(&contains), "there is no rule `{rule}`");
        let without = policy.replace(&contains, "ignored contains \"nothing\"");
        let source = PolicySource::from_texts(&[("airline.rego", &without), ("airline_test.rego", &tests)]);
        let report = run_tests(&source.unwrap(), &[]).unwrap();
        assert!(report.results.iter().any(|test| !test.passed), "no test misses `{rule}`");
    }
}

/// Decides every command of a trace with its run's overlay, and compares with the labels.
#[track_caller]
fn check_labels(trace: &str, denied: usize) {
    let entry = EntryPoint::new("data.airline.violations").unwrap();
    let engine = Engine::load(&source(), vec![("facts".into(), facts())], &entry, Limits::default()).unwrap();
    let mut decider = Decider::new(engine, DecisionCache::new(256).unwrap());
    let mut overlays: Map<String, Value> = Map::new();
    let mut count = 0;
    for line in fs::read_to_string(example().join(trace)).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let run = line["run"].as_str().unwrap().to_owned();
        if line["step"] == 0 {
            overlays.remove(&run);
        }
        let overlay = overlays.entry(run).or_insert_with(|| json!({}));
        if line["kind"] == "command" {
            let input = json!({ "tool": line["tool"], "args": line["args"], "overlay": overlay });
            let decision = decider.decide(&canonical::to_bytes(&input));
            let names: Vec<_> = decider.reason_names(decision.reasons).collect();
            assert_eq!(json!(names), line["violations"], "{line}");
            count += usize::from(!names.is_empty());
        }
        if let Some(reservation) = line.get("reservation") {
            overlay[reservation["reservation_id"].as_str().unwrap()] = reservation.clone();
        }
    }
    assert_eq!(count, denied, "{trace}");
}

#[test]
fn the_sample_is_decided_as_it_is_labelled() {
    check_labels("calls.jsonl", 9);
}

#[test]
fn what_only_the_overlay_decides_is_decided_as_it_is_labelled() {
    check_labels("twice.jsonl", 4);
}
