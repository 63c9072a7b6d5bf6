//! What particular charters permit: the built-in one, the airline's, and a separation of powers.

use ephor_constitution::{Charter, CompileError, Reason, Seat, Tables, Verdict, check};
use ephor_core::{AgentId, Flags, Header, Kind, Stamp, Tenant, Ticks};

fn seat(role: &str) -> Seat {
    Seat { name: format!("the {role}"), role: role.into(), tenant: None }
}

/// One agent in each role of a charter.
struct Cast {
    roles: Vec<String>,
    tables: Tables,
}

impl Cast {
    fn of(charter: &Charter) -> Self {
        let roles: Vec<String> = charter.roles().map(str::to_owned).collect();
        let seats: Vec<Seat> = roles.iter().map(|role| seat(role)).collect();
        Self { roles, tables: charter.compile(&seats).expect("the roles are the charter's") }
    }

    fn agent(&self, role: &str) -> AgentId {
        AgentId(self.roles.iter().position(|known| known == role).expect("the role is in the cast") as u16)
    }

    fn verdict(&self, from: &str, kind: Kind, to: &str) -> Verdict {
        let (source, target) = (self.agent(from), self.agent(to));
        let header = Header { stamp: self.tables.stamp(), kind, source, target, ..Header::default() };
        check(&header, &self.tables, Ticks::ZERO)
    }

    /// Every `from -> to` that messages of `kind` may take.
    fn ways(&self, kind: Kind) -> Vec<String> {
        let pairs = self.roles.iter().flat_map(|from| self.roles.iter().map(move |to| (from, to)));
        let permitted = pairs.filter(|(from, to)| self.verdict(from, kind, to).is_permit());
        permitted.map(|(from, to)| format!("{from} -> {to}")).collect()
    }
}

#[test]
fn built_in_charter_lets_plain_agents_work() {
    let charter = Charter::default();
    assert_eq!(charter.name(), "Ephor default");
    assert_eq!(charter.stamp(), Stamp(0xcdd0_1ef0_66bc_6cf2));
    assert_eq!(charter.default_role(), Some("agent"));
    assert_eq!(charter.kind_name(Kind(240)), Some("pulse"));
    assert_eq!(charter.kind_name(Kind(1)), None);
    let cast = Cast::of(&charter);
    for kind in (1..=255).filter(|kind| *kind != 240) {
        assert!(cast.verdict("agent", Kind(kind), "agent").is_permit(), "kind {kind}");
    }
    assert_eq!(cast.verdict("agent", Kind(0), "agent").to_string(), "unknown-kind+capability");
    assert_eq!(cast.tables.lifetime_ticks(Kind(7)), u64::MAX);
}

#[test]
fn built_in_charter_keeps_agents_from_directing_overseers() {
    let cast = Cast::of(&Charter::default());
    assert_eq!(
        cast.ways(Kind(240)),
        ["agent -> health", "audit -> health", "gateway -> health", "policy -> health", "recovery -> health"]
    );
    let from_agent: Vec<String> =
        cast.ways(Kind(7)).into_iter().filter(|way| way.starts_with("agent")).collect();
    assert_eq!(from_agent, ["agent -> agent", "agent -> audit", "agent -> gateway", "agent -> policy"]);
    assert_eq!(cast.ways(Kind(7)).len(), 4 + 5 * 6);
}

#[test]
fn airline_desk_commands_tools_only_through_policy() {
    let text = include_str!("../../../examples/airline/charter.toml");
    let charter = Charter::parse(text, "charter.toml").unwrap();
    assert_eq!(charter.stamp(), Stamp(0xcdd0_1ef0_66bc_6cf2));
    assert_eq!(charter.articles().len(), 6);
    let cast = Cast::of(&charter);
    let names = [1, 2, 3, 4, 240].map(|kind| charter.kind_name(Kind(kind)).unwrap());
    assert_eq!(names, ["event", "query", "command", "response", "pulse"]);
    assert_eq!(cast.ways(Kind(1)), ["customer -> desk", "desk -> customer"]);
    assert_eq!(cast.ways(Kind(2)), ["desk -> tools"]);
    assert_eq!(cast.ways(Kind(3)), ["desk -> policy", "policy -> tools"]);
    assert_eq!(cast.verdict("desk", Kind(3), "tools").to_string(), "capability");
    assert_eq!(cast.ways(Kind(4)), ["tools -> desk"]);
    let pulses = ["audit", "customer", "desk", "policy", "recovery", "tools"];
    assert_eq!(cast.ways(Kind(240)), pulses.map(|role| format!("{role} -> health")));
    assert_eq!(cast.tables.lifetime_ticks(Kind(3)), 60_000_000_000);
    assert_eq!(cast.tables.lifetime_ticks(Kind(240)), u64::MAX);
}

