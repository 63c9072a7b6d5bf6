//! Saturation: how much a bus handles when it is never left without work, and what asking for fates takes from that.

use std::hint::spin_loop;
use std::thread;
use std::time::{Duration, Instant};

use ephor_core::{Correlation, Frame};

use crate::error::ProfileError;
use crate::generator::{Draw, Turns};
use crate::subject::{Ask, IntoSubject, Sent};
use crate::trial::{DRAIN, Recipe, Rig, SAMPLES_MAX, Stopped, on_first_core};

/// Messages between two looks at the clock.
const STRIDE: u64 = 32;

/// How much a bus handled.
#[derive(Debug)]
pub(crate) struct Saturation {
    /// Messages that were taken.
    pub(crate) taken: u64,
    pub(crate) elapsed_ns: u64,
    /// Whether every one of them came to its fate.
    is_drained: bool,
    stopped: Stopped,
}

impl Saturation {
    /// Messages a second that came to a fate which is no loss.
    pub(crate) fn per_s(&self) -> f64 {
        self.taken.saturating_sub(self.stopped.lost()) as f64 * 1e9 / self.elapsed_ns.max(1) as f64
    }

    /// What speaks against its counts.
    pub(crate) fn disagreement(&self) -> Option<String> {
        if !self.is_drained {
            return Some("messages were still under way when the bus was stopped".to_owned());
        }
        self.stopped.disagreement()
    }
}

/// Sends to a fresh bus as fast as it takes for `length`, until all is handled; one message in `one_in` asks for its fate.
///
/// # Errors
/// [`ProfileError`] when the bus cannot be built, started or stopped.
pub(crate) fn saturate<F: Frame>(
    recipe: &mut Recipe<'_, F>,
    length: Duration,
    one_in: u64,
) -> Result<Saturation, ProfileError> {
    let mut rig = Rig::start(recipe, SAMPLES_MAX, |_, _| {})?;
    rig.warm_up();
    let turn = on_first_core(|| turn(&mut rig, length, one_in));
    let stopped = rig.stop(turn.taken + turn.denied)?;
    let Turn { taken, elapsed_ns, is_drained, .. } = turn;
    Ok(Saturation { taken, elapsed_ns, is_drained, stopped })
}

/// How many messages a second a bus takes when some ask for their fate, and when none does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asking {
    /// With asking.
    pub asking_per_s: f64,
    /// Without.
    pub plain_per_s: f64,
}

impl Asking {
    /// How much less a second are taken because of the asking, in percent. Below zero when the host made the other turns slower.
    pub fn cost_percent(self) -> f64 {
        100.0 * (1.0 - self.asking_per_s / self.plain_per_s)
    }
}

/// What the measuring takes from a bus: see [`Asking`]. Saturates the subject that `recipe` makes for `turns` of `length` in which
/// one message in `one_in` asks for its fate, and as many in which none does, on one bus.
///
/// # Errors
/// As [`run`](crate::run).
pub fn cost_of_asking<F, S>(
    mut recipe: impl FnMut() -> S,
    turns: usize,
    length: Duration,
    one_in: u64,
) -> Result<Asking, ProfileError>
where
    F: Frame,
    S: IntoSubject<F>,
{
    asking(&mut || recipe().into_subject().map_err(ProfileError::Subject), turns, length, one_in)
}

