//! How far a profile is: on stderr, and only when that is a terminal.

use ephor::profile::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows the phase, the action and its steps. Cleared when dropped.
#[derive(Debug)]
pub(crate) struct Steps {
    bar: ProgressBar,
}

impl Steps {
    /// On stderr; draws nothing when that is not a terminal.
    pub(crate) fn on_stderr() -> Self {
        Self::start(ProgressDrawTarget::stderr())
    }

    /// Nobody sees it.
    pub(crate) fn hidden() -> Self {
        Self::start(ProgressDrawTarget::hidden())
    }

    fn start(target: ProgressDrawTarget) -> Self {
        let style = ProgressStyle::with_template("{prefix:>9}  {msg:28} {bar:24} {pos}/{len}  {elapsed}")
            .expect("the template above is well formed");
        Self { bar: ProgressBar::with_draw_target(Some(1), target).with_style(style) }
    }

    /// Shows `progress`.
    pub(crate) fn tell(&self, progress: Progress) {
        match progress {
            Progress::Phase(phase) => self.bar.set_prefix(phase.name()),
            Progress::Action(action) => {
                self.bar.set_message(action);
                self.bar.set_length(1);
                self.bar.set_position(0);
            }
            Progress::Step { done, all } => {
                self.bar.set_length(all.max(1) as u64);
                self.bar.set_position(done as u64);
            }
            _ => {}
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_within_their_action() {
        let steps = Steps::hidden();
        steps.tell(Progress::Action("first"));
        steps.tell(Progress::Step { done: 3, all: 4 });
        assert_eq!((steps.bar.position(), steps.bar.length()), (3, Some(4)));
        steps.tell(Progress::Action("second"));
        assert_eq!((steps.bar.position(), steps.bar.length()), (0, Some(1)));
        assert_eq!(steps.bar.message(), "second");
    }
}
