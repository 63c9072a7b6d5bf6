//! What the tests of this crate share: the small policy, and engines for one text.
#![allow(clippy::unwrap_used, dead_code, missing_docs, unreachable_pub)]

use std::num::NonZeroU32;
use std::path::Path;

use ephor_policy::{Decision, Engine, EntryPoint, Limits, LoadError, PolicySource};
use serde_json::{Value, json};

/// So long that only a runaway meets it.
pub const PATIENT: Limits =
    Limits { evaluation_ns: 60_000_000_000, timer_units: NonZeroU32::MIN, input_bytes: 4_096 };

pub fn rbac_source() -> PolicySource {
    PolicySource::load_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policy")).unwrap()
}

pub fn rbac_facts() -> Vec<(String, Value)> {
    let facts = serde_json::from_str(include_str!("../policy/facts.json")).unwrap();
    vec![("facts.json".to_owned(), facts)]
}

pub fn rbac() -> Engine {
    let entry = EntryPoint::new("data.rbac.violations").unwrap();
    Engine::load(&rbac_source(), rbac_facts(), &entry, PATIENT).unwrap()
}

/// The canonical input for the small policy.
pub fn ask(subject: &str, action: &str, document: &str) -> Vec<u8> {
    let input = json!({ "subject": subject, "action": action, "document": document, "overlay": {} });
    ephor_policy::canonical::to_bytes(&input)
}

/// Loads one text, whose package is `t`, with the entry point `data.t.violations`.
pub fn load_within(text: &str, limits: Limits) -> Result<Engine, LoadError> {
    let source = PolicySource::from_texts(&[("t.rego", text)])?;
    Engine::load(&source, Vec::new(), &EntryPoint::new("data.t.violations")?, limits)
}

pub fn load(text: &str) -> Result<Engine, LoadError> {
    load_within(text, PATIENT)
}

pub fn names(engine: &Engine, decision: Decision) -> Vec<&str> {
    engine.reason_names(decision.reasons).collect()
}
