//! stakker: actors on one thread, whose calls are queued as closures.

use std::time::Instant;

use stakker::{ActorOwn, CX, Stakker, actor, call, ret_nop};

use super::Four;
use ephor_bench::tally::Tally;
use ephor_bench::words::sum_of;

/// Calls that the source makes in one of its own.
const BURST: u64 = 64;

struct Source {
    sink: ActorOwn<Sink>,
    next: u64,
    end: u64,
}

struct Sink {
    tally: Tally,
}

impl Source {
    fn init(_: CX![], sink: ActorOwn<Sink>, end: u64) -> Option<Self> {
        Some(Self { sink, next: 0, end })
    }

    fn burst(&mut self, cx: CX![]) {
        let end = self.end.min(self.next + BURST);
        for number in self.next..end {
            let four = Four::of(number);
            call!([self.sink], take(four));
        }
        self.next = end;
        if self.next < self.end {
            call!([cx], burst());
        }
    }
}

impl Sink {
    fn init(_: CX![], tally: Tally) -> Option<Self> {
        Some(Self { tally })
    }

    fn take(&mut self, _: CX![], four: Four) {
        self.tally.take(four.sum());
    }
}

/// From one actor to another, bursts of 64: nanoseconds a message.
pub fn stakker_tell(messages: u64) -> Option<f64> {
    let (tally, told) = Tally::new(messages);
    let mut stakker = Stakker::new(Instant::now());
    let sink = actor!(stakker, Sink::init(tally), ret_nop!());
    let source = actor!(stakker, Source::init(sink.owned(), told.messages()), ret_nop!());
    call!([source], burst());
    stakker.run(Instant::now(), false);
    told.ns(sum_of::<4>(told.messages()))
}

struct Asker {
    answerer: ActorOwn<Answerer>,
    round: u64,
    rounds: u64,
    is_right: bool,
}

struct Answerer;

impl Asker {
    fn init(_: CX![], answerer: ActorOwn<Answerer>, rounds: u64) -> Option<Self> {
        Some(Self { answerer, round: 0, rounds, is_right: true })
    }

    fn back(&mut self, cx: CX![], four: Four) {
        self.is_right &= four.0[0] == self.round;
        self.round += 1;
        if self.round < self.rounds {
            let (me, there) = (cx.access_actor().clone(), Four([self.round; 4]));
            call!([self.answerer], there(me, there));
        } else if !self.is_right {
            cx.stop();
        }
    }
}

impl Answerer {
    fn init(_: CX![]) -> Option<Self> {
        Some(Self)
    }

    fn there(&mut self, _: CX![], asker: stakker::Actor<Asker>, four: Four) {
        let back = Four(four.0.map(|word| word));
        call!([asker], back(back));
    }
}

/// A question and its answer between two actors, the mean in nanoseconds.
pub fn stakker_ping_pong(rounds: u64) -> Option<f64> {
    let mut stakker = Stakker::new(Instant::now());
    let answerer = actor!(stakker, Answerer::init(), ret_nop!());
    let asker = actor!(stakker, Asker::init(answerer, rounds), ret_nop!());
    let begun = Instant::now();
    call!([asker], back(Four([0; 4])));
    stakker.run(Instant::now(), false);
    let spent = begun.elapsed();
    (!asker.is_zombie()).then(|| spent.as_nanos() as f64 / rounds as f64)
}
