//! The check of any header is the same twice, never panics, and permits only what is in order.
#![no_main]

use ephor_constitution::{Charter, Seat, check};
use ephor_core::{AgentId, Correlation, Flags, Header, Kind, LaneByte, Stamp, Ticks};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, u8, u16, u16, u16, u64, u64)| {
    let (stamp, kind, flags, source, target, sent, now) = input;
    let charter = Charter::default();
    let seat = |role: &str| Seat { name: role.to_owned(), role: role.to_owned(), tenant: None };
    let tables =
        charter.compile(&[seat("agent"), seat("gateway"), seat("health")]).expect("the roles are there");
    let header = Header {
        stamp: Stamp(stamp),
        kind: Kind(kind),
        lane: LaneByte::default(),
        flags: Flags::from_bits(flags),
        source: AgentId(source),
        target: AgentId(target),
        correlation: Correlation(0),
        sent_ticks: Ticks(sent),
    };
    let verdict = check(&header, &tables, Ticks(now));
    assert_eq!(verdict, check(&header, &tables, Ticks(now)));
    let pass = tables.pass(header.kind, header.source, header.target);
    assert_eq!(pass.admits(&header, Ticks(now)), verdict.is_permit());
    if verdict.is_permit() {
        assert_eq!(header.stamp, charter.stamp());
        assert!(source < 3 && target < 3 && kind != 0);
    }
});
