//! A figure, with what it stands on.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longest time that a histogram tells apart, one minute, and its precision in decimal digits.
const NS_MAX: u64 = 60_000_000_000;
const DIGITS: u8 = 3;

/// Whether a figure was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Read off a run.
    #[default]
    Measured,
    /// Computed from other figures. It satisfies no target.
    Derived,
}

/// The range that a figure was seen in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
    /// What the two are, such as `least and most of 5 repetitions`.
    pub what: String,
}

/// Two counts whose ratio a figure is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The part.
    pub numerator: u64,
    /// The whole.
    pub denominator: u64,
    /// What they count.
    pub what: String,
}

/// A distribution of times in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// The shortest.
    pub min: f64,
    /// Half took at most this long.
    pub p50: f64,
    /// 9 of 10.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1000.
    pub p999: f64,
    /// The longest; outliers stay.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// How many there were.
    pub count: u64,
    /// Upper bound and count of each bucket that is not empty, rising: bounds grow by about a tenth.
    pub buckets: Vec<(f64, u64)>,
}

/// A figure of the report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name, by which targets and baselines refer to it.
    pub name: String,
    /// The figure.
    pub value: f64,
    /// `ns`, `msg/s`, `%`, `count` or `ratio`.
    pub unit: String,
    /// Whether it was measured.
    pub kind: Kind,
    /// How many single measurements it stands on.
    pub samples: u64,
    /// How it was loaded and timed, in a sentence.
    pub method: String,
    /// The range that it was seen in; none for counts.
    pub spread: Option<Spread>,
    /// One value for each repetition, for comparing with other runs.
    pub repetitions: Vec<f64>,
    /// The distribution, for times.
    pub distribution: Option<Distribution>,
    /// The counts, for rates.
    pub ratio: Option<Ratio>,
    /// Messages a second that were offered meanwhile, for what is measured under a load at a stated rate: at another rate it is
    /// another figure.
    #[serde(default)]
    pub offered_per_s: Option<f64>,
    /// How far the cores were apart, for what crosses threads: `same`, `near` or `far`.
    pub distance: Option<String>,
    /// What touches this figure: a core that was shared, a distance that changed.
    pub marks: Vec<String>,
}

impl Metric {
    /// A measured figure.
    pub fn measured(name: impl Into<String>, value: f64, unit: &str) -> Self {
        Self { name: name.into(), value, unit: unit.to_owned(), samples: 1, ..Self::default() }
    }

    /// A figure computed from others.
    pub fn derived(name: impl Into<String>, value: f64, unit: &str) -> Self {
        Self { kind: Kind::Derived, ..Self::measured(name, value, unit) }
    }

    /// A rate in percent, with what it is made of. Of nothing it is 0 %.
    pub fn rate(name: impl Into<String>, numerator: u64, denominator: u64, what: &str) -> Self {
        let value = if denominator == 0 { 0.0 } else { 100.0 * numerator as f64 / denominator as f64 };
        let ratio = Some(Ratio { numerator, denominator, what: what.to_owned() });
        Self { samples: denominator, ratio, ..Self::measured(name, value, "%") }
    }

    /// Says how it was measured.
    #[must_use]
    pub fn by(mut self, method: impl Into<String>) -> Self {
        self.method = method.into();
        self
    }

    /// Says at how many messages a second.
    #[must_use]
    pub fn at(self, per_s: f64) -> Self {
        Self { offered_per_s: Some(per_s), ..self }
    }

    /// The median of `repetitions`, which become its samples, and its spread where there are several.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn of_repetitions(name: impl Into<String>, repetitions: Vec<f64>, unit: &str) -> Self {
        let mut sorted = repetitions.clone();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
        let what = format!("least and most of {} repetitions", sorted.len());
        Self {
            spread: (sorted.len() > 1).then_some(Spread { low, high, what }),
            samples: sorted.len() as u64,
            repetitions,
            ..Self::measured(name, middle(&sorted), unit)
        }
    }

    /// Whether it may satisfy a target.
    pub fn is_measured(&self) -> bool {
        self.kind == Kind::Measured
    }
}

/// The middle of numbers that rise, of which there is one at least; of an even count the mean of the two.
pub(crate) fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) }
}

/// A histogram of nanoseconds: up to a minute, three digits. Recording does not allocate.
///
/// # Panics
/// Never: the bounds are constants that fit.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(NS_MAX, DIGITS).expect("the bounds are constants that fit")
}

/// Whether there are enough samples to tell this quantile: one in a thousand is told of a thousand, not of ten.
pub(crate) fn is_told(histogram: &Histogram<u64>, quantile: f64) -> bool {
    histogram.len() as f64 * (1.0 - quantile) >= 0.999 || quantile >= 1.0 && !histogram.is_empty()
}

impl Distribution {
    /// Reads a distribution off a histogram of nanoseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64;
        let buckets = histogram
            .iter_log(1, 1.1)
            .filter(|step| step.count_since_last_iteration() > 0)
            .map(|step| (step.value_iterated_to() as f64, step.count_since_last_iteration()))
            .collect();
        Self {
            min: histogram.min() as f64,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64,
            mean: histogram.mean(),
            count: histogram.len(),
            buckets,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    #[test]
    fn a_rate_of_nothing_is_no_rate_and_says_so() {
        let rate = Metric::rate("compliance", 0, 0, "right / judged");
        assert_eq!((rate.value, rate.samples), (0.0, 0));
        assert_eq!(Metric::rate("compliance", 121, 121, "right / judged").value, 100.0);
    }

    #[test]
    fn the_median_stands_between_the_least_and_the_most() {
        let metric = Metric::of_repetitions("throughput", vec![5.0, 1.0, 3.0], "msg/s");
        let spread = metric.spread.unwrap();
        assert_eq!((metric.value, spread.low, spread.high), (3.0, 1.0, 5.0));
        assert_eq!(metric.repetitions, [5.0, 1.0, 3.0], "in the order in which they came");
        assert_eq!(Metric::of_repetitions("throughput", vec![4.0, 1.0], "msg/s").value, 2.5);
        assert_eq!(Metric::of_repetitions("throughput", vec![4.0], "msg/s").spread, None);
    }

    #[test]
    fn a_quantile_of_too_few_is_not_told() {
        let mut times = histogram();
        let mut told = |count| {
            while times.len() < count {
                times.saturating_record(100);
            }
            [0.5, 0.99, 0.999, 1.0].map(|quantile| is_told(&times, quantile))
        };
        assert_eq!(told(0), [false; 4]);
        assert_eq!(told(99), [true, false, false, true]);
        assert_eq!(told(100), [true, true, false, true]);
        assert_eq!(told(1_000), [true; 4]);
    }

    #[test]
    fn a_distribution_keeps_its_outliers() {
        let mut histogram = histogram();
        (0..999).for_each(|_| histogram.saturating_record(100));
        histogram.saturating_record(1_000_000);
        let distribution = Distribution::of(&histogram);
        assert_eq!(distribution.count, 1_000);
        assert_eq!((distribution.p50, distribution.p99), (100.0, 100.0));
        assert!(distribution.max >= 1_000_000.0);
        assert_eq!(distribution.buckets.iter().map(|(_, count)| count).sum::<u64>(), 1_000);
    }
}
