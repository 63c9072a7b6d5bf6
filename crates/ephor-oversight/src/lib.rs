//! Oversight: the four overseers, wired to a topology.
//!
//! ```text
//!  workers ──notices──► recovery ──restart──► workers          (supervision)
//!  workers ──records──► audit ──► log on disk                  (the trail)
//!  recovery, policy, audit ──pulses──► health                  (lossy, fire and forget)
//!  commands ──► policy ──what is permitted──► their target
//! ```
//!
//! **Absent on purpose:** logic beyond the wiring.
#![forbid(unsafe_code)]

use std::sync::Arc;

use ephor_audit::{AuditAgent, AuditHandle};
use ephor_core::{AgentId, Frame, Message};
use ephor_health::{Board, BoardConfig, HealthAgent, HealthError, HealthHandle, HealthView};
use ephor_policy::{PolicyAgent, PolicyHandle};
use ephor_recovery::{Orchestrator, Policy, RecoveryAgent, RecoveryHandle, RecoveryView, Strategy};
use ephor_runtime::{
    Accepts, Address, Agent, Gateway, Lane, Lossy, Out, Pulse, Shed, Supervision, Topology, WorkerId,
};

/// Pulses that wait for the health agent; a burst beyond it is shed and counted.
const PULSE_LANE: usize = 256;
/// The first wait before a crashed agent is restarted, and the longest.
const RESTART_NS_MIN: u64 = 1_000_000;
const RESTART_NS_MAX: u64 = 1_000_000_000;

/// What the overseers know.
#[derive(Clone, Debug)]
pub struct OversightView {
    /// Score, status and breakers.
    pub health: HealthView,
    /// Attempts and recoveries.
    pub recovery: RecoveryView,
}

/// The overseers of one topology.
///
/// Install it first, then [`watch`](Self::watch) the agents that recovery is to restart, add
/// [`audit`](Self::audit) and [`policy`](Self::policy) where wanted, and [`finish`](Self::finish).
#[derive(Debug)]
pub struct Oversight {
    health: HealthHandle,
    recovery: RecoveryHandle,
    health_agent: Address<HealthAgent>,
    recovery_agent: Address<RecoveryAgent>,
    breakers: Vec<(AgentId, u16)>,
    engine: Option<u16>,
    pulses: Lossy<Pulse>,
}

impl Oversight {
    /// Reserves `health` and `recovery` in the topology, with their default settings: an agent that crashes is
    /// restarted after 1 ms, 2 ms, 4 ms and so on up to 1 s, five times.
    pub fn install<F: Frame>(topology: &mut Topology<F>) -> Self {
        let policy = Policy::new(Strategy::Exponential)
            .initial_delay_ns(RESTART_NS_MIN)
            .max_delay_ns(RESTART_NS_MAX)
            .build()
            .expect("the settings are constants in range");
        Self::install_with(topology, BoardConfig::default(), policy)
            .expect("the default settings are in range")
    }

    /// Reserves `health` and `recovery` with settings of one's own.
    ///
    /// # Errors
    /// [`HealthError`] when a threshold of `board` is out of range.
    pub fn install_with<F: Frame>(
        topology: &mut Topology<F>,
        board: BoardConfig,
        policy: Policy,
    ) -> Result<Self, HealthError> {
        let health = HealthHandle::new(Board::new(board)?);
        let recovery = RecoveryHandle::new(Orchestrator::new(policy, 0));
        let health_agent = topology.reserve::<HealthAgent>("health");
        let recovery_agent = topology.reserve::<RecoveryAgent>("recovery");
        let pulses = topology.lossy::<Pulse, _, _>(recovery_agent, health_agent, PULSE_LANE, Shed::Newest);
        topology.supervisor(recovery_agent.id());
        let handle = health.clone();
        topology.install(health_agent, move || HealthAgent::new(handle.clone()));
        Ok(Self {
            health,
            recovery,
            health_agent,
            recovery_agent,
            breakers: Vec::new(),
            engine: None,
            pulses,
        })
    }

    /// Has recovery restart `agent` when it crashes, under a breaker named `name`.
    ///
    /// # Errors
    /// [`HealthError::NameTaken`] when a breaker of this name is on the board.
    pub fn watch<F: Frame>(
        &mut self,
        topology: &mut Topology<F>,
        agent: AgentId,
        name: &str,
    ) -> Result<(), HealthError> {
        let breaker = self.health.register(name)?;
        self.breakers.push((agent, breaker.0));
        topology.supervise(agent, Supervision::by_supervisor());
        Ok(())
    }

