//! Recovery: each strategy on a bus that runs, with an agent that crashes and the overseer that restarts it; and the
//! orchestrator's order of what is due.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ephor_constitution::Charter;
use ephor_core::AgentId;
use ephor_health::BoardConfig;
use ephor_oversight::Oversight;
use ephor_recovery::{Policy, PolicyBuilder, State, Strategy};
use ephor_runtime::{Disposition, Gateway, Invoker, Topology};

use super::bench::{
    MS, Seen, invoke, send_all, settle, settle_invoked, some, start, stop, stop_at_once, stop_invoked, until,
};
use super::cast::{Actor, Item};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};

mod order;

const GROUP: &str = "recovery";

/// The item at which a patient falls ill, once.
const POISON: u64 = 666;
const HOUR: u64 = 3_600_000 * MS;

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    let mut checks = vec![
        check("EXPONENTIAL restarts a crashed agent after waits that double, on a running bus", exponential),
        check("LINEAR restarts a crashed agent after waits that grow by one step, on a running bus", linear),
        check("IMMEDIATE restarts a crashed agent without a wait, on a running bus", immediate),
        check(
            "MANUAL restarts a crashed agent when it is approved, and not one that is rejected, on a running bus",
            manual,
        ),
        check(
            "the waits before attempts are 1, 2, 4 ... 60 s, 1 ... 5 s, and none, to the tick",
            exact_waits,
        )
        .case("V2"),
        check(
            "a manual recovery waits an hour, is tried once when approved, and never when rejected",
            manual_hour,
        )
        .case("V3 (ends idle, not CANCELLED)"),
        check("after its last attempt a service is given up, and its mailbox is emptied by name", exhausted)
            .case("V8 (two attempts)"),
        check("a message that crashes its agent again counts as a failed attempt", relapse),
        check("an agent that is idle when it was rebuilt counts as recovered", recovered_idle),
        check("two agents that crash are recovered each for itself", two_patients),
    ];
    checks.extend(order::checks());
    checks
}

/// A patient's file: when it crashed and was started, on the bus clock, and how often it has still to fail.
#[derive(Clone)]
struct Chart {
    times_ns: Seen,
    is_ill: Arc<AtomicBool>,
    relapses: Arc<AtomicU64>,
    seen: Seen,
}

impl Chart {
    fn new(relapses: u64) -> Self {
        let relapses = Arc::new(AtomicU64::new(relapses));
        Self { times_ns: Seen::new(), is_ill: Arc::default(), relapses, seen: Seen::new() }
    }

    /// An agent that crashes at the first poison, and then in as many start hooks as it has relapses.
    fn patient(&self) -> Actor {
        let (at_start, on_item) = (self.clone(), self.clone());
        Actor::new()
            .at_start(move |cx| {
                if !at_start.is_ill.load(Ordering::SeqCst) {
                    return;
                }
                at_start.times_ns.note(cx.now().as_ns());
                let left = at_start.relapses.load(Ordering::SeqCst);
                at_start.relapses.store(left.saturating_sub(1), Ordering::SeqCst);
                assert!(left == 0, "a relapse");
            })
            .on_item(move |item, cx| {
                if item.0 == POISON && !on_item.is_ill.swap(true, Ordering::SeqCst) {
                    on_item.times_ns.note(cx.now().as_ns());
                    panic!("taken ill");
                }
                on_item.seen.note(item.0);
            })
    }

