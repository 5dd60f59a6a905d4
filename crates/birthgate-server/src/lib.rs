//! What of Birthgate runs for long: the sinks of the handoff, and the page that an owner looks at.

pub mod page;
pub mod sink;
