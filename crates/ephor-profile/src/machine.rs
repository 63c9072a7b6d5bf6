//! The machine that figures were measured on, as far as it tells. Never fails: what is not known is `unknown`.

use std::fs;
use std::num::NonZeroUsize;
use std::thread;

use ephor_runtime::cores_allowed;
use serde::{Deserialize, Serialize};

use crate::mark::Mark;

const UNKNOWN: &str = "unknown";

/// What a figure depends on besides the code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The model of the processor.
    pub cpu: String,
    /// The cores that this process may use, whatever part of their time a quota leaves to it.
    pub cores: usize,
    /// The version of the kernel.
    pub kernel: String,
    /// The operating system.
    pub os: String,
    /// The threads that ran agents.
    pub workers: usize,
    /// Whether every worker was pinned to a core.
    pub pinned: bool,
}

impl Machine {
    /// This machine. How many workers ran, and whether they were pinned, is for the caller to fill in.
    pub fn probe() -> Self {
        Self {
            cpu: cpu_model(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            cores: cores(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| UNKNOWN.to_owned(), |release| release.trim().to_owned()),
            os: std::env::consts::OS.to_owned(),
            workers: 0,
            pinned: false,
        }
    }
}

/// The cores that threads of this process may run on: how many run side by side, and where threads can be pinned.
pub(crate) fn cores() -> usize {
    match cores_allowed().len() {
        0 => parallelism(),
        count => count,
    }
}

/// How many threads can be busy all the time: the cores, or fewer where the system limits the time on them by a quota.
pub(crate) fn parallelism() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The mark of a quota; none when `parallelism` is that of the `cores`.
pub(crate) fn quota(cores: usize, parallelism: usize) -> Option<Mark> {
    (parallelism < cores).then_some(Mark::Quota { parallelism, cores })
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
    fn a_quota_is_told_where_it_is_less_than_the_cores() {
        let told = quota(8, 1).map(Mark::text).unwrap_or_default();
        assert!(told.contains("about 1 of 8 cores"), "{told}");
        assert_eq!(quota(2, 2), None);
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
