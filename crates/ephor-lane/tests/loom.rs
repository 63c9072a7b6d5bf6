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
        let count = consumer.receive(8);
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

#[test]
fn what_a_closed_gate_let_in_is_visible_once_it_is_quiet() {
    model_of_three(|| {
        let gate = Arc::new(gateway::Gate::default());
        let sent = Arc::new([UnsafeCell::new(0), UnsafeCell::new(0)]);
        let sending = [0, 1].map(|index| {
            let (gate, sent) = (Arc::clone(&gate), Arc::clone(&sent));
            thread::spawn(move || {
                let entered = gate.enter();
                if entered {
                    sent[index].with_mut(|value| unsafe { *value = 1 });
                    gate.leave();
                }
                u64::from(entered)
            })
        });
        gate.close();
        while !gate.is_quiet() {
            thread::yield_now();
        }
        let seen = sent.iter().map(|value| value.with(|value| unsafe { *value })).sum::<u64>();
        assert!(!gate.enter(), "let in after the close");
        assert_eq!(seen, sending.map(|thread| thread.join().unwrap()).iter().sum());
    });
}

#[test]
fn a_drained_gateway_has_shown_all_that_was_accepted() {
    model_of_three(|| {
        let (sender, mut receiver) = gateway::channel::<u64>(2);
        let sending = [1, 2].map(|value| {
            let sender = sender.clone();
            thread::spawn(move || sender.try_send(value).is_ok())
        });
        receiver.close();
        let mut received = 0;
        while !receiver.is_drained() {
            let count = receiver.receive(8);
            receiver.release(count);
            received += count;
            thread::yield_now();
        }
        assert_eq!(received, sending.map(|thread| thread.join().unwrap()).iter().filter(|ok| **ok).count());
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
                places[key].with(|place| assert_eq!(unsafe { *place }, 7));
            }
            seen |= taken;
            thread::yield_now();
        }
        sending.join().unwrap();
    });
}
