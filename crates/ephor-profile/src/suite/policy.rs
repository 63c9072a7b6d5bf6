//! Policy: what breaks no rule goes on to its target, all else is denied with its reasons, and every doubt is a denial.

use ephor_constitution::Charter;
use ephor_core::{Correlation, Message};
use ephor_health::BreakerState;
use ephor_oversight::Oversight;
use ephor_policy::{
    Decider, DecisionCache, Engine, EntryPoint, Limits, PolicyAgent, PolicyHandle, PolicySource, ReasonSet,
};
use ephor_runtime::pool::Pool;
use ephor_runtime::{Bus, Disposition, Gateway, PanicAt, Receipts, Report, Topology};

use super::bench::{LONG, Seen, apart, refused, some, start, stop, until};
use super::cast::{Actor, Item, Parcel};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};

const GROUP: &str = "policy";

/// Commands that can be under way at one time, and the bytes of an input.
const COMMANDS: usize = 16;
const INPUT_BYTES: usize = 512;

/// The vault opens for its owner, until five.
const VAULT: &str = r#"
package vault
violations contains "not-the-owner" if input.by != "owner"
violations contains "after-hours" if input.hour > 17
"#;
const OWNER: &str = r#"{"by":"owner","hour":9}"#;
const LATE: &str = r#"{"by":"owner","hour":20}"#;
const THIEF: &str = r#"{"by":"thief","hour":23}"#;
const BROKEN: &str = r#"{"by":"#;

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check("a command that breaks no rule reaches its target", permits),
        check("a command is denied with the name of every rule that it breaks, and does not arrive", denies),
        check("a denial by policy stands though the charter would let the command through", not_overruled)
            .case("O6"),
        check("a policy without a value for the input denies", undefined).case("O1 (result absent)"),
        check("an error of the evaluation denies", error),
        check("an input that is no JSON text denies", bad_input).case("O1 (bad JSON)"),
        check("true, null, 1, a text and a mixed set are no permission", not_a_set)
            .case("O1 (null, 1, \"true\")"),
        check("an object that allows in words or numbers is no permission, and an empty set is one", allow)
            .case("O2 (by sets)"),
        check("an evaluation that runs away is denied when its time is up", timeout).case("O1 (time-out)"),
        check("a command without a block is denied", no_block),
        check("an input of exactly the limit is decided, and one byte more is denied", input_size)
            .case("O3 (input size)"),
        check(
            "an entry point that is malformed is refused, and a sound one asks its own package",
            entry_points,
        )
        .case("O3 (paths)"),
        check("of a hundred equal commands one is evaluated and ninety-nine are remembered", remembered)
            .case("O4 (hits)"),
        check("a remembered decision is given for its own input and no other", not_crossed),
        check("a cache of eight decisions that sees forty inputs forgets, and stays right", forgets)
            .case("O4 (more keys than capacity)"),
        check("a failure of the engine is evaluated anew each time", failure_not_remembered),
        check("an engine that fails opens its breaker, and closes it when it decides again", engine_breaker),
        check("a policy agent that crashed is rebuilt and goes on with what it remembers", rebuilt),
    ]
}

/// What became of a command, and the names of the reasons.
type Fate = (Disposition, Vec<String>);

/// A policy agent, the four commands' ways to it, and the vault behind it.
struct Court {
    bus: Bus,
    gate: Gateway<PolicyAgent<Parcel>>,
    receipts: Receipts,
    pool: Pool,
    policy: PolicyHandle,
    oversight: Oversight,
    opened: Seen,
}

/// What a court is opened with.
struct Statute<'a> {
    rego: &'a str,
    entry: &'a str,
    limits: Limits,
    decisions: usize,
    drill: Option<PanicAt>,
}

impl Default for Statute<'_> {
    /// The vault's rules, with so much time that a busy machine does not decide.
    fn default() -> Self {
        let limits = Limits { evaluation_ns: LONG.as_nanos() as u64, ..Limits::default() };
        Self { rego: VAULT, entry: "data.vault.violations", limits, decisions: 64, drill: None }
    }
}

