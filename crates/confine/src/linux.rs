//! The means of Linux.

mod child;
mod process;
mod rules;
mod spawner;
mod syscalls;
mod view;

pub use process::Process;
pub use spawner::start;
