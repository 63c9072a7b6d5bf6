//! What a policy answers.

use std::fmt;

use crate::reasons::ReasonSet;

/// Whether an action may happen. There is no third answer: doubt is a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No rule is broken.
    Permit,
    /// A rule is broken, or the policy could not say.
    Deny,
}

/// One answer: small, `Copy`, and with its reasons as a set that [`crate::Engine::reason_names`] spells out.
#[must_use = "a decision that nobody reads was not enforced"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Permit or deny.
    pub outcome: Outcome,
    /// The broken rules, or the engine's own reason. Empty exactly when the outcome is permit.
    pub reasons: ReasonSet,
    /// Whether the answer was remembered rather than evaluated.
    pub cached: bool,
}

impl Decision {
    /// The decision that follows from the broken rules: none permits.
    pub(crate) fn of(reasons: ReasonSet) -> Self {
        let outcome = if reasons.is_empty() { Outcome::Permit } else { Outcome::Deny };
        Self { outcome, reasons, cached: false }
    }

    /// Whether the engine, and not a rule, is the reason. Such an answer is never cached.
    pub fn is_failure(&self) -> bool {
        self.reasons.has_failure()
    }
}

/// How an evaluation can fail to answer. Each kind is a reason of its own, and each denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// The policy or its input is in error, or the answer is not a set of names.
    Error,
    /// The entry point has no value.
    Undefined,
    /// The time was up.
    Timeout,
    /// The interpreter panicked.
    Panic,
}

impl FailureKind {
    /// Every kind, in the order of their reasons.
    pub const ALL: [Self; 4] = [Self::Error, Self::Undefined, Self::Timeout, Self::Panic];

    /// The reason that goes into the decision.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Error => "policy-error",
            Self::Undefined => "policy-undefined",
            Self::Timeout => "policy-timeout",
            Self::Panic => "policy-panic",
        }
    }
}

/// One failure with what was known about it; for people, not for code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which kind.
    pub kind: FailureKind,
    /// What the interpreter said, with file, line and column where it knew them.
    pub detail: String,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.kind.reason(), self.detail)
    }
}
