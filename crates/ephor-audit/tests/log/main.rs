//! The log's contract, as its users see it: writing, reading, verifying, and what tampering comes to.
// The lint's exception for tests does not reach their helpers.
#![allow(clippy::unwrap_used)]

mod mutation;
mod pinning;
mod support;
mod unfinished;
mod writing;
