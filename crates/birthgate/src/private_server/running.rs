//! The server's first process.

use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use birthgate_confine::Process;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A `postgres` that runs, or has ended.
#[derive(Debug)]
pub(super) enum Running {
    Free(Child),
    Confined(Process),
}

/// One that a guard looks at as well.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<Running>>);

impl Shared {
    pub fn new(running: Running) -> Shared {
        Shared(Arc::new(Mutex::new(running)))
    }

    pub fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    pub fn has_ended(&mut self) -> bool {
        match self {
            Running::Free(child) => !matches!(child.try_wait(), Ok(None)),
            Running::Confined(process) => process.has_ended(),
        }
    }

    pub fn wait(&mut self) {
        match self {
            Running::Free(child) => drop(child.wait()),
            Running::Confined(process) => process.wait(),
        }
    }

    /// Has it end. A confined server, which may have lost its mind, is not asked how.
    pub fn end(&mut self, signal: Signal) {
        match self {
            Running::Free(child) => {
                // Its number is another's when it has ended and was waited for.
                if matches!(child.try_wait(), Ok(None)) {
                    let _ = kill(Pid::from_raw(child.id().cast_signed()), signal);
                }
            }
            Running::Confined(process) => process.end(),
        }
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        match self {
            Running::Free(_) => self.end(Signal::SIGKILL),
            Running::Confined(process) => process.kill(),
        }
    }

    /// Its number.
    pub fn id(&self) -> i32 {
        match self {
            Running::Free(child) => child.id().cast_signed(),
            Running::Confined(process) => process.id(),
        }
    }

    /// Whether it is confined. Then the kernel ends it with us, and what it wrote of its number is not believed.
    pub fn is_confined(&self) -> bool {
        matches!(self, Running::Confined(_))
    }
}
