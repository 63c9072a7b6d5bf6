//! What a handler can do: emit, offer, forward, deny, schedule, and look at the message in hand.

use ephor_core::{AgentId, Correlation, Frame, Frame128, Header, Message, Ticks};

use crate::env::{Alarm, Env};
use crate::hands::Hands;
use crate::port::{Full, Lossy, Offered, Out, TryOut};
use crate::supervision::{Notice, NoticeEnd};
use crate::trail::{Boundary, Fate, Record, TrailEnd};
use crate::wheel::TimerId;
use crate::{Disposition, control::Control};

/// Every timer of the worker is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all timers of this worker are in use")]
pub struct TimersFull;

/// The two streams that overseers read, each given to one agent.
#[derive(Default)]
pub(crate) struct Streams {
    pub(crate) trail: Option<TrailEnd>,
    pub(crate) notices: Option<NoticeEnd>,
}

/// The context of a handler call.
pub struct Cx<'a, F: Frame = Frame128> {
    pub(crate) hands: &'a mut Hands<F>,
    pub(crate) env: &'a mut Env,
    pub(crate) streams: &'a mut Streams,
    /// The message in hand; none in hooks.
    pub(crate) hand: Option<&'a F>,
    pub(crate) fate: Fate,
    /// Index of the agent on its worker, and which of its lives this is.
    pub(crate) cell: u16,
    pub(crate) life: u32,
}

