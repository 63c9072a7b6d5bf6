//! The one door to atomics, cells and thread parking, swapped for the model checker under `--cfg loom`.
//!
//! Everything whose order matters goes through here, so that `tests/loom.rs` runs the code that ships.
//! Reference counts stay outside on purpose: they free memory and take no part in a protocol, and a model
//! that does not lend their orderings is the stricter one.

#[cfg(loom)]
pub(crate) use self::modelled::{Cell, Thread, current, park};
#[cfg(not(loom))]
pub(crate) use self::native::{Cell, Thread, current, park};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};

#[cfg(not(loom))]
mod native {
    use std::cell::UnsafeCell;
    use std::thread;
    use std::time::Duration;

    pub(crate) use std::thread::{Thread, current};

    /// Memory that several owners may point into. It gives raw pointers, so using one is the unsafe step.
    #[repr(transparent)]
    pub(crate) struct Cell<T>(UnsafeCell<T>);

    impl<T> Cell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(UnsafeCell::new(value))
        }

        /// Calls `read` with a pointer that is used for reading only.
        #[inline(always)]
        pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        /// Calls `write` with a pointer that nobody else may use meanwhile.
        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }
    }

    /// Parks the current thread until it is unparked or `timeout` has passed; may return early.
    pub(crate) fn park(timeout: Option<Duration>) {
        match timeout {
            Some(timeout) => thread::park_timeout(timeout),
            None => thread::park(),
        }
    }
}

#[cfg(loom)]
mod modelled {
    use std::time::Duration;

    pub(crate) use loom::cell::UnsafeCell as Cell;
    pub(crate) use loom::thread::{Thread, current};

    /// Parks without a timeout: a model in which time never helps finds every lost wake-up.
    pub(crate) fn park(_timeout: Option<Duration>) {
        loom::thread::park();
    }
}
