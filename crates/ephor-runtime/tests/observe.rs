//! What a bus tells of itself: how its start went, whether its agents have turns, where messages spend their time, and when
//! each fate was settled.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ephor_constitution::Charter;
use ephor_core::{AgentId, Correlation};
use ephor_runtime::{
    Agent, Bus, Cx, Gateway, Handler, IdleStrategy, PanicAt, PingError, Release, StallAt, Struck,
    Supervision, TimeSpent, Topology, WorkerOptions, agent,
};
use support::{Item, LONG, Relay, Sink, Tally};

const SHORT: Duration = Duration::from_millis(20);

/// A relay and a sink on workers of their own, prepared by `prepare`.
fn relay_to_sink(
    prepare: impl FnOnce(&mut Topology, AgentId, AgentId),
) -> (Bus, Gateway<Relay>, [AgentId; 2]) {
    let mut topology = Topology::new(Charter::default());
    let options = WorkerOptions { idle: IdleStrategy::Yield, ..WorkerOptions::default() };
    let workers = [topology.worker(options), topology.worker(options)];
    let relay = topology.reserve::<Relay>("relay");
    let sink = topology.reserve::<Sink>("sink");
    topology.place(relay.id(), workers[0]).place(sink.id(), workers[1]);
    let out = topology.hold(relay, sink, 64);
    let gate = topology.gateway(relay, 128);
    topology.install(relay, move || Relay { out });
    topology.install(sink, || Sink { tally: Tally::default() });
    prepare(&mut topology, relay.id(), sink.id());
    (topology.build().unwrap().start().unwrap(), gate, [relay.id(), sink.id()])
}

fn until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "it never came true");
        thread::yield_now();
    }
}

#[test]
fn every_agent_answers_a_ping_and_nobody_else_does() {
    let (bus, _gate, agents) = relay_to_sink(|_, _, _| {});
    for agent in agents {
        assert!(bus.ping(agent, LONG).unwrap() < LONG);
    }
    assert_eq!(bus.ping(AgentId(2), LONG), Err(PingError::NotAsked(AgentId(2))), "the gateway's name");
    assert_eq!(bus.ping(AgentId(99), LONG), Err(PingError::NotAsked(AgentId(99))));
}

#[test]
fn a_stalled_agent_answers_no_ping_until_its_handler_returns() {
    let (struck, release) = (Struck::default(), Release::default());
    let (bus, gate, [relay, sink]) = relay_to_sink(|topology, _, sink| {
        topology.drill(sink, StallAt::message(1, LONG).noted(&struck).until(&release));
    });
    bus.ping(sink, LONG).unwrap();
    gate.try_send(Item(1)).unwrap();
    until(|| struck.at().is_some());
    assert_eq!(bus.ping(sink, SHORT), Err(PingError::NoAnswer { agent: sink, waited: SHORT }));
    bus.ping(relay, LONG).unwrap();
    release.release();
    bus.ping(sink, LONG).unwrap();
}

#[test]
fn a_crashed_agent_answers_no_ping() {
    let (bus, gate, [relay, sink]) = relay_to_sink(|topology, _, sink| {
        topology.drill(sink, PanicAt::message(1));
        // Its first crash uses up the only restart, and its second is one too many.
        let restart = ephor_runtime::Restart::ByWorker { at_most: 1, within_ns: u64::MAX };
        topology.supervise(sink, Supervision { restart, quarantine_after: 9 });
    });
    gate.try_send(Item(1)).unwrap();
    until(|| bus.ping(sink, SHORT).is_err());
    assert!(bus.ping(sink, SHORT).is_err(), "it stays so");
    bus.ping(relay, LONG).unwrap();
}

