//! The orchestrator's order of what is due, in the hands of an agent of a running bus; and what a policy may be.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ephor_constitution::Charter;
use ephor_core::Ticks;
use ephor_recovery::{
    Failed, Orchestrator, Policy, PolicyBuilder, PolicyError, ScheduleError, ServiceId, Strategy,
};
use ephor_runtime::{Cx, Topology};

use super::{GROUP, HOUR, by};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};
use crate::suite::bench::{MS, Seen, refused, start, stop, until};
use crate::suite::cast::{Actor, Item};

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check("urgent work that is not due does not hold up what is", due_first).case("V5"),
        check("what is due together goes by priority, and by age among equals", by_priority).case("V6"),
        check("work that was cancelled is gone at once, and its old deadline fires for nobody", cancelled)
            .case("V7"),
        check("a service's own policy is used, and a second schedule is refused by name", own_policy)
            .case("V10 (scheduled twice)"),
        check("of two hundred recoveries spread over forty milliseconds none is early", none_early)
            .case("V12 (none early, of 200)"),
        check("a policy with a setting out of range is refused, each with its own reason", bad_policies)
            .case("V1 (what can be written)"),
        check("attempt 5,000 of an exponential policy waits exactly the cap", far_attempt).case("V4"),
    ]
}

/// What a conductor's orchestrator tried, and when it looked.
type Tried = Seen<(u16, u64)>;

/// Starts an agent that fills an orchestrator with `plan` in its start hook, and polls it then and every millisecond; it
/// runs until `count` services were tried, each of which succeeds.
fn conduct(
    default: Policy,
    plan: impl Fn(&mut Orchestrator, u64) + Send + Sync + 'static,
    count: usize,
) -> Result<Vec<(u16, u64)>, Failing> {
    let mut topology = Topology::new(Charter::default());
    let tried: Tried = Seen::new();
    let noted = tried.clone();
    let desk = Arc::new(Mutex::new(Orchestrator::new(default, 0)));
    let in_hand = desk.clone();
    let look = move |desk: &mut Orchestrator, cx: &mut Cx<'_>| {
        let now_ns = cx.now().as_ns();
        while let Some(attempt) = desk.poll(now_ns) {
            noted.note((attempt.service.0, now_ns));
            desk.succeeded(attempt.service);
        }
        assert!(cx.schedule(Ticks::from_ns(now_ns + MS), 0).is_ok(), "there is a free timer");
    };
    let look_again = look.clone();
    let conductor = Actor::new()
        .at_start(move |cx| {
            let mut desk = lock(&in_hand);
            plan(&mut desk, cx.now().as_ns());
            look(&mut desk, cx);
        })
        .on_ring(move |_, cx| look_again(&mut lock(&desk), cx));
    conductor.seat(&mut topology, "conductor");
    let bus = start(topology)?;
    until("all attempts", || tried.count() >= count)?;
    stop(bus)?;
    Ok(tried.values())
}

fn lock(desk: &Mutex<Orchestrator>) -> MutexGuard<'_, Orchestrator> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Schedules, and holds the orchestrator to taking it.
fn schedule(desk: &mut Orchestrator, service: u16, priority: u8, policy: Option<Policy>, now_ns: u64) {
    assert!(desk.schedule(ServiceId(service), priority, policy, now_ns).is_ok(), "service {service} is free");
}

/// The services in the order in which they were tried.
fn order(tried: &[(u16, u64)]) -> Vec<u16> {
    tried.iter().map(|(service, _)| *service).collect()
}

fn due_first() -> Checked {
    let (later, now) = (by(Strategy::Linear, 15 * MS).build()?, by(Strategy::Immediate, 0).build()?);
    let begun = Seen::new();
    let noted = begun.clone();
    let plan = move |desk: &mut Orchestrator, now_ns: u64| {
        noted.note(now_ns);
        schedule(desk, 1, 1, Some(later), now_ns);
        schedule(desk, 5, 5, Some(now), now_ns);
    };
    let tried = conduct(later, plan, 2)?;
    ensure_eq(order(&tried), vec![5, 1], "services in the order of their attempts")?;
    let waited_ns = tried[1].1 - begun.values()[0];
    ensure(waited_ns >= 15 * MS && tried[0].1 < tried[1].1, || format!("the later one waited {waited_ns} ns"))
}

fn by_priority() -> Checked {
    const EQUALS: [u16; 12] = [7, 13, 11, 10, 9, 4, 14, 2, 8, 21, 6, 15];
    let policy = by(Strategy::Linear, 2 * MS).build()?;
    let plan = |desk: &mut Orchestrator, now_ns: u64| {
        EQUALS.iter().for_each(|service| schedule(desk, *service, 4, None, now_ns));
        [5, 1, 3].iter().for_each(|service: &u16| schedule(desk, *service, *service as u8, None, now_ns));
    };
    let tried = conduct(policy, plan, EQUALS.len() + 3)?;
    let expected: Vec<u16> = [1, 3].into_iter().chain(EQUALS).chain([5]).collect();
    ensure_eq(order(&tried), expected, "services in the order of their attempts")
}

