//! What does not load: with which words, and at which place.
#![allow(clippy::unwrap_used)] // a test may

mod common;

use std::fs;
use std::path::Path;

use ephor_policy::{Engine, EntryPoint, LoadError, Outcome, PolicySource};
use serde_json::json;

use common::{PATIENT, load};

/// Loads `violations := set()` with `rules`, and expects an error that starts and goes on as given.
#[track_caller]
fn refuses(rules: &str, place: &str, message: &str) {
    let error = load_with(rules).map(drop).unwrap_err();
    assert!(matches!(error, LoadError::Refused { .. }), "{error}");
    let text = error.to_string();
    assert!(text.starts_with(place) && text.contains(message), "{text}");
}

#[track_caller]
fn passes(rules: &str) {
    if let Err(error) = load_with(rules) {
        panic!("{error}\n{rules}");
    }
}

fn load_with(rules: &str) -> Result<Engine, LoadError> {
    load(&format!("package t\nviolations := set()\n{rules}"))
}

#[test]
fn recursion_of_functions_is_refused() {
    refuses("f(x) := f(x - 1)", "t.rego:3:1: ", "recursion data.t.f -> data.t.f");
    refuses(
        "f(x) := g(x)\ng(x) := h(x)\nh(x) := f(x)",
        "t.rego:3:1",
        "t.f -> data.t.g -> data.t.h -> data.t.f",
    );
    refuses("f(x) := data.t.f(x)", "t.rego:3:1", "recursion");
    refuses("f(f) := f(1)", "t.rego:3:1", "recursion");
    refuses("f(x) := 1 if x == 0\nelse := f(x - 1)", "t.rego:3:1", "recursion");
    refuses("f(x) := count([y | y := f(x)])", "t.rego:3:1", "recursion");
    refuses("f(x) if every y in x { f(y) }", "t.rego:3:1", "recursion");
    refuses("f(x) if some y in [z | f(z) == x]", "t.rego:3:1", "recursion");
    refuses("f(x) := {x: {\"a\": [f(x)]}}", "t.rego:3:1", "recursion");
}

#[test]
fn recursion_of_rules_is_refused() {
    refuses("p := data.t.p", "t.rego:3:1: ", "recursion data.t.p -> data.t.p");
    refuses("p := q\nq if not p", "t.rego:3:1", "recursion data.t.p -> data.t.q -> data.t.p");
    refuses("p contains x if some x in p", "t.rego:3:1", "recursion");
    refuses("p[x] := 1 if p[x]", "t.rego:3:", "recursion");
    refuses("p.a.b := p.a.b.c", "t.rego:3:", "recursion");
    refuses("p if data.t[input.name]", "t.rego:3:1", "recursion");
    refuses("p if data[input.name].x", "t.rego:3:1", "recursion");
    refuses("p if q with input as p\nq := 1", "t.rego:3:1", "recursion");
    refuses("p if input[p]", "t.rego:3:1", "recursion");
    refuses("p := f(1)\nf(x) := x if p", "t.rego:3:1", "recursion");
    refuses("default p := false\np if p", "t.rego:4:1", "recursion");
}

#[test]
fn recursion_across_packages_and_imports_is_refused() {
    let source = |import: &str, call: &str| {
        let a = format!("package a\n{import}\nviolations := set()\nf(x) := {call}");
        PolicySource::from_texts(&[("a.rego", &a), ("b.rego", "package b.c\ng(x) := data.a.f(x)")]).unwrap()
    };
    for (import, call) in [
        ("", "data.b.c.g(x)"),
        ("import data.b.c", "c.g(x)"),
        ("import data.b.c.g", "g(x)"),
        ("import data.b.c as d", "d.g(x)"),
        ("import data.b", "b.c.g(x)"),
    ] {
        let entry = EntryPoint::new("data.a.violations").unwrap();
        let error = Engine::load(&source(import, call), Vec::new(), &entry, PATIENT).map(drop).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("recursion data.a.f -> data.b.c.g -> data.a.f"), "{import}: {text}");
    }
}

/// `with` can put a function in the place of one that the caller calls, and so close a cycle.
#[test]
fn recursion_through_a_substitute_is_refused() {
    refuses("f(x) := x\ng(x) := h(x)\nh(x) := f(x)\np if h(1) with f as g", "t.rego:", "recursion");
    refuses("g(x) := h(x)\nh(x) := count(x)\np if h([]) with count as g", "t.rego:", "recursion");
    passes("f(x) := x\ng(x) := x + 1\nh(x) := f(x)\np if h(1) == 2 with f as g");
}

