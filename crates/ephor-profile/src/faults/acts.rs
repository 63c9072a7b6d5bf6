//! What the watcher itself does: reports to health what pings tell, forces a breaker open, makes a policy engine fail.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use ephor_core::{AgentId, Ticks};
use ephor_oversight::Oversight;
use ephor_runtime::{Clock, Pulse, Vital};

use super::Kind;
use super::cause::{Cause, Moment};
use super::held_up::HeldUp;
use super::pace::Pace;
use super::pings::Word;
use crate::subject::{Ask, Load, Sent, Watch};

/// How long after the load's length and the fault's the bus may take to be as before; the load goes on meanwhile.
pub(super) const LONGEST: Duration = Duration::from_secs(3);
/// The longest between two turns, and so between two commands that the policy engine fails on.
const TURN: Duration = Duration::from_micros(200);

/// The watcher's hands.
pub(super) struct Acts<'a> {
    pub(super) cause: &'a Cause,
    /// The first load's target.
    pub(super) target: AgentId,
    pub(super) oversight: Option<&'a Oversight>,
    pub(super) watch: Option<Watch>,
    pub(super) poison: Option<Load>,
    /// What pings tell.
    pub(super) words: Receiver<Word>,
    /// Messages that went into the bus: reports to health, and commands to fail on.
    pub(super) pulses: u64,
    pub(super) poisons: u64,
}

impl Acts<'_> {
    /// Listens and acts until all is as before and the load has run for its length, or that has taken too long. Returns how long
    /// it was held up.
    pub(super) fn run(&mut self, clock: &Clock, begun: Ticks, pace: &Pace, recovered: &Moment) -> HeldUp {
        let mut held_up = HeldUp::new(begun);
        loop {
            self.listen();
            let now = clock.now();
            held_up.turn(now, TURN, self.cause.began().is_some());
            let since = Duration::from_nanos(now.since_ns(begun));
            if since >= pace.length
                && (recovered.at().is_some() || since >= pace.length + self.cause.lasts + LONGEST)
            {
                return held_up;
            }
            self.act(now, since >= pace.strikes_after());
        }
    }

    /// Waits a little for what pings tell, and reports it.
    fn listen(&mut self) {
        if let Ok((agent, vital)) = self.words.recv_timeout(TURN) {
            self.report(agent, vital);
        }
    }

    /// Does what is to do at `now`; `is_due` says whether the time of the fault has come.
    fn act(&mut self, now: Ticks, is_due: bool) {
        if !is_due || self.cause.ended().is_some() {
            return;
        }
        match self.cause.kind {
            Kind::Breaker => self.force(now),
            Kind::Policy => self.poison(now),
            Kind::Panic | Kind::Stall | Kind::FullLane => {}
        }
    }

    /// Reports the target down, and up again when that has lasted long enough.
    fn force(&mut self, now: Ticks) {
        if self.cause.began().is_none() {
            if self.report(self.target, Vital::Down) {
                self.cause.begin(now);
            }
        } else if self.cause.has_lasted(now) && self.report(self.target, Vital::Up) {
            self.cause.end(now);
        }
    }

    /// Sends a command that the policy engine fails on, until that has lasted long enough.
    fn poison(&mut self, now: Ticks) {
        if self.cause.has_lasted(now) {
            return self.cause.end(now);
        }
        let sent = self.poison.as_mut().map(|load| (load.send)(Ask::Plain));
        if sent.is_some_and(|sent| sent != Sent::Refused) {
            self.poisons += 1;
            self.cause.begin(now);
        }
    }

    /// Tells health of an agent, if it has a breaker and the subject lets the profile report; whether that was taken.
    fn report(&mut self, agent: AgentId, vital: Vital) -> bool {
        let breaker = self.oversight.and_then(|oversight| oversight.breaker_of(agent));
        let (Some(breaker), Some(watch)) = (breaker, &mut self.watch) else { return false };
        let sent = (watch.0)(Pulse::new(breaker, vital));
        self.pulses += u64::from(sent != Sent::Refused);
        sent == Sent::Taken
    }
}
