//! A mailbox whose messages have less room than they want: every lane moves, and a cycle that did nothing had nothing to do.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use ephor_constitution::Charter;
use ephor_runtime::{Gateway, Invoker, Topology};
use support::{Item, Relay, Sink, Tally};

/// Room behind the relay: a turn's worth, so that the first lane of a turn takes all of it.
const ROOM: usize = 64;
const FULL: u64 = 1024;

/// A relay with `lanes` gateways, and a sink behind it.
fn relay(lanes: usize) -> (Invoker, Vec<Gateway<Relay>>, Tally) {
    let mut topology = Topology::new(Charter::default());
    let relay = topology.reserve::<Relay>("relay");
    let sink = topology.reserve::<Sink>("sink");
    let out = topology.hold(relay, sink, ROOM);
    let gates = (0..lanes).map(|_| topology.gateway(relay, FULL as usize)).collect();
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(relay, move || Relay { out });
    topology.install(sink, move || Sink { tally: tally.clone() });
    (topology.build().unwrap().invoke().unwrap(), gates, seen)
}

#[test]
fn a_cycle_does_nothing_only_when_there_is_nothing_to_do() {
    for lanes in [3, 20] {
        for full in [&[0, 1][..], &[0, 2], &[1], &[0, lanes - 1], &[lanes - 1]] {
            let (mut bus, gates, seen) = relay(lanes);
            for gate in full {
                (0..FULL).for_each(|_| gates[*gate].try_send(Item(1)).map(drop).unwrap());
            }
            while bus.poll() > 0 {}
            assert_eq!(seen.count(), full.len() as u64 * FULL, "{lanes} lanes, full {full:?}");
        }
    }
}

#[test]
fn a_lane_moves_though_those_before_it_are_never_empty() {
    for lanes in [3, 20] {
        let (mut bus, gates, seen) = relay(lanes);
        let last = &gates[lanes - 1];
        // What the last lane carries is told apart by its weight.
        const WEIGHT: u64 = 1_000_000;
        (0..ROOM).for_each(|_| last.try_send(Item(WEIGHT)).map(drop).unwrap());
        let mut polls = 0;
        while seen.sum() / WEIGHT < ROOM as u64 {
            for gate in &gates[..lanes - 1] {
                while gate.try_send(Item(1)).is_ok() {}
            }
            assert!(bus.poll() > 0);
            polls += 1;
            assert!(polls <= 20 * lanes, "{lanes} lanes: the last one does not move");
        }
    }
}
