//! The patterns that the original lists as present, each proven by a measurement.

use std::fs;
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ephor_constitution::Charter;
use ephor_core::{Frame128, Message, Priority};
use ephor_runtime::{
    Agent, Cx, Disposition, Handler, Invoker, Lane, Lossy, PanicAt, Prewarm, Shed, Topology, agent,
};
use quanta::Clock;

use crate::error::ProfileError;
use crate::metric::histogram;
use crate::overseers::{Audited, decider, overseers};
use crate::report::Status;
use crate::subject::Ask;
use crate::trial::Rig;

/// Whether a pattern is there, and the evidence.
type Proof = fn() -> (Status, String);

/// Every pattern by its name.
pub(super) const ALL: [(&str, Proof); 5] = [
    ("fire and forget", || answer(fire_and_forget())),
    ("priority queues", || answer(priority_queues())),
    ("pre-warm", || answer(pre_warm())),
    ("breaker registry", || answer(breaker_registry())),
    ("compiled decisions", || answer(compiled_decisions())),
];

/// Offers to a lane that nobody reads.
const OFFERS: u64 = 10_000;
const LANE: usize = 4096;
/// A lane of 32 MiB: 16 pages even where the system maps 2 MiB at once, and more than an allocator is likely to have mapped
/// already.
const LARGE_LANE: usize = 1 << 18;
/// From so many page faults on they are those of the lane.
const FAULTS_TOLD: u64 = 6;
/// Different inputs, and how often each is asked for again.
const INPUTS: u64 = 16;
const ROUNDS: usize = 10;
/// How long a crash may take to be overcome.
const LONGEST: Duration = Duration::from_secs(5);

enum Proven {
    Yes(String),
    No(String),
    Unknown(String),
}

fn answer(proven: Result<Proven, ProfileError>) -> (Status, String) {
    match proven {
        Ok(Proven::Yes(evidence)) => (Status::Passed, evidence),
        Ok(Proven::No(evidence)) => (Status::Failed, evidence),
        Ok(Proven::Unknown(why)) => (Status::Skipped, why),
        Err(error) => (Status::Failed, error.to_string()),
    }
}

fn proven(is_so: bool, evidence: String) -> Result<Proven, ProfileError> {
    Ok(if is_so { Proven::Yes(evidence) } else { Proven::No(evidence) })
}

/// A numbered message.
#[derive(Clone, Copy, Debug, Message)]
#[message(kind = 1, crate = ephor_core)]
struct Item(u64);

/// Notes the numbers in the order in which they come.
#[derive(Default)]
struct Noting {
    seen: Arc<Mutex<Vec<u64>>>,
}

impl Agent for Noting {}
agent!(Noting { Item });
impl Handler<Item> for Noting {
    fn on(&mut self, item: &Item, _cx: &mut Cx<'_>) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(item.0);
    }
}

/// Counts what comes.
#[derive(Default)]
struct Counting(u64);

impl Agent for Counting {}
agent!(Counting { Item });
impl Handler<Item> for Counting {
    fn on(&mut self, item: &Item, _cx: &mut Cx<'_>) {
        self.0 += black_box(item.0) & 1;
    }
}

/// Offers once a cycle, and notes how long that took.
struct Offering {
    out: Lossy<Item>,
    clock: Clock,
    told: Arc<Mutex<(hdrhistogram::Histogram<u64>, u64)>>,
    left: u64,
}

impl Agent for Offering {
    fn on_cycle(&mut self, cx: &mut Cx<'_>) -> usize {
        if self.left == 0 {
            return 0;
        }
        self.left -= 1;
        let begun = self.clock.raw();
        let _offered = black_box(cx.offer(&self.out, Item(self.left)));
        let took = self.clock.delta_as_nanos(begun, self.clock.raw());
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.0.saturating_record(took);
        told.1 += 1;
        1
    }
}
agent!(Offering {});

