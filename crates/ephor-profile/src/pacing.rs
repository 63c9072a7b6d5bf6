//! When each message of a load is due: at even distances, by chance, or as real requests arrived.
//!
//! All times are fixed before the first message is sent. What becomes of a message moves none of the others: so a stall of
//! the bus is felt by every message that was due during it.

use std::sync::Arc;

use crate::chance::Chance;

/// How the messages of a load are spaced. The rate is always stated beside it.
#[derive(Clone, Debug, PartialEq)]
pub enum Pacing {
    /// At even distances.
    Constant,
    /// By chance, each independent of the others: a Poisson process.
    Poisson,
    /// As requests arrived: times in microseconds from the first, never going back, at least two. A stretch of them that begins
    /// anywhere, and goes on at the start when they are over, stretched or squeezed to the rate.
    Arrivals(Arc<[u64]>),
}

impl Pacing {
    /// The name that reports use.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
            Self::Arrivals(_) => "arrivals",
        }
    }

    /// When each of `count` messages is due, in nanoseconds from the beginning, at `per_s` messages a second on average.
    ///
    /// The same seed gives the same times; another seed another draw, or another stretch of the pattern.
    pub fn due_ns(&self, per_s: f64, count: usize, seed: u64) -> Vec<u64> {
        let gap_ns = 1e9 / per_s;
        match self {
            Self::Constant => (0..count).map(|index| (index as f64 * gap_ns) as u64).collect(),
            Self::Poisson => poisson(gap_ns, count, seed),
            Self::Arrivals(times_us) => arrivals(times_us, gap_ns, count, seed),
        }
    }
}

/// Gaps of a Poisson process: the logarithm of an even draw, by inversion.
fn poisson(gap_ns: f64, count: usize, seed: u64) -> Vec<u64> {
    let (mut at, mut chance) = (0.0, Chance::new(seed));
    let gaps = (0..count).map(|_| {
        let now = at;
        at += -gap_ns * (1.0 - chance.next()).ln();
        now as u64
    });
    gaps.collect()
}

/// A stretch of `count` gaps of the pattern, from a place that `seed` says, scaled so that their mean is `gap_ns`. Each message
/// is due at the beginning of its gap. A pattern without any time in that stretch is one burst.
fn arrivals(times_us: &[u64], gap_ns: f64, count: usize, seed: u64) -> Vec<u64> {
    let start = (Chance::new(seed).next() * times_us.len() as f64) as usize;
    let mean_us = times_us.last().map_or(0.0, |last| *last as f64) / (times_us.len() - 1) as f64;
    // After its last arrival the pattern goes on with its first, a mean gap later.
    let gap_us = |index: usize| match times_us.get(index..index + 2) {
        Some(pair) => (pair[1] - pair[0]) as f64,
        None => mean_us,
    };
    let mut due_us = Vec::with_capacity(count);
    let mut at_us = 0.0;
    for index in start..start + count {
        due_us.push(at_us);
        at_us += gap_us(index % times_us.len());
    }
    let stretch = if at_us > 0.0 { gap_ns * count as f64 / at_us } else { 0.0 };
    due_us.into_iter().map(|at_us| (at_us * stretch) as u64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = 100_000;

    /// The mean gap of `due`, and how many are shorter than half of it.
    fn gaps(due: &[u64]) -> (f64, f64) {
        let mean = due[due.len() - 1] as f64 / (due.len() - 1) as f64;
        let short = due.windows(2).filter(|pair| ((pair[1] - pair[0]) as f64) < mean / 2.0).count();
        (mean, short as f64 / (due.len() - 1) as f64)
    }

    #[test]
    fn a_constant_load_has_equal_gaps() {
        let due = Pacing::Constant.due_ns(1e6, COUNT, 0);
        assert_eq!((due[0], due[1], due[COUNT - 1]), (0, 1_000, 99_999_000));
        assert_eq!(gaps(&due).1, 0.0);
    }

    #[test]
    fn a_poisson_load_has_the_rate_and_the_gaps_of_chance() {
        let due = Pacing::Poisson.due_ns(1e6, COUNT, 7);
        let (mean, short) = gaps(&due);
        assert!((mean - 1_000.0).abs() < 20.0, "{mean}");
        // 1 - 1/sqrt(e) of all gaps are shorter than half of the mean.
        assert!((short - 0.393).abs() < 0.01, "{short}");
        assert_eq!(due, Pacing::Poisson.due_ns(1e6, COUNT, 7), "the same seed, the same times");
        assert_ne!(due, Pacing::Poisson.due_ns(1e6, COUNT, 8));
    }

    /// A seed by which a pattern of four begins at its first arrival, and one by which it begins at its third.
    const FIRST: u64 = 3;
    const THIRD: u64 = 1;

    #[test]
    fn arrivals_keep_their_pattern_at_the_rate_that_is_asked_for() {
        let pattern = Pacing::Arrivals([0, 10, 20, 30 + 60].into());
        // A lap is 0, 10, 20, 90 and a mean gap of 30: four gaps of 30 on average.
        assert_eq!(pattern.due_ns(1e6, 4, FIRST), [0, 333, 666, 3_000]);
        assert_eq!(pattern.due_ns(1e6, 4, THIRD), [0, 2_333, 3_333, 3_666]);
        // Of a stretch that is shorter than a lap the rate is kept too.
        assert_eq!(pattern.due_ns(1e6, 2, FIRST), [0, 1_000]);
        assert_eq!(pattern.due_ns(1e6, 8, FIRST)[4..], [4_000, 4_333, 4_666, 7_000]);
    }

    #[test]
    fn arrivals_at_one_moment_are_one_burst() {
        let due = Pacing::Arrivals([0, 0].into()).due_ns(1e6, 4, 0);
        assert_eq!(due, [0; 4]);
    }
}
