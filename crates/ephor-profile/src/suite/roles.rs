//! Roles: who may take which action towards whom, what an agent without a role is, and what the overseers may do.

use ephor_constitution::Charter;
use ephor_core::Message;
use ephor_runtime::{
    Address, Agent, BuildError, Cx, Disposition, Gateway, Handler, Out, SendError, Topology, agent,
};

use super::bench::{Seen, charter, refused, settle, start, stop};
use super::cast::{Actor, Item, Note};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};

const GROUP: &str = "roles";

/// Items are orders and notes are reports; the desk orders the venue, and the venue reports to the desk.
const CHARTER: &str = r#"
name = "roles"
default_role = "guest"
[roles]
guest = {}
desk = {}
venue = {}
judicial = {}
[kinds.item]
number = 1
action = "order"
[kinds.note]
number = 2
action = "report"
[[grants]]
from = ["desk"]
action = ["order"]
to = ["venue"]
[[grants]]
from = ["venue"]
action = ["report"]
to = ["desk"]
[[grants]]
from = ["judicial"]
action = ["*"]
to = ["*"]
[[grants]]
from = ["guest"]
action = ["report"]
to = ["guest"]
"#;

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check("seven roles may take exactly the actions of their table, out of seventy pairs", seventy_pairs)
            .case("R1"),
        check("a grant holds for its action alone", by_action),
        check("a grant holds in its direction alone", by_direction),
        check("a grant towards a role holds for no other role", by_target),
        check("a grant of everything to everyone covers every action and every role", wildcard),
        check("an agent whose name is no role has the default role", default_role).case("R2 (lenient)"),
        check("without a default role, an agent without a role is refused by name", no_role)
            .case("R2 (strict)"),
        check("a role that is given by name goes before the one of the agent's own name", given_role)
            .case("R4 (given as text)"),
        check("a role that the charter does not know is refused, with those that it knows", unknown_role)
            .case("R4 (unknown text)"),
        check("an agent of the default charter directs neither recovery nor health", overseers),
    ]
}

