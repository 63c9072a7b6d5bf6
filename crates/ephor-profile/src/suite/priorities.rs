//! Priorities: which lane of a mailbox is polled first, what order holds inside a lane, and that the last one moves too.

use ephor_core::Priority;
use ephor_runtime::{Address, Gateway, Lane, Out, Topology, TryOut};

use super::bench::{Door, LONG, Seen, apart, send_all, settle, start, stop, until};
use super::cast::{Actor, Item, Note};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};

const GROUP: &str = "priorities";

/// Messages that one lane gives in one turn.
const BATCH: usize = 64;

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check("an idle agent gets the critical first, then high, medium and low, each in order", by_priority)
            .case("M1 (order)"),
        check("two thousand messages keep their order between two workers", fifo_between_workers),
        check("messages of two kinds on one edge keep their order", fifo_across_kinds),
        check("the low lane gives its batch in every turn, however much the critical one has", low_moves),
        check("the gateway of an agent moves though a critical lane is never empty", gateway_moves),
        check("of a dozen lanes the critical one is first, and all of them move", many_lanes),
        check("a lane moves though those before it take all the room behind its agent", starved_lane),
        check("a message bears the priority of the lane that it came by", header_priority),
    ]
}

/// Has one handler call emit `messages`, each to the lane of its priority; what their target got, in order.
fn received(messages: Vec<(Priority, u64)>) -> Result<Vec<(Priority, u64)>, Failing> {
    let mut topology = Topology::new(Default::default());
    let seen = Seen::new();
    let noted = seen.clone();
    let target = Actor::new().on_item(move |item, cx| {
        noted.note((cx.header().map_or(Priority::Medium, |header| header.flags.priority()), item.0));
    });
    let target = target.seat(&mut topology, "target");
    let sender = topology.reserve("sender");
    let ports: [TryOut<Item>; 4] =
        Priority::ALL.map(|priority| topology.refuse(sender, target, Lane::new(256).priority(priority)));
    let act = Actor::new().on_item(move |_, cx| {
        for (priority, number) in &messages {
            let sent = cx.try_emit(&ports[3 - *priority as usize], Item(*number));
            assert!(sent.is_ok(), "a lane has room for all that the check sends");
        }
    });
    act.install(&mut topology, sender);
    let gate = topology.gateway(sender, 4);
    let bus = start(topology)?;
    gate.try_send(Item(0))?;
    stop(bus)?;
    Ok(seen.values())
}

fn by_priority() -> Checked {
    let rising = [Priority::Low, Priority::Medium, Priority::High, Priority::Critical];
    let sent: Vec<_> = (0..3).flat_map(|round| rising.map(|priority| (priority, round))).collect();
    let expected: Vec<_> =
        Priority::ALL.into_iter().flat_map(|priority| (0..3).map(move |round| (priority, round))).collect();
    ensure_eq(received(sent)?, expected, "priorities and numbers in the order of arrival")
}

fn header_priority() -> Checked {
    let sent: Vec<_> = Priority::ALL.into_iter().map(|priority| (priority, priority as u64)).collect();
    let received = received(sent)?;
    ensure_eq(received.len(), 4, "messages")?;
    let is_own = |(priority, number): &(Priority, u64)| *priority as u64 == *number;
    ensure(received.iter().all(is_own), || format!("priorities in the headers, and those sent: {received:?}"))
}

fn low_moves() -> Checked {
    let many = |priority| (0..200).map(move |number| (priority, number));
    let received = received(many(Priority::Critical).chain(many(Priority::Low)).collect())?;
    ensure_eq(received.len(), 400, "messages")?;
    let critical = received.iter().position(|(priority, _)| *priority == Priority::Low);
    ensure_eq(critical, Some(BATCH), "critical messages before the first low one")?;
    let low = received[..2 * BATCH].iter().filter(|(priority, _)| *priority == Priority::Low).count();
    ensure_eq(low, BATCH, "low ones in the first turn")
}

fn fifo_between_workers() -> Checked {
    const COUNT: u64 = 2_000;
    let mut topology = Topology::new(Default::default());
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let relay = topology.reserve("relay");
    let out = topology.hold(relay, sink, 32);
    Actor::relay(out).install(&mut topology, relay);
    apart(&mut topology, &[sink.id()]);
    let gate = topology.gateway(relay, 64);
    let bus = start(topology)?;
    send_all(&gate, (0..COUNT).map(Item))?;
    stop(bus)?;
    ensure(seen.values().into_iter().eq(0..COUNT), || "the order was not kept".to_owned())
}

