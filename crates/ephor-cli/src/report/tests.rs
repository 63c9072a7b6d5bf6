use serde_json::{Value, json};

use super::*;

/// A summary with something in every field.
pub(super) fn example() -> Summary {
    let counts =
        |pairs: &[(&str, u64)]| pairs.iter().map(|&(name, count)| (name.to_owned(), count)).collect();
    Summary {
        schema: SCHEMA,
        ledger: Ledger {
            sent: 2_558,
            handled: 2_518,
            lost: counts(&[("denied", 39), ("held", 0), ("quarantined", 1)]),
            in_flight: 0,
        },
        commands: Commands {
            total: 121,
            permitted: 82,
            denied: 39,
            by_reason: counts(&[("cancel-not-allowed", 21), ("payment-mix", 19)]),
        },
        hop_ns: Percentiles { p50: 412, p99: 1_830, p999: 24_100, max: 5_310_000, count: 7_674 },
        decision_ns: Percentiles {
            p50: 310_000,
            p99: 2_000_000,
            p999: 2_100_000,
            max: 2_100_000,
            count: 121,
        },
        cache: Cache { hits: 3, misses: 118 },
        health: Health { score: 1.0, status: "healthy".into(), lowest_score: 0.75 },
        recoveries: 2,
        quarantine: vec![Quarantined {
            agent: "desk".into(),
            run: "t03.1".into(),
            step: 7,
            kind: "response".into(),
            crashes: 2,
            bytes_hex: "cdd01ef066bc6cf2".repeat(16),
        }],
        audit: Audit {
            records: 5_240,
            root: "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=".into(),
            dir: "/var/lib/logs of today/a".into(),
            vkey: "ephor.example/replay+1a2b3c4d+AZm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=".into(),
        },
        elapsed_s: 0.412_345,
        machine: Machine {
            cpu: "Fast CPU".into(),
            cores: 2,
            kernel: "6.1.0".into(),
            os: "linux".into(),
            workers: 2,
            pinned: true,
        },
    }
}

#[test]
fn the_json_has_exactly_the_fields_of_the_format() {
    let expected = json!({
        "schema": 1,
        "ledger": {
            "sent": 2558, "handled": 2518, "lost": {"denied": 39, "held": 0, "quarantined": 1}, "in_flight": 0
        },
        "commands": {
            "total": 121, "permitted": 82, "denied": 39,
            "by_reason": {"cancel-not-allowed": 21, "payment-mix": 19}
        },
        "hop_ns": {"p50": 412, "p99": 1830, "p999": 24100, "max": 5310000, "count": 7674},
        "decision_ns": {"p50": 310000, "p99": 2000000, "p999": 2100000, "max": 2100000, "count": 121},
        "cache": {"hits": 3, "misses": 118},
        "health": {"score": 1.0, "status": "healthy", "lowest_score": 0.75},
        "recoveries": 2,
        "quarantine": [{
            "agent": "desk", "run": "t03.1", "step": 7, "kind": "response", "crashes": 2,
            "bytes_hex": "cdd01ef066bc6cf2".repeat(16)
        }],
        "audit": {
            "records": 5240, "root": "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=",
            "dir": "/var/lib/logs of today/a",
            "vkey": "ephor.example/replay+1a2b3c4d+AZm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE="
        },
        "elapsed_s": 0.412345,
        "machine": {
            "cpu": "Fast CPU", "cores": 2, "kernel": "6.1.0", "os": "linux", "workers": 2, "pinned": true
        }
    });
    assert_eq!(serde_json::to_value(example()).unwrap(), expected);
}

/// The page that explains the format names every field of it.
#[test]
fn every_field_is_documented() {
    let page = include_str!("../../../../docs/replay.md");
    let Value::Object(summary) = serde_json::to_value(example()).unwrap() else { panic!("not an object") };
    for (name, value) in &summary {
        let inner = match value {
            Value::Array(items) => &items[0],
            value => value,
        };
        let data_keyed = ["lost", "by_reason"];
        let inner: Vec<_> =
            inner.as_object().into_iter().flatten().map(|(field, _)| field.as_str()).collect();
        let fields = inner.iter().map(|field| format!("{name}.{field}")).chain([name.clone()]);
        for field in
            fields.filter(|field| !inner.contains(&field.as_str()) && !data_keyed.contains(&field.as_str()))
        {
            let is_object = field == *name && !inner.is_empty();
            assert!(is_object || page.contains(&format!("`{field}`")), "{field} is not explained");
        }
    }
}

#[test]
fn a_ledger_adds_up_or_says_that_it_does_not() {
    let mut ledger = example().ledger;
    assert!(ledger.adds_up());
    assert_eq!(ledger.lost_total(), 40);
    ledger.in_flight = 1;
    assert!(!ledger.adds_up());
    assert!(Ledger::default().adds_up());
}
