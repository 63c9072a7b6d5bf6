//! The distributions of the report, each once: figures such as `hop_p50` and `hop_p99` are read off the same one.

use crate::metric::{Distribution, Metric};

/// What separates the parts of a figure's name.
const SEPARATORS: [char; 2] = ['_', '.'];

/// A distribution and the figures that were read off it.
pub(super) struct Spread<'a> {
    pub(super) names: Vec<&'a str>,
    pub(super) of: &'a Distribution,
}

/// Every distribution, in the order of the figures.
pub(super) fn spreads(metrics: &[Metric]) -> Vec<Spread<'_>> {
    let mut spreads: Vec<Spread<'_>> = Vec::new();
    for metric in metrics {
        let Some(of) = &metric.distribution else { continue };
        match spreads.iter_mut().find(|spread| spread.of == of) {
            Some(spread) => spread.names.push(&metric.name),
            None => spreads.push(Spread { names: vec![&metric.name], of }),
        }
    }
    spreads
}

impl Spread<'_> {
    /// What its figures' names begin with, or all of them when that is nothing.
    pub(super) fn title(&self) -> String {
        let [first, others @ ..] = self.names.as_slice() else { return String::new() };
        if others.is_empty() {
            return (*first).to_owned();
        }
        let common = others.iter().fold(first.len(), |common, name| {
            let same =
                first[..common].char_indices().zip(name.chars()).find(|((_, one), other)| one != other);
            same.map_or(common.min(name.len()), |((at, _), _)| at)
        });
        let stem = first[..common].rfind(SEPARATORS).map_or("", |end| &first[..end]);
        if stem.is_empty() { self.names.join(", ") } else { stem.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], title: &str) {
        let distribution = Some(Distribution::default());
        let metric =
            |name: &&str| Metric { distribution: distribution.clone(), ..Metric::measured(*name, 0.0, "ns") };
        let metrics: Vec<_> = names.iter().map(metric).collect();
        let spreads = spreads(&metrics);
        assert_eq!(spreads.len(), 1);
        assert_eq!(spreads[0].title(), title);
    }

    #[test]
    fn figures_of_one_distribution_share_the_start_of_their_names() {
        check(&["latency_p50", "latency_p99", "latency_max"], "latency");
        check(&["send_p50", "send_p99"], "send");
        check(&["clock_floor"], "clock_floor");
        check(&["détour.a", "détour.b"], "détour");
        check(&["a", "b"], "a, b");
        check(&["same", "same"], "same, same");
    }
}
