//! Random operations against a naive oracle: every answer of every lane and of the pool is compared.
#![cfg(not(loom))]

use std::collections::{BTreeMap, VecDeque};

use ephor_lane::gateway::{self, TrySendError};
use ephor_lane::lossy::{self, Offer, Shed};
use ephor_lane::pool::{Handle, Loan, Pool, TooLarge};
use ephor_lane::{BATCH_LIMIT, local, spsc};
use proptest::collection::vec;
use proptest::prelude::*;
use zerocopy::{FromBytes, IntoBytes};

/// A value whose size is no power of two.
type Value = [u64; 3];

fn value(number: u64) -> Value {
    [number, !number, number << 7]
}

/// What both kinds of ring can do.
trait Ring {
    const MAY_SEE_A_PART: bool = false;
    fn new(capacity: usize) -> Self;
    fn producer(&mut self) -> &mut dyn Producing;
    fn consumer(&mut self) -> &mut dyn Consuming;
    fn drop_producer(&mut self);
    fn drop_consumer(&mut self);
}

trait Producing {
    fn capacity(&self) -> usize;
    fn free_at_least(&mut self, want: usize) -> usize;
    fn emit(&mut self, value: Value) -> Result<(), Value>;
    fn emit_all(&mut self, values: &mut dyn Iterator<Item = Value>) -> usize;
    fn mark(&self) -> u64;
    fn rewind(&mut self, mark: u64);
    fn publish(&mut self) -> usize;
    fn staged(&self) -> usize;
    fn published(&self) -> u64;
    fn is_closed(&self) -> bool;
}

trait Consuming {
    fn receive(&mut self, limit: usize) -> usize;
    fn get(&self, index: usize) -> Value;
    fn release(&mut self, count: usize);
    fn len_estimate(&self) -> usize;
    fn is_closed(&self) -> bool;
    fn released(&self) -> u64;
}

macro_rules! ring {
    ($name:ident, $producer:ty, $consumer:ty, $channel:expr, $of:expr, $back:expr $(, $part:ident)?) => {
        struct $name(Option<$producer>, Option<$consumer>);

        impl Ring for $name {
            $(const $part: bool = true;)?
            fn new(capacity: usize) -> Self {
                let (producer, consumer) = $channel(capacity);
                Self(Some(producer), Some(consumer))
            }
            fn producer(&mut self) -> &mut dyn Producing {
                self.0.as_mut().unwrap()
            }
            fn consumer(&mut self) -> &mut dyn Consuming {
                self.1.as_mut().unwrap()
            }
            fn drop_producer(&mut self) {
                self.0 = None;
            }
            fn drop_consumer(&mut self) {
                self.1 = None;
            }
        }

        impl Producing for $producer {
            fn capacity(&self) -> usize {
                self.capacity()
            }
            fn free_at_least(&mut self, want: usize) -> usize {
                self.free_at_least(want)
            }
            fn emit(&mut self, value: Value) -> Result<(), Value> {
                self.emit($of(value)).map_err(|value| $back(&value))
            }
            fn emit_all(&mut self, values: &mut dyn Iterator<Item = Value>) -> usize {
                self.emit_all(values.map($of))
            }
            fn mark(&self) -> u64 {
                self.mark()
            }
            fn rewind(&mut self, mark: u64) {
                self.rewind(mark)
            }
            fn publish(&mut self) -> usize {
                self.publish()
            }
            fn staged(&self) -> usize {
                self.staged()
            }
            fn published(&self) -> u64 {
                self.published()
            }
            fn is_closed(&self) -> bool {
                self.is_closed()
            }
        }

        impl Consuming for $consumer {
            fn receive(&mut self, limit: usize) -> usize {
                self.receive(limit)
            }
            fn get(&self, index: usize) -> Value {
                $back(self.get(index))
            }
            fn release(&mut self, count: usize) {
                self.release(count)
            }
            fn len_estimate(&self) -> usize {
                self.len_estimate()
            }
            fn is_closed(&self) -> bool {
                self.is_closed()
            }
            fn released(&self) -> u64 {
                self.released()
            }
        }
    };
}

/// The same value with a byte that belongs to the lane.
#[derive(Clone, Copy, FromBytes, IntoBytes)]
#[repr(C)]
struct Spare {
    number: u64,
    lane: [u8; 8],
    rest: [u64; 2],
}

