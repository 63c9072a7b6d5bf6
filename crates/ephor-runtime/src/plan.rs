//! The plan: a checked topology with its lanes, ready to be run by threads or by its host.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use ephor_constitution::{Seat, Tables};
use ephor_core::{AgentId, Flags, Frame};
use ephor_lane::park::{self, Parker, Waker};
use ephor_lane::{Pages, gateway, lossy, spsc};

use crate::clock::BusClock;
use crate::control::{CONTROL_LIMIT, Controls, PhasePost};
use crate::gateway::{GatewayShared, GatewayTrail, Live};
use crate::kinds::KindRows;
use crate::ledger::Books;
use crate::receipt::{Credit, Receipts};
use crate::seating::{CellPlan, EndPlan, InPlan, OutPlan, WorkerPlan};
use crate::supervision::{NoticeEnd, Quarantined, Restart};
use crate::topology::{EdgePlan, Policy, Prewarm, SeatPlan, Topology};
use crate::trail::TrailEnd;
use crate::{BuildError, IdleStrategy, WorkerOptions, hold_cycle};

/// The largest capacity of a lane.
const LANE_LIMIT: usize = 1 << 20;
/// Notices that a worker can have under way.
const NOTICE_LIMIT: usize = 1024;
/// Denials at gateways that can wait for the auditor.
const GATEWAY_TRAIL_LIMIT: usize = 1024;

/// A checked topology, ready to start.
pub struct Plan<F: Frame> {
    pub(crate) workers: Vec<WorkerPlan<F>>,
    pub(crate) gateways: Vec<Arc<GatewayShared<F>>>,
    pub(crate) books: Books,
    pub(crate) tables: Arc<Tables>,
    pub(crate) controls: Controls,
    pub(crate) wakers: Arc<[Option<Waker>]>,
    pub(crate) gateway_trail: Option<GatewayTrail>,
    pub(crate) credit: Option<Credit>,
    pub(crate) receipts: Option<Receipts>,
    pub(crate) quarantine: Arc<Mutex<Vec<Quarantined>>>,
}

/// An edge or a gateway of a plan, for whoever wants to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeFacts {
    /// The agent, or the outside name, that sends.
    pub from: String,
    /// The agent that receives.
    pub to: String,
    /// Whether its sender waits for room in it.
    pub is_hold: bool,
    /// Messages that its lane was declared for; of a gateway, those that it holds.
    pub capacity: usize,
}

impl EdgeFacts {
    fn of(edge: &EdgePlan, names: &[String]) -> Self {
        Self {
            from: names[edge.from.index()].clone(),
            to: names[edge.to.index()].clone(),
            is_hold: matches!(edge.policy, Policy::Hold { .. }),
            capacity: edge.lane.capacity,
        }
    }
}

impl<F: Frame> std::fmt::Debug for Plan<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plan({} workers)", self.workers.len())
    }
}

impl<F: Frame> Plan<F> {
    pub(crate) fn of(mut topology: Topology<F>) -> Result<Self, BuildError> {
        if topology.workers.is_empty() {
            topology.workers.push(WorkerOptions::default());
        }
        check_seats(&topology)?;
        check_edges(&topology)?;
        let kinds = Arc::new(collect_kinds(&topology)?);
        let seats = seats_for_charter(&topology)?;
        let tables = Arc::new(topology.charter.compile(&seats)?);
        let books = Books::new(kinds, topology.seats.iter().map(|seat| seat.name.clone()).collect());
        Ok(Wiring::new(topology, &tables, books).wire(tables))
    }

    /// The names of agents and outside senders; the place of a name is its id.
    pub fn agents(&self) -> Vec<String> {
        self.books.names.to_vec()
    }

    /// Every edge, in the order of declaration.
    pub fn edges(&self) -> Vec<EdgeFacts> {
        let edges = self.workers.first().map(|worker| worker.edges.iter()).into_iter().flatten();
        edges.map(|edge| EdgeFacts::of(edge, &self.books.names)).collect()
    }

    /// Every gateway, in the order of declaration: whoever sends through it is in `from`.
    pub fn gateways(&self) -> Vec<EdgeFacts> {
        let name = |id: AgentId| self.books.names[id.index()].clone();
        let facts = self.gateways.iter().map(|shared| EdgeFacts {
            from: name(shared.source),
            to: name(shared.target),
            is_hold: false,
            capacity: shared.lane.capacity(),
        });
        facts.collect()
    }

    /// The worker of each agent, by its id, counted from 0; none for outside senders.
    pub fn worker_of(&self) -> Vec<Option<usize>> {
        self.controls.worker_of.to_vec()
    }

