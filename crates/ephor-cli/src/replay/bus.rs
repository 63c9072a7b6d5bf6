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
    to_desk: Gateway<Desk>,
    to_customer: Gateway<Customer>,
    queries: Gateway<Tools>,
    commands: Gateway<PolicyAgent<Command>>,
    responses: Gateway<Desk>,
    receipts: Receipts,
    pool: Pool,
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

impl Ingredients {
    /// Builds the topology and starts it.
    ///
    /// # Errors
    /// When the charter lacks a role, or a worker cannot be started.
    pub(crate) fn start(self) -> Result<Running, BusError> {
        let mut topology: Topology<Frame128> = Topology::new(self.charter);
        let pool = Pool::new(BLOCKS, BLOCK_BYTES);
        topology.pool(pool.clone()).receipts(WINDOW_LINES).measure();
        let workers = workers(&mut topology, self.workers);
        let placed = |role: usize| workers[role.min(workers.len() - 1)];

        let customer = topology.reserve::<Customer>("customer");
        let desk = topology.reserve::<Desk>("desk");
        let tools = topology.reserve::<Tools>("tools");
        let policy = PolicyHandle::new(self.decider);
        let audit = AuditHandle::new(self.log);

        let mut oversight = Oversight::install(&mut topology);
        let auditor = oversight.audit(&mut topology, audit.clone(), TRAIL)?;
        let judge = oversight.policy::<Command, _, _>(&mut topology, policy.clone(), tools, LANE)?;
        for (agent, name) in [(customer.id(), "customer"), (desk.id(), "desk"), (tools.id(), "tools")] {
            oversight.watch(&mut topology, agent, name)?;
        }
        oversight.finish(&mut topology);
        topology.place(judge.id(), placed(1)).place(auditor.id(), placed(2));

        let to_desk = topology.gateway_as(customer.id(), desk, LANE).with_receipts();
        let to_customer = topology.gateway_as(desk.id(), customer, LANE).with_receipts();
        let queries = topology.gateway_as(desk.id(), tools, LANE).with_receipts();
        let commands = topology.gateway_as(desk.id(), judge, LANE).with_receipts();
        let responses = topology.gateway_as(tools.id(), desk, LANE).with_receipts();
        topology.install(customer, || Customer);
        topology.install(desk, || Desk);
        topology.install(tools, || Tools);
        if let Some(injection) = self.injection {
            let agent = match injection.agent {
                Target::Customer => customer.id(),
                Target::Desk => desk.id(),
                Target::Tools => tools.id(),
                Target::Policy => judge.id(),
            };
            topology.drill(agent, PanicAt::message(injection.message.get()));
        }
        let plan = topology.build()?;
        audit.set_legend(legend(plan.agents(), &policy));
        let mut bus = plan.start()?;
        let gates = Gates {
            to_desk,
            to_customer,
            queries,
            commands,
            responses,
            receipts: bus.take_receipts().expect("the topology opened them above"),
            pool,
            tools: tools.id(),
            policy: policy.clone(),
            audit: audit.clone(),
            trace_name: self.trace_name,
        };
        Ok(Running { bus, gates, oversight, policy, audit })
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

/// Workers that share the machine with the reader: they yield, then sleep, and wake for messages.
fn workers(topology: &mut Topology<Frame128>, count: usize) -> Vec<WorkerId> {
    let options = WorkerOptions { pin: Pin::None, idle: IdleStrategy::park() };
    (0..count.max(1)).map(|_| topology.worker(options)).collect()
}

impl Gates {
    /// Sends an event or a response.
    pub(crate) fn send_plain(&self, number: u64, line: &Line) -> Sent {
        let correlation = Correlation(number);
        match (line.kind, line.to) {
            (LineKind::Response, _) => outcome(self.responses.try_send_as(correlation, Response::of(line))),
            (_, Actor::Customer) => outcome(self.to_customer.try_send_as(correlation, Event::of(line))),
            _ => outcome(self.to_desk.try_send_as(correlation, Event::of(line))),
        }
    }

    /// Sends a query with its arguments.
    pub(crate) fn send_query(&self, number: u64, line: &Line, args: &[u8]) -> Sent {
        self.send_with_block(number, line, args, &self.queries, Query::of)
    }

    /// Sends a command with what policy decides by.
    pub(crate) fn send_command(&self, number: u64, line: &Line, input: &[u8]) -> Sent {
        self.send_with_block(number, line, input, &self.commands, Command::of)
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
