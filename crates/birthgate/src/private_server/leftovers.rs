//! What owners left that died together with their watchdog: after a power loss, say.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};

/// How the temporary folders are called.
pub(super) const PREFIX: &str = "birthgate-server-";
/// The file in each of them that its owner holds locked.
pub(super) const LOCK: &str = "owner.lock";

const LONGEST_STOP: Duration = Duration::from_secs(10);

/// Removes the folders below the root whose owner is dead. Best effort: what cannot be removed now is
/// tried again at the next start.
pub(super) fn sweep(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let folder = entry.path();
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_left(&folder) {
            stop_server(&folder);
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// A real folder with a lock file of our own user, which nobody holds. The root may be a shared one:
/// links and other users' files are none of our business.
fn is_left(folder: &Path) -> bool {
    let lock_path = folder.join(LOCK);
    let is_real = fs::symlink_metadata(folder).is_ok_and(|meta| meta.is_dir());
    let is_ours = fs::symlink_metadata(&lock_path)
        .is_ok_and(|meta| meta.is_file() && meta.uid() == Uid::effective().as_raw());
    is_real && is_ours && File::open(&lock_path).is_ok_and(|lock| lock.try_lock().is_ok())
}

fn stop_server(folder: &Path) {
    let Ok(text) = fs::read_to_string(folder.join("data/postmaster.pid")) else { return };
    let Some(pid) = text.lines().next().and_then(|line| line.parse().ok()) else { return };
    let pid = Pid::from_raw(pid);
    // The number may be another process's by now; a server runs in its data folder.
    let runs_here =
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == folder.join("data"));
    let since = Instant::now();
    while runs_here && kill(pid, Signal::SIGQUIT).is_ok() && since.elapsed() < LONGEST_STOP {
        std::thread::sleep(Duration::from_millis(50));
    }
}
