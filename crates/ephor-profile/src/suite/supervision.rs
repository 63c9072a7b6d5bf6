//! Supervision: what becomes of a message that crashes its handler, of the agent, of its mailbox and of its neighbours.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ephor_constitution::Charter;
use ephor_core::{AgentId, Correlation, Kind, Message};
use ephor_runtime::{
    Address, Agent, Bus, Cx, Disposition, Gateway, Handler, Incident, Notice, Out, PanicAt, Report, Restart,
    Supervision, Topology, agent,
};

use super::bench::{
    MS, Seen, apart, invoke, send_all, settle, settle_invoked, some, start, stop, stop_invoked, until,
};
use super::cast::{Actor, Answer, Item, Note, Warden};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};

const GROUP: &str = "supervision";

/// Items from here on crash their handler.
const POISON: u64 = 100;

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check("an agent that panics takes none of its neighbours down", neighbours),
        check(
            "a handler that fails is told with its panic, and the messages after it are unaffected",
            poison,
        )
        .case("M7 (failing handler)"),
        check("a handler that panics on its third emit has sent nothing", atomic),
        check(
            "a message goes to quarantine after as many crashes as its agent's supervision says",
            quarantine_after,
        ),
        check("a message in quarantine keeps its bytes, header and last panic", quarantined),
        check("an agent that is rebuilt has none of its former state, and all of its mailbox", rebuilt),
        check("an agent that crashes too often in a window is stopped, and nobody waits for it", window),
        check(
            "a supervisor hears of crash, restart and recovery in order, with the message at fault",
            notices,
        ),
        check(
            "an agent that its supervisor gives up loses its mailbox by name, what comes later too",
            abandoned,
        ),
        check("an agent that waits for its supervisor keeps its messages until it is restarted", waits),
        check("a panic in a timer's hook is a crash without a message at fault", hook),
        check("a drill crashes the message of its number and no other", drill),
    ]
}

/// An agent that notes items, and panics at poison.
fn fragile(seen: &Seen) -> Actor {
    let noted = seen.clone();
    Actor::new().on_item(move |item, _| {
        assert!(item.0 < POISON, "{} is too much", item.0);
        noted.note(item.0);
    })
}

/// Runs a fragile agent under `supervision` over `items`.
fn run(supervision: Supervision, items: impl IntoIterator<Item = u64>) -> Result<(Seen, Report), Failing> {
    let mut topology = Topology::new(Charter::default());
    let seen = Seen::new();
    let agent = fragile(&seen).seat(&mut topology, "fragile");
    topology.supervise(agent.id(), supervision);
    let gate = topology.gateway(agent, 64);
    let bus = start(topology)?;
    send_all(&gate, items.into_iter().map(Item))?;
    let report = stop(bus)?;
    Ok((seen, report))
}

fn neighbours() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let seen = Seen::new();
    let ill = fragile(&Seen::new()).seat(&mut topology, "ill");
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let relay = topology.reserve("relay");
    let out = topology.hold(relay, sink, 8);
    Actor::relay(out).install(&mut topology, relay);
    let (to_ill, to_relay) = (topology.gateway(ill, 64), topology.gateway(relay, 64));
    let bus = start(topology)?;
    for number in 0..40 {
        send_all(&to_relay, [Item(number)])?;
        send_all(&to_ill, [Item(if number.is_multiple_of(10) { POISON } else { 0 })])?;
    }
    let report = stop(bus)?;
    ensure_eq(seen.values(), (0..40).collect(), "what the neighbours handled")?;
    ensure(!report.quarantine.is_empty(), || "the other one did not crash".to_owned())
}

fn poison() -> Checked {
    let (seen, report) = run(Supervision::default(), [1, 2, POISON, 3, 4])?;
    ensure_eq(seen.values(), vec![1, 2, 3, 4], "what was handled")?;
    let put_away = some(report.quarantine.first(), "message in quarantine")?;
    ensure(put_away.panic.contains("100 is too much"), || format!("another panic: {}", put_away.panic))?;
    ensure_eq(report.ledger.lost(Disposition::Quarantined), 1, "messages put away")
}

