//! An agent's hands: its ports and edges, and what the handler call in progress has done with them.
//!
//! A call stages frames behind private tails. When it returns they stay staged until the batch ends and
//! is published; when it panics, each edge it touched is set back to where the call began.
//!
//! What can be paid once is. A port knows the header of its messages before the first one, but for the correlation, which the
//! check does not look at, and the time, which is the check's own: a message is neither old nor early when it is sent. So
//! the check of what a port sends is made when the port is; if it admits, messages go the short way. The first use of a port
//! in a call notes where its edge stood. Counters are added up in the port and written when the batch is published, for the
//! ports that were used and no others. A message of a burst that goes the short way costs two comparisons and the stores into its slot.

use std::sync::Arc;

use arrayvec::ArrayVec;
use ephor_constitution::{Pass, Verdict, check};
use ephor_core::{AgentId, Correlation, Frame, Header, Message};
use ephor_lane::lossy::Offer;

use crate::Disposition;
use crate::drill::Drill;
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
    /// What each of its messages begins with; only the correlation differs in one call.
    template: Header,
    /// How many messages of one call may go the short way: none when the check does not admit that header.
    short_way: u64,
    /// What of it may pass.
    pass: Pass,
    edge: usize,
    /// Row of the port's kind in the counters.
    row: usize,
    /// Most messages a call, for hold ports; 0 for others.
    burst: usize,
    /// For the message of a panic: what the port carries and where to.
    label: String,
    uses: Uses,
}

/// How a port was used.
#[derive(Debug, Default)]
struct Uses {
    /// The call that used the port last.
    call: u64,
    /// Where its edge's private tail stood when that call began with it.
    mark: u64,
    /// Messages sent and not yet in the counters.
    sent: u64,
    /// How many of them stay sent should that call panic.
    kept: u64,
    /// How many they may become the short way.
    limit: u64,
    /// Messages that were passed on in that call; they take room like those that are sent.
    forwards: u64,
    /// Whether the port is listed among those to be published.
    is_listed: bool,
}

/// What a port is made of.
#[derive(Debug)]
pub(crate) struct PortParts {
    pub(crate) template: Header,
    pub(crate) pass: Pass,
    pub(crate) edge: usize,
    pub(crate) row: usize,
    pub(crate) burst: usize,
    pub(crate) label: String,
}

impl PortState {
    /// Makes a port, and checks what it will send. Where the topology measures (`is_measured`), each message bears a time of
    /// its own and none goes the short way.
    pub(crate) fn new<F: Frame>(parts: PortParts, is_measured: bool) -> Self {
        let PortParts { template, pass, edge, row, burst, label } = parts;
        let is_admitted = !F::IS_GOVERNED || pass.admits(&template, template.sent_ticks);
        let short_way = match burst {
            _ if !is_admitted || is_measured => 0,
            0 => u64::MAX,
            burst => burst as u64,
        };
        Self { template, short_way, pass, edge, row, burst, label, uses: Uses::default() }
    }

    /// The header of the next message of the batch.
    #[inline(always)]
    fn header<M: Message>(&self, correlation: &mut u64) -> Header {
        let mut header = self.template;
        if M::LOAN {
            header.flags = header.flags.with_loan();
        }
        header.correlation = Correlation(*correlation);
        *correlation += 1;
        header
    }

    /// How many more messages of this call may go the short way.
    #[inline(always)]
    fn left(&self) -> usize {
        self.uses.limit.saturating_sub(self.uses.sent) as usize
    }

    /// Begins a call's uses of the port: notes where its edge stands.
    #[inline(always)]
    fn begin(&mut self, call: u64, mark: u64) {
        let uses = &mut self.uses;
        uses.call = call;
        uses.mark = mark;
        uses.kept = uses.sent;
        uses.limit = uses.sent.saturating_add(self.short_way);
        uses.forwards = 0;
    }

    /// Lists the port among those to be published, and stamps the time of this pass on its messages. Once a turn: cold
    /// not for being rare, but so that a message has the registers (`emit` of `benches/gates`, 3 instructions a message).
    #[cold]
    fn list<F: Frame>(&mut self, at: u16, used: &mut Vec<u16>, env: &Env) {
        self.uses.is_listed = true;
        used.push(at);
        self.template.sent_ticks = env.now;
        debug_assert!(
            !F::IS_GOVERNED || self.short_way == 0 || self.pass.admits(&self.template, env.now),
            "what was admitted when the port was made is admitted now"
        );
    }

