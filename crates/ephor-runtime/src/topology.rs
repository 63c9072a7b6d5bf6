//! The topology: agents, edges and placement, declared first, checked and frozen before the start.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use ephor_constitution::Charter;
use ephor_core::{AgentId, Flags, Frame, Frame128, Kind, Message, Priority};
use ephor_lane::pool::Pool;
use ephor_lane::{Pages, gateway as gateway_lane};

pub use ephor_lane::lossy::Shed;

use crate::agent::Accepts;
use crate::cell::{AgentCell, Cell, Parts};
use crate::drill::Drill;
use crate::edge::InGateway;
use crate::gateway::{Gateway, GatewayShared};
use crate::plan::Plan;
use crate::port::{Lossy, Out, PortId, TryOut};
use crate::{Agent, BuildError, IdleStrategy, Pin, Supervision};

/// The address of an agent of type `A`, before and after it is installed.
pub struct Address<A> {
    id: AgentId,
    agent: PhantomData<fn() -> A>,
}

impl<A> Address<A> {
    /// The agent's id.
    pub fn id(&self) -> AgentId {
        self.id
    }
}

impl<A> Clone for Address<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Address<A> {}

impl<A> fmt::Debug for Address<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address(agent {})", self.id.0)
    }
}

/// How a lane is built. A number alone is its capacity.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    pub(crate) capacity: usize,
    pub(crate) priority: Priority,
}

impl Lane {
    /// A lane of medium priority for `capacity` messages, rounded up to a power of two.
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, priority: Priority::Medium }
    }

    /// Polled before lanes of lower priority. Each turn still takes a bounded batch from every lane that it looks at: all of
    /// them where an agent has up to eight; else those that had something of late, some of the others, which go round, and
    /// all of a priority above medium.
    pub const fn priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }
}

impl From<usize> for Lane {
    fn from(capacity: usize) -> Self {
        Self::new(capacity)
    }
}

/// What a worker's thread does.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkerOptions {
    /// Where it runs.
    pub pin: Pin,
    /// What it does without work.
    pub idle: IdleStrategy,
}

/// Whether the bus touches the memory of its lanes and stacks before the first message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prewarm {
    /// It does: no message pays for a page fault.
    #[default]
    Yes,
    /// It leaves them to the messages: the start is shorter by a page fault for each page of them, and the first lap through
    /// each lane pays for those that it uses. Where the system maps 2 MiB at once these are few. `ephor profile` measures both.
    /// Lossy lanes and the pool are touched all the same.
    No,
}

impl Prewarm {
    /// What lanes are made on.
    pub(crate) fn pages(self) -> Pages {
        match self {
            Self::Yes => Pages::Touched,
            Self::No => Pages::Untouched,
        }
    }
}

/// A declared worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerId(pub(crate) usize);

/// What happens when an edge's lane is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// At most `burst` messages a handler call, the sum over the edge's ports.
    Hold {
        burst: usize,
    },
    Refuse,
    Lossy(Shed),
}

impl Policy {
    /// Whether ports of these two policies can share an edge.
    fn shares(self, other: Policy) -> bool {
        match (self, other) {
            (Policy::Hold { .. }, Policy::Hold { .. }) | (Policy::Refuse, Policy::Refuse) => true,
            (Policy::Lossy(left), Policy::Lossy(right)) => left == right,
            _ => false,
        }
    }
}

/// One edge of the plan.
#[derive(Debug)]
pub(crate) struct EdgePlan {
    pub(crate) from: AgentId,
    pub(crate) to: AgentId,
    pub(crate) policy: Policy,
    pub(crate) lane: Lane,
}

/// One port of the plan.
#[derive(Debug)]
pub(crate) struct PortPlan {
    pub(crate) edge: usize,
    pub(crate) kind: Kind,
    pub(crate) kind_name: &'static str,
    pub(crate) burst: usize,
}

/// One gateway of the plan.
pub(crate) struct GatewayPlan<F: Frame> {
    pub(crate) shared: Arc<GatewayShared<F>>,
    pub(crate) lane: gateway_lane::Receiver<F, InGateway>,
}

