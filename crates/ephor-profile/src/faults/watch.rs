//! The watcher: drives a fresh bus, and looks on while a fault strikes.
//!
//! Four threads, each with its own state: one sends the load, one pings, one notes health, and this one acts. What one has to know of
//! another crosses in a counter, a moment or a channel of the standard library; no agent waits for any of them.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use ephor_core::{AgentId, Frame, Ticks};
use ephor_oversight::Oversight;
use ephor_runtime::{Bus, Disposition, pin_current};

use super::Kind;
use super::acts::Acts;
use super::cause::{Cause, Moment};
use super::course::{Course, Look};
use super::held_up::HeldUp;
use super::load::{Sending, send};
use super::pace::Pace;
use super::pings::{Answers, Word, ping};
use crate::error::ProfileError;
use crate::figure;
use crate::repeat::core_pair;
use crate::subject::Load;
use crate::trial::{Recipe, Rig, Stopped};

/// Between two looks at health.
const LOOK_EVERY: Duration = Duration::from_micros(100);

/// One that comes to its turn this late was held up by the host.
const HELD_UP_NS: u64 = 5_000_000;

/// What was seen.
pub(super) struct Watched {
    pub(super) cause: Cause,
    /// The name of the first load's target.
    pub(super) target: String,
    pub(super) sending: Sending,
    /// Commands that the policy engine was to fail on.
    pub(super) poisons: u64,
    pub(super) course: Course,
    /// How long any of those who watch was held up.
    pub(super) held_up_ns: u64,
    pub(super) stopped: Stopped,
    /// Whether an overseer told health.
    pub(super) is_overseen: bool,
}

impl Watched {
    /// What else than the fault touched this run, so that it says little about the bus.
    pub(super) fn touched_by(&self) -> Vec<String> {
        let held_up = (self.held_up_ns > HELD_UP_NS).then(|| {
            format!("the host held up one who watches for {}", figure::time(self.held_up_ns as f64))
        });
        let disturbed = self.course.is_disturbed().then(|| "health changed before the fault".to_owned());
        held_up.into_iter().chain(disturbed).collect()
    }
}

/// Drives a fresh bus while a fault strikes; the inner error says why it cannot be tried on this subject.
///
/// # Errors
/// [`ProfileError`] when the bus cannot be built, started or stopped.
pub(super) fn watched<F: Frame>(
    recipe: &mut Recipe<'_, F>,
    pace: &Pace,
    kind: Kind,
) -> Result<Result<Watched, String>, ProfileError> {
    let mut made = None;
    let rig = Rig::start(recipe, 1, |topology, loads| {
        let cause = Cause::new(kind, pace, loads);
        cause.put_into(topology, loads[0].target);
        made = Some(cause);
    })?;
    let cause = made.expect("a rig that starts was prepared");
    if let Some(why) = unfit(&rig, pace, kind) {
        rig.stop(0)?;
        return Ok(Err(why.to_owned()));
    }
    run(rig, pace, cause).map(Ok)
}

/// Why this fault cannot be tried on this subject.
fn unfit<F: Frame>(rig: &Rig<F>, pace: &Pace, kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Policy if rig.poison.is_none() => {
            Some("the subject names no load that makes a policy engine fail (`Subject::poisoned_by`)")
        }
        Kind::Breaker if rig.watch.is_none() || rig.oversight.is_none() => {
            Some("the subject names no way to report to health (`Subject::watched_through`, `overseen_by`)")
        }
        Kind::FullLane if pace.room.is_none() => {
            Some("the first load's target has no gateway, so it is not known how many messages fill its lane")
        }
        _ => None,
    }
}

/// Runs the four threads, and stops the bus.
fn run<F: Frame>(mut rig: Rig<F>, pace: &Pace, cause: Cause) -> Result<Watched, ProfileError> {
    let (loads, watch, poison) = (std::mem::take(&mut rig.loads), rig.watch.take(), rig.poison.take());
    let target = loads[0].target;
    let (teller, words) = channel();
    let oversight = rig.oversight.as_ref();
    let mut acts = Acts { cause: &cause, target, oversight, watch, poison, words, pulses: 0, poisons: 0 };
    let (sending, course, held_up_ns) = together(&rig, loads, &mut acts, pace, &teller);
    let (pulses, poisons) = (acts.pulses, acts.poisons);
    // Their gateways.
    drop(acts);
    rig.drain();
    let (is_overseen, name) = (rig.oversight.is_some(), rig.agents[target.index()].clone());
    let stopped = rig.stop(sending.taken + sending.denied + pulses + poisons)?;
    Ok(Watched { cause, target: name, sending, poisons, course, held_up_ns, stopped, is_overseen })
}

