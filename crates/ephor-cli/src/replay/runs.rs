//! The runs under way: which line of each may go next, and what it has changed so far.
//!
//! A run is known by its number, not by its name, since a name may come back when its run has ended.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use crate::overlay::{Overlay, OverlayError};
use crate::trace::{OPEN_RUNS_MAX, RunName};

/// Number of a run, in order of appearance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RunId(u64);

/// One run.
#[derive(Debug, Default)]
struct Run {
    overlay: Overlay,
    /// Lines that wait for the one in flight.
    waiting: VecDeque<u64>,
    is_in_flight: bool,
    /// Lines that were read and are not done.
    open_lines: usize,
    last_line: u64,
}

/// All runs that may still go on. Bounded: the run that was idle longest is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    by_name: HashMap<RunName, RunId>,
    runs: HashMap<RunId, Run>,
    next: u64,
}

impl Runs {
    /// Adds a line to its run; says which run that is, and whether the line may go at once.
    pub(crate) fn add(&mut self, name: RunName, opens: bool, line: u64) -> (RunId, bool) {
        let known = self.by_name.get(&name).copied().filter(|_| !opens);
        let id = known.unwrap_or_else(|| self.open(name));
        let run = self.runs.entry(id).or_default();
        run.open_lines += 1;
        run.last_line = line;
        let goes = !run.is_in_flight && run.waiting.is_empty();
        if goes {
            run.is_in_flight = true;
        } else {
            run.waiting.push_back(line);
        }
        (id, goes)
    }

    /// Ends a line: says which line of its run may go now.
    pub(crate) fn done(&mut self, id: RunId) -> Option<u64> {
        let run = self.runs.get_mut(&id)?;
        run.open_lines -= 1;
        let next = run.waiting.pop_front();
        run.is_in_flight = next.is_some();
        if run.open_lines == 0 && !self.by_name.values().any(|current| *current == id) {
            self.runs.remove(&id);
        }
        next
    }

    /// Keeps a reservation as it is from now on in this run.
    ///
    /// # Errors
    /// When the run has changed more than one run may.
    pub(crate) fn learn(&mut self, id: RunId, reservation: Value) -> Result<(), OverlayError> {
        self.runs.entry(id).or_default().overlay.insert(reservation)
    }

    /// What the run has changed so far.
    pub(crate) fn overlay(&self, id: RunId) -> Option<&Overlay> {
        self.runs.get(&id).map(|run| &run.overlay)
    }

    fn open(&mut self, name: RunName) -> RunId {
        if self.by_name.len() >= OPEN_RUNS_MAX && !self.by_name.contains_key(&name) {
            self.forget_one();
        }
        let id = RunId(self.next);
        self.next += 1;
        if let Some(former) = self.by_name.insert(name, id)
            && self.runs.get(&former).is_some_and(|run| run.open_lines == 0)
        {
            self.runs.remove(&former);
        }
        id
    }

    /// Forgets the run that has been idle longest.
    fn forget_one(&mut self) {
        let idle = self.by_name.iter().filter_map(|(name, id)| {
            let run = self.runs.get(id)?;
            (run.open_lines == 0).then_some((run.last_line, *name, *id))
        });
        if let Some((_, name, id)) = idle.min_by_key(|(last_line, ..)| *last_line) {
            self.by_name.remove(&name);
            self.runs.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(text: &str) -> RunName {
        RunName::parse(text).unwrap()
    }

    #[test]
    fn one_line_of_a_run_goes_at_a_time_and_runs_do_not_wait_for_each_other() {
        let mut runs = Runs::default();
        let (a, goes) = runs.add(name("a"), true, 0);
        assert!(goes);
        assert_eq!(runs.add(name("a"), false, 1), (a, false));
        assert_eq!(runs.add(name("a"), false, 2), (a, false));
        let (b, goes) = runs.add(name("b"), true, 3);
        assert!(goes && b != a);
        assert_eq!(runs.done(a), Some(1));
        assert_eq!(runs.done(a), Some(2));
        assert_eq!(runs.done(a), None);
        assert_eq!(runs.add(name("a"), false, 4), (a, true));
    }

    #[test]
    fn a_name_that_opens_again_starts_without_what_its_former_run_changed() {
        let mut runs = Runs::default();
        let (first, _) = runs.add(name("a"), true, 0);
        runs.learn(first, json!({"reservation_id": "R"})).unwrap();
        runs.add(name("a"), false, 1);
        let (second, goes) = runs.add(name("a"), true, 2);
        assert!(goes && second != first, "the former run's lines go on beside it");
        assert!(runs.overlay(second).unwrap().reservations().is_empty());
        assert_eq!(runs.overlay(first).unwrap().reservations().len(), 1);
        runs.done(first);
        runs.done(first);
        assert!(runs.overlay(first).is_none(), "nothing is kept of a run that nobody can go on with");
    }

    #[test]
    fn what_is_kept_is_bounded_however_many_runs_there_are() {
        let mut runs = Runs::default();
        for line in 0..10_000 {
            let (id, _) = runs.add(name(&format!("run{line}")), true, line);
            runs.done(id);
        }
        assert!(runs.runs.len() <= OPEN_RUNS_MAX && runs.by_name.len() <= OPEN_RUNS_MAX);
    }
}
