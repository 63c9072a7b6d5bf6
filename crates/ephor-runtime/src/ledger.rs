//! The ledger: sent = handled + each named loss + in flight.
//!
//! Every message is counted once when it is sent and once when its fate is settled. Counters have one
//! writer, so counting is a plain load and store; anyone may read them while the bus runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use ephor_core::{AgentId, Kind};

use crate::kinds::KindRows;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Disposition {
    /// Its handler returned.
    Handled = 0,
    /// Its handler passed it on; it is still in flight.
    Forwarded = 1,
    /// The check, or a handler by [`Cx::deny`](crate::Cx::deny), refused it.
    Denied = 2,
    /// It waits for deliberation and was not delivered.
    Held = 3,
    /// It was older than its kind may be.
    Expired = 4,
    /// It crashed its handler too often; its bytes are kept.
    Quarantined = 5,
    /// A lossy lane dropped it.
    Shed = 6,
    /// It was still in a lane when the bus stopped.
    Undelivered = 7,
    /// Its agent was stopped for good.
    Stopped = 8,
    /// Its bytes were no valid message of its kind, or its loan was gone.
    Malformed = 9,
}

/// Number of dispositions.
pub(crate) const DISPOSITIONS: usize = 10;

impl Disposition {
    /// Every disposition that loses the message.
    pub const LOSSES: [Disposition; 8] = [
        Disposition::Denied,
        Disposition::Held,
        Disposition::Expired,
        Disposition::Quarantined,
        Disposition::Shed,
        Disposition::Undelivered,
        Disposition::Stopped,
        Disposition::Malformed,
    ];

    /// The name that reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Forwarded => "forwarded",
            Self::Denied => "denied",
            Self::Held => "held",
            Self::Expired => "expired",
            Self::Quarantined => "quarantined",
            Self::Shed => "shed",
            Self::Undelivered => "undelivered",
            Self::Stopped => "stopped",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Counters of one kind of message at one agent or gateway.
#[derive(Debug, Default)]
struct Row {
    sent: AtomicU64,
    settled: [AtomicU64; DISPOSITIONS],
}

/// Counters of one agent, with one writer, or of the foreign threads that send in its name, with many.
#[derive(Debug)]
pub(crate) struct Counters {
    rows: Box<[Row]>,
    totals: CachePadded<Totals>,
}

/// What quiescence is judged by; see [`Books::is_quiescent`].
#[derive(Debug, Default)]
struct Totals {
    sent: AtomicU64,
    done: AtomicU64,
}

/// Adds without a read-modify-write: there is one writer.
#[inline(always)]
fn bump(counter: &AtomicU64, by: u64, order: Ordering) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), order);
}

impl Counters {
    pub(crate) fn new(kinds: &KindRows) -> Arc<Self> {
        Arc::new(Self {
            rows: (0..kinds.len()).map(|_| Row::default()).collect(),
            totals: CachePadded::new(Totals::default()),
        })
    }

    /// Counts messages sent. One writer.
    #[inline]
    pub(crate) fn sent(&self, row: usize, by: u64) {
        // Relaxed: the lane that carries the messages, or the settled count, makes it visible.
        bump(&self.rows[row].sent, by, Ordering::Relaxed);
    }

    /// Counts messages whose fate is settled. One writer.
    #[inline]
    pub(crate) fn settled(&self, row: usize, disposition: Disposition, by: u64) {
        // Release: whoever reads this count sees that the messages were sent. Pairs with the Acquire load in `ledger`.
        bump(&self.rows[row].settled[disposition as usize], by, Ordering::Release);
    }

    /// Counts a message sent by one of a gateway's many writers, before anyone can see it. They have no total beside it: one
    /// exchange a message less.
    #[inline]
    pub(crate) fn sent_shared(&self, row: usize) {
        // Release: pairs with the Acquire loads in `all_sent_shared`.
        self.rows[row].sent.fetch_add(1, Ordering::Release);
    }

    /// All messages that a gateway's writers have sent.
    fn all_sent_shared(&self) -> u64 {
        // Acquire: pairs with the Release in `sent_shared`.
        self.rows.iter().map(|row| row.sent.load(Ordering::Acquire)).fold(0, u64::wrapping_add)
    }

    /// Counts a message that a gateway's check refused.
    pub(crate) fn settled_shared(&self, row: usize, disposition: Disposition) {
        // Release: as in `settled` and in `post_done`.
        self.rows[row].settled[disposition as usize].fetch_add(1, Ordering::Release);
        self.totals.done.fetch_add(1, Ordering::Release);
    }

