//! The operations, each by itself: at least 10,000 times after a warm-up, each timed alone, with its outliers; and their mean
//! over a loop without a clock in it.
//!
//! A reading of the clock is in each time that is told alone (`clock_floor`); it is not subtracted. The mean has none in it.

mod governance;
mod hops;
mod messages;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ephor_core::Frame;
use hdrhistogram::Histogram;
use quanta::Clock;

use crate::error::ProfileError;
use crate::metric::{Distribution, Metric, histogram};
use crate::repeat::{core_pair, most_frequent, of_one_class};
use crate::workflow::{Found, Session};

/// Times that each operation is done in all, at least.
pub(crate) const ITERATIONS: usize = 10_000;
/// How often a repetition between two cores is made again at most, when the distance changed.
const AGAIN: usize = 3;
/// Times before those that count.
const WARM: usize = 500;
/// Iterations of one repetition of what takes less than a microsecond, at least.
const CHEAP: usize = 4_000;
/// Operations in a loop without a clock.
const LOOP: usize = 1_000;

/// One repetition of an operation.
#[derive(Debug)]
pub(crate) struct Timed {
    /// Each time alone, in nanoseconds.
    pub(crate) each_ns: Histogram<u64>,
    /// The mean over a loop, in nanoseconds; none where the operation cannot be looped without what lies around it.
    pub(crate) mean_ns: Option<f64>,
}

/// Times that an agent records and the profile reads. The lock is taken outside of what is timed, and nobody else wants it.
#[derive(Clone, Debug)]
pub(crate) struct SharedTimes(Arc<Mutex<Histogram<u64>>>);

impl Default for SharedTimes {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(histogram())))
    }
}

impl SharedTimes {
    pub(crate) fn record(&self, ns: u64) {
        self.lock().saturating_record(ns);
    }

    pub(crate) fn clear(&self) {
        self.lock().reset();
    }

