//! Audit: that every fate of every message is in the log, that nothing can be changed there unseen, and that nothing goes on
//! unrecorded.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ephor_audit::{
    AuditAgent, AuditHandle, AuditRecord, LogReader, LogWriter, SigningKey, Verified, VerifierKey,
    VerifyError, VerifyOptions, verify,
};
use ephor_constitution::Charter;
use ephor_core::{Correlation, Impact};
use ephor_oversight::Oversight;
use ephor_runtime::{
    Agent, Boundary, Cx, Disposition, Gateway, Out, PanicAt, Record, Report, SendError, Topology, agent,
};
use tempfile::TempDir;

use super::bench::{
    Seen, apart, invoke, refused, send_all, settle_invoked, some, start, stop, stop_at_once, stop_invoked,
    until,
};
use super::cast::{Actor, Answer, Item, Warden};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};
use crate::logs::log_directory;

mod log;

const GROUP: &str = "audit";

/// Records that may wait for the auditor, a worker.
const TRAIL: usize = 1_024;

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    let mut checks = vec![
        check("each fate of a message is a record with its place and its reasons", each_fate),
        check("what the check refused at a gateway is in the log", denied_at_gateway),
        check("a hundred results are stored once each, in order", hundred_results)
            .case("A1 (once, in order)"),
        check("the records of two workers and of the gateways are numbered without a gap", numbered),
        check("five results and a stop make one durable log of five", five_results).case("A2"),
        check("what is left when the bus stops is recorded before the log is closed", stop_writes_everything),
        check("an auditor that does not read holds the bus, and nothing is lost", full_trail),
        check(
            "an auditor that never reads does not keep the bus from stopping, and each gap is counted",
            never_reads,
        ),
    ];
    checks.extend(log::checks());
    checks
}

/// A log in a directory of its own, and the overseers that write it.
struct Archive {
    place: TempDir,
    vkey: VerifierKey,
    handle: AuditHandle,
    oversight: Oversight,
}

/// The overseers with an auditor, in a topology that still lacks what is audited.
fn archive(topology: &mut Topology) -> Result<Archive, Failing> {
    let place = log_directory()?;
    let key = SigningKey::generate("ephor.check/bus")?;
    let vkey = key.verifier_key();
    let handle = AuditHandle::new(LogWriter::create(&place.path().join("log"), key)?);
    let mut oversight = Oversight::install(topology);
    oversight.audit(topology, handle.clone(), TRAIL)?;
    oversight.finish(topology);
    Ok(Archive { place, vkey, handle, oversight })
}

impl Archive {
    fn dir(&self) -> PathBuf {
        self.place.path().join("log")
    }

    /// Verifies the closed log against its key and the checkpoint that was kept beside it.
    fn verified(&self) -> Result<Verified, Failing> {
        let checkpoint = some(self.handle.closed(), "checkpoint of a closed log")?;
        let options =
            VerifyOptions { vkey: Some(self.vkey.clone()), checkpoint: Some(checkpoint.note().into()) };
        let verified = verify(&self.dir(), &options, |_, _| {})?;
        ensure_eq((verified.size, verified.root), (checkpoint.size(), checkpoint.root()), "size and root")?;
        Ok(verified)
    }

    /// The records of a log that verifies.
    fn records(&self) -> Result<Vec<AuditRecord>, Failing> {
        let size = self.verified()?.size;
        let entries: Vec<_> = LogReader::open(&self.dir())?.entries().skip(1).collect::<Result<_, _>>()?;
        ensure_eq(entries.len() as u64 + 1, size, "entries, with the first")?;
        Ok(entries.iter().map(|entry| AuditRecord::decode(entry)).collect::<Result<_, _>>()?)
    }

    /// Why the log does not verify; holds it to not doing so.
    fn complaint(&self) -> Result<VerifyError, Failing> {
        let options = VerifyOptions { vkey: Some(self.vkey.clone()), checkpoint: None };
        refused(verify(&self.dir(), &options, |_, _| {}), "a log that was tampered with")
    }
}

/// A sink behind an audited gateway, over which `count` items went before the bus stopped.
fn audited(count: u64) -> Result<(Archive, Report), Failing> {
    let mut topology = Topology::new(Charter::default());
    let archive = archive(&mut topology)?;
    let sink = Actor::new().seat(&mut topology, "sink");
    let gate = topology.gateway(sink, 64);
    let bus = start(topology)?;
    send_all(&gate, (0..count).map(Item))?;
    let report = stop(bus)?;
    Ok((archive, report))
}

/// What a record says of the fate of the item in it.
fn fate_of(record: &AuditRecord) -> Result<(u64, u8, u8, u64), Failing> {
    let number = some(record.payload.first_chunk().copied().map(u64::from_ne_bytes), "payload")?;
    Ok((number, record.disposition, record.boundary, record.reasons))
}