    /// Shows this agent's sends to the quiescence test. Before the lanes are published.
    #[inline]
    pub(crate) fn post_sent(&self, by: u64) {
        let sent = self.totals.sent.load(Ordering::Relaxed).wrapping_add(by);
        // Release: pairs with the Acquire load in `is_quiescent`.
        self.totals.sent.store(sent, Ordering::Release);
    }

    /// Shows this agent's settled messages to the quiescence test. After the lanes are published.
    #[inline]
    pub(crate) fn post_done(&self, by: u64) {
        let done = self.totals.done.load(Ordering::Relaxed).wrapping_add(by);
        // Release: pairs with the Acquire load in `is_quiescent`.
        self.totals.done.store(done, Ordering::Release);
    }
}

/// All counters of a bus, by agent id.
#[derive(Clone, Debug)]
pub(crate) struct Books {
    pub(crate) kinds: Arc<KindRows>,
    pub(crate) names: Arc<[String]>,
    pub(crate) agents: Arc<[Arc<Counters>]>,
    /// What foreign threads send in the name of each: beside the worker that writes an agent's own counters.
    pub(crate) foreign: Arc<[Arc<Counters>]>,
}

impl Books {
    pub(crate) fn new(kinds: Arc<KindRows>, names: Arc<[String]>) -> Self {
        let counters = || names.iter().map(|_| Counters::new(&kinds)).collect();
        Self { agents: counters(), foreign: counters(), kinds, names }
    }

    /// Whether no message was in flight at one moment between the two readings.
    ///
    /// Every message is counted as sent before it can be seen, and as done only after what its handler
    /// emitted was counted as sent. All `done` are read first. If the sums are equal, then the messages
    /// seen as sent are exactly those seen as done, so none was in a lane and no handler was running.
    pub(crate) fn is_quiescent(&self) -> bool {
        // Acquire: pairs with the Release stores of the totals.
        let done = |counters: &Arc<Counters>| counters.totals.done.load(Ordering::Acquire);
        let sent = |counters: &Arc<Counters>| counters.totals.sent.load(Ordering::Acquire);
        let all_done = self.agents.iter().chain(self.foreign.iter()).map(done).fold(0, u64::wrapping_add);
        let by_agents = self.agents.iter().map(sent).fold(0, u64::wrapping_add);
        let by_threads = self.foreign.iter().map(|counters| counters.all_sent_shared());
        let all_sent = by_threads.fold(by_agents, u64::wrapping_add);
        all_done == all_sent
    }

    /// Reads every counter. Exact once the bus has stopped.
    ///
    /// All that is settled is read first: what is sent meanwhile can only add to what is in flight.
    pub(crate) fn ledger(&self, in_flight: u64) -> Ledger {
        let mut lines: Vec<Line> =
            self.places().map(|(agent, row, kind)| self.settled(agent, row, kind)).collect();
        for (line, (agent, row, _)) in lines.iter_mut().zip(self.places()) {
            // Relaxed: the Acquire loads of what is settled came before.
            let [own, foreign] =
                self.both(agent).map(|counters| counters.rows[row].sent.load(Ordering::Relaxed));
            line.sent = own + foreign;
            line.sent_foreign = foreign;
        }
        lines.retain(|line| line.sent != 0 || line.settled != [0; DISPOSITIONS]);
        let kind_names = self.kinds.iter().map(|(kind, name)| (kind, name.to_owned())).collect();
        Ledger { names: Arc::clone(&self.names), kind_names, lines, in_flight }
    }

    /// Every agent with every row.
    fn places(&self) -> impl Iterator<Item = (usize, usize, Kind)> {
        let rows = || self.kinds.iter().enumerate().map(|(row, (kind, _))| (row, kind));
        (0..self.agents.len()).flat_map(move |agent| rows().map(move |(row, kind)| (agent, row, kind)))
    }

    /// An agent's own counters and those of who sends in its name.
    fn both(&self, agent: usize) -> [&Counters; 2] {
        [&self.agents[agent], &self.foreign[agent]]
    }

