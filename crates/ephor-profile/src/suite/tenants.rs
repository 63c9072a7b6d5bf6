//! Tenants: who of two tenants hears whom, how their names are read, and who serves all of them.

use ephor_constitution::Reason;
use ephor_core::AgentId;
use ephor_runtime::{Address, Cx, Disposition, Out, Record, SendError, Topology, TryOut};

use super::bench::{Seen, charter, refused, settle, some, start, stop};
use super::cast::{Actor, Item, Scribe};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};

const GROUP: &str = "tenants";

const CHARTER: &str = r#"
name = "tenants"
default_role = "agent"
[roles]
agent = {}
shared = { tenants = "all" }
[kinds_default]
action = "message"
[[grants]]
from = ["*"]
action = ["message"]
to = ["*"]
[tenants]
isolation = true
names = ["tenant-one", "tenant-two"]
"#;

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check("agents of one tenant reach each other", within),
        check("an agent of one tenant reaches none of another, and the tenant is the only reason", across)
            .case("T1 (refused)"),
        check("a tenant's name may have blanks around it and capitals in it", spelling).case("T1 (spelling)"),
        check("a tenant's name of two or 65 characters, with a slash or a newline, is refused", names)
            .case("T1 (names)"),
        check("a tenant that the charter does not name is refused with its agent", unknown_name),
        check("a sender without a tenant does not reach an agent that has one", no_tenant)
            .case("T2 (sender)"),
        check("what an agent without a tenant sends to all reaches those without a tenant alone", to_all)
            .case("T2 (broadcast)"),
        check(
            "each addressee of a broadcast has its own outcome, a full one and another tenant's too",
            broadcast,
        )
        .case("M8 (outcomes)"),
        check("an agent whose role serves all tenants hears each of them", shared_hears),
        check("an agent whose role serves all tenants speaks for its own and for no other", shared_speaks),
        check("what is passed on goes by the tenant of who passes it on", passed_on),
        check("without isolation tenants reach each other", no_isolation),
    ]
}

/// Where an agent of the scene belongs.
#[derive(Clone, Copy)]
struct Place {
    name: &'static str,
    tenant: Option<&'static str>,
    role: &'static str,
}

/// An agent in a tenant, or in none.
fn of(name: &'static str, tenant: Option<&'static str>) -> Place {
    Place { name, tenant, role: "agent" }
}

fn put(topology: &mut Topology, agent: AgentId, place: Place) {
    topology.role(agent, place.role);
    if let Some(tenant) = place.tenant {
        topology.tenant(agent, tenant);
    }
}

/// What came of a herald that sends one item to each of its targets when it is built.
struct Scene {
    /// For each target, whether it was reached.
    reached: Vec<bool>,
    records: Vec<Record>,
    denied: u64,
}

/// Starts a herald at `from` that sends to all of `to` when it is built.
fn herald(text: &str, from: Place, to: &[Place]) -> Result<Scene, Failing> {
    let mut topology = Topology::new(charter(text)?);
    let records = Scribe::seat(&mut topology, 64);
    let herald = topology.reserve("herald");
    put(&mut topology, herald.id(), from);
    let mut ports: Vec<Out<Item>> = Vec::new();
    let mut seen = Vec::new();
    for place in to {
        let notes = Seen::new();
        let target = Actor::noting(&notes).seat(&mut topology, place.name);
        put(&mut topology, target.id(), *place);
        ports.push(topology.hold(herald, target, 4));
        seen.push(notes);
    }
    Actor::new().at_start(move |cx| send_to_all(&ports, cx)).install(&mut topology, herald);
    let bus = start(topology)?;
    settle(&bus)?;
    let ledger = stop(bus)?.ledger;
    ensure_eq(ledger.sent(), to.len() as u64, "messages of the herald")?;
    Ok(Scene {
        reached: seen.iter().map(|notes| notes.count() == 1).collect(),
        records: records.values(),
        denied: ledger.at_agent("herald", Disposition::Denied),
    })
}

