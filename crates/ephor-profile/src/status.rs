//! Whether every agent has turns, how long each took to start, and on whom it waits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ephor_core::{AgentId, Frame};

use crate::error::ProfileError;
use crate::metric::{Metric, middle};
use crate::repeat::{Repeated, repeat, repeat_good};
use crate::report::AgentFacts;
use crate::subject::Ask;
use crate::trial::{Rig, on_first_core};
use crate::workflow::{Found, Session};

/// How long an agent may take to answer a ping.
const PING_DEADLINE: Duration = Duration::from_millis(100);
/// Buses on which agents are asked, and pings to each agent on one bus.
const REPETITIONS: usize = 5;
const ROUNDS: usize = 4;
/// How long what was measured at another distance is made again.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks each agent of a running bus for a turn, more than once.
///
/// The pings go from the load's core. One repetition is a bus of its own, between two probes of the distance to the workers
/// that are asked: those on one core at a time.
pub(crate) fn agent_availability_check<F: Frame>(
    session: &mut Session<'_, F>,
) -> Result<Found, ProfileError> {
    session.be_patient(PATIENCE);
    let mut answers = Answers::default();
    for cores in session.pairs_of_cores() {
        let rounds = |session: &mut Session<'_, F>, _| ping_agents(session, cores);
        let made = repeat_good(session, cores, REPETITIONS, rounds, |_| true)?;
        made.every().for_each(|pinged| answers.count(pinged));
        tell_pings(session, &made);
    }
    let Answers { asked, answered, silent, agents } = answers;
    session.add(Metric::rate("availability", answered, asked, "pings answered / pings").by(format!(
        "{ROUNDS} pings to each agent on each of up to {} buses, {PING_DEADLINE:?} for an answer",
        3 * REPETITIONS
    )));
    let summary = format!("{answered} of {asked} pings to {} agents were answered in time", agents.len());
    let silent = silent.into_iter().map(|(agent, count)| format!("{agent} did not answer {count} pings"));
    Ok(if answered == asked { Found::passed(summary) } else { Found::failed(summary).with(silent) })
}

/// An agent, and how long each of its pings took that was answered.
type Pinged = (AgentFacts, Vec<f64>);

/// Every ping of the check, those of repetitions that were left out too: an agent that was silent was silent.
#[derive(Debug, Default)]
struct Answers {
    asked: u64,
    answered: u64,
    silent: BTreeMap<String, usize>,
    agents: BTreeSet<String>,
}

impl Answers {
    fn count(&mut self, pinged: &[Pinged]) {
        for (facts, times) in pinged {
            self.agents.insert(facts.name.clone());
            self.asked += ROUNDS as u64;
            self.answered += times.len() as u64;
            if times.len() < ROUNDS {
                *self.silent.entry(facts.name.clone()).or_default() += ROUNDS - times.len();
            }
        }
    }
}

/// Pings the agents whose workers are at `cores`, in turn, from the load's core.
fn ping_agents<F: Frame>(
    session: &mut Session<'_, F>,
    cores: Option<(usize, usize)>,
) -> Result<Vec<Pinged>, ProfileError> {
    let mut rig = Rig::start(&mut *session.recipe, 1, |_, _| {})?;
    rig.warm_up();
    let agents = agents_of(&rig).into_iter().filter(|(_, facts)| session.cores_to(facts.worker) == cores);
    let (ids, mut pinged): (Vec<AgentId>, Vec<Pinged>) =
        agents.map(|(agent, facts)| (agent, (facts, Vec::new()))).unzip();
    let (bus, asked) = (&mut rig.bus, &mut pinged);
    on_first_core(move || {
        for _ in 0..ROUNDS {
            for (agent, (_, times)) in ids.iter().zip(asked.iter_mut()) {
                times.extend(bus.ping(*agent, PING_DEADLINE).map(|took| took.as_nanos() as f64));
            }
        }
    });
    rig.stop(0)?;
    Ok(pinged)
}

