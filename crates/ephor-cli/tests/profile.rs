//! `ephor profile`, as it is called: the workflow, its reports, its exit codes, and how it takes bad input.
#![allow(clippy::unwrap_used)] // a test may

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ephor::profile::{PhaseName, catalogue};
use serde_json::Value;

/// The phases and actions, with the original's names, in order.
const WORKFLOW: [(&str, &[&str]); 5] = [
    ("profile", &["import_timing_benchmark", "operation_microbenchmark", "throughput_calculation"]),
    ("status", &["agent_availability_check", "import_latency_analysis", "dependency_trace"]),
    ("validate", &["coordination_test_suite", "antifragility_verification"]),
    ("analyse", &["identify_bottlenecks", "categorize_optimizations", "verify_existing_patterns"]),
    ("report", &["compile_metrics", "compare_to_targets", "document_recommendations"]),
];

/// Targets that no machine meets, beside one that every machine does.
const IMPOSSIBLE: &str = r#"
[targets]
throughput = { above = 1_000_000_000_000, unit = "msg/s" }
throughput_derived = { above = 1, unit = "msg/s" }
compliance = { at_least = 100, unit = "%" }
"#;

/// The longest that a program may take until it has built a few buses.
const LONG: Duration = Duration::from_secs(120);

fn ephor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ephor")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The figure of this name.
#[track_caller]
fn metric<'a>(report: &'a Value, name: &str) -> &'a Value {
    let found = report["metrics"].as_array().unwrap().iter().find(|metric| metric["name"] == name);
    found.unwrap_or_else(|| panic!("{name} was not measured"))
}

/// Whether an action's details say why this figure is not told: on a machine whose cores move, or are busy, any may be.
fn is_left_untold(report: &Value, name: &str) -> bool {
    why_untold(report, name).is_some()
}

fn why_untold<'a>(report: &'a Value, name: &str) -> Option<&'a str> {
    let phases = report["phases"].as_array().unwrap().iter();
    let actions = phases.flat_map(|phase| phase["actions"].as_array().unwrap());
    let mut details = actions.flat_map(|action| action["details"].as_array().unwrap());
    let line = details.find(|line| line.as_str().unwrap().starts_with(&format!("{name}: ")));
    line.and_then(Value::as_str)
}

/// It must have come to its end. Whether its targets are met, and its agents in time, a busy machine decides.
#[track_caller]
fn has_reported(output: &Output) {
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", text(&output.stderr));
}

/// Cases P1 and P2: one quick run serves both, and the impossible target.
#[test]
fn the_workflow_runs_its_phases_measures_what_it_says_and_names_an_impossible_target() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str| place.path().join(name);
    fs::write(file("targets.toml"), IMPOSSIBLE).unwrap();
    let output = ephor(&[
        "profile",
        "--quick",
        "--rate",
        "5000",
        "--targets",
        path(&file("targets.toml")),
        "--json",
        path(&file("p.json")),
        "--html",
        path(&file("p.html")),
        "--markdown",
        path(&file("p.md")),
        "--compare-original",
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("targets missed: throughput"), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&fs::read(file("p.json")).unwrap()).unwrap();

    is_the_workflow(&report);
    has_honest_figures(&report);
    judges_the_targets(&report);
    for name in ["p.html", "p.md"] {
        let page = fs::read_to_string(file(name)).unwrap();
        for (phase, actions) in WORKFLOW {
            assert!(page.contains(phase) && actions.iter().all(|action| page.contains(action)), "{name}");
        }
    }
    assert!(!report["original"].as_array().unwrap().is_empty());
    has_no_member_that_a_target_is_refused_on(&report);
}

/// Whatever member of a family was measured, a target may be on it.
fn has_no_member_that_a_target_is_refused_on(report: &Value) {
    let names = report["metrics"].as_array().unwrap().iter().map(|metric| metric["name"].as_str().unwrap());
    let members: Vec<&str> = names.filter(|name| catalogue::find(name).unwrap().family().is_some()).collect();
    // What crosses no cores is told on any machine.
    for family in ["cold_agent.", "start.", "handling_p99."] {
        assert!(members.iter().any(|name| name.starts_with(family)), "{family} has no member");
    }
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("t.toml");
    let lines = members.iter().map(|name| format!("{name:?} = {{ at_least = 0, unit = \"ns\" }}\n"));
    fs::write(&file, "[targets]\n".to_owned() + &lines.collect::<String>()).unwrap();
    let output = ephor(&["profile", "--quick", "--phase", "status", "--targets", path(&file)]);
    has_reported(&output);
}

