//! Health: what reports make of breakers, breakers of a score, and a score of a status, while the bus runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ephor_constitution::Charter;
use ephor_core::{AgentId, Message};
use ephor_health::{
    Board, BoardConfig, Breaker, BreakerLimits, BreakerState, HealthAgent, HealthError, HealthHandle,
    HealthView, Status, Trial,
};
use ephor_oversight::Oversight;
use ephor_recovery::{Policy, Strategy};
use ephor_runtime::{Bus, Disposition, Gateway, Pulse, Topology, Vital};

use super::bench::{
    Door, Seen, apart, charter, invoke, refused, send_all, settle, settle_invoked, some, start, stop,
    stop_invoked, until,
};
use super::cast::{Actor, Item};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};

const GROUP: &str = "health";

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check("score and status follow from reports to seven boards, exact at their limits", limits)
            .case("H1"),
        check(
            "a name counts once, and a board's thresholds out of range or order are refused",
            names_and_thresholds,
        )
        .case("H2"),
        check(
            "a crash opens its agent's breaker, a restart puts it on trial, a handled message closes it",
            breaker,
        ),
        check("an agent that was stopped for good keeps its breaker open", stopped),
        check("of two watched agents that crash, each shows in the score until it has recovered", score),
        check("the lowest score is remembered after the recovery", lowest),
        check("a report about a breaker that nobody registered changes nothing", unknown_subject),
        check("a report that the charter does not grant is denied, counted, and moves no score", ungranted),
        check("five failures in a row open a breaker, and one trial after thirty seconds decides", guarded)
            .case("B1"),
        check("a thousand equal reports trip a breaker once", equal_reports),
    ]
}

/// A health agent with a board of its own, and a gateway to report to it.
struct Ward {
    handle: HealthHandle,
    gate: Gateway<HealthAgent>,
}

/// Seats a health agent under `name`, with as many breakers as there are names.
fn board(topology: &mut Topology, name: &str, breakers: usize) -> Result<Ward, Failing> {
    let handle = HealthHandle::new(Board::new(BoardConfig::default())?);
    for number in 0..breakers {
        handle.register(&format!("breaker {number}"))?;
    }
    let agent = topology.reserve::<HealthAgent>(name);
    topology.role(agent.id(), "health");
    let shared = handle.clone();
    topology.install(agent, move || HealthAgent::new(shared.clone()));
    Ok(Ward { gate: topology.gateway(agent, 32), handle })
}

/// Closed, half-open and open breakers, and what they come to.
const BOARDS: [([usize; 3], f64, Status); 7] = [
    ([10, 0, 0], 1.0, Status::Healthy),
    ([7, 0, 3], 0.7, Status::Healthy),
    ([6, 1, 3], 0.65, Status::Degraded),
    ([5, 0, 5], 0.5, Status::Degraded),
    ([4, 1, 5], 0.45, Status::Critical),
    ([0, 0, 1], 0.0, Status::Critical),
    ([0, 0, 0], 1.0, Status::Healthy),
];

fn limits() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let mut wards = Vec::new();
    for (number, (counts, ..)) in (0..).zip(BOARDS) {
        wards.push(board(&mut topology, &format!("board {number}"), counts.iter().sum())?);
    }
    let bus = start(topology)?;
    for (ward, (counts, ..)) in wards.iter().zip(BOARDS) {
        let vitals = [Vital::Up, Vital::Trial, Vital::Down].into_iter().zip(counts);
        let vitals = vitals.flat_map(|(vital, count)| std::iter::repeat_n(vital, count));
        send_all(&ward.gate, (0..).zip(vitals).map(|(breaker, vital)| Pulse::new(breaker, vital)))?;
    }
    stop(bus)?;
    for (ward, (counts, score, status)) in wards.iter().zip(BOARDS) {
        let view = ward.handle.view();
        let what = format!("score and status of {counts:?} closed, half-open and open");
        ensure_eq((view.score, view.status), (score, status), &what)?;
    }
    Ok(())
}