/// One agent of the plan, or a name under which foreign threads send.
pub(crate) struct SeatPlan<F: Frame> {
    pub(crate) name: String,
    pub(crate) role: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) is_outside: bool,
    pub(crate) body: Option<Box<dyn Body<F>>>,
    pub(crate) kinds: &'static [(Kind, &'static str)],
    pub(crate) ports: Vec<PortPlan>,
    pub(crate) worker: usize,
    pub(crate) supervision: Supervision,
    pub(crate) drill: Option<Drill>,
}

/// An agent's factory, on its way to the agent's worker.
pub(crate) trait Body<F: Frame>: Send {
    /// Makes the cell, on the worker's own thread.
    fn seat(self: Box<Self>, parts: Parts<F>) -> Box<dyn Cell<F>>;
}

struct Factory<A, B>(B, PhantomData<fn() -> A>);

impl<A, F, B> Body<F> for Factory<A, B>
where
    A: Agent<F>,
    F: Frame,
    B: FnMut() -> A + Send + 'static,
{
    fn seat(self: Box<Self>, parts: Parts<F>) -> Box<dyn Cell<F>> {
        Box::new(AgentCell::new(self.0, parts))
    }
}

/// Declares a bus.
///
/// ```
/// use ephor_constitution::Charter;
/// use ephor_core::Message;
/// use ephor_runtime::{Agent, Cx, Handler, Topology, agent};
///
/// #[derive(Clone, Copy, Message)]
/// #[message(kind = 1, crate = ephor_core)]
/// struct Ball(u64);
///
/// struct Wall;
/// impl Agent for Wall {}
/// agent!(Wall { Ball });
/// impl Handler<Ball> for Wall {
///     fn on(&mut self, _ball: &Ball, _cx: &mut Cx<'_>) {}
/// }
///
/// let mut topology = Topology::new(Charter::default());
/// let wall = topology.reserve::<Wall>("wall");
/// let gate = topology.gateway(wall, 16);
/// topology.install(wall, || Wall);
///
/// let bus = topology.build()?.start()?;
/// gate.try_send(Ball(1))?;
/// let report = bus.shutdown(std::time::Duration::from_secs(5))?;
/// assert_eq!(report.ledger.handled(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Topology<F: Frame = Frame128> {
    pub(crate) charter: Charter,
    pub(crate) seats: Vec<SeatPlan<F>>,
    pub(crate) edges: Vec<EdgePlan>,
    pub(crate) gateways: Vec<GatewayPlan<F>>,
    pub(crate) workers: Vec<WorkerOptions>,
    pub(crate) pool: Option<Pool>,
    pub(crate) auditor: Option<(AgentId, usize)>,
    pub(crate) supervisor: Option<AgentId>,
    pub(crate) receipts: usize,
    pub(crate) is_measured: bool,
    pub(crate) prewarm: Prewarm,
}

impl<F: Frame> Topology<F> {
    /// An empty topology under `charter`.
    pub fn new(charter: Charter) -> Self {
        Self {
            charter,
            seats: Vec::new(),
            edges: Vec::new(),
            gateways: Vec::new(),
            workers: Vec::new(),
            pool: None,
            auditor: None,
            supervisor: None,
            receipts: 0,
            is_measured: false,
            prewarm: Prewarm::default(),
        }
    }

    /// Reserves an address, so that edges can be wired before their agents are installed.
    ///
    /// The agent's role is the charter's role of that name, or else its default role; see [`Topology::role`].
    pub fn reserve<A: Agent<F>>(&mut self, name: &str) -> Address<A> {
        let id = self.seat(name, false);
        self.seats[id.index()].kinds = A::KINDS;
        Address { id, agent: PhantomData }
    }

    /// Reserves a name under which foreign threads send; it has a role, but no agent runs.
    pub fn outside(&mut self, name: &str) -> AgentId {
        self.seat(name, true)
    }

    /// Gives an agent another role than the one that its name stands for.
    pub fn role(&mut self, agent: AgentId, role: &str) -> &mut Self {
        self.seats[agent.index()].role = Some(role.to_owned());
        self
    }

