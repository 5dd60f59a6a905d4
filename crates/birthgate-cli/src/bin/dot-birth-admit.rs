//! The estate's tool `dot-birth-admit`: `birthgate entity admit` under its own name.

fn main() -> std::process::ExitCode {
    birthgate_cli::become_birthgate(&["entity", "admit"])
}
