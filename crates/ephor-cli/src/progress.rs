//! The progress bar: on stderr, and only when that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows how many lines of the trace have been read. Cleared when dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar on stderr; `lines` is how many there will be, if that is known.
    ///
    /// Draws nothing when stderr is not a terminal.
    pub(crate) fn on_stderr(lines: Option<u64>) -> Self {
        Self::start(lines, ProgressDrawTarget::stderr())
    }

    /// A bar that nobody sees.
    pub(crate) fn hidden() -> Self {
        Self::start(None, ProgressDrawTarget::hidden())
    }

    fn start(lines: Option<u64>, target: ProgressDrawTarget) -> Self {
        let template = match lines {
            Some(_) => "{bar:40} {human_pos} of {human_len} messages, {per_sec}",
            None => "{spinner} {human_pos} messages, {per_sec}",
        };
        let style = ProgressStyle::with_template(template).expect("the templates above are well formed");
        Self { bar: ProgressBar::with_draw_target(lines, target).with_style(style) }
    }

    /// Says that `lines` have been read. Cheap enough for every line: the bar redraws 20 times a second.
    pub(crate) fn set(&self, lines: u64) {
        self.bar.set_position(lines);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bars_are_well_formed_and_count() {
        for lines in [Some(2_000), None] {
            let progress = Progress::start(lines, ProgressDrawTarget::hidden());
            progress.set(1_000);
            assert_eq!(progress.bar.position(), 1_000);
        }
    }
}