/// Adds the figure of each agent that answered.
fn tell_pings<F: Frame>(session: &mut Session<'_, F>, made: &Repeated<Vec<Pinged>>) {
    for at in 0..made.every().next().map_or(0, Vec::len) {
        let facts = made.every().next().map(|pinged| &pinged[at].0).expect("the range is of its length");
        let name = format!("ping.{}", facts.name);
        if made.kept.is_empty() {
            session.leave_untold(&name, &made.why_untold());
            continue;
        }
        let of_each = made.kept.iter().map(|pinged| &pinged[at].1).filter(|times| !times.is_empty());
        let medians: Vec<f64> = of_each.clone().map(|times| median(times.clone())).collect();
        if medians.is_empty() {
            continue;
        }
        let mut metric = Metric::of_repetitions(name, medians, "ns");
        metric.samples = of_each.map(Vec::len).sum::<usize>() as u64;
        facts_of(session, facts).ping_ns = Some(metric.value as u64);
        session.add(made.note(metric.by(
            "from the order on the control lane, sent from the load's core, to the agent's own turn; the median of the medians of each bus",
        )));
    }
}

/// The median of `values`, of which there is one at least.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    middle(&values)
}

/// The agents of a bus with their ids.
fn agents_of<F: Frame>(rig: &Rig<F>) -> Vec<(AgentId, AgentFacts)> {
    let facts = rig.seats().map(|(id, name, worker)| {
        let holds = rig.edges.iter().filter(|edge| edge.is_hold && edge.from == name);
        let waits_for = holds.map(|edge| edge.to.clone()).collect();
        (id, AgentFacts { name: name.to_owned(), worker, waits_for, ..AgentFacts::default() })
    });
    facts.collect()
}

/// The agent's place in the report, which is made when it is new.
fn facts_of<'s, F: Frame>(session: &'s mut Session<'_, F>, facts: &AgentFacts) -> &'s mut AgentFacts {
    let agents = &mut session.report.agents;
    let at = agents.iter().position(|known| known.name == facts.name).unwrap_or_else(|| {
        agents.push(facts.clone());
        agents.len() - 1
    });
    &mut agents[at]
}

/// How long an agent of one bus took to start, and until it had handled its first message.
#[derive(Clone, Debug)]
struct Start {
    facts: AgentFacts,
    start_ns: Option<f64>,
    first_ns: Option<f64>,
}

/// Starts the bus afresh some times and sees how long each agent took, and when it handled its first message.
pub(crate) fn import_latency_analysis<F: Frame>(session: &mut Session<'_, F>) -> Result<Found, ProfileError> {
    session.be_patient(PATIENCE);
    let count = session.config.effort.repetitions();
    let made = repeat(session, count, |session, _| start_once(session))?;
    let slowest = told(session, &made);
    let agents = made.every().next().map_or(0, Vec::len);
    Ok(Found::passed(format!("{agents} agents over {} starts{slowest}", made.every().count())))
}

/// One start, with what it says of each agent.
fn start_once<F: Frame>(session: &mut Session<'_, F>) -> Result<Vec<Start>, ProfileError> {
    let mut rig = Rig::start(&mut *session.recipe, 1, |_, _| {})?;
    let firsts = first_messages(&mut rig);
    let took: Vec<_> = rig.bus.starts().into_iter().flat_map(|worker| worker.agents).collect();
    let starts = agents_of(&rig).into_iter().map(|(_, mut facts)| {
        let agent = took.iter().find(|agent| agent.agent == facts.name);
        if let Some(agent) = agent {
            (facts.build_ns, facts.hook_ns) = (agent.build_ns, agent.hook_ns);
        }
        let start_ns = agent.map(|agent| (agent.build_ns + agent.hook_ns) as f64);
        let first = firsts.iter().find(|(name, _)| *name == facts.name);
        Start { facts, start_ns, first_ns: first.map(|(_, ns)| *ns as f64) }
    });
    let starts = starts.collect();
    rig.stop(0)?;
    Ok(starts)
}

