//! The panic hook of the process while a profile runs. The only test of its file, since the hook is one for all of them.

#![allow(clippy::unwrap_used)] // a test may

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::{Arc, Mutex};

use ephor_profile::check::Check;
use ephor_profile::{Audited, Config, Effort, PhaseName, overseers, run};

#[test]
fn panics_on_purpose_are_not_told_a_user_s_are_and_the_hook_of_before_comes_back() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        ear.lock().unwrap().push(format!("{}, {place}", panic.payload_as_str().unwrap_or_default()));
    }));
    let own = Check::new("own", "it has nerves", || panic!("no nerves"));
    let config = Config::new("overseers").effort(Effort::Quick).only(PhaseName::Validate).check(own);
    let report = run(overseers(Audited::No), config).unwrap();
    assert_eq!((report.suite.failed, report.faults.len()), (1, 5), "the faults and checks were made");
    assert!(catch_unwind(AssertUnwindSafe(|| panic!("afterwards"))).is_err());
    let heard = heard.lock().unwrap().clone();
    let texts: Vec<&str> = heard.iter().filter_map(|text| text.split(',').next()).collect();
    assert_eq!(texts, ["no nerves", "afterwards"], "{heard:#?}");
}
