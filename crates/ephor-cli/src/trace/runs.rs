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
}

impl OpenRuns {
    /// Takes note of a line of `run`, and tells whether it is the first of the run.
    pub(crate) fn admit(&mut self, run: RunName, step: u32) -> Result<bool, Fault> {
        let known = self.runs.iter().rposition(|&(name, _)| name == run);
        if let Some(index) = known {
            let (_, last) = self.runs[index];
            if step != 0 && step <= last {
                return Err(Fault::StepBack { run, step, last });
            }
            self.runs.remove(index);
        } else if self.runs.len() == OPEN_RUNS_MAX {
            self.runs.remove(0);
        }
        self.runs.push((run, step));
        Ok(step == 0 || known.is_none())
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
        let mut admit = |step| runs.admit(run("a"), step).ok();
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
        assert!(runs.admit(run("a"), 7).unwrap());
        assert!(runs.admit(run("b"), 3).unwrap());
        assert!(!runs.admit(run("a"), 8).unwrap());
        assert!(!runs.admit(run("b"), 4).unwrap());
    }

    #[test]
    fn beyond_the_limit_the_run_that_was_silent_longest_is_forgotten() {
        let mut runs = OpenRuns::default();
        for index in 0..OPEN_RUNS_MAX {
            runs.admit(run(&index.to_string()), 5).unwrap();
        }
        runs.admit(run("0"), 6).unwrap();
        runs.admit(run("one more"), 0).unwrap();
        assert_eq!(runs.runs.len(), OPEN_RUNS_MAX);
        assert!(runs.admit(run("0"), 6).is_err(), "run 0 spoke lately and is still known");
        assert!(runs.admit(run("1"), 5).unwrap(), "run 1 was forgotten, so it opens again");
    }
}
