//! What the profile's measuring takes from the throughput of a bus: with messages that ask for their fate, and without, in
//! turns on one saturated bus, each repetition between two probes of the cores' distance.
//!
//! One message in 64 is what a profile asks for at saturation; at lower rates it asks more often, where a message takes far longer
//! than asking for its fate.

use std::collections::BTreeMap;
use std::time::Duration;

use ephor::constitution::Charter;
use ephor::profile::{Asking, Subject, cost_of_asking};
use ephor::{Agent, Cx, Handler, IdleStrategy, Message, Pin, Topology, WorkerOptions, agent};
use ephor_bench::distance::{Class, between_probes};
use ephor_bench::{HERE, THERE, is_full_run, pin, report};

/// How long a turn lasts.
const TURN: Duration = Duration::from_millis(10);

/// A number to throw away.
#[derive(Clone, Copy, Debug, Message)]
#[message(kind = 1)]
struct Number(u64);

struct Drain;
impl Agent for Drain {}
agent!(Drain { Number });
impl Handler<Number> for Drain {
    fn on(&mut self, _number: &Number, _cx: &mut Cx<'_>) {}
}

/// A bus that does nothing else: what asking costs weighs most there.
fn drained() -> Subject {
    let mut topology: Topology = Topology::new(Charter::default());
    topology.worker(WorkerOptions { pin: Pin::IfPossible(THERE), idle: IdleStrategy::Spin });
    let drain = topology.reserve::<Drain>("drain");
    let gate = topology.gateway(drain, 1 << 12);
    topology.install(drain, || Drain);
    Subject::new(topology).load("numbers", &gate, || Number(1))
}

/// Repeats turns with and without asking, and prints both and the cost by distance class.
fn measure(one_in: u64) {
    let (repetitions, turns) = if is_full_run() { (21, 8) } else { (2, 2) };
    let mut by_class: BTreeMap<Class, Vec<Asking>> = BTreeMap::new();
    for _ in 0..repetitions {
        let run = || cost_of_asking(drained, turns, TURN, one_in);
        let (class, asking) = between_probes((HERE, THERE), run).expect("the cores were looked at before");
        let asking = asking.expect("the bus runs");
        if let Some(class) = class {
            by_class.entry(class).or_default().push(asking);
        }
    }
    if by_class.is_empty() {
        println!("1 in {one_in} asks: no repetition counted");
    }
    for (class, askings) in by_class {
        let what = format!("measuring/1 in {one_in} asks, {}", class.name());
        let ns = |per_s: fn(&Asking) -> f64| askings.iter().map(|one| 1e9 / per_s(one)).collect::<Vec<_>>();
        report(&what, "ns a message, with", &ns(|asking| asking.asking_per_s));
        report(&what, "ns a message, without", &ns(|asking| asking.plain_per_s));
        report(&what, "% of throughput", &askings.iter().map(|one| one.cost_percent()).collect::<Vec<_>>());
    }
}

fn main() {
    let cores = pin::cores();
    if ![HERE, THERE].iter().all(|core| cores.contains(core)) {
        println!("skipped: cores {HERE} and {THERE} are needed, this process may use {cores:?}");
        return;
    }
    for one_in in [64, 16, 1] {
        measure(one_in);
    }
}
