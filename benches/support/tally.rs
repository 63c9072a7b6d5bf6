//! What a receiver does with its messages: it adds them up, and takes the time from the first that counts to the last.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// Messages before the clock starts.
pub const WARM: u64 = 20_000;
/// Longest wait for a run to end.
pub const LONG: Duration = Duration::from_secs(20);

/// Adds up messages, and tells how long those after the first `WARM` took.
#[derive(Clone, Debug)]
pub struct Tally {
    sum: u64,
    count: u64,
    /// The count at which the clock is looked at next.
    next: u64,
    end: u64,
    begun: Instant,
    done: Sender<(Duration, u64)>,
}

/// Hears what the tally says at the end.
pub struct Told {
    messages: u64,
    done: Receiver<(Duration, u64)>,
}

impl Tally {
    /// Of `WARM` messages and `messages` after them.
    pub fn new(messages: u64) -> (Self, Told) {
        let (sender, done) = channel();
        let end = WARM + messages;
        (
            Self { sum: 0, count: 0, next: WARM, end, begun: Instant::now(), done: sender },
            Told { messages: end, done },
        )
    }

    /// One that is never full.
    pub fn endless() -> Self {
        Self::new(u64::MAX - WARM).0
    }

    /// Takes a message, by what it adds up to.
    #[inline(always)]
    pub fn take(&mut self, sum: u64) {
        self.sum = self.sum.wrapping_add(sum);
        self.count += 1;
        if self.count == self.next {
            self.mark();
        }
    }

    #[cold]
    fn mark(&mut self) {
        if self.count == self.end {
            // Nobody listens any more when the bench was stopped.
            let _ = self.done.send((self.begun.elapsed(), self.sum));
        } else {
            self.begun = Instant::now();
            self.next = self.end;
        }
    }
}

impl Told {
    /// How many messages there are in all.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Nanoseconds a message. None when they do not come to `sum`, or not in time.
    pub fn ns(&self, sum: u64) -> Option<f64> {
        let (spent, told) = self.done.recv_timeout(LONG).ok()?;
        (told == sum).then(|| spent.as_nanos() as f64 / (self.messages - WARM) as f64)
    }
}
