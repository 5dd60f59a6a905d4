//! The environment of the programs that we start.
//!
//! A server and libpq's programs take orders from it (PGPORT, PGDATA, PGOPTIONS, PGSERVICE and some forty more), and what
//! runs in a server could read secrets from it. So nothing is passed on but what finding and loading a program takes.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

/// Where programs, what they need of their user, and their libraries are.
const PASSED_ON: [&str; 6] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
];

/// A command with a clean environment, whose messages are in English.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C");
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// The folders in which libraries are looked for before the system's.
pub(super) fn library_folders() -> Vec<PathBuf> {
    let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    std::env::split_paths(&named).filter(|folder| folder.is_absolute()).collect()
}
