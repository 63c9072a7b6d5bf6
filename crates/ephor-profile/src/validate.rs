//! The coordination suite, and real traffic whose right answers are known.

use ephor_core::Frame;

use crate::check::{Check, ensure};
use crate::config::Pass;
use crate::error::ProfileError;
use crate::mark::Mark;
use crate::metric::Metric;
use crate::report::{Status, Suite};
use crate::suite;
use crate::workflow::{Found, Session};

/// Passes over the traffic: the first meets an empty cache, the others what is the steady state.
const PASSES: usize = 10;

/// Runs the suite, the subject's own checks, and the traffic.
pub(crate) fn coordination_test_suite<F: Frame>(session: &mut Session<'_, F>) -> Result<Found, ProfileError> {
    let mut checks = suite::built_in();
    checks.append(&mut session.config.checks);
    let (said, decided) = traffic(session)?;
    checks.extend(decided);
    let result = suite::run(checks, &mut |done, all| session.step(done, all))?;
    if result.checks.iter().any(suite::is_left_behind) {
        session.mark(Mark::ThreadLeft);
    }
    let failing = result.checks.iter().filter(|check| check.status == Status::Failed);
    let mut lines: Vec<String> =
        failing.map(|check| format!("failed: {}: {}: {}", check.group, check.sentence, check.why)).collect();
    lines.push(said);
    let Suite { passed, failed, skipped, .. } = result;
    let metric = Metric::measured("suite_failed", failed as f64, "count");
    session.add(
        Metric { samples: result.checks.len() as u64, ..metric }
            .by("checks of the coordination suite that did not hold"),
    );
    session.report.suite = result;
    let summary = format!("{passed} checks passed, {failed} failed, {skipped} skipped");
    Ok(if failed > 0 { Found::failed(summary).with(lines) } else { Found::passed(summary).with(lines) })
}

/// The check that all of the traffic was decided rightly.
fn decided_rightly(name: &str, right: u64, judged: u64) -> Check {
    let sentence = format!("every command of {name} is decided as its label says");
    Check::new("policy", &sentence, move || {
        ensure(judged > 0, || "none of its commands is labelled".to_owned())?;
        ensure(right == judged, || format!("{} of {judged} were decided otherwise", judged - right))
    })
}

/// Sends the traffic through its bus ten times, and says how it was decided, in words and as a check.
fn traffic<F: Frame>(session: &mut Session<'_, F>) -> Result<(String, Option<Check>), ProfileError> {
    let Some(mut traffic) = session.config.traffic.take() else {
        let said = "no traffic with known answers was given: cache hit rate and compliance are not measured";
        return Ok((said.to_owned(), None));
    };
    let mut passes: Vec<Pass> = Vec::new();
    for at in 0..PASSES {
        session.step(at, PASSES)?;
        passes.push((traffic.pass)().map_err(ProfileError::Subject)?);
    }
    let sum = |part: fn(&Pass) -> u64| passes.iter().map(part).sum::<u64>();
    let (judged, right) = (sum(|pass| pass.judged), sum(|pass| pass.right));
    let (hits, asked) = (sum(|pass| pass.hits), sum(|pass| pass.hits + pass.misses));
    let first = passes.first().copied().unwrap_or_default();
    let name = &traffic.name;
    let method = format!("{PASSES} passes over {name}, the first with an empty cache");
    session.add(
        Metric::rate("cache_hit_rate", hits, asked, "decisions from the cache / decisions")
            .by(method.clone()),
    );
    session.add(
        Metric::rate(
            "cache_hit_rate_first_pass",
            first.hits,
            first.hits + first.misses,
            "decisions from the cache / decisions",
        )
        .by(format!("the first pass over {name} alone: no more of its commands repeat")),
    );
    session.add(
        Metric::rate(
            "compliance",
            right,
            judged,
            "commands whose decision was the right one / commands judged",
        )
        .by(method),
    );
    let said = format!(
        "{name}: {right} of {judged} commands were decided rightly; {hits} of {asked} decisions from the cache over {PASSES} passes, {} of {} in the first",
        first.hits,
        first.hits + first.misses
    );
    Ok((said, Some(decided_rightly(name, right, judged))))
}
