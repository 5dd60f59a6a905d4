//! The log of what runs for long, on stderr.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::stream;

/// How it is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Log {
    Text,
    Json,
}

/// Begins it: so much of it, unless RUST_LOG says otherwise.
pub fn begin(form: Log, much: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(much));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(|| stream::Log);
    match form {
        Log::Text => builder.init(),
        Log::Json => builder.json().init(),
    }
}
