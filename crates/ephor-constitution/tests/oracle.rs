//! The check against the same rules written naively, with an `if` for each.
//!
//! Small fields are tried exhaustively, the others at their boundaries, and all of them at random under
//! random charters. A charter reaches the check through its file, so reading and compiling are compared too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use ephor_constitution::{Charter, Pass, Quarantined, Reason, Seat, Tables, Verdict, check};
use ephor_core::{AgentId, Correlation, Flags, Header, Impact, Kind, LaneByte, Stamp, Tenant, Ticks};
use proptest::prelude::*;
use proptest::sample::Index;

const NS_PER_MS: u64 = 1_000_000;

/// A constitution as the oracle sees it.
#[derive(Clone, Debug)]
struct Model {
    stamp: u64,
    /// For each role, whether it serves all tenants.
    roles: Vec<bool>,
    /// Action and lifetime in milliseconds of each listed kind.
    kinds: BTreeMap<u8, (usize, Option<u64>)>,
    kinds_default: Option<(usize, Option<u64>)>,
    /// From, action, to.
    grants: BTreeSet<(usize, usize, usize)>,
    is_isolated: bool,
    tenant_count: usize,
    threshold: u8,
    skew_ms: u64,
    /// Role and tenant class of each agent.
    seats: Vec<(usize, u8)>,
    quarantined: BTreeSet<u16>,
    former: Option<(u64, u64)>,
}

impl Model {
    fn text(&self) -> String {
        let mut text = format!("name = \"model\"\nstamp = \"{:016x}\"\n", self.stamp);
        let mut line = |line: String| writeln!(text, "{line}").expect("writing to a string does not fail");
        for (role, serves_all) in self.roles.iter().enumerate() {
            line(format!("roles.r{role}.tenants = \"{}\"", if *serves_all { "all" } else { "own" }));
        }
        for (number, (action, lifetime_ms)) in &self.kinds {
            line(format!("kinds.k{number}.number = {number}\nkinds.k{number}.action = \"a{action}\""));
            if let Some(ms) = lifetime_ms {
                line(format!("kinds.k{number}.lifetime_ms = {ms}"));
            }
        }
        if let Some((action, lifetime_ms)) = self.kinds_default {
            line(format!("kinds_default.action = \"a{action}\""));
            if let Some(ms) = lifetime_ms {
                line(format!("kinds_default.lifetime_ms = {ms}"));
            }
        }
        let names: Vec<String> = (1..=self.tenant_count).map(|class| format!("\"tenant-{class}\"")).collect();
        line(format!("tenants.isolation = {}\ntenants.names = [{}]", self.is_isolated, names.join(", ")));
        line(format!("impact.threshold = {}", f64::from(self.threshold) / 10.0));
        line(format!("limits.skew_ms = {}", self.skew_ms));
        let mut granted: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
        for (from, action, to) in &self.grants {
            granted.entry((*from, *to)).or_default().push(format!("a{action}"));
        }
        for ((from, to), actions) in granted {
            line(format!("[[grants]]\nfrom = [\"r{from}\"]\naction = {actions:?}\nto = [\"r{to}\"]"));
        }
        text
    }

    fn tables(&self) -> Tables {
        let seat = |(role, tenant): &(usize, u8)| Seat {
            name: "agent".into(),
            role: format!("r{role}"),
            tenant: (*tenant > 0).then(|| format!("tenant-{tenant}")),
        };
        let seats: Vec<Seat> = self.seats.iter().map(seat).collect();
        let charter = Charter::parse(&self.text(), "model.toml").expect("a model is a charter");
        let mut tables = charter.compile(&seats).expect("the seats are the model's");
        for agent in &self.quarantined {
            tables.set_quarantined(AgentId(*agent), Quarantined::Yes);
        }
        if let Some((stamp, end)) = self.former {
            tables.set_former(Stamp(stamp), Ticks(end));
        }
        tables
    }

    fn terms(&self, kind: Kind) -> Option<(usize, Option<u64>)> {
        if kind.0 == 0 {
            return None;
        }
        self.kinds.get(&kind.0).copied().or(self.kinds_default)
    }

    fn seat(&self, agent: AgentId) -> Option<(usize, u8)> {
        self.seats.get(agent.index()).copied()
    }

    fn is_granted(&self, header: &Header) -> bool {
        let (Some((from, _)), Some((to, _)), Some((action, _))) =
            (self.seat(header.source), self.seat(header.target), self.terms(header.kind))
        else {
            return false;
        };
        self.grants.contains(&(from, action, to))
    }

    fn may_see(&self, agent: AgentId, tenant: u8) -> bool {
        if !self.is_isolated {
            return true;
        }
        match self.seat(agent) {
            None => tenant == 0,
            Some((role, own)) => self.roles[role] || own == tenant,
        }
    }

