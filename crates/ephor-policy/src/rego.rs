//! The one module that knows the interpreter: loading behind the gate, evaluating behind fences.
//!
//! Loading looks at tokens ([`shape`]), parses, reads the trees ([`calls`]), judges them ([`gate`]) and only
//! then prepares the interpreter. Evaluating runs under a timer and `catch_unwind`; after any failure the
//! interpreter is replaced by a copy of the freshly loaded one, so nothing half-done is left for the next
//! input. Data is parsed once and shared by the copies.
//!
//! The syntax trees come from a part of the interpreter that makes no promise between releases; its version
//! is pinned exactly for that reason too.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use regorus::unstable::Span;
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine as Interpreter, Source, Value};

use crate::canonical;
use crate::decision::{Failure, FailureKind};
use crate::engine::Limits;
use crate::error::{LoadError, Place};
use crate::source::Text;

use self::calls::Definition;

mod calls;
mod gate;
mod shape;

/// What an evaluation yields.
pub(crate) enum Answer {
    /// A set or array of strings.
    Names(Vec<Arc<str>>),
    /// The truth value `true`.
    True,
    /// Anything else that is defined, as text.
    Other(String),
}

/// A rule of the policy, by path and place.
pub(crate) struct RuleFact {
    pub(crate) path: String,
    pub(crate) place: Place,
    pub(crate) is_function: bool,
}

/// A loaded policy with its data.
pub(crate) struct Program {
    pristine: Interpreter,
    interpreter: Interpreter,
    rules: Vec<RuleFact>,
}

impl Program {
    /// Parses `texts`, takes them through the gate, and merges `data`.
    pub(crate) fn load<'a>(
        texts: impl Iterator<Item = &'a Text>,
        data: &[(String, serde_json::Value)],
        limits: &Limits,
    ) -> Result<Self, LoadError> {
        let mut interpreter = configured(limits);
        for text in texts {
            add_text(&mut interpreter, text)?;
        }
        let modules = interpreter.get_modules();
        let definitions: Vec<Definition> = modules.iter().flat_map(|module| calls::read(module)).collect();
        gate::check(&definitions)?;
        for (name, document) in data {
            add_data(&mut interpreter, name, document, &definitions)?;
        }
        let rules = definitions.into_iter().map(RuleFact::of).collect();
        Ok(Self { pristine: interpreter.clone(), interpreter, rules })
    }

    /// Makes ready to evaluate: the interpreter analyses the modules, which can still find errors.
    ///
    /// `None` when no rule, functions apart, has this path.
    pub(crate) fn prepare(&mut self, path: &str) -> Option<Result<(), LoadError>> {
        let rule = self.rules.iter().find(|rule| rule.path == path && !rule.is_function)?;
        let prepared = guarded(|| {
            self.pristine.compile_with_entrypoint(&path.into()).map(drop).map_err(|error| error.to_string())
        });
        self.interpreter = self.pristine.clone();
        Some(prepared.map_err(|text| compile_error(&rule.place.file, &text)))
    }

    /// The rules, in the order of the texts; several definitions of one rule are several facts.
    pub(crate) fn rules(&self) -> &[RuleFact] {
        &self.rules
    }

    /// Evaluates the rule at `path` for an input, which is JSON text.
    pub(crate) fn evaluate(&mut self, path: &str, input: Option<&[u8]>) -> Result<Answer, Failure> {
        let caught = guarded(|| Ok(evaluate(&mut self.interpreter, path, input)));
        let answer = caught.unwrap_or_else(|panic| Err(Failure::new(FailureKind::Panic, panic)));
        if answer.is_err() {
            self.interpreter = self.pristine.clone();
        }
        answer
    }

    /// Counts, from now on and also after failures, which lines are evaluated.
    pub(crate) fn cover(&mut self) {
        self.pristine.set_enable_coverage(true);
        self.interpreter = self.pristine.clone();
    }

    /// Forgets everything but the policy and its data.
    pub(crate) fn reset(&mut self) {
        self.interpreter = self.pristine.clone();
    }

    /// Which lines of which file were evaluated since the last reset, and which were not.
    pub(crate) fn coverage(&self) -> Vec<(String, Vec<u32>, Vec<u32>)> {
        let files = self.interpreter.get_coverage_report().map(|report| report.files).unwrap_or_default();
        let lines = |set: std::collections::BTreeSet<u32>| set.into_iter().collect();
        files.into_iter().map(|file| (file.path, lines(file.covered), lines(file.not_covered))).collect()
    }
}

impl RuleFact {
    fn of(definition: Definition) -> Self {
        let Definition { path, place, is_function, .. } = definition;
        Self { path: dotted(&path), place, is_function }
    }
}

