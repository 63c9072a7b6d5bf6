//! What happens after a panic: the message at fault, the agent, its mailbox, and who is told.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::sync::{Arc, Mutex};

use ephor_constitution::Charter;
use ephor_runtime::{
    Agent, Cx, Disposition, Handler, Incident, PanicAt, Restart, Supervision, Topology, agent,
};
use support::{Item, Relay, Sink, Tally};

/// Panics on items of 100 and more.
struct Fragile {
    tally: Tally,
}

impl Agent for Fragile {}
agent!(Fragile { Item });

impl Handler<Item> for Fragile {
    fn on(&mut self, item: &Item, _cx: &mut Cx<'_>) {
        assert!(item.0 < 100, "{} is too much", item.0);
        self.tally.add(item.0);
    }
}

/// Panics in the hook that its name says.
struct Hooked {
    hook: &'static str,
    lives: Arc<Mutex<u32>>,
}

agent!(Hooked { Item });

impl Hooked {
    fn trip(&self, hook: &str) {
        let mut lives = self.lives.lock().unwrap();
        if self.hook == hook && *lives > 0 {
            *lives -= 1;
            drop(lives);
            panic!("in {hook}");
        }
    }
}

impl Agent for Hooked {
    fn on_start(&mut self, cx: &mut Cx<'_>) {
        cx.schedule(cx.now().after_ns(1_000_000), 0).unwrap();
    }

    fn on_timer(&mut self, _token: u64, _cx: &mut Cx<'_>) {
        self.trip("timer");
    }

    fn on_cycle(&mut self, _cx: &mut Cx<'_>) -> usize {
        self.trip("cycle");
        0
    }
}

impl Handler<Item> for Hooked {
    fn on(&mut self, _item: &Item, _cx: &mut Cx<'_>) {
        self.trip("handler");
    }
}

impl Drop for Hooked {
    fn drop(&mut self) {
        if self.hook == "handler" {
            panic!("in drop");
        }
    }
}

/// Hears notices, and restarts what crashes while it is allowed to.
struct Supervisor {
    heard: Arc<Mutex<Vec<Incident>>>,
    restarts: Arc<Mutex<u32>>,
}

agent!(Supervisor {});

impl Agent for Supervisor {
    fn on_cycle(&mut self, cx: &mut Cx<'_>) -> usize {
        let Some(notice) = cx.next_notice() else { return 0 };
        self.heard.lock().unwrap().push(notice.incident);
        if let Incident::Crashed { .. } = notice.incident {
            let mut restarts = self.restarts.lock().unwrap();
            let sent = match restarts.checked_sub(1) {
                Some(left) => {
                    *restarts = left;
                    cx.restart(notice.agent)
                }
                None => cx.abandon(notice.agent),
            };
            assert!(sent);
        }
        1
    }
}

#[test]
fn the_mailbox_outlives_the_agent_and_the_poison_is_put_away() {
    let mut topology = Topology::new(Charter::default());
    let fragile = topology.reserve::<Fragile>("fragile");
    let gate = topology.gateway(fragile, 16);
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(fragile, move || Fragile { tally: tally.clone() });
    let bus = topology.build().unwrap().invoke().unwrap();
    for number in [1, 2, 100, 3, 4] {
        gate.try_send(Item(number)).unwrap();
    }
    let report = bus.shutdown(100);
    assert_eq!(seen.sum(), 1 + 2 + 3 + 4, "what stood behind the poison was handled by the rebuilt agent");
    assert_eq!(report.quarantine.len(), 1);
    assert_eq!((report.quarantine[0].crashes, report.quarantine[0].agent.as_str()), (2, "fragile"));
    assert!(report.quarantine[0].panic.contains("100 is too much"));
    assert!(report.ledger.adds_up());
}

#[test]
fn too_many_restarts_stop_the_agent_and_nobody_waits_for_it() {
    let mut topology = Topology::new(Charter::default());
    let relay = topology.reserve::<Relay>("relay");
    let fragile = topology.reserve::<Fragile>("fragile");
    let out = topology.hold(relay, fragile, 4);
    let gate = topology.gateway(relay, 64);
    let restart = Restart::ByWorker { at_most: 3, within_ns: 1_000 };
    topology.supervise(fragile.id(), Supervision { quarantine_after: 2, restart });
    topology.install(relay, move || Relay { out });
    topology.install(fragile, || Fragile { tally: Tally::default() });
    let mut bus = topology.build().unwrap().invoke().unwrap();
    for number in 0..40 {
        gate.try_send(Item(100 + number)).unwrap();
    }
    while bus.poll() > 0 {}
    assert!(bus.is_quiescent(), "a stopped agent holds nobody up");
    let report = bus.shutdown(1);
    // Crashes 1 and 2 put the first away, 3 and 4 the second; the fourth restart is one too many.
    assert_eq!(report.ledger.lost(Disposition::Quarantined), 2);
    assert_eq!(report.ledger.lost(Disposition::Stopped), 38);
    assert!(report.ledger.adds_up(), "{}", report.ledger);
}

fn supervised(restarts: u32, items: &[u64]) -> (Vec<Incident>, ephor_runtime::Report) {
    let mut topology = Topology::new(Charter::default());
    let fragile = topology.reserve::<Fragile>("fragile");
    let supervisor = topology.reserve::<Supervisor>("supervisor");
    topology.supervisor(supervisor.id()).supervise(fragile.id(), Supervision::by_supervisor());
    let gate = topology.gateway(fragile, 16);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (hears, restarts) = (Arc::clone(&heard), Arc::new(Mutex::new(restarts)));
    topology.install(supervisor, move || Supervisor { heard: hears.clone(), restarts: restarts.clone() });
    topology.install(fragile, || Fragile { tally: Tally::default() });
    let mut bus = topology.build().unwrap().invoke().unwrap();
    for number in items {
        gate.try_send(Item(*number)).unwrap();
    }
    while bus.poll() > 0 {}
    let report = bus.shutdown(1);
    let heard = heard.lock().unwrap().clone();
    (heard, report)
}

