//! Another program, with a limit for its time and its memory, and a clean environment.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::time::timeout;

use crate::births::Result;

/// How long a program may take to end after SIGINT.
const GRACE: Duration = Duration::from_secs(5);
/// The most of its stdout, and of the end of its stderr, that is read.
const MOST_OUT: u64 = 64 << 20;
const MOST_ERR: u64 = 16 << 10;

/// What became of a program.
pub struct Ended {
    pub how: How,
    pub seconds: f64,
    pub out: String,
    /// The end of it.
    pub err: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Exit(i32),
    Signal(i32),
    /// It took longer than the limit; whether it ended soon after SIGINT.
    TooLong {
        ended_on_interrupt: bool,
    },
}

/// A command without our environment but for PATH, with a home and a folder for temporary files.
pub fn command(program: &OsStr, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("TMPDIR", home.join("tmp"))
        .env("LC_ALL", "C.UTF-8")
        .current_dir(home)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// The same, with so many MB of address space and no more: for it and for the programs that it starts.
pub fn command_within(program: &Path, home: &Path, megabytes: u64) -> Command {
    let mut command = command(OsStr::new("sh"), home);
    command
        .args(["-c", "ulimit -v \"$0\" && exec \"$@\""])
        .arg((megabytes * 1024).to_string())
        .arg(program);
    command
}

/// Runs it to its end, or to the limit. Its output goes through files: it may be large.
pub async fn run(mut command: Command, limit: Duration) -> Result<Ended> {
    let (mut out, mut err) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdout(out.try_clone()?).stderr(err.try_clone()?);
    let begun = Instant::now();
    let mut child = command.spawn()?;
    let how = match timeout(limit, child.wait()).await {
        Ok(status) => {
            let status = status?;
            match status.code() {
                Some(code) => How::Exit(code),
                None => How::Signal(status.signal().unwrap_or_default()),
            }
        }
        Err(_) => {
            if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
                // It may have ended at this moment.
                let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
            }
            let ended_on_interrupt = timeout(GRACE, child.wait()).await.is_ok();
            if !ended_on_interrupt {
                child.kill().await?;
            }
            How::TooLong { ended_on_interrupt }
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    let length = err.seek(SeekFrom::End(0))?;
    let err = text(&mut err, length.saturating_sub(MOST_ERR))?;
    Ok(Ended { how, seconds, out: text(&mut out, 0)?, err })
}

fn text(file: &mut File, from: u64) -> Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(MOST_OUT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
