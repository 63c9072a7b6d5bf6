//! After the start, the first messages cause no more page faults than later ones: rings and stacks were touched. Without
//! pre-warm they are not, and the first messages pay.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ephor_constitution::Charter;
use ephor_runtime::{Agent, Cx, Handler, Out, Prewarm, Topology, WorkerOptions, agent};
use support::{Item, LONG, Sink, Tally};

/// Frames through the lane: more than a page holds, so that an untouched ring would fault again and again.
const CAPACITY: usize = 4096;

/// Minor page faults of the calling thread so far.
fn faults() -> Option<u64> {
    let stat = fs::read_to_string("/proc/thread-self/stat").ok()?;
    // Behind the name in brackets: state, six numbers, then minor faults.
    stat.rsplit(')').next()?.split_whitespace().nth(7)?.parse().ok()
}

/// Passes on what it gets, and notes the page faults when it is asked to.
struct Probe {
    out: Out<Item>,
    marks: Arc<[AtomicU64; 3]>,
    seen: u64,
}

impl Agent for Probe {}
agent!(Probe { Item });

impl Handler<Item> for Probe {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
        let mark = match self.seen {
            0 => Some(0),
            at if at == CAPACITY as u64 => Some(1),
            at if at == 2 * CAPACITY as u64 => Some(2),
            _ => None,
        };
        if let Some(mark) = mark {
            self.marks[mark].store(faults().unwrap_or(0), Ordering::SeqCst);
        }
        self.seen += 1;
        cx.emit(&self.out, *item);
    }
}

#[test]
fn the_first_messages_through_a_ring_fault_no_more_than_the_next() {
    if faults().is_none() {
        eprintln!("SKIPPED: this system has no /proc/thread-self/stat");
        return;
    }
    let mut topology = Topology::new(Charter::default());
    let probe = topology.reserve::<Probe>("probe");
    let sink = topology.reserve::<Sink>("sink");
    let out = topology.hold(probe, sink, CAPACITY);
    let gate = topology.gateway(probe, 64);
    let marks: Arc<[AtomicU64; 3]> = Arc::default();
    let noted = Arc::clone(&marks);
    topology.install(probe, move || {
        // What reading the count itself touches is touched here.
        assert!(faults().is_some());
        Probe { out, marks: Arc::clone(&noted), seen: 0 }
    });
    topology.install(sink, || Sink { tally: Tally::default() });
    let bus = topology.build().unwrap().start().unwrap();
    for number in 0..=2 * CAPACITY as u64 {
        gate.send_timeout(Item(number), LONG).unwrap();
    }
    bus.shutdown(LONG).unwrap();
    let at = |mark: usize| marks[mark].load(Ordering::SeqCst);
    let (first, next) = (at(1) - at(0), at(2) - at(1));
    // The ring's pages alone are 128. A few faults belong to what the handler's own probe and the
    // thread library touch for the first time.
    assert!(first <= next + 8, "{first} page faults in the first round, {next} in the second");
}

/// Messages that a large ring holds: 16 MiB, which are 8 pages even where the system maps 2 MiB at once.
const LARGE: usize = 1 << 17;
/// Page faults of one large ring are more than this, and those of the rest fewer.
const FEW: u64 = 6;

/// Passes on to another worker what it gets.
struct Relay {
    out: Out<Item>,
}

impl Agent for Relay {}
agent!(Relay { Item });
impl Handler<Item> for Relay {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
        cx.emit(&self.out, *item);
    }
}

/// Fills a lane on its own worker when it starts, and notes the page faults of that.
struct Filler {
    out: Out<Item, LARGE>,
    faults: Arc<AtomicU64>,
}

impl Agent for Filler {
    fn on_start(&mut self, cx: &mut Cx<'_>) {
        let before = faults().unwrap_or(0);
        for number in 0..LARGE as u64 {
            cx.emit(&self.out, Item(number));
        }
        self.faults.store(faults().unwrap_or(0) - before, Ordering::SeqCst);
    }
}
agent!(Filler {});

/// Page faults of the first lap through a gateway, a lane between workers and a lane within one.
fn faults_of_first_laps(prewarm: Prewarm) -> [u64; 3] {
    let mut topology = Topology::new(Charter::default());
    let near = topology.worker(WorkerOptions::default());
    let far = topology.worker(WorkerOptions::default());
    let relay = topology.reserve::<Relay>("relay");
    let filler = topology.reserve::<Filler>("filler");
    let sink = topology.reserve::<Sink>("sink");
    let far_sink = topology.reserve::<Sink>("far sink");
    topology.place(sink.id(), near).place(far_sink.id(), far);
    let cross = topology.hold(relay, far_sink, LARGE);
    let local = topology.hold(filler, sink, LARGE);
    let gate = topology.gateway(relay, LARGE);
    let filled = Arc::new(AtomicU64::new(0));
    let noted = Arc::clone(&filled);
    topology.install(relay, move || Relay { out: cross });
    topology.install(filler, move || Filler { out: local, faults: Arc::clone(&noted) });
    topology.install(sink, || Sink { tally: Tally::default() });
    topology.install(far_sink, || Sink { tally: Tally::default() });
    // Said last: what was declared before is not touched either.
    topology.prewarm(prewarm);
    let mut bus = topology.build().unwrap().invoke().unwrap();

    let before = faults().unwrap();
    (0..LARGE as u64).for_each(|number| {
        gate.try_send(Item(number)).unwrap();
    });
    let sent = faults().unwrap();
    while bus.poll_worker(0) > 0 {}
    let relayed = faults().unwrap();
    [sent - before, relayed - sent, filled.load(Ordering::SeqCst)]
}

#[test]
fn without_prewarm_the_first_messages_pay_for_the_pages_and_with_it_they_do_not() {
    if faults().is_none() {
        eprintln!("SKIPPED: this system has no /proc/thread-self/stat");
        return;
    }
    let (with, without) = (faults_of_first_laps(Prewarm::Yes), faults_of_first_laps(Prewarm::No));
    assert!(with.iter().all(|faults| *faults < FEW), "with pre-warm: {with:?}, without: {without:?}");
    assert!(without.iter().all(|faults| *faults >= FEW), "with pre-warm: {with:?}, without: {without:?}");
}
