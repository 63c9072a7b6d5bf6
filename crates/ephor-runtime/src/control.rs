//! The control lane of a worker: polled first on every duty cycle, never held.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use ephor_core::{AgentId, Ticks};
use ephor_lane::gateway;
use ephor_lane::park::Waker;

/// Orders that wait at most at one worker.
pub(crate) const CONTROL_LIMIT: usize = 256;

/// An order to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// Rebuild a crashed agent.
    Restart(AgentId),
    /// Stop a crashed agent for good.
    Abandon(AgentId),
    /// Answer in a turn of this agent.
    Ping(AgentId),
    /// Go on without an auditor that does not read: what it would get is counted as gaps.
    Unrecord,
    /// Go on to the next phase of the shutdown.
    Stop(Phase),
}

/// Phases of a shutdown; a worker passes them in order and posts each when it is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Everything runs.
    Running = 0,
    /// Gateways are closed; what they took is still handled.
    GatewaysClosed = 1,
    /// All agents but those that stop last have stopped, and their lanes are empty.
    AgentsStopped = 2,
    /// The agents that stop last have stopped.
    AllStopped = 3,
    /// The worker has counted what was left and goes.
    Gone = 4,
}

/// How far a worker is; written by it, read by whoever shuts down.
#[derive(Clone, Debug, Default)]
pub(crate) struct PhasePost(Arc<AtomicU8>);

impl PhasePost {
    pub(crate) fn post(&self, phase: Phase) {
        // Release: pairs with the Acquire in `reached`; what the phase did is visible with it.
        self.0.store(phase as u8, Ordering::Release);
    }

    pub(crate) fn reached(&self, phase: Phase) -> bool {
        // Acquire: pairs with the Release in `post`.
        self.0.load(Ordering::Acquire) >= phase as u8
    }
}

/// The sending end of every worker's control lane.
#[derive(Clone)]
pub(crate) struct Controls {
    pub(crate) lanes: Arc<[(gateway::Sender<Control>, Option<Waker>)]>,
    /// The worker of each agent; gateways have none.
    pub(crate) worker_of: Arc<[Option<usize>]>,
    /// When each agent last answered a ping, on the bus clock; 0 before the first.
    pub(crate) answers: Arc<[AtomicU64]>,
    /// When each agent had handled its first messages, on the bus clock; 0 before that.
    pub(crate) firsts: Arc<[AtomicU64]>,
}

impl Controls {
    /// Sends `order` to the worker of `agent`; false when the lane is full or the agent unknown.
    pub(crate) fn to_agent(&self, agent: AgentId, order: Control) -> bool {
        match self.worker_of.get(agent.index()) {
            Some(Some(worker)) => self.to_worker(*worker, order),
            _ => false,
        }
    }

    /// Says that `agent` had a turn at `now`.
    pub(crate) fn answer(&self, agent: AgentId, now: Ticks) {
        // Relaxed: nothing else is handed over with it.
        self.answers[agent.index()].store(now.as_ns().max(1), Ordering::Relaxed);
    }

    /// Says that `agent` had handled its first messages at `now`.
    pub(crate) fn handled_first(&self, agent: AgentId, now: Ticks) {
        // Relaxed: nothing else is handed over with it.
        self.firsts[agent.index()].store(now.as_ns().max(1), Ordering::Relaxed);
    }

    /// When `agent` had handled its first messages.
    pub(crate) fn first_of(&self, agent: AgentId) -> Option<Ticks> {
        // Relaxed: see `handled_first`.
        let at = Ticks::from_ns(self.firsts.get(agent.index())?.load(Ordering::Relaxed));
        (at.as_ns() > 0).then_some(at)
    }

    /// Whether `agent` has answered a ping at `since` or later, and when.
    pub(crate) fn answered_since(&self, agent: AgentId, since: Ticks) -> Option<Ticks> {
        // Relaxed: see `answer`.
        let at = Ticks::from_ns(self.answers.get(agent.index())?.load(Ordering::Relaxed));
        (at >= since && at.as_ns() > 0).then_some(at)
    }

    /// Sends `order` to a worker; false when its lane is full or closed.
    pub(crate) fn to_worker(&self, worker: usize, order: Control) -> bool {
        let (lane, waker) = &self.lanes[worker];
        let sent = lane.try_send(order).is_ok();
        if let Some(waker) = waker {
            waker.wake();
        }
        sent
    }
}
