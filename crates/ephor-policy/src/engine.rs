//! The engine: one loaded policy that turns an input into a decision.
//!
//! Only a defined set (or array) of strings decides: the names of the rules that are broken, and none
//! permits. All else denies with a reason of the engine's own. An engine never changes once loaded; a new
//! policy is a new engine, with another [`Revision`].
//!
//! Evaluating allocates and takes tens of microseconds: it belongs on a thread of its own with a stack of
//! 8 MB, never on the message path.

use std::num::NonZeroU32;

use crate::cache::DecisionKey;
use crate::canonical;
use crate::decision::{Decision, Failure, FailureKind};
use crate::error::LoadError;
use crate::reasons::{REASON_LIMIT, ReasonSet, ReasonTable};
use crate::rego::{Answer, Program};
use crate::revision::{Revision, Revisor};
use crate::source::PolicySource;

/// The path of the rule that yields the broken rules, such as `data.desk.violations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPoint(String);

impl EntryPoint {
    /// Takes `data`, a package of one or more names, and a rule, joined by dots.
    ///
    /// # Errors
    /// [`LoadError::EntryPoint`] when the path has another form.
    pub fn new(path: &str) -> Result<Self, LoadError> {
        let is_name = |part: &str| {
            !part.is_empty()
                && !part.starts_with(|first: char| first.is_ascii_digit())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let parts: Vec<&str> = path.split('.').collect();
        if parts.len() < 3 || parts[0] != "data" || !parts.iter().all(|part| is_name(part)) {
            return Err(malformed(path, "write it as data.<package>.<rule>"));
        }
        Ok(Self(path.to_owned()))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What one evaluation may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest an evaluation may take, in nanoseconds of real time.
    pub evaluation_ns: u64,
    /// How many steps of the interpreter pass between two looks at the clock.
    ///
    /// One by default, although sixty-four would be a few percent cheaper: after a time-out the interpreter
    /// goes on with the next definition of each function it was in until it looks again, and with functions
    /// of two definitions calling each other that doubles with every call in between.
    pub timer_units: NonZeroU32,
    /// The longest input, in bytes.
    pub input_bytes: usize,
}

impl Limits {
    /// Two seconds for an evaluation, all else as by default: for a machine whose host may stop it for a moment, which is no
    /// reason to deny.
    pub fn patient() -> Self {
        Self { evaluation_ns: 2_000_000_000, ..Self::default() }
    }
}

impl Default for Limits {
    /// 50 ms, looked at on every step, and 256 KiB.
    fn default() -> Self {
        Self { evaluation_ns: 50_000_000, timer_units: NonZeroU32::MIN, input_bytes: 256 << 10 }
    }
}

/// A loaded policy.
pub struct Engine {
    program: Program,
    entry: EntryPoint,
    limits: Limits,
    revision: Revision,
    data_revision: Revision,
    /// A hash that was fed everything that makes a key, except the input.
    scope: Revisor,
    reasons: ReasonTable,
    failure: Option<Failure>,
}

impl Engine {
    /// Compiles a policy with its static data. Each document of `data` is an object; they are merged, and
    /// their names appear in errors only.
    ///
    /// # Errors
    /// [`LoadError`] when the policy does not compile, is refused by the gate, has no rule at `entry`, or
    /// when the documents contradict each other or a rule. Nothing has been evaluated then.
    pub fn load(
        source: &PolicySource,
        data: Vec<(String, serde_json::Value)>,
        entry: &EntryPoint,
        limits: Limits,
    ) -> Result<Self, LoadError> {
        let mut program = Program::load(source.policies().iter(), &data, &limits)?;
        program
            .prepare(entry.as_str())
            .ok_or_else(|| malformed(entry.as_str(), "no rule has this path"))??;
        let (revision, data_revision) = (source.revision(), revision_of(&data));
        let scope = scope_of(revision, data_revision, entry);
        let reasons = ReasonTable::new();
        Ok(Self {
            program,
            entry: entry.clone(),
            limits,
            revision,
            data_revision,
            scope,
            reasons,
            failure: None,
        })
    }

    /// Decides about an input, which is JSON text. Never fails: what cannot be decided is denied.
    pub fn decide(&mut self, input_json: &[u8]) -> Decision {
        match self.broken_rules(input_json) {
            Ok(reasons) => Decision::of(reasons),
            Err(failure) => {
                let reasons = ReasonSet::of_failure(failure.kind);
                self.failure = Some(failure);
                Decision::of(reasons)
            }
        }
    }

    /// The names of the reasons of a decision of this engine, in alphabetical order.
    pub fn reason_names(&self, reasons: ReasonSet) -> impl Iterator<Item = &str> {
        self.reasons.spell(reasons)
    }

    /// The names known so far; the place of a name is the number of its bit.
    pub fn reason_table(&self) -> impl ExactSizeIterator<Item = &str> {
        self.reasons.names()
    }

    /// The latest failure of the engine's own, with what the interpreter said.
    pub fn last_failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// The identity of the policy texts.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The identity of the static data.
    pub fn data_revision(&self) -> Revision {
        self.data_revision
    }

    /// The rule that decides.
    pub fn entry_point(&self) -> &EntryPoint {
        &self.entry
    }

    /// The key of an input under this policy, data and entry point. Does not allocate.
    pub fn key(&self, canonical_input: &[u8]) -> DecisionKey {
        let mut revisor = self.scope.clone();
        revisor.field(canonical_input);
        DecisionKey::new(revisor.digest(), canonical_input.len() as u64)
    }

    fn broken_rules(&mut self, input_json: &[u8]) -> Result<ReasonSet, Failure> {
        let error = |detail: String| Failure::new(FailureKind::Error, detail);
        if input_json.len() > self.limits.input_bytes {
            let (bytes, limit) = (input_json.len(), self.limits.input_bytes);
            return Err(error(format!("input of {bytes} bytes exceeds {limit}")));
        }
        match self.program.evaluate(self.entry.as_str(), Some(input_json))? {
            Answer::Names(names) => {
                let set = self.reasons.set(names.iter().map(|name| &**name));
                set.ok_or_else(|| error(format!("more than {REASON_LIMIT} names of rules")))
            }
            Answer::True => Err(error("the rule yields true, not a set of names".to_owned())),
            Answer::Other(text) => Err(error(format!("the rule yields {text}, not a set of names"))),
        }
    }
}

fn malformed(path: &str, message: &str) -> LoadError {
    LoadError::EntryPoint { path: path.to_owned(), message: message.to_owned() }
}

/// The order of the documents does not count, since merging them does not depend on it.
fn revision_of(data: &[(String, serde_json::Value)]) -> Revision {
    let mut texts: Vec<Vec<u8>> = data.iter().map(|(_, document)| canonical::to_bytes(document)).collect();
    texts.sort_unstable();
    let mut revisor = Revisor::new("data");
    texts.iter().for_each(|text| revisor.field(text));
    revisor.revision()
}

fn scope_of(revision: Revision, data_revision: Revision, entry: &EntryPoint) -> Revisor {
    let mut scope = Revisor::new("decision");
    scope.field(&revision.0.to_le_bytes());
    scope.field(&data_revision.0.to_le_bytes());
    scope.field(entry.as_str().as_bytes());
    scope
}
