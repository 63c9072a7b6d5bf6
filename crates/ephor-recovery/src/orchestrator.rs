//! The orchestrator: recoveries under way, and which of them is to be tried now.
//!
//! ```text
//!              delay has passed           poll             succeeded
//! scheduled ────────────────────► due ───────────► trying ───────────► idle
//!     ▲                            ▲                 │
//!     │        (manual) approve    │                 │ failed, or no answer in time
//!  awaiting ───────────────────────┘                 ├──► scheduled, or awaiting, again
//!     │ reject                                       └──► exhausted after max_attempts
//!     └──► idle
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ephor_runtime::wheel::{TimerId, Wheel};

use crate::policy::{Policy, Strategy};

/// Services that can be under recovery at one time.
pub const SERVICE_LIMIT: usize = 256;
/// Resolution of deadlines.
const TICK_NS: u64 = 1_000_000;

/// What is recovered: an agent's id, or a number that a host gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub u16);

/// Where the recovery of a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is under way.
    Idle,
    /// It waits for its deadline.
    Scheduled,
    /// It is due and waits for its turn.
    Due,
    /// It is being tried.
    Trying,
    /// It waits for approval.
    AwaitingManual,
    /// It was tried as often as allowed.
    Exhausted,
}

/// One recovery try, to be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What is to be recovered.
    pub service: ServiceId,
    /// Which try it is, counted from 1.
    pub number: u32,
}

/// What follows from a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It will be tried again.
    Again,
    /// It was the last.
    Exhausted,
    /// Nothing was being tried.
    NotTrying,
}

/// Why nothing was scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// A recovery of this service is under way.
    #[error("service {} is under recovery already", .0.0)]
    AlreadyScheduled(ServiceId),
    /// The number is too large.
    #[error("service {} is out of range: below {SERVICE_LIMIT}", .0.0)]
    UnknownService(ServiceId),
}

/// What is due, the most urgent first, then the first scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    priority: u8,
    order: u64,
    service: ServiceId,
}

/// The recovery of one service.
#[derive(Clone, Copy, Debug)]
struct Case {
    state: State,
    policy: Policy,
    priority: u8,
    order: u64,
    attempt: u32,
    timer: Option<TimerId>,
}

/// Recoveries under way.
pub struct Orchestrator {
    /// What is not due, and the deadlines of attempts.
    wheel: Wheel<ServiceId>,
    due: BinaryHeap<Reverse<Due>>,
    cases: Box<[Option<Case>; SERVICE_LIMIT]>,
    policy: Policy,
    next_order: u64,
    attempts: u64,
    recoveries: u64,
    exhausted: u64,
}

impl Orchestrator {
    /// Nothing under way; `policy` is for services that bring none of their own.
    pub fn new(policy: Policy, now_ns: u64) -> Self {
        Self {
            wheel: Wheel::new(SERVICE_LIMIT, TICK_NS, now_ns),
            due: BinaryHeap::with_capacity(SERVICE_LIMIT),
            cases: Box::new([None; SERVICE_LIMIT]),
            policy,
            next_order: 0,
            attempts: 0,
            recoveries: 0,
            exhausted: 0,
        }
    }

    /// Schedules the recovery of a service; `priority` 0 is the most urgent.
    ///
    /// # Errors
    /// [`ScheduleError::AlreadyScheduled`] when it is under recovery; nothing is changed.
    pub fn schedule(
        &mut self,
        service: ServiceId,
        priority: u8,
        policy: Option<Policy>,
        now_ns: u64,
    ) -> Result<(), ScheduleError> {
        let policy = policy.unwrap_or(self.policy);
        let case =
            self.cases.get_mut(usize::from(service.0)).ok_or(ScheduleError::UnknownService(service))?;
        if case.is_some_and(|case| case.state != State::Exhausted) {
            return Err(ScheduleError::AlreadyScheduled(service));
        }
        let order = self.next_order;
        self.next_order += 1;
        *case = Some(Case { state: State::Scheduled, policy, priority, order, attempt: 0, timer: None });
        self.plan_next(service, now_ns);
        Ok(())
    }

    /// The next attempt to make at `now_ns`: of those due, the most urgent, then the first scheduled.
    ///
    /// Call it until it returns none. An attempt that had no answer in time counts as failed here.
    pub fn poll(&mut self, now_ns: u64) -> Option<Attempt> {
        while let Some((_, service)) = self.wheel.expire_next(now_ns) {
            self.ring(service, now_ns);
        }
        let Reverse(due) = self.due.pop()?;
        let case = self.case(due.service)?;
        case.state = State::Trying;
        case.attempt += 1;
        let number = case.attempt;
        let deadline_ns = now_ns.saturating_add(case.policy.attempt_ns());
        self.set_timer(due.service, deadline_ns);
        self.attempts += 1;
        Some(Attempt { service: due.service, number })
    }

