//! The board: all breakers, and what they come to.
//!
//! score = (closed + half × half-open) / total; without breakers it is 1. Thresholds are compared in integers, so
//! that 7 of 10 is exactly 0.7.

use std::collections::VecDeque;

use crate::breaker::{Breaker, BreakerState};
use crate::config::{BoardConfig, HealthError, Status};

/// Breakers that one board can hold.
pub const BREAKER_LIMIT: usize = 512;
/// Thresholds are compared in this many parts of one.
const PARTS: u64 = 1_000_000;

/// Number of a breaker on its board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BreakerId(pub u16);

/// The sum of all breakers at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Snapshot {
    /// 0 to 1.
    pub score: f64,
    /// How that is called.
    pub status: Status,
    /// Closed breakers.
    pub closed: u32,
    /// Half-open breakers.
    pub half_open: u32,
    /// Open breakers.
    pub open: u32,
    /// When, on the bus clock.
    pub at_ns: u64,
}

/// All breakers.
#[derive(Debug)]
pub struct Board {
    config: BoardConfig,
    breakers: Vec<Breaker>,
    history: VecDeque<Snapshot>,
    current: Snapshot,
    lowest_score: f64,
    changes: u64,
}

impl Board {
    /// An empty board, which is healthy.
    ///
    /// # Errors
    /// [`HealthError`] when a threshold is out of range or they stand the wrong way round.
    pub fn new(config: BoardConfig) -> Result<Self, HealthError> {
        config.check()?;
        let current =
            Snapshot { score: 1.0, status: Status::Healthy, closed: 0, half_open: 0, open: 0, at_ns: 0 };
        Ok(Self {
            config,
            breakers: Vec::new(),
            history: VecDeque::with_capacity(config.history),
            current,
            lowest_score: 1.0,
            changes: 0,
        })
    }

    /// Adds a closed breaker.
    ///
    /// # Errors
    /// [`HealthError::NameTaken`], so that nothing is counted twice, and [`HealthError::Full`].
    pub fn register(&mut self, name: &str) -> Result<BreakerId, HealthError> {
        if self.breakers.iter().any(|breaker| breaker.name() == name) {
            return Err(HealthError::NameTaken { name: name.to_owned() });
        }
        if self.breakers.len() >= BREAKER_LIMIT {
            return Err(HealthError::Full { name: name.to_owned(), limit: BREAKER_LIMIT });
        }
        self.breakers.push(Breaker::new(name, self.config.breakers));
        self.current = self.sum_up(self.current.at_ns);
        Ok(BreakerId((self.breakers.len() - 1) as u16))
    }

    /// Takes a report; says whether the status changed. A breaker that is not on the board changes nothing.
    pub fn report(&mut self, breaker: BreakerId, state: BreakerState, now_ns: u64) -> bool {
        let Some(breaker) = self.breakers.get_mut(usize::from(breaker.0)) else { return false };
        breaker.set(state, now_ns);
        let before = self.current.status;
        self.current = self.sum_up(now_ns);
        self.lowest_score = self.lowest_score.min(self.current.score);
        self.remember();
        let has_changed = self.current.status != before;
        self.changes += u64::from(has_changed);
        has_changed
    }

    /// The sum of all breakers now.
    pub fn snapshot(&self) -> Snapshot {
        self.current
    }

    /// The lowest score so far.
    pub fn lowest_score(&self) -> f64 {
        self.lowest_score
    }

    /// How often the status changed.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Every breaker, in order of registration.
    pub fn breakers(&self) -> impl Iterator<Item = &Breaker> {
        self.breakers.iter()
    }

    /// Snapshots since `from_ns`, the oldest first; those that the bounded history still has.
    pub fn history(&self, from_ns: u64) -> impl Iterator<Item = &Snapshot> {
        self.history.iter().filter(move |snapshot| snapshot.at_ns >= from_ns)
    }

    fn remember(&mut self) {
        if self.config.history == 0 {
            return;
        }
        if self.history.len() == self.config.history {
            self.history.pop_front();
        }
        self.history.push_back(self.current);
    }

