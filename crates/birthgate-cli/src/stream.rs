//! Stdout and stderr, for a reader that may leave early: `birthgate … | head`.
//!
//! A command that changes a database must not die because its reader did. It runs to its end, drops the rest of its text and
//! ends with its own exit code. Every other failure to write stdout, such as a full disk, is an error at the end.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

/// Prints a line on stdout. Unlike the standard macro it does not panic.
macro_rules! println {
    ($($line:tt)*) => { $crate::stream::out(format_args!($($line)*)) };
}

/// Prints a line on stderr. Unlike the standard macro it does not panic.
macro_rules! eprintln {
    ($($line:tt)*) => { $crate::stream::err(format_args!($($line)*)) };
}

/// The first failure to write stdout.
static FAILURE: OnceLock<String> = OnceLock::new();

pub fn out(line: Arguments) {
    match writeln!(anstream::stdout().lock(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            FAILURE.get_or_init(|| error.to_string());
        }
        _ => {}
    }
}

pub fn err(line: Arguments) {
    // There is no other place to report this failure.
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Why stdout is incomplete, if it is.
pub fn failure() -> Option<&'static str> {
    // A line that has no end yet is still in the buffer.
    if let Err(error) = std::io::stdout().flush()
        && error.kind() != ErrorKind::BrokenPipe
    {
        FAILURE.get_or_init(|| error.to_string());
    }
    FAILURE.get().map(String::as_str)
}

/// Stderr for the log: what cannot be written is dropped.
pub struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = std::io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
