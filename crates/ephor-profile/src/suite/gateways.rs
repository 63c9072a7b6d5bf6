//! Gateways: what foreign threads can send when, what comes back to them, and that nobody else gets it.

use std::thread;
use std::time::Duration;

use ephor_core::Correlation;
use ephor_runtime::{Bus, Gateway, SendError, Topology};

use super::bench::{Door, LONG, Seen, apart, charter, refused, send_all, start, stop, until};
use super::cast::{Actor, Item};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};

const GROUP: &str = "gateways";

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check(
            "before the start and after the stop nothing is taken, and the message comes back",
            not_running,
        )
        .case("M4"),
        check("of n + 1 messages to a mailbox of n that nobody empties, the last comes back as full", full)
            .case("M6"),
        check("a message reaches the agent it is for, and no other one that waits", right_agent)
            .case("M2 (right recipient)"),
        check(
            "fifty equal messages are handled fifty times, and the fifty-first is judged on its own",
            equal_content,
        )
        .case("M3"),
        check(
            "three threads send through clones, and nothing is lost, doubled or out of its thread's order",
            clones,
        ),
        check("messages are numbered from 0 in the order in which they enter", numbers),
        check("a sender with patience gets in as soon as there is room", patience),
        check("a sender whose patience ends has its message back, and it was not sent", patience_ends),
        check("a gateway of one agent that is full holds up no gateway of another", neighbours),
    ]
}

fn not_running() -> Checked {
    let mut topology = Topology::new(Default::default());
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let gate = topology.gateway(sink, 4);
    let early = refused(gate.try_send(Item(1)), "a message before the start")?;
    ensure(matches!(early, SendError::NotRunning(Item(1))), || format!("another refusal: {early}"))?;
    let bus = start(topology)?;
    gate.try_send(Item(2))?;
    let ledger = stop(bus)?.ledger;
    let late = refused(gate.send_timeout(Item(3), LONG), "a message after the stop")?;
    ensure(matches!(late, SendError::Closed(Item(3))), || format!("another refusal: {late}"))?;
    ensure_eq((seen.values(), ledger.sent()), (vec![2], 1), "what was handled, and how many were sent")
}

/// A sink that waits at a door for item 0, with that item in hand.
struct Busy {
    bus: Bus,
    gate: Gateway<Actor>,
    door: Door,
    seen: Seen,
}

fn busy(capacity: usize) -> Result<Busy, Failing> {
    let mut topology = Topology::new(Default::default());
    let (door, seen) = (Door::new(), Seen::new());
    let sink = Actor::at_door(&door, &seen).seat(&mut topology, "sink");
    let (first, gate) = (topology.gateway(sink, 1), topology.gateway(sink, capacity));
    let bus = start(topology)?;
    first.try_send(Item(0))?;
    door.until_entered()?;
    Ok(Busy { bus, gate, door, seen })
}

fn full() -> Checked {
    for capacity in [1_u64, 3, 64] {
        let Busy { bus, gate, door, seen } = busy(capacity as usize)?;
        for number in 1..=capacity {
            gate.try_send(Item(number))?;
        }
        for _ in 0..3 {
            let error = refused(gate.try_send(Item(99)), "one message more")?;
            ensure(matches!(error, SendError::Full(Item(99))), || format!("another refusal: {error}"))?;
        }
        ensure_eq(bus.ledger().sent(), capacity + 1, "messages sent")?;
        door.open();
        stop(bus)?;
        ensure_eq(seen.values(), (0..=capacity).collect(), "what was handled")?;
    }
    Ok(())
}

fn right_agent() -> Checked {
    let mut topology = Topology::new(Default::default());
    let seen = [Seen::new(), Seen::new(), Seen::new()];
    let gates = [0, 1, 2].map(|at: usize| {
        let agent = Actor::noting(&seen[at]).seat(&mut topology, &format!("agent {at}"));
        topology.gateway(agent, 64)
    });
    let bus = start(topology)?;
    send_all(&gates[2], (0..50).map(Item))?;
    send_all(&gates[1], [Item(7)])?;
    stop(bus)?;
    ensure_eq(seen.map(|seen| seen.values()), [vec![], vec![7], (0..50).collect()], "what each agent got")
}

const ONE_CLERK: &str = r#"
name = "one clerk"
[roles]
clerk = {}
stranger = {}
sink = {}
[kinds.item]
number = 1
action = "work"
[[grants]]
from = ["clerk"]
action = ["work"]
to = ["sink"]
"#;

