//! What the overseers' operations cost: recovery's schedule, cancel and fire, policy's hit and miss, audit's append.

use std::hint::black_box;

use ephor_audit::{LogWriter, RECORD_BYTES, SigningKey};
use ephor_policy::Outcome;
use ephor_recovery::{Orchestrator, Policy, ServiceId, Strategy};
use quanta::Clock;

use super::{CHEAP, Timed, time};
use crate::error::ProfileError;
use crate::logs::log_directory;
use crate::metric::histogram;
use crate::overseers::decider;

/// Services under recovery at one time.
const SERVICES: u16 = 256;
/// Misses before those that count.
const WARM: usize = 50;
/// Between a schedule and its attempt: two ticks of the wheel.
const DELAY_NS: u64 = 2_000_000;

/// One repetition of the operations of recovery, policy and audit.
pub(super) fn once(clock: &Clock, count: usize) -> Result<[(&'static str, Timed); 6], ProfileError> {
    let cheap = count.max(CHEAP);
    let [schedule, cancel, fire] = recoveries(clock, cheap)?;
    Ok([
        ("recovery_schedule", schedule),
        ("recovery_cancel", cancel),
        ("recovery_fire", fire),
        ("policy_hit", hits(clock, cheap)?),
        ("policy_miss", misses(clock, count)?),
        ("audit_append", appends(clock, cheap)?),
    ])
}

/// Schedule, cancel and fire, each alone, over rounds of all services.
fn recoveries(clock: &Clock, count: usize) -> Result<[Timed; 3], ProfileError> {
    let policy = Policy::new(Strategy::Linear)
        .initial_delay_ns(DELAY_NS)
        .build()
        .map_err(|error| ProfileError::operation("recovery", error))?;
    let mut orchestrator = Orchestrator::new(policy, 0);
    let mut times = [histogram(), histogram(), histogram()];
    let mut now_ns = 0;
    let rounds = count.div_ceil(usize::from(SERVICES));
    for round in 0..=rounds {
        if round == 1 {
            // The first was the warm-up.
            times.iter_mut().for_each(|times| times.reset());
        }
        for service in (0..SERVICES).map(ServiceId) {
            let begun = clock.raw();
            let answer = orchestrator.schedule(service, 0, None, now_ns);
            times[0].saturating_record(clock.delta_as_nanos(begun, clock.raw()));
            answer.map_err(|error| ProfileError::operation("recovery", error))?;
        }
        for service in (0..SERVICES).map(ServiceId) {
            let begun = clock.raw();
            let was_there = orchestrator.cancel(service);
            times[1].saturating_record(clock.delta_as_nanos(begun, clock.raw()));
            if !was_there {
                return Err(ProfileError::operation("recovery", "what was scheduled could not be cancelled"));
            }
        }
        for service in (0..SERVICES).map(ServiceId) {
            orchestrator
                .schedule(service, 0, None, now_ns)
                .map_err(|error| ProfileError::operation("recovery", error))?;
        }
        now_ns += 2 * DELAY_NS;
        for _ in 0..SERVICES {
            let begun = clock.raw();
            let attempt = orchestrator.poll(now_ns);
            times[2].saturating_record(clock.delta_as_nanos(begun, clock.raw()));
            let attempt = attempt
                .ok_or_else(|| ProfileError::operation("recovery", "an attempt that was due did not fire"))?;
            orchestrator.succeeded(attempt.service);
        }
    }
    Ok(times.map(|each_ns| Timed { each_ns, mean_ns: None }))
}

fn hits(clock: &Clock, count: usize) -> Result<Timed, ProfileError> {
    let mut decider = decider().map_err(ProfileError::Subject)?;
    let input = br#"{"amount":100}"#;
    if decider.decide(input).outcome != Outcome::Permit {
        return Err(ProfileError::operation("policy", "the built-in policy denies what it permits"));
    }
    let before = decider.cache().misses();
    let timed = time(clock, count, || {
        let _decision = black_box(decider.decide(black_box(input)));
    });
    if decider.cache().misses() != before {
        return Err(ProfileError::operation(
            "policy",
            "a decision that was made before was not in the cache",
        ));
    }
    Ok(timed)
}

/// Inputs that were never seen before, made beforehand.
fn misses(clock: &Clock, count: usize) -> Result<Timed, ProfileError> {
    let mut decider = decider().map_err(ProfileError::Subject)?;
    let mut each_ns = histogram();
    for number in 0..WARM + count {
        let input = format!("{{\"amount\":{number}}}");
        let begun = clock.raw();
        let decision = decider.decide(input.as_bytes());
        let took = clock.delta_as_nanos(begun, clock.raw());
        if number >= WARM {
            each_ns.saturating_record(took);
        }
        if decision.is_failure() {
            return Err(ProfileError::operation("policy", "the built-in policy fails"));
        }
    }
    if decider.cache().hits() > 0 {
        return Err(ProfileError::operation("policy", "an input that was never seen was in the cache"));
    }
    Ok(Timed { each_ns, mean_ns: None })
}

fn appends(clock: &Clock, count: usize) -> Result<Timed, ProfileError> {
    let place = log_directory()?;
    let key =
        SigningKey::generate("ephor/profile").map_err(|error| ProfileError::operation("audit", error))?;
    let mut log = LogWriter::create(&place.path().join("log"), key)
        .map_err(|error| ProfileError::operation("audit", error))?;
    let record = [7; RECORD_BYTES];
    let before = log.size();
    let mut failure = None;
    let timed = time(clock, count, || {
        if let Err(error) = log.append(&record) {
            failure = Some(error);
        }
    });
    match failure {
        Some(error) => Err(ProfileError::operation("audit", error)),
        None if log.size() < before + count as u64 => {
            Err(ProfileError::operation("audit", "records are missing"))
        }
        None => Ok(timed),
    }
}
