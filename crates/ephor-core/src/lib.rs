//! The vocabulary of the bus: frames, headers, ids, kinds, priorities and time.
//!
//! Everything that crosses a lane is a [`Frame`] of fixed size: a 32-byte [`Header`] and a payload. A
//! [`Message`] is the typed struct that the payload carries; its derive writes the conversion and
//! checks the size when the program is compiled.
//!
//! ```
//! use ephor_core::{Frame, Frame128, Header, Message};
//!
//! #[derive(Clone, Copy, Debug, PartialEq, Message)]
//! #[message(kind = 7, crate = ephor_core)]
//! struct Order {
//!     id: u64,
//!     price: i64,
//!     is_buy: bool,
//! }
//!
//! let order = Order { id: 1, price: -5, is_buy: true };
//! let frame = Frame128::carry(Header::of::<Order>(), &order);
//! assert_eq!(frame.open::<Order>(), Some(order));
//! ```
//!
//! **Absent on purpose:** threads, a clock, a heap, and `unsafe` code.
#![forbid(unsafe_code)]

mod flags;
mod frame;
mod header;
mod id;
mod kind;
mod message;
mod priority;
mod time;

pub use ephor_derive::Message;

pub use crate::flags::{Flags, Impact, Tenant};
#[cfg(feature = "twin")]
#[doc(hidden)]
pub use crate::frame::Twin64;
pub use crate::frame::{Frame, Frame64, Frame128};
pub use crate::header::{HEADER_BYTES, Header, LaneByte, Stamp};
pub use crate::id::{AGENT_LIMIT, AgentId, Correlation};
pub use crate::kind::{KIND_LIMIT, Kind};
pub use crate::message::Message;
pub use crate::priority::Priority;
pub use crate::time::Ticks;

/// What the derive's code names; not part of the public contract.
#[doc(hidden)]
pub mod __private {
    pub use crate::message::{put, take};
}