fn atomic() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let clumsy = topology.reserve("clumsy");
    apart(&mut topology, &[sink.id()]);
    let items: Out<Item, 2> = topology.hold(clumsy, sink, 16);
    let notes: Out<Note> = topology.hold(clumsy, sink, 16);
    let act = Actor::new().on_item(move |item, cx| {
        cx.emit(&items, Item(10 * item.0));
        cx.emit(&notes, Note(10 * item.0 + 1));
        assert!(item.0 != 2, "the third emit is not to be");
        cx.emit(&items, Item(10 * item.0 + 2));
    });
    act.install(&mut topology, clumsy);
    let gate = topology.gateway(clumsy, 16);
    let bus = start(topology)?;
    send_all(&gate, (1..=3).map(Item))?;
    let report = stop(bus)?;
    ensure_eq(seen.values(), vec![10, 11, 12, 30, 31, 32], "what arrived")?;
    ensure_eq(report.ledger.lost(Disposition::Quarantined), 1, "messages put away")
}

fn quarantine_after() -> Checked {
    let restart = Restart::ByWorker { at_most: 16, within_ns: 1_000 * MS };
    for quarantine_after in [1, 2, 5] {
        let (seen, report) = run(Supervision { quarantine_after, restart }, [POISON, 1])?;
        let crashes: Vec<u32> = report.quarantine.iter().map(|put_away| put_away.crashes).collect();
        ensure_eq(
            (crashes, seen.values()),
            (vec![quarantine_after], vec![1]),
            "crashes, and what was handled then",
        )?;
    }
    Ok(())
}

fn quarantined() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let agent = fragile(&Seen::new()).seat(&mut topology, "fragile");
    let gate = topology.gateway(agent, 4);
    let bus = start(topology)?;
    gate.try_send_as(Correlation(77), Item(0x0102_0304_0506_0708))?;
    let report = stop(bus)?;
    let put_away = some(report.quarantine.first(), "message in quarantine")?;
    let header = put_away.header;
    ensure_eq(
        (header.kind, header.correlation, header.target),
        (Item::KIND, Correlation(77), agent.id()),
        "its header",
    )?;
    ensure_eq(&put_away.payload[..8], &0x0102_0304_0506_0708_u64.to_ne_bytes()[..], "its bytes")?;
    ensure_eq((put_away.agent.as_str(), put_away.crashes), ("fragile", 2), "its agent and crashes")?;
    ensure(put_away.panic.contains("72623859790382856 is too much"), || format!("panic: {}", put_away.panic))
}

/// Remembers how many items it handled in this life.
struct Memory {
    handled: u64,
    seen: Seen,
}

impl Agent for Memory {}
agent!(Memory { Item });

impl Handler<Item> for Memory {
    fn on(&mut self, item: &Item, _cx: &mut Cx<'_>) {
        self.handled += 1;
        assert!(item.0 < POISON, "poison");
        self.seen.note(self.handled);
    }
}

fn rebuilt() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let seen = Seen::new();
    let memory = topology.reserve::<Memory>("memory");
    let noted = seen.clone();
    topology.install(memory, move || Memory { handled: 0, seen: noted.clone() });
    topology.supervise(memory.id(), Supervision { quarantine_after: 1, ..Supervision::default() });
    let gate = topology.gateway(memory, 16);
    let mut bus = invoke(topology)?;
    // All five are in the mailbox when the third one crashes the agent.
    send_all(&gate, [1, 2, POISON, 4, 5].map(Item))?;
    settle_invoked(&mut bus);
    stop_invoked(bus)?;
    ensure_eq(seen.values(), vec![1, 2, 1, 2], "how many each life had handled")
}

