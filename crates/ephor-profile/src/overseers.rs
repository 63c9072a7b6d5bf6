//! The built-in subject: health, recovery, policy and audit around a relay and a sink.
//!
//! ```text
//!  orders ──gateway──► relay ───────────► sink         15 of 16 messages
//!  refunds ─gateway──► policy ──permit──► sink         1 of 16, with the input that policy decides by
//! ```
//!
//! Every fate is in the audit log. The first core is left to the load, and the bus has the others. From four on, relay and sink
//! spin on one, policy on another, and audit, health and recovery share a third. On a smaller machine all workers share the last
//! core and sleep when they have nothing to do, so that none waits for one that only looks for work. In any case audit has
//! a worker of its own, which waits for the disk so that no other has to, and so have health and recovery: they have to move
//! when the others do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ephor_audit::{AuditHandle, LogWriter, SigningKey};
use ephor_constitution::Charter;
use ephor_core::{Frame, Message};
use ephor_oversight::Oversight;
use ephor_policy::{
    Decider, DecisionCache, Engine, EntryPoint, Limits, PolicyAgent, PolicyHandle, PolicySource,
};
use ephor_runtime::pool::{Loan, Pool};
use ephor_runtime::{
    Agent, Cx, Gateway, Handler, IdleStrategy, Out, Pin, Topology, WorkerId, WorkerOptions, agent,
    cores_allowed,
};

use crate::logs::log_directory;
use crate::machine::parallelism;
use crate::subject::{Ask, Load, Sent, Subject, SubjectError, outcome};

/// Messages that each lane holds.
const LANE: usize = 1024;
/// Records that wait for the auditor, a worker.
const TRAIL: usize = 8192;
/// Refunds that can be under way at one time, and the bytes of what they are decided by.
const BLOCKS: usize = 256;
const BLOCK_BYTES: usize = 64;
/// Bytes of what policy decides by.
const INPUT_BYTES: usize = 14;
/// Orders for each refund.
const ORDERS_A_REFUND: u32 = 15;
/// Cores from which on the workers have cores of their own.
const CORES_TO_SPREAD: usize = 4;
/// Different refunds; so most are decided from the cache.
const REFUNDS: u64 = 64;
const DECISIONS: usize = 256;

/// The policy of the built-in subject.
pub(crate) const POLICY: &str = r#"
package refund

violations contains "over-the-limit" if input.amount > 1000

# What is no name of a rule makes the engine fail: for the fault of the profile.
violations contains input.fault
"#;
pub(crate) const ENTRY_POINT: &str = "data.refund.violations";

/// Who may do what here; see [`crate::overseers`].
const CHARTER: &str = r#"
name = "The overseers around a relay"
stamp = "cdd01ef066bc6cf2"
[roles]
clerk = {}
relay = {}
sink = {}
policy = {}
health = {}
recovery = {}
audit = {}
[kinds.order]
number = 1
action = "order"
lifetime_ms = 60_000
[kinds.refund]
number = 2
action = "refund"
lifetime_ms = 60_000
[kinds.pulse]
number = 240
action = "pulse"
[[grants]]
from = ["clerk"]
action = ["order"]
to = ["relay"]
[[grants]]
from = ["relay"]
action = ["order"]
to = ["sink"]
[[grants]]
from = ["clerk"]
action = ["refund"]
to = ["policy"]
[[grants]]
from = ["policy"]
action = ["refund"]
to = ["sink"]
[[grants]]
from = ["policy", "recovery", "audit"]
action = ["pulse"]
to = ["health"]
"#;

/// An order.
#[derive(Clone, Copy, Debug, Message)]
#[message(kind = 1, crate = ephor_core)]
pub(crate) struct Order {
    number: u64,
}

/// A refund; its block holds what policy decides by.
#[derive(Clone, Copy, Debug, Message)]
#[message(kind = 2, loan, crate = ephor_core)]
pub(crate) struct Refund {
    block: u64,
    number: u64,
}

/// Passes orders on.
pub(crate) struct Relay {
    out: Out<Order>,
}

/// Takes what arrives.
pub(crate) struct Sink {
    sum: u64,
}

