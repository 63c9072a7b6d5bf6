//! The course of a run: health at each change, when the fault was noticed, and since when all is as before.
//!
//! All is as before when the cause is over and was noticed, health is at least what it was, every agent answers, and no more is in
//! flight than at the busiest look before the fault; and when health then stays so for a while. The time that counts is that of the first
//! such look, not of the last.

use ephor_core::Ticks;

use crate::report::HealthPoint;

/// How long health has to stay as it was: longer than an agent that crashes again and again is up in between.
const SETTLED_NS: u64 = 30_000_000;

/// How the bus is at one look.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    pub(super) score: f64,
    pub(super) status: String,
    /// The lowest score so far.
    pub(super) lowest: f64,
    /// How often a breaker opened so far, or without an overseer an agent ceased to answer or a message crashed one.
    pub(super) trips: u64,
    /// How often whatever is to notice the fault did so: the breaker of the target, or of the policy engine.
    pub(super) notices: u64,
    /// Agents that do not answer.
    pub(super) down: usize,
    pub(super) in_flight: u64,
}

/// What was seen, look by look.
#[derive(Debug)]
pub(super) struct Course {
    begun: Ticks,
    /// Whether it is health that notices; a full lane's senders do it themselves.
    is_for_health: bool,
    pub(super) timeline: Vec<HealthPoint>,
    pub(super) detected: Option<Ticks>,
    pub(super) recovered: Option<Ticks>,
    good_since: Option<Ticks>,
    trips: u64,
    notices: u64,
    /// Health at the last look before the fault; none without one.
    before: Option<HealthPoint>,
    /// The most in flight before the fault.
    busiest: u64,
}

impl Course {
    pub(super) fn new(begun: Ticks, is_for_health: bool) -> Self {
        Self {
            begun,
            is_for_health,
            timeline: Vec::new(),
            detected: None,
            recovered: None,
            good_since: None,
            trips: 0,
            notices: 0,
            before: None,
            busiest: 0,
        }
    }

    /// Notes a look, at which the cause had begun and ended at these times.
    pub(super) fn note(&mut self, now: Ticks, look: &Look, began: Option<Ticks>, ended: Option<Ticks>) {
        let (has_tripped, has_noticed) = (look.trips > self.trips, look.notices > self.notices);
        self.draw(now, look, has_tripped);
        (self.trips, self.notices) = (look.trips, look.notices);
        if began.is_none() {
            self.busiest = self.busiest.max(look.in_flight);
            self.before = self.timeline.last().cloned();
            return;
        }
        if has_noticed && self.detected.is_none() {
            self.detected = Some(now);
        }
        self.settle(now, look, has_tripped, ended.is_some_and(|ended| now >= ended));
    }

    /// Health when the fault struck.
    pub(super) fn before(&self) -> HealthPoint {
        self.before.as_ref().or(self.timeline.first()).cloned().unwrap_or_default()
    }

    /// Whether health changed before the fault.
    pub(super) fn is_disturbed(&self) -> bool {
        self.before.as_ref().is_some_and(|before| Some(before) != self.timeline.first())
    }

    /// Health at its lowest from `since` on.
    pub(super) fn lowest(&self, since: Option<Ticks>) -> HealthPoint {
        let since_ms = since.map_or(0.0, |since| self.ms(since));
        let prevailing = self.timeline.iter().rfind(|point| point.at_ms <= since_ms);
        let later = self.timeline.iter().filter(|point| point.at_ms > since_ms);
        let points = prevailing.into_iter().chain(later);
        points.min_by(|left, right| left.score.total_cmp(&right.score)).cloned().unwrap_or_default()
    }

    /// Health at the end.
    pub(super) fn after(&self) -> HealthPoint {
        self.timeline.last().cloned().unwrap_or_default()
    }

    /// Milliseconds since the beginning.
    pub(super) fn ms(&self, at: Ticks) -> f64 {
        at.since_ns(self.begun) as f64 / 1e6
    }

    /// Adds to the timeline what has changed. A breaker that was open for less than the time between two looks is known by its count,
    /// and how low health was meanwhile by how low it ever was.
    fn draw(&mut self, now: Ticks, look: &Look, has_tripped: bool) {
        let at_ms = self.ms(now);
        let last = self.timeline.last();
        let is_unseen = last.is_none_or(|last| last.score <= look.score);
        if has_tripped && is_unseen && look.lowest < look.score {
            let status = "between two looks".to_owned();
            self.timeline.push(HealthPoint { at_ms, score: look.lowest, status });
        } else if last.is_some_and(|last| last.score == look.score && last.status == look.status) {
            return;
        }
        self.timeline.push(HealthPoint { at_ms, score: look.score, status: look.status.clone() });
    }

