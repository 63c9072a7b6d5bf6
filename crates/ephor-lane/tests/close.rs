//! What happens at the edges of a lane's life, and at the edges of its contract.
#![cfg(not(loom))]

use std::panic::{AssertUnwindSafe, catch_unwind};

use ephor_lane::gateway::{self, TrySendError};
use ephor_lane::lossy::{self, Offer, Shed};
use ephor_lane::park::{Parker, Waker, pair};
use ephor_lane::pool::{Handle, Loan, Pool, TooLarge};
use ephor_lane::{CAPACITY_LIMIT, local, spsc};

/// A value that wants a cache line to itself, as frames do.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; 128]);

fn panics(action: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(action)).is_err()
}

const fn moves<T: Send>() {}
const fn is_shared<T: Send + Sync + Clone>() {}

const _: () = {
    moves::<spsc::Producer<u64>>();
    moves::<spsc::Consumer<u64>>();
    moves::<gateway::Receiver<u64>>();
    moves::<lossy::Producer<u64>>();
    moves::<lossy::Consumer<u64>>();
    moves::<Loan>();
    moves::<Parker>();
    is_shared::<gateway::Sender<u64>>();
    is_shared::<Pool>();
    is_shared::<Waker>();
};

#[test]
fn unpublished_values_go_with_their_producer() {
    let (mut producer, mut consumer) = spsc::channel(4);
    producer.emit(1).unwrap();
    producer.publish();
    producer.emit(2).unwrap();
    drop(producer);
    assert!(!consumer.is_closed(), "one value is left to read");
    assert_eq!(consumer.receive(4), 1);
    assert!(!consumer.is_closed(), "received is not released");
    consumer.release(1);
    assert!(consumer.is_closed());
}

#[test]
fn a_producer_without_consumer_fills_its_lane_once() {
    let (mut producer, consumer) = spsc::channel(2);
    assert!(!producer.is_closed());
    drop(consumer);
    assert!(producer.is_closed());
    assert_eq!((producer.emit(1), producer.emit(2), producer.emit(3)), (Ok(()), Ok(()), Err(3)));
}

#[test]
fn reading_past_what_was_received_panics() {
    let (mut producer, mut consumer) = spsc::channel(4);
    producer.emit(1).unwrap();
    producer.emit(2).unwrap();
    producer.publish();
    assert!(panics(|| {
        consumer.get(0);
    }));
    assert_eq!(consumer.receive(1), 1);
    assert_eq!(*consumer.get(0), 1);
    assert!(panics(|| {
        consumer.get(1);
    }));
    assert!(panics(|| consumer.release(2)));
    consumer.release(1);
    assert!(panics(|| {
        consumer.get(0);
    }));
}

#[test]
fn rewinding_what_is_published_or_not_yet_emitted_panics() {
    let (mut producer, _consumer) = spsc::channel(4);
    producer.emit(1).unwrap();
    let mark = producer.mark();
    producer.publish();
    assert!(panics(|| producer.rewind(mark - 1)));
    assert!(panics(|| producer.rewind(mark + 1)));
    producer.rewind(mark);
    assert_eq!((producer.staged(), producer.published()), (0, 1));
}

#[test]
fn local_lane_keeps_the_same_contract() {
    let (mut producer, mut consumer) = local::channel(2);
    assert_eq!((producer.emit(1), producer.emit(2), producer.emit(3)), (Ok(()), Ok(()), Err(3)));
    assert!(panics(|| producer.rewind(3)));
    producer.publish();
    assert!(panics(|| producer.rewind(1)));
    assert_eq!(consumer.receive(1), 1);
    assert!(panics(|| {
        consumer.get(1);
    }));
    assert!(panics(|| consumer.release(2)));
    drop(producer);
    assert!(!consumer.is_closed());
}