    /// Gives the gateways what they need to send.
    pub(crate) fn open_gateways(&self, clock: &BusClock) {
        for shared in &self.gateways {
            let worker = self.controls.worker_of[shared.target.index()];
            let kinds = self.books.kinds.iter();
            let live = Live {
                passes: kinds.map(|(kind, _)| self.tables.pass(kind, shared.source, shared.target)).collect(),
                tables: Arc::clone(&self.tables),
                clock: clock.clone(),
                kinds: Arc::clone(&self.books.kinds),
                counters: Arc::clone(&self.books.foreign[shared.source.index()]),
                waker: worker.and_then(|worker| self.wakers[worker].clone()),
                trail: self.gateway_trail.clone(),
                credit: self.credit.clone(),
            };
            if shared.live.set(live).is_err() {
                unreachable!("a plan is started once");
            }
        }
    }
}

/// Refuses names given twice, agents without a body, and workers that do not exist.
fn check_seats<F: Frame>(topology: &Topology<F>) -> Result<(), BuildError> {
    for (index, seat) in topology.seats.iter().enumerate() {
        if topology.seats[..index].iter().any(|other| other.name == seat.name) {
            return Err(BuildError::NameTaken { name: seat.name.clone() });
        }
        if seat.body.is_none() && !seat.is_outside {
            return Err(BuildError::NotInstalled { agent: seat.name.clone() });
        }
        let is_supervised = matches!(seat.supervision.restart, Restart::BySupervisor);
        if is_supervised && topology.supervisor.is_none() {
            return Err(BuildError::NoSupervisor { agent: seat.name.clone() });
        }
        if seat.worker >= topology.workers.len() {
            let (worker, workers) = (seat.worker, topology.workers.len());
            return Err(BuildError::NoWorker { agent: seat.name.clone(), worker, workers });
        }
    }
    Ok(())
}

/// Refuses lanes that cannot be, and cycles of hold edges.
fn check_edges<F: Frame>(topology: &Topology<F>) -> Result<(), BuildError> {
    let name = |id: AgentId| topology.seats[id.index()].name.clone();
    for edge in &topology.edges {
        let (from, to, capacity) = (name(edge.from), name(edge.to), edge.lane.capacity);
        let limit = if edge.policy == Policy::Lossy(lossy::Shed::Latest) { 64 } else { LANE_LIMIT };
        if capacity == 0 || capacity > limit {
            return Err(BuildError::Capacity { from, to, capacity, limit });
        }
        if let Policy::Hold { burst } = edge.policy
            && burst > capacity
        {
            return Err(BuildError::BurstTooLarge { from, to, capacity, burst });
        }
    }
    check_trail(topology)?;
    let mut holds: Vec<(AgentId, AgentId)> = topology
        .edges
        .iter()
        .filter(|edge| matches!(edge.policy, Policy::Hold { .. }))
        .map(|edge| (edge.from, edge.to))
        .collect();
    if let Some((auditor, _)) = topology.auditor {
        // Every agent waits for room in the trail; the auditor itself reads it whatever it waits for.
        let others = (0..topology.seats.len()).map(|index| AgentId(index as u16));
        holds.extend(others.filter(|agent| *agent != auditor).map(|agent| (agent, auditor)));
    }
    match hold_cycle::find(topology.seats.len(), &holds) {
        Some(path) => Err(BuildError::HoldCycle { path: path.into_iter().map(name).collect() }),
        None => Ok(()),
    }
}

/// Refuses a trail that one handler call could not be recorded in: its agent would never run.
fn check_trail<F: Frame>(topology: &Topology<F>) -> Result<(), BuildError> {
    let Some((auditor, capacity)) = topology.auditor else { return Ok(()) };
    if capacity > LANE_LIMIT {
        let to = topology.seats[auditor.index()].name.clone();
        return Err(BuildError::Capacity {
            from: "every worker".to_owned(),
            to,
            capacity,
            limit: LANE_LIMIT,
        });
    }
    for seat in topology.seats.iter().filter(|seat| !seat.is_outside) {
        let records = 1 + seat.ports.iter().map(|port| port.burst).sum::<usize>();
        if records > capacity {
            return Err(BuildError::TrailTooSmall { agent: seat.name.clone(), capacity, records });
        }
    }
    Ok(())
}

fn collect_kinds<F: Frame>(topology: &Topology<F>) -> Result<KindRows, BuildError> {
    let handled = topology.seats.iter().flat_map(|seat| seat.kinds.iter().copied());
    let sent = topology.seats.iter().flat_map(|seat| &seat.ports).map(|port| (port.kind, port.kind_name));
    KindRows::collect(handled.chain(sent))
}

