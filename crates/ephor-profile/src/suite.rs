//! The coordination suite: what a bus promises, each promise a sentence that a running bus is held to.
//!
//! [`built_in`] has the checks of Ephor itself. Each builds a small bus of its own and starts it on threads; where a check
//! needs the time in its hands, it drives the same bus on the host's thread instead. They are made one after the other, so that
//! none waits for a core that another one has. [`run`] makes the checks that it is given, a user's own among them, each on a thread
//! of its own: one that does not end holds up neither the others nor a profile that was asked to stop.
//!
//! A check that names an acceptance case holds the bus to what that case expects, or to the part that stands in brackets.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::check::{Check, Checked, Failing};
use crate::error::ProfileError;
use crate::panics::caught;
use crate::report::{CheckResult, Status, Suite};

mod audit;
mod bench;
mod boundaries;
mod build;
mod cast;
mod gateways;
mod health;
mod ledger;
mod loans;
mod policy;
mod ports;
mod priorities;
mod receipts;
mod recovery;
mod roles;
mod shutdown;
mod supervision;
mod tenants;
mod timers;

/// How long a check that comes with Ephor may take: longer than any of its waits, which say what they waited for.
const LIMIT: Duration = Duration::from_secs(180);
/// Between two looks whether to go on while a check runs.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What ends the reason of a check that was left behind.
const LEFT_BEHIND: &str = "; its thread is left behind";

/// Says how many checks of how many are done, and whether to go on.
type Step<'a> = dyn FnMut(usize, usize) -> Result<(), ProfileError> + 'a;

/// The checks that come with Ephor, group by group.
pub(crate) fn built_in() -> Vec<Check> {
    let groups: [fn() -> Vec<Check>; 17] = [
        boundaries::checks,
        priorities::checks,
        tenants::checks,
        roles::checks,
        ports::checks,
        gateways::checks,
        receipts::checks,
        loans::checks,
        timers::checks,
        ledger::checks,
        supervision::checks,
        recovery::checks,
        health::checks,
        policy::checks,
        audit::checks,
        build::checks,
        shutdown::checks,
    ];
    groups.into_iter().flat_map(|checks| checks()).map(|check| check.within(LIMIT)).collect()
}

/// Whether `file` is one of the checks', where whatever panics is meant to, or is told as the check's failure.
pub(crate) fn is_place(file: &str) -> bool {
    let rest = file.strip_prefix(file!().trim_end_matches(".rs"));
    rest.is_some_and(|rest| rest.starts_with(['/', '\\']))
}

/// Makes `checks` in order; calls `step` after each, and every now and then while one runs.
///
/// A check that panics is broken, with the panic's message; the others are made all the same.
///
/// # Errors
/// What `step` says; the check that runs is then left behind.
pub(crate) fn run(checks: Vec<Check>, step: &mut Step<'_>) -> Result<Suite, ProfileError> {
    let begun = Instant::now();
    let all = checks.len();
    let mut results = Vec::with_capacity(all);
    for check in checks {
        let done = results.len();
        results.push(make(check, &mut || step(done, all))?);
        step(results.len(), all)?;
    }
    let count = |status| results.iter().filter(|result| result.status == status).count();
    Ok(Suite {
        passed: count(Status::Passed),
        failed: count(Status::Failed),
        skipped: count(Status::Skipped),
        seconds: begun.elapsed().as_secs_f64(),
        checks: results,
    })
}

/// Whether a check did not end, and may still run.
pub(crate) fn is_left_behind(result: &CheckResult) -> bool {
    result.status == Status::Failed && result.why.ends_with(LEFT_BEHIND)
}

fn make(
    check: Check,
    go_on: &mut dyn FnMut() -> Result<(), ProfileError>,
) -> Result<CheckResult, ProfileError> {
    let Check { group, sentence, case, limit, run } = check;
    let begun = Instant::now();
    let (status, why) = outcome(on_a_thread(run, limit, go_on)?);
    Ok(CheckResult { group, sentence, case, status, why, ms: begun.elapsed().as_secs_f64() * 1e3 })
}

/// What `run` came to, on a thread of its own; or that it panicked, or did not end within `limit`.
fn on_a_thread(
    run: Box<dyn FnMut() -> Checked + Send>,
    limit: Duration,
    go_on: &mut dyn FnMut() -> Result<(), ProfileError>,
) -> Result<Checked, ProfileError> {
    let broken = |why: String| Ok(Err(Failing::Broken(why)));
    let (tell, told) = mpsc::channel();
    let thread = thread::Builder::new().name("check".to_owned());
    // Nobody waits for a check that was left behind.
    let spawned = thread.spawn(move || tell.send(caught(run)).unwrap_or_default());
    if let Err(error) = spawned {
        return broken(format!("there is no thread for it: {error}"));
    }
    let begun = Instant::now();
    loop {
        let rest = limit.saturating_sub(begun.elapsed());
        match told.recv_timeout(rest.min(LOOK_EVERY)) {
            Ok(Ok(made)) => return Ok(made),
            Ok(Err(panic)) => return broken(format!("panicked: {panic}")),
            Err(_) if rest.is_zero() => {
                return broken(format!("did not end within {} s{LEFT_BEHIND}", limit.as_secs_f64()));
            }
            Err(_) => go_on()?,
        }
    }
}

