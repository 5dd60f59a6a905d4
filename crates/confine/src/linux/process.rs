//! A confined program that runs.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::Kind;

/// A running program. It goes on when this value is dropped, and ends with the process that started it.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    kind: Kind,
    ended: bool,
}

impl Process {
    pub(super) fn new(pid: Pid, kind: Kind) -> Process {
        Process { pid, kind, ended: false }
    }

    /// Its number, as the caller sees it.
    pub fn id(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        if !self.ended {
            let said = waitpid(self.pid, Some(WaitPidFlag::WNOHANG));
            self.ended = !matches!(said, Ok(WaitStatus::StillAlive) | Err(Errno::EINTR));
        }
        self.ended
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) {
        while !self.ended {
            self.ended = !matches!(waitpid(self.pid, None), Err(Errno::EINTR));
        }
    }

    /// Has it end, with whatever it started. In namespaces the kernel sees to that; elsewhere the program has to, at
    /// `SIGQUIT`.
    pub fn end(&self) {
        self.signal(last_signal(self.kind));
    }

    /// Ends it at once; what it started is ended only where it has namespaces.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        // Its number may be another's once it was waited for.
        if !self.ended {
            // It may have ended by itself.
            let _ = kill(self.pid, signal);
        }
    }
}

/// At which signal everything in it ends.
pub(super) fn last_signal(kind: Kind) -> Signal {
    match kind {
        Kind::Namespaces => Signal::SIGKILL,
        Kind::Landlock => Signal::SIGQUIT,
    }
}
