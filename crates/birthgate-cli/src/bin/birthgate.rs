//! The `birthgate` command.

fn main() -> std::process::ExitCode {
    birthgate_cli::birthgate()
}
