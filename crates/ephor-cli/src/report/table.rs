//! The summary as text: at most 80 columns of tables, and the command line that verifies the log.

use std::fmt::Write as _;
use std::path::Path;

use comfy_table::{Attribute, Cell, CellAlignment, Color, Table, presets};

use super::{Look, Percentiles, Summary};

/// How many bytes of a quarantined message are shown; all of them are in the JSON.
const SHOWN_HEX_CHARS: usize = 24;

/// A circuit breaker at the end of the replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breaker {
    /// What it guards.
    pub(crate) name: String,
    /// Its state: `closed`, `half-open` or `open`.
    pub(crate) state: String,
    /// How often it opened.
    pub(crate) trips: u64,
}

/// All that the text shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    /// The figures.
    pub(crate) summary: &'a Summary,
    /// The breakers, which the JSON counts only in the score.
    pub(crate) breakers: &'a [Breaker],
    /// How this program is called on the command line.
    pub(crate) program: &'a str,
}

impl Text<'_> {
    /// The text, with a newline at its end.
    pub(crate) fn render(&self, look: Look) -> String {
        let mut out = String::new();
        let mut tables =
            vec![self.messages(look), self.commands(look), self.latency(look), self.oversight(look)];
        if !self.summary.quarantine.is_empty() {
            tables.push(self.quarantine(look));
        }
        for table in tables {
            for line in table.lines() {
                out.push_str(line.trim_end());
                out.push('\n');
            }
            if look == Look::Plain {
                out.push('\n');
            }
        }
        self.write_audit(&mut out);
        out
    }

    fn messages(&self, look: Look) -> Table {
        let ledger = &self.summary.ledger;
        let mut table = table(look, ["messages", "count", "share"]);
        let mut row = |name: &str, count: u64, colour: Option<Color>| {
            let share = share(count, ledger.sent);
            table.add_row([tinted(name, colour), right(&grouped(count)), right(&share)]);
        };
        row("in", ledger.sent, None);
        row("delivered", ledger.handled, Some(Color::Green));
        for name in ["denied", "held"] {
            row(name, ledger.lost.get(name).copied().unwrap_or(0), None);
        }
        for (name, &count) in &ledger.lost {
            if !["denied", "held"].contains(&name.as_str()) && count > 0 {
                row(&format!("lost: {name}"), count, Some(Color::Yellow));
            }
        }
        row("in flight", ledger.in_flight, None);
        table.add_row([
            Cell::new("rate"),
            right(&rate(ledger.sent, self.summary.elapsed_s)),
            right(&format!("in {:.2} s", self.summary.elapsed_s)),
        ]);
        let (verdict, colour) =
            if ledger.adds_up() { ("adds up", Color::Green) } else { ("DOES NOT ADD UP", Color::Red) };
        table.add_row([
            Cell::new("ledger"),
            tinted(verdict, Some(colour)).set_alignment(CellAlignment::Right),
        ]);
        table
    }

    fn commands(&self, look: Look) -> Table {
        let commands = &self.summary.commands;
        let mut table = table(look, ["commands", "count", "share"]);
        let mut row = |name: Cell, count: u64| {
            table.add_row([name, right(&grouped(count)), right(&share(count, commands.total))]);
        };
        row(Cell::new("in"), commands.total);
        row(tinted("permitted", Some(Color::Green)), commands.permitted);
        row(tinted("denied", Some(Color::Red)), commands.denied);
        for (reason, &count) in &commands.by_reason {
            row(Cell::new(format!("  {reason}")), count);
        }
        table
    }

    fn latency(&self, look: Look) -> Table {
        let mut table = table(look, ["latency", "p50", "p99", "p99.9", "max", "count"]);
        for (name, times) in [("hop", &self.summary.hop_ns), ("decision", &self.summary.decision_ns)] {
            let Percentiles { p50, p99, p999, max, count } = *times;
            let times = [p50, p99, p999, max].map(|time_ns| right(&duration(time_ns)));
            let cells = [Cell::new(name)].into_iter().chain(times).chain([right(&grouped(count))]);
            table.add_row(cells.collect::<Vec<_>>());
        }
        table
    }

    fn oversight(&self, look: Look) -> Table {
        let summary = self.summary;
        let health = &summary.health;
        let colour = match health.status.as_str() {
            "healthy" => Color::Green,
            "degraded" => Color::Yellow,
            _ => Color::Red,
        };
        let status =
            format!("{}, score {:.2} (lowest {:.2})", health.status, health.score, health.lowest_score);
        let mut table = table(look, ["oversight", ""]);
        table.add_row([Cell::new("health"), tinted(&status, Some(colour))]);
        for breaker in self.breakers {
            let times = if breaker.trips == 1 { "time" } else { "times" };
            let state = format!("{}, opened {} {times}", breaker.state, grouped(breaker.trips));
            table.add_row([Cell::new(format!("breaker {}", breaker.name)), Cell::new(state)]);
        }
        let cache = format!("{} hits, {} misses", grouped(summary.cache.hits), grouped(summary.cache.misses));
        table.add_row(["recoveries", &grouped(summary.recoveries)]);
        table.add_row(["decision cache", &cache]);
        let pinned = if summary.machine.pinned { "pinned" } else { "not pinned" };
        table.add_row(["workers", &format!("{}, {pinned}", summary.machine.workers)]);
        table
    }

    fn quarantine(&self, look: Look) -> Table {
        let mut table = table(look, ["quarantine", "run", "step", "kind", "crashes", "bytes"]);
        for message in &self.summary.quarantine {
            let bytes: String = message.bytes_hex.chars().take(SHOWN_HEX_CHARS).collect();
            let more = if bytes.len() < message.bytes_hex.len() { "..." } else { "" };
            table.add_row([
                tinted(&message.agent, Some(Color::Yellow)),
                Cell::new(&message.run),
                right(&message.step.to_string()),
                Cell::new(&message.kind),
                right(&grouped(message.crashes)),
                Cell::new(format!("{bytes}{more}")),
            ]);
        }
        table
    }

    /// Lines that are meant to be copied: no box around them, and none is ever broken.
    fn write_audit(&self, out: &mut String) {
        let audit = &self.summary.audit;
        let program = quoted(self.program);
        let (dir, vkey) = (quoted(&audit.dir), quoted(&audit.vkey));
        let lines = [
            ("audit log", format!("{} records in {}", grouped(audit.records), audit.dir)),
            ("root", audit.root.clone()),
            ("key", audit.vkey.clone()),
            ("verify with", format!("{program} audit verify {dir} --vkey {vkey}")),
        ];
        for (name, value) in lines {
            writeln!(out, "{name:<11} {value}").expect("a string takes every character");
        }
    }
}