    /// What the check must answer.
    fn verdict(&self, header: &Header, now: Ticks) -> Verdict {
        let mut verdict = Verdict::PERMIT;
        let mut against = |reason, is_so: bool| {
            if is_so {
                verdict = verdict.with(reason);
            }
        };
        let in_grace = self.former.is_some_and(|(stamp, end)| header.stamp.0 == stamp && now.as_ns() <= end);
        against(Reason::Stamp, header.stamp.0 != self.stamp && !in_grace);
        against(Reason::UnknownSource, self.seat(header.source).is_none());
        against(Reason::UnknownTarget, self.seat(header.target).is_none());
        against(Reason::UnknownKind, self.terms(header.kind).is_none());
        against(Reason::Capability, !self.is_granted(header));
        let tenant = (header.flags.bits() >> 8) as u8;
        against(Reason::Tenant, !self.may_see(header.source, tenant) || !self.may_see(header.target, tenant));
        let is_quarantined = |agent: AgentId| self.quarantined.contains(&agent.0);
        against(Reason::Quarantined, is_quarantined(header.source) || is_quarantined(header.target));
        let (sent, now) = (u128::from(header.sent_ticks.as_ns()), u128::from(now.as_ns()));
        if let Some((_, Some(lifetime_ms))) = self.terms(header.kind) {
            against(Reason::Expired, now > sent + u128::from(lifetime_ms * NS_PER_MS));
        }
        against(Reason::Future, sent > now + u128::from(self.skew_ms * NS_PER_MS));
        against(Reason::Impact, (header.flags.bits() >> 2 & 15) as u8 >= self.threshold);
        verdict
    }
}

/// Compares the check, and the pass of the header's hop, with the oracle; the only place that calls them.
#[track_caller]
fn agree(model: &Model, tables: &Tables, header: &Header, now: Ticks) -> Verdict {
    let verdict = check(header, tables, now);
    assert_eq!(verdict, model.verdict(header, now), "{header:?} at {now:?} under {model:?}");
    let Header { kind, source, target, .. } = *header;
    let fits = verdict.is_permit() && header.stamp.0 == model.stamp;
    let pass = tables.pass(kind, source, target);
    assert_eq!(pass.admits(header, now), fits, "pass for {header:?} at {now:?} under {model:?}");
    for other in [
        tables.pass(Kind(kind.0 ^ 1), source, target),
        tables.pass(kind, AgentId(source.0 ^ 1), target),
        tables.pass(kind, source, AgentId(target.0 ^ 1)),
        Pass::NEVER,
    ] {
        assert!(!other.admits(header, now), "{other:?} is not the pass of {header:?}");
    }
    if fits {
        agree_on_alike(&pass, header, now);
    }
    verdict
}

/// Of headers that are like an admitted one, the pass admits those whose time is in its span, and no others.
#[track_caller]
fn agree_on_alike(pass: &Pass, header: &Header, now: Ticks) {
    for sent_ticks in [0, now.0 - now.0 / 3, now.0, now.0.saturating_add(now.0 / 3), u64::MAX].map(Ticks) {
        let correlation = Correlation(!header.correlation.0);
        let other = Header { sent_ticks, correlation, ..*header };
        assert!(other.is_like(header));
        let is_admitted = pass.span(now).contains(sent_ticks);
        assert_eq!(pass.admits(&other, now), is_admitted, "{other:?} at {now:?}");
    }
}

/// Three roles and three tenants with something of everything.
fn sample() -> Model {
    Model {
        stamp: 0xcdd0_1ef0_66bc_6cf2,
        roles: vec![false, false, true],
        kinds: BTreeMap::from([(7, (0, Some(5))), (9, (1, None)), (255, (2, Some(1)))]),
        kinds_default: None,
        grants: BTreeSet::from([(0, 0, 1), (1, 1, 0), (0, 2, 2), (2, 0, 0)]),
        is_isolated: true,
        tenant_count: 3,
        threshold: 8,
        skew_ms: 2,
        seats: vec![(0, 1), (1, 1), (2, 0), (0, 3), (1, 0)],
        quarantined: BTreeSet::from([3, 200]),
        former: None,
    }
}

/// From agent 0 to agent 1 of [`sample`], with nothing against it.
fn permitted(model: &Model) -> Header {
    Header {
        stamp: Stamp(model.stamp),
        kind: Kind(7),
        lane: LaneByte::default(),
        flags: Flags::new().with_tenant(Tenant(1)),
        source: AgentId(0),
        target: AgentId(1),
        correlation: Correlation(1),
        sent_ticks: Ticks(1_000),
    }
}

