//! Ends a server that uses more than it may.

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::sync::watch;

use super::running::Shared;
use super::usage;
use super::walls::{Bounds, Passed};

/// How long there is between two looks at least. Looking at many files takes a while itself: a tenth of the time at most.
const LOOK: Duration = Duration::from_millis(100);
const SHARE: u32 = 10;

/// A thread that looks at a server until this value is dropped.
#[derive(Debug)]
pub(super) struct Guard {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    passed: watch::Receiver<Option<Passed>>,
    /// How large the folder may be now.
    most_disk: watch::Sender<u64>,
    folder: PathBuf,
    bounds: Bounds,
}

impl Guard {
    /// Begins to look.
    pub fn begin(server: Shared, folder: PathBuf, bounds: Bounds) -> std::io::Result<Guard> {
        let (stop, stopped) = channel::<()>();
        let (say, passed) = watch::channel(None);
        let (most_disk, allowed) = watch::channel(usage::of_folder(&folder) + bounds.disk);
        let looked_at = folder.clone();
        let look = move || {
            let mut pause = LOOK;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let begun = Instant::now();
                let pid = server.lock().id();
                let used = usage::of_processes(pid);
                let found = if used.processes > bounds.processes {
                    Some(Passed::Processes(bounds.processes))
                } else if used.memory > bounds.memory {
                    Some(Passed::Memory(bounds.memory))
                } else if usage::of_folder(&looked_at) > *allowed.borrow() {
                    Some(Passed::Disk(bounds.disk))
                } else {
                    None
                };
                if found.is_some() {
                    // Said first: who loses a connection then knows why.
                    say.send_replace(found);
                    server.lock().end(Signal::SIGQUIT);
                    return;
                }
                pause = LOOK.max(begun.elapsed() * SHARE);
            }
        };
        let thread = thread::Builder::new().name("birthgate-guard".to_owned()).spawn(look)?;
        Ok(Guard { stop: Some(stop), thread: Some(thread), passed, most_disk, folder, bounds })
    }

    /// What is there now does not count.
    pub fn begin_disk_anew(&self) {
        self.most_disk.send_replace(usage::of_folder(&self.folder) + self.bounds.disk);
    }

    /// What it was ended for, if it was.
    pub fn passed(&self) -> watch::Receiver<Option<Passed>> {
        self.passed.clone()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}
