//! The rule: which figures of two runs differ.
//!
//! # What it promises
//! When the repetitions of a figure could as well have come in any other order, those of both runs together (they are
//! *exchangeable*), then the probability that **any** figure of the comparison is called changed is at most 1 - [`CONFIDENCE`].
//! This holds whatever the distribution of the repetitions is, and however the figures depend on each other.
//!
//! # How
//! Everything is a *cost*, more is worse: a time, or one over a rate. A host delays and never hastens, so what is typical of a run
//! is the geometric mean of the faster half of its repetitions. A figure is called worse when three things hold, and better when
//! they do with the runs exchanged:
//!
//! 1. **Factor.** The ratio of what is typical reaches the figure's factor, both as it was measured and with the drift (below)
//!    divided out. So a drift excuses and never accuses: where a host slows half of a run, the other half would seem to be faster.
//! 2. **Apart.** Every repetition of the slower run is slower than all of the faster run but its `r` slowest.
//! 3. **Gap.** Between the two lies at least [`GAP`], and at least a part of the spread that the repetitions have by themselves
//!    ([`SPREAD_SHARE`] over their number). The promise does not need this; it is why alarms are far rarer than promised, also
//!    where repetitions are few.
//!
//! The probability of (2) under exchangeability is that the `n - r` least costs of both runs are all of one run, [`chance`]. For 5
//! and 5 repetitions with none left out it is 0.8 %, both ways together; for 9 and 9 with two left out it is 0.2 %.
//!
//! A figure whose costs cannot be dealt out to the two runs so that they reach the factor cannot be called changed by chance. So
//! the 1 % is shared among the others only, the *candidates*, and who they are does not depend on which cost is whose. Where
//! repetitions are so few that all candidates together would need more than 1 %, those with the least reach are not judged. What
//! is left of the 1 % is shared evenly, and buys repetitions that may be left out, at most half of them.
//!
//! # Limits
//! - Repetitions that were made right after one another are not exchangeable with those of another run: a core whose other half is
//!   busy takes up to twice as long for some milliseconds to seconds, and then all of them do. They have to be spread over the run,
//!   or be made again when a probe of the core's speed beside them is slow. Against what lasts a whole run there is the drift: the
//!   median ratio of all figures of one thread, within [`DRIFT_MAX`].
//! - So what changes most figures alike counts as drift, and is called a change from the factor times [`DRIFT_MAX`] on, 2.4. The drift
//!   is told with each figure.
//! - What doubles one figure for the whole of one run, such as code that came to lie badly, is called a change.
//! - One candidate can be judged with 5 and 5 repetitions, 4 with 6 and 6, 17 with 7 and 7, 64 with 8 and 8.
//! - A clock that steps by [`CLOCK_STEP_NS`] makes 20 ns of 10: one step is taken off the slower of two times that were read alone.
//!
//! # Source
//! (2) is a precedence test: Nelson, "Tables for a precedence life test", 1963. Sharing the error among those that can err at
//! all: Tarone, "A modified Bonferroni method for discrete data", 1990.

/// How sure it is that no figure is called changed that is not.
pub(super) const CONFIDENCE: f64 = 0.99;
/// The largest drift that is divided out.
pub(super) const DRIFT_MAX: f64 = 1.5;
/// The least ratio between the repetitions of two runs that differ.
const GAP: f64 = 1.2;
/// The gap is at least the spread to the power of this over the number of repetitions: the whole spread for 5, a third for 15.
const SPREAD_SHARE: f64 = 5.0;
/// The step of a coarse clock.
pub(super) const CLOCK_STEP_NS: f64 = 10.0;
/// How many figures a drift needs.
const DRIFT_FIGURES_MIN: usize = 5;

/// The repetitions of one figure in two runs, as costs greater than 0, rising; at least one each.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) before: Vec<f64>,
    pub(super) now: Vec<f64>,
    /// The ratio from which on a change counts.
    pub(super) factor: f64,
    /// What a reading of the clock may be off by, in the unit of the costs.
    pub(super) step: f64,
}

/// What a figure came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Worse,
    Better,
    Same,
    /// Not judged: too few repetitions beside the other candidates.
    TooFew,
}

