//! How many instructions the message path takes, counted by valgrind; `counts.json` holds what is expected.

use std::hint::black_box;

use ephor::constitution::{Pass, Tables};
use ephor::{Frame64, Header, Invoker, Ticks};
use ephor_gates::hop::{self, Entrance, Pace};
use ephor_gates::{BATCH, gate_check, gate_pass, gate_pass_branchy, subjects};
use gungraun::prelude::*;

/// Duty cycles of a worker that are counted together, with a burst of 64 messages each.
const CYCLES: usize = 8;

fn for_check() -> (Tables, Header) {
    let (tables, _, header) = subjects();
    (tables, header)
}

fn for_pass() -> (Pass, Header) {
    let (_, pass, header) = subjects();
    (pass, header)
}

fn empty() -> Invoker<Frame64> {
    hop::bus(2, Pace::OneByOne)
}

fn empty_for_bursts() -> Invoker<Frame64> {
    hop::bus(2, Pace::AllAtOnce)
}

fn foreign() -> (Invoker<Frame64>, Entrance) {
    hop::foreign()
}

fn full() -> Invoker<Frame64> {
    let mut bus = hop::bus(2, Pace::OneByOne);
    (0..CYCLES).for_each(|_| assert!(bus.poll_worker(0) > 0));
    bus
}

fn local() -> Invoker<Frame64> {
    hop::bus(1, Pace::OneByOne)
}

#[library_benchmark(setup = for_check)]
#[bench::of_64_headers()]
fn check((tables, header): (Tables, Header)) -> u64 {
    (0..BATCH).map(|_| u64::from(gate_check(black_box(&header), &tables, Ticks::ZERO))).sum()
}

#[library_benchmark(setup = for_pass)]
#[bench::of_64_headers()]
fn pass((pass, header): (Pass, Header)) -> u64 {
    (0..BATCH).map(|_| u64::from(gate_pass(black_box(&header), &pass, Ticks::ZERO))).sum()
}

// The fault that the gate must see: a conditional more for each header.
#[library_benchmark(setup = for_pass)]
#[bench::of_64_headers()]
fn pass_branchy((pass, header): (Pass, Header)) -> u64 {
    (0..BATCH).map(|_| u64::from(gate_pass_branchy(black_box(&header), &pass, Ticks::ZERO))).sum()
}

#[library_benchmark(setup = empty)]
#[bench::of_512_messages()]
fn emit(mut bus: Invoker<Frame64>) -> Invoker<Frame64> {
    (0..CYCLES).for_each(|_| assert!(bus.poll_worker(0) > 0));
    bus
}

#[library_benchmark(setup = empty_for_bursts)]
#[bench::of_512_messages()]
fn emit_all(mut bus: Invoker<Frame64>) -> Invoker<Frame64> {
    (0..CYCLES).for_each(|_| assert!(bus.poll_worker(0) > 0));
    bus
}

#[library_benchmark(setup = foreign)]
#[bench::of_512_messages()]
fn gateway((bus, entrance): (Invoker<Frame64>, Entrance)) -> (Invoker<Frame64>, Entrance) {
    (0..512).for_each(|number| entrance.send(number));
    (bus, entrance)
}

#[library_benchmark(setup = full)]
#[bench::of_512_messages()]
fn receive(mut bus: Invoker<Frame64>) -> Invoker<Frame64> {
    (0..CYCLES).for_each(|_| assert!(bus.poll_worker(1) > 0));
    bus
}

#[library_benchmark(setup = local)]
#[bench::of_512_messages()]
fn local_hop(mut bus: Invoker<Frame64>) -> Invoker<Frame64> {
    (0..CYCLES).for_each(|_| assert!(bus.poll() > 0));
    bus
}

library_benchmark_group!(
    name = counts,
    benchmarks = [check, pass, pass_branchy, emit, emit_all, gateway, receive, local_hop]
);
main!(library_benchmark_groups = counts);
