//! The commands: a thin layer between a terminal and the library.

#[macro_use]
mod stream;

mod alias;
mod commands;
mod connection;
mod error;
mod log;
mod output;
mod programs;
mod progress;
mod stop;
mod token;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::commands::Command;
use crate::connection::ConnectionArgs;
use crate::error::CommandError;
use crate::output::{Format, Output};

pub use alias::become_birthgate;
pub use commands::HandoffReport;

/// Admission control for the rows and the schema of a PostgreSQL database
///
/// No row comes to life in a governed collection without a single-use permit. Start with
/// `birthgate demo`: it needs no database.
///
/// Exit codes: 0 yes · 1 could not find out · 2 usage · 3 no: refused, NO-GO · 4 incomplete.
#[derive(Debug, Parser)]
#[command(name = "birthgate", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// What to print on stdout: text for people, or one JSON document
    #[arg(long, global = true, value_enum, default_value = "text", help_heading = "Output")]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

/// The whole of the `birthgate` command.
pub fn birthgate() -> ExitCode {
    let matches = command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match matches {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap, and no failure of ours.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let output = Output::new(cli.format);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return CommandError::from(error).report(),
    };
    let ended = runtime.block_on(cli.command.run(&cli.connection, &output));
    // Nobody waits for a client's next line.
    runtime.shutdown_background();
    match (ended, stream::failure()) {
        (Err(error), _) => error.report(),
        (Ok(()), Some(problem)) => CommandError::unknown(format!("stdout: {problem}")).report(),
        (Ok(()), None) => ExitCode::SUCCESS,
    }
}

/// The definition of the command line, for completions, man pages and tests.
pub fn command() -> clap::Command {
    Cli::command()
}
