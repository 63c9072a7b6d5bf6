//! The tables that [`check`](crate::check) reads: a charter, resolved for the agents of one topology.
//!
//! ```text
//! scalars   stamp, former stamp and its end, skew, impact threshold        one cache line
//! kinds     [256]          lifetime, action bit, marks                     16 bytes each
//! agents    [256 + nobody] marks, role, tenant, tenant mask                 8 bytes each
//! grants    [source role x target role] -> bits of the actions granted      4 bytes each
//! ```
//!
//! One message touches at most five lines of them: the scalars, a kind, two agents, a grant.
//! The tables are built off the workers and shared or copied whole; nothing in them allocates.
//!
//! *Marks* are reasons that stand against a row whatever the message says, such as quarantine. The last
//! row of `agents` is what a number beyond the table is judged by, so that no number can alias another one's
//! row; a kind is a byte, and has a row for each.

use std::fmt;

use ephor_core::{AGENT_LIMIT, AgentId, Impact, KIND_LIMIT, Kind, Stamp, Tenant, Ticks};

use crate::charter::ROLE_LIMIT;
use crate::verdict::Reason;

/// The lifetime of a kind that does not expire.
pub(crate) const NO_EXPIRY_TICKS: u64 = u64::MAX;
/// How many pairs of roles there are.
pub(crate) const GRANTS: usize = ROLE_LIMIT * ROLE_LIMIT;

const _: () = assert!(ROLE_LIMIT.is_power_of_two());
const _: () = assert!(KIND_LIMIT == u8::MAX as usize + 1);

/// Whether an agent is cut off from all traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quarantined {
    /// It can neither send nor receive.
    Yes,
    /// It takes part as the charter says.
    No,
}

/// What the tables know of one kind.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct KindRow {
    pub(crate) lifetime_ticks: u64,
    /// The bit of the kind's action in a grant; 0 for an unknown kind, so that no grant covers it.
    pub(crate) action_bit: u32,
    pub(crate) marks: u16,
}

const _: () = assert!(size_of::<KindRow>() == 16);

impl KindRow {
    /// The row of a kind that the charter says nothing about.
    pub(crate) const UNKNOWN: KindRow =
        KindRow { lifetime_ticks: NO_EXPIRY_TICKS, action_bit: 0, marks: Reason::UnknownKind.bit() };
}

/// What the tables know of one agent.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct AgentRow {
    /// Against a message from the agent, and against one to it. Such reasons are below 8.
    pub(crate) marks_as_source: u8,
    pub(crate) marks_as_target: u8,
    pub(crate) tenant: Tenant,
    /// All ones when the agent is bound to its tenant, 0 when it serves all of them.
    pub(crate) tenant_mask: u8,
    /// The role's share of an index into the grants, at either end. See [`grant_index`].
    pub(crate) grants_from: u16,
    pub(crate) grants_to: u16,
}

const _: () = assert!(size_of::<AgentRow>() == 8);

impl AgentRow {
    /// The row of an agent in a role.
    pub(crate) fn seated(role: usize, tenant: Tenant, tenant_mask: u8) -> Self {
        AgentRow {
            marks_as_source: 0,
            marks_as_target: 0,
            tenant,
            tenant_mask,
            grants_from: (role * ROLE_LIMIT) as u16,
            grants_to: role as u16,
        }
    }

    /// The row of an agent that is not there: no tenant, and whatever a grant says, nothing is granted.
    pub(crate) fn nobody(tenant_mask: u8) -> Self {
        AgentRow {
            marks_as_source: mark(Reason::UnknownSource) | mark(Reason::Capability),
            marks_as_target: mark(Reason::UnknownTarget) | mark(Reason::Capability),
            ..Self::seated(0, Tenant(0), tenant_mask)
        }
    }
}

/// A reason's bit as a mark of an agent.
fn mark(reason: Reason) -> u8 {
    u8::try_from(reason.bit()).expect("the reasons that stand against an agent are the first eight")
}

/// A charter compiled for the agents of one topology.
///
/// Made by [`Charter::compile`](crate::Charter::compile). About 10 kilobytes; a copy is the whole of it.
#[derive(Clone)]
#[repr(C, align(64))]
pub struct Tables {
    pub(crate) stamp: Stamp,
    pub(crate) former: Stamp,
    pub(crate) former_end: Ticks,
    pub(crate) skew_ticks: u64,
    pub(crate) threshold: Impact,
    pub(crate) kinds: [KindRow; KIND_LIMIT],
    pub(crate) agents: [AgentRow; AGENT_LIMIT + 1],
    pub(crate) grants: [u32; GRANTS],
}

impl Tables {
    /// Puts an agent into quarantine or lets it out. A number without an agent is denied in any case.
    pub fn set_quarantined(&mut self, agent: AgentId, quarantined: Quarantined) {
        let Some(row) = self.agents[..AGENT_LIMIT].get_mut(agent.index()) else { return };
        let bit = mark(Reason::Quarantined);
        for marks in [&mut row.marks_as_source, &mut row.marks_as_target] {
            match quarantined {
                Quarantined::Yes => *marks |= bit,
                Quarantined::No => *marks &= !bit,
            }
        }
    }

    /// Lets messages of the constitution that these tables replace pass until `end`, that point included.
    ///
    /// This is the grace of an amendment: what was sent before it is judged by the new rules, but not for
    /// its stamp. A second call forgets the first one's stamp.
    pub fn set_former(&mut self, former: Stamp, end: Ticks) {
        self.former = former;
        self.former_end = end;
    }

    /// The stamp that a message must carry.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The tenant class that an agent sends under; 0 when it has no tenant or is not there.
    pub fn tenant(&self, agent: AgentId) -> Tenant {
        self.agent(agent).tenant
    }

    /// How long a message of `kind` lives; `u64::MAX` means that it does not expire.
    pub fn lifetime_ticks(&self, kind: Kind) -> u64 {
        self.kind(kind).lifetime_ticks
    }

    #[inline(always)]
    pub(crate) fn kind(&self, kind: Kind) -> &KindRow {
        &self.kinds[usize::from(kind.0)]
    }

    #[inline(always)]
    pub(crate) fn agent(&self, agent: AgentId) -> &AgentRow {
        &self.agents[agent.index().min(AGENT_LIMIT)]
    }

    /// The bits of the actions that `source`'s role may take towards `target`'s role.
    #[inline(always)]
    pub(crate) fn granted(&self, source: &AgentRow, target: &AgentRow) -> u32 {
        // The mask changes nothing: it is there so that no bounds check has to be compiled.
        self.grants[usize::from(source.grants_from | target.grants_to) & (GRANTS - 1)]
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").field("stamp", &self.stamp).finish_non_exhaustive()
    }
}

/// Where the grants from one role to another stand: the two shares of [`AgentRow`], together.
pub(crate) fn grant_index(source_role: usize, target_role: usize) -> usize {
    source_role * ROLE_LIMIT + target_role
}
