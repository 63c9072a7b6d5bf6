//! What the reader of a trace takes and refuses.

use super::*;

const QUERY: &str = r#"{"run":"t1","step":0,"from":"desk","to":"tools","kind":"query","tool":"get_user_details","args":{"user_id":"u"},"bytes":9}"#;

fn read(text: &[u8]) -> Vec<Result<Line, TraceError>> {
    TraceReader::new("t.jsonl", text).collect()
}

/// The error that `line` gives as the second of a trace names file, line and all of `parts`.
#[track_caller]
fn refuses(line: &[u8], parts: &[&str]) {
    let trace = [QUERY.as_bytes(), b"\n", line, b"\n", QUERY.as_bytes(), b"\n"].concat();
    let mut items = read(&trace);
    assert_eq!(items.len(), 2, "the reader ends with its first error");
    let message = items.remove(1).unwrap_err().to_string();
    assert!(message.starts_with("t.jsonl:2: "), "{message}");
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[track_caller]
fn refuses_change(from: &str, to: &str, parts: &[&str]) {
    let query = QUERY.replace("\"step\":0", "\"step\":1");
    assert!(query.contains(from));
    refuses(query.replace(from, to).as_bytes(), parts);
}

#[test]
fn the_sample_reads_whole_with_its_labels() {
    let lines: Vec<Line> = read(crate::sample::TRACE.as_bytes()).into_iter().map(Result::unwrap).collect();
    assert_eq!(lines.len(), crate::sample::TRACE.lines().count());
    let commands = lines.iter().filter(|line| line.kind == LineKind::Command);
    assert!(commands.clone().count() > 20);
    assert!(commands.clone().all(|line| line.violations.is_some() && line.args.is_some()));
    assert!(lines.iter().any(|line| line.reservation.is_some()));
}

#[test]
fn carriage_returns_and_empty_lines_are_no_part_of_a_trace() {
    let text = format!("\r\n{QUERY}\r\n\n{}\n", QUERY.replace("\"step\":0", "\"step\":3"));
    let lines: Vec<Line> = read(text.as_bytes()).into_iter().map(Result::unwrap).collect();
    assert_eq!(lines.iter().map(|line| (line.number, line.step)).collect::<Vec<_>>(), [(2, 0), (4, 3)]);
    assert!(lines[0].opens && !lines[1].opens);
}

#[test]
fn a_line_that_is_no_object_is_refused() {
    refuses(b"{\"run\":", &["not JSON"]);
    refuses(b"[1]", &["not an object"]);
    refuses(b"null", &["not an object"]);
    refuses(b"{\"run\":\"\xff\"}", &["UTF-8"]);
}

#[test]
fn a_line_that_is_too_long_is_refused_without_being_read_whole() {
    refuses(&[b'x'; 70_000], &["65536"]);
}

#[test]
fn missing_fields_are_named() {
    refuses(b"{}", &["field `run` is missing"]);
    refuses_change("\"step\":1,", "", &["field `step` is missing"]);
    refuses_change("\"tool\":\"get_user_details\",", "", &["field `tool` is missing", "query"]);
    refuses_change("\"args\":{\"user_id\":\"u\"},", "", &["field `args` is missing"]);
}

#[test]
fn values_that_are_not_allowed_are_named_with_what_is() {
    refuses_change("\"to\":\"tools\"", "\"to\":\"pilot\"", &["`to`", "pilot", "customer", "desk", "tools"]);
    refuses_change("\"kind\":\"query\"", "\"kind\":\"wish\"", &["`kind`", "wish", "command"]);
    refuses_change("get_user_details", "fly", &["`tool`", "fly", "book_reservation"]);
    refuses_change("\"step\":1", "\"step\":-1", &["`step`", "-1"]);
    refuses_change("\"run\":\"t1\"", "\"run\":\"\"", &["`run`"]);
    refuses_change("{\"user_id\":\"u\"}", "7", &["`args`", "7"]);
}

#[test]
fn a_tool_is_called_by_its_own_kind_and_lines_go_their_own_ways() {
    refuses_change("\"kind\":\"query\"", "\"kind\":\"command\"", &["get_user_details", "query"]);
    refuses_change("\"from\":\"desk\"", "\"from\":\"customer\"", &["`customer`", "from desk"]);
}

#[test]
fn arguments_larger_than_a_block_are_refused() {
    let large = format!("{{\"user_id\":\"{}\"}}", "u".repeat(5_000));
    refuses_change("{\"user_id\":\"u\"}", &large, &["`args`", "4096"]);
}

#[test]
fn a_step_that_goes_back_is_refused() {
    let at = |step: u32| QUERY.replace("\"step\":0", &format!("\"step\":{step}"));
    let items = read(format!("{}\n{}\n{}\n", at(0), at(5), at(4)).as_bytes());
    let message = items[2].as_ref().unwrap_err().to_string();
    assert!(
        message.contains("t.jsonl:3") && message.contains("`step` is 4") && message.contains("step 5"),
        "{message}"
    );
}
