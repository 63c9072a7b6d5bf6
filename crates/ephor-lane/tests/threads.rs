//! Real threads, many values, and sums that have to come out.
#![cfg(not(loom))]

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use ephor_lane::gateway::{self, TrySendError};
use ephor_lane::lossy::{self, Offer, Shed};
use ephor_lane::pool::{Handle, Pool};
use ephor_lane::{park, spsc};
use zerocopy::{FromBytes, IntoBytes};

const COUNT: u64 = if cfg!(miri) { 300 } else { 200_000 };

/// A value that shows when it was read while it was written.
#[derive(Clone, Copy, FromBytes, IntoBytes)]
#[repr(C)]
struct Checked([u64; 8]);

/// Where its second number has its top byte, which is 0.
const TOP_BYTE: usize = if cfg!(target_endian = "little") { 15 } else { 8 };

impl Checked {
    fn new(number: u64) -> Self {
        Self([number; 8])
    }

    #[track_caller]
    fn number(&self) -> u64 {
        let mut numbers = self.0;
        numbers[1] &= u64::MAX >> 8;
        assert_eq!(numbers, [self.0[0]; 8], "torn");
        self.0[0]
    }
}

/// Gives the other thread the core after a while: the machine may have one.
fn wait(turn: &mut u32) {
    *turn += 1;
    if turn.is_multiple_of(64) { thread::yield_now() } else { spin_loop() }
}

macro_rules! arrives_in_order {
    ($channel:expr) => {
        for capacity in [1, 2, 64] {
            let (mut producer, mut consumer) = $channel(capacity);
            let sending = thread::spawn(move || {
                let (mut next, mut turn) = (0, 0);
                while next < COUNT {
                    let batch = producer.free_at_least(8).min(1 + next as usize % 8);
                    if batch == 0 {
                        wait(&mut turn);
                    }
                    let mark = producer.mark();
                    for number in next..next + batch as u64 {
                        producer.emit(Checked::new(number)).ok().expect("free space only grows");
                    }
                    // Every third batch is taken back and emitted again.
                    if next.is_multiple_of(3) {
                        producer.rewind(mark);
                        for number in next..next + batch as u64 {
                            producer.emit(Checked::new(number)).ok().expect("the slots came back");
                        }
                    }
                    next += producer.publish() as u64;
                }
                producer.published()
            });
            let (mut expected, mut turn) = (0, 0);
            while !consumer.is_closed() {
                let count = consumer.receive(16);
                for index in 0..count {
                    assert_eq!(consumer.get(index).number(), expected);
                    expected += 1;
                }
                consumer.release(count);
                if count == 0 {
                    wait(&mut turn);
                }
            }
            let published = sending.join().unwrap();
            assert!(published >= COUNT);
            assert_eq!((published, published), (expected, consumer.released()));
        }
    };
}

#[test]
fn every_published_value_arrives_once_and_in_order() {
    arrives_in_order!(spsc::channel);
}

#[test]
fn every_value_announced_by_mark_or_cursor_arrives_once_and_in_order() {
    arrives_in_order!(|capacity| spsc::channel_marked_up_to::<_, TOP_BYTE>(capacity, 4));
}

macro_rules! misses_nothing {
    ($channel:expr) => {
        let (mut producer, mut consumer) = $channel(4);
        let (mut parker, waker) = park::pair();
        let (mut parker_back, waker_back) = park::pair();
        let sending = thread::spawn(move || {
            for number in 0..COUNT / 10 {
                while producer.emit(Checked::new(number)).is_err() {
                    let producer = std::cell::RefCell::new(&mut producer);
                    parker_back.park(|| producer.borrow_mut().free_at_least(1) > 0, None);
                }
                producer.publish();
                waker.wake();
            }
            drop(producer);
            waker.wake();
        });
        let mut expected = 0;
        while !consumer.is_closed() {
            let count = consumer.receive(4);
            for index in 0..count {
                assert_eq!(consumer.get(index).number(), expected);
                expected += 1;
            }
            consumer.release(count);
            waker_back.wake();
            if count == 0 {
                parker.park(|| consumer.len_estimate() > 0 || consumer.is_closed(), None);
            }
        }
        assert_eq!(expected, COUNT / 10);
        sending.join().unwrap();
    };
}

#[test]
fn a_parking_consumer_misses_nothing() {
    misses_nothing!(spsc::channel);
}

