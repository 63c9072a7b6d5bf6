//! aetherflow: pinned threads that never rest, an actor on each.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};

use aetherflow::{Actor, ActorRef, System};
use ephor_bench::pin::pin;

use super::Four;
use ephor_bench::round_trips::RoundTrips;
use ephor_bench::tally::{LONG, Tally};
use ephor_bench::words::sum_of;
use ephor_bench::{HERE, THERE};

/// Room in a mailbox.
const ROOM: usize = 1024;
/// Rounds before those that are counted.
const WARM_ROUNDS: u64 = 2_000;

struct Sink(Tally);

impl Actor for Sink {
    type Message = Four;

    #[inline(always)]
    fn handle(&mut self, four: Four) {
        self.0.take(four.sum());
    }
}

/// Tells the sink everything when it is told anything.
struct Source {
    sink: ActorRef<Sink>,
    messages: u64,
}

impl Actor for Source {
    type Message = ();

    fn handle(&mut self, (): ()) {
        for number in 0..self.messages {
            while self.sink.try_send(Four::of(number)).is_err() {
                std::hint::spin_loop();
            }
        }
    }
}

/// From an actor on one core to one on the other: nanoseconds a message.
pub fn aetherflow_tell(messages: u64) -> Option<f64> {
    let (tally, told) = Tally::new(messages);
    let system = System::with_cores(THERE + 1);
    let sink = system.spawn_on_with(THERE, Sink(tally), ROOM);
    let source = system.spawn_on(HERE, Source { sink, messages: told.messages() });
    source.send_blocking(()).ok()?;
    let figure = told.ns(sum_of::<4>(told.messages()));
    system.shutdown();
    figure
}

struct Asker {
    answerer: ActorRef<Answerer>,
    clock: quanta::Clock,
    sent_at: u64,
    round: u64,
    rounds: u64,
    trips: Option<RoundTrips>,
    is_right: bool,
    done: Sender<Option<RoundTrips>>,
}

struct Answerer {
    asker: Arc<OnceLock<ActorRef<Asker>>>,
}

impl Actor for Asker {
    type Message = Four;

    fn on_start(&mut self) {
        self.is_right &= pin(HERE).is_ok();
    }

    #[inline(always)]
    fn handle(&mut self, four: Four) {
        let now = self.clock.raw();
        self.is_right &= four.0[0] == self.round;
        if self.round > WARM_ROUNDS
            && let Some(trips) = &mut self.trips
        {
            trips.0.saturating_record(self.clock.delta_as_nanos(self.sent_at, now));
        }
        self.sent_at = now;
        self.round += 1;
        if self.round < WARM_ROUNDS + self.rounds {
            self.is_right &= self.answerer.try_send(Four([self.round; 4])).is_ok();
        } else {
            let trips = self.trips.take().filter(|_| self.is_right);
            // Nobody listens any more when the bench was stopped.
            let _ = self.done.send(trips);
        }
    }
}

impl Actor for Answerer {
    type Message = Four;

    fn on_start(&mut self) {
        assert!(pin(THERE).is_ok(), "the pin does not take");
    }

    #[inline(always)]
    fn handle(&mut self, four: Four) {
        if let Some(asker) = self.asker.get() {
            // A lost answer ends the bench by its time.
            let _ = asker.try_send(four);
        }
    }
}

/// Ping-pong between an actor on one core and one on the other.
pub fn aetherflow_ping_pong(rounds: u64) -> Option<RoundTrips> {
    let system = System::with_cores(THERE + 1);
    let home = Arc::new(OnceLock::new());
    let answerer = system.spawn_on(THERE, Answerer { asker: Arc::clone(&home) });
    let (sender, done) = channel();
    let asker = system.spawn_on(
        HERE,
        Asker {
            answerer,
            clock: quanta::Clock::new(),
            sent_at: 0,
            round: 0,
            rounds,
            trips: Some(RoundTrips::new()),
            is_right: true,
            done: sender,
        },
    );
    home.set(asker.clone()).ok()?;
    asker.send_blocking(Four([0; 4])).ok()?;
    let trips = done.recv_timeout(LONG).ok()?;
    system.shutdown();
    trips
}
