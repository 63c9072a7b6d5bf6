//! The recovery agent: hears of crashes from the workers, and restarts agents when their attempts are due.
//!
//! A crash opens the agent's breaker; a restart sets it on trial; the first message handled closes it. After a
//! message went to quarantine, the restart alone closes it, since what crashed the agent is gone. The orchestrator
//! lives in a [`RecoveryHandle`] outside, where an operator can approve, reject and look.

use std::sync::Arc;

use ephor_core::{AgentId, Frame};
use ephor_runtime::{Agent, Cx, Incident, Lossy, Notice, Pulse, Vital, agent};
use parking_lot::Mutex;

use crate::orchestrator::{Attempt, Failed, Orchestrator, SERVICE_LIMIT, ServiceId, State};

/// Notices and attempts that one duty cycle takes: the fairness bound.
const BATCH_LIMIT: usize = 64;

/// What anyone may know of the recoveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryView {
    /// Attempts made.
    pub attempts: u64,
    /// Recoveries that succeeded.
    pub recoveries: u64,
    /// Recoveries that were given up.
    pub exhausted: u64,
}

/// The orchestrator outside of the agent.
#[derive(Clone)]
pub struct RecoveryHandle(Arc<Mutex<Orchestrator>>);

impl RecoveryHandle {
    /// Takes an orchestrator in.
    pub fn new(orchestrator: Orchestrator) -> Self {
        Self(Arc::new(Mutex::new(orchestrator)))
    }

    /// Lets an agent that waits for it be restarted, once. False when none waits.
    pub fn approve(&self, agent: AgentId) -> bool {
        self.0.lock().approve(ServiceId(agent.0))
    }

    /// Ends the recovery of an agent that waits for approval. False when none waits.
    pub fn reject(&self, agent: AgentId) -> bool {
        self.0.lock().reject(ServiceId(agent.0))
    }

    /// Where the recovery of an agent is.
    pub fn state(&self, agent: AgentId) -> State {
        self.0.lock().state(ServiceId(agent.0))
    }

    /// What was done so far.
    pub fn view(&self) -> RecoveryView {
        let orchestrator = self.0.lock();
        RecoveryView {
            attempts: orchestrator.attempts(),
            recoveries: orchestrator.recoveries(),
            exhausted: orchestrator.exhausted(),
        }
    }
}

impl std::fmt::Debug for RecoveryHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryHandle")
    }
}

/// Restarts agents.
pub struct RecoveryAgent {
    handle: RecoveryHandle,
    /// Where breakers are reported, and the breaker of each agent.
    pulses: Lossy<Pulse>,
    breakers: Arc<[(AgentId, u16)]>,
    /// Whether what crashed an agent last is still there to crash it again.
    has_culprit: Box<[bool; SERVICE_LIMIT]>,
    /// An order that found the control lane full.
    unsent: Option<Order>,
}

/// What a worker is told about an agent.
#[derive(Clone, Copy, Debug)]
enum Order {
    Restart(AgentId),
    Abandon(AgentId),
}

impl RecoveryAgent {
    /// An agent that reports `breakers` to `pulses`.
    pub fn new(handle: RecoveryHandle, pulses: Lossy<Pulse>, breakers: Arc<[(AgentId, u16)]>) -> Self {
        Self { handle, pulses, breakers, has_culprit: Box::new([false; SERVICE_LIMIT]), unsent: None }
    }

    fn hear<F: Frame>(&mut self, notice: Notice, cx: &mut Cx<'_, F>) {
        let agent = notice.agent;
        match notice.incident {
            Incident::Crashed { crashes, quarantined, .. } => {
                self.has_culprit[agent.index() % SERVICE_LIMIT] = crashes > 0 && !quarantined;
                self.pulse(agent, Vital::Down, cx);
                self.crashed(agent, cx);
            }
            Incident::Restarted if !self.has_culprit[agent.index() % SERVICE_LIMIT] => {
                self.recovered(agent, cx);
            }
            Incident::Recovered => self.recovered(agent, cx),
            Incident::Stopped => self.pulse(agent, Vital::Down, cx),
            _ => {}
        }
    }

    /// Schedules a first attempt, or counts the one under way as failed.
    fn crashed<F: Frame>(&mut self, agent: AgentId, cx: &mut Cx<'_, F>) {
        let service = ServiceId(agent.0);
        let now_ns = cx.now().as_ns();
        let failed = {
            let mut orchestrator = self.handle.0.lock();
            let failed = orchestrator.failed(service, now_ns);
            if failed == Failed::NotTrying && orchestrator.schedule(service, 0, None, now_ns).is_err() {
                // It waits for its turn or for approval already, which is as it should be.
                return;
            }
            failed
        };
        if failed == Failed::Exhausted {
            self.order(Order::Abandon(agent), cx);
        }
    }

    fn recovered<F: Frame>(&mut self, agent: AgentId, cx: &mut Cx<'_, F>) {
        self.has_culprit[agent.index() % SERVICE_LIMIT] = false;
        self.handle.0.lock().succeeded(ServiceId(agent.0));
        self.pulse(agent, Vital::Up, cx);
    }

    fn attempt<F: Frame>(&mut self, attempt: Attempt, cx: &mut Cx<'_, F>) {
        let agent = AgentId(attempt.service.0);
        self.pulse(agent, Vital::Trial, cx);
        self.order(Order::Restart(agent), cx);
    }

    fn order<F: Frame>(&mut self, order: Order, cx: &mut Cx<'_, F>) {
        let was_sent = match order {
            Order::Restart(agent) => cx.restart(agent),
            Order::Abandon(agent) => cx.abandon(agent),
        };
        self.unsent = (!was_sent).then_some(order);
    }

    fn pulse<F: Frame>(&self, agent: AgentId, vital: Vital, cx: &mut Cx<'_, F>) {
        if let Some((_, breaker)) = self.breakers.iter().find(|(known, _)| *known == agent) {
            // A pulse that is shed is counted in the ledger.
            let _offered = cx.offer(&self.pulses, Pulse::new(*breaker, vital));
        }
    }

    /// Has this agent woken when the next attempt is due.
    fn set_alarm<F: Frame>(&self, cx: &mut Cx<'_, F>) {
        let deadline_ns = self.handle.0.lock().next_deadline_ns();
        if let Some(deadline_ns) = deadline_ns {
            let deadline = ephor_core::Ticks::from_ns(deadline_ns);
            // Without a timer the worker still looks in whenever it wakes for something else.
            cx.schedule(deadline, 0).map(|_| ()).unwrap_or_default();
        }
    }
}

impl<F: Frame> Agent<F> for RecoveryAgent {
    fn on_cycle(&mut self, cx: &mut Cx<'_, F>) -> usize {
        let mut work = 0;
        if let Some(order) = self.unsent.take() {
            self.order(order, cx);
        }
        while work < BATCH_LIMIT && self.unsent.is_none() {
            let Some(notice) = cx.next_notice() else { break };
            self.hear(notice, cx);
            work += 1;
        }
        while work < BATCH_LIMIT && self.unsent.is_none() {
            let attempt = self.handle.0.lock().poll(cx.now().as_ns());
            let Some(attempt) = attempt else { break };
            self.attempt(attempt, cx);
            work += 1;
        }
        if work > 0 {
            self.set_alarm(cx);
        }
        work
    }
}

agent!(RecoveryAgent {});
