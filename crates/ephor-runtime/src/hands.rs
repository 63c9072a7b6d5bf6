//! An agent's hands: its ports and edges, and what the handler call in progress has done with them.
//!
//! A call stages frames behind private tails. When it returns they stay staged until the batch ends and
//! is published; when it panics, each edge it touched is set back to where the call began.
//!
//! What can be paid once is: a port knows the header of its messages and what of it may pass before the first one; a
//! header that was found to pass passes again until its time changes; the first use of a port in a call notes where its
//! edge stood; counters are added up in the port and written when the batch is published, for the ports that were used
//! and no others. A message itself costs a few comparisons and the stores into its slot.

use std::sync::Arc;

use arrayvec::ArrayVec;
use ephor_constitution::{Pass, Verdict, check};
use ephor_core::{AgentId, Correlation, Frame, Header, Message, Ticks};
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
#[repr(align(64))]
pub(crate) struct PortState {
    /// What each of its messages begins with; only correlation and time differ.
    pub(crate) template: Header,
    /// The time with which that was found to pass; see [`PortState::admits`].
    pub(crate) admitted_at: Option<Ticks>,
    /// What of it may pass.
    pub(crate) pass: Pass,
    pub(crate) edge: usize,
    /// Row of the port's kind in the counters.
    pub(crate) row: usize,
    /// Most messages a call, for hold ports; 0 for others.
    pub(crate) burst: usize,
    /// For the message of a panic: what the port carries and where to.
    pub(crate) label: String,
    pub(crate) uses: Uses,
}

/// How a port was used.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// The call that used the port last.
    call: u64,
    /// Messages sent in that call, which are taken back should it panic.
    count: usize,
    /// Messages that were passed on in that call; they take room like those that are sent.
    forwards: usize,
    /// Messages sent for good and not yet in the counters.
    sent: u64,
    /// Whether the port is listed among those to be published.
    is_listed: bool,
}

impl PortState {
    /// The header of the next message.
    #[inline(always)]
    fn header<M: Message>(&self, correlation: &mut u64, env: &Env) -> Header {
        let mut header = self.template;
        if M::LOAN {
            header.flags = header.flags.with_loan();
        }
        header.correlation = Correlation(*correlation);
        header.sent_ticks = env.sent_ticks();
        *correlation += 1;
        header
    }

    /// Whether a message with `header`, which this port made, may enter the lane now.
    ///
    /// Two headers of a port differ in correlation and time alone, and the pass does not look at the correlation; so one
    /// with the time of a header that was admitted is admitted. It is checked at the time that it bears.
    #[inline(always)]
    fn admits(&mut self, header: &Header) -> bool {
        self.admitted_at == Some(header.sent_ticks) || self.check(header)
    }

    #[inline]
    fn check(&mut self, header: &Header) -> bool {
        let is_admitted = self.pass.admits(header, header.sent_ticks);
        self.admitted_at = is_admitted.then_some(header.sent_ticks);
        is_admitted
    }

    #[inline(always)]
    fn assert_within_burst(&self) {
        assert!(
            self.uses.count + self.uses.forwards <= self.burst,
            "port {} may emit {} message(s) a handler call and was asked for more",
            self.label,
            self.burst
        );
    }
}

impl Uses {
    /// Begins a call's uses, and lists the port among those to be published.
    #[inline]
    fn begin(&mut self, call: u64, at: usize, used: &mut Vec<u16>) {
        self.sent += self.count as u64;
        self.count = 0;
        self.forwards = 0;
        self.call = call;
        if !self.is_listed {
            self.is_listed = true;
            used.push(at as u16);
        }
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
    /// False once the agent has shown that it has no source of its own; see [`crate::Agent::on_cycle`].
    pub(crate) has_cycle: bool,
    offers: ArrayVec<Staged<F>, OFFER_LIMIT>,
    call: u64,
    /// Records that one call may owe the trail: its own, and one for each message that it may send and that is refused.
    records: usize,
    /// Ports that were used since the last publication. Room for all of them is there.
    used: Vec<u16>,
    /// Messages of one kind handled in a row and not yet in the counters.
    run: u64,
    run_row: usize,
    /// Settled and counted since the last publication.
    done: u64,
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
        Self {
            me,
            records: 1 + edges.iter().map(|edge| edge.burst).sum::<usize>(),
            edges,
            counters,
            drill: drill.map(Box::new),
            has_cycle: true,
            offers: ArrayVec::new(),
            call: 0,
            used: Vec::with_capacity(ports.len()),
            run: 0,
            run_row: 0,
            done: 0,
            next_correlation: 0,
            ports,
        }
    }

