//! Ephor's bare lanes.

use ephor_lane::spsc::{self, ByMark, Consumer, Producer};

use super::{BATCH, CAPACITY, Ring};
use crate::words::{SpareByte8, SpareByte16, TOP_BYTE, Words};

/// The lane between workers that announces by its cursor alone.
pub struct Bare;

impl<const W: usize> Ring<W> for Bare {
    type Tx = Producer<Words<W>>;
    type Rx = Consumer<Words<W>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        spsc::channel(CAPACITY)
    }

    #[inline(always)]
    fn push(tx: &mut Self::Tx, message: Words<W>) -> bool {
        let is_in = tx.emit(message).is_ok();
        tx.publish();
        is_in
    }

    #[inline(always)]
    fn pop(rx: &mut Self::Rx) -> Option<Words<W>> {
        (rx.receive(1) == 1).then(|| {
            let message = *rx.get(0);
            rx.release(1);
            message
        })
    }

    #[inline(always)]
    fn push_batch(tx: &mut Self::Tx, count: usize, make: impl FnMut() -> Words<W>) -> usize {
        if tx.free_at_least(count) < count {
            return 0;
        }
        tx.emit_all(std::iter::repeat_with(make).take(count));
        tx.publish()
    }

    #[inline(always)]
    fn drain(rx: &mut Self::Rx, see: &mut impl FnMut(&Words<W>)) -> usize {
        let count = rx.receive(BATCH);
        if count > 0 {
            let (first, rest) = rx.slices();
            first.iter().for_each(&mut *see);
            rest.iter().for_each(see);
            rx.release(count);
        }
        count
    }
}

/// The lane between workers that announces small batches in the messages' own lines.
pub struct BareMarked;

macro_rules! marked {
    ($w:literal, $spare:ident) => {
        impl Ring<$w> for BareMarked {
            type Tx = Producer<$spare, ByMark<TOP_BYTE>>;
            type Rx = Consumer<$spare, ByMark<TOP_BYTE>>;

            fn pair() -> (Self::Tx, Self::Rx) {
                spsc::channel_marked(CAPACITY)
            }

            #[inline(always)]
            fn push(tx: &mut Self::Tx, message: Words<$w>) -> bool {
                let is_in = tx.emit($spare::of(message)).is_ok();
                tx.publish();
                is_in
            }

            #[inline(always)]
            fn pop(rx: &mut Self::Rx) -> Option<Words<$w>> {
                (rx.receive(1) == 1).then(|| {
                    let message = rx.get(0).words();
                    rx.release(1);
                    message
                })
            }

            #[inline(always)]
            fn push_batch(tx: &mut Self::Tx, count: usize, mut make: impl FnMut() -> Words<$w>) -> usize {
                if tx.free_at_least(count) < count {
                    return 0;
                }
                tx.emit_all(std::iter::repeat_with(|| $spare::of(make())).take(count));
                tx.publish()
            }

            #[inline(always)]
            fn drain(rx: &mut Self::Rx, see: &mut impl FnMut(&Words<$w>)) -> usize {
                let count = rx.receive(BATCH);
                if count > 0 {
                    let (first, rest) = rx.slices();
                    first.iter().for_each(|message| see(&message.words()));
                    rest.iter().for_each(|message| see(&message.words()));
                    rx.release(count);
                }
                count
            }
        }
    };
}

marked!(8, SpareByte8);
marked!(16, SpareByte16);
