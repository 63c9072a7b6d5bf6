//! The ledger: sent = handled + each named loss + in flight, in every situation that a bus can be in.

use std::thread;

use ephor_core::{Impact, Message};
use ephor_runtime::{
    Address, Bus, Disposition, Gateway, Ledger, Lossy, Offered, Out, Restart, SendError, Shed, Supervision,
    Topology, TryOut,
};

use super::bench::{
    Door, LONG, MS, Seen, apart, charter, invoke, refused, send_all, settle, settle_invoked, start, stop,
    stop_at_once, stop_invoked, until,
};
use super::cast::{Actor, Answer, Brief, Item, Note, Parcel, Warden};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};

const GROUP: &str = "ledger";

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check("what was sent is what was handled, when nothing goes wrong", all_handled),
        check("each of the eight ways to lose a message is counted under its own name", eight_losses),
        check("what is in lanes and in hand counts as in flight, and then as handled", in_flight),
        check("what a crashed agent has when the bus stops is undelivered", undelivered),
        check("read at any moment of a run, it never shows more settled than sent", at_any_moment),
        check("each kind has its own counts, and together they are the whole", by_kind),
        check("each agent has its own counts", by_agent),
        check("a message that is passed on three times counts as sent once", passed_on),
        check("what a handler emitted before it panicked does not count as sent", rewound),
        check("what a gateway handed back without judging it does not count as sent", handed_back),
        check("an agent, and threads that send in its name, count without losing one", two_writers),
        check(
            "a stop in the middle of the traffic accounts for every message that was taken",
            stopped_midway,
        ),
    ]
}

/// A relay on one worker and a sink on another.
struct Line {
    bus: Bus,
    gate: Gateway<Actor>,
    door: Door,
}

fn line(is_open: bool) -> Result<Line, Failing> {
    let mut topology = Topology::new(Default::default());
    let door = Door::new();
    if is_open {
        door.open();
    }
    let held = door.clone();
    let sink = Actor::new().on_item(move |_, _| held.pass()).seat(&mut topology, "sink");
    let relay = topology.reserve("relay");
    apart(&mut topology, &[sink.id()]);
    let out = topology.hold(relay, sink, 64);
    Actor::relay(out).install(&mut topology, relay);
    let gate = topology.gateway(relay, 64);
    Ok(Line { bus: start(topology)?, gate, door })
}

fn all_handled() -> Checked {
    let Line { bus, gate, .. } = line(true)?;
    send_all(&gate, (0..1_000).map(Item))?;
    let ledger = stop(bus)?.ledger;
    ensure_eq(
        (ledger.sent(), ledger.handled(), ledger.in_flight()),
        (2_000, 2_000, 0),
        "sent, handled, in flight",
    )?;
    ensure(ledger.losses().is_empty(), || format!("losses: {:?}", ledger.losses()))
}

const LOSSES: &str = r#"
name = "losses"
default_role = "agent"
[roles]
agent = {}
stranger = {}
[kinds.brief]
number = 4
action = "message"
lifetime_ms = 1
[kinds_default]
action = "message"
[[grants]]
from = ["agent"]
action = ["message"]
to = ["agent"]
"#;

/// Seats an agent for each loss that takes an agent down; returns the gateways to them.
fn losers(topology: &mut Topology, sink: Address<Actor>) -> [Gateway<Actor>; 4] {
    let poisoned = Actor::new().on_item(|_, _| panic!("poison")).seat(topology, "poisoned");
    let doomed = Actor::new().on_item(|_, _| panic!("doomed")).seat(topology, "doomed");
    let never = Restart::ByWorker { at_most: 0, within_ns: MS };
    topology.supervise(doomed.id(), Supervision { restart: never, ..Supervision::default() });
    let ill = Actor::new().on_item(|_, _| panic!("ill")).seat(topology, "ill");
    Warden::seat(topology, ill, |_| Answer::Wait);
    let shedder = topology.reserve("shedder");
    let port: Lossy<Note> = topology.lossy(shedder, sink, 1, Shed::Newest);
    let shed = Actor::new().on_item(move |_, cx| {
        let offers = [0, 1].map(|number| cx.offer(&port, Note(number)));
        assert_eq!(offers, [Offered::Staged; 2], "the lane itself sheds");
    });
    shed.install(topology, shedder);
    [poisoned, doomed, ill, shedder].map(|agent| topology.gateway(agent, 4))
}