/// What a figure came to, and by what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finding {
    pub(super) outcome: Outcome,
    /// Typical cost now over typical cost before, the drift divided out.
    pub(super) ratio: f64,
    /// How many of the slowest repetitions of the faster run were left out.
    pub(super) left_out: usize,
    /// The ratio from which on this figure is called worse, with the scatter that its repetitions have.
    pub(super) worse_from: f64,
}

/// Judges all figures of a comparison together.
pub(super) fn judge(cases: &[Case], drift: f64) -> Vec<Finding> {
    let even: Vec<Case> = cases.iter().map(|case| case.without(drift)).collect();
    let allowances = allowances(&even);
    even.iter().zip(allowances).map(|(case, left_out)| case.find(drift, left_out)).collect()
}

/// How much slower everything became, from the figures that stay on one thread. None where they are too few to tell.
pub(super) fn drift<'a>(cases: impl Iterator<Item = &'a Case>) -> Option<f64> {
    let mut ratios: Vec<f64> = cases.map(Case::ratio).collect();
    ratios.sort_by(f64::total_cmp);
    (ratios.len() >= DRIFT_FIGURES_MIN).then(|| ratios[ratios.len() / 2].clamp(1.0 / DRIFT_MAX, DRIFT_MAX))
}

/// How many repetitions each case may leave out; none where it is not judged.
fn allowances(cases: &[Case]) -> Vec<Option<usize>> {
    let reaches = cases.iter().map(|case| case.reach() / case.factor).enumerate();
    let mut candidates: Vec<(usize, f64)> = reaches.filter(|(_, reach)| *reach >= 1.0).collect();
    candidates.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    let mut rest = 1.0 - CONFIDENCE;
    let mut count = 0;
    for (index, _) in &candidates {
        let cost = cases[*index].chance(0);
        if cost > rest {
            break;
        }
        rest -= cost;
        count += 1;
    }
    let share = rest / count.max(1) as f64;
    let mut allowances = vec![Some(0); cases.len()];
    for (rank, (index, _)) in candidates.iter().enumerate() {
        allowances[*index] = (rank < count).then(|| cases[*index].allowance(share));
    }
    allowances
}

impl Case {
    fn without(&self, drift: f64) -> Self {
        Self { now: self.now.iter().map(|cost| cost / drift).collect(), ..self.clone() }
    }

    fn ratio(&self) -> f64 {
        typical(&self.now) / typical(&self.before)
    }

    /// The largest ratio, either way, that any way to deal out the costs to the two runs has.
    fn reach(&self) -> f64 {
        let mut all: Vec<f64> = self.before.iter().chain(&self.now).copied().collect();
        all.sort_by(f64::total_cmp);
        let of_split = |at: usize| typical(&all[at..]) / typical(&all[..at]);
        of_split(self.before.len()).max(of_split(self.now.len()))
    }

    /// The probability that the two runs lie apart by chance, either way, with so many repetitions left out.
    fn chance(&self, left_out: usize) -> f64 {
        let (before, now) = (self.before.len(), self.now.len());
        chance(before, now, left_out) + chance(now, before, left_out)
    }

    /// The most repetitions that may be left out when that may cost `share` more than leaving out none.
    fn allowance(&self, share: f64) -> usize {
        let most = self.before.len().min(self.now.len()) / 2;
        let allowed = self.chance(0) + share;
        (0..=most).take_while(|left_out| self.chance(*left_out) <= allowed).last().unwrap_or(0)
    }

    /// Judges this case, from which `drift` was divided out.
    fn find(&self, drift: f64, allowance: Option<usize>) -> Finding {
        let left_out = allowance.unwrap_or(0);
        // As it was measured, what is slower now is so by the drift more, and what was slower before by the drift less.
        let (worse, better) = (self.factor * (1.0 / drift).max(1.0), self.factor * drift.max(1.0));
        let worse = self.missing(&self.before, &self.now, left_out, worse);
        let better = self.missing(&self.now, &self.before, left_out, better);
        let outcome = match allowance {
            None => Outcome::TooFew,
            _ if worse <= 1.0 => Outcome::Worse,
            _ if better <= 1.0 => Outcome::Better,
            _ => Outcome::Same,
        };
        let ratio = self.ratio();
        Finding { outcome, ratio, left_out, worse_from: ratio * worse }
    }

