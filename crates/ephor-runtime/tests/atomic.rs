//! Handlers are atomic: what a handler emits becomes visible when it returns; if it panics, it sent nothing.

mod support;

use ephor_constitution::Charter;
use ephor_runtime::{Agent, Cx, Disposition, Handler, Lossy, Out, Shed, Topology, TryOut, agent};
use support::{Item, LONG, Other, Relay, Sink, Tally};

/// Emits three items for each it gets, and panics on the third emit for one of them.
struct Clumsy {
    out: Out<Item, 3>,
    refusing: TryOut<Other>,
    lossy: Lossy<Other>,
    fatal: u64,
}

impl Agent for Clumsy {}
agent!(Clumsy { Item });

impl Handler<Item> for Clumsy {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
        cx.emit(&self.out, Item(item.0 * 10));
        cx.try_emit(&self.refusing, Other(1)).expect("the test's lane has room");
        let _staged = cx.offer(&self.lossy, Other(1));
        cx.emit(&self.out, Item(item.0 * 10 + 1));
        assert!(item.0 != self.fatal, "the third emit is not to be");
        cx.emit(&self.out, Item(item.0 * 10 + 2));
    }
}

#[test]
fn a_handler_that_panics_on_its_third_emit_has_sent_nothing_and_its_neighbours_go_on() {
    let mut topology = Topology::new(Charter::default());
    let clumsy = topology.reserve::<Clumsy>("clumsy");
    let target = topology.reserve::<Sink>("target");
    let relay = topology.reserve::<Relay>("relay");
    let neighbour = topology.reserve::<Sink>("neighbour");
    let out = topology.hold(clumsy, target, 64);
    let refusing = topology.refuse(clumsy, target, 64);
    let lossy = topology.lossy(clumsy, target, 64, Shed::Newest);
    let on = topology.hold(relay, neighbour, 64);
    let gate = topology.gateway(clumsy, 64);
    let next_gate = topology.gateway(relay, 64);
    let (target_tally, neighbour_tally) = (Tally::default(), Tally::default());
    let (target_seen, neighbour_seen) = (target_tally.clone(), neighbour_tally.clone());
    topology.install(clumsy, move || Clumsy { out, refusing, lossy, fatal: 2 });
    topology.install(target, move || Sink { tally: target_tally.clone() });
    topology.install(relay, move || Relay { out: on });
    topology.install(neighbour, move || Sink { tally: neighbour_tally.clone() });

    let mut bus = topology.build().unwrap().invoke().unwrap();
    for number in 1..=3 {
        gate.try_send(Item(number)).unwrap();
        next_gate.try_send(Item(number)).unwrap();
    }
    while bus.poll() > 0 {}
    let report = bus.shutdown(1_000);

    // Items 1 and 3 emitted three items and two others each; item 2 emitted nothing.
    assert_eq!(target_seen.count(), 2 * 5);
    assert_eq!(target_seen.sum(), 10 + 11 + 12 + 2 + 30 + 31 + 32 + 2);
    assert_eq!(neighbour_seen.count(), 3, "the neighbour on the same worker went on");
    assert_eq!(report.ledger.lost(Disposition::Quarantined), 1);
    assert_eq!(report.ledger.sent(), 3 + 3 + 10 + 3, "what was taken back does not count as sent");
    assert!(report.ledger.adds_up(), "{}", report.ledger);
    assert_eq!(report.quarantine.len(), 1);
    assert_eq!(report.quarantine[0].payload[..8], 2_u64.to_ne_bytes());
    assert_eq!(report.quarantine[0].crashes, 2);
    assert!(report.quarantine[0].panic.contains("third emit"));
}

/// Emits twice through a port that allows one.
struct Greedy {
    out: Out<Item>,
}

impl Agent for Greedy {}
agent!(Greedy { Item });

impl Handler<Item> for Greedy {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
        cx.emit(&self.out, *item);
        cx.emit(&self.out, *item);
    }
}

#[test]
fn emitting_more_than_a_port_allows_is_a_supervised_panic_that_names_the_port() {
    let mut topology = Topology::new(Charter::default());
    let greedy = topology.reserve::<Greedy>("greedy");
    let sink = topology.reserve::<Sink>("sink");
    let out = topology.hold(greedy, sink, 64);
    let gate = topology.gateway(greedy, 64);
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(greedy, move || Greedy { out });
    topology.install(sink, move || Sink { tally: tally.clone() });
    let bus = topology.build().unwrap().start().unwrap();
    gate.try_send(Item(1)).unwrap();
    let report = bus.shutdown(LONG).unwrap();
    assert_eq!(seen.count(), 0);
    let panic = &report.quarantine[0].panic;
    assert!(panic.contains("Out<Item> of greedy to sink may emit 1 message(s)"), "{panic}");
    assert!(report.ledger.adds_up());
}

