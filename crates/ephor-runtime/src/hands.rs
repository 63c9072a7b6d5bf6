//! An agent's hands: its ports and edges, and what the handler call in progress has done with them.
//!
//! A call stages frames behind private tails. When it returns they stay staged until the batch ends and
//! is published; when it panics, each edge it touched is set back to where the call began.

use std::sync::Arc;

use arrayvec::ArrayVec;
use ephor_constitution::{Verdict, check};
use ephor_core::{AgentId, Correlation, Frame, Header, Message};
use ephor_lane::lossy::Offer;

use crate::Disposition;
use crate::drill::PanicAt;
use crate::edge::{OutEdge, OutLane};
use crate::env::Env;
use crate::ledger::Counters;
use crate::port::{Full, Offered, PortId};
use crate::trail::{Boundary, Fate};

/// Offers to lossy ports that one handler call can make; what goes beyond is shed.
pub(crate) const OFFER_LIMIT: usize = 16;

/// One port of the agent.
#[derive(Debug)]
pub(crate) struct PortState {
    pub(crate) edge: usize,
    /// Row of the port's kind in the counters.
    pub(crate) row: usize,
    /// Most messages a call, for hold ports; 0 for others.
    pub(crate) burst: usize,
    /// For the message of a panic: what the port carries and where to.
    pub(crate) label: String,
    /// The call that used the port last, and how often it did.
    pub(crate) call: u64,
    pub(crate) count: usize,
    /// Messages that were passed on through it in that call; they take room like those that are sent.
    pub(crate) forwards: usize,
}

impl PortState {
    #[inline]
    fn assert_within_burst(&self) {
        assert!(
            self.count + self.forwards <= self.burst,
            "port {} may emit {} message(s) a handler call and was asked for more",
            self.label,
            self.burst
        );
    }
}

/// An offer that waits for its handler to return.
struct Staged<F> {
    edge: usize,
    key: usize,
    frame: F,
}

/// An agent's sending side.
pub(crate) struct Hands<F: Frame> {
    pub(crate) me: AgentId,
    pub(crate) edges: Vec<OutEdge<F>>,
    pub(crate) ports: Vec<PortState>,
    pub(crate) counters: Arc<Counters>,
    /// A fault put in on purpose; it outlives the agent, like the mailbox.
    pub(crate) drill: Option<Box<PanicAt>>,
    offers: ArrayVec<Staged<F>, OFFER_LIMIT>,
    call: u64,
    /// Counted since the last publication.
    sent: u64,
    done: u64,
    /// Whether a lane holds something that is not published yet.
    has_staged: bool,
    next_correlation: u64,
}

impl<F: Frame> Hands<F> {
    pub(crate) fn new(
        me: AgentId,
        edges: Vec<OutEdge<F>>,
        ports: Vec<PortState>,
        counters: Arc<Counters>,
        drill: Option<PanicAt>,
    ) -> Self {
        let offers = ArrayVec::new();
        Self {
            me,
            edges,
            ports,
            counters,
            drill: drill.map(Box::new),
            offers,
            call: 0,
            sent: 0,
            done: 0,
            has_staged: false,
            next_correlation: 0,
        }
    }

    /// How many handler calls there is room for, at most `limit`: the firing rule.
    #[inline]
    pub(crate) fn room(&mut self, limit: usize, env: &mut Env) -> usize {
        let mut calls = limit;
        let mut records = 1;
        for edge in &mut self.edges {
            if edge.burst > 0 {
                records += edge.burst;
                calls = calls.min(edge.free_at_least(edge.burst * calls) / edge.burst);
            }
        }
        match &mut env.trail {
            Some(trail) => calls.min(trail.lane.free_at_least(records * calls) / records),
            None => calls,
        }
    }

    /// Whether one call has room in every hold lane; hooks run under this part of the rule.
    pub(crate) fn has_hold_room(&mut self) -> bool {
        self.edges.iter_mut().all(|edge| edge.burst == 0 || edge.free_at_least(edge.burst) >= edge.burst)
    }

    /// How many records there is room for, at most `limit`.
    pub(crate) fn record_room(&self, limit: usize, env: &mut Env) -> usize {
        match &mut env.trail {
            Some(trail) if !env.is_unrecorded => trail.lane.free_at_least(limit).min(limit),
            _ => limit,
        }
    }

