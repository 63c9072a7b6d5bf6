//! A trial: a fresh bus, driven once, and what came of it.
//!
//! The bus is built anew for each, warmed up, driven, drained and stopped. Latency is from when a message was due to its fate,
//! which its receipt tells. A trial whose counts do not agree with the ledger is no trial.

use std::thread;
use std::time::{Duration, Instant};

use ephor_core::{AgentId, Frame, Ticks};
use ephor_oversight::Oversight;
use ephor_runtime::{Bus, Disposition, EdgeFacts, Receipts, Topology, pin_current};
use hdrhistogram::Histogram;

use crate::error::ProfileError;
use crate::generator::{Driven, Turns, Waiting, drive, places};
use crate::metric::histogram;
use crate::pacing::Pacing;
use crate::repeat::core_pair;
use crate::subject::{Ask, Load, Sent, Subject, Watch};

/// Messages before those that count.
const WARM: usize = 1_000;
/// How long a bus may take to handle what is under way.
pub(crate) const DRAIN: Duration = Duration::from_secs(5);
/// Receipts that can wait to be read.
pub(crate) const SAMPLES_MAX: usize = 1 << 16;
/// How often the warm-up tries a message that is refused.
const TRIES: u64 = 32;

/// How a subject is made.
pub(crate) type Recipe<'a, F> = dyn FnMut() -> Result<Subject<F>, ProfileError> + 'a;

/// A bus that runs, with its loads.
pub(crate) struct Rig<F: Frame> {
    pub(crate) bus: Bus<F>,
    pub(crate) loads: Vec<Load>,
    pub(crate) oversight: Option<Oversight>,
    pub(crate) watch: Option<Watch>,
    pub(crate) poison: Option<Load>,
    pub(crate) receipts: Receipts,
    /// Agents and outside senders by id, the worker of each, the edges between them, and the gateways.
    pub(crate) agents: Vec<String>,
    pub(crate) worker_of: Vec<Option<usize>>,
    pub(crate) edges: Vec<EdgeFacts>,
    pub(crate) gateways: Vec<EdgeFacts>,
    /// Messages that the warm-up sent.
    warm: u64,
    keep: Vec<Box<dyn Send>>,
}

/// A bus that has stopped, and how many messages its loads say that they have sent.
#[derive(Debug)]
pub(crate) struct Stopped {
    counted: u64,
    pub(crate) report: ephor_runtime::Report,
}

impl Stopped {
    /// What speaks against the counts: the loads' and the ledger's are not one, or the ledger does not add up.
    pub(crate) fn disagreement(&self) -> Option<String> {
        let ledger = &self.report.ledger;
        let by_threads = ledger.sent_by_threads();
        if by_threads != self.counted {
            return Some(format!("{} messages were sent, and {by_threads} are in the ledger", self.counted));
        }
        (!ledger.adds_up()).then(|| format!("the ledger does not add up: {ledger}"))
    }

    /// Messages that were lost under any name; what was denied or held was decided upon, and is not lost.
    pub(crate) fn lost(&self) -> u64 {
        let is_decided = |loss: &Disposition| matches!(loss, Disposition::Denied | Disposition::Held);
        let losses = Disposition::LOSSES.into_iter().filter(|loss| !is_decided(loss));
        losses.map(|loss| self.report.ledger.lost(loss)).sum()
    }
}

/// What a trial came to.
pub(crate) struct Trial {
    pub(crate) driven: Driven,
    /// From due to fate, of the messages that were asked for.
    pub(crate) latency_ns: Histogram<u64>,
    pub(crate) stopped: Stopped,
    /// From the first that was due to the last fate.
    pub(crate) elapsed_ns: u64,
}

