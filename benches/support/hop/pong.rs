//! Ping-pong between two agents through the runtime: `Out` there, `TryOut` back.

use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use ephor::Frame;
use ephor::constitution::Charter;
use ephor::prelude::*;

use super::{Place, ROOM, spinning};
use crate::round_trips::RoundTrips;
use crate::tally::LONG;
use crate::{HERE, THERE};

/// Rounds before those that are counted.
const WARM_ROUNDS: u64 = 2_000;

#[derive(Clone, Copy, Message)]
#[message(kind = 3)]
struct There([u64; 4]);

#[derive(Clone, Copy, Message)]
#[message(kind = 4)]
struct Back([u64; 4]);

struct Asker {
    out: Out<There>,
    clock: quanta::Clock,
    sent_at: u64,
    round: u64,
    rounds: u64,
    begun: Instant,
    is_timed_singly: bool,
    is_right: bool,
    trips: Option<RoundTrips>,
    done: Sender<(Duration, Option<RoundTrips>)>,
}

struct Answerer {
    back: TryOut<Back>,
}

impl<F: Frame> Agent<F> for Asker {
    fn on_start(&mut self, cx: &mut Cx<'_, F>) {
        cx.emit(&self.out, There([0; 4]));
    }
}
agent!(Asker { Back });

impl<F: Frame> Handler<Back, F> for Asker {
    #[inline(always)]
    fn on(&mut self, back: &Back, cx: &mut Cx<'_, F>) {
        self.is_right &= back.0[0] == self.round + 1;
        if self.is_timed_singly {
            let now = self.clock.raw();
            if self.round >= WARM_ROUNDS
                && let Some(trips) = &mut self.trips
            {
                trips.0.saturating_record(self.clock.delta_as_nanos(self.sent_at, now));
            }
            self.sent_at = now;
        }
        self.round += 1;
        if self.round == WARM_ROUNDS {
            self.begun = Instant::now();
        }
        if self.round < WARM_ROUNDS + self.rounds {
            cx.emit(&self.out, There([self.round; 4]));
        } else {
            let trips = self.trips.take().filter(|_| self.is_right);
            // Nobody listens any more when the bench was stopped.
            let _ = self.done.send((self.begun.elapsed(), trips));
        }
    }
}

impl<F: Frame> Agent<F> for Answerer {}
agent!(Answerer { There });

impl<F: Frame> Handler<There, F> for Answerer {
    #[inline(always)]
    fn on(&mut self, there: &There, cx: &mut Cx<'_, F>) {
        let answer = Back(there.0.map(|word| word + 1));
        assert!(cx.try_emit(&self.back, answer).is_ok(), "one message is under way");
    }
}

fn run<F: Frame>(rounds: u64, place: Place, is_timed_singly: bool) -> Option<(Duration, RoundTrips)> {
    let mut topology = Topology::<F>::new(Charter::default());
    let here = spinning(&mut topology, HERE);
    let there = if place == Place::TwoWorkers { spinning(&mut topology, THERE) } else { here };
    let asker = topology.reserve::<Asker>("asker");
    let answerer = topology.reserve::<Answerer>("answerer");
    topology.place(asker.id(), here).place(answerer.id(), there);
    let out = topology.hold(asker, answerer, ROOM);
    let back = topology.refuse(answerer, asker, ROOM);
    let (sender, done) = channel();
    topology.install(asker, move || Asker {
        out,
        clock: quanta::Clock::new(),
        sent_at: 0,
        round: 0,
        rounds,
        begun: Instant::now(),
        is_timed_singly,
        is_right: true,
        trips: Some(RoundTrips::new()),
        done: sender.clone(),
    });
    topology.install(answerer, move || Answerer { back });
    let bus = topology.build().ok()?.start().ok()?;
    let told = done.recv_timeout(LONG).ok();
    let report = bus.shutdown(LONG).ok()?;
    let (spent, trips) = told?;
    report.ledger.adds_up().then_some((spent, trips?))
}

/// Each round trip on its own, between two workers.
pub fn between_workers<F: Frame>(rounds: u64) -> Option<RoundTrips> {
    run::<F>(rounds, Place::TwoWorkers, true).map(|(_, trips)| trips)
}

/// The mean of many, on one worker.
pub fn on_one_worker<F: Frame>(rounds: u64) -> Option<f64> {
    let (spent, _) = run::<F>(rounds, Place::OneWorker, false)?;
    Some(spent.as_nanos() as f64 / rounds as f64)
}