    /// How many handler calls there is room for, at most `limit`: the firing rule.
    #[inline]
    pub(crate) fn room(&mut self, limit: usize, env: &mut Env) -> usize {
        let mut calls = limit;
        for edge in &mut self.edges {
            let free = edge.free_at_least(edge.burst * calls);
            if free < edge.burst * calls {
                calls = free / edge.burst;
            }
        }
        if let Some(trail) = &mut env.trail {
            let free = trail.lane.free_at_least(self.records * calls);
            if free < self.records * calls {
                calls = free / self.records;
            }
        }
        calls
    }

    /// Whether one call has room in every hold lane; hooks run under this part of the rule.
    pub(crate) fn has_hold_room(&mut self) -> bool {
        self.edges.iter_mut().all(|edge| edge.free_at_least(edge.burst) >= edge.burst)
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
        for port in self.ports.iter_mut().filter(|port| port.uses.call == self.call) {
            port.uses.count = 0;
        }
        self.call += 1;
    }

    /// Makes visible what the finished calls emitted, in the order that the quiescence test needs.
    #[inline]
    pub(crate) fn publish(&mut self, env: &mut Env) {
        if !self.used.is_empty() {
            self.count_sent();
            for at in &self.used {
                let port = &mut self.ports[usize::from(*at)];
                port.uses.is_listed = false;
                self.edges[port.edge].publish();
            }
            self.used.clear();
        }
        env.publish();
        self.count_run();
        if self.done > 0 {
            self.counters.post_done(self.done);
            self.done = 0;
        }
    }

    /// Emits to a hold port.
    #[inline(always)]
    pub(crate) fn emit<M: Message>(&mut self, port: PortId, message: &M, env: &mut Env) {
        let (at, state, edge, correlation) = self.port(port);
        state.uses.count += 1;
        state.assert_within_burst();
        let header = state.header::<M>(correlation, env);
        if F::IS_GOVERNED && !state.admits(&header) {
            return self.refuse(at, &F::carry(header, message), env);
        }
        let staged = edge.stage(F::carry(header, message));
        assert!(staged, "a hold lane was full although room for this call was seen: {}", state.label);
    }