#[test]
fn a_supervisor_hears_every_incident_in_order() {
    let (heard, report) = supervised(5, &[100, 1]);
    let crashes = |incident: &Incident| match incident {
        Incident::Crashed { crashes, quarantined, .. } => Some((*crashes, *quarantined)),
        _ => None,
    };
    let [first, again, second, last, recovered] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!(crashes(first), Some((1, false)));
    assert_eq!(*again, Incident::Restarted);
    assert_eq!(crashes(second), Some((2, true)));
    assert_eq!((*last, *recovered), (Incident::Restarted, Incident::Recovered));
    assert_eq!(report.ledger.handled(), 1);
}

#[test]
fn an_abandoned_agent_loses_what_it_has_by_name() {
    let (heard, report) = supervised(0, &[100, 1, 2]);
    assert_eq!(heard.last(), Some(&Incident::Stopped));
    assert_eq!(report.ledger.lost(Disposition::Stopped), 3, "the message at fault among them");
    assert!(report.ledger.adds_up());
}

#[test]
fn an_agent_that_nobody_restarts_leaves_its_messages_undelivered() {
    let mut topology = Topology::new(Charter::default());
    let fragile = topology.reserve::<Fragile>("fragile");
    let deaf = topology.reserve::<Sink>("deaf");
    topology.supervise(fragile.id(), Supervision::by_supervisor()).supervisor(deaf.id());
    let gate = topology.gateway(fragile, 16);
    topology.install(fragile, || Fragile { tally: Tally::default() });
    topology.install(deaf, || Sink { tally: Tally::default() });
    let bus = topology.build().unwrap().invoke().unwrap();
    for number in [100, 1] {
        gate.try_send(Item(number)).unwrap();
    }
    let report = bus.shutdown(50);
    assert_eq!(report.ledger.lost(Disposition::Undelivered), 2);
    assert!(report.ledger.adds_up());
}

#[test]
fn an_agent_that_waits_for_a_supervisor_needs_one() {
    let mut topology = Topology::<ephor_core::Frame128>::new(Charter::default());
    let sink = topology.reserve::<Sink>("sink");
    topology.supervise(sink.id(), Supervision::by_supervisor());
    topology.install(sink, || Sink { tally: Tally::default() });
    let error = topology.build().unwrap_err().to_string();
    assert_eq!(error, "agent `sink` is restarted by a supervisor, but the topology has none");
}

#[test]
fn panics_in_hooks_and_destructors_are_caught_and_the_agent_goes_on() {
    for hook in ["timer", "cycle", "handler"] {
        let mut topology = Topology::new(Charter::default());
        let hooked = topology.reserve::<Hooked>("hooked");
        let gate = topology.gateway(hooked, 16);
        let lives = Arc::new(Mutex::new(2));
        let left = Arc::clone(&lives);
        topology.install(hooked, move || Hooked { hook, lives: Arc::clone(&lives) });
        let mut bus = topology.build().unwrap().invoke().unwrap();
        for number in 0..10 {
            gate.try_send(Item(number)).unwrap();
            bus.advance(2_000_000);
            while bus.poll() > 0 {}
        }
        let report = bus.shutdown(10);
        assert_eq!(*left.lock().unwrap(), 0, "{hook} panicked twice");
        let put_away = u64::from(hook == "handler");
        assert_eq!(report.ledger.handled(), 10 - put_away, "{hook}");
        assert!(report.ledger.adds_up());
    }
}

#[test]
fn a_factory_that_panics_is_a_start_error_at_first_and_a_crash_later() {
    let build = |good: u32| {
        let mut topology = Topology::new(Charter::default());
        let fragile = topology.reserve::<Fragile>("fragile");
        let gate = topology.gateway(fragile, 16);
        let mut built = 0;
        topology.install(fragile, move || {
            built += 1;
            assert!(built <= good, "no more agents");
            Fragile { tally: Tally::default() }
        });
        (topology, gate)
    };
    let error = build(0).0.build().unwrap().invoke().unwrap_err();
    assert_eq!(error.to_string(), "agent `fragile` panicked while it was started: no more agents");
    let error = build(0).0.build().unwrap().start().unwrap_err();
    assert!(error.to_string().contains("no more agents"), "{error}");

    let (topology, gate) = build(1);
    let mut bus = topology.build().unwrap().invoke().unwrap();
    gate.try_send(Item(100)).unwrap();
    while bus.poll() > 0 {}
    let report = bus.shutdown(1);
    assert_eq!(report.ledger.lost(Disposition::Stopped), 1, "five rebuilds failed");
}

#[test]
fn a_drill_crashes_one_message_until_it_is_put_away() {
    let mut topology = Topology::new(Charter::default());
    let sink = topology.reserve::<Sink>("sink");
    topology.drill(sink.id(), PanicAt::message(3));
    let gate = topology.gateway(sink, 16);
    let tally = Tally::default();
    let seen = tally.clone();
    topology.install(sink, move || Sink { tally: tally.clone() });
    let bus = topology.build().unwrap().invoke().unwrap();
    for number in 1..=5 {
        gate.try_send(Item(number)).unwrap();
    }
    let report = bus.shutdown(50);
    assert_eq!((seen.count(), seen.sum()), (4, 1 + 2 + 4 + 5));
    assert_eq!(report.quarantine[0].payload[..8], 3_u64.to_ne_bytes());
}
