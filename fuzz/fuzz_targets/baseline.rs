//! A text never panics as a baseline; one that is read is a baseline for itself, and compares with any other when it is forced.
#![no_main]

use ephor_profile::Effort;
use ephor_profile::baseline::{Baseline, Force};
use ephor_profile::metric::Metric;
use ephor_profile::report::Report;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Baseline::parse(text, "fuzz.json") {
        Ok(baseline) => {
            let itself = baseline.compare(baseline.report(), Force::No).expect("a run is like itself");
            assert!(itself.forced.is_none());
            let mut now = Report::about("fuzz", Effort::Quick);
            now.metrics.push(Metric::of_repetitions("check_mean", vec![5.0; 9], "ns"));
            let compared = baseline.compare(&now, Force::Yes).expect("it is forced");
            assert!(compared.changes.iter().all(|change| change.ratio.is_finite()));
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.starts_with("fuzz.json:") && !said.contains('\n'), "{said}");
        }
    }
});
