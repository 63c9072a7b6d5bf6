//! Whether the time of the check tells anything of the header: the statistics of dudect, on headers that are permitted
//! and headers that are denied for one reason or another, in random order.

use std::hint::black_box;

use dudect_bencher::rand::RngExt;
use dudect_bencher::{BenchRng, Class, CtRunner, ctbench_main};
use ephor::{Header, Ticks};
use ephor_gates::{BATCH, gate_check, gate_check_branchy, gate_pass, gate_pass_branchy, spoiled, subjects};

/// Batches that are timed, and how many are made before each is: what making one has left in the processor, by its class, is
/// gone by then.
const BATCHES: usize = 50_000;
const MADE_AT_ONCE: usize = 1000;

/// Times `judge` on batches of headers that are all permitted, and on batches of which each may be denied.
fn time(runner: &mut CtRunner, rng: &mut BenchRng, header: Header, judge: impl Fn(&Header) -> u64) {
    for _ in 0..BATCHES / MADE_AT_ONCE {
        let made: Vec<_> = (0..MADE_AT_ONCE).map(|_| batch(rng, header)).collect();
        for (class, batch) in made {
            runner.run_one(class, || black_box(&batch).iter().map(&judge).fold(0, u64::wrapping_add));
        }
    }
}

/// A batch of a class that chance decides on.
fn batch(rng: &mut BenchRng, header: Header) -> (Class, [Header; BATCH]) {
    let is_left = rng.random::<bool>();
    let numbers = [(); BATCH].map(|()| rng.random::<u32>() as usize);
    let batch = numbers.map(|number| spoiled(header, if is_left { 0 } else { number }));
    (if is_left { Class::Left } else { Class::Right }, batch)
}

fn check(runner: &mut CtRunner, rng: &mut BenchRng) {
    let (tables, _, header) = subjects();
    time(runner, rng, header, |header| u64::from(gate_check(header, &tables, Ticks::ZERO)));
}

fn check_branchy(runner: &mut CtRunner, rng: &mut BenchRng) {
    let (tables, _, header) = subjects();
    time(runner, rng, header, |header| u64::from(gate_check_branchy(header, &tables, Ticks::ZERO)));
}

fn pass(runner: &mut CtRunner, rng: &mut BenchRng) {
    let (_, pass, header) = subjects();
    time(runner, rng, header, |header| u64::from(gate_pass(header, &pass, Ticks::ZERO)));
}

fn pass_branchy(runner: &mut CtRunner, rng: &mut BenchRng) {
    let (_, pass, header) = subjects();
    time(runner, rng, header, |header| u64::from(gate_pass_branchy(header, &pass, Ticks::ZERO)));
}

ctbench_main!(check, check_branchy, pass, pass_branchy);