impl<F: Frame> Agent<F> for Relay {}
impl<F: Frame> Agent<F> for Sink {}
agent!(Relay { Order });
agent!(Sink { Order, Refund });

impl<F: Frame> Handler<Order, F> for Relay {
    fn on(&mut self, _order: &Order, cx: &mut Cx<'_, F>) {
        cx.forward(&self.out);
    }
}

impl<F: Frame> Handler<Order, F> for Sink {
    fn on(&mut self, order: &Order, _cx: &mut Cx<'_, F>) {
        self.sum = self.sum.wrapping_add(order.number);
    }
}

impl<F: Frame> Handler<Refund, F> for Sink {
    fn on(&mut self, refund: &Refund, _cx: &mut Cx<'_, F>) {
        self.sum = self.sum.wrapping_add(refund.number);
    }
}

/// Whether every fate goes into the log. Without, what the log costs can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audited {
    /// A record of every fate, durable when the log is closed.
    Yes,
    /// No auditor.
    No,
}

/// A recipe for the four overseers around a relay and a sink: what is profiled when nothing else is named.
///
/// The policy is loaded once, by the first call, and its cache lives on; all else is made anew by each.
pub fn overseers(audited: Audited) -> impl FnMut() -> Result<Subject, SubjectError> {
    let mut policy: Option<PolicyHandle> = None;
    move || {
        if policy.is_none() {
            policy = Some(PolicyHandle::new(decider()?));
        }
        let policy = policy.clone().ok_or("the policy was loaded above")?;
        subject(audited, policy)
    }
}

/// Wires the subject.
///
/// # Errors
/// When there is no room for the log, or the system has no randomness for its key.
fn subject(audited: Audited, policy: PolicyHandle) -> Result<Subject, SubjectError> {
    let mut topology: Topology = Topology::new(Charter::parse(CHARTER, "built-in charter")?);
    let pool = Pool::new(BLOCKS, BLOCK_BYTES);
    topology.pool(pool.clone());
    let Places { busy, governing, auditing, overseeing } = places(&mut topology);
    let relay = topology.reserve::<Relay>("relay");
    let sink = topology.reserve::<Sink>("sink");
    let out = topology.hold(relay, sink, LANE);
    topology.install(relay, move || Relay { out });
    topology.install(sink, || Sink { sum: 0 });
    topology.place(relay.id(), busy).place(sink.id(), busy);

    let mut oversight = Oversight::install(&mut topology);
    let judge = oversight.policy::<Refund, _, _>(&mut topology, policy, sink, LANE)?;
    topology.place(judge.id(), governing);
    oversight.place(&mut topology, overseeing);
    oversight.watch(&mut topology, relay.id(), "relay")?;
    oversight.watch(&mut topology, sink.id(), "sink")?;
    let mut place = None;
    if audited == Audited::Yes {
        let (handle, dir) = log()?;
        let auditor = oversight.audit(&mut topology, handle, TRAIL)?;
        topology.place(auditor.id(), auditing);
        place = Some(dir);
    }
    oversight.finish(&mut topology);

    let clerk = topology.outside("clerk");
    let orders = topology.gateway_as(clerk, relay, LANE);
    let refunds = topology.gateway_as(clerk, judge, LANE);
    let watch = oversight.watchdog(&mut topology);
    let mut number = 0;
    let order = move || {
        number += 1;
        Order { number }
    };
    let subject = Subject::new(topology)
        .with(Load::through("orders", &orders, order).weight(ORDERS_A_REFUND))
        .with(refund_load("refunds", &refunds, pool.clone(), refund_input))
        .poisoned_by(refund_load("faulty refunds", &refunds, pool, |_| *b"{\"fault\":1234}"))
        .watched_through(move |pulse| outcome(watch.try_send(pulse)))
        .overseen_by(oversight);
    Ok(match place {
        Some(place) => subject.keeping(place),
        None => subject,
    })
}

/// The workers of the subject.
struct Places {
    /// Relay and sink.
    busy: WorkerId,
    /// Policy.
    governing: WorkerId,
    auditing: WorkerId,
    /// Health and recovery.
    overseeing: WorkerId,
}