/// The ten actions, as messages of ten kinds.
macro_rules! actions {
    ($($name:ident = $kind:literal),+ $(,)?) => {
        $(#[derive(Clone, Copy, Message)]
        #[message(kind = $kind, crate = ephor_core)]
        struct $name;

        impl Handler<$name> for Hall {
            fn on(&mut self, _: &$name, _: &mut Cx<'_>) {}
        })+

        agent!(Hall { $($name),+ });

        /// Sends one of each; says which were taken.
        fn send_each(gate: &Gateway<Hall>) -> Vec<bool> {
            vec![$(gate.try_send($name).is_ok()),+]
        }
    };
}

/// Takes every action, where the charter lets it through.
struct Hall;

impl Agent for Hall {}

actions! {
    Propose = 11, Validate = 12, ExtractRules = 13, Synthesize = 14, Audit = 15,
    Query = 16, ManagePolicy = 17, EmergencyCooldown = 18, MonitorActivity = 19, EnforceControl = 20,
}

const ACTIONS: [&str; 10] = [
    "propose",
    "validate",
    "extract_rules",
    "synthesize",
    "audit",
    "query",
    "manage_policy",
    "emergency_cooldown",
    "monitor_activity",
    "enforce_control",
];

const TABLE: [(&str, &[&str]); 7] = [
    ("executive", &["propose", "synthesize", "query"]),
    ("legislative", &["extract_rules", "synthesize", "query"]),
    ("judicial", &["validate", "audit", "query", "emergency_cooldown"]),
    ("monitor", &["monitor_activity", "query"]),
    ("auditor", &["audit", "query"]),
    ("controller", &["enforce_control", "query"]),
    ("implementer", &["synthesize", "query"]),
];

/// The table as a charter.
fn separation() -> String {
    let roles = TABLE.map(|(role, _)| format!("{role} = {{}}\n")).concat();
    let kinds: String = (11..)
        .zip(ACTIONS)
        .map(|(number, action)| format!("[kinds.{action}]\nnumber = {number}\naction = \"{action}\"\n"))
        .collect();
    let grants = TABLE
        .map(|(role, may)| format!("[[grants]]\nfrom = [\"{role}\"]\naction = {may:?}\nto = [\"hall\"]\n"));
    format!("name = \"separation\"\n[roles]\nhall = {{}}\n{roles}{kinds}{}", grants.concat())
}

fn seventy_pairs() -> Checked {
    let mut topology = Topology::new(charter(&separation())?);
    let hall = topology.reserve("hall");
    topology.install(hall, || Hall);
    let gates = TABLE.map(|(role, _)| {
        let outside = topology.outside(role);
        topology.gateway_as(outside, hall, 16)
    });
    let bus = start(topology)?;
    let mut granted = 0;
    for ((role, may), gate) in TABLE.iter().zip(&gates) {
        let expected: Vec<bool> = ACTIONS.iter().map(|action| may.contains(action)).collect();
        granted += may.len() as u64;
        ensure_eq(send_each(gate), expected, &format!("whether {role} may take each of the ten"))?;
    }
    let ledger = stop(bus)?.ledger;
    let counts = (ledger.sent(), ledger.handled(), ledger.lost(Disposition::Denied));
    ensure_eq(counts, (70, granted, 70 - granted), "messages sent, handled and denied")
}

/// Two actors in two roles, each with a gateway in the other's name.
struct Pair {
    to_venue: Gateway<Actor>,
    to_desk: Gateway<Actor>,
    topology: Topology,
}

fn pair(text: &str) -> Result<Pair, Failing> {
    let mut topology = Topology::new(charter(text)?);
    let desk = Actor::new().seat(&mut topology, "desk");
    let venue = Actor::new().seat(&mut topology, "venue");
    let to_venue = topology.gateway_as(desk.id(), venue, 4);
    let to_desk = topology.gateway_as(venue.id(), desk, 4);
    Ok(Pair { to_venue, to_desk, topology })
}

/// Expects a denial for want of a grant, and for nothing else.
fn ungranted<M: std::fmt::Debug, T: std::fmt::Debug>(sent: Result<T, SendError<M>>, what: &str) -> Checked {
    match refused(sent, what)? {
        SendError::Denied(_, verdict) => {
            ensure_eq(verdict.to_string(), "capability".to_owned(), "the reasons")
        }
        other => Err(Failing::Broken(format!("another refusal: {other}"))),
    }
}

fn by_action() -> Checked {
    let Pair { to_venue, topology, .. } = pair(CHARTER)?;
    let bus = start(topology)?;
    to_venue.try_send(Item(1))?;
    ungranted(to_venue.try_send(Note(1)), "a report by the desk")?;
    ensure_eq(stop(bus)?.ledger.handled(), 1, "messages handled")
}

fn by_direction() -> Checked {
    let Pair { to_venue, to_desk, topology } = pair(CHARTER)?;
    let bus = start(topology)?;
    to_venue.try_send(Item(1))?;
    ungranted(to_desk.try_send(Item(1)), "an order by the venue")?;
    to_desk.try_send(Note(1))?;
    ensure_eq(stop(bus)?.ledger.handled(), 2, "messages handled")
}

fn by_target() -> Checked {
    let Pair { to_venue, mut topology, .. } = pair(CHARTER)?;
    let desk = topology.outside("broker");
    topology.role(desk, "desk");
    let guest = Actor::new().seat(&mut topology, "guest");
    let gate = topology.gateway_as(desk, guest, 4);
    let bus = start(topology)?;
    ungranted(gate.try_send(Item(1)), "an order to a guest")?;
    to_venue.try_send(Item(2))?;
    ensure_eq(stop(bus)?.ledger.handled(), 1, "messages handled")
}

fn wildcard() -> Checked {
    let mut topology = Topology::new(charter(CHARTER)?);
    let judge = topology.outside("judicial");
    let gates = ["guest", "desk", "venue"].map(|name| {
        let agent = Actor::new().seat(&mut topology, name);
        topology.gateway_as(judge, agent, 4)
    });
    let bus = start(topology)?;
    for gate in &gates {
        gate.try_send(Item(1))?;
        gate.try_send(Note(1))?;
    }
    ensure_eq(stop(bus)?.ledger.handled(), 6, "messages handled")
}

/// Starts two agents of no role's name, and tries both kinds between them.
fn strangers(text: &str) -> Checked {
    let mut topology = Topology::new(charter(text)?);
    let first = topology.outside("first");
    let second = Actor::new().seat(&mut topology, "second");
    let gate = topology.gateway_as(first, second, 4);
    let bus = start(topology)?;
    gate.try_send(Note(1))?;
    ungranted(gate.try_send(Item(1)), "an order by a guest")?;
    ensure_eq(stop(bus)?.ledger.handled(), 1, "messages handled")
}

fn default_role() -> Checked {
    strangers(CHARTER)
}

fn no_role() -> Checked {
    let strict = CHARTER.replace("default_role = \"guest\"\n", "");
    let mut topology = Topology::new(charter(&strict)?);
    Actor::new().seat(&mut topology, "second");
    let error = refused(topology.build(), "an agent without a role")?;
    let told = error.to_string();
    let is_right = matches!(error, BuildError::NoRole { ref agent, .. } if agent == "second");
    ensure(is_right && told.contains("desk, guest, judicial, venue"), || format!("another refusal: {told}"))?;
    // Named as roles, the same agents need no default.
    let Pair { to_venue, topology, .. } = pair(&strict)?;
    let bus = start(topology)?;
    to_venue.try_send(Item(1))?;
    ensure_eq(stop(bus)?.ledger.handled(), 1, "messages handled")
}

fn given_role() -> Checked {
    let mut topology = Topology::new(charter(CHARTER)?);
    let venue = Actor::new().seat(&mut topology, "venue");
    let [guest, judge] = ["guest", "desk"].map(|name| topology.outside(name));
    topology.role(judge, "judicial");
    let [as_guest, as_judge] = [guest, judge].map(|source| topology.gateway_as(source, venue, 4));
    let bus = start(topology)?;
    as_judge.try_send(Note(1))?;
    as_judge.try_send(Item(1))?;
    ungranted(as_guest.try_send(Note(1)), "a report by a guest")?;
    ensure_eq(stop(bus)?.ledger.handled(), 2, "messages handled")
}

fn unknown_role() -> Checked {
    let Pair { to_venue, mut topology, .. } = pair(CHARTER)?;
    let third = Actor::new().seat(&mut topology, "third");
    topology.role(third.id(), "emperor");
    let told = refused(topology.build(), "an unknown role")?.to_string();
    let names_all =
        ["\"third\"", "\"emperor\"", "desk, guest, judicial, venue"].map(|name| told.contains(name));
    ensure_eq(names_all, [true; 3], &format!("whether agent, role and roles are in: {told}"))?;
    let is_stopped = matches!(to_venue.try_send(Item(1)), Err(SendError::NotRunning(Item(1))));
    ensure(is_stopped, || "a gateway of a topology that was refused takes messages".to_owned())
}

/// An agent of the default charter with a port to each of `names`; how many of its items were denied.
fn denied_towards(names: &[&str]) -> Result<u64, Failing> {
    let mut topology = Topology::new(Charter::default());
    let agent: Address<Actor> = topology.reserve("worker");
    let seen = Seen::new();
    let target = |name: &&str| {
        let target = Actor::noting(&seen).seat(&mut topology, name);
        topology.hold(agent, target, 4)
    };
    let ports: Vec<Out<Item>> = names.iter().map(target).collect();
    let act = Actor::new().at_start(move |cx| ports.iter().for_each(|port| cx.emit(port, Item(1))));
    act.install(&mut topology, agent);
    let bus = start(topology)?;
    settle(&bus)?;
    let denied = stop(bus)?.ledger.at_agent("worker", Disposition::Denied);
    ensure_eq(seen.count() as u64 + denied, names.len() as u64, "messages that arrived or were denied")?;
    Ok(denied)
}

fn overseers() -> Checked {
    ensure_eq(denied_towards(&["recovery", "health"])?, 2, "orders to overseers that were denied")?;
    ensure_eq(denied_towards(&["policy", "audit", "peer"])?, 0, "messages to others that were denied")
}
