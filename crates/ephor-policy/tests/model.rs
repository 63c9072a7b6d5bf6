//! Deciders and caches against naive oracles.
#![allow(clippy::unwrap_used)] // a test may

mod common;

use std::collections::HashMap;

use proptest::prelude::*;

use ephor_policy::{
    Decider, Decision, DecisionCache, DecisionKey, Engine, EntryPoint, FailureKind, Outcome, PolicySource,
    ReasonSet,
};

use common::{PATIENT, ask, load, rbac};

#[derive(Clone, Debug)]
enum Op {
    Find(u16),
    Insert(u16, u64),
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..64_u16).prop_map(Op::Find),
        8 => (0..64_u16, any::<u64>()).prop_map(|(key, bits)| Op::Insert(key, bits)),
        1 => Just(Op::Clear),
    ]
}

/// A decision about bits: failures among them are not to be remembered.
fn decision(bits: u64) -> Decision {
    let outcome = if bits == 0 { Outcome::Permit } else { Outcome::Deny };
    Decision { outcome, reasons: ReasonSet::from_bits(bits), cached: false }
}

/// The oracle remembers everything; the cache may forget, and must otherwise agree.
fn check(capacity: usize, seed: u64, ops: &[Op]) {
    let engine = load("package t\nviolations := set()").unwrap();
    let key = |number: u16| -> DecisionKey { engine.key(&number.to_le_bytes()) };
    let mut cache = DecisionCache::with_seed(capacity, seed).unwrap();
    let mut oracle: HashMap<u16, Decision> = HashMap::new();
    let (mut hits, mut misses) = (0, 0);
    for op in ops {
        match *op {
            Op::Find(number) => match cache.find(&key(number)) {
                Some(found) => {
                    let expected = oracle.get(&number).map(|&known| Decision { cached: true, ..known });
                    assert_eq!(Some(found), expected, "key {number}");
                    hits += 1;
                }
                None => misses += 1,
            },
            Op::Insert(number, bits) => {
                cache.insert(&key(number), decision(bits));
                if !decision(bits).is_failure() {
                    oracle.insert(number, decision(bits));
                    assert!(cache.find(&key(number)).is_some(), "the newest is remembered");
                    hits += 1;
                }
            }
            Op::Clear => {
                cache.clear();
                oracle.clear();
            }
        }
        assert!(cache.count() <= cache.capacity() && cache.count() <= oracle.len());
        assert_eq!((cache.hits(), cache.misses()), (hits, misses));
    }
}

proptest! {
    #[test]
    fn a_hit_is_always_right_and_capacity_is_kept(
        capacity in 1..40_usize, seed: u64, ops in prop::collection::vec(op(), 1..400),
    ) {
        check(capacity, seed, &ops);
    }

    #[test]
    fn a_cached_decision_is_the_evaluated_one(
        asks in prop::collection::vec((0..4_usize, 0..3_usize, 0..3_usize), 1..60), capacity in 1..20_usize,
    ) {
        let mut oracle = rbac();
        let mut decider = Decider::new(rbac(), DecisionCache::with_seed(capacity, 7).unwrap());
        for (subject, action, document) in asks {
            let subject = ["ada", "bob", "eve", ""][subject];
            let input = ask(subject, ["read", "write", "erase"][action], ["plan", "deed", "none"][document]);
            let (found, expected) = (decider.decide(&input), oracle.decide(&input));
            prop_assert_eq!(found.outcome, expected.outcome);
            let names = decider.reason_names(found.reasons).collect::<Vec<_>>();
            prop_assert_eq!(names, oracle.reason_names(expected.reasons).collect::<Vec<_>>());
        }
    }
}

#[test]
fn all_that_is_live_stays_when_the_cache_is_three_times_as_large() {
    let engine = rbac();
    let keys: Vec<DecisionKey> = (0..1_000_u32).map(|input| engine.key(&input.to_le_bytes())).collect();
    let mut cache = DecisionCache::with_seed(3_000, 11).unwrap();
    keys.iter().for_each(|key| cache.insert(key, decision(0)));
    let found = keys.iter().filter(|key| cache.find(key).is_some()).count();
    assert!(found >= 990, "{found} of 1000");
}

