//! The trace: recorded traffic of agents, one message a line, read as a stream and checked line by line.
//!
//! Promises: a [`Line`] that comes out is whole and well formed, so nobody behind the reader checks again.
//! Anything else is an error that names file, line, field, value and what is allowed; the reader then ends,
//! for nothing after a bad line can be trusted. Memory does not grow with the length of the trace.
//!
//! How: [`Lines`] bounds a line, `line` checks its fields, `runs` checks that the steps of each run
//! grow. Fields that a kind of line does not use, and fields that are unknown, are ignored; `null` counts as
//! absent.

mod fault;
mod line;
mod runs;
mod vocabulary;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::lines::Lines;

pub(crate) use fault::Fault;
pub(crate) use line::{ARGS_BYTES_MAX, Line, RESERVATION_BYTES_MAX};
pub(crate) use runs::OPEN_RUNS_MAX;
pub(crate) use vocabulary::{Actor, LineKind, RUN_NAME_BYTES_MAX, RunName, Tool};

use runs::{Admission, OpenRuns};

/// Why a trace could not be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TraceError {
    /// The file cannot be opened.
    #[error("{file}: the trace cannot be opened: {source}")]
    Open {
        /// The file.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// A line is not what a trace may hold.
    #[error("{file}:{line}: {fault}")]
    Line {
        /// The file.
        file: String,
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        fault: Box<Fault>,
    },
}

/// Reads the lines of a trace, in order, as an iterator that ends after its first error.
#[derive(Debug)]
pub(crate) struct TraceReader<R> {
    file: String,
    lines: Lines<R>,
    runs: OpenRuns,
    done: bool,
}

impl TraceReader<BufReader<File>> {
    /// Opens the trace in the file at `path`.
    ///
    /// # Errors
    /// [`TraceError::Open`] when the file cannot be opened.
    pub(crate) fn open(path: &Path) -> Result<Self, TraceError> {
        let file = path.display().to_string();
        match File::open(path) {
            Ok(opened) => Ok(Self::new(file, BufReader::new(opened))),
            Err(source) => Err(TraceError::Open { file, source }),
        }
    }
}

impl<R: BufRead> TraceReader<R> {
    /// Reads a trace from `reader`; `file` is what errors call it.
    pub(crate) fn new(file: impl Into<String>, reader: R) -> Self {
        Self { file: file.into(), lines: Lines::new(reader), runs: OpenRuns::default(), done: false }
    }

    fn read(&mut self) -> Result<Option<Line>, Fault> {
        let Some(text) = self.lines.next_line()?.map(line::parse).transpose()? else {
            return Ok(None);
        };
        let Admission { opens, forgets } = self.runs.admit(text.run, text.step)?;
        Ok(Some(Line { number: self.lines.number(), opens, forgets, ..text }))
    }
}

impl<R: BufRead> Iterator for TraceReader<R> {
    type Item = Result<Line, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.read().map_err(|fault| TraceError::Line {
            file: self.file.clone(),
            line: self.lines.number(),
            fault: Box::new(fault),
        });
        self.done = !matches!(item, Ok(Some(_)));
        item.transpose()
    }
}

#[cfg(test)]
mod tests;