fn is_the_workflow(report: &Value) {
    assert_eq!(report["schema"], 1);
    let phases = report["phases"].as_array().unwrap();
    assert_eq!(phases.len(), WORKFLOW.len());
    for (phase, (name, actions)) in phases.iter().zip(WORKFLOW) {
        assert_eq!(phase["name"], name);
        assert!(phase["seconds"].as_f64().unwrap() >= 0.0);
        let names: Vec<&str> = phase["actions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|action| action["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, actions);
        for action in phase["actions"].as_array().unwrap() {
            assert!(!action["summary"].as_str().unwrap().is_empty(), "{action}");
            assert!(["passed", "failed"].contains(&action["status"].as_str().unwrap()), "{action}");
        }
    }
    let suite = &report["suite"];
    assert!(suite["passed"].as_u64().unwrap() >= 89, "{suite}");
    assert_eq!(suite["failed"], 0, "{suite}");
    assert_eq!(report["faults"].as_array().unwrap().len(), 5);
    assert!(!report["recommendations"].as_array().unwrap().is_empty());
}

/// P2: the p99 is of recorded times, throughput is of messages received, rates have their counts, and what is derived says so.
fn has_honest_figures(report: &Value) {
    let p99 = metric(report, "check_p99");
    assert!(p99["samples"].as_u64().unwrap() >= 10_000);
    assert_eq!(p99["samples"], p99["distribution"]["count"], "every sample is in the distribution");
    let buckets = p99["distribution"]["buckets"].as_array().unwrap();
    let counted: u64 = buckets.iter().map(|bucket| bucket[1].as_u64().unwrap()).sum();
    assert_eq!(counted, p99["samples"].as_u64().unwrap());
    if !is_left_untold(report, "throughput") {
        let throughput = metric(report, "throughput");
        assert_eq!(throughput["kind"], "measured");
        let repetitions = throughput["repetitions"].as_array().unwrap().len();
        assert!(throughput["samples"].as_u64().unwrap() > 0);
        assert_eq!(throughput["spread"].is_object(), repetitions > 1, "{throughput}");
    }
    assert_eq!(metric(report, "throughput_derived")["kind"], "derived");
    if is_left_untold(report, "lost") {
        assert!(why_untold(report, "lost").unwrap().contains("the generator"), "for no other reason");
    } else {
        assert_eq!(metric(report, "lost")["offered_per_s"], 5000.0, "the rate that was asked for");
    }
    for name in ["cache_hit_rate", "cache_hit_rate_first_pass", "compliance"] {
        let ratio = &metric(report, name)["ratio"];
        let (part, whole) = (ratio["numerator"].as_f64().unwrap(), ratio["denominator"].as_f64().unwrap());
        assert!(whole > 0.0, "{name}");
        let value = metric(report, name)["value"].as_f64().unwrap();
        assert!((value - 100.0 * part / whole).abs() < 1e-9, "{name}");
    }
    for metric in report["metrics"].as_array().unwrap() {
        let is_labelled = ["measured", "derived"].contains(&metric["kind"].as_str().unwrap());
        assert!(is_labelled && !metric["method"].as_str().unwrap().is_empty(), "{metric}");
    }
}

