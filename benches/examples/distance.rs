//! Prints how far apart cores 0 and 1 are, again and again.
use ephor_bench::distance::{Class, probe};

fn main() {
    let times = std::env::args().nth(1).and_then(|times| times.parse().ok()).unwrap_or(20);
    for _ in 0..times {
        match probe(0, 1) {
            Ok(ns) => println!("{ns:.1} ns one way, {}", Class::of(ns).map_or("between", Class::name)),
            Err(error) => println!("{error}"),
        }
    }
}
