//! Where messages spend their time on one worker: waiting on edges, and in handlers.
//!
//! Kept only when the topology measures. All histograms are made when the worker is seated; recording allocates nothing.

use ephor_core::{AgentId, Kind};
use hdrhistogram::Histogram;

use crate::bus::Latency;
use crate::ledger::Books;

/// Longest time that a histogram tells apart, one minute, and its precision in decimal digits.
const NS_MAX: u64 = 60_000_000_000;
const DIGITS: u8 = 2;

/// What a time was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In the lanes from one agent or outside sender to another.
    Wait { from: AgentId, to: AgentId },
    /// In an agent's handler of messages of one kind.
    Handling { agent: AgentId, kind: Kind },
}

/// The times of one place.
#[derive(Debug)]
pub(crate) struct PlaceTimes {
    pub(crate) place: Place,
    pub(crate) ns: Histogram<u64>,
}

impl PlaceTimes {
    fn new(place: Place) -> Self {
        Self { place, ns: histogram() }
    }
}

/// The times of one agent.
#[derive(Debug)]
pub(crate) struct CellTimes {
    /// By whom it receives from.
    waits: Vec<(AgentId, PlaceTimes)>,
    /// By the row of the kind that it handles.
    handling: Vec<(usize, PlaceTimes)>,
}

impl CellTimes {
    /// Places for the messages that `me` receives from `sources`, of `rows` of kinds.
    pub(crate) fn new(
        me: AgentId,
        sources: impl IntoIterator<Item = AgentId>,
        kinds: impl IntoIterator<Item = (usize, Kind)>,
    ) -> Self {
        let mut waits: Vec<(AgentId, PlaceTimes)> = Vec::new();
        for from in sources {
            if waits.iter().all(|(known, _)| *known != from) {
                waits.push((from, PlaceTimes::new(Place::Wait { from, to: me })));
            }
        }
        let handling = kinds
            .into_iter()
            .map(|(row, kind)| (row, PlaceTimes::new(Place::Handling { agent: me, kind })))
            .collect();
        Self { waits, handling }
    }
}

/// The times of one worker.
#[derive(Debug)]
pub(crate) struct Times {
    /// From send to handler, all messages together.
    pub(crate) hop_ns: Histogram<u64>,
    /// By the agents' places on the worker.
    pub(crate) cells: Vec<CellTimes>,
}

impl Times {
    pub(crate) fn new(cells: Vec<CellTimes>) -> Self {
        Self { hop_ns: histogram(), cells }
    }

    /// Counts the time that a message waited, from its sender's emit to its handler.
    pub(crate) fn waited(&mut self, cell: u16, from: AgentId, ns: u64) {
        self.hop_ns.saturating_record(ns);
        let places = &mut self.cells[usize::from(cell)].waits;
        if let Some((_, times)) = places.iter_mut().find(|(known, _)| *known == from) {
            times.ns.saturating_record(ns);
        }
    }

    /// Counts the time that a handler took.
    pub(crate) fn handled(&mut self, cell: u16, row: usize, ns: u64) {
        let places = &mut self.cells[usize::from(cell)].handling;
        if let Some((_, times)) = places.iter_mut().find(|(known, _)| *known == row) {
            times.ns.saturating_record(ns);
        }
    }

    fn places(&self) -> impl Iterator<Item = &PlaceTimes> {
        let waits = self.cells.iter().flat_map(|cell| cell.waits.iter().map(|(_, times)| times));
        waits.chain(self.cells.iter().flat_map(|cell| cell.handling.iter().map(|(_, times)| times)))
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(NS_MAX, DIGITS).expect("the bounds are constants that fit")
}

/// Where messages spent their time, when the topology measured.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeSpent {
    /// In the lanes from one to the other, from emit to handler.
    Wait {
        /// The agent or outside sender that sent.
        from: String,
        /// The agent that received.
        to: String,
        /// How long, and how many messages.
        times: Latency,
        /// All of them together, in nanoseconds.
        total_ns: u64,
    },
    /// In the handler.
    Handling {
        /// The agent.
        agent: String,
        /// The message's type.
        kind: String,
        /// How long, and how many messages.
        times: Latency,
        /// All of them together, in nanoseconds.
        total_ns: u64,
    },
}

/// Adds up what the workers measured: the hops, and each place that has seen a message.
pub(crate) fn sum_up(workers: &[Box<Times>], books: &Books) -> (Option<Latency>, Vec<TimeSpent>) {
    let mut hops: Option<Histogram<u64>> = None;
    for worker in workers {
        match &mut hops {
            Some(sum) => sum.add(&worker.hop_ns).expect("all histograms have the same bounds"),
            none => *none = Some(worker.hop_ns.clone()),
        }
    }
    let spent = workers
        .iter()
        .flat_map(|worker| worker.places())
        .filter(|times| !times.ns.is_empty())
        .map(|times| time_spent(times, books))
        .collect();
    (hops.as_ref().map(Latency::of), spent)
}

fn time_spent(place: &PlaceTimes, books: &Books) -> TimeSpent {
    let name = |agent: AgentId| books.names[agent.index()].clone();
    let times = Latency::of(&place.ns);
    let total_ns = (place.ns.mean() * place.ns.len() as f64) as u64;
    match place.place {
        Place::Wait { from, to } => TimeSpent::Wait { from: name(from), to: name(to), times, total_ns },
        Place::Handling { agent, kind } => {
            let kind = books.kinds.iter().find(|(known, _)| *known == kind).map_or("other", |(_, name)| name);
            TimeSpent::Handling { agent: name(agent), kind: kind.to_owned(), times, total_ns }
        }
    }
}
