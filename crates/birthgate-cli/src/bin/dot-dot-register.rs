//! The estate's tool `dot-dot-register`: `birthgate entity register` under its own name.

fn main() -> std::process::ExitCode {
    birthgate_cli::become_birthgate(&["entity", "register"])
}
