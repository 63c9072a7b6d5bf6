//! The latency at a fixed rate: the figure of the headline.

use ephor_core::Frame;
use hdrhistogram::Histogram;

use super::{one_in, repeated};
use crate::error::ProfileError;
use crate::figure;
use crate::metric::{Distribution, Metric, histogram, is_told};
use crate::pacing::Pacing;
use crate::repeat::Repeated;
use crate::stolen::CoreTime;
use crate::trial::Trial;
use crate::workflow::Session;

/// The rates among which that of the headline is chosen, where nothing says it.
const RATES_PER_S: [f64; 3] = [1e4, 1e3, 1e2];
/// The part of saturation that is chosen at most, and up to which the rate of an earlier run is taken over: saturation moves from
/// run to run, and at another rate the latency is another.
const CHOSEN: f64 = 0.25;
const TAKEN_OVER: f64 = 0.5;
/// The figures, and what part of all messages each is of.
const QUANTILES: [(&str, f64); 4] =
    [("latency_p50", 0.5), ("latency_p99", 0.99), ("latency_p999", 0.999), ("latency_max", 1.0)];

/// From this part of the cores' time on, in percent, it is said beside the latency that the host took it: a percentile of 99 in 100
/// is made of such moments then.
const STOLEN_TOLD: f64 = 0.5;

/// At how many messages a second it is measured: as many as were asked for; or as in the run that this one is to be like, where
/// saturation allows it; or the highest of three rates that is well below saturation.
pub(super) fn rate(asked: Option<f64>, before: Option<f64>, saturation: f64) -> f64 {
    let most = CHOSEN * saturation;
    let as_before = before.filter(|per_s| *per_s <= TAKEN_OVER * saturation);
    let chosen = || RATES_PER_S.into_iter().find(|per_s| *per_s <= most).unwrap_or(most);
    asked.or(as_before).unwrap_or_else(chosen)
}

/// The rate at which the run of `session`'s baseline measured it.
pub(super) fn rate_before<F: Frame>(session: &Session<'_, F>) -> Option<f64> {
    let report = session.config.like.as_ref()?.0.report();
    // It is known what was lost also where no latency could be told.
    report.metric("lost")?.offered_per_s
}

/// Measures it at `per_s` messages a second, and says it in a few words.
pub(super) fn at_a_fixed_rate<F: Frame>(
    session: &mut Session<'_, F>,
    per_s: f64,
    problems: &mut Vec<String>,
) -> Result<String, ProfileError> {
    let (repetitions, length) = (session.config.effort.repetitions(), session.config.effort.length());
    let before = CoreTime::now();
    let trials = repeated(session, &Pacing::Constant, per_s, repetitions, length)?;
    let stolen = CoreTime::now().zip(before).and_then(|(now, before)| now.stolen_percent(before));
    if let Some(percent) = stolen {
        session.add(stolen_metric(percent, trials.every().count()));
    }
    problems.extend(trials.every().filter_map(|trial| trial.stopped.disagreement()));
    session.add(trials.note_unmade(lost(&trials, per_s)));
    session.add(trials.note_unmade(interrupted(&trials).at(per_s)));
    if trials.kept.is_empty() {
        QUANTILES.into_iter().for_each(|(name, _)| session.leave_untold(name, &trials.why_untold()));
        return Ok(format!("no latency at {per_s:.0} a second: {}", trials.why_untold()));
    }
    let method = format!(
        "open loop, constant, {per_s:.0} messages a second, from when a message was due to its fate; one in {} asks for it",
        one_in(per_s, length)
    );
    let all = pooled(&trials.kept);
    let distribution = Distribution::of(&all);
    for (name, quantile) in QUANTILES {
        if !is_told(&all, quantile) {
            session.leave_untold(name, &format!("{} samples at {per_s:.0} a second are too few", all.len()));
            continue;
        }
        let values =
            trials.kept.iter().map(|trial| trial.latency_ns.value_at_quantile(quantile) as f64).collect();
        let mut metric = Metric::of_repetitions(name, values, "ns").by(method.clone()).at(per_s);
        metric.value = all.value_at_quantile(quantile) as f64;
        metric.samples = all.len();
        metric.distribution = Some(distribution.clone());
        metric.marks.extend(stolen.filter(|percent| *percent >= STOLEN_TOLD).map(|percent| {
            format!("the host took {} of the cores' time meanwhile", figure::value(percent, "%"))
        }));
        session.add(trials.note(metric));
    }
    Ok(format!("p99 {:.1} us at {per_s:.0} a second", distribution.p99 / 1e3))
}

