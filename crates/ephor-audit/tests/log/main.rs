//! The log's contract, as its users see it: writing, reading, verifying, and what tampering comes to.

mod mutation;
mod pinning;
mod support;
mod unfinished;
mod writing;