#[test]
fn a_parking_consumer_misses_no_mark() {
    misses_nothing!(spsc::channel_marked::<_, TOP_BYTE>);
}

macro_rules! closes_under_load {
    ($channel:expr) => {
        const SENDERS: u64 = 3;
        for close_after in [0, 10, COUNT / 20] {
            let (sender, mut receiver) = $channel(32);
            let sending = [0; SENDERS as usize].map(|_| {
                let sender = sender.clone();
                thread::spawn(move || {
                    let (mut accepted, mut turn) = (0, 0);
                    loop {
                        match sender.try_send(Checked::new(accepted)) {
                            Ok(()) => accepted += 1,
                            Err(TrySendError::Full(value)) => {
                                assert_eq!(value.number(), accepted);
                                wait(&mut turn);
                            }
                            Err(TrySendError::Closed(_)) => return accepted,
                        }
                    }
                })
            });
            let mut received = 0;
            while !receiver.is_drained() {
                let count = receiver.receive(16);
                for index in 0..count {
                    receiver.get(index).number();
                }
                receiver.release(count);
                received += count as u64;
                if received >= close_after {
                    receiver.close();
                }
            }
            let accepted = sending.map(|thread| thread.join().unwrap()).iter().sum::<u64>();
            assert_eq!(received, accepted);
        }
    };
}

#[test]
fn a_gateway_that_closes_under_load_receives_all_it_accepted() {
    closes_under_load!(gateway::channel);
}

#[test]
fn a_marked_gateway_that_closes_under_load_receives_all_it_accepted() {
    closes_under_load!(gateway::channel_marked::<_, TOP_BYTE>);
}

#[test]
fn every_offer_is_received_or_shed() {
    for shed in [Shed::Newest, Shed::Oldest, Shed::Latest] {
        let (mut producer, mut consumer) = lossy::channel(5, shed);
        let offering = thread::spawn(move || {
            let mut lost = 0;
            for number in 0..COUNT {
                if let Offer::Shed(value) = producer.offer(number as usize % 5, Checked::new(number)) {
                    value.number();
                    lost += 1;
                }
            }
            lost
        });
        let (mut received, mut turn) = (0, 0);
        let mut last = [None; 5];
        while !consumer.is_closed() {
            let count = consumer.receive(7);
            for index in 0..count {
                let number = consumer.get(index).number();
                let key = if shed == Shed::Latest { number as usize % 5 } else { 0 };
                assert!(last[key].is_none_or(|before| before < number), "{shed:?}: {number} after {last:?}");
                last[key] = Some(number);
            }
            consumer.release(count);
            received += count as u64;
            if count == 0 {
                wait(&mut turn);
            }
        }
        assert_eq!(received + offering.join().unwrap(), COUNT, "{shed:?}");
        if shed != Shed::Newest {
            assert!(last.contains(&Some(COUNT - 1)), "{shed:?}: the freshest value arrives");
        }
    }
}

/// Two threads hand blocks to each other by handle, and both try to redeem each one.
#[test]
fn every_block_has_one_owner_at_a_time() {
    let pool = Pool::new(3, 64);
    let (redeemed, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let offered = AtomicU64::new(0);
    let take_offered = |pool: &Pool| {
        if let Some(loan) = pool.redeem(Handle::from_bits(offered.load(Ordering::Relaxed))) {
            assert!(loan.iter().all(|byte| *byte == loan[0]) && loan.len() == 64, "torn");
            redeemed.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let mut taking = Vec::new();
        for _ in 0..2 {
            taking.push(scope.spawn(|| {
                let mut turn = 0;
                while !done.load(Ordering::Acquire) {
                    take_offered(&pool);
                    wait(&mut turn);
                }
            }));
        }
        let mut turn = 0;
        for number in 0..COUNT {
            let mut loan = loop {
                if let Some(loan) = pool.take() {
                    break loan;
                }
                take_offered(&pool);
                wait(&mut turn);
            };
            loan.write(&[number as u8; 64]).unwrap();
            // Whoever comes first takes the last one before it is overwritten.
            take_offered(&pool);
            offered.store(loan.share().to_bits(), Ordering::Relaxed);
        }
        take_offered(&pool);
        done.store(true, Ordering::Release);
        for thread in taking {
            thread.join().unwrap();
        }
    });
    assert_eq!(redeemed.load(Ordering::Relaxed), COUNT, "each block was redeemed once");
    assert_eq!(pool.free_estimate(), 3);
}