fn cancelled() -> Checked {
    let soon = by(Strategy::Linear, MS).build()?;
    let later = by(Strategy::Linear, 20 * MS).build()?;
    let begun = Seen::new();
    let noted = begun.clone();
    let plan = move |desk: &mut Orchestrator, now_ns: u64| {
        noted.note(now_ns);
        for round in 0..5_000_u64 {
            let service = (round % 100) as u16;
            schedule(desk, service, 0, None, now_ns);
            assert!(desk.cancel(ServiceId(service)), "what was scheduled can be cancelled");
        }
        assert!(desk.waiting() == 0 && !desk.cancel(ServiceId(3)), "nothing is left in wheel or heap");
        // A deadline of 1 ms, left behind by a recovery that ended early, must not fire for the next one.
        schedule(desk, 3, 0, None, now_ns);
        desk.cancel(ServiceId(3));
        schedule(desk, 3, 0, Some(later), now_ns);
    };
    let tried = conduct(soon, plan, 1)?;
    let waited_ns = tried[0].1 - begun.values()[0];
    ensure(order(&tried) == [3] && waited_ns >= 20 * MS, || format!("tried {tried:?}, after {waited_ns} ns"))
}

fn own_policy() -> Checked {
    let default = by(Strategy::Linear, HOUR).max_delay_ns(HOUR).build()?;
    let own = by(Strategy::Immediate, 0).build()?;
    let answers = Seen::new();
    let noted = answers.clone();
    let plan = move |desk: &mut Orchestrator, now_ns: u64| {
        noted.note(desk.schedule(ServiceId(1), 5, Some(own), now_ns));
        noted.note(desk.schedule(ServiceId(1), 0, Some(own), now_ns));
        noted.note(desk.schedule(ServiceId(2), 0, None, now_ns));
    };
    let tried = conduct(default, plan, 1)?;
    ensure_eq(order(&tried), vec![1], "services tried without the default's hour")?;
    let expected = vec![Ok(()), Err(ScheduleError::AlreadyScheduled(ServiceId(1))), Ok(())];
    ensure_eq(answers.values(), expected, "the answers to three schedules")
}

fn none_early() -> Checked {
    const COUNT: u16 = 200;
    let delay_ns = |service: u16| u64::from(service * 37 % COUNT) * MS / 5;
    let policies: Vec<Policy> = (0..COUNT)
        .map(|service| by(Strategy::Linear, delay_ns(service)).build())
        .collect::<Result<_, _>>()?;
    let default = policies[0];
    let begun = Seen::new();
    let noted = begun.clone();
    let plan = move |desk: &mut Orchestrator, now_ns: u64| {
        noted.note(now_ns);
        for (service, policy) in (0..).zip(&policies) {
            schedule(desk, service, (service % 5) as u8, Some(*policy), now_ns);
        }
    };
    let tried = conduct(default, plan, usize::from(COUNT))?;
    let begun = begun.values()[0];
    let early = tried.iter().find(|(service, at_ns)| *at_ns < begun + delay_ns(*service));
    ensure(early.is_none(), || format!("service and time of an early one: {early:?}"))?;
    let mut services = order(&tried);
    services.sort_unstable();
    ensure(services.into_iter().eq(0..COUNT), || "a service was tried twice, or never".to_owned())
}

fn bad_policies() -> Checked {
    let good = || Policy::new(Strategy::Exponential);
    let told = |policy: PolicyBuilder| refused(policy.build(), "a bad policy");
    ensure_eq(told(good().max_attempts(0))?, PolicyError::NoAttempts, "no attempts")?;
    ensure_eq(told(good().multiplier(0.99))?, PolicyError::Multiplier(0.99), "waits that shrink")?;
    let nan = told(good().multiplier(f64::NAN))?;
    ensure(matches!(nan, PolicyError::Multiplier(_)), || format!("no number is told as: {nan}"))?;
    let cap = told(good().max_delay_ns(MS))?;
    ensure(matches!(cap, PolicyError::Cap { .. }), || format!("a low cap is told as: {cap}"))?;
    ensure_eq(told(good().jitter_percent(101))?, PolicyError::Jitter(101), "more jitter than wait")
}

fn far_attempt() -> Checked {
    let policy = Policy::new(Strategy::Exponential).max_attempts(u32::MAX).build()?;
    let waits = [5_000, u32::MAX].map(|attempt| policy.delay_ns(attempt));
    ensure_eq(waits, [60_000 * MS; 2], "waits before attempts 5,000 and 4,294,967,295")?;
    // And all of the 5,000 are made, in the hands of an agent that has each of them fail.
    let mut topology = Topology::new(Charter::default());
    let made = Seen::new();
    let noted = made.clone();
    let conductor =
        Actor::new().on_item(move |_, _| fail(policy, 5_000, &noted)).seat(&mut topology, "conductor");
    let gate = topology.gateway(conductor, 4);
    let bus = start(topology)?;
    gate.try_send(Item(0))?;
    stop(bus)?;
    let made = made.values();
    let wrong = made.iter().position(|is_right| !is_right);
    ensure_eq(
        (made.len(), wrong),
        (5_000, None),
        "attempts, and the first that was early, missing or the last",
    )
}

/// Has an orchestrator try `attempts` times in vain; notes of each whether it came when it was due, and is not the last.
fn fail(policy: Policy, attempts: u32, made: &Seen<bool>) {
    let (mut desk, mut now_ns) = (Orchestrator::new(policy, 0), 0);
    schedule(&mut desk, 1, 0, None, now_ns);
    for number in 1..=attempts {
        let due_ns = now_ns + policy.delay_ns(number);
        let is_early = desk.poll(due_ns - 1).is_some();
        now_ns = due_ns;
        let is_it = desk.poll(now_ns).is_some_and(|attempt| attempt.number == number);
        made.note(!is_early && is_it && desk.failed(ServiceId(1), now_ns) == Failed::Again);
    }
}
