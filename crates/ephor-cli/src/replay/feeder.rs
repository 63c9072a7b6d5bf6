//! The feeder: turns lines into messages, keeps the order within each run, and reads what became of them.
//!
//! Lines wait in a bounded window, in the order of the trace. The first line of each run goes at once, the
//! next when the one before it is done: handled, denied or quarantined, which its receipt says. So a decision
//! sees exactly what came before it in its run, however the agents are placed. Lines leave the window in the
//! order of the trace, and with them the decisions.

use std::collections::{BTreeSet, VecDeque};
use std::thread;
use std::time::{Duration, Instant};

use crate::arrivals::Pacing;
use crate::decisions::{Decided, DecisionsWriter};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::replay::bus::{Fate, Gates, Sent};
use crate::replay::contents::Contents;
use crate::replay::runs::Runs;
use crate::report::Commands;
use crate::trace::{Line, LineKind, TraceError};

/// Lines that may be read and not done at one time.
pub(crate) const WINDOW_LINES: usize = 1024;
/// Passes without progress after which the feeder sleeps for a moment.
const YIELDS: u32 = 200;
const NAP: Duration = Duration::from_micros(50);

/// A line in the window.
struct Slot {
    line: Line,
    /// What travels with it in a pool block, until it is sent.
    block: Option<Vec<u8>>,
    /// Why a command was denied; none of them is a permit. Absent until its fate is known.
    reasons: Option<Vec<String>>,
    is_sent: bool,
    is_done: bool,
}

/// Where the lines come from, and the limits of the replay.
pub(crate) struct Feed<'a, T> {
    /// The lines of the trace.
    pub(crate) trace: T,
    /// When lines are due.
    pub(crate) pacing: &'a Pacing,
    /// Stops the feed after what is under way.
    pub(crate) interrupt: &'a Interrupt,
    /// Shows how far it is.
    pub(crate) progress: &'a Progress,
    /// Takes the decisions.
    pub(crate) decisions: Option<DecisionsWriter>,
}

/// What a feed came to.
pub(crate) struct Fed {
    /// Lines that went through the bus.
    pub(crate) lines: u64,
    /// Decisions about commands.
    pub(crate) commands: Commands,
    /// How those compare with what the trace says of them.
    pub(crate) labels: Labels,
    /// Why it stopped before the end of the trace.
    pub(crate) stopped: Option<Failure>,
}

/// Decisions beside the labels of a trace, for the commands that have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    /// Commands whose right decision the trace tells.
    pub(crate) judged: u64,
    /// Those that were denied for exactly the rules that they break, or permitted because they break none.
    pub(crate) right: u64,
}

/// A feed under way.
struct Feeder<'a, T> {
    feed: Feed<'a, T>,
    gates: &'a mut Gates,
    window: VecDeque<Slot>,
    /// Number of the window's first line, counted from 0 over the trace.
    first: u64,
    sent: u64,
    ready: BTreeSet<u64>,
    runs: Runs,
    contents: Contents,
    commands: Commands,
    labels: Labels,
    started: Instant,
    is_ended: bool,
    stopped: Option<Failure>,
}

impl<T: Iterator<Item = Result<Line, TraceError>>> Feed<'_, T> {
    /// Feeds the whole trace, or as much as there is before an error or an interrupt.
    pub(crate) fn run(self, gates: &mut Gates) -> Fed {
        let feeder = Feeder {
            feed: self,
            gates,
            window: VecDeque::with_capacity(WINDOW_LINES),
            first: 0,
            sent: 0,
            ready: BTreeSet::new(),
            runs: Runs::default(),
            contents: Contents::default(),
            commands: Commands::default(),
            labels: Labels::default(),
            started: Instant::now(),
            is_ended: false,
            stopped: None,
        };
        feeder.run()
    }
}

