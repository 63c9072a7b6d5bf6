//! Actor runtimes: what it costs to tell an actor something, and to have an answer.
//!
//! Each is used as its documentation says for low latency: mailboxes without a bound where there are any, one thread
//! each, pinned, never asleep. An actor of a runtime on tokio lives in a current-thread runtime, which a task that
//! yields for ever keeps from parking; it is told from a plain thread, and asked from a second such runtime.

mod aether;
mod asynchronous;
mod on_one_thread;

pub use aether::{aetherflow_ping_pong, aetherflow_tell};
pub use asynchronous::{ask, kinds, tell};
pub use on_one_thread::{stakker_ping_pong, stakker_tell};

/// What is told: as many bytes as the payload of a 64-byte frame.
#[derive(Clone, Copy, Debug)]
pub struct Four(pub [u64; 4]);

impl Four {
    #[inline(always)]
    pub fn of(number: u64) -> Self {
        Self(std::array::from_fn(|at| number.wrapping_add(at as u64)))
    }

    #[inline(always)]
    pub fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, word| sum.wrapping_add(*word))
    }
}