/// Finds each agent's role: the one that was given, the one of its name, or the default.
fn seats_for_charter<F: Frame>(topology: &Topology<F>) -> Result<Vec<Seat>, BuildError> {
    let charter = &topology.charter;
    let roles: Vec<String> = charter.roles().map(str::to_owned).collect();
    let role_of = |seat: &SeatPlan<F>| {
        let given = seat.role.clone();
        let named = roles.iter().find(|role| **role == seat.name).cloned();
        given.or(named).or_else(|| charter.default_role().map(str::to_owned))
    };
    topology
        .seats
        .iter()
        .map(|seat| {
            let role = role_of(seat)
                .ok_or_else(|| BuildError::NoRole { agent: seat.name.clone(), roles: roles.clone() })?;
            Ok(Seat { name: seat.name.clone(), role, tenant: seat.tenant.clone() })
        })
        .collect()
}

/// Makes the lanes of a checked topology and hands each end to its worker.
struct Wiring<F: Frame> {
    topology: Topology<F>,
    books: Books,
    flags_of: Arc<[Flags]>,
}

impl<F: Frame> Wiring<F> {
    fn new(topology: Topology<F>, tables: &Tables, books: Books) -> Self {
        let flags_of = (0..topology.seats.len())
            .map(|index| Flags::new().with_tenant(tables.tenant(AgentId(index as u16))))
            .collect();
        Self { topology, books, flags_of }
    }

    fn wire(mut self, tables: Arc<Tables>) -> Plan<F> {
        let count = self.topology.workers.len();
        let (mut parkers, wakers): (Vec<_>, Vec<_>) =
            self.topology.workers.iter().map(|options| parking(options.idle)).unzip();
        let wakers: Arc<[Option<Waker>]> = wakers.into();
        let (control_senders, mut control_lanes): (Vec<_>, Vec<_>) =
            (0..count).map(|_| gateway::channel(CONTROL_LIMIT)).unzip();
        let controls = Controls {
            lanes: control_senders.into_iter().zip(wakers.iter().cloned()).collect(),
            answers: self.topology.seats.iter().map(|_| AtomicU64::new(0)).collect(),
            firsts: self.topology.seats.iter().map(|_| AtomicU64::new(0)).collect(),
            worker_of: self
                .topology
                .seats
                .iter()
                .map(|seat| if seat.is_outside { None } else { Some(seat.worker) })
                .collect(),
        };

        let pages = self.topology.prewarm.pages();
        let trail_lanes = self.topology.auditor.map(|(_, capacity)| lanes(count, capacity, pages));
        let (mut trail_out, trail_in) = split(trail_lanes, count);
        let receipt_lanes = (self.topology.receipts > 0).then(|| lanes(count, self.topology.receipts, pages));
        let (mut receipts_out, receipts_in) = split(receipt_lanes, count);
        let notice_lanes = self.topology.supervisor.map(|_| lanes(count, NOTICE_LIMIT, pages));
        let (mut notices_out, notices_in) = split(notice_lanes, count);

        let worker_of = |agent: AgentId| self.topology.seats[agent.index()].worker;
        let trail_worker = self.topology.auditor.map(|(agent, _)| worker_of(agent));
        let notice_worker = self.topology.supervisor.map(worker_of);
        let (gateway_trail_out, gateway_trail_in) = gateway::channel(GATEWAY_TRAIL_LIMIT);
        let gateway_trail = trail_worker
            .map(|worker| GatewayTrail { lane: gateway_trail_out, waker: wakers[worker].clone() });
        let credit = (self.topology.receipts > 0).then(|| Credit::new(self.topology.receipts));
        let receipts = receipts_in.zip(credit.clone()).map(|(ends, credit)| Receipts::new(ends, credit));
        let gateways = self.topology.gateways.iter().map(|plan| Arc::clone(&plan.shared)).collect();

        let trail = trail_in.map(|ends| TrailEnd::new(ends, gateway_trail_in));
        let notices = notices_in.map(|workers| NoticeEnd { workers });
        let mut cells = self.cells(trail, notices);
        let edges: Arc<[EdgePlan]> = std::mem::take(&mut self.topology.edges).into();
        let quarantine = Arc::new(Mutex::new(Vec::new()));
        let workers = (0..count)
            .map(|index| WorkerPlan {
                index,
                options: self.topology.workers[index],
                parker: parkers[index].take(),
                phase: PhasePost::default(),
                cells: std::mem::take(&mut cells[index]),
                edges: Arc::clone(&edges),
                flags_of: Arc::clone(&self.flags_of),
                wakers: Arc::clone(&wakers),
                control: control_lanes.remove(0),
                books: self.books.clone(),
                tables: Arc::clone(&tables),
                trail: trail_out[index].take(),
                receipts: receipts_out[index].take(),
                notices: notices_out[index].take(),
                trail_worker,
                notice_worker,
                controls: controls.clone(),
                pool: self.topology.pool.clone(),
                is_measured: self.topology.is_measured,
                prewarm: self.topology.prewarm,
                quarantine: Arc::clone(&quarantine),
            })
            .collect();
        let books = self.books;
        Plan {
            workers,
            gateways,
            books,
            tables,
            controls,
            wakers,
            gateway_trail,
            credit,
            receipts,
            quarantine,
        }
    }

