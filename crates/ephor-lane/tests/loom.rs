//! Every schedule of two or three threads, and every value that a weak memory order lets a load return.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p ephor-lane --test loom --profile loom`
#![cfg(loom)]

use ephor_lane::{gateway, lossy, park, pool, spsc};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread;
use zerocopy::{FromBytes, IntoBytes};

/// Explores the schedules of three threads that switch at most three times where they need not: the whole space
/// takes minutes, and gave the same answer.
fn model_of_three(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Receives `expected.len()` values and compares each.
fn receive_all(consumer: &mut spsc::Consumer<u64>, expected: &[u64]) {
    for &value in expected {
        while consumer.receive(1) == 0 {
            thread::yield_now();
        }
        assert_eq!(*consumer.get(0), value);
        consumer.release(1);
    }
}

/// A value with a byte for the lane.
#[derive(Clone, Copy, FromBytes, IntoBytes)]
#[repr(C)]
struct Spare {
    number: u64,
    lane: u64,
}

impl Spare {
    fn of(number: u64) -> Self {
        Self { number, lane: 0 }
    }
}

type Marking = (spsc::Producer<Spare, spsc::ByMark<8>>, spsc::Consumer<Spare, spsc::ByMark<8>>);

fn marking(capacity: usize) -> Marking {
    spsc::channel_marked(capacity)
}

fn receive_marked(consumer: &mut spsc::Consumer<Spare, spsc::ByMark<8>>, expected: &[u64]) {
    for &value in expected {
        while consumer.receive(1) == 0 {
            thread::yield_now();
        }
        assert_eq!(consumer.get(0).number, value);
        consumer.release(1);
    }
}

#[test]
fn values_arrive_once_and_in_order_across_a_wrap() {
    loom::model(|| {
        let (mut producer, mut consumer) = spsc::channel::<u64>(2);
        let sending = thread::spawn(move || {
            for value in [1, 2, 3] {
                while producer.emit(value).is_err() {
                    thread::yield_now();
                }
                producer.publish();
            }
        });
        receive_all(&mut consumer, &[1, 2, 3]);
        sending.join().unwrap();
    });
}

#[test]
fn a_batch_is_visible_whole_or_not_at_all() {
    loom::model(|| {
        let (mut producer, mut consumer) = spsc::channel::<u64>(2);
        let sending = thread::spawn(move || {
            producer.emit(1).unwrap();
            producer.emit(2).unwrap();
            producer.publish();
        });
        let count = consumer.receive(8);
        assert!(count == 0 || count == 2, "{count}");
        for index in 0..count {
            assert_eq!(*consumer.get(index), index as u64 + 1);
        }
        sending.join().unwrap();
    });
}

#[test]
fn a_rewound_value_is_never_seen() {
    loom::model(|| {
        let (mut producer, mut consumer) = spsc::channel::<u64>(2);
        let sending = thread::spawn(move || {
            producer.emit(1).unwrap();
            let mark = producer.mark();
            producer.emit(13).unwrap();
            producer.rewind(mark);
            producer.publish();
            producer.emit(2).unwrap();
            producer.publish();
        });
        receive_all(&mut consumer, &[1, 2]);
        sending.join().unwrap();
        assert!(consumer.is_closed());
    });
}

#[test]
fn a_closed_lane_has_shown_all_that_was_published() {
    loom::model(|| {
        let (mut producer, mut consumer) = spsc::channel::<u64>(2);
        let sending = thread::spawn(move || {
            producer.emit(1).unwrap();
            producer.publish();
            producer.emit(2).unwrap();
        });
        while !consumer.is_closed() {
            let count = consumer.receive(8);
            consumer.release(count);
            thread::yield_now();
        }
        assert_eq!(consumer.released(), 1, "closed before the last value, or after an unpublished one");
        sending.join().unwrap();
    });
}

#[test]
fn a_producer_that_sees_the_consumer_gone_sees_its_last_release() {
    loom::model(|| {
        let (mut producer, mut consumer) = spsc::channel::<u64>(2);
        producer.emit(1).unwrap();
        producer.publish();
        let receiving = thread::spawn(move || {
            assert_eq!(consumer.receive(8), 1);
            consumer.release(1);
        });
        while !producer.is_closed() {
            thread::yield_now();
        }
        assert_eq!(producer.free_at_least(2), 2);
        receiving.join().unwrap();
    });
}

#[test]
fn a_parked_consumer_is_woken_for_every_publish() {
    loom::model(|| {
        let (mut producer, mut consumer) = spsc::channel::<u64>(2);
        let (mut parker, waker) = park::pair();
        let sending = thread::spawn(move || {
            for value in [1, 2] {
                producer.emit(value).unwrap();
                producer.publish();
                waker.wake();
            }
        });
        for value in [1, 2] {
            while consumer.receive(1) == 0 {
                parker.park(|| consumer.len_estimate() > 0, None);
            }
            assert_eq!(*consumer.get(0), value);
            consumer.release(1);
        }
        sending.join().unwrap();
    });
}

#[test]
fn marked_values_arrive_once_and_in_order_across_a_wrap() {
    loom::model(|| {
        let (mut producer, mut consumer) = marking(2);
        let sending = thread::spawn(move || {
            for value in [1, 2, 3] {
                while producer.emit(Spare::of(value)).is_err() {
                    thread::yield_now();
                }
                producer.publish();
            }
        });
        receive_marked(&mut consumer, &[1, 2, 3]);
        sending.join().unwrap();
    });
}

#[test]
fn a_batch_of_marks_is_visible_whole_or_not_at_all() {
    loom::model(|| {
        let (mut producer, mut consumer) = marking(2);
        let sending = thread::spawn(move || {
            producer.emit(Spare::of(1)).ok().unwrap();
            producer.emit(Spare::of(2)).ok().unwrap();
            producer.publish();
        });
        let mut count = consumer.receive(8);
        if count == 1 {
            // The first look goes no further than one mark. If that one is there, so is the other.
            count = consumer.receive(8);
        }
        assert!(count == 0 || count == 2, "{count}");
        for index in 0..count {
            assert_eq!(consumer.get(index).number, index as u64 + 1);
        }
        sending.join().unwrap();
    });
}

#[test]
fn a_rewound_value_is_never_seen_by_its_mark() {
    loom::model(|| {
        let (mut producer, mut consumer) = marking(2);
        let sending = thread::spawn(move || {
            producer.emit(Spare::of(1)).ok().unwrap();
            let mark = producer.mark();
            producer.emit(Spare::of(13)).ok().unwrap();
            producer.rewind(mark);
            producer.publish();
            producer.emit(Spare::of(2)).ok().unwrap();
            producer.publish();
        });
        receive_marked(&mut consumer, &[1, 2]);
        sending.join().unwrap();
        assert!(consumer.is_closed());
    });
}

#[test]
fn a_closed_marked_lane_has_shown_all_that_was_published() {
    loom::model(|| {
        let (mut producer, mut consumer) = marking(2);
        let sending = thread::spawn(move || {
            producer.emit(Spare::of(1)).ok().unwrap();
            producer.publish();
            producer.emit(Spare::of(2)).ok().unwrap();
        });
        while !consumer.is_closed() {
            let count = consumer.receive(8);
            consumer.release(count);
            thread::yield_now();
        }
        assert_eq!(consumer.released(), 1, "closed before the last value, or after an unpublished one");
        sending.join().unwrap();
    });
}

#[test]
fn a_parked_consumer_is_woken_for_every_mark() {
    loom::model(|| {
        let (mut producer, mut consumer) = marking(2);
        let (mut parker, waker) = park::pair();
        let sending = thread::spawn(move || {
            for value in [1, 2] {
                producer.emit(Spare::of(value)).ok().unwrap();
                producer.publish();
                waker.wake();
            }
        });
        for value in [1, 2] {
            while consumer.receive(1) == 0 {
                parker.park(|| consumer.len_estimate() > 0, None);
            }
            assert_eq!(consumer.get(0).number, value);
            consumer.release(1);
        }
        sending.join().unwrap();
    });
}

#[test]
fn marks_and_cursors_take_turns_over_three_laps() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        // One value by its mark, two by the cursor, and on: each slot meets both, in laps of either kind.
        let (mut producer, mut consumer) = spsc::channel_marked_up_to::<Spare, 8>(2, 1);
        let sending = thread::spawn(move || {
            for batch in [&[1][..], &[2, 3], &[4], &[5, 6]] {
                while producer.free_at_least(batch.len()) < batch.len() {
                    thread::yield_now();
                }
                for value in batch {
                    producer.emit(Spare::of(*value)).ok().expect("room was seen");
                }
                producer.publish();
            }
        });
        receive_marked(&mut consumer, &[1, 2, 3, 4, 5, 6]);
        assert_eq!(consumer.receive(2), 0, "a mark of an earlier lap was taken for one of this");
        sending.join().unwrap();
    });
}

