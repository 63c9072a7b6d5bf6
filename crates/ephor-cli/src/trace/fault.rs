//! What can be wrong with a line of a trace.

use crate::facts::ShapeError;
use crate::lines::LineError;
use crate::show::Shown;

use super::{
    ARGS_BYTES_MAX, Actor, LineKind, OPEN_RUNS_MAX, RESERVATION_BYTES_MAX, RUN_NAME_BYTES_MAX, RunName, Tool,
};

/// What is wrong with a line: the field, its value, and what is allowed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The line itself cannot be had.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The line is not JSON.
    #[error("not JSON: {reason} at column {column}; every line is one JSON object")]
    NotJson {
        /// What the parser says.
        reason: String,
        /// Where, in bytes from 1.
        column: usize,
    },
    /// The line is JSON but not an object.
    #[error("{value} is not an object; every line is one JSON object")]
    NotAnObject {
        /// The line's value.
        value: Shown,
    },
    /// A field that the line must have is not there.
    #[error("field `{field}` is missing; {} has it, {expected}", holder(*kind))]
    Missing {
        /// The field.
        field: &'static str,
        /// The kind of line that must have it; `None` when every line must.
        kind: Option<LineKind>,
        /// What it would be.
        expected: String,
    },
    /// A field holds something else than it may.
    #[error("field `{field}` is {value}; it must be {expected}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it holds.
        value: Shown,
        /// What it may hold.
        expected: String,
    },
    /// The two ends do not exchange lines of this kind.
    #[error("fields `from` and `to` are `{from}` and `{to}`; lines of kind `{kind}` go from {allowed}")]
    Route {
        /// The sender.
        from: Actor,
        /// The receiver.
        to: Actor,
        /// The kind of the line.
        kind: LineKind,
        /// The routes of that kind.
        allowed: String,
    },
    /// A query calls a tool that writes, or a command one that only reads.
    #[error("field `kind` is `{kind}`, but tool `{tool}` is called by a {}", tool.call_kind())]
    CallKind {
        /// The tool.
        tool: Tool,
        /// The kind of the line.
        kind: LineKind,
    },
    /// The name of a run is none.
    #[error(
        "field `run` is {name}; a name has 1 to {RUN_NAME_BYTES_MAX} bytes and no control characters, \
         this one has {bytes} bytes"
    )]
    RunName {
        /// The name.
        name: Shown,
        /// Its length.
        bytes: usize,
    },
    /// The arguments do not fit a block of the pool.
    #[error("field `args` is {bytes} bytes of compact JSON; a call carries at most {ARGS_BYTES_MAX}")]
    ArgsTooLarge {
        /// Their size.
        bytes: usize,
    },
    /// The reservation does not fit a block of the pool.
    #[error(
        "field `reservation` is {bytes} bytes of compact JSON; a response carries at most \
         {RESERVATION_BYTES_MAX}"
    )]
    ReservationTooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The reservation is not shaped like one.
    #[error("field `reservation`: {0}")]
    Reservation(#[from] ShapeError),
    /// A run goes on that is not known any more.
    #[error(
        "field `step` is {step}, but run `{run}` is not open: runs may overlap up to {OPEN_RUNS_MAX}, and one that \
         is not open begins with step 0"
    )]
    Forgotten {
        /// The run.
        run: RunName,
        /// The step of this line.
        step: u32,
    },
    /// A run goes back.
    #[error(
        "field `step` is {step}, but run `{run}` is at step {last} already; steps grow within a run, and 0 \
         starts it anew"
    )]
    StepBack {
        /// The run.
        run: RunName,
        /// The step of this line.
        step: u32,
        /// The step before.
        last: u32,
    },
}

fn holder(kind: Option<LineKind>) -> String {
    kind.map_or_else(|| "every line".to_owned(), |kind| format!("a {kind}"))
}