/// Adds the figures of every agent's start, and names the slowest.
fn told<F: Frame>(session: &mut Session<'_, F>, made: &Repeated<Vec<Start>>) -> String {
    let mut slowest: Option<(f64, String)> = None;
    let starts: Vec<&Vec<Start>> = made.every().collect();
    let Some(last) = starts.last() else { return String::new() };
    for (at, Start { facts, .. }) in last.iter().enumerate() {
        let place = facts_of(session, facts);
        (place.build_ns, place.hook_ns) = (facts.build_ns, facts.hook_ns);
        place.waits_for.clone_from(&facts.waits_for);
        // A start crosses no threads, so those count too that were left out because the distance changed.
        let took: Vec<f64> = starts.iter().filter_map(|start| start[at].start_ns).collect();
        if !took.is_empty() {
            let metric = Metric::of_repetitions(format!("start.{}", facts.name), took, "ns");
            if slowest.as_ref().is_none_or(|(most, _)| metric.value > *most) {
                slowest = Some((metric.value, facts.name.clone()));
            }
            session.add(made.note_unmade(metric.by("the agent's factory and its start hook, on its worker")));
        }
        first_told(session, made, at, facts);
    }
    slowest.map_or_else(String::new, |(ns, name)| format!("; {name} is the slowest, {:.1} us", ns / 1e3))
}

/// Adds the figure of the first message of the agent that is the `at`th of each start, where one reached it.
fn first_told<F: Frame>(
    session: &mut Session<'_, F>,
    made: &Repeated<Vec<Start>>,
    at: usize,
    facts: &AgentFacts,
) {
    let name = format!("first_message.{}", facts.name);
    if made.every().all(|start| start[at].first_ns.is_none()) {
        return;
    }
    let first: Vec<f64> = made.kept.iter().filter_map(|start| start[at].first_ns).collect();
    if first.is_empty() {
        return session.leave_untold(&name, &made.why_untold());
    }
    let metric = Metric::of_repetitions(name, first, "ns");
    facts_of(session, facts).first_message_ns = Some(metric.value as u64);
    let mut metric = made.note(
        metric.by("from the first message that was sent, from the load's core, to the first that it handled"),
    );
    if session.cores_to(facts.worker) != session.cores {
        metric.distance = None;
        let mark = "its worker is at another distance than the first load's, which was not probed";
        metric.marks.push(mark.to_owned());
    }
    session.add(metric);
}

/// Sends one message through each load, from the load's core, and sees when each agent had handled its first, in nanoseconds
/// since the first was sent. An agent that none of them reaches has no time to tell.
fn first_messages<F: Frame>(rig: &mut Rig<F>) -> Vec<(String, u64)> {
    let (clock, loads) = (rig.bus.clock(), &mut rig.loads);
    let begun = on_first_core(|| {
        let begun = clock.now();
        for load in loads {
            let _sent = (load.send)(Ask::Plain);
        }
        begun
    });
    rig.drain();
    let firsts = agents_of(rig).into_iter().filter_map(|(agent, facts)| {
        let at = rig.bus.first_handled(agent)?;
        Some((facts.name, at.since_ns(begun)))
    });
    firsts.collect()
}

