//! What an engine answers: only a defined set of names decides, and every doubt denies.
#![allow(clippy::unwrap_used)] // a test may

mod common;

use ephor_policy::{Decision, Engine, EntryPoint, FailureKind, Limits, Outcome, PolicySource, ReasonSet};
use serde_json::json;

use common::{PATIENT, ask, load, load_within, names, rbac, rbac_facts, rbac_source};

/// Asks the small policy and expects the broken rules.
#[track_caller]
fn check(input: &[u8], expected: &[&str]) {
    let mut engine = rbac();
    let decision = engine.decide(input);
    assert_eq!(names(&engine, decision), expected, "{:?}", engine.last_failure());
    assert_eq!(decision.outcome == Outcome::Permit, expected.is_empty());
}

/// Decides an input with one text, and expects a failure of `kind` and its reason alone.
#[track_caller]
fn check_failure(text: &str, input: &[u8], kind: FailureKind) -> String {
    let mut engine = load(text).unwrap();
    failed(&mut engine, input, kind)
}

#[track_caller]
fn failed(engine: &mut Engine, input: &[u8], kind: FailureKind) -> String {
    let decision = engine.decide(input);
    assert_eq!(decision.outcome, Outcome::Deny);
    assert_eq!(names(engine, decision), [kind.reason()], "{:?}", engine.last_failure());
    assert!(decision.is_failure());
    engine.last_failure().unwrap().detail.clone()
}

#[test]
fn the_empty_set_permits_and_names_deny() {
    check(&ask("ada", "write", "plan"), &[]);
    check(&ask("bob", "write", "deed"), &["document-locked", "role-lacks-action"]);
    check(&ask("eve", "read", "plan"), &["unknown-subject"]);
}

#[test]
fn the_overlay_goes_before_the_data() {
    let input = json!({ "subject": "ada", "action": "write", "document": "deed",
        "overlay": { "deed": { "locked": false } } });
    check(&ephor_policy::canonical::to_bytes(&input), &[]);
}

