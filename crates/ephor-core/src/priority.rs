//! How urgent a message is.

/// Urgency of a message or a lane; a greater one is polled first.
///
/// The numbers are part of the header's format. Converters at the edges of the bus map other
/// conventions (such as "0 is most urgent") to this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Priority {
    /// Moves when nothing else waits, and at a bounded rate when something does.
    Low = 0,
    /// The default.
    #[default]
    Medium = 1,
    /// Before medium.
    High = 2,
    /// Before everything else.
    Critical = 3,
}

impl Priority {
    /// All priorities, the most urgent first.
    pub const ALL: [Priority; 4] = [Priority::Critical, Priority::High, Priority::Medium, Priority::Low];

    /// Reads the two lowest bits of `bits`.
    pub(crate) const fn from_bits(bits: u16) -> Self {
        match bits & 0b11 {
            0 => Priority::Low,
            1 => Priority::Medium,
            2 => Priority::High,
            _ => Priority::Critical,
        }
    }
}
