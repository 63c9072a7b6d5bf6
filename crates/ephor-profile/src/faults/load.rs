//! The load while a fault strikes: messages at even distances until it is told to end, and a burst where the fault wants one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ephor_core::Ticks;
use ephor_runtime::Clock;

use super::cause::Cause;
use crate::generator::Turns;
use crate::subject::{Ask, Load, Sent};

/// While the next message is farther away than this the thread sleeps, and so long.
const FAR_NS: u64 = 200_000;
const SLEEP: Duration = Duration::from_micros(100);

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Sending {
    /// Messages that were due: taken + refused + denied.
    pub(super) due: u64,
    pub(super) taken: u64,
    pub(super) refused: u64,
    pub(super) denied: u64,
    /// When the first and the last were refused since the fault was there.
    pub(super) refusals: Option<(Ticks, Ticks)>,
}

/// Sends through `loads` at `per_s` messages a second until `is_over`.
///
/// The burst is sent at once when the consumer has stopped, and the messages that were due meanwhile after it. A while after that
/// the consumer is let go.
pub(super) fn send(
    clock: &Clock,
    loads: &mut [Load],
    per_s: f64,
    cause: &Cause,
    is_over: &AtomicBool,
) -> Sending {
    let (begun, gap_ns) = (clock.now(), 1e9 / per_s);
    let (mut sending, mut turns) = (Sending::default(), Turns::default());
    let (mut number, mut burst, mut sent) = (0_u64, cause.burst, None);
    // Relaxed: nothing else is handed over with it.
    while !is_over.load(Ordering::Relaxed) {
        let now = clock.now();
        if burst > 0 && cause.has_struck() {
            cause.begin(now);
            for _ in 0..std::mem::take(&mut burst) {
                sending.one(clock, turns.next(loads), cause);
            }
            sent = Some(clock.now());
            continue;
        }
        if sent.is_some_and(|sent| now >= sent.after_ns(cause.lasts.as_nanos() as u64)) {
            cause.end(now);
            sent = None;
        }
        let due = begun.after_ns((number as f64 * gap_ns) as u64);
        if now < due {
            wait(due.since_ns(now));
            continue;
        }
        sending.one(clock, turns.next(loads), cause);
        number += 1;
    }
    sending
}

/// Waits a little, never so long that a burst would be late.
fn wait(left_ns: u64) {
    if left_ns > FAR_NS {
        thread::park_timeout(SLEEP);
    } else {
        thread::yield_now();
    }
}

impl Sending {
    /// Sends one message.
    fn one(&mut self, clock: &Clock, load: &mut Load, cause: &Cause) {
        self.due += 1;
        match (load.send)(Ask::Plain) {
            Sent::Taken => self.taken += 1,
            Sent::Denied => self.denied += 1,
            Sent::Refused => {
                self.refused += 1;
                if cause.began().is_some() {
                    let now = clock.now();
                    self.refusals = Some((self.refusals.map_or(now, |(first, _)| first), now));
                }
            }
        }
    }
}
