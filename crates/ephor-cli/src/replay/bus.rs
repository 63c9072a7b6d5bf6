//! The governed bus that a trace is replayed on.
//!
//! ```text
//!            event               query
//! customer ◄───────► desk ─────────────────────► tools
//!                     │ command                   ▲
//!                     └────────► policy ──────────┘ what is permitted
//!                     ◄─────────── response ─── tools
//! ```
//!
//! Each arrow that leaves customer, desk or tools is a gateway in that agent's name, since their messages are
//! read from the trace. Policy passes commands on by itself. Health, recovery and audit watch.

use std::collections::BTreeMap;

use ephor::audit::{AuditHandle, LogWriter};
use ephor::constitution::{Charter, Verdict};
use ephor::health::HealthError;
use ephor::policy::{Decider, PolicyAgent, PolicyHandle, ReasonSet};
use ephor::pool::{Handle, Loan, Pool};
use ephor::{
    Accepts, AgentId, BuildError, Bus, Correlation, Disposition, Frame128, Gateway, IdleStrategy, Message,
    Oversight, PanicAt, Pin, Receipt, Receipts, SendError, StartError, Topology, WorkerId, WorkerOptions,
};
use serde_json::json;

use crate::failure::Failure;
use crate::options::{Injection, Target};
use crate::replay::feeder::WINDOW_LINES;
use crate::replay::messages::{Command, Customer, Desk, Event, KINDS, Query, Response, Tools};
use crate::trace::{Actor, Line, LineKind};

/// Bytes of a pool block: the arguments of a call and what its run has changed so far.
pub(crate) const BLOCK_BYTES: usize = 64 * 1024;
/// Calls that can be under way at one time.
const BLOCKS: usize = 128;
/// Messages that each lane holds.
const LANE: usize = 256;
/// A replay leaves it to the system where its workers run, and they sleep when there is nothing to do.
const UNPINNED: WorkerOptions = WorkerOptions { pin: Pin::None, idle: IdleStrategy::park() };
/// Records that wait for the auditor, a worker.
const TRAIL: usize = 4096;

/// What the bus is built from, all of it checked.
pub(crate) struct Ingredients {
    pub(crate) charter: Charter,
    pub(crate) decider: Decider,
    pub(crate) log: LogWriter,
    pub(crate) workers: usize,
    pub(crate) injection: Option<Injection>,
    pub(crate) trace_name: String,
}

/// A bus that was built and started.
pub(crate) struct Running {
    pub(crate) bus: Bus,
    pub(crate) gates: Gates,
    pub(crate) oversight: Oversight,
    pub(crate) policy: PolicyHandle,
    pub(crate) audit: AuditHandle,
}

/// What became of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    disposition: Disposition,
    verdict: Verdict,
    reasons: u64,
    agent: Option<AgentId>,
}

/// How far a line got when it was to be sent.
pub(crate) enum Sent {
    /// It is under way; a receipt will come.
    Gone,
    /// The check refused it at the gateway.
    Refused(Fate),
    /// There is no room at present.
    Full,
}

/// The ways into the bus, and the receipts that come back.
pub(crate) struct Gates {
    pub(crate) doors: Doors,
    receipts: Receipts,
    tools: AgentId,
    policy: PolicyHandle,
    audit: AuditHandle,
    trace_name: String,
}

