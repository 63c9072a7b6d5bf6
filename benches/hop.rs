//! The governed hop between two agents on one worker, through the whole runtime: throughput.
//!
//! A run whose ledger does not add up prints no figure. Hops between workers are measured by `cross`.

use std::time::{Duration, Instant};

use ephor::prelude::*;
use ephor_bench::{is_full_run, report};

#[derive(Clone, Copy, Message)]
#[message(kind = 1)]
struct Start(u64);

#[derive(Clone, Copy, Message)]
#[message(kind = 2)]
struct Item(u64);

/// Emits a burst of sixteen for each message it gets.
struct Source {
    out: Out<Item, 16>,
}

struct Sink {
    sum: u64,
}

impl Agent for Source {}
impl Agent for Sink {}
agent!(Source { Start });
agent!(Sink { Item });

impl Handler<Start> for Source {
    fn on(&mut self, start: &Start, cx: &mut Cx<'_>) {
        for number in 0..16 {
            cx.emit(&self.out, Item(start.0 + number));
        }
    }
}

impl Handler<Item> for Sink {
    fn on(&mut self, item: &Item, _cx: &mut Cx<'_>) {
        self.sum = self.sum.wrapping_add(item.0);
    }
}

/// Runs `bursts` bursts and returns nanoseconds a hop between the two agents.
fn run(bursts: u64) -> f64 {
    let mut topology = Topology::new(Charter::default());
    let source = topology.reserve::<Source>("source");
    let sink = topology.reserve::<Sink>("sink");
    let out = topology.hold(source, sink, 1024);
    let gate = topology.gateway(source, 1024);
    topology.install(source, move || Source { out });
    topology.install(sink, || Sink { sum: 0 });
    let mut bus = topology.build().expect("the topology is sound").invoke().expect("the agents start");

    let mut spent = Duration::ZERO;
    let mut left = bursts;
    while left > 0 {
        let count = left.min(1024);
        for number in 0..count {
            gate.try_send(Start(number)).expect("the gateway was drained");
        }
        left -= count;
        let begun = Instant::now();
        while bus.poll() > 0 {}
        spent += begun.elapsed();
    }
    let report = bus.shutdown(1);
    assert!(report.ledger.adds_up() && report.ledger.handled() == bursts * 17, "{}", report.ledger);
    // A burst is one hop from the gateway and sixteen between agents.
    spent.as_nanos() as f64 / (bursts * 17) as f64
}

fn main() {
    let (bursts, repetitions) = if is_full_run() { (200_000, 11) } else { (200, 1) };
    let figures: Vec<f64> = (0..repetitions).map(|_| run(bursts)).collect();
    report("hop/one worker, governed, 128 B", "ns a message", &figures);
}
