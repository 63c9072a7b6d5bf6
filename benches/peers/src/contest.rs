//! A contest: ours and the peers, one after the other in one process, again and again, each between two probes.
//!
//! A figure counts for the class that the probes before and after it both name. Figures are nanoseconds, less is better.
//! A ratio is taken within one round, so within seconds, and only of two figures of one class.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use ephor_bench::distance::{Class, probe};
use ephor_bench::stats::Median;
use serde::{Deserialize, Serialize};

use ephor_bench::{HERE, THERE};

/// Whose figure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    Ours,
    Peer,
}

/// One that takes part: a name, and what gives its figure; no figure when a message was lost or a pin did not take.
pub struct Entrant {
    pub name: &'static str,
    pub side: Side,
    run: Box<dyn FnMut() -> Option<f64>>,
}

/// Ours.
pub fn ours(name: &'static str, run: impl FnMut() -> Option<f64> + 'static) -> Entrant {
    Entrant { name, side: Side::Ours, run: Box::new(run) }
}

/// A peer or a floor.
pub fn peer(name: &'static str, run: impl FnMut() -> Option<f64> + 'static) -> Entrant {
    Entrant { name, side: Side::Peer, run: Box::new(run) }
}

/// Which ratio is wanted, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Bound {
    /// The peer's time over ours, so a throughput's ratio, at least.
    AtLeast(f64),
    /// Our time over the peer's, at most.
    AtMost(f64),
    /// Nothing; for controls.
    None,
}

impl Bound {
    fn ratio(self, ours: f64, peer: f64) -> f64 {
        if matches!(self, Self::AtMost(_)) { ours / peer } else { peer / ours }
    }

    fn is_met(self, ratio: &Median) -> Option<bool> {
        match self {
            Self::AtLeast(bound) => Some(ratio.high >= bound),
            Self::AtMost(bound) => Some(ratio.low <= bound),
            Self::None => None,
        }
    }

    pub fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!(">= {bound}"),
            Self::AtMost(bound) => format!("<= {bound}"),
            Self::None => "-".to_owned(),
        }
    }

    pub fn number(self) -> Option<f64> {
        match self {
            Self::AtLeast(bound) | Self::AtMost(bound) => Some(bound),
            Self::None => None,
        }
    }
}

/// What the bound is on in each class.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub near: Bound,
    pub far: Bound,
}

impl Bounds {
    /// A bound near; far is printed without one.
    pub fn near(near: Bound) -> Self {
        Self { near, far: Bound::None }
    }

    pub fn both(bound: Bound) -> Self {
        Self { near: bound, far: bound }
    }

    pub fn of(self, class: Class) -> Bound {
        match class {
            Class::Near => self.near,
            Class::Far => self.far,
            Class::Same => Bound::None,
        }
    }
}

/// One row of the table.
pub struct Contest {
    pub id: &'static str,
    pub what: &'static str,
    pub bounds: Bounds,
    /// Whether it is of one thread, so that the distance of the cores does not matter. Its class is "one core".
    pub is_local: bool,
    pub entrants: Vec<Entrant>,
}

/// The figures of one contest: by round, then by entrant. Classes by name, since they cross processes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    pub names: Vec<(String, Side)>,
    pub rounds: Vec<Vec<Option<(String, f64)>>>,
}

/// The name of the class of rows that do not depend on it.
pub const ONE_CORE: &str = "one core";

impl Contest {
    /// Runs `rounds` rounds; the entrants take turns in going first. Stops early when `is_stopped`.
    ///
    /// # Errors
    /// When a probe's pin does not take.
    pub fn run(&mut self, rounds: usize, is_stopped: &AtomicBool) -> Result<Figures, String> {
        let count = self.entrants.len();
        let names = self.entrants.iter().map(|entrant| (entrant.name.to_owned(), entrant.side)).collect();
        let mut figures = Figures { names, rounds: Vec::new() };
        for round in 0..rounds {
            let mut row = vec![None; count];
            let mut before = self.class()?;
            for turn in 0..count {
                if is_stopped.load(Ordering::Relaxed) {
                    return Ok(figures);
                }
                let at = (round + turn) % count;
                let figure = (self.entrants[at].run)();
                let after = self.class()?;
                if before == after
                    && let (Some(class), Some(figure)) = (&after, figure)
                {
                    row[at] = Some((class.clone(), figure));
                }
                before = after;
            }
            figures.rounds.push(row);
        }
        Ok(figures)
    }

    fn class(&self) -> Result<Option<String>, String> {
        if self.is_local {
            return Ok(Some(ONE_CORE.to_owned()));
        }
        Ok(Class::of(probe(HERE, THERE)?).map(|class| class.name().to_owned()))
    }
}

