//! Receipts: that a sender is told, once, what became of each of its messages.

use ephor_constitution::Charter;
use ephor_core::{Correlation, Impact};
use ephor_runtime::{Disposition, Gateway, Out, Receipt, Receipts, SendError, Supervision, Topology};

use super::bench::{
    LONG, MS, Seen, apart, charter, invoke, refused, send_all, settle, some, start, stop, stop_at_once,
    stop_invoked, until,
};
use super::cast::{Actor, Answer, Brief, Item, Warden};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};

const GROUP: &str = "receipts";

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check("each message has one receipt with its fate and its handler's reasons", each_fate),
        check("the receipt of a message that was passed on comes once, from where it ended", passed_on),
        check("a message that expired in its lane has a receipt that says so", expired),
        check("a message that was left when the bus stopped has a receipt that says so", undelivered),
        check("five hundred messages over two workers have one receipt each", once_each),
        check("a reader who is slow holds back its own gateway and no other", slow_reader),
        check("who asks for no receipts gets none", not_asked),
        check("the place of a receipt comes back when its message was not sent", place_comes_back),
    ]
}

/// Takes receipts until there are `count`.
fn take(receipts: &mut Receipts, count: usize) -> Result<Vec<Receipt>, Failing> {
    let mut taken = Vec::new();
    until("the receipts", || {
        taken.extend(std::iter::from_fn(|| receipts.try_receive()));
        taken.len() >= count
    })?;
    ensure_eq(taken.len(), count, "receipts")?;
    Ok(taken)
}

fn each_fate() -> Checked {
    let mut topology = Topology::new(Charter::default());
    topology.receipts(8);
    let moody = Actor::new().on_item(|item, cx| match item.0 {
        0 => {}
        1 => cx.deny(0b101),
        2 => cx.hold(0b10),
        _ => panic!("in a mood"),
    });
    let moody = moody.seat(&mut topology, "moody");
    topology.supervise(moody.id(), Supervision { quarantine_after: 1, ..Supervision::default() });
    let gate = topology.gateway(moody, 8).with_receipts();
    let mut bus = start(topology)?;
    let mut receipts = some(bus.take_receipts(), "reader of receipts")?;
    for number in 0..4 {
        gate.try_send_as(Correlation(10 + number), Item(number))?;
    }
    let told = take(&mut receipts, 4)?;
    stop(bus)?;
    let told: Vec<_> = told.iter().map(|told| (told.correlation.0, told.disposition, told.reasons)).collect();
    let expected = vec![
        (10, Disposition::Handled, 0),
        (11, Disposition::Denied, 0b101),
        (12, Disposition::Held, 0b10),
        (13, Disposition::Quarantined, 0),
    ];
    ensure_eq(told, expected, "numbers, fates and reasons")?;
    ensure(receipts.try_receive().is_none(), || "there is a receipt more".to_owned())
}

fn passed_on() -> Checked {
    let mut topology = Topology::new(Charter::default());
    topology.receipts(4);
    let sink = Actor::new().seat(&mut topology, "sink");
    let hub = topology.reserve("hub");
    apart(&mut topology, &[sink.id()]);
    let out: Out<Item> = topology.hold(hub, sink, 4);
    Actor::new().on_item(move |_, cx| cx.forward(&out)).install(&mut topology, hub);
    let gate = topology.gateway(hub, 4).with_receipts();
    let mut bus = start(topology)?;
    let mut receipts = some(bus.take_receipts(), "reader of receipts")?;
    gate.try_send_as(Correlation(77), Item(1))?;
    let told = take(&mut receipts, 1)?[0];
    stop(bus)?;
    let found = (told.correlation, told.agent, told.disposition);
    ensure_eq(found, (Correlation(77), sink.id(), Disposition::Handled), "number, agent and fate")?;
    ensure(receipts.try_receive().is_none(), || "there is a second receipt".to_owned())
}

const SHORT_LIVED: &str = r#"
name = "short-lived"
default_role = "agent"
[roles]
agent = {}
[kinds.brief]
number = 4
action = "message"
lifetime_ms = 1
[[grants]]
from = ["*"]
action = ["*"]
to = ["*"]
"#;

fn expired() -> Checked {
    let mut topology = Topology::new(charter(SHORT_LIVED)?);
    topology.receipts(4);
    let sink = Actor::new().seat(&mut topology, "sink");
    let gate = topology.gateway(sink, 4).with_receipts();
    let mut bus = invoke(topology)?;
    let mut receipts = some(bus.take_receipts(), "reader of receipts")?;
    gate.try_send_as(Correlation(5), Brief(1))?;
    bus.advance(MS + 1);
    bus.poll();
    let told = some(receipts.try_receive(), "receipt")?;
    let found = (told.correlation, told.disposition, told.verdict.to_string(), told.at_ticks.as_ns());
    ensure_eq(found, (Correlation(5), Disposition::Expired, "expired".to_owned(), MS + 1), "what it says")?;
    stop_invoked(bus).map(drop)
}

