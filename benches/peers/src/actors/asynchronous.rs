//! Actors on tokio: a task with a channel, and the frameworks.

/// A task with a channel, or an actor of a framework.
pub mod kinds {
    pub use super::actix::Actix;
    pub use super::kameo::Kameo;
    pub use super::ractor::Ractor;
    pub use super::task::{Bounded, Unbounded};
    pub use super::xtra::Xtra;
}

mod actix;
mod kameo;
mod ractor;
mod task;
mod xtra;

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use ephor_bench::pin::pin;

use super::Four;
use ephor_bench::round_trips::{RoundTrips, WARM_ROUNDS};
use ephor_bench::tally::{LONG, Tally};
use ephor_bench::words::sum_of;
use ephor_bench::{HERE, THERE};

/// A way to have actors.
pub trait Kind: 'static {
    /// The address of a sink.
    type Sink: Send + 'static;
    /// The address of one that answers.
    type Answerer: Send + 'static;

    /// Runs `body` on this thread in what drives the actors.
    fn block_on<T>(body: impl Future<Output = T>) -> T {
        let runtime =
            tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
        tokio::task::LocalSet::new().block_on(&runtime, body)
    }

    fn sink(tally: Tally) -> impl Future<Output = Self::Sink>;
    fn answerer() -> impl Future<Output = Self::Answerer>;
    /// Tells the sink; false when it has no room or is gone.
    fn tell(sink: &Self::Sink, four: Four) -> bool;
    /// Asks for the same four, each one higher.
    fn ask(answerer: &Self::Answerer, four: Four) -> impl Future<Output = Option<Four>>;
}

/// Runs until `is_done`, and never parks.
async fn stay(is_done: &AtomicBool) {
    while !is_done.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
}

/// Has an actor on the other core and gives its address out; false when the pin did not take.
fn host<K: Kind, A: Future>(
    actor: impl FnOnce() -> A,
    home: &Sender<A::Output>,
    is_done: &AtomicBool,
) -> bool {
    let pinned = pin(THERE);
    K::block_on(async {
        // The other side has gone when its own pin did not take.
        let _ = home.send(actor().await);
        stay(is_done).await;
    });
    pinned.is_ok()
}

/// From a thread on one core to an actor on the other: nanoseconds a message.
pub fn tell<K: Kind>(messages: u64) -> Option<f64> {
    let (tally, told) = Tally::new(messages);
    let all = told.messages();
    let is_done = AtomicBool::new(false);
    let (home, address) = channel();
    thread::scope(|scope| {
        let is_done = &is_done;
        let actor = scope.spawn(move || host::<K, _>(|| K::sink(tally), &home, is_done));
        let sender = scope.spawn(move || {
            let pinned = pin(HERE);
            let sink = address.recv_timeout(LONG).ok()?;
            for number in 0..all {
                while !K::tell(&sink, Four::of(number)) {
                    std::hint::spin_loop();
                }
            }
            pinned.is_ok().then_some(sink)
        });
        let figure = told.ns(sum_of::<4>(all));
        is_done.store(true, Ordering::Relaxed);
        let is_sent = sender.join().ok()?.is_some();
        (actor.join().ok()? && is_sent).then_some(figure)?
    })
}

/// Asks an actor on the other core, each answer timed singly.
pub fn ask<K: Kind>(rounds: u64) -> Option<RoundTrips> {
    let is_done = AtomicBool::new(false);
    let (home, address) = channel();
    thread::scope(|scope| {
        let is_done = &is_done;
        let actor = scope.spawn(move || host::<K, _>(|| K::answerer(), &home, is_done));
        let asker = scope.spawn(move || {
            let pinned = pin(HERE);
            let answerer = address.recv_timeout(LONG).ok()?;
            let trips = K::block_on(async {
                let awake = tokio::task::spawn_local({
                    // Keeps this side awake until it is aborted.
                    async { stay(&AtomicBool::new(false)).await }
                });
                let trips = asking::<K>(&answerer, rounds).await;
                awake.abort();
                trips
            });
            trips.filter(|_| pinned.is_ok())
        });
        let trips = asker.join().ok()?;
        is_done.store(true, Ordering::Relaxed);
        actor.join().ok()?.then_some(trips)?
    })
}

async fn asking<K: Kind>(answerer: &K::Answerer, rounds: u64) -> Option<RoundTrips> {
    let clock = quanta::Clock::new();
    let mut trips = RoundTrips::new();
    for round in 0..WARM_ROUNDS + rounds {
        let sent_at = clock.raw();
        let answer = K::ask(answerer, Four([round; 4])).await?;
        if round >= WARM_ROUNDS {
            trips.0.saturating_record(clock.delta_as_nanos(sent_at, clock.raw()));
        }
        if answer.0[0] != round + 1 {
            return None;
        }
    }
    Some(trips)
}

/// The answer to a question.
fn answer(four: Four) -> Four {
    Four(four.0.map(|word| word + 1))
}
