//! Ctrl-C: the first asks the command to stop cleanly, a replay after what is under way and a profile without a report; one half a
//! second later ends it at once, whatever it does.
//!
//! The pause is for programs that signal both a process and its group: that is one Ctrl-C, not two.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// What asks the process to stop.
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// What the command ends with on a second signal, as shells spell "ended by SIGINT".
const EXIT_CODE_INTERRUPTED: i32 = 130;

/// How long after the first signal a second one counts as another.
const SECOND_AFTER: Duration = Duration::from_millis(500);

/// Whether SIGINT or SIGTERM has asked the process to stop.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    raised: Arc<AtomicBool>,
    /// Whether the next signal ends the process.
    armed: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens to SIGINT and SIGTERM from now on. A signal half a second after the first ends the process with code 130, whether
    /// anybody has looked at the first or not.
    ///
    /// # Errors
    /// When the system refuses the handlers, or a thread to listen.
    pub(crate) fn install() -> io::Result<Self> {
        let flag = || Arc::new(AtomicBool::new(false));
        let interrupt = Self { raised: flag(), armed: flag() };
        for signal in SIGNALS {
            flag::register_conditional_shutdown(signal, EXIT_CODE_INTERRUPTED, Arc::clone(&interrupt.armed))?;
            flag::register(signal, Arc::clone(&interrupt.raised))?;
        }
        let mut signals = Signals::new(SIGNALS)?;
        let armed = Arc::clone(&interrupt.armed);
        thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
            if signals.forever().next().is_some() {
                thread::sleep(SECOND_AFTER);
                // Relaxed: nothing else is handed over with the flags.
                armed.store(true, Ordering::Relaxed);
            }
        })?;
        Ok(interrupt)
    }

    /// One that is raised.
    #[cfg(test)]
    pub(crate) fn raised() -> Self {
        let flag = |is_set| Arc::new(AtomicBool::new(is_set));
        Self { raised: flag(true), armed: flag(false) }
    }

    /// Whether the process has been asked to stop.
    pub(crate) fn is_raised(&self) -> bool {
        // Relaxed: as above.
        self.raised.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use signal_hook::low_level::raise;

    use super::*;

    /// Set in the process that the test below starts to be interrupted.
    const VICTIM: &str = "EPHOR_TEST_INTERRUPT_VICTIM";

    #[test]
    fn the_first_signals_raise_the_flag_and_a_later_one_ends_the_process() {
        if std::env::var_os(VICTIM).is_some() {
            interrupt_twice();
        }
        let name = "interrupt::tests::the_first_signals_raise_the_flag_and_a_later_one_ends_the_process";
        let victim = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(VICTIM, "1")
            .output()
            .unwrap();
        assert_eq!(victim.status.code(), Some(EXIT_CODE_INTERRUPTED), "{victim:?}");
    }

    fn interrupt_twice() -> ! {
        let interrupt = Interrupt::install().unwrap();
        assert!(!interrupt.is_raised());
        raise(SIGTERM).unwrap();
        // The same Ctrl-C, to the process and to its group.
        raise(SIGINT).unwrap();
        while !interrupt.armed.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        assert!(interrupt.is_raised());
        raise(SIGINT).unwrap();
        unreachable!("the later signal ends the process");
    }
}
