//! An agent with many edges from elsewhere finds a message on any of them, however long nobody has sent there.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::time::{Duration, Instant};

use ephor_constitution::Charter;
use ephor_runtime::{IdleStrategy, Topology, WorkerOptions};
use support::{Item, LONG, Relay, Sink, Tally};

const EDGES: usize = 40;
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for the sink to have seen `count` messages.
fn await_count(tally: &Tally, count: u64, what: &str) {
    let begun = Instant::now();
    while tally.count() < count {
        assert!(begun.elapsed() < PATIENCE, "{what}: {} of {count} messages arrived", tally.count());
        std::thread::yield_now();
    }
}

#[test]
fn a_message_on_a_quiet_edge_arrives_whatever_the_worker_does_when_idle() {
    let strategies = [
        IdleStrategy::Spin,
        IdleStrategy::Yield,
        IdleStrategy::backoff(),
        IdleStrategy::park(),
        IdleStrategy::Park { spins: 0, yields: 0, park_ns_max: 1_000_000_000 },
    ];
    for idle in strategies {
        let mut topology = Topology::new(Charter::default());
        let here = topology.worker(WorkerOptions { idle: IdleStrategy::Yield, ..WorkerOptions::default() });
        let there = topology.worker(WorkerOptions { idle, ..WorkerOptions::default() });
        let sink = topology.reserve::<Sink>("sink");
        topology.place(sink.id(), there);
        let mut gates = Vec::new();
        for edge in 0..EDGES {
            let relay = topology.reserve::<Relay>(&format!("relay {edge}"));
            topology.place(relay.id(), here);
            let out = topology.hold(relay, sink, 64);
            gates.push(topology.gateway(relay, 64));
            topology.install(relay, move || Relay { out });
        }
        let tally = Tally::default();
        let seen = tally.clone();
        topology.install(sink, move || Sink { tally: tally.clone() });
        let bus = topology.build().unwrap().start().unwrap();
        let mut sent = 0;
        for round in 0..ROUNDS {
            for at in 0..EDGES {
                // A step that is prime to the number of edges, so that neighbours do not follow each other.
                let edge = (at * 7 + round) % EDGES;
                gates[edge].try_send(Item(1)).unwrap();
                sent += 1;
                await_count(&seen, sent, &format!("{idle:?}, edge {edge}"));
            }
        }
        let report = bus.shutdown(LONG).unwrap();
        assert!(report.ledger.adds_up(), "{idle:?}: {}", report.ledger);
    }
}
