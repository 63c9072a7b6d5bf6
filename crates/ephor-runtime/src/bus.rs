//! The running bus: its threads, its ledger, and its shutdown.
//!
//! A shutdown goes by phases. Gateways close; what they took is handled until nothing is in flight; agents
//! stop; the auditor stops last, with every record; then the workers count what was left and go.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ephor_core::{AgentId, Frame, Frame128, Ticks};
use hdrhistogram::Histogram;

use crate::affinity::pin_current;
use crate::clock::{BusClock, Clock};
use crate::control::{Control, Controls, Phase, PhasePost};
use crate::ledger::{Books, Ledger};
use crate::plan::Plan;
use crate::receipt::Receipts;
use crate::seating::WorkerPlan;
use crate::start::WorkerStart;
use crate::supervision::Quarantined;
use crate::times::{TimeSpent, sum_up};
use crate::worker::Remains;
use crate::{Pin, PingError, ShutdownError, StartError};

/// How often a shutdown looks at what it waits for. Control path.
const LOOK_EVERY: Duration = Duration::from_micros(100);
/// How often a ping gives its core away before it sleeps between its looks.
const PING_YIELDS: u32 = 1_000;
/// How long a shutdown waits once more after it has given up on the auditor.
const UNRECORDED_GRACE: Duration = Duration::from_millis(200);

/// Percentiles of a duration, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Half of all were at most this long.
    pub p50: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1000.
    pub p999: u64,
    /// All.
    pub max: u64,
    /// How many there were.
    pub count: u64,
}

impl Latency {
    /// Reads the percentiles off a histogram of nanoseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            p50: histogram.value_at_quantile(0.5),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
            count: histogram.len(),
        }
    }
}

/// What a bus leaves behind.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was sent and what became of it.
    pub ledger: Ledger,
    /// Messages that crashed their handlers too often, with their bytes.
    pub quarantine: Vec<Quarantined>,
    /// Time from send to handler, when the topology measured.
    pub hop_ns: Option<Latency>,
    /// Where that time and the handlers' was spent, when the topology measured.
    pub time_spent: Vec<TimeSpent>,
    /// Losses that the audit trail had no room to record; they are in the ledger.
    pub trail_gaps: u64,
    /// How long the bus ran.
    pub elapsed: Duration,
}

/// What a worker's thread says while it starts.
enum Hello {
    Pinned(Option<usize>),
    Started(WorkerStart),
    Failed(StartError),
}

/// One worker's thread.
struct Thread {
    describe: String,
    pinned: Option<usize>,
    start: Option<WorkerStart>,
    phase: PhasePost,
    handle: Option<JoinHandle<Remains>>,
}

/// A running bus.
///
/// Dropping it stops it without waiting for what is in flight; [`Bus::shutdown`] drains it first.
pub struct Bus<F: Frame = Frame128> {
    threads: Vec<Thread>,
    controls: Controls,
    books: Books,
    /// Behind a lock that nobody waits for: with it a bus can be looked at, and its agents pinged, by several threads.
    receipts: Mutex<Option<Receipts>>,
    quarantine: Arc<Mutex<Vec<Quarantined>>>,
    started: Instant,
    clock: BusClock,
    opened: Ticks,
    frame: std::marker::PhantomData<fn() -> F>,
}

impl<F: Frame> Plan<F> {
    /// Starts the workers: pins them, touches their memory (unless [`Prewarm::No`](crate::Prewarm) was said), builds their agents, and opens the gateways.
    ///
    /// # Errors
    /// [`StartError`]; then nothing is left running.
    pub fn start(mut self) -> Result<Bus<F>, StartError> {
        let clock = BusClock::counter();
        let workers = std::mem::take(&mut self.workers);
        let mut bus = Bus {
            threads: Vec::new(),
            controls: self.controls.clone(),
            books: self.books.clone(),
            receipts: Mutex::new(self.receipts.take()),
            quarantine: Arc::clone(&self.quarantine),
            started: Instant::now(),
            clock: clock.clone(),
            opened: Ticks(0),
            frame: std::marker::PhantomData,
        };
        let mut channels = Vec::new();
        for worker in workers {
            let (thread, hellos, go) = spawn(worker, clock.clone())?;
            bus.threads.push(thread);
            channels.push((hellos, go));
        }
        // Every pin is known before any agent is built, so that a refusal leaves no trace.
        for (thread, (hellos, _)) in bus.threads.iter_mut().zip(&channels) {
            thread.pinned = expect_pinned(hellos)?;
        }
        for (_, go) in &channels {
            // A worker that has gone says why in its next hello.
            go.send(()).unwrap_or_default();
        }
        for (thread, (hellos, _)) in bus.threads.iter_mut().zip(&channels) {
            thread.start = Some(expect_started(hellos)?);
        }
        self.open_gateways(&clock);
        bus.opened = clock.now();
        Ok(bus)
    }
}

type Started = (Thread, mpsc::Receiver<Hello>, mpsc::Sender<()>);

