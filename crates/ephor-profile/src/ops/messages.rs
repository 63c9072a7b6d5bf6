//! What a message costs on one thread: its check, its frame, its way through a gateway, and a pulse.

use std::hint::black_box;

use ephor_constitution::{Charter, Seat, check};
use ephor_core::{AgentId, Frame, Frame128, Header, Kind, Message, Ticks};
use ephor_runtime::{Agent, Cx, Handler, Lossy, Pulse, Shed, Topology, Vital, agent};
use quanta::Clock;

use super::{SharedTimes, Timed, time};
use crate::error::ProfileError;
use crate::metric::histogram;

/// Messages that the gateway takes before the bus is let to handle them.
const LANE: usize = 1024;
/// Sends that are warmed up with.
const WARM: usize = 512;

/// A message that holds half a frame.
#[derive(Clone, Copy, Debug, Message)]
#[message(kind = 1, crate = ephor_core)]
struct Item([u64; 6]);

struct Taker;
impl Agent for Taker {}
agent!(Taker { Item, Pulse });
impl Handler<Item> for Taker {
    fn on(&mut self, item: &Item, _cx: &mut Cx<'_>) {
        black_box(item.0[0]);
    }
}
impl Handler<Pulse> for Taker {
    fn on(&mut self, pulse: &Pulse, _cx: &mut Cx<'_>) {
        black_box(pulse.subject);
    }
}

/// One repetition of check, frame, send and pulse.
pub(super) fn once(clock: &Clock, count: usize) -> Result<[(&'static str, Timed); 4], ProfileError> {
    Ok([
        ("check", checks(clock, count)?),
        ("frame", frames(clock, count)),
        ("send", sends(clock, count)?),
        ("pulse", pulses(count)?),
    ])
}

fn checks(clock: &Clock, count: usize) -> Result<Timed, ProfileError> {
    let seat = |name: &str| Seat { name: name.into(), role: "agent".into(), tenant: None };
    let tables = Charter::default()
        .compile(&[seat("left"), seat("right")])
        .map_err(|error| ProfileError::operation("the check", error))?;
    let now = Ticks(1_000_000);
    let (kind, source, target) = (Kind(1), AgentId(0), AgentId(1));
    let header = Header { stamp: tables.stamp(), kind, source, target, sent_ticks: now, ..Header::default() };
    if !check(&header, &tables, now).is_permit() {
        return Err(ProfileError::operation("the check", "it denies what the default charter permits"));
    }
    Ok(time(clock, count, || {
        let _verdict = black_box(check(black_box(&header), black_box(&tables), black_box(now)));
    }))
}

fn frames(clock: &Clock, count: usize) -> Timed {
    let header = Header { kind: Kind(1), ..Header::default() };
    let item = Item([1, 2, 3, 4, 5, 6]);
    time(clock, count, || {
        black_box(Frame128::carry(black_box(header), black_box(&item)));
    })
}

/// Each send alone; the bus handles them when its lane is full, which is not timed.
fn sends(clock: &Clock, count: usize) -> Result<Timed, ProfileError> {
    let mut topology: Topology = Topology::new(Charter::default());
    let taker = topology.reserve::<Taker>("taker");
    let gate = topology.gateway(taker, LANE);
    topology.install(taker, || Taker);
    let mut bus = topology.build()?.invoke()?;
    let mut each_ns = histogram();
    for at in 0..WARM + count {
        if at % LANE == 0 {
            while bus.poll() > 0 {}
        }
        let begun = clock.raw();
        let sent = gate.try_send(Item([at as u64; 6]));
        let took = clock.delta_as_nanos(begun, clock.raw());
        sent.map_err(|_| ProfileError::operation("send", "an empty gateway took no message"))?;
        if at >= WARM {
            each_ns.saturating_record(took);
        }
    }
    while bus.poll() > 0 {}
    let begun = clock.raw();
    for at in 0..LANE {
        gate.try_send(Item([at as u64; 6]))
            .map_err(|_| ProfileError::operation("send", "an empty gateway took no message"))?;
    }
    let mean_ns = clock.delta_as_nanos(begun, clock.raw()) as f64 / LANE as f64;
    let report = bus.shutdown(LANE);
    if !report.ledger.adds_up() || report.ledger.handled() != (WARM + count + LANE) as u64 {
        return Err(ProfileError::operation("send", format!("messages were lost: {}", report.ledger)));
    }
    Ok(Timed { each_ns, mean_ns: Some(mean_ns) })
}

/// Offers a pulse each cycle, and times it.
struct Pulsing {
    out: Lossy<Pulse>,
    times: SharedTimes,
    clock: Clock,
}

impl Agent for Pulsing {
    fn on_cycle(&mut self, cx: &mut Cx<'_>) -> usize {
        let begun = self.clock.raw();
        let _offered = black_box(cx.offer(&self.out, Pulse::new(1, Vital::Up)));
        let took = self.clock.delta_as_nanos(begun, self.clock.raw());
        self.times.record(took);
        1
    }
}
agent!(Pulsing {});

fn pulses(count: usize) -> Result<Timed, ProfileError> {
    let times = SharedTimes::default();
    let mut topology: Topology = Topology::new(Charter::default());
    let pulsing = topology.reserve::<Pulsing>("pulsing");
    let taker = topology.reserve::<Taker>("taker");
    let out = topology.lossy::<Pulse, _, _>(pulsing, taker, 64, Shed::Newest);
    let seen = times.clone();
    topology.install(pulsing, move || Pulsing { out, times: seen.clone(), clock: Clock::new() });
    topology.install(taker, || Taker);
    let mut bus = topology.build()?.invoke()?;
    for _ in 0..WARM {
        bus.poll();
    }
    times.clear();
    for _ in 0..count {
        bus.poll();
    }
    Ok(Timed { each_ns: times.read(), mean_ns: None })
}
