//! Ports: what each does with a full lane, and what a handler call may do with them.

use ephor_runtime::{
    Address, Bus, Disposition, Full, Gateway, Lossy, Offered, Out, SendError, Shed, Topology, TryOut,
};

use super::bench::{Door, Seen, apart, refused, send_all, some, start, stop, until};
use super::cast::{Actor, Item, Note};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};
use crate::panics::on_purpose;

const GROUP: &str = "ports";

/// Offers that one handler call can make.
const OFFERS: u64 = 16;

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check("a full hold lane stops its sender, and the pressure reaches the gateway", hold),
        check(
            "a sender that was held goes on when there is room, and nothing is lost or out of order",
            hold_goes_on,
        ),
        check(
            "an agent that may emit three messages a call does not run while there is room for two",
            hold_room,
        ),
        check("a full lane hands a refusing port its message back, and it was never sent", refuse),
        check("a lossy lane that sheds the newest keeps the first and counts the others", shed_newest),
        check("a lossy lane that sheds the oldest keeps the last and counts the others", shed_oldest),
        check("a lossy lane of latest values keeps one for each key and counts the others", shed_latest),
        check("of one call's offers to a lossy port only the first sixteen are staged", offer_limit),
        check("a message more than a port may emit in a call is a crash that names the port", too_many),
        check("a port in the hands of another agent is a crash that sends nothing", foreign_port),
        check("a second fate for one message is a crash, and the message is not passed on", second_fate),
        check("a burst that panics in its middle was not sent at all", burst),
        check("a key that a lossy lane does not have is a crash that offers nothing", unknown_key),
    ]
}

/// A relay with a hold lane of four places, to a sink on another worker who waits at a door.
struct Dam {
    bus: Bus,
    gate: Gateway<Actor>,
    door: Door,
    seen: Seen,
}

const LANE: u64 = 4;
const GATE: u64 = 8;

fn dam() -> Result<Dam, Failing> {
    let mut topology = Topology::new(Default::default());
    let (door, seen) = (Door::new(), Seen::new());
    let sink = Actor::at_door(&door, &seen).seat(&mut topology, "sink");
    let relay = topology.reserve("relay");
    apart(&mut topology, &[sink.id()]);
    let out = topology.hold(relay, sink, LANE as usize);
    Actor::relay(out).install(&mut topology, relay);
    let gate = topology.gateway(relay, GATE as usize);
    Ok(Dam { bus: start(topology)?, gate, door, seen })
}

impl Dam {
    /// Sends until lane and gateway are full. A message in the sink's hand keeps its place in the lane.
    fn fill(&self) -> Checked {
        let mut sent = 0;
        until("a full lane and a full gateway", || {
            sent += u64::from(self.gate.try_send(Item(sent)).is_ok());
            sent == LANE + GATE
        })?;
        until("the relay at the end of its room", || self.bus.ledger().handled() == LANE)
    }
}

fn hold() -> Checked {
    let dam = dam()?;
    dam.fill()?;
    let error = refused(dam.gate.try_send(Item(99)), "one message more")?;
    ensure(matches!(error, SendError::Full(Item(99))), || format!("not handed back as full: {error}"))?;
    let ledger = dam.bus.ledger();
    ensure_eq(
        (ledger.handled(), ledger.in_flight()),
        (LANE, LANE + GATE),
        "handled by the relay, and in flight",
    )?;
    dam.door.open();
    stop(dam.bus).map(drop)
}

fn hold_goes_on() -> Checked {
    let dam = dam()?;
    dam.fill()?;
    dam.door.open();
    send_all(&dam.gate, (LANE + GATE..100).map(Item))?;
    let ledger = stop(dam.bus)?.ledger;
    ensure_eq(dam.seen.values(), (0..100).collect(), "what arrived")?;
    ensure_eq(ledger.handled(), 200, "messages handled by relay and sink")
}