/// A pulse never waits: 10,000 offers to a lane of 64 that is full return, and what had no room is counted.
fn fire_and_forget() -> Result<Proven, ProfileError> {
    let told = Arc::new(Mutex::new((histogram(), 0)));
    let mut topology: Topology = Topology::new(Charter::default());
    let workers = [topology.worker(Default::default()), topology.worker(Default::default())];
    let offering = topology.reserve::<Offering>("offering");
    let reader = topology.reserve::<Noting>("reader");
    topology.place(reader.id(), workers[1]);
    let out = topology.lossy(offering, reader, 64, Shed::Newest);
    let notes = Arc::clone(&told);
    topology.install(offering, move || Offering {
        out,
        clock: Clock::new(),
        told: Arc::clone(&notes),
        left: OFFERS,
    });
    topology.install(reader, Noting::default);
    let mut bus = topology.build()?.invoke()?;
    for _ in 0..OFFERS {
        // The reader's worker has no turn.
        bus.poll_worker(0);
    }
    let report = bus.shutdown(LANE);
    let (times, returned) = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let shed = report.ledger.lost(Disposition::Shed);
    let evidence = format!(
        "{returned} offers to a lane of 64 that nobody reads returned, p99 {} ns; {shed} were shed and counted",
        times.value_at_quantile(0.99)
    );
    proven(returned == OFFERS && shed == OFFERS - 64 && report.ledger.adds_up(), evidence)
}

/// What is urgent is handled before what came earlier, and in order within a level.
fn priority_queues() -> Result<Proven, ProfileError> {
    /// Emits its item on the lane of its level.
    struct Levels {
        out: [ephor_runtime::Out<Item, 4>; 3],
    }
    impl Agent for Levels {
        fn on_start(&mut self, cx: &mut Cx<'_>) {
            for (level, out) in self.out.iter().enumerate() {
                for number in 0..4 {
                    cx.emit(out, Item(10 * level as u64 + number));
                }
            }
        }
    }
    agent!(Levels {});
    let mut topology: Topology = Topology::new(Charter::default());
    let levels = topology.reserve::<Levels>("levels");
    let reader = topology.reserve::<Noting>("reader");
    let out = [Priority::Low, Priority::Medium, Priority::Critical]
        .map(|level| topology.hold(levels, reader, Lane::new(16).priority(level)));
    topology.install(levels, move || Levels { out });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    topology.install(reader, move || Noting { seen: Arc::clone(&notes) });
    let mut bus = topology.build()?.invoke()?;
    while bus.poll() > 0 {}
    let order = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let expected = [20, 21, 22, 23, 10, 11, 12, 13, 0, 1, 2, 3];
    proven(order == expected, format!("sent low, medium, critical; handled in the order {order:?}"))
}

/// Lanes are touched before the first message: a first lap through a large one causes page faults when pre-warm is left out, and
/// next to none with it.
fn pre_warm() -> Result<Proven, ProfileError> {
    let mut laps = Vec::new();
    // First without: an allocator gives the memory of the one to the other, and then its pages are there. For the same reason
    // a bus is kept while the next one is tried.
    for prewarm in [Prewarm::No, Prewarm::No, Prewarm::No, Prewarm::Yes] {
        let is_seen = laps.last().is_some_and(|(faults, _)| *faults >= FAULTS_TOLD);
        if is_seen && prewarm == Prewarm::No {
            continue;
        }
        let Some(lap) = first_lap(prewarm)? else {
            return Ok(Proven::Unknown("this system tells no page faults of a thread".to_owned()));
        };
        laps.push(lap);
    }
    let (without, with) = (laps[laps.len() - 2].0, laps[laps.len() - 1].0);
    let evidence = format!(
        "{with} page faults in the first lap through a lane of {} MiB, {without} with pre-warm left out",
        (LARGE_LANE * size_of::<Frame128>()) >> 20
    );
    if without < FAULTS_TOLD {
        let why = "the allocator had mapped its memory already, so nothing can be told";
        return Ok(Proven::Unknown(format!("{evidence}: {why}")));
    }
    proven(with < without / 2, evidence)
}