fn eight_losses() -> Checked {
    let mut topology = Topology::new(charter(LOSSES)?);
    let sink = Actor::new().seat(&mut topology, "sink");
    let losers = losers(&mut topology, sink);
    let stranger = topology.outside("stranger");
    let denied = topology.gateway_as(stranger, sink, 4);
    let gate = topology.gateway(sink, 4);
    let mut bus = invoke(topology)?;
    refused(denied.try_send(Item(0)), "a stranger's message")?;
    refused(gate.with_impact(Impact::MAX).try_send(Item(0)), "a message of great impact")?;
    gate.try_send(Parcel { block: 0, number: 0 })?;
    gate.try_send(Brief(0))?;
    bus.advance(MS + 1);
    losers.iter().try_for_each(|gate| gate.try_send(Item(0)).map(drop))?;
    settle_invoked(&mut bus);
    let ledger = stop_invoked(bus)?.ledger;
    ensure_eq(Disposition::LOSSES.map(|loss| ledger.lost(loss)), [1; 8], "losses, in their order")?;
    // The item to the shedder was handled, and one of its two offers.
    ensure_eq((ledger.sent(), ledger.handled()), (10, 2), "sent and handled")
}

fn in_flight() -> Checked {
    let Line { bus, gate, door } = line(false)?;
    send_all(&gate, (0..5).map(Item))?;
    until("the relay done", || bus.ledger().handled() == 5)?;
    let ledger = bus.ledger();
    ensure_eq(
        (ledger.sent(), ledger.in_flight(), bus.is_quiescent()),
        (10, 5, false),
        "sent, in flight, quiescent",
    )?;
    door.open();
    settle(&bus)?;
    let ledger = bus.ledger();
    ensure_eq((ledger.handled(), ledger.in_flight()), (10, 0), "handled, in flight")?;
    stop(bus).map(drop)
}

fn undelivered() -> Checked {
    let mut topology = Topology::new(Default::default());
    let ill = Actor::new().on_item(|item, _| assert!(item.0 < 2, "ill")).seat(&mut topology, "ill");
    let heard = Warden::seat(&mut topology, ill, |_| Answer::Wait);
    let gate = topology.gateway(ill, 16);
    let bus = start(topology)?;
    send_all(&gate, (0..7).map(Item))?;
    until("the crash", || heard.count() == 1)?;
    let ledger = stop_at_once(bus)?.ledger;
    let counts = (ledger.handled(), ledger.lost(Disposition::Undelivered), ledger.in_flight());
    ensure_eq(counts, (2, 5, 0), "handled, undelivered, in flight")
}

fn at_any_moment() -> Checked {
    let Line { bus, gate, .. } = line(true)?;
    let (sent, looks) = thread::scope(|scope| {
        let sender = scope.spawn(|| send_all(&gate, (0..3_000).map(Item)));
        let mut looks: Vec<Ledger> = Vec::new();
        while !sender.is_finished() {
            looks.push(bus.ledger());
            thread::yield_now();
        }
        (sender.join(), looks)
    });
    sent.unwrap_or_else(|_| Err(Failing::Broken("the sending thread panicked".to_owned())))?;
    let settled = |ledger: &Ledger| ledger.handled() + ledger.losses().values().sum::<u64>();
    let wrong = looks.iter().find(|ledger| settled(ledger) > ledger.sent());
    ensure(wrong.is_none(), || format!("more settled than sent: {wrong:?}"))?;
    let is_rising = looks
        .windows(2)
        .all(|pair| pair[0].sent() <= pair[1].sent() && pair[0].handled() <= pair[1].handled());
    ensure(is_rising, || "a count went down".to_owned())?;
    ensure_eq(stop(bus)?.ledger.handled(), 6_000, "messages handled")
}

