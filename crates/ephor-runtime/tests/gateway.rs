//! Foreign threads: what a gateway takes, what it refuses and why, and what receipts say.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::thread;

use ephor_constitution::{Charter, Reason};
use ephor_core::{Correlation, Impact};
use ephor_runtime::{Agent, Cx, Disposition, Gateway, Handler, SendError, Supervision, Topology, agent};
use support::{Item, LONG, Sink, Tally};

/// Grants that leave one agent out, and a kind that does not live long.
const CHARTER: &str = r#"
name = "strict"
[roles]
clerk = {}
stranger = {}
sink = {}
[kinds.item]
number = 1
action = "work"
lifetime_ms = 5
[[grants]]
from = ["clerk"]
action = ["work"]
to = ["sink"]
[impact]
threshold = 0.8
"#;

struct Setup {
    topology: Topology,
    clerk: Gateway<Sink>,
    stranger: Gateway<Sink>,
    tally: Tally,
}

fn setup(capacity: usize) -> Setup {
    let mut topology = Topology::new(Charter::parse(CHARTER, "strict.toml").unwrap());
    topology.receipts(8);
    let sink = topology.reserve::<Sink>("sink");
    let (clerk, stranger) = (topology.outside("clerk"), topology.outside("stranger"));
    let clerk = topology.gateway_as(clerk, sink, capacity);
    let stranger = topology.gateway_as(stranger, sink, capacity);
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(sink, move || Sink { tally: tally.clone() });
    Setup { topology, clerk, stranger, tally: seen }
}

#[test]
fn before_the_start_and_after_the_stop_nothing_is_taken() {
    let Setup { topology, clerk, .. } = setup(4);
    assert!(matches!(clerk.try_send(Item(1)), Err(SendError::NotRunning(Item(1)))));
    let bus = topology.build().unwrap().start().unwrap();
    clerk.try_send(Item(2)).unwrap();
    let report = bus.shutdown(LONG).unwrap();
    assert!(matches!(clerk.try_send(Item(3)), Err(SendError::Closed(Item(3)))));
    assert_eq!((report.ledger.sent(), report.ledger.handled()), (1, 1), "what was refused was not sent");
}

#[test]
fn the_check_refuses_at_the_gateway_with_its_reasons_and_counts() {
    let Setup { topology, clerk, stranger, tally } = setup(4);
    let bus = topology.build().unwrap().invoke().unwrap();
    match stranger.try_send(Item(1)).unwrap_err() {
        SendError::Denied(Item(1), verdict) => assert!(verdict.contains(Reason::Capability)),
        other => panic!("{other}"),
    }
    match clerk.with_impact(Impact::from_score(0.8)).try_send(Item(2)).unwrap_err() {
        SendError::Held(Item(2), verdict) => assert!(verdict.is_hold()),
        other => panic!("{other}"),
    }
    clerk.with_impact(Impact::from_score(0.79)).try_send(Item(3)).unwrap();
    let report = bus.shutdown(10);
    assert_eq!((tally.count(), tally.sum()), (1, 3));
    let ledger = report.ledger;
    assert_eq!((ledger.sent(), ledger.lost(Disposition::Denied), ledger.lost(Disposition::Held)), (3, 1, 1));
    assert!(ledger.adds_up());
}

#[test]
fn a_message_that_grew_too_old_in_its_lane_expires_at_the_exit() {
    let Setup { topology, clerk, tally, .. } = setup(4);
    let mut bus = topology.build().unwrap().invoke().unwrap();
    let mut receipts = bus.take_receipts().unwrap();
    clerk.with_receipts().try_send_as(Correlation(5), Item(1)).unwrap();
    bus.advance(5_000_001);
    clerk.try_send(Item(2)).unwrap();
    bus.poll();
    let receipt = receipts.try_receive().unwrap();
    assert_eq!((receipt.correlation, receipt.disposition), (Correlation(5), Disposition::Expired));
    assert!(receipt.verdict.contains(Reason::Expired));
    assert_eq!((tally.count(), tally.sum()), (1, 2));
    assert!(bus.shutdown(1).ledger.adds_up());
}

