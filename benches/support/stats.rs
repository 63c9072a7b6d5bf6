//! Medians, and how sure one can be of them.

/// A median with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Median {
    /// The middle value.
    pub median: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// How many values there are.
    pub count: usize,
}

impl Median {
    /// The median of `values`; `None` when there are none.
    ///
    /// The interval is that of the order statistics: the values whose ranks enclose the true median with a
    /// probability of at least 95 %, by the binomial distribution. With fewer than six values no ranks do, and
    /// the interval is all of them.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len();
        let (first, last) = (sorted.first()?, sorted.last()?);
        let median = if count % 2 == 1 {
            sorted[count / 2]
        } else {
            f64::midpoint(sorted[count / 2 - 1], sorted[count / 2])
        };
        let (low, high) = match rank(count) {
            Some(rank) => (sorted[rank], sorted[count - 1 - rank]),
            None => (*first, *last),
        };
        Some(Self { median, low, high, count })
    }
}

/// The largest rank, from 0, that the median lies below with a probability of at most 2.5 %.
fn rank(count: usize) -> Option<usize> {
    let mut term = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut below = 0.0;
    for rank in 0..count / 2 {
        below += term;
        if below > 0.025 {
            return rank.checked_sub(1);
        }
        term *= (count - rank) as f64 / (rank + 1) as f64;
    }
    (count / 2).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_binomial_tables() {
        // Sign-test tables: n = 5 none, 6: 0, 9: 1, 12: 2, 20: 5, 30: 9, 100: 39.
        let expected = [(5, None), (6, Some(0)), (9, Some(1)), (12, Some(2)), (20, Some(5)), (30, Some(9))];
        for (count, rank_wanted) in expected {
            assert_eq!(rank(count), rank_wanted, "{count}");
        }
        assert_eq!(rank(100), Some(39));
    }

    #[test]
    fn a_median_lies_in_its_interval_whatever_the_order() {
        let median = Median::of(&[5.0, 1.0, 4.0, 2.0, 3.0, 6.0]).unwrap();
        assert_eq!((median.median, median.low, median.high), (3.5, 1.0, 6.0));
        assert_eq!(Median::of(&[7.0]).unwrap(), Median { median: 7.0, low: 7.0, high: 7.0, count: 1 });
        assert!(Median::of(&[]).is_none());
    }
}
