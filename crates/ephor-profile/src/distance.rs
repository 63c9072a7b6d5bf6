//! How far apart two cores are right now.
//!
//! The host of a virtual machine moves its cores between physical ones, every few seconds to minutes, and a hand-over
//! between the same two virtual cores then takes 15 to 25, 40 to 60, or 230 to 270 ns. A comparison holds only between repetitions of one
//! class. So each repetition stands between two probes, and counts when both say the same class.
//!
//! A probe is two pinned threads that pass one number back and forth in one cache line, some thousands of times. The
//! bounds between the classes are those seen on AMD EPYC guests; the figure itself is reported too, since other
//! machines differ.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crossbeam_utils::CachePadded;
use ephor_runtime::pin_current;
use serde::{Deserialize, Serialize};

/// Round trips of one probe: some two milliseconds near, ten far.
const ROUNDS: u64 = 20_000;
/// Round trips before the clock starts.
const WARM_ROUNDS: u64 = 1_000;

/// Up to this many nanoseconds one way the two are the same physical core.
pub const SAME_NS_MAX: f64 = 30.0;
/// Up to this they are near: one cluster of caches.
pub const NEAR_NS_MAX: f64 = 130.0;
/// From here on they are far. What lies between is a move in the middle of a probe.
pub const FAR_NS_MIN: f64 = 165.0;

/// How far apart two cores are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Two virtual cores on one physical core.
    Same,
    /// Under one last-level cache.
    Near,
    /// Across the chip.
    Far,
}

impl Class {
    /// The class of a mean one-way time; none between near and far.
    pub fn of(one_way_ns: f64) -> Option<Self> {
        if one_way_ns <= SAME_NS_MAX {
            Some(Self::Same)
        } else if one_way_ns <= NEAR_NS_MAX {
            Some(Self::Near)
        } else if one_way_ns >= FAR_NS_MIN {
            Some(Self::Far)
        } else {
            None
        }
    }

    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Near => "near",
            Self::Far => "far",
        }
    }
}

/// Measures the mean one-way time between two cores, in nanoseconds.
///
/// # Errors
/// When a pin does not take.
pub fn probe(here: usize, there: usize) -> Result<f64, String> {
    let line = CachePadded::new(AtomicU64::new(0));
    let last = WARM_ROUNDS + ROUNDS;
    std::thread::scope(|scope| {
        let line = &line;
        let echo = scope.spawn(move || {
            let pinned = pin_to(there);
            // Answers even without a pin, so that the other side ends.
            for round in 1..=last {
                while line.load(Ordering::Acquire) != 2 * round - 1 {
                    spin_loop();
                }
                line.store(2 * round, Ordering::Release);
            }
            pinned
        });
        let ask = scope.spawn(move || {
            let pinned = pin_to(here);
            let mut begun = Instant::now();
            for round in 1..=last {
                if round == WARM_ROUNDS + 1 {
                    begun = Instant::now();
                }
                line.store(2 * round - 1, Ordering::Release);
                while line.load(Ordering::Acquire) != 2 * round {
                    spin_loop();
                }
            }
            pinned.map(|()| begun.elapsed().as_nanos() as f64 / (2 * ROUNDS) as f64)
        });
        let one_way_ns = ask.join().map_err(|_| "the probe panicked".to_owned())?;
        echo.join().map_err(|_| "the probe panicked".to_owned())??;
        one_way_ns
    })
}

/// Pins this thread, or says why not.
fn pin_to(core: usize) -> Result<(), String> {
    pin_current(core)
        .map_err(|allowed| format!("core {core} is not available (this process may use {allowed:?})"))
}

/// Runs `run` between two probes; its answer counts for the class that both name.
///
/// # Errors
/// When a pin does not take.
pub fn between_probes<T>(
    (here, there): (usize, usize),
    run: impl FnOnce() -> T,
) -> Result<(Option<Class>, T), String> {
    let before = Class::of(probe(here, there)?);
    let answer = run();
    let after = Class::of(probe(here, there)?);
    Ok((if before == after { before } else { None }, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_its_bounds_and_a_gap() {
        let class = |ns| Class::of(ns).map(Class::name);
        assert_eq!([15.0, 30.0].map(class), [Some("same"); 2]);
        assert_eq!([30.1, 60.0, 130.0].map(class), [Some("near"); 3]);
        assert_eq!([130.1, 164.9].map(class), [None; 2]);
        assert_eq!([165.0, 273.0, 1e9].map(class), [Some("far"); 3]);
    }

    #[test]
    fn a_core_that_is_not_there_is_an_error() {
        assert!(probe(0, 100_000).unwrap_err().contains("core 100000 is not available"));
    }
}
