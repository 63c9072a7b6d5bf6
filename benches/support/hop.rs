//! Ephor's hop through the whole runtime: governed, with ledger, firing rule and atomic handlers.
//!
//! The receiving agent takes the time: from its message number `WARM` to its last one. A run counts when the ledger adds
//! up, the sum is right and the pins took.

pub mod paced;
pub mod parked;
pub mod pong;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ephor::constitution::Charter;
use ephor::prelude::*;
use ephor::{Address, Frame, IdleStrategy, Pin, WorkerId, WorkerOptions};

use crate::tally::{LONG, Tally, Told, WARM};
use crate::{HERE, THERE};

/// Messages that a source emits in one handler call.
const BURST: usize = 64;
/// Room in a lane.
pub const ROOM: usize = 1024;

/// Four words: the payload of a 64-byte frame.
#[derive(Clone, Copy, Message)]
#[message(kind = 1)]
pub struct Four([u64; 4]);

/// Twelve words: the payload of a 128-byte frame.
#[derive(Clone, Copy, Message)]
#[message(kind = 2)]
pub struct Twelve([u64; 12]);

/// A message of words, each written by the sender and read by the receiver.
pub trait Item: Message {
    /// The message number `number`.
    fn of(number: u64) -> Self;
    /// What its words add up to.
    fn sum(&self) -> u64;
}

macro_rules! item {
    ($name:ident) => {
        impl Item for $name {
            #[inline(always)]
            fn of(number: u64) -> Self {
                Self(std::array::from_fn(|at| number.wrapping_add(at as u64)))
            }

            #[inline(always)]
            fn sum(&self) -> u64 {
                self.0.iter().fold(0, |sum, word| sum.wrapping_add(*word))
            }
        }
    };
}

item!(Four);
item!(Twelve);

/// Emits messages until it has emitted all, a burst a cycle.
struct Source<I: Message> {
    out: Out<I, BURST>,
    next: u64,
    end: u64,
}

/// Takes messages, and says how long the last ones took.
struct Sink {
    tally: Tally,
}

/// Passes messages on.
struct Stage {
    out: Out<Four>,
}

macro_rules! agents {
    ($item:ty) => {
        impl<F: Frame> Agent<F> for Source<$item> {
            fn on_cycle(&mut self, cx: &mut Cx<'_, F>) -> usize {
                let count = (self.end - self.next).min(BURST as u64);
                cx.emit_all(&self.out, (self.next..self.next + count).map(<$item>::of));
                self.next += count;
                count as usize
            }
        }
        agent!(Source<$item> {});

        impl<F: Frame> Handler<$item, F> for Sink {
            #[inline(always)]
            fn on(&mut self, item: &$item, _cx: &mut Cx<'_, F>) {
                self.tally.take(item.sum());
            }
        }
    };
}

agents!(Four);
agents!(Twelve);

impl<F: Frame> Agent<F> for Sink {}
agent!(Sink { Four, Twelve });

impl<F: Frame> Agent<F> for Stage {}
agent!(Stage { Four });

impl<F: Frame> Handler<Four, F> for Stage {
    #[inline(always)]
    fn on(&mut self, four: &Four, cx: &mut Cx<'_, F>) {
        cx.emit(&self.out, *four);
    }
}

/// A worker that never sleeps, pinned to a core.
pub fn spinning<F: Frame>(topology: &mut Topology<F>, core: usize) -> WorkerId {
    topology.worker(WorkerOptions { pin: Pin::Required(core), idle: IdleStrategy::Spin })
}

/// Where the agents run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// All agents on one worker.
    OneWorker,
    /// The sender on one worker, the receiver on another.
    TwoWorkers,
    /// One worker, on the core that receives: the other core is the foreign thread's.
    ThereAlone,
}

/// A topology with its sink, and what the sink will say.
struct Run<F: Frame> {
    topology: Topology<F>,
    sink: Address<Sink>,
    workers: [WorkerId; 2],
    told: Told,
}

