//! Helpers shared by the benches.
#![forbid(unsafe_code)]