#[test]
fn bursts_arrive_once_and_in_order_whichever_way_they_are_announced() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let (mut producer, mut consumer) = spsc::channel_marked_up_to::<Spare, 8>(2, 1);
        let sending = thread::spawn(move || {
            producer.emit(Spare::of(1)).ok().expect("the lane is empty");
            let mark = producer.mark();
            assert_eq!(producer.emit_all([13].map(Spare::of).into_iter()), 1);
            producer.rewind(mark);
            producer.publish();
            let mut rest = [2, 3, 4].map(Spare::of).into_iter();
            while rest.len() > 0 {
                if producer.emit_all(&mut rest) == 0 {
                    thread::yield_now();
                }
                producer.publish();
            }
        });
        receive_marked(&mut consumer, &[1, 2, 3, 4]);
        assert_eq!(consumer.receive(2), 0, "a value that was taken back has arrived");
        sending.join().unwrap();
    });
}

#[test]
fn a_mark_of_an_earlier_lap_announces_nothing() {
    loom::model(|| {
        let (mut producer, mut consumer) = marking(1);
        let sending = thread::spawn(move || {
            for value in [1, 2, 3] {
                while producer.emit(Spare::of(value)).is_err() {
                    thread::yield_now();
                }
                producer.publish();
            }
        });
        for value in [1, 2, 3] {
            receive_marked(&mut consumer, &[value]);
            let waiting = consumer.len_estimate();
            assert!(waiting <= 1, "{waiting} of one slot after {value}");
        }
        sending.join().unwrap();
        assert_eq!(consumer.receive(1), 0);
    });
}

