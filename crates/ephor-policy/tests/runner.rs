//! The runner of `test_*` rules.
#![allow(clippy::unwrap_used)] // a test may

mod common;

use ephor_policy::PolicySource;
use ephor_policy::rego_test::{TestResult, run_tests};

use common::{rbac_facts, rbac_source};

fn run(tests: &str) -> Vec<TestResult> {
    let policy = "package t\nlist := [1, 2]\nf(x) := to_number(x)\np := 1 if input.a\np := 2 if input.b";
    let source = PolicySource::from_texts(&[("t.rego", policy), ("t_test.rego", tests)]).unwrap();
    run_tests(&source, &[]).unwrap().results
}

/// Runs one test rule and expects it to fail with a message.
#[track_caller]
fn fails(rule: &str, message: &str) {
    let results = run(&format!("package t_test\n{rule}"));
    let [result] = results.as_slice() else { panic!("{results:?}") };
    assert!(!result.passed && result.message.contains(message), "{result:?}");
}

#[test]
fn the_tests_of_the_small_policy_pass_and_cover_it() {
    let report = run_tests(&rbac_source(), &rbac_facts()).unwrap();
    let names: Vec<&str> = report.results.iter().map(|result| result.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "data.rbac_test.test_editor_writes",
            "data.rbac_test.test_reader_does_not_write",
            "data.rbac_test.test_stranger_is_named",
            "data.rbac_test.test_overlay_wins",
        ]
    );
    for result in &report.results {
        assert!(result.passed && result.message.is_empty(), "{result:?}");
    }
    let [file] = report.coverage.as_slice() else { panic!("{:?}", report.coverage) };
    assert_eq!((file.file.as_str(), file.missed.as_slice()), ("rbac.rego", [].as_slice()));
    assert!(file.covered.contains(&5), "{file:?}");
}

#[test]
fn lines_that_no_test_reaches_are_missed() {
    let policy = "package t\np := 1 if {\n  input.a\n  input.b\n}";
    let tests = "package t_test\ntest_a if not data.t.p with input as {}";
    let source = PolicySource::from_texts(&[("t.rego", policy), ("t_test.rego", tests)]).unwrap();
    let report = run_tests(&source, &[]).unwrap();
    assert!(report.results[0].passed);
    assert_eq!(
        (report.coverage[0].covered.as_slice(), report.coverage[0].missed.as_slice()),
        (&[3][..], &[2, 4][..])
    );
}

#[test]
fn only_true_passes() {
    assert!(run("package t_test\ntest_true if data.t.list[0] == 1")[0].passed);
    fails("test_false := data.t.list[0] == 2", "the rule is false, not true");
    fails("test_undefined if data.t.list[0] == 2", "undefined");
    fails("test_missing if data.t.nothing == 2", "undefined");
    fails("test_number := 1", "the rule is 1, not true");
    fails("test_set contains 1", "not true");
    fails("test_names contains \"a\"", "collection");
    fails("test_error if data.t.f(\"x\") == 1", "policy-error: t.rego:3:");
    fails("test_conflict if data.t.p == 1 with input as {\"a\": true, \"b\": true}", "policy-error");
    fails("test_panic if sprintf(\"%²d\", [1]) == \"\"", "policy-panic");
}

#[test]
fn a_test_says_where_it_is_and_runs_once() {
    let results =
        run("package t_test\n\ntest_a if false\n\ntest_a if true\n\ntest_b := true\nhelper_test := 1");
    let found: Vec<_> =
        results.iter().map(|r| (r.name.as_str(), r.file.as_str(), r.line, r.passed)).collect();
    let expected =
        [("data.t_test.test_a", "t_test.rego", 3, true), ("data.t_test.test_b", "t_test.rego", 7, true)];
    assert_eq!(found, expected);
}

#[test]
fn a_failing_test_leaves_nothing_for_the_next() {
    let results = run("package t_test\ntest_a if data.t.f(\"x\") == 1\ntest_b if data.t.f(\"1\") == 1");
    assert_eq!(results.iter().map(|result| result.passed).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn tests_that_recur_do_not_load() {
    let source =
        PolicySource::from_texts(&[("t.rego", "package t"), ("t_test.rego", "package u\nf(x) := f(x)")]);
    let error = run_tests(&source.unwrap(), &[]).unwrap_err();
    assert!(error.to_string().starts_with("t_test.rego:2:1: recursion"), "{error}");
}

#[test]
fn no_tests_are_an_empty_report() {
    assert_eq!(run("package t_test"), []);
}
