//! The rows of the table: what is measured, beside whom, and what is wanted.

use crate::contest::{Bound, Bounds, Contest, Entrant, ours, peer};
use crate::floors;
use crate::options::Options;
use crate::rings::*;
use crate::round_trips::RoundTrips;

/// Every row, in the order of the table.
pub fn all(options: &Options) -> Vec<Contest> {
    vec![control(options), lane_items(options), lane_batch(options), lane_rtt(options)]
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
    batches!(entrants, peer, messages, 8: "rtrb" => Rtrb, "ringbuf" => Ringbuf, "disruptor" => Disruptor);
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
