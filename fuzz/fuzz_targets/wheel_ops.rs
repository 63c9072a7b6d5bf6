//! Any sequence of operations on a timer wheel fires what a sorted list would, never early.
#![no_main]

use ephor_runtime::wheel::Wheel;
use libfuzzer_sys::fuzz_target;

const TICK_NS: u64 = 10;

fuzz_target!(|operations: Vec<(u8, u16)>| {
    let mut wheel = Wheel::new(64, TICK_NS, 0);
    let mut waiting = Vec::new();
    let mut now = 0_u64;
    for (number, (operation, argument)) in operations.iter().enumerate() {
        let argument = u64::from(*argument);
        match operation % 3 {
            0 => {
                let deadline = now + argument;
                match wheel.schedule(deadline, number) {
                    Ok(id) => waiting.push((deadline, number, id)),
                    Err(_) => assert_eq!(waiting.len(), 64),
                }
            }
            1 if !waiting.is_empty() => {
                let (_, value, id) = waiting.remove(argument as usize % waiting.len());
                assert_eq!(wheel.cancel(id), Some(value));
                assert_eq!(wheel.cancel(id), None);
            }
            _ => {
                now += argument;
                while let Some((id, value)) = wheel.expire_next(now) {
                    let at = waiting.iter().position(|(_, waits, _)| *waits == value);
                    let (deadline, _, known) = waiting.remove(at.expect("what fires was waiting"));
                    assert!(deadline <= now, "fired early");
                    assert_eq!(known, id);
                }
                let due = |deadline: u64| deadline.div_ceil(TICK_NS) * TICK_NS <= now;
                assert!(!waiting.iter().any(|(deadline, ..)| due(*deadline)), "something due did not fire");
            }
        }
        assert_eq!(wheel.len(), waiting.len());
    }
});