impl<F: Frame> Run<F> {
    fn new(messages: u64, place: Place) -> Self {
        let mut topology = Topology::new(Charter::default());
        let here = spinning(&mut topology, if place == Place::ThereAlone { THERE } else { HERE });
        let there = if place == Place::TwoWorkers { spinning(&mut topology, THERE) } else { here };
        let sink = topology.reserve::<Sink>("sink");
        topology.place(sink.id(), there);
        let (tally, told) = Tally::new(messages);
        topology.install(sink, move || Sink { tally: tally.clone() });
        Self { topology, sink, workers: [here, there], told }
    }

    /// Nanoseconds a message; `words` is what all messages add up to.
    fn time(self, words: impl Fn(u64) -> u64) -> Option<f64> {
        let bus = self.topology.build().ok()?.start().ok()?;
        let figure = self.told.ns(words(self.told.messages()));
        let ledger = bus.shutdown(LONG).ok()?.ledger;
        figure.filter(|_| ledger.adds_up() && ledger.in_flight() == 0)
    }
}

/// What `messages` items of `W` words add up to.
fn words<const W: usize>(messages: u64) -> u64 {
    crate::words::sum_of::<W>(messages)
}

/// From one agent to another, bursts of 64: nanoseconds a message.
pub fn four<F: Frame>(messages: u64, place: Place) -> Option<f64> {
    let mut run = Run::<F>::new(messages, place);
    add_source::<Four, F>(&mut run, "source", 0..WARM + messages);
    run.time(words::<4>)
}

/// The same with messages of twelve words.
pub fn twelve<F: Frame>(messages: u64, place: Place) -> Option<f64> {
    let mut run = Run::<F>::new(messages, place);
    add_source::<Twelve, F>(&mut run, "source", 0..WARM + messages);
    run.time(words::<12>)
}

fn add_source<I, F>(run: &mut Run<F>, name: &str, numbers: std::ops::Range<u64>)
where
    I: Item,
    F: Frame,
    Source<I>: Agent<F>,
    Sink: ephor::Accepts<I, F>,
{
    let source = run.topology.reserve::<Source<I>>(name);
    run.topology.place(source.id(), run.workers[0]);
    let out = run.topology.hold(source, run.sink, ROOM);
    run.topology.install(source, move || Source { out, next: numbers.start, end: numbers.end });
}

/// From `sources` agents to one, an edge each.
pub fn edges<F: Frame>(messages: u64, sources: u64, place: Place) -> Option<f64> {
    let mut run = Run::<F>::new(messages, place);
    let all = WARM + messages;
    for source in 0..sources {
        let numbers = all * source / sources..all * (source + 1) / sources;
        add_source::<Four, F>(&mut run, &format!("source {source}"), numbers);
    }
    run.time(words::<4>)
}

/// From one agent to another, which has `idle` edges more from the same worker that nobody sends on.
pub fn busy_edge<F: Frame>(messages: u64, idle: u64) -> Option<f64> {
    let mut run = Run::<F>::new(messages, Place::TwoWorkers);
    add_source::<Four, F>(&mut run, "source", 0..WARM + messages);
    for edge in 0..idle {
        let stage = run.topology.reserve::<Stage>(&format!("idle {edge}"));
        run.topology.place(stage.id(), run.workers[0]);
        let out = run.topology.hold(stage, run.sink, ROOM);
        run.topology.install(stage, move || Stage { out });
    }
    run.time(words::<4>)
}

/// One pair of agents at work on a worker, among `idle` pairs that are not.
pub fn among<F: Frame>(messages: u64, idle: u64) -> Option<f64> {
    let mut run = Run::<F>::new(messages, Place::OneWorker);
    add_source::<Four, F>(&mut run, "source", 0..WARM + messages);
    for pair in 0..idle {
        let first = run.topology.reserve::<Stage>(&format!("first {pair}"));
        let second = run.topology.reserve::<Sink>(&format!("second {pair}"));
        let out = run.topology.hold(first, second, ROOM);
        run.topology.install(first, move || Stage { out });
        run.topology.install(second, move || Sink { tally: Tally::endless() });
    }
    run.time(words::<4>)
}

