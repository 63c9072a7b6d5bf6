//! Pinning a thread to a core, and looking whether it took.

/// Pins this thread to `core`.
///
/// # Errors
/// When there is no such core for this process, or the thread may still run elsewhere.
pub fn pin(core: usize) -> Result<(), String> {
    ephor::pin_current(core)
        .map_err(|allowed| format!("core {core} is not available (this process may use {allowed:?})"))
}

/// The cores that this thread may use, in order.
pub fn cores() -> Vec<usize> {
    let mut cores = ephor::cores_allowed();
    cores.sort_unstable();
    cores
}

/// Runs `run` on a new thread that is pinned to `core`.
///
/// # Errors
/// When the pin did not take, or the thread panicked.
pub fn on_core<T: Send>(core: usize, run: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| pin(core).map(|()| run()));
        thread.join().map_err(|_| format!("the thread on core {core} panicked"))?
    })
}
