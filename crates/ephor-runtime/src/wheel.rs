//! A timer wheel: schedules and cancels in O(1), fires in the order of deadlines, never early.
//!
//! The wheel has 256 spokes. A timer hangs on the spoke of its deadline's tick, whatever turn of the wheel that
//! tick is in; a spoke's timers hang in the order in which they were scheduled. Time moves tick by tick over
//! the spokes that have timers, and over a stretch without any in one step. All memory is taken at the start.
//!
//! # Source
//! Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 6.

use std::fmt;

/// Spokes of the wheel; a power of two.
const SPOKES: usize = 256;
/// No timer.
const NONE: u32 = u32::MAX;

/// A scheduled timer. It names one timer for ever: once that has fired or was cancelled it names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId {
    slot: u32,
    generation: u32,
}

/// Every timer is in use; the value is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all timers are in use")
    }
}

impl<T: fmt::Debug> std::error::Error for Full<T> {}

/// One place for a timer, free or on a spoke.
#[derive(Clone, Copy, Debug)]
struct Slot<T> {
    /// The timer's value; none in a free place.
    value: Option<T>,
    tick: u64,
    generation: u32,
    before: u32,
    after: u32,
}

/// Both ends of a list of places.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
}

const EMPTY: Ends = Ends { first: NONE, last: NONE };

/// Timers with values of type `T`.
///
/// ```
/// use ephor_runtime::wheel::Wheel;
///
/// let mut wheel = Wheel::new(8, 10, 0);
/// let id = wheel.schedule(25, "tea")?;
/// assert_eq!(wheel.expire_next(29), None, "25 is rounded up to 30");
/// assert_eq!(wheel.expire_next(30), Some((id, "tea")));
/// # Ok::<(), ephor_runtime::wheel::Full<&str>>(())
/// ```
pub struct Wheel<T> {
    slots: Box<[Slot<T>]>,
    spokes: Box<[Ends; SPOKES]>,
    free: u32,
    len: usize,
    tick_ns: u64,
    /// The tick that fires now; those before it have fired.
    tick: u64,
    /// No timer is due before this tick.
    earliest: u64,
}

impl<T: Copy> Wheel<T> {
    /// A wheel for `capacity` timers with a resolution of `tick_ns`, at time `now_ns`.
    ///
    /// # Panics
    /// When `capacity` or `tick_ns` is zero, or `capacity` does not fit 31 bits.
    pub fn new(capacity: usize, tick_ns: u64, now_ns: u64) -> Self {
        assert!(capacity > 0 && capacity < 1 << 31, "a wheel has 1 to 2^31 - 1 timers, not {capacity}");
        assert!(tick_ns > 0, "a tick takes time");
        let slot = |index: usize| Slot {
            value: None,
            tick: 0,
            generation: 0,
            before: NONE,
            after: if index + 1 < capacity { index as u32 + 1 } else { NONE },
        };
        Self {
            slots: (0..capacity).map(slot).collect(),
            spokes: Box::new([EMPTY; SPOKES]),
            free: 0,
            len: 0,
            tick_ns,
            tick: now_ns / tick_ns,
            earliest: u64::MAX,
        }
    }

    /// Schedules `value` to fire no earlier than `deadline_ns`, rounded up to the next tick.
    ///
    /// A deadline in the past fires at the next look. O(1), no allocation.
    ///
    /// # Errors
    /// [`Full`], with `value` inside.
    pub fn schedule(&mut self, deadline_ns: u64, value: T) -> Result<TimerId, Full<T>> {
        let index = self.free;
        let Some(slot) = self.slots.get_mut(index as usize) else { return Err(Full(value)) };
        self.free = slot.after;
        slot.value = Some(value);
        slot.tick = deadline_ns.div_ceil(self.tick_ns).max(self.tick);
        let (tick, generation) = (slot.tick, slot.generation);
        self.hang(index, tick);
        self.earliest = self.earliest.min(tick);
        self.len += 1;
        Ok(TimerId { slot: index, generation })
    }

