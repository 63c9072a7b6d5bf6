//! Which lanes of a mailbox a turn looks at, so that an agent with many edges does not pay for those that nobody sends on.
//!
//! A look at a lane from elsewhere that has nothing costs its receiver two lines. A small mailbox is looked at whole. In a
//! large one the lanes that had something of late are looked at in every turn, and a window of lanes that goes round: a lane
//! that was quiet is due again after at most as many turns as there are windows, and served as soon as there is room. Rings
//! within a worker and lanes of a priority above medium are looked at in every turn.

use std::ops::Range;

use crate::ready::Ready;

/// The size up to which a mailbox is small.
const SMALL: usize = 8;
/// Lanes that the window of a larger one takes in. Earned by `scale-edges` of `benches/peers`.
const WINDOW: usize = 4;
/// Looks that may find nothing before a lane counts as quiet.
const PATIENCE: u8 = 64;
/// The patience of a lane that never does.
const ENDLESS: u8 = u8::MAX;

/// Which lanes of a mailbox a turn looks at.
#[derive(Debug)]
pub(crate) struct Looks {
    lanes: usize,
    /// The lanes that the next turn looks at, of a mailbox that is not small.
    due: Ready,
    /// Looks that each lane has left before it counts as quiet.
    patience: Box<[u8]>,
    /// Where the next window begins.
    window: usize,
}

impl Looks {
    /// For lanes in polling order, of each of which is said whether every turn must look at it.
    pub(crate) fn new(is_urgent: impl Iterator<Item = bool>) -> Self {
        let patience: Box<[u8]> = is_urgent.map(|is_urgent| if is_urgent { ENDLESS } else { 0 }).collect();
        Self { lanes: patience.len(), due: Ready::new(patience.len()), patience, window: 0 }
    }

    /// Begins a turn: a window of quiet lanes is due.
    #[inline]
    pub(crate) fn begin(&mut self) {
        if !self.is_small() {
            self.open_window();
        }
    }

    /// The first lane of `lanes` that this turn looks at. What becomes of the look is told to [`saw`](Self::saw).
    #[inline]
    pub(crate) fn next(&mut self, lanes: Range<usize>) -> Option<usize> {
        if self.is_small() { (!lanes.is_empty()).then_some(lanes.start) } else { self.next_due(lanes) }
    }

    /// Notes whether a look found anything.
    #[inline]
    pub(crate) fn saw(&mut self, lane: usize, has_any: bool) {
        if !self.is_small() {
            self.settle(lane, has_any);
        }
    }

    /// Has the next turn look at all lanes.
    pub(crate) fn look_everywhere(&mut self) {
        if !self.is_small() {
            (0..self.lanes).for_each(|lane| self.due.set(lane));
        }
    }

    #[inline]
    fn is_small(&self) -> bool {
        self.lanes <= SMALL
    }

    #[inline(never)]
    fn next_due(&mut self, lanes: Range<usize>) -> Option<usize> {
        let lane = self.due.take(lanes.start)?;
        if lane >= lanes.end {
            self.due.set(lane);
            return None;
        }
        Some(lane)
    }

    #[inline(never)]
    fn open_window(&mut self) {
        let end = (self.window + WINDOW).min(self.lanes);
        (self.window..end).for_each(|lane| self.due.set(lane));
        self.window = if end == self.lanes { 0 } else { end };
    }

    #[inline(never)]
    fn settle(&mut self, lane: usize, has_any: bool) {
        let patience = &mut self.patience[lane];
        if *patience != ENDLESS {
            *patience = if has_any { PATIENCE } else { patience.saturating_sub(1) };
        }
        if *patience > 0 {
            self.due.set(lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lanes that a turn looks at, where `busy` ones have something.
    fn turn(looks: &mut Looks, busy: &[usize]) -> Vec<usize> {
        let mut seen = Vec::new();
        let mut from = 0;
        looks.begin();
        while let Some(lane) = looks.next(from..looks.lanes) {
            looks.saw(lane, busy.contains(&lane));
            seen.push(lane);
            from = lane + 1;
        }
        seen
    }

    #[test]
    fn a_small_mailbox_is_looked_at_whole() {
        let mut looks = Looks::new([false; SMALL].into_iter());
        for _ in 0..300 {
            assert_eq!(turn(&mut looks, &[]), (0..SMALL).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_quiet_lane_is_looked_at_once_a_round_and_a_busy_or_urgent_one_in_every_turn() {
        let count = 7 * WINDOW + 1;
        let mut looks = Looks::new((0..count).map(|lane| lane == 20));
        assert_eq!(turn(&mut looks, &[2]).len(), count, "at first everything is looked at");
        let mut seen = vec![0; count];
        let rounds = 10;
        for _ in 0..rounds * count.div_ceil(WINDOW) {
            turn(&mut looks, &[2]).into_iter().for_each(|lane| seen[lane] += 1);
        }
        for (lane, seen) in seen.into_iter().enumerate() {
            let each = if [2, 20].contains(&lane) { rounds * count.div_ceil(WINDOW) } else { rounds };
            assert_eq!(seen, each, "lane {lane}");
        }
    }

    #[test]
    fn a_lane_that_had_something_is_looked_at_until_its_patience_ends() {
        let count = 100 * WINDOW;
        let mut looks = Looks::new((0..count).map(|_| false));
        let last = count - 1;
        turn(&mut looks, &[last]);
        for _ in 0..PATIENCE {
            assert!(turn(&mut looks, &[]).contains(&last));
        }
        assert!(!turn(&mut looks, &[]).contains(&last));
    }

    #[test]
    fn a_part_of_a_mailbox_leaves_the_rest_due() {
        let mut looks = Looks::new([false; 2 * SMALL].into_iter());
        assert_eq!(looks.next(3..5), Some(3));
        assert_eq!(looks.next(4..4), None);
        assert_eq!(looks.next(4..5), Some(4));
        assert_eq!(looks.next(5..5), None);
        assert_eq!(looks.next(0..3), Some(0));
        assert_eq!(looks.next(5..2 * SMALL), Some(5));
    }

    #[test]
    fn everything_is_looked_at_on_demand() {
        let mut looks = Looks::new([false; 2 * SMALL].into_iter());
        turn(&mut looks, &[]);
        assert!(turn(&mut looks, &[]).len() < 2 * SMALL);
        looks.look_everywhere();
        assert_eq!(turn(&mut looks, &[]).len(), 2 * SMALL);
    }
}