/// Emits bursts through two ports of one edge; how depends on the item.
struct Burster {
    items: Out<Item, 4>,
    others: Out<Other, 2>,
}

const BURST_WHOLE: u64 = 1;
const BURST_PANICS_AFTER: u64 = 2;
const BURST_PANICS_INSIDE: u64 = 3;
const BURST_TOO_LONG: u64 = 4;

impl Agent for Burster {}
agent!(Burster { Item });

impl Handler<Item> for Burster {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
        let how = item.0;
        cx.emit(&self.items, Item(how * 100));
        cx.emit_all(&self.others, [Other(1), Other(2)]);
        let end = if how == BURST_TOO_LONG { 5 } else { 4 };
        cx.emit_all(
            &self.items,
            (1..end).map(|number| {
                assert!(how != BURST_PANICS_INSIDE || number < 3, "inside the burst");
                Item(how * 100 + number)
            }),
        );
        assert!(how != BURST_PANICS_AFTER, "after the burst");
    }
}

/// What the target and the report say when a burster has handled `items`.
#[allow(clippy::unwrap_used, reason = "a test's helper")]
fn burst(items: &[u64], measures: bool) -> (u64, u64, ephor_runtime::Report) {
    let mut topology = Topology::new(Charter::default());
    if measures {
        topology.measure();
    }
    let burster = topology.reserve::<Burster>("burster");
    let target = topology.reserve::<Sink>("target");
    let ports = (topology.hold(burster, target, 64), topology.hold(burster, target, 64));
    let gate = topology.gateway(burster, 64);
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(burster, move || Burster { items: ports.0, others: ports.1 });
    topology.install(target, move || Sink { tally: tally.clone() });
    let mut bus = topology.build().unwrap().invoke().unwrap();
    for item in items {
        gate.try_send(Item(*item)).unwrap();
    }
    while bus.poll() > 0 {}
    let report = bus.shutdown(1_000);
    assert!(report.ledger.adds_up(), "{}", report.ledger);
    (seen.count(), seen.sum(), report)
}

#[test]
fn a_burst_is_sent_whole_or_not_at_all() {
    const SUM: u64 = 100 + 101 + 102 + 103 + 1 + 2;
    for measures in [false, true] {
        let (count, sum, report) = burst(&[BURST_WHOLE, BURST_WHOLE], measures);
        assert_eq!((count, sum, report.ledger.sent()), (12, 2 * SUM, 2 + 12));
        for (fault, says) in [
            (BURST_PANICS_AFTER, "after the burst"),
            (BURST_PANICS_INSIDE, "inside the burst"),
            (BURST_TOO_LONG, "Out<Item> of burster to target may emit 4 message(s)"),
        ] {
            let (count, sum, report) = burst(&[BURST_WHOLE, fault, BURST_WHOLE], measures);
            assert_eq!((count, sum), (12, 2 * SUM), "{says}");
            assert_eq!(report.ledger.sent(), 3 + 12, "{says}");
            assert!(report.quarantine[0].panic.contains(says), "{}", report.quarantine[0].panic);
        }
    }
}

/// Refuses even numbers, and panics on one number.
struct Picky {
    fatal: u64,
}

impl Agent for Picky {}
agent!(Picky { Item });

impl Handler<Item> for Picky {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
        assert!(item.0 != self.fatal, "not this one");
        if item.0.is_multiple_of(2) {
            cx.deny(1);
        }
    }
}

#[test]
fn a_run_of_messages_is_counted_right_whatever_becomes_of_each_and_wherever_a_handler_panics() {
    const COUNT: u64 = 20;
    for fatal in 0..COUNT {
        let mut topology = Topology::new(Charter::default());
        let picky = topology.reserve::<Picky>("picky");
        let gate = topology.gateway(picky, 64);
        topology.install(picky, move || Picky { fatal });
        let mut bus = topology.build().unwrap().invoke().unwrap();
        (0..COUNT).for_each(|number| gate.try_send(Item(number)).map(drop).unwrap());
        while bus.poll() > 0 {}
        let ledger = bus.shutdown(1_000).ledger;
        let is_even = fatal.is_multiple_of(2);
        assert_eq!(ledger.handled(), COUNT / 2 - u64::from(!is_even), "fatal {fatal}: {ledger}");
        assert_eq!(
            ledger.lost(Disposition::Denied),
            COUNT / 2 - u64::from(is_even),
            "fatal {fatal}: {ledger}"
        );
        assert_eq!(ledger.lost(Disposition::Quarantined), 1, "fatal {fatal}: {ledger}");
        assert!(ledger.adds_up(), "{ledger}");
    }
}
