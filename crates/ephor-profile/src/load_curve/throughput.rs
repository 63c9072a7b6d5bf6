//! What the bus takes at saturation, what the measuring takes from that, and what the original calls its throughput.

use std::time::Duration;

use ephor_core::Frame;

use super::ONE_IN;
use super::own_rate::drained;
use crate::error::ProfileError;
use crate::metric::Metric;
use crate::repeat::{core_pair, repeat, repeat_good};
use crate::saturation::{self, Asking, Saturation, saturate};
use crate::workflow::Session;

/// How long a bus is saturated.
const LENGTH: Duration = Duration::from_millis(40);
/// How long turns with and without asking last.
const TURN: Duration = Duration::from_millis(3);

/// What the bus takes, a second, and what asking for fates costs.
pub(super) fn at_saturation<F: Frame>(
    session: &mut Session<'_, F>,
    problems: &mut Vec<String>,
) -> Result<f64, ProfileError> {
    let effort = session.config.effort;
    let length = effort.pick(LENGTH, 2 * LENGTH);
    let runs = repeat(session, effort.repetitions(), |session, _| {
        saturate(&mut *session.recipe, length, ONE_IN as u64)
    })?;
    problems.extend(runs.every().filter_map(Saturation::disagreement));
    let method = format!(
        "sent as fast as the gateways take for {length:?}, until every message has come to its fate; one in {ONE_IN} asks for it"
    );
    // Those that were left out still tell which loads to offer.
    let value =
        throughput(runs.kept.iter()).or_else(|| throughput(runs.every())).map_or(0.0, |told| told.value);
    session.saturation_per_s = Some(value);
    match throughput(runs.kept.iter()) {
        Some(metric) => session.add(runs.note(metric.by(method))),
        None => session.leave_untold("throughput", &runs.why_untold()),
    }
    asking(session)?;
    Ok(value)
}

/// The median of `runs`; none of none.
fn throughput<'r>(runs: impl Iterator<Item = &'r Saturation> + Clone) -> Option<Metric> {
    let per_s: Vec<f64> = runs.clone().map(Saturation::per_s).collect();
    let samples = runs.map(|run| run.taken).sum();
    (!per_s.is_empty()).then(|| Metric { samples, ..Metric::of_repetitions("throughput", per_s, "msg/s") })
}

/// What asking for fates costs at most: on a bus that does nothing else, where it weighs most.
fn asking<F: Frame>(session: &mut Session<'_, F>) -> Result<(), ProfileError> {
    let effort = session.config.effort;
    let run = |_: &mut Session<'_, F>, _| {
        saturation::asking(&mut || Ok(drained()), effort.pick(12, 30), TURN, ONE_IN as u64)
    };
    let costs = repeat_good(session, core_pair(), effort.repetitions(), run, |_| true)?;
    if costs.kept.is_empty() {
        session.leave_untold("measuring_cost", &costs.why_untold());
        return Ok(());
    }
    let percent = costs.kept.iter().copied().map(Asking::cost_percent).collect();
    let method = format!(
        "a gateway that is always drained, saturated, one message in {ONE_IN} asking for its fate beside none asking, in turns of {TURN:?} on one bus, each until all is handled: a bus that does more pays less"
    );
    session.add(costs.note(Metric::of_repetitions("measuring_cost", percent, "%").by(method)));
    Ok(())
}

/// What the original calls its throughput: the sum of two means, turned over. It satisfies no target.
pub(super) fn derived<F: Frame>(session: &mut Session<'_, F>) {
    if let (Some(check), Some(frame)) = (session.value("check_mean"), session.value("frame_mean")) {
        let per_s = 1e9 / (check + frame);
        session.add(Metric::derived("throughput_derived", per_s, "msg/s").by(
            "1 / (mean of a check + mean of making a frame), as the original computes it: no lane, no handler, no receiver",
        ));
    }
}
