//! The check at every boundary: one header against the tables.
//!
//! It answers with all reasons at once, in the same straight line of instructions whatever the header
//! holds: no branch that depends on data, no panic, no heap, no loop. Each reason is a comparison turned
//! into a bit; the bits are or-ed. Numbers beyond a table are clamped to its last row, which denies.

use ephor_core::{Header, Ticks};

use crate::tables::Tables;
use crate::verdict::{Reason, Verdict};

/// Judges a message by its header, at the point `now` of the bus clock.
///
/// Every reason is looked for, whether or not another one has been found.
#[inline(always)]
pub fn check(header: &Header, tables: &Tables, now: Ticks) -> Verdict {
    let kind = tables.kind(header.kind);
    let source = tables.agent(header.source);
    let target = tables.agent(header.target);
    let tenant = header.flags.tenant().0;

    let is_other_stamp =
        (header.stamp != tables.stamp) & ((header.stamp != tables.former) | (now > tables.former_end));
    let is_ungranted = tables.granted(source, target) & kind.action_bit == 0;
    let tenants_apart =
        ((tenant ^ source.tenant.0) & source.tenant_mask) | ((tenant ^ target.tenant.0) & target.tenant_mask);
    let is_expired = header.sent_ticks.after_ns(kind.lifetime_ticks) < now;
    let is_early = header.sent_ticks > now.after_ns(tables.skew_ticks);
    let is_grave = header.flags.impact() >= tables.threshold;

    Verdict::from_bits(
        kind.marks
            | u16::from(source.marks_as_source | target.marks_as_target)
            | Reason::Stamp.when(is_other_stamp)
            | Reason::Capability.when(is_ungranted)
            | Reason::Tenant.when(tenants_apart != 0)
            | Reason::Expired.when(is_expired)
            | Reason::Future.when(is_early)
            | Reason::Impact.when(is_grave),
    )
}
