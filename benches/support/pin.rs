//! Pinning a thread to a core, and looking whether it took.

use core_affinity::CoreId;

/// Pins this thread to `core`.
///
/// # Errors
/// When there is no such core for this process, or the thread may still run elsewhere.
pub fn pin(core: usize) -> Result<(), String> {
    let allowed = cores();
    if !allowed.contains(&core) {
        return Err(format!("core {core} is not available (this process may use {allowed:?})"));
    }
    let taken = core_affinity::set_for_current(CoreId { id: core });
    // What a pinned thread may use is that core and no other.
    let now = cores();
    if taken && now == [core] { Ok(()) } else { Err(format!("pinning to core {core} did not take: {now:?}")) }
}

/// The cores that this thread may use, in order.
pub fn cores() -> Vec<usize> {
    let mut cores: Vec<usize> =
        core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect();
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
