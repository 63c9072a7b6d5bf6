//! The order within each run: one line under way at a time, the others wait.

use std::collections::{HashMap, VecDeque};

use crate::trace::RunName;

/// The lines of one run that were read and are not done.
#[derive(Debug, Default)]
struct Run {
    /// Lines that wait for the one under way.
    waiting: VecDeque<u64>,
}

/// The runs with lines that are not done. A run without any takes no room.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    runs: HashMap<RunName, Run>,
}

impl Runs {
    /// Adds a line to its run; true when it may go at once.
    pub(crate) fn add(&mut self, name: RunName, line: u64) -> bool {
        if let Some(run) = self.runs.get_mut(&name) {
            run.waiting.push_back(line);
            return false;
        }
        self.runs.insert(name, Run::default());
        true
    }

    /// Ends the line under way of a run: says which of its lines may go now.
    pub(crate) fn done(&mut self, name: RunName) -> Option<u64> {
        let next = self.runs.get_mut(&name)?.waiting.pop_front();
        if next.is_none() {
            self.runs.remove(&name);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RunName {
        RunName::parse(text).unwrap()
    }

    #[test]
    fn one_line_of_a_run_goes_at_a_time_and_runs_do_not_wait_for_each_other() {
        let mut runs = Runs::default();
        assert!(runs.add(name("a"), 0));
        assert!(!runs.add(name("a"), 1));
        assert!(!runs.add(name("a"), 2));
        assert!(runs.add(name("b"), 3));
        assert_eq!(runs.done(name("a")), Some(1));
        assert_eq!(runs.done(name("a")), Some(2));
        assert_eq!(runs.done(name("a")), None);
        assert!(runs.add(name("a"), 4));
    }

    #[test]
    fn a_run_whose_lines_are_done_takes_no_room() {
        let mut runs = Runs::default();
        for line in 0..10_000 {
            let name = name(&format!("run{line}"));
            assert!(runs.add(name, line));
            assert_eq!(runs.done(name), None);
        }
        assert!(runs.runs.is_empty());
    }
}
