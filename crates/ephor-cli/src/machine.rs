//! The machine that figures were measured on, as far as it tells. Never fails: what is not known is `unknown`.

use std::fs;
use std::num::NonZeroUsize;
use std::thread;

use serde::Serialize;

const UNKNOWN: &str = "unknown";

/// What a figure depends on besides the code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Machine {
    /// The model of the processor.
    pub(crate) cpu: String,
    /// The cores that this process may use.
    pub(crate) cores: usize,
    /// The version of the kernel.
    pub(crate) kernel: String,
    /// The operating system.
    pub(crate) os: String,
    /// The threads that ran agents.
    pub(crate) workers: usize,
    /// Whether every worker was pinned to a core.
    pub(crate) pinned: bool,
}

impl Machine {
    /// This machine. How many workers ran, and whether they were pinned, is for the caller to fill in.
    pub(crate) fn probe() -> Self {
        Self {
            cpu: cpu_model(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            cores: thread::available_parallelism().map_or(1, NonZeroUsize::get),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| UNKNOWN.to_owned(), |release| release.trim().to_owned()),
            os: std::env::consts::OS.to_owned(),
            workers: 0,
            pinned: false,
        }
    }
}

/// The model in the text of `/proc/cpuinfo`; some processors do not say it, and then their kind stands in.
fn cpu_model(cpuinfo: &str) -> String {
    let model = cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim())
    });
    model.map_or_else(|| format!("{UNKNOWN} {}", std::env::consts::ARCH), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_model_name_is_the_model() {
        let text = "processor\t: 0\nmodel name\t: Fast CPU: v2 @ 3 GHz\n\nmodel name\t: Other\n";
        assert_eq!(cpu_model(text), "Fast CPU: v2 @ 3 GHz");
    }

    #[test]
    fn a_processor_that_does_not_say_is_unknown() {
        assert!(cpu_model("").starts_with("unknown "));
        assert!(cpu_model("model name\n").starts_with("unknown "));
    }

    #[test]
    fn this_machine_has_a_core_and_names() {
        let machine = Machine::probe();
        assert!(machine.cores >= 1);
        for name in [&machine.cpu, &machine.kernel, &machine.os] {
            assert!(!name.is_empty() && !name.contains('\n'), "{machine:?}");
        }
    }
}
