//! Reading a charter file: every mistake is named with its line, its key and what is allowed.

use std::fmt::Write;

use ephor_constitution::{CHARTER_BYTES_MAX, Charter, CharterError};
use proptest::prelude::*;

const GOOD: &str = r#"name = "desk"
stamp = "cdd01ef066bc6cf2"
default_role = "agent"

[[articles]]
id = "one"
text = "Agents work."

[roles.agent]
[roles.audit]
tenants = "all"

[kinds.order]
number = 7
action = "command"
lifetime_ms = 5000

[kinds.note]
number = 8
action = "inform"

[kinds_default]
action = "message"

[[grants]]
from = ["agent"]
action = ["command", "inform"]
to = ["*"]

[tenants]
isolation = true
names = ["one", "two"]

[impact]
threshold = 0.8

[limits]
skew_ms = 5
grace_ms = 10
"#;

/// The error that [`GOOD`] gives when `from` in it is replaced by `to`.
#[track_caller]
fn error(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?} must be in the text exactly once");
    match Charter::parse(&GOOD.replace(from, to), "desk.toml") {
        Ok(_) => panic!("{to:?} was accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_text_that_the_mistakes_start_from_is_good() {
    let charter = Charter::parse(GOOD, "desk.toml").unwrap();
    assert_eq!(charter.roles().collect::<Vec<_>>(), ["agent", "audit"]);
    assert_eq!(charter.tenants().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(charter.tenant(" TWO\n").map(|tenant| tenant.0), Some(2));
    assert_eq!(charter.grace_ns(), 10_000_000);
    assert_eq!(charter.articles()[0].text, "Agents work.");
}

#[test]
fn the_example_in_the_documentation_is_a_charter() {
    let page = include_str!("../../../docs/constitution.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let charter = Charter::parse(example, "constitution.md").unwrap();
    assert_eq!(charter.name(), "Trading desk");
    assert_eq!(charter.grace_ns(), 500_000_000);
}

#[test]
fn unknown_keys_are_named() {
    let sections =
        "name, stamp, default_role, articles, roles, kinds, kinds_default, grants, tenants, impact, limits";
    assert_eq!(
        error("name = \"desk\"", "name = \"desk\"\nnmae = 1"),
        format!("desk.toml:2: nmae: is not a known key: one of {sections}")
    );
    assert_eq!(
        error("lifetime_ms", "lifetime"),
        "desk.toml:16: kinds.order.lifetime: is not a known key: one of number, action, lifetime_ms"
    );
    assert_eq!(
        error("tenants = \"all\"", "a = 1"),
        "desk.toml:11: roles.audit.a: is not a known key: one of tenants"
    );
    assert_eq!(
        error("isolation", "b"),
        "desk.toml:31: tenants.b: is not a known key: one of isolation, names"
    );
    assert_eq!(error("threshold", "c"), "desk.toml:35: impact.c: is not a known key: one of threshold");
    assert_eq!(error("skew_ms", "d"), "desk.toml:38: limits.d: is not a known key: one of skew_ms, grace_ms");
    assert_eq!(error("id =", "e ="), "desk.toml:6: articles[0].e: is not a known key: one of id, text");
    assert_eq!(
        error("to = [", "f = ["),
        "desk.toml:28: grants[0].f: is not a known key: one of from, action, to"
    );
    assert_eq!(
        error("action = \"message\"", "action = \"message\"\n\"\\u0000 ü\" = 1"),
        "desk.toml:24: kinds_default.\"\\0 ü\": is not a known key: one of action, lifetime_ms"
    );
}

#[test]
fn missing_keys_are_named() {
    assert_eq!(error("name = \"desk\"", ""), "desk.toml:1: name: is missing");
    assert_eq!(error("number = 7", ""), "desk.toml:13: kinds.order.number: is missing");
    assert_eq!(error("action = \"message\"", ""), "desk.toml:22: kinds_default.action: is missing");
    assert_eq!(error("to = [\"*\"]", ""), "desk.toml:25: grants[0].to: is missing");
    assert_eq!(error("text = \"Agents work.\"", ""), "desk.toml:5: articles[0].text: is missing");
    assert_eq!(Charter::parse("", "a.toml").unwrap_err().to_string(), "a.toml:1: roles: is missing");
}

#[test]
fn wrong_types_are_named() {
    assert_eq!(error("\"desk\"", "7"), "desk.toml:1: name: must be a string, not an integer");
    assert_eq!(
        error("number = 7", "number = \"7\""),
        "desk.toml:14: kinds.order.number: must be an integer, not a string"
    );
    assert_eq!(
        error("number = 7", "number = 7.0"),
        "desk.toml:14: kinds.order.number: must be an integer, not a float"
    );
    assert_eq!(
        error("[\"agent\"]", "\"agent\""),
        "desk.toml:26: grants[0].from: must be an array, not a string"
    );
    assert_eq!(
        error("[\"agent\"]", "[[]]"),
        "desk.toml:26: grants[0].from[0]: must be a string, not an array"
    );
    assert_eq!(
        error("= true", "= 1979-05-27"),
        "desk.toml:31: tenants.isolation: must be true or false, not a date"
    );
    assert_eq!(
        error("= 0.8", "= true"),
        "desk.toml:35: impact.threshold: must be a decimal number, not a boolean"
    );
    assert_eq!(
        error("[impact]\nthreshold = 0.8", "[[impact]]"),
        "desk.toml:34: impact: must be a table, not an array"
    );
    assert_eq!(
        error("tenants = \"all\"", "tenants = {}"),
        "desk.toml:11: roles.audit.tenants: must be a string, not a table"
    );
}

#[test]
fn numbers_out_of_range_are_named() {
    let number = |text: &str| error("number = 7", &format!("number = {text}"));
    assert_eq!(number("300"), "desk.toml:14: kinds.order.number: 300 is not allowed: 1 to 255");
    assert_eq!(number("0"), "desk.toml:14: kinds.order.number: 0 is not allowed: 1 to 255");
    assert_eq!(number("-1"), "desk.toml:14: kinds.order.number: -1 is not allowed: 1 to 255");
    assert_eq!(number("0x100"), "desk.toml:14: kinds.order.number: 0x100 is not allowed: 1 to 255");
    assert_eq!(
        number(&"9".repeat(99)),
        format!("desk.toml:14: kinds.order.number: {} is not allowed: 1 to 255", "9".repeat(32))
    );
    assert_eq!(number("8"), "desk.toml:14: kinds.order.number: 8 is already the number of `note`");
    assert_eq!(
        error("5000", "0"),
        "desk.toml:16: kinds.order.lifetime_ms: 0 is not allowed: 1 to 1000000000000"
    );
    assert_eq!(
        error("skew_ms = 5", "skew_ms = 1000000000001"),
        "desk.toml:38: limits.skew_ms: 1000000000001 is not allowed: 0 to 1000000000000"
    );
    for score in ["1.1", "-0.1", "0.85", "nan", "inf", "2"] {
        let shown = score.replace("nan", "NaN");
        assert_eq!(
            error("= 0.8", &format!("= {score}")),
            format!("desk.toml:35: impact.threshold: {shown} is not allowed: 0 to 1 in tenths, such as 0.8")
        );
    }
}

#[test]
fn unknown_names_are_named_with_those_that_exist() {
    assert_eq!(
        error("default_role = \"agent\"", "default_role = \"boss\""),
        "desk.toml:3: default_role: \"boss\" is not a role: one of agent, audit"
    );
    assert_eq!(
        error("[\"agent\"]", "[\"agent\",\n\"boss\"]"),
        "desk.toml:27: grants[0].from[1]: \"boss\" is not a role: one of agent, audit"
    );
    assert_eq!(error("[\"*\"]", "[\"\"]"), "desk.toml:28: grants[0].to[0]: must not be empty");
    assert_eq!(
        error("[\"*\"]", "[]"),
        "desk.toml:28: grants[0].to: must name at least one, or \"*\" for all"
    );
    assert_eq!(
        error("\"inform\"]", "\"talk\"]"),
        "desk.toml:27: grants[0].action[1]: \"talk\" is not the action of any kind: one of command, inform, message"
    );
    assert_eq!(
        error("\"all\"", "\"some\""),
        "desk.toml:11: roles.audit.tenants: \"some\" is not allowed: \"own\" or \"all\""
    );
}

#[test]
fn names_that_cannot_be_names_are_refused() {
    let rule = "is not a name: 1 to 64 letters, digits, `-` or `_`";
    assert_eq!(error("[roles.agent]", "[roles.\"*\"]"), format!("desk.toml:9: roles.\"*\": \"*\" {rule}"));
    assert_eq!(
        error("[kinds.note]", "[kinds.\"a b\"]"),
        format!("desk.toml:18: kinds.\"a b\": \"a b\" {rule}")
    );
    assert_eq!(
        error("action = \"message\"", "action = \"*\""),
        format!("desk.toml:23: kinds_default.action: \"*\" {rule}")
    );
    let tenant = "is not a tenant: 3 to 64 of a-z, 0-9, `-` and `_`";
    for name in ["ab", "a/b/c", "TENANT", " one", "abc\\n", &"x".repeat(65)] {
        let message = error("\"two\"", &format!("\"{name}\""));
        assert!(message.starts_with("desk.toml:32: tenants.names[1]: "), "{message}");
        assert!(message.ends_with(tenant), "{message}");
    }
    assert_eq!(error("\"two\"", "\"one\""), "desk.toml:32: tenants.names[1]: \"one\" is named twice");
    let again = "text = \"Agents work.\"\n[[articles]]\nid = \"one\"\ntext = \"Again.\"";
    assert_eq!(
        error("text = \"Agents work.\"", again),
        "desk.toml:9: articles[1].id: \"one\" is already the id of another article"
    );
}

#[test]
fn a_stamp_is_sixteen_lower_case_digits_and_a_refused_one_is_not_repeated() {
    let right = "cdd01ef066bc6cf2";
    let wrong = [
        "CDD01EF066BC6CF2",
        &right[..15],
        &format!("{right}0"),
        "0xd01ef066bc6cf2",
        "cdd01ef0\\u0000\\u0000üx",
    ];
    for stamp in wrong {
        let message = error(right, stamp);
        assert!(message.starts_with("desk.toml:2: stamp: "), "{message}");
        assert!(message.ends_with("is not a stamp: 16 digits of 0-9 and a-f"), "{message}");
        assert!(!message.contains(&stamp[..9]), "{message} shows more than 8 characters");
    }
    assert_eq!(error(right, ""), "desk.toml:2: stamp: must not be empty");
}

#[test]
fn too_many_of_anything_is_refused() {
    let mut text = String::from("name = \"many\"\n");
    for role in 0..33 {
        writeln!(text, "roles.r{role} = {{}}").unwrap();
    }
    let message = Charter::parse(&text, "a.toml").unwrap_err().to_string();
    assert_eq!(message, "a.toml:2: roles: 33 roles are not allowed: 1 to 32");
    assert_eq!(
        Charter::parse("name = \"none\"\nroles = {}", "a.toml").unwrap_err().to_string(),
        "a.toml:2: roles: 0 roles are not allowed: 1 to 32"
    );

    let mut text = String::from("name = \"many\"\nroles.agent = {}\n");
    for kind in 1..=33 {
        writeln!(text, "kinds.k{kind} = {{ number = {kind}, action = \"a{kind}\" }}").unwrap();
    }
    let message = Charter::parse(&text, "a.toml").unwrap_err().to_string();
    assert_eq!(message, "a.toml:3: kinds: 33 actions are more than the 32 allowed");

    let names: Vec<String> = (0..256).map(|tenant| format!("\"tenant-{tenant}\"")).collect();
    let text = format!("name = \"many\"\nroles.agent = {{}}\ntenants.names = [{}]", names.join(", "));
    let message = Charter::parse(&text, "a.toml").unwrap_err().to_string();
    assert_eq!(
        message,
        "a.toml:3: tenants.names[255]: \"tenant-255\" is one more than the 255 tenants allowed"
    );

    let text = "#".repeat(CHARTER_BYTES_MAX + 1);
    assert!(matches!(Charter::parse(&text, "a.toml"), Err(CharterError::Size { .. })));
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    assert!(error("[impact]", "[impact").starts_with("desk.toml:34: "));
    assert!(error("number = 8", "number = 8\nnumber = 9").starts_with("desk.toml:20: "));
}

#[test]
fn a_file_is_read_or_refused_by_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("charter.toml");
    let shown = path.display();

    assert!(Charter::load(&path).unwrap_err().to_string().starts_with(&format!("{shown}: cannot be read: ")));
    std::fs::write(&path, GOOD).unwrap();
    assert_eq!(Charter::load(&path).unwrap().name(), "desk");
    std::fs::write(&path, GOOD.replace("number = 7", "number = 300")).unwrap();
    assert_eq!(
        Charter::load(&path).unwrap_err().to_string(),
        format!("{shown}:14: kinds.order.number: 300 is not allowed: 1 to 255")
    );
    std::fs::write(&path, b"name = \"a\"\n# \xff\n").unwrap();
    assert_eq!(Charter::load(&path).unwrap_err().to_string(), format!("{shown}:2: is not UTF-8"));
    std::fs::write(&path, vec![0xff; CHARTER_BYTES_MAX + 100]).unwrap();
    assert!(matches!(Charter::load(&path), Err(CharterError::Size { .. })));
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
    let dotted = format!("name.{}a = 1", "a.".repeat(CHARTER_BYTES_MAX / 2 - 10));
    let brackets = format!("name = {}", "[".repeat(CHARTER_BYTES_MAX - 10));
    let both = format!("name = {}", format!("{{{}a=", "a.".repeat(70)).repeat(70));
    for text in [dotted, brackets, both] {
        assert!(Charter::parse(&text, "deep.toml").is_err());
    }
    let allowed = format!("name = {}", format!("{{{}a=", "a.".repeat(70)).repeat(14));
    assert!(Charter::parse(&allowed, "deep.toml").is_err());
    let dots = format!("# {}\n#.", ".".repeat(1_000));
    let message = Charter::parse(&dots, "deep.toml").unwrap_err().to_string();
    assert_eq!(message, "deep.toml:2: is one dot more than the 1000 of a charter");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 2_000 }))]

    #[test]
    fn any_text_is_read_or_refused(text in "(name|roles|kinds|grants|[a-z.=\\[\\]{}\"'#0-9,\n \\PC]){0,60}") {
        let _ = Charter::parse(&text, "any.toml");
    }

    #[test]
    fn any_damage_to_a_good_text_is_read_or_refused(
        at in 0..GOOD.len(), length in 0..30_usize, put in "\\PC{0,8}|[\\[\\]{}\"=.\n]{0,3}"
    ) {
        let end = (at + length).min(GOOD.len());
        let text = format!("{}{put}{}", &GOOD[..at], &GOOD[end..]);
        if let Err(error) = Charter::parse(&text, "damaged.toml") {
            let message = error.to_string();
            prop_assert!(message.starts_with("damaged.toml:"), "{}", message);
            prop_assert!(!message.contains('\n') && message.len() < 500, "{}", message);
        }
    }
}
