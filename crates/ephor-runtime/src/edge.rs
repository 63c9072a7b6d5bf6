//! The two ends of an edge, whatever lane it is made of.

use ephor_constitution::Pass;
use ephor_core::{AgentId, Frame, Header};
use ephor_lane::park::Waker;
use ephor_lane::{gateway, local, lossy, spsc};

use crate::ready::Ready;

/// Lanes between workers announce small batches in the frames themselves.
pub(crate) type InFrame = spsc::ByMark<{ Header::LANE_AT }>;
/// And so do lanes from foreign threads, each frame.
pub(crate) type InGateway = gateway::ByMark<{ Header::LANE_AT }>;

/// The receiving end: one lane of a mailbox.
pub(crate) enum InLane<F: Frame> {
    /// From an agent on the same worker.
    Local(local::Consumer<F>),
    /// From an agent on another worker.
    Cross(spsc::Consumer<F, InFrame>),
    /// Any other, out of the way of the rings.
    Queue(Box<InQueue<F>>),
}

/// A lane that is not a ring.
pub(crate) enum InQueue<F: Frame> {
    /// From a lossy port.
    Lossy(lossy::Consumer<F>),
    /// From foreign threads.
    Gateway(gateway::Receiver<F, InGateway>),
}

/// The receiving end of an edge.
pub(crate) struct InEdge<F: Frame> {
    pub(crate) lane: InLane<F>,
    /// What a permitted message on this edge looks like, by the row of its kind.
    pub(crate) passes: Box<[Pass]>,
    /// Whether every turn must look at it, however long it has had nothing.
    pub(crate) is_urgent: bool,
}

/// Calls the same method of whichever lane it is: the two rings in line, the queues out of it, so that the rings' code
/// stays small.
macro_rules! each_lane {
    ($lane:expr, $inner:ident => $call:expr) => {
        match $lane {
            InLane::Local($inner) => $call,
            InLane::Cross($inner) => $call,
            InLane::Queue(queue) => out_of_line(move || match &mut **queue {
                InQueue::Lossy($inner) => $call,
                InQueue::Gateway($inner) => $call,
            }),
        }
    };
}

/// The same, of a lane that is only looked at.
macro_rules! each_lane_ref {
    ($lane:expr, $inner:ident => $call:expr) => {
        match $lane {
            InLane::Local($inner) => $call,
            InLane::Cross($inner) => $call,
            InLane::Queue(queue) => out_of_line(move || match &**queue {
                InQueue::Lossy($inner) => $call,
                InQueue::Gateway($inner) => $call,
            }),
        }
    };
}

#[inline(never)]
fn out_of_line<T>(call: impl FnOnce() -> T) -> T {
    call()
}

impl<F: Frame> InLane<F> {
    /// Whether only agents of this worker fill it, and say so by [`OutEdge::publish`].
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// A lane from a lossy port.
    pub(crate) fn lossy(lane: lossy::Consumer<F>) -> Self {
        Self::Queue(Box::new(InQueue::Lossy(lane)))
    }

    /// A lane from foreign threads.
    pub(crate) fn gateway(lane: gateway::Receiver<F, InGateway>) -> Self {
        Self::Queue(Box::new(InQueue::Gateway(lane)))
    }

    /// How many frames can be looked at, at most `limit`.
    #[inline(always)]
    pub(crate) fn receive(&mut self, limit: usize) -> usize {
        each_lane!(self, lane => lane.receive(limit))
    }

    /// The frame at `index` of those that the last `receive` counted.
    pub(crate) fn get(&self, index: usize) -> &F {
        each_lane_ref!(self, lane => lane.get(index))
    }

    /// All of them, in two runs.
    #[inline(always)]
    pub(crate) fn slices(&self) -> (&[F], &[F]) {
        each_lane_ref!(self, lane => lane.slices())
    }

    /// How many bytes lie between each of `frames`, the first run of those that were received, and the frame in the next batch
    /// that has its place: when that batch is known to be there, and its lines have to come from another core.
    #[inline(always)]
    pub(crate) fn ahead(&self, frames: &[F]) -> Option<isize> {
        let Self::Cross(lane) = self else { return None };
        let next = lane.next_batch(frames.len())?;
        Some((next as isize).wrapping_sub(frames.as_ptr() as isize))
    }

    /// Gives back the first `count` frames.
    #[inline(always)]
    pub(crate) fn release(&mut self, count: usize) {
        each_lane!(self, lane => lane.release(count));
    }

