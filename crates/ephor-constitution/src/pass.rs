//! The pass: what a permitted message of one kind from one agent to another looks like.
//!
//! A lane has one source and one target, and carries few kinds. For each of them the tables are read once, off the
//! message path, and what [`check`](crate::check) would look up is kept in one cache line. A message that fits is
//! permitted: [`Pass::admits`] says so in a straight line of some thirty instructions, with no table, no branch and
//! no loop. One that does not fit is judged by `check`, which finds all reasons, or that it may pass after all: a
//! stamp in its grace fits no pass.
//!
//! ```text
//! admits(header, now)  =  check(header, tables, now) is permit, and the stamp is not the former one
//! ```
//!
//! `tests/oracle.rs` holds both sides of that against each other. A pass belongs to the tables that it was made from.

use ephor_core::{AgentId, Flags, Header, Impact, Kind, LaneByte, Tenant, Ticks};

use crate::tables::Tables;

/// What a permitted message of one kind from one agent to another looks like. Made by [`Tables::pass`].
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Pass {
    stamp: u64,
    /// What the route must be, where `route_bits` is set.
    route: u64,
    route_bits: u64,
    /// Not zero when no message at all may pass.
    never: u64,
    lifetime_ticks: u64,
    skew_ticks: u64,
    threshold: Impact,
}

const _: () = assert!(size_of::<Pass>() == 64);

/// A span of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    oldest: u64,
    length: u64,
}

impl Span {
    /// Whether a point of time is in the span.
    #[inline(always)]
    pub fn contains(self, at: Ticks) -> bool {
        // One comparison for both ends: what is older than the oldest wraps to a number above the length.
        at.0.wrapping_sub(self.oldest) <= self.length
    }
}

impl Pass {
    /// Whether a message may pass by its header, at the point `now` of the bus clock.
    ///
    /// `false` says only that it does not fit: ask [`check`](crate::check) then.
    #[inline(always)]
    pub fn admits(&self, header: &Header, now: Ticks) -> bool {
        let differs =
            (header.stamp.0 ^ self.stamp) | ((header.route() ^ self.route) & self.route_bits) | self.never;
        let is_in_time = self.span(now).contains(header.sent_ticks);
        (differs == 0) & is_in_time & (header.flags.impact() < self.threshold)
    }

    /// When a message may have been sent, at the point `now` of the bus clock.
    ///
    /// Nothing but the stamp, the route and the time of a header matters to a pass. So of headers that are alike
    /// ([`Header::is_like`]), of which one was admitted, each is whose time is in the span.
    #[inline(always)]
    pub fn span(&self, now: Ticks) -> Span {
        let oldest = now.0.saturating_sub(self.lifetime_ticks);
        Span { oldest, length: now.after_ns(self.skew_ticks).0 - oldest }
    }

    /// A pass that admits nothing.
    pub const NEVER: Pass = Pass {
        stamp: 0,
        route: 0,
        route_bits: 0,
        never: 1,
        lifetime_ticks: 0,
        skew_ticks: 0,
        threshold: Impact::from_class(0),
    };
}

impl Tables {
    /// Compiles what permitted messages of `kind` from `source` to `target` look like.
    pub fn pass(&self, kind: Kind, source: AgentId, target: AgentId) -> Pass {
        let (row, from, to) = (self.kind(kind), self.agent(source), self.agent(target));
        let marks = row.marks | u16::from(from.marks_as_source | to.marks_as_target);
        let is_ungranted = self.granted(from, to) & row.action_bit == 0;
        // The bits of the tenant that either agent is bound to; the two may be bound apart.
        let tenant_bits = from.tenant_mask | to.tenant_mask;
        let tenant = (from.tenant.0 & from.tenant_mask) | (to.tenant.0 & to.tenant_mask);
        let is_apart = (from.tenant.0 ^ to.tenant.0) & from.tenant_mask & to.tenant_mask != 0;
        if marks != 0 || is_ungranted || is_apart {
            return Pass::NEVER;
        }
        let route = |kind, flags, source, target| {
            Header { kind, lane: LaneByte::default(), flags, source, target, ..Header::default() }.route()
        };
        let flags = |tenant| Flags::from_bits(0).with_tenant(Tenant(tenant));
        Pass {
            stamp: self.stamp.0,
            route: route(kind, flags(tenant), source, target),
            route_bits: route(Kind(u8::MAX), flags(tenant_bits), AgentId(u16::MAX), AgentId(u16::MAX)),
            never: 0,
            lifetime_ticks: row.lifetime_ticks,
            skew_ticks: self.skew_ticks,
            threshold: self.threshold,
        }
    }
}
