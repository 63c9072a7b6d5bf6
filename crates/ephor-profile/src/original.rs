//! The original's figures beside ours.
//!
//! The figures are data, `original.toml`: what the document of the original system says, what was measured of it again and how, and
//! which of ours mean something near it. None of them is a target, and none is compared by a number: each says in a sentence whether
//! it can be.

use serde::Deserialize;

use crate::figure;
use crate::metric::{Kind, Metric};
use crate::report::{Original, Report, Suite};

const FIGURES: &str = include_str!("../original.toml");
/// What stands for a figure that the report has not.
const NOT_MEASURED: &str = "not measured";
/// What `ours` calls the coordination suite.
const SUITE: &str = "suite";

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figures {
    /// Where, when and on what all of them were measured.
    basis: String,
    figure: Vec<Figure>,
}

/// A figure of the original.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    what: String,
    said: String,
    measured: String,
    source: String,
    ours: Vec<String>,
    comparable: String,
}

/// Every figure of the original with ours beside it, which is `not measured` where `report` has none.
pub fn beside_original(report: &Report) -> Vec<Original> {
    let figures = figures();
    let basis = figures.basis;
    figures.figure.into_iter().map(|figure| figure.beside(report, &basis)).collect()
}

fn figures() -> Figures {
    toml::from_str(FIGURES).expect("the original's figures are part of the crate and tested")
}

impl Figure {
    fn beside(self, report: &Report, basis: &str) -> Original {
        let found: Vec<String> = self.ours.iter().filter_map(|name| found(name, report)).collect();
        let ours = if found.is_empty() { NOT_MEASURED.to_owned() } else { found.join("; ") };
        let source = format!("{}; {basis}. Comparable? {}.", self.source, self.comparable);
        Original { what: self.what, said: self.said, measured: self.measured, ours, source }
    }
}

/// Our figure of this name as it is printed.
fn found(name: &str, report: &Report) -> Option<String> {
    if name == SUITE {
        return suite(&report.suite);
    }
    let metric = report.metric(name)?;
    Some(format!("{name} {}", printed(metric)))
}

fn printed(metric: &Metric) -> String {
    if metric.samples == 0 {
        return NOT_MEASURED.to_owned();
    }
    let kind = match metric.kind {
        Kind::Measured => "measured",
        Kind::Derived => "derived",
    };
    format!("{} ({kind})", figure::value(metric.value, &metric.unit))
}

fn suite(suite: &Suite) -> Option<String> {
    let Suite { passed, failed, skipped, seconds, .. } = suite;
    (passed + failed + skipped > 0).then(|| {
        format!("{passed} checks passed, {failed} failed, {skipped} skipped in {seconds:.2} s (measured)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn ours(report: &Report, what: &str) -> String {
        let all = beside_original(report);
        let row = all.iter().find(|row| row.what == what);
        row.map(|row| row.ours.clone()).unwrap_or_default()
    }

    #[test]
    fn every_figure_is_told_in_full_and_named_once() {
        let figures = figures().figure;
        for figure in &figures {
            for text in [&figure.what, &figure.measured, &figure.source, &figure.comparable] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{figure:?}");
            }
            assert_eq!(figures.iter().filter(|other| other.what == figure.what).count(), 1, "{figure:?}");
        }
    }

    #[test]
    fn what_stands_beside_is_in_the_catalogue() {
        for figure in figures().figure {
            for name in &figure.ours {
                assert!(name == SUITE || catalogue::find(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn an_empty_report_has_nothing_to_put_beside() {
        for row in beside_original(&Report::default()) {
            assert_eq!(row.ours, NOT_MEASURED, "{}", row.what);
            assert!(row.source.contains("commit 55b696b9"), "{}", row.source);
        }
    }

    #[test]
    fn the_headline_is_said_and_contradicted() {
        let all = beside_original(&Report::default());
        let headline: Vec<_> = all.iter().filter(|row| row.said == "195,949 msg/s").collect();
        assert_eq!(headline.len(), 2);
        assert!(headline[1].measured.starts_with("3,385 msg/s"));
    }

    #[test]
    fn ours_are_printed_with_unit_and_kind() {
        let report = Report {
            metrics: vec![
                Metric::measured("throughput", 1_234_567.0, "msg/s"),
                Metric::derived("throughput_derived", 2e8, "msg/s"),
                Metric::rate("compliance", 0, 0, "right / judged"),
                Metric::measured("check_p50", 20.0, "ns"),
                Metric::measured("check_mean", 3.21, "ns"),
            ],
            suite: Suite { passed: 41, failed: 1, seconds: 1.234, ..Suite::default() },
            ..Report::default()
        };
        assert_eq!(
            ours(&report, "Throughput, computed from two means"),
            "throughput_derived 200 M msg/s (derived)"
        );
        assert_eq!(
            ours(&report, "Messages sent and received, one sender"),
            "throughput 1.23 M msg/s (measured)"
        );
        assert_eq!(ours(&report, "Constitutional compliance"), "compliance not measured");
        let check = "check_mean 3.21 ns (measured); check_p50 20.0 ns (measured)";
        assert_eq!(ours(&report, "Constitutional validation of a message"), check);
        assert_eq!(ours(&report, "Tests"), "41 checks passed, 1 failed, 0 skipped in 1.23 s (measured)");
    }
}