impl<F: Frame> Rig<F> {
    /// Builds a subject and starts it; `prepare` may change its topology before that.
    ///
    /// # Errors
    /// [`ProfileError`] when it cannot be made, built or started, or has no load.
    pub(crate) fn start(
        recipe: &mut Recipe<'_, F>,
        receipts: usize,
        prepare: impl FnOnce(&mut Topology<F>, &[Load]),
    ) -> Result<Self, ProfileError> {
        let Subject { mut topology, loads, oversight, watch, poison, keep } = recipe()?;
        if loads.is_empty() {
            return Err(ProfileError::NoLoad);
        }
        topology.receipts(receipts.max(1));
        prepare(&mut topology, &loads);
        let plan = topology.build()?;
        let (agents, worker_of) = (plan.agents(), plan.worker_of());
        let (edges, gateways) = (plan.edges(), plan.gateways());
        let mut bus = plan.start()?;
        let receipts = bus.take_receipts().expect("the topology opened them above");
        Ok(Self {
            bus,
            loads,
            oversight,
            watch,
            poison,
            receipts,
            agents,
            worker_of,
            edges,
            gateways,
            warm: 0,
            keep,
        })
    }

    /// The agents: id, name and worker of each. Outside senders are none.
    pub(crate) fn seats(&self) -> impl Iterator<Item = (AgentId, &str, usize)> {
        let seats = self.agents.iter().zip(&self.worker_of).enumerate();
        seats.filter_map(|(id, (name, worker))| Some((AgentId(id as u16), name.as_str(), (*worker)?)))
    }

    /// Sends some messages and waits until they are handled, so that nothing is cold.
    pub(crate) fn warm_up(&mut self) {
        let mut turns = Turns::default();
        for _ in 0..WARM {
            let load = turns.next(&mut self.loads);
            for _ in 0..TRIES {
                if (load.send)(Ask::Plain) != Sent::Refused {
                    self.warm += 1;
                    break;
                }
                thread::yield_now();
            }
        }
        self.drain();
    }

    /// Drives the loads from a thread on the first core, which the subject leaves to it.
    pub(crate) fn drive(&mut self, due_ns: &[u64], one_in: usize, waiting: Waiting) -> Driven {
        let (clock, loads) = (self.bus.clock(), &mut self.loads);
        on_first_core(|| drive(&clock, loads, due_ns, one_in, waiting))
    }

    /// Waits until nothing is in flight; false when that takes too long.
    pub(crate) fn drain(&self) -> bool {
        let begun = Instant::now();
        while !self.bus.is_quiescent() {
            if begun.elapsed() > DRAIN {
                return false;
            }
            thread::yield_now();
        }
        true
    }

    /// Stops the bus, from which `counted` messages were measured.
    ///
    /// # Errors
    /// [`ProfileError::Shutdown`] when a worker does not stop.
    pub(crate) fn stop(self, counted: u64) -> Result<Stopped, ProfileError> {
        drop((self.loads, self.watch, self.poison));
        let report = self.bus.shutdown(DRAIN)?;
        drop(self.keep);
        Ok(Stopped { counted: counted + self.warm, report })
    }
}

/// A load at a stated rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate<'p> {
    pub(crate) pacing: &'p Pacing,
    /// Messages a second, on average.
    pub(crate) per_s: f64,
    pub(crate) length: Duration,
    /// One message in so many asks for its fate.
    pub(crate) one_in: usize,
    /// Of what is drawn by chance.
    pub(crate) seed: u64,
}

/// Drives a fresh bus at a rate.
///
/// # Errors
/// [`ProfileError`] when the bus cannot be built, started or stopped.
pub(crate) fn at_rate<F: Frame>(
    recipe: &mut Recipe<'_, F>,
    rate: Rate<'_>,
    waiting: Waiting,
) -> Result<Trial, ProfileError> {
    let Rate { pacing, per_s, length, one_in, seed } = rate;
    let count = ((per_s * length.as_secs_f64()) as usize).max(one_in);
    let due_ns = pacing.due_ns(per_s, count, seed);
    let mut rig = Rig::start(recipe, places(count, one_in), |_, _| {})?;
    rig.warm_up();
    let driven = rig.drive(&due_ns, one_in, waiting);
    rig.drain();
    finish(rig, driven)
}