    /// How long each attempt came after the crash before it.
    fn waits_ns(&self) -> Vec<u64> {
        self.times_ns.values().windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

/// A topology with a patient that recovery restarts by `policy`.
struct Ward {
    topology: Topology,
    oversight: Oversight,
    gate: Gateway<Actor>,
    patient: AgentId,
}

fn ward(chart: &Chart, policy: Policy) -> Result<Ward, Failing> {
    let mut topology = Topology::new(Charter::default());
    let mut oversight = Oversight::install_with(&mut topology, BoardConfig::default(), policy)?;
    let patient = chart.patient().seat(&mut topology, "patient");
    oversight.watch(&mut topology, patient.id(), "patient")?;
    oversight.finish(&mut topology);
    let gate = topology.gateway(patient, 16);
    Ok(Ward { topology, oversight, gate, patient: patient.id() })
}

fn by(strategy: Strategy, initial_ns: u64) -> PolicyBuilder {
    Policy::new(strategy).initial_delay_ns(initial_ns)
}

/// Has a patient crash on a running bus and relapse three times; returns the waits before its four attempts.
fn waits_on_a_running_bus(policy: Policy) -> Result<Vec<u64>, Failing> {
    let chart = Chart::new(3);
    let Ward { topology, oversight, gate, .. } = ward(&chart, policy)?;
    let bus = start(topology)?;
    send_all(&gate, [Item(1), Item(POISON), Item(2)])?;
    until("the recovery", || oversight.view().recovery.recoveries == 1)?;
    stop(bus)?;
    ensure_eq(chart.seen.values(), vec![1, POISON, 2], "what was handled, the message at fault among it")?;
    let view = oversight.view().recovery;
    ensure_eq((view.attempts, view.exhausted), (4, 0), "attempts, and recoveries given up")?;
    let waits = chart.waits_ns();
    ensure_eq(waits.len(), 4, "waits")?;
    Ok(waits)
}

/// Holds when each wait was at least as long as it has to be; how much longer is up to the machine.
fn at_least(waits_ns: &[u64], least_ms: [u64; 4]) -> Checked {
    let is_early = waits_ns.iter().zip(least_ms).any(|(wait_ns, least_ms)| *wait_ns < least_ms * MS);
    ensure(!is_early, || format!("waits of {waits_ns:?} ns, which are to be at least {least_ms:?} ms"))
}

fn exponential() -> Checked {
    let policy = by(Strategy::Exponential, 2 * MS).max_delay_ns(9 * MS).build()?;
    at_least(&waits_on_a_running_bus(policy)?, [2, 4, 8, 9])
}

fn linear() -> Checked {
    at_least(&waits_on_a_running_bus(by(Strategy::Linear, 3 * MS).build()?)?, [3, 6, 9, 12])
}

/// With an hour as the first wait of any other strategy, this one is over before a check gives up, or never.
fn immediate() -> Checked {
    let policy = by(Strategy::Immediate, HOUR).max_delay_ns(HOUR).build()?;
    waits_on_a_running_bus(policy).map(drop)
}

/// Two patients, each with its gateway, under one recovery.
struct TwoBeds {
    topology: Topology,
    oversight: Oversight,
    beds: [(AgentId, Gateway<Actor>); 2],
}

fn two_beds(charts: &[Chart; 2], policy: Policy) -> Result<TwoBeds, Failing> {
    let mut topology = Topology::new(Charter::default());
    let mut oversight = Oversight::install_with(&mut topology, BoardConfig::default(), policy)?;
    let mut bed = |name: &str, chart: &Chart| -> Result<(AgentId, Gateway<Actor>), Failing> {
        let patient = chart.patient().seat(&mut topology, name);
        oversight.watch(&mut topology, patient.id(), name)?;
        Ok((patient.id(), topology.gateway(patient, 16)))
    };
    let beds = [bed("first", &charts[0])?, bed("second", &charts[1])?];
    oversight.finish(&mut topology);
    Ok(TwoBeds { topology, oversight, beds })
}

fn manual() -> Checked {
    let charts = [Chart::new(0), Chart::new(0)];
    let TwoBeds { topology, oversight, beds } = two_beds(&charts, by(Strategy::Manual, 0).build()?)?;
    let bus = start(topology)?;
    let recovery = oversight.recovery();
    for (agent, gate) in &beds {
        send_all(gate, [Item(POISON), Item(1)])?;
        until("a patient that waits", || recovery.state(*agent) == State::AwaitingManual)?;
    }
    let [approved, rejected] = beds.map(|(agent, _)| agent);
    ensure_eq(oversight.view().recovery.attempts, 0, "attempts before anybody approved")?;
    ensure(recovery.approve(approved), || "the approval was not taken".to_owned())?;
    ensure(recovery.reject(rejected), || "the rejection was not taken".to_owned())?;
    until("the recovery", || oversight.view().recovery.recoveries == 1)?;
    until("what the recovered one has", || charts[0].seen.count() == 2)?;
    let ledger = stop_at_once(bus)?.ledger;
    let found = (oversight.view().recovery.attempts, recovery.state(rejected));
    ensure_eq(found, (1, State::Idle), "attempts, and where the rejected one is")?;
    ensure_eq(charts.map(|chart| chart.seen.values()), [vec![POISON, 1], vec![]], "what each handled")?;
    ensure_eq(ledger.at_agent("second", Disposition::Undelivered), 2, "what is left of the rejected one")
}

/// A ward on a bus whose clock stands, with the patient just fallen ill.
fn fallen_ill(chart: &Chart, policy: Policy) -> Result<(Invoker, Oversight, AgentId), Failing> {
    let Ward { topology, oversight, gate, patient, .. } = ward(chart, policy)?;
    let mut bus = invoke(topology)?;
    gate.try_send(Item(POISON))?;
    settle_invoked(&mut bus);
    Ok((bus, oversight, patient))
}

/// The waits by a clock that is moved to just before each is over, where nothing may happen, and then to its end.
fn exactly(policy: Policy, waits_ms: &[u64]) -> Checked {
    let chart = Chart::new(waits_ms.len() as u64 - 1);
    let (mut bus, oversight, _) = fallen_ill(&chart, policy)?;
    for (before, wait_ms) in (0..).zip(waits_ms) {
        if *wait_ms > 0 {
            ensure_eq(oversight.view().recovery.attempts, before, "attempts before the wait")?;
            bus.advance(wait_ms * MS - 1);
            settle_invoked(&mut bus);
            ensure_eq(oversight.view().recovery.attempts, before, "attempts one nanosecond before its end")?;
            bus.advance(1);
            settle_invoked(&mut bus);
        }
        let expected = if *wait_ms > 0 { before + 1 } else { waits_ms.len() as u64 };
        ensure_eq(oversight.view().recovery.attempts, expected, "attempts at its end")?;
    }
    ensure_eq(chart.waits_ns(), waits_ms.iter().map(|wait_ms| wait_ms * MS).collect(), "the waits")?;
    ensure_eq(oversight.view().recovery.recoveries, 1, "recoveries")?;
    stop_invoked(bus).map(drop)
}

fn exact_waits() -> Checked {
    let settings = |strategy| Policy::new(strategy).max_attempts(10).build();
    let doubled = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000];
    exactly(settings(Strategy::Exponential)?, &doubled)?;
    exactly(settings(Strategy::Linear)?, &[1_000, 2_000, 3_000, 4_000, 5_000])?;
    exactly(settings(Strategy::Immediate)?, &[0, 0, 0, 0])
}

/// Lets an hour pass on a bus whose patient waits for approval; says where its recovery is, and how often it was tried.
fn an_hour_later(bus: &mut Invoker, oversight: &Oversight, patient: AgentId) -> (State, u64) {
    bus.advance(HOUR);
    settle_invoked(bus);
    (oversight.recovery().state(patient), oversight.view().recovery.attempts)
}

fn manual_hour() -> Checked {
    let policy = by(Strategy::Manual, 0).build()?;
    let (mut bus, oversight, patient) = fallen_ill(&Chart::new(0), policy)?;
    let recovery = oversight.recovery();
    let waiting = an_hour_later(&mut bus, &oversight, patient);
    ensure_eq(waiting, (State::AwaitingManual, 0), "state and attempts after an hour")?;
    ensure(recovery.approve(patient) && !recovery.approve(patient), || "approved not once".to_owned())?;
    let approved = an_hour_later(&mut bus, &oversight, patient);
    ensure_eq(approved, (State::Idle, 1), "state and attempts an hour after the approval")?;
    stop_invoked(bus)?;

    let (mut bus, oversight, patient) = fallen_ill(&Chart::new(0), policy)?;
    ensure(oversight.recovery().reject(patient), || "the rejection was not taken".to_owned())?;
    let rejected = an_hour_later(&mut bus, &oversight, patient);
    ensure_eq(rejected, (State::Idle, 0), "state and attempts an hour after the rejection")?;
    stop_invoked(bus).map(drop)
}

fn exhausted() -> Checked {
    let chart = Chart::new(u64::MAX);
    let policy = by(Strategy::Exponential, MS).max_attempts(2).build()?;
    let Ward { topology, oversight, gate, patient } = ward(&chart, policy)?;
    let bus = start(topology)?;
    send_all(&gate, [Item(POISON), Item(1), Item(2)])?;
    until("the end of the attempts", || oversight.recovery().state(patient) == State::Exhausted)?;
    settle(&bus)?;
    // Whoever is given up holds nobody up: what comes later is lost by name too.
    send_all(&gate, [Item(3)])?;
    settle(&bus)?;
    let ledger = stop(bus)?.ledger;
    let view = oversight.view().recovery;
    ensure_eq((view.attempts, view.recoveries, view.exhausted), (2, 0, 1), "attempts, recoveries, given up")?;
    let found = (ledger.lost(Disposition::Stopped), chart.seen.count());
    ensure_eq(found, (4, 0), "lost with the agent, and handled")
}

/// The second crash of the same message puts it away, and the second attempt stands.
fn relapse() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let mut oversight = Oversight::install(&mut topology);
    let seen = Seen::new();
    let noted = seen.clone();
    let actor = Actor::new().on_item(move |item, _| {
        assert!(item.0 != POISON, "again");
        noted.note(item.0);
    });
    let patient = actor.seat(&mut topology, "patient");
    oversight.watch(&mut topology, patient.id(), "patient")?;
    oversight.finish(&mut topology);
    let gate = topology.gateway(patient, 16);
    let bus = start(topology)?;
    send_all(&gate, [Item(POISON), Item(1)])?;
    until("the recovery", || oversight.view().recovery.recoveries == 1)?;
    let report = stop(bus)?;
    let put_away = some(report.quarantine.first(), "message in quarantine")?;
    let found = (oversight.view().recovery.attempts, put_away.crashes, seen.values());
    ensure_eq(found, (2, 2, vec![1]), "attempts, crashes, and what was handled")
}

