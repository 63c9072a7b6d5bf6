//! A baseline: the report of an earlier run, and what changed since.
//!
//! Two reports are compared figure by figure. A change is called one only when it is not chance, with a confidence that the
//! comparison states, 99 % for all figures together, and when it is large enough to matter, by the criterion that the figure's entry
//! in the [`catalogue`](crate::catalogue) has. The rule, what it promises and its limits are at the top of `baseline/rule.rs`, and
//! how often it errs and sees in `baseline/simulation.rs`. What is called `same` may have changed by less than its `why` says.
//!
//! | figures | called changed from |
//! | --- | --- |
//! | p50 and mean of an operation on one thread | 1.6 times |
//! | p99 of an operation on one thread | 5 times |
//! | p50 of what crosses cores, throughput; within one distance | 2.5 times |
//! | checks that failed, compliance | any difference |
//! | cache hit rates, availability | a point |
//! | losses, over five repetitions or more | 5 % of what was sent |
//! | tails and means across cores, starts, pings, faults, what the host and the generator do | shown, not judged |
//!
//! | verdict | meaning |
//! | --- | --- |
//! | `worse`, `better` | changed, and which way |
//! | `same` | judged, and not called changed |
//! | `not comparable` | not judged; `why` says what is missing: repetitions, one distance of the cores, one rate of the load, an entry |
//!
//! Machines are not compared with each other, nor subjects, their inputs by content, efforts, or runs with other notes (a debug
//! build, one core, a quota, a pin that was refused), unless that is forced; then each change says so. What happened in the course
//! of one of the runs, such as a check that did not end, forbids no comparison: the changes of what was measured after it say so.

mod changes;
mod error;
mod rule;
#[cfg(test)]
mod simulation;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

pub use self::error::BaselineError;
use crate::report::{Comparison, Report, SCHEMA};
use crate::targets::file::{self, Unread, quoted};

/// The largest report that is read, in bytes.
pub const BASELINE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The report of an earlier run.
#[derive(Clone, Debug)]
pub struct Baseline {
    file: String,
    report: Report,
    /// Where each of [`FIELDS`] stands in the file.
    lines: [usize; FIELDS.len()],
}

/// The fields in which runs that are alike agree.
const FIELDS: [&str; 7] =
    ["machine.cpu", "machine.cores", "machine.os", "subject", "effort", "inputs", "notes"];

/// Whether runs are compared that differ in more than time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Force {
    /// They are refused.
    #[default]
    No,
    /// They are compared all the same, and each change says so.
    Yes,
}

/// What is read before the rest, so that a report of another version is not called damaged.
#[derive(Deserialize)]
#[serde(expecting = "a report, which is an object")]
struct Head {
    #[serde(default)]
    schema: Option<Schema>,
}

/// The version that this crate reads.
struct Schema;

impl Baseline {
    /// Reads a report from its JSON. `file` is the name that errors give to it.
    ///
    /// # Errors
    /// The first thing in the text that is not as it must be, with its line; see [`BaselineError`].
    pub fn parse(text: &str, file: &str) -> Result<Self, BaselineError> {
        if text.len() > BASELINE_BYTES_MAX {
            return Err(BaselineError::Size { file: file.into() });
        }
        let refused = |error| BaselineError::json(file, &error);
        let no_report = |why| {
            let problem = format!("{why}, so it is no report of a profile; a profile writes one as JSON");
            BaselineError::Content { file: file.into(), line: 1, problem }
        };
        // A list of the right length would be read as an object whose keys are left out.
        if text.trim_start().starts_with('[') {
            return Err(no_report("is a list"));
        }
        let head: Head = serde_json::from_str(text).map_err(refused)?;
        if head.schema.is_none() {
            return Err(no_report("has no `schema`"));
        }
        let report = serde_json::from_str(text).map_err(refused)?;
        Ok(Self { file: file.into(), report, lines: FIELDS.map(|field| line_of(text, field)) })
    }

    /// Reads a report from a file.
    ///
    /// # Errors
    /// As [`Baseline::parse`], or that the file cannot be read or is not UTF-8.
    pub fn load(path: &Path) -> Result<Self, BaselineError> {
        let file = path.display().to_string();
        match file::read(path, BASELINE_BYTES_MAX) {
            Ok(text) => Self::parse(&text, &file),
            Err(Unread::Size) => Err(BaselineError::Size { file }),
            Err(Unread::NotUtf8 { line }) => Err(BaselineError::NotUtf8 { file, line }),
            Err(Unread::Io(error)) => Err(BaselineError::Read { file, error }),
        }
    }