impl<T: Iterator<Item = Result<Line, TraceError>>> Feeder<'_, T> {
    fn run(mut self) -> Fed {
        let mut idle = 0;
        while !(self.is_ended && self.window.is_empty()) {
            if self.pass() {
                idle = 0;
            } else {
                idle += 1;
                rest(idle);
            }
            if let Some(failure) = self.gates.failure() {
                // The bus holds everything for an auditor that cannot write: nothing under way will be done.
                self.stop(failure);
                break;
            }
        }
        if let Some(decisions) = self.feed.decisions.take()
            && let Err(error) = decisions.finish()
        {
            self.stop(error.into());
        }
        Fed { lines: self.sent, commands: self.commands, labels: self.labels, stopped: self.stopped }
    }

    /// One look at everything that may go on; says whether something did.
    fn pass(&mut self) -> bool {
        if self.feed.interrupt.is_raised() {
            self.is_ended = true;
            self.drop_unsent();
        }
        let read = self.fill();
        let sent = self.send_ready();
        let settled = self.read_receipts();
        let retired = self.retire();
        read || sent || settled || retired
    }

    /// Reads lines into the window while there is room.
    fn fill(&mut self) -> bool {
        let before = self.window.len();
        while !self.is_ended && self.window.len() < WINDOW_LINES {
            match self.feed.trace.next() {
                Some(Ok(line)) => self.add(line),
                Some(Err(error)) => self.stop(error.into()),
                None => self.is_ended = true,
            }
        }
        self.window.len() > before
    }

    fn add(&mut self, mut line: Line) {
        let block = match self.contents.of(&mut line) {
            Ok(block) => block,
            Err(error) => {
                let message = format!("{}:{}: {error}", self.gates.trace_name(), line.number);
                return self.stop(Failure::refused(message));
            }
        };
        let number = self.first + self.window.len() as u64;
        if self.runs.add(line.run, number) {
            self.ready.insert(number);
        }
        self.window.push_back(Slot { line, block, reasons: None, is_sent: false, is_done: false });
    }

    /// Sends what may go and is due, the earliest line first.
    fn send_ready(&mut self) -> bool {
        let mut sent = false;
        while let Some(number) = self.ready.first().copied() {
            let elapsed_ns = self.started.elapsed().as_nanos();
            if elapsed_ns < u128::from(self.feed.pacing.due_ns(number)) {
                break;
            }
            match self.send(number) {
                Sent::Gone => self.mark_sent(number),
                Sent::Refused(fate) => {
                    self.mark_sent(number);
                    self.settle(number, &fate);
                }
                Sent::Full => break,
            }
            sent = true;
        }
        sent
    }

    fn send(&mut self, number: u64) -> Sent {
        let Slot { line, block, .. } = &self.window[(number - self.first) as usize];
        self.gates.doors.send(number, line, block.as_deref())
    }

    fn mark_sent(&mut self, number: u64) {
        self.ready.remove(&number);
        let slot = &mut self.window[(number - self.first) as usize];
        slot.is_sent = true;
        slot.block = None;
        self.sent += 1;
    }

    /// Reads what became of lines that were sent.
    fn read_receipts(&mut self) -> bool {
        let mut any = false;
        while let Some((number, fate)) = self.gates.next_receipt() {
            self.settle(number, &fate);
            any = true;
        }
        any
    }

    /// Ends a line: keeps the decision, and lets the next of its run go.
    fn settle(&mut self, number: u64, fate: &Fate) {
        let slot = &mut self.window[(number - self.first) as usize];
        slot.is_done = true;
        if slot.line.kind == LineKind::Command {
            slot.reasons = Some(self.gates.reasons(fate));
        }
        if let Some(next) = self.runs.done(slot.line.run)
            && !self.window[(next - self.first) as usize].is_done
        {
            self.ready.insert(next);
        }
    }

    /// Takes done lines off the front of the window, with their decisions.
    fn retire(&mut self) -> bool {
        let before = self.first;
        while self.window.front().is_some_and(|slot| slot.is_done) {
            let Some(slot) = self.window.pop_front() else { break };
            self.first += 1;
            if let Some(reasons) = slot.reasons {
                self.decide(&slot.line, reasons);
            }
        }
        if self.first > before {
            self.feed.progress.set(self.first);
        }
        self.first > before
    }

    fn decide(&mut self, line: &Line, mut reasons: Vec<String>) {
        reasons.sort_unstable();
        self.commands.total += 1;
        if reasons.is_empty() {
            self.commands.permitted += 1;
        } else {
            self.commands.denied += 1;
        }
        if let Some(violations) = &line.violations {
            let mut violations = violations.clone();
            violations.sort_unstable();
            self.labels.judged += 1;
            self.labels.right += u64::from(violations == reasons);
        }
        for reason in &reasons {
            *self.commands.by_reason.entry(reason.clone()).or_default() += 1;
        }
        let Some(decisions) = &mut self.feed.decisions else { return };
        let tool = line.tool.map_or("", |tool| crate::words::Word::name(tool));
        let reasons: Vec<&str> = reasons.iter().map(String::as_str).collect();
        let decided = Decided { run: line.run.as_str(), step: line.step, tool, reasons: &reasons };
        if let Err(error) = decisions.write(decided) {
            self.feed.decisions = None;
            self.stop(error.into());
        }
    }

    /// Reads no more; the first reason counts.
    fn stop(&mut self, failure: Failure) {
        self.is_ended = true;
        self.stopped.get_or_insert(failure);
    }

    /// Lets go of lines that were read and not sent; what was sent stays until its receipt comes.
    fn drop_unsent(&mut self) {
        self.ready.clear();
        for slot in &mut self.window {
            slot.is_done |= !slot.is_sent;
        }
    }
}

/// Gives the core away, or sleeps for a moment when nothing has happened for long.
fn rest(idle: u32) {
    if idle < YIELDS {
        thread::yield_now();
    } else {
        thread::park_timeout(NAP);
    }
}