impl Statute<'_> {
    fn decider(&self) -> Result<Decider, Failing> {
        let source = PolicySource::from_texts(&[("check.rego", self.rego)])?;
        let engine = Engine::load(&source, Vec::new(), &EntryPoint::new(self.entry)?, self.limits)?;
        Ok(Decider::new(engine, DecisionCache::new(self.decisions)?))
    }

    fn open(self) -> Result<Court, Failing> {
        let mut topology = Topology::new(Charter::default());
        let pool = Pool::new(COMMANDS, INPUT_BYTES);
        topology.pool(pool.clone()).receipts(COMMANDS);
        let opened = Seen::new();
        let noted = opened.clone();
        let vault =
            Actor::new().on_parcel(move |parcel, _| noted.note(parcel.number)).seat(&mut topology, "vault");
        let policy = PolicyHandle::new(self.decider()?);
        let mut oversight = Oversight::install(&mut topology);
        let judge = oversight.policy::<Parcel, _, _>(&mut topology, policy.clone(), vault, COMMANDS)?;
        oversight.finish(&mut topology);
        apart(&mut topology, &[judge.id()]);
        if let Some(drill) = self.drill {
            topology.drill(judge.id(), drill);
        }
        let gate = topology.gateway(judge, COMMANDS).with_receipts();
        let mut bus = start(topology)?;
        let receipts = some(bus.take_receipts(), "reader of receipts")?;
        Ok(Court { bus, gate, receipts, pool, policy, oversight, opened })
    }
}

/// A court under other rules, whose package is `t`.
fn court(rules: &str) -> Result<Court, Failing> {
    let rego = format!("package t\n{rules}");
    Statute { rego: &rego, entry: "data.t.violations", ..Statute::default() }.open()
}

impl Court {
    /// Sends a command for each input, one after the other, and says what became of each.
    fn ask<T: AsRef<[u8]>>(&mut self, inputs: impl IntoIterator<Item = T>) -> Result<Vec<Fate>, Failing> {
        (0..).zip(inputs).map(|(number, input)| self.ask_one(number, input.as_ref())).collect()
    }

    fn ask_one(&mut self, number: u64, input: &[u8]) -> Result<Fate, Failing> {
        let mut loan = some(self.pool.take(), "free block")?;
        loan.write(input)?;
        let block = loan.share().to_bits();
        self.gate.try_send_as(Correlation(number), Parcel { block, number })?;
        let mut told = None;
        until("a decision", || {
            told = self.receipts.try_receive();
            told.is_some()
        })?;
        let told = some(told, "receipt")?;
        ensure_eq(told.correlation, Correlation(number), "whose receipt it is")?;
        Ok((told.disposition, self.policy.reason_names(ReasonSet::from_bits(told.reasons))))
    }

    /// Closes it: every block must have come home, and what was permitted must have arrived.
    fn close(self, permitted: &[u64]) -> Result<Report, Failing> {
        let report = stop(self.bus)?;
        ensure_eq(self.pool.free_estimate(), COMMANDS, "free blocks")?;
        ensure_eq(self.opened.values().as_slice(), permitted, "commands that arrived")?;
        Ok(report)
    }
}

fn permitted() -> Fate {
    (Disposition::Handled, Vec::new())
}

fn denied(reasons: &[&str]) -> Fate {
    (Disposition::Denied, reasons.iter().map(|reason| (*reason).to_owned()).collect())
}

/// Holds when a court under `rules` denies `input` for `reason` alone.
fn fails_closed(rules: &str, input: &str, reason: &str) -> Checked {
    let mut court = court(rules)?;
    ensure_eq(court.ask([input])?, vec![denied(&[reason])], &format!("the fate of {input} under {rules}"))?;
    court.close(&[]).map(drop)
}

fn permits() -> Checked {
    let mut court = Statute::default().open()?;
    ensure_eq(court.ask([OWNER, OWNER])?, vec![permitted(), permitted()], "the fates of two sound commands")?;
    let ledger = court.close(&[0, 1])?.ledger.of_kinds(&[Parcel::KIND]);
    ensure_eq((ledger.sent(), ledger.handled()), (2, 2), "commands sent and handled")
}

fn denies() -> Checked {
    let mut court = Statute::default().open()?;
    let expected = vec![denied(&["after-hours"]), denied(&["after-hours", "not-the-owner"]), permitted()];
    ensure_eq(court.ask([LATE, THIEF, OWNER])?, expected, "the fates of three commands")?;
    let ledger = court.close(&[2])?.ledger;
    ensure_eq(ledger.at_agent("policy", Disposition::Denied), 2, "denied at policy")
}

fn not_overruled() -> Checked {
    let mut court = Statute::default().open()?;
    // The default charter grants the whole way: from the gateway to policy, and from policy to the vault.
    ensure_eq(
        court.ask([THIEF])?,
        vec![denied(&["after-hours", "not-the-owner"])],
        "the fate of the thief's command",
    )?;
    let report = court.close(&[])?;
    ensure_eq(report.ledger.at_agent("vault", Disposition::Handled), 0, "handled at the vault")
}

