//! A lane on one thread: one frame and a batch of 64 through it, beside a `VecDeque`.

use std::collections::VecDeque;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ephor::{Frame, Frame64, Frame128, Header};
use ephor_bench as _;
use ephor_lane::{local, spsc};

/// Moves `batch` frames through a lane with the operations of both ends.
macro_rules! lane {
    ($group:expr, $name:expr, $channel:expr, $frame:ty, $batch:expr) => {{
        let (mut producer, mut consumer) = $channel;
        $group.bench_function($name, |bencher| {
            bencher.iter(|| {
                for _ in 0..$batch {
                    producer.emit(black_box(<$frame>::blank())).expect("the lane is empty");
                }
                producer.publish();
                let count = consumer.receive($batch);
                assert_eq!(count, $batch);
                for index in 0..count {
                    black_box(consumer.get(index));
                }
                consumer.release(count);
            });
        });
    }};
}

fn frames<F: Frame>(criterion: &mut Criterion, name: &str) {
    for batch in [1_usize, 64] {
        let mut group = criterion.benchmark_group(format!("lane/{name}/{batch}"));
        group.throughput(Throughput::Elements(batch as u64));
        lane!(group, "spsc", spsc::channel_marked::<F, { Header::LANE_AT }>(1024), F, batch);
        lane!(group, "local", local::channel::<F>(1024), F, batch);
        let mut queue = VecDeque::with_capacity(1024);
        group.bench_function("VecDeque", |bencher| {
            bencher.iter(|| {
                (0..batch).for_each(|_| queue.push_back(black_box(F::blank())));
                (0..batch).for_each(|_| {
                    black_box(queue.front());
                    queue.pop_front();
                });
            });
        });
        group.finish();
    }
}

fn benches(criterion: &mut Criterion) {
    frames::<Frame64>(criterion, "64 B");
    frames::<Frame128>(criterion, "128 B");
}

criterion_group!(all, benches);
criterion_main!(all);
