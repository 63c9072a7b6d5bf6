//! The table, and the file.

use std::path::Path;

use comfy_table::{Table, presets};
use serde::Serialize;

use crate::contest::{Bound, Contest, Figures, ONE_CORE, Side};

/// One line of the table: a contest in one class.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub id: &'static str,
    pub what: &'static str,
    /// Nanoseconds.
    pub ours: Option<f64>,
    pub best_peer: Option<f64>,
    pub peer_name: Option<String>,
    pub ratio: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub class: String,
    pub bound: Option<f64>,
    pub met: Option<bool>,
    #[serde(skip)]
    bound_text: String,
    #[serde(skip)]
    our_name: String,
    #[serde(skip)]
    pairs: usize,
    #[serde(skip)]
    all: Vec<String>,
}

impl Row {
    /// The lines of one contest; a class with a bound that was never reached has a line that says nothing.
    pub fn of(contest: &Contest, figures: &Figures) -> Vec<Self> {
        if figures.rounds.is_empty() {
            return Vec::new();
        }
        let outcomes = figures.outcomes(contest.bounds, contest.is_local);
        let mut rows: Vec<Self> = outcomes
            .iter()
            .map(|outcome| Self {
                id: contest.id,
                what: contest.what,
                ours: Some(outcome.ours),
                best_peer: Some(outcome.peer),
                peer_name: Some(outcome.peer_name.clone()),
                ratio: Some(outcome.ratio.median),
                low: Some(outcome.ratio.low),
                high: Some(outcome.ratio.high),
                class: outcome.class.clone(),
                bound: outcome.bound.number(),
                met: outcome.met,
                bound_text: outcome.bound.text(),
                our_name: outcome.our_name.clone(),
                pairs: outcome.ratio.count,
                all: outcome
                    .all
                    .iter()
                    .map(|(name, side, median)| {
                        let mark = if *side == Side::Ours { "*" } else { " " };
                        format!(
                            "{mark} {name:<22} {:>9.2} [{:.2}..{:.2}]",
                            median.median, median.low, median.high
                        )
                    })
                    .collect(),
            })
            .collect();
        let wanted = [("near", contest.bounds.near), ("far", contest.bounds.far)];
        for (class, bound) in wanted {
            let is_missing =
                !contest.is_local && bound != Bound::None && !rows.iter().any(|row| row.class == class);
            if is_missing {
                rows.push(Self::unreached(contest, class, bound));
            }
        }
        if contest.is_local && rows.is_empty() {
            rows.push(Self::unreached(contest, ONE_CORE, contest.bounds.near));
        }
        rows
    }

    fn unreached(contest: &Contest, class: &str, bound: Bound) -> Self {
        Self {
            id: contest.id,
            what: contest.what,
            ours: None,
            best_peer: None,
            peer_name: None,
            ratio: None,
            low: None,
            high: None,
            class: class.to_owned(),
            bound: bound.number(),
            met: None,
            bound_text: bound.text(),
            our_name: String::new(),
            pairs: 0,
            all: Vec::new(),
        }
    }
}

/// Prints the table; with `all`, every entrant's median beneath.
pub fn print(rows: &[Row], all: bool) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "id",
        "what",
        "class",
        "ours ns",
        "best peer ns",
        "peer",
        "ratio [95 %]",
        "pairs",
        "bound",
        "met",
    ]);
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    for row in rows {
        let ratio = match (row.ratio, row.low, row.high) {
            (Some(ratio), Some(low), Some(high)) => format!("{ratio:.2} [{low:.2}..{high:.2}]"),
            _ => "-".to_owned(),
        };
        let met = match row.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        table.add_row([
            row.id.to_owned(),
            row.what.to_owned(),
            row.class.clone(),
            number(row.ours),
            number(row.best_peer),
            row.peer_name.clone().unwrap_or("-".to_owned()),
            ratio,
            row.pairs.to_string(),
            row.bound_text.clone(),
            met.to_owned(),
        ]);
    }
    println!("{table}");
    if all {
        for row in rows.iter().filter(|row| !row.all.is_empty()) {
            println!(
                "\n{} ({}), ns, median [95 %], ours marked *; best ours: {}",
                row.id, row.class, row.our_name
            );
            row.all.iter().for_each(|line| println!("{line}"));
        }
    }
}

/// Writes the rows as JSON.
pub fn write(rows: &[Row], path: &Path) -> Result<(), String> {
    let report = serde_json::json!({ "schema": 1, "machine": machine(), "rows": rows });
    let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
    std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
}

/// What the figures were measured on, as far as it says so.
fn machine() -> serde_json::Value {
    let line = |path: &str, key: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .find(|line| line.starts_with(key))
            .map(|line| line[key.len()..].trim_start_matches([':', ' ', '\t']).to_owned())
    };
    serde_json::json!({
        "cpu": line("/proc/cpuinfo", "model name"),
        "family": line("/proc/cpuinfo", "cpu family"),
        "cores": ephor_bench::pin::cores().len(),
        "kernel": line("/proc/sys/kernel/osrelease", ""),
    })
}