/// Why a bus does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    /// The charter does not fit this replay.
    #[error("{0}; the charter of examples/airline has all that a replay needs")]
    Build(#[from] BuildError),
    /// The overseers could not be wired.
    #[error(transparent)]
    Oversight(#[from] HealthError),
    /// The workers could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// A topology with its agents, its doors and its overseers, not built yet.
pub(crate) struct Wired {
    pub(crate) topology: Topology,
    pub(crate) doors: Doors,
    pub(crate) oversight: Oversight,
    pub(crate) policy: PolicyHandle,
    pub(crate) audit: AuditHandle,
    pub(crate) auditor: AgentId,
    /// The agents that a drill can be put into.
    customer: AgentId,
    desk: AgentId,
    tools: AgentId,
    judge: AgentId,
}

/// The gateways, each in the name of an agent whose messages are read from the trace.
#[derive(Clone)]
pub(crate) struct Doors {
    to_desk: Gateway<Desk>,
    to_customer: Gateway<Customer>,
    queries: Gateway<Tools>,
    commands: Gateway<PolicyAgent<Command>>,
    responses: Gateway<Desk>,
    pool: Pool,
}

impl Ingredients {
    /// Wires the agents and their overseers on `workers`, at least one: customer, desk, tools and those who oversee on the first,
    /// policy on the second, audit on the third, as far as there are so many.
    ///
    /// # Errors
    /// When the overseers cannot be wired.
    pub(crate) fn wire(
        charter: Charter,
        policy: PolicyHandle,
        log: LogWriter,
        workers: &[WorkerOptions],
    ) -> Result<Wired, BusError> {
        let mut topology: Topology<Frame128> = Topology::new(charter);
        let pool = Pool::new(BLOCKS, BLOCK_BYTES);
        topology.pool(pool.clone());
        let workers: Vec<WorkerId> = workers.iter().map(|options| topology.worker(*options)).collect();
        let placed = |role: usize| workers[role.min(workers.len() - 1)];

        let customer = topology.reserve::<Customer>("customer");
        let desk = topology.reserve::<Desk>("desk");
        let tools = topology.reserve::<Tools>("tools");
        let audit = AuditHandle::new(log);

        let mut oversight = Oversight::install(&mut topology);
        let auditor = oversight.audit(&mut topology, audit.clone(), TRAIL)?;
        let judge = oversight.policy::<Command, _, _>(&mut topology, policy.clone(), tools, LANE)?;
        for (agent, name) in [(customer.id(), "customer"), (desk.id(), "desk"), (tools.id(), "tools")] {
            oversight.watch(&mut topology, agent, name)?;
        }
        oversight.finish(&mut topology);
        topology.place(judge.id(), placed(1)).place(auditor.id(), placed(2));

        let doors = Doors {
            to_desk: topology.gateway_as(customer.id(), desk, LANE),
            to_customer: topology.gateway_as(desk.id(), customer, LANE),
            queries: topology.gateway_as(desk.id(), tools, LANE),
            commands: topology.gateway_as(desk.id(), judge, LANE),
            responses: topology.gateway_as(tools.id(), desk, LANE),
            pool,
        };
        topology.install(customer, || Customer);
        topology.install(desk, || Desk);
        topology.install(tools, || Tools);
        let auditor = auditor.id();
        let [customer, desk, tools, judge] = [customer.id(), desk.id(), tools.id(), judge.id()];
        Ok(Wired { topology, doors, oversight, policy, audit, auditor, customer, desk, tools, judge })
    }

    /// Builds the topology and starts it.
    ///
    /// # Errors
    /// When the charter lacks a role, or a worker cannot be started.
    pub(crate) fn start(self) -> Result<Running, BusError> {
        let policy = PolicyHandle::new(self.decider);
        let mut wired = Self::wire(self.charter, policy, self.log, &vec![UNPINNED; self.workers.max(1)])?;
        wired.topology.receipts(WINDOW_LINES).measure();
        if let Some(injection) = self.injection {
            let agent = wired.agent(injection.agent);
            wired.topology.drill(agent, PanicAt::message(injection.message.get()));
        }
        let Wired { topology, doors, oversight, policy, audit, tools, .. } = wired;
        let plan = topology.build()?;
        audit.set_legend(legend(plan.agents(), &policy));
        let mut bus = plan.start()?;
        let gates = Gates {
            doors: doors.with_receipts(),
            receipts: bus.take_receipts().expect("the topology opened them above"),
            tools,
            policy: policy.clone(),
            audit: audit.clone(),
            trace_name: self.trace_name,
        };
        Ok(Running { bus, gates, oversight, policy, audit })
    }
}

impl Wired {
    fn agent(&self, target: Target) -> AgentId {
        match target {
            Target::Customer => self.customer,
            Target::Desk => self.desk,
            Target::Tools => self.tools,
            Target::Policy => self.judge,
        }
    }

    /// The agent that most lines go to.
    pub(crate) fn desk(&self) -> AgentId {
        self.desk
    }
}

/// What the numbers in the log's records mean, as one JSON object: agents and kinds by number, names of reasons by
/// bit, and under which policy and facts they were decided.
fn legend(agents: Vec<String>, policy: &PolicyHandle) -> impl FnOnce() -> Vec<u8> + Send + 'static {
    let policy = policy.clone();
    move || {
        let (revision, facts) = policy.revisions();
        let object = json!({
            "legend": 1,
            "agents": agents,
            "kinds": KINDS.iter().map(|(kind, name)| (kind.0.to_string(), *name)).collect::<BTreeMap<_, _>>(),
            "reasons": policy.reason_table(),
            "policy": revision,
            "facts": facts,
        });
        object.to_string().into_bytes()
    }
}

impl Doors {
    /// The same doors, through which the fate of every message is asked for.
    pub(crate) fn with_receipts(&self) -> Self {
        Self {
            to_desk: self.to_desk.with_receipts(),
            to_customer: self.to_customer.with_receipts(),
            queries: self.queries.with_receipts(),
            commands: self.commands.with_receipts(),
            responses: self.responses.with_receipts(),
            pool: self.pool.clone(),
        }
    }

    /// Sends a line, with the block that travels with it, under a number.
    pub(crate) fn send(&self, number: u64, line: &Line, block: Option<&[u8]>) -> Sent {
        match (line.kind, block) {
            (LineKind::Command, Some(input)) => {
                self.send_with_block(number, line, input, &self.commands, Command::of)
            }
            (LineKind::Query, Some(args)) => {
                self.send_with_block(number, line, args, &self.queries, Query::of)
            }
            _ => self.send_plain(number, line),
        }
    }

    /// Sends an event or a response.
    fn send_plain(&self, number: u64, line: &Line) -> Sent {
        let correlation = Correlation(number);
        match (line.kind, line.to) {
            (LineKind::Response, _) => outcome(self.responses.try_send_as(correlation, Response::of(line))),
            (_, Actor::Customer) => outcome(self.to_customer.try_send_as(correlation, Event::of(line))),
            _ => outcome(self.to_desk.try_send_as(correlation, Event::of(line))),
        }
    }

    fn send_with_block<M, A>(
        &self,
        number: u64,
        line: &Line,
        bytes: &[u8],
        gateway: &Gateway<A>,
        message: fn(&Line, u64) -> M,
    ) -> Sent
    where
        M: Message,
        A: Accepts<M>,
    {
        let Some(mut loan) = self.pool.take() else { return Sent::Full };
        loan.write(bytes).expect("a line whose block is too large is refused when it is read");
        let handle = Loan::share(loan);
        let sent = outcome(gateway.try_send_as(Correlation(number), message(line, handle.to_bits())));
        if !matches!(sent, Sent::Gone) {
            self.take_back(handle);
        }
        sent
    }

    /// Frees the block of a message that was not sent.
    fn take_back(&self, handle: Handle) {
        drop(self.pool.redeem(handle));
    }
}

impl Gates {
    /// The next line whose fate is known.
    pub(crate) fn next_receipt(&mut self) -> Option<(u64, Fate)> {
        let Receipt { correlation, agent, disposition, verdict, reasons, .. } =
            self.receipts.try_receive()?;
        Some((correlation.0, Fate { disposition, verdict, reasons, agent: Some(agent) }))
    }

    /// Why a command with this fate was denied; nothing when policy let it through.
    pub(crate) fn reasons(&self, fate: &Fate) -> Vec<String> {
        if fate.disposition == Disposition::Handled || fate.agent == Some(self.tools) {
            return Vec::new();
        }
        let mut reasons: Vec<String> =
            fate.verdict.reasons().map(|reason| reason.name().to_owned()).collect();
        reasons.extend(self.policy.reason_names(ReasonSet::from_bits(fate.reasons)));
        if reasons.is_empty() {
            reasons.push(fate.disposition.name().to_owned());
        }
        reasons
    }

    /// Why the bus can record no more, if it cannot.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.audit.failure().map(|error| Failure::refused(format!("the audit log failed: {error}")))
    }

    /// What errors call the trace.
    pub(crate) fn trace_name(&self) -> &str {
        &self.trace_name
    }
}

fn outcome<M>(sent: Result<(), SendError<M>>) -> Sent {
    let refused =
        |disposition, verdict| Sent::Refused(Fate { disposition, verdict, reasons: 0, agent: None });
    match sent {
        Ok(()) => Sent::Gone,
        Err(SendError::Denied(_, verdict)) => refused(Disposition::Denied, verdict),
        Err(SendError::Held(_, verdict)) => refused(Disposition::Held, verdict),
        Err(_) => Sent::Full,
    }
}
