//! What each port does with a full lane, and what a forwarded message keeps.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::sync::{Arc, Mutex};

use ephor_constitution::Charter;
use ephor_core::{Correlation, Priority};
use ephor_runtime::{
    Agent, Cx, Disposition, Full, Handler, Invoker, Lane, Lossy, Offered, Out, SendError, Shed, Topology,
    TryOut, agent,
};
use support::{Item, Other, Relay, Sink, Tally};

/// Runs what the test wants done for each item.
struct Script<S> {
    run: S,
}

impl<S: FnMut(&Item, &mut Cx<'_>) + 'static> Agent for Script<S> {}

impl<S: FnMut(&Item, &mut Cx<'_>) + 'static> ephor_runtime::Dispatch for Script<S> {
    const KINDS: &'static [(ephor_core::Kind, &'static str)] =
        &[(<Item as ephor_core::Message>::KIND, <Item as ephor_core::Message>::NAME)];

    fn dispatch(&mut self, frame: &ephor_core::Frame128, cx: &mut Cx<'_>) -> bool {
        use ephor_core::Frame;
        let Some(item) = frame.open::<Item>() else { return false };
        (self.run)(&item, cx);
        true
    }
}

impl<S: FnMut(&Item, &mut Cx<'_>) + 'static> Handler<Item> for Script<S> {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
        (self.run)(item, cx);
    }
}

