//! Any sequence of operations on a lane between workers answers as two `VecDeque`s would: on one that announces by its
//! cursor alone, and on one that announces small batches by marks.
#![no_main]

use std::collections::VecDeque;

use ephor_lane::spsc::{self, ByCursor, ByMark, Consumer, Producer};
use libfuzzer_sys::fuzz_target;

const CAPACITY: usize = 8;
/// The byte of a number that is the marked lane's own; numbers here never reach it.
const AT: usize = if cfg!(target_endian = "little") { 7 } else { 0 };

/// The ends of a lane beside what they should hold.
macro_rules! model {
    ($name:ident, $announce:ty, $channel:expr, $may_see_a_part:literal) => {
        struct $name {
            producer: Producer<u64, $announce>,
            consumer: Consumer<u64, $announce>,
            staged: VecDeque<u64>,
            published: VecDeque<u64>,
            mark: u64,
            staged_at_mark: usize,
        }

        impl $name {
            fn new() -> Self {
                let (producer, consumer) = $channel(CAPACITY);
                let mark = producer.mark();
                let (staged, published) = Default::default();
                Self { producer, consumer, staged, published, mark, staged_at_mark: 0 }
            }

            fn room(&self) -> usize {
                CAPACITY - self.staged.len() - self.published.len()
            }

            fn set_mark(&mut self) {
                (self.mark, self.staged_at_mark) = (self.producer.mark(), self.staged.len());
            }

            fn emit(&mut self, value: u64) {
                let has_room = self.room() > 0;
                assert_eq!(self.producer.emit(value).is_ok(), has_room);
                self.staged.extend(has_room.then_some(value));
            }

            fn emit_all(&mut self, first: u64, count: usize) {
                let mut values = (first..).take(count);
                let emitted = self.producer.emit_all(&mut values);
                assert_eq!(emitted, count.min(self.room()));
                assert_eq!(values.count(), count - emitted, "none is taken that there is no room for");
                self.staged.extend((first..).take(emitted));
            }

            fn publish(&mut self) {
                assert_eq!(self.producer.publish(), self.staged.len());
                self.published.append(&mut self.staged);
                self.set_mark();
            }

            fn rewind(&mut self) {
                assert!(self.producer.staged_since(self.mark).eq(self.staged.range(self.staged_at_mark..)));
                self.producer.rewind(self.mark);
                self.staged.truncate(self.staged_at_mark);
            }

            fn receive(&mut self, limit: usize) {
                let count = self.consumer.receive(limit);
                let all = self.published.len().min(limit);
                if $may_see_a_part {
                    assert!(count <= all && (count > 0 || all == 0), "{count} of {all}");
                } else {
                    assert_eq!(count, all);
                }
                assert_eq!(self.consumer.len_estimate(), self.published.len());
                for (index, value) in self.published.drain(..count).enumerate() {
                    assert_eq!(*self.consumer.get(index) & (u64::MAX >> 8), value);
                }
                self.consumer.release(count);
            }

            fn run(mut self, operations: &[u8]) {
                // Far enough apart for bursts.
                for (next, operation) in (0_u64..).step_by(256).zip(operations) {
                    let size = usize::from(operation / 6);
                    match operation % 6 {
                        0 => self.emit(next),
                        1 => self.publish(),
                        2 => self.set_mark(),
                        3 => self.rewind(),
                        4 => self.emit_all(next, size % (2 * CAPACITY)),
                        _ => self.receive(size),
                    }
                }
            }
        }
    };
}

model!(OfCursor, ByCursor, spsc::channel::<u64>, false);
model!(OfMarks, ByMark<AT>, spsc::channel_marked::<u64, AT>, true);

fuzz_target!(|operations: &[u8]| {
    OfCursor::new().run(operations);
    OfMarks::new().run(operations);
});