    /// Looks whether all is as before, and whether it has been so for long enough.
    fn settle(&mut self, now: Ticks, look: &Look, has_tripped: bool, is_over: bool) {
        if has_tripped || look.down > 0 || look.score < self.before().score {
            self.good_since = None;
            return;
        }
        let is_noticed = self.detected.is_some() || !self.is_for_health;
        if self.good_since.is_none() && is_over && is_noticed && look.in_flight <= self.busiest {
            self.good_since = Some(now);
        }
        let has_settled = self.good_since.is_some_and(|since| now.since_ns(since) >= SETTLED_NS);
        if has_settled && self.recovered.is_none() {
            self.recovered = self.good_since;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn at(ms: u64) -> Ticks {
        Ticks::from_ns(1 + ms * MS)
    }

    fn look(score: f64, trips: u64, in_flight: u64) -> Look {
        let status = "healthy".to_owned();
        Look { score, status, lowest: score, trips, notices: trips, down: 0, in_flight }
    }

    /// The course of a fault from 100 to 160 ms: looks at times in milliseconds.
    fn course(looks: &[(u64, Look)]) -> Course {
        let mut course = Course::new(at(0), true);
        for (ms, look) in looks {
            let (began, ended) = (at(100), at(160));
            let now = at(*ms);
            course.note(now, look, (now >= began).then_some(began), (now >= ended).then_some(ended));
        }
        course
    }

    #[test]
    fn a_fault_is_noticed_when_a_breaker_opens_and_overcome_at_the_first_look_that_is_good_and_stays_so() {
        let course = course(&[
            (0, look(1.0, 0, 0)),
            (50, look(1.0, 0, 7)),
            (100, look(1.0, 0, 0)),
            (105, look(0.8, 1, 90)),
            (161, look(1.0, 1, 90)),
            (162, look(1.0, 1, 7)),
            (191, look(1.0, 1, 50)),
            (192, look(1.0, 1, 0)),
        ]);
        assert_eq!((course.detected, course.recovered), (Some(at(105)), Some(at(162))));
        assert_eq!((course.before().score, course.lowest(Some(at(100))).score), (1.0, 0.8));
        assert_eq!(course.after().score, 1.0);
    }

    #[test]
    fn what_is_good_for_a_moment_only_is_not_overcome() {
        let mut looks = vec![(0, look(1.0, 0, 0)), (105, look(0.8, 1, 0)), (165, look(1.0, 1, 0))];
        looks.extend([(170, look(0.8, 2, 0)), (172, look(1.0, 2, 0)), (196, look(1.0, 2, 0))]);
        assert_eq!(course(&looks).recovered, None);
        looks.push((210, look(1.0, 2, 0)));
        assert_eq!(course(&looks).recovered, Some(at(172)));
        // A breaker opens and closes between two looks.
        let tripped = [(160, 1), (180, 2), (191, 2), (211, 2)].map(|(ms, trips)| (ms, look(1.0, trips, 0)));
        let course = course(&[&[(0, look(1.0, 0, 0)), (105, look(0.8, 1, 0))][..], &tripped[..]].concat());
        assert_eq!((course.good_since, course.recovered), (Some(at(191)), None));
    }

    #[test]
    fn nothing_is_overcome_that_was_not_noticed_and_nothing_before_its_cause_is_over() {
        let quiet = [0, 101, 300, 400].map(|ms| (ms, look(1.0, 0, 0)));
        assert_eq!(course(&quiet).recovered, None);
        let early =
            [(0, look(1.0, 0, 0)), (101, look(0.8, 1, 0)), (110, look(1.0, 1, 0)), (159, look(1.0, 1, 0))];
        assert_eq!(course(&early).recovered, None);
    }

    #[test]
    fn what_opened_before_the_fault_is_no_notice_of_it_and_no_low_of_it() {
        let course = course(&[
            (0, look(1.0, 0, 0)),
            (20, look(0.5, 1, 0)),
            (30, look(1.0, 1, 0)),
            (101, look(1.0, 1, 0)),
            (120, look(0.9, 2, 0)),
        ]);
        assert_eq!(course.detected, Some(at(120)));
        assert_eq!(course.lowest(Some(at(100))).score, 0.9);
    }

    #[test]
    fn another_breaker_that_opens_is_no_notice_but_health_is_not_as_before_either() {
        let other = |score, trips| Look { notices: 0, ..look(score, trips, 0) };
        let course =
            course(&[(0, look(1.0, 0, 0)), (101, other(0.8, 1)), (170, other(1.0, 1)), (250, other(1.0, 1))]);
        assert_eq!((course.detected, course.recovered), (None, None));
        assert_eq!(course.lowest(Some(at(100))).score, 0.8);
    }

    #[test]
    fn before_is_when_the_fault_strikes_and_a_change_until_then_disturbs_the_run() {
        let disturbed = course(&[
            (0, look(1.0, 0, 0)),
            (99, look(0.9, 0, 0)),
            (101, look(0.8, 1, 0)),
            (170, look(0.9, 1, 0)),
            (210, look(0.9, 1, 0)),
        ]);
        assert_eq!((disturbed.before().score, disturbed.is_disturbed()), (0.9, true));
        assert_eq!(disturbed.recovered, Some(at(170)), "as good as when it struck");
        assert!(!course(&[(0, look(1.0, 0, 0)), (101, look(0.8, 1, 0))]).is_disturbed());
    }

    #[test]
    fn a_breaker_that_opens_and_closes_between_two_looks_is_in_the_timeline() {
        let dipped = Look { lowest: 0.8, ..look(1.0, 1, 0) };
        let course = course(&[(0, look(1.0, 0, 0)), (101, dipped)]);
        let scores: Vec<f64> = course.timeline.iter().map(|point| point.score).collect();
        assert_eq!(scores, [1.0, 0.8, 1.0]);
        assert_eq!(course.detected, Some(at(101)));
    }
}
