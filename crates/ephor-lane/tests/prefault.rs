//! The first messages through a lane meet no page that was never touched: read from the kernel's own count.
#![allow(clippy::unwrap_used)] // a test may
#![cfg(all(not(loom), not(miri), target_os = "linux"))]

use std::fs;

use ephor_lane::spsc;

/// Page faults of this thread so far that needed no disk: the tenth field of its `stat` file.
fn faults() -> u64 {
    let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    after_name.split(' ').nth(7).unwrap().parse().unwrap()
}

#[test]
fn a_new_lane_fills_without_page_faults() {
    const COUNT: usize = 1 << 18;
    let before_channel = faults();
    let (mut producer, mut consumer) = spsc::channel::<[u64; 16]>(COUNT);
    let before_use = faults();
    // 16 faults with pages of 2 MiB, 8,192 with pages of 4 KiB: the construction paid for them.
    assert!(before_use - before_channel >= 16, "the count is on");
    for number in 0..COUNT as u64 {
        producer.emit([number; 16]).unwrap();
    }
    producer.publish();
    assert_eq!(consumer.receive(COUNT), COUNT);
    let faults = faults() - before_use;
    assert!(faults < 8, "{faults} page faults while 32 MiB were filled");
}
