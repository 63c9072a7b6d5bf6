//! What the gates look at: the check and the pass, each in a function of its own, and twins with the fault that a gate
//! has to find.

pub mod hop;

use ephor::constitution::{Charter, Pass, Seat, Span, Tables, check};
use ephor::{AgentId, Header, Impact, Kind, Ticks};

/// Headers that are judged at a time.
pub const BATCH: usize = 64;

/// The check. Its machine code has no conditional jump.
#[inline(never)]
pub fn gate_check(header: &Header, tables: &Tables, now: Ticks) -> u16 {
    check(header, tables, now).bits()
}

/// A check that leaves at the first reason it finds: the fault that both gates must see.
#[inline(never)]
pub fn gate_check_branchy(header: &Header, tables: &Tables, now: Ticks) -> u16 {
    if header.stamp != tables.stamp() {
        return 1;
    }
    check(header, tables, now).bits()
}

/// The pass. Its machine code has no conditional jump.
#[inline(never)]
pub fn gate_pass(header: &Header, pass: &Pass, now: Ticks) -> bool {
    pass.admits(header, now)
}

/// A pass that leaves at the first difference.
#[inline(never)]
pub fn gate_pass_branchy(header: &Header, pass: &Pass, now: Ticks) -> bool {
    if header.flags.impact() >= Impact::MAX {
        return false;
    }
    pass.admits(header, now)
}

/// What a header that is like an admitted one is asked. Its machine code has no conditional jump.
#[inline(never)]
pub fn gate_alike(header: &Header, admitted: &Header, span: Span) -> bool {
    header.is_like(admitted) & span.contains(header.sent_ticks)
}

/// The same, leaving when the time is wrong. It asks twice and hides the header, or the compiler would take the jump out.
#[inline(never)]
pub fn gate_alike_branchy(header: &Header, admitted: &Header, span: Span) -> bool {
    if !span.contains(header.sent_ticks) {
        return false;
    }
    (0..2).all(|_| std::hint::black_box(header).is_like(admitted))
}

/// What four headers are asked at once. Its machine code has no conditional jump.
#[inline(never)]
pub fn gate_same(headers: &[Header; 4], admitted: &Header) -> bool {
    admitted.is_same_as_all(headers)
}

/// The same, leaving at the first that differs. It hides the header, or the compiler would take the jump out.
#[inline(never)]
pub fn gate_same_branchy(headers: &[Header; 4], admitted: &Header) -> bool {
    headers.iter().all(|header| admitted.is_same_as_all([std::hint::black_box(header)]))
}

/// Tables of two agents, a pass from one to the other, and a header that both admit.
pub fn subjects() -> (Tables, Pass, Header) {
    let seat = |name: &str| Seat { name: name.into(), role: "agent".into(), tenant: None };
    let tables = Charter::default().compile(&[seat("left"), seat("right")]).expect("the roles are known");
    let (kind, left, right) = (Kind(7), AgentId(0), AgentId(1));
    let pass = tables.pass(kind, left, right);
    let header = Header { stamp: tables.stamp(), kind, source: left, target: right, ..Header::default() };
    assert!(check(&header, &tables, Ticks::ZERO).is_permit());
    assert!(pass.admits(&header, Ticks::ZERO));
    (tables, pass, header)
}

/// What a header is denied for; 0 leaves it as it is.
pub fn spoiled(header: Header, number: usize) -> Header {
    match number % 5 {
        0 => header,
        1 => Header { stamp: ephor::Stamp(!header.stamp.0), ..header },
        2 => Header { source: AgentId(9), ..header },
        3 => Header { sent_ticks: Ticks(u64::MAX), ..header },
        _ => Header { flags: header.flags.with_impact(Impact::MAX), ..header },
    }
}
