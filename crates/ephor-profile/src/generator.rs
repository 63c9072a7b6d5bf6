//! The load generator: sends each message when it is due, and judges itself.
//!
//! It waits for nothing but the clock. When it is late it sends at once, and the lateness is part of the message's latency,
//! which counts from when the message was **due**. A message that finds its lane full is not sent again: it is refused, and
//! counts as still under way when the run ends.
//!
//! A message is tried late for one of three reasons, and its latency counts from when it was due for each of them:
//! - the generator itself: that is its own error, and where it is too large no latency is told;
//! - the send before it had not returned: that is the gateway's doing, which wakes a worker that sleeps, and any sender's lot;
//! - the system had taken the generator's core away: no generator can help that, and such messages are counted apart.

use std::hint::spin_loop;
use std::thread;

use ephor_core::{Correlation, Ticks};
use ephor_runtime::Clock;
use hdrhistogram::Histogram;

use crate::metric::histogram;
use crate::report::NoLatency;
use crate::subject::{Ask, Load, Sent};

/// How late the generator may be, 99 of 100 messages, for its latencies to be the bus's.
pub const SCHEDULE_ERROR_NS_MAX: u64 = 1_000;
/// A gap this long between two readings of the clock, with nothing between them, is not the generator's doing.
const INTERRUPTION_NS: u64 = 5_000;
/// After a gap it may take this many times as long to catch up; what is late after that is its own fault again.
const CATCH_UP: u64 = 4;
/// A run is spoilt when more than this part of its messages was due during interruptions.
const INTERRUPTED_MAX: f64 = 0.1;
/// From now to the first message that is due.
const LEAD_NS: u64 = 200_000;

/// How the generator waits for the next message to be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// It has a core of its own.
    Spin,
    /// It shares its core with the bus.
    Yield,
}

/// What a run of the generator came to.
#[derive(Debug)]
pub(crate) struct Driven {
    /// Messages that were due: taken + refused + denied.
    pub(crate) due: u64,
    pub(crate) taken: u64,
    pub(crate) refused: u64,
    pub(crate) denied: u64,
    /// How late messages were tried, in nanoseconds, and how many were not counted because of interruptions.
    pub(crate) own: OwnError,
    /// When each message that asked for a receipt was due, by its number.
    pub(crate) asked: Vec<Ticks>,
    /// From the first that was due to the last, in nanoseconds.
    pub(crate) span_ns: u64,
    /// When the first was due and the last was tried.
    pub(crate) begun: Ticks,
    pub(crate) ended: Ticks,
    /// When the first and the last were refused.
    pub(crate) refusals: Option<(Ticks, Ticks)>,
}

impl Driven {
    /// Whether the generator kept up, so that the latencies are the bus's.
    pub(crate) fn is_kept(&self) -> bool {
        self.spoilt_by().is_none()
    }

    /// Why the latencies are not the bus's.
    pub(crate) fn spoilt_by(&self) -> Option<NoLatency> {
        if self.own.interrupted_part() > INTERRUPTED_MAX {
            Some(NoLatency::CoreLost)
        } else {
            (self.own.p99_ns() >= SCHEDULE_ERROR_NS_MAX).then_some(NoLatency::GeneratorLate)
        }
    }
}

/// How late the generator is, and by whose fault.
#[derive(Debug)]
pub(crate) struct OwnError {
    /// From when a message was due to when it was tried.
    late_ns: Histogram<u64>,
    /// The same, from the return of the send before it where that is later.
    own_ns: Histogram<u64>,
    interrupted: u64,
    /// The last reading of the clock, and until when lateness is excused.
    last: Ticks,
    excused_until: Ticks,
    /// When the last send returned.
    free: Ticks,
}

impl OwnError {
    fn new(begun: Ticks) -> Self {
        Self {
            late_ns: histogram(),
            own_ns: histogram(),
            interrupted: 0,
            last: begun,
            excused_until: Ticks(0),
            free: Ticks(0),
        }
    }

    /// Notes a reading of the clock.
    fn looked(&mut self, now: Ticks) {
        let gap_ns = now.since_ns(self.last);
        if gap_ns > INTERRUPTION_NS {
            self.excused_until = now.after_ns(CATCH_UP * gap_ns);
        }
        self.last = now;
    }

    /// Notes that a send has just returned. However long it took, that was no interruption.
    fn sent(&mut self, now: Ticks) {
        (self.last, self.free) = (now, now);
    }

