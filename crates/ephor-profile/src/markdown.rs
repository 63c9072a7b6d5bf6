//! The report as Markdown, for a pull request or an issue: all that the page says, without its charts.
//!
//! Tables are GitHub's. What Markdown or HTML would read as its own is escaped, so that a name of a user stays a name.

use std::fmt::Write;

use crate::html::{Cell, Head, Line, Table, Tone, sections};
use crate::report::Report;

/// Between the lines of a cell: Markdown has no other way.
const BREAK: &str = "<br>";

/// Writes `report` as Markdown.
///
/// # Panics
/// Never: writing into a string does not fail.
pub fn markdown(report: &Report) -> String {
    let mut text = String::new();
    write_report(&mut text, report).expect("writing into a string does not fail");
    text
}

fn write_report(text: &mut String, report: &Report) -> std::fmt::Result {
    write_head(text, report)?;
    for section in sections(report) {
        write!(text, "\n## {}\n", section.title)?;
        for line in &section.text {
            write!(text, "\n{}\n", escaped(line))?;
        }
        let has_label = section.tables.len() > 1;
        for table in &section.tables {
            write_table(text, table, has_label.then_some(&table.label))?;
        }
    }
    Ok(())
}

fn write_head(text: &mut String, report: &Report) -> std::fmt::Result {
    let head = Head::of(report);
    writeln!(text, "# {}\n\n**{}**", escaped(&head.title), escaped(&head.verdict.text))?;
    write_list(text, &head.misses)?;
    let facts: Vec<_> = head.facts.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    write_list(text, &facts)?;
    let notes: Vec<_> = head.notes.iter().map(|note| format!("Note: {note}")).collect();
    write_list(text, &notes)?;
    if head.absent.is_empty() { Ok(()) } else { writeln!(text, "\nNot measured: {}.", head.absent) }
}

fn write_list(text: &mut String, lines: &[String]) -> std::fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    text.push('\n');
    lines.iter().try_for_each(|line| writeln!(text, "- {}", escaped(line)))
}

fn write_table(text: &mut String, table: &Table, label: Option<&String>) -> std::fmt::Result {
    if let Some(label) = label {
        write!(text, "\n### {}\n", escaped(label))?;
    }
    for group in &table.groups {
        if !group.title.is_empty() {
            write!(text, "\n### {}\n", escaped(&group.title))?;
        }
        let titles = table.columns.iter().map(|column| column.title.to_owned());
        let rules =
            table.columns.iter().map(|column| if column.is_figures() { "--:" } else { "---" }.to_owned());
        writeln!(text, "\n{}\n{}", row(titles), row(rules))?;
        for cells in &group.rows {
            writeln!(text, "{}", row(cells.iter().map(cell)))?;
        }
    }
    Ok(())
}

/// A row of a table.
fn row(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    format!("| {} |", cells.join(" | "))
}

fn cell(cell: &Cell) -> String {
    let text = toned(&cell.text, cell.tone);
    let lines = cell.lines.iter().map(|Line { text, .. }| escaped(text));
    let folded = cell.folded.iter().map(|line| escaped(line));
    let parts = std::iter::once(text).chain(lines).chain(folded).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(BREAK)
}

/// What is wrong stands out, and what is derived or absent stands back, as in the page.
fn toned(text: &str, tone: Tone) -> String {
    let text = escaped(text);
    match tone {
        _ if text.is_empty() => text,
        Tone::Bad | Tone::Care => format!("**{text}**"),
        Tone::Quiet => format!("*{text}*"),
        Tone::Plain | Tone::Good => text,
    }
}

/// `text` as one line, of which Markdown and HTML read nothing as their own.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut letters = text.trim().chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        // An underscore inside a word is none of Markdown's business.
        let is_inside = before.is_alphanumeric() && letters.peek().is_some_and(|next| next.is_alphanumeric());
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '[' | ']' | '~' | '#' | '!' => escaped.extend(['\\', letter]),
            '_' if !is_inside => escaped.push_str("\\_"),
            _ if letter.is_whitespace() || letter.is_control() => escaped.push(' '),
            _ => escaped.push(letter),
        }
        before = letter;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_markdown_reads_is_escaped() {
        let cases = [
            ("a|b", "a\\|b"),
            ("<script>", "&lt;script&gt;"),
            ("hop_cross_p99", "hop_cross_p99"),
            ("_x_", "\\_x\\_"),
            ("a\r\n\nb\tc", "a   b c"),
            ("`*[x](y)*` \\|", "\\`\\*\\[x\\](y)\\*\\` \\\\\\|"),
            ("1.5 us", "1.5 us"),
        ];
        for (text, expected) in cases {
            assert_eq!(escaped(text), expected);
        }
    }
}