impl<F: Frame> Cx<'_, F> {
    /// Emits `message` to a hold port. There is room: the agent would not have run without.
    ///
    /// The message is checked as it enters the lane; one that is denied is counted and recorded.
    ///
    /// # Panics
    /// When the port has emitted its `K` messages in this call already, and when it belongs to another
    /// agent. The panic is supervised.
    #[inline]
    pub fn emit<M: Message, const K: usize>(&mut self, port: &Out<M, K>, message: M) {
        self.hands.emit(port.id, message, self.env);
    }

    /// Emits each of `messages` to a hold port, as [`emit`](Self::emit) does; for bursts, at a fraction of its cost.
    ///
    /// ```
    /// # use ephor_runtime::{Cx, Out};
    /// # use ephor_core::{Frame, Message};
    /// fn burst<F: Frame, M: Message>(out: &Out<M, 64>, messages: [M; 64], cx: &mut Cx<'_, F>) {
    ///     cx.emit_all(out, messages);
    /// }
    /// ```
    ///
    /// # Panics
    /// As [`emit`](Self::emit), of the first message that is one too many.
    #[inline]
    pub fn emit_all<M: Message, const K: usize>(
        &mut self,
        port: &Out<M, K>,
        messages: impl IntoIterator<Item = M>,
    ) {
        self.hands.emit_all(port.id, messages.into_iter(), self.env);
    }

    /// Emits `message` to a refusing port.
    ///
    /// # Errors
    /// [`Full`], with the message inside, when the lane is full. It was not sent.
    #[inline]
    pub fn try_emit<M: Message>(&mut self, port: &TryOut<M>, message: M) -> Result<(), Full<M>> {
        self.hands.try_emit(port.id, message, self.env)
    }

    /// Offers `message` to a lossy port, fire and forget.
    #[inline]
    pub fn offer<M: Message>(&mut self, port: &Lossy<M>, message: M) -> Offered {
        self.hands.offer(port.id, 0, &message, self.env)
    }

    /// Offers `message` under `key` to a lossy port that keeps the latest value a key.
    #[inline]
    pub fn offer_key<M: Message>(&mut self, port: &Lossy<M>, key: usize, message: M) -> Offered {
        self.hands.offer(port.id, key, &message, self.env)
    }

    /// Passes the message in hand on, as the same message: it stays in flight and counts once.
    ///
    /// Source, target and time become those of the new hop; correlation, payload, receipt and loan stay.
    ///
    /// # Panics
    /// When there is no message in hand, it is not an `M`, or it was forwarded, denied or held already.
    #[inline]
    pub fn forward<M: Message, const K: usize>(&mut self, port: &Out<M, K>) {
        let hand = self.hand.expect("only a message in hand can be forwarded");
        self.assert_undecided();
        assert!(hand.header().kind == M::KIND, "the message in hand is not a {}", M::NAME);
        let verdict = self.hands.forward(port.id, hand, self.env);
        self.fate = if verdict.is_permit() {
            Fate::new(Disposition::Forwarded, Boundary::Handler)
        } else {
            Fate::by_check(verdict, Boundary::Entry)
        };
    }

    /// Refuses the message in hand: it counts as denied, with `reasons` in its record and receipt.
    ///
    /// The bits mean what the agent says they mean.
    ///
    /// # Panics
    /// When the message was forwarded already.
    pub fn deny(&mut self, reasons: u64) {
        self.assert_undecided();
        let fate = Fate::new(Disposition::Denied, Boundary::Handler);
        self.fate = Fate { reasons, ..fate };
    }

    /// Puts the message in hand aside for deliberation: it counts as held.
    ///
    /// # Panics
    /// When the message was forwarded already.
    pub fn hold(&mut self, reasons: u64) {
        self.assert_undecided();
        let fate = Fate::new(Disposition::Held, Boundary::Handler);
        self.fate = Fate { reasons, ..fate };
    }

    /// The header of the message in hand; none in hooks.
    pub fn header(&self) -> Option<&Header> {
        self.hand.map(Frame::header)
    }

    /// The correlation of the message in hand; 0 in hooks.
    pub fn correlation(&self) -> Correlation {
        self.header().map_or(Correlation(0), |header| header.correlation)
    }

    /// The bytes of the pool block that travels with the message in hand.
    ///
    /// The block is freed when the message ends, unless it is forwarded.
    pub fn loan(&self) -> Option<&[u8]> {
        self.env.loan.as_deref()
    }

    /// This agent's id.
    pub fn me(&self) -> AgentId {
        self.hands.me
    }

    /// Time of this pass of the worker, on the bus clock. Free.
    #[inline]
    pub fn now(&self) -> Ticks {
        self.env.now
    }

    /// Reads the bus clock, about 10 ns.
    pub fn read_clock(&self) -> Ticks {
        self.env.clock.now()
    }

    /// Schedules [`Agent::on_timer`](crate::Agent::on_timer) with `token`, no earlier than `deadline`.
    ///
    /// Rounded up to the next tick of the worker's wheel, 1 ms. O(1), no allocation. The timers of an
    /// agent die with it: one that is rebuilt schedules anew in its start hook.
    ///
    /// # Errors
    /// [`TimersFull`] when the worker's timers are all in use.
    pub fn schedule(&mut self, deadline: Ticks, token: u64) -> Result<TimerId, TimersFull> {
        let alarm = Alarm { cell: self.cell, life: self.life, token };
        self.env.timers.schedule(deadline.as_ns(), alarm).map_err(|_| TimersFull)
    }

    /// Cancels a timer; false when it has fired or was cancelled.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        self.env.timers.cancel(timer).is_some()
    }

    /// Takes the next audit record. Only the topology's auditor gets any.
    pub fn next_record(&mut self) -> Option<Record> {
        self.streams.trail.as_mut()?.next()
    }

    /// Takes the next supervision notice. Only the topology's supervisor gets any.
    pub fn next_notice(&mut self) -> Option<Notice> {
        self.streams.notices.as_mut()?.next()
    }

    /// Orders a crashed agent to be rebuilt. False when its control lane is full: try again.
    #[must_use]
    pub fn restart(&mut self, agent: AgentId) -> bool {
        self.env.controls.to_agent(agent, Control::Restart(agent))
    }

    /// Orders a crashed agent to be stopped for good. False when its control lane is full: try again.
    #[must_use]
    pub fn abandon(&mut self, agent: AgentId) -> bool {
        self.env.controls.to_agent(agent, Control::Abandon(agent))
    }

    fn assert_undecided(&self) {
        assert!(
            self.fate.disposition == Disposition::Handled,
            "the fate of the message in hand is decided already: {}",
            self.fate.disposition
        );
    }
}