fn recovered_idle() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let mut oversight = Oversight::install(&mut topology);
    let is_ill = AtomicBool::new(true);
    let actor = Actor::new()
        .at_start(|cx| assert!(cx.schedule(cx.now(), 0).is_ok(), "there is a free timer"))
        .on_ring(move |_, _| {
            assert!(!is_ill.swap(false, Ordering::SeqCst), "in a hook, with no message at fault");
        });
    let patient = actor.seat(&mut topology, "patient");
    oversight.watch(&mut topology, patient.id(), "patient")?;
    oversight.finish(&mut topology);
    let bus = start(topology)?;
    until("the recovery", || oversight.view().recovery.recoveries == 1)?;
    until("a healthy board", || oversight.view().health.score == 1.0)?;
    stop(bus)?;
    let view = oversight.view();
    let found = (view.recovery.attempts, view.health.lowest_score < 1.0);
    ensure_eq(found, (1, true), "attempts, and whether it showed")
}

fn two_patients() -> Checked {
    let charts = [Chart::new(0), Chart::new(2)];
    let TwoBeds { topology, oversight, beds } = two_beds(&charts, by(Strategy::Exponential, MS).build()?)?;
    let bus = start(topology)?;
    for (_, gate) in &beds {
        send_all(gate, [Item(POISON), Item(1)])?;
    }
    until("both recoveries", || oversight.view().recovery.recoveries == 2)?;
    stop(bus)?;
    ensure_eq(oversight.view().recovery.attempts, 1 + 3, "attempts")?;
    let handled = charts.map(|chart| chart.seen.values());
    ensure_eq(handled, [vec![POISON, 1], vec![POISON, 1]], "what each handled")
}