fn names_and_thresholds() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let policy = Policy::new(Strategy::Manual).build()?;
    let bad = |healthy_at, degraded_at| BoardConfig { healthy_at, degraded_at, ..BoardConfig::default() };
    let order =
        refused(Oversight::install_with(&mut topology, bad(0.5, 0.7), policy), "degraded above healthy")?;
    ensure(matches!(order, HealthError::Order { .. }), || format!("told as: {order}"))?;
    for config in [bad(1.1, 0.5), bad(0.7, -0.1), bad(f64::NAN, 0.5)] {
        let error =
            refused(Oversight::install_with(&mut topology, config, policy), "a threshold out of range")?;
        ensure(matches!(error, HealthError::Threshold { .. }), || format!("told as: {error}"))?;
    }
    let mut oversight = Oversight::install_with(&mut topology, BoardConfig::default(), policy)?;
    let [first, second] = ["first", "second"].map(|name| Actor::new().seat(&mut topology, name));
    oversight.watch(&mut topology, first.id(), "both")?;
    let taken = refused(oversight.watch(&mut topology, second.id(), "both"), "a name from two sources")?;
    ensure(matches!(taken, HealthError::NameTaken { ref name } if name == "both"), || {
        format!("told as: {taken}")
    })?;
    oversight.finish(&mut topology);
    let bus = start(topology)?;
    let view = oversight.view().health;
    ensure_eq((view.breakers.len(), view.score), (1, 1.0), "breakers and score")?;
    stop(bus).map(drop)
}

/// Watched agents, recovered by hand; each crashes at its first item, and waits at the door when it gets it again.
struct Clinic {
    bus: Bus,
    oversight: Oversight,
    patients: Vec<(AgentId, Gateway<Actor>)>,
    door: Door,
}

fn clinic(patients: usize) -> Result<Clinic, Failing> {
    let mut topology = Topology::new(Charter::default());
    let policy = Policy::new(Strategy::Manual).max_attempts(2).build()?;
    let mut oversight = Oversight::install_with(&mut topology, BoardConfig::default(), policy)?;
    let door = Door::new();
    let mut seats = Vec::new();
    for number in 0..patients {
        let (held, deliveries) = (door.clone(), Arc::new(AtomicU64::new(0)));
        let actor = Actor::new().on_item(move |_, _| {
            assert!(deliveries.fetch_add(1, Ordering::SeqCst) > 0, "taken ill");
            held.pass();
        });
        let name = format!("patient {number}");
        let patient = actor.seat(&mut topology, &name);
        oversight.watch(&mut topology, patient.id(), &name)?;
        seats.push((patient.id(), topology.gateway(patient, 4)));
    }
    // Patients on a worker of their own, so that one at the door holds up no overseer.
    let workers = apart(&mut topology, &seats.iter().map(|(patient, _)| *patient).collect::<Vec<_>>());
    oversight.place(&mut topology, workers[0]);
    oversight.finish(&mut topology);
    Ok(Clinic { bus: start(topology)?, oversight, patients: seats, door })
}

impl Clinic {
    fn view(&self) -> HealthView {
        self.oversight.view().health
    }

    fn state(&self, patient: usize) -> BreakerState {
        self.view().breakers[patient].state
    }

    fn until_state(&self, patient: usize, state: BreakerState) -> Checked {
        until(&format!("a breaker that is {state}"), || self.state(patient) == state)
    }

    fn fall_ill(&self, patient: usize) -> Checked {
        send_all(&self.patients[patient].1, [Item(1)])?;
        self.until_state(patient, BreakerState::Open)
    }

    /// Approves the patient's restart, which recovery may not yet be waiting for.
    fn approve(&self, patient: usize) -> Checked {
        until("a patient that waits", || self.oversight.recovery().approve(self.patients[patient].0))
    }
}

fn breaker() -> Checked {
    let clinic = clinic(1)?;
    let is = |state, score, status| -> Checked {
        let view = clinic.view();
        let found = (view.breakers[0].state, view.score, view.status);
        ensure_eq(found, (state, score, status), "breaker, score and status")
    };
    is(BreakerState::Closed, 1.0, Status::Healthy)?;
    clinic.fall_ill(0)?;
    is(BreakerState::Open, 0.0, Status::Critical)?;
    clinic.approve(0)?;
    clinic.door.until_entered()?;
    clinic.until_state(0, BreakerState::HalfOpen)?;
    is(BreakerState::HalfOpen, 0.5, Status::Degraded)?;
    clinic.door.open();
    clinic.until_state(0, BreakerState::Closed)?;
    is(BreakerState::Closed, 1.0, Status::Healthy)?;
    ensure_eq(clinic.view().breakers[0].trips, 1, "trips")?;
    stop(clinic.bus).map(drop)
}

