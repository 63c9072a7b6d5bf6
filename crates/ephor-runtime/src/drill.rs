//! Drills: a fault put into an agent on purpose, to see supervision work.

use ephor_core::{AgentId, Correlation, Header, Kind};

/// Makes an agent panic on every delivery of its `nth` message, counted from 1.
///
/// The message is delivered again after each restart, so it crashes its agent until it is in quarantine.
#[derive(Clone, Copy, Debug)]
pub struct PanicAt {
    nth: u64,
    seen: u64,
    victim: Option<(AgentId, Kind, Correlation)>,
}

impl PanicAt {
    /// Panics at message `nth`; 0 is never.
    pub const fn message(nth: u64) -> Self {
        Self { nth, seen: 0, victim: None }
    }

    /// Looks at a delivery, just before its handler would run.
    ///
    /// # Panics
    /// When this is the message.
    pub(crate) fn on_delivery(&mut self, header: &Header) {
        let message = (header.source, header.kind, header.correlation);
        if self.victim != Some(message) {
            self.seen += 1;
            if self.seen != self.nth {
                return;
            }
            self.victim = Some(message);
        }
        panic!("drill: message {} was to crash its handler", self.nth);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn only_the_nth_message_panics_and_it_does_at_every_delivery() {
        let mut drill = PanicAt::message(2);
        let mut panics = |number| {
            let header = Header { correlation: Correlation(number), ..Header::default() };
            let mut copy = drill;
            let panicked = catch_unwind(move || copy.on_delivery(&header)).is_err();
            if panicked {
                drill.victim = Some((header.source, header.kind, header.correlation));
            }
            drill.seen += 1;
            panicked
        };
        assert_eq!([panics(7), panics(8), panics(8), panics(9)], [false, true, true, false]);
    }
}