/// `pairs` pairs of agents on one worker, all at work: nanoseconds a message.
pub fn pairs<F: Frame>(messages: u64, pairs: u64) -> Option<f64> {
    let mut topology = Topology::<F>::new(Charter::default());
    spinning(&mut topology, HERE);
    let mut told = Vec::new();
    for pair in 0..pairs {
        let source = topology.reserve::<Source<Four>>(&format!("source {pair}"));
        let sink = topology.reserve::<Sink>(&format!("sink {pair}"));
        let out = topology.hold(source, sink, ROOM);
        let (tally, end) = Tally::new(messages / pairs);
        let all = end.messages();
        topology.install(source, move || Source { out, next: 0, end: all });
        topology.install(sink, move || Sink { tally: tally.clone() });
        told.push(end);
    }
    let bus = topology.build().ok()?.start().ok()?;
    // Each pair's time a message is that of a message of every pair.
    let times: Option<Vec<f64>> = told.iter().map(|told| told.ns(words::<4>(told.messages()))).collect();
    let ledger = bus.shutdown(LONG).ok()?.ledger;
    let mean = times?.iter().sum::<f64>() / pairs as f64;
    (ledger.adds_up() && ledger.in_flight() == 0).then_some(mean / pairs as f64)
}

/// Through `stages` agents, placed on the two workers in turn: nanoseconds a message and stage.
pub fn pipeline<F: Frame>(messages: u64, stages: u64) -> Option<f64> {
    let mut run = Run::<F>::new(messages, Place::TwoWorkers);
    let mut next: Option<Address<Stage>> = None;
    // From the last to the first, since each needs the port to the one behind it.
    for stage in (1..stages).rev() {
        let agent = run.topology.reserve::<Stage>(&format!("stage {stage}"));
        run.topology.place(agent.id(), run.workers[((stages - stage) % 2) as usize ^ 1]);
        let out = match next {
            Some(next) => run.topology.hold(agent, next, ROOM),
            None => run.topology.hold(agent, run.sink, ROOM),
        };
        run.topology.install(agent, move || Stage { out });
        next = Some(agent);
    }
    let Some(first) = next else {
        add_source::<Four, F>(&mut run, "source", 0..WARM + messages);
        return run.time(words::<4>);
    };
    let source = run.topology.reserve::<Source<Four>>("source");
    run.topology.place(source.id(), run.workers[(stages % 2) as usize ^ 1]);
    let out = run.topology.hold(source, first, ROOM);
    let end = WARM + messages;
    run.topology.install(source, move || Source { out, next: 0, end });
    run.time(words::<4>).map(|ns| ns / stages as f64)
}

/// From foreign threads, each pinned to a core of `senders`, through one gateway to an agent there.
pub fn gateway<F: Frame>(messages: u64, senders: &[usize]) -> Option<f64> {
    let mut run = Run::<F>::new(messages, Place::ThereAlone);
    let gate = run.topology.gateway(run.sink, ROOM);
    let all = run.told.messages();
    let over = Arc::new(AtomicBool::new(false));
    let send = |numbers: std::ops::Range<u64>, core: usize| {
        let (gate, is_over) = (gate.clone(), Arc::clone(&over));
        std::thread::spawn(move || {
            let pinned = crate::pin::pin(core);
            // Until the bus runs the gateway refuses, which is as well.
            for number in numbers {
                // Relaxed: it says only that nobody waits for the messages any more.
                while gate.try_send(Four::of(number)).is_err() && !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
            pinned
        })
    };
    let share = |sender: usize| all * sender as u64 / senders.len() as u64;
    let threads: Vec<_> = senders
        .iter()
        .enumerate()
        .map(|(sender, core)| send(share(sender)..share(sender + 1), *core))
        .collect();
    let figure = run.time(words::<4>);
    over.store(true, Ordering::Relaxed);
    let pins: Vec<_> = threads.into_iter().map(|thread| thread.join().ok()).collect();
    figure.filter(|_| pins.iter().all(|pin| matches!(pin, Some(Ok(())))))
}