    fn assert_within_burst(&self) {
        assert!(
            self.uses.sent - self.uses.kept + self.uses.forwards <= self.burst as u64,
            "port {} may emit {} message(s) a handler call and was asked for more",
            self.label,
            self.burst
        );
    }
}

#[cold]
fn no_room(state: &PortState) {
    panic!("a hold lane was full although room for this call was seen: {}", state.label)
}

#[cold]
fn foreign_port(of: AgentId, me: AgentId) {
    panic!("a port of agent {} was used by agent {}", of.0, me.0)
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
    pub(crate) drill: Option<Box<Drill>>,
    /// False once the agent has shown that it has no source of its own; see [`crate::Agent::on_cycle`].
    pub(crate) has_cycle: bool,
    offers: ArrayVec<Staged<F>, OFFER_LIMIT>,
    call: u64,
    /// Records that one call may owe the trail: its own, and one for each message that it may send and that is refused.
    records: usize,
    /// Ports that were used since the last publication. Room for all of them is there.
    used: Vec<u16>,
    /// Messages of one kind handled in a row and not yet in the counters, but for those of the run in progress.
    run: u64,
    /// The call after which that run began.
    run_begun: u64,
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
        drill: Option<Drill>,
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
            run_begun: 0,
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
        for port in self.ports.iter_mut().filter(|port| port.uses.call == self.call) {
            port.uses.sent = port.uses.kept;
            // Ports that share an edge each take back what the others have left.
            self.edges[port.edge].rewind(port.uses.mark, |frame| free_loan(env, frame));
        }
        self.call += 1;
    }

    /// Makes visible what the finished calls emitted, in the order that the quiescence test needs.
    #[inline]
    pub(crate) fn publish(&mut self, env: &mut Env) {
        if !self.used.is_empty() {
            // All of them, since ports may share an edge.
            self.count_sent();
            for at in &self.used {
                let port = &mut self.ports[usize::from(*at)];
                port.uses.is_listed = false;
                self.edges[port.edge].publish(&mut env.ready);
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
    pub(crate) fn emit<M: Message>(&mut self, port: PortId, message: M, env: &mut Env) {
        let (at, state, edges, correlation) = self.open(port, env);
        if state.uses.sent >= state.uses.limit {
            return self.emit_slowly(at, message, env);
        }
        state.uses.sent += 1;
        let header = state.header::<M>(correlation);
        if !edges[state.edge].stage(F::carry(header, &message)) {
            no_room(state);
        }
    }

    /// Emits each of `messages` to a hold port. What one message costs beside its bytes is paid once.
    #[inline(always)]
    pub(crate) fn emit_all<M: Message>(
        &mut self,
        port: PortId,
        mut messages: impl Iterator<Item = M>,
        env: &mut Env,
    ) {
        let (_, state, edges, correlation) = self.open(port, env);
        let mut header = state.header::<M>(&mut { *correlation });
        // Blocks of messages that are staged when `messages` panics must be found again: those go one by one.
        let short = if M::LOAN { 0 } else { state.left() };
        let frames = messages.by_ref().take(short).map(|message| {
            let frame = F::carry(header, &message);
            header.correlation.0 += 1;
            frame
        });
        let count = edges[state.edge].stage_all(frames);
        *correlation += count as u64;
        state.uses.sent += count as u64;
        messages.for_each(|message| self.emit(port, message, env));
    }

    /// Emits to a refusing port.
    #[inline(always)]
    pub(crate) fn try_emit<M: Message>(
        &mut self,
        port: PortId,
        message: M,
        env: &mut Env,
    ) -> Result<(), Full<M>> {
        let (at, state, edges, correlation) = self.open(port, env);
        let edge = &mut edges[state.edge];
        if edge.free_at_least(1) == 0 {
            return Err(Full(message));
        }
        if state.uses.sent >= state.uses.limit {
            self.emit_slowly(at, message, env);
            return Ok(());
        }
        state.uses.sent += 1;
        let header = state.header::<M>(correlation);
        if !edge.stage(F::carry(header, &message)) {
            no_room(state);
        }
        Ok(())
    }

    /// Emits a message that bears a time of its own, is refused, or is one too many.
    #[inline(never)]
    fn emit_slowly<M: Message>(&mut self, at: usize, message: M, env: &mut Env) {
        let state = &mut self.ports[at];
        state.uses.sent += 1;
        if state.burst > 0 {
            state.assert_within_burst();
        }
        let mut header = state.header::<M>(&mut self.next_correlation);
        header.sent_ticks = env.sent_ticks();
        let frame = F::carry(header, &message);
        if F::IS_GOVERNED && !state.pass.admits(&header, header.sent_ticks) {
            self.refuse(at, &frame, env);
        } else if !self.edges[state.edge].stage(frame) {
            no_room(state);
        }
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
        let (at, state, edges, correlation) = self.open(port, env);
        let (edge, keys) = (state.edge, edges[state.edge].keys);
        assert!(key < keys, "port {} has {keys} keys and was offered key {key}", state.label);
        state.uses.sent += 1;
        let mut header = state.header::<M>(correlation);
        header.sent_ticks = env.sent_ticks();
        let frame = F::carry(header, message);
        if F::IS_GOVERNED && !state.pass.admits(&header, header.sent_ticks) {
            self.refuse(at, &frame, env);
            return Offered::Shed;
        }
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
        let (_, state, edges, _) = self.open(port, env);
        let edge = &mut edges[state.edge];
        state.uses.forwards += 1;
        state.uses.limit = state.uses.limit.saturating_sub(1);
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
            if !edge.stage(frame) {
                no_room(state);
            }
        } else {
            state.uses.forwards -= 1;
        }
        verdict
    }

    /// How many handler calls were begun.
    #[inline]
    pub(crate) fn calls(&self) -> u64 {
        self.call
    }

    /// Begins the handler call of a message that is in no run.
    pub(crate) fn begin_call_alone(&mut self) {
        self.call += 1;
        self.run_begun = self.call;
    }

    /// Begins a run of messages of one kind, each of which begins a call.
    #[inline]
    pub(crate) fn begin_run(&mut self, row: usize) {
        if row != self.run_row {
            self.count_run();
            self.run_row = row;
        }
        self.run_begun = self.call;
    }

    /// Ends it: its messages were handled, with nothing else to be done, but for those that were not.
    #[inline(always)]
    pub(crate) fn end_run(&mut self) {
        self.run = self.run.wrapping_add(self.call - self.run_begun);
    }

    /// Ends it in the middle of a call, which does not count.
    pub(crate) fn break_run(&mut self) {
        self.run = self.run.wrapping_add((self.call - 1).saturating_sub(self.run_begun));
    }

    /// Leaves a message of the run in progress out of its count.
    pub(crate) fn unhandled(&mut self) {
        self.run = self.run.wrapping_sub(1);
    }

    /// Counts and concludes a message whose fate is settled here.
    pub(crate) fn settle(&mut self, frame: &F, fate: Fate, env: &mut Env) {
        self.counters.settled(env.kinds.row(frame.header().kind), fate.disposition, 1);
        self.done += 1;
        env.conclude(frame, fate);
    }

    /// Finds the port, beside the edges and the next correlation, and begins with it when this call has not used it before.
    #[inline(always)]
    fn open(&mut self, port: PortId, env: &Env) -> (usize, &mut PortState, &mut [OutEdge<F>], &mut u64) {
        let Self { me, edges, ports, used, call, next_correlation, .. } = self;
        if port.agent != *me {
            foreign_port(port.agent, *me);
        }
        let at = usize::from(port.port);
        let state = &mut ports[at];
        if state.uses.call != *call {
            state.begin(*call, edges[state.edge].mark());
            if !state.uses.is_listed {
                state.list::<F>(port.port, used, env);
            }
        }
        (at, state, edges, next_correlation)
    }

    /// Keeps a message counted as sent even if the call panics: its fate is settled already.
    fn keep_one(&mut self, at: usize) {
        self.ports[at].uses.kept += 1;
    }

    /// Writes what was sent through the ports into the counters. Before any target can see it.
    #[inline]
    fn count_sent(&mut self) {
        let mut all = 0;
        for at in &self.used {
            let PortState { uses, row, .. } = &mut self.ports[usize::from(*at)];
            self.counters.sent(*row, uses.sent);
            all += uses.sent;
            (uses.sent, uses.kept) = (0, 0);
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
