use super::super::tests::example;
use super::*;

fn render(look: Look) -> String {
    let breaker = |name: &str, trips| Breaker { name: name.into(), state: "closed".into(), trips };
    let breakers = [breaker("customer", 0), breaker("desk", 1), breaker("tools", 0)];
    Text { summary: &example(), breakers: &breakers, program: "target/release/ephor" }.render(look)
}

const PLAIN: &str = "\
\x20messages           count    share\n\
\x20in                   2,558    100.0 %\n\
\x20delivered            2,518     98.4 %\n\
\x20denied                  39      1.5 %\n\
\x20held                     0      0.0 %\n\
\x20lost: quarantined        1      0.0 %\n\
\x20in flight                0      0.0 %\n\
\x20rate               6,203/s  in 0.41 s\n\
\x20ledger             adds up\n\
\n\
\x20commands              count  share\n\
\x20in                      121  100.0 %\n\
\x20permitted                82   67.8 %\n\
\x20denied                   39   32.2 %\n\
\x20  cancel-not-allowed     21   17.4 %\n\
\x20  payment-mix            19   15.7 %\n\
\n\
\x20latency   p50     p99      p99.9    max      count\n\
\x20hop       412 ns  1.83 us  24.1 us  5.31 ms  7,674\n\
\x20decision  310 us  2.00 ms  2.10 ms  2.10 ms    121\n\
\n\
\x20oversight\n\
\x20health            healthy, score 1.00 (lowest 0.75)\n\
\x20breaker customer  closed, opened 0 times\n\
\x20breaker desk      closed, opened 1 time\n\
\x20breaker tools     closed, opened 0 times\n\
\x20recoveries        2\n\
\x20decision cache    3 hits, 118 misses\n\
\x20workers           2, pinned\n\
\n\
\x20quarantine  run    step  kind      crashes  bytes\n\
\x20desk        t03.1     7  response        2  cdd01ef066bc6cf2cdd01ef0...\n\
\n\
audit log   5,240 records in /var/lib/logs of today/a\n\
root        Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=\n\
key         ephor.example/replay+1a2b3c4d+AZm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=\n\
verify with target/release/ephor audit verify '/var/lib/logs of today/a' --vkey ephor.example/replay+1a2b3c4d+AZm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=\n\
";

#[test]
fn plain_text_is_columns_without_lines_or_colours() {
    assert_eq!(render(Look::Plain), PLAIN);
}

#[test]
fn tables_fit_eighty_columns() {
    for look in [Look::Plain, Look::Lines] {
        let text = render(look);
        // The lines that are meant to be copied are as long as they are.
        let tables = text.split("audit log").next().unwrap();
        for line in tables.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn only_colours_have_escapes_and_they_change_nothing_else() {
    assert!(!render(Look::Lines).contains('\u{1b}'));
    let mut stripped = String::new();
    for (index, part) in render(Look::Colours).split("\u{1b}[").enumerate() {
        stripped.push_str(if index == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(stripped, render(Look::Lines));
}

#[test]
fn a_ledger_that_does_not_add_up_is_said_loudly() {
    let mut summary = example();
    summary.ledger.handled -= 1;
    let text = Text { summary: &summary, breakers: &[], program: "ephor" }.render(Look::Plain);
    assert!(text.contains("DOES NOT ADD UP"), "{text}");
}

#[test]
fn an_empty_replay_has_a_report_too() {
    let mut summary = example();
    summary.ledger = Default::default();
    summary.commands = Default::default();
    summary.elapsed_s = 0.0;
    let text = Text { summary: &summary, breakers: &[], program: "ephor" }.render(Look::Plain);
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

#[test]
fn the_command_line_that_verifies_is_one_line_of_shell_words() {
    let text = render(Look::Colours);
    let key = "ephor.example/replay+1a2b3c4d+AZm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=";
    let line =
        format!("verify with target/release/ephor audit verify '/var/lib/logs of today/a' --vkey {key}\n");
    assert!(text.ends_with(&line), "{text}");
    assert_eq!(quoted("it's"), r"'it'\''s'");
    assert_eq!(quoted(""), "''");
    assert_eq!(quoted("$HOME"), "'$HOME'");
}

#[test]
fn numbers_are_grouped_and_durations_have_a_unit() {
    let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (u64::MAX, "18,446,744,073,709,551,615")];
    for (count, text) in cases {
        assert_eq!(grouped(count), text);
    }
    for (time_ns, text) in [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1.00 us"),
        (24_100, "24.1 us"),
        (310_000, "310 us"),
        (5_310_000, "5.31 ms"),
        (12_000_000_000, "12.0 s"),
    ] {
        assert_eq!(duration(time_ns), text);
    }
}
