//! How often the rule errs, and how often it sees what was planted, by simulation from fixed seeds.
//!
//! Two runs of one binary: the host slows each as a whole by up to 1.3, each repetition scatters by 10 to 30 % (the deviation of
//! its logarithm), one in 50 takes five times as long, and a percentile of the tail wanders by a factor of up to 3 between runs.
//!
//! Of 50,000 such pairs with 5 to 15 repetitions one had an alarm, with 5 each 1, with 9 each 3, with 15 each none. Of 10,000 pairs
//! whose host slows each fifth of a run by itself, 2. How often a figure was named that was twice as slow, in 2,000 runs each, by
//! its own scatter:
//!
//! | repetitions | 5 % | 10 % | 15 % | 20 % | 30 % |
//! | --- | --- | --- | --- | --- | --- |
//! | 5 | 0.69 | 0.57 | 0.25 | 0.10 | 0.01 |
//! | 7 | 0.83 | 0.78 | 0.45 | 0.17 | 0.03 |
//! | 9 | 0.98 | 0.97 | 0.83 | 0.49 | 0.12 |
//! | 12 | 0.99 | 0.98 | 0.94 | 0.75 | 0.28 |
//! | 15 | 0.99 | 0.98 | 0.96 | 0.86 | 0.43 |
//!
//! No rule can do much better: of 5 and 5 repetitions that scatter by 30 %, chance alone makes a ratio of 2 in one of some 4,000 figures.

use std::f64::consts::TAU;

use super::rule::{Case, Outcome, drift, judge};
use crate::catalogue::{Criterion, METRICS, Place};
use crate::chance::Chance;

/// What one repetition in 50 takes.
const OUTLIER: f64 = 5.0;
/// The most that the host slows a run.
const HOST: f64 = 1.3;
/// The most that a percentile of the tail wanders between runs, and the factor by which such a figure is known.
const WANDER: f64 = 3.0;
const TAIL: f64 = 5.0;

/// How what a run takes scatters.
struct Random(Chance);

impl Random {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.next()
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.0.next()).ln()).sqrt() * (TAU * self.0.next()).cos()
    }
}

/// A world that runs are drawn from.
#[derive(Clone, Copy)]
struct World {
    /// The fewest and the most repetitions of a run.
    repetitions: (usize, usize),
    /// The least and the most scatter of a figure.
    scatter: (f64, f64),
    /// Parts of a run that the host slows by themselves.
    parts: usize,
    /// The scatter of the figure that is twice as slow in the later run; none without one.
    planted: Option<f64>,
}

const NOISY: World = World { repetitions: (5, 15), scatter: (0.1, 0.3), parts: 1, planted: None };

/// What the rule said about a pair of runs.
#[derive(Clone, Copy, Default)]
struct Tally {
    alarms: usize,
    seen: usize,
}

impl World {
    /// Draws a pair of runs and has it judged.
    fn pair(self, seed: u64) -> Tally {
        let mut random = Random(Chance::new(seed));
        let (low, high) = self.repetitions;
        let counts = [(); 2].map(|()| low + (random.0.next() * (high - low + 1) as f64) as usize);
        let hosts: Vec<_> = (0..self.parts).map(|_| [(); 2].map(|()| random.between(1.0, HOST))).collect();
        let family = family();
        let typical: Vec<usize> = (0..family.len()).filter(|at| family[*at].1).collect();
        let victim = typical[(random.0.next() * typical.len() as f64) as usize];
        let cases: Vec<Case> = (0..family.len())
            .map(|at| {
                let host = hosts[at * self.parts / family.len()];
                self.case(&mut random, family[at].0, self.planted.filter(|_| at == victim), counts, host)
            })
            .collect();
        tally(&cases, &typical, self.planted.map(|_| victim))
    }