/// Sends, pings and notes health, each on a thread of its own, while this one acts. Returns how long any of the three that watch
/// was held up, too.
fn together<F: Frame>(
    rig: &Rig<F>,
    mut loads: Vec<Load>,
    acts: &mut Acts<'_>,
    pace: &Pace,
    teller: &Sender<Word>,
) -> (Sending, Course, u64) {
    let (bus, cause) = (&rig.bus, acts.cause);
    let agents: Vec<AgentId> = rig.seats().map(|(id, ..)| id).collect();
    let (clock, begun) = (bus.clock(), bus.now());
    let (is_over, answers, recovered) = (AtomicBool::new(false), Answers::default(), Moment::default());
    let (oversight, target) = (acts.oversight, acts.target);
    let own = oversight.and_then(|oversight| match cause.kind {
        Kind::Policy => oversight.engine_breaker(),
        Kind::Panic | Kind::Stall | Kind::FullLane | Kind::Breaker => oversight.breaker_of(target),
    });
    let eye = Eye { bus, oversight, own, answers: &answers, agents: agents.len() };
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            // Where pinning is refused it runs anywhere, and the report says so.
            let _pinned = core_pair().map(|(first, _)| pin_current(first));
            send(&clock, &mut loads, pace.per_s, cause, &is_over)
        });
        let pings = scope.spawn(|| ping(bus, &agents, (cause, target), &answers, teller, &is_over));
        let noting = scope.spawn(|| eye.note(begun, cause, &recovered, &is_over));
        let ending = Ending(&is_over);
        let acting = acts.run(&clock, begun, pace, &recovered);
        drop(ending);
        let sending = load.join().unwrap_or_else(|panic| resume_unwind(panic));
        let (course, noting) = noting.join().expect("noting health does not panic");
        let pinging = pings.join().expect("pings do not panic");
        let held_up_ns = [acting, noting, pinging].map(HeldUp::longest_ns).into_iter().max();
        (sending, course, held_up_ns.unwrap_or(0))
    })
}

/// Ends the other threads when it is dropped, by a panic of a user's closure too.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        // Relaxed: the joins hand over all else.
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What health is seen with.
struct Eye<'a, F: Frame> {
    bus: &'a Bus<F>,
    oversight: Option<&'a Oversight>,
    /// The breaker that is to notice; where it is not known, any does.
    own: Option<u16>,
    answers: &'a Answers,
    agents: usize,
}

impl<F: Frame> Eye<'_, F> {
    /// Notes health until `is_over`, and when all was as before in `recovered`. Returns how long it was held up, too.
    fn note(
        &self,
        begun: Ticks,
        cause: &Cause,
        recovered: &Moment,
        is_over: &AtomicBool,
    ) -> (Course, HeldUp) {
        let mut held_up = HeldUp::new(begun);
        let mut course = Course::new(begun, cause.kind != Kind::FullLane);
        // Relaxed: nothing else is handed over with it.
        while !is_over.load(Ordering::Relaxed) {
            // In this order nothing that the fault brought about is noted before the fault.
            let look = self.look();
            let (began, ended) = (cause.began(), cause.ended());
            let now = self.bus.now();
            held_up.turn(now, LOOK_EVERY, began.is_some());
            course.note(now, &look, began, ended);
            if let Some(at) = course.recovered {
                recovered.note(at);
            }
            thread::park_timeout(LOOK_EVERY);
        }
        (course, held_up)
    }

    /// Health as the overseer sees it; without one, the part of the agents that answer.
    fn look(&self) -> Look {
        let ledger = self.bus.ledger();
        let (down, in_flight) = (self.answers.down(), ledger.in_flight());
        if let Some(oversight) = self.oversight {
            let health = oversight.view().health;
            let trips = health.breakers.iter().map(|breaker| breaker.trips).sum();
            let own = self.own.and_then(|own| health.breakers.get(usize::from(own)));
            let notices = own.map_or(trips, |own| own.trips);
            let (score, status) = (health.score, health.status.to_string());
            return Look { score, status, lowest: health.lowest_score, trips, notices, down, in_flight };
        }
        let score = self.agents.saturating_sub(down) as f64 / self.agents.max(1) as f64;
        let status = match score {
            0.7.. => "healthy",
            0.5.. => "degraded",
            _ => "critical",
        };
        // Without an overseer a crash is seen by what it leaves in the ledger.
        let crashes = ledger.lost(Disposition::Quarantined);
        let (trips, notices) =
            (self.answers.silences() + crashes, self.answers.silences_of_target() + crashes);
        Look { score, status: status.to_owned(), lowest: score, trips, notices, down, in_flight }
    }
}
