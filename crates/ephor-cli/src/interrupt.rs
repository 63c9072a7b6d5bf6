//! Ctrl-C: the first asks the replay to stop cleanly, the second ends it at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// What the command ends with on a second signal, as shells spell "ended by SIGINT".
const EXIT_CODE_INTERRUPTED: i32 = 130;

/// Whether SIGINT or SIGTERM has asked the process to stop.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens to SIGINT and SIGTERM from now on. A signal after the first ends the process with code 130.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub(crate) fn install() -> io::Result<Self> {
        let raised = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // Handlers run in the order of registration: the first signal finds the flag down and raises it.
            flag::register_conditional_shutdown(signal, EXIT_CODE_INTERRUPTED, Arc::clone(&raised))?;
            flag::register(signal, Arc::clone(&raised))?;
        }
        Ok(Self(raised))
    }

    /// Whether the process has been asked to stop.
    pub(crate) fn is_raised(&self) -> bool {
        // Nothing else is handed over with the flag, so no order is needed.
        self.0.load(Ordering::Relaxed)
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
    fn the_first_signal_raises_the_flag_and_the_second_ends_the_process() {
        if std::env::var_os(VICTIM).is_some() {
            interrupt_twice();
        }
        let name = "interrupt::tests::the_first_signal_raises_the_flag_and_the_second_ends_the_process";
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
        assert!(interrupt.is_raised());
        raise(SIGINT).unwrap();
        unreachable!("the second signal ends the process");
    }
}
