//! The rows of the table: what is measured, beside whom, and what is wanted.

use ephor::{Frame64, Frame128, IdleStrategy};
use ephor_bench::hop::{self, Place};
use ephor_bench::rings::{Bare, BareMarked, Pace, round_trips, throughput};
use ephor_bench::round_trips::RoundTrips;
use ephor_bench::{HERE, THERE, floors, open_loop, parked};
use ephor_core::Twin64;

use crate::actors::{self, kinds::*};
use crate::contest::{Bound, Bounds, Contest, Entrant, ours, peer};
use crate::options::Options;
use crate::rings::*;

/// Every row, in the order of the table.
pub fn all(options: &Options) -> Vec<Contest> {
    vec![
        control(options),
        lane_items(options),
        lane_batch(options),
        lane_rtt(options),
        hop_batch(options),
        hop_128(options),
        hop_actors(options, false),
        hop_actors(options, true),
        hop_rtt(options),
        hop_rtt_synchronous(options),
        hop_rtt_asynchronous(options),
        hop_local(options),
        hop_local_floor(options),
        hop_local_queue(options),
        hop_local_rtt(options),
        pass(options),
        check(options),
        twin(options),
        gateway(options),
        gateway_shared(options),
        scale_agents(options),
        scale_agents_active(options),
        scale_edges(options),
        scale_edges_idle(options),
        scale_depth(options),
        open_loop(options),
        idle_share(),
        idle_wake_up(options),
    ]
}

/// A spinning ring with and without PAUSE, one message at a time.
macro_rules! items {
    ($entrants:ident, $side:ident, $messages:expr, $w:literal: $($name:literal => $ring:ty),* $(,)?) => {
        $(
            $entrants.push($side($name, move || throughput::<$w, $ring, false>(Pace::OneByOne, $messages)));
            $entrants.push($side(concat!($name, ", pause"), move || {
                throughput::<$w, $ring, true>(Pace::OneByOne, $messages)
            }));
        )*
    };
}

/// The same in batches of 64.
macro_rules! batches {
    ($entrants:ident, $side:ident, $messages:expr, $w:literal: $($name:literal => $ring:ty),* $(,)?) => {
        $(
            $entrants.push($side($name, move || throughput::<$w, $ring, false>(Pace::Batches, $messages)));
            $entrants.push($side(concat!($name, ", pause"), move || {
                throughput::<$w, $ring, true>(Pace::Batches, $messages)
            }));
        )*
    };
}

/// The same ring against itself: what ratios of 1 look like here.
fn control(options: &Options) -> Contest {
    let messages = options.messages(400_000);
    Contest {
        id: "control",
        what: "rtrb in batches of 64 against itself",
        bounds: Bounds::near(Bound::None),
        is_local: false,
        entrants: vec![
            ours("rtrb", move || throughput::<8, Rtrb, false>(Pace::Batches, messages)),
            peer("rtrb again", move || throughput::<8, Rtrb, false>(Pace::Batches, messages)),
        ],
    }
}

fn lane_items(options: &Options) -> Contest {
    let messages = options.messages(400_000);
    let mut entrants: Vec<Entrant> = Vec::new();
    items!(entrants, ours, messages, 8: "lane" => BareMarked, "lane, cursor only" => Bare);
    items!(entrants, peer, messages, 8:
        "rtrb" => Rtrb, "rtrb, pop" => RtrbPop, "gil" => Gil, "ringbuf" => Ringbuf, "nexus" => Nexus,
        "spsc-ring" => SpscRing, "disruptor" => Disruptor);
    // Slower by factors wherever they were measured: once, spinning without PAUSE.
    let few = messages / 4;
    entrants.push(peer("ArrayQueue", move || throughput::<8, ArrayQueue, false>(Pace::OneByOne, few)));
    entrants.push(peer("crossbeam-channel", move || {
        throughput::<8, CrossbeamChannel, false>(Pace::OneByOne, few)
    }));
    entrants.push(peer("std mpsc", move || throughput::<8, StdMpsc, false>(Pace::OneByOne, few)));
    entrants.push(peer("kanal", move || throughput::<8, Kanal, false>(Pace::OneByOne, few)));
    entrants.push(peer("crossfire", move || throughput::<8, Crossfire, false>(Pace::OneByOne, few)));
    entrants.push(peer("tokio mpsc", move || throughput::<8, TokioMpsc, false>(Pace::OneByOne, few)));
    Contest {
        id: "lane-items",
        what: "bare lane, item by item",
        bounds: Bounds { near: Bound::AtLeast(2.0), far: Bound::AtLeast(1.2) },
        is_local: false,
        entrants,
    }
}

