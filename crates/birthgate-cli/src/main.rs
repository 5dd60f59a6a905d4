//! The `birthgate` command.
fn main() {}
