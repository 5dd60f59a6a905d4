//! A command of `birthgate` under a name of its own, as an estate's tools have names. It becomes that command: a second and a
//! third program of its size would hold nothing else.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Becomes `birthgate` with these words before its own arguments: the one beside it, else that of the path.
pub fn become_birthgate(words: &[&str]) -> ExitCode {
    let beside = std::env::current_exe().map(|own| own.with_file_name("birthgate"));
    let program = beside.ok().filter(|program| program.is_file());
    let program = program.unwrap_or_else(|| PathBuf::from("birthgate"));
    let arguments = std::env::args_os().skip(1);
    let error = Command::new(&program).args(words).args(arguments).exec();
    eprintln!(
        "error: {} cannot be run: {error}; it belongs beside this program",
        program.display()
    );
    ExitCode::from(1)
}
