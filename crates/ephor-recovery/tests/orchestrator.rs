//! What the orchestrator does with time and answers; the cases of the original bus that it must get right.
#![allow(clippy::unwrap_used)] // a test may

use ephor_recovery::{
    Attempt, Failed, Orchestrator, Policy, SERVICE_LIMIT, ScheduleError, ServiceId, State, Strategy,
};
use proptest::prelude::{prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as _;

const MS: u64 = 1_000_000;

fn policy(strategy: Strategy, initial_ms: u64) -> Policy {
    Policy::new(strategy).initial_delay_ns(initial_ms * MS).build().unwrap()
}

fn orchestrator(strategy: Strategy, initial_ms: u64) -> Orchestrator {
    Orchestrator::new(policy(strategy, initial_ms), 0)
}

fn attempts(orchestrator: &mut Orchestrator, now_ms: u64) -> Vec<u16> {
    std::iter::from_fn(|| orchestrator.poll(now_ms * MS)).map(|attempt| attempt.service.0).collect()
}

#[test]
fn manual_work_waits_for_approval_is_tried_once_and_can_be_rejected() {
    let mut orchestrator = orchestrator(Strategy::Manual, 1);
    let (first, second) = (ServiceId(1), ServiceId(2));
    orchestrator.schedule(first, 0, None, 0).unwrap();
    orchestrator.schedule(second, 0, None, 0).unwrap();
    assert_eq!(attempts(&mut orchestrator, 3_600_000), []);
    assert_eq!(orchestrator.state(first), State::AwaitingManual);
    assert!(orchestrator.approve(first) && !orchestrator.approve(first));
    assert_eq!(attempts(&mut orchestrator, 3_600_000), [1]);
    assert_eq!(attempts(&mut orchestrator, 3_600_001), []);
    assert!(orchestrator.reject(second) && !orchestrator.reject(second));
    assert_eq!(orchestrator.state(second), State::Idle);
    assert_eq!(orchestrator.failed(first, 0), Failed::Again);
    assert_eq!(orchestrator.state(first), State::AwaitingManual, "each manual try is approved for itself");
}

#[test]
fn urgent_work_that_is_not_due_does_not_hold_up_what_is() {
    let mut orchestrator = orchestrator(Strategy::Linear, 1);
    orchestrator.schedule(ServiceId(1), 1, Some(policy(Strategy::Linear, 2_000)), 0).unwrap();
    orchestrator.schedule(ServiceId(5), 5, Some(policy(Strategy::Immediate, 0)), 0).unwrap();
    assert_eq!(attempts(&mut orchestrator, 0), [5]);
    assert_eq!(attempts(&mut orchestrator, 1_999), []);
    assert_eq!(attempts(&mut orchestrator, 2_000), [1]);
}

#[test]
fn what_is_due_goes_by_priority_then_by_age() {
    let mut by_priority = orchestrator(Strategy::Linear, 10);
    for priority in [5, 1, 3] {
        by_priority.schedule(ServiceId(u16::from(priority)), priority, None, 0).unwrap();
    }
    assert_eq!(attempts(&mut by_priority, 10), [1, 3, 5]);

    let mut by_age = orchestrator(Strategy::Linear, 10);
    for service in [7, 3, 11, 0, 9, 4, 10, 2, 8, 1, 6, 5] {
        by_age.schedule(ServiceId(service), 4, None, 0).unwrap();
    }
    assert_eq!(attempts(&mut by_age, 10), [7, 3, 11, 0, 9, 4, 10, 2, 8, 1, 6, 5]);
}

#[test]
fn cancelled_work_leaves_both_structures_at_once() {
    let mut orchestrator = orchestrator(Strategy::Exponential, 1_000);
    let immediate = policy(Strategy::Immediate, 0);
    for round in 0..5_000_u64 {
        let service = ServiceId((round % 100) as u16);
        let own = (round % 2 == 0).then_some(immediate);
        orchestrator.schedule(service, 0, own, round).unwrap();
        assert!(orchestrator.cancel(service));
    }
    assert_eq!(orchestrator.waiting(), 0);
    assert!(!orchestrator.cancel(ServiceId(3)));
    assert_eq!(attempts(&mut orchestrator, 100_000), []);

    orchestrator.schedule(ServiceId(3), 0, Some(policy(Strategy::Linear, 30_000)), 100_000 * MS).unwrap();
    assert_eq!(attempts(&mut orchestrator, 129_999), [], "an old deadline does not fire for new work");
    assert_eq!(attempts(&mut orchestrator, 130_000), [3]);
}

#[test]
fn the_last_failed_attempt_exhausts_and_the_service_can_be_scheduled_anew() {
    let two = Policy::new(Strategy::Immediate).max_attempts(2).build().unwrap();
    let mut orchestrator = Orchestrator::new(two, 0);
    let service = ServiceId(8);
    orchestrator.schedule(service, 0, None, 0).unwrap();
    assert_eq!(orchestrator.poll(0), Some(Attempt { service, number: 1 }));
    assert_eq!(orchestrator.failed(service, 0), Failed::Again);
    assert_eq!(orchestrator.poll(0), Some(Attempt { service, number: 2 }));
    assert_eq!(orchestrator.failed(service, 0), Failed::Exhausted);
    assert_eq!((orchestrator.state(service), orchestrator.exhausted()), (State::Exhausted, 1));
    assert_eq!(orchestrator.failed(service, 0), Failed::NotTrying);
    orchestrator.schedule(service, 0, None, 0).unwrap();
    assert_eq!(orchestrator.poll(0), Some(Attempt { service, number: 1 }));
    orchestrator.succeeded(service);
    assert_eq!((orchestrator.recoveries(), orchestrator.waiting()), (1, 0));
}

#[test]
fn an_attempt_without_an_answer_counts_as_failed() {
    let policy = Policy::new(Strategy::Immediate).max_attempts(2).attempt_ns(5 * MS).build().unwrap();
    let mut orchestrator = Orchestrator::new(policy, 0);
    orchestrator.schedule(ServiceId(1), 0, None, 0).unwrap();
    assert_eq!(attempts(&mut orchestrator, 0), [1]);
    assert_eq!(attempts(&mut orchestrator, 4), []);
    assert_eq!(attempts(&mut orchestrator, 5), [1], "the lost answer did not wedge it");
    assert_eq!(attempts(&mut orchestrator, 10), []);
    assert_eq!(orchestrator.state(ServiceId(1)), State::Exhausted);
}

#[test]
fn a_service_is_scheduled_once_and_unknown_numbers_are_refused() {
    let mut orchestrator = orchestrator(Strategy::Linear, 1);
    orchestrator.schedule(ServiceId(1), 0, None, 0).unwrap();
    let again = orchestrator.schedule(ServiceId(1), 0, None, 0);
    assert_eq!(again, Err(ScheduleError::AlreadyScheduled(ServiceId(1))));
    let unknown = ServiceId(SERVICE_LIMIT as u16);
    assert_eq!(orchestrator.schedule(unknown, 0, None, 0), Err(ScheduleError::UnknownService(unknown)));
    assert_eq!(orchestrator.state(unknown), State::Idle);
}

#[test]
fn time_that_goes_back_moves_no_deadline() {
    let mut orchestrator = orchestrator(Strategy::Linear, 100);
    orchestrator.schedule(ServiceId(1), 0, None, 50 * MS).unwrap();
    assert_eq!(attempts(&mut orchestrator, 149), []);
    assert_eq!(attempts(&mut orchestrator, 10), []);
    assert_eq!(attempts(&mut orchestrator, 150), [1]);
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Schedule { service: u16, priority: u8, delay_ms: u64 },
    Cancel(u16),
    Poll { after_ms: u64 },
}

fn ops() -> impl proptest::strategy::Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        (0_u16..12, 0_u8..4, 0_u64..40).prop_map(|(service, priority, delay_ms)| Op::Schedule {
            service,
            priority,
            delay_ms
        }),
        (0_u16..12).prop_map(Op::Cancel),
        (0_u64..30).prop_map(|after_ms| Op::Poll { after_ms }),
    ];
    proptest::collection::vec(op, 0..80)
}

