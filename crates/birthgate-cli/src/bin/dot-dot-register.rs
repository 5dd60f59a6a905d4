//! The estate's tool `dot-dot-register`: `birthgate entity register` under its own name.

fn main() -> std::process::ExitCode {
    birthgate_cli::dot_dot_register()
}