    /// Puts an agent into a tenant of the charter.
    pub fn tenant(&mut self, agent: AgentId, tenant: &str) -> &mut Self {
        self.seats[agent.index()].tenant = Some(tenant.to_owned());
        self
    }

    /// Installs the agent of `address`: `build` makes it, on its own worker, and makes it anew after a crash.
    ///
    /// The agent itself need not be `Send`.
    ///
    /// # Panics
    /// When the address was installed already.
    pub fn install<A: Agent<F>>(&mut self, address: Address<A>, build: impl FnMut() -> A + Send + 'static) {
        let seat = &mut self.seats[address.id.index()];
        assert!(seat.body.is_none(), "agent `{}` is installed already", seat.name);
        seat.body = Some(Box::new(Factory(build, PhantomData)));
    }

    /// An edge that holds its sender back when the lane is full. Room for `K` messages a handler call is
    /// guaranteed.
    ///
    /// Ports of one policy and priority from one agent to another share one lane, so that order holds
    /// across types; their `K` add up, and the largest capacity counts.
    pub fn hold<M, S, T, const K: usize>(
        &mut self,
        from: Address<S>,
        to: Address<T>,
        lane: impl Into<Lane>,
    ) -> Out<M, K>
    where
        M: Message,
        S: Agent<F>,
        T: Accepts<M, F>,
    {
        const { assert!(K > 0, "a hold port emits at least one message a handler call") };
        Out::new(self.port::<M>(from.id, to.id, Policy::Hold { burst: K }, lane.into(), K))
    }

    /// An edge that hands the message back when the lane is full.
    pub fn refuse<M, S, T>(&mut self, from: Address<S>, to: Address<T>, lane: impl Into<Lane>) -> TryOut<M>
    where
        M: Message,
        S: Agent<F>,
        T: Accepts<M, F>,
    {
        TryOut::new(self.port::<M>(from.id, to.id, Policy::Refuse, lane.into(), 0))
    }

    /// An edge that never waits and never refuses: `shed` says what is lost when the lane is full.
    pub fn lossy<M, S, T>(
        &mut self,
        from: Address<S>,
        to: Address<T>,
        lane: impl Into<Lane>,
        shed: Shed,
    ) -> Lossy<M>
    where
        M: Message,
        S: Agent<F>,
        T: Accepts<M, F>,
    {
        Lossy::new(self.port::<M>(from.id, to.id, Policy::Lossy(shed), lane.into(), 0))
    }

    /// A gateway for foreign threads to the agent `to`, under the name and role `gateway`.
    pub fn gateway<T: Agent<F>>(&mut self, to: Address<T>, capacity: usize) -> Gateway<T, F> {
        let known = self.seats.iter().position(|seat| seat.is_outside && seat.name == "gateway");
        let source = match known {
            Some(index) => AgentId(index as u16),
            None => self.outside("gateway"),
        };
        self.gateway_as(source, to, capacity)
    }

    /// A gateway to the agent `to`, in the name of `source`: an agent or an outside name.
    ///
    /// # Panics
    /// When `capacity` is zero, or more than 2^20.
    pub fn gateway_as<T: Agent<F>>(
        &mut self,
        source: AgentId,
        to: Address<T>,
        capacity: usize,
    ) -> Gateway<T, F> {
        // Touched when the topology is built, when it is known whether it is to be.
        let (sender, lane) = gateway_lane::channel_marked_untouched(capacity);
        let shared = Arc::new(GatewayShared::new(source, to.id, sender));
        self.gateways.push(GatewayPlan { shared: Arc::clone(&shared), lane });
        Gateway::new(shared, Flags::new())
    }

    /// Declares a worker. Without any, there is one, with default options.
    pub fn worker(&mut self, options: WorkerOptions) -> WorkerId {
        self.workers.push(options);
        WorkerId(self.workers.len() - 1)
    }

    /// Places an agent on a worker; agents that are not placed run on the first.
    pub fn place(&mut self, agent: AgentId, worker: WorkerId) -> &mut Self {
        self.seats[agent.index()].worker = worker.0;
        self
    }