#[test]
fn rules_that_only_look_recursive_pass() {
    passes("p := q\nq := r\nr := 1");
    passes("p if q\np if r\nq := 1\nr if q");
    passes("f(p) := p\np := f(1)");
    passes("f([p, {\"a\": q}]) := p + q\np := f([1, {\"a\": 2}])\nq := p");
    passes("p := data.other.p\nq := input.q");
    passes("p := {\"p\": input.p}");
}

/// The exemption of parameters rests on this.
#[test]
fn a_parameter_hides_a_rule_of_its_name() {
    let text = "package t\nviolations contains f(\"parameter\")\np := \"rule\"\nf(p) := p";
    let mut engine = load(text).unwrap();
    let decision = engine.decide(b"{}");
    assert!(engine.reason_names(decision.reasons).eq(["parameter"]));
}

#[test]
fn chains_too_deep_for_the_stack_are_refused_and_the_deepest_that_pass_run() {
    let chain = |length: usize| {
        let link = |level| format!("f{level}(x) := count([y | some z in [1]; y := f{}(x)])\n", level + 1);
        let links: String = (0..length).map(link).collect();
        format!("package t\nviolations := set() if f0(1) == 1\nf{length}(x) := x\n{links}")
    };
    let longest = (1..200).take_while(|&length| load(&chain(length)).is_ok()).last().unwrap();
    let error = load(&chain(longest + 1)).map(drop).unwrap_err();
    assert!(error.to_string().contains("needs more than 512 frames"), "{error}");
    let text = chain(longest);
    let run = move || load(&text).unwrap().decide(b"{}").outcome;
    let small = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap();
    assert_eq!(small.join().unwrap(), Outcome::Permit);
}

#[test]
fn thousands_of_rules_in_a_chain_are_refused_without_a_crash() {
    let rules: String =
        (0..20_000).map(|rule| format!("p{rule} := p{}; ", rule + 1).replace("; ", "\n")).collect();
    let error = load(&format!(
        "package t\nviolations := set()\n{}p19000 := 1",
        &rules[..rules.find("p19000 ").unwrap()]
    ))
    .map(drop)
    .unwrap_err();
    assert!(error.to_string().contains("needs more than 512 frames"), "{error}");
}

#[test]
fn functions_that_answer_anew_each_time_are_refused() {
    for (call, name) in [
        ("time.now_ns()", "time.now_ns"),
        ("rand.intn(\"seed\", 10)", "rand.intn"),
        ("rand[\"intn\"](\"seed\", 10)", "rand.intn"),
        ("uuid.rfc4122(\"\")", "uuid.rfc4122"),
        ("http.send({})", "http.send"),
        ("opa.runtime()", "opa.runtime"),
        ("net.lookup_ip_addr(\"a\")", "net.lookup_ip_addr"),
    ] {
        refuses(&format!("p := {call}"), "t.rego:3:", &format!("{name} is refused: "));
    }
    refuses(
        "f(x, y) := x\np := z if { z := f(1, 2) with f as rand.intn }",
        "t.rego:4:",
        "rand.intn is refused as a substitute",
    );
}

#[test]
fn functions_that_are_wrong_or_unbounded_are_refused() {
    refuses("p := strings.count(input.a, \"a\")", "t.rego:3:", "strings.count is refused");
    refuses("p := numbers.range(1, input.n)", "t.rego:3:", "less than 10000 apart");
    refuses("p := numbers.range(1, 200000000)", "t.rego:3:", "less than 10000 apart");
    refuses("p := numbers.range_step(1, 200000000, 1)", "t.rego:3:", "less than 10000 apart");
    refuses("p := bits.lsh(1, input.n)", "t.rego:3:", "at most 64");
    refuses("p := bits.lsh(1, 4000000000)", "t.rego:3:", "at most 64");
    refuses("p := sprintf(input.format, [1])", "t.rego:3:", "write the format as a literal");
    refuses("p := sprintf(\"%d %999999999d\", [1, 2])", "t.rego:3:", "at most 3 digits");
    refuses("p := sprintf(\"%.9999f\", [1])", "t.rego:3:", "at most 3 digits");
    passes(
        "p := numbers.range(1, 10000)\nq := bits.lsh(1, 64)\nr := sprintf(\"%5d 100000 %s%%\", [1, \"x\"])",
    );
}

#[test]
fn functions_that_do_not_exist_are_refused() {
    refuses("p := crypto.sha256(\"a\")", "t.rego:3:", "there is no function crypto.sha256");
    refuses("p := helper(1)\nhelper := 2", "t.rego:3:", "there is no function helper");
    passes("p := helper(1)\nhelper(x) := x");
}