#[test]
fn slots_lie_on_cache_lines() {
    let (mut producer, mut consumer) = spsc::channel(2);
    producer.emit(Line([7; 128])).unwrap();
    producer.publish();
    assert_eq!(consumer.receive(1), 1);
    assert_eq!(std::ptr::from_ref(consumer.get(0)).addr() % 64, 0);
    assert_eq!(consumer.get(0).0, [7; 128]);

    let (mut producer, mut consumer) = spsc::channel(2);
    producer.emit(1_u8).unwrap();
    producer.publish();
    assert_eq!(consumer.receive(1), 1);
    assert_eq!(std::ptr::from_ref(consumer.get(0)).addr() % 64, 0, "whatever the value's own alignment");
}

#[test]
fn values_without_bytes_are_counted_too() {
    let (mut producer, mut consumer) = spsc::channel(2);
    assert_eq!((producer.emit(()), producer.emit(()), producer.emit(())), (Ok(()), Ok(()), Err(())));
    producer.publish();
    assert_eq!(consumer.receive(8), 2);
}

#[test]
fn impossible_capacities_are_refused() {
    assert!(panics(|| drop(spsc::channel::<u8>(0))));
    assert!(panics(|| drop(local::channel::<u8>(CAPACITY_LIMIT + 1))));
    assert!(panics(|| drop(gateway::channel::<u8>(0))));
    assert!(panics(|| drop(lossy::channel::<u8>(0, Shed::Oldest))));
    assert!(panics(|| drop(lossy::channel::<u8>(65, Shed::Latest))));
    assert!(panics(|| drop(Pool::new(0, 8))));
    assert!(panics(|| drop(Pool::new(8, 0))));
    drop(lossy::channel::<u8>(64, Shed::Latest));
}

#[test]
fn a_closed_gateway_hands_over_what_it_took_and_takes_no_more() {
    let (sender, mut receiver) = gateway::channel(4);
    sender.try_send(1).unwrap();
    receiver.close();
    assert_eq!(sender.clone().try_send(2), Err(TrySendError::Closed(2)));
    assert!(!receiver.is_drained());
    assert_eq!(receiver.receive(8), 1);
    assert!(!receiver.is_drained(), "received is not released");
    receiver.release(1);
    assert!(receiver.is_drained());
}

#[test]
fn dropping_the_receiver_closes_the_gateway() {
    let (sender, receiver) = gateway::channel(4);
    drop(receiver);
    assert!(sender.is_closed());
    let refused = sender.try_send(5).unwrap_err();
    assert_eq!((refused.to_string().as_str(), refused.into_inner()), ("the gateway is closed", 5));
}

#[test]
fn a_full_gateway_says_so() {
    let (sender, mut receiver) = gateway::channel(1);
    sender.try_send(1).unwrap();
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(receiver.receive(1), 1);
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)), "the first one is still in its slot");
    receiver.release(1);
    assert_eq!((sender.try_send(2), receiver.receive(8), *receiver.get(0)), (Ok(()), 1, 2));
}

#[test]
fn a_consumer_that_is_gone_makes_every_offer_shed() {
    for shed in [Shed::Newest, Shed::Oldest, Shed::Latest] {
        let (mut producer, consumer) = lossy::channel(2, shed);
        assert_eq!(producer.offer(0, 1), Offer::Sent);
        drop(consumer);
        assert!(producer.is_closed());
        assert_eq!(producer.offer(0, 2), Offer::Shed(2), "{shed:?}");
    }
}

#[test]
fn a_lossy_lane_is_closed_once_it_is_read_out() {
    for shed in [Shed::Newest, Shed::Oldest, Shed::Latest] {
        let (mut producer, mut consumer) = lossy::channel(2, shed);
        assert_eq!(producer.offer(1, 1), Offer::Sent);
        drop(producer);
        assert!(!consumer.is_closed());
        assert_eq!(consumer.receive(8), 1);
        assert!(!consumer.is_closed());
        consumer.release(1);
        assert!(consumer.is_closed(), "{shed:?}");
    }
}