fn by_kind() -> Checked {
    let mut topology = Topology::new(Default::default());
    let sink = Actor::new().on_note(|_, cx| cx.deny(1)).seat(&mut topology, "sink");
    let gate = topology.gateway(sink, 16);
    let bus = start(topology)?;
    send_all(&gate, (0..30).map(Item))?;
    send_all(&gate, (0..12).map(Note))?;
    let ledger = stop(bus)?.ledger;
    let counts = |kinds: &[ephor_core::Kind]| {
        let part = ledger.of_kinds(kinds);
        (part.sent(), part.handled(), part.lost(Disposition::Denied), part.adds_up())
    };
    ensure_eq(counts(&[Item::KIND]), (30, 30, 0, true), "items sent, handled, denied, adding up")?;
    ensure_eq(counts(&[Note::KIND]), (12, 0, 12, true), "notes sent, handled, denied, adding up")?;
    ensure_eq(counts(&[Item::KIND, Note::KIND]).0, ledger.sent(), "both together")?;
    ensure_eq(counts(&[Brief::KIND]), (0, 0, 0, true), "a kind that nobody sent")
}

fn by_agent() -> Checked {
    let mut topology = Topology::new(Default::default());
    let first = Actor::new().seat(&mut topology, "first");
    let second = Actor::new().on_item(|_, cx| cx.hold(1)).seat(&mut topology, "second");
    let (to_first, to_second) = (topology.gateway(first, 16), topology.gateway(second, 16));
    let bus = start(topology)?;
    send_all(&to_first, (0..9).map(Item))?;
    send_all(&to_second, (0..4).map(Item))?;
    let ledger = stop(bus)?.ledger;
    let at = [
        ("first", Disposition::Handled),
        ("first", Disposition::Held),
        ("second", Disposition::Handled),
        ("second", Disposition::Held),
    ];
    ensure_eq(at.map(|(agent, fate)| ledger.at_agent(agent, fate)), [9, 0, 0, 4], "handled and held by each")
}

fn passed_on() -> Checked {
    let mut topology = Topology::new(Default::default());
    let mut next = Actor::new().seat(&mut topology, "end");
    for number in 0..3 {
        let hub = topology.reserve(&format!("hub {number}"));
        let out: Out<Item> = topology.hold(hub, next, 8);
        Actor::new().on_item(move |_, cx| cx.forward(&out)).install(&mut topology, hub);
        next = hub;
    }
    let gate = topology.gateway(next, 8);
    let bus = start(topology)?;
    send_all(&gate, (0..20).map(Item))?;
    let ledger = stop(bus)?.ledger;
    ensure_eq((ledger.sent(), ledger.handled()), (20, 20), "sent and handled")?;
    let forwarded = ["hub 0", "hub 1", "hub 2"].map(|hub| ledger.at_agent(hub, Disposition::Handled));
    ensure_eq(
        (forwarded, ledger.at_agent("end", Disposition::Handled)),
        ([0; 3], 20),
        "handled by hubs and end",
    )
}

