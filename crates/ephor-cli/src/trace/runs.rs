//! The runs that are open, each with its last step, in bounded memory.

use super::{Fault, RunName};

/// The most runs that are remembered; beyond it the one that was silent longest is forgotten.
pub(crate) const OPEN_RUNS_MAX: usize = 256;

/// Checks that the steps of each run grow.
///
/// Step 0 starts a run, anew if it was open. A run that is not known may begin later (a trace that was cut);
/// a run that was forgotten and goes on is treated as such a one.
#[derive(Debug, Default)]
pub(crate) struct OpenRuns {
    /// Runs with their last step, the one that spoke last at the end, where the next line looks first.
    runs: Vec<(RunName, u32)>,
    /// Whether a run was ever forgotten. From then on a run that is not known must begin with step 0.
    has_forgotten: bool,
}

/// What a line is to its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Whether it is the first of the run.
    pub(crate) opens: bool,
    /// The run that was forgotten to make room for this one.
    pub(crate) forgets: Option<RunName>,
}

impl OpenRuns {
    /// Takes note of a line of `run`, and tells whether it is the first of the run.
    pub(crate) fn admit(&mut self, run: RunName, step: u32) -> Result<Admission, Fault> {
        let known = self.runs.iter().rposition(|&(name, _)| name == run);
        if let Some(index) = known {
            let (_, last) = self.runs[index];
            if step != 0 && step <= last {
                return Err(Fault::StepBack { run, step, last });
            }
            self.runs.remove(index);
        } else if step != 0 && self.has_forgotten {
            return Err(Fault::Forgotten { run, step });
        }
        let is_full = known.is_none() && self.runs.len() == OPEN_RUNS_MAX;
        let forgets = is_full.then(|| self.runs.remove(0).0);
        self.has_forgotten |= is_full;
        self.runs.push((run, step));
        Ok(Admission { opens: step == 0 || known.is_none(), forgets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str) -> RunName {
        RunName::parse(name).unwrap()
    }

    #[test]
    fn steps_grow_and_zero_starts_anew() {
        let mut runs = OpenRuns::default();
        let mut admit = |step| runs.admit(run("a"), step).ok().map(|admission| admission.opens);
        assert_eq!(admit(0), Some(true));
        assert_eq!(admit(1), Some(false));
        assert_eq!(admit(5), Some(false));
        assert_eq!(admit(5), None);
        assert_eq!(admit(4), None);
        assert_eq!(admit(6), Some(false));
        assert_eq!(admit(0), Some(true));
        assert_eq!(admit(1), Some(false));
    }

    #[test]
    fn runs_do_not_see_each_other() {
        let mut runs = OpenRuns::default();
        let mut opens = |name, step| runs.admit(run(name), step).unwrap().opens;
        assert_eq!([opens("a", 7), opens("b", 3), opens("a", 8), opens("b", 4)], [true, true, false, false]);
    }

    #[test]
    fn beyond_the_limit_the_run_that_was_silent_longest_is_forgotten() {
        let mut runs = OpenRuns::default();
        for index in 0..OPEN_RUNS_MAX {
            runs.admit(run(&index.to_string()), 5).unwrap();
        }
        runs.admit(run("0"), 6).unwrap();
        let one_more = runs.admit(run("one more"), 0).unwrap();
        assert_eq!(one_more, Admission { opens: true, forgets: Some(run("1")) });
        assert_eq!(runs.runs.len(), OPEN_RUNS_MAX);
        assert!(!runs.admit(run("0"), 7).unwrap().opens, "run 0 spoke lately and is still known");
        let forgotten = runs.admit(run("1"), 6).unwrap_err();
        assert!(
            matches!(forgotten, Fault::Forgotten { step: 6, .. }),
            "nobody knows any more what it has changed"
        );
        assert!(runs.admit(run("1"), 0).unwrap().opens, "it may begin anew");
    }
}
