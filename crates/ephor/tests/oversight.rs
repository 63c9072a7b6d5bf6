//! The four overseers around a bus: what they see, what they do, and what they leave behind.
#![allow(clippy::unwrap_used)] // a test may

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ephor::audit::{AuditHandle, AuditRecord, LogReader, LogWriter, SigningKey, VerifyOptions, verify};
use ephor::policy::{
    Decider, DecisionCache, Engine, EntryPoint, Limits, PolicyHandle, PolicySource, ReasonSet,
};
use ephor::pool::Pool;
use ephor::prelude::*;
use ephor::{Correlation, Disposition, IdleStrategy, Oversight, PanicAt, SendError, WorkerOptions};

const LONG: Duration = Duration::from_secs(30);

/// A charter under which only policy may command the vault.
const CHARTER: &str = r#"
name = "vault"
stamp = "cdd01ef066bc6cf2"
[roles]
clerk = {}
vault = {}
policy = {}
health = {}
recovery = {}
audit = {}
[kinds.open]
number = 1
action = "command"
[kinds.pulse]
number = 240
action = "pulse"
[[grants]]
from = ["clerk"]
action = ["command"]
to = ["policy"]
[[grants]]
from = ["policy"]
action = ["command"]
to = ["vault"]
[[grants]]
from = ["policy", "recovery", "audit"]
action = ["pulse"]
to = ["health"]
"#;

const REGO: &str = r#"
package vault
violations contains "not-the-owner" if input.by != "owner"
violations contains "after-hours" if input.hour > 17
"#;

#[derive(Clone, Copy, Message)]
#[message(kind = 1, loan)]
struct Open {
    input: u64,
    number: u64,
}

struct Vault {
    opened: Arc<AtomicU64>,
}

impl Agent for Vault {}
agent!(Vault { Open });

impl Handler<Open> for Vault {
    fn on(&mut self, _open: &Open, _cx: &mut Cx<'_>) {
        self.opened.fetch_add(1, Ordering::SeqCst);
    }
}

fn decider() -> Decider {
    let source = PolicySource::from_texts(&[("vault.rego", REGO)]).unwrap();
    let entry = EntryPoint::new("data.vault.violations").unwrap();
    let engine = Engine::load(&source, Vec::new(), &entry, Limits::default()).unwrap();
    Decider::new(engine, DecisionCache::new(64).unwrap())
}

/// Sends `inputs` to policy on `workers` workers and returns what came of it.
struct Outcome {
    opened: u64,
    /// By number: disposition and the names of the reasons.
    fates: Vec<(Disposition, Vec<String>)>,
    report: ephor::Report,
    view: ephor::OversightView,
    records: Vec<AuditRecord>,
}

fn run(inputs: &[&str], workers: usize, drill: Option<PanicAt>) -> Outcome {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("log");
    let key = SigningKey::generate("ephor.test/vault").unwrap();
    let vkey = key.verifier_key();

    let mut topology: Topology = Topology::new(Charter::parse(CHARTER, "vault.toml").unwrap());
    let pool = Pool::new(16, 256);
    topology.pool(pool.clone()).receipts(64);
    let workers: Vec<_> = (0..workers)
        .map(|_| topology.worker(WorkerOptions { idle: IdleStrategy::Yield, ..WorkerOptions::default() }))
        .collect();
    let vault = topology.reserve::<Vault>("vault");
    let clerk = topology.outside("clerk");
    let audit = AuditHandle::new(LogWriter::create(&dir, key).unwrap());
    let policy = PolicyHandle::new(decider());
    let mut oversight = Oversight::install(&mut topology);
    let auditor = oversight.audit(&mut topology, audit.clone(), 256).unwrap();
    let judge = oversight.policy::<Open, _, _>(&mut topology, policy.clone(), vault, 16).unwrap();
    oversight.watch(&mut topology, vault.id(), "vault").unwrap();
    oversight.finish(&mut topology);
    topology.place(judge.id(), *workers.last().unwrap()).place(auditor.id(), *workers.last().unwrap());
    let gate = topology.gateway_as(clerk, judge, 16).with_receipts();
    let back_door = topology.gateway_as(clerk, vault, 16);
    if let Some(drill) = drill {
        topology.drill(vault.id(), drill);
    }
    let opened = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&opened);
    topology.install(vault, move || Vault { opened: Arc::clone(&counter) });

    let mut bus = topology.build().unwrap().start().unwrap();
    let mut receipts = bus.take_receipts().unwrap();
    let refused = back_door.try_send(Open { input: 0, number: 99 });
    assert!(
        matches!(&refused, Err(SendError::Denied(_, verdict)) if verdict.to_string() == "capability"),
        "nothing reaches the vault that policy has not passed on: {refused:?}"
    );
    for (number, input) in (0..).zip(inputs) {
        let mut loan = pool.take().expect("there are more blocks than inputs");
        loan.write(input.as_bytes()).unwrap();
        let open = Open { input: loan.share().to_bits(), number };
        gate.try_send_as(Correlation(number), open).unwrap();
    }
    let mut fates = vec![None; inputs.len()];
    while fates.iter().any(Option::is_none) {
        let Some(receipt) = receipts.try_receive() else {
            std::thread::yield_now();
            continue;
        };
        let names = policy.reason_names(ReasonSet::from_bits(receipt.reasons));
        let fate = &mut fates[receipt.correlation.0 as usize];
        assert!(fate.replace((receipt.disposition, names)).is_none(), "a receipt comes once");
    }
    let report = bus.shutdown(LONG).unwrap();
    assert_eq!(pool.free_estimate(), 16, "every block came back");

    let checkpoint = audit.closed().expect("the log is closed");
    let options = VerifyOptions { vkey: Some(vkey), checkpoint: Some(checkpoint.note().into()) };
    let verified = verify(&dir, &options, |_, _| {}).unwrap();
    let reader = LogReader::open(&dir).unwrap();
    let records = (1..verified.size).map(|index| reader.entry(index).unwrap());
    let records = records.map(|entry| AuditRecord::decode(&entry).unwrap()).collect();
    Outcome {
        opened: opened.load(Ordering::SeqCst),
        fates: fates.into_iter().flatten().collect(),
        report,
        view: oversight.view(),
        records,
    }
}