#[test]
fn two_wakers_wake_one_consumer() {
    model_of_three(|| {
        let (mut parker, waker) = park::pair();
        let work = Arc::new(AtomicU64::new(0));
        let sending = [1, 2].map(|bit| {
            let (work, waker) = (Arc::clone(&work), waker.clone());
            thread::spawn(move || {
                work.fetch_or(bit, Relaxed);
                waker.wake();
            })
        });
        let mut done = 0;
        while done != 3 {
            done |= work.swap(0, Relaxed);
            if done != 3 {
                parker.park(|| work.load(Relaxed) != 0, None);
            }
        }
        for thread in sending {
            thread.join().unwrap();
        }
    });
}

/// Two threads are after one handle. Answers how many got it.
fn race_for_a_handle(pool: &pool::Pool, bits: u64) -> usize {
    let racing = pool.clone();
    let other = thread::spawn(move || redeem(&racing, bits));
    redeem(pool, bits) + other.join().unwrap()
}

fn redeem(pool: &pool::Pool, bits: u64) -> usize {
    let Some(loan) = pool.redeem(pool::Handle::from_bits(bits)) else { return 0 };
    assert_eq!(&*loan, b"bytes");
    1
}

#[test]
fn a_shared_block_has_one_redeemer() {
    loom::model(|| {
        let pool = pool::Pool::new(1, 8);
        let mut loan = pool.take().unwrap();
        loan.write(b"bytes").unwrap();
        let bits = loan.share().to_bits();
        assert_eq!(race_for_a_handle(&pool, bits), 1);
        assert_eq!(pool.free_estimate(), 1);
    });
}

#[test]
fn the_redeemer_sees_the_bytes() {
    loom::model(|| {
        let pool = pool::Pool::new(1, 8);
        let lane = Arc::new(AtomicU64::new(0));
        let sending = thread::spawn({
            let (pool, lane) = (pool.clone(), Arc::clone(&lane));
            move || {
                let mut loan = pool.take().unwrap();
                loan.write(b"bytes").unwrap();
                // Relaxed: the handle alone has to carry the order.
                lane.store(loan.share().to_bits(), Relaxed);
            }
        });
        let mut bits = 0;
        while bits == 0 {
            thread::yield_now();
            bits = lane.load(Relaxed);
        }
        assert_eq!(redeem(&pool, bits), 1);
        sending.join().unwrap();
    });
}

#[test]
fn a_returned_block_is_taken_by_one() {
    loom::model(|| {
        let pool = pool::Pool::new(2, 8);
        let kept = pool.take().unwrap();
        let worker = |pool: pool::Pool| {
            move || {
                let Some(mut loan) = pool.take() else { return 0 };
                loan.write(b"bytes").unwrap();
                assert_eq!(&*loan, b"bytes");
                1
            }
        };
        let other = thread::spawn(worker(pool.clone()));
        assert!(worker(pool.clone())() + other.join().unwrap() >= 1);
        drop(kept);
        assert_eq!(pool.free_estimate(), 2);
    });
}

