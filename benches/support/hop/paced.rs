//! One way through the runtime at a fixed rate.

use std::sync::mpsc::{Sender, channel};

use ephor::Frame;
use ephor::constitution::Charter;
use ephor::prelude::*;

use super::{ROOM, spinning};
use crate::open_loop::{Delays, Schedule};
use crate::tally::LONG;
use crate::{HERE, THERE};

/// Messages that are overdue and leave in one cycle.
const BURST: usize = 64;

#[derive(Clone, Copy, Message)]
#[message(kind = 5)]
struct Due([u64; 4]);

struct Pacer {
    out: Out<Due, BURST>,
    schedule: Schedule,
}

struct Taker {
    delays: Delays,
    end: u64,
    done: Sender<Delays>,
}

impl<F: Frame> Agent<F> for Pacer {
    #[inline(always)]
    fn on_cycle(&mut self, cx: &mut Cx<'_, F>) -> usize {
        let mut count = 0;
        while count < BURST
            && let Some(due) = self.schedule.due()
        {
            cx.emit(&self.out, Due([due; 4]));
            count += 1;
        }
        // A pacer is at work until its last message.
        count + usize::from(!self.schedule.is_over())
    }
}
agent!(Pacer {});

impl<F: Frame> Agent<F> for Taker {}
agent!(Taker { Due });

impl<F: Frame> Handler<Due, F> for Taker {
    #[inline(always)]
    fn on(&mut self, due: &Due, _: &mut Cx<'_, F>) {
        if self.delays.take(due.0[0]) == self.end {
            // Nobody listens any more when the bench was stopped.
            let _ = self.done.send(self.delays.clone());
        }
    }
}

/// The delays of a million messages a second, each from when it was due.
pub fn delays<F: Frame>(messages: u64) -> Option<Delays> {
    let mut topology = Topology::<F>::new(Charter::default());
    let (here, there) = (spinning(&mut topology, HERE), spinning(&mut topology, THERE));
    let pacer = topology.reserve::<Pacer>("pacer");
    let taker = topology.reserve::<Taker>("taker");
    topology.place(pacer.id(), here).place(taker.id(), there);
    let out = topology.hold(pacer, taker, ROOM);
    let (done, told) = channel();
    let end = Schedule::new(messages, 0).messages();
    topology.install(pacer, move || Pacer { out, schedule: Schedule::new(messages, 5_000_000) });
    topology.install(taker, move || Taker { delays: Delays::new(), end, done: done.clone() });
    let bus = topology.build().ok()?.start().ok()?;
    let delays = told.recv_timeout(LONG).ok();
    let ledger = bus.shutdown(LONG).ok()?.ledger;
    delays.filter(|_| ledger.adds_up() && ledger.in_flight() == 0)
}
