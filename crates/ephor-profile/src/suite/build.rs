//! Build: what a topology is refused for, in which words, and that it runs once that is put right.

use ephor_constitution::Charter;
use ephor_core::Message;
use ephor_runtime::{
    Address, Agent, BuildError, Cx, Gateway, Handler, IdleStrategy, Out, Pin, Shed, StartError, Supervision,
    Topology, WorkerOptions, agent,
};

use super::bench::{Seen, refused, send_all, start, stop};
use super::cast::{Actor, Answer, Item, Scribe, Warden};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};

const GROUP: &str = "build";

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check(
            "a cycle of hold edges is refused with its path, and runs when one edge refuses instead",
            hold_cycle,
        ),
        check("an agent that holds itself is refused", hold_itself),
        check("an auditor that holds anybody is refused, since everybody waits for it", auditor_holds),
        check("a name that two agents have is refused", name_taken),
        check("an address that nobody installed at is refused by name", not_installed),
        check("an agent that waits for a supervisor is refused where there is none", no_supervisor),
        check("a burst larger than its lane is refused, and one of the lane's size runs", burst_too_large),
        check("a lane without a place is refused, and one with a single place runs", no_capacity),
        check("a place on a worker that was not declared is refused", no_worker),
        check("a number that two types of message claim is refused with both names", kind_taken),
        check(
            "a trail that cannot hold one call's records is refused, and one that just can runs",
            trail_too_small,
        ),
        check(
            "an agent that panics while it is built keeps the bus from starting, and is named",
            panics_at_start,
        ),
        check("a pin to a core that is not there is refused when it is required, and else goes without", pin),
    ]
}

/// Sends three items through `gate` over a bus that can be built, and holds it to handling them.
fn runs(topology: Topology, gate: &Gateway<Actor>, seen: &Seen) -> Checked {
    let bus = start(topology)?;
    send_all(gate, (0..3).map(Item))?;
    stop(bus)?;
    ensure_eq(seen.values(), (0..3).collect(), "what arrived once it was put right")
}

/// Holds when `topology` is refused in exactly these words.
fn refused_as(topology: Topology, words: &str) -> Result<BuildError, Failing> {
    let error = refused(topology.build(), "a topology that cannot be")?;
    ensure_eq(error.to_string(), words.to_owned(), "the refusal")?;
    Ok(error)
}

/// Four agents in a row of which the last sends back to the second: by a hold edge, or by one that refuses.
fn ring(closes_by_hold: bool) -> (Topology, Gateway<Actor>, Seen) {
    let mut topology = Topology::new(Charter::default());
    let seen = Seen::new();
    let row = ["entry", "risk", "venue", "book"].map(|name| topology.reserve::<Actor>(name));
    for pair in row.windows(2) {
        let out: Out<Item> = topology.hold(pair[0], pair[1], 8);
        Actor::relay(out).install(&mut topology, pair[0]);
    }
    if closes_by_hold {
        let _back: Out<Item> = topology.hold(row[3], row[1], 8);
    } else {
        let _back = topology.refuse::<Item, _, _>(row[3], row[1], 8);
    }
    Actor::noting(&seen).install(&mut topology, row[3]);
    let gate = topology.gateway(row[0], 8);
    (topology, gate, seen)
}

fn hold_cycle() -> Checked {
    let (topology, ..) = ring(true);
    let words = "hold cycle: risk -> venue -> book -> risk; make one of these edges `refuse` or `lossy`";
    refused_as(topology, words)?;
    let (topology, gate, seen) = ring(false);
    runs(topology, &gate, &seen)
}

fn hold_itself() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let agent = topology.reserve("echo");
    let out: Out<Item> = topology.hold(agent, agent, 8);
    Actor::relay(out).install(&mut topology, agent);
    refused_as(topology, "hold cycle: echo -> echo; make one of these edges `refuse` or `lossy`").map(drop)
}

