//! A cell: one agent on its worker, with its mailbox, its hands and its supervision.
//!
//! The worker makes one erased call a turn; inside, everything is typed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrayvec::ArrayVec;
use ephor_core::{AgentId, Correlation, Frame, Kind, Ticks};
use ephor_lane::pool::Loan;

use crate::cx::{Cx, Streams};
use crate::delivery::{deliver, handle};
use crate::edge::InEdge;
use crate::env::Env;
use crate::hands::Hands;
use crate::looks::Looks;
use crate::supervision::{Incident, Notice, Quarantined, Restart, RestartWindow, Supervision};
use crate::trail::{Boundary, Fate};
use crate::{Agent, Disposition};

/// Most messages that a turn takes from one lane: the fairness bound.
pub(crate) const BATCH_LIMIT: usize = 64;

/// Turns in a row whose room may end before the last lane; then a turn begins with a lane that was passed over.
const PASSED_OVER_LIMIT: u32 = 8;

/// Messages kept in quarantine; beyond it they are counted, and their bytes are in the audit trail only.
const QUARANTINE_LIMIT: usize = 1024;

/// Notices that wait for room in the supervisor's lane.
const NOTICE_LIMIT: usize = 8;

/// Where an agent is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Reserved, not yet started.
    Fresh,
    /// Running, with no message handled yet.
    Untried,
    Running,
    /// Rebuilt and running, with no message handled since.
    Proving,
    Crashed,
    /// Stopped for good; what is or arrives in its lanes is lost under this name.
    Stopped(Disposition),
}

/// The message that crashed the agent.
struct Fault<F> {
    frame: F,
    loan: Option<Loan>,
    crashes: u32,
}

/// What a cell is made of, apart from the agent's type.
pub(crate) struct Parts<F: Frame> {
    pub(crate) index: u16,
    pub(crate) name: String,
    /// In polling order.
    pub(crate) inbound: Vec<InEdge<F>>,
    pub(crate) hands: Hands<F>,
    pub(crate) supervision: Supervision,
    pub(crate) streams: Streams,
    /// Whether the agent stops after all others, as the auditor does.
    pub(crate) stops_last: bool,
}

/// What came of a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// How much it did.
    pub(crate) work: usize,
    /// Whether the agent wants another turn although nothing new is sent to it by agents of its worker.
    pub(crate) is_restless: bool,
}

/// How long an agent took to start, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) build_ns: u64,
    pub(crate) hook_ns: u64,
}

/// A cell, whatever its agent's type.
pub(crate) trait Cell<F: Frame> {
    /// Builds the agent and runs its start hook; the error is the panic's message.
    fn start(&mut self, env: &mut Env) -> Result<Took, String>;
    /// One turn of the duty cycle.
    fn turn(&mut self, env: &mut Env) -> Turn;
    /// Gives the agent a turn; false when there is no agent to have one.
    fn answers_ping(&mut self, env: &mut Env) -> bool;
    /// Whether a timer of that life can be rung now. One of a former life can: it does nothing.
    fn has_timer_room(&mut self, life: u32) -> bool;
    /// Runs a timer, for which there is room.
    fn timer(&mut self, life: u32, token: u64, env: &mut Env);
    /// Orders a crashed agent to be rebuilt at its next turn with room for its start hook.
    fn restart(&mut self);
    /// Stops a crashed agent for good.
    fn abandon(&mut self, env: &mut Env);
    /// Runs the stop hook; what is left in the lanes is undelivered.
    fn stop(&mut self, env: &mut Env);
    /// The parts that do not depend on the agent's type.
    fn parts(&self) -> &Parts<F>;
    /// Ends what foreign threads may send to this agent.
    fn close_gateways(&mut self);
    /// Whether it has to have a turn now and then, though nobody sends to it: it has a source of its own, or does not run.
    fn is_looking(&self) -> bool;
    /// Has the next turn look at every lane.
    fn look_everywhere(&mut self);
    /// Messages in the lanes, and the one at fault.
    fn in_flight(&self) -> usize;
    /// Whether nothing is in flight here, and nothing can arrive from a foreign thread any more.
    fn is_drained(&self) -> bool;
}