fn judges_the_targets(report: &Value) {
    let met: Vec<(&str, bool)> = report["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| (target["metric"].as_str().unwrap(), target["met"].as_bool().unwrap()))
        .collect();
    assert!(met.contains(&("throughput", false)), "{met:?}");
    assert!(met.contains(&("throughput_derived", false)), "a derived figure meets no target: {met:?}");
    assert!(met.contains(&("compliance", true)), "{met:?}");
}

/// P1: the failing run is reported and ends with 1.
#[test]
fn a_policy_that_decides_wrongly_fails_a_check_and_the_run() {
    let place = tempfile::tempdir().unwrap();
    let (policy, json) = (place.path().join("policy"), place.path().join("p.json"));
    fs::create_dir(&policy).unwrap();
    fs::write(policy.join("airline.rego"), "package airline\nviolations contains \"never\" if false\n")
        .unwrap();
    let output = ephor(&[
        "profile",
        "--quick",
        "--phase",
        "validate",
        "--policy",
        path(&policy),
        "--json",
        path(&json),
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("1 checks failed"), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(shown.contains("FAILED policy: every command of"), "{shown}");
    let report: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    assert_eq!(report["suite"]["failed"], 1);
    assert_eq!(report["phases"].as_array().unwrap().len(), 1);
    assert!(metric(&report, "compliance")["value"].as_f64().unwrap() < 100.0);
    has_phase(&report, PhaseName::Validate);
    let missed = &report["targets"][1];
    assert_eq!((missed["metric"].as_str(), missed["met"].as_bool()), (Some("compliance"), Some(false)));
}

/// Runs `ephor profile` with `arguments`; it must end with 2 and say all of `words`.
#[track_caller]
fn refuses(arguments: &[&str], words: &[&str]) {
    let output = ephor(&[&["profile", "--quick"], arguments].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?} does not name {word}: {said}");
    }
}

#[test]
fn bad_targets_are_refused_with_file_line_and_value() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("t.toml");
    let cases: [(&str, &[&str]); 9] = [
        (
            "[targets]\n\nping.nobody = { below = 5, unit = \"ms\" }\n",
            &["t.toml:3", "`ping.nobody`", "`ping.relay`"],
        ),
        (
            "[targets]\n\"wait_p99.relay -> nobody\" = { below = 5, unit = \"ms\" }\n",
            &["t.toml:2", "`wait_p99.relay -> nobody`", "`wait_p99.relay -> sink`"],
        ),
        (
            "[targets]\n\"handling_p99.sing: Order\" = { below = 5, unit = \"ms\" }\n",
            &["t.toml:2", "`handling_p99.sing: Order`", "`handling_p99.sink: Kind`"],
        ),
        (
            "[targets]\nlatncy_p99 = { below = 5, unit = \"ms\" }\n",
            &["t.toml:2", "latncy_p99", "latency_p99"],
        ),
        ("[targets]\nlatency_p99 = { below = 5, unit = \"kg\" }\n", &["t.toml:2", "kg", "ms"]),
        ("[targets]\n\nlatency_p99 = { below = \"five\", unit = \"ms\" }\n", &["t.toml:3", "five"]),
        ("[targets]\nlatency_p99 = { below = nan, unit = \"ms\" }\n", &["t.toml:2", "nan"]),
        ("[targets\n", &["t.toml:1", "`[targets`"]),
        ("[targets]\n  lost = { below = 5x }\n", &["t.toml:2", "`lost = { below = 5x }`"]),
    ];
    for (content, words) in cases {
        fs::write(&file, content).unwrap();
        refuses(&["--targets", path(&file)], words);
    }
    refuses(&["--targets", "no/such.toml"], &["no/such.toml"]);
}

#[test]
fn a_bad_baseline_is_refused_before_anything_is_measured() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("b.json");
    for (content, words) in [("{\n  oops\n}", &["b.json:2"][..]), ("{\"schema\": 99}", &["b.json", "99"][..])]
    {
        fs::write(&file, content).unwrap();
        refuses(&["--baseline", path(&file)], words);
    }
    refuses(&["--baseline", "no/such.json"], &["no/such.json"]);
}

#[test]
fn a_bad_trace_bad_arrivals_and_a_place_that_cannot_be_written_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let (trace, arrivals) = (place.path().join("t.jsonl"), place.path().join("a.csv"));
    fs::write(&trace, "{\"run\":\"t1\",\"step\":\"zero\"}\n").unwrap();
    refuses(&["--trace", path(&trace)], &["t.jsonl:1", "step", "zero"]);
    fs::write(&arrivals, "t_us,context_tokens,generated_tokens\n5,x,1\n").unwrap();
    refuses(&["--arrivals", path(&arrivals)], &["a.csv:2", "context_tokens", "x"]);
    refuses(&["--json", "no/such/p.json"], &["no/such/p.json"]);
    refuses(&["--html", "no/such/p.html"], &["no/such/p.html"]);
    refuses(&["--markdown", "no/such/p.md"], &["no/such/p.md"]);
    refuses(&["--phase", "everything"], &["everything", "validate"]);
    refuses(&["--phase", "report"], &["measures nothing", "leave --phase out"]);
    refuses(&["--force"], &["--baseline"]);
    for rate in ["0", "-5", "nan", "many"] {
        refuses(&["--rate", rate], &[rate, "messages a second"]);
    }
    let same = path(&trace);
    refuses(&["--trace", same, "--json", same], &["--json and --trace name the same file"]);
}

