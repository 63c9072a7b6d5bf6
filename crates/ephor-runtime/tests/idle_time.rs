//! A worker that has slept knows what time it is.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::time::{Duration, Instant};

use ephor_constitution::Charter;
use ephor_runtime::{IdleStrategy, Topology, WorkerOptions};
use support::{Item, LONG, Sink, Tally};

/// Messages may be sent at most this far ahead of the worker's time.
const SKEW_MS: u64 = 200;
const IDLE: Duration = Duration::from_millis(2 * SKEW_MS);

const CHARTER: &str = r#"
name = "idle"
[roles]
sink = {}
gateway = {}
[limits]
skew_ms = 200
[kinds_default]
action = "send"
[[grants]]
from = ["*"]
action = ["send"]
to = ["*"]
"#;

#[test]
fn a_message_after_a_long_sleep_is_neither_early_nor_late() {
    for idle in [IdleStrategy::park(), IdleStrategy::backoff(), IdleStrategy::Yield] {
        let mut topology = Topology::new(Charter::parse(CHARTER, "idle.toml").unwrap());
        topology.worker(WorkerOptions { idle, ..WorkerOptions::default() });
        let sink = topology.reserve::<Sink>("sink");
        let gate = topology.gateway(sink, 64);
        let tally = Tally::default();
        let seen = tally.clone();
        topology.install(sink, move || Sink { tally: tally.clone() });
        let bus = topology.build().unwrap().start().unwrap();
        for number in 1..=2_u64 {
            gate.try_send(Item(number)).unwrap();
            // What is tested is that time passes; nothing depends on how much more than this it is.
            let begun = Instant::now();
            while begun.elapsed() < IDLE {
                std::thread::yield_now();
            }
        }
        let report = bus.shutdown(LONG).unwrap();
        assert_eq!(seen.count(), 2, "{idle:?}: {}", report.ledger);
    }
}
