//! Targets: bounds on figures, read from a file, and what became of them.
//!
//! A targets file is TOML with one table, in which each line bounds one figure of the [`catalogue`](crate::catalogue):
//!
//! ```toml
//! [targets]
//! latency_p99 = { below = 5, unit = "ms" }
//! throughput = { above = 100, unit = "msg/s" }
//! ping.audit = { at_most = 50, unit = "us" }
//! "start.*" = { below = 1, unit = "ms" }
//! ```
//!
//! A figure satisfies its target when it was measured and lies within the bound. One that is missing, derived, without samples or
//! not a number satisfies none. A family, `start.*`, is judged by its worst member.
//!
//! A file that says anything unknown is refused, with the line: a misspelt name would otherwise be a target that nothing can miss.
//! The member of a family, `ping.audit`, is known only when the subject was built; a profile refuses one that the subject does not
//! have before it measures anything.

mod error;
pub(crate) mod file;
mod judge;
pub(crate) mod members;
mod reader;
mod units;

use std::path::Path;

pub use self::error::TargetsError;
use self::file::Unread;
use crate::metric::Metric;
use crate::report::Verdict;

/// The largest targets file, in bytes.
pub const TARGETS_BYTES_MAX: usize = 64 * 1024;

const ORIGINAL: (&str, &str) = (include_str!("../targets/original.toml"), "original.toml");
const STRICT: (&str, &str) = (include_str!("../targets/strict.toml"), "strict.toml");

/// How a figure is to lie to its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Less than it.
    Below,
    /// More than it.
    Above,
    /// Not more than it.
    AtMost,
    /// Not less than it.
    AtLeast,
}

/// A bound on a figure.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Target {
    /// The name of the figure or family.
    pub metric: String,
    /// How it is to lie to the bound.
    pub relation: Relation,
    /// The bound, in `unit`.
    pub bound: f64,
    /// One of the units that the figure can be told in.
    pub unit: &'static str,
    /// The line that it stands on, from 1.
    line: usize,
}

/// Bounds on figures, in the file's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Targets {
    /// The name that errors give to the file.
    file: String,
    targets: Vec<Target>,
}

impl Targets {
    /// Reads targets from a text. `file` is the name that errors give to it.
    ///
    /// # Errors
    /// The first thing in the text that is not as it must be, with its line; see [`TargetsError`].
    pub fn parse(text: &str, file: &str) -> Result<Self, TargetsError> {
        if text.len() > TARGETS_BYTES_MAX {
            return Err(TargetsError::Size { file: file.into() });
        }
        reader::read(text, file).map(|targets| Self { file: file.to_owned(), targets })
    }

    /// Reads targets from a file.
    ///
    /// # Errors
    /// As [`Targets::parse`], or that the file cannot be read or is not UTF-8.
    pub fn load(path: &Path) -> Result<Self, TargetsError> {
        let file = path.display().to_string();
        match file::read(path, TARGETS_BYTES_MAX) {
            Ok(text) => Self::parse(&text, &file),
            Err(Unread::Size) => Err(TargetsError::Size { file }),
            Err(Unread::NotUtf8 { line }) => Err(TargetsError::NotUtf8 { file, line }),
            Err(Unread::Io(error)) => Err(TargetsError::Read { file, error }),
        }
    }

    /// The original system's targets, which are built in.
    pub fn original() -> Self {
        Self::built_in(ORIGINAL)
    }

    /// Ephor's own targets, which are built in.
    pub fn strict() -> Self {
        Self::built_in(STRICT)
    }

    fn built_in((text, file): (&str, &str)) -> Self {
        Self::parse(text, file).expect("the built-in targets are part of the crate and tested")
    }

    /// The targets, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter()
    }

    /// What became of each target, in the file's order.
    pub fn judge(&self, metrics: &[Metric]) -> Vec<Verdict> {
        self.targets.iter().map(|target| target.judge(metrics)).collect()
    }
}

impl Target {
    /// What became of it.
    pub(crate) fn judge(&self, metrics: &[Metric]) -> Verdict {
        judge::judge(self, metrics)
    }
}

impl Relation {
    const ALL: [Self; 4] = [Self::Below, Self::Above, Self::AtMost, Self::AtLeast];

    /// The name that files and reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Above => "above",
            Self::AtMost => "at_most",
            Self::AtLeast => "at_least",
        }
    }

    /// Whether `actual` lies so to `bound`. What is not a number never does.
    pub fn holds(self, actual: f64, bound: f64) -> bool {
        match self {
            Self::Below => actual < bound,
            Self::Above => actual > bound,
            Self::AtMost => actual <= bound,
            Self::AtLeast => actual >= bound,
        }
    }
}