/// What each agent's start spent its time on, and for whose room it waits.
pub(crate) fn dependency_trace<F: Frame>(session: &mut Session<'_, F>) -> Result<Found, ProfileError> {
    let rig = Rig::start(&mut *session.recipe, 1, |_, _| {})?;
    let mut lines = Vec::new();
    for (index, worker) in rig.bus.starts().iter().enumerate() {
        lines.push(format!(
            "worker {index}: {:.0} us until its thread ran, {:.0} us for lanes and memory",
            worker.thread_ns as f64 / 1e3,
            worker.seat_ns as f64 / 1e3
        ));
        for agent in &worker.agents {
            lines.push(format!(
                "  {}: built in {:.1} us, start hook {:.1} us",
                agent.agent,
                agent.build_ns as f64 / 1e3,
                agent.hook_ns as f64 / 1e3
            ));
        }
    }
    let agents = agents_of(&rig);
    rig.stop(0)?;
    let mut waiting = 0;
    for (_, facts) in &agents {
        let place = facts_of(session, facts);
        place.waits_for.clone_from(&facts.waits_for);
        if !facts.waits_for.is_empty() {
            waiting += 1;
            lines.push(format!("{} waits for room at {}", facts.name, facts.waits_for.join(", ")));
        }
    }
    let summary = format!("{} agents; {waiting} wait for room at others, in no circle", agents.len());
    Ok(Found::passed(summary).with(lines))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use ephor_core::Frame128;

    use super::*;
    use crate::config::Config;
    use crate::distance::Class;
    use crate::overseers::{Audited, overseers};
    use crate::repeat::{Apart, of_one_class};
    use crate::report::Status;

    fn session() -> Session<'static, Frame128> {
        let mut overseers = overseers(Audited::No);
        let recipe = Box::new(move || overseers().map_err(ProfileError::Subject));
        let mut session = Session::new(recipe, Config::new("overseers").effort(crate::Effort::Quick));
        session.look_at_the_subject().unwrap();
        session
    }

    const AGENTS: [&str; 5] = ["relay", "sink", "policy", "health", "recovery"];

    #[test]
    fn every_ping_counts_and_those_at_one_distance_are_told_by_agent_with_a_value_for_each_bus() {
        let mut session = session();
        let found = agent_availability_check(&mut session).unwrap();
        let told: usize = AGENTS
            .iter()
            .filter_map(|agent| {
                let ping = session.report.metric(&format!("ping.{agent}"))?;
                assert_eq!(ping.samples as usize, ROUNDS * ping.repetitions.len(), "{agent}");
                Some(ping.repetitions.len())
            })
            .sum();
        let rate = of(&session, "availability").ratio.clone().unwrap();
        let is_silent = rate.numerator < rate.denominator;
        assert_eq!(found.status == Status::Failed, is_silent, "{found:?}");
        let asked = rate.denominator as usize;
        assert!(asked >= ROUNDS * told.max(2 * AGENTS.len()), "{asked} pings, {told} figures");
    }

    fn pinged(name: &str, times: Vec<f64>) -> Pinged {
        (AgentFacts { name: name.to_owned(), ..AgentFacts::default() }, times)
    }

    #[test]
    fn a_ping_is_told_at_its_distance_and_not_at_all_when_that_changed_each_time() {
        let mut session = session();
        let round = |ns: f64| vec![pinged("relay", vec![ns, 2.0 * ns]), pinged("sink", vec![])];
        let made = vec![
            (Apart::At(Class::Near), round(10.0)),
            (Apart::Changed, round(1e6)),
            (Apart::At(Class::Near), round(20.0)),
        ];
        tell_pings(&mut session, &of_one_class(made));
        let ping = session.report.metric("ping.relay").unwrap();
        assert_eq!((ping.value, ping.samples, ping.distance.as_deref()), (22.5, 4, Some("near")));
        assert_eq!(session.report.metric("ping.sink"), None, "it did not answer");
        tell_pings(&mut session, &of_one_class(vec![(Apart::Changed, vec![pinged("health", vec![1.0])])]));
        assert_eq!(session.report.metric("ping.health"), None);
    }

    #[test]
    fn a_first_message_is_told_at_its_distance_and_a_start_of_every_repetition() {
        let mut session = session();
        let start = |ns| {
            let facts = AgentFacts { name: "relay".to_owned(), ..AgentFacts::default() };
            vec![Start { facts, start_ns: Some(ns), first_ns: Some(10.0 * ns) }]
        };
        let made = vec![
            (Apart::At(Class::Far), start(3.0)),
            (Apart::Changed, start(1.0)),
            (Apart::At(Class::Far), start(5.0)),
        ];
        told(&mut session, &of_one_class(made));
        let (begun, first) = (of(&session, "start.relay"), of(&session, "first_message.relay"));
        assert_eq!((begun.value, begun.samples, begun.distance.clone()), (3.0, 3, None));
        assert_eq!((first.value, first.samples), (40.0, 2));
    }

    #[test]
    fn every_agent_that_a_message_reaches_has_a_first_message_or_it_is_said_why_not() {
        let mut session = session();
        import_latency_analysis(&mut session).unwrap();
        for agent in ["relay", "sink"] {
            assert!(of(&session, &format!("start.{agent}")).value > 0.0);
            let name = format!("first_message.{agent}");
            let is_told = session.report.metric(&name).is_some();
            assert!(is_told || session.why_untold(&name).is_some(), "{name}");
        }
    }

    fn of<'s>(session: &'s Session<'_, Frame128>, name: &str) -> &'s Metric {
        session.report.metric(name).unwrap()
    }

    #[test]
    fn an_agent_that_was_silent_in_a_repetition_that_is_left_out_was_silent() {
        let mut answers = Answers::default();
        for times in [ROUNDS, 1] {
            answers.count(&[pinged("sink", vec![1.0; times])]);
        }
        assert_eq!((answers.asked, answers.answered), (2 * ROUNDS as u64, ROUNDS as u64 + 1));
        assert_eq!(answers.silent["sink"], ROUNDS - 1);
    }
}