fn equal_content() -> Checked {
    let mut topology = Topology::new(charter(ONE_CLERK)?);
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let [clerk, stranger] = ["clerk", "stranger"].map(|name| {
        let outside = topology.outside(name);
        topology.gateway_as(outside, sink, 64)
    });
    let bus = start(topology)?;
    send_all(&clerk, [Item(5); 50])?;
    match refused(stranger.try_send(Item(5)), "the stranger's message")? {
        SendError::Denied(Item(5), verdict) => {
            ensure_eq(verdict.to_string(), "capability".to_owned(), "the reasons")?;
        }
        other => return Err(Failing::Broken(format!("another refusal: {other}"))),
    }
    stop(bus)?;
    ensure_eq(seen.values(), vec![5; 50], "what was handled")
}

fn clones() -> Checked {
    const EACH: u64 = 1_000;
    let mut topology = Topology::new(Default::default());
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let gate = topology.gateway(sink, 32);
    let bus = start(topology)?;
    let sent: Vec<Checked> = thread::scope(|scope| {
        let send = |sender: u64| {
            let gate = gate.clone();
            scope.spawn(move || send_all(&gate, (0..EACH).map(|number| Item(sender * EACH + number))))
        };
        let threads = [0, 1, 2].map(send);
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panicked())).collect()
    });
    sent.into_iter().collect::<Checked>()?;
    stop(bus)?;
    let values = seen.values();
    for sender in 0..3 {
        let own = values.iter().copied().filter(|number| number / EACH == sender);
        ensure(own.eq(sender * EACH..(sender + 1) * EACH), || {
            format!("what thread {sender} sent is not what came")
        })?;
    }
    ensure_eq(values.len() as u64, 3 * EACH, "messages handled")
}

fn panicked() -> Checked {
    Err(Failing::Broken("a sending thread panicked".to_owned()))
}

fn numbers() -> Checked {
    let mut topology = Topology::new(Default::default());
    let correlations = Seen::new();
    let noted = correlations.clone();
    let sink = Actor::new().on_item(move |_, cx| noted.note(cx.correlation().0)).seat(&mut topology, "sink");
    let gate = topology.gateway(sink, 8);
    let bus = start(topology)?;
    for number in 0..3 {
        ensure_eq(gate.try_send(Item(9))?, Correlation(number), "the number of a message")?;
    }
    gate.try_send_as(Correlation(77), Item(9))?;
    ensure_eq(gate.try_send(Item(9))?, Correlation(4), "the number of the fifth message")?;
    stop(bus)?;
    ensure_eq(correlations.values(), vec![0, 1, 2, 77, 4], "the numbers as they arrived")
}

fn patience() -> Checked {
    let Busy { bus, gate, door, seen } = busy(1)?;
    gate.try_send(Item(1))?;
    let sent = thread::scope(|scope| {
        let sender = scope.spawn(|| gate.send_timeout(Item(2), LONG));
        door.open();
        sender.join()
    });
    let Ok(sent) = sent else { return panicked() };
    ensure_eq(sent?, Correlation(1), "the number of the message that waited")?;
    stop(bus)?;
    ensure_eq(seen.values(), vec![0, 1, 2], "what was handled")
}

fn patience_ends() -> Checked {
    let Busy { bus, gate, door, seen } = busy(1)?;
    gate.try_send(Item(1))?;
    let error = refused(gate.send_timeout(Item(2), Duration::from_micros(200)), "a message without room")?;
    ensure(matches!(error, SendError::Full(Item(2))), || format!("another refusal: {error}"))?;
    door.open();
    let ledger = stop(bus)?.ledger;
    ensure_eq((seen.values(), ledger.sent()), (vec![0, 1], 2), "what was handled, and how many were sent")
}

fn neighbours() -> Checked {
    let mut topology = Topology::new(Default::default());
    let (door, seen) = (Door::new(), Seen::new());
    let held = door.clone();
    let busy = Actor::new().on_item(move |_, _| held.pass()).seat(&mut topology, "busy");
    let free = Actor::noting(&seen).seat(&mut topology, "free");
    apart(&mut topology, &[free.id()]);
    let (full, open) = (topology.gateway(busy, 1), topology.gateway(free, 1));
    let bus = start(topology)?;
    full.try_send(Item(0))?;
    door.until_entered()?;
    let error = refused(full.try_send(Item(1)), "a message to a full gateway")?;
    ensure(matches!(error, SendError::Full(Item(1))), || format!("another refusal: {error}"))?;
    send_all(&open, (0..100).map(Item))?;
    until("what the other agent gets", || seen.count() == 100)?;
    door.open();
    stop(bus).map(drop)
}