fn undelivered() -> Checked {
    let mut topology = Topology::new(Charter::default());
    topology.receipts(4);
    let ill = Actor::new().on_item(|_, _| panic!("nobody will restart this")).seat(&mut topology, "ill");
    let heard = Warden::seat(&mut topology, ill, |_| Answer::Wait);
    let gate = topology.gateway(ill, 4).with_receipts();
    let mut bus = start(topology)?;
    let mut receipts = some(bus.take_receipts(), "reader of receipts")?;
    for number in 0..3 {
        gate.try_send(Item(number))?;
    }
    until("the crash", || heard.count() == 1)?;
    let ledger = stop_at_once(bus)?.ledger;
    let told = take(&mut receipts, 3)?;
    let is_so = told.iter().all(|told| told.disposition == Disposition::Undelivered);
    ensure(is_so, || format!("other fates: {told:?}"))?;
    ensure_eq(ledger.lost(Disposition::Undelivered), 3, "undelivered in the ledger")
}

fn once_each() -> Checked {
    const COUNT: u64 = 500;
    let mut topology = Topology::new(Charter::default());
    topology.receipts(32);
    let sink = Actor::new().seat(&mut topology, "sink");
    let hub = topology.reserve("hub");
    apart(&mut topology, &[sink.id()]);
    let out: Out<Item> = topology.hold(hub, sink, 16);
    let passes_on = |number: u64| number.is_multiple_of(2);
    let act = Actor::new().on_item(move |item, cx| {
        if passes_on(item.0) {
            cx.forward(&out)
        }
    });
    act.install(&mut topology, hub);
    let gate = topology.gateway(hub, 16).with_receipts();
    let mut bus = start(topology)?;
    let mut receipts = some(bus.take_receipts(), "reader of receipts")?;
    let (mut sent, mut told) = (0, Vec::new());
    until("five hundred receipts", || {
        while sent < COUNT && gate.try_send_as(Correlation(sent), Item(sent)).is_ok() {
            sent += 1;
        }
        told.extend(
            std::iter::from_fn(|| receipts.try_receive()).map(|told| (told.correlation.0, told.agent)),
        );
        told.len() as u64 >= COUNT
    })?;
    stop(bus)?;
    told.extend(receipts.try_receive().map(|told| (told.correlation.0, told.agent)));
    told.sort_unstable();
    let place = |number| if passes_on(number) { sink.id() } else { hub.id() };
    let is_right = told.into_iter().eq((0..COUNT).map(|number| (number, place(number))));
    ensure(is_right, || "a receipt is missing, double, one too many or from the wrong agent".to_owned())
}

/// A sink with a gateway, and places for `places` receipts.
struct Desk {
    topology: Topology,
    gate: Gateway<Actor>,
    seen: Seen,
}

fn desk(places: usize, capacity: usize) -> Desk {
    let mut topology = Topology::new(Charter::default());
    topology.receipts(places);
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let gate = topology.gateway(sink, capacity);
    Desk { topology, gate, seen }
}

fn slow_reader() -> Checked {
    let Desk { topology, gate, seen } = desk(4, 64);
    let mut bus = start(topology)?;
    let mut receipts = some(bus.take_receipts(), "reader of receipts")?;
    let told = gate.with_receipts();
    for number in 0..4 {
        told.try_send(Item(number))?;
    }
    settle(&bus)?;
    let error = refused(told.try_send(Item(4)), "a fifth message with a receipt")?;
    ensure(matches!(error, SendError::Full(Item(4))), || format!("another refusal: {error}"))?;
    send_all(&gate, (10..20).map(Item))?;
    settle(&bus)?;
    ensure_eq(seen.count(), 14, "messages handled")?;
    let _ = some(receipts.try_receive(), "receipt")?;
    told.send_timeout(Item(5), LONG)?;
    stop(bus)?;
    ensure_eq(take(&mut receipts, 4)?.len(), 4, "receipts left")
}

fn not_asked() -> Checked {
    let Desk { topology, gate, seen } = desk(4, 64);
    let mut bus = start(topology)?;
    let mut receipts = some(bus.take_receipts(), "reader of receipts")?;
    send_all(&gate, (0..10).map(Item))?;
    gate.with_receipts().try_send_as(Correlation(1), Item(10))?;
    stop(bus)?;
    let told = take(&mut receipts, 1)?;
    ensure_eq((seen.count(), told[0].correlation), (11, Correlation(1)), "handled, and whose receipt came")
}

fn place_comes_back() -> Checked {
    let Desk { topology, gate, .. } = desk(1, 1);
    let mut bus = invoke(topology)?;
    let mut receipts = some(bus.take_receipts(), "reader of receipts")?;
    let told = gate.with_receipts();
    for round in 0..3 {
        // The check refuses before a place is taken; a full gateway gives it back.
        let held = refused(told.with_impact(Impact::MAX).try_send(Item(0)), "an item of great impact")?;
        ensure(matches!(held, SendError::Held(..)), || format!("another refusal: {held}"))?;
        gate.try_send(Item(1))?;
        let full = refused(told.try_send(Item(2)), "an item to a full gateway")?;
        ensure(matches!(full, SendError::Full(..)), || format!("another refusal: {full}"))?;
        bus.poll();
        told.try_send_as(Correlation(round), Item(3))?;
        bus.poll();
        ensure_eq(some(receipts.try_receive(), "receipt")?.correlation, Correlation(round), "its number")?;
    }
    stop_invoked(bus).map(drop)
}
