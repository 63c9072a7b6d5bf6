//! What a profile does with a user's own topology and checks when these are not as they should be.

#![allow(clippy::unwrap_used)] // a test may

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ephor_constitution::Charter;
use ephor_core::Message;
use ephor_profile::baseline::{Baseline, Force};
use ephor_profile::check::Check;
use ephor_profile::report::{Action, Report, Status};
use ephor_profile::targets::Targets;
use ephor_profile::{Config, Effort, Pass, PhaseName, ProfileError, Stop, Subject, Traffic, run};
use ephor_runtime::{Agent, Cx, Handler, Topology, agent};

#[derive(Clone, Copy, Message)]
#[message(kind = 1, crate = ephor_core)]
struct Order(u64);

struct Till;

impl Agent for Till {}
agent!(Till { Order });

impl Handler<Order> for Till {
    fn on(&mut self, _order: &Order, _cx: &mut Cx<'_>) {}
}

/// A till, to which `order` makes what is sent.
fn shop(order: impl FnMut() -> Order + Send + 'static) -> Subject {
    let mut topology = Topology::new(Charter::default());
    let till = topology.reserve::<Till>("till");
    let orders = topology.gateway(till, 1024);
    topology.install(till, || Till);
    Subject::new(topology).load("orders", &orders, order)
}

fn plain_shop() -> Subject {
    shop(|| Order(1))
}

fn config(only: PhaseName) -> Config {
    Config::new("shop").effort(Effort::Quick).only(only)
}

#[track_caller]
fn action<'a>(report: &'a Report, name: &str) -> &'a Action {
    let mut actions = report.phases.iter().flat_map(|phase| &phase.actions);
    actions.find(|action| action.name == name).unwrap()
}

/// A shop whose load panics when it has sent a warm-up and a little more.
fn short_of_paper() -> Subject {
    let mut sent = 0;
    shop(move || {
        sent += 1;
        assert!(sent < 1_500, "the till roll is used up");
        Order(sent)
    })
}

#[test]
fn a_load_that_panics_under_a_fault_fails_the_faults_and_the_others_go_on() {
    let report = run(short_of_paper, config(PhaseName::Validate)).unwrap();
    let faults = action(&report, "antifragility_verification");
    assert_eq!(
        (faults.status, faults.summary.as_str()),
        (Status::Failed, "panicked: the till roll is used up")
    );
    assert!(!report.is_passed());
    let suite = action(&report, "coordination_test_suite");
    assert_eq!(suite.status, Status::Passed, "{:?}", suite.details);
    assert!(action(&report, "compare_to_targets").summary.starts_with("0 of 2 targets met"));
}

#[test]
fn a_load_that_panics_where_latency_is_measured_fails_that_action() {
    let report = run(short_of_paper, config(PhaseName::Profile)).unwrap();
    let throughput = action(&report, "throughput_calculation");
    assert_eq!(
        (throughput.status, throughput.summary.as_str()),
        (Status::Failed, "panicked: the till roll is used up")
    );
    let operations = action(&report, "operation_microbenchmark");
    assert_eq!(operations.status, Status::Passed, "{}", operations.summary);
}

#[test]
fn a_recipe_that_panics_at_once_is_an_error_and_later_a_failed_action() {
    let at_once = run(|| -> Subject { panic!("closed today") }, config(PhaseName::Status));
    let error = at_once.unwrap_err().to_string();
    assert_eq!(error, "the subject panics before anything is measured: closed today");
    let mut calls = 0;
    let later = || {
        calls += 1;
        assert!(calls == 1, "closed from now on");
        plain_shop()
    };
    let report = run(later, config(PhaseName::Status)).unwrap();
    let actions = &report.phases[0].actions;
    assert_eq!(actions.len(), 4, "all were tried");
    assert!(actions.iter().any(|action| action.summary == "panicked: closed from now on"), "{actions:?}");
}

#[test]
fn traffic_that_panics_fails_the_suite_s_action() {
    let traffic = Traffic::new("calls", || -> Result<Pass, _> { panic!("no line") });
    let report = run(plain_shop, config(PhaseName::Validate).traffic(traffic)).unwrap();
    let suite = action(&report, "coordination_test_suite");
    assert_eq!((suite.status, suite.summary.as_str()), (Status::Failed, "panicked: no line"));
    assert!(!report.faults.is_empty(), "the faults were put in all the same");
}