#[test]
fn a_busy_low_key_does_not_starve_a_high_one() {
    let (mut producer, mut consumer) = lossy::channel(64, Shed::Latest);
    assert_eq!(producer.offer(63, 63), Offer::Sent);
    let mut received = Vec::new();
    for round in 0..2 {
        assert_eq!(producer.offer(0, round), Offer::Sent);
        assert_eq!(consumer.receive(1), 1);
        received.push(*consumer.get(0));
        consumer.release(1);
    }
    assert_eq!(received, [0, 63]);
}

#[test]
fn a_mark_whose_value_was_taken_early_hides_no_other() {
    let (mut producer, mut consumer) = lossy::channel(2, Shed::Latest);
    let mut take_one = || {
        let count = consumer.receive(1);
        let value = (count == 1).then(|| *consumer.get(0));
        consumer.release(count);
        value
    };
    assert_eq!((producer.offer(0, 1), producer.offer(1, 2)), (Offer::Sent, Offer::Sent));
    assert_eq!(take_one(), Some(1));
    assert_eq!(producer.offer(1, 3), Offer::Shed(2));
    assert_eq!(take_one(), Some(3));
    // The mark of key 1 is set again, and its place is empty.
    assert_eq!(producer.offer(0, 4), Offer::Sent);
    assert_eq!(take_one(), Some(4));
    assert_eq!(producer.offer(0, 5), Offer::Sent);
    assert_eq!(take_one(), Some(5));
}

#[test]
fn a_key_that_the_lane_does_not_have_panics() {
    let (mut producer, _consumer) = lossy::channel(3, Shed::Latest);
    assert!(panics(|| assert_eq!(producer.offer(3, 1), Offer::Sent)));
    let (mut producer, _consumer) = lossy::channel(3, Shed::Newest);
    assert_eq!(producer.offer(usize::MAX, 1), Offer::Sent, "a key means nothing here");
}

#[test]
fn a_handle_is_good_for_one_turn() {
    let pool = Pool::new(1, 16);
    let mut loan = pool.take().unwrap();
    loan.write(b"first").unwrap();
    let first = loan.share();
    assert!(pool.take().is_none(), "a shared block is in use");
    let loan = pool.redeem(first).unwrap();
    assert_eq!(&*loan, b"first");
    assert!(pool.redeem(first).is_none(), "redeemed before");
    let second = loan.share();
    assert_ne!(first, second);
    assert!(pool.redeem(first).is_none(), "of an earlier turn");
    drop(pool.redeem(second).unwrap());
    assert!(pool.redeem(second).is_none(), "the block went home");
    assert!(pool.take().unwrap().is_empty(), "a new loan shows nothing of the last one");
}

#[test]
fn what_does_not_fit_a_block_leaves_it_as_it_was() {
    let pool = Pool::new(1, 4);
    let mut loan = pool.take().unwrap();
    loan.write(b"keep").unwrap();
    let refused = loan.write(b"large").unwrap_err();
    assert_eq!(refused, TooLarge { bytes: 5, capacity: 4 });
    assert_eq!(refused.to_string(), "5 bytes do not fit a block of 4");
    assert_eq!(&*loan, b"keep");
}

#[test]
fn no_bits_but_a_live_handle_redeem_anything() {
    let pool = Pool::new(2, 4);
    for bits in [0, 1, 2, u64::MAX, 1 << 20, 1 << 20 | 2, 1 << 63] {
        assert!(pool.redeem(Handle::from_bits(bits)).is_none(), "{bits:#x}");
    }
}

#[test]
fn a_loan_outlives_its_pool() {
    let pool = Pool::new(1, 4);
    let mut loan = pool.take().unwrap();
    drop(pool);
    loan.write(b"here").unwrap();
    assert_eq!(&*loan, b"here");
}

#[test]
fn a_parker_with_work_does_not_sleep() {
    let (mut parker, waker) = pair();
    waker.wake();
    Waker::never().wake();
    // Without a timeout: a sleep here would never end.
    parker.park(|| true, None);
}

#[test]
fn a_parker_belongs_to_one_thread() {
    let (mut parker, _waker) = pair();
    parker.park(|| true, None);
    std::thread::spawn(move || assert!(panics(|| parker.park(|| true, None)))).join().unwrap();
}
