//! The pulse: how an agent tells the health overseer of itself or of what it looks after.
//!
//! It travels through a lossy port, fire and forget: reporting never waits, and a lost report is counted.

use ephor_core::Message;

/// A health report about one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[message(kind = 240, crate = ephor_core)]
pub struct Pulse {
    /// Number of the breaker that stands for the subject.
    pub subject: u16,
    /// A [`Vital`] as its number; use [`Pulse::new`] and [`Pulse::vital`].
    vital: u8,
}

/// How a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Vital {
    /// It works.
    Up = 0,
    /// It was down and is being tried.
    Trial = 1,
    /// It does not work.
    Down = 2,
}

impl Pulse {
    /// A report that `subject` is `vital`.
    pub const fn new(subject: u16, vital: Vital) -> Self {
        Self { subject, vital: vital as u8 }
    }

    /// How the subject is; what is not known counts as down.
    pub const fn vital(&self) -> Vital {
        match self.vital {
            0 => Vital::Up,
            1 => Vital::Trial,
            _ => Vital::Down,
        }
    }
}