fn outcome(made: Checked) -> (Status, String) {
    match made {
        Ok(()) => (Status::Passed, String::new()),
        Err(Failing::Broken(why)) => (Status::Failed, why),
        Err(Failing::Skipped(why)) => (Status::Skipped, why),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::check::ensure_eq;

    /// What a user may count on.
    const CHECKS_MIN: usize = 95;
    const GROUPS: [&str; 17] = [
        "audit",
        "boundaries",
        "build",
        "gateways",
        "health",
        "ledger",
        "loans",
        "policy",
        "ports",
        "priorities",
        "receipts",
        "recovery",
        "roles",
        "shutdown",
        "supervision",
        "tenants",
        "timers",
    ];

    #[test]
    fn the_built_in_suite_holds() {
        let suite = run(built_in(), &mut |_, _| Ok(())).unwrap();
        let found = |status| suite.checks.iter().filter(move |check| check.status == status);
        for check in found(Status::Failed).chain(found(Status::Skipped)) {
            eprintln!("{}: {}: {}", check.group, check.sentence, check.why);
        }
        assert_eq!((suite.failed, suite.skipped), (0, 0), "the sentences are above");
        assert_eq!(suite.passed, suite.checks.len());
    }

    #[test]
    fn the_built_in_suite_is_large_says_nothing_twice_and_has_every_group() {
        let checks = built_in();
        assert!(checks.len() >= CHECKS_MIN, "{} checks", checks.len());
        let sentences: BTreeSet<_> = checks.iter().map(|check| &check.sentence).collect();
        assert_eq!(sentences.len(), checks.len(), "a sentence stands for one check");
        let groups: BTreeSet<_> = checks.iter().map(|check| check.group.as_str()).collect();
        assert_eq!(groups, BTreeSet::from(GROUPS));
    }

    #[test]
    fn a_broken_a_panicking_and_a_skipped_check_are_told_apart() {
        let checks = vec![
            Check::new("own", "it holds", || Ok(())).case("C0"),
            Check::new("own", "one is two", || ensure_eq(1, 2, "the number")),
            Check::new("own", "it has nerves", || panic!("it has {}", "none")),
            Check::new("own", "it has plain nerves", || panic!("none")),
            Check::new("own", "it runs elsewhere", || Err(Failing::Skipped("not here".to_owned()))),
            Check::new("own", "an error is no pass", || Ok("x".parse::<u8>().map(drop)?)),
        ];
        let mut told = Vec::new();
        let step = &mut |done, all| {
            told.push((done, all));
            Ok(())
        };
        let suite = run(checks, step).unwrap();
        assert_eq!(told, [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]);
        assert_eq!((suite.passed, suite.failed, suite.skipped), (1, 4, 1));
        let whys: Vec<_> = suite.checks.iter().map(|check| (check.status, check.why.as_str())).collect();
        let expected = [
            (Status::Passed, ""),
            (Status::Failed, "the number: found 1, expected 2"),
            (Status::Failed, "panicked: it has none"),
            (Status::Failed, "panicked: none"),
            (Status::Skipped, "not here"),
            (Status::Failed, "invalid digit found in string"),
        ];
        assert_eq!(whys, expected);
        assert_eq!(suite.checks[0].case.as_deref(), Some("C0"));
        assert!(suite.checks.iter().all(|check| check.group == "own" && check.ms >= 0.0));
        assert!(suite.seconds * 1e3 >= suite.checks.iter().map(|check| check.ms).sum());
    }

    /// A check that ends when the test does, or never.
    fn endless() -> (mpsc::Sender<()>, Check) {
        let (hold, held) = mpsc::channel::<()>();
        let wait = move || {
            let _end = held.recv();
            Ok(())
        };
        (hold, Check::new("own", "it ends", wait))
    }

    #[test]
    fn a_check_that_does_not_end_fails_and_is_left_behind() {
        let (_hold, endless) = endless();
        let checks = vec![endless.within(Duration::from_millis(250)), Check::new("own", "next", || Ok(()))];
        let suite = run(checks, &mut |_, _| Ok(())).unwrap();
        assert_eq!(suite.checks[0].why, "did not end within 0.25 s; its thread is left behind");
        assert!(is_left_behind(&suite.checks[0]) && !is_left_behind(&suite.checks[1]));
        assert_eq!((suite.passed, suite.failed), (1, 1));
    }

    #[test]
    fn a_profile_that_is_to_stop_does_not_wait_for_a_check() {
        let (_hold, endless) = endless();
        let mut looks = 0;
        let stopped = run(vec![endless], &mut |_, _| {
            looks += 1;
            let during = "the suite".to_owned();
            if looks == 3 { Err(ProfileError::Interrupted { during }) } else { Ok(()) }
        });
        assert!(matches!(stopped, Err(ProfileError::Interrupted { .. })), "{stopped:?}");
    }
}
