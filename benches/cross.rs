//! What crosses threads: lanes and governed hops between two pinned cores, each repetition between two probes of their
//! distance. `benches/peers` puts the same figures beside those of other rings and runtimes.
//!
//! A repetition during which the distance class changed counts for nothing; nor does one that lost a message, or whose pins
//! did not take.

use std::collections::BTreeMap;

use ephor::{Frame64, Frame128};
use ephor_bench::distance::{Class, probe};
use ephor_bench::hop::{self, Place, paced, parked, pong};
use ephor_bench::rings::{BareMarked, Pace, round_trips, throughput};
use ephor_bench::{HERE, THERE, floors, is_full_run, pin, report};

/// Measures again and again, and prints the median of each distance class.
struct Bench {
    is_full: bool,
}

/// What part of its messages a repetition sends that only shows that it works.
const SMOKE_SHARE: u64 = 40;
const SMOKE_REPETITIONS: usize = 2;
const REPETITIONS: usize = 21;

impl Bench {
    fn measure(&self, what: &str, unit: &str, messages: u64, run: impl Fn(u64) -> Option<f64>) {
        let mut figures: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let (messages, repetitions) =
            if self.is_full { (messages, REPETITIONS) } else { (messages / SMOKE_SHARE, SMOKE_REPETITIONS) };
        let mut before = class();
        for _ in 0..repetitions {
            let figure = run(messages);
            assert!(self.is_full || figure.is_some(), "{what}: a message was lost, or a pin did not take");
            let after = class();
            if let (Some(figure), Some(class)) = (figure, after.filter(|_| before == after)) {
                figures.entry(class.name()).or_default().push(figure);
            }
            before = after;
        }
        if figures.is_empty() {
            println!("{what}: no repetition counted");
        }
        for (class, figures) in figures {
            report(&format!("{what}, {class}"), unit, &figures);
        }
    }
}

fn class() -> Option<Class> {
    probe(HERE, THERE).ok().and_then(Class::of)
}

fn main() {
    let cores = pin::cores();
    if ![HERE, THERE].iter().all(|core| cores.contains(core)) {
        println!("skipped: cores {HERE} and {THERE} are needed, this process may use {cores:?}");
        return;
    }
    let bench = Bench { is_full: is_full_run() };
    let (message, trip) = ("ns a message", "ns, half of the round trips");
    bench.measure("floor/one cache line there and back", trip, 20_000, |rounds| {
        floors::one_line::<true>(rounds).map(|trips| trips.p50())
    });
    bench.measure("lane/one by one, 64 B", message, 400_000, |messages| {
        throughput::<8, BareMarked, false>(Pace::OneByOne, messages)
    });
    bench.measure("lane/batches of 64, 64 B", message, 800_000, |messages| {
        throughput::<8, BareMarked, false>(Pace::Batches, messages)
    });
    bench.measure("lane/there and back, 64 B", trip, 20_000, |rounds| {
        round_trips::<8, BareMarked, false>(rounds).map(|trips| trips.p50())
    });
    bench.measure("hop/bursts of 64, governed, 64 B", message, 800_000, |messages| {
        hop::four::<Frame64>(messages, Place::TwoWorkers)
    });
    bench.measure("hop/bursts of 64, governed, 128 B", message, 600_000, |messages| {
        hop::twelve::<Frame128>(messages, Place::TwoWorkers)
    });
    bench.measure("hop/there and back, governed, 64 B", trip, 20_000, |rounds| {
        pong::between_workers::<Frame64>(rounds).map(|trips| trips.p50())
    });
    bench.measure("hop/from a foreign thread, governed, 64 B", message, 400_000, |messages| {
        hop::gateway::<Frame64>(messages)
    });
    let late = "ns from when it was due, 99 of 100";
    bench.measure("hop/a message a microsecond, governed, 64 B", late, 200_000, |messages| {
        paced::p99::<Frame64>(messages)
    });
    let woken = "ns from a foreign thread to the handler, half of them";
    bench.measure("hop/to a parked worker, governed, 64 B", woken, 400, |count| {
        parked::wake_up::<Frame64>(count)
    });
}
