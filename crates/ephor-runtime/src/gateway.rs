//! Gateways: where foreign threads send in.
//!
//! A gateway checks at the entry, in the sender's thread, like every other boundary. What the check
//! refuses comes back with its reasons, is counted, and is recorded.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use ephor_constitution::{Pass, Tables, check};
use ephor_core::{AgentId, Correlation, Flags, Frame, Frame128, Header, Impact, Message};
use ephor_lane::gateway::{Sender, TrySendError};
use ephor_lane::park::Waker;

use crate::Disposition;
use crate::agent::Accepts;
use crate::clock::BusClock;
use crate::edge::InGateway;
use crate::error::SendError;
use crate::kinds::KindRows;
use crate::ledger::Counters;
use crate::receipt::Credit;
use crate::trail::{Boundary, Fate, Record};

/// How long [`Gateway::send_timeout`] sleeps between tries, once yielding did not help.
const RETRY_NS: u64 = 50_000;

/// In the numbers of messages that were refused.
const REFUSED: u64 = 1 << 63;

/// The gateways' way to the auditor.
#[derive(Clone)]
pub(crate) struct GatewayTrail {
    pub(crate) lane: Sender<Record>,
    pub(crate) waker: Option<Waker>,
}

/// What a gateway gets when the bus starts.
pub(crate) struct Live {
    pub(crate) tables: Arc<Tables>,
    /// What a permitted message through this gateway looks like, by the row of its kind.
    pub(crate) passes: Box<[Pass]>,
    pub(crate) clock: BusClock,
    pub(crate) kinds: Arc<KindRows>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) waker: Option<Waker>,
    pub(crate) trail: Option<GatewayTrail>,
    pub(crate) credit: Option<Credit>,
}

/// What the clones of a gateway share.
pub(crate) struct GatewayShared<F: Frame> {
    pub(crate) source: AgentId,
    pub(crate) target: AgentId,
    pub(crate) lane: Sender<F, InGateway>,
    pub(crate) live: OnceLock<Live>,
    /// Messages that the check refused, which got no ticket.
    refused: AtomicU64,
}

impl<F: Frame> GatewayShared<F> {
    pub(crate) fn new(source: AgentId, target: AgentId, lane: Sender<F, InGateway>) -> Self {
        Self { source, target, lane, live: OnceLock::new(), refused: AtomicU64::new(0) }
    }
}

/// Sends messages to agent `A` from threads that are not workers. Cheap to clone.
pub struct Gateway<A, F: Frame = Frame128> {
    shared: Arc<GatewayShared<F>>,
    flags: Flags,
    target: PhantomData<fn() -> A>,
}

impl<A, F: Frame> Gateway<A, F> {
    pub(crate) fn new(shared: Arc<GatewayShared<F>>, flags: Flags) -> Self {
        Self { shared, flags, target: PhantomData }
    }

    /// The agent that it leads to.
    pub fn target(&self) -> AgentId {
        self.shared.target
    }

    /// A gateway whose messages carry this impact class.
    pub fn with_impact(&self, impact: Impact) -> Self {
        Self { flags: self.flags.with_impact(impact), ..self.clone() }
    }

    /// A gateway that is told what became of each message, through the topology's receipts.
    pub fn with_receipts(&self) -> Self {
        Self { flags: self.flags.with_receipt(), ..self.clone() }
    }

    /// Sends `message` if there is room now; returns the number that its receipt will carry.
    ///
    /// Costs a reading of the clock, a comparison with what may pass, and two atomic exchanges. Messages are numbered from 0
    /// in the order in which they enter the gateway's lane; those that the check refuses apart, from 2^63.
    ///
    /// # Errors
    /// [`SendError`], with the message inside.
    #[inline]
    pub fn try_send<M>(&self, message: M) -> Result<Correlation, SendError<M>>
    where
        M: Message,
        A: Accepts<M, F>,
    {
        self.send(None, message)
    }

    /// Sends `message` under the sender's own number for it.
    ///
    /// # Errors
    /// [`SendError`], with the message inside.
    #[inline]
    pub fn try_send_as<M>(&self, correlation: Correlation, message: M) -> Result<(), SendError<M>>
    where
        M: Message,
        A: Accepts<M, F>,
    {
        self.send(Some(correlation), message).map(drop)
    }

