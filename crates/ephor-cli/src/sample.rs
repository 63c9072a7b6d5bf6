//! The sample that is built in: a part of real traffic at an airline's desk, with what it needs.
//!
//! Its source and licence are stated beside it, in `examples/airline`.

/// The messages, one a line.
pub(crate) const TRACE: &str = include_str!("../../../examples/airline/calls.jsonl");
/// Reservations at the start of each run.
pub(crate) const RESERVATIONS: &str = include_str!("../../../examples/airline/reservations.json");
/// Users at the start of each run.
pub(crate) const USERS: &str = include_str!("../../../examples/airline/users.json");
/// Flights at the start of each run.
pub(crate) const FLIGHTS: &str = include_str!("../../../examples/airline/flights.json");
/// The policy, each file by its name.
pub(crate) const POLICY: &[(&str, &str)] =
    &[("airline.rego", include_str!("../../../examples/airline/policy/airline.rego"))];
/// The charter.
pub(crate) const CHARTER: &str = include_str!("../../../examples/airline/charter.toml");

/// What errors call a file of the sample.
pub(crate) fn file_name(name: &str) -> String {
    format!("sample/{name}")
}
