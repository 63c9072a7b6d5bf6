//! Nothing is allocated on the message path between start and close.
//!
//! The allocator counts per thread, so that neighbours do not disturb; and an agent that allocates on command
//! shows, on the very worker that is judged, that the counter counts.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ephor_constitution::Charter;
use ephor_core::Message;
use ephor_runtime::pool::{Handle, Pool};
use ephor_runtime::{
    Agent, Cx, Disposition, Handler, IdleStrategy, Lossy, Out, Receipts, Shed, Topology, TryOut,
    WorkerOptions, agent,
};
use support::{Item, LONG, Other, Sink, Tally};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count_one() {
    // A thread that is being torn down has no counter any more, and no message path either.
    ALLOCATIONS.try_with(|count| count.set(count.get() + 1)).unwrap_or_default();
}

// SAFETY: every call goes to the system's allocator as it is; counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_one();
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // Freeing on a worker is as bad as allocating there.
        count_one();
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count_one();
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// A message with a block, which is forwarded once.
#[derive(Clone, Copy, Message)]
#[message(kind = 3, crate = ephor_core, loan)]
struct Parcel {
    block: u64,
    number: u64,
}

/// Asks for the count of this worker, and for an allocation on the way.
#[derive(Clone, Copy, Message)]
#[message(kind = 4, crate = ephor_core)]
struct Measure {
    allocate: bool,
}

/// Uses every kind of port and timer for each message.
struct Busy {
    hold_near: Out<Item, 2>,
    hold_far: Out<Item>,
    refuse: TryOut<Other>,
    newest: Lossy<Other>,
    oldest: Lossy<Other>,
    latest: Lossy<Other>,
    parcels: Out<Parcel>,
    counted: Arc<AtomicU64>,
}

agent!(Busy { Item, Parcel, Measure });

impl Agent for Busy {
    fn on_timer(&mut self, _token: u64, cx: &mut Cx<'_>) {
        cx.emit(&self.hold_far, Item(0));
    }
}

impl Handler<Item> for Busy {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
        cx.emit_all(&self.hold_near, [*item, *item]);
        cx.emit(&self.hold_far, *item);
        cx.try_emit(&self.refuse, Other(item.0)).unwrap_or(());
        for key in 0..2 {
            let _newest = cx.offer(&self.newest, Other(1));
            let _oldest = cx.offer(&self.oldest, Other(1));
            let _latest = cx.offer_key(&self.latest, key, Other(1));
        }
        let timer = cx.schedule(cx.now().after_ns(1), 7).unwrap();
        if item.0.is_multiple_of(2) {
            assert!(cx.cancel(timer));
        }
        if item.0.is_multiple_of(5) {
            cx.deny(1);
        }
    }
}

impl Handler<Parcel> for Busy {
    fn on(&mut self, parcel: &Parcel, cx: &mut Cx<'_>) {
        assert_eq!(cx.loan().unwrap(), parcel.number.to_ne_bytes());
        cx.forward(&self.parcels);
    }
}

impl Handler<Measure> for Busy {
    fn on(&mut self, measure: &Measure, _cx: &mut Cx<'_>) {
        if measure.allocate {
            drop(std::hint::black_box(Box::new(7_u64)));
        }
        self.counted.store(allocations(), Ordering::SeqCst);
    }
}

/// Takes parcels and items on another worker.
struct Far {
    counted: Arc<AtomicU64>,
}

impl Agent for Far {}
agent!(Far { Item, Other, Parcel, Measure });

impl Handler<Item> for Far {
    fn on(&mut self, _item: &Item, _cx: &mut Cx<'_>) {}
}

impl Handler<Other> for Far {
    fn on(&mut self, _other: &Other, _cx: &mut Cx<'_>) {}
}

impl Handler<Parcel> for Far {
    fn on(&mut self, _parcel: &Parcel, cx: &mut Cx<'_>) {
        assert!(cx.loan().is_some());
    }
}

impl Handler<Measure> for Far {
    fn on(&mut self, measure: &Measure, _cx: &mut Cx<'_>) {
        if measure.allocate {
            drop(std::hint::black_box(Box::new(7_u64)));
        }
        self.counted.store(allocations(), Ordering::SeqCst);
    }
}

/// Reads the trail.
struct Auditor {
    records: Arc<AtomicU64>,
}

agent!(Auditor {});

impl Agent for Auditor {
    fn on_cycle(&mut self, cx: &mut Cx<'_>) -> usize {
        let mut count = 0;
        while count < 64 && cx.next_record().is_some() {
            count += 1;
        }
        self.records.fetch_add(count as u64, Ordering::SeqCst);
        count
    }

