//! The four messages of the trace, and the three agents that they go between.
//!
//! A payload names its line (run, step, number) and holds the SHA-256 of it, so the audit log commits to every
//! line. What a call carries beyond that travels in a pool block.

use ephor::{Agent, Cx, Frame, Handler, Kind, Message, agent};

use crate::trace::{Line, RUN_NAME_BYTES_MAX, RunName};

/// Which line of the trace a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineMark {
    /// Name of the run, filled up with zeros.
    run: [u8; RUN_NAME_BYTES_MAX],
    digest: [u8; 32],
    number: u64,
    step: u32,
}

impl LineMark {
    fn of(line: &Line) -> Self {
        let mut run = [0; RUN_NAME_BYTES_MAX];
        let name = line.run.as_str().as_bytes();
        run[..name.len()].copy_from_slice(name);
        Self { run, digest: line.digest, number: line.number, step: line.step }
    }
}

/// Something said, between customer and desk.
#[derive(Clone, Copy, Debug, Message)]
#[message(kind = 1)]
pub(crate) struct Event {
    number: u64,
    run: [u8; RUN_NAME_BYTES_MAX],
    digest: [u8; 32],
    step: u32,
}

/// A call that only reads, from the desk to the tools. Its block holds the arguments.
#[derive(Clone, Copy, Debug, Message)]
#[message(kind = 2, loan)]
pub(crate) struct Query {
    block: u64,
    number: u64,
    run: [u8; RUN_NAME_BYTES_MAX],
    digest: [u8; 32],
    step: u32,
}

/// A call that writes, from the desk over policy to the tools. Its block holds what policy decides by.
#[derive(Clone, Copy, Debug, Message)]
#[message(kind = 3, loan)]
pub(crate) struct Command {
    block: u64,
    number: u64,
    run: [u8; RUN_NAME_BYTES_MAX],
    digest: [u8; 32],
    step: u32,
}

/// What a call returned, from the tools to the desk.
#[derive(Clone, Copy, Debug, Message)]
#[message(kind = 4)]
pub(crate) struct Response {
    number: u64,
    run: [u8; RUN_NAME_BYTES_MAX],
    digest: [u8; 32],
    step: u32,
}

/// The kinds of the trace, by which the replay's ledger is told from the overseers' own messages.
pub(crate) const KINDS: [(Kind, &str); 4] = [
    (Event::KIND, "event"),
    (Query::KIND, "query"),
    (Command::KIND, "command"),
    (Response::KIND, "response"),
];

macro_rules! from_line {
    ($message:ident $(, $block:ident)?) => {
        impl $message {
            /// The message of `line`.
            pub(crate) fn of(line: &Line $(, $block: u64)?) -> Self {
                let LineMark { run, digest, number, step } = LineMark::of(line);
                Self { $($block,)? number, run, digest, step }
            }
        }
    };
}

from_line!(Event);
from_line!(Query, block);
from_line!(Command, block);
from_line!(Response);

/// Reads the run and step back from the payload of any of the four, as it lies in a quarantined frame.
pub(crate) fn run_and_step(payload: &[u8], has_block: bool) -> Option<(RunName, u32)> {
    let at = if has_block { 16 } else { 8 };
    let run = payload.get(at..at + RUN_NAME_BYTES_MAX)?;
    let end = run.iter().position(|byte| *byte == 0).unwrap_or(run.len());
    let name = RunName::parse(std::str::from_utf8(&run[..end]).ok()?)?;
    let at = at + RUN_NAME_BYTES_MAX + 32;
    let step = u32::from_ne_bytes(*payload.get(at..)?.first_chunk()?);
    Some((name, step))
}

/// The person at the other end.
pub(crate) struct Customer;

/// The agent that talks and calls.
pub(crate) struct Desk;

/// The airline's systems. Nothing reaches them that the charter, and for commands policy, has not permitted.
pub(crate) struct Tools;

impl<F: Frame> Agent<F> for Customer {}
impl<F: Frame> Agent<F> for Desk {}
impl<F: Frame> Agent<F> for Tools {}
agent!(Customer { Event });
agent!(Desk { Event, Response });
agent!(Tools { Query, Command });

/// A recorded message has had its effect; a replay only has to see that it arrived, and the bus counts that.
macro_rules! takes {
    ($($agent:ident: $message:ident),+) => {
        $(impl<F: Frame> Handler<$message, F> for $agent {
            fn on(&mut self, _message: &$message, _cx: &mut Cx<'_, F>) {}
        })+
    };
}

takes!(Customer: Event, Desk: Event, Desk: Response);

impl<F: Frame> Handler<Query, F> for Tools {
    fn on(&mut self, query: &Query, cx: &mut Cx<'_, F>) {
        assert!(cx.loan().is_some(), "the arguments of line {} did not arrive with it", query.number);
    }
}

impl<F: Frame> Handler<Command, F> for Tools {
    fn on(&mut self, command: &Command, cx: &mut Cx<'_, F>) {
        assert!(cx.loan().is_some(), "the arguments of line {} did not arrive with it", command.number);
    }
}
