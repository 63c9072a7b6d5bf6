//! A check of the coordination suite: a sentence about a bus that can fail.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// How long a check may take that does not say how long.
const LIMIT: Duration = Duration::from_secs(30);

/// Why a check did not hold, or was not made.
#[derive(Debug)]
pub enum Failing {
    /// What was found instead.
    Broken(String),
    /// Why it cannot be made here.
    Skipped(String),
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(why) | Self::Skipped(why) => f.write_str(why),
        }
    }
}

impl<E: Error> From<E> for Failing {
    fn from(error: E) -> Self {
        Self::Broken(error.to_string())
    }
}

/// What a check comes to.
pub type Checked = Result<(), Failing>;

/// Holds when `is_so`; else it is broken, and says `why`.
///
/// # Errors
/// [`Failing::Broken`].
pub fn ensure(is_so: bool, why: impl FnOnce() -> String) -> Checked {
    if is_so { Ok(()) } else { Err(Failing::Broken(why())) }
}

/// Holds when the two are equal; else it says what each was.
///
/// # Errors
/// [`Failing::Broken`].
pub fn ensure_eq<T: PartialEq + fmt::Debug>(found: T, expected: T, what: &str) -> Checked {
    ensure(found == expected, || format!("{what}: found {found:?}, expected {expected:?}"))
}

/// A check of the suite, made on a thread of its own. A panic counts as broken, and so does one that does not end within 30 s or
/// its own limit: its thread is then left behind.
pub struct Check {
    pub(crate) group: String,
    pub(crate) sentence: String,
    pub(crate) case: Option<String>,
    pub(crate) limit: Duration,
    pub(crate) run: Box<dyn FnMut() -> Checked + Send>,
}

impl Check {
    /// A check in `group` that says `sentence`.
    pub fn new(group: &str, sentence: &str, run: impl FnMut() -> Checked + Send + 'static) -> Self {
        let (group, sentence) = (group.to_owned(), sentence.to_owned());
        Self { group, sentence, case: None, limit: LIMIT, run: Box::new(run) }
    }

    /// Names the acceptance case that it stands for.
    #[must_use]
    pub fn case(mut self, case: &str) -> Self {
        self.case = Some(case.to_owned());
        self
    }

    /// Lets it take so long, in place of 30 s.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({}: {})", self.group, self.sentence)
    }
}
