//! The peers, each used as its documentation recommends.

use std::hint::spin_loop;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use disruptor::{
    BusySpin, EventPoller, Polling, Producer as _, SingleConsumerBarrier, SingleProducerBarrier,
};
use ringbuf::HeapRb;
use ringbuf::traits::{Consumer as _, Producer as _, Split as _};

use ephor_bench::THERE;
use ephor_bench::pin::pin;
use ephor_bench::rings::{BATCH, CAPACITY, Ring};
use ephor_bench::tally::LONG;
use ephor_bench::words::{Words, sum_of};

/// The batch of a ring without a batch interface: none.
macro_rules! no_batches {
    () => {
        fn push_batch(_: &mut Self::Tx, _: usize, _: impl FnMut() -> Words<W>) -> usize {
            unreachable!("this ring is not measured in batches")
        }
    };
}

pub struct Rtrb;

impl<const W: usize> Ring<W> for Rtrb {
    type Tx = rtrb::Producer<Words<W>>;
    type Rx = rtrb::Consumer<Words<W>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        rtrb::RingBuffer::new(CAPACITY)
    }

    #[inline(always)]
    fn push(tx: &mut Self::Tx, message: Words<W>) -> bool {
        tx.push(message).is_ok()
    }

    #[inline(always)]
    fn pop(rx: &mut Self::Rx) -> Option<Words<W>> {
        rx.pop().ok()
    }

    #[inline(always)]
    fn push_batch(tx: &mut Self::Tx, count: usize, make: impl FnMut() -> Words<W>) -> usize {
        match tx.write_chunk_uninit(count) {
            Ok(chunk) => chunk.fill_from_iter(std::iter::repeat_with(make).take(count)),
            Err(_) => 0,
        }
    }

    #[inline(always)]
    fn drain(rx: &mut Self::Rx, see: &mut impl FnMut(&Words<W>)) -> usize {
        let count = rx.slots().min(BATCH);
        let Ok(chunk) = rx.read_chunk(count) else { return 0 };
        let (first, rest) = chunk.as_slices();
        first.iter().for_each(&mut *see);
        rest.iter().for_each(see);
        chunk.commit_all();
        count
    }
}

/// rtrb with a receiver that takes one message at a time.
pub struct RtrbPop;

impl<const W: usize> Ring<W> for RtrbPop {
    type Tx = rtrb::Producer<Words<W>>;
    type Rx = rtrb::Consumer<Words<W>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        rtrb::RingBuffer::new(CAPACITY)
    }

    #[inline(always)]
    fn push(tx: &mut Self::Tx, message: Words<W>) -> bool {
        tx.push(message).is_ok()
    }

    #[inline(always)]
    fn pop(rx: &mut Self::Rx) -> Option<Words<W>> {
        rx.pop().ok()
    }

    no_batches!();
}

pub struct Gil;

impl<const W: usize> Ring<W> for Gil {
    type Tx = gil::spsc::Sender<Words<W>>;
    type Rx = gil::spsc::Receiver<Words<W>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        gil::spsc::channel(NonZeroUsize::new(CAPACITY).expect("the capacity is not zero"))
    }

    #[inline(always)]
    fn push(tx: &mut Self::Tx, message: Words<W>) -> bool {
        tx.try_send(message).is_ok()
    }

    #[inline(always)]
    fn pop(rx: &mut Self::Rx) -> Option<Words<W>> {
        rx.try_recv()
    }

    #[inline(always)]
    #[allow(unsafe_code)] // its sender has no other batch interface
    fn push_batch(tx: &mut Self::Tx, count: usize, mut make: impl FnMut() -> Words<W>) -> usize {
        // The part up to the end of the ring: batches are whole, and the ring is a multiple of them.
        let room = tx.write_buffer();
        let Some(slots) = room.get_mut(..count) else { return 0 };
        slots.iter_mut().for_each(|slot| {
            slot.write(make());
        });
        // SAFETY: the first `count` slots of the buffer are written.
        unsafe { tx.commit(count) };
        count
    }

    #[inline(always)]
    fn drain(rx: &mut Self::Rx, see: &mut impl FnMut(&Words<W>)) -> usize {
        let mut batch = rx.read_guard();
        let count = batch.as_slice().len().min(BATCH);
        batch.as_slice()[..count].iter().for_each(see);
        batch.advance(count);
        count
    }
}

pub struct Ringbuf;

