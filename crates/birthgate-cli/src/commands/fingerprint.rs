use std::fs;
use std::path::{Path, PathBuf};

use birthgate::fingerprint::{self, Fingerprint, Scope};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::output::Output;

/// Fingerprints: what a database's objects are, as one hash and in words
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take the fingerprint of a database; nothing need be installed in it
    ///
    /// One hash for all, one for each kind of object and one for each object, equal on PostgreSQL 14 to
    /// 18 for equal objects. Rows, statistics and the positions of sequences are not in it.
    #[command(
        after_help = "Examples:\n  birthgate fingerprint take --out before.json\n  birthgate fingerprint take --scope 'function public.f' --scope public.orders"
    )]
    Take {
        /// all, gate (what enforces the gate), or objects: `table public.x`, `function public.f`, `public.x`
        #[arg(long, value_name = "SCOPE", default_value = "all")]
        scope: Vec<String>,
        /// Write it to this file, for `fingerprint diff`
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Say in words what differs between two fingerprints; exit code 3 when something does
    #[command(after_help = "Example:\n  birthgate fingerprint diff before.json after.json")]
    Diff {
        /// The earlier one
        before: PathBuf,
        /// The later one
        after: PathBuf,
    },
}

pub async fn run(command: Command, connection: &ConnectionArgs, output: &Output) -> Result {
    match command {
        Command::Take { scope, out } => {
            let client = connection.database()?.connect().await?;
            let taken = fingerprint::take(&client, &scope_of(scope)?).await?;
            if let Some(path) = &out {
                fs::write(path, serde_json::to_vec_pretty(&taken)?).map_err(|e| named(path, e))?;
            }
            output.say(format!("{}  {} objects", taken.root, taken.objects.len()));
            for (kind, hash) in &taken.kinds {
                let count = taken.objects.values().filter(|object| &object.kind == kind).count();
                output.say(format!("{}  {count} of kind {kind}", &hash[..16]));
            }
            for name in &taken.absent {
                output.say(format!("ABSENT            {name}"));
            }
            output.result("fingerprint take", taken)
        }
        Command::Diff { before, after } => {
            let (before, after) = (read(&before)?, read(&after)?);
            let differences = before.diff(&after);
            for difference in &differences {
                output.say(difference.to_string());
            }
            if before.root == after.root {
                output.say(format!("They are equal: {}", before.root));
            }
            output.result(
                "fingerprint diff",
                json!({ "equal": before.root == after.root, "differences": differences }),
            )?;
            match differences.len() {
                0 => Ok(()),
                count => Err(CommandError::no(format!("{count} differences"))),
            }
        }
    }
}

fn scope_of(words: Vec<String>) -> Result<Scope> {
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["all"] => Ok(Scope::All),
        ["gate"] => Ok(Scope::Gate),
        ref names if names.contains(&"all") || names.contains(&"gate") => {
            Err(CommandError::usage("--scope is all, or gate, or objects; not several of these"))
        }
        _ => Ok(Scope::Objects(words)),
    }
}

/// A fingerprint from a file: as `--out` wrote it, or as `--format json` printed it.
fn read(path: &Path) -> Result<Fingerprint> {
    let text = fs::read(path).map_err(|error| named(path, error))?;
    let unreadable = |error| CommandError::usage(format!("{}: {error}", path.display()));
    let mut document: Value = serde_json::from_slice(&text).map_err(unreadable)?;
    if let Some(result) = document.get_mut("result") {
        document = result.take();
    }
    serde_json::from_value(document).map_err(unreadable)
}

fn named(path: &Path, error: std::io::Error) -> CommandError {
    CommandError::usage(format!("{}: {error}", path.display()))
}
