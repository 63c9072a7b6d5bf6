//! The timer wheel against a sorted list.

use ephor_runtime::wheel::{TimerId, Wheel};
use proptest::prelude::*;

const CAPACITY: usize = 16;
const TICK_NS: u64 = 10;

#[derive(Clone, Copy, Debug)]
enum Op {
    /// Relative to now; may lie many turns of the wheel ahead.
    Schedule(u64),
    Cancel(usize),
    /// Cancel an id that has been used up.
    CancelStale(usize),
    Advance(u64),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let ahead = prop_oneof![0_u64..50, 600_u64..700, 2_500_u64..2_700, 0_u64..1_000_000];
    let op = prop_oneof![
        4 => ahead.clone().prop_map(Op::Schedule),
        1 => any::<usize>().prop_map(Op::Cancel),
        1 => any::<usize>().prop_map(Op::CancelStale),
        3 => ahead.prop_map(Op::Advance),
    ];
    proptest::collection::vec(op, 0..120)
}

proptest! {
    #[test]
    fn a_wheel_fires_what_a_sorted_list_would(ops in ops()) {
        let mut wheel = Wheel::new(CAPACITY, TICK_NS, 0);
        // Tick, order, id; sorted by the first two when read.
        let mut list: Vec<(u64, u64, TimerId)> = Vec::new();
        let mut stale = Vec::new();
        let (mut now, mut order) = (0_u64, 0_u64);
        for op in ops {
            match op {
                Op::Schedule(ahead) => match wheel.schedule(now + ahead, order) {
                    Ok(id) => {
                        list.push(((now + ahead).div_ceil(TICK_NS).max(now / TICK_NS), order, id));
                        order += 1;
                    }
                    Err(full) => {
                        prop_assert_eq!((full.0, list.len()), (order, CAPACITY));
                    }
                },
                Op::Cancel(pick) if !list.is_empty() => {
                    let (_, value, id) = list.remove(pick % list.len());
                    prop_assert_eq!(wheel.cancel(id), Some(value));
                    stale.push(id);
                }
                Op::CancelStale(pick) if !stale.is_empty() => {
                    prop_assert_eq!(wheel.cancel(stale[pick % stale.len()]), None);
                }
                Op::Advance(by) => {
                    now += by;
                    list.sort_by_key(|(tick, order, _)| (*tick, *order));
                    while list.first().is_some_and(|(tick, ..)| *tick <= now / TICK_NS) {
                        let (_, value, id) = list.remove(0);
                        prop_assert_eq!(wheel.expire_next(now), Some((id, value)));
                        stale.push(id);
                    }
                    prop_assert_eq!(wheel.expire_next(now), None);
                }
                Op::Cancel(_) | Op::CancelStale(_) => {}
            }
            prop_assert_eq!(wheel.len(), list.len());
            let earliest = list.iter().map(|(tick, ..)| tick * TICK_NS).min();
            match (wheel.next_deadline_ns(), earliest) {
                (Some(bound), Some(earliest)) => prop_assert!(bound <= earliest),
                (bound, earliest) => prop_assert_eq!(bound, earliest),
            }
        }
    }
}