/// Two senders to one receiver, over a lap of a ring of two: each value whole and once, each sender's in its order.
macro_rules! senders_share_a_gateway {
    ($channel:expr, $of:expr, $number:expr) => {
        model_of_three(|| {
            let (sender, mut receiver) = $channel;
            let sending = [(10, 2), (20, 1)].map(|(first, count)| {
                let sender = sender.clone();
                thread::spawn(move || {
                    for number in first..first + count {
                        while sender.try_send($of(number)).is_err() {
                            thread::yield_now();
                        }
                    }
                })
            });
            let mut seen = Vec::new();
            while seen.len() < 3 {
                let count = receiver.receive(2);
                seen.extend((0..count).map(|index| $number(receiver.get(index))));
                receiver.release(count);
                thread::yield_now();
            }
            assert_eq!(receiver.receive(2), 0);
            let of_first: Vec<u64> = seen.iter().copied().filter(|number| *number < 20).collect();
            assert_eq!((of_first, seen.contains(&20)), (vec![10, 11], true));
            sending.map(|thread| thread.join().unwrap());
        });
    };
}

#[test]
fn senders_share_a_gateway() {
    senders_share_a_gateway!(gateway::channel::<u64>(2), |number| number, |value: &u64| *value);
}

#[test]
fn a_sender_may_go_by_the_head_that_another_saw() {
    model_of_three(|| {
        let (sender, mut receiver) = gateway::channel::<u64>(1);
        sender.try_send(1).unwrap();
        let sending = [2, 3].map(|number| {
            let sender = sender.clone();
            thread::spawn(move || u64::from(sender.try_send(number).is_ok()))
        });
        let mut received = 0;
        while received == 0 {
            let count = receiver.receive(1);
            (0..count).for_each(|index| assert!((1..4).contains(receiver.get(index))));
            receiver.release(count);
            received += count as u64;
        }
        let accepted: u64 = sending.map(|thread| thread.join().unwrap()).iter().sum();
        assert!(accepted <= 1);
        assert_eq!(receiver.receive(1) as u64, accepted);
    });
}

#[test]
fn senders_share_a_marked_gateway() {
    senders_share_a_gateway!(gateway::channel_marked::<_, 8>(2), Spare::of, |value: &Spare| value.number);
}

/// A close between two senders: whatever was accepted is received before the lane says that it is drained.
macro_rules! a_drained_gateway_has_shown_all {
    ($channel:expr, $of:expr) => {
        model_of_three(|| {
            let (sender, mut receiver) = $channel;
            let sending = [1, 2].map(|value| {
                let sender = sender.clone();
                thread::spawn(move || sender.try_send($of(value)).is_ok())
            });
            receiver.close();
            let mut received = 0;
            while !receiver.is_drained() {
                let count = receiver.receive(8);
                receiver.release(count);
                received += count;
                thread::yield_now();
            }
            let accepted = sending.map(|thread| thread.join().unwrap());
            assert_eq!(received, accepted.iter().filter(|ok| **ok).count());
        });
    };
}

#[test]
fn a_drained_gateway_has_shown_all_that_was_accepted() {
    a_drained_gateway_has_shown_all!(gateway::channel::<u64>(2), |number| number);
    a_drained_gateway_has_shown_all!(gateway::channel_marked::<_, 8>(2), Spare::of);
}

#[test]
fn a_parking_receiver_misses_no_message_of_a_gateway() {
    loom::model(|| {
        let (sender, mut receiver) = gateway::channel_marked::<_, 8>(1);
        let (mut parker, waker) = park::pair();
        let sending = thread::spawn(move || {
            assert!(sender.try_send(Spare::of(7)).is_ok());
            waker.wake();
        });
        while receiver.receive(1) == 0 {
            parker.park(|| receiver.len_estimate() > 0, None);
            // Claimed and not yet announced: a worker comes round again.
            thread::yield_now();
        }
        assert_eq!(receiver.get(0).number, 7);
        sending.join().unwrap();
    });
}

#[test]
fn a_taken_mark_shows_its_value() {
    loom::model(|| {
        let marks = Arc::new(lossy::Marks::default());
        let places = Arc::new([UnsafeCell::new(0), UnsafeCell::new(0)]);
        let sending = thread::spawn({
            let (marks, places) = (Arc::clone(&marks), Arc::clone(&places));
            move || {
                for key in [0, 1] {
                    // SAFETY: loom checks that nobody else is at this place; the mark is set after.
                    places[key].with_mut(|place| unsafe { *place = 7 });
                    marks.set(key);
                }
            }
        });
        let mut seen = 0;
        while seen != 0b11 {
            let taken = marks.take();
            assert_eq!(seen & taken, 0, "a mark was taken twice");
            for key in (0..2).filter(|key| taken >> key & 1 == 1) {
                // SAFETY: loom checks that nobody writes this place; its mark was taken.
                places[key].with(|place| assert_eq!(unsafe { *place }, 7));
            }
            seen |= taken;
            thread::yield_now();
        }
        sending.join().unwrap();
    });
}