fn stopped() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let policy = Policy::new(Strategy::Immediate).max_attempts(1).build()?;
    let mut oversight = Oversight::install_with(&mut topology, BoardConfig::default(), policy)?;
    let starts = Seen::new();
    let lives = starts.clone();
    let actor = Actor::new()
        .at_start(move |_| {
            lives.note(0);
            assert!(lives.count() == 1, "no second life");
        })
        .on_item(|_, _| panic!("taken ill"));
    let patient = actor.seat(&mut topology, "patient");
    oversight.watch(&mut topology, patient.id(), "patient")?;
    oversight.finish(&mut topology);
    let gate = topology.gateway(patient, 4);
    let bus = start(topology)?;
    gate.try_send(Item(1))?;
    until("the end of the attempts", || oversight.view().recovery.exhausted == 1)?;
    settle(&bus)?;
    let ledger = stop(bus)?.ledger;
    let breaker = some(oversight.view().health.breakers.into_iter().next(), "breaker")?;
    ensure_eq((breaker.state, starts.count()), (BreakerState::Open, 2), "breaker, and lives tried")?;
    ensure_eq(ledger.lost(Disposition::Stopped), 1, "messages lost with the agent")
}

fn score() -> Checked {
    let clinic = clinic(2)?;
    clinic.door.open();
    clinic.fall_ill(0)?;
    ensure_eq((clinic.view().score, clinic.view().status), (0.5, Status::Degraded), "with one of two down")?;
    clinic.fall_ill(1)?;
    ensure_eq((clinic.view().score, clinic.view().status), (0.0, Status::Critical), "with both down")?;
    clinic.approve(1)?;
    clinic.until_state(1, BreakerState::Closed)?;
    ensure_eq(
        (clinic.view().score, clinic.state(0)),
        (0.5, BreakerState::Open),
        "with the second recovered",
    )?;
    clinic.approve(0)?;
    clinic.until_state(0, BreakerState::Closed)?;
    ensure_eq((clinic.view().score, clinic.view().status), (1.0, Status::Healthy), "with both recovered")?;
    stop(clinic.bus).map(drop)
}

fn lowest() -> Checked {
    let clinic = clinic(4)?;
    clinic.door.open();
    for patient in 0..2 {
        clinic.fall_ill(patient)?;
    }
    for patient in 0..2 {
        clinic.approve(patient)?;
        clinic.until_state(patient, BreakerState::Closed)?;
    }
    let view = clinic.view();
    ensure_eq((view.score, view.lowest_score), (1.0, 0.5), "the score now, and the lowest")?;
    stop(clinic.bus).map(drop)
}

fn unknown_subject() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let Ward { handle, gate } = board(&mut topology, "board", 2)?;
    let bus = start(topology)?;
    send_all(&gate, [2, 77, u16::MAX].map(|subject| Pulse::new(subject, Vital::Down)))?;
    let ledger = stop(bus)?.ledger;
    let view = handle.view();
    let found = (view.score, view.lowest_score, view.breakers.len(), ledger.handled());
    ensure_eq(found, (1.0, 1.0, 2, 3), "score, lowest, breakers, and reports handled")
}

/// The default charter without the grant of pulses to health.
const NO_PULSES: &str = r#"
name = "no pulses"
default_role = "agent"
[roles]
agent = {}
health = {}
recovery = {}
[kinds.pulse]
number = 240
action = "pulse"
[kinds_default]
action = "message"
[[grants]]
from = ["agent"]
action = ["message"]
to = ["agent"]
"#;