fn send_to_all(ports: &[Out<Item>], cx: &mut Cx<'_>) {
    ports.iter().for_each(|port| cx.emit(port, Item(1)));
}

const ONE: Option<&str> = Some("tenant-one");
const TWO: Option<&str> = Some("tenant-two");

fn within() -> Checked {
    let scene = herald(CHARTER, of("herald", ONE), &[of("first", ONE), of("second", ONE)])?;
    ensure_eq(
        (scene.reached, scene.denied),
        (vec![true, true], 0),
        "who of two was reached, and how many denied",
    )
}

fn across() -> Checked {
    let scene = herald(CHARTER, of("herald", ONE), &[of("own", ONE), of("other", TWO)])?;
    ensure_eq(
        (scene.reached, scene.denied),
        (vec![true, false], 1),
        "who of two was reached, and how many denied",
    )?;
    let denials = scene.records.iter().filter(|record| record.disposition == Disposition::Denied);
    let reasons: Vec<String> = denials.map(|record| record.verdict.to_string()).collect();
    ensure_eq(reasons, vec!["tenant".to_owned()], "the reasons")
}

fn spelling() -> Checked {
    let scene = herald(CHARTER, of("herald", Some("  TENANT-One ")), &[of("own", ONE), of("other", TWO)])?;
    ensure_eq(scene.reached, vec![true, false], "who of two was reached")
}

fn names() -> Checked {
    let long = "a".repeat(65);
    for name in ["ab", long.as_str(), "a/b/c", "abc\\n"] {
        let told = refused(charter(&CHARTER.replace("tenant-two", name)), name)?.to_string();
        ensure(told.contains("is not a tenant"), || format!("refused for something else: {told}"))?;
    }
    for name in ["abc", &long[1..]] {
        let text = CHARTER.replace("tenant-two", name);
        let scene = herald(&text, of("herald", ONE), &[of("own", ONE)])?;
        ensure_eq(scene.reached, vec![true], "who was reached beside a tenant whose name just fits")?;
    }
    Ok(())
}

fn unknown_name() -> Checked {
    for name in ["tenant-three", "ab", "a/b/c", "tenant-one\n\nx"] {
        let mut topology = Topology::new(charter(CHARTER)?);
        let agent = Actor::new().seat(&mut topology, "lost");
        topology.tenant(agent.id(), name);
        let told = refused(topology.build(), name)?.to_string();
        let names_both = told.contains("\"lost\"") && told.contains("tenant-one, tenant-two");
        ensure(names_both, || format!("neither the agent nor the tenants are in: {told}"))?;
    }
    Ok(())
}

fn no_tenant() -> Checked {
    let mut topology = Topology::new(charter(CHARTER)?);
    let seen = Seen::new();
    let sink = Actor::noting(&seen).seat(&mut topology, "sink");
    topology.tenant(sink.id(), "tenant-two");
    let outside = topology.outside("outside");
    let gate = topology.gateway_as(outside, sink, 4);
    let bus = start(topology)?;
    match refused(gate.try_send(Item(1)), "a message from no tenant")? {
        SendError::Denied(Item(1), verdict) if verdict.contains(Reason::Tenant) => {
            ensure_eq(verdict.to_string(), "tenant".to_owned(), "the reasons")?;
        }
        other => return Err(Failing::Broken(format!("another refusal: {other}"))),
    }
    stop(bus)?;
    ensure_eq(seen.count(), 0, "messages that arrived")
}

fn to_all() -> Checked {
    let targets = [of("nobody's", None), of("one's", ONE), of("two's", TWO)];
    let scene = herald(CHARTER, of("herald", None), &targets)?;
    ensure_eq(
        (scene.reached, scene.denied),
        (vec![true, false, false], 2),
        "who was reached, and how many denied",
    )
}

