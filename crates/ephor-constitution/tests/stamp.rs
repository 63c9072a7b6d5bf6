//! A charter's stamp: declared, or computed from everything that the charter means.

use ephor_constitution::Charter;
use ephor_core::Stamp;
use sha2::{Digest, Sha256};

const TEXT: &str = r#"
name = "desk"
default_role = "agent"
articles = [{ id = "one", text = "Agents work." }, { id = "two", text = "Audit looks." }]
grants = [{ from = ["agent"], action = ["command"], to = ["agent", "audit"] }]
[roles]
agent = {}
audit = { tenants = "all" }
[kinds]
order = { number = 7, action = "command", lifetime_ms = 5 }
note = { number = 8, action = "inform" }
[kinds_default]
action = "message"
[tenants]
isolation = true
names = ["one", "two"]
[impact]
threshold = 0.8
[limits]
skew_ms = 5
grace_ms = 10
"#;

fn stamp(text: &str) -> Stamp {
    Charter::parse(text, "desk.toml").expect("the text is a charter").stamp()
}

fn numbers(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn text(text: &str) -> Vec<u8> {
    [&numbers(&[text.len() as u64]), text.as_bytes()].concat()
}

#[test]
fn computed_stamp_is_the_hash_of_the_documented_bytes() {
    let bytes = [
        text("ephor charter 1"),
        text("desk"),
        numbers(&[2]),
        ["one", "Agents work.", "two", "Audit looks."].map(text).concat(),
        numbers(&[2]),
        [text("agent"), numbers(&[0]), text("audit"), numbers(&[1])].concat(),
        [numbers(&[1]), text("agent")].concat(),
        numbers(&[3]),
        ["command", "inform", "message"].map(text).concat(),
        numbers(&[2]),
        [numbers(&[7]), text("order"), numbers(&[0, 1, 5_000_000])].concat(),
        [numbers(&[8]), text("note"), numbers(&[1, 0])].concat(),
        numbers(&[1, 2, 0]),
        numbers(&[2, 0, 0, 1, 0, 1, 1]),
        numbers(&[1, 2]),
        ["one", "two"].map(text).concat(),
        numbers(&[8, 5_000_000, 10_000_000]),
    ]
    .concat();
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(stamp(TEXT).to_string(), digest[..16]);
    assert_eq!(stamp(TEXT).to_string(), "8b6b8bfb57570bbb", "the format is frozen");
}

#[test]
fn spelling_makes_no_difference() {
    let respelt = r#"
# The same charter, written by someone else.
name = 'desk'
[limits]
grace_ms = 0xa
skew_ms = 5
[impact]
threshold = 0.80
[kinds_default]
action = "message"
[kinds.note]
action = "inform"
number = 8
[kinds.order]
lifetime_ms = 5
action = "command"
number = 0b111
[roles.audit]
tenants = "all"
[roles.agent]
tenants = "own"
[tenants]
names = ["one", "two"]
[[articles]]
text = "Agents work."
id = "one"
[[articles]]
text = "Audit looks."
id = "two"
[[grants]]
to = ["audit"]
action = ["command", "command"]
from = ["agent"]
[[grants]]
to = ["agent"]
action = ["command"]
from = ["agent"]
"#;
    let respelt = respelt.replacen("name = 'desk'", "default_role = \"agent\"\nname = 'desk'", 1);
    assert_eq!(stamp(&respelt), stamp(TEXT));
    let star = TEXT.replace("to = [\"agent\", \"audit\"]", "to = [\"*\"]");
    assert_eq!(stamp(&star), stamp(TEXT));
}

#[test]
fn every_change_of_meaning_changes_the_stamp() {
    let changes = [
        ("name = \"desk\"", "name = \"desk \""),
        ("default_role = \"agent\"", ""),
        ("default_role = \"agent\"", "default_role = \"audit\""),
        ("Agents work.", "Agents rest."),
        ("id = \"two\"", "id = \"three\""),
        ("id = \"one\", text = \"Agents work.\"", "id = \"oneA\", text = \"gents work.\""),
        ("from = [\"agent\"]", "from = [\"audit\"]"),
        ("to = [\"agent\", \"audit\"]", "to = [\"agent\"]"),
        ("action = [\"command\"]", "action = [\"inform\"]"),
        ("action = [\"command\"]", "action = [\"command\", \"message\"]"),
        ("agent = {}", "agent = { tenants = \"all\" }"),
        ("agent = {}", "agent = {}\nclerk = {}"),
        ("number = 7", "number = 9"),
        ("order =", "ordre ="),
        (", lifetime_ms = 5", ""),
        (", lifetime_ms = 5", ", lifetime_ms = 6"),
        ("action = \"inform\"", "action = \"command\""),
        ("[kinds_default]\naction = \"message\"", ""),
        ("[kinds_default]", "[kinds_default]\nlifetime_ms = 5"),
        ("isolation = true", "isolation = false"),
        ("\"one\", \"two\"", "\"two\", \"one\""),
        ("\"one\", \"two\"", "\"one\""),
        ("0.8", "0.7"),
        ("skew_ms = 5", "skew_ms = 10"),
        ("grace_ms = 10", "grace_ms = 5"),
    ];
    let mut stamps = vec![stamp(TEXT)];
    for (from, to) in changes {
        assert_eq!(TEXT.matches(from).count(), 1, "{from:?} must be in the text exactly once");
        let changed = stamp(&TEXT.replace(from, to));
        assert!(!stamps.contains(&changed), "{from:?} to {to:?} makes no difference");
        stamps.push(changed);
    }
}

#[test]
fn declared_stamp_is_taken_as_it_reads() {
    for digits in ["cdd01ef066bc6cf2", "cdd01ef066bc6cf3", "0000000000000000", "ffffffffffffffff"] {
        assert_eq!(stamp(&format!("stamp = \"{digits}\"\n{TEXT}")).to_string(), digits);
    }
}
