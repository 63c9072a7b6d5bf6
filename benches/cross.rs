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
use ephor_bench::round_trips::RoundTrips;
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
    /// Of each repetition `parts` are told, and the median of each printed.
    fn measure<const N: usize>(
        &self,
        what: &str,
        parts: [&str; N],
        messages: u64,
        run: impl Fn(u64) -> Option<[f64; N]>,
    ) {
        let mut figures: BTreeMap<&str, [Vec<f64>; N]> = BTreeMap::new();
        let (messages, repetitions) =
            if self.is_full { (messages, REPETITIONS) } else { (messages / SMOKE_SHARE, SMOKE_REPETITIONS) };
        let mut before = class();
        for _ in 0..repetitions {
            let told = run(messages);
            assert!(self.is_full || told.is_some(), "{what}: a message was lost, or a pin did not take");
            let after = class();
            if let (Some(told), Some(class)) = (told, after.filter(|_| before == after)) {
                let figures = figures.entry(class.name()).or_insert([const { Vec::new() }; N]);
                figures.iter_mut().zip(told).for_each(|(figures, figure)| figures.push(figure));
            }
            before = after;
        }
        if figures.is_empty() {
            println!("{what}: no repetition counted");
        }
        for (class, figures) in figures {
            for (part, figures) in parts.iter().zip(figures) {
                report(&format!("{what}, {class}"), part, &figures);
            }
        }
    }

    /// Nanoseconds a message.
    fn throughput(&self, what: &str, messages: u64, run: impl Fn(u64) -> Option<f64>) {
        self.measure(what, ["ns a message"], messages, |messages| run(messages).map(|ns| [ns]));
    }

    /// Nanoseconds of each round trip.
    fn trips(&self, what: &str, run: impl Fn(u64) -> Option<RoundTrips>) {
        let parts = ["ns there and back, p50", "ns, p99", "ns, p99.9", "ns, longest"];
        self.measure(what, parts, 20_000, |rounds| run(rounds).map(|trips| trips.percentiles()));
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
    bench.trips("floor/one cache line", floors::one_line::<true>);
    bench.throughput("lane/one by one, 64 B", 400_000, |messages| {
        throughput::<8, BareMarked, false>(Pace::OneByOne, messages)
    });
    bench.throughput("lane/batches of 64, 64 B", 800_000, |messages| {
        throughput::<8, BareMarked, false>(Pace::Batches, messages)
    });
    bench.trips("lane/64 B", round_trips::<8, BareMarked, false>);
    bench.throughput("hop/bursts of 64, governed, 64 B", 800_000, |messages| {
        hop::four::<Frame64>(messages, Place::TwoWorkers)
    });
    bench.throughput("hop/bursts of 64, governed, 128 B", 600_000, |messages| {
        hop::twelve::<Frame128>(messages, Place::TwoWorkers)
    });
    bench.trips("hop/governed, 64 B", pong::between_workers::<Frame64>);
    bench.throughput("hop/from a foreign thread, governed, 64 B", 400_000, |messages| {
        hop::gateway::<Frame64>(messages, &[HERE])
    });
    let parts = ["ns from when it was due, p50", "ns, p99", "ns, p99.9", "ns, longest"];
    bench.measure("hop/a message a microsecond, governed, 64 B", parts, 200_000, |messages| {
        paced::delays::<Frame64>(messages).map(|delays| delays.percentiles())
    });
    let parts = ["ns from a foreign thread to the handler, p50"];
    bench.measure("hop/to a parked worker, governed, 64 B", parts, 400, |count| {
        parked::wake_up::<Frame64>(count).map(|ns| [ns])
    });
}
