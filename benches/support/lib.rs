//! What the benches share: the allocator, pinning, the distance of the cores, medians, and smoke mode.
#![forbid(unsafe_code)]

pub mod distance;
pub mod pin;
pub mod stats;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
