//! The command as a user runs it, on the sample that it embeds.
#![allow(clippy::unwrap_used)] // a test may

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const SAMPLE: &str = include_str!("../../../examples/airline/calls.jsonl");
const TWICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/airline/twice.jsonl");

fn ephor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ephor")).args(arguments).output().unwrap()
}

#[track_caller]
fn ends(arguments: &[&str], code: i32, parts: &[&str]) -> Output {
    let output = ephor(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "`{part}` is not in: {stderr}");
    }
    output
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().unwrap().to_owned()
}

/// The bundle with the last entries of a log of fewer than 256,000.
fn newest_bundle(log: &str) -> std::path::PathBuf {
    let mut bundles: Vec<_> =
        fs::read_dir(format!("{log}/tile/entries")).unwrap().map(|entry| entry.unwrap().path()).collect();
    bundles.sort();
    let last = bundles.pop().unwrap();
    if last.is_dir() { fs::read_dir(last).unwrap().next().unwrap().unwrap().path() } else { last }
}

fn labels(trace: &str) -> Vec<(String, u64, Value)> {
    let lines = trace.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let commands = lines.filter(|line| line["kind"] == "command");
    commands
        .map(|line| {
            let run = line["run"].as_str().unwrap().to_owned();
            (run, line["step"].as_u64().unwrap(), line["violations"].clone())
        })
        .collect()
}

fn decisions(file: &str) -> Vec<(String, u64, Value)> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| {
            let denied = line["reasons"] != Value::Array(Vec::new());
            assert_eq!(line["decision"], if denied { "deny" } else { "permit" });
            let run = line["run"].as_str().unwrap().to_owned();
            (run, line["step"].as_u64().unwrap(), line["reasons"].clone())
        })
        .collect()
}

