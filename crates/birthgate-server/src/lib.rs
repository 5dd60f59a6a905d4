//! What of Birthgate runs for long: the sinks of the handoff.

pub mod sink;