impl<S: FnMut(&Item, &mut Cx<'_>) + 'static> ephor_runtime::Accepts<Item> for Script<S> {}

fn settle(bus: &mut Invoker) {
    while bus.poll() > 0 {}
}

#[test]
fn a_refusing_port_hands_the_message_back_and_it_was_not_sent() {
    type Run = Box<dyn FnMut(&Item, &mut Cx<'_>) + Send>;
    let mut topology = Topology::new(Charter::default());
    let script = topology.reserve::<Script<Run>>("script");
    let sink = topology.reserve::<Sink>("sink");
    let port: TryOut<Item> = topology.refuse(script, sink, 2);
    let gate = topology.gateway(script, 4);
    let answers = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&answers);
    topology.install(script, move || {
        let noted = Arc::clone(&noted);
        let run: Run = Box::new(move |_, cx| {
            for number in 0..4 {
                noted.lock().unwrap().push(cx.try_emit(&port, Item(number)));
            }
        });
        Script { run }
    });
    topology.install(sink, || Sink { tally: Tally::default() });
    let mut bus = topology.build().unwrap().invoke().unwrap();
    gate.try_send(Item(0)).unwrap();
    settle(&mut bus);
    let report = bus.shutdown(1);
    assert_eq!(*answers.lock().unwrap(), [Ok(()), Ok(()), Err(Full(Item(2))), Err(Full(Item(3)))]);
    assert_eq!(report.ledger.sent(), 3, "one through the gateway, two through the port");
    assert!(report.ledger.adds_up());
}

/// Offers `offers` messages in one call to a lossy lane of two places; what arrives, and how many were shed.
fn shed(shed: Shed, offers: u64) -> (Vec<u64>, u64) {
    type Run = Box<dyn FnMut(&Item, &mut Cx<'_>) + Send>;
    let mut topology = Topology::new(Charter::default());
    let sink = topology.reserve::<Script<Run>>("sink");
    let source = topology.reserve::<Script<Run>>("source");
    let port: Lossy<Item> = topology.lossy(source, sink, 2, shed);
    let gate = topology.gateway(source, 4);
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&arrived);
    topology.install(sink, move || {
        let noted = Arc::clone(&noted);
        Script { run: Box::new(move |item, _| noted.lock().unwrap().push(item.0)) }
    });
    topology.install(source, move || Script {
        run: Box::new(move |_, cx| {
            for number in 0..offers {
                let expected = if number < 16 { Offered::Staged } else { Offered::Shed };
                assert_eq!(cx.offer_key(&port, (number % 2) as usize, Item(number)), expected);
            }
        }),
    });
    let mut bus = topology.build().unwrap().invoke().unwrap();
    gate.try_send(Item(0)).unwrap();
    settle(&mut bus);
    let report = bus.shutdown(1);
    assert!(report.ledger.adds_up(), "{}", report.ledger);
    let arrived = arrived.lock().unwrap().clone();
    (arrived, report.ledger.lost(Disposition::Shed))
}

#[test]
fn a_lossy_lane_sheds_what_it_says_and_counts_it() {
    assert_eq!(shed(Shed::Newest, 5), (vec![0, 1], 3));
    assert_eq!(shed(Shed::Oldest, 5), (vec![3, 4], 3));
    let (mut latest, count) = shed(Shed::Latest, 5);
    latest.sort_unstable();
    assert_eq!((latest, count), (vec![3, 4], 3), "the last of the odd and of the even key");
}

#[test]
fn offers_beyond_the_limit_of_a_call_are_shed() {
    let (arrived, count) = shed(Shed::Newest, 20);
    assert_eq!((arrived, count), (vec![0, 1], 18));
}

#[test]
fn a_port_of_another_agent_and_a_second_fate_are_supervised_panics() {
    type Run = Box<dyn FnMut(&Item, &mut Cx<'_>) + Send>;
    let mut topology = Topology::new(Charter::default());
    let script = topology.reserve::<Script<Run>>("script");
    let relay = topology.reserve::<Relay>("relay");
    let sink = topology.reserve::<Sink>("sink");
    let foreign: Out<Item> = topology.hold(relay, sink, 4);
    let own: Out<Item> = topology.hold(script, sink, 4);
    let gate = topology.gateway(script, 4);
    topology.install(script, move || Script {
        run: Box::new(move |item, cx| match item.0 {
            0 => cx.emit(&foreign, Item(1)),
            1 => {
                cx.forward(&own);
                cx.deny(1);
            }
            _ => cx.forward(&own),
        }),
    });
    topology.install(relay, move || Relay { out: foreign });
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(sink, move || Sink { tally: tally.clone() });
    let mut bus = topology.build().unwrap().invoke().unwrap();
    for number in 0..3 {
        gate.try_send(Item(number)).unwrap();
    }
    settle(&mut bus);
    let report = bus.shutdown(1);
    let panics: Vec<_> = report.quarantine.iter().map(|message| message.panic.as_str()).collect();
    assert!(panics[0].contains("was used by agent"), "{panics:?}");
    assert!(panics[1].contains("decided already: forwarded"), "{panics:?}");
    assert_eq!((seen.count(), seen.sum()), (1, 2), "only the third reached the sink, once");
    assert_eq!(report.ledger.sent(), 3, "a message that is forwarded counts once");
    assert!(report.ledger.adds_up(), "{}", report.ledger);
}

#[test]
fn a_forwarded_message_keeps_its_number_and_its_receipt_comes_from_the_end() {
    type Run = Box<dyn FnMut(&Item, &mut Cx<'_>) + Send>;
    let mut topology = Topology::new(Charter::default());
    topology.receipts(4);
    let script = topology.reserve::<Script<Run>>("script");
    let sink = topology.reserve::<Sink>("sink");
    let own: Out<Item> = topology.hold(script, sink, 4);
    let gate = topology.gateway(script, 4).with_receipts();
    topology.install(script, move || Script { run: Box::new(move |_, cx| cx.forward(&own)) });
    topology.install(sink, || Sink { tally: Tally::default() });
    let mut bus = topology.build().unwrap().invoke().unwrap();
    let mut receipts = bus.take_receipts().unwrap();
    gate.try_send_as(Correlation(77), Item(1)).unwrap();
    settle(&mut bus);
    let receipt = receipts.try_receive().unwrap();
    assert_eq!((receipt.correlation, receipt.agent), (Correlation(77), sink.id()));
    assert_eq!(receipt.disposition, Disposition::Handled);
    assert!(receipts.try_receive().is_none());
}

#[test]
fn urgent_lanes_go_first_and_the_others_move_too() {
    type Run = Box<dyn FnMut(&Item, &mut Cx<'_>) + Send>;
    let mut topology = Topology::new(Charter::default());
    let script = topology.reserve::<Script<Run>>("script");
    let sink = topology.reserve::<Sink>("sink");
    let low: TryOut<Item> = topology.refuse(script, sink, Lane::new(256).priority(Priority::Low));
    let high: TryOut<Item> = topology.refuse(script, sink, Lane::new(256).priority(Priority::High));
    let gate = topology.gateway(script, 4);
    let order = Arc::new(Mutex::new(Vec::new()));
    topology.install(script, move || Script {
        run: Box::new(move |_, cx| {
            for number in 0..200 {
                cx.try_emit(&low, Item(number)).unwrap();
                cx.try_emit(&high, Item(1_000 + number)).unwrap();
            }
        }),
    });
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(sink, move || Sink { tally: tally.clone() });
    let mut bus = topology.build().unwrap().invoke().unwrap();
    gate.try_send(Item(0)).unwrap();
    let mut sum = 0;
    while bus.poll() > 0 {
        let (count, now) = (seen.count(), seen.sum());
        order.lock().unwrap().push((count, now - sum));
        sum = now;
    }
    let order = order.lock().unwrap();
    let first = order.iter().find(|(count, _)| *count > 0).unwrap();
    let high_batch: u64 = (1_000..1_064).sum();
    let low_batch: u64 = (0..64).sum();
    assert_eq!(*first, (128, high_batch + low_batch), "a batch of each in the first turn, both bounded");
}

#[test]
fn order_holds_across_types_that_share_an_edge() {
    struct Both {
        items: Out<Item>,
        others: Out<Other>,
    }
    impl Agent for Both {}
    agent!(Both { Item });
    impl Handler<Item> for Both {
        fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
            cx.emit(&self.items, Item(2 * item.0));
            cx.emit(&self.others, Other(2 * item.0 + 1));
        }
    }
    struct Ordered {
        next: u64,
    }
    impl Agent for Ordered {}
    agent!(Ordered { Item, Other });
    impl Ordered {
        fn take(&mut self, number: u64) {
            assert_eq!(number, self.next);
            self.next += 1;
        }
    }
    impl Handler<Item> for Ordered {
        fn on(&mut self, item: &Item, _cx: &mut Cx<'_>) {
            self.take(item.0);
        }
    }
    impl Handler<Other> for Ordered {
        fn on(&mut self, other: &Other, _cx: &mut Cx<'_>) {
            self.take(other.0);
        }
    }
    let mut topology = Topology::new(Charter::default());
    let both = topology.reserve::<Both>("both");
    let ordered = topology.reserve::<Ordered>("ordered");
    let items = topology.hold(both, ordered, 4);
    let others = topology.hold(both, ordered, 4);
    let gate = topology.gateway(both, 128);
    topology.install(both, move || Both { items, others });
    topology.install(ordered, || Ordered { next: 0 });
    let mut bus = topology.build().unwrap().invoke().unwrap();
    for number in 0..100 {
        gate.try_send(Item(number)).unwrap();
    }
    settle(&mut bus);
    let report = bus.shutdown(1);
    assert_eq!(report.ledger.handled(), 300, "nothing was out of order: no panic");
}

#[test]
fn a_full_lane_holds_its_sender_and_the_pressure_reaches_the_gateway() {
    let mut topology = Topology::new(Charter::default());
    let first = topology.worker(ephor_runtime::WorkerOptions::default());
    let second = topology.worker(ephor_runtime::WorkerOptions::default());
    let relay = topology.reserve::<Relay>("relay");
    let sink = topology.reserve::<Sink>("sink");
    topology.place(relay.id(), first).place(sink.id(), second);
    let out = topology.hold(relay, sink, 4);
    let gate = topology.gateway(relay, 8);
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(relay, move || Relay { out });
    topology.install(sink, move || Sink { tally: tally.clone() });
    let mut bus = topology.build().unwrap().invoke().unwrap();
    let mut sent = 0;
    // Only the relay's worker runs, so its lane fills, then its mailbox, then the gateway.
    loop {
        match gate.try_send(Item(sent)) {
            Ok(_) => sent += 1,
            Err(SendError::Full(item)) if bus.poll_worker(0) == 0 => {
                assert_eq!(item, Item(sent), "the message came back");
                break;
            }
            Err(SendError::Full(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    // Four in the lane, up to a buffer of the gateway's receiver and eight in its queue.
    assert!((12..=12 + 64).contains(&sent), "{sent}");
    assert_eq!(seen.count(), 0);
    settle(&mut bus);
    assert_eq!(seen.count(), sent, "when there is room again, everything goes on");
    assert!(bus.shutdown(1).ledger.adds_up());
}