/// One agent with its factory and its parts.
pub(crate) struct AgentCell<A, F: Frame, B> {
    factory: B,
    agent: Option<A>,
    parts: Parts<F>,
    state: State,
    /// Whether any of its lanes is filled from elsewhere than this worker, which says nothing.
    is_polled: bool,
    looks: Looks,
    /// Whether the supervisor has ordered the crashed agent to be rebuilt.
    is_restart_ordered: bool,
    fault: Option<Fault<F>>,
    life: u32,
    /// Turns in a row whose room ended before the last lane, and the lane that last went first for it.
    passed_over: u32,
    favoured: usize,
    window: RestartWindow,
    notices: ArrayVec<Notice, NOTICE_LIMIT>,
}

impl<A, F, B> AgentCell<A, F, B>
where
    A: Agent<F>,
    F: Frame,
    B: FnMut() -> A,
{
    pub(crate) fn new(factory: B, parts: Parts<F>) -> Self {
        Self {
            is_polled: parts.inbound.iter().any(|edge| !edge.lane.is_local()),
            looks: Looks::new(parts.inbound.iter().map(|edge| edge.is_urgent)),
            factory,
            agent: None,
            parts,
            state: State::Fresh,
            is_restart_ordered: false,
            fault: None,
            life: 0,
            passed_over: 0,
            favoured: 0,
            window: RestartWindow::default(),
            notices: ArrayVec::new(),
        }
    }

    /// Whether the agent is there to have a turn.
    #[inline]
    fn runs(&self) -> bool {
        matches!(self.state, State::Running | State::Untried | State::Proving)
    }

    /// Handles up to a batch from each lane that is looked at, in polling order.
    #[inline]
    fn run(&mut self, env: &mut Env) -> Turn {
        let mut work = if self.fault.is_some() { self.redeliver(env) } else { 0 };
        let lanes = self.parts.inbound.len();
        let first = if self.passed_over < PASSED_OVER_LIMIT { 0 } else { self.favour() };
        let (mut from, mut end, mut is_left) = (first, lanes, false);
        self.looks.begin();
        loop {
            let Some(lane) = self.looks.next(from..end) else {
                if first == 0 || end == first {
                    break;
                }
                // On with the lanes before the first.
                (from, end) = (0, first);
                continue;
            };
            from = lane + 1;
            let waiting = self.parts.inbound[lane].lane.receive(BATCH_LIMIT);
            self.looks.saw(lane, waiting > 0);
            if waiting > 0 && self.agent.is_some() {
                let limit = self.parts.hands.room(waiting, env);
                if limit == 0 {
                    self.passed_over += 1;
                    work += self.run_cycle_hook(env);
                    return Turn { work, is_restless: true };
                }
                if limit < waiting {
                    self.parts.inbound[lane].lane.receive(limit);
                }
                is_left |= waiting == BATCH_LIMIT || limit < waiting;
                work += self.run_lane(lane, limit, env);
            }
        }
        self.passed_over = 0;
        work += self.run_cycle_hook(env);
        let is_restless = is_left || self.is_polled || self.is_looking();
        Turn { work, is_restless }
    }

    /// The lane that a turn begins with when the room has ended too often before the others had theirs.
    #[cold]
    fn favour(&mut self) -> usize {
        self.passed_over = 0;
        self.favoured = (self.favoured + 1) % self.parts.inbound.len().max(1);
        self.favoured
    }

    /// Handles the `count` messages of one lane that were received.
    #[inline]
    fn run_lane(&mut self, lane: usize, count: usize, env: &mut Env) -> usize {
        let (cell, life) = (self.parts.index, self.life);
        let Some(agent) = self.agent.as_mut() else { return 0 };
        let Parts { inbound, hands, streams, .. } = &mut self.parts;
        let edge = &inbound[lane];
        let begun = hands.calls();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let cx = Cx { hands, env, streams, hand: None, fate: Fate::HANDLED, cell, life };
            handle(agent, edge, cx);
        }));
        match outcome {
            Ok(()) => {
                self.parts.inbound[lane].lane.release(count);
                self.parts.hands.publish(env);
                self.prove(env);
                count
            }
            Err(panic) => {
                let taken = (self.parts.hands.calls() - begun) as usize;
                self.crash_at(lane, taken, panic.as_ref(), env);
                taken
            }
        }
    }

    /// Takes the agent down after its handler of the last of the `taken` messages of a lane panicked.
    #[cold]
    fn crash_at(&mut self, lane: usize, taken: usize, panic: &(dyn Any + Send), env: &mut Env) {
        let Some(at_fault) = taken.checked_sub(1) else { return self.crash(None, panic, env) };
        self.parts.hands.break_run();
        let lane = &mut self.parts.inbound[lane].lane;
        let frame = *lane.get(at_fault);
        lane.release(taken);
        let fault = Fault { frame, loan: env.loan.take(), crashes: 1 };
        self.crash(Some(fault), panic, env);
    }

    /// Delivers the message at fault again, to the rebuilt agent.
    #[cold]
    fn redeliver(&mut self, env: &mut Env) -> usize {
        if self.parts.hands.room(1, env) == 0 {
            return 0;
        }
        let Some(Fault { frame, loan, crashes }) = self.fault.take() else { return 0 };
        let (cell, life) = (self.parts.index, self.life);
        let Some(agent) = self.agent.as_mut() else { return 0 };
        let Parts { hands, streams, .. } = &mut self.parts;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            env.loan = loan;
            let mut cx = Cx { hands, env, streams, hand: None, fate: Fate::HANDLED, cell, life };
            deliver(agent, &frame, &mut cx);
        }));
        match outcome {
            Ok(()) => {
                self.parts.hands.publish(env);
                self.prove(env);
            }
            Err(panic) => {
                let fault = Fault { frame, loan: env.loan.take(), crashes: crashes + 1 };
                self.crash(Some(fault), panic.as_ref(), env);
            }
        }
        1
    }

    /// Lets the agent look at its own sources.
    #[inline]
    fn run_cycle_hook(&mut self, env: &mut Env) -> usize {
        if !self.parts.hands.has_cycle || !self.parts.hands.has_hold_room() {
            return 0;
        }
        self.hook(env, |agent, cx| agent.on_cycle(cx)).unwrap_or(0)
    }

    /// Runs a hook; `None` when there is no agent, or a panic.
    fn hook<T>(&mut self, env: &mut Env, run: impl FnOnce(&mut A, &mut Cx<'_, F>) -> T) -> Option<T> {
        let agent = self.agent.as_mut()?;
        let Parts { index, hands, streams, .. } = &mut self.parts;
        let (cell, life) = (*index, self.life);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            hands.begin_call();
            let mut cx = Cx { hands, env, streams, hand: None, fate: Fate::HANDLED, cell, life };
            let answer = run(agent, &mut cx);
            hands.end_call(env);
            answer
        }));
        match outcome {
            Ok(answer) => {
                self.parts.hands.publish(env);
                Some(answer)
            }
            Err(panic) => {
                self.crash(None, panic.as_ref(), env);
                None
            }
        }
    }

    /// Takes the agent down after a panic; keeps, or puts away, the message at fault.
    #[cold]
    fn crash(&mut self, fault: Option<Fault<F>>, panic: &(dyn Any + Send), env: &mut Env) {
        self.parts.hands.rewind_call(env);
        self.drop_agent();
        self.life += 1;
        self.state = State::Crashed;
        let limit = self.parts.supervision.quarantine_after.max(1);
        let mut incident =
            Incident::Crashed { kind: Kind(0), correlation: Correlation(0), crashes: 0, quarantined: false };
        if let Some(fault) = fault {
            let header = fault.frame.header();
            let quarantined = fault.crashes >= limit;
            incident = Incident::Crashed {
                kind: header.kind,
                correlation: header.correlation,
                crashes: fault.crashes,
                quarantined,
            };
            if quarantined {
                self.put_away(fault, panic_message(panic), env);
            } else {
                self.fault = Some(fault);
            }
        }
        self.parts.hands.publish(env);
        self.tell(incident, env);
    }

    /// Moves a message to quarantine with its bytes. Control path: it allocates.
    fn put_away(&mut self, fault: Fault<F>, panic: String, env: &mut Env) {
        let entry = Quarantined {
            agent: self.parts.name.clone(),
            header: *fault.frame.header(),
            payload: fault.frame.payload().to_vec(),
            block: fault.loan.as_ref().map(|loan| loan.to_vec()),
            crashes: fault.crashes,
            at_ticks: env.now,
            panic,
        };
        let mut quarantine = env.quarantine.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if quarantine.len() < QUARANTINE_LIMIT {
            quarantine.push(entry);
        }
        drop(quarantine);
        let fate = Fate::new(Disposition::Quarantined, Boundary::Handler);
        self.parts.hands.settle(&fault.frame, fate, env);
    }

    /// Drops the agent; a panic of its destructor changes nothing more.
    fn drop_agent(&mut self) {
        let agent = self.agent.take();
        if catch_unwind(AssertUnwindSafe(move || drop(agent))).is_err() {
            // The agent is gone either way, and it is counted as crashed already.
        }
    }

    /// Builds the agent and runs its start hook.
    fn build(&mut self, env: &mut Env) -> Result<Took, Box<dyn Any + Send>> {
        let begun = env.clock.read();
        let agent = catch_unwind(AssertUnwindSafe(&mut self.factory))?;
        let built = env.clock.read();
        let agent = self.agent.insert(agent);
        let Parts { index, hands, streams, .. } = &mut self.parts;
        let (cell, life) = (*index, self.life);
        catch_unwind(AssertUnwindSafe(|| {
            hands.begin_call();
            let mut cx = Cx { hands, env, streams, hand: None, fate: Fate::HANDLED, cell, life };
            agent.on_start(&mut cx);
            hands.end_call(env);
        }))?;
        self.parts.hands.publish(env);
        Ok(Took { build_ns: built.since_ns(begun), hook_ns: env.clock.read().since_ns(built) })
    }

    /// The turn of an agent that does not run.
    #[cold]
    fn rest(&mut self, env: &mut Env) -> usize {
        match self.state {
            State::Crashed => self.recover(env),
            State::Stopped(loss) => self.drain(loss, env),
            State::Fresh | State::Untried | State::Running | State::Proving => 0,
        }
    }

    /// What a crashed agent does in its turn: it is restarted by its worker or on order, or it waits.
    fn recover(&mut self, env: &mut Env) -> usize {
        if !self.parts.hands.has_hold_room() {
            // The start hook may emit. Until it can, neither an order nor a restart of the window is spent.
            return 0;
        }
        if std::mem::take(&mut self.is_restart_ordered) {
            self.rebuild(env);
            return 1;
        }
        match self.parts.supervision.restart {
            Restart::BySupervisor => 0,
            Restart::ByWorker { at_most, within_ns } => {
                if self.window.admit(env.now, at_most, within_ns) {
                    self.rebuild(env);
                } else {
                    self.give_up(env);
                }
                1
            }
        }
    }

    fn rebuild(&mut self, env: &mut Env) {
        match self.build(env) {
            Ok(_) => {
                self.state = State::Proving;
                self.tell(Incident::Restarted, env);
            }
            Err(panic) => self.crash(None, panic.as_ref(), env),
        }
    }

    fn give_up(&mut self, env: &mut Env) {
        self.state = State::Stopped(Disposition::Stopped);
        self.tell(Incident::Stopped, env);
    }

    /// After its first message since it was rebuilt, the agent counts as recovered; its first of all is noted.
    #[inline]
    fn prove(&mut self, env: &mut Env) {
        if self.state != State::Running {
            self.first_message(env);
        }
    }

    #[cold]
    fn first_message(&mut self, env: &mut Env) {
        match self.state {
            State::Untried => env.controls.handled_first(self.parts.hands.me, env.clock.now()),
            State::Proving => self.tell(Incident::Recovered, env),
            _ => return,
        }
        self.state = State::Running;
    }

    /// Empties the lanes of a stopped agent; bounded by the room for records.
    fn drain(&mut self, loss: Disposition, env: &mut Env) -> usize {
        let mut work = 0;
        if self.parts.hands.record_room(1, env) > 0
            && let Some(fault) = self.fault.take()
        {
            self.parts.hands.settle(&fault.frame, Fate::new(loss, Boundary::Exit), env);
            work += 1;
        }
        for lane in 0..self.parts.inbound.len() {
            let limit = self.parts.hands.record_room(BATCH_LIMIT, env);
            let count = self.parts.inbound[lane].lane.receive(limit);
            for index in 0..count {
                let frame = *self.parts.inbound[lane].lane.get(index);
                self.parts.hands.settle(&frame, Fate::new(loss, Boundary::Exit), env);
            }
            self.parts.inbound[lane].lane.release(count);
            work += count;
        }
        self.parts.hands.publish(env);
        work
    }

    /// Tells the supervisor, now or at a later turn.
    #[cold]
    fn tell(&mut self, incident: Incident, env: &mut Env) {
        let notice = Notice { agent: self.parts.hands.me, at_ticks: env.now, incident };
        if self.notices.is_full() {
            self.notices.remove(0);
        }
        self.notices.push(notice);
        self.send_notices(env);
    }

    #[cold]
    fn send_notices(&mut self, env: &mut Env) {
        while let Some(notice) = self.notices.first() {
            if !env.notify(*notice) {
                return;
            }
            self.notices.remove(0);
        }
    }
}