impl<const W: usize> Ring<W> for Ringbuf {
    type Tx = ringbuf::HeapProd<Words<W>>;
    type Rx = ringbuf::HeapCons<Words<W>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        HeapRb::new(CAPACITY).split()
    }

    #[inline(always)]
    fn push(tx: &mut Self::Tx, message: Words<W>) -> bool {
        tx.try_push(message).is_ok()
    }

    #[inline(always)]
    fn pop(rx: &mut Self::Rx) -> Option<Words<W>> {
        rx.try_pop()
    }

    #[inline(always)]
    fn push_batch(tx: &mut Self::Tx, count: usize, make: impl FnMut() -> Words<W>) -> usize {
        tx.push_iter(std::iter::repeat_with(make).take(count))
    }

    #[inline(always)]
    fn drain(rx: &mut Self::Rx, see: &mut impl FnMut(&Words<W>)) -> usize {
        let mut count = 0;
        for message in rx.pop_iter().take(BATCH) {
            see(&message);
            count += 1;
        }
        count
    }
}

pub struct Nexus;

impl<const W: usize> Ring<W> for Nexus {
    type Tx = nexus_queue::spsc::Producer<Words<W>>;
    type Rx = nexus_queue::spsc::Consumer<Words<W>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        nexus_queue::spsc::ring_buffer(CAPACITY)
    }

    #[inline(always)]
    fn push(tx: &mut Self::Tx, message: Words<W>) -> bool {
        tx.push(message).is_ok()
    }

    #[inline(always)]
    fn pop(rx: &mut Self::Rx) -> Option<Words<W>> {
        rx.pop()
    }

    no_batches!();
}

pub struct SpscRing;

impl<const W: usize> Ring<W> for SpscRing {
    type Tx = spsc_ring::Producer<Words<W>>;
    type Rx = spsc_ring::Consumer<Words<W>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        spsc_ring::ring(CAPACITY).expect("the capacity is a power of two")
    }

    #[inline(always)]
    fn push(tx: &mut Self::Tx, message: Words<W>) -> bool {
        tx.try_push(message).is_ok()
    }

    #[inline(always)]
    fn pop(rx: &mut Self::Rx) -> Option<Words<W>> {
        rx.try_pop().ok()
    }

    #[inline(always)]
    fn push_batch(tx: &mut Self::Tx, count: usize, mut make: impl FnMut() -> Words<W>) -> usize {
        if tx.capacity() - tx.len() < count {
            return 0;
        }
        // It takes batches from a slice, and gives them into one.
        let mut batch = [Words([0; W]); BATCH];
        batch[..count].iter_mut().for_each(|message| *message = make());
        tx.push_slice(&batch[..count])
    }

    #[inline(always)]
    fn drain(rx: &mut Self::Rx, see: &mut impl FnMut(&Words<W>)) -> usize {
        let mut batch = [Words([0; W]); BATCH];
        let count = rx.pop_into_slice(&mut batch);
        batch[..count].iter().for_each(see);
        count
    }
}

pub struct ArrayQueue;

impl<const W: usize> Ring<W> for ArrayQueue {
    type Tx = Arc<crossbeam_queue::ArrayQueue<Words<W>>>;
    type Rx = Arc<crossbeam_queue::ArrayQueue<Words<W>>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        let queue = Arc::new(crossbeam_queue::ArrayQueue::new(CAPACITY));
        (Arc::clone(&queue), queue)
    }

    #[inline(always)]
    fn push(tx: &mut Self::Tx, message: Words<W>) -> bool {
        tx.push(message).is_ok()
    }

    #[inline(always)]
    fn pop(rx: &mut Self::Rx) -> Option<Words<W>> {
        rx.pop()
    }

    no_batches!();
}

/// A bare queue between several senders, each pinned to a core of `senders`, and a receiver there: nanoseconds a message.
pub fn array_queue<const PAUSE: bool>(messages: u64, senders: &[usize]) -> Option<f64> {
    let queue = crossbeam_queue::ArrayQueue::new(CAPACITY);
    let ready = AtomicUsize::new(0);
    let over = AtomicBool::new(false);
    let wait = || {
        if PAUSE {
            spin_loop();
        }
    };
    let start = |core| {
        let pinned = pin(core).is_ok();
        ready.fetch_add(1, Ordering::SeqCst);
        while ready.load(Ordering::SeqCst) <= senders.len() {
            spin_loop();
        }
        pinned
    };
    let share = |sender: usize| messages * sender as u64 / senders.len() as u64;
    std::thread::scope(|scope| {
        let (queue, over, start) = (&queue, &over, &start);
        let threads: Vec<_> = (0..senders.len())
            .map(|sender| {
                let (numbers, core) = (share(sender)..share(sender + 1), senders[sender]);
                scope.spawn(move || {
                    let pinned = start(core);
                    for number in numbers {
                        while queue.push(Words::<8>::of(number)).is_err() && !over.load(Ordering::Relaxed) {
                            wait();
                        }
                    }
                    pinned
                })
            })
            .collect();
        let receiver = scope.spawn(move || {
            let pinned = start(THERE);
            let begun = Instant::now();
            let (mut sum, mut count) = (0_u64, 0_u64);
            while count < messages && begun.elapsed() < LONG {
                // The clock is read when nothing is there, and now and then.
                for _ in 0..BATCH {
                    let Some(message) = queue.pop() else {
                        wait();
                        continue;
                    };
                    sum = sum.wrapping_add(message.sum());
                    count += 1;
                }
            }
            over.store(true, Ordering::Relaxed);
            (pinned && sum == sum_of::<8>(messages))
                .then(|| begun.elapsed().as_nanos() as f64 / messages as f64)
        });
        let are_pinned =
            threads.into_iter().map(|thread| thread.join()).all(|pinned| matches!(pinned, Ok(true)));
        receiver.join().ok().flatten().filter(|_| are_pinned)
    })
}