    /// Emits to a refusing port.
    #[inline(always)]
    pub(crate) fn try_emit<M: Message>(
        &mut self,
        port: PortId,
        message: M,
        env: &mut Env,
    ) -> Result<(), Full<M>> {
        let (at, state, edge, correlation) = self.port(port);
        if edge.free_at_least(1) == 0 {
            return Err(Full(message));
        }
        state.uses.count += 1;
        let header = state.header::<M>(correlation, env);
        if F::IS_GOVERNED && !state.admits(&header) {
            self.refuse(at, &F::carry(header, &message), env);
        } else {
            let staged = edge.stage(F::carry(header, &message));
            debug_assert!(staged, "room for one was seen just now");
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
        let (at, state, edge, correlation) = self.port(port);
        let keys = edge.keys;
        assert!(key < keys, "port {} has {keys} keys and was offered key {key}", state.label);
        state.uses.count += 1;
        let header = state.header::<M>(correlation, env);
        let frame = F::carry(header, message);
        if F::IS_GOVERNED && !state.admits(&header) {
            self.refuse(at, &frame, env);
            return Offered::Shed;
        }
        let edge = state.edge;
        if self.offers.try_push(Staged { edge, key, frame }).is_err() {
            self.settle(&frame, Fate::new(Disposition::Shed, Boundary::Entry), env);
            self.keep_one(at);
            return Offered::Shed;
        }
        Offered::Staged
    }

    /// Passes the message in hand on to a hold port; says what the check said.
    #[inline]
    pub(crate) fn forward(&mut self, port: PortId, hand: &F, env: &mut Env) -> Verdict {
        let me = self.me;
        let (_, state, edge, _) = self.port(port);
        state.uses.forwards += 1;
        state.assert_within_burst();
        let mut frame = *hand;
        if let Some(loan) = &env.loan {
            // The block is shared anew when the handler has returned, under this handle.
            let handle = loan.next_handle().to_bits();
            frame.payload_mut()[..size_of::<u64>()].copy_from_slice(&handle.to_ne_bytes());
        }
        let header = frame.header_mut();
        header.stamp = state.template.stamp;
        header.source = me;
        header.target = edge.target;
        header.flags = header.flags.with_tenant(state.template.flags.tenant());
        header.sent_ticks = env.sent_ticks();
        let verdict = check(header, &env.tables, env.now.max(header.sent_ticks));
        if verdict.is_permit() {
            let staged = edge.stage(frame);
            assert!(staged, "a hold lane was full although room for this call was seen: {}", state.label);
        } else {
            state.uses.forwards -= 1;
        }
        verdict
    }

    /// Begins a run of messages of one kind.
    #[inline]
    pub(crate) fn begin_run(&mut self, row: usize) {
        if row != self.run_row {
            self.count_run();
            self.run_row = row;
        }
    }

    /// Counts a message of the run that was handled, with nothing else to be done at its end.
    #[inline(always)]
    pub(crate) fn handled(&mut self) {
        self.run += 1;
    }

    /// Counts and concludes a message whose fate is settled here.
    pub(crate) fn settle(&mut self, frame: &F, fate: Fate, env: &mut Env) {
        self.counters.settled(env.kinds.row(frame.header().kind), fate.disposition, 1);
        self.done += 1;
        env.conclude(frame, fate);
    }

    /// Finds the port, its edge and the next correlation, and notes where the edge stands when this call has not used the
    /// port before.
    #[inline(always)]
    fn port(&mut self, port: PortId) -> (usize, &mut PortState, &mut OutEdge<F>, &mut u64) {
        let Self { me, edges, ports, used, call, next_correlation, .. } = self;
        assert!(port.agent == *me, "a port of agent {} was used by agent {}", port.agent.0, me.0);
        let at = usize::from(port.port);
        let state = &mut ports[at];
        let edge = &mut edges[state.edge];
        if state.uses.call != *call {
            state.uses.begin(*call, at, used);
            edge.begin(*call);
        }
        (at, state, edge, next_correlation)
    }

    /// Keeps a message counted as sent even if the call panics: its fate is settled already.
    fn keep_one(&mut self, at: usize) {
        let uses = &mut self.ports[at].uses;
        uses.count -= 1;
        uses.sent += 1;
    }

    /// Writes what was sent through the ports into the counters.
    fn count_sent(&mut self) {
        let mut all = 0;
        for at in &self.used {
            let PortState { uses, row, .. } = &mut self.ports[usize::from(*at)];
            let sent = std::mem::take(&mut uses.sent) + std::mem::take(&mut uses.count) as u64;
            self.counters.sent(*row, sent);
            all += sent;
        }
        self.counters.post_sent(all);
    }

    /// Writes the messages of one kind that were handled into the counters.
    #[inline]
    fn count_run(&mut self) {
        if self.run > 0 {
            self.counters.settled(self.run_row, Disposition::Handled, self.run);
            self.done += self.run;
            self.run = 0;
        }
    }

    /// Settles a message that the check refused at the entry. Not taken back by a later panic.
    #[cold]
    fn refuse(&mut self, at: usize, frame: &F, env: &mut Env) {
        let header = frame.header();
        let verdict = check(header, &env.tables, env.now.max(header.sent_ticks));
        assert!(
            !verdict.is_permit(),
            "a port's pass refused what the check permits: {}",
            self.ports[at].label
        );
        self.keep_one(at);
        self.settle(frame, Fate::by_check(verdict, Boundary::Entry), env);
    }

    /// Pushes the offers of a call that returned; what a lane sheds for them is counted.
    fn send_offers(&mut self, env: &mut Env) {
        // The message must be counted as sent before its target can see it.
        self.count_sent();
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