    /// Frames waiting, as far as this thread can tell.
    pub(crate) fn len_estimate(&self) -> usize {
        each_lane_ref!(self, lane => lane.len_estimate())
    }

    /// Whether nothing waits, and nothing can arrive from a foreign thread any more.
    pub(crate) fn is_drained(&self) -> bool {
        match self {
            Self::Queue(queue) if let InQueue::Gateway(lane) = &**queue => lane.is_drained(),
            other => other.len_estimate() == 0,
        }
    }

    /// Ends what foreign threads may send.
    pub(crate) fn close_gateway(&mut self) {
        if let Self::Queue(queue) = self
            && let InQueue::Gateway(lane) = &mut **queue
        {
            lane.close();
        }
    }
}

/// The lane at the sending end.
pub(crate) enum OutLane<F: Frame> {
    /// To an agent on the same worker.
    Local(local::Producer<F>),
    /// To an agent on another worker.
    Cross(spsc::Producer<F, InFrame>),
    /// Of a lossy port.
    Lossy(lossy::Producer<F>),
}

/// The sending end of an edge.
#[repr(align(64))]
pub(crate) struct OutEdge<F: Frame> {
    pub(crate) lane: OutLane<F>,
    pub(crate) target: AgentId,
    /// Most messages that one handler call may emit here; 0 unless the edge holds.
    pub(crate) burst: usize,
    /// Keys that an offer may name: those of a lane that keeps the latest value a key.
    pub(crate) keys: usize,
    /// Wakes the target's worker, when that worker parks.
    pub(crate) waker: Option<Waker>,
    /// The target's place on this worker, when a local lane leads there.
    pub(crate) cell: Option<usize>,
}

impl<F: Frame> OutEdge<F> {
    /// Slots that are free, looking at the peer only when fewer than `want` are known to be.
    #[inline]
    pub(crate) fn free_at_least(&mut self, want: usize) -> usize {
        match &mut self.lane {
            OutLane::Local(lane) => lane.free_at_least(want),
            OutLane::Cross(lane) => lane.free_at_least(want),
            OutLane::Lossy(_) => usize::MAX,
        }
    }

    /// The private tail, to take back what is staged from here on.
    #[inline(always)]
    pub(crate) fn mark(&self) -> u64 {
        match &self.lane {
            OutLane::Local(lane) => lane.mark(),
            OutLane::Cross(lane) => lane.mark(),
            OutLane::Lossy(_) => 0,
        }
    }

    /// Stages a frame behind the private tail; false when the lane is full.
    #[inline(always)]
    pub(crate) fn stage(&mut self, frame: F) -> bool {
        match &mut self.lane {
            OutLane::Local(lane) => lane.emit(frame).is_ok(),
            OutLane::Cross(lane) => lane.emit(frame).is_ok(),
            OutLane::Lossy(_) => false,
        }
    }

    /// Stages frames behind the private tail, while there is room and as long as there are any; returns how many.
    #[inline(always)]
    pub(crate) fn stage_all(&mut self, frames: impl Iterator<Item = F>) -> usize {
        match &mut self.lane {
            OutLane::Local(lane) => lane.emit_all(frames),
            OutLane::Cross(lane) => lane.emit_all(frames),
            OutLane::Lossy(_) => 0,
        }
    }

    /// Takes back what was staged since `mark`, each shown to `look` first.
    pub(crate) fn rewind(&mut self, mark: u64, look: impl FnMut(&F)) {
        if mark >= self.mark() {
            return;
        }
        match &mut self.lane {
            OutLane::Local(lane) => {
                lane.staged_since(mark).for_each(look);
                lane.rewind(mark);
            }
            OutLane::Cross(lane) => {
                lane.staged_since(mark).for_each(look);
                lane.rewind(mark);
            }
            OutLane::Lossy(_) => {}
        }
    }

    /// Makes what was staged visible, and sees to it that the target looks.
    #[inline]
    pub(crate) fn publish(&mut self, ready: &mut Ready) {
        match &mut self.lane {
            OutLane::Local(lane) => {
                lane.publish();
                if let Some(cell) = self.cell {
                    ready.set(cell);
                }
            }
            OutLane::Cross(lane) => {
                if lane.publish() > 0 {
                    self.wake();
                }
            }
            OutLane::Lossy(_) => {}
        }
    }

    /// Wakes the target's worker, when it parks.
    #[inline]
    pub(crate) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake();
        }
    }
}