#[test]
fn a_list_of_names_decides_as_a_set_does() {
    let mut engine = load("package t\nviolations := [x | some x in input.names]").unwrap();
    assert_eq!(engine.decide(br#"{"names":[]}"#).outcome, Outcome::Permit);
    let decision = engine.decide(br#"{"names":["b","a","b"]}"#);
    assert_eq!(names(&engine, decision), ["a", "b"]);
}

#[test]
fn an_undefined_entry_point_denies() {
    check_failure("package t\nviolations := set() if input.known", b"{}", FailureKind::Undefined);
}

#[test]
fn a_comparison_with_something_undefined_is_undefined_and_denies() {
    let text = "package t\nviolations := set() if input.amount < 100";
    check_failure(text, b"{}", FailureKind::Undefined);
    assert_eq!(load(text).unwrap().decide(br#"{"amount":5}"#).outcome, Outcome::Permit);
}

#[test]
fn values_of_another_type_deny() {
    for value in ["true", "false", "null", "1", "\"a\"", "{\"a\": true}", "{1}", "[[]]", "{\"a\", 1}"] {
        let detail = check_failure(&format!("package t\nviolations := {value}"), b"{}", FailureKind::Error);
        assert!(detail.contains("not a set of names"), "{detail}");
    }
}

#[test]
fn two_values_for_one_rule_deny_with_the_place() {
    let text = "package t\nviolations := set() if p == 1\np := 1 if input.a\np := 2 if input.b";
    let detail = check_failure(text, br#"{"a":true,"b":true}"#, FailureKind::Error);
    assert!(detail.starts_with("t.rego:"), "{detail}");
    assert_eq!(load(text).unwrap().decide(br#"{"a":true}"#).outcome, Outcome::Permit);
}

#[test]
fn a_failing_function_under_not_denies() {
    let text = |condition: &str| format!("package t\nviolations := set() if not {condition}");
    check_failure(&text("to_number(\"\") > 3"), b"{}", FailureKind::Error);
    check_failure(&text("1 / 0 > 3"), b"{}", FailureKind::Error);
    check_failure(&text("to_number(input.text) > 3"), br#"{"text":"x"}"#, FailureKind::Error);
    assert_eq!(load(&text("to_number(\"1\") > 3")).unwrap().decide(b"{}").outcome, Outcome::Permit);
}

#[test]
fn input_that_is_not_json_text_denies() {
    let text = "package t\nviolations := set()";
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let inputs: [&[u8]; 6] = [b"", b"{", b"{} {}", b"\xff\xfe", b"1e999999999", deep.as_bytes()];
    let patient = Limits { input_bytes: 1 << 20, ..PATIENT };
    for input in inputs {
        failed(&mut load_within(text, patient).unwrap(), input, FailureKind::Error);
    }
}

#[test]
fn input_is_bounded_in_bytes() {
    let mut engine = load("package t\nviolations := set()").unwrap();
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    assert_eq!(engine.decide(text(PATIENT.input_bytes).as_bytes()).outcome, Outcome::Permit);
    let detail = failed(&mut engine, text(PATIENT.input_bytes + 1).as_bytes(), FailureKind::Error);
    assert_eq!(detail, "input of 4097 bytes exceeds 4096");
}

#[test]
fn loops_that_run_away_are_stopped() {
    let list = "l := numbers.range(1, 5000)\n";
    for body in ["some a in l; some b in l; a * b == -1", "every a in l { every b in l { a * b > 0 } }"] {
        let text = format!("package t\n{list}violations := set() if {{ {body} }}");
        let mut engine = load_within(&text, Limits { evaluation_ns: 1_000_000, ..PATIENT }).unwrap();
        failed(&mut engine, b"{}", FailureKind::Timeout);
    }
}

/// Forty functions of two definitions, each calling the next: 2^40 calls, and as many errors to collect if
/// the clock were not looked at on every step. Were it so, this test would not end.
#[test]
fn functions_that_fan_out_are_stopped() {
    let mut text = String::from("package t\nviolations := f0(1)\nf40(x) := set()\n");
    for level in 0..40 {
        let definition = format!("f{level}(x) := y if y := f{}(x)\n", level + 1);
        text += &definition.repeat(2);
    }
    let mut engine = load_within(&text, Limits { evaluation_ns: 1_000_000, ..PATIENT }).unwrap();
    failed(&mut engine, b"{}", FailureKind::Timeout);
}

#[test]
fn a_panic_of_the_interpreter_denies_and_leaves_the_engine_usable() {
    // A width in digits that are numeric, but not ASCII: the interpreter expects otherwise and panics.
    let text = "package t\nviolations contains sprintf(\"%²d\", [1]) if input.panic";
    let mut engine = load(text).unwrap();
    let detail = failed(&mut engine, br#"{"panic":true}"#, FailureKind::Panic);
    assert!(detail.contains("digit"), "{detail}");
    assert_eq!(engine.decide(b"{}").outcome, Outcome::Permit);
}

#[test]
fn nothing_of_a_failure_is_left_for_the_next_input() {
    let mut engine = rbac();
    let permitted = ask("ada", "write", "plan");
    for _ in 0..3 {
        failed(&mut engine, b"{", FailureKind::Error);
        assert_eq!(engine.decide(&permitted).outcome, Outcome::Permit);
    }
}

#[test]
fn nothing_of_one_input_is_left_for_the_next() {
    let mut engine = load("package t\nviolations contains x if some x in input.names").unwrap();
    assert_eq!(engine.decide(br#"{"names":["a"]}"#).outcome, Outcome::Deny);
    assert_eq!(engine.decide(b"{}").outcome, Outcome::Permit);
}

#[test]
fn the_sixty_first_name_of_a_policy_denies_as_an_error() {
    let mut engine = load("package t\nviolations contains x if some x in input.names").unwrap();
    let input = |count: usize| {
        let names: Vec<String> = (0..count).map(|name| format!("name-{name:02}")).collect();
        json!({ "names": names }).to_string().into_bytes()
    };
    let decision = engine.decide(&input(60));
    assert_eq!(decision.reasons.count(), 60);
    assert_eq!(failed(&mut engine, &input(61), FailureKind::Error), "more than 64 names of rules");
    assert_eq!(engine.decide(&input(60)), decision);
}

#[test]
fn a_rule_that_takes_the_name_of_a_failure_denies() {
    let mut engine = load("package t\nviolations contains \"policy-timeout\"").unwrap();
    let decision = engine.decide(b"{}");
    let expected = ReasonSet::of_failure(FailureKind::Timeout);
    assert_eq!(decision, Decision { outcome: Outcome::Deny, reasons: expected, cached: false });
}

#[test]
fn revisions_follow_policy_and_data_and_nothing_else() {
    let load = |name, text, data| {
        let source = PolicySource::from_texts(&[(name, text)]).unwrap();
        let entry = EntryPoint::new("data.t.violations").unwrap();
        let engine = Engine::load(&source, vec![("any".to_owned(), data)], &entry, PATIENT).unwrap();
        (engine.revision(), engine.data_revision())
    };
    let text = "package t\nviolations := set()";
    let first = load("a", text, json!({ "x": 1, "y": 2 }));
    assert_eq!(load("a", text, json!({ "y": 2, "x": 1 })), first);
    let data = load("a", text, json!({ "x": 1, "y": 3 }));
    assert_eq!((data.0 == first.0, data.1 == first.1), (true, false));
    let renamed = load("b", text, json!({ "x": 1, "y": 2 }));
    assert_eq!((renamed.0 == first.0, renamed.1 == first.1), (false, true));
}

#[test]
fn the_small_policy_runs_within_the_default_limits_of_size() {
    let entry = EntryPoint::new("data.rbac.violations").unwrap();
    let limits = Limits { evaluation_ns: PATIENT.evaluation_ns, ..Limits::default() };
    let mut engine = Engine::load(&rbac_source(), rbac_facts(), &entry, limits).unwrap();
    assert_eq!(engine.decide(&ask("bob", "read", "plan")).outcome, Outcome::Permit);
}

#[test]
fn an_engine_can_move_to_its_thread() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let mut engine = sent(rbac());
    let decide = move || engine.decide(&ask("ada", "read", "plan")).outcome;
    assert_eq!(std::thread::spawn(decide).join().unwrap(), Outcome::Permit);
}
