//! After construction nothing allocates: counted by an allocator that is known to be on.
#![cfg(not(loom))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use ephor_lane::lossy::{self, Offer, Shed};
use ephor_lane::{gateway, local, park, pool, spsc};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged; counting is a store to a thread-local that needs
// no allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(action: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    action();
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_is_on() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn rings_do_not_allocate() {
    let (mut producer, mut consumer) = spsc::channel(8);
    let (mut local_producer, mut local_consumer) = local::channel(8);
    let count = allocations(|| {
        for number in 0..1_000_u64 {
            producer.emit(number).unwrap();
            producer.publish();
            local_producer.emit(number).unwrap();
            local_producer.publish();
            assert_eq!((consumer.receive(8), local_consumer.receive(8)), (1, 1));
            consumer.release(1);
            local_consumer.release(1);
        }
        drop((producer, consumer, local_producer, local_consumer));
    });
    assert_eq!(count, 0);
}

/// The byte of a number that a marked lane may have.
const AT: usize = 0;

#[test]
fn marked_lanes_do_not_allocate() {
    let (mut producer, mut consumer) = spsc::channel_marked::<u64, AT>(64);
    let (sender, mut receiver) = gateway::channel_marked::<u64, AT>(64);
    let mut received = 0;
    let count = allocations(|| {
        for number in 0..1_000_u64 {
            // Small batches by marks, large ones by the cursor, both staged one by one and in bursts.
            producer.emit(number).unwrap();
            producer.emit_all(0..number % 20);
            producer.publish();
            sender.try_send(number).unwrap();
            loop {
                let count = consumer.receive(64);
                consumer.release(count);
                received += count;
                if count == 0 {
                    break;
                }
            }
            assert_eq!(receiver.receive(64), 1);
            receiver.release(1);
        }
    });
    assert_eq!((count, received), (0, 1_000 + 50 * (0..20).sum::<usize>()));
}

#[test]
fn queues_do_not_allocate() {
    let (sender, mut receiver) = gateway::channel(100);
    let mut lanes = [Shed::Newest, Shed::Oldest, Shed::Latest].map(|shed| lossy::channel(32, shed));
    let count = allocations(|| {
        for number in 0..1_000_u64 {
            let _full = sender.try_send(number);
            for (producer, _) in &mut lanes {
                let _counted: Offer<u64> = producer.offer(number as usize % 32, number);
            }
            if number % 50 == 0 {
                let received = receiver.receive(64);
                receiver.release(received);
                for (_, consumer) in &mut lanes {
                    let received = consumer.receive(64);
                    consumer.release(received / 2);
                }
            }
        }
        receiver.close();
    });
    assert_eq!(count, 0);
}

#[test]
fn the_pool_does_not_allocate() {
    let pool = pool::Pool::new(70, 128);
    let count = allocations(|| {
        for number in 0..1_000_u64 {
            let mut loan = pool.take().unwrap();
            loan.write(&number.to_le_bytes()).unwrap();
            drop(pool.redeem(loan.share()).unwrap());
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn parking_does_not_allocate_after_the_first_time() {
    let (mut parker, waker) = park::pair();
    parker.park(|| true, None);
    let count = allocations(|| {
        for _ in 0..100 {
            waker.wake();
            parker.park(|| false, Some(Duration::ZERO));
        }
    });
    assert_eq!(count, 0);
}
