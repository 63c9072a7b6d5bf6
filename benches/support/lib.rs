//! What the benches share: the allocator, pinning, the distance of the cores, medians, smoke mode; and what is measured of
//! lanes and hops, here and beside the peers.
#![forbid(unsafe_code)]

pub mod distance;
pub mod floors;
pub mod hop;
pub mod open_loop;
pub mod parked;
pub mod pin;
pub mod rings;
pub mod round_trips;
pub mod stats;
pub mod tally;
pub mod words;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The core that sends or asks.
pub const HERE: usize = 0;
/// The core that receives or answers.
pub const THERE: usize = 1;

/// Whether this is `cargo bench`; `cargo test --benches` only looks whether the bench still works.
pub fn is_full_run() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// Prints the median of `figures` with its interval.
///
/// # Panics
/// When there are none.
pub fn report(what: &str, unit: &str, figures: &[f64]) {
    let stats::Median { median, low, high, count } = stats::Median::of(figures).expect("there are figures");
    println!("{what}: {median:.2} {unit} [{low:.2}..{high:.2}], median of {count}");
}