fn undefined() -> Checked {
    fails_closed("violations := set() if input.known", "{}", "policy-undefined")
}

fn error() -> Checked {
    fails_closed("violations := set() if not 1 / input.zero > 3", r#"{"zero":0}"#, "policy-error")
}

fn bad_input() -> Checked {
    for input in [BROKEN, "", "{} {}", "\u{1}"] {
        fails_closed("violations := set()", input, "policy-error")?;
    }
    Ok(())
}

fn not_a_set() -> Checked {
    let values = ["true", "null", "1", "\"true\"", "{\"a\", 1}"];
    let mut court = court("violations := input.value")?;
    // A list of names decides as a set does, so an array stands for the mixed set here.
    let inputs = values.map(|value| format!(r#"{{"value":{}}}"#, value.replace('{', "[").replace('}', "]")));
    let fates = court.ask(inputs)?;
    ensure_eq(fates, vec![denied(&["policy-error"]); values.len()], "the fates of five values")?;
    court.close(&[]).map(drop)?;
    fails_closed("violations := {\"a\", 1}", "{}", "policy-error")
}

fn allow() -> Checked {
    let mut court = court("violations := input.value")?;
    let inputs = [
        r#"{"value":{"allow":"no"}}"#,
        r#"{"value":{"allow":1}}"#,
        r#"{"value":{"allow":true}}"#,
        r#"{"value":[]}"#,
    ];
    let fates = court.ask(inputs)?;
    let failed = denied(&["policy-error"]);
    ensure_eq(fates, vec![failed.clone(), failed.clone(), failed, permitted()], "the fates of four values")?;
    court.close(&[3]).map(drop)
}

fn timeout() -> Checked {
    let rego = "package t\nl := numbers.range(1, 5000)\n\
        violations := set() if { some a in l; some b in l; a * b == input.product }";
    let limits = Limits { evaluation_ns: 2_000_000, ..Limits::default() };
    let mut court = Statute { rego, entry: "data.t.violations", limits, ..Statute::default() }.open()?;
    let fates = court.ask([r#"{"product":-1}"#])?;
    ensure_eq(fates, vec![denied(&["policy-timeout"])], "the fate of a command that needs 25 million steps")?;
    court.close(&[]).map(drop)
}

fn no_block() -> Checked {
    let mut topology = Topology::new(Charter::default());
    topology.receipts(4);
    let seen = Seen::new();
    let vault = Actor::noting(&seen).seat(&mut topology, "vault");
    let policy = PolicyHandle::new(Statute::default().decider()?);
    let mut oversight = Oversight::install(&mut topology);
    // Items are commands here, and they have no block to carry an input.
    let judge = oversight.policy::<Item, _, _>(&mut topology, policy.clone(), vault, 4)?;
    oversight.finish(&mut topology);
    let gate = topology.gateway(judge, 4).with_receipts();
    let mut bus = start(topology)?;
    let mut receipts = some(bus.take_receipts(), "reader of receipts")?;
    gate.try_send(Item(1))?;
    stop(bus)?;
    let told = some(receipts.try_receive(), "receipt")?;
    let names = policy.reason_names(ReasonSet::from_bits(told.reasons));
    ensure_eq((told.disposition, names), denied(&["policy-error"]), "its fate")?;
    ensure_eq(seen.count(), 0, "commands that arrived")
}

fn input_size() -> Checked {
    const LIMIT: usize = 100;
    let limits = Limits { input_bytes: LIMIT, ..Statute::default().limits };
    let rego = "package t\nviolations := set()";
    let mut court = Statute { rego, entry: "data.t.violations", limits, ..Statute::default() }.open()?;
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let fates = court.ask([text(LIMIT), text(LIMIT + 1)])?;
    ensure_eq(fates, vec![permitted(), denied(&["policy-error"])], "the fates of 100 and 101 bytes")?;
    let told = court.policy.last_failure();
    ensure_eq(told.as_deref(), Some("policy-error: input of 101 bytes exceeds 100"), "what is told of it")?;
    court.close(&[0]).map(drop)
}

fn entry_points() -> Checked {
    for path in ["a/b", "a..b", "", "data.acgs.allow\n"] {
        refused(EntryPoint::new(path), path)?;
    }
    let rego = "package mydata\nallow contains \"asked mydata\"\n";
    let mut court = Statute { rego, entry: "data.mydata.allow", ..Statute::default() }.open()?;
    ensure_eq(court.ask(["{}"])?, vec![denied(&["asked mydata"])], "the answer of data.mydata.allow")?;
    court.close(&[])?;
    // The package's name must not be cut: there is no `allow` in a package `my`.
    let absent = Statute { rego, entry: "data.my.allow", ..Statute::default() };
    refused(absent.decider().map_err(|error| error.to_string()), "an entry point that no rule has").map(drop)
}

fn remembered() -> Checked {
    let mut court = Statute::default().open()?;
    let fates = court.ask([OWNER; 100])?;
    ensure(fates.iter().all(|fate| *fate == permitted()), || format!("other fates: {fates:?}"))?;
    let stats = court.policy.stats();
    ensure_eq((stats.misses, stats.hits), (1, 99), "evaluated and remembered")?;
    court.close(&(0..100).collect::<Vec<_>>()).map(drop)
}

fn not_crossed() -> Checked {
    let mut court = Statute::default().open()?;
    let inputs = [OWNER, LATE, THIEF, r#"{"by":"owner","hour":18}"#, r#"{"by":"owner","hour":17}"#];
    let expected = vec![
        permitted(),
        denied(&["after-hours"]),
        denied(&["after-hours", "not-the-owner"]),
        denied(&["after-hours"]),
        permitted(),
    ];
    for round in 0..3 {
        ensure_eq(court.ask(inputs)?, expected.clone(), &format!("the fates in round {round}"))?;
    }
    let stats = court.policy.stats();
    ensure_eq((stats.misses, stats.hits), (5, 10), "evaluated and remembered")?;
    court.close(&[0, 4, 0, 4, 0, 4]).map(drop)
}

fn forgets() -> Checked {
    const INPUTS: u64 = 40;
    let mut court = Statute { decisions: 8, ..Statute::default() }.open()?;
    let input = |hour: u64| format!(r#"{{"by":"owner","hour":{hour}}}"#);
    for round in 0..2 {
        let fates = court.ask((0..INPUTS).map(input))?;
        let is_right = (0..).zip(&fates).all(|(hour, fate): (u64, _)| {
            *fate == if hour > 17 { denied(&["after-hours"]) } else { permitted() }
        });
        ensure(is_right, || format!("a wrong decision in round {round}: {fates:?}"))?;
    }
    let stats = court.policy.stats();
    ensure_eq(stats.misses + stats.hits, 2 * INPUTS, "decisions")?;
    ensure(stats.misses >= 2 * INPUTS - 8, || format!("only {} of 80 were evaluated", stats.misses))?;
    court.close(&[(0..18).collect::<Vec<_>>(), (0..18).collect()].concat()).map(drop)
}

fn failure_not_remembered() -> Checked {
    let mut court = Statute::default().open()?;
    let failed = denied(&["policy-error"]);
    ensure_eq(court.ask([BROKEN; 3])?, vec![failed; 3], "the fates of three broken commands")?;
    let stats = court.policy.stats();
    ensure_eq((stats.misses, stats.hits), (3, 0), "evaluated and remembered")?;
    court.close(&[]).map(drop)
}

fn engine_breaker() -> Checked {
    let mut court = Statute::default().open()?;
    let state = |court: &Court| {
        let breakers = court.oversight.view().health.breakers;
        breakers.into_iter().find(|breaker| breaker.name == "policy engine").map(|breaker| breaker.state)
    };
    ensure_eq(state(&court), Some(BreakerState::Closed), "the engine's breaker at first")?;
    court.ask([BROKEN])?;
    until("an open breaker", || state(&court) == Some(BreakerState::Open))?;
    ensure(court.oversight.view().health.score < 1.0, || "the score did not fall".to_owned())?;
    // A denial by a rule is a decision, and shows that the engine works.
    court.ask([LATE])?;
    until("a closed breaker", || state(&court) == Some(BreakerState::Closed))?;
    court.close(&[]).map(drop)
}

fn rebuilt() -> Checked {
    let mut court = Statute { drill: Some(PanicAt::message(2)), ..Statute::default() }.open()?;
    let fates = court.ask([OWNER, OWNER, OWNER])?;
    let put_away = (Disposition::Quarantined, Vec::new());
    ensure_eq(fates, vec![permitted(), put_away, permitted()], "the fates of three equal commands")?;
    let stats = court.policy.stats();
    ensure_eq((stats.misses, stats.hits), (1, 1), "evaluated and remembered")?;
    until("the recovery", || court.oversight.view().recovery.recoveries == 1)?;
    court.close(&[0, 2]).map(drop)
}
