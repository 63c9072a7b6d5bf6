//! Timers: never early, in order, in a turn of their own, and gone with the agent that set them.

use std::time::{Duration, Instant};

use ephor_constitution::Charter;
use ephor_core::Ticks;
use ephor_runtime::{Address, Cx, Out, Topology};

use super::bench::{
    Door, MS, Seen, apart, invoke, send_all, settle_invoked, start, stop, stop_invoked, until,
};
use super::cast::{Actor, Item};
use crate::check::{Check, Checked, ensure, ensure_eq};

const GROUP: &str = "timers";

/// Timers that one worker holds.
const TIMERS: usize = 1_024;

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check("timers fire in the order of their deadlines, each at its tick", in_order),
        check("of a thousand timers on a running bus none is early, and all fire", none_early),
        check("a worker that parks wakes for its timer, and a deadline that has passed fires at once", wakes),
        check("an agent that sets its timer anew at each ring is rung again and again", again),
        check("a timer that was cancelled does not fire, and cannot be cancelled twice", cancelled),
        check("a mailbox that is never empty does not starve a timer", not_starved),
        check("a timer whose agent has no room to emit fires when there is room", waits_for_room),
        check("the timers of an agent die with it", die_with_agent),
        check("of more timers than a worker holds, the last are refused", too_many),
    ]
}

/// An agent that sets a timer for each deadline when it is built, and notes tokens and times of those that fire.
fn alarm(topology: &mut Topology, deadlines_ns: Vec<u64>, fired: &Seen<(u64, u64)>) -> Address<Actor> {
    let noted = fired.clone();
    let actor = Actor::new()
        .at_start(move |cx| {
            for (token, deadline_ns) in (0..).zip(&deadlines_ns) {
                assert!(cx.schedule(Ticks::from_ns(*deadline_ns), token).is_ok(), "there is a free timer");
            }
        })
        .on_ring(move |token, cx| noted.note((*token, cx.now().as_ns())));
    actor.seat(topology, "alarm")
}

fn in_order() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let fired = Seen::new();
    alarm(&mut topology, vec![5 * MS, 2 * MS, 300 * MS, 2 * MS, 2 * MS + 1], &fired);
    let mut bus = invoke(topology)?;
    for _ in 0..400 {
        bus.advance(MS);
        settle_invoked(&mut bus);
    }
    let expected = vec![(1, 2 * MS), (3, 2 * MS), (4, 3 * MS), (0, 5 * MS), (2, 300 * MS)];
    ensure_eq(fired.values(), expected, "tokens and times")?;
    stop_invoked(bus).map(drop)
}

fn none_early() -> Checked {
    const COUNT: u64 = 1_000;
    let mut topology = Topology::new(Charter::default());
    let fired = Seen::new();
    // Spread over forty milliseconds, in no order.
    let deadlines_ns: Vec<u64> = (0..COUNT).map(|number| (number * 7_919 % COUNT) * MS / 25).collect();
    alarm(&mut topology, deadlines_ns.clone(), &fired);
    let bus = start(topology)?;
    until("a thousand rings", || fired.count() as u64 >= COUNT)?;
    stop(bus)?;
    let fired = fired.values();
    let early = fired.iter().find(|(token, at_ns)| *at_ns < deadlines_ns[*token as usize]);
    ensure(early.is_none(), || format!("token and time of an early one: {early:?}"))?;
    let mut tokens: Vec<u64> = fired.iter().map(|(token, _)| *token).collect();
    tokens.sort_unstable();
    ensure(tokens.into_iter().eq(0..COUNT), || "a timer fired twice, or never".to_owned())
}

fn wakes() -> Checked {
    const WAIT: u64 = 15 * MS;
    let mut topology = Topology::new(Charter::default());
    let (begun, fired) = (Seen::new(), Seen::new());
    let (start_ns, noted) = (begun.clone(), fired.clone());
    let alarm = Actor::new()
        .at_start(move |cx| {
            start_ns.note(cx.now().as_ns());
            let is_set =
                cx.schedule(Ticks::ZERO, 0).is_ok() && cx.schedule(cx.now().after_ns(WAIT), 1).is_ok();
            assert!(is_set, "there are two free timers");
        })
        .on_ring(move |token, cx| noted.note((*token, cx.now().as_ns())));
    alarm.seat(&mut topology, "alarm");
    let bus = start(topology)?;
    until("both timers", || fired.count() >= 2)?;
    stop(bus)?;
    let fired = fired.values();
    ensure_eq([fired[0].0, fired[1].0], [0, 1], "tokens in order")?;
    let waited_ns = fired[1].1 - begun.values()[0];
    ensure(waited_ns >= WAIT, || format!("fired after {waited_ns} ns"))
}

