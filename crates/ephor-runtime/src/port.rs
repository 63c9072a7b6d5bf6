//! Ports: an agent's typed ends of its edges. The type says what happens when the lane is full.
//!
//! | port | full lane | call |
//! | --- | --- | --- |
//! | [`Out`] | hold: the agent does not run until there is room | [`Cx::emit`](crate::Cx::emit) returns nothing |
//! | [`TryOut`] | refuse: the message comes back | [`Cx::try_emit`](crate::Cx::try_emit) returns a `Result` |
//! | [`Lossy`] | shed: something is dropped and counted | [`Cx::offer`](crate::Cx::offer) says which |
//!
//! Ports are small `Copy` handles. Wire them in the topology, give them to the agent that they belong to.

use std::fmt;
use std::marker::PhantomData;

use ephor_core::{AgentId, Message};

/// Where in its agent's hands a port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortId {
    pub(crate) agent: AgentId,
    pub(crate) port: u16,
}

macro_rules! port {
    ($(#[$doc:meta])* $name:ident<M $(, const $k:ident: usize = $default:literal)?>) => {
        $(#[$doc])*
        pub struct $name<M: Message $(, const $k: usize = $default)?> {
            pub(crate) id: PortId,
            message: PhantomData<fn(M)>,
        }

        impl<M: Message $(, const $k: usize)?> $name<M $(, $k)?> {
            pub(crate) fn new(id: PortId) -> Self {
                Self { id, message: PhantomData }
            }
        }

        impl<M: Message $(, const $k: usize)?> Clone for $name<M $(, $k)?> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<M: Message $(, const $k: usize)?> Copy for $name<M $(, $k)?> {}

        impl<M: Message $(, const $k: usize)?> fmt::Debug for $name<M $(, $k)?> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}<{}>(agent {}, port {})", stringify!($name), M::NAME, self.id.agent.0, self.id.port)
            }
        }
    };
}

port! {
    /// Holds: at most `K` messages a handler call, for which there is always room.
    ///
    /// The agent does not run while any of its hold lanes has room for fewer than `K` messages; its
    /// mailbox fills instead, and the pressure reaches the gateway.
    Out<M, const K: usize = 1>
}

port! {
    /// Refuses: a full lane hands the message back.
    TryOut<M>
}

port! {
    /// Sheds: never waits and never refuses; what is lost is counted by name.
    Lossy<M>
}

/// A full lane gave the message back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full<M>(pub M);

impl<M> fmt::Display for Full<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lane is full")
    }
}

impl<M: fmt::Debug> std::error::Error for Full<M> {}

/// What became of an offer to a lossy port.
///
/// The offer is staged until the handler returns, so that a handler that panics has sent nothing;
/// what the lane itself sheds then is counted in the ledger as `shed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// Staged; it leaves when the handler returns.
    Staged,
    /// Lost, and counted: the check refused it, or this call has made too many offers.
    Shed,
}