/// Ours beside the best peer, in one class.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub class: String,
    pub ours: f64,
    pub our_name: String,
    pub peer: f64,
    pub peer_name: String,
    pub ratio: Median,
    pub bound: Bound,
    pub met: Option<bool>,
    /// Every entrant with its median, best first.
    pub all: Vec<(String, Side, Median)>,
}

impl Figures {
    /// Adds the rounds of another process.
    pub fn merge(&mut self, other: Figures) {
        if self.names.is_empty() {
            self.names = other.names;
        }
        self.rounds.extend(other.rounds);
    }

    /// What came of it, a class at a time.
    pub fn outcomes(&self, bounds: Bounds, is_local: bool) -> Vec<Outcome> {
        let classes: Vec<(&str, Bound)> = if is_local {
            vec![(ONE_CORE, bounds.near)]
        } else {
            [Class::Same, Class::Near, Class::Far].map(|class| (class.name(), bounds.of(class))).to_vec()
        };
        // A ratio goes the same way in every class, also where there is no bound on it.
        let way = bounds.near;
        classes.into_iter().filter_map(|(class, bound)| self.outcome(class, bound, way)).collect()
    }

    fn outcome(&self, class: &str, bound: Bound, way: Bound) -> Option<Outcome> {
        let of = |round: &Vec<Option<(String, f64)>>, at: usize| {
            round[at].as_ref().filter(|(in_class, _)| in_class == class).map(|(_, figure)| *figure)
        };
        let mut by_entrant: BTreeMap<usize, Median> = BTreeMap::new();
        for at in 0..self.names.len() {
            let values: Vec<f64> = self.rounds.iter().filter_map(|round| of(round, at)).collect();
            if let Some(median) = Median::of(&values) {
                by_entrant.insert(at, median);
            }
        }
        let best = |side: Side| {
            let candidates = by_entrant.iter().filter(|(at, _)| self.names[**at].1 == side);
            candidates.min_by(|(_, a), (_, b)| a.median.total_cmp(&b.median)).map(|(at, _)| *at)
        };
        let (our, peer) = (best(Side::Ours)?, best(Side::Peer)?);
        let ratios: Vec<f64> = self
            .rounds
            .iter()
            .filter_map(|round| Some(way.ratio(of(round, our)?, of(round, peer)?)))
            .collect();
        let ratio = Median::of(&ratios)?;
        let mut all: Vec<(String, Side, Median)> = by_entrant
            .iter()
            .map(|(at, median)| (self.names[*at].0.clone(), self.names[*at].1, *median))
            .collect();
        all.sort_by(|(_, _, a), (_, _, b)| a.median.total_cmp(&b.median));
        Some(Outcome {
            class: class.to_owned(),
            ours: by_entrant[&our].median,
            our_name: self.names[our].0.clone(),
            peer: by_entrant[&peer].median,
            peer_name: self.names[peer].0.clone(),
            ratio,
            bound,
            met: bound.is_met(&ratio),
            all,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(rounds: &[[(&str, f64); 3]]) -> Figures {
        let names = [("lane", Side::Ours), ("slow", Side::Peer), ("fast", Side::Peer)];
        Figures {
            names: names.map(|(name, side)| (name.to_owned(), side)).to_vec(),
            rounds: rounds
                .iter()
                .map(|round| round.iter().map(|(class, ns)| Some(((*class).to_owned(), *ns))).collect())
                .collect(),
        }
    }

    #[test]
    fn a_ratio_is_taken_to_the_best_peer_and_within_a_class() {
        let near = [("near", 2.0), ("near", 9.0), ("near", 5.0)];
        let moved = [("near", 2.0), ("near", 9.0), ("far", 50.0)];
        let figures = figures(&[near, near, moved]);
        let outcomes = figures.outcomes(Bounds::near(Bound::AtLeast(2.0)), false);
        assert_eq!(outcomes.len(), 1, "ours was never far");
        let near = &outcomes[0];
        assert_eq!((near.peer_name.as_str(), near.ratio.median, near.ratio.count), ("fast", 2.5, 2));
        assert_eq!(near.met, Some(true));
        let time = figures.outcomes(Bounds::near(Bound::AtMost(0.3)), false);
        assert_eq!((time[0].ratio.median, time[0].met), (0.4, Some(false)));
    }

    #[test]
    fn a_row_without_figures_has_no_outcome() {
        let mut none = figures(&[]);
        assert!(none.outcomes(Bounds::near(Bound::None), false).is_empty());
        none.rounds.push(vec![None, None, None]);
        assert!(none.outcomes(Bounds::near(Bound::None), false).is_empty());
    }
}