    fn case(
        self,
        random: &mut Random,
        factor: f64,
        planted: Option<f64>,
        counts: [usize; 2],
        host: [f64; 2],
    ) -> Case {
        let own = random.between(self.scatter.0, self.scatter.1);
        let scatter = planted.unwrap_or(own);
        let slow = [1.0, if planted.is_some() { 2.0 } else { 1.0 }];
        let [before, now] = [0, 1].map(|run| {
            let wander = if factor >= TAIL { random.between(1.0, WANDER) } else { 1.0 };
            random.repetitions(100.0 * slow[run] * wander * host[run], scatter, counts[run])
        });
        Case { before, now, factor, step: 0.0 }
    }

    fn pairs(self, count: u64) -> Vec<Tally> {
        (0..count).map(|seed| self.pair(seed)).collect()
    }

    /// The share of runs in which the planted figure is named.
    fn seen(self, count: u64) -> f64 {
        self.pairs(count).iter().filter(|tally| tally.seen > 0).count() as f64 / count as f64
    }

    /// The runs in which anything else is named.
    fn alarms(self, count: u64) -> usize {
        self.pairs(count).iter().filter(|tally| tally.alarms > 0).count()
    }
}

impl Random {
    fn repetitions(&mut self, cost: f64, scatter: f64, count: usize) -> Vec<f64> {
        let mut costs: Vec<f64> = (0..count)
            .map(|_| {
                let outlier = if self.0.next() < 0.02 { OUTLIER } else { 1.0 };
                cost * outlier * (scatter * self.normal()).exp()
            })
            .collect();
        costs.sort_by(f64::total_cmp);
        costs
    }
}

/// The factors of all figures that are judged by repetitions, and which of them tell the drift.
fn family() -> Vec<(f64, bool)> {
    let figures = METRICS.iter().filter(|entry| entry.family().is_none());
    let judged = figures.filter_map(|entry| match entry.change {
        Criterion::Ratio(factor) => Some((factor, entry.place == Place::Thread && factor < TAIL)),
        _ => None,
    });
    judged.collect()
}

fn tally(cases: &[Case], typical: &[usize], victim: Option<usize>) -> Tally {
    let drift = drift(typical.iter().map(|at| &cases[*at])).unwrap_or(1.0);
    let mut tally = Tally::default();
    for (at, finding) in judge(cases, drift).iter().enumerate() {
        match finding.outcome {
            Outcome::Worse if Some(at) == victim => tally.seen += 1,
            Outcome::Worse | Outcome::Better => tally.alarms += 1,
            Outcome::Same | Outcome::TooFew => {}
        }
    }
    tally
}

#[test]
#[cfg_attr(miri, ignore = "ten thousand pairs of runs take hours")]
fn ten_thousand_pairs_of_runs_of_one_binary_raise_no_alarm() {
    assert_eq!(NOISY.alarms(10_000), 0);
}

#[test]
#[cfg_attr(miri, ignore = "thousands of pairs of runs take hours")]
fn twice_as_slow_is_seen_in_95_of_100_runs_with_nine_repetitions_that_scatter_by_a_tenth() {
    for (repetitions, scatter) in [((9, 9), 0.1), ((9, 15), 0.1), ((15, 15), 0.15)] {
        let seen = World { repetitions, planted: Some(scatter), ..NOISY }.seen(1_000);
        assert!(seen >= 0.95, "{seen} of runs with {repetitions:?} repetitions that scatter by {scatter}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of pairs of runs take hours")]
fn a_host_that_slows_parts_of_a_run_stays_within_the_promise() {
    let alarms = World { parts: 5, ..NOISY }.alarms(2_000);
    assert!(alarms <= 20, "{alarms} of 2000 pairs, and the promise is 1 %");
}

#[test]
#[cfg_attr(miri, ignore = "thousands of pairs of runs take hours")]
fn exchangeable_repetitions_stay_within_the_promise_however_much_they_scatter() {
    for repetitions in [(5, 15), (5, 5), (15, 15)] {
        let alarms = World { repetitions, scatter: (1.0, 2.0), ..NOISY }.alarms(1_000);
        assert!(
            alarms <= 10,
            "{alarms} of 1000 pairs with {repetitions:?} repetitions, and the promise is 1 %"
        );
    }
}
