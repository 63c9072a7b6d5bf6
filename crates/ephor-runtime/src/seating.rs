//! Seating: a worker and its agents are built on the thread that will run them.
//!
//! A plan holds what can be moved there: the ends of lanes to other workers, and recipes for the rest. Lanes within a worker are
//! made here, with both ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ephor_constitution::Tables;
use ephor_core::{AgentId, Flags, Frame, Header, Kind, Priority, Tenant};
use ephor_lane::park::{Parker, Waker};
use ephor_lane::pool::Pool;
use ephor_lane::{Pages, gateway, local, lossy, spsc};

use crate::cell::{Cell, Parts};
use crate::clock::BusClock;
use crate::control::{Control, Controls, PhasePost};
use crate::cx::Streams;
use crate::edge::{InEdge, InFrame, InGateway, InLane, OutEdge, OutLane};
use crate::env::{Env, Tap};
use crate::hands::{Hands, PortParts, PortState};
use crate::ledger::Books;
use crate::ready::Ready;
use crate::receipt::Receipt;
use crate::supervision::{Notice, NoticeEnd, Quarantined};
use crate::times::{CellTimes, Times};
use crate::topology::{EdgePlan, Policy, Prewarm, SeatPlan};
use crate::trail::{Record, TrailEnd};
use crate::wheel::Wheel;
use crate::worker::{TIMER_LIMIT, TIMER_TICK_NS, Worker};
use crate::{Pin, WorkerOptions};

/// A sending end that can be moved to its worker, or is made there.
pub(crate) enum OutPlan<F: Frame> {
    Cross(spsc::Producer<F, InFrame>),
    Lossy(lossy::Producer<F>),
    Local,
}

/// A receiving end likewise.
pub(crate) enum InPlan<F: Frame> {
    Cross(spsc::Consumer<F, InFrame>),
    Lossy(lossy::Consumer<F>),
    Gateway(gateway::Receiver<F, InGateway>),
    Local,
}

/// One end of an edge at an agent.
pub(crate) struct EndPlan<L> {
    pub(crate) edge: usize,
    /// The agent, or the outside sender, at the other end.
    pub(crate) peer: AgentId,
    pub(crate) lane: L,
}

/// One agent, on its way to its worker.
pub(crate) struct CellPlan<F: Frame> {
    pub(crate) id: AgentId,
    pub(crate) seat: SeatPlan<F>,
    pub(crate) out: Vec<EndPlan<OutPlan<F>>>,
    pub(crate) inbound: Vec<EndPlan<InPlan<F>>>,
    pub(crate) trail: Option<TrailEnd>,
    pub(crate) notices: Option<NoticeEnd>,
    pub(crate) stops_last: bool,
}

/// Everything that a worker is built from, on its own thread.
pub(crate) struct WorkerPlan<F: Frame> {
    pub(crate) index: usize,
    pub(crate) options: WorkerOptions,
    pub(crate) parker: Option<Parker>,
    pub(crate) phase: PhasePost,
    pub(crate) cells: Vec<CellPlan<F>>,
    pub(crate) edges: Arc<[EdgePlan]>,
    pub(crate) flags_of: Arc<[Flags]>,
    pub(crate) wakers: Arc<[Option<Waker>]>,
    pub(crate) control: gateway::Receiver<Control>,
    pub(crate) books: Books,
    pub(crate) tables: Arc<Tables>,
    pub(crate) trail: Option<spsc::Producer<Record>>,
    pub(crate) receipts: Option<spsc::Producer<Receipt>>,
    pub(crate) notices: Option<spsc::Producer<Notice>>,
    pub(crate) trail_worker: Option<usize>,
    pub(crate) notice_worker: Option<usize>,
    pub(crate) controls: Controls,
    pub(crate) pool: Option<Pool>,
    pub(crate) is_measured: bool,
    pub(crate) prewarm: Prewarm,
    pub(crate) quarantine: Arc<Mutex<Vec<Quarantined>>>,
}

impl<F: Frame> WorkerPlan<F> {
    /// Names of the agents, for errors.
    pub(crate) fn describe(&self) -> String {
        let names: Vec<_> = self.cells.iter().map(|cell| cell.seat.name.as_str()).collect();
        format!("worker {} ({})", self.index, names.join(", "))
    }