#[test]
fn the_sample_is_governed_as_it_is_labelled_and_leaves_a_log_that_verifies() {
    let place = tempfile::tempdir().unwrap();
    let (log, decided, json) =
        (path(place.path(), "log"), path(place.path(), "d.jsonl"), path(place.path(), "r.json"));
    let output = ends(&["replay", "--audit", &log, "--decisions", &decided, "--json", &json], 0, &[]);
    assert_eq!(decisions(&decided), labels(SAMPLE));

    let report: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    let ledger = &report["ledger"];
    let lost: u64 = ledger["lost"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(ledger["sent"], SAMPLE.lines().count());
    assert_eq!(ledger["sent"].as_u64().unwrap(), ledger["handled"].as_u64().unwrap() + lost);
    assert_eq!((&ledger["in_flight"], &report["commands"]["denied"]), (&0.into(), &lost.into()));

    let text = String::from_utf8(output.stdout).unwrap();
    let key = report["audit"]["vkey"].as_str().unwrap();
    assert!(text.contains(&log) && text.contains(key), "{text}");
    ends(&["audit", "verify", &log], 0, &[]);
    let entries = fs::read(newest_bundle(&log)).unwrap();
    let legend = String::from_utf8_lossy(&entries);
    for name in ["\"legend\":1", "\"customer\"", "payment-mix", "\"3\":\"command\""] {
        assert!(legend.contains(name), "the log does not say what {name} means");
    }
    let checkpoint = format!("{log}/checkpoint");
    ends(&["audit", "verify", &log, "--vkey", key, "--checkpoint", &checkpoint], 0, &[]);

    ends(&["replay", "--audit", &log], 2, &[&log]);
    let mut bytes = fs::read(&checkpoint).unwrap();
    bytes[3] ^= 1;
    fs::write(&checkpoint, bytes).unwrap();
    ends(&["audit", "verify", &log], 3, &["checkpoint"]);
}

#[test]
fn what_happened_earlier_in_a_run_decides_and_placement_does_not() {
    let place = tempfile::tempdir().unwrap();
    for workers in ["1", "2", "3"] {
        let decided = path(place.path(), &format!("{workers}.jsonl"));
        let log = path(place.path(), workers);
        let arguments = ["replay", "-q", "--trace", TWICE, "--workers", workers];
        ends(&[&arguments[..], &["--audit", &log, "--decisions", &decided]].concat(), 0, &[]);
        assert_eq!(decisions(&decided), labels(&fs::read_to_string(TWICE).unwrap()));
    }
}

#[test]
fn a_bad_line_stops_the_replay_there_with_everything_before_it_on_disk() {
    let place = tempfile::tempdir().unwrap();
    let (trace, log, json) =
        (path(place.path(), "t.jsonl"), path(place.path(), "log"), path(place.path(), "r.json"));
    let good: Vec<&str> = SAMPLE.lines().take(60).collect();
    fs::write(&trace, format!("{}\nnot json\n{}\n", good.join("\n"), good.join("\n"))).unwrap();
    ends(
        &["replay", "-q", "--trace", &trace, "--audit", &log, "--json", &json],
        2,
        &["t.jsonl:61: not JSON"],
    );
    let report: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!((&report["ledger"]["sent"], &report["ledger"]["in_flight"]), (&60.into(), &0.into()));
    ends(&["audit", "verify", &log], 0, &[]);
}

#[cfg(unix)]
#[test]
fn control_c_finishes_what_is_under_way_and_reports() {
    let place = tempfile::tempdir().unwrap();
    let (log, json, arrivals) =
        (path(place.path(), "log"), path(place.path(), "r.json"), path(place.path(), "a.csv"));
    // The second line is due in eleven days.
    fs::write(&arrivals, "t_us,context_tokens,generated_tokens\n0,1,1\n1000000000000,1,1\n").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ephor"))
        .args(["replay", "-q", "--arrivals", &arrivals, "--audit", &log, "--json", &json])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Its log's first checkpoint is there before the first line is sent, and its handler before that.
    while !Path::new(&log).join("checkpoint").exists() {
        std::thread::yield_now();
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let stderr: Vec<String> =
        BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{stderr:?}");
    assert!(stderr.iter().any(|line| line.contains("interrupted after")), "{stderr:?}");
    let report: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(report["ledger"]["in_flight"], 0);
    ends(&["audit", "verify", &log], 0, &[]);
}

#[test]
fn a_panic_that_is_injected_is_put_away_and_recovered_from() {
    let place = tempfile::tempdir().unwrap();
    let (log, json) = (path(place.path(), "log"), path(place.path(), "r.json"));
    ends(
        &["replay", "-q", "--inject", "panic:desk@20", "--audit", &log, "--json", &json],
        0,
        &["message 20"],
    );
    let report: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(
        (&report["quarantine"][0]["agent"], &report["quarantine"][0]["crashes"]),
        (&"desk".into(), &2.into())
    );
    assert_eq!((&report["recoveries"], &report["health"]["score"]), (&1.into(), &1.0.into()));
    assert!(report["health"]["lowest_score"].as_f64().unwrap() < 1.0);
}

/// Lines of runs that each cancel a reservation twice, all first steps before all second ones, and so on.
fn interleaved(runs: usize) -> String {
    let reservations = include_str!("../../../examples/airline/reservations.json");
    let reservations: Value = serde_json::from_str(reservations).unwrap();
    let mut cancelled = reservations["VA5SGQ"].clone();
    cancelled["status"] = "cancelled".into();
    let call = r#""from":"desk","to":"tools","kind":"command","tool":"cancel_reservation","args":{"reservation_id":"VA5SGQ"},"bytes":1"#;
    let answer = format!(
        r#""from":"tools","to":"desk","kind":"response","tool":"cancel_reservation","ok":true,"bytes":1,"reservation":{cancelled}"#
    );
    let steps = [call, &answer, call];
    let lines = steps.iter().enumerate().flat_map(|(step, rest)| {
        (0..runs).map(move |run| format!("{{\"run\":\"r{run}\",\"step\":{step},{rest}}}\n"))
    });
    lines.collect()
}

#[test]
fn runs_that_overlap_are_told_apart_up_to_the_limit_and_refused_beyond() {
    let place = tempfile::tempdir().unwrap();
    for (runs, code) in [(256, 0), (257, 2)] {
        let (trace, log, decided) = (
            path(place.path(), "t.jsonl"),
            path(place.path(), &format!("log{runs}")),
            path(place.path(), "d.jsonl"),
        );
        fs::write(&trace, interleaved(runs)).unwrap();
        let arguments = ["replay", "-q", "--trace", &trace, "--audit", &log, "--decisions", &decided];
        let parts: &[&str] = if code == 0 { &[] } else { &["t.jsonl:258", "`r0` is not open"] };
        ends(&arguments, code, parts);
        let decided = decisions(&decided);
        assert_eq!(decided.iter().filter(|(_, step, _)| *step == 0).count(), runs);
        let second: Vec<_> = decided.iter().filter(|(_, step, _)| *step == 2).collect();
        assert_eq!(second.len(), if code == 0 { runs } else { 0 });
        assert!(second.iter().all(|(_, _, reasons)| reasons[0] == "already-cancelled"));
    }
}

#[test]
fn a_run_that_changes_too_much_stops_the_replay_at_that_line_and_not_before() {
    let place = tempfile::tempdir().unwrap();
    let (trace, log, json) =
        (path(place.path(), "t.jsonl"), path(place.path(), "log"), path(place.path(), "r.json"));
    let reservations = include_str!("../../../examples/airline/reservations.json");
    let reservations: Value = serde_json::from_str(reservations).unwrap();
    let lines: String = (0..100)
        .map(|step| {
            let mut reservation = reservations["VA5SGQ"].clone();
            reservation["reservation_id"] = format!("N{step}").into();
            format!(
                r#"{{"run":"r","step":{step},"from":"tools","to":"desk","kind":"response","tool":"book_reservation","ok":true,"bytes":1,"reservation":{reservation}}}"#
            ) + "\n"
        })
        .collect();
    fs::write(&trace, lines).unwrap();
    ends(&["replay", "-q", "--trace", &trace, "--audit", &log, "--json", &json], 2, &["t.jsonl:65", "64"]);
    let report: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!((&report["ledger"]["sent"], &report["ledger"]["in_flight"]), (&64.into(), &0.into()));
}
