//! Bounded lanes, the block pool and park/wake: how bytes move between threads. The home of the unsafe code.
//!
//! Every lane has the same reading end: [`receive`](spsc::Consumer::receive) says how many values are ready,
//! [`get`](spsc::Consumer::get) looks at one in place, [`release`](spsc::Consumer::release) gives the slots
//! back. The writing ends differ, because what happens on a full lane differs:
//!
//! | module | between | on a full lane |
//! | --- | --- | --- |
//! | [`spsc`] | two threads | the value comes back; a private tail makes a batch visible at once, or not at all |
//! | [`local`] | two agents of one thread | the same, without atomics |
//! | [`gateway`] | many threads and one | the value comes back, with the reason |
//! | [`lossy`] | two threads, telemetry | the newest or the oldest is shed, and handed out to be counted |
//!
//! [`pool`] lends fixed-size blocks for what does not fit a frame; [`park`] lets an idle thread sleep without
//! losing a wake-up.
//!
//! ```
//! let (mut producer, mut consumer) = ephor_lane::spsc::channel::<u64>(4);
//! producer.emit(1).expect("the lane is empty");
//! assert_eq!(consumer.receive(8), 0, "nothing is visible before it is published");
//! producer.emit(2).expect("three slots are free");
//! producer.publish();
//! assert_eq!(consumer.receive(8), 2);
//! assert_eq!((*consumer.get(0), *consumer.get(1)), (1, 2));
//! consumer.release(2);
//! ```
//!
//! Trade-offs: a lane carries `Copy` values only, so nothing is ever dropped in it; its capacity is fixed
//! when it is made; an [`spsc`] lane has one producer for ever. Take a channel crate when you need none of
//! the private tail, the looking before releasing or the ledger.
//!
//! **Absent on purpose:** blocking (but for [`park::Parker::park`]), allocation after construction, clocks,
//! retries, and any knowledge of what is carried.
#![deny(unsafe_op_in_unsafe_fn)]

mod batch;
mod lines;
mod marks;
mod slots;
mod sync;

pub mod gateway;
pub mod local;
pub mod lossy;
pub mod park;
pub mod pool;
pub mod spsc;

pub use crate::batch::BATCH_LIMIT;
pub use crate::lines::Pages;
pub use crate::marks::Plain;
pub use crate::slots::{CAPACITY_LIMIT, prefetch_for_read};
