//! Timers: never early, in order, in a turn of their own.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::sync::{Arc, Mutex};

use ephor_constitution::Charter;
use ephor_core::Ticks;
use ephor_runtime::{Agent, Cx, Handler, Out, TimersFull, Topology, WorkerOptions, agent};
use support::{Item, Sink, Tally};

const MS: u64 = 1_000_000;

type Fired = Arc<Mutex<Vec<(u64, u64)>>>;

/// Schedules timers in its start hook and notes when they fire.
struct Alarm {
    deadlines_ms: Vec<u64>,
    fired: Fired,
}

agent!(Alarm { Item });

impl Agent for Alarm {
    fn on_start(&mut self, cx: &mut Cx<'_>) {
        for (token, deadline_ms) in (0..).zip(&self.deadlines_ms) {
            cx.schedule(Ticks::from_ns(deadline_ms * MS), token).unwrap();
        }
    }

    fn on_timer(&mut self, token: u64, cx: &mut Cx<'_>) {
        self.fired.lock().unwrap().push((token, cx.now().as_ns() / MS));
    }
}

impl Handler<Item> for Alarm {
    fn on(&mut self, _item: &Item, _cx: &mut Cx<'_>) {}
}

#[test]
fn timers_fire_in_order_and_not_early() {
    let mut topology = Topology::new(Charter::default());
    let alarm = topology.reserve::<Alarm>("alarm");
    let fired = Fired::default();
    let noted = Arc::clone(&fired);
    topology.install(alarm, move || Alarm { deadlines_ms: vec![5, 2, 300, 2], fired: Arc::clone(&noted) });
    let mut bus = topology.build().unwrap().invoke().unwrap();
    for _ in 0..400 {
        bus.advance(MS);
        while bus.poll() > 0 {}
    }
    assert_eq!(*fired.lock().unwrap(), [(1, 2), (3, 2), (0, 5), (2, 300)]);
}

#[test]
fn a_full_mailbox_does_not_starve_timers() {
    let mut topology = Topology::new(Charter::default());
    let alarm = topology.reserve::<Alarm>("alarm");
    let gate = topology.gateway(alarm, 256);
    let fired = Fired::default();
    let noted = Arc::clone(&fired);
    topology.install(alarm, move || Alarm { deadlines_ms: vec![3], fired: Arc::clone(&noted) });
    let mut bus = topology.build().unwrap().invoke().unwrap();
    for _ in 0..10 {
        while gate.try_send(Item(0)).is_ok() {}
        bus.advance(MS);
        bus.poll();
    }
    assert_eq!(*fired.lock().unwrap(), [(0, 3)]);
}

/// Emits from a timer, and schedules more than there are.
struct Ticker {
    out: Out<Item>,
    answers: Arc<Mutex<Vec<Result<(), TimersFull>>>>,
}

agent!(Ticker { Item });

impl Agent for Ticker {
    fn on_start(&mut self, cx: &mut Cx<'_>) {
        cx.schedule(Ticks::from_ns(MS), 1).unwrap();
    }

    fn on_timer(&mut self, token: u64, cx: &mut Cx<'_>) {
        cx.emit(&self.out, Item(token));
    }
}

impl Handler<Item> for Ticker {
    fn on(&mut self, _item: &Item, cx: &mut Cx<'_>) {
        for _ in 0..1_100 {
            let answer = cx.schedule(Ticks::NEVER, 9).map(|_| ());
            self.answers.lock().unwrap().push(answer);
        }
    }
}

#[test]
fn a_timer_that_finds_no_room_fires_when_there_is_some() {
    let mut topology = Topology::new(Charter::default());
    let first = topology.worker(WorkerOptions::default());
    let second = topology.worker(WorkerOptions::default());
    let ticker = topology.reserve::<Ticker>("ticker");
    let sink = topology.reserve::<Sink>("sink");
    topology.place(ticker.id(), first).place(sink.id(), second);
    let out: Out<Item> = topology.hold(ticker, sink, 1);
    let gate = topology.gateway(ticker, 4);
    let tally = Tally::default();
    let seen = tally.clone();
    let answers = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&answers);
    topology.install(ticker, move || Ticker { out, answers: Arc::clone(&noted) });
    topology.install(sink, move || Sink { tally: tally.clone() });
    let mut bus = topology.build().unwrap().invoke().unwrap();
    bus.advance(MS);
    bus.poll_worker(0);
    assert_eq!(seen.count(), 0);
    while bus.poll() > 0 {}
    assert_eq!((seen.count(), seen.sum()), (1, 1));
    gate.try_send(Item(0)).unwrap();
    while bus.poll() > 0 {}
    let answers = answers.lock().unwrap();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1_024);
    assert_eq!(answers[1_099], Err(TimersFull));
}
