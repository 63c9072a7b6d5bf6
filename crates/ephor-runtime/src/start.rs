//! What a start came to: how long each worker and each agent took.

/// How long an agent took to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentStart {
    /// The agent.
    pub agent: String,
    /// The worker that runs it, counted from 0.
    pub worker: usize,
    /// How long its factory took, in nanoseconds.
    pub build_ns: u64,
    /// How long its start hook took, in nanoseconds.
    pub hook_ns: u64,
}

/// How long a worker took to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerStart {
    /// From the order to start a thread until it ran, pinned, in nanoseconds.
    pub thread_ns: u64,
    /// Lanes made and their memory touched, without the agents, in nanoseconds.
    pub seat_ns: u64,
    /// The agents, in the order in which they were built.
    pub agents: Vec<AgentStart>,
}