/// Reads the receipts of a run and stops its bus.
pub(crate) fn finish<F: Frame>(mut rig: Rig<F>, driven: Driven) -> Result<Trial, ProfileError> {
    let (latency_ns, last) = latencies(&driven, &mut rig.receipts, rig.bus.now());
    let elapsed_ns = last.max(driven.ended).since_ns(driven.begun);
    let stopped = rig.stop(driven.taken + driven.denied)?;
    Ok(Trial { driven, latency_ns, stopped, elapsed_ns })
}

/// From due to fate of every message that asked, and when the last fate was settled.
///
/// A message without a fate waits still, and counts with the time that it has waited until `now`.
fn latencies(driven: &Driven, receipts: &mut Receipts, now: Ticks) -> (Histogram<u64>, Ticks) {
    let mut latency_ns = histogram();
    let mut last = driven.begun;
    let mut waits = vec![true; driven.asked.len()];
    while let Some(receipt) = receipts.try_receive() {
        let number = receipt.correlation.0 as usize;
        let Some(due) = driven.asked.get(number) else { continue };
        waits[number] = false;
        last = last.max(receipt.at_ticks);
        latency_ns.saturating_record(receipt.at_ticks.since_ns(*due));
    }
    for (due, _) in driven.asked.iter().zip(&waits).filter(|(_, waits)| **waits) {
        latency_ns.saturating_record(now.since_ns(*due));
    }
    (latency_ns, last)
}

/// Runs `run` on a thread that is pinned to the first core. Where pinning is refused it runs anywhere, and the report says so.
pub(crate) fn on_first_core<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    let core = core_pair().map(|(first, _)| first);
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let _pinned = core.map(pin_current);
            run()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
pub(crate) mod tests {
    use ephor_constitution::Charter;
    use ephor_core::{Frame128, Message};
    use ephor_runtime::{Agent, Cx, Handler, IdleStrategy, StallAt, WorkerOptions, agent};

    use super::*;

    #[derive(Clone, Copy, Message)]
    #[message(kind = 1, crate = ephor_core)]
    struct Item(u64);

    struct Consumer;
    impl Agent for Consumer {}
    agent!(Consumer { Item });
    impl Handler<Item> for Consumer {
        fn on(&mut self, _item: &Item, _cx: &mut Cx<'_>) {}
    }

    /// Messages that the gateway holds: few beside those that are due during a stall, and more than those.
    const FEW: usize = 4;
    const MANY: usize = 2_048;
    const PER_S: f64 = 10_000.0;
    const STALL: Duration = Duration::from_millis(50);

    pub(crate) fn consumer() -> Result<Subject, ProfileError> {
        consumer_behind(FEW)
    }

    fn consumer_behind(lane: usize) -> Result<Subject, ProfileError> {
        let mut topology: Topology = Topology::new(Charter::default());
        topology.worker(WorkerOptions { idle: IdleStrategy::Yield, ..WorkerOptions::default() });
        let consumer = topology.reserve::<Consumer>("consumer");
        let gate = topology.gateway(consumer, lane);
        topology.install(consumer, || Consumer);
        Ok(Subject::new(topology).load("items", &gate, || Item(1)))
    }

    /// A consumer whose load waits for room at the gateway: it tries again until the message is taken.
    fn waited_for() -> Result<Subject, ProfileError> {
        let Subject { topology, loads, .. } = consumer()?;
        let target = loads[0].target;
        let mut inner = loads.into_iter().next().expect("there is one");
        let load = Load::new("items, waiting for room", target, move |ask| {
            let begun = Instant::now();
            loop {
                match (inner.send)(ask) {
                    Sent::Refused if begun.elapsed() < DRAIN => thread::yield_now(),
                    sent => return sent,
                }
            }
        });
        Ok(Subject::new(topology).with(load))
    }