    /// Takes a timer back; none when it has fired or was cancelled. O(1).
    pub fn cancel(&mut self, id: TimerId) -> Option<T> {
        let slot = self.slots.get(id.slot as usize)?;
        if slot.generation != id.generation || slot.value.is_none() {
            return None;
        }
        self.remove(id.slot)
    }

    /// Moves a timer to a later deadline, under the same id; false when it has fired or was cancelled. O(1).
    pub fn postpone(&mut self, id: TimerId, deadline_ns: u64) -> bool {
        if self
            .slots
            .get(id.slot as usize)
            .is_none_or(|slot| slot.generation != id.generation || slot.value.is_none())
        {
            return false;
        }
        self.unhang(id.slot);
        let tick = deadline_ns.div_ceil(self.tick_ns).max(self.tick);
        self.slots[id.slot as usize].tick = tick;
        self.hang(id.slot, tick);
        self.earliest = self.earliest.min(tick);
        true
    }

    /// The next timer that is due at `now_ns`: the earliest deadline first, then the first scheduled.
    ///
    /// A `now_ns` that goes back is taken as no time having passed. The work is bounded by the ticks that have
    /// passed, the spokes, and the timers that hang on them.
    pub fn expire_next(&mut self, now_ns: u64) -> Option<(TimerId, T)> {
        let (id, value) = self.next_due(now_ns)?;
        self.remove(id.slot);
        Some((id, value))
    }

    /// Looks at the timer that [`Wheel::expire_next`] would take.
    pub fn next_due(&mut self, now_ns: u64) -> Option<(TimerId, T)> {
        let now = now_ns / self.tick_ns;
        loop {
            // Nothing is due before `earliest`; this tick itself may still get timers that are late already.
            self.tick = self.tick.max(self.earliest.min(now));
            if self.earliest > now {
                return None;
            }
            if let Some(index) = self.find(self.tick) {
                let slot = &self.slots[index as usize];
                return slot.value.map(|value| (TimerId { slot: index, generation: slot.generation }, value));
            }
            self.earliest = self.look_ahead();
        }
    }

    /// A time before which nothing is due; none when there are no timers.
    pub fn next_deadline_ns(&self) -> Option<u64> {
        (self.len > 0).then(|| self.earliest.saturating_mul(self.tick_ns))
    }

    /// Timers that wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no timer waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first timer of this very tick.
    fn find(&self, tick: u64) -> Option<u32> {
        let mut index = self.spokes[spoke(tick)].first;
        while index != NONE {
            let slot = &self.slots[index as usize];
            if slot.tick == tick {
                return Some(index);
            }
            index = slot.after;
        }
        None
    }

    /// The next tick with a timer, over one turn of the wheel; else a turn further on, or never.
    fn look_ahead(&self) -> u64 {
        if self.len == 0 {
            return u64::MAX;
        }
        let from = self.tick + 1;
        let turn = from..from.saturating_add(SPOKES as u64);
        turn.clone().find(|tick| self.find(*tick).is_some()).unwrap_or_else(|| self.earliest_of_all())
    }

    /// The tick of the earliest timer, wherever it hangs.
    fn earliest_of_all(&self) -> u64 {
        let waiting = self.slots.iter().filter(|slot| slot.value.is_some());
        waiting.map(|slot| slot.tick).min().unwrap_or(u64::MAX)
    }

    fn hang(&mut self, index: u32, tick: u64) {
        let ends = &mut self.spokes[spoke(tick)];
        let last = std::mem::replace(&mut ends.last, index);
        if last == NONE {
            ends.first = index;
        } else {
            self.slots[last as usize].after = index;
        }
        let slot = &mut self.slots[index as usize];
        (slot.before, slot.after) = (last, NONE);
    }

