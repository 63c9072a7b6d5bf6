//! From a charter and the agents of a topology to [`Tables`].
//!
//! Names become numbers here, once, so that the check never meets a name. Fails, naming the seat, when
//! the charter does not know a role or a tenant: an agent without a place in the constitution never runs.

use ephor_core::{AGENT_LIMIT, KIND_LIMIT, Kind, Tenant, Ticks};

use crate::charter::{Charter, Reach, listed};
use crate::tables::{AgentRow, GRANTS, KindRow, NO_EXPIRY_TICKS, Tables, grant_index};

/// An agent's place in the constitution. The seat at index `n` is that of agent number `n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The agent's name, for messages about it.
    pub name: String,
    /// A role of the charter.
    pub role: String,
    /// A tenant of the charter; without one, the agent is in tenant class 0.
    pub tenant: Option<String>,
}

/// Why a charter cannot be compiled for these seats.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// More agents than a topology can have.
    #[error("{count} seats are more than the {AGENT_LIMIT} that a topology can have")]
    TooManySeats {
        /// How many there are.
        count: usize,
    },
    /// A seat's role is not in the charter.
    #[error("seat {seat:?}: {role:?} is not a role of the charter: one of {allowed}")]
    UnknownRole {
        /// The seat's name.
        seat: String,
        /// Its role.
        role: String,
        /// The charter's roles.
        allowed: String,
    },
    /// A seat's tenant is not in the charter.
    #[error("seat {seat:?}: {tenant:?} is not a tenant of the charter: one of {allowed}")]
    UnknownTenant {
        /// The seat's name.
        seat: String,
        /// Its tenant.
        tenant: String,
        /// The charter's tenants.
        allowed: String,
    },
}

impl Charter {
    /// Compiles the charter for the agents of one topology, `seats[n]` being agent number `n`.
    ///
    /// # Errors
    /// See [`CompileError`]; each names the seat and what the charter allows.
    pub fn compile(&self, seats: &[Seat]) -> Result<Tables, CompileError> {
        if seats.len() > AGENT_LIMIT {
            return Err(CompileError::TooManySeats { count: seats.len() });
        }
        let mut agents = [AgentRow::nobody(self.tenant_mask(Reach::Own)); AGENT_LIMIT + 1];
        for (row, seat) in agents.iter_mut().zip(seats) {
            *row = self.agent_row(seat)?;
        }
        Ok(Tables {
            stamp: self.stamp(),
            former: self.stamp(),
            former_end: Ticks::ZERO,
            skew_ticks: self.skew_ns,
            threshold: self.threshold,
            kinds: self.kind_rows(),
            agents,
            grants: self.grant_table(),
        })
    }

    fn agent_row(&self, seat: &Seat) -> Result<AgentRow, CompileError> {
        let Some(role) = self.roles.iter().position(|role| role.name == seat.role) else {
            return Err(CompileError::UnknownRole {
                seat: seat.name.clone(),
                role: seat.role.clone(),
                allowed: listed(self.roles()),
            });
        };
        let tenant = match &seat.tenant {
            None => Tenant(0),
            Some(name) => self.tenant(name).ok_or_else(|| CompileError::UnknownTenant {
                seat: seat.name.clone(),
                tenant: name.clone(),
                allowed: listed(self.tenants()),
            })?,
        };
        let tenant_mask = self.tenant_mask(self.roles[role].reach);
        Ok(AgentRow::seated(role, tenant, tenant_mask))
    }

    fn tenant_mask(&self, reach: Reach) -> u8 {
        if self.is_isolated && reach == Reach::Own { u8::MAX } else { 0 }
    }

    fn grant_table(&self) -> [u32; GRANTS] {
        let mut table = [0; GRANTS];
        for (&(from, to), &actions) in &self.grants {
            table[grant_index(from, to)] = actions;
        }
        table
    }

    fn kind_rows(&self) -> [KindRow; KIND_LIMIT] {
        let mut rows = [KindRow::UNKNOWN; KIND_LIMIT];
        // Kind 0 is no message: it stays unknown.
        for (number, row) in (0..=u8::MAX).zip(&mut rows).skip(1) {
            let Some(terms) = self.terms(Kind(number)) else { continue };
            *row = KindRow {
                lifetime_ticks: terms.lifetime_ns.unwrap_or(NO_EXPIRY_TICKS),
                action_bit: 1 << terms.action,
                marks: 0,
            };
        }
        rows
    }
}