    /// Makes every agent's plan with its ends, by worker.
    fn cells(
        &mut self,
        mut trail: Option<TrailEnd>,
        mut notices: Option<NoticeEnd>,
    ) -> Vec<Vec<CellPlan<F>>> {
        let auditor = self.topology.auditor.map(|(agent, _)| agent);
        let supervisor = self.topology.supervisor;
        let mut plans: Vec<CellPlan<F>> = std::mem::take(&mut self.topology.seats)
            .into_iter()
            .enumerate()
            .map(|(index, seat)| {
                let id = AgentId(index as u16);
                CellPlan {
                    id,
                    seat,
                    out: Vec::new(),
                    inbound: Vec::new(),
                    trail: if auditor == Some(id) { trail.take() } else { None },
                    notices: if supervisor == Some(id) { notices.take() } else { None },
                    stops_last: auditor == Some(id),
                }
            })
            .collect();
        for (index, edge) in self.topology.edges.iter().enumerate() {
            let is_local = plans[edge.from.index()].seat.worker == plans[edge.to.index()].seat.worker;
            let (out, inbound) = ends_of(edge, is_local, self.topology.prewarm.pages());
            plans[edge.from.index()].out.push(EndPlan { edge: index, peer: edge.to, lane: out });
            plans[edge.to.index()].inbound.push(EndPlan { edge: index, peer: edge.from, lane: inbound });
        }
        let edges = &self.topology.edges;
        for plan in &mut plans {
            // Stable: edges of one priority are polled in the order of declaration.
            plan.inbound.sort_by_key(|end| std::cmp::Reverse(edges[end.edge].lane.priority));
        }
        for mut gateway in self.topology.gateways.drain(..) {
            if self.topology.prewarm == Prewarm::Yes {
                gateway.lane.touch();
            }
            let target = gateway.shared.target.index();
            let (peer, lane) = (gateway.shared.source, InPlan::Gateway(gateway.lane));
            let end = EndPlan { edge: usize::MAX, peer, lane };
            plans[target].inbound.push(end);
        }
        let mut by_worker: Vec<Vec<CellPlan<F>>> = self.topology.workers.iter().map(|_| Vec::new()).collect();
        for plan in plans.into_iter().filter(|plan| !plan.seat.is_outside) {
            by_worker[plan.seat.worker].push(plan);
        }
        by_worker
    }
}

fn ends_of<F: Frame>(edge: &EdgePlan, is_local: bool, pages: Pages) -> (OutPlan<F>, InPlan<F>) {
    match edge.policy {
        Policy::Lossy(shed) => {
            let (producer, consumer) = lossy::channel(edge.lane.capacity, shed);
            (OutPlan::Lossy(producer), InPlan::Lossy(consumer))
        }
        _ if is_local => (OutPlan::Local, InPlan::Local),
        _ => {
            let (producer, consumer) = spsc::channel_marked_on(edge.lane.capacity, pages);
            (OutPlan::Cross(producer), InPlan::Cross(consumer))
        }
    }
}

fn parking(idle: IdleStrategy) -> (Option<Parker>, Option<Waker>) {
    if idle.parks() {
        let (parker, waker) = park::pair();
        (Some(parker), Some(waker))
    } else {
        (None, None)
    }
}

type Lanes<T> = Vec<(spsc::Producer<T>, spsc::Consumer<T>)>;

fn lanes<T: Copy + Send + 'static>(count: usize, capacity: usize, pages: Pages) -> Lanes<T> {
    (0..count).map(|_| spsc::channel_on(capacity, pages)).collect()
}

/// The producers, one a worker where there are lanes, and the consumers together.
#[allow(clippy::type_complexity)]
fn split<T: Copy + Send + 'static>(
    lanes: Option<Lanes<T>>,
    count: usize,
) -> (Vec<Option<spsc::Producer<T>>>, Option<Vec<spsc::Consumer<T>>>) {
    match lanes {
        Some(lanes) => {
            let (producers, consumers): (Vec<_>, Vec<_>) = lanes.into_iter().unzip();
            (producers.into_iter().map(Some).collect(), Some(consumers))
        }
        None => ((0..count).map(|_| None).collect(), None),
    }
}
