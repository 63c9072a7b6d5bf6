//! The health agent: takes pulses and keeps the board.
//!
//! The board lives in a [`HealthHandle`] outside, so that anyone can look at it while the bus runs and after.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ephor_core::Frame;
use ephor_runtime::{Agent, Cx, Handler, Pulse, Vital, agent};

use crate::{Board, BreakerId, BreakerState, HealthError, Status};

/// One breaker as anyone may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerView {
    /// What it guards.
    pub name: String,
    /// Its state.
    pub state: BreakerState,
    /// How often it opened.
    pub trips: u64,
}

/// The board as anyone may see it.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthView {
    /// The score now, 0 to 1.
    pub score: f64,
    /// The status now.
    pub status: Status,
    /// The lowest score so far.
    pub lowest_score: f64,
    /// Every breaker.
    pub breakers: Vec<BreakerView>,
}

/// The board outside of the agent.
#[derive(Clone, Debug)]
pub struct HealthHandle(Arc<Mutex<Board>>);

impl HealthHandle {
    /// Takes a board in.
    pub fn new(board: Board) -> Self {
        Self(Arc::new(Mutex::new(board)))
    }

    /// Adds a breaker; its number goes into the pulses about it.
    ///
    /// # Errors
    /// [`HealthError`] when the name is taken or the board is full.
    pub fn register(&self, name: &str) -> Result<BreakerId, HealthError> {
        self.lock().register(name)
    }

    /// The board now.
    pub fn view(&self) -> HealthView {
        let board = self.lock();
        let snapshot = board.snapshot();
        HealthView {
            score: snapshot.score,
            status: snapshot.status,
            lowest_score: board.lowest_score(),
            breakers: board
                .breakers()
                .map(|breaker| BreakerView {
                    name: breaker.name().to_owned(),
                    state: breaker.state(),
                    trips: breaker.trips(),
                })
                .collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes pulses.
pub struct HealthAgent {
    handle: HealthHandle,
}

impl HealthAgent {
    /// An agent that keeps the board in `handle`.
    pub fn new(handle: HealthHandle) -> Self {
        Self { handle }
    }
}

impl<F: Frame> Agent<F> for HealthAgent {}
agent!(HealthAgent { Pulse });

impl<F: Frame> Handler<Pulse, F> for HealthAgent {
    /// A pulse about a breaker that nobody registered is ignored: it cannot change the score.
    fn on(&mut self, pulse: &Pulse, cx: &mut Cx<'_, F>) {
        let state = match pulse.vital() {
            Vital::Up => BreakerState::Closed,
            Vital::Trial => BreakerState::HalfOpen,
            _ => BreakerState::Open,
        };
        self.handle.lock().report(BreakerId(pulse.subject), state, cx.now().as_ns());
    }
}