#[test]
fn a_check_that_hangs_does_not_hold_up_a_profile_that_is_to_stop() {
    let is_raised = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&is_raised);
    let hangs = Check::new("own", "it ends", move || {
        is_raised.store(true, Ordering::Relaxed);
        loop {
            std::thread::park();
        }
    });
    let stop = Stop::when(move || raised.load(Ordering::Relaxed));
    let begun = Instant::now();
    let stopped = run(plain_shop, config(PhaseName::Validate).check(hangs).stop(stop));
    assert!(matches!(stopped, Err(ProfileError::Interrupted { .. })), "{stopped:?}");
    assert!(begun.elapsed() < Duration::from_secs(120), "longer than the check's own limit would take");
}

/// A report as a later run reads it.
fn as_baseline(report: &Report) -> Baseline {
    Baseline::parse(&serde_json::to_string(report).unwrap(), "b.json").unwrap()
}

#[test]
fn a_check_that_hangs_is_told_the_profile_goes_on_and_the_run_is_compared() {
    let before = as_baseline(&run(plain_shop, config(PhaseName::Validate)).unwrap());
    let hangs = Check::new("own", "it ends", || {
        loop {
            std::thread::park();
        }
    });
    let config = config(PhaseName::Validate).check(hangs.within(Duration::from_millis(200)));
    let report = run(plain_shop, config.like(before.clone(), Force::No)).unwrap();
    assert_eq!(report.suite.failed, 1);
    let told = report.remarks().filter(|remark| remark.starts_with("a check did not end")).count();
    assert_eq!((told, report.incidents.len()), (1, 1));
    assert!(!report.faults.is_empty());
    let comparison = before.compare(&report, Force::No).unwrap();
    let failed = comparison.changes.iter().find(|change| change.metric == "suite_failed").unwrap();
    assert_eq!(failed.verdict, "worse");
    assert!(failed.why.contains("; now: a check did not end"), "{}", failed.why);
    assert!(!report.is_passed());
}

#[test]
fn one_phase_alone_judges_the_targets_of_its_figures_and_names_the_others() {
    let text = "[targets]\navailability = { at_least = 100, unit = \"%\" }\nthroughput = { above = 1, unit = \"msg/s\" }\n\
                ping.till = { below = 0, unit = \"ns\" }\n";
    let targets = Targets::parse(text, "t.toml").unwrap();
    let report = run(plain_shop, config(PhaseName::Status).targets(targets)).unwrap();
    let judged: Vec<(&str, bool)> =
        report.targets.iter().map(|target| (target.metric.as_str(), target.met)).collect();
    assert_eq!(judged, [("availability", true), ("ping.till", false)]);
    let compared = action(&report, "compare_to_targets");
    let summary = "1 of 2 targets met; not measured, because only the phase status ran: throughput";
    assert_eq!((compared.status, compared.summary.as_str()), (Status::Failed, summary));
}

#[test]
fn one_phase_alone_that_measures_no_target_s_figure_says_so_and_passes() {
    let report = run(plain_shop, config(PhaseName::Status)).unwrap();
    let compared = action(&report, "compare_to_targets");
    let summary = "no target judged; not measured, because only the phase status ran: \
                   latency_p99, throughput, cache_hit_rate, compliance";
    assert_eq!((compared.status, compared.summary.as_str()), (Status::Skipped, summary));
    assert!(report.targets.is_empty() && report.is_passed());
}

#[test]
fn a_target_on_an_agent_that_there_is_not_is_refused_before_anything_is_measured() {
    let text =
        "[targets]\nping.till = { below = 1, unit = \"s\" }\nping.tillo = { below = 1, unit = \"s\" }\n";
    let mut config = config(PhaseName::Status).targets(Targets::parse(text, "t.toml").unwrap());
    config = config.tell(|progress| panic!("{progress:?} before the targets were looked at"));
    let mut built = 0;
    let refused = run(|| (built += 1, plain_shop()).1, config).unwrap_err();
    assert!(matches!(refused, ProfileError::NoMember(_)), "{refused:?}");
    let said = "t.toml:3: `ping.tillo`: names no agent of this subject; is `ping.till` meant?";
    assert_eq!((refused.to_string().as_str(), built), (said, 1));
}

#[test]
fn a_target_on_what_there_is_and_was_not_measured_is_missed() {
    // No message of this kind is ever sent, so no time was spent on it.
    let text = "[targets]\n\"handling_p99.till: Return\" = { below = 1, unit = \"s\" }\n";
    let targets = Targets::parse(text, "t.toml").unwrap();
    let report = run(plain_shop, config(PhaseName::Analyse).targets(targets)).unwrap();
    let told: Vec<_> = report.targets.iter().map(|target| (target.met, target.why.as_str())).collect();
    assert_eq!(told, [(false, "not measured")]);
}

#[test]
fn the_report_phase_alone_is_refused() {
    let refused = run(plain_shop, config(PhaseName::Report));
    assert!(matches!(refused, Err(ProfileError::NothingToReport)), "{refused:?}");
}