/// Declares the workers, by how many cores there are.
fn places(topology: &mut Topology) -> Places {
    let mut cores = cores_allowed();
    cores.sort_unstable();
    // Counted from the last; none is left when that would be the first, which is the load's.
    let pin = |place: usize| match cores.len().checked_sub(place + 1) {
        Some(index) if index > 0 => Pin::IfPossible(cores[index]),
        _ => Pin::None,
    };
    let mut worker = |pin: Pin, idle: IdleStrategy| topology.worker(WorkerOptions { pin, idle });
    // Workers that spin use up a quota, so where that is small they do not.
    if cores.len().min(parallelism()) < CORES_TO_SPREAD {
        let busy = worker(pin(0), IdleStrategy::park());
        let auditing = worker(pin(0), IdleStrategy::backoff());
        let overseeing = worker(pin(0), IdleStrategy::park());
        return Places { busy, governing: busy, auditing, overseeing };
    }
    Places {
        busy: worker(pin(0), IdleStrategy::Spin),
        governing: worker(pin(1), IdleStrategy::Spin),
        auditing: worker(pin(2), IdleStrategy::backoff()),
        overseeing: worker(pin(2), IdleStrategy::park()),
    }
}

/// A decider of the built-in policy. No evaluation runs away, and a host that stops for a while is no reason to deny.
pub(crate) fn decider() -> Result<Decider, SubjectError> {
    let source = PolicySource::from_texts(&[("refund.rego", POLICY)])?;
    let engine = Engine::load(&source, Vec::new(), &EntryPoint::new(ENTRY_POINT)?, Limits::patient())?;
    Ok(Decider::new(engine, DecisionCache::new(DECISIONS)?))
}

/// A log in a directory that goes when the subject does.
fn log() -> Result<(AuditHandle, tempfile::TempDir), SubjectError> {
    let place = log_directory()?;
    let writer = LogWriter::create(&place.path().join("log"), SigningKey::generate("ephor/profile")?)?;
    Ok((AuditHandle::new(writer), place))
}

/// Sends refunds, each with its input in a block of `pool`.
fn refund_load(
    name: &str,
    gateway: &Gateway<PolicyAgent<Refund>>,
    pool: Pool,
    input: fn(u64) -> [u8; INPUT_BYTES],
) -> Load {
    let (plain, asking) = (gateway.clone(), gateway.with_receipts());
    let number = Arc::new(AtomicU64::new(0));
    Load::new(name, gateway.target(), move |ask| {
        let Some(mut loan) = pool.take() else { return Sent::Refused };
        // Relaxed: only uniqueness matters.
        let number = number.fetch_add(1, Ordering::Relaxed);
        if loan.write(&input(number)).is_err() {
            return Sent::Refused;
        }
        let handle = Loan::share(loan);
        let refund = Refund { block: handle.to_bits(), number };
        let sent = match ask {
            Ask::Plain => outcome(plain.try_send(refund)),
            Ask::Receipt(asked) => outcome(asking.try_send_as(asked, refund)),
        };
        if sent != Sent::Taken {
            drop(pool.redeem(handle));
        }
        sent
    })
}

/// What policy decides by: canonical JSON, without an allocation. All of these refunds are within the limit.
fn refund_input(number: u64) -> [u8; INPUT_BYTES] {
    let mut text = *b"{\"amount\":100}";
    let amount = 100 + number % REFUNDS;
    for (place, digit) in text[10..13].iter_mut().zip([amount / 100, amount / 10 % 10, amount % 10]) {
        *place = b'0' + digit as u8;
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    #[test]
    fn each_refund_is_canonical_and_permitted() {
        let mut decider = decider().unwrap();
        for number in 0..REFUNDS {
            let input = refund_input(number);
            let value = serde_json::from_slice(&input).unwrap();
            assert_eq!(ephor_policy::canonical::to_bytes(&value), input);
            assert_eq!(decider.decide(&input).outcome, ephor_policy::Outcome::Permit);
        }
        assert_eq!(decider.decide(b"{\"amount\":1001}").outcome, ephor_policy::Outcome::Deny);
    }
}