#[test]
fn each_reason_stands_alone_where_one_thing_is_wrong() {
    let model = sample();
    let tables = model.tables();
    let header = permitted(&model);
    let now = Ticks(1_000);
    assert!(agree(&model, &tables, &header, now).is_permit());
    let one = |header: Header, now: Ticks| agree(&model, &tables, &header, now).to_string();
    assert_eq!(one(Header { stamp: Stamp(model.stamp ^ 1), ..header }, now), "stamp");
    assert_eq!(one(Header { source: AgentId(5), ..header }, now), "unknown-source+capability+tenant");
    assert_eq!(one(Header { target: AgentId(256), ..header }, now), "unknown-target+capability+tenant");
    assert_eq!(one(Header { kind: Kind(8), ..header }, now), "unknown-kind+capability");
    assert_eq!(one(Header { kind: Kind(9), ..header }, now), "capability");
    assert_eq!(one(Header { flags: Flags::new().with_tenant(Tenant(2)), ..header }, now), "tenant");
    assert_eq!(one(header, Ticks(1_000 + 5 * NS_PER_MS + 1)), "expired");
    assert_eq!(one(Header { sent_ticks: Ticks(1_000 + 2 * NS_PER_MS + 1), ..header }, now), "future");
    assert_eq!(one(Header { source: AgentId(3), ..header }, now), "tenant+quarantined");
    assert_eq!(
        one(Header { flags: header.flags.with_impact(Impact::from_class(8)), ..header }, now),
        "impact"
    );
}

#[test]
fn every_value_of_a_small_field_is_judged_as_the_oracle_judges_it() {
    let isolated = sample();
    let open = Model { is_isolated: false, kinds_default: Some((1, Some(3))), threshold: 0, ..sample() };
    for model in [isolated, open] {
        let tables = model.tables();
        let header = permitted(&model);
        for value in 0..=u16::MAX {
            for now in [Ticks(1_000), Ticks(u64::MAX)] {
                let _ = agree(&model, &tables, &Header { kind: Kind(value as u8), ..header }, now);
                let _ = agree(&model, &tables, &Header { source: AgentId(value), ..header }, now);
                let _ = agree(&model, &tables, &Header { target: AgentId(value), ..header }, now);
                for (source, target) in [(0, 1), (2, 0), (4, 4), (3, 999)] {
                    let (source, target) = (AgentId(source), AgentId(target));
                    let flags = Flags::from_bits(value);
                    let _ = agree(&model, &tables, &Header { flags, source, target, ..header }, now);
                }
            }
        }
    }
}

#[test]
fn each_of_the_most_roles_and_actions_has_its_own_grant() {
    let all = 0..32_usize;
    // About a third of all triples, without a pattern along any of the three.
    let is_granted = |from: usize, action: usize, to: usize| {
        (from * 7 + action * 13 + to * 29 + from * action * to).is_multiple_of(3)
    };
    let triples = all
        .clone()
        .flat_map(|from| (0..32).flat_map(move |action| (0..32).map(move |to| (from, action, to))));
    let model = Model {
        roles: vec![false; 32],
        kinds: all.clone().map(|action| (action as u8 + 1, (action, None))).collect(),
        grants: triples.clone().filter(|(from, action, to)| is_granted(*from, *action, *to)).collect(),
        seats: all.map(|role| (role, 0)).collect(),
        quarantined: BTreeSet::new(),
        ..sample()
    };
    let tables = model.tables();
    let mut permits = 0;
    for (from, action, to) in triples {
        let (source, target) = (AgentId(from as u16), AgentId(to as u16));
        let kind = Kind(action as u8 + 1);
        let header = Header { kind, source, target, flags: Flags::new(), ..permitted(&model) };
        permits += usize::from(agree(&model, &tables, &header, Ticks(1_000)).is_permit());
    }
    assert_eq!(permits, model.grants.len());
}

#[test]
fn every_bit_of_the_stamp_counts() {
    let model = sample();
    let tables = model.tables();
    for bit in 0..64 {
        let header = Header { stamp: Stamp(model.stamp ^ 1 << bit), ..permitted(&model) };
        assert!(agree(&model, &tables, &header, Ticks(1_000)).contains(Reason::Stamp));
    }
}

#[test]
fn both_stamps_pass_during_the_grace_and_the_former_stops_after_it() {
    let model = Model { former: Some((42, 5_000)), ..sample() };
    let tables = model.tables();
    let former = Header { stamp: Stamp(42), ..permitted(&model) };
    assert!(agree(&model, &tables, &former, Ticks(5_000)).is_permit());
    assert_eq!(agree(&model, &tables, &former, Ticks(5_001)).to_string(), "stamp");
    assert!(agree(&model, &tables, &permitted(&model), Ticks(5_001)).is_permit());
}

