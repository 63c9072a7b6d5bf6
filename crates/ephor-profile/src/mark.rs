//! What touches every figure of a profile, and what helps against it.

/// Something about the machine, the build, the subject or the course of the run that touches every figure from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// There is one core.
    OneCore,
    /// The build is one for debugging.
    Unoptimized,
    /// The system does not say which cores there are.
    NoCores,
    /// Threads cannot be pinned.
    PinRefused,
    /// The first load's worker has no core, or the load's.
    NoPair,
    /// The system limits the time on the cores.
    Quota {
        /// How many threads can be busy all the time.
        parallelism: usize,
        cores: usize,
    },
    /// The thread of a check that did not end runs on.
    ThreadLeft,
}

impl Mark {
    /// Whether it happened in the course of one run. Anything else belongs to where and how was measured, and a run without it is of
    /// another kind.
    pub(crate) fn is_incident(self) -> bool {
        match self {
            Self::ThreadLeft => true,
            Self::OneCore
            | Self::Unoptimized
            | Self::NoCores
            | Self::PinRefused
            | Self::NoPair
            | Self::Quota { .. } => false,
        }
    }

    /// What stands at the top of the report and beside each figure.
    pub(crate) fn text(self) -> String {
        let text = match self {
            Self::Quota { parallelism, cores } => {
                return format!(
                    "a quota leaves the time of about {parallelism} of {cores} cores: when it is used up, all threads stop for a while"
                );
            }
            Self::ThreadLeft => "a check did not end: its thread may disturb what is measured after it",
            Self::OneCore => "one core: the load and the bus share it",
            Self::Unoptimized => "a build without optimization: figures are many times too high",
            Self::NoCores => "the system tells of no cores: nothing is pinned",
            Self::PinRefused => "pinning is refused: threads move between cores",
            Self::NoPair => {
                "the first load's worker has no core beside the load's: how far apart they are is not known"
            }
        };
        text.to_owned()
    }

    /// How much it matters, and what to do about it.
    pub(crate) fn advice(self) -> (&'static str, &'static str) {
        match self {
            Self::OneCore => {
                ("low", "measure on a machine with two cores or more, so that load and bus run side by side")
            }
            Self::Unoptimized => ("medium", "build with `--release` and measure again"),
            Self::NoCores => (
                "low",
                "measure where the system says which cores a process may use, so that threads can be pinned",
            ),
            Self::PinRefused => {
                ("low", "let the process pin its threads: nothing may forbid it `sched_setaffinity`")
            }
            Self::Quota { .. } => ("low", "measure without a limit on the time of the cores"),
            Self::ThreadLeft => ("medium", "see why that check does not end, and measure again"),
            Self::NoPair => (
                "low",
                "pin the first load's worker to a core of its own, other than the first, which is the load's",
            ),
        }
    }
}
