//! Throughput and latency: what the generator can do, what the bus takes, and how long messages need at each load.
//!
//! Saturation counts messages whose fate is settled, and only when the loads' count, the ledger's and what is left in flight
//! agree. Latency is open-loop, from when a message was due; above the rate that the generator itself can keep it is not told.

mod curves;
mod latency;
mod own_rate;
mod throughput;

use std::collections::BTreeMap;
use std::time::Duration;

use ephor_core::Frame;

use crate::error::ProfileError;
use crate::generator::SCHEDULE_ERROR_NS_MAX;
use crate::pacing::Pacing;
use crate::repeat::{Repeated, repeat_good};
use crate::report::{Curve, NoLatency};
use crate::trial::{Rate, SAMPLES_MAX, Trial, at_rate};
use crate::workflow::{Found, Session};

/// One message in so many asks for its fate at saturation, and at most so seldom at any rate.
const ONE_IN: usize = 64;
/// Up to this rate every message asks, as far as there is room for their fates.
const ASK_ALL_PER_S: f64 = 150_000.0;
/// How many are to ask in a repetition at a higher rate, as long as that is not more than one in two.
const ASKED: f64 = 5_000.0;
/// How long repetitions that a host spoils are made again, in a quick profile.
const PATIENCE: Duration = Duration::from_secs(5);

/// Throughput, latency, and the curve of both.
pub(crate) fn throughput_calculation<F: Frame>(session: &mut Session<'_, F>) -> Result<Found, ProfileError> {
    session.be_patient(session.config.effort.pick(PATIENCE, 6 * PATIENCE));
    let max_per_s = own_rate::highest(session)?;
    let mut problems = Vec::new();
    let saturation = throughput::at_saturation(session, &mut problems)?;
    throughput::derived(session);
    let is_kept = |per_s: &f64| max_per_s.is_none_or(|most| *per_s <= most);
    let before = latency::rate_before(session).filter(is_kept);
    let per_s = latency::rate(session.config.rate, before, saturation);
    let headline = match max_per_s {
        Some(most) if most > 0.0 && per_s <= most => latency::at_a_fixed_rate(session, per_s, &mut problems)?,
        _ => latency::none(session, max_per_s, per_s),
    };
    let mut curves = curves::of_each_pacing(session, saturation, &mut problems)?;
    let above = if max_per_s.is_some() { NoLatency::AboveOwnRate } else { NoLatency::OwnRateUnknown };
    let points = curves.iter_mut().flat_map(|curve| &mut curve.points);
    for point in points.filter(|point| max_per_s.is_none_or(|most| point.offered_per_s > most)) {
        point.leave_untold(above);
    }
    let untold = untold(&curves);
    session.report.curves = curves;
    let told = if session.value("throughput").is_some() { "" } else { " (no figure, the distance changed)" };
    let keeps =
        max_per_s.map_or("a rate that is not known".to_owned(), |most| format!("up to {most:.0} a second"));
    let summary = format!(
        "{saturation:.0} messages a second at saturation{told}, every one accounted for; {headline}; the generator keeps {keeps}"
    );
    let details = vec![
        format!(
            "one message in {ONE_IN} asks for its fate at saturation; below, as many as each figure and point says"
        ),
        untold,
    ];
    if problems.is_empty() {
        let agreed = "the loads' counts and the ledgers' are equal in every trial".to_owned();
        return Ok(Found::passed(summary).with(details).with([agreed]));
    }
    Ok(Found::failed(format!("the counts do not agree: {}", problems[0])).with(problems).with(details))
}

/// How many points have no latency, by the reason.
fn untold(curves: &[Curve]) -> String {
    let mut counts: BTreeMap<NoLatency, usize> = BTreeMap::new();
    for why in curves.iter().flat_map(|curve| &curve.points).filter_map(|point| point.no_latency) {
        *counts.entry(why).or_default() += 1;
    }
    if counts.is_empty() {
        return "every point of the curves has its latency".to_owned();
    }
    let parts: Vec<String> = counts.iter().map(|(why, count)| format!("{count}: {}", why.text())).collect();
    format!(
        "points of the curves without a latency: {} ({SCHEDULE_ERROR_NS_MAX} ns late at p99 is its limit)",
        parts.join("; ")
    )
}

/// Repetitions of a load at one rate, each with a draw of its own.
fn repeated<F: Frame>(
    session: &mut Session<'_, F>,
    pacing: &Pacing,
    per_s: f64,
    repetitions: usize,
    length: Duration,
) -> Result<Repeated<Trial>, ProfileError> {
    let (cores, one_in) = (session.cores, one_in(per_s, length));
    let run = |session: &mut Session<'_, F>, tries| {
        let rate = Rate { pacing, per_s, length, one_in, seed: tries as u64 };
        at_rate(&mut *session.recipe, rate, session.waiting)
    };
    repeat_good(session, cores, repetitions, run, |trial| trial.driven.is_kept())
}

/// One message in how many asks for its fate at this rate, so that there are enough to tell a percentile by, room for all
/// receipts of a run, and little to pay at high rates.
fn one_in(per_s: f64, length: Duration) -> usize {
    let count = per_s * length.as_secs_f64();
    let least = (count / (SAMPLES_MAX - 1) as f64).ceil() as usize;
    let wanted = if per_s <= ASK_ALL_PER_S { 1 } else { ((count / ASKED) as usize).clamp(2, ONE_IN) };
    wanted.max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_ask_as_a_percentile_needs_and_there_is_room_for() {
        let short = Duration::from_millis(40);
        assert_eq!([1e3, 1.5e5, 2e5, 1e6, 1e8].map(|per_s| one_in(per_s, short)), [1, 1, 2, 8, 64]);
        assert_eq!(one_in(1e8, Duration::from_secs(1)), 1_526, "65,535 receipts have room");
    }
}