    /// A line of what is settled, without what is sent.
    fn settled(&self, agent: usize, row: usize, kind: Kind) -> Line {
        // Acquire: pairs with the Release in `Counters::settled`.
        let count = |at: usize| {
            self.both(agent).map(|c| c.rows[row].settled[at].load(Ordering::Acquire)).iter().sum()
        };
        Line {
            agent: AgentId(agent as u16),
            kind,
            sent: 0,
            sent_foreign: 0,
            settled: std::array::from_fn(count),
        }
    }
}

/// Counts of one kind at one agent.
#[derive(Clone, Debug)]
struct Line {
    agent: AgentId,
    kind: Kind,
    sent: u64,
    /// The part of `sent` that came through gateways.
    sent_foreign: u64,
    settled: [u64; DISPOSITIONS],
}

/// What was sent, and what became of it.
#[derive(Clone, Debug)]
pub struct Ledger {
    names: Arc<[String]>,
    kind_names: BTreeMap<Kind, String>,
    lines: Vec<Line>,
    in_flight: u64,
}

impl Ledger {
    /// Messages sent, those of gateways included. A message that is forwarded counts once.
    pub fn sent(&self) -> u64 {
        self.lines.iter().map(|line| line.sent).sum()
    }

    /// Messages whose handler returned.
    pub fn handled(&self) -> u64 {
        self.settled(Disposition::Handled)
    }

    /// Messages that were lost under the name of `loss`.
    pub fn lost(&self, loss: Disposition) -> u64 {
        if Disposition::LOSSES.contains(&loss) { self.settled(loss) } else { 0 }
    }

    /// Losses by name, those that occurred.
    pub fn losses(&self) -> BTreeMap<&'static str, u64> {
        Disposition::LOSSES
            .into_iter()
            .map(|loss| (loss.name(), self.settled(loss)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// Messages found in lanes when the ledger was made; counted there, not computed from the rest.
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Whether sent = handled + each named loss + in flight.
    pub fn adds_up(&self) -> bool {
        let lost: u64 = Disposition::LOSSES.into_iter().map(|loss| self.settled(loss)).sum();
        self.sent() == self.handled() + lost + self.in_flight
    }

    /// The part of the ledger that concerns `kinds`. Its messages in flight are taken as the whole's.
    pub fn of_kinds(&self, kinds: &[Kind]) -> Ledger {
        let mut part = self.clone();
        part.lines.retain(|line| kinds.contains(&line.kind));
        part
    }

    /// Those of the messages sent that foreign threads sent through gateways, denied ones included.
    pub fn sent_by_threads(&self) -> u64 {
        self.lines.iter().map(|line| line.sent_foreign).sum()
    }

    /// The kinds of the messages that foreign threads sent through gateways.
    pub fn kinds_by_threads(&self) -> Vec<Kind> {
        let sent = self.lines.iter().filter(|line| line.sent_foreign > 0);
        let mut kinds: Vec<Kind> = sent.map(|line| line.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Messages of any kind that ended as `disposition` at the agent named `agent`.
    pub fn at_agent(&self, agent: &str, disposition: Disposition) -> u64 {
        self.lines
            .iter()
            .filter(|line| self.names[line.agent.index()] == agent)
            .map(|line| line.settled[disposition as usize])
            .sum()
    }

    fn settled(&self, disposition: Disposition) -> u64 {
        self.lines.iter().map(|line| line.settled[disposition as usize]).sum()
    }
}

impl fmt::Display for Ledger {
    /// One line an agent and kind, then the sum.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            let kind = self.kind_names.get(&line.kind).map_or("other", String::as_str);
            write!(f, "{} {}: sent {}", self.names[line.agent.index()], kind, line.sent)?;
            for (index, count) in line.settled.iter().enumerate().filter(|(_, count)| **count > 0) {
                write!(f, ", {} {}", DISPOSITION_NAMES[index], count)?;
            }
            writeln!(f)?;
        }
        write!(f, "sent {} = handled {}", self.sent(), self.handled())?;
        for (name, count) in self.losses() {
            write!(f, " + {name} {count}")?;
        }
        write!(f, " + in flight {}", self.in_flight)
    }
}

const DISPOSITION_NAMES: [&str; DISPOSITIONS] = [
    Disposition::Handled.name(),
    Disposition::Forwarded.name(),
    Disposition::Denied.name(),
    Disposition::Held.name(),
    Disposition::Expired.name(),
    Disposition::Quarantined.name(),
    Disposition::Shed.name(),
    Disposition::Undelivered.name(),
    Disposition::Stopped.name(),
    Disposition::Malformed.name(),
];
