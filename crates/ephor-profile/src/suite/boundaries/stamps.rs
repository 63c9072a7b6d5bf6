//! What the check says of headers that were seen on a running bus, and of the same with a part of them changed.
//!
//! No message can be sent under another stamp or in the name of nobody: gateways and ports write these fields. So the check
//! itself is asked, with the tables of that bus.

use ephor_constitution::{Charter, Reason, Seat, Tables, Verdict, check};
use ephor_core::{AgentId, Header, Stamp};
use ephor_runtime::{Cx, Out, Topology};

use super::{CHARTER, GROUP};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};
use crate::suite::bench::{Seen, charter, refused, stop};
use crate::suite::cast::{Actor, Item};

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check("a message bears the stamp of its constitution on every hop", stamp_on_every_hop),
        check("a header from the bus is denied once any one bit of its stamp is turned", stamp_turned)
            .case("C2"),
        check(
            "a refused stamp is told with at most eight of its digits, and never the right one",
            stamp_told,
        )
        .case("C1"),
        check("a stamp that is not ASCII, holds a NUL or is missing passes nowhere", stamp_malformed)
            .case("C3"),
        check("no number beyond the topology passes for an agent's", foreign_numbers),
    ]
}

/// The headers of a message on two hops of a running bus under the default charter, and the tables that they passed by.
fn headers_from_the_bus() -> Result<(Vec<Header>, Tables), Failing> {
    let mut topology = Topology::new(Charter::default());
    let headers = Seen::new();
    let (first, last) = (headers.clone(), headers.clone());
    let sink = Actor::new().on_item(move |_, cx| note_header(&last, cx)).seat(&mut topology, "sink");
    let relay = topology.reserve("relay");
    let out: Out<Item> = topology.hold(relay, sink, 8);
    let act = Actor::new().on_item(move |item, cx| {
        note_header(&first, cx);
        cx.emit(&out, *item);
    });
    act.install(&mut topology, relay);
    let gate = topology.gateway(relay, 8);
    let plan = topology.build()?;
    let tables = tables_of(&plan.agents())?;
    let bus = plan.start()?;
    gate.try_send(Item(1))?;
    stop(bus)?;
    let headers = headers.values();
    ensure_eq(headers.len(), 2, "headers seen")?;
    for header in &headers {
        ensure_eq(judge(header, &tables), Verdict::PERMIT, "what is said of a header from the bus")?;
    }
    Ok((headers, tables))
}

fn note_header(headers: &Seen<Header>, cx: &Cx<'_>) {
    cx.header().into_iter().for_each(|header| headers.note(*header));
}

/// The default charter's tables for agents of these names.
fn tables_of(agents: &[String]) -> Result<Tables, Failing> {
    let seat = |name: &String| {
        let role = if name == "gateway" { "gateway" } else { "agent" };
        Seat { name: name.clone(), role: role.to_owned(), tenant: None }
    };
    Ok(Charter::default().compile(&agents.iter().map(seat).collect::<Vec<_>>())?)
}

/// What the check says of a header at the time when it was sent.
fn judge(header: &Header, tables: &Tables) -> Verdict {
    check(header, tables, header.sent_ticks)
}

fn stamp_on_every_hop() -> Checked {
    let (headers, _) = headers_from_the_bus()?;
    let stamps: Vec<Stamp> = headers.iter().map(|header| header.stamp).collect();
    ensure_eq(stamps, vec![Stamp(0xcdd0_1ef0_66bc_6cf2); 2], "stamps at the relay and at the sink")
}

fn stamp_turned() -> Checked {
    let (headers, tables) = headers_from_the_bus()?;
    for (header, bit) in headers.iter().flat_map(|header| (0..64).map(move |bit| (header, bit))) {
        let other = Header { stamp: Stamp(header.stamp.0 ^ 1 << bit), ..*header };
        let verdict = judge(&other, &tables);
        ensure(verdict.is_denied() && !verdict.is_permit(), || format!("bit {bit} turned: {verdict}"))?;
        ensure_eq(verdict.to_string(), "stamp".to_owned(), "the reasons")?;
    }
    Ok(())
}

/// The right stamp, and others of 16, 15, 17 and no digits.
fn stamp_told() -> Checked {
    const RIGHT: &str = "cdd01ef066bc6cf2";
    let (headers, tables) = headers_from_the_bus()?;
    let wrong = Header { stamp: Stamp(0xcdd0_1ef0_66bc_6cf3), ..headers[0] };
    ensure_eq(judge(&wrong, &tables).to_string(), "stamp".to_owned(), "what is told of a wrong stamp")?;
    for stamp in ["cdd01ef066bc6cf", "cdd01ef066bc6cf20", ""] {
        let told = refused(charter(&CHARTER.replace(RIGHT, stamp)), stamp)?.to_string();
        ensure(!told.contains(RIGHT), || format!("the right stamp is in: {told}"))?;
        ensure(told.lines().count() == 1, || format!("more than one error in: {told}"))?;
        let is_short = stamp.len() < 9 || !told.contains(&stamp[..9]);
        ensure(is_short, || format!("more than eight digits are in: {told}"))?;
    }
    Ok(())
}

fn stamp_malformed() -> Checked {
    for stamp in ["cdd01ef066bc6cf\u{e9}", "cdd01ef0\\u000066bc6cf", "\u{1f600}\u{1f600}\u{1f600}\u{1f600}"] {
        let told = refused(charter(&CHARTER.replace("cdd01ef066bc6cf2", stamp)), stamp)?.to_string();
        ensure(told.contains("is not a stamp"), || format!("refused for something else: {told}"))?;
    }
    let (headers, tables) = headers_from_the_bus()?;
    for stamp in [Stamp(0), Stamp(u64::MAX), Stamp(u64::from_ne_bytes(*b"cdd01\0f0"))] {
        let verdict = judge(&Header { stamp, ..headers[0] }, &tables);
        ensure(verdict.is_denied(), || format!("{stamp}: {verdict}"))?;
    }
    Ok(())
}

fn foreign_numbers() -> Checked {
    let (headers, tables) = headers_from_the_bus()?;
    for header in headers {
        for number in (3..=300).chain([u16::MAX]) {
            let from = judge(&Header { source: AgentId(number), ..header }, &tables);
            let to = judge(&Header { target: AgentId(number), ..header }, &tables);
            let is_refused = from.contains(Reason::UnknownSource) && to.contains(Reason::UnknownTarget);
            ensure(is_refused && from.is_denied() && to.is_denied(), || format!("{number}: {from}, {to}"))?;
        }
    }
    Ok(())
}