/// How this program was called, for command lines that are meant to be copied.
pub(crate) fn program_name() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    let called = Path::new(&called);
    if called.as_os_str().is_empty() { "ephor".to_owned() } else { called.display().to_string() }
}

pub(crate) fn table<const COLUMNS: usize>(look: Look, header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    match look {
        Look::Plain => table.load_style(presets::NOTHING).force_no_tty(),
        Look::Lines => table.load_style(presets::UTF8_FULL_CONDENSED.with_rounded_corners()).force_no_tty(),
        Look::Colours => {
            table.load_style(presets::UTF8_FULL_CONDENSED.with_rounded_corners()).enforce_styling()
        }
    };
    table.set_header(header.map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
    table
}

pub(crate) fn right(text: &str) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

pub(crate) fn tinted(text: &str, colour: Option<Color>) -> Cell {
    let cell = Cell::new(text);
    match colour {
        Some(colour) => cell.fg(colour),
        None => cell,
    }
}

/// 1234567 as `1,234,567`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three figures and a unit.
fn duration(time_ns: u64) -> String {
    let (value, unit) = match time_ns {
        0..1_000 => return format!("{time_ns} ns"),
        1_000..1_000_000 => (time_ns as f64 / 1e3, "us"),
        1_000_000..1_000_000_000 => (time_ns as f64 / 1e6, "ms"),
        _ => (time_ns as f64 / 1e9, "s"),
    };
    let decimals = match value {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

fn share(count: u64, total: u64) -> String {
    if total == 0 { "-".to_owned() } else { format!("{:.1} %", count as f64 * 100.0 / total as f64) }
}

fn rate(count: u64, elapsed_s: f64) -> String {
    if elapsed_s > 0.0 { format!("{}/s", grouped((count as f64 / elapsed_s) as u64)) } else { "-".to_owned() }
}

/// `text` as a shell reads it as one word.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