#[test]
fn a_start_says_how_long_each_worker_and_agent_took() {
    struct Slow;
    impl Agent for Slow {
        fn on_start(&mut self, cx: &mut Cx<'_>) {
            wait(cx, 3_000_000);
        }
    }
    agent!(Slow { Item });
    impl Handler<Item> for Slow {
        fn on(&mut self, _item: &Item, _cx: &mut Cx<'_>) {}
    }
    let mut topology = Topology::new(Charter::default());
    let slow = topology.reserve::<Slow>("slow");
    topology.install(slow, || {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(2) {}
        Slow
    });
    let bus = topology.build().unwrap().start().unwrap();
    let starts = bus.starts();
    assert_eq!(starts.len(), 1);
    let start = &starts[0].agents[0];
    assert_eq!((start.agent.as_str(), start.worker), ("slow", 0));
    assert!(start.build_ns >= 2_000_000 && start.hook_ns >= 3_000_000, "{start:?}");
    assert!(starts[0].thread_ns > 0 && starts[0].seat_ns > 0);
    assert!(bus.now() >= bus.opened() && bus.opened().as_ns() > start.build_ns + start.hook_ns);
}

/// Holds the handler for `ns`.
fn wait(cx: &Cx<'_>, ns: u64) {
    let begun = cx.read_clock();
    while cx.read_clock().since_ns(begun) < ns {}
}

#[test]
fn a_bus_tells_when_each_agent_had_handled_its_first_message() {
    let (bus, gate, [relay, sink]) = relay_to_sink(|_, _, _| {});
    assert_eq!((bus.first_handled(relay), bus.first_handled(sink)), (None, None));
    let sent = bus.now();
    gate.try_send(Item(1)).unwrap();
    until(|| bus.first_handled(sink).is_some());
    let (at_relay, at_sink) = (bus.first_handled(relay).unwrap(), bus.first_handled(sink).unwrap());
    assert!(sent <= at_relay && at_sink <= bus.now());
    gate.try_send(Item(2)).unwrap();
    until(|| bus.is_quiescent());
    assert_eq!(bus.first_handled(sink), Some(at_sink), "the first stays the first");
}

#[test]
fn a_bus_can_be_looked_at_by_several_threads() {
    fn shared<T: Sync>() {}
    shared::<ephor_runtime::Bus>();
}

#[test]
fn a_plan_tells_its_edges_and_who_runs_where() {
    let mut topology: Topology = Topology::new(Charter::default());
    let relay = topology.reserve::<Relay>("relay");
    let sink = topology.reserve::<Sink>("sink");
    let out = topology.hold::<Item, _, _, 1>(relay, sink, 64);
    let _loose = topology.refuse::<Item, _, _>(relay, sink, 8);
    topology.install(relay, move || Relay { out });
    topology.install(sink, || Sink { tally: Tally::default() });
    let _gate = topology.gateway(relay, 4);
    assert_eq!(topology.agents().collect::<Vec<_>>(), ["relay", "sink", "gateway"]);
    let plan = topology.build().unwrap();
    let edges = plan.edges();
    let seen: Vec<_> = edges.iter().map(|edge| (edge.from.as_str(), edge.is_hold, edge.capacity)).collect();
    assert_eq!(seen, [("relay", true, 64), ("relay", false, 8)]);
    let gateways = plan.gateways();
    assert_eq!(gateways.len(), 1);
    assert_eq!((gateways[0].from.as_str(), gateways[0].to.as_str()), ("gateway", "relay"));
    assert_eq!((gateways[0].is_hold, gateways[0].capacity), (false, 4));
    assert_eq!(plan.worker_of(), [Some(0), Some(0), None]);
}

/// Takes a while for each message.
struct Busy;
impl Agent for Busy {}
agent!(Busy { Item });
impl Handler<Item> for Busy {
    fn on(&mut self, _item: &Item, cx: &mut Cx<'_>) {
        wait(cx, 1_000_000);
    }
}

#[test]
fn measured_time_is_told_by_edge_and_by_handler() {
    let mut topology = Topology::new(Charter::default());
    let busy = topology.reserve::<Busy>("busy");
    let gate = topology.gateway(busy, 16);
    topology.install(busy, || Busy);
    topology.measure();
    let bus = topology.build().unwrap().start().unwrap();
    for number in 0..8 {
        gate.try_send(Item(number)).unwrap();
    }
    let report = bus.shutdown(LONG).unwrap();
    assert_eq!(report.hop_ns.unwrap().count, 8);
    let [wait, handling] = &report.time_spent[..] else { panic!("{:?}", report.time_spent) };
    let TimeSpent::Wait { from, to, times, .. } = wait else { panic!("{wait:?}") };
    assert_eq!((from.as_str(), to.as_str(), times.count), ("gateway", "busy", 8));
    assert!(times.max >= 6_000_000, "the last waited for those before it: {times:?}");
    let TimeSpent::Handling { agent, kind, times, total_ns } = handling else { panic!("{handling:?}") };
    assert_eq!((agent.as_str(), kind.as_str(), times.count), ("busy", "Item", 8));
    assert!(*total_ns >= 7_900_000 && times.p50 >= 990_000, "{times:?}");
}

#[test]
fn without_measuring_no_time_is_told() {
    let (bus, gate, _) = relay_to_sink(|_, _, _| {});
    gate.try_send(Item(1)).unwrap();
    let report = bus.shutdown(LONG).unwrap();
    assert!(report.hop_ns.is_none() && report.time_spent.is_empty());
}

/// Takes a while for its first message, and says when it is done.
struct Late {
    done: Arc<AtomicBool>,
    began_ns: Arc<AtomicU64>,
}
impl Agent for Late {}
agent!(Late { Item });
impl Handler<Item> for Late {
    fn on(&mut self, _item: &Item, cx: &mut Cx<'_>) {
        self.began_ns.store(cx.read_clock().as_ns(), Ordering::SeqCst);
        wait(cx, 2_000_000);
        self.done.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_receipt_says_when_the_handler_had_returned_and_not_when_its_pass_began() {
    let mut topology = Topology::new(Charter::default());
    let late = topology.reserve::<Late>("late");
    let gate = topology.gateway(late, 16).with_receipts();
    let (done, began_ns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (flag, began) = (Arc::clone(&done), Arc::clone(&began_ns));
    topology.install(late, move || Late { done: Arc::clone(&flag), began_ns: Arc::clone(&began) });
    topology.receipts(4);
    let mut bus = topology.build().unwrap().start().unwrap();
    let mut receipts = bus.take_receipts().unwrap();
    gate.try_send_as(Correlation(1), Item(1)).unwrap();
    until(|| done.load(Ordering::SeqCst));
    let mut receipt = None;
    until(|| {
        receipt = receipts.try_receive();
        receipt.is_some()
    });
    let at_ns = receipt.unwrap().at_ticks.as_ns();
    assert!(at_ns >= began_ns.load(Ordering::SeqCst) + 2_000_000);
}
