//! The first messages through a lane meet no page that was never touched, unless it was made so: read from the kernel's own
//! count.
#![allow(clippy::unwrap_used)] // a test may
#![cfg(all(not(loom), not(miri), target_os = "linux"))]

use std::fs;

use ephor_lane::{Pages, gateway, spsc};

/// Page faults of this thread so far that needed no disk: the tenth field of its `stat` file.
fn faults() -> u64 {
    let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    after_name.split(' ').nth(7).unwrap().parse().unwrap()
}

/// Values of a lane of 32 MiB: 16 faults with pages of 2 MiB, 8,192 with pages of 4 KiB.
const COUNT: usize = 1 << 18;
/// Fewer faults than this are those of something else.
const FEW: u64 = 8;

/// Page faults while `run` runs.
fn faults_of(run: impl FnOnce()) -> u64 {
    let before = faults();
    run();
    faults() - before
}

fn fill(producer: &mut spsc::Producer<[u64; 16]>, consumer: &mut spsc::Consumer<[u64; 16]>) {
    for number in 0..COUNT as u64 {
        producer.emit([number; 16]).unwrap();
    }
    producer.publish();
    assert_eq!(consumer.receive(COUNT), COUNT);
}

#[test]
fn a_new_lane_fills_without_page_faults() {
    let before = faults();
    let (mut producer, mut consumer) = spsc::channel::<[u64; 16]>(COUNT);
    assert!(faults() - before >= FEW, "the construction pays for the pages, and the count is on");
    let faults = faults_of(|| fill(&mut producer, &mut consumer));
    assert!(faults < FEW, "{faults} page faults while 32 MiB were filled");
}

#[test]
fn a_lane_that_was_left_untouched_is_paid_for_by_its_first_messages() {
    let before = faults();
    let (mut producer, mut consumer) = spsc::channel_on::<[u64; 16]>(COUNT, Pages::Untouched);
    let made = faults() - before;
    assert!(made < FEW, "{made} page faults while nothing was to be touched");
    let faults = faults_of(|| fill(&mut producer, &mut consumer));
    assert!(faults >= FEW, "{faults} page faults while 32 MiB were filled");
}

#[test]
fn a_gateway_can_be_touched_after_it_was_made() {
    let before = faults();
    let (sender, mut receiver) = gateway::channel_marked_untouched::<[u64; 16], 7>(COUNT);
    let made = faults() - before;
    assert!(made < FEW, "{made} page faults while nothing was to be touched");
    assert!(faults_of(|| receiver.touch()) >= FEW, "the touch pays for the pages");
    let faults = faults_of(|| (0..COUNT as u64).for_each(|number| sender.try_send([number; 16]).unwrap()));
    assert!(faults < FEW, "{faults} page faults while 32 MiB were filled");
    assert_eq!(receiver.receive(COUNT), COUNT, "no mark was changed");
}

#[test]
fn a_touch_changes_no_value_that_is_in_the_gateway() {
    let (sender, mut receiver) = gateway::channel_marked_untouched::<[u64; 16], 7>(64);
    (0..64).for_each(|number| sender.try_send([number << 8; 16]).unwrap());
    receiver.touch();
    assert_eq!(receiver.receive(64), 64);
    assert!((0..64).all(|index| receiver.get(index)[15] == (index as u64) << 8));
}
