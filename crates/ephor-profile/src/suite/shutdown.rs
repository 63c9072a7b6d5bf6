//! Shutdown: what a bus still handles, in which order it stops, who is named when it cannot, and that nothing is left behind.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ephor_constitution::Charter;
use ephor_runtime::{Disposition, Out, Record, SendError, ShutdownError, Topology, TryOut};

use super::bench::{Door, Seen, apart, refused, send_all, some, start, stop, stop_at_once, until};
use super::cast::{Actor, Answer, Item, Scribe, Warden};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};

const GROUP: &str = "shutdown";

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check(
            "what the gateways took is handled through a chain of narrow lanes before the bus is gone",
            drains,
        ),
        check("each agent's stop hook runs once, after its last message", stop_hooks),
        check("what a stop hook sends is handled or told as undelivered", last_words),
        check("the auditor stops last, with a record of everything", auditor_last),
        check("a handler that does not return is named with its worker, and the others are stopped", stuck),
        check("a gateway closes while the last messages are still under way", closes_first),
        check("an agent that crashed is given up by the host, and holds the stop up no longer", given_up),
        check("a bus that is dropped leaves no thread and no agent behind", dropped),
        check("a bus to which nobody sent anything stops with an empty ledger", idle),
    ]
}

fn drains() -> Checked {
    const COUNT: u64 = 300;
    let mut topology = Topology::new(Charter::default());
    let seen = Seen::new();
    let mut next = Actor::noting(&seen).seat(&mut topology, "end");
    let mut links = vec![next.id()];
    for number in 0..4 {
        let relay = topology.reserve(&format!("relay {number}"));
        let out: Out<Item> = topology.hold(relay, next, 2);
        Actor::relay(out).install(&mut topology, relay);
        next = relay;
        if number % 2 == 1 {
            links.push(relay.id());
        }
    }
    apart(&mut topology, &links);
    let gate = topology.gateway(next, COUNT as usize);
    let bus = start(topology)?;
    send_all(&gate, (0..COUNT).map(Item))?;
    let ledger = stop(bus)?.ledger;
    ensure(seen.values().into_iter().eq(0..COUNT), || "not all arrived, or not in order".to_owned())?;
    ensure_eq(
        (ledger.handled(), ledger.lost(Disposition::Undelivered)),
        (5 * COUNT, 0),
        "handled and undelivered",
    )
}

/// What an agent's stop hook notes beside the numbers of its items.
const STOPPED: u64 = u64::MAX;

fn stop_hooks() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let seen = [Seen::new(), Seen::new()];
    let seats = [0, 1].map(|at: usize| {
        let noted = seen[at].clone();
        let actor = Actor::noting(&seen[at]).at_stop(move |_| noted.note(STOPPED));
        actor.seat(&mut topology, &format!("agent {at}"))
    });
    apart(&mut topology, &[seats[1].id()]);
    let gates = seats.map(|seat| topology.gateway(seat, 64));
    let bus = start(topology)?;
    for gate in &gates {
        send_all(gate, (0..50).map(Item))?;
    }
    stop(bus)?;
    let expected: Vec<u64> = (0..50).chain([STOPPED]).collect();
    ensure_eq(seen.map(|seen| seen.values()), [expected.clone(), expected], "what each noted")
}

fn last_words() -> Checked {
    for is_apart in [false, true] {
        let mut topology = Topology::new(Charter::default());
        let polite = topology.reserve("polite");
        let seen = Seen::new();
        let sink = Actor::noting(&seen).seat(&mut topology, "sink");
        if is_apart {
            apart(&mut topology, &[sink.id()]);
        }
        let goodbye: TryOut<Item> = topology.refuse(polite, sink, 4);
        let act =
            Actor::new().at_stop(move |cx| assert!(cx.try_emit(&goodbye, Item(1)).is_ok(), "there is room"));
        act.install(&mut topology, polite);
        let ledger = stop(start(topology)?)?.ledger;
        ensure_eq(ledger.sent(), 1, "messages sent")?;
        let told = ledger.handled() + ledger.lost(Disposition::Undelivered);
        ensure_eq((told, ledger.handled()), (1, seen.count() as u64), "told, and handled")?;
    }
    Ok(())
}

fn auditor_last() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let records = Scribe::seat(&mut topology, 64);
    let polite = topology.reserve("polite");
    let sink = Actor::new().seat(&mut topology, "sink");
    apart(&mut topology, &[sink.id(), polite.id()]);
    let goodbye: TryOut<Item> = topology.refuse(polite, sink, 4);
    let act =
        Actor::new().at_stop(move |cx| assert!(cx.try_emit(&goodbye, Item(99)).is_ok(), "there is room"));
    act.install(&mut topology, polite);
    let gate = topology.gateway(sink, 64);
    let bus = start(topology)?;
    send_all(&gate, (0..20).map(Item))?;
    let report = stop(bus)?;
    ensure_eq((records.count(), report.trail_gaps), (21, 0), "records, one of the last words, and gaps")?;
    let is_last = |record: &Record| record.payload[..8] == 99_u64.to_ne_bytes();
    some(records.values().iter().find(|record| is_last(record)), "record of the last words").map(drop)
}

