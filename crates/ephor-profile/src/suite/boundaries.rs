//! Boundaries: what the check lets into a lane and out of it, what it refuses, why, and where that is counted.

use std::time::{Duration, Instant};

use ephor_constitution::{Reason, Verdict};
use ephor_core::{Impact, Kind, Message};
use ephor_runtime::{
    Address, Boundary, Cx, Disposition, Gateway, Invoker, Lossy, Offered, Out, Record, Report, SendError,
    Shed, Topology,
};

use super::bench::{
    Door, MS, Seen, apart, charter, invoke, refused, send_all, settle_invoked, some, start, stop,
    stop_invoked, until,
};
use super::cast::{Actor, Brief, Item, Note, Scribe};
use crate::check::{Check, Checked, Failing, ensure_eq};

mod stamps;

const GROUP: &str = "boundaries";

/// Only the clerk works for the sink; a note is no kind here, and what is brief lives for two milliseconds.
const CHARTER: &str = r#"
name = "boundaries"
stamp = "cdd01ef066bc6cf2"
default_role = "agent"
[roles]
agent = {}
clerk = {}
stranger = {}
sink = {}
[kinds.item]
number = 1
action = "work"
[kinds.brief]
number = 4
action = "work"
lifetime_ms = 2
[[grants]]
from = ["clerk", "agent"]
action = ["work"]
to = ["sink", "agent"]
[impact]
threshold = 0.8
"#;
const LIFETIME: u64 = 2 * MS;

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    let mut checks = vec![
        check("a kind that the charter does not know is denied at the gateway", unknown_kind),
        check(
            "a kind that the charter does not list has the terms of all others where there are such",
            default_kind,
        ),
        check(
            "what an agent may not send is denied as it enters the lane, and the rest arrives",
            denied_emit,
        ),
        check("an offer that the check refuses counts as denied and not as shed", denied_offer),
        check("what may not be passed on is denied where it was to be passed on", denied_forward),
        check("a message lives to the last nanosecond of its kind's lifetime, and no longer", lifetime)
            .case("M5 (in a lane)"),
        check(
            "a message that grew too old behind a busy agent expires when it leaves its lane",
            expired_at_exit,
        ),
        check("each hop of a message that is passed on has a lifetime of its own", lifetime_of_a_hop),
        check(
            "without a skew, what was sent after its receiver's pass began is denied as from the future",
            no_skew,
        ),
        check("within the skew, what was sent after its receiver's pass began is handled", skew),
        check("an impact of 0.79 passes, and one of 0.8 is held and not delivered", impact)
            .case("D2 (held, not delivered)"),
        check("a threshold of the charter's own holds from its tenth on", impact_threshold),
        check("a message that would be held is denied when anything else stands against it", impact_and_more),
        check("a refusal is counted and recorded at the boundary that refused", counted_by_boundary),
    ];
    checks.extend(stamps::checks());
    checks
}

/// The clerk's and the stranger's ways to a sink.
struct Office {
    topology: Topology,
    clerk: Gateway<Actor>,
    stranger: Gateway<Actor>,
    seen: Seen,
}

fn office(text: &str) -> Result<Office, Failing> {
    let mut topology = Topology::new(charter(text)?);
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let (clerk, stranger) = (topology.outside("clerk"), topology.outside("stranger"));
    let clerk = topology.gateway_as(clerk, sink, 16);
    let stranger = topology.gateway_as(stranger, sink, 16);
    Ok(Office { topology, clerk, stranger, seen })
}

/// What the check had against a message that a gateway handed back.
fn verdict_of<M>(error: SendError<M>) -> Result<Verdict, Failing> {
    match error {
        SendError::Denied(_, verdict) | SendError::Held(_, verdict) => Ok(verdict),
        other => Err(Failing::Broken(format!("refused by something else than the check: {other}"))),
    }
}

fn unknown_kind() -> Checked {
    let Office { topology, clerk, seen, .. } = office(CHARTER)?;
    let bus = start(topology)?;
    let verdict = verdict_of(refused(clerk.try_send(Note(1)), "a note")?)?;
    ensure_eq(verdict.to_string(), "unknown-kind+capability".to_owned(), "the reasons")?;
    clerk.try_send(Item(2))?;
    let ledger = stop(bus)?.ledger;
    ensure_eq(seen.values(), vec![2], "what arrived")?;
    ensure_eq(ledger.of_kinds(&[Kind(2)]).lost(Disposition::Denied), 1, "notes denied")
}

