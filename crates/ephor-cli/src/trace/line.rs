//! One line of a trace: its fields, checked.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::facts::check_reservation;
use crate::show::{Shown, json_reason};
use crate::words::Word;

use super::{Actor, Fault, LineKind, RunName, Tool};

/// The largest arguments of a call, in bytes of compact JSON: what a block of the pool holds.
pub(crate) const ARGS_BYTES_MAX: usize = 4096;

/// The largest reservation of a response, in bytes of compact JSON: what a block of the pool holds.
pub(crate) const RESERVATION_BYTES_MAX: usize = 4096;

/// One message of a trace. Which optional fields a kind has:
///
/// ```text
///              tool   args   ok     reservation          violations
/// event        -      -      -      -                    -
/// query        yes    yes    -      -                    -
/// command      yes    yes    -      -                    if the trace has labels
/// response     yes    -      yes    if ok and it wrote   -
/// ```
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// Where it stands in the file, from 1.
    pub(crate) number: u64,
    /// The run it is part of.
    pub(crate) run: RunName,
    /// Its place in the run.
    pub(crate) step: u32,
    /// Whether it is the first line of its run, so that the run's overlay starts out empty.
    pub(crate) opens: bool,
    /// The run that was forgotten to make room for this line's.
    pub(crate) forgets: Option<RunName>,
    /// The sender.
    pub(crate) from: Actor,
    /// The receiver.
    pub(crate) to: Actor,
    /// What it is.
    pub(crate) kind: LineKind,
    /// The tool that is called or that responds.
    pub(crate) tool: Option<Tool>,
    /// The arguments of a call: an object of at most [`ARGS_BYTES_MAX`] bytes.
    pub(crate) args: Option<Value>,
    /// Whether the call that is responded to succeeded.
    pub(crate) ok: Option<bool>,
    /// The reservation as it is after a successful write: at most [`RESERVATION_BYTES_MAX`] bytes.
    pub(crate) reservation: Option<Value>,
    /// The size of the original content.
    pub(crate) bytes: u64,
    /// The rules that the command is known to break, when the trace is labelled.
    pub(crate) violations: Option<Vec<String>>,
    /// SHA-256 of the line's bytes, without its end.
    pub(crate) digest: [u8; 32],
}

/// Checks the fields of one line. Its number, and whether it opens its run, are the reader's to fill in.
pub(super) fn parse(text: &str) -> Result<Line, Fault> {
    let mut fields = Fields::parse(text)?;
    let mut line = Line {
        number: 0,
        run: fields.run_name()?,
        step: fields.step()?,
        opens: false,
        forgets: None,
        from: fields.word("from")?,
        to: fields.word("to")?,
        kind: fields.word("kind")?,
        tool: None,
        args: None,
        ok: None,
        reservation: None,
        bytes: fields.bytes()?,
        violations: None,
        digest: Sha256::digest(text.as_bytes()).into(),
    };
    check_route(&line)?;
    fields.kind = Some(line.kind);
    match line.kind {
        LineKind::Event => {}
        LineKind::Query | LineKind::Command => {
            line.tool = Some(fields.called_tool(line.kind)?);
            line.args = Some(fields.args()?);
            line.violations = if line.kind == LineKind::Command { fields.violations()? } else { None };
        }
        LineKind::Response => {
            let ok = fields.ok()?;
            line.tool = Some(fields.word("tool")?);
            line.ok = Some(ok);
            line.reservation = fields.reservation()?.filter(|_| ok);
        }
    }
    Ok(line)
}

fn check_route(line: &Line) -> Result<(), Fault> {
    let (from, to, kind) = (line.from, line.to, line.kind);
    if kind.routes().contains(&(from, to)) {
        return Ok(());
    }
    let routes: Vec<_> = kind.routes().iter().map(|(from, to)| format!("{from} to {to}")).collect();
    Err(Fault::Route { from, to, kind, allowed: routes.join(" or ") })
}

/// The fields of a line that nobody has taken yet, and its kind once that is known.
struct Fields {
    map: Map<String, Value>,
    kind: Option<LineKind>,
}