fn hold_room() -> Checked {
    let mut topology = Topology::new(Default::default());
    let (door, seen) = (Door::new(), Seen::new());
    let sink = Actor::at_door(&door, &seen).seat(&mut topology, "sink");
    let sender = topology.reserve("sender");
    apart(&mut topology, &[sink.id()]);
    let out: Out<Item, 3> = topology.hold(sender, sink, 8);
    let act =
        Actor::new().on_item(move |item, cx| cx.emit_all(&out, [0, 1, 2].map(|at| Item(3 * item.0 + at))));
    act.install(&mut topology, sender);
    let gate = topology.gateway(sender, 8);
    let bus = start(topology)?;
    send_all(&gate, (0..4).map(Item))?;
    door.until_entered()?;
    until("two calls of the sender", || bus.ledger().handled() == 2)?;
    // Six of eight places are taken, by those in the sink's hand too, and two are too few.
    ensure_eq(bus.ledger().in_flight(), 2 + 6, "messages in flight")?;
    door.open();
    stop(bus)?;
    ensure_eq(seen.values(), (0..12).collect(), "what arrived")
}

fn refuse() -> Checked {
    let mut topology = Topology::new(Default::default());
    let (answers, seen) = (Seen::new(), Seen::new());
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let sender = topology.reserve("sender");
    let port: TryOut<Item> = topology.refuse(sender, sink, 2);
    let noted = answers.clone();
    let act = Actor::new()
        .on_item(move |_, cx| (0..4).for_each(|number| noted.note(cx.try_emit(&port, Item(number)))));
    act.install(&mut topology, sender);
    let gate = topology.gateway(sender, 4);
    let bus = start(topology)?;
    gate.try_send(Item(0))?;
    let ledger = stop(bus)?.ledger;
    let expected = vec![Ok(()), Ok(()), Err(Full(Item(2))), Err(Full(Item(3)))];
    ensure_eq(answers.values(), expected, "the port's answers")?;
    ensure_eq(
        (seen.values(), ledger.sent()),
        (vec![0, 1], 3),
        "what arrived, and how many were sent with the first",
    )
}

/// What came of offers to a lossy lane.
struct Offers {
    answers: Vec<Offered>,
    arrived: Vec<u64>,
    shed: u64,
}

/// Makes `offers` offers in one call to a lossy lane of two places, under two keys in turn.
fn offer(shed: Shed, offers: u64) -> Result<Offers, Failing> {
    let mut topology = Topology::new(Default::default());
    let (answers, seen) = (Seen::new(), Seen::new());
    // The source comes before the sink on their worker, so that all offers of the call are there before one is taken.
    let source = topology.reserve("source");
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let port: Lossy<Item> = topology.lossy(source, sink, 2, shed);
    let noted = answers.clone();
    let act = Actor::new().on_item(move |_, cx| {
        (0..offers).for_each(|number| noted.note(cx.offer_key(&port, number as usize % 2, Item(number))));
    });
    act.install(&mut topology, source);
    let gate = topology.gateway(source, 4);
    let bus = start(topology)?;
    gate.try_send(Item(0))?;
    let ledger = stop(bus)?.ledger;
    let mut arrived = seen.values();
    arrived.sort_unstable();
    Ok(Offers { answers: answers.values(), arrived, shed: ledger.lost(Disposition::Shed) })
}

fn sheds(shed: Shed, expected: [u64; 2]) -> Checked {
    let Offers { answers, arrived, shed } = offer(shed, 5)?;
    ensure_eq(answers, vec![Offered::Staged; 5], "the answers to the offers")?;
    ensure_eq((arrived, shed), (expected.to_vec(), 3), "what arrived, and how many were shed")
}

fn shed_newest() -> Checked {
    sheds(Shed::Newest, [0, 1])
}

fn shed_oldest() -> Checked {
    sheds(Shed::Oldest, [3, 4])
}

fn shed_latest() -> Checked {
    // The last of the odd ones and the last of the even ones.
    sheds(Shed::Latest, [3, 4])
}

fn offer_limit() -> Checked {
    let Offers { answers, arrived, shed } = offer(Shed::Oldest, OFFERS + 4)?;
    let staged = answers.iter().filter(|answer| **answer == Offered::Staged).count() as u64;
    ensure_eq(
        (staged, answers.last()),
        (OFFERS, Some(&Offered::Shed)),
        "staged, and the answer to the last",
    )?;
    ensure_eq(
        (arrived, shed),
        (vec![OFFERS - 2, OFFERS - 1], OFFERS + 2),
        "what arrived, and how many were shed",
    )
}

/// What came of an agent that misuses what it is given when an item says so, and does right otherwise.
struct Misuse {
    seen: Vec<u64>,
    panic: String,
    sent: u64,
}