#[test]
fn receipts_have_places_and_a_reader_that_is_slow_holds_back_its_gateway_alone() {
    let Setup { topology, clerk, tally, .. } = setup(64);
    let mut bus = topology.build().unwrap().invoke().unwrap();
    let mut receipts = bus.take_receipts().unwrap();
    let told = clerk.with_receipts();
    for number in 0..8 {
        told.try_send(Item(number)).unwrap();
        bus.poll();
    }
    assert!(matches!(told.try_send(Item(8)), Err(SendError::Full(Item(8)))));
    clerk.try_send(Item(9)).unwrap();
    bus.poll();
    assert_eq!(tally.count(), 9, "who asks for no receipts is not held back");
    assert!(receipts.try_receive().is_some());
    told.try_send(Item(10)).unwrap();
}

/// Does something else with each item, by its number.
struct Moody;

impl Agent for Moody {}
agent!(Moody { Item });

impl Handler<Item> for Moody {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
        match item.0 {
            0 => {}
            1 => cx.deny(0b101),
            2 => cx.hold(0b10),
            _ => panic!("in a mood"),
        }
    }
}

#[test]
fn each_message_has_one_receipt_that_says_what_became_of_it() {
    let mut topology = Topology::new(Charter::default());
    topology.receipts(8);
    let moody = topology.reserve::<Moody>("moody");
    topology.supervise(moody.id(), Supervision { quarantine_after: 1, ..Supervision::default() });
    let gate = topology.gateway(moody, 8).with_receipts();
    topology.install(moody, || Moody);
    let mut bus = topology.build().unwrap().invoke().unwrap();
    let mut receipts = bus.take_receipts().unwrap();
    for number in 0..4 {
        gate.try_send_as(Correlation(number), Item(number)).unwrap();
    }
    while bus.poll() > 0 {}
    let told: Vec<_> = std::iter::from_fn(|| receipts.try_receive())
        .map(|receipt| (receipt.correlation.0, receipt.disposition, receipt.reasons))
        .collect();
    let expected = [
        (0, Disposition::Handled, 0),
        (1, Disposition::Denied, 0b101),
        (2, Disposition::Held, 0b10),
        (3, Disposition::Quarantined, 0),
    ];
    assert_eq!(told, expected);
    assert!(bus.shutdown(1).ledger.adds_up());
}

#[test]
fn many_threads_send_through_clones_and_nothing_is_lost_or_doubled() {
    const EACH: u64 = 5_000;
    let mut topology = Topology::new(Charter::default());
    let sink = topology.reserve::<Sink>("sink");
    let gate = topology.gateway(sink, 32);
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(sink, move || Sink { tally: tally.clone() });
    let bus = topology.build().unwrap().start().unwrap();
    thread::scope(|scope| {
        for sender in 0..3 {
            let gate = gate.clone();
            scope.spawn(move || {
                for number in 0..EACH {
                    gate.send_timeout(Item(sender * EACH + number), LONG).unwrap();
                }
            });
        }
    });
    let report = bus.shutdown(LONG).unwrap();
    assert_eq!((seen.count(), seen.sum()), (3 * EACH, (0..3 * EACH).sum()));
    assert!(report.ledger.adds_up(), "{}", report.ledger);
}

#[test]
fn an_agent_and_a_gateway_in_its_name_count_apart() {
    const COUNT: u64 = 50_000;
    let mut topology = Topology::new(Charter::default());
    let relay = topology.reserve::<support::Relay>("relay");
    let sink = topology.reserve::<Sink>("sink");
    let out = topology.hold(relay, sink, 256);
    let gate = topology.gateway(relay, 256);
    let in_its_name = topology.gateway_as(relay.id(), sink, 256);
    topology.install(relay, move || support::Relay { out });
    topology.install(sink, || Sink { tally: Tally::default() });
    let bus = topology.build().unwrap().start().unwrap();
    thread::scope(|scope| {
        let other = in_its_name.clone();
        scope.spawn(move || {
            for number in 0..COUNT {
                other.send_timeout(Item(number), LONG).unwrap();
            }
        });
        for number in 0..COUNT {
            gate.send_timeout(Item(number), LONG).unwrap();
        }
    });
    let report = bus.shutdown(LONG).unwrap();
    assert_eq!(report.ledger.sent(), 3 * COUNT, "{}", report.ledger);
    assert!(report.ledger.adds_up());
}