    /// The attempt succeeded: the recovery is over.
    pub fn succeeded(&mut self, service: ServiceId) {
        if self.state(service) == State::Trying {
            self.end(service);
            self.recoveries += 1;
        }
    }

    /// The attempt failed.
    pub fn failed(&mut self, service: ServiceId, now_ns: u64) -> Failed {
        let Some(case) = self.case(service).filter(|case| case.state == State::Trying) else {
            return Failed::NotTrying;
        };
        if case.attempt < case.policy.max_attempts() {
            self.plan_next(service, now_ns);
            return Failed::Again;
        }
        case.state = State::Exhausted;
        self.stop_timer(service);
        self.exhausted += 1;
        Failed::Exhausted
    }

    /// Lets a service that waits for it be tried, once. False when none waits.
    pub fn approve(&mut self, service: ServiceId) -> bool {
        if self.state(service) != State::AwaitingManual {
            return false;
        }
        self.make_due(service);
        true
    }

    /// Ends the recovery of a service that waits for approval. False when none waits.
    pub fn reject(&mut self, service: ServiceId) -> bool {
        let waits = self.state(service) == State::AwaitingManual;
        if waits {
            self.end(service);
        }
        waits
    }

    /// Ends a recovery, whatever state it is in; false when there is none. It leaves wheel and heap at once.
    pub fn cancel(&mut self, service: ServiceId) -> bool {
        let is_known = self.case(service).is_some();
        if is_known {
            self.end(service);
        }
        is_known
    }

    /// Where the recovery of a service is.
    pub fn state(&self, service: ServiceId) -> State {
        let case = self.cases.get(usize::from(service.0)).copied().flatten();
        case.map_or(State::Idle, |case| case.state)
    }

    /// A time before which nothing will be due; none when nothing waits for time.
    pub fn next_deadline_ns(&self) -> Option<u64> {
        if self.due.is_empty() { self.wheel.next_deadline_ns() } else { Some(0) }
    }

    /// Entries in the wheel and in the heap.
    pub fn waiting(&self) -> usize {
        self.wheel.len() + self.due.len()
    }

    /// Attempts made.
    pub fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Recoveries that succeeded.
    pub fn recoveries(&self) -> u64 {
        self.recoveries
    }

    /// Recoveries that were given up.
    pub fn exhausted(&self) -> u64 {
        self.exhausted
    }

    /// A timer has fired: a delay is over, or an attempt had no answer.
    fn ring(&mut self, service: ServiceId, now_ns: u64) {
        if let Some(case) = self.case(service) {
            case.timer = None;
        }
        match self.state(service) {
            State::Scheduled => self.make_due(service),
            State::Trying => {
                self.failed(service, now_ns);
            }
            _ => {}
        }
    }

    /// Plans the attempt after the last one.
    fn plan_next(&mut self, service: ServiceId, now_ns: u64) {
        self.stop_timer(service);
        let Some(case) = self.case(service) else { return };
        if case.policy.strategy() == Strategy::Manual {
            case.state = State::AwaitingManual;
            return;
        }
        case.state = State::Scheduled;
        let seed = (case.order << 16) | u64::from(service.0);
        let delay_ns = case.policy.delay_with_jitter_ns(case.attempt + 1, seed);
        if delay_ns == 0 {
            self.make_due(service);
        } else {
            self.set_timer(service, now_ns.saturating_add(delay_ns));
        }
    }

    fn make_due(&mut self, service: ServiceId) {
        if let Some(case) = self.case(service) {
            case.state = State::Due;
            let due = Due { priority: case.priority, order: case.order, service };
            self.due.push(Reverse(due));
        }
    }

    fn set_timer(&mut self, service: ServiceId, deadline_ns: u64) {
        self.stop_timer(service);
        let timer = self.wheel.schedule(deadline_ns, service).expect("there is a timer for each service");
        if let Some(case) = self.case(service) {
            case.timer = Some(timer);
        }
    }

    fn stop_timer(&mut self, service: ServiceId) {
        if let Some(timer) = self.case(service).and_then(|case| case.timer.take()) {
            self.wheel.cancel(timer);
        }
    }

    fn end(&mut self, service: ServiceId) {
        self.stop_timer(service);
        if self.state(service) == State::Due {
            self.due.retain(|Reverse(due)| due.service != service);
        }
        if let Some(case) = self.cases.get_mut(usize::from(service.0)) {
            *case = None;
        }
    }

    fn case(&mut self, service: ServiceId) -> Option<&mut Case> {
        self.cases.get_mut(usize::from(service.0))?.as_mut()
    }
}

impl std::fmt::Debug for Orchestrator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Orchestrator({} waiting, {} recoveries)", self.waiting(), self.recoveries)
    }
}