#[test]
fn texts_that_would_hurt_the_parser_are_refused() {
    refuses(&format!("p := {}1{}", "[".repeat(40), "]".repeat(40)), "t.rego:3:", "inside one another");
    refuses(
        &format!("p := {}1{}", "abs(\n".repeat(10_000), ")".repeat(10_000)),
        "t.rego:",
        "inside one another",
    );
    refuses(&format!("p := {}1", "-\n".repeat(15_000)), "t.rego:", "operators in a row");
    refuses(&format!("p := 1{}", "+\n1".repeat(15_000)), "t.rego:", "operators in a row");
}

#[test]
fn errors_of_the_compiler_name_file_line_and_value() {
    let error = |text: &str| load(text).map(drop).unwrap_err();
    let unsafe_variable = error("package t\nviolations := set() if {\n  y > 1\n}");
    assert_eq!(unsafe_variable.to_string(), "t.rego:3:3: use of undefined variable `y` is unsafe");
    let LoadError::Compile { place, .. } = error("package t\nviolations := ") else {
        panic!("another error")
    };
    assert_eq!((place.file.as_str(), place.line), ("t.rego", 2));
    assert!(matches!(error("violations := set()"), LoadError::Compile { .. }));
    assert!(matches!(error(""), LoadError::Compile { .. }));
}

#[test]
fn the_entry_point_must_be_a_rule_with_that_very_path() {
    let error = |path: &str| {
        let source =
            PolicySource::from_texts(&[("t.rego", "package t\nviolations := set()\nf(x) := x")]).unwrap();
        Engine::load(&source, Vec::new(), &EntryPoint::new(path).unwrap(), PATIENT).map(drop).unwrap_err()
    };
    for path in ["data.t.violation", "data.u.violations", "data.t.violations.x", "data.t.f"] {
        let text = error(path).to_string();
        assert_eq!(text, format!("entry point {path}: no rule has this path"));
    }
    for path in ["", "data", "data.t", "t.violations.x", "data..x", "data.t.x y", "data.t.1", "data.t.x\n"] {
        let error = EntryPoint::new(path).unwrap_err();
        assert!(error.to_string().contains("write it as data.<package>.<rule>"), "{error}");
    }
}

#[test]
fn data_that_contradicts_itself_or_a_rule_is_refused() {
    let error = |data: Vec<serde_json::Value>| {
        let source = PolicySource::from_texts(&[("t.rego", "package t\nviolations := set()")]).unwrap();
        let named = data.into_iter().enumerate().map(|(n, value)| (format!("doc-{n}"), value)).collect();
        let entry = EntryPoint::new("data.t.violations").unwrap();
        Engine::load(&source, named, &entry, PATIENT).map(drop).unwrap_err().to_string()
    };
    assert_eq!(error(vec![json!([1])]), "data doc-0: it is not an object");
    assert!(error(vec![json!({ "x": 1 }), json!({ "x": 2 })]).starts_with("data doc-1: "));
    let taken = "data doc-0: it defines data.t.violations, which is a rule at t.rego:2:1";
    assert_eq!(error(vec![json!({ "t": { "violations": [] } })]), taken);
    assert_eq!(error(vec![json!({ "t": 1 })]), taken);
}

#[test]
fn a_directory_is_read_by_name_and_its_errors_name_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| fs::write(dir.path().join(name), text).unwrap();
    let load_dir = || PolicySource::load_dir(dir.path());
    write("notes.txt", b"not a policy");
    write("a_test.rego", b"package a_test");
    assert!(matches!(load_dir(), Err(LoadError::NoPolicy { .. })));
    write("b.rego", b"package b\nviolations := set(");
    write("a.rego", b"package a\nviolations := set()");
    let entry = EntryPoint::new("data.a.violations").unwrap();
    let load = || Engine::load(&load_dir().unwrap(), Vec::new(), &entry, PATIENT).map(drop);
    let broken = load().unwrap_err().to_string();
    assert!(broken.starts_with("b.rego:2:"), "{broken}");
    write("b.rego", b"package b");
    load().unwrap();
    write("b.rego", b"package \xff");
    let LoadError::Read { path, .. } = load_dir().unwrap_err() else { panic!("another error") };
    assert!(path.ends_with("b.rego"));
    assert!(matches!(PolicySource::load_dir(Path::new("no/such/dir")), Err(LoadError::Read { .. })));
}
