//! The rings, behind one small trait, and the three things that are measured of them.

mod ours;

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use crate::pin::pin;
use crate::round_trips::RoundTrips;
use crate::tally::LONG;
use crate::words::{Words, sum_of};
use crate::{HERE, THERE};

pub use ours::{Bare, BareMarked};

/// How many messages a ring has room for.
pub const CAPACITY: usize = 1024;
/// Messages in a batch.
pub const BATCH: usize = 64;

/// A queue of messages of `W` words between two threads.
pub trait Ring<const W: usize>: 'static {
    /// The writing end.
    type Tx: Send;
    /// The reading end.
    type Rx: Send;

    /// Makes one with room for [`CAPACITY`] messages.
    fn pair() -> (Self::Tx, Self::Rx);
    /// Puts one message in; false when there is no room.
    fn push(tx: &mut Self::Tx, message: Words<W>) -> bool;
    /// Takes one message out.
    fn pop(rx: &mut Self::Rx) -> Option<Words<W>>;

    /// Puts a batch in at once: `make` is asked for each message; returns how many, 0 when they do not fit.
    fn push_batch(tx: &mut Self::Tx, count: usize, make: impl FnMut() -> Words<W>) -> usize;

    /// Looks at what is there, a batch at most, and takes it out.
    fn drain(rx: &mut Self::Rx, see: &mut impl FnMut(&Words<W>)) -> usize {
        Self::pop(rx).map_or(0, |message| {
            see(&message);
            1
        })
    }
}

/// How the sender goes about it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// One message at a time.
    OneByOne,
    /// [`BATCH`] messages at a time.
    Batches,
}

/// Moves `messages` messages from one core to the other; nanoseconds each. None when any was lost, or a pin did not
/// take. `PAUSE`: whether a side that waits says so to the processor.
pub fn throughput<const W: usize, R: Ring<W>, const PAUSE: bool>(pace: Pace, messages: u64) -> Option<f64> {
    let (mut tx, mut rx) = R::pair();
    let ready = AtomicU32::new(0);
    let is_broken = AtomicBool::new(false);
    let start = |core| {
        if pin(core).is_err() {
            is_broken.store(true, Ordering::SeqCst);
        }
        ready.fetch_add(1, Ordering::SeqCst);
        while ready.load(Ordering::SeqCst) < 2 {
            spin_loop();
        }
        !is_broken.load(Ordering::SeqCst)
    };
    let (begun, ended, sum) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let is_fit = start(HERE);
            let begun = Instant::now();
            if is_fit {
                match pace {
                    Pace::OneByOne => one_by_one::<W, R, PAUSE>(&mut tx, messages),
                    Pace::Batches => batches::<W, R, PAUSE>(&mut tx, messages),
                }
            }
            (begun, tx)
        });
        let receiver = scope.spawn(|| {
            let is_fit = start(THERE);
            let (mut sum, mut count) = (0_u64, 0_u64);
            let mut patience = Patience::default();
            while is_fit && count < messages {
                let taken = R::drain(&mut rx, &mut |message| sum = sum.wrapping_add(message.sum()));
                count += taken as u64;
                if taken == 0 {
                    idle::<PAUSE>();
                    if patience.is_over() {
                        break;
                    }
                }
            }
            (Instant::now(), sum, rx)
        });
        let (begun, _tx) = sender.join().ok()?;
        let (ended, sum, _rx) = receiver.join().ok()?;
        Some((begun, ended, sum))
    })?;
    let is_whole = !is_broken.load(Ordering::SeqCst) && sum == sum_of::<W>(messages);
    is_whole.then(|| (ended - begun).as_nanos() as f64 / messages as f64)
}

/// Ends a wait for what never comes, so that a lost message costs a run its figure and not its end.
#[derive(Default)]
struct Patience {
    /// When the clock was looked at first: not before the wait is long.
    begun: Option<Instant>,
    looks: u32,
}

impl Patience {
    /// Whether it is over; to be asked after each look that found nothing.
    #[inline(always)]
    fn is_over(&mut self) -> bool {
        self.looks = self.looks.wrapping_add(1);
        self.looks.is_multiple_of(1 << 16) && self.begun.get_or_insert_with(Instant::now).elapsed() > LONG
    }
}

#[inline(always)]
fn idle<const PAUSE: bool>() {
    if PAUSE {
        spin_loop();
    }
}

fn one_by_one<const W: usize, R: Ring<W>, const PAUSE: bool>(tx: &mut R::Tx, messages: u64) {
    let mut patience = Patience::default();
    for number in 0..messages {
        while !R::push(tx, Words::of(number)) {
            idle::<PAUSE>();
            if patience.is_over() {
                return;
            }
        }
    }
}

fn batches<const W: usize, R: Ring<W>, const PAUSE: bool>(tx: &mut R::Tx, messages: u64) {
    let mut patience = Patience::default();
    let mut number = 0;
    while number < messages {
        let count = BATCH.min((messages - number) as usize);
        let mut next = number;
        let pushed = R::push_batch(tx, count, || {
            next += 1;
            Words::of(next - 1)
        });
        if pushed == 0 {
            idle::<PAUSE>();
            if patience.is_over() {
                return;
            }
        }
        number += pushed as u64;
    }
}

/// Sends a message there and one back, `rounds` times.
pub fn round_trips<const W: usize, R: Ring<W>, const PAUSE: bool>(rounds: u64) -> Option<RoundTrips> {
    let (mut out_tx, mut out_rx) = R::pair();
    let (mut back_tx, mut back_rx) = R::pair();
    RoundTrips::between_cores(
        rounds,
        move |number| {
            let mut patience = Patience::default();
            if !R::push(&mut out_tx, Words::of(number)) {
                return false;
            }
            loop {
                if let Some(message) = R::pop(&mut back_rx) {
                    return message.0[0] == number + 1;
                }
                idle::<PAUSE>();
                if patience.is_over() {
                    return false;
                }
            }
        },
        move || {
            let mut patience = Patience::default();
            loop {
                if let Some(message) = R::pop(&mut out_rx) {
                    return R::push(&mut back_tx, Words::of(message.0[0] + 1));
                }
                idle::<PAUSE>();
                if patience.is_over() {
                    return false;
                }
            }
        },
    )
}
