//! What a build refuses, with its words.

mod support;

use ephor_constitution::Charter;
use ephor_runtime::{BuildError, Out, Pin, Shed, StartError, Topology, WorkerOptions};
use support::{Item, Relay, Sink, Tally};

#[test]
fn a_hold_cycle_is_refused_with_its_path() {
    let mut topology = Topology::new(Charter::default());
    let names = ["entry", "risk", "venue", "ledger"];
    let agents = names.map(|name| topology.reserve::<Relay>(name));
    let pairs = [(0, 1), (1, 2), (2, 3), (3, 1)];
    let ports: Vec<Out<Item>> =
        pairs.iter().map(|(from, to)| topology.hold(agents[*from], agents[*to], 8)).collect();
    for (agent, out) in agents.into_iter().zip(ports) {
        topology.install(agent, move || Relay { out });
    }
    let error = topology.build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "hold cycle: risk -> venue -> ledger -> risk; make one of these edges `refuse` or `lossy`"
    );
}

#[test]
fn a_cycle_with_one_edge_that_refuses_or_sheds_is_accepted() {
    let mut topology = Topology::new(Charter::default());
    let left = topology.reserve::<Relay>("left");
    let right = topology.reserve::<Relay>("right");
    let there: Out<Item> = topology.hold(left, right, 8);
    let _back = topology.refuse::<Item, _, _>(right, left, 8);
    let _news = topology.lossy::<Item, _, _>(right, left, 8, Shed::Oldest);
    topology.install(left, move || Relay { out: there });
    topology.install(right, move || Relay { out: there });
    topology.build().unwrap();
}

#[test]
fn an_auditor_that_holds_is_a_cycle_since_everybody_waits_for_it() {
    let mut topology = Topology::new(Charter::default());
    let audit = topology.reserve::<Relay>("audit");
    let sink = topology.reserve::<Sink>("sink");
    let out: Out<Item> = topology.hold(audit, sink, 8);
    topology.auditor(audit.id(), 64);
    topology.install(audit, move || Relay { out });
    topology.install(sink, || Sink { tally: Tally::default() });
    let error = topology.build().unwrap_err().to_string();
    assert!(error.contains("audit -> sink -> audit") || error.contains("sink -> audit -> sink"), "{error}");
}

#[test]
fn more_messages_a_call_than_the_lane_holds_are_refused() {
    let mut topology = Topology::new(Charter::default());
    let relay = topology.reserve::<Relay>("relay");
    let sink = topology.reserve::<Sink>("sink");
    let first: Out<Item> = topology.hold(relay, sink, 4);
    let _second: Out<Item, 4> = topology.hold(relay, sink, 4);
    topology.install(relay, move || Relay { out: first });
    topology.install(sink, || Sink { tally: Tally::default() });
    let error = topology.build().unwrap_err();
    assert!(matches!(error, BuildError::BurstTooLarge { capacity: 4, burst: 5, .. }), "{error}");
}

#[test]
fn an_agent_that_was_not_installed_a_name_twice_and_a_missing_worker_are_refused() {
    let mut topology = Topology::<ephor_core::Frame128>::new(Charter::default());
    topology.reserve::<Sink>("sink");
    assert_eq!(topology.build().unwrap_err().to_string(), "agent `sink` was reserved but not installed");

    let mut topology = Topology::<ephor_core::Frame128>::new(Charter::default());
    for _ in 0..2 {
        let sink = topology.reserve::<Sink>("sink");
        topology.install(sink, || Sink { tally: Tally::default() });
    }
    assert_eq!(topology.build().unwrap_err().to_string(), "two agents are named `sink`");

    let mut elsewhere = Topology::<ephor_core::Frame128>::new(Charter::default());
    elsewhere.worker(WorkerOptions::default());
    let second = elsewhere.worker(WorkerOptions::default());
    let mut topology = Topology::<ephor_core::Frame128>::new(Charter::default());
    let sink = topology.reserve::<Sink>("sink");
    topology.install(sink, || Sink { tally: Tally::default() });
    topology.place(sink.id(), second);
    let error = topology.build().unwrap_err().to_string();
    assert_eq!(error, "agent `sink` is placed on worker 1, but there are 1");
}

#[test]
fn a_required_pin_that_fails_is_an_error_and_a_possible_one_is_told() {
    let bus_with = |pin| {
        let mut topology = Topology::<ephor_core::Frame128>::new(Charter::default());
        topology.worker(WorkerOptions { pin, ..WorkerOptions::default() });
        let sink = topology.reserve::<Sink>("sink");
        topology.install(sink, || Sink { tally: Tally::default() });
        topology.build().unwrap().start()
    };
    let error = bus_with(Pin::Required(4_000)).unwrap_err();
    assert!(matches!(error, StartError::PinRefused { worker: 0, core: 4_000, .. }), "{error}");
    assert_eq!(bus_with(Pin::IfPossible(4_000)).unwrap().pinned(), [None]);
    let core = ephor_runtime::cores_allowed()[0];
    assert_eq!(bus_with(Pin::Required(core)).unwrap().pinned(), [Some(core)]);
}
