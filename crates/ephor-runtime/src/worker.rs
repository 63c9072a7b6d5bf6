//! A worker: one thread that runs its agents in a duty cycle, control lane first, timers in their own turn.

use std::hint::black_box;

use ephor_core::{AgentId, Frame};
use ephor_lane::gateway;
use ephor_lane::park::Parker;

use crate::cell::{Cell, Parts, Took, is_agent, retry_at};
use crate::control::{CONTROL_LIMIT, Control, Phase, PhasePost};
use crate::env::{Alarm, Env};
use crate::idle::{IdleStrategy, Idler};
use crate::start::AgentStart;
use crate::times::Times;
use crate::topology::Prewarm;

/// Resolution of timers.
pub(crate) const TIMER_TICK_NS: u64 = 1_000_000;
/// Timers that one worker can hold.
pub(crate) const TIMER_LIMIT: usize = 1024;
/// Timers that one duty cycle fires.
const TIMERS_PER_CYCLE: usize = 64;
/// Stack that is touched before the first message.
const STACK_BYTES_TOUCHED: usize = 64 * 1024;
const PAGE_BYTES: usize = 4096;

/// What is left of a worker when it has gone.
#[derive(Debug)]
pub(crate) struct Remains {
    pub(crate) in_flight: u64,
    pub(crate) times: Option<Box<Times>>,
    pub(crate) trail_gaps: u64,
}

/// One worker with its agents.
pub(crate) struct Worker<F: Frame> {
    pub(crate) env: Env,
    pub(crate) cells: Vec<Box<dyn Cell<F>>>,
    pub(crate) control: gateway::Receiver<Control>,
    pub(crate) phase: PhasePost,
    /// Phase that was ordered, and the one that was reached.
    ordered: Phase,
    reached: Phase,
    has_stopped_agents: bool,
}

impl<F: Frame> Worker<F> {
    pub(crate) fn new(
        env: Env,
        cells: Vec<Box<dyn Cell<F>>>,
        control: gateway::Receiver<Control>,
        phase: PhasePost,
    ) -> Self {
        let (ordered, reached) = (Phase::Running, Phase::Running);
        Self { env, cells, control, phase, ordered, reached, has_stopped_agents: false }
    }

    /// Builds the agents and runs their start hooks, and says how long each took; the error is the agent and its panic's
    /// message.
    pub(crate) fn start(&mut self, prewarm: Prewarm) -> Result<Vec<AgentStart>, (String, String)> {
        if prewarm == Prewarm::Yes {
            touch_stack();
        }
        self.env.now = self.env.clock.now();
        let mut starts = Vec::new();
        for cell in &mut self.cells {
            let took = cell.start(&mut self.env).map_err(|panic| (cell.parts().name.clone(), panic))?;
            let Took { build_ns, hook_ns } = took;
            let Parts { name, .. } = cell.parts();
            starts.push(AgentStart {
                agent: name.clone(),
                worker: self.env.worker.into(),
                build_ns,
                hook_ns,
            });
        }
        Ok(starts)
    }

    /// Runs until the bus has stopped.
    pub(crate) fn run(&mut self, idle: IdleStrategy, mut parker: Option<Parker>) {
        let mut idler = Idler::new(idle);
        while self.reached < Phase::Gone {
            if self.cycle() > 0 {
                idler.reset();
            } else {
                idler.idle(parker.as_mut(), || self.timer_in_ns(), || self.has_work(), || self.is_looking());
                if !idler.is_spinning() {
                    self.env.time_has_passed();
                    // What it was woken for may wait where no turn has looked of late.
                    self.look_everywhere();
                }
            }
        }
    }

    /// Has the next turn of each agent look at all of its lanes.
    pub(crate) fn look_everywhere(&mut self) {
        self.cells.iter_mut().for_each(|cell| cell.look_everywhere());
    }

    /// One duty cycle; returns how much it did.
    pub(crate) fn cycle(&mut self) -> usize {
        self.env.begin_pass();
        let mut work = self.obey() + self.ring_timers();
        work += self.take_turns();
        if self.ordered > self.reached {
            work += self.advance();
        }
        if work > 0 {
            self.env.time_has_passed();
        }
        work
    }

    /// Gives a turn to every agent that may have something to do, in their order.
    #[inline]
    fn take_turns(&mut self) -> usize {
        let (mut work, mut next) = (0, 0);
        while let Some(at) = self.env.ready.take(next) {
            let turn = self.cells[at].turn(&mut self.env);
            if turn.is_restless {
                self.env.ready.set(at);
            }
            work += turn.work;
            next = at + 1;
        }
        work
    }

    /// What the worker leaves behind.
    pub(crate) fn remains(&mut self) -> Remains {
        Remains {
            in_flight: self.in_flight() as u64,
            times: self.env.times.take(),
            trail_gaps: self.env.trail_gaps + self.unread_records(),
        }
    }

    /// Messages in the lanes of its agents.
    pub(crate) fn in_flight(&self) -> usize {
        self.cells.iter().map(|cell| cell.in_flight()).sum()
    }

    /// Records that came when the auditor had stopped: nobody reads them any more.
    fn unread_records(&self) -> u64 {
        let trails = self.cells.iter().filter_map(|cell| cell.parts().streams.trail.as_ref());
        trails.map(|trail| trail.unread() as u64).sum()
    }

