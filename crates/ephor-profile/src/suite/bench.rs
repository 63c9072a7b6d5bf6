//! What the checks share: starting and stopping a bus, waiting for what must come, and looking at what came.
//!
//! Nothing here sleeps for a time that somebody thought long enough: a check waits for a condition, and is broken when
//! that has not come within [`LONG`].

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ephor_constitution::Charter;
use ephor_core::{AgentId, Message};
use ephor_runtime::{
    Accepts, Bus, Gateway, IdleStrategy, Invoker, Pin, Report, Topology, WorkerId, WorkerOptions,
};

use crate::check::{Checked, Failing, ensure};

/// How long a check waits before it gives up. It decides nothing but how soon a broken bus is told.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// How long a door stays closed before its agent gives up: longer than any check waits for something else.
const PATIENCE: Duration = Duration::from_secs(60);
/// Duty cycles that an invoked bus gets to end.
pub(crate) const PASSES: usize = 10_000;
/// Nanoseconds of a millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// What workers that wait for each other do meanwhile: they sleep soon, since a yield can cost a slice of a busy core.
const IDLE: IdleStrategy = IdleStrategy::Park { spins: 20, yields: 1, park_ns_max: MS };

/// How often a condition is asked for in a row before the core is left to the workers for a while.
const EAGER_LOOKS: u32 = 200;
const LOOK_EVERY: Duration = Duration::from_micros(50);
/// Looks before a check gives up, however long they took: a machine that stood still gave no bus a chance.
const LOOKS_MIN: u32 = 50_000;

/// Reads a charter that a check brings.
pub(crate) fn charter(text: &str) -> Result<Charter, Failing> {
    Ok(Charter::parse(text, "check.toml")?)
}

/// Builds a topology and starts it on threads.
pub(crate) fn start(topology: Topology) -> Result<Bus, Failing> {
    Ok(topology.build()?.start()?)
}

/// Builds a topology for the one kind of check that needs the time in its hands.
pub(crate) fn invoke(topology: Topology) -> Result<Invoker, Failing> {
    Ok(topology.build()?.invoke()?)
}

/// Stops a bus when all is handled; its ledger must add up.
pub(crate) fn stop(bus: Bus) -> Result<Report, Failing> {
    add_up(bus.shutdown(LONG)?)
}

/// Stops a bus that cannot handle all it has; its ledger must add up all the same.
pub(crate) fn stop_at_once(bus: Bus) -> Result<Report, Failing> {
    add_up(bus.shutdown(Duration::ZERO)?)
}

/// Stops an invoked bus; its ledger must add up.
pub(crate) fn stop_invoked(bus: Invoker) -> Result<Report, Failing> {
    add_up(bus.shutdown(PASSES))
}

fn add_up(report: Report) -> Result<Report, Failing> {
    ensure(report.ledger.adds_up(), || format!("the ledger does not add up: {}", report.ledger))?;
    Ok(report)
}

/// Runs an invoked bus until it has nothing to do.
pub(crate) fn settle_invoked(bus: &mut Invoker) {
    while bus.poll() > 0 {}
}

/// Waits until nothing is in flight.
pub(crate) fn settle(bus: &Bus) -> Checked {
    until("nothing in flight", || bus.is_quiescent())
}

/// Waits until `holds` does.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) -> Checked {
    let begun = Instant::now();
    for look in 0_u32.. {
        if holds() {
            return Ok(());
        }
        if look > LOOKS_MIN && begun.elapsed() > LONG {
            break;
        }
        if look < EAGER_LOOKS {
            thread::yield_now();
        } else {
            thread::park_timeout(LOOK_EVERY);
        }
    }
    Err(Failing::Broken(format!("gave up after {LONG:?} waiting for: {what}")))
}

/// What must be there.
pub(crate) fn some<T>(value: Option<T>, what: &str) -> Result<T, Failing> {
    value.ok_or_else(|| Failing::Broken(format!("there is no {what}")))
}

/// The error of what must fail.
pub(crate) fn refused<T, E>(outcome: Result<T, E>, what: &str) -> Result<E, Failing> {
    match outcome {
        Ok(_) => Err(Failing::Broken(format!("{what} was not refused"))),
        Err(error) => Ok(error),
    }
}

/// Sends all of `messages`, waiting for room where there is none.
pub(crate) fn send_all<A, M>(gate: &Gateway<A>, messages: impl IntoIterator<Item = M>) -> Checked
where
    A: Accepts<M>,
    M: Message,
{
    messages.into_iter().try_for_each(|message| {
        gate.send_timeout(message, LONG)?;
        Ok(())
    })
}

/// Declares two workers, and places `agents` on the second; all others run on the first.
pub(crate) fn apart(topology: &mut Topology, agents: &[AgentId]) -> [WorkerId; 2] {
    let workers = [(); 2].map(|()| topology.worker(WorkerOptions { pin: Pin::None, idle: IDLE }));
    for agent in agents {
        topology.place(*agent, workers[1]);
    }
    workers
}

/// A list that agents add to while a check looks on.
#[derive(Debug)]
pub(crate) struct Seen<T = u64>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Seen<T> {
    /// Nothing seen yet.
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Adds `value`.
    pub(crate) fn note(&self, value: T) {
        self.lock().push(value);
    }

    /// What was seen, in order.
    pub(crate) fn values(&self) -> Vec<T> {
        self.lock().clone()
    }

    /// How much was seen.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Agents panic on purpose, but never while they hold this.
    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A door in a handler, for a check that needs an agent busy: closed at first, and open for good once it is opened.
///
/// A handler must never wait; that this one does is what makes lanes fill on a bus that runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door(Arc<(Mutex<Doorway>, Condvar)>);

#[derive(Debug, Default)]
struct Doorway {
    entered: u64,
    is_open: bool,
}

impl Door {
    /// A closed door.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Waits until the door is open. To be called by a handler; panics when nobody opens, so that the bus can stop.
    pub(crate) fn pass(&self) {
        let (doorway, opened) = &*self.0;
        let mut doorway = doorway.lock().unwrap_or_else(PoisonError::into_inner);
        doorway.entered += 1;
        let waited = opened.wait_timeout_while(doorway, PATIENCE, |doorway| !doorway.is_open);
        let (doorway, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(doorway.is_open, "nobody opened the door");
    }

    /// Whether a handler stands before it, or has passed.
    pub(crate) fn is_entered(&self) -> bool {
        self.lock().entered > 0
    }

    /// Waits until a handler stands before it.
    pub(crate) fn until_entered(&self) -> Checked {
        until("an agent at the door", || self.is_entered())
    }

    /// Lets all pass from now on.
    pub(crate) fn open(&self) {
        self.lock().is_open = true;
        self.0.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Doorway> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
