//! Pins a thread to a core and reads the pin back: a pin that nobody checked is no pin.

use core_affinity::CoreId;

/// Where a worker's thread may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pin {
    /// Wherever the system puts it.
    #[default]
    None,
    /// On this core if the system allows it, else anywhere; [`Bus::pinned`](crate::Bus::pinned) tells.
    IfPossible(usize),
    /// On this core, or the bus does not start.
    Required(usize),
}

/// Cores that this thread may run on.
pub fn cores_allowed() -> Vec<usize> {
    core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect()
}

/// Pins the calling thread to `core` and reads the pin back.
///
/// # Errors
/// The cores that it may run on instead, when there is no such core for this process or the pin did not take.
pub fn pin_current(core: usize) -> Result<(), Vec<usize>> {
    let allowed = cores_allowed();
    if !allowed.contains(&core) {
        return Err(allowed);
    }
    let accepted = core_affinity::set_for_current(CoreId { id: core });
    let found = cores_allowed();
    if accepted && found == [core] { Ok(()) } else { Err(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_back() {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let core = cores_allowed()[0];
                assert_eq!(pin_current(core), Ok(()));
                assert_eq!(cores_allowed(), [core]);
            });
        });
    }

    #[test]
    fn a_core_that_does_not_exist_is_refused_and_the_allowed_ones_are_named() {
        let allowed = cores_allowed();
        assert_eq!(pin_current(100_000), Err(allowed));
    }
}