fn fifo_across_kinds() -> Checked {
    const COUNT: u64 = 500;
    let mut topology = Topology::new(Default::default());
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let both = topology.reserve("both");
    let items: Out<Item> = topology.hold(both, sink, 32);
    let notes: Out<Note> = topology.hold(both, sink, 32);
    let act = Actor::new().on_item(move |item, cx| {
        cx.emit(&items, Item(2 * item.0));
        cx.emit(&notes, Note(2 * item.0 + 1));
    });
    act.install(&mut topology, both);
    apart(&mut topology, &[sink.id()]);
    let gate = topology.gateway(both, 64);
    let bus = start(topology)?;
    send_all(&gate, (0..COUNT).map(Item))?;
    stop(bus)?;
    ensure(seen.values().into_iter().eq(0..2 * COUNT), || "items and notes changed places".to_owned())
}

fn gateway_moves() -> Checked {
    const FROM_OUTSIDE: u64 = 1_000_000;
    let mut topology = Topology::new(Default::default());
    let (door, seen) = (Door::new(), Seen::new());
    let sender = topology.reserve("sender");
    let target = Actor::noting(&seen).seat(&mut topology, "target");
    let port: TryOut<Item> = topology.refuse(sender, target, Lane::new(256).priority(Priority::Critical));
    let held = door.clone();
    let act = Actor::new().on_item(move |_, cx| {
        held.pass();
        assert!((0..200).all(|number| cx.try_emit(&port, Item(number)).is_ok()), "the lane has room for 200");
    });
    act.install(&mut topology, sender);
    let (gate, direct) = (topology.gateway(sender, 4), topology.gateway(target, 8));
    let bus = start(topology)?;
    gate.try_send(Item(0))?;
    door.until_entered()?;
    send_all(&direct, (0..5).map(|number| Item(FROM_OUTSIDE + number)))?;
    door.open();
    stop(bus)?;
    let values = seen.values();
    ensure_eq(values.len(), 205, "messages")?;
    let first = values.iter().position(|number| *number >= FROM_OUTSIDE);
    ensure_eq(first, Some(BATCH), "critical messages before the first from outside")
}

const LANES: u64 = 12;
const CRITICAL: u64 = 7;

/// A dozen relays to `target`, one of them by a critical lane and the others by low ones; the gateways to them.
fn dozen(topology: &mut Topology, target: Address<Actor>) -> Vec<Gateway<Actor>> {
    let relay = |number| {
        let sender = topology.reserve(&format!("sender {number}"));
        let priority = if number == CRITICAL { Priority::Critical } else { Priority::Low };
        let out = topology.hold(sender, target, Lane::new(4).priority(priority));
        Actor::relay(out).install(topology, sender);
        topology.gateway(sender, 4)
    };
    (0..LANES).map(relay).collect()
}

fn many_lanes() -> Checked {
    let mut topology = Topology::new(Default::default());
    let (door, seen) = (Door::new(), Seen::new());
    let held = door.clone();
    let target = Actor::noting(&seen).on_note(move |_, _| held.pass()).seat(&mut topology, "target");
    let direct = topology.gateway(target, 4);
    let gates = dozen(&mut topology, target);
    apart(&mut topology, &[target.id()]);
    let bus = start(topology)?;
    direct.try_send(Note(0))?;
    door.until_entered()?;
    for (number, gate) in (0..).zip(&gates) {
        gate.try_send(Item(number))?;
    }
    // The note is under way until the door opens; all else that was handled was handled by the senders.
    until("a message of each sender in its lane", || bus.ledger().handled() == LANES)?;
    door.open();
    stop(bus)?;
    let mut values = seen.values();
    ensure_eq(values.first().copied(), Some(CRITICAL), "the first to be handled")?;
    values.sort_unstable();
    ensure_eq(values, (0..LANES).collect(), "senders whose message arrived")
}

fn starved_lane() -> Checked {
    const FROM_LAST: u64 = 1_000_000;
    let mut topology = Topology::new(Default::default());
    let seen = Seen::new();
    let noted = seen.clone();
    let sink = Actor::new().on_item(move |item, _| {
        if item.0 == FROM_LAST {
            noted.note(item.0)
        }
    });
    let sink = sink.seat(&mut topology, "sink");
    let relay = topology.reserve("relay");
    let out = topology.hold(relay, sink, 4);
    Actor::relay(out).install(&mut topology, relay);
    let gates = [(); 3].map(|()| topology.gateway(relay, 256));
    let bus = start(topology)?;
    send_all(&gates[0], (0..256).map(Item))?;
    gates[2].send_timeout(Item(FROM_LAST), LONG)?;
    until("a message of the last lane", || {
        gates[..2].iter().for_each(|gate| while gate.try_send(Item(0)).is_ok() {});
        seen.count() == 1
    })?;
    settle(&bus)?;
    stop(bus).map(drop)
}
