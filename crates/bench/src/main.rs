//! Benchmarks: what a birth costs above the plain inserts that nobody can do without.

mod births;
mod chart;
mod corpus;
mod drift;
mod handoff;
mod key_change;
mod packet;
mod permits;
mod rehearse;
mod report;
mod scale;
mod server;
mod side;
mod throughput;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use births::Births;
use corpus::Corpus;
use drift::Drift;
use handoff::Handoff;
use key_change::KeyChange;
use permits::Permits;
use rehearse::Rehearse;
use report::Format;
use scale::Scale;

#[derive(Parser)]
#[command(about = "Benchmarks of Birthgate, on a private PostgreSQL with fsync on")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Births: in bulk, one by one, from eight clients, and beside a million others
    Births {
        /// What to print on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        #[command(flatten)]
        births: Births,
    },
    /// Permits: how large their table becomes
    Permits {
        /// What to print on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        #[command(flatten)]
        permits: Permits,
    },
    /// The online key change on the estate's registry, under load, beside the naive ALTER TABLE
    KeyChange {
        /// What to print on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        #[command(flatten)]
        key_change: KeyChange,
    },
    /// The handoff: what births lose by it, how fast it catches up, and how late it is
    Handoff {
        /// What to print on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        #[command(flatten)]
        handoff: Handoff,
    },
    /// Keeping watch: a quiet tick beside pg_dump, the dimensions, and what births lose by the daemon
    Drift {
        /// What to print on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        #[command(flatten)]
        drift: Drift,
    },
    /// Rehearsals: what they cost above their bare steps, and fingerprints beside pg_dump
    Rehearse {
        /// What to print on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        #[command(flatten)]
        rehearse: Rehearse,
    },
    /// Scale: births beside up to ten million others, and in a registry that was partitioned
    Scale {
        /// What to print on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        #[command(flatten)]
        scale: Scale,
    },
    /// Other people's SQL: every verdict beside what psql does, and the live state beside what it was
    Corpus {
        /// What to print on stdout; json: a line for each case
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        #[command(flatten)]
        corpus: Corpus,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (command, measured, format) = match Args::parse().command {
        Command::Births { format, births } => ("bench births", births.measure().await, format),
        Command::Permits { format, permits } => ("bench permits", permits.measure().await, format),
        Command::KeyChange { format, key_change } => {
            ("bench key-change", key_change.measure().await, format)
        }
        Command::Handoff { format, handoff } => ("bench handoff", handoff.measure().await, format),
        Command::Drift { format, drift } => ("bench drift", drift.measure().await, format),
        Command::Rehearse { format, rehearse } => {
            ("bench rehearse", rehearse.measure().await, format)
        }
        Command::Scale { format, scale } => ("bench scale", scale.measure().await, format),
        Command::Corpus { format, corpus } => return ended(corpus.run(format).await),
    };
    ended(measured.and_then(|report| report.print(command, format)))
}

fn ended(outcome: births::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