    /// Takes a timer off its spoke and frees its place.
    fn remove(&mut self, index: u32) -> Option<T> {
        self.unhang(index);
        let slot = &mut self.slots[index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        slot.after = self.free;
        self.free = index;
        self.len -= 1;
        if self.len == 0 {
            self.earliest = u64::MAX;
        }
        slot.value.take()
    }

    /// Takes a timer off its spoke.
    fn unhang(&mut self, index: u32) {
        let Slot { tick, before, after, .. } = self.slots[index as usize];
        let ends = &mut self.spokes[spoke(tick)];
        match before {
            NONE => ends.first = after,
            _ => self.slots[before as usize].after = after,
        }
        match after {
            NONE => ends.last = before,
            _ => self.slots[after as usize].before = before,
        }
    }
}

impl<T> fmt::Debug for Wheel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wheel({} of {} timers, tick {})", self.len, self.slots.len(), self.tick)
    }
}

fn spoke(tick: u64) -> usize {
    tick as usize % SPOKES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(wheel: &mut Wheel<u32>, now_ns: u64) -> Vec<u32> {
        std::iter::from_fn(|| wheel.expire_next(now_ns)).map(|(_, value)| value).collect()
    }

    #[test]
    fn one_turn_and_a_tick_ahead_fires_then_and_not_at_the_next_tick() {
        let mut wheel = Wheel::new(4, 1, 0);
        wheel.schedule(SPOKES as u64 + 1, 7).unwrap();
        assert_eq!(fired(&mut wheel, 1), []);
        assert_eq!(fired(&mut wheel, SPOKES as u64), []);
        assert_eq!(fired(&mut wheel, SPOKES as u64 + 1), [7]);
    }

    #[test]
    fn a_jump_over_many_turns_fires_everything_in_order() {
        let mut wheel = Wheel::new(8, 10, 0);
        for (deadline, value) in [(1_000_000, 3), (5, 1), (999_995, 2), (1_000_000, 4), (0, 0)] {
            wheel.schedule(deadline, value).unwrap();
        }
        assert_eq!(fired(&mut wheel, 10_000_000), [0, 1, 3, 2, 4], "999,995 and 1,000,000 are one tick");
    }

    #[test]
    fn a_stale_id_cancels_nothing() {
        let mut wheel = Wheel::new(1, 1, 0);
        let first = wheel.schedule(5, 1).unwrap();
        assert_eq!(wheel.schedule(5, 2), Err(Full(2)));
        assert_eq!(wheel.cancel(first), Some(1));
        let second = wheel.schedule(5, 3).unwrap();
        assert_eq!(wheel.cancel(first), None);
        assert_eq!(wheel.expire_next(5), Some((second, 3)));
        assert_eq!(wheel.cancel(second), None);
    }

    #[test]
    fn a_timer_that_is_postponed_keeps_its_id_and_fires_later() {
        let mut wheel = Wheel::new(2, 1, 0);
        let id = wheel.schedule(5, 1).unwrap();
        wheel.schedule(5, 2).unwrap();
        assert_eq!(wheel.next_due(5), Some((id, 1)));
        assert!(wheel.postpone(id, 7));
        assert_eq!(fired(&mut wheel, 6), [2]);
        assert_eq!(wheel.expire_next(7), Some((id, 1)));
        assert!(!wheel.postpone(id, 9), "it has fired");
    }

    #[test]
    fn time_that_goes_back_changes_nothing() {
        let mut wheel = Wheel::new(4, 10, 1_000);
        wheel.schedule(1_050, 1).unwrap();
        assert_eq!(fired(&mut wheel, 1_040), []);
        assert_eq!(fired(&mut wheel, 10), []);
        assert_eq!(fired(&mut wheel, 1_050), [1]);
        wheel.schedule(20, 2).unwrap();
        assert_eq!(fired(&mut wheel, 1_050), [2], "a deadline in the past fires at the next look");
    }
}