fn window() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let agent = fragile(&Seen::new()).seat(&mut topology, "fragile");
    let restart = Restart::ByWorker { at_most: 3, within_ns: 60_000 * MS };
    topology.supervise(agent.id(), Supervision { quarantine_after: 2, restart });
    let relay = topology.reserve("relay");
    let out = topology.hold(relay, agent, 4);
    Actor::relay(out).install(&mut topology, relay);
    let gate = topology.gateway(relay, 64);
    let bus = start(topology)?;
    send_all(&gate, (0..40).map(|number| Item(POISON + number)))?;
    settle(&bus)?;
    let ledger = stop(bus)?.ledger;
    // Crashes 1 and 2 put the first away, 3 and 4 the second; a fourth restart is one too many.
    let lost = [Disposition::Quarantined, Disposition::Stopped].map(|loss| ledger.lost(loss));
    ensure_eq(
        (lost, ledger.handled()),
        ([2, 38], 40),
        "put away, lost with the agent, and handled by the relay",
    )
}

/// A fragile agent under a warden who answers crashes as told.
struct Ward {
    bus: Bus,
    gate: Gateway<Actor>,
    agent: AgentId,
    seen: Seen,
    heard: Seen<Notice>,
}

fn ward(
    actor: impl FnOnce(&Seen) -> Actor,
    answer: impl Fn(usize) -> Answer + Send + Sync + 'static,
) -> Result<Ward, Failing> {
    let mut topology = Topology::new(Charter::default());
    let seen = Seen::new();
    let agent: Address<Actor> = actor(&seen).seat(&mut topology, "fragile");
    let heard = Warden::seat(&mut topology, agent, answer);
    let gate = topology.gateway(agent, 16);
    Ok(Ward { bus: start(topology)?, gate, agent: agent.id(), seen, heard })
}

impl Ward {
    /// Waits until the warden has heard of so much.
    fn until_heard(&self, count: usize) -> Checked {
        until("the notices", || self.heard.count() >= count)
    }

    /// What the warden heard, in words.
    fn heard(&self) -> Vec<String> {
        self.heard.values().iter().map(|notice| format!("{:?}", notice.incident)).collect()
    }
}

fn notices() -> Checked {
    let ward = ward(fragile, |_| Answer::Restart)?;
    ward.gate.try_send_as(Correlation(9), Item(POISON))?;
    ward.gate.try_send_as(Correlation(10), Item(1))?;
    ward.until_heard(5)?;
    let crashed = |crashes, quarantined| Incident::Crashed {
        kind: Kind(1),
        correlation: Correlation(9),
        crashes,
        quarantined,
    };
    let expected =
        [crashed(1, false), Incident::Restarted, crashed(2, true), Incident::Restarted, Incident::Recovered];
    ensure_eq(ward.heard(), expected.map(|incident| format!("{incident:?}")).to_vec(), "what was heard")?;
    let is_about_it = ward.heard.values().iter().all(|notice| notice.agent == ward.agent);
    ensure(is_about_it, || "a notice about another agent".to_owned())?;
    stop(ward.bus)?;
    ensure_eq(ward.seen.values(), vec![1], "what was handled")
}

fn abandoned() -> Checked {
    let ward = ward(fragile, |_| Answer::Abandon)?;
    send_all(&ward.gate, [POISON, 1, 2].map(Item))?;
    ward.until_heard(2)?;
    ensure_eq(ward.heard().last().map(String::as_str), Some("Stopped"), "the last that was heard")?;
    send_all(&ward.gate, [Item(3)])?;
    settle(&ward.bus)?;
    let ledger = stop(ward.bus)?.ledger;
    ensure_eq(
        (ledger.lost(Disposition::Stopped), ward.seen.count()),
        (4, 0),
        "lost with the agent, and handled",
    )
}