fn ungranted() -> Checked {
    let mut topology = Topology::new(charter(NO_PULSES)?);
    let mut oversight = Oversight::install(&mut topology);
    let seen = Seen::new();
    let (noted, crashes) = (seen.clone(), AtomicU64::new(0));
    let actor = Actor::new().on_item(move |item, _| {
        assert!(crashes.fetch_add(1, Ordering::SeqCst) > 0, "taken ill");
        noted.note(item.0);
    });
    let patient = actor.seat(&mut topology, "patient");
    oversight.watch(&mut topology, patient.id(), "patient")?;
    oversight.finish(&mut topology);
    let gate = topology.gateway(patient, 4);
    let bus = start(topology)?;
    gate.try_send(Item(1))?;
    until("the recovery", || oversight.view().recovery.recoveries == 1)?;
    let ledger = stop(bus)?.ledger.of_kinds(&[Pulse::KIND]);
    // It is recovered all the same: down, on trial and up were reported, and none of them arrived.
    ensure_eq((ledger.sent(), ledger.lost(Disposition::Denied)), (3, 3), "reports sent and denied")?;
    let view = oversight.view().health;
    ensure_eq(
        (view.score, view.lowest_score, seen.values()),
        (1.0, 1.0, vec![1]),
        "score, lowest, and what was handled",
    )
}

/// What an agent's own breaker said, and where it stood after.
type Answer = (Trial, BreakerState);

const FAILS: Item = Item(0);
const SUCCEEDS: Item = Item(1);

/// An agent that guards the calls that it is told to make by a breaker of its own, and notes what that says.
fn caller(answers: &Seen<Answer>) -> Actor {
    let noted = answers.clone();
    let guard = Mutex::new(Breaker::new("a call", BreakerLimits::default()));
    Actor::new().on_item(move |item, cx| {
        let mut guard = guard.lock().unwrap_or_else(PoisonError::into_inner);
        let (now_ns, trial) = (cx.now().as_ns(), guard.ask(cx.now().as_ns()));
        match (trial, *item) {
            (Trial::Refused, _) => {}
            (_, FAILS) => guard.failed(now_ns),
            _ => guard.succeeded(),
        }
        noted.note((trial, guard.state()));
    })
}

fn guarded() -> Checked {
    const OPEN_NS: u64 = 30_000_000_000;
    let mut topology = Topology::new(Charter::default());
    let answers = Seen::new();
    let caller = caller(&answers).seat(&mut topology, "caller");
    let gate = topology.gateway(caller, 16);
    let mut bus = invoke(topology)?;
    let mut call = |after_ns: u64, calls: &[Item], expected: &[Answer]| -> Checked {
        let before = answers.count();
        bus.advance(after_ns);
        send_all(&gate, calls.iter().copied())?;
        settle_invoked(&mut bus);
        ensure_eq(&answers.values()[before..], expected, "the breaker's answers")
    };
    let go = (Trial::Go, BreakerState::Closed);
    let refused = (Trial::Refused, BreakerState::Open);
    let trial = |state| (Trial::GoOnTrial, state);
    call(0, &[FAILS; 4], &[go; 4])?;
    call(0, &[SUCCEEDS, FAILS, FAILS, FAILS, FAILS], &[go; 5])?;
    call(0, &[FAILS, SUCCEEDS], &[(Trial::Go, BreakerState::Open), refused])?;
    call(OPEN_NS - 1, &[SUCCEEDS], &[refused])?;
    call(1, &[FAILS, SUCCEEDS], &[trial(BreakerState::Open), refused])?;
    call(OPEN_NS, &[SUCCEEDS, SUCCEEDS], &[trial(BreakerState::Closed), go])?;
    stop_invoked(bus).map(drop)
}

fn equal_reports() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let Ward { handle, gate } = board(&mut topology, "board", 1)?;
    let bus = start(topology)?;
    send_all(&gate, (0..1_000).map(|_| Pulse::new(0, Vital::Down)))?;
    settle(&bus)?;
    ensure_eq(handle.view().breakers[0].trips, 1, "trips after a thousand reports")?;
    send_all(&gate, [Vital::Up, Vital::Down].map(|vital| Pulse::new(0, vital)))?;
    stop(bus)?;
    ensure_eq(handle.view().breakers[0].trips, 2, "trips after it was up in between")
}