/// Wires an agent with ports to a sink, has it handle a wrong item and a right one, and tells how that ended.
fn misuse(
    act: impl FnOnce(&mut Topology, Address<Actor>, Address<Actor>) -> Actor,
) -> Result<Misuse, Failing> {
    let mut topology = Topology::new(Default::default());
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let agent = topology.reserve("agent");
    act(&mut topology, agent, sink).install(&mut topology, agent);
    let gate = topology.gateway(agent, 4);
    let bus = start(topology)?;
    send_all(&gate, [WRONG, RIGHT].map(Item))?;
    let report = stop(bus)?;
    let put_away = some(report.quarantine.first(), "message in quarantine")?;
    ensure_eq(report.quarantine.len(), 1, "messages in quarantine")?;
    Ok(Misuse { seen: seen.values(), panic: put_away.panic.clone(), sent: report.ledger.sent() })
}

const WRONG: u64 = 0;
const RIGHT: u64 = 1;

/// Holds when the wrong item crashed its agent with `text`, and nothing but the right one had an effect.
fn crashes_with(misuse: &Misuse, text: &str, arrived: &[u64]) -> Checked {
    let Misuse { seen, panic, .. } = misuse;
    ensure(panic.contains(text), || format!("the panic does not say `{text}`: {panic}"))?;
    ensure_eq(seen.as_slice(), arrived, "what arrived")
}

fn too_many() -> Checked {
    let outcome = misuse(|topology, agent, sink| {
        let out: Out<Item> = topology.hold(agent, sink, 8);
        Actor::new().on_item(move |item, cx| {
            cx.emit(&out, *item);
            if item.0 == WRONG {
                on_purpose(|| cx.emit(&out, *item));
            }
        })
    })?;
    crashes_with(&outcome, "Out<Item> of agent to sink may emit 1 message(s)", &[RIGHT])?;
    ensure_eq(outcome.sent, 3, "messages sent")
}

fn foreign_port() -> Checked {
    let outcome = misuse(|topology, agent, sink| {
        let other = topology.reserve("other");
        let foreign: Out<Item> = topology.hold(other, sink, 8);
        Actor::relay(foreign).install(topology, other);
        let own: Out<Item> = topology.hold(agent, sink, 8);
        Actor::new().on_item(move |item, cx| match item.0 {
            WRONG => on_purpose(|| cx.emit(&foreign, *item)),
            _ => cx.emit(&own, *item),
        })
    })?;
    crashes_with(&outcome, "was used by agent", &[RIGHT])
}

fn second_fate() -> Checked {
    let outcome = misuse(|topology, agent, sink| {
        let out: Out<Item, 2> = topology.hold(agent, sink, 8);
        Actor::new().on_item(move |item, cx| {
            cx.forward(&out);
            if item.0 == WRONG {
                on_purpose(|| cx.deny(1));
            }
        })
    })?;
    crashes_with(&outcome, "decided already: forwarded", &[RIGHT])?;
    ensure_eq(outcome.sent, 2, "messages sent")
}

fn burst() -> Checked {
    let outcome = misuse(|topology, agent, sink| {
        let items: Out<Item, 4> = topology.hold(agent, sink, 16);
        let notes: Out<Note> = topology.hold(agent, sink, 16);
        Actor::new().on_item(move |item, cx| {
            cx.emit(&notes, Note(10));
            let is_wrong = item.0 == WRONG;
            cx.emit_all(
                &items,
                (0..4).map(|number| {
                    assert!(!is_wrong || number < 3, "in the middle of a burst");
                    Item(number)
                }),
            );
        })
    })?;
    crashes_with(&outcome, "in the middle of a burst", &[10, 0, 1, 2, 3])?;
    ensure_eq(outcome.sent, 2 + 5, "messages sent")
}

fn unknown_key() -> Checked {
    let outcome = misuse(|topology, agent, sink| {
        let port: Lossy<Item> = topology.lossy(agent, sink, 2, Shed::Latest);
        Actor::new().on_item(move |item, cx| {
            let key = if item.0 == WRONG { 2 } else { 1 };
            assert_eq!(cx.offer_key(&port, 0, *item), Offered::Staged);
            let offered = on_purpose(|| cx.offer_key(&port, key, Item(7)));
            assert_eq!(offered, Offered::Staged);
        })
    })?;
    crashes_with(&outcome, "has 2 keys and was offered key 2", &[RIGHT, 7])
}