    /// Begins a handler call.
    #[inline]
    pub(crate) fn begin_call(&mut self) {
        self.call += 1;
    }

    /// Ends a handler call that returned: its offers leave.
    #[inline]
    pub(crate) fn end_call(&mut self, env: &mut Env) {
        if !self.offers.is_empty() {
            self.send_offers(env);
        }
    }

    /// Ends a handler call that panicked: nothing it sent has been sent.
    pub(crate) fn rewind_call(&mut self, env: &Env) {
        for offer in self.offers.drain(..) {
            free_loan(env, &offer.frame);
        }
        for edge in &mut self.edges {
            edge.each_staged(self.call, |frame| free_loan(env, frame));
            edge.rewind(self.call);
        }
        for port in self.ports.iter().filter(|port| port.call == self.call) {
            self.counters.unsent(port.row, port.count as u64);
            self.sent = self.sent.wrapping_sub(port.count as u64);
        }
        self.call += 1;
    }

    /// Makes visible what the finished calls emitted, in the order that the quiescence test needs.
    #[inline]
    pub(crate) fn publish(&mut self, env: &mut Env) {
        if self.sent > 0 {
            self.counters.post_sent(self.sent);
            self.sent = 0;
        }
        if self.has_staged {
            self.has_staged = false;
            for edge in &mut self.edges {
                edge.publish();
            }
        }
        env.publish();
        if self.done > 0 {
            self.counters.post_done(self.done);
            self.done = 0;
        }
    }

    /// Emits to a hold port.
    #[inline]
    pub(crate) fn emit<M: Message>(&mut self, port: PortId, message: &M, env: &mut Env) {
        let at = self.count_use(port);
        self.ports[at].assert_within_burst();
        let (frame, verdict) = self.prepare(at, message, env);
        if verdict.is_permit() {
            let edge = self.ports[at].edge;
            let staged = self.edges[edge].stage(frame, self.call);
            assert!(
                staged,
                "a hold lane was full although room for this call was seen: {}",
                self.ports[at].label
            );
            self.has_staged = true;
        } else {
            self.refuse(at, &frame, verdict, env);
        }
    }

    /// Emits to a refusing port.
    #[inline]
    pub(crate) fn try_emit<M: Message>(
        &mut self,
        port: PortId,
        message: M,
        env: &mut Env,
    ) -> Result<(), Full<M>> {
        let at = self.count_use(port);
        let edge = self.ports[at].edge;
        if self.edges[edge].free_at_least(1) == 0 {
            self.uncount(at);
            return Err(Full(message));
        }
        let (frame, verdict) = self.prepare(at, &message, env);
        if verdict.is_permit() {
            let staged = self.edges[edge].stage(frame, self.call);
            debug_assert!(staged, "room for one was seen just now");
            self.has_staged = true;
        } else {
            self.refuse(at, &frame, verdict, env);
        }
        Ok(())
    }

    /// Offers to a lossy port; `key` matters to lanes that keep the latest value a key.
    #[inline]
    pub(crate) fn offer<M: Message>(
        &mut self,
        port: PortId,
        key: usize,
        message: &M,
        env: &mut Env,
    ) -> Offered {
        let at = self.count_use(port);
        let state = &self.ports[at];
        let keys = self.edges[state.edge].keys;
        assert!(key < keys, "port {} has {keys} keys and was offered key {key}", state.label);
        let (frame, verdict) = self.prepare(at, message, env);
        if !verdict.is_permit() {
            self.refuse(at, &frame, verdict, env);
            return Offered::Shed;
        }
        let staged = Staged { edge: self.ports[at].edge, key, frame };
        if self.offers.try_push(staged).is_err() {
            self.settle(&frame, Fate::new(Disposition::Shed, Boundary::Entry), env);
            self.uncount_keeping_the_send(at);
            return Offered::Shed;
        }
        Offered::Staged
    }

