//! The invoker: the host drives the same bus on its own thread, with a clock that it sets.
//!
//! For tests that need every step, and for hosts that own their loop.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ephor_core::{Frame, Frame128, Ticks};

use crate::StartError;
use crate::bus::Report;
use crate::clock::BusClock;
use crate::control::{Control, Controls, Phase};
use crate::ledger::Books;
use crate::plan::Plan;
use crate::receipt::Receipts;
use crate::supervision::Quarantined;
use crate::times::sum_up;
use crate::worker::Worker;

/// Passes of a shutdown in which no lane gets emptier, before it gives up on the auditor.
const STALLED_PASSES: usize = 1_000;

/// A bus that runs when it is told to.
pub struct Invoker<F: Frame = Frame128> {
    workers: Vec<Worker<F>>,
    controls: Controls,
    books: Books,
    clock: BusClock,
    receipts: Option<Receipts>,
    quarantine: Arc<Mutex<Vec<Quarantined>>>,
}

impl<F: Frame> Plan<F> {
    /// Builds the bus on this thread. Time stands at zero until [`Invoker::advance`].
    ///
    /// # Errors
    /// [`StartError::AgentPanicked`] when an agent could not be built.
    pub fn invoke(mut self) -> Result<Invoker<F>, StartError> {
        let clock = BusClock::manual();
        let plans = std::mem::take(&mut self.workers);
        let prewarm = plans.first().map(|plan| plan.prewarm).unwrap_or_default();
        let mut workers: Vec<Worker<F>> = plans.into_iter().map(|plan| plan.seat(clock.clone())).collect();
        for worker in &mut workers {
            let _took = worker
                .start(prewarm)
                .map_err(|(agent, message)| StartError::AgentPanicked { agent, message })?;
        }
        self.open_gateways(&clock);
        Ok(Invoker {
            workers,
            controls: self.controls,
            books: self.books,
            clock,
            receipts: self.receipts,
            quarantine: self.quarantine,
        })
    }
}

impl<F: Frame> Invoker<F> {
    /// Runs one duty cycle of every worker; returns how much they did.
    pub fn poll(&mut self) -> usize {
        (0..self.workers.len()).map(|worker| self.poll_worker(worker)).sum()
    }

    /// Runs one duty cycle of one worker; returns how much it did.
    ///
    /// # Panics
    /// When there is no such worker.
    pub fn poll_worker(&mut self, worker: usize) -> usize {
        let worker = &mut self.workers[worker];
        // So that a cycle that did nothing says that there is nothing.
        worker.look_everywhere();
        worker.cycle()
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Moves the clock.
    pub fn advance(&mut self, ns: u64) {
        self.clock.advance(ns);
    }

    /// The time.
    pub fn now(&self) -> Ticks {
        self.clock.now()
    }

    /// Whether nothing is in flight.
    pub fn is_quiescent(&self) -> bool {
        self.books.is_quiescent()
    }

    /// Takes the receipts, if the topology opened them and nobody took them yet.
    pub fn take_receipts(&mut self) -> Option<Receipts> {
        self.receipts.take()
    }

    /// Stops the bus as [`Bus::shutdown`](crate::Bus::shutdown) does, in at most `passes` duty cycles of draining.
    pub fn shutdown(mut self, passes: usize) -> Report {
        self.order(Control::Stop(Phase::GatewaysClosed));
        for _ in 0..passes {
            self.poll();
            if self.workers.iter().all(|worker| worker.phase.reached(Phase::GatewaysClosed))
                && self.is_quiescent()
            {
                break;
            }
        }
        for phase in [Phase::AgentsStopped, Phase::AllStopped, Phase::Gone] {
            self.order(Control::Stop(phase));
            self.poll_until(phase);
        }
        self.report()
    }

    /// Polls until every worker has reached `phase`; gives up on an auditor for whom everybody waits.
    fn poll_until(&mut self, phase: Phase) {
        let in_flight = |workers: &[Worker<F>]| workers.iter().map(Worker::in_flight).sum::<usize>();
        let (mut left, mut stalled) = (in_flight(&self.workers), 0);
        while !self.workers.iter().all(|worker| worker.phase.reached(phase)) {
            self.poll();
            let before = std::mem::replace(&mut left, in_flight(&self.workers));
            stalled = if left < before { 0 } else { stalled + 1 };
            if stalled == STALLED_PASSES {
                self.order(Control::Unrecord);
            }
        }
    }

    fn order(&self, order: Control) {
        for worker in 0..self.workers.len() {
            let taken = self.controls.to_worker(worker, order);
            assert!(taken, "a worker that is polled takes its orders");
        }
    }

    fn report(&mut self) -> Report {
        let mut in_flight = 0;
        let mut trail_gaps = 0;
        let mut times = Vec::new();
        for worker in &mut self.workers {
            let remains = worker.remains();
            in_flight += remains.in_flight;
            trail_gaps += remains.trail_gaps;
            times.extend(remains.times);
        }
        let (hop_ns, time_spent) = sum_up(&times, &self.books);
        Report {
            ledger: self.books.ledger(in_flight),
            quarantine: self.quarantine.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            hop_ns,
            time_spent,
            trail_gaps,
            elapsed: Duration::from_nanos(self.clock.now().as_ns()),
        }
    }
}

impl<F: Frame> std::fmt::Debug for Invoker<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Invoker({} workers)", self.workers.len())
    }
}
