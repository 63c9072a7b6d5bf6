//! The cause of a fault: what is done to whom, when it begins, and when it is over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ephor_core::{AgentId, Frame, Ticks};
use ephor_runtime::{PanicAt, Release, StallAt, Struck, Topology};

use super::Kind;
use super::pace::Pace;
use crate::figure;
use crate::subject::Load;

/// How long a stalled agent's handler does not return.
const STALL: Duration = Duration::from_millis(60);
/// How long the consumer of a lane stands still after a burst has filled it, and how long at most until that has come.
const FULL_STALL: Duration = Duration::from_millis(30);
const FULL_STALL_MAX: Duration = Duration::from_secs(2);
/// How long a forced breaker stays open, and a policy engine is made to fail.
const FORCED: Duration = Duration::from_millis(60);

/// A moment that one thread notes and others read.
#[derive(Debug, Default)]
pub(super) struct Moment(AtomicU64);

impl Moment {
    /// Notes it; only the first note counts.
    pub(super) fn note(&self, now: Ticks) {
        if self.at().is_none() {
            // Relaxed: nothing else is handed over with it.
            self.0.store(now.as_ns().max(1), Ordering::Relaxed);
        }
    }

    /// When it was; none before that.
    pub(super) fn at(&self) -> Option<Ticks> {
        // Relaxed: see `note`.
        let ns = self.0.load(Ordering::Relaxed);
        (ns > 0).then(|| Ticks::from_ns(ns))
    }
}

/// A fault that is put into one run.
#[derive(Debug)]
pub(super) struct Cause {
    pub(super) kind: Kind,
    /// At which of its messages an agent's own fault strikes.
    pub(super) strikes_at: u64,
    /// Messages that come at once while their lane's consumer stands still.
    pub(super) burst: usize,
    /// How long it lasts, as far as that is up to the watcher.
    pub(super) lasts: Duration,
    /// When an agent's own fault struck, and what lets the consumer of a full lane go on.
    struck: Struck,
    release: Release,
    /// When the watcher's doing began, or the burst; and when the watcher's doing was over.
    began: Moment,
    ended: Moment,
}

impl Cause {
    /// A fault of `kind` for a bus that `loads` drive at `pace`.
    pub(super) fn new(kind: Kind, pace: &Pace, loads: &[Load]) -> Self {
        let burst = if kind == Kind::FullLane { pace.burst(loads) } else { 0 };
        let lasts = match kind {
            Kind::Panic => Duration::ZERO,
            Kind::Stall => STALL,
            Kind::FullLane => FULL_STALL,
            Kind::Breaker | Kind::Policy => FORCED,
        };
        Self {
            kind,
            strikes_at: pace.strikes_at(loads),
            burst,
            lasts,
            struck: Struck::default(),
            release: Release::default(),
            began: Moment::default(),
            ended: Moment::default(),
        }
    }

    /// Puts it into the topology, where it is one of an agent.
    pub(super) fn put_into<F: Frame>(&self, topology: &mut Topology<F>, target: AgentId) {
        match self.kind {
            Kind::Panic => {
                topology.drill(target, PanicAt::message(self.strikes_at).noted(&self.struck));
            }
            Kind::Stall => {
                topology.drill(target, StallAt::message(self.strikes_at, self.lasts).noted(&self.struck));
            }
            Kind::FullLane => {
                let stall = StallAt::message(self.strikes_at, FULL_STALL_MAX).noted(&self.struck);
                topology.drill(target, stall.until(&self.release));
            }
            Kind::Breaker | Kind::Policy => {}
        }
    }

    /// Whether the agent has struck.
    pub(super) fn has_struck(&self) -> bool {
        self.struck.at().is_some()
    }

    /// Notes that the watcher, or the burst, begins.
    pub(super) fn begin(&self, now: Ticks) {
        self.began.note(now);
    }

    /// Ends it, after it has lasted long enough.
    pub(super) fn end(&self, now: Ticks) {
        self.ended.note(now);
        self.release.release();
    }

    /// Whether what the watcher does has lasted long enough: that of a full lane since its burst.
    pub(super) fn has_lasted(&self, now: Ticks) -> bool {
        self.began.at().is_some_and(|began| u128::from(now.since_ns(began)) >= self.lasts.as_nanos())
    }

    /// When the fault was there: a full lane's with its burst.
    pub(super) fn began(&self) -> Option<Ticks> {
        match self.kind {
            Kind::Panic | Kind::Stall => self.struck.at(),
            Kind::FullLane | Kind::Breaker | Kind::Policy => self.began.at(),
        }
    }

    /// When what caused it was over: a panic is at once, a stall when its handler returns.
    pub(super) fn ended(&self) -> Option<Ticks> {
        match self.kind {
            Kind::Panic => self.struck.at(),
            Kind::Stall => self.struck.at().map(|at| at.after_ns(self.lasts.as_nanos() as u64)),
            Kind::FullLane | Kind::Breaker | Kind::Policy => self.ended.at(),
        }
    }

    /// How long it lasted; none for a panic, and for one that never began or never ended.
    pub(super) fn lasted_ns(&self) -> Option<u64> {
        match self.kind {
            Kind::Panic => None,
            _ => Some(self.ended()?.since_ns(self.began()?)),
        }
    }

    /// What was done to the agent named `target`, in words.
    pub(super) fn what(&self, target: &str, pace: &Pace) -> String {
        let (number, per_s) = (self.strikes_at, pace.per_s);
        let lasts = figure::time(self.lasts.as_nanos() as f64);
        let done = match self.kind {
            Kind::Panic => format!("{target} panics at its message {number}, at every delivery"),
            Kind::Stall => format!("{target} does not return from its message {number} for {lasts}"),
            Kind::FullLane => format!(
                "{target} stands still from its message {number} on, {} messages come at once, and it goes on {lasts} later",
                self.burst
            ),
            Kind::Breaker => format!("{target} is reported down for {lasts}"),
            Kind::Policy => format!("commands that the policy engine fails on for {lasts}"),
        };
        format!("{done}, under {per_s:.0} messages a second")
    }
}
