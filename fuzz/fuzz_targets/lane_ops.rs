//! Any sequence of operations on a lane answers as two `VecDeque`s would.
#![no_main]

use std::collections::VecDeque;

use ephor_lane::spsc;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|operations: &[u8]| {
    let (mut producer, mut consumer) = spsc::channel::<u64>(8);
    let (mut staged, mut published) = (VecDeque::new(), VecDeque::new());
    let mut mark = producer.mark();
    let mut staged_at_mark = 0;
    for (next, operation) in (0_u64..).zip(operations) {
        match operation % 5 {
            0 => {
                let room = staged.len() + published.len() < 8;
                assert_eq!(producer.emit(next).is_ok(), room);
                if room {
                    staged.push_back(next);
                }
            }
            1 => {
                assert_eq!(producer.publish(), staged.len());
                published.append(&mut staged);
                (mark, staged_at_mark) = (producer.mark(), 0);
            }
            2 => (mark, staged_at_mark) = (producer.mark(), staged.len()),
            3 => {
                producer.rewind(mark);
                staged.truncate(staged_at_mark);
            }
            _ => {
                let limit = usize::from(operation / 5);
                let count = consumer.receive(limit);
                assert_eq!(count, published.len().min(limit));
                for index in 0..count {
                    assert_eq!(*consumer.get(index), published[index]);
                }
                consumer.release(count);
                published.drain(..count);
            }
        }
    }
});