/// Page faults of the first lap through a gateway, and its bus; none where the system does not tell them.
fn first_lap(prewarm: Prewarm) -> Result<Option<(u64, Invoker)>, ProfileError> {
    let mut topology: Topology = Topology::new(Charter::default());
    topology.prewarm(prewarm);
    let reader = topology.reserve::<Counting>("reader");
    let gate = topology.gateway(reader, LARGE_LANE);
    topology.install(reader, Counting::default);
    let bus = topology.build()?.invoke()?;
    let Some(before) = page_faults() else { return Ok(None) };
    for number in 0..LARGE_LANE {
        black_box(gate.try_send(Item(number as u64)).is_ok());
    }
    Ok(page_faults().map(|after| (after - before, bus)))
}

/// Minor page faults of this thread so far.
fn page_faults() -> Option<u64> {
    let stat = fs::read_to_string("/proc/thread-self/stat").ok()?;
    // Behind the name in brackets: state, six numbers, then minor faults.
    stat.rsplit(')').next()?.split_whitespace().nth(7)?.parse().ok()
}

/// A crash on a live bus opens the agent's breaker, and its recovery closes it.
fn breaker_registry() -> Result<Proven, ProfileError> {
    let mut overseers = overseers(Audited::No);
    let mut recipe = || overseers().map_err(ProfileError::Subject);
    let mut rig = Rig::<Frame128>::start(&mut recipe, 1, |topology, loads| {
        topology.drill(loads[0].target, PanicAt::message(10));
    })?;
    rig.warm_up();
    let begun = Instant::now();
    let mut seen = None;
    while begun.elapsed() < LONGEST && seen.is_none() {
        let _sent = (rig.loads[0].send)(Ask::Plain);
        let health = rig.oversight.as_ref().map(|oversight| oversight.view().health);
        seen = health
            .filter(|health| health.score >= 1.0 && health.breakers.iter().any(|breaker| breaker.trips > 0));
        thread::yield_now();
    }
    rig.drain();
    let stopped = rig.stop(0)?;
    let Some(health) = seen else {
        return Ok(Proven::No(format!("no breaker opened and closed within {LONGEST:?} after a crash")));
    };
    let tripped: Vec<String> = health
        .breakers
        .iter()
        .filter(|breaker| breaker.trips > 0)
        .map(|breaker| format!("{} opened {} times", breaker.name, breaker.trips))
        .collect();
    let evidence = format!(
        "{} breakers on the board; after a crash {}, the score fell to {:.2} and came back to {:.2}; {} quarantined",
        health.breakers.len(),
        tripped.join(", "),
        health.lowest_score,
        health.score,
        stopped.report.ledger.lost(Disposition::Quarantined)
    );
    proven(health.lowest_score < 1.0, evidence)
}

/// A decision is evaluated once; from then on it is looked up.
fn compiled_decisions() -> Result<Proven, ProfileError> {
    let mut decider = decider().map_err(ProfileError::Subject)?;
    let clock = Clock::new();
    let mut took = |input: &[u8]| {
        let begun = clock.raw();
        let _decision = black_box(decider.decide(input));
        clock.delta_as_nanos(begun, clock.raw())
    };
    let inputs: Vec<String> = (0..INPUTS).map(|number| format!("{{\"amount\":{number}}}")).collect();
    let mut median = |rounds: usize| {
        let mut times: Vec<u64> =
            (0..rounds).flat_map(|_| inputs.iter()).map(|input| took(input.as_bytes())).collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    let (miss, hit) = (median(1), median(ROUNDS));
    let cache = decider.cache();
    let (misses, hits) = (cache.misses(), cache.hits());
    let evidence =
        format!("{misses} decisions evaluated, {hits} looked up: {miss} ns beside {hit} ns at the median");
    // Two inputs may want one place of the cache: then one of them is evaluated again.
    proven(hits > misses && hit * 2 < miss, evidence)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    #[test]
    fn pre_warm_is_proven_by_what_a_start_without_it_costs() {
        if page_faults().is_none() {
            eprintln!("SKIPPED: this system tells no page faults of a thread");
            return;
        }
        // The allocator of tests takes fresh memory for as much as this.
        match pre_warm().unwrap() {
            Proven::Yes(evidence) => assert!(evidence.contains("with pre-warm left out"), "{evidence}"),
            Proven::No(evidence) | Proven::Unknown(evidence) => panic!("{evidence}"),
        }
    }
}
