//! Where Birthgate knows no means of the kernel.

use std::convert::Infallible;

use crate::{Cell, Error, Kind};

/// A running program; here there can be none.
#[derive(Debug)]
pub struct Process(Infallible);

impl Process {
    /// Its number.
    pub fn id(&self) -> i32 {
        match self.0 {}
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        match self.0 {}
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) {
        match self.0 {}
    }

    /// Has it end, with whatever it started.
    pub fn end(&self) {
        match self.0 {}
    }

    /// Ends it at once.
    pub fn kill(&self) {
        match self.0 {}
    }
}

/// Refuses.
pub fn start(_: Cell, kind: Kind) -> Result<Process, Error> {
    Err(Error::Refused { kind, problem: format!("not on {}", std::env::consts::OS) })
}
