//! What of Birthgate runs for long: the daemon with its page, and the sinks of the handoff.

pub mod daemon;
pub mod page;
pub mod sink;