#[test]
fn leaving_quarantine_leaves_nothing_behind() {
    let model = Model { quarantined: BTreeSet::new(), ..sample() };
    let mut tables = model.tables();
    tables.set_quarantined(AgentId(1), Quarantined::Yes);
    assert_eq!(check(&permitted(&model), &tables, Ticks(1_000)).to_string(), "quarantined");
    tables.set_quarantined(AgentId(1), Quarantined::No);
    assert!(agree(&model, &tables, &permitted(&model), Ticks(1_000)).is_permit());
}

fn models() -> impl Strategy<Value = Model> {
    let rules = (
        prop::collection::vec(any::<bool>(), 1..=32),
        prop::collection::btree_map(1..=255_u8, (0..32_usize, prop::option::of(1..100_u64)), 1..20),
        prop::option::of(prop::option::of(1..100_u64)),
        prop::collection::vec(any::<[Index; 3]>(), 0..60),
    );
    let rest = (any::<u64>(), any::<bool>(), 0..=5_usize, 0..=10_u8, 0..5_u64);
    let agents = (
        prop::collection::vec(any::<[Index; 2]>(), 0..40),
        prop::collection::btree_set(0..60_u16, 0..4),
        prop::option::of((any::<u64>(), 0..400 * NS_PER_MS)),
    );
    (rules, rest, agents).prop_map(|(rules, rest, agents)| {
        let (roles, kinds, default_lifetime, grants) = rules;
        let (stamp, is_isolated, tenant_count, threshold, skew_ms) = rest;
        let (seats, quarantined, former) = agents;
        let actions: Vec<usize> = kinds.values().map(|(action, _)| *action).collect();
        let triple = |[from, action, to]: [Index; 3]| {
            (from.index(roles.len()), *action.get(&actions), to.index(roles.len()))
        };
        let seat =
            |[role, tenant]: [Index; 2]| (role.index(roles.len()), tenant.index(tenant_count + 1) as u8);
        Model {
            stamp,
            kinds_default: default_lifetime.map(|lifetime_ms| (actions[0], lifetime_ms)),
            grants: grants.into_iter().map(triple).collect(),
            is_isolated,
            tenant_count,
            threshold,
            skew_ms,
            seats: seats.into_iter().map(seat).collect(),
            quarantined,
            former,
            roles,
            kinds,
        }
    })
}

/// A header that is mostly near what `model` knows, and sometimes anything.
fn headers(model: &Model) -> impl Strategy<Value = (Header, Ticks)> + use<> {
    let former = model.former.map_or(0, |(stamp, _)| stamp);
    let grace_end = model.former.map_or(0, |(_, end)| end);
    let stamp = prop_oneof![4 => Just(model.stamp), 2 => Just(former), 1 => any::<u64>()];
    let kinds: Vec<u8> = model.kinds.keys().copied().collect();
    let kind = prop_oneof![6 => prop::sample::select(kinds), 1 => Just(0), 2 => any::<u8>()];
    let count = model.seats.len() as u16;
    let agent = || prop_oneof![8 => 0..count.max(1), 1 => Just(count), 1 => any::<u16>()];
    let flags = prop_oneof![(0..64_u16, 0..6_u16).prop_map(|(low, tenant)| low | tenant << 8), any::<u16>(),];
    let lifetime_ns = model.kinds.values().find_map(|(_, ms)| *ms).unwrap_or(1) * NS_PER_MS;
    let now = prop_oneof![
        4 => 0..400 * NS_PER_MS, 1 => Just(grace_end), 1 => Just(grace_end + 1), 1 => any::<u64>(),
    ];
    let step = prop::sample::select(vec![0, model.skew_ms * NS_PER_MS, lifetime_ns]);
    let sent = (step, 0..=1_u64, any::<bool>(), prop::option::weighted(0.1, any::<u64>()));
    (stamp, kind, flags, agent(), agent(), now, sent).prop_map(
        |(stamp, kind, flags, source, target, now, sent)| {
            let (step, more, is_past, anything) = sent;
            let near =
                if is_past { now.saturating_sub(step + more) } else { now.saturating_add(step + more) };
            let header = Header {
                stamp: Stamp(stamp),
                kind: Kind(kind),
                lane: LaneByte::default(),
                flags: Flags::from_bits(flags),
                source: AgentId(source),
                target: AgentId(target),
                correlation: Correlation(0),
                sent_ticks: Ticks(anything.unwrap_or(near)),
            };
            (header, Ticks(now))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 500 }))]

    #[test]
    fn any_header_under_any_charter_is_judged_as_the_oracle_judges_it(
        (model, headers) in models().prop_flat_map(|model| {
            let headers = prop::collection::vec(headers(&model), 100);
            (Just(model), headers)
        })
    ) {
        let tables = model.tables();
        for (header, now) in headers {
            let _ = agree(&model, &tables, &header, now);
        }
    }
}