fn waits() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let seen = Seen::new();
    let noted = seen.clone();
    let is_cured = Arc::new(AtomicBool::new(false));
    let cure = is_cured.clone();
    let actor = Actor::new().on_item(move |item, _| {
        assert!(cure.load(Ordering::SeqCst), "not yet");
        noted.note(item.0);
    });
    let agent = actor.seat(&mut topology, "fragile");
    let nurse = Nurse::seat(&mut topology, agent);
    let (gate, order) = (topology.gateway(agent, 16), topology.gateway(nurse.address, 4));
    let bus = start(topology)?;
    send_all(&gate, (0..5).map(Item))?;
    until("the crash", || nurse.heard.count() == 1)?;
    ensure_eq((seen.count(), bus.ledger().in_flight()), (0, 5), "handled and in flight before the restart")?;
    is_cured.store(true, Ordering::SeqCst);
    send_all(&order, [Item(0)])?;
    settle(&bus)?;
    stop(bus)?;
    ensure_eq(seen.values(), (0..5).collect(), "what was handled after it")
}

/// A supervisor that restarts its ward when it gets an item.
struct Nurse {
    ward: AgentId,
    heard: Seen,
}

struct NurseSeat {
    address: Address<Nurse>,
    heard: Seen,
}

agent!(Nurse { Item });

impl Nurse {
    fn seat(topology: &mut Topology, ward: Address<Actor>) -> NurseSeat {
        let address = topology.reserve::<Nurse>("nurse");
        topology.supervisor(address.id()).supervise(ward.id(), Supervision::by_supervisor());
        let heard = Seen::new();
        let (noted, ward) = (heard.clone(), ward.id());
        topology.install(address, move || Nurse { ward, heard: noted.clone() });
        NurseSeat { address, heard }
    }
}

impl Agent for Nurse {
    fn on_cycle(&mut self, cx: &mut Cx<'_>) -> usize {
        let notices = std::iter::from_fn(|| cx.next_notice());
        notices.map(|notice| self.heard.note(notice.agent.0.into())).count()
    }
}

impl Handler<Item> for Nurse {
    fn on(&mut self, _item: &Item, cx: &mut Cx<'_>) {
        assert!(cx.restart(self.ward), "the control lane has room for one order");
    }
}

fn hook() -> Checked {
    let lives = Seen::new();
    let life = lives.clone();
    let actor = move |seen: &Seen| {
        let (noted, lived) = (seen.clone(), life.clone());
        Actor::new()
            .at_start(move |cx| {
                life.note(0);
                assert!(cx.schedule(cx.now(), 0).is_ok(), "there is a free timer");
            })
            .on_ring(move |_, _| assert!(lived.count() > 1, "in the timer's hook"))
            .on_item(move |item, _| noted.note(item.0))
    };
    let ward = ward(actor, |_| Answer::Restart)?;
    ward.until_heard(2)?;
    let at_fault =
        Incident::Crashed { kind: Kind(0), correlation: Correlation(0), crashes: 0, quarantined: false };
    let expected = [at_fault, Incident::Restarted].map(|incident| format!("{incident:?}"));
    ensure_eq(ward.heard(), expected.to_vec(), "what was heard")?;
    send_all(&ward.gate, [Item(1)])?;
    let report = stop(ward.bus)?;
    ensure_eq(
        (ward.seen.values(), report.quarantine.len(), lives.count()),
        (vec![1], 0, 2),
        "handled, put away, lives",
    )
}

fn drill() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let seen = Seen::new();
    let agent = Actor::noting(&seen).seat(&mut topology, "drilled");
    topology.drill(agent.id(), PanicAt::message(3));
    let gate = topology.gateway(agent, 16);
    let bus = start(topology)?;
    send_all(&gate, (1..=5).map(Item))?;
    let report = stop(bus)?;
    ensure_eq(seen.values(), vec![1, 2, 4, 5], "what was handled")?;
    let put_away: Vec<&[u8]> = report.quarantine.iter().map(|put_away| &put_away.payload[..8]).collect();
    ensure_eq(put_away, vec![&3_u64.to_ne_bytes()[..]], "what was put away")
}