impl Spare {
    fn of([number, not, more]: Value) -> Self {
        Self { number, lane: [5; 8], rest: [not, more] }
    }

    fn value(&self) -> Value {
        let around = [0, 1, 2, 4, 5, 6, 7].map(|index| self.lane[index]);
        assert_eq!(around, [5; 7], "a byte beside the lane's has changed");
        [self.number, self.rest[0], self.rest[1]]
    }
}

ring!(Spsc, spsc::Producer<Value>, spsc::Consumer<Value>, spsc::channel, |value| value, |value: &Value| {
    *value
});
ring!(
    Local,
    local::Producer<Value>,
    local::Consumer<Value>,
    local::channel,
    |value| value,
    |value: &Value| *value
);
ring!(
    Marking,
    spsc::Producer<Spare, spsc::ByMark<11>>,
    spsc::Consumer<Spare, spsc::ByMark<11>>,
    // Both ways of announcing, whatever the capacity.
    |capacity| spsc::channel_marked_up_to(capacity, 2),
    Spare::of,
    Spare::value,
    MAY_SEE_A_PART
);

#[derive(Clone, Debug)]
enum RingOp {
    Emit,
    EmitAll(u8),
    Publish,
    Rewind(u8),
    Free(usize),
    Receive(usize),
    Release(u8),
}

fn ring_op() -> impl Strategy<Value = RingOp> {
    prop_oneof![
        4 => Just(RingOp::Emit),
        1 => (0..10_u8).prop_map(RingOp::EmitAll),
        2 => Just(RingOp::Publish),
        1 => any::<u8>().prop_map(RingOp::Rewind),
        1 => (0..10_usize).prop_map(RingOp::Free),
        3 => (0..10_usize).prop_map(RingOp::Receive),
        2 => any::<u8>().prop_map(RingOp::Release),
    ]
}

/// Runs `ops` against a ring and against two queues, then closes the ring from either end.
fn check_ring<R: Ring>(capacity: usize, ops: &[RingOp]) {
    let mut ring = R::new(capacity);
    let capacity = capacity.next_power_of_two();
    let (mut staged, mut visible) = (Vec::new(), VecDeque::new());
    let (mut ready, mut number, mut published, mut released) = (0, 0, 0, 0);
    for op in ops {
        let free = capacity - staged.len() - visible.len();
        match *op {
            RingOp::Emit => {
                number += 1;
                let expected = if free > 0 { Ok(()) } else { Err(value(number)) };
                assert_eq!(ring.producer().emit(value(number)), expected);
                if free > 0 {
                    staged.push(value(number));
                }
            }
            RingOp::EmitAll(most) => {
                let mut values = (number + 1..=number + u64::from(most)).map(value);
                let count = ring.producer().emit_all(&mut values);
                assert_eq!(count, free.min(usize::from(most)));
                // What there was no room for is still to be had.
                assert_eq!(values.count(), usize::from(most) - count);
                staged.extend((1..=count as u64).map(|at| value(number + at)));
                number += u64::from(most);
            }
            RingOp::Publish => {
                assert_eq!(ring.producer().publish(), staged.len());
                published += staged.len() as u64;
                visible.extend(staged.drain(..));
            }
            RingOp::Rewind(choice) => {
                let keep = choice as usize % (staged.len() + 1);
                ring.producer().rewind(published + keep as u64);
                staged.truncate(keep);
            }
            RingOp::Free(want) => {
                // A view that suffices may be old, and never shows more than there is.
                let answer = ring.producer().free_at_least(want);
                assert!(answer <= free && answer >= free.min(want), "{answer} of {free} free, {want} wanted");
            }
            RingOp::Receive(limit) => {
                let most = visible.len().min(limit);
                ready = ring.consumer().receive(limit);
                // A marked lane may look at one of two places only, and then sees a part.
                let is_part = R::MAY_SEE_A_PART && (1..most).contains(&ready);
                assert!(ready == most || is_part, "{ready} of {most} received");
            }
            RingOp::Release(choice) => {
                let count = choice as usize % (ready + 1);
                ring.consumer().release(count);
                visible.drain(..count);
                ready -= count;
                released += count as u64;
            }
        }
        let seen: Vec<_> = (0..ready).map(|index| ring.consumer().get(index)).collect();
        assert_eq!(seen, visible.iter().take(ready).copied().collect::<Vec<_>>());
        let producer = ring.producer();
        assert_eq!((producer.capacity(), producer.staged()), (capacity, staged.len()));
        assert_eq!((producer.published(), producer.mark()), (published, published + staged.len() as u64));
        assert!(!producer.is_closed());
        let consumer = ring.consumer();
        assert_eq!((consumer.len_estimate(), consumer.released()), (visible.len(), released));
        assert!(!consumer.is_closed());
    }
    check_close::<R>(ring, visible, published);
}