fn auditor_holds() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let audit: Address<Actor> = topology.reserve("audit");
    let sink = Actor::new().seat(&mut topology, "sink");
    let out: Out<Item> = topology.hold(audit, sink, 8);
    topology.auditor(audit.id(), 64);
    Actor::relay(out).install(&mut topology, audit);
    let error = refused(topology.build(), "an auditor that holds")?;
    let BuildError::HoldCycle { path } = error else {
        return Err(Failing::Broken(format!("another refusal: {error}")));
    };
    let names_both = path.iter().any(|name| name == "audit") && path.iter().any(|name| name == "sink");
    ensure(names_both, || format!("the path is {path:?}"))
}

/// A sink with a gateway.
fn sink(topology: &mut Topology) -> (Gateway<Actor>, Seen) {
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(topology, "sink");
    (topology.gateway(sink, 8), seen)
}

fn name_taken() -> Checked {
    let mut topology = Topology::new(Charter::default());
    sink(&mut topology);
    Actor::new().seat(&mut topology, "sink");
    refused_as(topology, "two agents are named `sink`")?;
    let mut topology = Topology::new(Charter::default());
    let (gate, seen) = sink(&mut topology);
    Actor::new().seat(&mut topology, "Sink");
    runs(topology, &gate, &seen)
}

fn not_installed() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let (gate, _) = sink(&mut topology);
    topology.reserve::<Actor>("ghost");
    refused_as(topology, "agent `ghost` was reserved but not installed")?;
    let is_stopped = gate.try_send(Item(1)).is_err();
    ensure(is_stopped, || "a gateway of a topology that was refused takes messages".to_owned())
}

fn no_supervisor() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let agent = Actor::new().seat(&mut topology, "ward");
    topology.supervise(agent.id(), Supervision::by_supervisor());
    refused_as(topology, "agent `ward` is restarted by a supervisor, but the topology has none")?;
    let mut topology = Topology::new(Charter::default());
    let seen = Seen::new();
    let agent = Actor::noting(&seen).seat(&mut topology, "ward");
    Warden::seat(&mut topology, agent, |_| Answer::Restart);
    let gate = topology.gateway(agent, 8);
    runs(topology, &gate, &seen)
}

/// A relay whose two ports may together emit `4 + K` messages a call, into a lane of eight.
fn bursting<const K: usize>() -> (Topology, Gateway<Actor>, Seen) {
    let mut topology = Topology::new(Charter::default());
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let relay = topology.reserve("relay");
    let out: Out<Item, 4> = topology.hold(relay, sink, 8);
    let _more: Out<Item, K> = topology.hold(relay, sink, 8);
    Actor::new().on_item(move |item, cx| cx.emit(&out, *item)).install(&mut topology, relay);
    let gate = topology.gateway(relay, 8);
    (topology, gate, seen)
}

fn burst_too_large() -> Checked {
    let (topology, ..) = bursting::<5>();
    refused_as(topology, "the edge relay -> sink holds 8 messages, but one handler call may emit 9")?;
    let (topology, gate, seen) = bursting::<4>();
    runs(topology, &gate, &seen)
}

/// A relay with a hold lane of `capacity`.
fn narrow(capacity: usize) -> (Topology, Gateway<Actor>, Seen) {
    let mut topology = Topology::new(Charter::default());
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let relay = topology.reserve("relay");
    let out = topology.hold(relay, sink, capacity);
    Actor::relay(out).install(&mut topology, relay);
    let gate = topology.gateway(relay, 8);
    (topology, gate, seen)
}

fn no_capacity() -> Checked {
    for capacity in [0, (1 << 20) + 1] {
        let words = format!("the edge relay -> sink has a capacity of {capacity}: 1 to 1048576 are allowed");
        refused_as(narrow(capacity).0, &words)?;
    }
    let mut topology = Topology::new(Charter::default());
    let sink = Actor::new().seat(&mut topology, "sink");
    let source = Actor::new().seat(&mut topology, "source");
    let _keys = topology.lossy::<Item, _, _>(source, sink, 65, Shed::Latest);
    refused_as(topology, "the edge source -> sink has a capacity of 65: 1 to 64 are allowed")?;
    let (topology, gate, seen) = narrow(1);
    runs(topology, &gate, &seen)
}

