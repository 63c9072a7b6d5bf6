//! Helpers shared by the benches: the allocator, smoke mode, and how a figure is printed.
#![forbid(unsafe_code)]

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Whether this is `cargo bench`; `cargo test --benches` only looks whether the bench still works.
pub fn is_full_run() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// Prints the median of `figures` with their spread.
///
/// # Panics
/// When there are none.
pub fn report(what: &str, unit: &str, mut figures: Vec<f64>) {
    figures.sort_by(f64::total_cmp);
    let (low, high) = (figures[0], figures[figures.len() - 1]);
    let median = figures[figures.len() / 2];
    println!("{what}: {median:.2} {unit} [{low:.2}..{high:.2}], median of {}", figures.len());
}
