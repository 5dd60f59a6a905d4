//! The estate's tool `dot-birth-admit`: `birthgate entity admit` under its own name.

fn main() -> std::process::ExitCode {
    birthgate_cli::dot_birth_admit()
}
