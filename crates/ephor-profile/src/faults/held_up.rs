//! How long the host kept those who watch from their next turn.

use std::time::Duration;

use ephor_core::Ticks;

/// The longest that a thread came late to a turn of its own since the fault.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeldUp {
    last: Ticks,
    longest_ns: u64,
}

impl HeldUp {
    pub(super) fn new(now: Ticks) -> Self {
        Self { last: now, longest_ns: 0 }
    }

    /// Notes a turn, until which the thread meant to work and wait for `planned` at most. What comes before the fault, which
    /// `has_begun` tells, changes nothing that counts.
    pub(super) fn turn(&mut self, now: Ticks, planned: Duration, has_begun: bool) {
        let late_ns = now.since_ns(self.last).saturating_sub(planned.as_nanos() as u64);
        if has_begun {
            self.longest_ns = self.longest_ns.max(late_ns);
        }
        self.last = now;
    }

    pub(super) fn longest_ns(self) -> u64 {
        self.longest_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_planned_and_what_came_before_the_fault_held_nobody_up() {
        let at = |ms: u64| Ticks::from_ns(ms * 1_000_000);
        let mut held_up = HeldUp::new(at(0));
        let planned = Duration::from_millis(5);
        held_up.turn(at(50), planned, false);
        held_up.turn(at(55), planned, true);
        assert_eq!(held_up.longest_ns(), 0);
        held_up.turn(at(67), planned, true);
        held_up.turn(at(68), planned, true);
        assert_eq!(held_up.longest_ns(), 7_000_000);
    }
}