fn no_worker() -> Checked {
    let mut elsewhere: Topology = Topology::new(Charter::default());
    let workers = [(); 2].map(|()| elsewhere.worker(WorkerOptions::default()));
    let mut topology = Topology::new(Charter::default());
    let agent = Actor::new().seat(&mut topology, "lost");
    topology.place(agent.id(), workers[1]);
    refused_as(topology, "agent `lost` is placed on worker 1, but there are 1").map(drop)
}

/// A message under the number of an item.
#[derive(Clone, Copy, Message)]
#[message(kind = 1, crate = ephor_core)]
struct Usurper(u64);

struct Taker;

impl Agent for Taker {}
agent!(Taker { Usurper });

impl Handler<Usurper> for Taker {
    fn on(&mut self, usurper: &Usurper, _cx: &mut Cx<'_>) {
        assert!(usurper.0 == 0, "nobody sends one");
    }
}

fn kind_taken() -> Checked {
    let mut topology = Topology::new(Charter::default());
    sink(&mut topology);
    let taker = topology.reserve::<Taker>("taker");
    topology.install(taker, || Taker);
    refused_as(topology, "kind 1 is claimed by both `Item` and `Usurper`").map(drop)
}

/// A relay that may cause three records a call: its message's, and one for each that it may emit.
fn recorded(capacity: usize) -> (Topology, Gateway<Actor>, Seen) {
    let mut topology = Topology::new(Charter::default());
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let relay = topology.reserve("relay");
    let out: Out<Item, 2> = topology.hold(relay, sink, 8);
    Actor::new().on_item(move |item, cx| cx.emit(&out, *item)).install(&mut topology, relay);
    Scribe::seat(&mut topology, capacity);
    let gate = topology.gateway(relay, 8);
    (topology, gate, seen)
}

fn trail_too_small() -> Checked {
    let words = "the trail holds 2 records, but one handler call of `relay` may cause 3";
    refused_as(recorded(2).0, words)?;
    let (topology, gate, seen) = recorded(3);
    runs(topology, &gate, &seen)
}

fn panics_at_start() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let (gate, _) = sink(&mut topology);
    Actor::new().at_start(|_| panic!("no nerves today")).seat(&mut topology, "nervous");
    let error = refused(topology.build()?.start(), "an agent that panics at the start")?;
    let words = "agent `nervous` panicked while it was started: no nerves today";
    ensure_eq(error.to_string(), words.to_owned(), "the refusal")?;
    let is_stopped = gate.try_send(Item(1)).is_err();
    ensure(is_stopped, || "a gateway of a bus that did not start takes messages".to_owned())
}

/// A core that no machine has.
const NO_CORE: usize = 1 << 20;

fn pin() -> Checked {
    let pinned = |pin| {
        let mut topology = Topology::new(Charter::default());
        topology.worker(WorkerOptions { pin, idle: IdleStrategy::park() });
        let (gate, seen) = sink(&mut topology);
        (topology, gate, seen)
    };
    let (topology, ..) = pinned(Pin::Required(NO_CORE));
    let error = refused(topology.build()?.start(), "a pin that must be and cannot")?;
    let is_told = matches!(error, StartError::PinRefused { worker: 0, core: NO_CORE, .. });
    ensure(is_told, || format!("told as: {error}"))?;
    let (topology, gate, seen) = pinned(Pin::IfPossible(NO_CORE));
    let bus = start(topology)?;
    ensure_eq(bus.pinned(), vec![None], "the cores of its workers")?;
    send_all(&gate, [Item(1)])?;
    stop(bus)?;
    ensure_eq(seen.values(), vec![1], "what arrived without the pin")
}