/// An audited judge that denies item 1, holds item 2, and passes all others on to a sink, whose second message is poison.
fn court() -> Result<(Archive, Topology, Gateway<Actor>), Failing> {
    let mut topology = Topology::new(Charter::default());
    let archive = archive(&mut topology)?;
    let sink = Actor::new().seat(&mut topology, "sink");
    topology.drill(sink.id(), PanicAt::message(2));
    let judge = topology.reserve("judge");
    let out: Out<Item> = topology.hold(judge, sink, 16);
    let act = Actor::new().on_item(move |item, cx| match item.0 {
        1 => cx.deny(0b110),
        2 => cx.hold(0b1000),
        _ => cx.forward(&out),
    });
    act.install(&mut topology, judge);
    let gate = topology.gateway(judge, 16);
    Ok((archive, topology, gate))
}

fn each_fate() -> Checked {
    let (archive, topology, gate) = court()?;
    let bus = start(topology)?;
    send_all(&gate, (0..4).map(Item))?;
    refused(gate.with_impact(Impact::MAX).try_send(Item(9)), "an item of great impact")?;
    let report = stop(bus)?;
    let mut found: Vec<_> = archive.records()?.iter().map(fate_of).collect::<Result<_, _>>()?;
    found.sort_unstable();
    let handler = Boundary::Handler;
    let expected = [
        (0, Disposition::Handled, handler, 0),
        (0, Disposition::Forwarded, handler, 0),
        (1, Disposition::Denied, handler, 0b110),
        (2, Disposition::Held, handler, 0b1000),
        (3, Disposition::Forwarded, handler, 0),
        (3, Disposition::Quarantined, handler, 0),
        (9, Disposition::Held, Boundary::Entry, 0),
    ]
    .map(|(number, fate, place, reasons)| (number, fate as u8, place as u8, reasons));
    ensure_eq(found, expected.to_vec(), "numbers, fates, places and reasons")?;
    ensure_eq(report.trail_gaps, 0, "gaps")
}

fn denied_at_gateway() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let archive = archive(&mut topology)?;
    let recovery = topology.outside("some agent");
    // An agent of the default charter may not give orders to an overseer; here the sink stands for one.
    let sink = Actor::new().seat(&mut topology, "overseer");
    topology.role(sink.id(), "recovery");
    let gate = topology.gateway_as(recovery, sink, 4);
    let bus = start(topology)?;
    let error = refused(gate.try_send_as(Correlation(77), Item(5)), "an order to an overseer")?;
    ensure(matches!(error, SendError::Denied(Item(5), _)), || format!("another refusal: {error}"))?;
    stop(bus)?;
    let records = archive.records()?;
    let record = some(records.first(), "record")?;
    let found = (records.len(), record.correlation, record.source, record.target, record.verdict);
    ensure_eq(found, (1, 77, recovery.0, sink.id().0, 1 << 4), "records, and what the first says")?;
    ensure_eq(fate_of(record)?, (5, Disposition::Denied as u8, Boundary::Entry as u8, 0), "the fate in it")?;
    ensure_eq((record.stamp, record.worker), (0xcdd0_1ef0_66bc_6cf2, u16::MAX), "stamp, and no worker")
}

fn hundred_results() -> Checked {
    let (archive, report) = audited(100)?;
    let records = archive.records()?;
    let numbers: Vec<u64> = records.iter().map(|record| record.correlation).collect();
    ensure(numbers.iter().copied().eq(0..100), || format!("the numbers in the log: {numbers:?}"))?;
    let is_handled = records.iter().all(|record| record.disposition == Disposition::Handled as u8);
    ensure(is_handled, || "another fate than handled".to_owned())?;
    ensure_eq((report.ledger.handled(), report.trail_gaps), (100, 0), "handled, and gaps")
}

fn numbered() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let archive = archive(&mut topology)?;
    let sink = Actor::new().seat(&mut topology, "sink");
    let relay = topology.reserve("relay");
    apart(&mut topology, &[sink.id()]);
    let out = topology.hold(relay, sink, 16);
    Actor::relay(out).install(&mut topology, relay);
    let gate = topology.gateway(relay, 16);
    let grave = gate.with_impact(Impact::MAX);
    let bus = start(topology)?;
    for number in 0..200 {
        send_all(&gate, [Item(number)])?;
        if number.is_multiple_of(10) {
            refused(grave.try_send(Item(number)), "an item of great impact")?;
        }
    }
    stop(bus)?;
    let records = archive.records()?;
    for (worker, count) in [(0, 200), (1, 200), (u16::MAX, 20)] {
        let own = records.iter().filter(|record| record.worker == worker).map(|record| record.sequence);
        let numbers: Vec<u64> = own.collect();
        ensure(numbers.iter().copied().eq(0..count), || format!("numbers of worker {worker}: {numbers:?}"))?;
    }
    ensure_eq(records.len(), 420, "records")
}

fn five_results() -> Checked {
    let (archive, _) = audited(5)?;
    let records = archive.records()?;
    ensure_eq((records.len(), archive.verified()?.size), (5, 6), "records, and entries with the first")?;
    let numbers: Vec<u64> = records.iter().map(|record| record.correlation).collect();
    ensure_eq(numbers, (0..5).collect(), "their numbers")
}