fn default_kind() -> Checked {
    let text = format!("{CHARTER}\n[kinds_default]\naction = \"work\"\n");
    let Office { topology, clerk, stranger, seen } = office(&text)?;
    let bus = start(topology)?;
    clerk.try_send(Note(1))?;
    let verdict = verdict_of(refused(stranger.try_send(Note(2)), "the stranger's note")?)?;
    ensure_eq(verdict.to_string(), "capability".to_owned(), "the reasons")?;
    stop(bus)?;
    ensure_eq(seen.values(), vec![1], "what arrived")
}

/// An agent that does `act` with an item from the clerk, an auditor, and a sink to which it has a port of each kind.
fn denied(
    act: impl Fn(&Out<Note>, &Out<Item>, &Lossy<Note>, &mut Cx<'_>) + Send + Sync + 'static,
) -> Result<(Seen, Seen<Record>, Report), Failing> {
    let mut topology = Topology::new(charter(CHARTER)?);
    let seen = Seen::new();
    let records = Scribe::seat(&mut topology, 64);
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let agent = topology.reserve("sender");
    let (note, item) = (topology.hold(agent, sink, 8), topology.hold(agent, sink, 8));
    let offer = topology.lossy(agent, sink, 8, Shed::Newest);
    Actor::new().on_item(move |_, cx| act(&note, &item, &offer, cx)).install(&mut topology, agent);
    let clerk = topology.outside("clerk");
    let gate = topology.gateway_as(clerk, agent, 8);
    let bus = start(topology)?;
    gate.try_send(Item(0))?;
    let report = stop(bus)?;
    Ok((seen, records, report))
}

fn denied_emit() -> Checked {
    let (seen, records, report) = denied(|note, item, _, cx| {
        cx.emit(note, Note(1));
        cx.emit(item, Item(2));
    })?;
    ensure_eq(seen.values(), vec![2], "what arrived")?;
    ensure_eq(report.ledger.at_agent("sender", Disposition::Denied), 1, "denied at the sender")?;
    let records = records.values();
    let record =
        some(records.iter().find(|record| record.disposition == Disposition::Denied), "record of it")?;
    ensure_eq(record.boundary, Boundary::Entry, "the boundary in its record")?;
    ensure_eq(record.verdict.to_string(), "unknown-kind+capability".to_owned(), "the reasons in its record")
}

fn denied_offer() -> Checked {
    let answers = Seen::new();
    let given = answers.clone();
    let (seen, _, report) = denied(move |_, _, offer, cx| given.note(cx.offer(offer, Note(1))))?;
    ensure_eq(answers.values(), vec![Offered::Shed], "the answer to the offer")?;
    ensure_eq(seen.count(), 0, "messages that arrived")?;
    let ledger = report.ledger;
    let lost = [Disposition::Denied, Disposition::Shed].map(|loss| ledger.lost(loss));
    ensure_eq(lost, [1, 0], "denied and shed")
}

fn denied_forward() -> Checked {
    let mut topology = Topology::new(charter(CHARTER)?);
    topology.receipts(4);
    let seen = Seen::new();
    let target = Actor::noting(&seen).seat(&mut topology, "stranger");
    let sender = topology.reserve("sender");
    let out: Out<Item> = topology.hold(sender, target, 8);
    Actor::new().on_item(move |_, cx| cx.forward(&out)).install(&mut topology, sender);
    let clerk = topology.outside("clerk");
    let gate = topology.gateway_as(clerk, sender, 8).with_receipts();
    let mut bus = start(topology)?;
    let mut receipts = some(bus.take_receipts(), "reader of receipts")?;
    gate.try_send(Item(1))?;
    let report = stop(bus)?;
    let receipt = some(receipts.try_receive(), "receipt")?;
    ensure_eq(
        (receipt.agent, receipt.disposition),
        (sender.id(), Disposition::Denied),
        "what the receipt says",
    )?;
    ensure_eq(receipt.verdict.to_string(), "capability".to_owned(), "the reasons")?;
    ensure_eq((report.ledger.sent(), seen.count()), (1, 0), "messages sent, and arrived")
}

fn lifetime() -> Checked {
    let Office { topology, clerk, seen, .. } = office(CHARTER)?;
    let mut bus = invoke(topology)?;
    clerk.try_send(Brief(1))?;
    bus.advance(LIFETIME);
    settle_invoked(&mut bus);
    ensure_eq(seen.values(), vec![1], "what arrived at the end of its life")?;
    clerk.try_send(Brief(2))?;
    bus.advance(LIFETIME + 1);
    let ledger = stop_invoked(bus)?.ledger;
    ensure_eq(seen.values(), vec![1], "what arrived in all")?;
    ensure_eq(ledger.at_agent("sink", Disposition::Expired), 1, "expired at the sink")
}

/// A sink that waits at `door` for items, and notes what else it gets.
fn busy(topology: &mut Topology, door: &Door, seen: &Seen) -> Address<Actor> {
    let held = door.clone();
    Actor::noting(seen).on_item(move |_, _| held.pass()).seat(topology, "sink")
}

fn expired_at_exit() -> Checked {
    let mut topology = Topology::new(charter(CHARTER)?);
    let (door, seen) = (Door::new(), Seen::new());
    let records = Scribe::seat(&mut topology, 64);
    let sink = busy(&mut topology, &door, &seen);
    let clerk = topology.outside("clerk");
    let gate = topology.gateway_as(clerk, sink, 8);
    let bus = start(topology)?;
    gate.try_send(Item(0))?;
    door.until_entered()?;
    gate.try_send(Brief(1))?;
    let sent = Instant::now();
    until("the end of a life", || sent.elapsed() > Duration::from_nanos(2 * LIFETIME))?;
    door.open();
    let report = stop(bus)?;
    ensure_eq((seen.count(), report.ledger.lost(Disposition::Expired)), (0, 1), "handled, and expired")?;
    let records = records.values();
    let record =
        some(records.iter().find(|record| record.disposition == Disposition::Expired), "record of it")?;
    ensure_eq(
        (record.boundary, record.verdict.to_string()),
        (Boundary::Exit, "expired".to_owned()),
        "its record",
    )
}

fn lifetime_of_a_hop() -> Checked {
    let mut topology = Topology::new(charter(CHARTER)?);
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let relay = topology.reserve("relay");
    apart(&mut topology, &[sink.id()]);
    let out: Out<Brief> = topology.hold(relay, sink, 8);
    Actor::new().on_brief(move |_, cx| cx.forward(&out)).install(&mut topology, relay);
    let clerk = topology.outside("clerk");
    let gate = topology.gateway_as(clerk, relay, 8);
    let mut bus: Invoker = invoke(topology)?;
    for (number, first_ns, second_ns) in
        [(1, LIFETIME, LIFETIME), (2, LIFETIME, LIFETIME + 1), (3, LIFETIME + 1, 0)]
    {
        gate.try_send(Brief(number))?;
        bus.advance(first_ns);
        bus.poll_worker(0);
        bus.advance(second_ns);
        settle_invoked(&mut bus);
    }
    let ledger = stop_invoked(bus)?.ledger;
    ensure_eq(seen.values(), vec![1], "what arrived")?;
    let expired = ["relay", "sink"].map(|agent| ledger.at_agent(agent, Disposition::Expired));
    ensure_eq(expired, [1, 1], "expired at the relay and at the sink")
}

/// Sends a message while its receiver is in a pass that began before; says what became of it.
fn sent_during_a_pass(limits: &str) -> Result<(Vec<u64>, u64), Failing> {
    let mut topology = Topology::new(charter(&format!("{CHARTER}\n{limits}"))?);
    let (door, seen) = (Door::new(), Seen::new());
    let records = Scribe::seat(&mut topology, 64);
    let sink = busy(&mut topology, &door, &seen);
    let clerk = topology.outside("clerk");
    // Lanes of one agent are polled in the order of declaration, so the second is looked at in the pass of the first.
    let (first, second) = (topology.gateway_as(clerk, sink, 8), topology.gateway_as(clerk, sink, 8));
    let bus = start(topology)?;
    // Without a skew it may itself be sent during a pass, and be denied; then it is sent again.
    until("an agent at the door", || {
        let _sent = first.try_send(Item(0));
        door.is_entered()
    })?;
    second.try_send(Brief(1))?;
    door.open();
    stop(bus)?;
    let is_future = |record: &&Record| {
        record.header.kind == Brief::KIND
            && record.verdict.contains(Reason::Future)
            && record.boundary == Boundary::Exit
    };
    Ok((seen.values(), records.values().iter().filter(is_future).count() as u64))
}

fn no_skew() -> Checked {
    let outcome = sent_during_a_pass("[limits]\nskew_ms = 0")?;
    ensure_eq(outcome, (vec![], 1), "handled, and denied at the exit as from the future")
}

fn skew() -> Checked {
    let outcome = sent_during_a_pass("[limits]\nskew_ms = 20000")?;
    ensure_eq(outcome, (vec![1], 0), "handled, and denied at the exit as from the future")
}

/// Sends one item of each impact, in tenths and hundredths; says which were handled and which held.
fn by_impact(text: &str, scores: &[f64]) -> Result<(Vec<u64>, u64), Failing> {
    let Office { topology, clerk, seen, .. } = office(text)?;
    let bus = start(topology)?;
    for (number, score) in (0..).zip(scores) {
        match clerk.with_impact(Impact::from_score(*score)).try_send(Item(number)) {
            Err(SendError::Held(item, verdict)) => {
                ensure_eq(
                    (item, verdict.to_string()),
                    (Item(number), "impact".to_owned()),
                    "what came back",
                )?;
            }
            other => {
                other?;
            }
        }
    }
    let ledger = stop(bus)?.ledger;
    Ok((seen.values(), ledger.lost(Disposition::Held)))
}

fn impact() -> Checked {
    let outcome = by_impact(CHARTER, &[0.0, 0.79, 0.8, 1.0])?;
    ensure_eq(outcome, (vec![0, 1], 2), "numbers handled, and how many were held")
}

fn impact_threshold() -> Checked {
    let outcome = by_impact(&CHARTER.replace("threshold = 0.8", "threshold = 0.3"), &[0.2, 0.29, 0.3, 0.8])?;
    ensure_eq(outcome, (vec![0, 1], 2), "numbers handled, and how many were held")
}

fn impact_and_more() -> Checked {
    let Office { topology, stranger, seen, .. } = office(CHARTER)?;
    let bus = start(topology)?;
    let error = refused(stranger.with_impact(Impact::MAX).try_send(Item(1)), "the stranger's item")?;
    let is_denied = matches!(error, SendError::Denied(..));
    ensure_eq(
        (is_denied, verdict_of(error)?.to_string()),
        (true, "capability+impact".to_owned()),
        "the refusal",
    )?;
    let ledger = stop(bus)?.ledger;
    let lost = [Disposition::Denied, Disposition::Held].map(|loss| ledger.lost(loss));
    ensure_eq((lost, seen.count()), ([1, 0], 0), "denied and held, and arrived")
}

fn counted_by_boundary() -> Checked {
    let Office { mut topology, clerk, stranger, .. } = office(CHARTER)?;
    let records = Scribe::seat(&mut topology, 64);
    let mut bus = invoke(topology)?;
    refused(stranger.try_send(Item(1)), "the stranger's item")?;
    send_all(&clerk, [Brief(2), Brief(3)])?;
    bus.advance(LIFETIME + 1);
    send_all(&clerk, [Item(4)])?;
    let ledger = stop_invoked(bus)?.ledger;
    let counted = [
        ("stranger", Disposition::Denied),
        ("sink", Disposition::Denied),
        ("clerk", Disposition::Expired),
        ("sink", Disposition::Expired),
        ("sink", Disposition::Handled),
    ]
    .map(|(agent, fate)| ledger.at_agent(agent, fate));
    ensure_eq(counted, [1, 0, 0, 2, 1], "counts by place and fate")?;
    let at = |boundary| records.values().iter().filter(|record| record.boundary == boundary).count();
    let recorded = [Boundary::Entry, Boundary::Exit, Boundary::Handler].map(at);
    ensure_eq(recorded, [1, 2, 1], "records by boundary")
}