    #[inline]
    fn send<M: Message>(&self, number: Option<Correlation>, message: M) -> Result<Correlation, SendError<M>> {
        let Some(live) = self.shared.live.get() else { return Err(SendError::NotRunning(message)) };
        let mut header = self.header::<M>(live);
        let row = live.kinds.row(M::KIND);
        if !live.passes[row].admits(&header, header.sent_ticks) {
            return Err(self.refuse(live, row, header, number, message));
        }
        let credit = if self.flags.has_receipt() { live.credit.as_ref() } else { None };
        if credit.is_some_and(|credit| !credit.take()) {
            return Err(SendError::Full(message));
        }
        let sent = self.shared.lane.try_send_with(|ticket| {
            // The message must be counted as sent before its target can see it.
            live.counters.sent_shared(row);
            header.correlation = number.unwrap_or(Correlation(ticket));
            F::carry(header, &message)
        });
        if sent.is_err()
            && let Some(credit) = credit
        {
            credit.give_back();
        }
        match sent {
            Ok(_) => {
                if let Some(waker) = &live.waker {
                    waker.wake();
                }
                Ok(header.correlation)
            }
            Err(TrySendError::Full(())) => Err(SendError::Full(message)),
            Err(TrySendError::Closed(())) => Err(SendError::Closed(message)),
        }
    }

    /// Sends `message`, waiting up to `timeout` for room. Never call it from a handler.
    ///
    /// # Errors
    /// [`SendError`], with the message inside; [`SendError::Full`] when the time is up.
    pub fn send_timeout<M>(&self, mut message: M, timeout: Duration) -> Result<Correlation, SendError<M>>
    where
        M: Message,
        A: Accepts<M, F>,
    {
        let until = Instant::now() + timeout;
        for tries in 0_u32.. {
            match self.try_send(message) {
                Err(SendError::Full(back)) if Instant::now() < until => message = back,
                answer => return answer,
            }
            if tries < 100 {
                thread::yield_now();
            } else {
                thread::park_timeout(Duration::from_nanos(RETRY_NS));
            }
        }
        Err(SendError::Full(message))
    }

    #[inline]
    fn header<M: Message>(&self, live: &Live) -> Header {
        let mut header = Header::of::<M>();
        header.stamp = live.tables.stamp();
        header.flags = if M::LOAN { self.flags.with_loan() } else { self.flags };
        header.source = self.shared.source;
        header.target = self.shared.target;
        header.sent_ticks = live.clock.now();
        header
    }

    /// Counts and records a message that the check refused.
    #[cold]
    fn refuse<M: Message>(
        &self,
        live: &Live,
        row: usize,
        mut header: Header,
        number: Option<Correlation>,
        message: M,
    ) -> SendError<M> {
        if self.shared.lane.is_closed() {
            // Not even counted: the last ledger may be read right now.
            return SendError::Closed(message);
        }
        let verdict = check(&header, &live.tables, header.sent_ticks);
        assert!(!verdict.is_permit(), "a gateway's pass refused what the check permits");
        let fate = Fate::by_check(verdict, Boundary::Entry);
        header.correlation = number.unwrap_or_else(|| {
            // Relaxed: only uniqueness matters.
            Correlation(REFUSED | self.shared.refused.fetch_add(1, Ordering::Relaxed))
        });
        if let Some(trail) = &live.trail {
            // The reader numbers it: the lane loses nothing.
            let record = Record::of(&F::carry(header, &message), header.sent_ticks, fate);
            if trail.lane.try_send(record).is_err() {
                return SendError::Full(message);
            }
            if let Some(waker) = &trail.waker {
                waker.wake();
            }
        }
        live.counters.sent_shared(row);
        live.counters.settled_shared(row, fate.disposition);
        if fate.disposition == Disposition::Held {
            SendError::Held(message, verdict)
        } else {
            SendError::Denied(message, verdict)
        }
    }
}

impl<A, F: Frame> Clone for Gateway<A, F> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), flags: self.flags, target: PhantomData }
    }
}

impl<A, F: Frame> fmt::Debug for Gateway<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gateway(agent {} -> agent {})", self.shared.source.0, self.shared.target.0)
    }
}