/// Starts one worker's thread; it pins itself, and builds its agents when it is told to go on.
fn spawn<F: Frame>(plan: WorkerPlan<F>, clock: BusClock) -> Result<Started, StartError> {
    let (hello, hellos) = mpsc::channel();
    let (go, go_on) = mpsc::channel();
    let (index, describe, phase) = (plan.index, plan.describe(), plan.phase.clone());
    let ordered = clock.now();
    let handle = thread::Builder::new()
        .name(format!("ephor-{index}"))
        .spawn(move || run(plan, clock, ordered, &hello, &go_on))
        .map_err(|source| StartError::Thread { worker: index, source })?;
    Ok((Thread { describe, pinned: None, start: None, phase, handle: Some(handle) }, hellos, go))
}

/// The whole life of a worker's thread.
fn run<F: Frame>(
    mut plan: WorkerPlan<F>,
    clock: BusClock,
    ordered: Ticks,
    hello: &mpsc::Sender<Hello>,
    go_on: &mpsc::Receiver<()>,
) -> Remains {
    let nothing = Remains { in_flight: 0, times: None, trail_gaps: 0 };

    // Whoever listens may be gone because another worker failed; then `go_on` fails too.
    let say = |word| hello.send(word).unwrap_or_default();
    let ran;
    match pin(&plan) {
        Ok(pinned) => {
            ran = clock.now();
            say(Hello::Pinned(pinned));
        }
        Err(error) => {
            say(Hello::Failed(error));
            plan.phase.post(Phase::Gone);
            return nothing;
        }
    }
    if go_on.recv().is_err() {
        plan.phase.post(Phase::Gone);
        return nothing;
    }
    let (idle, parker, phase) = (plan.options.idle, plan.parker.take(), plan.phase.clone());
    let begun = clock.now();
    let prewarm = plan.prewarm;
    let mut worker = plan.seat(clock.clone());
    let seated = clock.now();
    match worker.start(prewarm) {
        Ok(agents) => {
            let (thread_ns, seat_ns) = (ran.since_ns(ordered), seated.since_ns(begun));
            say(Hello::Started(WorkerStart { thread_ns, seat_ns, agents }));
        }
        Err((agent, message)) => {
            say(Hello::Failed(StartError::AgentPanicked { agent, message }));
            phase.post(Phase::Gone);
            return nothing;
        }
    }
    worker.run(idle, parker);
    worker.remains()
}

/// Pins the current thread as its plan says.
fn pin<F: Frame>(plan: &WorkerPlan<F>) -> Result<Option<usize>, StartError> {
    let Some(core) = plan.core() else { return Ok(None) };
    match (pin_current(core), plan.options.pin) {
        (Ok(()), _) => Ok(Some(core)),
        (Err(found), Pin::Required(_)) => Err(StartError::PinRefused { worker: plan.index, core, found }),
        (Err(_), _) => Ok(None),
    }
}

fn expect_pinned(hellos: &mpsc::Receiver<Hello>) -> Result<Option<usize>, StartError> {
    match hellos.recv() {
        Ok(Hello::Pinned(core)) => Ok(core),
        Ok(Hello::Failed(error)) => Err(error),
        Ok(Hello::Started(_)) | Err(_) => unreachable!("a worker says how its pin went before all else"),
    }
}

fn expect_started(hellos: &mpsc::Receiver<Hello>) -> Result<WorkerStart, StartError> {
    match hellos.recv() {
        Ok(Hello::Started(start)) => Ok(start),
        Ok(Hello::Failed(error)) => Err(error),
        Ok(Hello::Pinned(_)) | Err(_) => unreachable!("a worker says how its start went"),
    }
}

