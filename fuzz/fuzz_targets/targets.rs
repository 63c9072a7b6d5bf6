//! A text never panics as targets; those that are read judge any figures, and an error is one line that names the file.
#![no_main]

use ephor_profile::metric::Metric;
use ephor_profile::targets::Targets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, f64)| {
    let (text, value) = input;
    match Targets::parse(text, "fuzz.toml") {
        Ok(targets) => {
            let metrics: Vec<Metric> =
                targets.iter().map(|target| Metric::measured(&*target.metric, value, target.unit)).collect();
            assert_eq!(targets.judge(&metrics).len(), targets.iter().count());
            assert!(
                targets.judge(&[]).iter().all(|verdict| !verdict.met),
                "what was not measured meets none"
            );
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.starts_with("fuzz.toml:") && !said.contains('\n'), "{said}");
        }
    }
});