    /// The core to pin to, if any, and whether the bus must not start without.
    pub(crate) fn core(&self) -> Option<usize> {
        match self.options.pin {
            Pin::None => None,
            Pin::IfPossible(core) | Pin::Required(core) => Some(core),
        }
    }

    /// Builds the worker, on the thread that will run it.
    pub(crate) fn seat(mut self, clock: BusClock) -> Worker<F> {
        let wakers = Arc::clone(&self.wakers);
        let waker_of = |worker: Option<usize>| worker.and_then(|worker| wakers[worker].clone());
        let env = Env {
            worker: self.index as u16,
            ready: Ready::new(self.cells.len()),
            now: clock.now(),
            passes_until_tick: 0,
            timers: Wheel::new(TIMER_LIMIT, TIMER_TICK_NS, clock.now().as_ns()),
            clock,
            tables: self.tables,
            kinds: Arc::clone(&self.books.kinds),
            trail: self.trail.map(|lane| Tap { lane, waker: waker_of(self.trail_worker) }),
            is_unrecorded: false,
            trail_sequence: 0,
            trail_gaps: 0,
            receipts: self.receipts.map(|lane| Tap { lane, waker: None }),
            notices: self.notices.map(|lane| Tap { lane, waker: waker_of(self.notice_worker) }),
            controls: self.controls,
            pool: self.pool,
            times: self.is_measured.then(|| Box::new(Times::new(cell_times(&self.cells, &self.books)))),
            loan: None,
            quarantine: self.quarantine,
        };
        let mut locals = LocalLanes::on(self.prewarm.pages());
        let cell_of = self.cells.iter().enumerate().map(|(cell, plan)| (plan.id, cell)).collect();
        let context = SeatContext {
            edges: &self.edges,
            flags_of: &self.flags_of,
            wakers: &self.wakers,
            worker_of: &env.controls.worker_of,
            books: &self.books,
            tables: &env.tables,
            cell_of: &cell_of,
            is_measured: self.is_measured,
        };
        let cells = std::mem::take(&mut self.cells)
            .into_iter()
            .enumerate()
            .map(|(index, plan)| plan.seat(index as u16, &context, &mut locals))
            .collect();
        Worker::new(env, cells, self.control, self.phase)
    }
}

/// The ends of local lanes that wait for the agent at the other end.
struct LocalLanes<F: Frame> {
    pages: Pages,
    producers: HashMap<usize, local::Producer<F>>,
    consumers: HashMap<usize, local::Consumer<F>>,
}

impl<F: Frame> LocalLanes<F> {
    fn on(pages: Pages) -> Self {
        Self { pages, producers: HashMap::new(), consumers: HashMap::new() }
    }

    fn producer(&mut self, edge: usize, capacity: usize) -> local::Producer<F> {
        self.producers.remove(&edge).unwrap_or_else(|| {
            let (producer, consumer) = local::channel_on(capacity, self.pages);
            self.consumers.insert(edge, consumer);
            producer
        })
    }

    fn consumer(&mut self, edge: usize, capacity: usize) -> local::Consumer<F> {
        self.consumers.remove(&edge).unwrap_or_else(|| {
            let (producer, consumer) = local::channel_on(capacity, self.pages);
            self.producers.insert(edge, producer);
            consumer
        })
    }
}

/// What seating an agent looks things up in.
struct SeatContext<'a> {
    edges: &'a [EdgePlan],
    flags_of: &'a [Flags],
    wakers: &'a [Option<Waker>],
    worker_of: &'a [Option<usize>],
    books: &'a Books,
    tables: &'a Tables,
    /// The places of the agents of this worker.
    cell_of: &'a HashMap<AgentId, usize>,
    is_measured: bool,
}