impl<A, F, B> Cell<F> for AgentCell<A, F, B>
where
    A: Agent<F>,
    F: Frame,
    B: FnMut() -> A,
{
    fn start(&mut self, env: &mut Env) -> Result<Took, String> {
        let took = self.build(env).map_err(|panic| panic_message(panic.as_ref()))?;
        self.state = State::Untried;
        Ok(took)
    }

    fn answers_ping(&mut self, env: &mut Env) -> bool {
        self.turn(env);
        self.runs()
    }

    fn turn(&mut self, env: &mut Env) -> Turn {
        if !self.notices.is_empty() {
            self.send_notices(env);
        }
        if self.runs() { self.run(env) } else { Turn { work: self.rest(env), is_restless: true } }
    }

    fn has_timer_room(&mut self, life: u32) -> bool {
        life != self.life || self.agent.is_none() || self.parts.hands.has_hold_room()
    }

    fn timer(&mut self, life: u32, token: u64, env: &mut Env) {
        if life == self.life {
            self.hook(env, |agent, cx| agent.on_timer(token, cx));
        }
    }

    fn restart(&mut self) {
        self.is_restart_ordered = self.state == State::Crashed;
    }

    fn abandon(&mut self, env: &mut Env) {
        if self.state == State::Crashed {
            self.give_up(env);
        }
    }

    fn stop(&mut self, env: &mut Env) {
        self.hook(env, |agent, cx| agent.on_stop(cx));
        self.drop_agent();
        if !matches!(self.state, State::Stopped(_)) {
            self.state = State::Stopped(Disposition::Undelivered);
        }
    }

    fn parts(&self) -> &Parts<F> {
        &self.parts
    }

    fn close_gateways(&mut self) {
        self.parts.inbound.iter_mut().for_each(|edge| edge.lane.close_gateway());
    }

    fn is_looking(&self) -> bool {
        let is_settled = matches!(self.state, State::Running | State::Untried);
        self.parts.hands.has_cycle || !self.notices.is_empty() || !is_settled
    }

    fn look_everywhere(&mut self) {
        self.looks.look_everywhere();
    }

    fn in_flight(&self) -> usize {
        let waiting: usize = self.parts.inbound.iter().map(|edge| edge.lane.len_estimate()).sum();
        waiting + usize::from(self.fault.is_some())
    }

    fn is_drained(&self) -> bool {
        self.fault.is_none() && self.parts.inbound.iter().all(|edge| edge.lane.is_drained())
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}

/// Whether `AgentId` is the agent of `cell`.
pub(crate) fn is_agent<F: Frame>(cell: &dyn Cell<F>, agent: AgentId) -> bool {
    cell.parts().hands.me == agent
}

/// The time by which an agent's timer that found no room tries again.
pub(crate) fn retry_at(now: Ticks) -> Ticks {
    now.after_ns(crate::worker::TIMER_TICK_NS)
}