/// So much is left that the auditor is told to stop before it has read it all: the rest has to come from its stop hook.
fn stop_writes_everything() -> Checked {
    const LANES: usize = 8;
    const EACH: u64 = 500;
    let mut topology = Topology::new(Charter::default());
    let place = log_directory()?;
    let dir = place.path().join("log");
    let handle = AuditHandle::new(LogWriter::create(&dir, SigningKey::generate("ephor.check/bus")?)?);
    let auditor = topology.reserve::<AuditAgent>("audit");
    topology.auditor(auditor.id(), 4 * TRAIL).install(auditor, move || AuditAgent::new(handle.clone(), None));
    let ill = Actor::new().on_item(|_, _| panic!("ill")).seat(&mut topology, "ill");
    let heard = Warden::seat(&mut topology, ill, |_| Answer::Wait);
    let gates = [(); LANES].map(|()| topology.gateway(ill, EACH as usize));
    let bus = start(topology)?;
    gates.iter().try_for_each(|gate| send_all(gate, (0..EACH).map(Item)))?;
    until("the crash", || heard.count() == 1)?;
    let report = stop_at_once(bus)?;
    let size = verify(&dir, &VerifyOptions::default(), |_, _| {})?.size;
    let left = report.ledger.lost(Disposition::Undelivered);
    ensure_eq((left, size, report.trail_gaps), (4_000, 4_001, 0), "left, entries with the first, and gaps")?;
    let record = AuditRecord::decode(&LogReader::open(&dir)?.entry(4_000)?)?;
    ensure_eq(record.disposition, Disposition::Undelivered as u8, "the fate in the last record")
}

/// An auditor that reads while its switch is on, and at the stop if it is to.
struct Sluggard {
    reads: Arc<AtomicBool>,
    records: Seen<Record>,
    reads_at_stop: bool,
}

agent!(Sluggard {});

impl Agent for Sluggard {
    fn on_cycle(&mut self, cx: &mut Cx<'_>) -> usize {
        if !self.reads.load(Ordering::SeqCst) {
            return 0;
        }
        let Some(record) = cx.next_record() else { return 0 };
        self.records.note(record);
        1
    }

    fn on_stop(&mut self, cx: &mut Cx<'_>) {
        self.reads.store(self.reads_at_stop, Ordering::SeqCst);
        while self.on_cycle(cx) > 0 {}
    }
}

/// A hub that passes on to a sink, and a sluggard with four places for records.
struct Slow {
    topology: Topology,
    gate: Gateway<Actor>,
    reads: Arc<AtomicBool>,
    records: Seen<Record>,
    passed_on: Seen,
    seen: Seen,
}

fn slow(reads_at_stop: bool) -> Slow {
    let mut topology = Topology::new(Charter::default());
    let (seen, passed_on) = (Seen::new(), Seen::new());
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    let hub = topology.reserve("hub");
    let out: Out<Item> = topology.hold(hub, sink, 16);
    let noted = passed_on.clone();
    let act = Actor::new().on_item(move |item, cx| {
        cx.forward(&out);
        noted.note(item.0);
    });
    act.install(&mut topology, hub);
    let auditor = topology.reserve("audit");
    topology.auditor(auditor.id(), 4);
    let (reads, records) = (Arc::new(AtomicBool::new(false)), Seen::new());
    let (switch, kept) = (reads.clone(), records.clone());
    topology.install(auditor, move || Sluggard {
        reads: switch.clone(),
        records: kept.clone(),
        reads_at_stop,
    });
    let gate = topology.gateway(hub, 16);
    Slow { topology, gate, reads, records, passed_on, seen }
}

fn full_trail() -> Checked {
    let Slow { topology, gate, reads, records, seen, .. } = slow(true);
    let mut bus = invoke(topology)?;
    send_all(&gate, (0..8).map(Item))?;
    settle_invoked(&mut bus);
    // Eight messages have two fates each, for which there are four places.
    ensure(seen.count() < 8, || "all went by an auditor that did not read".to_owned())?;
    reads.store(true, Ordering::SeqCst);
    settle_invoked(&mut bus);
    let report = stop_invoked(bus)?;
    let found = (seen.values(), records.count(), report.trail_gaps);
    ensure_eq(found, ((0..8).collect(), 16, 0), "handled, recorded, and gaps")
}

fn never_reads() -> Checked {
    let Slow { topology, gate, records, passed_on, .. } = slow(false);
    let mut bus = invoke(topology)?;
    send_all(&gate, (0..8).map(Item))?;
    settle_invoked(&mut bus);
    let report = bus.shutdown(0);
    ensure(report.ledger.adds_up(), || format!("the ledger does not add up: {}", report.ledger))?;
    let ended = report.ledger.handled() + report.ledger.lost(Disposition::Undelivered);
    let fates = ended + passed_on.count() as u64;
    ensure(report.ledger.lost(Disposition::Undelivered) > 0, || "all was handled unrecorded".to_owned())?;
    ensure_eq((records.count(), report.trail_gaps), (0, fates), "records read, and fates without one")
}