impl<F: Frame> CellPlan<F> {
    fn seat(self, index: u16, context: &SeatContext<'_>, locals: &mut LocalLanes<F>) -> Box<dyn Cell<F>> {
        let place_of: HashMap<usize, usize> =
            self.out.iter().enumerate().map(|(place, end)| (end.edge, place)).collect();
        let ports = self
            .seat
            .ports
            .iter()
            .map(|port| PortParts {
                template: template(port.kind, &context.edges[port.edge], context),
                pass: context.tables.pass(port.kind, self.id, context.edges[port.edge].to),
                edge: place_of[&port.edge],
                row: context.books.kinds.row(port.kind),
                burst: port.burst,
                label: format!(
                    "{}<{}> of {} to {}",
                    if port.burst > 0 { "Out" } else { "TryOut or Lossy" },
                    port.kind_name,
                    self.seat.name,
                    context.books.names[context.edges[port.edge].to.index()],
                ),
            })
            .map(|parts| PortState::new::<F>(parts, context.is_measured))
            .collect();
        let out = self.out.into_iter().map(|end| out_edge(end, context, locals)).collect();
        let inbound = self.inbound.into_iter().map(|end| in_edge(end, self.id, context, locals)).collect();
        let counters = Arc::clone(&context.books.agents[self.id.index()]);
        let parts = Parts {
            index,
            name: self.seat.name,
            inbound,
            hands: Hands::new(self.id, out, ports, counters, self.seat.drill),
            supervision: self.seat.supervision,
            streams: Streams { trail: self.trail, notices: self.notices },
            stops_last: self.stops_last,
        };
        self.seat.body.expect("a plan's agents are installed").seat(parts)
    }
}

/// Places for the times of each agent of a worker.
fn cell_times<F: Frame>(cells: &[CellPlan<F>], books: &Books) -> Vec<CellTimes> {
    let times_of = |cell: &CellPlan<F>| {
        let kinds = cell.seat.kinds.iter().map(|(kind, _)| (books.kinds.row(*kind), *kind));
        CellTimes::new(cell.id, cell.inbound.iter().map(|end| end.peer), kinds)
    };
    cells.iter().map(times_of).collect()
}

/// What each message of a kind on an edge begins with.
fn template(kind: Kind, edge: &EdgePlan, context: &SeatContext<'_>) -> Header {
    let tenant: Tenant = context.flags_of[edge.from.index()].tenant();
    Header {
        stamp: context.tables.stamp(),
        kind,
        flags: Flags::new().with_tenant(tenant).with_priority(edge.lane.priority),
        source: edge.from,
        target: edge.to,
        ..Header::default()
    }
}

fn in_edge<F: Frame>(
    end: EndPlan<InPlan<F>>,
    me: AgentId,
    context: &SeatContext<'_>,
    locals: &mut LocalLanes<F>,
) -> InEdge<F> {
    let lane = match end.lane {
        InPlan::Cross(lane) => InLane::Cross(lane),
        InPlan::Lossy(lane) => InLane::lossy(lane),
        InPlan::Gateway(lane) => InLane::gateway(lane),
        InPlan::Local => InLane::Local(locals.consumer(end.edge, context.edges[end.edge].lane.capacity)),
    };
    let passes =
        context.books.kinds.iter().map(|(kind, _)| context.tables.pass(kind, end.peer, me)).collect();
    // An agent that only its own worker sends to has turns only when it is told that there is something.
    let is_urgent = lane.is_local()
        || context.edges.get(end.edge).is_some_and(|edge| edge.lane.priority > Priority::default());
    InEdge { lane, passes, is_urgent }
}

fn out_edge<F: Frame>(
    end: EndPlan<OutPlan<F>>,
    context: &SeatContext<'_>,
    locals: &mut LocalLanes<F>,
) -> OutEdge<F> {
    let plan = &context.edges[end.edge];
    let is_local = matches!(end.lane, OutPlan::Local);
    let lane = match end.lane {
        OutPlan::Cross(lane) => OutLane::Cross(lane),
        OutPlan::Lossy(lane) => OutLane::Lossy(lane),
        OutPlan::Local => OutLane::Local(locals.producer(end.edge, plan.lane.capacity)),
    };
    let worker = context.worker_of[plan.to.index()];
    let waker = if is_local { None } else { worker.and_then(|worker| context.wakers[worker].clone()) };
    OutEdge {
        lane,
        target: plan.to,
        burst: if let Policy::Hold { burst } = plan.policy { burst } else { 0 },
        keys: if plan.policy == Policy::Lossy(lossy::Shed::Latest) { plan.lane.capacity } else { usize::MAX },
        waker,
        cell: if is_local { context.cell_of.get(&plan.to).copied() } else { None },
    }
}