/// Leaves it untold, because the generator keeps at most `most` messages a second, and `per_s` are to be measured, or because it is
/// not known what it keeps.
pub(super) fn none<F: Frame>(session: &mut Session<'_, F>, most: Option<f64>, per_s: f64) -> String {
    let why = match most {
        None => "it is not known which rate the generator keeps".to_owned(),
        Some(0.0) => "the generator keeps no rate here".to_owned(),
        Some(most) => {
            format!("the generator is known to keep {most:.0} messages a second here, and not {per_s:.0}")
        }
    };
    let why = &why;
    let names = QUANTILES.into_iter().map(|(name, _)| name);
    names.chain(["lost", "interrupted", "stolen"]).for_each(|name| session.leave_untold(name, why));
    format!("no latency, since {why}")
}

/// How much of the cores' time the host took while latency was measured.
fn stolen_metric(percent: f64, repetitions: usize) -> Metric {
    let metric = Metric { samples: repetitions as u64, ..Metric::measured("stolen", percent, "%") };
    metric.by("of the time of the cores that may be used, that which the host of a virtual machine took while latency was measured, by the system's own count")
}

/// What was refused or lost under any name but by a decision: of every repetition, those that were left out too.
fn lost(trials: &Repeated<Trial>, per_s: f64) -> Metric {
    let lost = |trial: &Trial| (trial.driven.refused + trial.stopped.lost()) as f64;
    let due: u64 = trials.every().map(|trial| trial.driven.due).sum();
    let counts: Vec<f64> = trials.every().map(lost).collect();
    let all = counts.iter().sum();
    Metric { value: all, samples: due, ..Metric::of_repetitions("lost", counts, "count") }.at(per_s).by(format!(
        "of {due} messages at {per_s:.0} a second in all repetitions: refused, or lost under any name but by a decision"
    ))
}

/// How much of the load the host held up, in every repetition.
fn interrupted(trials: &Repeated<Trial>) -> Metric {
    let parts = trials.every().map(|trial| 100.0 * trial.driven.own.interrupted_part()).collect();
    let samples = trials.every().map(|trial| trial.driven.due).sum();
    let method = "messages that were due while the system had taken the generator's core away: their latency counts all the same, unless they are more than a tenth of a repetition";
    Metric { samples, ..Metric::of_repetitions("interrupted", parts, "%") }.by(method)
}

/// The latencies of several trials together.
pub(super) fn pooled<'t>(trials: impl IntoIterator<Item = &'t Trial>) -> Histogram<u64> {
    let mut all = histogram();
    for trial in trials {
        all.add(&trial.latency_ns).expect("all histograms have the same bounds");
    }
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;
    use crate::baseline::{Baseline, Force};
    use crate::config::Config;
    use crate::report::Report;
    use crate::trial::tests::consumer;

    #[test]
    fn the_rate_of_before_is_that_of_the_baseline_also_where_the_comparison_is_forced() {
        let lost = Metric::measured("lost", 0.0, "count").at(2e4);
        let report = Report { metrics: vec![lost], ..Report::about("consumer", crate::Effort::Quick) };
        let baseline = Baseline::parse(&serde_json::to_string(&report).unwrap(), "b.json").unwrap();
        for force in [Force::No, Force::Yes] {
            let config = Config::new("consumer").like(baseline.clone(), force);
            let session = Session::new(Box::new(consumer), config);
            assert_eq!(rate_before(&session), Some(2e4), "{force:?}");
        }
        assert_eq!(rate_before(&Session::new(Box::new(consumer), Config::new("consumer"))), None);
    }

    #[test]
    fn the_rate_is_that_which_was_asked_for_or_that_of_before_or_well_below_saturation() {
        let [low, high] = [39_000.0, 41_000.0];
        assert_eq!([low, high].map(|saturation| rate(None, None, saturation)), [1e3, 1e4]);
        assert_eq!([low, high].map(|saturation| rate(None, Some(1e4), saturation)), [1e4, 1e4]);
        assert_eq!([low, high].map(|saturation| rate(None, Some(1e3), saturation)), [1e3, 1e3]);
        assert_eq!(rate(None, Some(1e4), 15_000.0), 1e3, "what is no longer kept is not taken over");
        assert_eq!(rate(None, None, 200.0), 50.0);
        assert_eq!(rate(Some(7e5), Some(1e4), low), 7e5);
    }
}