    /// Passes the message in hand on to a hold port; says what the check said.
    #[inline]
    pub(crate) fn forward(&mut self, port: PortId, hand: &F, env: &mut Env) -> Verdict {
        let at = self.use_port(port);
        let state = &mut self.ports[at];
        state.forwards += 1;
        state.assert_within_burst();
        let edge = &mut self.edges[state.edge];
        let mut frame = *hand;
        if let Some(loan) = &env.loan {
            // The block is shared anew when the handler has returned, under this handle.
            let handle = loan.next_handle().to_bits();
            frame.payload_mut()[..size_of::<u64>()].copy_from_slice(&handle.to_ne_bytes());
        }
        let header = frame.header_mut();
        header.stamp = env.tables.stamp();
        header.source = self.me;
        header.target = edge.target;
        header.flags = header.flags.with_tenant(edge.flags.tenant());
        header.sent_ticks = env.sent_ticks();
        let verdict = check(header, &env.tables, env.now.max(header.sent_ticks));
        if verdict.is_permit() {
            let staged = edge.stage(frame, self.call);
            assert!(staged, "a hold lane was full although room for this call was seen: {}", state.label);
            self.has_staged = true;
        } else {
            state.forwards -= 1;
        }
        verdict
    }

    /// Counts and concludes a message whose fate is settled here.
    #[inline]
    pub(crate) fn settle(&mut self, frame: &F, fate: Fate, env: &mut Env) {
        self.counters.settled(env.kinds.row(frame.header().kind), fate.disposition);
        self.done += 1;
        env.conclude(frame, fate);
    }

    /// Finds the port and counts one use of it, as one message sent.
    #[inline]
    fn count_use(&mut self, port: PortId) -> usize {
        let at = self.use_port(port);
        let state = &mut self.ports[at];
        state.count += 1;
        self.counters.sent(state.row);
        self.sent += 1;
        at
    }

    /// Finds the port; its counts begin anew with each call.
    #[inline]
    fn use_port(&mut self, port: PortId) -> usize {
        assert!(port.agent == self.me, "a port of agent {} was used by agent {}", port.agent.0, self.me.0);
        let at = usize::from(port.port);
        let state = &mut self.ports[at];
        if state.call != self.call {
            state.call = self.call;
            state.count = 0;
            state.forwards = 0;
        }
        at
    }

    /// Takes a use back altogether.
    fn uncount(&mut self, at: usize) {
        self.uncount_keeping_the_send(at);
        self.counters.unsent(self.ports[at].row, 1);
        self.sent -= 1;
    }

    /// Keeps a message counted as sent even if the call panics: its fate is settled already.
    fn uncount_keeping_the_send(&mut self, at: usize) {
        self.ports[at].count -= 1;
    }

    /// Makes the frame and checks it.
    #[inline]
    fn prepare<M: Message>(&mut self, at: usize, message: &M, env: &Env) -> (F, Verdict) {
        let edge = &self.edges[self.ports[at].edge];
        let mut header = Header::of::<M>();
        header.stamp = env.tables.stamp();
        header.flags = merge_loan(edge.flags, M::LOAN);
        header.source = self.me;
        header.target = edge.target;
        header.correlation = Correlation(self.next_correlation);
        header.sent_ticks = env.sent_ticks();
        self.next_correlation += 1;
        let verdict = check(&header, &env.tables, env.now.max(header.sent_ticks));
        (F::carry(header, message), verdict)
    }

    /// Settles a message that the check refused at the entry. Not taken back by a later panic.
    #[cold]
    fn refuse(&mut self, at: usize, frame: &F, verdict: Verdict, env: &mut Env) {
        self.uncount_keeping_the_send(at);
        self.settle(frame, Fate::by_check(verdict, Boundary::Entry), env);
    }

    /// Pushes the offers of a call that returned; what a lane sheds for them is counted.
    fn send_offers(&mut self, env: &mut Env) {
        // The message must be counted as sent before its target can see it.
        self.counters.post_sent(self.sent);
        self.sent = 0;
        for Staged { edge, key, frame } in std::mem::take(&mut self.offers) {
            let OutLane::Lossy(lane) = &mut self.edges[edge].lane else { continue };
            let offer = lane.offer(key, frame);
            self.edges[edge].wake();
            if let Offer::Shed(lost) = offer {
                self.settle(&lost, Fate::new(Disposition::Shed, Boundary::Entry), env);
            }
        }
    }
}

/// Frees the block of a staged frame that is taken back.
fn free_loan<F: Frame>(env: &Env, frame: &F) {
    if frame.header().flags.has_loan() {
        drop(env.redeem(frame));
    }
}

fn merge_loan(flags: ephor_core::Flags, loan: bool) -> ephor_core::Flags {
    if loan { flags.with_loan() } else { flags }
}