    /// Notes that a message that was due at `due` is tried now, which was looked at.
    fn tried(&mut self, due: Ticks, now: Ticks) {
        let late_ns = now.since_ns(due);
        if late_ns >= SCHEDULE_ERROR_NS_MAX && now <= self.excused_until {
            self.interrupted += 1;
        } else {
            self.late_ns.saturating_record(late_ns);
            self.own_ns.saturating_record(now.since_ns(due.max(self.free)));
        }
    }

    /// 99 of 100 messages were tried no later than this after they were due and the send before them had returned.
    pub(crate) fn p99_ns(&self) -> u64 {
        self.own_ns.value_at_quantile(0.99)
    }

    /// The same, from when they were due.
    pub(crate) fn late_p99_ns(&self) -> u64 {
        self.late_ns.value_at_quantile(0.99)
    }

    /// The part of all messages that were due during interruptions.
    pub(crate) fn interrupted_part(&self) -> f64 {
        let all = self.interrupted + self.late_ns.len();
        self.interrupted as f64 / all.max(1) as f64
    }
}

/// Sends through `loads` at the times `due_ns` after the start; one message in `one_in` asks for a receipt.
pub(crate) fn drive(
    clock: &Clock,
    loads: &mut [Load],
    due_ns: &[u64],
    one_in: usize,
    waiting: Waiting,
) -> Driven {
    let places = places(due_ns.len(), one_in);
    let begun = clock.now().after_ns(LEAD_NS);
    let mut driven = Driven {
        due: due_ns.len() as u64,
        taken: 0,
        refused: 0,
        denied: 0,
        span_ns: due_ns.last().copied().unwrap_or(0),
        own: OwnError::new(begun),
        asked: Vec::with_capacity(places),
        begun,
        ended: begun,
        refusals: None,
    };
    let mut turns = Turns::default();
    let mut draw = Draw::new(one_in);
    for after_ns in due_ns {
        let due = begun.after_ns(*after_ns);
        driven.ended = wait_until(clock, due, waiting, &mut driven.own);
        driven.own.tried(due, driven.ended);
        let load = turns.next(loads);
        if draw.hits() && driven.asked.len() < places {
            let number = Correlation(driven.asked.len() as u64);
            let sent = (load.send)(Ask::Receipt(number));
            driven.count(sent);
            if sent != Sent::Denied {
                // What the check denies at the gateway has its fate at once, and no receipt.
                driven.asked.push(due);
            }
        } else {
            driven.count((load.send)(Ask::Plain));
        }
        driven.own.sent(clock.now());
    }
    driven
}

/// Room for the receipts of a run: of a draw a few more may be asked for than one in so many.
pub(crate) fn places(messages: usize, one_in: usize) -> usize {
    messages.min(messages / one_in + messages / one_in / 8 + 64)
}

/// Which messages ask for their fate: by chance, so that no load whose turn comes in a cycle is passed over. The same each time.
pub(crate) struct Draw {
    one_in: u64,
    state: u64,
}

impl Draw {
    pub(crate) fn new(one_in: usize) -> Self {
        Self { one_in: one_in as u64, state: 1 }
    }

    pub(crate) fn hits(&mut self) -> bool {
        // Knuth, "The Art of Computer Programming", volume 2: a linear congruential generator; its high bits are the good ones.
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.state >> 33).is_multiple_of(self.one_in)
    }
}

impl Driven {
    fn count(&mut self, sent: Sent) {
        match sent {
            Sent::Taken => self.taken += 1,
            Sent::Refused => {
                self.refused += 1;
                let first = self.refusals.map_or(self.ended, |(first, _)| first);
                self.refusals = Some((first, self.ended));
            }
            Sent::Denied => self.denied += 1,
        }
    }
}

/// Which load is next: each has as many turns in a row as its weight.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turns {
    at: usize,
    taken: u32,
}

impl Turns {
    pub(crate) fn next<'a>(&mut self, loads: &'a mut [Load]) -> &'a mut Load {
        if self.taken == loads[self.at].weight {
            self.at = (self.at + 1) % loads.len();
            self.taken = 0;
        }
        self.taken += 1;
        &mut loads[self.at]
    }
}