    fn on_stop(&mut self, cx: &mut Cx<'_>) {
        while self.on_cycle(cx) > 0 {}
    }
}

const UNSEEN: u64 = u64::MAX;

/// With records and times for each message, which then all go by themselves.
#[test]
fn nothing_is_allocated_between_start_and_close() {
    keep_busy(true);
}

/// Without: messages go the short way, in bursts and in runs.
#[test]
fn nothing_is_allocated_on_the_short_way() {
    keep_busy(false);
}

fn keep_busy(is_attended: bool) {
    let mut topology = Topology::new(Charter::default());
    let options = WorkerOptions { idle: IdleStrategy::park(), ..WorkerOptions::default() };
    let (first, second) = (topology.worker(options), topology.worker(options));
    let pool = Pool::new(8, 64);
    topology.pool(pool.clone()).receipts(64);
    let busy = topology.reserve::<Busy>("busy");
    let near = topology.reserve::<Sink>("near");
    let far = topology.reserve::<Far>("far");
    let audit = topology.reserve::<Auditor>("audit");
    topology.place(near.id(), first).place(far.id(), second).place(audit.id(), second);
    if is_attended {
        topology.measure().auditor(audit.id(), 1024);
    }
    let hold_near = topology.hold(busy, near, 64);
    let hold_far = topology.hold(busy, far, 64);
    let parcels = topology.hold(busy, far, 64);
    let refuse = topology.refuse(busy, near, 4);
    let newest = topology.lossy(busy, far, 4, Shed::Newest);
    let oldest = topology.lossy(busy, far, 4, Shed::Oldest);
    let latest = topology.lossy(busy, far, 4, Shed::Latest);
    let gate = topology.gateway(busy, 64).with_receipts();
    let far_gate = topology.gateway(far, 64).with_receipts();
    let (busy_count, far_count) = (Arc::new(AtomicU64::new(UNSEEN)), Arc::new(AtomicU64::new(UNSEEN)));
    let records = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&busy_count);
    topology.install(busy, move || Busy {
        hold_near,
        hold_far,
        refuse,
        newest,
        oldest,
        latest,
        parcels,
        counted: Arc::clone(&counted),
    });
    topology.install(near, || Sink { tally: Tally::default() });
    let counted = Arc::clone(&far_count);
    topology.install(far, move || Far { counted: Arc::clone(&counted) });
    let read = Arc::clone(&records);
    topology.install(audit, move || Auditor { records: Arc::clone(&read) });
    let mut bus = topology.build().unwrap().start().unwrap();
    let mut receipts = bus.take_receipts().unwrap();

    // The counts of both workers, taken inside handlers. Receipts are read all the time, so that places are free.
    let counts = |allocate: bool, receipts: &mut Receipts| {
        let measure = Measure { allocate };
        let mut ask = |slot: &AtomicU64, send: &dyn Fn() -> bool| {
            slot.store(UNSEEN, Ordering::SeqCst);
            while !send() {
                read_all(receipts);
            }
            while slot.load(Ordering::SeqCst) == UNSEEN {
                read_all(receipts);
            }
            slot.load(Ordering::SeqCst)
        };
        let near = ask(&busy_count, &|| gate.try_send(measure).is_ok());
        let far = ask(&far_count, &|| far_gate.try_send(measure).is_ok());
        (near, far)
    };
    let before = counts(false, &mut receipts);
    let sender_before = allocations();
    for number in 0..2_000_u64 {
        while gate.try_send(Item(number)).is_err() {
            read_all(&mut receipts);
        }
        let Some(mut loan) = pool.take() else { continue };
        loan.write(&number.to_ne_bytes()).unwrap();
        let parcel = Parcel { block: loan.share().to_bits(), number };
        if let Err(refusal) = gate.try_send(parcel) {
            drop(pool.redeem(Handle::from_bits(refusal.into_message().block)));
        }
    }
    assert_eq!(allocations() - sender_before, 0, "sending through a gateway allocates");
    let after = counts(false, &mut receipts);
    assert_eq!((after.0 - before.0, after.1 - before.1), (0, 0), "a worker allocated");
    let counted = counts(true, &mut receipts);
    assert_eq!(
        (counted.0 - after.0, counted.1 - after.1),
        (2, 2),
        "the counter must count on these very workers: one allocation and one free each"
    );
    let report = bus.shutdown(LONG).unwrap();
    assert!(report.ledger.adds_up(), "{}", report.ledger);
    assert!(report.ledger.lost(Disposition::Shed) > 0 && report.ledger.lost(Disposition::Denied) > 0);
    assert!(records.load(Ordering::SeqCst) > 4_000 || !is_attended);
    assert_eq!(pool.free_estimate(), 8);
}

fn read_all(receipts: &mut Receipts) {
    while receipts.try_receive().is_some() {}
    std::thread::yield_now();
}