/// A path as Rego writes it: names with dots, other strings in brackets.
fn dotted(path: &[String]) -> String {
    let is_name = |part: &str| {
        let starts = part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        starts && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let (root, rest) = path.split_first().expect("a path starts with data");
    rest.iter().fold(root.clone(), |path, part| match is_name(part) {
        true => format!("{path}.{part}"),
        false => format!("{path}[{part:?}]"),
    })
}

fn configured(limits: &Limits) -> Interpreter {
    let mut interpreter = Interpreter::new();
    interpreter.set_strict_builtin_errors(true);
    // Kept and thrown away: a library prints nothing.
    interpreter.set_gather_prints(true);
    interpreter.set_execution_timer_config(ExecutionTimerConfig {
        limit: Duration::from_nanos(limits.evaluation_ns),
        check_interval: limits.timer_units,
    });
    interpreter
}

fn add_text(interpreter: &mut Interpreter, text: &Text) -> Result<(), LoadError> {
    let source = Source::from_contents(text.name.clone(), text.rego.clone())
        .map_err(|error| compile_error(&text.name, &error.to_string()))?;
    shape::check(&source)?;
    let added = guarded(|| {
        let added = interpreter.add_policy(text.name.clone(), text.rego.clone());
        added.map(drop).map_err(|error| error.to_string())
    });
    added.map_err(|error| compile_error(&text.name, &error))
}

fn add_data(
    interpreter: &mut Interpreter,
    name: &str,
    document: &serde_json::Value,
    definitions: &[Definition],
) -> Result<(), LoadError> {
    let error = |message: String| LoadError::Data { name: name.to_owned(), message };
    if !document.is_object() {
        return Err(error("it is not an object".to_owned()));
    }
    let taken = definitions.iter().find(|rule| holds(document, &rule.path[1..]));
    if let Some(rule) = taken {
        return Err(error(format!("it defines {}, which is a rule at {}", dotted(&rule.path), rule.place)));
    }
    let text = String::from_utf8(canonical::to_bytes(document)).expect("canonical JSON is text");
    let value = Value::from_json_str(&text).map_err(|cause| error(cause.to_string()))?;
    interpreter.add_data(value).map_err(|cause| error(cause.to_string()))
}

/// Whether the document has a value at `path`, or one in its way.
fn holds(document: &serde_json::Value, path: &[String]) -> bool {
    let Some((head, rest)) = path.split_first() else { return true };
    match document {
        serde_json::Value::Object(fields) => fields.get(head).is_some_and(|field| holds(field, rest)),
        _ => true,
    }
}

fn evaluate(interpreter: &mut Interpreter, path: &str, input: Option<&[u8]>) -> Result<Answer, Failure> {
    let error = |detail: String| Failure::new(FailureKind::Error, detail);
    if let Some(input) = input {
        let text = std::str::from_utf8(input).map_err(|cause| error(format!("input: {cause}")))?;
        interpreter.set_input_json(text).map_err(|cause| error(format!("input: {cause}")))?;
    }
    let value = interpreter.eval_rule(path.to_owned()).map_err(|cause| failure(&cause.to_string()));
    let _prints = interpreter.take_prints();
    answer(value?)
}

fn answer(value: Value) -> Result<Answer, Failure> {
    let names = match &value {
        Value::Undefined => return Err(Failure::new(FailureKind::Undefined, "the rule has no value")),
        Value::Bool(true) => return Ok(Answer::True),
        Value::Set(set) => set.iter().map(|name| name.as_string().ok().cloned()).collect(),
        Value::Array(list) => list.iter().map(|name| name.as_string().ok().cloned()).collect(),
        _ => None,
    };
    let other = || Answer::Other(value.to_string().chars().take(80).collect());
    Ok(names.map_or_else(other, Answer::Names))
}

/// The interpreter wraps the errors of functions as text, so the text is what tells a time-out.
fn failure(text: &str) -> Failure {
    let kind = if text.contains("execution exceeded time limit") {
        FailureKind::Timeout
    } else {
        FailureKind::Error
    };
    let detail = match located(text) {
        Some((place, message)) => format!("{place}: {message}"),
        None => text.trim().to_owned(),
    };
    Failure::new(kind, detail)
}

/// Runs `work`, and turns a panic into its text. What `work` borrows is thrown away afterwards if it failed.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(panic_text(&*payload)))
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "not a text".to_owned())
}

/// The place of a span.
fn place(span: &Span) -> Place {
    Place { file: span.source.get_path().clone(), line: span.line, column: span.col }
}

fn refused(span: &Span, what: &str, instead: &str) -> LoadError {
    LoadError::Refused { place: place(span), message: format!("{what}: {instead}") }
}

/// The interpreter's text as an error with a place; the first line of `file` when it names none.
fn compile_error(file: &str, text: &str) -> LoadError {
    let unknown = || (Place { file: file.to_owned(), line: 1, column: 1 }, text.trim().to_owned());
    let (place, message) = located(text).unwrap_or_else(unknown);
    LoadError::Compile { place, message }
}

/// Finds the place and the message in a text of the form `--> file:line:column … error: message`.
fn located(text: &str) -> Option<(Place, String)> {
    let after = text.split_once("--> ")?.1;
    let mut parts = after.lines().next()?.rsplitn(3, ':');
    let column = parts.next()?.trim().parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    let place = Place { file: parts.next()?.to_owned(), line, column };
    let (_, message) = after.split_once("\nerror: ")?;
    Some((place, message.trim().to_owned()))
}