    /// The earlier report.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What changed from the earlier run to `now`: every figure that both have, in the order of `now`.
    ///
    /// # Errors
    /// [`BaselineError::Other`] when the two are not of runs alike and the comparison is not forced.
    pub fn compare(&self, now: &Report, force: Force) -> Result<Comparison, BaselineError> {
        if force == Force::No {
            self.fits(now)?;
        }
        let differences = self.differences(now);
        let forced = (!differences.is_empty()).then_some(differences);
        let mut changes = changes::changes(&self.report, now);
        if forced.is_some() {
            changes.iter_mut().for_each(|change| change.why.insert_str(0, "forced: "));
        }
        Ok(Comparison { baseline: self.file.clone(), confidence: rule::CONFIDENCE, forced, changes })
    }

    /// Whether `now` is of a run like the earlier one, so that the two can be compared.
    ///
    /// # Errors
    /// [`BaselineError::Other`], with each field that differs and both its values.
    pub fn fits(&self, now: &Report) -> Result<(), BaselineError> {
        let differences = self.differences(now);
        if differences.is_empty() {
            return Ok(());
        }
        let first = FIELDS.iter().position(|field| differences.starts_with(field));
        let line = first.map_or(1, |first| self.lines[first]);
        Err(BaselineError::Other { file: self.file.clone(), line, differences })
    }

    /// What the two runs differ in besides time, field by field; empty when nothing.
    fn differences(&self, now: &Report) -> String {
        let before = &self.report;
        let cores = (before.machine.cores.to_string(), now.machine.cores.to_string());
        let [cpu, cores_field, os, subject, effort, ..] = FIELDS;
        let parts: [(&str, &str, &str); 5] = [
            (cpu, &before.machine.cpu, &now.machine.cpu),
            (cores_field, &cores.0, &cores.1),
            (os, &before.machine.os, &now.machine.os),
            (subject, &before.subject, &now.subject),
            (effort, &before.effort, &now.effort),
        ];
        let other = parts.into_iter().filter(|(_, before, now)| before != now);
        let told = other.map(|(field, before, now)| differs(field, Some(before), Some(now)));
        let told = told.chain(other_inputs(before, now)).chain(other_notes(before, now));
        told.collect::<Vec<_>>().join("; ")
    }
}

/// The line of the first key that a field is named by, from 1: a report has these before any name of a user's. The first line when
/// it is left out.
fn line_of(text: &str, field: &str) -> usize {
    let name = field.rsplit('.').next().unwrap_or(field);
    let at = text.find(&format!("\"{name}\"")).unwrap_or(0);
    1 + text[..at].matches('\n').count()
}

/// A field with what it was and is.
fn differs(field: &str, before: Option<&str>, now: Option<&str>) -> String {
    let shown = |value: Option<&str>| value.map_or_else(|| "none".to_owned(), quoted);
    format!("{field} {} before, {} now", shown(before), shown(now))
}

/// The inputs whose content is not the same, or which only one of the runs had.
fn other_inputs<'a>(before: &'a Report, now: &'a Report) -> impl Iterator<Item = String> + 'a {
    let names: BTreeSet<&String> = before.inputs.keys().chain(now.inputs.keys()).collect();
    names.into_iter().filter_map(move |name| {
        let value = |report: &'a Report| report.inputs.get(name).map(String::as_str);
        let field = format!("inputs.{}", quoted(name).trim_matches('`'));
        (value(before) != value(now)).then(|| differs(&field, value(before), value(now)))
    })
}

/// The notes that only one of the runs has.
fn other_notes<'a>(before: &'a Report, now: &'a Report) -> impl Iterator<Item = String> + 'a {
    let gone = before.notes.iter().filter(|note| !now.notes.contains(note));
    let new = now.notes.iter().filter(|note| !before.notes.contains(note));
    let gone = gone.map(|note| differs("notes", Some(note), None));
    gone.chain(new.map(|note| differs("notes", None, Some(note))))
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(Self)
    }
}

impl Visitor<'_> for Schema {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the number of the report's format, {SCHEMA}")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self, E> {
        if number == u64::from(SCHEMA) {
            return Ok(self);
        }
        let advice = if number < u64::from(SCHEMA) {
            "measure the baseline again"
        } else {
            "compare with the version that wrote it"
        };
        Err(E::custom(format_args!("`schema` is {number}, and this version reads {SCHEMA}; {advice}")))
    }
}
