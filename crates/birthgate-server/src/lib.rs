//! What of Birthgate runs for long: the daemon with its page, the sinks of the handoff, and the server for agents.

mod access;
pub mod daemon;
mod evidence;
pub mod mcp;
pub mod page;
mod pool;
pub mod sink;