impl<F: Frame> Bus<F> {
    /// Takes the receipts, if the topology opened them and nobody took them yet.
    pub fn take_receipts(&mut self) -> Option<Receipts> {
        self.receipts.get_mut().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The core that each worker is pinned to, read back from the system.
    pub fn pinned(&self) -> Vec<Option<usize>> {
        self.threads.iter().map(|thread| thread.pinned).collect()
    }

    /// Reads the counters while the bus runs. In flight is what the counters leave over.
    pub fn ledger(&self) -> Ledger {
        let counted = self.books.ledger(0);
        let lost: u64 = counted.losses().values().sum();
        self.books.ledger(counted.sent().saturating_sub(counted.handled() + lost))
    }

    /// How long each worker and its agents took to start.
    pub fn starts(&self) -> Vec<WorkerStart> {
        self.threads.iter().filter_map(|thread| thread.start.clone()).collect()
    }

    /// When `agent` had handled its first message, and those of the same batch; none before that.
    pub fn first_handled(&self, agent: AgentId) -> Option<Ticks> {
        self.controls.first_of(agent)
    }

    /// When the gateways opened, on the bus clock.
    pub fn opened(&self) -> Ticks {
        self.opened
    }

    /// Reads the bus clock: the time that receipts and records carry.
    pub fn now(&self) -> Ticks {
        self.clock.now()
    }

    /// The bus clock, for other threads.
    pub fn clock(&self) -> Clock {
        Clock(self.clock.clone())
    }

    /// Asks for a turn of `agent` and waits until it has had one; returns how long that took.
    ///
    /// The order goes through the control lane of the agent's worker, which is polled first. So a worker whose handler does
    /// not return does not answer, nor does an agent that crashed or was stopped.
    ///
    /// # Errors
    /// [`PingError`].
    pub fn ping(&self, agent: AgentId, deadline: Duration) -> Result<Duration, PingError> {
        let since = self.clock.now();
        let begun = Instant::now();
        if !self.controls.to_agent(agent, Control::Ping(agent)) {
            return Err(PingError::NotAsked(agent));
        }
        let mut tries = 0_u32;
        loop {
            if let Some(at) = self.controls.answered_since(agent, since) {
                return Ok(Duration::from_nanos(at.since_ns(since)));
            }
            if begun.elapsed() >= deadline {
                return Err(PingError::NoAnswer { agent, waited: deadline });
            }
            tries += 1;
            if tries < PING_YIELDS {
                thread::yield_now();
            } else {
                thread::park_timeout(LOOK_EVERY);
            }
        }
    }

    /// Whether nothing is in flight.
    pub fn is_quiescent(&self) -> bool {
        self.books.is_quiescent()
    }

    /// Stops for good an agent that crashed and that no supervisor restarts.
    pub fn abandon(&self, agent: AgentId) -> bool {
        self.controls.to_agent(agent, Control::Abandon(agent))
    }

    /// Closes the gateways, handles what is in flight, stops the agents, and returns the ledger.
    ///
    /// When `deadline` comes before everything is handled, what is left is counted as undelivered.
    ///
    /// # Errors
    /// [`ShutdownError::Stuck`] names workers whose handlers do not return; their threads are left alone.
    pub fn shutdown(mut self, deadline: Duration) -> Result<Report, ShutdownError> {
        self.stop(deadline)
    }

    fn stop(&mut self, deadline: Duration) -> Result<Report, ShutdownError> {
        let begun = Instant::now();
        let until = begun + deadline;
        self.order(Control::Stop(Phase::GatewaysClosed));
        self.wait_until(until, |bus| bus.all_reached(Phase::GatewaysClosed) && bus.books.is_quiescent());
        // What does not stop within the deadline gets as long again, at least a second, to be told apart from what is stuck.
        let grace = Instant::now() + deadline.max(Duration::from_secs(1));
        for phase in [Phase::AgentsStopped, Phase::AllStopped, Phase::Gone] {
            self.order(Control::Stop(phase));
            self.wait_until(grace, |bus| bus.all_reached(phase));
            if !self.all_reached(phase) {
                // The auditor may be what everybody waits for.
                self.order(Control::Unrecord);
                self.wait_until(Instant::now() + UNRECORDED_GRACE, |bus| bus.all_reached(phase));
            }
        }
        self.report(begun)
    }

    fn order(&self, order: Control) {
        for worker in 0..self.threads.len() {
            // A full control lane belongs to a worker that is stuck; the report will say so.
            self.controls.to_worker(worker, order);
        }
    }

    fn all_reached(&self, phase: Phase) -> bool {
        self.threads.iter().all(|thread| thread.phase.reached(phase))
    }

    fn wait_until(&self, until: Instant, done: impl Fn(&Self) -> bool) {
        while !done(self) && Instant::now() < until {
            thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Joins the workers that have gone and adds up what they left.
    fn report(&mut self, begun: Instant) -> Result<Report, ShutdownError> {
        let mut stuck = Vec::new();
        let mut in_flight = 0;
        let mut trail_gaps = 0;
        let mut times = Vec::new();
        for thread in std::mem::take(&mut self.threads) {
            if !thread.phase.reached(Phase::Gone) {
                stuck.push(thread.describe);
                continue;
            }
            let Some(Ok(remains)) = thread.handle.map(JoinHandle::join) else { continue };
            in_flight += remains.in_flight;
            trail_gaps += remains.trail_gaps;
            times.extend(remains.times);
        }
        let (hop_ns, time_spent) = sum_up(&times, &self.books);
        if stuck.is_empty() {
            // What was settled last is in the counters a moment later.
            self.wait_until(Instant::now() + UNRECORDED_GRACE, |bus| bus.books.is_quiescent());
        }
        let quarantine = self.quarantine.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let report = Report {
            ledger: if stuck.is_empty() { self.books.ledger(in_flight) } else { self.ledger() },
            quarantine,
            hop_ns,
            time_spent,
            trail_gaps,
            elapsed: self.started.elapsed(),
        };
        if stuck.is_empty() {
            Ok(report)
        } else {
            Err(ShutdownError::Stuck { stuck, waited: begun.elapsed(), report: Box::new(report) })
        }
    }
}

impl<F: Frame> Drop for Bus<F> {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            // Nobody asks for the report; a stuck thread is left alone like after a shutdown.
            drop(self.stop(Duration::ZERO));
        }
    }
}

impl<F: Frame> std::fmt::Debug for Bus<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bus({} workers)", self.threads.len())
    }
}
