//! What a hop costs, from emit to handler: on one worker, and from one worker to another.
//!
//! A source emits by itself, paced, so that no message waits for another; each bears the time at which it was emitted.

use std::thread;
use std::time::{Duration, Instant};

use ephor_constitution::Charter;
use ephor_core::{Message, Ticks};
use ephor_runtime::{Agent, Cx, Handler, IdleStrategy, Out, Pin, Topology, WorkerOptions, agent};

use super::{SharedTimes, Timed};
use crate::error::ProfileError;
use crate::repeat::{Apart, between, core_pair};

/// Between two messages: long enough for the one before to have arrived, far or near.
const GAP_NS: u64 = 3_000;
const WARM: u64 = 500;
/// The longest that a repetition may take.
const LONGEST: Duration = Duration::from_secs(10);

/// A message that says when it was emitted.
#[derive(Clone, Copy, Debug, Message)]
#[message(kind = 1, crate = ephor_core)]
struct Stamped {
    at: u64,
    number: u64,
}

/// Emits when it is time, `left` times.
struct Source {
    out: Out<Stamped>,
    next: Ticks,
    left: u64,
}

impl Agent for Source {
    fn on_cycle(&mut self, cx: &mut Cx<'_>) -> usize {
        let now = cx.read_clock();
        if self.left == 0 || now < self.next {
            return 0;
        }
        self.left -= 1;
        self.next = now.after_ns(GAP_NS);
        cx.emit(&self.out, Stamped { at: cx.read_clock().as_ns(), number: self.left });
        1
    }
}
agent!(Source {});

/// Notes how long each message took.
struct Drain {
    times: SharedTimes,
    seen: u64,
}

impl Agent for Drain {}
agent!(Drain { Stamped });
impl Handler<Stamped> for Drain {
    fn on(&mut self, message: &Stamped, cx: &mut Cx<'_>) {
        let took = cx.read_clock().as_ns().saturating_sub(message.at);
        self.seen += 1;
        if self.seen > WARM {
            self.times.record(took);
        }
    }
}

/// One repetition of the hop on one worker.
pub(super) fn local(count: usize) -> Result<(&'static str, Timed), ProfileError> {
    Ok(("hop_local", hops(count as u64, &[core_pair().map(|(_, last)| last)])?))
}

/// One repetition of the hop between two workers, with how far apart they were; none where there is one core.
pub(super) fn cross(count: usize) -> Result<Option<(Apart, Timed)>, ProfileError> {
    let Some((first, last)) = core_pair() else { return Ok(None) };
    between(Some((first, last)), || hops(count as u64, &[Some(first), Some(last)])).map(Some)
}

/// One repetition: source and drain on one worker, or on two.
fn hops(count: u64, cores: &[Option<usize>]) -> Result<Timed, ProfileError> {
    let times = SharedTimes::default();
    let mut topology: Topology = Topology::new(Charter::default());
    let workers: Vec<_> = cores.iter().map(|core| topology.worker(worker(*core))).collect();
    let source = topology.reserve::<Source>("source");
    let drain = topology.reserve::<Drain>("drain");
    topology.place(source.id(), workers[0]).place(drain.id(), workers[workers.len() - 1]);
    let out = topology.hold(source, drain, 64);
    let left = WARM + count;
    topology.install(source, move || Source { out, next: Ticks(0), left });
    let seen = times.clone();
    topology.install(drain, move || Drain { times: seen.clone(), seen: 0 });
    let bus = topology.build()?.start()?;
    let begun = Instant::now();
    while bus.ledger().handled() < left {
        if begun.elapsed() > LONGEST {
            let why = format!("{} of {left} messages arrived in {LONGEST:?}", bus.ledger().handled());
            return Err(ProfileError::operation("a hop", why));
        }
        // The workers have the cores.
        thread::sleep(Duration::from_millis(1));
    }
    bus.shutdown(LONGEST)?;
    Ok(Timed { each_ns: times.read(), mean_ns: None })
}

/// A worker that spins where it has a core.
fn worker(core: Option<usize>) -> WorkerOptions {
    match core {
        Some(core) => WorkerOptions { pin: Pin::IfPossible(core), idle: IdleStrategy::Spin },
        None => WorkerOptions { pin: Pin::None, idle: IdleStrategy::Yield },
    }
}