    fn sum_up(&self, at_ns: u64) -> Snapshot {
        let count = |state| self.breakers.iter().filter(|breaker| breaker.state() == state).count() as u32;
        let (closed, half_open, open) =
            (count(BreakerState::Closed), count(BreakerState::HalfOpen), count(BreakerState::Open));
        // Twice the score, and twice its base, so that a half is a whole number.
        let (points, base) = match closed + half_open + open {
            0 => (2, 2),
            total => (2 * closed + half_open, 2 * total),
        };
        let status = if reaches(points, base, self.config.healthy_at) {
            Status::Healthy
        } else if reaches(points, base, self.config.degraded_at) {
            Status::Degraded
        } else {
            Status::Critical
        };
        let score = f64::from(points) / f64::from(base);
        Snapshot { score, status, closed, half_open, open, at_ns }
    }
}

/// Whether points / base >= threshold, compared in millionths.
fn reaches(points: u32, base: u32, threshold: f64) -> bool {
    let threshold = (threshold * PARTS as f64).round() as u64;
    u64::from(points) * PARTS >= threshold * u64::from(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board_of(closed: usize, half_open: usize, open: usize) -> Board {
        let mut board = Board::new(BoardConfig::default()).unwrap();
        let states =
            [(closed, BreakerState::Closed), (half_open, BreakerState::HalfOpen), (open, BreakerState::Open)];
        for (count, state) in states {
            for number in 0..count {
                let id = board.register(&format!("{state} {number}")).unwrap();
                board.report(id, state, 0);
            }
        }
        board
    }

    #[test]
    fn scores_and_statuses_are_as_specified_with_exact_limits() {
        let cases = [
            ((10, 0, 0), 1.0, Status::Healthy),
            ((7, 0, 3), 0.7, Status::Healthy),
            ((6, 1, 3), 0.65, Status::Degraded),
            ((5, 0, 5), 0.5, Status::Degraded),
            ((4, 1, 5), 0.45, Status::Critical),
            ((0, 10, 0), 0.5, Status::Degraded),
            ((0, 0, 1), 0.0, Status::Critical),
            ((0, 0, 0), 1.0, Status::Healthy),
        ];
        for ((closed, half_open, open), score, status) in cases {
            let snapshot = board_of(closed, half_open, open).snapshot();
            assert_eq!((snapshot.score, snapshot.status), (score, status), "{closed}/{half_open}/{open}");
        }
    }

    #[test]
    fn one_name_counts_once_and_bad_thresholds_are_refused() {
        let mut board = board_of(1, 0, 0);
        assert!(matches!(board.register("closed 0"), Err(HealthError::NameTaken { .. })));
        let with =
            |healthy_at, degraded_at| BoardConfig { healthy_at, degraded_at, ..BoardConfig::default() };
        assert!(matches!(Board::new(with(0.5, 0.7)), Err(HealthError::Order { .. })));
        assert!(matches!(Board::new(with(1.1, 0.5)), Err(HealthError::Threshold { which: "healthy", .. })));
        assert!(matches!(
            Board::new(with(0.7, f64::NAN)),
            Err(HealthError::Threshold { which: "degraded", .. })
        ));
    }

    #[test]
    fn the_status_changes_once_for_many_equal_reports() {
        let mut board = board_of(2, 0, 0);
        let first = BreakerId(0);
        let answers = [BreakerState::Closed, BreakerState::Closed, BreakerState::Open, BreakerState::Open]
            .map(|state| board.report(first, state, 1));
        assert_eq!(answers, [false, false, true, false]);
        assert_eq!(board.lowest_score(), 0.5);
    }

    #[test]
    fn the_history_keeps_the_newest_in_order() {
        let mut board = board_of(1, 0, 0);
        for at_ns in 1..=301 {
            board.report(BreakerId(0), BreakerState::Closed, at_ns);
        }
        let kept: Vec<u64> = board.history(0).map(|snapshot| snapshot.at_ns).collect();
        assert_eq!((kept.len(), kept[0], kept[299]), (300, 2, 301));
        assert!(kept.is_sorted());
        assert_eq!(board.history(300).count(), 2);
    }

    #[test]
    fn a_report_about_nothing_changes_nothing() {
        let mut board = board_of(1, 0, 0);
        assert!(!board.report(BreakerId(9), BreakerState::Open, 0));
        assert_eq!(board.snapshot().score, 1.0);
    }
}