fn lane_batch(options: &Options) -> Contest {
    let messages = options.messages(800_000);
    let mut entrants: Vec<Entrant> = Vec::new();
    batches!(entrants, ours, messages, 8: "lane" => BareMarked, "lane, cursor only" => Bare);
    batches!(entrants, peer, messages, 8:
        "rtrb" => Rtrb, "gil" => Gil, "ringbuf" => Ringbuf, "spsc-ring" => SpscRing, "disruptor" => Disruptor);
    Contest {
        id: "lane-batch",
        what: "bare lane, batches of 64",
        bounds: Bounds::both(Bound::AtLeast(1.0)),
        is_local: false,
        entrants,
    }
}

/// Half of the round trips of `run` took no longer.
fn p50(run: impl Fn() -> Option<RoundTrips> + 'static) -> impl FnMut() -> Option<f64> + 'static {
    move || run().map(|trips| trips.p50())
}

fn lane_rtt(options: &Options) -> Contest {
    let rounds = options.messages(20_000);
    Contest {
        id: "lane-rtt",
        what: "bare lane, round trip p50, beside a bare cache line",
        bounds: Bounds::both(Bound::AtMost(1.1)),
        is_local: false,
        entrants: vec![
            ours("lane", p50(move || round_trips::<8, BareMarked, false>(rounds))),
            ours("lane, pause", p50(move || round_trips::<8, BareMarked, true>(rounds))),
            ours("lane, cursor only", p50(move || round_trips::<8, Bare, false>(rounds))),
            peer("one line", p50(move || floors::one_line::<false>(rounds))),
            peer("one line, pause", p50(move || floors::one_line::<true>(rounds))),
            peer("two lines", p50(move || floors::two_lines::<false>(rounds))),
            peer("two lines, pause", p50(move || floors::two_lines::<true>(rounds))),
        ],
    }
}

fn hop_batch(options: &Options) -> Contest {
    let messages = options.messages(800_000);
    let mut entrants = vec![ours("governed hop", move || hop::four::<Frame64>(messages, Place::TwoWorkers))];
    batches!(entrants, peer, messages, 8:
        "rtrb" => Rtrb, "gil" => Gil, "ringbuf" => Ringbuf, "spsc-ring" => SpscRing, "disruptor" => Disruptor);
    Contest {
        id: "hop-batch",
        what: "governed hop between workers, 64 B, beside ungoverned rings in batches",
        bounds: Bounds::near(Bound::AtLeast(1.0)),
        is_local: false,
        entrants,
    }
}

fn hop_128(options: &Options) -> Contest {
    let messages = options.messages(600_000);
    let mut entrants =
        vec![ours("governed hop", move || hop::twelve::<Frame128>(messages, Place::TwoWorkers))];
    batches!(entrants, peer, messages, 16:
        "rtrb" => Rtrb, "gil" => Gil, "ringbuf" => Ringbuf, "spsc-ring" => SpscRing, "disruptor" => Disruptor);
    Contest {
        id: "hop-128",
        what: "the same, 128 B",
        bounds: Bounds::near(Bound::AtLeast(1.0)),
        is_local: false,
        entrants,
    }
}

fn twin(options: &Options) -> Contest {
    let messages = options.messages(800_000);
    Contest {
        id: "check",
        what: "governed hop between workers, beside its ungoverned twin",
        bounds: Bounds::near(Bound::AtMost(1.03)),
        is_local: false,
        entrants: vec![
            ours("governed hop", move || hop::four::<Frame64>(messages, Place::TwoWorkers)),
            peer("ungoverned twin", move || hop::four::<Twin64>(messages, Place::TwoWorkers)),
        ],
    }
}

fn hop_rtt(options: &Options) -> Contest {
    let rounds = options.messages(20_000);
    Contest {
        id: "hop-rtt",
        what: "governed ping-pong between workers, p50, beside a bare cache line",
        bounds: Bounds::near(Bound::AtMost(1.4)),
        is_local: false,
        entrants: vec![
            ours("governed", p50(move || hop::pong::between_workers::<Frame64>(rounds))),
            peer("one line", p50(move || floors::one_line::<false>(rounds))),
            peer("one line, pause", p50(move || floors::one_line::<true>(rounds))),
            peer("two lines", p50(move || floors::two_lines::<false>(rounds))),
            peer("two lines, pause", p50(move || floors::two_lines::<true>(rounds))),
        ],
    }
}

/// The rings' users have no handler, no ledger and no check; the runtimes' users have handlers.
fn hop_actors(options: &Options, is_asynchronous: bool) -> Contest {
    let (messages, few) = (options.messages(400_000), options.messages(100_000));
    let mut entrants = vec![
        ours("governed hop", move || hop::four::<Frame64>(messages, Place::TwoWorkers)),
        peer("tokio task, unbounded", move || actors::tell::<Unbounded>(few)),
        peer("tokio task, bounded", move || actors::tell::<Bounded>(few)),
        peer("ractor", move || actors::tell::<Ractor>(few)),
        peer("actix", move || actors::tell::<Actix>(few)),
        peer("kameo", move || actors::tell::<Kameo>(few)),
        peer("xtra", move || actors::tell::<Xtra>(few)),
    ];
    let (what, bound) = if is_asynchronous {
        ("governed hop between workers, beside async actor frameworks' tell", 25.0)
    } else {
        entrants.push(peer("aetherflow", move || actors::aetherflow_tell(messages)));
        ("governed hop between workers, beside all actor frameworks' tell", 15.0)
    };
    Contest { id: "hop-actors", what, bounds: Bounds::near(Bound::AtLeast(bound)), is_local: false, entrants }
}

fn hop_rtt_synchronous(options: &Options) -> Contest {
    let rounds = options.messages(20_000);
    Contest {
        id: "hop-rtt",
        what: "the same, beside the best synchronous actor runtime",
        bounds: Bounds::near(Bound::AtMost(1.1)),
        is_local: false,
        entrants: vec![
            ours("governed", p50(move || hop::pong::between_workers::<Frame64>(rounds))),
            peer("aetherflow", p50(move || actors::aetherflow_ping_pong(rounds))),
        ],
    }
}

fn hop_rtt_asynchronous(options: &Options) -> Contest {
    let rounds = options.messages(20_000);
    Contest {
        id: "hop-rtt",
        what: "the same, beside async actor frameworks' ask",
        bounds: Bounds::near(Bound::AtMost(0.4)),
        is_local: false,
        entrants: vec![
            ours("governed", p50(move || hop::pong::between_workers::<Frame64>(rounds))),
            peer("tokio task, unbounded", p50(move || actors::ask::<Unbounded>(rounds))),
            peer("tokio task, bounded", p50(move || actors::ask::<Bounded>(rounds))),
            peer("ractor", p50(move || actors::ask::<Ractor>(rounds))),
            peer("actix", p50(move || actors::ask::<Actix>(rounds / 4))),
            peer("kameo", p50(move || actors::ask::<Kameo>(rounds))),
            peer("xtra", p50(move || actors::ask::<Xtra>(rounds))),
        ],
    }
}

fn hop_local(options: &Options) -> Contest {
    let messages = options.messages(800_000);
    Contest {
        id: "hop-local",
        what: "governed hop on one worker, beside VecDeque push and pop of the frame",
        bounds: Bounds::near(Bound::AtMost(1.3)),
        is_local: true,
        entrants: vec![
            ours("governed hop", move || hop::four::<Frame64>(messages, Place::OneWorker)),
            peer("VecDeque, one by one", move || floors::vec_deque::<8>(messages, 1)),
            peer("VecDeque, 64", move || floors::vec_deque::<8>(messages, 64)),
        ],
    }
}

/// What it costs to move the bytes alone: no bound, since nothing is queued.
fn hop_local_floor(options: &Options) -> Contest {
    let messages = options.messages(800_000);
    Contest {
        id: "hop-local",
        what: "governed hop on one worker, beside a copy of the frame",
        bounds: Bounds::near(Bound::None),
        is_local: true,
        entrants: vec![
            ours("governed hop", move || hop::four::<Frame64>(messages, Place::OneWorker)),
            peer("copy of 64 bytes", move || floors::copied::<8>(messages)),
        ],
    }
}

fn hop_local_queue(options: &Options) -> Contest {
    let messages = options.messages(800_000);
    Contest {
        id: "hop-local",
        what: "governed hop on one worker, beside the best one-thread runtime that queues",
        bounds: Bounds::near(Bound::AtLeast(1.2)),
        is_local: true,
        entrants: vec![
            ours("governed hop", move || hop::four::<Frame64>(messages, Place::OneWorker)),
            peer("stakker", move || actors::stakker_tell(messages)),
        ],
    }
}

fn hop_local_rtt(options: &Options) -> Contest {
    let rounds = options.messages(200_000);
    Contest {
        id: "hop-local-rtt",
        what: "governed ping-pong on one worker, mean, beside the best one-thread runtime",
        bounds: Bounds::near(Bound::AtMost(1.1)),
        is_local: true,
        entrants: vec![
            ours("governed", move || hop::pong::on_one_worker::<Frame64>(rounds)),
            peer("stakker", move || actors::stakker_ping_pong(rounds)),
        ],
    }
}

fn pass(options: &Options) -> Contest {
    let headers = options.messages(4_000_000);
    Contest {
        id: "check",
        what: "the pass, which judges the messages of an edge, as a throughput, beside two nanoseconds",
        bounds: Bounds::near(Bound::AtMost(1.0)),
        is_local: true,
        entrants: vec![ours("pass", move || floors::pass(headers)), peer("2 ns", || Some(2.0))],
    }
}

fn check(options: &Options) -> Contest {
    let headers = options.messages(4_000_000);
    Contest {
        id: "check",
        what: "the check with all reasons, as a throughput, beside two nanoseconds",
        bounds: Bounds::near(Bound::AtMost(1.0)),
        is_local: true,
        entrants: vec![ours("check", move || floors::check(headers)), peer("2 ns", || Some(2.0))],
    }
}

fn gateway(options: &Options) -> Contest {
    let messages = options.messages(400_000);
    Contest {
        id: "gateway",
        what: "foreign thread in, governed, beside a bare ArrayQueue",
        bounds: Bounds::near(Bound::AtLeast(0.85)),
        is_local: false,
        entrants: vec![
            ours("gateway", move || hop::gateway::<Frame64>(messages, &[HERE])),
            peer("ArrayQueue", move || throughput::<8, ArrayQueue, false>(Pace::OneByOne, messages)),
            peer("ArrayQueue, pause", move || throughput::<8, ArrayQueue, true>(Pace::OneByOne, messages)),
        ],
    }
}

/// Where there is a third core; elsewhere nobody takes part, and the row says nothing.
fn gateway_shared(options: &Options) -> Contest {
    let messages = options.messages(400_000);
    let third = ephor_bench::pin::cores().into_iter().find(|core| ![HERE, THERE].contains(core));
    let entrants = third.map(|third| {
        vec![
            ours("gateway", move || hop::gateway::<Frame64>(messages, &[HERE, third])),
            peer("ArrayQueue", move || array_queue::<false>(messages, &[HERE, third])),
            peer("ArrayQueue, pause", move || array_queue::<true>(messages, &[HERE, third])),
        ]
    });
    Contest {
        id: "gateway",
        what: "two foreign threads in, where there are three cores",
        bounds: Bounds::near(Bound::AtLeast(0.85)),
        is_local: false,
        entrants: entrants.unwrap_or_default(),
    }
}

fn scale_agents(options: &Options) -> Contest {
    let messages = options.messages(800_000);
    Contest {
        id: "scale-agents",
        what: "one active pair among 64 agents, beside the pair alone",
        bounds: Bounds::near(Bound::AtMost(1.2)),
        is_local: true,
        entrants: vec![
            ours("64 agents", move || hop::among::<Frame64>(messages, 31)),
            peer("2 agents", move || hop::among::<Frame64>(messages, 0)),
        ],
    }
}

fn scale_agents_active(options: &Options) -> Contest {
    let messages = options.messages(800_000);
    Contest {
        id: "scale-agents",
        what: "32 active pairs, beside one; ns a message",
        bounds: Bounds::near(Bound::AtMost(1.2)),
        is_local: true,
        entrants: vec![
            ours("64 agents", move || hop::pairs::<Frame64>(messages, 32)),
            peer("2 agents", move || hop::pairs::<Frame64>(messages, 1)),
        ],
    }
}

fn scale_edges(options: &Options) -> Contest {
    let messages = options.messages(800_000);
    Contest {
        id: "scale-edges",
        what: "64 edges into one agent, beside one",
        bounds: Bounds::near(Bound::AtMost(1.2)),
        is_local: false,
        entrants: vec![
            ours("64 edges", move || hop::edges::<Frame64>(messages, 64, Place::TwoWorkers)),
            peer("1 edge", move || hop::edges::<Frame64>(messages, 1, Place::TwoWorkers)),
        ],
    }
}

fn scale_edges_idle(options: &Options) -> Contest {
    let messages = options.messages(800_000);
    Contest {
        id: "scale-edges",
        what: "one busy edge among 64 into one agent, beside it alone",
        bounds: Bounds::near(Bound::AtMost(1.2)),
        is_local: false,
        entrants: vec![
            ours("64 edges", move || hop::busy_edge::<Frame64>(messages, 63)),
            peer("1 edge", move || hop::busy_edge::<Frame64>(messages, 0)),
        ],
    }
}

fn scale_depth(options: &Options) -> Contest {
    let messages = options.messages(200_000);
    Contest {
        id: "scale-depth",
        what: "16 stages on two workers, beside one; ns a message and stage",
        bounds: Bounds::near(Bound::AtMost(1.2)),
        is_local: false,
        entrants: vec![
            ours("16 stages", move || hop::pipeline::<Frame64>(messages, 16)),
            peer("1 stage", move || hop::pipeline::<Frame64>(messages, 1)),
        ],
    }
}

fn open_loop(options: &Options) -> Contest {
    let messages = options.messages(200_000);
    Contest {
        id: "open-loop",
        what: "one way at 1,000,000 messages a second, p99 from when it was due, beside bare lines",
        bounds: Bounds::near(Bound::AtMost(1.5)),
        is_local: false,
        entrants: vec![
            ours("governed", move || hop::paced::delays::<Frame64>(messages).map(|delays| delays.p99())),
            peer("bare lines", move || open_loop::bare_lines::<false>(messages)),
            peer("bare lines, pause", move || open_loop::bare_lines::<true>(messages)),
        ],
    }
}

fn idle_share() -> Contest {
    Contest {
        id: "idle",
        what: "a parked worker's share of a core, in 0.01 %, beside a spinning one's",
        bounds: Bounds::near(Bound::AtMost(0.0)),
        is_local: true,
        entrants: vec![
            ours("parked", || hop::parked::share::<Frame64>(IdleStrategy::park())),
            peer("spinning", || hop::parked::share::<Frame64>(IdleStrategy::Spin)),
        ],
    }
}

fn idle_wake_up(options: &Options) -> Contest {
    let count = options.messages(1_000);
    Contest {
        id: "idle",
        what: "from a foreign thread to an agent of a parked worker, p50, beside a bare futex",
        bounds: Bounds::near(Bound::AtMost(1.5)),
        is_local: false,
        entrants: vec![
            ours("parked", move || hop::parked::wake_up::<Frame64>(count)),
            peer("bare futex", move || parked::bare_futex(count)),
        ],
    }
}