fn broadcast() -> Checked {
    let mut topology = Topology::new(charter(CHARTER)?);
    let herald = topology.reserve("herald");
    put(&mut topology, herald.id(), of("herald", ONE));
    let seen = Seen::new();
    let mut port = |name: &'static str, tenant, lane: usize| -> TryOut<Item> {
        let target = Actor::noting(&seen).seat(&mut topology, name);
        put(&mut topology, target.id(), of(name, tenant));
        topology.refuse(herald, target, lane)
    };
    let ports = [port("first", ONE, 4), port("second", ONE, 4), port("full", ONE, 1), port("other", TWO, 4)];
    let outcomes = Seen::new();
    let noted = outcomes.clone();
    let act = Actor::new().at_start(move |cx| {
        assert!(cx.try_emit(&ports[2], Item(0)).is_ok(), "one place is free");
        ports.iter().for_each(|port| noted.note(cx.try_emit(port, Item(1)).is_ok()));
    });
    act.install(&mut topology, herald);
    let bus = start(topology)?;
    settle(&bus)?;
    let ledger = stop(bus)?.ledger;
    // The other tenant's lane had room; that the message may not enter it is the check's to say.
    ensure_eq(outcomes.values(), vec![true, true, false, true], "whether each lane had room")?;
    let mut numbers = seen.values();
    numbers.sort_unstable();
    let denied = ledger.at_agent("herald", Disposition::Denied);
    ensure_eq((numbers, denied, ledger.sent()), (vec![0, 1, 1], 1, 4), "arrived, denied and sent")
}

fn shared_hears() -> Checked {
    let shared = Place { name: "shared", tenant: None, role: "shared" };
    for tenant in [ONE, TWO, None] {
        let scene = herald(CHARTER, of("herald", tenant), &[shared])?;
        ensure_eq((scene.reached, scene.denied), (vec![true], 0), "whether the shared agent was reached")?;
    }
    Ok(())
}

fn shared_speaks() -> Checked {
    let shared = Place { name: "herald", tenant: ONE, role: "shared" };
    let scene = herald(CHARTER, shared, &[of("one's", ONE), of("two's", TWO)])?;
    ensure_eq(
        (scene.reached, scene.denied),
        (vec![true, false], 1),
        "who of two was reached, and how many denied",
    )
}

/// A herald of tenant one, an agent of the shared role in tenant two that passes on, and one target in each tenant.
fn passed_on() -> Checked {
    let mut topology = Topology::new(charter(CHARTER)?);
    let herald = topology.reserve("herald");
    let hub: Address<Actor> = topology.reserve("hub");
    put(&mut topology, herald.id(), of("herald", ONE));
    put(&mut topology, hub.id(), Place { name: "hub", tenant: TWO, role: "shared" });
    let seen = [Seen::new(), Seen::new()];
    let mut way = |name, tenant, seen: &Seen| -> Out<Item> {
        let target = Actor::noting(seen).seat(&mut topology, name);
        put(&mut topology, target.id(), of(name, tenant));
        topology.hold(hub, target, 4)
    };
    let ways = [way("one's", ONE, &seen[0]), way("two's", TWO, &seen[1])];
    let out: Out<Item, 2> = topology.hold(herald, hub, 4);
    let speak = Actor::new().at_start(move |cx| cx.emit_all(&out, [Item(0), Item(1)]));
    speak.install(&mut topology, herald);
    Actor::new().on_item(move |item, cx| cx.forward(&ways[item.0 as usize])).install(&mut topology, hub);
    let bus = start(topology)?;
    settle(&bus)?;
    let ledger = stop(bus)?.ledger;
    ensure_eq(seen.map(|seen| seen.values()), [vec![], vec![1]], "what each tenant got")?;
    ensure_eq(ledger.at_agent("hub", Disposition::Denied), 1, "denied where it was passed on")
}

fn no_isolation() -> Checked {
    let text = CHARTER.replace("isolation = true", "isolation = false");
    let scene = herald(&text, of("herald", ONE), &[of("other", TWO), of("nobody's", None)])?;
    let _ = some(scene.records.first(), "record")?;
    ensure_eq(
        (scene.reached, scene.denied),
        (vec![true, true], 0),
        "who of two was reached, and how many denied",
    )
}
