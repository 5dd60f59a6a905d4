//! Starts a program that the kernel confines: it sees the folders that it needs and no others, reaches no network and
//! no socket but its own, runs no other program, and has limits. What is confined is the program with everything that
//! it starts, for as long as they live, machine code of its own included.
//!
//! On Linux there are two ways. [`Kind::Namespaces`] gives it a root folder, a network, processes and shared memory of
//! its own. Where the kernel refuses that, as in most containers, [`Kind::Landlock`] shuts the same doors by rules.
//! Elsewhere every way is refused.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{Process, start};
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Process, start};

/// How the kernel confines a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Namespaces for mounts, network, processes, shared memory and host name, with a filter of system calls.
    Namespaces,
    /// Landlock rules (Linux 6.12 or newer) with a filter of system calls that refuses every connection.
    Landlock,
}

impl Kind {
    /// All of them, the strongest first.
    pub const ALL: [Kind; 2] = [Kind::Namespaces, Kind::Landlock];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Namespaces => "namespaces",
            Kind::Landlock => "Landlock",
        })
    }
}

/// A program, and what it may see and use. Paths are absolute.
#[derive(Debug)]
pub struct Cell {
    /// Its file.
    pub program: PathBuf,
    /// Its arguments, without its name.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The user and the group that it runs as; `None`: the caller's. Only root can name others.
    pub user: Option<(u32, u32)>,
    /// What it may read besides the libraries of the system; what is not there is passed over.
    pub readable: Vec<PathBuf>,
    /// The folders that it may write, seen under the same paths.
    pub writable: Vec<PathBuf>,
    /// An empty folder, over which its root folder is mounted, for itself alone.
    pub stage: PathBuf,
    /// Whether it may send to itself over the loopback interface, which only namespaces can grant.
    pub loopback: bool,
    /// What the kernel lets it have.
    pub limits: Limits,
    /// Where its output and its errors go.
    pub output: File,
}

/// The limits that the kernel enforces.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a file.
    pub file: u64,
    /// Bytes of memory that a process may have for itself.
    pub memory: u64,
    /// Bytes of all files in `/dev/shm`, and of those in `/tmp`.
    pub shared: u64,
    /// How many processes and threads there may be; in force where it has a user namespace of its own, since the kernel
    /// counts by user.
    pub processes: u64,
}

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel, or what it runs on, does not offer this kind.
    #[error("{kind}: {problem}")]
    Refused {
        /// Which one.
        kind: Kind,
        /// What was refused, and how.
        problem: String,
    },
    /// The confined program could not be run.
    #[error("{program} could not be run: {source}")]
    NotRun {
        /// Its file.
        program: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}
