//! Time on the bus: a count of nanoseconds since the bus started, read by the runtime alone.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A point on the bus clock, in nanoseconds since the bus started. 64 bits last 584 years.
///
/// Arithmetic saturates: no point in time is before the start or after the end of the clock.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
)]
#[repr(transparent)]
pub struct Ticks(pub u64);

impl Ticks {
    /// The start of the bus clock.
    pub const ZERO: Ticks = Ticks(0);
    /// A point that is never reached.
    pub const NEVER: Ticks = Ticks(u64::MAX);

    /// The point `ns` nanoseconds after the start.
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the start.
    pub const fn as_ns(self) -> u64 {
        self.0
    }

    /// The point `ns` nanoseconds later.
    pub const fn after_ns(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }

    /// Nanoseconds from `earlier` to this point; 0 when `earlier` is the later one.
    pub const fn since_ns(self, earlier: Ticks) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
