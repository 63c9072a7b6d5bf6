//! The policy agent: commands come in, those that are permitted go on, the others are denied with reasons.
//!
//! A command brings its input, canonical JSON text, in the pool block that travels with it. The agent keeps
//! nothing of its own: the decider lives in a [`PolicyHandle`] outside, so that an agent which is rebuilt
//! after a crash decides as before. It runs on its own worker, where the interpreter may allocate.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ephor_core::{Frame, Kind, Message};
use ephor_runtime::{Accepts, Agent, Cx, Dispatch, Handler, Lossy, Out, Pulse, Vital};
use hdrhistogram::Histogram;

use crate::{Decider, Decision, Outcome, ReasonSet};

/// Longest decision that the histogram tells apart, ten seconds, and its precision in decimal digits.
const DECISION_NS_MAX: u64 = 10_000_000_000;
const DECISION_DIGITS: u8 = 2;

/// What the agent did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyStats {
    /// Decisions answered from the cache.
    pub hits: u64,
    /// Decisions that were evaluated.
    pub misses: u64,
    /// Half of the decisions took at most this long, in nanoseconds.
    pub p50_ns: u64,
    /// 99 of 100.
    pub p99_ns: u64,
    /// 999 of 1000.
    pub p999_ns: u64,
    /// The longest decision.
    pub max_ns: u64,
}

/// The decider and its timings.
struct Desk {
    decider: Decider,
    decision_ns: Histogram<u64>,
}

/// The decider outside of the agent: for its next life, and for whoever wants its figures.
#[derive(Clone)]
pub struct PolicyHandle(Arc<Mutex<Desk>>);

impl PolicyHandle {
    /// Takes a decider in.
    pub fn new(decider: Decider) -> Self {
        let decision_ns = Histogram::new_with_max(DECISION_NS_MAX, DECISION_DIGITS)
            .expect("the bounds are constants that fit");
        Self(Arc::new(Mutex::new(Desk { decider, decision_ns })))
    }

    /// The names of the reasons of a decision, in alphabetical order.
    pub fn reason_names(&self, reasons: ReasonSet) -> Vec<String> {
        self.lock().decider.reason_names(reasons).map(str::to_owned).collect()
    }

    /// The names behind the bits of reasons, in the order of the bits; those that have occurred so far.
    pub fn reason_table(&self) -> Vec<String> {
        self.lock().decider.engine().reason_table().map(str::to_owned).collect()
    }

    /// The identities of the policy texts and of the static data, as they are printed.
    pub fn revisions(&self) -> (String, String) {
        let desk = self.lock();
        let engine = desk.decider.engine();
        (engine.revision().to_string(), engine.data_revision().to_string())
    }

    /// What the agent did so far.
    pub fn stats(&self) -> PolicyStats {
        let desk = self.lock();
        let cache = desk.decider.cache();
        PolicyStats {
            hits: cache.hits(),
            misses: cache.misses(),
            p50_ns: desk.decision_ns.value_at_quantile(0.5),
            p99_ns: desk.decision_ns.value_at_quantile(0.99),
            p999_ns: desk.decision_ns.value_at_quantile(0.999),
            max_ns: desk.decision_ns.max(),
        }
    }

    /// The latest failure of the engine's own, in words.
    pub fn last_failure(&self) -> Option<String> {
        self.lock().decider.engine().last_failure().map(ToString::to_string)
    }

    /// A lock that a panic has poisoned is as good as before: a decision is made in one piece or not at all.
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for PolicyHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PolicyHandle")
    }
}

/// Decides about commands of type `C`.
pub struct PolicyAgent<C: Message> {
    handle: PolicyHandle,
    permitted: Out<C>,
    /// Where the engine's own health goes, and the number of its breaker.
    pulse: Option<(Lossy<Pulse>, u16)>,
    vital: Vital,
}

impl<C: Message> PolicyAgent<C> {
    /// An agent that passes permitted commands on to `permitted`.
    pub fn new(handle: PolicyHandle, permitted: Out<C>, pulse: Option<(Lossy<Pulse>, u16)>) -> Self {
        Self { handle, permitted, pulse, vital: Vital::Up }
    }

    fn decide<F: Frame>(&self, cx: &Cx<'_, F>) -> Option<Decision> {
        let input = cx.loan()?;
        let mut desk = self.handle.lock();
        let begun = cx.read_clock();
        let decision = desk.decider.decide(input);
        desk.decision_ns.saturating_record(cx.read_clock().since_ns(begun));
        Some(decision)
    }

    /// Reports the engine when it begins to fail, and when it works again.
    fn report<F: Frame>(&mut self, is_failure: bool, cx: &mut Cx<'_, F>) {
        let vital = if is_failure { Vital::Down } else { Vital::Up };
        if let Some((port, subject)) = &self.pulse
            && self.vital != vital
        {
            self.vital = vital;
            // A pulse that is shed is counted in the ledger; the next change reports again.
            let _offered = cx.offer(port, Pulse::new(*subject, vital));
        }
    }
}

impl<C: Message, F: Frame> Agent<F> for PolicyAgent<C> {}

impl<C: Message, F: Frame> Dispatch<F> for PolicyAgent<C> {
    const KINDS: &'static [(Kind, &'static str)] = &[(C::KIND, C::NAME)];

    fn dispatch(&mut self, frame: &F, cx: &mut Cx<'_, F>) -> bool {
        let Some(command) = frame.open::<C>() else { return false };
        self.on(&command, cx);
        true
    }
}

impl<C: Message, F: Frame> Accepts<C, F> for PolicyAgent<C> {}

impl<C: Message, F: Frame> Handler<C, F> for PolicyAgent<C> {
    /// A command without a block has nothing to decide by: denied as a policy error.
    fn on(&mut self, _command: &C, cx: &mut Cx<'_, F>) {
        let Some(decision) = self.decide(cx) else {
            return cx.deny(ReasonSet::of_failure(crate::FailureKind::Error).bits());
        };
        self.report(decision.is_failure(), cx);
        match decision.outcome {
            Outcome::Permit => cx.forward(&self.permitted),
            Outcome::Deny => cx.deny(decision.reasons.bits()),
        }
    }
}