/// Drops the producer: what was published is still there, and the lane closes with its last release.
fn check_close<R: Ring>(mut ring: R, mut visible: VecDeque<Value>, published: u64) {
    ring.drop_producer();
    while let Some(value) = visible.pop_front() {
        assert!(!ring.consumer().is_closed());
        let received = ring.consumer().receive(usize::MAX);
        assert!(received == visible.len() + 1 || R::MAY_SEE_A_PART && received > 0, "{received}");
        assert_eq!(ring.consumer().get(0), value);
        ring.consumer().release(1);
    }
    assert!(ring.consumer().is_closed());
    assert_eq!((ring.consumer().receive(8), ring.consumer().released()), (0, published));

    let mut other = R::new(1);
    other.drop_consumer();
    assert!(other.producer().is_closed());
}

#[derive(Clone, Debug)]
enum QueueOp {
    Send(usize),
    Receive(usize),
    Release(u8),
    Close,
}

fn queue_op() -> impl Strategy<Value = QueueOp> {
    prop_oneof![
        20 => (1..50_usize).prop_map(QueueOp::Send),
        20 => (0..100_usize).prop_map(QueueOp::Receive),
        20 => any::<u8>().prop_map(QueueOp::Release),
        1 => Just(QueueOp::Close),
    ]
}

/// Runs `ops` against a gateway and against a bounded queue.
macro_rules! check_gateway {
    ($channel:expr, $of:expr, $value:expr, $capacity:expr, $ops:expr) => {{
        let (sender, mut receiver) = $channel;
        let (mut queue, mut ready, mut number, mut tickets, mut closed) = (VecDeque::new(), 0, 0, 0, false);
        for op in $ops {
            match *op {
                QueueOp::Send(count) => {
                    for _ in 0..count {
                        number += 1;
                        let expected = match (closed, queue.len() < $capacity) {
                            (true, _) => Err(TrySendError::Closed(())),
                            (false, false) => Err(TrySendError::Full(())),
                            (false, true) => Ok(tickets),
                        };
                        assert_eq!(sender.try_send_with(|_| $of(value(number))), expected);
                        if expected.is_ok() {
                            queue.push_back(value(number));
                            tickets += 1;
                        }
                    }
                }
                QueueOp::Receive(limit) => {
                    ready = queue.len().min(limit);
                    assert_eq!(receiver.receive(limit), ready);
                }
                QueueOp::Release(choice) => {
                    let count = choice as usize % (ready + 1);
                    receiver.release(count);
                    queue.drain(..count);
                    ready -= count;
                }
                QueueOp::Close => {
                    receiver.close();
                    closed = true;
                }
            }
            let (first, rest) = receiver.slices();
            let seen: Vec<_> = first.iter().chain(rest).map($value).collect();
            assert_eq!(seen, (0..ready).map(|index| $value(receiver.get(index))).collect::<Vec<_>>());
            assert_eq!(seen, queue.iter().take(ready).copied().collect::<Vec<_>>());
            assert_eq!((receiver.len_estimate(), sender.is_closed()), (queue.len(), closed));
            assert_eq!(receiver.is_drained(), closed && queue.is_empty());
        }
    }};
}

/// What a lossy lane should hold, as plainly as it can be said.
enum Waiting {
    Queue(VecDeque<Value>, Shed),
    Latest(BTreeMap<usize, Value>),
}