/// What asking for fates takes from a saturated bus: `turns` of `length` in which one message in `one_in` asks, and as many in
/// which none does, on one bus, in the order asking, plain, plain, asking, so that a host that slows down steadily slows both
/// alike. Each turn ends when all of its messages are handled.
///
/// # Errors
/// [`ProfileError`] when the bus cannot be built, started or stopped.
pub(crate) fn asking<F: Frame>(
    recipe: &mut Recipe<'_, F>,
    turns: usize,
    length: Duration,
    one_in: u64,
) -> Result<Asking, ProfileError> {
    let mut rig = Rig::start(recipe, SAMPLES_MAX, |_, _| {})?;
    rig.warm_up();
    let [asking, plain] = on_first_core(|| {
        // The first turn finds room where later ones find none: in a trail to the auditor, in a file system.
        let _warm = turn(&mut rig, length, 0);
        let mut sums = [Turn { is_drained: true, ..Turn::default() }; 2];
        for number in 0..2 * turns {
            let which = usize::from(matches!(number % 4, 1 | 2));
            sums[which].add(turn(&mut rig, length, [one_in, 0][which]));
        }
        sums
    });
    rig.stop(0)?;
    if !(asking.is_drained && plain.is_drained) {
        let why = format!("messages were still under way {DRAIN:?} after a turn");
        return Err(ProfileError::operation("what asking for fates costs", why));
    }
    let [asking, plain] = [asking, plain].map(Turn::per_s);
    Ok(Asking { asking_per_s: asking, plain_per_s: plain })
}

/// What a while of sending without a pause came to.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    taken: u64,
    denied: u64,
    /// Until all was handled.
    elapsed_ns: u64,
    is_drained: bool,
}

impl Turn {
    fn add(&mut self, other: Self) {
        self.taken += other.taken;
        self.denied += other.denied;
        self.elapsed_ns += other.elapsed_ns;
        self.is_drained &= other.is_drained;
    }

    fn per_s(self) -> f64 {
        self.taken as f64 * 1e9 / self.elapsed_ns.max(1) as f64
    }
}

/// Sends without a pause for `length`, until all is handled; one message in `one_in` asks for its fate, none when that is 0.
fn turn<F: Frame>(rig: &mut Rig<F>, length: Duration, one_in: u64) -> Turn {
    let (mut turn, mut turns, mut draw) = (Turn::default(), Turns::default(), Draw::new(one_in as usize));
    let clock = rig.bus.clock();
    let begun = clock.now();
    while u128::from(clock.now().since_ns(begun)) < length.as_nanos() {
        for _ in 0..STRIDE {
            let is_asked = one_in > 0 && draw.hits();
            let ask = if is_asked { Ask::Receipt(Correlation(turn.taken)) } else { Ask::Plain };
            match (turns.next(&mut rig.loads).send)(ask) {
                Sent::Taken => turn.taken += 1,
                Sent::Denied => turn.denied += 1,
                Sent::Refused => spin_loop(),
            }
        }
        while rig.receipts.try_receive().is_some() {}
    }
    turn.is_drained = settle(rig);
    turn.elapsed_ns = clock.now().since_ns(begun);
    turn
}

/// Reads receipts until nothing is in flight; false when that takes too long.
fn settle<F: Frame>(rig: &mut Rig<F>) -> bool {
    let begun = Instant::now();
    while !rig.bus.is_quiescent() {
        if begun.elapsed() > DRAIN {
            return false;
        }
        while rig.receipts.try_receive().is_some() {}
        thread::yield_now();
    }
    while rig.receipts.try_receive().is_some() {}
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;
    use crate::trial::tests::consumer;

    const LENGTH: Duration = Duration::from_millis(20);

    #[test]
    fn saturation_counts_what_the_ledger_counts() {
        for one_in in [1, 8] {
            let saturation = saturate(&mut consumer, LENGTH, one_in).unwrap();
            assert!(saturation.taken > 0);
            assert_eq!(saturation.disagreement(), None);
            assert_eq!(saturation.stopped.lost(), 0);
        }
    }

    #[test]
    fn what_asking_costs_is_told_of_turns_with_and_without() {
        let asking = asking(&mut consumer, 2, LENGTH, 1).unwrap();
        assert!(asking.asking_per_s > 0.0 && asking.plain_per_s > 0.0);
        let known = Asking { asking_per_s: 95.0, plain_per_s: 100.0 };
        assert!((known.cost_percent() - 5.0).abs() < 1e-9);
    }
}
