//! A worker that parks: what it costs while it sleeps, and how soon its agent has a message.

use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use crate::pin::pin;
use ephor::constitution::Charter;
use ephor::prelude::*;
use ephor::{Address, Frame, IdleStrategy, Pin, WorkerOptions};

use super::ROOM;
use crate::parked::{processor_ns, wake_now_and_then};
use crate::round_trips::RoundTrips;
use crate::tally::LONG;
use crate::{HERE, THERE};

/// What the name of the worker's thread begins with.
const WORKER: &str = "ephor-0";
/// Time over which the processor time is taken.
const SPAN: Duration = Duration::from_millis(400);

#[derive(Clone, Copy, Message)]
#[message(kind = 6)]
struct Wake([u64; 4]);

struct Sleeper {
    clock: quanta::Clock,
    trips: RoundTrips,
    count: u64,
    done: Sender<f64>,
}

impl<F: Frame> Agent<F> for Sleeper {}
agent!(Sleeper { Wake });

impl<F: Frame> Handler<Wake, F> for Sleeper {
    fn on(&mut self, wake: &Wake, _: &mut Cx<'_, F>) {
        self.trips.0.saturating_record(self.clock.delta_as_nanos(wake.0[0], self.clock.raw()));
        if self.trips.0.len() == self.count {
            // Nobody listens any more when the bench was stopped.
            let _ = self.done.send(self.trips.p50());
        }
    }
}

fn topology<F: Frame>(idle: IdleStrategy, count: u64, done: Sender<f64>) -> (Topology<F>, Address<Sleeper>) {
    let mut topology = Topology::<F>::new(Charter::default());
    let there = topology.worker(WorkerOptions { pin: Pin::Required(THERE), idle });
    let sleeper = topology.reserve::<Sleeper>("sleeper");
    topology.place(sleeper.id(), there);
    topology.install(sleeper, move || Sleeper {
        clock: quanta::Clock::new(),
        trips: RoundTrips::new(),
        count,
        done: done.clone(),
    });
    (topology, sleeper)
}

/// Half of the messages to a parked worker took no longer, nanoseconds.
pub fn wake_up<F: Frame>(count: u64) -> Option<f64> {
    let (done, told) = channel();
    let asleep = IdleStrategy::Park { spins: 0, yields: 0, park_ns_max: 1_000_000_000 };
    let (mut topology, sleeper) = topology::<F>(asleep, count, done);
    let gate = topology.gateway(sleeper, ROOM);
    let bus = topology.build().ok()?.start().ok()?;
    let waker = std::thread::spawn(move || {
        let pinned = pin(HERE);
        let mut is_sent = true;
        wake_now_and_then(count, &quanta::Clock::new(), |at| is_sent &= gate.try_send(Wake([at; 4])).is_ok());
        pinned.is_ok() && is_sent
    });
    let is_sent = waker.join().ok()?;
    let p50 = told.recv_timeout(LONG).ok();
    let ledger = bus.shutdown(LONG).ok()?.ledger;
    p50.filter(|_| is_sent && ledger.adds_up() && ledger.in_flight() == 0)
}

/// The share of a core that a worker without work takes, in hundredths of a percent.
pub fn share<F: Frame>(idle: IdleStrategy) -> Option<f64> {
    let (done, _told) = channel();
    let (topology, _) = topology::<F>(idle, 1, done);
    let bus = topology.build().ok()?.start().ok()?;
    std::thread::sleep(SPAN);
    let (begun, before) = (Instant::now(), processor_ns(WORKER)?);
    std::thread::sleep(SPAN);
    let spent = processor_ns(WORKER)? - before;
    let share = spent as f64 / begun.elapsed().as_nanos() as f64;
    bus.shutdown(LONG).ok()?;
    Some((share * 10_000.0).round())
}