    /// A run of a fifth of a second, in which the consumer stalls for a twentieth.
    fn stalled_run(recipe: &mut Recipe<'_, Frame128>) -> Trial {
        let mut rig = Rig::start(recipe, 2_001, |topology, loads| {
            topology.drill(loads[0].target, StallAt::message(500, STALL));
        })
        .unwrap();
        let due = Pacing::Constant.due_ns(PER_S, 2_000, 0);
        let driven = drive(&rig.bus.clock(), &mut rig.loads, &due, 1, Waiting::Yield);
        rig.drain();
        finish(rig, driven).unwrap()
    }

    #[test]
    fn a_stalled_consumer_shows_up_in_the_p99() {
        let trial = stalled_run(&mut consumer);
        let p99 = trial.latency_ns.value_at_quantile(0.99);
        assert!(p99 >= STALL.as_nanos() as u64 * 8 / 10, "p99 is {p99} ns");
        assert_eq!(trial.latency_ns.len(), 2_000, "every message that was due is in it");
        // What is refused counts as under way until the end. That the time starts when a message is due, the tests below show.
        assert!(trial.driven.refused > 0);
        assert_eq!(trial.stopped.disagreement(), None);
    }

    #[test]
    fn a_stalled_consumer_that_blocks_the_sender_is_felt_by_all_that_was_due_meanwhile() {
        let trial = stalled_run(&mut waited_for);
        assert_eq!((trial.driven.taken, trial.driven.refused), (2_000, 0), "each waited until it was taken");
        let (p90, p99) = (trial.latency_ns.value_at_quantile(0.9), trial.latency_ns.value_at_quantile(0.99));
        // What was due within half of the stall is a tenth of all and more, and waited for the other half at least. Timed from when
        // they were sent, the few that were in the lane or at its end would tell of the stall, and the rest of nothing.
        let stall = STALL.as_nanos() as u64;
        assert!(p90 >= stall / 2 && p99 >= stall * 8 / 10, "p90 is {p90} ns, p99 is {p99} ns");
        assert_eq!(trial.latency_ns.len(), 2_000, "every message that was due is in it");
        assert_eq!(trial.stopped.disagreement(), None);
    }

    #[test]
    fn a_stall_of_the_sender_is_felt_by_all_that_was_due_during_it() {
        let mut recipe = || {
            // What was due meanwhile is sent in one burst, which has room: only the time from when it was due tells of the pause.
            let Subject { topology, loads, .. } = consumer_behind(MANY)?;
            let target = loads[0].target;
            let (mut inner, mut sent) = (loads.into_iter().next().expect("there is one"), 0);
            let load = Load::new("items, with a pause", target, move |ask| {
                sent += 1;
                if sent == WARM + 500 {
                    let begun = Instant::now();
                    while begun.elapsed() < STALL {}
                }
                (inner.send)(ask)
            });
            Ok(Subject::new(topology).with(load))
        };
        let rate = Rate { pacing: &Pacing::Constant, per_s: PER_S, length: 4 * STALL, one_in: 1, seed: 0 };
        let trial = at_rate(&mut recipe, rate, Waiting::Yield).unwrap();
        assert_eq!(trial.driven.refused, 0);
        let p90 = trial.latency_ns.value_at_quantile(0.9);
        // A quarter of all were due during the pause; timed from when they were sent, none of them would tell.
        assert!(p90 >= STALL.as_nanos() as u64 / 4, "p90 is {p90} ns");
    }

    #[test]
    fn a_count_that_is_not_the_ledgers_is_told() {
        let mut rig = Rig::start(&mut consumer, 1, |_, _| {}).unwrap();
        rig.warm_up();
        let told = rig.stop(1).unwrap().disagreement().unwrap();
        assert!(told.contains("were sent, and") && told.contains("are in the ledger"), "{told}");
    }
}
