//! What was seen of a fault, and whether that is as it should be.

use std::collections::BTreeMap;

use ephor_core::{Message, Ticks};
use ephor_runtime::{Disposition, Ledger, Pulse};

use super::Kind;
use super::acts::LONGEST;
use super::cause::Cause;
use super::pace::Pace;
use super::watch::Watched;
use crate::figure;
use crate::report::{Fault, Status};

/// The times of a fault, counted as the report counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Times {
    /// None when it never struck.
    began: Option<Ticks>,
    detect_ns: Option<u64>,
    cause_ns: Option<u64>,
    recover_ns: Option<u64>,
}

/// Tells a fault as the report does.
pub(super) fn told(watched: Watched, pace: &Pace) -> Fault {
    let marks = watched.touched_by();
    let Watched { cause, target, sending, poisons, course, stopped, is_overseen, .. } = watched;
    let ledger = &stopped.report.ledger;
    let times = match cause.kind {
        // Its senders are the first to notice a full lane, and while they are refused it is not overcome.
        Kind::FullLane => {
            let (first, last) = sending.refusals.unzip();
            times(&cause, first, course.recovered.map(|at| last.map_or(at, |last| at.max(last))))
        }
        _ => times(&cause, course.detected, course.recovered),
    };
    let health = [course.before(), course.lowest(times.began), course.after()];
    let mut wrong = match times.began {
        Some(_) => wrong(cause.kind, &times),
        None => vec![never_struck(&cause, &target, ledger)],
    };
    wrong.extend(stopped.disagreement());
    let is_for_health = is_overseen && cause.kind != Kind::FullLane && times.began.is_some();
    if is_for_health && health[1].score >= health[0].score {
        wrong.push("health did not change".to_owned());
    }
    Fault {
        name: cause.kind.name().to_owned(),
        what: cause.what(&target, pace),
        status: if wrong.is_empty() { Status::Passed } else { Status::Failed },
        why: wrong.join("; "),
        sent: sending.due + poisons,
        handled: handled(ledger),
        lost: lost(sending.refused, ledger),
        decided: named(ledger, &[Disposition::Denied, Disposition::Held]),
        detect_ns: times.detect_ns,
        cause_ns: times.cause_ns,
        recover_ns: times.recover_ns,
        health,
        marks,
        distance: None,
        fault_at_ms: times.began.map_or(0.0, |began| course.ms(began)),
        timeline: course.timeline,
    }
}

/// Counts from the fault to its notice, and from the end of its cause to a bus as before.
fn times(cause: &Cause, detected: Option<Ticks>, recovered: Option<Ticks>) -> Times {
    let (began, ended) = (cause.began(), cause.ended());
    let between = |from: Option<Ticks>, to: Option<Ticks>| Some(to?.since_ns(from?));
    Times {
        began,
        detect_ns: between(began, detected),
        cause_ns: cause.lasted_ns(),
        recover_ns: between(ended, recovered),
    }
}

/// What speaks against the times of a fault that struck.
fn wrong(kind: Kind, times: &Times) -> Vec<String> {
    let mut wrong = Vec::new();
    match (times.detect_ns, times.cause_ns) {
        (None, _) if kind == Kind::FullLane => wrong.push("no message met a full lane".to_owned()),
        (None, _) => wrong.push("nobody noticed it".to_owned()),
        (Some(detect_ns), Some(cause_ns)) if detect_ns > cause_ns => {
            let late = figure::time((detect_ns - cause_ns) as f64);
            wrong.push(format!("it was noticed only {late} after it was over"));
        }
        _ => {}
    }
    if times.recover_ns.is_none() {
        wrong.push(format!("the bus was not as before within {LONGEST:?}"));
    }
    wrong
}

/// Why a fault was not there at all.
fn never_struck(cause: &Cause, target: &str, ledger: &Ledger) -> String {
    match cause.kind {
        Kind::Breaker => "it never struck: health's gateway took no report".to_owned(),
        Kind::Policy => "it never struck: no command that makes the engine fail was taken".to_owned(),
        Kind::Panic | Kind::Stall | Kind::FullLane => {
            let fates = [Disposition::Handled, Disposition::Forwarded];
            let count: u64 = fates.map(|fate| ledger.at_agent(target, fate)).iter().sum();
            format!(
                "it never struck: {target} handled {count} messages, and it was to strike at message {}",
                cause.strikes_at
            )
        }
    }
}

/// Messages handled, of the kinds that came in through gateways but for pulses, which the watcher sends.
fn handled(ledger: &Ledger) -> u64 {
    let mut kinds = ledger.kinds_by_threads();
    kinds.retain(|kind| *kind != Pulse::KIND);
    ledger.of_kinds(&kinds).handled()
}

/// Losses by name, with what was handed back to its sender.
fn lost(refused: u64, ledger: &Ledger) -> BTreeMap<String, u64> {
    let is_loss = |fate: &Disposition| !matches!(fate, Disposition::Denied | Disposition::Held);
    let losses: Vec<Disposition> = Disposition::LOSSES.into_iter().filter(is_loss).collect();
    let mut lost = named(ledger, &losses);
    if refused > 0 {
        lost.insert("refused".to_owned(), refused);
    }
    lost
}

/// How many messages came to each of `fates`, those that any came to.
fn named(ledger: &Ledger, fates: &[Disposition]) -> BTreeMap<String, u64> {
    let counts = fates.iter().map(|fate| (fate.name().to_owned(), ledger.lost(*fate)));
    counts.filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use ephor_core::AgentId;

    use super::*;
    use crate::subject::{Load, Sent};

    fn times(detect_ns: Option<u64>, cause_ns: Option<u64>, recover_ns: Option<u64>) -> Times {
        Times { began: Some(Ticks(1)), detect_ns, cause_ns, recover_ns }
    }

    #[test]
    fn recovery_counts_from_the_end_of_the_cause() {
        let pace = Pace::for_most(1e6, None);
        let target = Load::new("load", AgentId(0), |_| Sent::Taken);
        let cause = Cause::new(Kind::Breaker, &pace, &[target]);
        cause.begin(Ticks::from_ns(100));
        cause.end(Ticks::from_ns(160));
        let times = super::times(&cause, Some(Ticks::from_ns(105)), Some(Ticks::from_ns(163)));
        assert_eq!((times.detect_ns, times.cause_ns, times.recover_ns), (Some(5), Some(60), Some(3)));
    }

    #[test]
    fn what_is_noticed_while_it_lasts_and_overcome_is_right() {
        assert!(wrong(Kind::Stall, &times(Some(5_000_000), Some(60_000_000), Some(0))).is_empty());
        assert!(
            wrong(Kind::Panic, &times(Some(5_000_000), None, Some(0))).is_empty(),
            "a panic is over at once"
        );
    }

    #[test]
    fn what_is_noticed_only_when_it_is_over_says_so() {
        let told = wrong(Kind::Breaker, &times(Some(61_500_000), Some(60_000_000), Some(0)));
        assert_eq!(told, ["it was noticed only 1.50 ms after it was over"]);
    }

    #[test]
    fn what_is_not_noticed_or_not_overcome_says_which() {
        let told = |kind| wrong(kind, &times(None, Some(60_000_000), None));
        assert_eq!(told(Kind::Stall), ["nobody noticed it", "the bus was not as before within 3s"]);
        assert_eq!(told(Kind::FullLane)[0], "no message met a full lane");
    }
}
