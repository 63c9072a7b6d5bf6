//! A random topology without a hold cycle never stalls, however small its lanes and in whatever order its
//! workers run; and one with a hold cycle is refused.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use ephor_constitution::Charter;
use ephor_runtime::{Agent, BuildError, Cx, Handler, Out, Topology, TryOut, WorkerOptions, agent};
use proptest::prelude::*;
use support::Item;

/// Emits one item to each target while its number of hops lasts.
struct Node {
    holds: Vec<Out<Item>>,
    refusals: Vec<TryOut<Item>>,
}

impl Agent for Node {}
agent!(Node { Item });

impl Handler<Item> for Node {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
        if item.0 == 0 {
            return;
        }
        for out in &self.holds {
            cx.emit(out, Item(item.0 - 1));
        }
        for out in &self.refusals {
            // A full lane is the sender's business: this sender lets the message go, and it was never sent.
            cx.try_emit(out, Item(item.0 - 1)).unwrap_or(());
        }
    }
}

#[derive(Clone, Debug)]
struct Plan {
    agents: usize,
    workers: usize,
    /// From, to, capacity, and whether the edge holds.
    edges: Vec<(usize, usize, usize, bool)>,
    /// The order in which workers are polled.
    turns: Vec<usize>,
    inputs: Vec<usize>,
}

fn plans() -> impl Strategy<Value = Plan> {
    (2_usize..7, 1_usize..4).prop_flat_map(|(agents, workers)| {
        let edge = (0..agents, 0..agents, 1_usize..5, any::<bool>());
        (
            proptest::collection::vec(edge, 0..10),
            proptest::collection::vec(0..workers, 1..40),
            proptest::collection::vec(0..agents, 1..60),
        )
            .prop_map(move |(edges, turns, inputs)| Plan { agents, workers, edges, turns, inputs })
    })
}

/// Whether the hold edges, each from a lower to a higher number after removal of sources, form a cycle.
fn has_hold_cycle(plan: &Plan) -> bool {
    let mut left: Vec<(usize, usize)> = plan.edges.iter().filter(|e| e.3).map(|e| (e.0, e.1)).collect();
    loop {
        let before = left.len();
        let targets: Vec<usize> = left.iter().map(|(_, to)| *to).collect();
        left.retain(|(from, _)| targets.contains(from));
        if left.len() == before {
            return !left.is_empty();
        }
    }
}

/// The ports of one agent: those that hold, and those that refuse.
type Ports = (Vec<Out<Item>>, Vec<TryOut<Item>>);

/// Builds and runs `plan`; panics when it stalls or loses a message.
fn run(plan: &Plan) -> Result<(), BuildError> {
    let mut topology = Topology::new(Charter::default());
    let workers: Vec<_> = (0..plan.workers).map(|_| topology.worker(WorkerOptions::default())).collect();
    let agents: Vec<_> =
        (0..plan.agents).map(|index| topology.reserve::<Node>(&format!("agent{index}"))).collect();
    let gates: Vec<_> = agents.iter().map(|agent| topology.gateway(*agent, 4)).collect();
    let mut ports: Vec<Ports> = vec![Ports::default(); plan.agents];
    for (from, to, capacity, holds) in &plan.edges {
        // As tight as may be: room for one call of all the ports that share the edge, and little more.
        let is_shared =
            |edge: &&(usize, usize, usize, bool)| (edge.0, edge.1, edge.3) == (*from, *to, *holds);
        let capacity = plan.edges.iter().filter(is_shared).count() + capacity - 1;
        if *holds {
            ports[*from].0.push(topology.hold(agents[*from], agents[*to], capacity));
        } else {
            ports[*from].1.push(topology.refuse(agents[*from], agents[*to], capacity));
        }
    }
    for (index, (holds, refusals)) in ports.into_iter().enumerate() {
        topology.place(agents[index].id(), workers[index % plan.workers]);
        topology.install(agents[index], move || Node { holds: holds.clone(), refusals: refusals.clone() });
    }
    let mut bus = topology.build()?.invoke().unwrap();

    let mut turns = plan.turns.iter().cycle();
    let mut poll = |bus: &mut ephor_runtime::Invoker| bus.poll_worker(*turns.next().unwrap());
    for input in &plan.inputs {
        let mut item = Item(3);
        let mut idle = 0;
        while let Err(refusal) = gates[*input].try_send(item) {
            item = refusal.into_message();
            idle = if poll(&mut bus) == 0 { idle + 1 } else { 0 };
            assert!(
                idle < 2 * plan.turns.len() || bus.poll() > 0,
                "stalled: no worker has anything it can do"
            );
        }
    }
    let mut idle = 0;
    while !bus.is_quiescent() {
        idle = if bus.poll() == 0 { idle + 1 } else { 0 };
        assert!(idle < 3, "stalled with messages in flight");
    }
    let report = bus.shutdown(1_000);
    assert_eq!(report.ledger.handled(), report.ledger.sent());
    assert_eq!(report.ledger.in_flight(), 0);
    assert!(report.ledger.adds_up());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 400 }))]

    #[test]
    fn a_topology_without_a_hold_cycle_never_stalls_and_one_with_is_refused(plan in plans()) {
        match run(&plan) {
            Ok(()) => prop_assert!(!has_hold_cycle(&plan)),
            Err(BuildError::HoldCycle { path }) => {
                prop_assert!(has_hold_cycle(&plan));
                prop_assert_eq!(path.first(), path.last());
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