/// A channel whose ends are asked to try.
macro_rules! channel {
    ($name:ident, $tx:ty, $rx:ty, $make:path, $is_in:expr, $taken:expr) => {
        pub struct $name;

        impl<const W: usize> Ring<W> for $name {
            type Tx = $tx;
            type Rx = $rx;

            fn pair() -> (Self::Tx, Self::Rx) {
                $make(CAPACITY)
            }

            #[inline(always)]
            fn push(tx: &mut Self::Tx, message: Words<W>) -> bool {
                $is_in(tx.try_send(message))
            }

            #[inline(always)]
            fn pop(rx: &mut Self::Rx) -> Option<Words<W>> {
                $taken(rx.try_recv())
            }

            no_batches!();
        }
    };
}

channel!(
    CrossbeamChannel,
    crossbeam_channel::Sender<Words<W>>,
    crossbeam_channel::Receiver<Words<W>>,
    crossbeam_channel::bounded,
    |sent: Result<_, _>| sent.is_ok(),
    Result::ok
);
channel!(
    StdMpsc,
    std::sync::mpsc::SyncSender<Words<W>>,
    std::sync::mpsc::Receiver<Words<W>>,
    std::sync::mpsc::sync_channel,
    |sent: Result<_, _>| sent.is_ok(),
    Result::ok
);
channel!(
    Kanal,
    kanal::Sender<Words<W>>,
    kanal::Receiver<Words<W>>,
    kanal::bounded,
    |sent: Result<bool, _>| sent.is_ok_and(|is_in| is_in),
    |taken: Result<Option<_>, _>| taken.ok().flatten()
);
channel!(
    Crossfire,
    crossfire::Tx<crossfire::spsc::Array<Words<W>>>,
    crossfire::Rx<crossfire::spsc::Array<Words<W>>>,
    crossfire::spsc::bounded_blocking,
    |sent: Result<_, _>| sent.is_ok(),
    Result::ok
);
channel!(
    TokioMpsc,
    tokio::sync::mpsc::Sender<Words<W>>,
    tokio::sync::mpsc::Receiver<Words<W>>,
    tokio::sync::mpsc::channel,
    |sent: Result<_, _>| sent.is_ok(),
    Result::ok
);

pub struct Disruptor;

impl<const W: usize> Ring<W> for Disruptor {
    type Tx = disruptor::SingleProducer<Words<W>, SingleConsumerBarrier>;
    type Rx = EventPoller<Words<W>, SingleProducerBarrier>;

    fn pair() -> (Self::Tx, Self::Rx) {
        let builder = disruptor::build_single_producer(CAPACITY, || Words([0; W]), BusySpin);
        let (rx, builder) = builder.new_event_poller();
        (builder.build(), rx)
    }

    #[inline(always)]
    fn push(tx: &mut Self::Tx, message: Words<W>) -> bool {
        tx.try_publish(|slot| *slot = message).is_ok()
    }

    #[inline(always)]
    fn pop(rx: &mut Self::Rx) -> Option<Words<W>> {
        match rx.take(1) {
            Ok(mut events) => (&mut events).next().copied(),
            Err(Polling::NoEvents | Polling::Shutdown) => None,
        }
    }

    #[inline(always)]
    fn push_batch(tx: &mut Self::Tx, count: usize, mut make: impl FnMut() -> Words<W>) -> usize {
        let published = tx.try_batch_publish(count, |slots| {
            for slot in slots {
                *slot = make();
            }
        });
        if published.is_ok() { count } else { 0 }
    }

    #[inline(always)]
    fn drain(rx: &mut Self::Rx, see: &mut impl FnMut(&Words<W>)) -> usize {
        let Ok(mut events) = rx.take(BATCH as u64) else { return 0 };
        let mut count = 0;
        for event in &mut events {
            see(event);
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use ephor::Frame64;
    use ephor_bench::{HERE, hop};

    use super::*;

    /// Two senders on one core, since there may be no third: what is shown is that nothing is lost.
    #[test]
    fn two_senders_share_a_queue_and_a_gateway() {
        assert!(array_queue::<true>(3_000, &[HERE, HERE]).is_some());
        assert!(hop::gateway::<Frame64>(3_000, &[HERE, HERE]).is_some());
    }
}