const OWNER: &str = r#"{"by":"owner","hour":9}"#;
const LATE: &str = r#"{"by":"owner","hour":20}"#;
const THIEF: &str = r#"{"by":"thief","hour":23}"#;
const BROKEN: &str = r#"{"by":"#;

#[test]
fn policy_passes_on_what_breaks_no_rule_and_names_the_rules_of_the_rest() {
    for workers in [1, 2] {
        let outcome = run(&[OWNER, LATE, THIEF, BROKEN, OWNER], workers, None);
        let fates: Vec<_> =
            outcome.fates.iter().map(|(disposition, names)| (*disposition, names.join("+"))).collect();
        let expected = [
            (Disposition::Handled, ""),
            (Disposition::Denied, "after-hours"),
            (Disposition::Denied, "after-hours+not-the-owner"),
            (Disposition::Denied, "policy-error"),
            (Disposition::Handled, ""),
        ];
        assert_eq!(fates, expected.map(|(disposition, names)| (disposition, names.to_owned())));
        assert_eq!(outcome.opened, 2);
        let ledger = &outcome.report.ledger;
        assert!(ledger.adds_up(), "{ledger}");
        assert_eq!(ledger.at_agent("vault", Disposition::Handled), 2);
        assert_eq!(ledger.at_agent("policy", Disposition::Denied), 3);
        assert_eq!(ledger.at_agent("clerk", Disposition::Denied), 1, "the back door");
    }
}

#[test]
fn every_fate_of_every_message_is_in_the_log() {
    let outcome = run(&[OWNER, LATE], 1, None);
    let count = |kind, disposition: Disposition| {
        outcome
            .records
            .iter()
            .filter(|record| record.kind == kind && record.disposition == disposition as u8)
            .count()
    };
    assert_eq!(count(1, Disposition::Forwarded), 1, "policy passed one on");
    assert_eq!(count(1, Disposition::Handled), 1);
    assert_eq!(count(1, Disposition::Denied), 2, "one by policy, one at the gateway");
    let denied: Vec<_> = outcome.records.iter().filter(|record| record.verdict != 0).collect();
    assert_eq!((denied.len(), denied[0].boundary), (1, 0), "the check refused one, at an entry");
    assert!(outcome.records.iter().all(|record| record.stamp == 0xcdd0_1ef0_66bc_6cf2));
}

#[test]
fn a_message_that_crashes_its_agent_twice_is_put_away_and_the_agent_recovers() {
    let outcome = run(&[OWNER, OWNER, OWNER], 1, Some(PanicAt::message(2)));
    assert_eq!(outcome.opened, 2);
    assert_eq!(outcome.fates[1].0, Disposition::Quarantined);
    let put_away = &outcome.report.quarantine[0];
    assert_eq!((put_away.agent.as_str(), put_away.crashes), ("vault", 2));
    assert_eq!(put_away.block.as_deref(), Some(OWNER.as_bytes()));
    assert_eq!(put_away.payload[8..16], 1_u64.to_ne_bytes(), "the number of the second message");
    assert_eq!((outcome.view.recovery.attempts, outcome.view.recovery.recoveries), (2, 1));
    assert!(outcome.view.health.lowest_score < 1.0);
    assert_eq!(outcome.view.health.score, 1.0);
    assert!(outcome.report.ledger.adds_up(), "{}", outcome.report.ledger);
}

#[test]
fn an_engine_that_fails_opens_its_breaker_and_closes_it_when_it_decides_again() {
    let failed = run(&[BROKEN], 1, None);
    assert!(failed.view.health.score < 1.0, "{:?}", failed.view.health);
    let again = run(&[BROKEN, OWNER], 1, None);
    assert_eq!(again.view.health.score, 1.0);
    assert!(again.view.health.lowest_score < 1.0);
}
