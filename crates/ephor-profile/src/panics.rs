//! Panics on purpose, which a profile makes by the dozen: in checks of its own suite, and in drills.
//!
//! What they are for is in the report, so they are not told on stderr. While a profile runs there is a panic hook that keeps
//! them back and hands every other panic on to the hook that was there before, which is back in its place afterwards. The hook is
//! one for the whole process, so a hook that the host sets while a profile runs is lost at its end.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;

use ephor_runtime::PanicAt;

use crate::suite;

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// Profiles that run in this process, and whether the hook is set.
struct Runs {
    count: usize,
    is_set: bool,
}

static RUNS: Mutex<Runs> = Mutex::new(Runs { count: 0, is_set: false });
/// The hook that was there before.
static BEFORE: RwLock<Option<Hook>> = RwLock::new(None);

thread_local! {
    /// Whether a panic of this thread would be on purpose.
    static IS_ON_PURPOSE: Cell<bool> = const { Cell::new(false) };
}

/// Keeps panics on purpose from the hook of the host until it is dropped; several in one process share one hook.
pub(crate) struct Untold(());

impl Untold {
    pub(crate) fn begin() -> Self {
        let mut runs = runs();
        runs.count += 1;
        if !runs.is_set {
            *BEFORE.write().unwrap_or_else(PoisonError::into_inner) = Some(take_hook());
            set_hook(Box::new(tell));
            runs.is_set = true;
        }
        Self(())
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        let mut runs = runs();
        runs.count -= 1;
        // No hook can be set by a thread that panics; then ours stays, and hands on what it gets.
        if runs.count > 0 || thread::panicking() {
            return;
        }
        // First ours goes: while it is set, another thread may be in it and hold what is taken next.
        drop(take_hook());
        runs.is_set = false;
        if let Some(before) = BEFORE.write().unwrap_or_else(PoisonError::into_inner).take() {
            set_hook(before);
        }
    }
}

fn runs() -> MutexGuard<'static, Runs> {
    RUNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The hook: hands on what was not on purpose.
fn tell(panic: &PanicHookInfo<'_>) {
    let is_of_the_suite = panic.location().is_some_and(|place| suite::is_place(place.file()));
    if IS_ON_PURPOSE.get() || is_of_the_suite || PanicAt::is_origin(panic) {
        return;
    }
    if let Some(before) = &*BEFORE.read().unwrap_or_else(PoisonError::into_inner) {
        before(panic);
    }
}

/// Runs `act`, in which others are made to panic on purpose.
pub(crate) fn on_purpose<T>(act: impl FnOnce() -> T) -> T {
    struct Reset(bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            IS_ON_PURPOSE.set(self.0);
        }
    }
    let _reset = Reset(IS_ON_PURPOSE.replace(true));
    act()
}

/// What `run` returns, or what its panic said.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| said(panic.as_ref()).to_owned())
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("nothing")
}