#[test]
fn keys_differ_by_policy_data_entry_point_and_input() {
    let load = |text: &str, rule: &str, data: serde_json::Value| {
        let source = PolicySource::from_texts(&[("t.rego", text)]).unwrap();
        let entry = EntryPoint::new(rule).unwrap();
        Engine::load(&source, vec![("facts".to_owned(), data)], &entry, PATIENT).unwrap()
    };
    let (text, rule, none) = ("package t\na := set()\nb := set()", "data.t.a", serde_json::json!({}));
    let key = load(text, rule, none.clone()).key(b"{}");
    assert_eq!(load(text, rule, none.clone()).key(b"{}"), key);
    assert_ne!(load(&format!("{text}\n"), rule, none.clone()).key(b"{}"), key);
    assert_ne!(load(text, "data.t.b", none.clone()).key(b"{}"), key);
    assert_ne!(load(text, rule, serde_json::json!({ "x": 1 })).key(b"{}"), key);
    assert_ne!(load(text, rule, none).key(b"{} "), key);
}

#[test]
fn a_decision_is_evaluated_once_and_a_failure_each_time() {
    let engine = load("package t\nviolations contains \"a\" if to_number(input.text) == 1").unwrap();
    let mut decider = Decider::new(engine, DecisionCache::new(8).unwrap());
    let (one, bad) = (br#"{"text":"1"}"#, br#"{"text":""}"#);
    let first = decider.decide(one);
    assert_eq!((first.outcome, first.cached), (Outcome::Deny, false));
    assert_eq!(decider.decide(one), Decision { cached: true, ..first });
    for _ in 0..2 {
        let failed = decider.decide(bad);
        assert_eq!((failed.reasons, failed.cached), (ReasonSet::of_failure(FailureKind::Error), false));
    }
    assert_eq!((decider.cache().hits(), decider.cache().misses()), (1, 3));
}

#[test]
fn a_reload_never_returns_a_decision_of_another_policy() {
    let policy = |name: &str| load(&format!("package t\nviolations contains \"{name}\" if input.x")).unwrap();
    let input = br#"{"x":1}"#;
    let mut decider = Decider::new(policy("first"), DecisionCache::new(8).unwrap());
    for name in ["first", "second", "first", "third"] {
        decider.reload(policy(name));
        for cached in [false, true] {
            let decision = decider.decide(input);
            assert_eq!(decision.cached, cached);
            assert!(decider.reason_names(decision.reasons).eq([name]));
        }
    }
}

/// The key alone keeps policies apart, also in a cache that nobody clears.
#[test]
fn one_cache_keeps_two_revisions_apart() {
    let engines = ["a", "b"].map(|name| load(&format!("package t\nviolations contains \"{name}\"")).unwrap());
    let mut cache = DecisionCache::new(8).unwrap();
    cache.insert(&engines[0].key(b"{}"), decision(0));
    assert_eq!(cache.find(&engines[1].key(b"{}")), None);
    assert!(cache.find(&engines[0].key(b"{}")).is_some());
}

/// The same policy again numbers its names anew, in the order in which this run meets them.
#[test]
fn a_policy_that_comes_back_does_not_read_old_bits_with_new_names() {
    let policy = || load("package t\nviolations contains input.name").unwrap();
    let mut decider = Decider::new(policy(), DecisionCache::new(8).unwrap());
    let ask = |decider: &mut Decider, name: &str| {
        let decision = decider.decide(format!("{{\"name\":\"{name}\"}}").as_bytes());
        assert!(decider.reason_names(decision.reasons).eq([name]));
    };
    ask(&mut decider, "a");
    ask(&mut decider, "b");
    decider.reload(policy());
    ask(&mut decider, "b");
    ask(&mut decider, "a");
}
