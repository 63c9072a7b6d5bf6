use std::fs;

use clap::CommandFactory;

use super::*;

fn parse(arguments: &[&str]) -> Result<Command, clap::Error> {
    Cli::try_parse_from([&["ephor"], arguments].concat()).map(|cli| cli.command)
}

fn replay(arguments: &[&str]) -> ReplayOptions {
    match parse(&[&["replay"], arguments].concat()).unwrap() {
        Command::Replay(options) => options,
        command => panic!("{command:?}"),
    }
}

fn verify(arguments: &[&str]) -> VerifyOptions {
    match parse(&[&["audit", "verify"], arguments].concat()).unwrap() {
        Command::Audit(AuditCommand::Verify(options)) => options,
        command => panic!("{command:?}"),
    }
}

/// The usage error of a replay with `arguments` ends with code 2 and says all of `parts`.
#[track_caller]
fn refuses(arguments: &[&str], parts: &[&str]) {
    let error = parse(&[&["replay"], arguments].concat()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn without_options_everything_is_left_to_the_sample() {
    assert_eq!(replay(&[]), ReplayOptions::default());
    assert_eq!(replay(&[]).speed().as_f64(), 1.0);
}

#[test]
fn every_option_arrives_in_its_field() {
    let options = replay(&[
        "--trace",
        "t",
        "--facts",
        "f",
        "--policy",
        "p",
        "--charter",
        "c",
        "--audit",
        "a",
        "--decisions",
        "d",
        "--json",
        "j",
        "--workers",
        "2",
        "--arrivals",
        "r",
        "--speed",
        "0.5",
        "--inject",
        "panic:desk@100",
        "-q",
    ]);
    let file = |name: &str| Some(PathBuf::from(name));
    let message = NonZeroU64::new(100).unwrap();
    let expected = ReplayOptions {
        trace: file("t"),
        facts: file("f"),
        policy: file("p"),
        charter: file("c"),
        audit: file("a"),
        decisions: file("d"),
        json: file("j"),
        workers: Some(2),
        arrivals: file("r"),
        speed: Some(Speed(0.5)),
        inject: Some(Injection { agent: Target::Desk, message }),
        quiet: true,
    };
    assert_eq!(options, expected);
}

#[test]
fn workers_are_one_to_sixty_four() {
    assert_eq!(replay(&["--workers", "1"]).workers, Some(1));
    assert_eq!(replay(&["--workers", "64"]).workers, Some(64));
    for wrong in ["0", "65", "-1", "two", "1.5", ""] {
        refuses(&[&format!("--workers={wrong}")], &[&format!("'{wrong}'"), "--workers <N>"]);
    }
    refuses(&["--workers", "0"], &["0 is not in 1..=64"]);
}

#[test]
fn a_speed_is_finite_and_greater_than_zero() {
    assert_eq!(replay(&["--arrivals", "r", "--speed", "1e3"]).speed().as_f64(), 1_000.0);
    for wrong in ["0", "-0", "-2", "nan", "inf", "1e999", "fast", ""] {
        let speed = format!("--speed={wrong}");
        refuses(&["--arrivals", "r", &speed], &[&format!("'{wrong}'"), "a number greater than 0"]);
    }
    refuses(&["--arrivals", "r", "--speed", "-2"], &["'-2'", "a number greater than 0"]);
}

#[test]
fn a_speed_needs_arrivals() {
    refuses(&["--speed", "2"], &["--arrivals <FILE>"]);
}

#[test]
fn an_injection_names_an_agent_and_a_message() {
    for agent in ["customer", "desk", "tools", "policy"] {
        let injection = replay(&["--inject", &format!("panic:{agent}@1")]).inject.unwrap();
        assert_eq!((injection.agent.name(), injection.message.get()), (agent, 1));
    }
    for wrong in ["panic", "panic:desk", "desk@1", "crash:desk@1", "panic:desk:1"] {
        refuses(&["--inject", wrong], &[wrong, "panic:AGENT@N"]);
    }
    refuses(&["--inject", "panic:audit@1"], &["`audit` is no agent", "customer, desk, tools, policy"]);
    for wrong in ["0", "-1", "x", "", "99999999999999999999"] {
        let message = format!("`{wrong}` is not the number of a message");
        refuses(&["--inject", &format!("panic:desk@{wrong}")], &[&message]);
    }
}

#[test]
fn an_unknown_option_or_command_is_refused() {
    refuses(&["--trase", "t"], &["--trase"]);
    refuses(&["--trace"], &["--trace <FILE>"]);
    assert_eq!(parse(&["rerun"]).unwrap_err().exit_code(), 2);
    assert_eq!(parse(&[]).unwrap_err().exit_code(), 2);
    assert_eq!(parse(&["audit", "verify"]).unwrap_err().exit_code(), 2);
}

#[test]
fn a_verifier_key_is_told_from_a_file() {
    let key = "ephor.example/replay+1a2b3c4d+AaBb+/=";
    assert_eq!(verify(&["log", "--vkey", key]).vkey, Some(VerifierKey::Text(key.to_owned())));
    for file in ["key.txt", "a+b", "keys/a+b+c"] {
        assert_eq!(verify(&["log", "--vkey", file]).vkey, Some(VerifierKey::File(file.into())));
    }
    let options = verify(&["log", "--checkpoint", "c", "--json"]);
    let expected = VerifyOptions { log: "log".into(), vkey: None, checkpoint: Some("c".into()), json: true };
    assert_eq!(options, expected);
}

#[test]
fn an_output_that_would_overwrite_an_input_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for name in ["t.jsonl", "users.json"] {
        fs::write(path(name), "kept").unwrap();
    }
    fs::create_dir(path("sub")).unwrap();
    let same = |options: ReplayOptions| match options.check_outputs() {
        Err(OptionsError::SameFile { output, other, .. }) => Some((output, other)),
        result => panic!("{result:?}"),
    };
    let roundabout = Some(path("sub/../t.jsonl"));
    let options =
        ReplayOptions { trace: Some(path("t.jsonl")), decisions: roundabout, ..ReplayOptions::default() };
    assert_eq!(same(options), Some(("--decisions", "--trace")));
    let options = ReplayOptions {
        facts: Some(directory.path().to_owned()),
        json: Some(path("users.json")),
        ..ReplayOptions::default()
    };
    assert_eq!(same(options), Some(("--json", "--facts")));
    let new = Some(path("new"));
    let options = ReplayOptions { decisions: new.clone(), json: new, ..ReplayOptions::default() };
    assert_eq!(same(options), Some(("--json", "--decisions")));
}

#[test]
fn an_output_inside_the_log_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| Some(directory.path().join(name));
    let options = ReplayOptions { audit: path("log"), json: path("log/r.json"), ..ReplayOptions::default() };
    assert!(matches!(options.check_outputs(), Err(OptionsError::InsideAudit { output: "--json", .. })));
    let options = ReplayOptions { audit: path("log"), json: path("log.json"), ..ReplayOptions::default() };
    assert_eq!(options.check_outputs(), Ok(()));
}

#[test]
fn devices_may_be_named_twice() {
    let null = Some(PathBuf::from("/dev/null"));
    let options =
        ReplayOptions { trace: null.clone(), decisions: null.clone(), json: null, ..Default::default() };
    assert_eq!(options.check_outputs(), Ok(()));
}