impl Waiting {
    /// Takes `value` in and answers what is lost for it.
    fn offer(&mut self, capacity: usize, key: usize, value: Value) -> Option<Value> {
        match self {
            Self::Latest(places) => places.insert(key, value),
            Self::Queue(queue, Shed::Newest) if queue.len() == capacity => Some(value),
            Self::Queue(queue, _) => {
                queue.push_back(value);
                if queue.len() > capacity { queue.pop_front() } else { None }
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Latest(places) => places.len(),
            Self::Queue(queue, _) => queue.len(),
        }
    }

    /// Removes `value`, which the lane says comes next.
    fn remove(&mut self, value: Value) {
        match self {
            Self::Queue(queue, _) => assert_eq!(queue.pop_front(), Some(value)),
            // Keys come in any order, each with its newest value.
            Self::Latest(places) => {
                let key = places.iter().find(|(_, waiting)| **waiting == value).map(|(key, _)| *key);
                places.remove(&key.expect("only the newest value of a key is received"));
            }
        }
    }
}

/// Runs `ops` against a lossy lane and against `Waiting`, and adds the ledger up.
fn check_lossy(capacity: usize, shed: Shed, ops: &[(u8, QueueOp)]) {
    let (mut producer, mut consumer) = lossy::channel::<Value>(capacity, shed);
    let mut waiting = match shed {
        Shed::Latest => Waiting::Latest(BTreeMap::new()),
        _ => Waiting::Queue(VecDeque::new(), shed),
    };
    let mut buffer: VecDeque<Value> = VecDeque::new();
    let (mut ready, mut number, mut lost, mut released) = (0, 0, 0, 0);
    for (key, op) in ops {
        match *op {
            QueueOp::Send(count) => {
                for step in 0..count {
                    number += 1;
                    let key = (*key as usize + step) % capacity;
                    let expected = waiting.offer(capacity, key, value(number));
                    lost += u64::from(expected.is_some());
                    let answer = producer.offer(key, value(number));
                    assert_eq!(answer, expected.map_or(Offer::Sent, Offer::Shed));
                }
            }
            QueueOp::Receive(limit) => {
                let limit = limit.min(BATCH_LIMIT);
                let missing = limit.saturating_sub(buffer.len()).min(waiting.len());
                ready = (buffer.len() + missing).min(limit);
                assert_eq!(consumer.receive(limit), ready);
                for index in buffer.len()..ready {
                    waiting.remove(*consumer.get(index));
                    buffer.push_back(*consumer.get(index));
                }
            }
            QueueOp::Release(choice) => {
                let count = choice as usize % (ready + 1);
                consumer.release(count);
                buffer.drain(..count);
                ready -= count;
                released += count as u64;
            }
            QueueOp::Close => assert!(!consumer.is_closed() && !producer.is_closed()),
        }
        let seen: Vec<_> = (0..ready).map(|index| *consumer.get(index)).collect();
        assert_eq!(seen, buffer.iter().take(ready).copied().collect::<Vec<_>>());
        let left = consumer.len_estimate();
        assert_eq!(left, waiting.len() + buffer.len());
        assert_eq!(number, released + lost + left as u64, "offered = received + shed + in the lane");
    }
}

#[derive(Clone, Debug)]
enum PoolOp {
    Take,
    Write(u8, Vec<u8>),
    Share(u8),
    Redeem(u8),
    Forge(u64),
    Return(u8),
}

fn pool_op() -> impl Strategy<Value = PoolOp> {
    prop_oneof![
        3 => Just(PoolOp::Take),
        2 => (any::<u8>(), vec(any::<u8>(), 0..14)).prop_map(|(choice, bytes)| PoolOp::Write(choice, bytes)),
        2 => any::<u8>().prop_map(PoolOp::Share),
        2 => any::<u8>().prop_map(PoolOp::Redeem),
        1 => prop_oneof![any::<u64>(), (0..3_u64, 0..9_u64).prop_map(|(index, turn)| turn << 20 | index)]
            .prop_map(PoolOp::Forge),
        1 => any::<u8>().prop_map(PoolOp::Return),
    ]
}

/// Runs `ops` against a pool and against a map from the handles that are on offer to their bytes.
fn check_pool(blocks: usize, ops: &[PoolOp]) {
    const BLOCK_BYTES: usize = 10;
    let pool = Pool::new(blocks, BLOCK_BYTES);
    let mut loans: Vec<(Loan, Vec<u8>)> = Vec::new();
    let mut on_offer: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut ever_shared = Vec::new();
    for op in ops {
        match op {
            PoolOp::Take => match pool.take() {
                Some(loan) => loans.push((loan, Vec::new())),
                None => assert_eq!(loans.len() + on_offer.len(), blocks),
            },
            PoolOp::Write(choice, bytes) => {
                if let Some((loan, content)) = pick(*choice, loans.len()).map(|index| &mut loans[index]) {
                    let too_large = TooLarge { bytes: bytes.len(), capacity: BLOCK_BYTES };
                    let expected = if bytes.len() > BLOCK_BYTES { Err(too_large) } else { Ok(()) };
                    assert_eq!(loan.write(bytes), expected);
                    if expected.is_ok() {
                        content.clone_from(bytes);
                    }
                }
            }
            PoolOp::Share(choice) => {
                if let Some(index) = pick(*choice, loans.len()) {
                    let (loan, content) = loans.swap_remove(index);
                    let bits = loan.share().to_bits();
                    assert!(!ever_shared.contains(&bits), "a handle was used twice");
                    ever_shared.push(bits);
                    on_offer.insert(bits, content);
                }
            }
            PoolOp::Redeem(choice) => {
                if let Some(index) = pick(*choice, ever_shared.len()) {
                    redeem(&pool, ever_shared[index], &mut on_offer, &mut loans);
                }
            }
            PoolOp::Forge(bits) => redeem(&pool, *bits, &mut on_offer, &mut loans),
            PoolOp::Return(choice) => {
                if let Some(index) = pick(*choice, loans.len()) {
                    loans.swap_remove(index);
                }
            }
        }
        for (loan, content) in &loans {
            assert_eq!(&**loan, content);
        }
        assert_eq!(pool.free_estimate(), blocks - loans.len() - on_offer.len());
    }
}

fn redeem(pool: &Pool, bits: u64, on_offer: &mut BTreeMap<u64, Vec<u8>>, loans: &mut Vec<(Loan, Vec<u8>)>) {
    match (pool.redeem(Handle::from_bits(bits)), on_offer.remove(&bits)) {
        (Some(loan), Some(content)) => loans.push((loan, content)),
        (None, None) => {}
        (loan, content) => panic!("handle {bits:#x}: {loan:?} for {content:?}"),
    }
}

fn pick(choice: u8, count: usize) -> Option<usize> {
    (choice as usize).checked_rem(count)
}

proptest! {
    #[test]
    fn spsc_lane_answers_like_two_queues(capacity in 1..9_usize, ops in vec(ring_op(), 0..200)) {
        check_ring::<Spsc>(capacity, &ops);
    }

    #[test]
    fn marked_lane_answers_like_two_queues(capacity in 1..9_usize, ops in vec(ring_op(), 0..200)) {
        check_ring::<Marking>(capacity, &ops);
    }

    #[test]
    fn local_lane_answers_like_two_queues(capacity in 1..9_usize, ops in vec(ring_op(), 0..200)) {
        check_ring::<Local>(capacity, &ops);
    }

    #[test]
    fn gateway_answers_like_a_queue(capacity in 1..150_usize, ops in vec(queue_op(), 0..60)) {
        check_gateway!(gateway::channel(capacity), |value| value, |value: &Value| *value, capacity, &ops);
    }

    #[test]
    fn marked_gateway_answers_like_a_queue(capacity in 1..150_usize, ops in vec(queue_op(), 0..60)) {
        check_gateway!(gateway::channel_marked::<Spare, 11>(capacity), Spare::of, Spare::value, capacity, &ops);
    }

    #[test]
    fn newest_sheds_like_a_bounded_queue(
        capacity in 1..150_usize, ops in vec((any::<u8>(), queue_op()), 0..60)
    ) {
        check_lossy(capacity, Shed::Newest, &ops);
    }

    #[test]
    fn oldest_sheds_like_a_sliding_window(
        capacity in 1..150_usize, ops in vec((any::<u8>(), queue_op()), 0..60)
    ) {
        check_lossy(capacity, Shed::Oldest, &ops);
    }

    #[test]
    fn latest_keeps_like_a_map(capacity in 1..65_usize, ops in vec((any::<u8>(), queue_op()), 0..60)) {
        check_lossy(capacity, Shed::Latest, &ops);
    }

    #[test]
    fn pool_answers_like_a_map(blocks in prop_oneof![1..4_usize, 62..67_usize], ops in vec(pool_op(), 0..250)) {
        check_pool(blocks, &ops);
    }
}
