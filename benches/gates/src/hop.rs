//! Two agents on two workers or on one, driven step by step on this thread.

use ephor::constitution::Charter;
use ephor::prelude::*;
use ephor::{Frame, Frame64, Invoker, WorkerOptions};

/// Messages that the source emits in a cycle.
pub const BURST: usize = 64;

/// The payload of a 64-byte frame.
#[derive(Clone, Copy, Message)]
#[message(kind = 1)]
pub struct Four([u64; 4]);

/// Emits a burst in each of its cycles.
struct Source {
    out: Out<Four, BURST>,
    next: u64,
}

/// Adds up what it is sent.
struct Sink {
    sum: u64,
}

impl<F: Frame> Agent<F> for Source {
    fn on_cycle(&mut self, cx: &mut Cx<'_, F>) -> usize {
        for _ in 0..BURST {
            cx.emit(&self.out, Four([self.next; 4]));
            self.next += 1;
        }
        BURST
    }
}
agent!(Source {});

impl<F: Frame> Agent<F> for Sink {}
agent!(Sink { Four });

impl<F: Frame> Handler<Four, F> for Sink {
    fn on(&mut self, four: &Four, _: &mut Cx<'_, F>) {
        self.sum = four.0.iter().fold(self.sum, |sum, word| sum.wrapping_add(*word));
    }
}

/// A bus of a source and a sink, warm: the source has worker 0, the sink the last one.
pub fn bus(workers: usize) -> Invoker<Frame64> {
    let mut topology = Topology::<Frame64>::new(Charter::default());
    let all: Vec<_> = (0..workers).map(|_| topology.worker(WorkerOptions::default())).collect();
    let source = topology.reserve::<Source>("source");
    let sink = topology.reserve::<Sink>("sink");
    topology.place(source.id(), all[0]).place(sink.id(), all[workers - 1]);
    let out = topology.hold(source, sink, 1024);
    topology.install(source, move || Source { out, next: 0 });
    topology.install(sink, || Sink { sum: 0 });
    let mut bus = topology.build().expect("the topology is sound").invoke().expect("the agents start");
    for _ in 0..64 {
        bus.poll();
    }
    bus
}