    /// Takes orders, before everything else.
    fn obey(&mut self) -> usize {
        let count = self.control.receive(CONTROL_LIMIT);
        if count == 0 {
            return 0;
        }
        for index in 0..count {
            match *self.control.get(index) {
                Control::Restart(agent) => self.on_agent(agent, |cell, _| cell.restart()),
                Control::Abandon(agent) => self.on_agent(agent, |cell, env| cell.abandon(env)),
                Control::Ping(agent) => self.answer(agent),
                Control::Unrecord => self.env.is_unrecorded = true,
                Control::Stop(phase) => self.ordered = self.ordered.max(phase),
            }
        }
        self.control.release(count);
        count
    }

    /// Answers a ping to `agent` in a turn of its own: one that crashed or was stopped has none, and does not answer.
    fn answer(&mut self, agent: AgentId) {
        let Some(at) = self.cells.iter().position(|cell| is_agent(cell.as_ref(), agent)) else { return };
        if self.cells[at].answers_ping(&mut self.env) {
            self.env.controls.answer(agent, self.env.clock.now());
        }
        self.env.ready.set(at);
    }

    fn on_agent(&mut self, agent: AgentId, act: impl Fn(&mut dyn Cell<F>, &mut Env)) {
        if let Some(at) = self.cells.iter().position(|cell| is_agent(cell.as_ref(), agent)) {
            act(self.cells[at].as_mut(), &mut self.env);
            self.env.ready.set(at);
        }
    }

    /// Fires timers that are due, so that they move however full the mailboxes are.
    fn ring_timers(&mut self) -> usize {
        if self.env.timers.is_empty() {
            return 0;
        }
        for fired in 0..TIMERS_PER_CYCLE {
            let Some((timer, alarm)) = self.env.timers.next_due(self.env.now.as_ns()) else { return fired };
            let Alarm { cell, life, token } = alarm;
            let at = usize::from(cell);
            let cell = &mut self.cells[at];
            if cell.has_timer_room(life) {
                self.env.timers.cancel(timer);
                cell.timer(life, token, &mut self.env);
                self.env.ready.set(at);
            } else {
                // The same timer, so that its agent can still cancel it.
                self.env.timers.postpone(timer, retry_at(self.env.now).as_ns());
            }
        }
        TIMERS_PER_CYCLE
    }

    /// Goes on with an ordered shutdown, one phase a cycle.
    fn advance(&mut self) -> usize {
        match self.reached {
            Phase::Running => {
                self.cells.iter_mut().for_each(|cell| cell.close_gateways());
                self.reach(Phase::GatewaysClosed);
            }
            Phase::GatewaysClosed => {
                if !self.has_stopped_agents {
                    self.has_stopped_agents = true;
                    self.stop_cells(|cell| !cell.parts().stops_last);
                }
                if self.is_drained(|cell| !cell.parts().stops_last) {
                    self.reach(Phase::AgentsStopped);
                }
            }
            Phase::AgentsStopped => {
                self.stop_cells(|cell| cell.parts().stops_last);
                self.reach(Phase::AllStopped);
            }
            Phase::AllStopped => {
                if self.is_drained(|_| true) {
                    self.reach(Phase::Gone);
                }
            }
            Phase::Gone => {}
        }
        1
    }

    fn stop_cells(&mut self, which: impl Fn(&dyn Cell<F>) -> bool) {
        for (at, cell) in self.cells.iter_mut().enumerate().filter(|(_, cell)| which(cell.as_ref())) {
            cell.stop(&mut self.env);
            self.env.ready.set(at);
        }
    }

    fn is_drained(&self, which: impl Fn(&dyn Cell<F>) -> bool) -> bool {
        self.cells.iter().filter(|cell| which(cell.as_ref())).all(|cell| cell.is_drained())
    }

    fn reach(&mut self, phase: Phase) {
        self.reached = phase;
        self.phase.post(phase);
    }

    /// Time until the next timer is due.
    fn timer_in_ns(&self) -> Option<u64> {
        self.env.timers.next_deadline_ns().map(|at| at.saturating_sub(self.env.clock.now().as_ns()))
    }

    /// Whether any agent has to be looked at although nothing will wake the worker for it.
    fn is_looking(&self) -> bool {
        self.cells.iter().any(|cell| cell.is_looking())
    }

    /// Whether a sleeping worker would have something to do.
    fn has_work(&self) -> bool {
        self.control.len_estimate() > 0
            || self.ordered > self.reached
            || self.cells.iter().any(|cell| {
                let streams = &cell.parts().streams;
                cell.in_flight() > 0
                    || streams.trail.as_ref().is_some_and(|trail| trail.has_work())
                    || streams.notices.as_ref().is_some_and(|notices| notices.has_work())
            })
    }
}

/// Touches the stack that handlers will use, so that the first message does not pay for its pages.
#[inline(never)]
fn touch_stack() {
    let mut stack = [0_u8; STACK_BYTES_TOUCHED];
    for page in (0..STACK_BYTES_TOUCHED).step_by(PAGE_BYTES) {
        stack[page] = 1;
    }
    black_box(&stack);
}