#[test]
fn one_phase_alone_runs_only_its_actions() {
    let place = tempfile::tempdir().unwrap();
    let json = place.path().join("p.json");
    let output = ephor(&["profile", "--quick", "--phase", "status", "--quiet", "--json", path(&json)]);
    has_reported(&output);
    assert!(output.stdout.is_empty());
    let report: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let phases = report["phases"].as_array().unwrap();
    assert_eq!((phases.len(), phases[0]["name"].as_str()), (1, Some("status")));
    let agents = report["agents"].as_array().unwrap();
    let names: BTreeSet<&str> = agents.iter().map(|agent| agent["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["relay", "sink", "health", "recovery", "policy", "audit"].into());
    let relay = agents.iter().find(|agent| agent["name"] == "relay").unwrap();
    assert_eq!(relay["waits_for"][0], "sink");
    for agent in agents {
        let ping = format!("ping.{}", agent["name"].as_str().unwrap());
        assert!(agent["ping_ns"].is_u64() || is_left_untold(&report, &ping), "{agent}");
    }
}

#[test]
fn a_trace_is_profiled_on_the_bus_that_it_is_replayed_on() {
    let place = tempfile::tempdir().unwrap();
    let json = place.path().join("p.json");
    let output =
        ephor(&["profile", "--quick", "--phase", "status", "--trace", SAMPLE, "--json", path(&json)]);
    has_reported(&output);
    let report: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    assert_eq!(report["subject"], "trace calls.jsonl");
    assert_eq!(report["notes"].as_array().unwrap().iter().filter(|note| *note == CUT).count(), 0);
    let agents = report["agents"].as_array().unwrap();
    let desk = agents.iter().find(|agent| agent["name"] == "desk").unwrap();
    assert!(desk["first_message_ns"].is_u64() || is_left_untold(&report, "first_message.desk"), "{desk}");
    has_phase(&report, PhaseName::Status);
}

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/airline/calls.jsonl");
const CUT: &str = "the trace was cut: of its lines the first 20000 are sent";

/// Every figure is one that the catalogue has in this phase.
#[track_caller]
fn has_phase(report: &Value, phase: PhaseName) {
    let metrics = report["metrics"].as_array().unwrap();
    assert!(!metrics.is_empty());
    for metric in metrics {
        let name = metric["name"].as_str().unwrap();
        assert_eq!(catalogue::find(name).unwrap().phase, phase, "{name}");
    }
}

/// A trace of the sample's lines again and again, each time in runs of their own.
fn long_trace(lines: usize) -> String {
    let sample = fs::read_to_string(SAMPLE).unwrap();
    let mut text = String::new();
    for (at, line) in (0..).flat_map(|round| sample.lines().map(move |line| (round, line))).take(lines) {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line["run"] = format!("{}-{at}", line["run"].as_str().unwrap()).into();
        text.push_str(&format!("{line}\n"));
    }
    text
}

#[test]
fn a_trace_that_is_cut_says_so_and_traffic_is_cut_alike() {
    let place = tempfile::tempdir().unwrap();
    let (trace, json) = (place.path().join("long.jsonl"), place.path().join("p.json"));
    // The line after the last is read by nobody.
    fs::write(&trace, long_trace(20_000) + "no line\n").unwrap();
    let (trace, out) = (path(&trace), path(&json));
    let output = ephor(&["profile", "--quick", "--phase", "validate", "--trace", trace, "--json", out]);
    has_reported(&output);
    assert!(text(&output.stdout).contains(&format!("note: {CUT}")), "{}", text(&output.stdout));
    let report: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let method = metric(&report, "compliance")["method"].as_str().unwrap();
    assert!(method.contains("the first 20000 lines of"), "{method}");
}

/// A baseline of the status phase of this machine, changed by `change`, and what is said to a run beside it.
fn beside(change: impl FnOnce(&mut Value), more: &[&str]) -> Output {
    let place = tempfile::tempdir().unwrap();
    let (before, json) = (place.path().join("b.json"), place.path().join("p.json"));
    let one = ["profile", "--quick", "--phase", "status", "--json"];
    has_reported(&ephor(&[&one[..], &[path(&before)]].concat()));
    let mut report: Value = serde_json::from_slice(&fs::read(&before).unwrap()).unwrap();
    change(&mut report);
    fs::write(&before, report.to_string()).unwrap();
    let output = ephor(&[&one[..], &[path(&json), "--baseline", path(&before)], more].concat());
    assert_eq!(json.exists(), output.status.code() != Some(2), "a refusal comes before the report");
    output
}

#[test]
fn a_baseline_with_other_notes_or_inputs_is_refused_with_both_values_unless_forced() {
    let like = beside(|_| (), &[]);
    has_reported(&like);
    assert!(text(&like.stdout).contains("figures judged at a confidence of 0.99"), "{}", text(&like.stdout));
    let noted = |report: &mut Value| report["notes"].as_array_mut().unwrap().push("slow that day".into());
    let refused = beside(noted, &[]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("b.json:1: ") && said.contains("notes `slow that day` before, none now"), "{said}");
    let refused = beside(|report| report["inputs"]["policy"] = "0123".into(), &[]);
    assert!(text(&refused.stderr).contains("inputs.policy `0123` before, `"), "{}", text(&refused.stderr));
    let forced = beside(noted, &["--force"]);
    has_reported(&forced);
    let marked = "compared by force: notes `slow that day` before";
    assert!(text(&forced.stdout).contains(marked), "{}", text(&forced.stdout));
}

/// Waits until `child`, whose temporary files are in `place`, has made the log of so many buses. It must run on meanwhile.
fn has_built(child: &mut Child, place: &Path, buses: usize) {
    let begun = Instant::now();
    let mut seen = BTreeSet::new();
    while seen.len() < buses {
        seen.extend(fs::read_dir(place).unwrap().filter_map(|entry| Some(entry.ok()?.file_name())));
        assert!(child.try_wait().unwrap().is_none(), "it ended after {} buses", seen.len());
        assert!(begun.elapsed() < LONG, "it built {} buses in {LONG:?}", seen.len());
        thread::yield_now();
    }
}

/// Ctrl-C at several moments: at the first bus, while processes are started, in the traffic, and among the measurements.
#[test]
#[cfg(unix)]
fn ctrl_c_ends_a_profile_with_130_and_leaves_no_file() {
    let place = tempfile::tempdir().unwrap();
    let trace = place.path().join("long.jsonl");
    fs::write(&trace, long_trace(20_000)).unwrap();
    let trace = path(&trace).to_owned();
    let moments: [(&[&str], usize); 5] = [
        (&[], 1),
        (&[], 4),
        (&["--phase", "validate"], 2),
        (&["--phase", "validate", "--trace", &trace], 2),
        (&["--phase", "profile"], 20),
    ];
    for (arguments, buses) in moments {
        let out = tempfile::tempdir().unwrap();
        let files = ["p.json", "p.html", "p.md"].map(|name| out.path().join(name));
        let outputs = ["--json", path(&files[0]), "--html", path(&files[1]), "--markdown", path(&files[2])];
        let logs = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_ephor"))
            .args([&["profile", "--quick"], arguments, &outputs].concat())
            .env("TMPDIR", logs.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        has_built(&mut child, logs.path(), buses);
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let sent = Instant::now();
        let output = child.wait_with_output().unwrap();
        let said = text(&output.stderr);
        eprintln!("{arguments:?}: {:?}: {said}", sent.elapsed());
        assert_eq!(output.status.code(), Some(130), "{arguments:?} after {buses} buses: {said}");
        assert!(said.contains("interrupted during") && said.contains("nothing was written"), "{said}");
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "{arguments:?} left a file");
    }
}