fn rewound() -> Checked {
    let mut topology = Topology::new(Default::default());
    let sink = Actor::new().seat(&mut topology, "sink");
    let clumsy = topology.reserve("clumsy");
    let out: Out<Item, 2> = topology.hold(clumsy, sink, 16);
    let refusing: TryOut<Note> = topology.refuse(clumsy, sink, 16);
    let lossy: Lossy<Note> = topology.lossy(clumsy, sink, 16, Shed::Newest);
    let act = Actor::new().on_item(move |item, cx| {
        cx.emit(&out, *item);
        assert!(cx.try_emit(&refusing, Note(1)).is_ok(), "the lane has room");
        let _staged = cx.offer(&lossy, Note(1));
        assert!(item.0 != 1, "in the middle");
        cx.emit(&out, *item);
    });
    act.install(&mut topology, clumsy);
    let gate = topology.gateway(clumsy, 8);
    let bus = start(topology)?;
    send_all(&gate, (0..3).map(Item))?;
    let ledger = stop(bus)?.ledger;
    // Three items came in; two of them had four messages each follow, and one had none.
    ensure_eq((ledger.sent(), ledger.handled()), (3 + 8, 2 + 8), "sent and handled")?;
    ensure_eq(ledger.lost(Disposition::Quarantined), 1, "put away")
}

fn handed_back() -> Checked {
    let mut topology = Topology::new(Default::default());
    let sink = Actor::new().seat(&mut topology, "sink");
    let gate = topology.gateway(sink, 2);
    let mut errors: Vec<SendError<Item>> =
        vec![refused(gate.try_send(Item(0)), "a message before the start")?];
    let mut bus = invoke(topology)?;
    send_all(&gate, (0..2).map(Item))?;
    errors.push(refused(gate.try_send(Item(0)), "a message to a full gateway")?);
    bus.poll();
    let ledger = stop_invoked(bus)?.ledger;
    errors.push(refused(gate.try_send(Item(0)), "a message after the stop")?);
    let told = errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = ["the bus is not running yet", "the gateway is full", "the bus is closed"];
    ensure_eq(told, expected.map(str::to_owned).to_vec(), "the refusals")?;
    ensure_eq((ledger.sent(), ledger.handled()), (2, 2), "sent and handled")
}

fn two_writers() -> Checked {
    const COUNT: u64 = 2_000;
    let mut topology = Topology::new(Default::default());
    let sink = Actor::new().seat(&mut topology, "sink");
    let relay = topology.reserve("relay");
    let out = topology.hold(relay, sink, 64);
    Actor::relay(out).install(&mut topology, relay);
    let (gate, in_its_name) = (topology.gateway(relay, 64), topology.gateway_as(relay.id(), sink, 64));
    let bus = start(topology)?;
    let sent = thread::scope(|scope| {
        let other = scope.spawn(|| send_all(&in_its_name, (0..COUNT).map(Item)));
        send_all(&gate, (0..COUNT).map(Item)).and(
            other.join().unwrap_or_else(|_| Err(Failing::Broken("the sending thread panicked".to_owned()))),
        )
    });
    sent?;
    let ledger = stop(bus)?.ledger;
    ensure_eq((ledger.sent(), ledger.handled()), (3 * COUNT, 3 * COUNT), "sent and handled")
}

fn stopped_midway() -> Checked {
    let Line { bus, gate, .. } = line(true)?;
    let seen = Seen::new();
    let (report, taken) = thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut taken = 0;
            while gate.send_timeout(Item(taken), LONG).is_ok() {
                taken += 1;
                seen.note(taken);
            }
            taken
        });
        let begun = until("some traffic", || seen.count() > 100);
        let report = begun.and_then(|()| stop_at_once(bus));
        (report, sender.join())
    });
    let ledger = report?.ledger;
    let Ok(taken) = taken else { return Err(Failing::Broken("the sending thread panicked".to_owned())) };
    let settled = ["relay", "sink"].map(|agent| {
        ledger.at_agent(agent, Disposition::Handled) + ledger.at_agent(agent, Disposition::Undelivered)
    });
    ensure_eq(settled[0], taken, "messages settled at the relay, of those that were taken")?;
    ensure_eq(
        settled[1],
        ledger.at_agent("relay", Disposition::Handled),
        "and at the sink, of those it sent on",
    )
}