impl Fields {
    fn parse(text: &str) -> Result<Self, Fault> {
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(Self { map, kind: None }),
            Ok(value) => Err(Fault::NotAnObject { value: Shown::json(&value) }),
            Err(error) => Err(Fault::NotJson { reason: json_reason(&error), column: error.column() }),
        }
    }

    fn run_name(&mut self) -> Result<RunName, Fault> {
        let name = self.text("run", "text")?;
        RunName::parse(&name).ok_or_else(|| Fault::RunName { name: Shown::text(&name), bytes: name.len() })
    }

    fn step(&mut self) -> Result<u32, Fault> {
        let expected = format!("a whole number from 0 to {}", u32::MAX);
        let value = self.require("step", &expected)?;
        let step = value.as_u64().and_then(|step| u32::try_from(step).ok());
        step.ok_or_else(|| wrong("step", &value, expected))
    }

    fn bytes(&mut self) -> Result<u64, Fault> {
        const WHOLE_NUMBER: &str = "a whole number from 0 on";
        let value = self.require("bytes", WHOLE_NUMBER)?;
        value.as_u64().ok_or_else(|| wrong("bytes", &value, WHOLE_NUMBER))
    }

    fn ok(&mut self) -> Result<bool, Fault> {
        const TRUTH: &str = "true or false";
        let value = self.require("ok", TRUTH)?;
        value.as_bool().ok_or_else(|| wrong("ok", &value, TRUTH))
    }

    fn called_tool(&mut self, kind: LineKind) -> Result<Tool, Fault> {
        let tool: Tool = self.word("tool")?;
        if tool.call_kind() == kind { Ok(tool) } else { Err(Fault::CallKind { tool, kind }) }
    }

    fn args(&mut self) -> Result<Value, Fault> {
        const OBJECT: &str = "an object";
        let args = self.require("args", OBJECT)?;
        if !args.is_object() {
            return Err(wrong("args", &args, OBJECT));
        }
        let bytes = compact_bytes(&args);
        if bytes > ARGS_BYTES_MAX { Err(Fault::ArgsTooLarge { bytes }) } else { Ok(args) }
    }

    fn reservation(&mut self) -> Result<Option<Value>, Fault> {
        let Some(reservation) = self.take("reservation") else {
            return Ok(None);
        };
        check_reservation(&reservation)?;
        let bytes = compact_bytes(&reservation);
        if bytes > RESERVATION_BYTES_MAX {
            return Err(Fault::ReservationTooLarge { bytes });
        }
        Ok(Some(reservation))
    }

    fn violations(&mut self) -> Result<Option<Vec<String>>, Fault> {
        let Some(value) = self.take("violations") else {
            return Ok(None);
        };
        let names = value.as_array().and_then(|items| items.iter().map(rule_name).collect());
        names.map(Some).ok_or_else(|| wrong("violations", &value, "a list of names of rules"))
    }

    fn word<W: Word>(&mut self, field: &'static str) -> Result<W, Fault> {
        let expected = format!("one of {}", W::choices());
        let name = self.text(field, &expected)?;
        W::parse(&name).ok_or_else(|| Fault::Value { field, value: Shown::text(&name), expected })
    }

    fn text(&mut self, field: &'static str, expected: &str) -> Result<String, Fault> {
        match self.require(field, expected)? {
            Value::String(text) => Ok(text),
            value => Err(wrong(field, &value, expected)),
        }
    }

    fn require(&mut self, field: &'static str, expected: &str) -> Result<Value, Fault> {
        let kind = self.kind;
        self.take(field).ok_or_else(|| Fault::Missing { field, kind, expected: expected.to_owned() })
    }

    /// The field's value; `null` counts as absent.
    fn take(&mut self, field: &str) -> Option<Value> {
        self.map.remove(field).filter(|value| !value.is_null())
    }
}

fn rule_name(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn wrong(field: &'static str, value: &Value, expected: impl Into<String>) -> Fault {
    Fault::Value { field, value: Shown::json(value), expected: expected.into() }
}

fn compact_bytes(value: &Value) -> usize {
    value.to_string().len()
}