fn wait_until(clock: &Clock, due: Ticks, waiting: Waiting, own: &mut OwnError) -> Ticks {
    loop {
        let now = clock.now();
        own.looked(now);
        if now >= due {
            return now;
        }
        match waiting {
            Waiting::Spin => spin_loop(),
            Waiting::Yield => thread::yield_now(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run of a thousand messages, each tried so late, so many of them refused, and so many due during interruptions.
    pub(crate) fn driven(late_ns: u64, refused: u64, interrupted: u64) -> Driven {
        let mut own = OwnError::new(Ticks(0));
        (interrupted..1_000).for_each(|_| own.tried(Ticks(1), Ticks(1 + late_ns)));
        own.interrupted = interrupted;
        Driven {
            due: 1_000,
            taken: 1_000 - refused,
            refused,
            denied: 0,
            own,
            asked: Vec::new(),
            span_ns: 1_000_000,
            begun: Ticks(0),
            ended: Ticks(1_000_000),
            refusals: None,
        }
    }

    /// Plays `count` messages, one every `gap_ns`, each of which takes `send_ns`, with a core taken away for `stolen_ns` once.
    fn play(count: u64, gap_ns: u64, send_ns: u64, stolen_ns: u64) -> OwnError {
        let mut own = OwnError::new(Ticks(0));
        let mut now = 0;
        for number in 0..count {
            let due = number * gap_ns;
            while now < due {
                now += 20;
                own.looked(Ticks(now));
            }
            if number == count / 2 {
                now += stolen_ns;
                own.looked(Ticks(now));
            }
            own.tried(Ticks(due), Ticks(now));
            now += send_ns;
            own.sent(Ticks(now));
        }
        own
    }

    #[test]
    fn a_generator_that_keeps_up_is_late_by_no_more_than_a_look() {
        let own = play(10_000, 1_000, 100, 0);
        assert!(own.late_p99_ns() < 30 && own.p99_ns() < 30 && own.interrupted_part() == 0.0);
    }

    #[test]
    fn a_load_whose_turn_comes_in_a_cycle_has_its_share_of_the_samples() {
        for one_in in [1, 2, 16, 64] {
            let mut draw = Draw::new(one_in);
            let mut seen = [0_u64; 16];
            (0..160_000_usize).filter(|_| draw.hits()).zip(0..).for_each(|(index, _)| seen[index % 16] += 1);
            let expected = 10_000 / one_in as u64;
            assert!(
                seen.iter().all(|count| (expected * 7 / 10..=expected * 13 / 10).contains(count)),
                "{seen:?}"
            );
            assert!(seen.iter().sum::<u64>() <= places(160_000, one_in) as u64);
        }
    }

    #[test]
    fn one_that_is_too_slow_is_late_by_its_own_fault() {
        let own = play(10_000, 100, 150, 0);
        assert!(own.late_p99_ns() > 100_000, "{}", own.late_p99_ns());
        assert_eq!(own.interrupted_part(), 0.0);
    }

    #[test]
    fn what_is_due_while_the_core_is_gone_is_counted_apart_and_no_more_than_that() {
        let own = play(10_000, 1_000, 100, 600_000);
        assert!(own.late_p99_ns() < 30, "{}", own.late_p99_ns());
        // The 600 that were due meanwhile, and those that were due while it caught up.
        let part = own.interrupted_part();
        assert!((0.06..0.08).contains(&part), "{part}");
    }

    #[test]
    fn a_send_that_takes_long_is_neither_an_interruption_nor_the_generators_own_error() {
        let own = play(10_000, 7_000, 8_000, 0);
        assert!(own.late_p99_ns() > 1_000_000, "{}", own.late_p99_ns());
        assert!(own.p99_ns() < 30, "{}", own.p99_ns());
        assert_eq!(own.interrupted_part(), 0.0);
    }

    #[test]
    fn a_generator_that_looks_too_seldom_is_late_by_itself() {
        let mut own = OwnError::new(Ticks(0));
        for number in 1..1_000 {
            own.looked(Ticks(number * 10_000));
            own.tried(Ticks(number * 10_000 - 3_000), Ticks(number * 10_000));
            own.sent(Ticks(number * 10_000 + 5_500));
        }
        assert!((2_990..3_010).contains(&own.p99_ns()), "{}", own.p99_ns());
    }

    #[test]
    fn an_interruption_does_not_excuse_one_that_is_too_slow() {
        let own = play(100_000, 100, 150, 60_000);
        assert!(own.late_p99_ns() > 1_000_000);
    }
}