    /// Adds the auditor, who appends a record of every fate of every message to the log in `handle`.
    ///
    /// `trail` records a worker may wait for it; beyond that the bus is held back.
    ///
    /// # Errors
    /// [`HealthError`] when the board has no place for its breaker.
    pub fn audit<F: Frame>(
        &mut self,
        topology: &mut Topology<F>,
        handle: AuditHandle,
        trail: usize,
    ) -> Result<Address<AuditAgent>, HealthError> {
        let agent = topology.reserve::<AuditAgent>("audit");
        let pulse = self.pulse_of(topology, agent, "audit")?;
        topology.auditor(agent.id(), trail);
        topology.install(agent, move || AuditAgent::new(handle.clone(), Some(pulse)));
        Ok(agent)
    }

    /// Adds the policy agent for commands of type `C`, which passes what is permitted on to `target`.
    ///
    /// It is watched like other agents; its engine has a breaker of its own.
    ///
    /// # Errors
    /// [`HealthError`] when the board has no place for its breakers.
    pub fn policy<C, T, F>(
        &mut self,
        topology: &mut Topology<F>,
        handle: PolicyHandle,
        target: Address<T>,
        lane: impl Into<Lane>,
    ) -> Result<Address<PolicyAgent<C>>, HealthError>
    where
        C: Message,
        T: Accepts<C, F>,
        F: Frame,
    {
        let agent = topology.reserve::<PolicyAgent<C>>("policy");
        let permitted: Out<C> = topology.hold(agent, target, lane);
        let pulse = self.pulse_of(topology, agent, "policy engine")?;
        self.engine = Some(pulse.1);
        topology.install(agent, move || PolicyAgent::new(handle.clone(), permitted, Some(pulse)));
        self.watch(topology, agent.id(), "policy")?;
        Ok(agent)
    }

    /// Places health and recovery on a worker.
    pub fn place<F: Frame>(&self, topology: &mut Topology<F>, worker: WorkerId) {
        topology.place(self.health_agent.id(), worker).place(self.recovery_agent.id(), worker);
    }

    /// Installs recovery, now that it is known what it watches. Call it before the topology is built.
    pub fn finish<F: Frame>(&mut self, topology: &mut Topology<F>) {
        let breakers: Arc<[(AgentId, u16)]> = self.breakers.as_slice().into();
        let (handle, pulses) = (self.recovery.clone(), self.pulses);
        topology.install(self.recovery_agent, move || {
            RecoveryAgent::new(handle.clone(), pulses, Arc::clone(&breakers))
        });
    }

    /// What the overseers know now.
    pub fn view(&self) -> OversightView {
        OversightView { health: self.health.view(), recovery: self.recovery.view() }
    }

    /// A gateway through which a thread outside reports what it sees of the agents, in recovery's name: such as that one of
    /// them answers no ping.
    pub fn watchdog<F: Frame>(&self, topology: &mut Topology<F>) -> Gateway<HealthAgent, F> {
        topology.gateway_as(self.recovery_agent.id(), self.health_agent, PULSE_LANE)
    }

    /// The number of the breaker of a watched agent, for pulses about it.
    pub fn breaker_of(&self, agent: AgentId) -> Option<u16> {
        self.breakers.iter().find(|(known, _)| *known == agent).map(|(_, breaker)| *breaker)
    }

    /// The number of the breaker of the policy agent's engine.
    pub fn engine_breaker(&self) -> Option<u16> {
        self.engine
    }

    /// Recovery, for operators: to approve or reject a restart that waits for them.
    pub fn recovery(&self) -> &RecoveryHandle {
        &self.recovery
    }

    /// A way for `agent` to report under a breaker named `name`.
    fn pulse_of<A: Agent<F>, F: Frame>(
        &mut self,
        topology: &mut Topology<F>,
        agent: Address<A>,
        name: &str,
    ) -> Result<(Lossy<Pulse>, u16), HealthError> {
        let breaker = self.health.register(name)?;
        let port = topology.lossy::<Pulse, _, _>(agent, self.health_agent, PULSE_LANE, Shed::Newest);
        Ok((port, breaker.0))
    }
}
