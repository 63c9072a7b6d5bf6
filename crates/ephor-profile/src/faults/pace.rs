//! How fast the load goes while faults strike, and at which message: both by what the subject can take.

use std::thread;
use std::time::{Duration, Instant};

use ephor_core::Frame;

use crate::error::ProfileError;
use crate::generator::Turns;
use crate::subject::{Ask, Load, Sent};
use crate::trial::{Recipe, Rig};

/// The part of what the bus takes that it gets while faults strike, and the most and the least messages a second.
const PART: f64 = 0.25;
const PER_S_MAX: f64 = 20_000.0;
const PER_S_MIN: f64 = 10.0;
/// How long a run lasts at least and at most, and how many messages it should have.
const LENGTH_MIN: Duration = Duration::from_millis(300);
const LENGTH_MAX: Duration = Duration::from_secs(1);
const MESSAGES: f64 = 60.0;
/// A fault strikes after this part of the run.
const STRIKES_AFTER: f64 = 1.0 / 3.0;
/// Of a burst, so many times the messages that the target's gateway holds arrive there.
const BURST_TIMES: usize = 3;
/// Where it is not known what the bus takes: how long it is tried out, how many messages at a time, and how long they may take.
const TRY_LENGTH: Duration = Duration::from_millis(30);
const TRY_BATCH: u64 = 64;
const TRY_LONGEST: Duration = Duration::from_millis(200);

/// How fast, how long, and what room there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    /// Messages a second.
    pub(super) per_s: f64,
    /// How long the load runs at least.
    pub(super) length: Duration,
    /// Messages that the gateway of the first load's target holds; none when it has no gateway.
    pub(super) room: Option<usize>,
}

impl Pace {
    /// The pace for a subject: by its saturation, or by what a short try says where that was not measured.
    ///
    /// # Errors
    /// [`ProfileError`] when its bus cannot be built, started or stopped.
    pub(super) fn of<F: Frame>(
        recipe: &mut Recipe<'_, F>,
        saturation_per_s: Option<f64>,
    ) -> Result<Self, ProfileError> {
        let mut rig = Rig::start(recipe, 1, |_, _| {})?;
        let room = room(&rig);
        let (most_per_s, counted) = match saturation_per_s {
            Some(most_per_s) => (most_per_s, 0),
            None => try_out(&mut rig),
        };
        rig.stop(counted)?;
        Ok(Self::for_most(most_per_s, room))
    }

    /// The pace for a bus that takes so many messages a second.
    pub(super) fn for_most(most_per_s: f64, room: Option<usize>) -> Self {
        let per_s = (PART * most_per_s).clamp(PER_S_MIN, PER_S_MAX);
        let length = Duration::from_secs_f64(MESSAGES / per_s).clamp(LENGTH_MIN, LENGTH_MAX);
        Self { per_s, length, room }
    }

    /// When a fault strikes, after the beginning.
    pub(super) fn strikes_after(&self) -> Duration {
        self.length.mul_f64(STRIKES_AFTER)
    }

    /// At which of its messages the first load's target strikes: that which is due then.
    pub(super) fn strikes_at(&self, loads: &[Load]) -> u64 {
        let due = self.per_s * self.strikes_after().as_secs_f64();
        ((due * share(loads)) as u64).max(1)
    }

    /// How many messages have to come at once so that the gateway of the first load's target overflows.
    pub(super) fn burst(&self, loads: &[Load]) -> usize {
        let there = BURST_TIMES * self.room.unwrap_or(0);
        (there as f64 / share(loads)).ceil() as usize
    }
}

/// The part of all messages that go to the first load's target.
fn share(loads: &[Load]) -> f64 {
    let weight = |load: &Load| f64::from(load.weight);
    let there = loads.iter().filter(|load| load.target == loads[0].target).map(weight);
    there.sum::<f64>() / loads.iter().map(weight).sum::<f64>()
}

/// Messages that the largest gateway of the first load's target holds.
fn room<F: Frame>(rig: &Rig<F>) -> Option<usize> {
    let target = &rig.agents[rig.loads[0].target.index()];
    rig.gateways.iter().filter(|gateway| gateway.to == *target).map(|gateway| gateway.capacity).max()
}

/// Sends a few messages at a time and waits for them; returns the highest rate at which they came to a fate, and how many were
/// sent. That is less than the bus takes, since it is empty in between.
fn try_out<F: Frame>(rig: &mut Rig<F>) -> (f64, u64) {
    let (begun, mut turns) = (Instant::now(), Turns::default());
    let (mut best_per_s, mut sent) = (0.0_f64, 0);
    while begun.elapsed() < TRY_LENGTH {
        let batch = Instant::now();
        let before = sent;
        for _ in 0..TRY_BATCH {
            sent += u64::from((turns.next(&mut rig.loads).send)(Ask::Plain) != Sent::Refused);
        }
        while !rig.bus.is_quiescent() && batch.elapsed() < TRY_LONGEST {
            thread::yield_now();
        }
        let settled = (sent - before).saturating_sub(rig.bus.ledger().in_flight());
        best_per_s = best_per_s.max(settled as f64 / batch.elapsed().as_secs_f64());
    }
    (best_per_s, sent)
}

#[cfg(test)]
mod tests {
    use ephor_core::AgentId;

    use super::*;

    fn load(target: u16, weight: u32) -> Load {
        Load::new("load", AgentId(target), |_| Sent::Taken).weight(weight)
    }

    #[test]
    fn a_fault_strikes_a_third_into_the_run_whatever_the_rate_and_however_the_loads_share_it() {
        let at = |most_per_s, loads: &[Load]| Pace::for_most(most_per_s, None).strikes_at(loads);
        assert_eq!(at(1e6, &[load(0, 1)]), 2_000);
        assert_eq!(at(1e6, &[load(0, 15), load(1, 1)]), 1_875);
        assert_eq!(at(1e6, &[load(0, 1), load(1, 9)]), 200);
        assert_eq!(at(1e6, &[load(0, 1), load(1, 2), load(0, 1)]), 1_000, "two loads with one target");
        assert_eq!(at(4_000.0, &[load(0, 1)]), 100);
        assert_eq!(at(0.0, &[load(0, 1), load(1, 99)]), 1, "never message 0, which there is none of");
    }

    #[test]
    fn the_rate_is_at_most_a_quarter_of_what_the_bus_takes() {
        let per_s = |most_per_s| Pace::for_most(most_per_s, None).per_s;
        assert_eq!([1e7, 80_000.0, 400.0, 0.0].map(per_s), [20_000.0, 20_000.0, 100.0, 10.0]);
        let length = |most_per_s| Pace::for_most(most_per_s, None).length;
        assert_eq!([1e7, 400.0, 0.0].map(length), [LENGTH_MIN, MESSAGES_AT_100, LENGTH_MAX]);
    }

    const MESSAGES_AT_100: Duration = Duration::from_millis(600);

    #[test]
    fn a_burst_overflows_the_gateway_of_the_target_whatever_the_others_get() {
        let pace = Pace::for_most(1e6, Some(1_024));
        assert_eq!(pace.burst(&[load(0, 1)]), 3_072);
        assert_eq!(pace.burst(&[load(0, 1), load(1, 3)]), 12_288);
    }
}