    /// Says how an agent is supervised.
    pub fn supervise(&mut self, agent: AgentId, supervision: Supervision) -> &mut Self {
        self.seats[agent.index()].supervision = supervision;
        self
    }

    /// Puts a fault into an agent, to see supervision work.
    pub fn drill(&mut self, agent: AgentId, fault: impl Into<Drill>) -> &mut Self {
        self.seats[agent.index()].drill = Some(fault.into());
        self
    }

    /// Makes `agent` the auditor: it gets a record of every fate of every message, through a lane of
    /// `capacity` records a worker that holds the bus back when it is full. It stops last.
    pub fn auditor(&mut self, agent: AgentId, capacity: usize) -> &mut Self {
        self.auditor = Some((agent, capacity));
        self
    }

    /// Makes `agent` the supervisor: it gets notice of every crash and may restart or abandon agents.
    pub fn supervisor(&mut self, agent: AgentId) -> &mut Self {
        self.supervisor = Some(agent);
        self
    }

    /// Opens the receipts with `places` for messages that are under way at one time.
    pub fn receipts(&mut self, places: usize) -> &mut Self {
        self.receipts = places;
        self
    }

    /// Gives the bus a pool of blocks for what does not fit a frame.
    pub fn pool(&mut self, pool: Pool) -> &mut Self {
        self.pool = Some(pool);
        self
    }

    /// Measures every hop, from emit to handler, and every handler: about 50 ns a message.
    pub fn measure(&mut self) -> &mut Self {
        self.is_measured = true;
        self
    }

    /// Says whether lanes and stacks are touched before the first message: they are, unless told otherwise.
    ///
    /// For whoever starts often and sends little, and to measure what touching costs and saves.
    pub fn prewarm(&mut self, prewarm: Prewarm) -> &mut Self {
        self.prewarm = prewarm;
        self
    }

    /// Checks the topology, compiles the charter for it, and makes its lanes.
    ///
    /// # Errors
    /// [`BuildError`] names what is wrong.
    pub fn build(self) -> Result<Plan<F>, BuildError> {
        Plan::of(self)
    }

    /// The names of agents and outside senders so far; the place of a name is its id.
    pub fn agents(&self) -> impl Iterator<Item = &str> {
        self.seats.iter().map(|seat| seat.name.as_str())
    }

    fn seat(&mut self, name: &str, is_outside: bool) -> AgentId {
        let id = AgentId(self.seats.len() as u16);
        self.seats.push(SeatPlan {
            name: name.to_owned(),
            role: None,
            tenant: None,
            is_outside,
            body: None,
            kinds: &[],
            ports: Vec::new(),
            worker: 0,
            supervision: Supervision::default(),
            drill: None,
        });
        id
    }

    fn port<M: Message>(
        &mut self,
        from: AgentId,
        to: AgentId,
        policy: Policy,
        lane: Lane,
        burst: usize,
    ) -> PortId {
        let edge = self.edge(from, to, policy, lane);
        let ports = &mut self.seats[from.index()].ports;
        ports.push(PortPlan { edge, kind: M::KIND, kind_name: M::NAME, burst });
        PortId { agent: from, port: (ports.len() - 1) as u16 }
    }

    /// Finds the edge that this port shares, or adds one.
    fn edge(&mut self, from: AgentId, to: AgentId, policy: Policy, lane: Lane) -> usize {
        let shared = self.edges.iter().position(|edge| {
            edge.from == from
                && edge.to == to
                && edge.policy.shares(policy)
                && edge.lane.priority == lane.priority
        });
        let Some(index) = shared else {
            self.edges.push(EdgePlan { from, to, policy, lane });
            return self.edges.len() - 1;
        };
        let edge = &mut self.edges[index];
        edge.lane.capacity = edge.lane.capacity.max(lane.capacity);
        if let (Policy::Hold { burst }, Policy::Hold { burst: more }) = (&mut edge.policy, policy) {
            *burst += more;
        }
        index
    }
}

impl<F: Frame> fmt::Debug for Topology<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topology({} agents, {} edges)", self.seats.len(), self.edges.len())
    }
}