#[test]
fn separated_powers_have_exactly_the_actions_of_their_table() {
    const ACTIONS: [&str; 10] = [
        "propose",
        "validate",
        "synthesize",
        "query",
        "extract_rules",
        "audit",
        "emergency_cooldown",
        "monitor_activity",
        "enforce_control",
        "manage_policy",
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
    let mut text = String::from("name = \"separated powers\"\n");
    for (index, action) in ACTIONS.iter().enumerate() {
        text += &format!("kinds.{action} = {{ number = {}, action = \"{action}\" }}\n", index + 1);
    }
    for (role, _) in TABLE {
        text += &format!("roles.{role} = {{}}\n");
    }
    for (role, actions) in TABLE {
        text += &format!("[[grants]]\nfrom = [\"{role}\"]\naction = {actions:?}\nto = [\"*\"]\n");
    }
    let cast = Cast::of(&Charter::parse(&text, "powers.toml").unwrap());
    let mut pairs = 0;
    for (role, allowed) in TABLE {
        for (index, action) in ACTIONS.iter().enumerate() {
            for (target, _) in TABLE {
                let verdict = cast.verdict(role, Kind(index as u8 + 1), target);
                assert_eq!(verdict.is_permit(), allowed.contains(action), "{role} {action} {target}");
                assert!(verdict.is_permit() || verdict == Verdict::PERMIT.with(Reason::Capability));
            }
            pairs += 1;
        }
    }
    assert_eq!(pairs, 70);
}

const TENANTS: &str = "name = \"tenants\"
roles = { agent = {}, audit = { tenants = \"all\" } }
kinds_default = { action = \"message\" }
grants = [{ from = [\"*\"], action = [\"*\"], to = [\"*\"] }]
tenants.names = [\"t-one\", \"tenant-two\"]
";

/// The verdict on a message of `tenant` from agent `from` to agent `to` of: t-one, tenant-two, audit, none.
fn tenant_verdict(from: u16, tenant: u8, to: u16) -> Verdict {
    let of = |role: &str, tenant: Option<&str>| Seat { tenant: tenant.map(Into::into), ..seat(role) };
    let seats = [
        of("agent", Some("t-one")),
        of("agent", Some("  TENANT-Two ")),
        of("audit", None),
        of("agent", None),
    ];
    let charter = Charter::parse(TENANTS, "tenants.toml").expect("the text is a charter");
    let tables = charter.compile(&seats).expect("the seats are the charter's");
    assert_eq!([0, 1, 2, 3, 300].map(|agent| tables.tenant(AgentId(agent)).0), [1, 2, 0, 0, 0]);
    let header = Header {
        stamp: tables.stamp(),
        kind: Kind(1),
        flags: Flags::new().with_tenant(Tenant(tenant)),
        source: AgentId(from),
        target: AgentId(to),
        ..Header::default()
    };
    check(&header, &tables, Ticks::ZERO)
}

#[test]
fn tenants_are_kept_apart_unless_a_role_serves_all() {
    let apart = Verdict::PERMIT.with(Reason::Tenant);
    assert!(tenant_verdict(0, 1, 0).is_permit());
    assert!(tenant_verdict(3, 0, 3).is_permit(), "no tenant at either end");
    assert_eq!(tenant_verdict(0, 1, 1), apart, "to another tenant");
    assert_eq!(tenant_verdict(0, 2, 1), apart, "in another's name");
    assert_eq!(tenant_verdict(0, 0, 0), apart, "without a name");
    assert_eq!(tenant_verdict(0, 1, 3), apart, "to an agent without tenant");
    assert!(tenant_verdict(0, 1, 2).is_permit(), "audit serves all");
    assert!(tenant_verdict(2, 2, 1).is_permit(), "and answers each");
    assert_eq!(tenant_verdict(2, 1, 1), apart, "but not in another's name");
}

#[test]
fn a_seat_outside_the_charter_is_refused_by_name() {
    let charter = Charter::parse(TENANTS, "tenants.toml").unwrap();
    let boss = charter.compile(&[seat("agent"), seat("boss")]).unwrap_err();
    assert_eq!(
        boss.to_string(),
        "seat \"the boss\": \"boss\" is not a role of the charter: one of agent, audit"
    );
    for tenant in ["t-three", "", "t-one\0", "t\u{2013}one"] {
        let stranger = Seat { tenant: Some(tenant.into()), ..seat("agent") };
        let error = charter.compile(&[stranger]).unwrap_err();
        assert!(matches!(&error, CompileError::UnknownTenant { seat, .. } if seat == "the agent"));
        assert!(error.to_string().ends_with("is not a tenant of the charter: one of t-one, tenant-two"));
    }
    assert!(charter.compile(&vec![seat("agent"); 256]).is_ok());
    assert_eq!(
        charter.compile(&vec![seat("agent"); 257]).unwrap_err().to_string(),
        "257 seats are more than the 256 that a topology can have"
    );
}