proptest! {
    /// Wheel and heap together are a list sorted by priority and age, of which only what is due is taken.
    #[test]
    fn attempts_come_as_from_a_sorted_list(ops in ops()) {
        let mut orchestrator = orchestrator(Strategy::Linear, 1);
        let mut list: Vec<(u8, u64, u16, u64)> = Vec::new();
        let (mut now_ms, mut order) = (0_u64, 0_u64);
        for op in ops {
            match op {
                Op::Schedule { service, priority, delay_ms } => {
                    let own = policy(Strategy::Linear, delay_ms);
                    let answer = orchestrator.schedule(ServiceId(service), priority, Some(own), now_ms * MS);
                    let is_new = list.iter().all(|entry| entry.2 != service);
                    prop_assert_eq!(answer.is_ok(), is_new);
                    if is_new {
                        list.push((priority, order, service, now_ms + delay_ms));
                        order += 1;
                    }
                }
                Op::Cancel(service) => {
                    let before = list.len();
                    list.retain(|entry| entry.2 != service);
                    prop_assert_eq!(orchestrator.cancel(ServiceId(service)), list.len() < before);
                }
                Op::Poll { after_ms } => {
                    now_ms += after_ms;
                    list.sort();
                    while let Some(at) = list.iter().position(|entry| entry.3 <= now_ms) {
                        let (_, _, service, _) = list.remove(at);
                        let attempt = orchestrator.poll(now_ms * MS);
                        prop_assert_eq!(attempt.map(|attempt| attempt.service), Some(ServiceId(service)));
                        orchestrator.succeeded(ServiceId(service));
                    }
                    prop_assert_eq!(orchestrator.poll(now_ms * MS), None);
                }
            }
            prop_assert_eq!(orchestrator.waiting(), list.len());
        }
    }
}