/// Tries of a check that a machine without a free core can fail: the bus waits for the others for a fifth of a second.
const TRIES: usize = 3;

fn stuck() -> Checked {
    let mut named = Vec::new();
    for _ in 0..TRIES {
        named = who_is_stuck()?;
        if named.len() == 1 {
            break;
        }
    }
    ensure_eq(named, vec!["worker 1 (stubborn)".to_owned()], "who is named")
}

/// Stops a bus with one handler that does not return; says who is named.
fn who_is_stuck() -> Result<Vec<String>, Failing> {
    let mut topology = Topology::new(Charter::default());
    let (door, seen) = (Door::new(), Seen::new());
    let (held, stops) = (door.clone(), seen.clone());
    let stubborn = Actor::new().on_item(move |_, _| held.pass()).seat(&mut topology, "stubborn");
    let other = Actor::new().at_stop(move |_| stops.note(STOPPED)).seat(&mut topology, "other");
    apart(&mut topology, &[stubborn.id()]);
    let (gate, direct) = (topology.gateway(stubborn, 4), topology.gateway(other, 4));
    let bus = start(topology)?;
    gate.try_send(Item(1))?;
    direct.try_send(Item(1))?;
    door.until_entered()?;
    let error = refused(bus.shutdown(Duration::ZERO), "a stuck worker")?;
    door.open();
    let ShutdownError::Stuck { stuck, report, .. } = error else {
        return Err(Failing::Broken(format!("another error: {error}")));
    };
    until("the stop of the other agent", || seen.count() == 1)?;
    ensure_eq(report.ledger.in_flight(), 1, "messages in flight")?;
    Ok(stuck)
}

fn closes_first() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let (door, seen) = (Door::new(), Seen::new());
    let sink = Actor::at_door(&door, &seen).seat(&mut topology, "sink");
    let free = Actor::new().seat(&mut topology, "free");
    apart(&mut topology, &[sink.id()]);
    let (gate, other) = (topology.gateway(sink, 8), topology.gateway(free, 8));
    let bus = start(topology)?;
    send_all(&gate, (0..4).map(Item))?;
    door.until_entered()?;
    let report = thread::scope(|scope| {
        let stopping = scope.spawn(|| stop(bus));
        let closed =
            until("a closed gateway", || matches!(other.try_send(Item(9)), Err(SendError::Closed(_))));
        let handled = seen.count();
        door.open();
        let report = stopping
            .join()
            .unwrap_or_else(|_| Err(Failing::Broken("the stopping thread panicked".to_owned())));
        closed?;
        ensure_eq(handled, 0, "handled when the gateway had closed")?;
        report
    })?;
    ensure_eq((seen.values(), report.ledger.in_flight()), ((0..4).collect(), 0), "handled, and in flight")
}

fn given_up() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let ill = Actor::new().on_item(|_, _| panic!("ill")).seat(&mut topology, "ill");
    let heard = Warden::seat(&mut topology, ill, |_| Answer::Wait);
    let gate = topology.gateway(ill, 8);
    let bus = start(topology)?;
    send_all(&gate, (0..5).map(Item))?;
    until("the crash", || heard.count() == 1)?;
    ensure(!bus.is_quiescent(), || "nothing is in flight although five messages wait".to_owned())?;
    ensure(bus.abandon(ill.id()), || "the order was not taken".to_owned())?;
    until("nothing in flight", || bus.is_quiescent())?;
    let ledger = stop(bus)?.ledger;
    let lost = [Disposition::Stopped, Disposition::Undelivered].map(|loss| ledger.lost(loss));
    ensure_eq(lost, [5, 0], "lost with the agent, and undelivered")
}

fn dropped() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let mark = Arc::new(());
    let left = Arc::downgrade(&mark);
    let agents = ["first", "second"].map(|name| {
        let mark = mark.clone();
        Actor::new().on_item(move |_, _| drop(mark.clone())).seat(&mut topology, name)
    });
    drop(mark);
    apart(&mut topology, &[agents[1].id()]);
    let bus = start(topology)?;
    ensure(left.strong_count() > 0, || "the agents are gone before the bus is".to_owned())?;
    drop(bus);
    ensure_eq(left.strong_count(), 0, "agents and factories left behind")
}

fn idle() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let agent = Actor::new().seat(&mut topology, "idle");
    apart(&mut topology, &[agent.id()]);
    let bus = start(topology)?;
    ensure(bus.is_quiescent(), || "something is in flight".to_owned())?;
    let report = stop_at_once(bus)?;
    let ledger = &report.ledger;
    ensure_eq((ledger.sent(), ledger.handled(), ledger.losses().len()), (0, 0, 0), "sent, handled, losses")?;
    ensure_eq((report.quarantine.len(), report.trail_gaps), (0, 0), "put away, and gaps")
}
