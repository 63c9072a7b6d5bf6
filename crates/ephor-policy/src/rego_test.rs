//! Runs the `test_*` rules of a policy and its `*_test.rego` files.
//!
//! A test passes when its rule is `true`, and fails otherwise, with a reason: another value, no value (in
//! Rego a comparison with something undefined is undefined, not false), an error, a panic, or more than
//! [`TEST_EVALUATION_NS`]. Each starts from the freshly loaded policy. Tests pass the same gate as the policy.

use std::collections::{BTreeMap, BTreeSet};

use crate::decision::FailureKind;
use crate::engine::Limits;
use crate::error::LoadError;
use crate::rego::{Answer, Program};
use crate::source::PolicySource;

/// The longest a test may take: long enough for a busy machine, short enough to end a runaway.
pub const TEST_EVALUATION_NS: u64 = 5_000_000_000;

/// What one test rule came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// The path of the rule.
    pub name: String,
    /// The file of its first definition.
    pub file: String,
    /// The line of its first definition.
    pub line: u32,
    /// Whether the rule was `true`.
    pub passed: bool,
    /// Why it did not pass; empty when it did.
    pub message: String,
}

/// Which lines of one policy file the tests evaluated. Lines without an expression are in neither list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCoverage {
    /// The name of the file.
    pub file: String,
    /// Lines evaluated by at least one test that gave an answer.
    pub covered: Vec<u32>,
    /// Lines evaluated by none.
    pub missed: Vec<u32>,
}

/// What all tests came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestReport {
    /// The tests in the order of their files. Empty when there are none: whether that is well is for the
    /// caller to say.
    pub results: Vec<TestResult>,
    /// The policy files, tests apart, that were evaluated at all.
    pub coverage: Vec<FileCoverage>,
}

/// Loads policy, tests and data, and runs every rule whose name starts with `test_`.
///
/// # Errors
/// [`LoadError`] when policy or tests do not load. A test that fails is a result, not an error.
pub fn run_tests(
    source: &PolicySource,
    data: &[(String, serde_json::Value)],
) -> Result<TestReport, LoadError> {
    let limits = Limits { evaluation_ns: TEST_EVALUATION_NS, ..Limits::default() };
    let texts = source.policies().iter().chain(source.tests());
    let mut program = Program::load(texts, data, &limits)?;
    let tests = find_tests(&program);
    let Some(first) = tests.first() else { return Ok(TestReport::default()) };
    program.prepare(&first.name).expect("a test is a rule")?;
    program.cover();
    let mut coverage = BTreeMap::new();
    let results = tests.into_iter().map(|test| run(&mut program, test, &mut coverage)).collect();
    source.tests().iter().for_each(|test| drop(coverage.remove(&test.name)));
    Ok(TestReport { results, coverage: coverage.into_iter().map(FileCoverage::of).collect() })
}

/// The test rules, each once, as results that have not passed yet.
fn find_tests(program: &Program) -> Vec<TestResult> {
    let mut seen = BTreeSet::new();
    let is_test = |path: &str| path.rsplit('.').next().is_some_and(|rule| rule.starts_with("test_"));
    let rules = program.rules().iter().filter(|rule| !rule.is_function && is_test(&rule.path));
    let first = rules.filter(|rule| seen.insert(&rule.path));
    first
        .map(|rule| TestResult {
            name: rule.path.clone(),
            file: rule.place.file.clone(),
            line: rule.place.line,
            passed: false,
            message: String::new(),
        })
        .collect()
}

fn run(program: &mut Program, mut test: TestResult, coverage: &mut BTreeMap<String, Lines>) -> TestResult {
    program.reset();
    match program.evaluate(&test.name, None) {
        Ok(Answer::True) => test.passed = true,
        Ok(Answer::Names(_)) => test.message = "the rule is a collection, not true".to_owned(),
        Ok(Answer::Other(text)) => test.message = format!("the rule is {text}, not true"),
        Err(failure) if failure.kind == FailureKind::Undefined => {
            test.message = "undefined: a condition did not hold, or compared something undefined".to_owned();
        }
        Err(failure) => test.message = failure.to_string(),
    }
    for (file, covered, missed) in program.coverage() {
        let lines: &mut Lines = coverage.entry(file).or_default();
        lines.covered.extend(covered);
        lines.all.extend(missed);
    }
    test
}

/// Lines of a file, gathered over the tests.
#[derive(Default)]
struct Lines {
    covered: BTreeSet<u32>,
    all: BTreeSet<u32>,
}

impl FileCoverage {
    fn of((file, lines): (String, Lines)) -> Self {
        let missed = lines.all.difference(&lines.covered).copied().collect();
        Self { file, covered: lines.covered.into_iter().collect(), missed }
    }
}