fn again() -> Checked {
    const RINGS: usize = 5;
    let mut topology = Topology::new(Charter::default());
    let fired = Seen::new();
    let noted = fired.clone();
    let set = |cx: &mut Cx<'_>| {
        let deadline = cx.now().after_ns(MS);
        assert!(cx.schedule(deadline, 0).is_ok(), "there is a free timer");
    };
    let metronome = Actor::new().at_start(set).on_ring(move |_, cx| {
        noted.note(cx.now().as_ns());
        set(cx);
    });
    metronome.seat(&mut topology, "metronome");
    let bus = start(topology)?;
    until("five rings", || fired.count() >= RINGS)?;
    stop(bus)?;
    let is_spaced = fired.values().windows(2).all(|pair| pair[1] >= pair[0] + MS);
    ensure(is_spaced, || format!("less than 1 ms apart: {:?}", fired.values()))
}

fn cancelled() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let (fired, answers) = (Seen::new(), Seen::new());
    let (rung, noted) = (fired.clone(), answers.clone());
    let actor = Actor::new()
        .at_start(move |cx| {
            let (Ok(first), Ok(_)) =
                (cx.schedule(Ticks::from_ns(2 * MS), 1), cx.schedule(Ticks::from_ns(4 * MS), 2))
            else {
                panic!("there are two free timers");
            };
            noted.note(cx.cancel(first));
            noted.note(cx.cancel(first));
        })
        .on_ring(move |token, _| rung.note(*token));
    actor.seat(&mut topology, "alarm");
    let bus = start(topology)?;
    until("the timer that was left", || fired.count() >= 1)?;
    stop(bus)?;
    ensure_eq(answers.values(), vec![true, false], "whether each cancelling took")?;
    ensure_eq(fired.values(), vec![2], "tokens that fired")
}

fn not_starved() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let fired = Seen::new();
    let alarm = alarm(&mut topology, vec![3 * MS], &fired);
    let gate = topology.gateway(alarm, 256);
    let bus = start(topology)?;
    send_all(&gate, (0..256).map(Item))?;
    until("the timer", || {
        while gate.try_send(Item(0)).is_ok() && fired.count() == 0 {}
        fired.count() == 1
    })?;
    stop(bus).map(drop)
}

/// An agent that sets two timers when it is built, and emits the token of each that rings; notes how often it rang.
fn ticker(out: Out<Item>, rung: &Seen) -> Actor {
    let noted = rung.clone();
    Actor::new()
        .at_start(|cx| {
            let (first, second) = (cx.now().after_ns(MS), cx.now().after_ns(2 * MS));
            assert!(
                cx.schedule(first, 1).is_ok() && cx.schedule(second, 2).is_ok(),
                "there are two free timers"
            );
        })
        .on_ring(move |token, cx| {
            noted.note(*token);
            cx.emit(&out, Item(*token));
        })
}

fn waits_for_room() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let (door, seen, rung) = (Door::new(), Seen::new(), Seen::new());
    let sink = Actor::at_door(&door, &seen).seat(&mut topology, "sink");
    let agent = topology.reserve("ticker");
    apart(&mut topology, &[sink.id()]);
    ticker(topology.hold(agent, sink, 1), &rung).install(&mut topology, agent);
    let bus = start(topology)?;
    door.until_entered()?;
    let entered = Instant::now();
    until("the second deadline", || entered.elapsed() > Duration::from_nanos(4 * MS))?;
    ensure_eq(rung.values(), vec![1], "tokens that rang while there is no room")?;
    door.open();
    until("both timers' messages", || seen.count() == 2)?;
    stop(bus)?;
    ensure_eq((seen.values(), rung.values()), (vec![1, 2], vec![1, 2]), "what arrived, and what rang")
}

fn die_with_agent() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let fired = Seen::new();
    let lives = Seen::new();
    let (life, noted) = (lives.clone(), fired.clone());
    let actor = Actor::new()
        .at_start(move |cx| {
            life.note(0);
            let token = life.count() as u64;
            assert!(cx.schedule(Ticks::from_ns(5 * MS), token).is_ok(), "there is a free timer");
        })
        .on_item(|item, _| assert!(item.0 > 0, "the first life ends here"))
        .on_ring(move |token, _| noted.note(*token));
    let actor = actor.seat(&mut topology, "alarm");
    let gate = topology.gateway(actor, 4);
    let mut bus = invoke(topology)?;
    gate.try_send(Item(0))?;
    settle_invoked(&mut bus);
    for _ in 0..10 {
        bus.advance(MS);
        settle_invoked(&mut bus);
    }
    ensure_eq(lives.count(), 3, "lives: two crashes put the message away")?;
    ensure_eq(fired.values(), vec![3], "in which life the timers that fired were set")?;
    stop_invoked(bus).map(drop)
}

fn too_many() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let answers = Seen::new();
    let noted = answers.clone();
    let actor = Actor::new().on_item(move |_, cx| {
        (0..TIMERS + 10).for_each(|_| noted.note(cx.schedule(Ticks::NEVER, 0).is_ok()));
    });
    let actor = actor.seat(&mut topology, "greedy");
    let gate = topology.gateway(actor, 4);
    let bus = start(topology)?;
    send_all(&gate, [Item(0)])?;
    stop(bus)?;
    let answers = answers.values();
    let is_split =
        answers[..TIMERS].iter().all(|taken| *taken) && !answers[TIMERS..].iter().any(|taken| *taken);
    ensure(is_split, || "not the first 1,024 were taken and the others refused".to_owned())
}