    pub(crate) fn read(&self) -> Histogram<u64> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every operation by itself. Each repetition goes through all of them, so that those of one operation are spread over the
/// whole action: a host that slows down for a moment slows one repetition of many, and not all of one.
pub(crate) fn operation_microbenchmark<F: Frame>(
    session: &mut Session<'_, F>,
) -> Result<Found, ProfileError> {
    let clock = Clock::new();
    session.add(clock_floor(&clock));
    let repetitions = session.config.effort.repetitions();
    let count = ITERATIONS.div_ceil(repetitions);
    let mut made: BTreeMap<&str, Vec<Timed>> = BTreeMap::new();
    let mut across = Vec::new();
    for at in 0..repetitions {
        session.step(at, repetitions)?;
        let alone = messages::once(&clock, count.max(CHEAP))?.into_iter();
        for (name, timed) in alone.chain(governance::once(&clock, count)?).chain([hops::local(count)?]) {
            made.entry(name).or_default().push(timed);
        }
        across.extend(hops::cross(count)?);
    }
    // Those at another distance are left out, so they are made again.
    for _ in 0..AGAIN * repetitions {
        if !across.is_empty() && most_frequent(&across).1 < repetitions {
            across.extend(hops::cross(count)?);
        }
    }
    for (name, method) in OPERATIONS {
        if let Some(timed) = made.get(name) {
            metrics(name, timed, method).into_iter().for_each(|metric| session.add(metric));
        } else if name == CROSS && !across.is_empty() {
            let across = of_one_class(std::mem::take(&mut across));
            if across.kept.is_empty() {
                for suffix in ["p50", "p99", "mean"] {
                    session.leave_untold(&format!("{name}_{suffix}"), &across.why_untold());
                }
                continue;
            }
            for metric in metrics(name, &across.kept, method) {
                session.add(across.note(metric));
            }
        }
    }
    Ok(told(session))
}

/// What was measured, in lines.
fn told<F: Frame>(session: &Session<'_, F>) -> Found {
    let times = |name: &str| {
        let metric = session.report.metric(&format!("{name}_p50"))?;
        let p99 = session.report.metric(&format!("{name}_p99"))?;
        let count = metric.distribution.as_ref().map_or(0, |distribution| distribution.count);
        Some(format!("{name}: p50 {:.0} ns, p99 {:.0} ns over {count}", metric.value, p99.value))
    };
    let lines: Vec<String> = OPERATIONS.iter().filter_map(|(name, _)| times(name)).collect();
    let skipped = OPERATIONS.len() - lines.len();
    let counts = OPERATIONS.iter().filter_map(|(name, _)| session.report.metric(&format!("{name}_p50")));
    let least = counts.map(|metric| metric.samples).min().unwrap_or(0);
    let mut summary = format!(
        "{} operations of Ephor itself, on buses of the profile's own, each at least {least} times",
        lines.len()
    );
    if skipped > 0 && core_pair().is_none() {
        summary = format!("{summary}; {skipped} need a second core");
    }
    Found::passed(summary).with(lines)
}

/// The operations, in the order in which they are told, and how each is measured.
pub(crate) const OPERATIONS: [(&str, &str); 12] = [
    ("check", "the check of one header against the default charter's tables"),
    ("frame", "header and a payload of 48 bytes into a frame of 128"),
    ("send", "try_send through a gateway with room: clock, check, count, lane"),
    ("hop_local", "from emit to handler on one worker, one message every 3 us, with its two checks"),
    (
        CROSS,
        "from emit to handler between two pinned workers that spin, one message every 3 us, with its two checks",
    ),
    ("pulse", "offer of a pulse to a lossy port, inside a handler"),
    ("recovery_schedule", "a recovery into the wheel, among up to 256"),
    ("recovery_cancel", "a recovery out of the wheel again"),
    ("recovery_fire", "polling for an attempt that is due, among up to 256"),
    ("policy_hit", "a decision from the cache, by canonical input"),
    ("policy_miss", "a decision evaluated in Rego, two rules"),
    ("audit_append", "a record into the log's tree and file, without a sync"),
];
/// The operation that needs two cores.
const CROSS: &str = "hop_cross";

/// What reading the clock twice costs.
fn clock_floor(clock: &Clock) -> Metric {
    let timed = time_each(clock, ITERATIONS, || {});
    let mut metric = Metric::measured("clock_floor", timed.value_at_quantile(0.5) as f64, "ns");
    metric.samples = timed.len();
    metric.distribution = Some(Distribution::of(&timed));
    metric.by("two readings of the clock with nothing between them; part of every time that is told alone")
}

/// Times each of `count` calls of `run` alone, after a warm-up.
pub(crate) fn time_each(clock: &Clock, count: usize, mut run: impl FnMut()) -> Histogram<u64> {
    let mut times = histogram();
    for _ in 0..WARM.min(count) {
        run();
    }
    for _ in 0..count {
        let begun = clock.raw();
        run();
        times.saturating_record(clock.delta_as_nanos(begun, clock.raw()));
    }
    times
}

/// The mean of `run` over a loop, in nanoseconds.
pub(crate) fn time_loop(clock: &Clock, mut run: impl FnMut()) -> f64 {
    let begun = clock.raw();
    for _ in 0..LOOP {
        run();
    }
    clock.delta_as_nanos(begun, clock.raw()) as f64 / LOOP as f64
}

/// Times an operation that can be repeated at once: each alone, and in a loop.
pub(crate) fn time(clock: &Clock, count: usize, mut run: impl FnMut()) -> Timed {
    let each_ns = time_each(clock, count, &mut run);
    Timed { each_ns, mean_ns: Some(time_loop(clock, run)) }
}

/// The figures of an operation: p50, p99 and mean, each over repetitions.
///
/// # Panics
/// When there are no repetitions.
pub(crate) fn metrics(name: &str, timed: &[Timed], method: &str) -> Vec<Metric> {
    let mut all = histogram();
    for one in timed {
        all.add(&one.each_ns).expect("all histograms have the same bounds");
    }
    let method = format!("{method}; Ephor's own, not the subject's");
    let distribution = Distribution::of(&all);
    let quantile = |quantile: f64| -> Vec<f64> {
        timed.iter().map(|one| one.each_ns.value_at_quantile(quantile) as f64).collect()
    };
    let mut figures = Vec::new();
    for (suffix, at) in [("p50", 0.5), ("p99", 0.99)] {
        let mut metric = Metric::of_repetitions(format!("{name}_{suffix}"), quantile(at), "ns").by(&method);
        metric.value = all.value_at_quantile(at) as f64;
        metric.samples = all.len();
        metric.distribution = Some(distribution.clone());
        figures.push(metric);
    }
    let means: Vec<f64> = timed.iter().filter_map(|one| one.mean_ns).collect();
    let (means, how) = if means.is_empty() {
        (timed.iter().map(|one| one.each_ns.mean()).collect(), "the mean of the times told alone")
    } else {
        (means, "the mean over a loop without a clock in it")
    };
    let mut mean = Metric::of_repetitions(format!("{name}_mean"), means, "ns").by(format!("{method}; {how}"));
    mean.samples = all.len();
    figures.push(mean);
    figures
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_timed_as_often_as_it_says_and_keeps_its_outliers() {
        let mut calls = 0;
        let timed = time(&Clock::new(), 2_000, || {
            calls += 1;
            if calls == WARM + 1_000 {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        });
        assert_eq!(calls, WARM + 2_000 + LOOP);
        let figures = metrics("nothing", &[timed], "for a test");
        let names: Vec<_> = figures.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["nothing_p50", "nothing_p99", "nothing_mean"]);
        let distribution = figures[0].distribution.as_ref().unwrap();
        assert_eq!(distribution.count, 2_000);
        assert!(distribution.max >= 2e6, "the one that took 2 ms is still there");
    }
}