    /// How many times as slow `slow` would have to be to be called slower than `fast`; at most 1 when it is called so.
    fn missing(&self, fast: &[f64], slow: &[f64], left_out: usize, factor: f64) -> f64 {
        let kept_fast = &fast[..fast.len() - left_out];
        let kept_slow = &slow[..slow.len() - left_out];
        let share = SPREAD_SHARE / fast.len().min(slow.len()) as f64;
        let gap = GAP.max(spread(kept_fast).max(spread(kept_slow)).powf(share));
        let by_factor = (factor * typical(fast) + self.step) / typical(slow);
        let by_gap = (gap * kept_fast[kept_fast.len() - 1] + self.step) / slow[0];
        by_factor.max(by_gap)
    }
}

fn spread(costs: &[f64]) -> f64 {
    costs[costs.len() - 1] / costs[0]
}

/// The geometric mean of the faster half of what rises.
fn typical(costs: &[f64]) -> f64 {
    let half = &costs[..costs.len().div_ceil(2)];
    (half.iter().map(|cost| cost.ln()).sum::<f64>() / half.len() as f64).exp()
}

/// The probability that the least `fast - left_out` of `fast + slow` exchangeable costs all are among the `fast`.
fn chance(fast: usize, slow: usize, left_out: usize) -> f64 {
    (0..fast - left_out).map(|at| (fast - at) as f64 / (fast + slow - at) as f64).product()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn case(before: &[f64], now: &[f64]) -> Case {
        let rising = |costs: &[f64]| {
            let mut costs = costs.to_vec();
            costs.sort_by(f64::total_cmp);
            costs
        };
        Case { before: rising(before), now: rising(now), factor: 1.6, step: 0.0 }
    }

    fn outcome(before: &[f64], now: &[f64], drift: f64) -> Outcome {
        judge(&[case(before, now)], drift)[0].outcome
    }

    /// Nine repetitions around `cost`, a hundredth apart.
    fn around(cost: f64) -> [f64; 9] {
        std::array::from_fn(|at| cost * (1.0 + at as f64 / 100.0))
    }

    #[test]
    fn twice_as_slow_is_worse_and_half_is_better() {
        assert_eq!(outcome(&around(10.0), &around(20.0), 1.0), Outcome::Worse);
        assert_eq!(outcome(&around(20.0), &around(10.0), 1.0), Outcome::Better);
        assert_eq!(outcome(&around(10.0), &around(10.0), 1.0), Outcome::Same);
    }

    #[test]
    fn the_factor_is_where_worse_begins() {
        assert_eq!(outcome(&around(10.0), &around(15.99), 1.0), Outcome::Same);
        assert_eq!(outcome(&around(10.0), &around(16.01), 1.0), Outcome::Worse);
        let finding = judge(&[case(&around(10.0), &around(11.0))], 1.0)[0];
        assert!((finding.worse_from - 1.6).abs() < 1e-9, "{finding:?}");
    }

    #[test]
    fn a_drift_excuses_and_never_accuses() {
        assert_eq!(outcome(&around(10.0), &around(20.0), 1.3), Outcome::Same, "1.54 of 2 are left");
        assert_eq!(outcome(&around(10.0), &around(15.0), 1.0 / 1.5), Outcome::Same, "2.25 were 1.5");
        assert_eq!(outcome(&around(10.0), &around(17.0), 1.0 / 1.5), Outcome::Worse);
        assert_eq!(outcome(&around(20.0), &around(10.0), 1.0 / 1.3), Outcome::Same);
        assert_eq!(outcome(&around(15.0), &around(10.0), 1.5), Outcome::Same);
    }

    #[test]
    fn one_fast_repetition_now_is_enough_to_be_the_same() {
        let mut now = around(20.0);
        now[4] = 10.5;
        assert_eq!(outcome(&around(10.0), &now, 1.0), Outcome::Same);
    }

    #[test]
    fn slow_repetitions_before_do_not_hide_a_change() {
        let mut before = around(10.0);
        (before[3], before[7]) = (50.0, 30.0);
        let finding = judge(&[case(&before, &around(20.0))], 1.0)[0];
        assert_eq!((finding.outcome, finding.left_out), (Outcome::Worse, 3));
    }

    #[test]
    fn a_step_of_the_clock_is_no_change() {
        let stepped = |before, now| Case { step: CLOCK_STEP_NS, ..case(&[before; 9], &[now; 9]) };
        let cases =
            [stepped(10.0, 20.0), stepped(20.0, 30.0), stepped(20.0, 50.0), stepped(1_000.0, 1_700.0)];
        let outcomes: Vec<_> = judge(&cases, 1.0).iter().map(|finding| finding.outcome).collect();
        assert_eq!(outcomes, [Outcome::Same, Outcome::Same, Outcome::Worse, Outcome::Worse]);
    }

    #[test]
    fn few_repetitions_judge_few_candidates_and_the_rest_says_so() {
        for (count, most) in [(5, 1), (6, 4), (7, 17), (8, 64)] {
            let cases = vec![case(&around(10.0)[..count], &around(20.0)[..count]); 80];
            let findings = judge(&cases, 1.0);
            let worse = findings.iter().filter(|finding| finding.outcome == Outcome::Worse).count();
            let few = findings.iter().filter(|finding| finding.outcome == Outcome::TooFew).count();
            assert_eq!((worse, few), (most, 80 - most), "{count} repetitions");
        }
    }

    #[test]
    fn what_cannot_change_costs_no_confidence() {
        let mut cases = vec![case(&around(10.0)[..5], &around(11.0)[..5]); 80];
        cases.push(case(&around(10.0)[..5], &around(30.0)[..5]));
        let findings = judge(&cases, 1.0);
        assert_eq!(findings[80].outcome, Outcome::Worse);
        assert!(findings[..80].iter().all(|finding| finding.outcome == Outcome::Same));
    }

    #[test]
    fn drift_is_the_median_ratio_within_its_limit() {
        let of = |ratios: &[f64]| {
            let cases: Vec<_> = ratios.iter().map(|ratio| case(&[1.0; 5], &[*ratio; 5])).collect();
            drift(cases.iter())
        };
        assert_eq!(of(&[1.2; 4]), None);
        assert!((of(&[1.1, 1.2, 9.0, 1.2, 0.1]).unwrap() - 1.2).abs() < 1e-9);
        assert_eq!(of(&[9.0; 5]), Some(DRIFT_MAX));
        assert_eq!(of(&[0.1; 5]), Some(1.0 / DRIFT_MAX));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

        #[test]
        fn chance_is_what_counting_all_orders_gives(fast in 1usize..7, slow in 1usize..7, out in 0usize..4) {
            let out = out.min(fast - 1);
            let all = fast + slow;
            let (mut orders, mut apart) = (0u32, 0u32);
            // Each set of `fast` ranks of all is one order; bit 0 is the least cost.
            for ranks in 0u32..1 << all {
                if ranks.count_ones() as usize == fast {
                    orders += 1;
                    apart += u32::from(ranks.trailing_ones() as usize >= fast - out);
                }
            }
            let counted = f64::from(apart) / f64::from(orders);
            prop_assert!((chance(fast, slow, out) - counted).abs() < 1e-12);
        }

        #[test]
        fn exchanging_the_runs_exchanges_the_verdict(
            before in proptest::collection::vec(1.0..100.0f64, 5..16),
            now in proptest::collection::vec(1.0..100.0f64, 5..16),
            scale in 1.0..4.0f64,
        ) {
            let now: Vec<f64> = now.iter().map(|cost| cost * scale).collect();
            let exchanged = match outcome(&before, &now, 1.0) {
                Outcome::Worse => Outcome::Better,
                Outcome::Better => Outcome::Worse,
                other => other,
            };
            prop_assert_eq!(outcome(&now, &before, 1.0), exchanged);
        }

        #[test]
        fn any_costs_are_judged(
            before in proptest::collection::vec(1e-300..1e300f64, 1..30),
            now in proptest::collection::vec(1e-300..1e300f64, 1..30),
            drift in 0.6..1.5f64,
        ) {
            let finding = judge(&[case(&before, &now)], drift)[0];
            prop_assert!(finding.ratio > 0.0);
        }
    }
}
