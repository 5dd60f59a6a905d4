use std::path::{Path, PathBuf};

use birthgate::evidence::{self, Evidence};
use birthgate::evidence_log::{self, Entry};
use clap::Subcommand;
use serde_json::json;

use super::signing::OwnersArgs;
use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::output::Output;

/// Evidence of rehearsals: documents, checkpoints and pages, and whether they are as they were written
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the evidence below a folder, oldest first
    List {
        /// The folder
        #[arg(default_value = "birthgate-evidence")]
        folder: PathBuf,
    },
    /// Show the checkpoint of one
    #[command(
        after_help = "Example:\n  birthgate evidence show birthgate-evidence/orders-2026-01-31-r1"
    )]
    Show {
        /// The folder of the one
        evidence: PathBuf,
    },
    /// Find every changed byte, of one or of all below a folder with their chain, or of an evidence log; exit code 3
    /// when there is one
    Verify {
        /// The folder
        #[arg(default_value = "birthgate-evidence")]
        folder: PathBuf,
        /// An exported evidence log instead, with the signatures in it; no database is needed
        #[arg(long, value_name = "FILE", conflicts_with = "folder")]
        log: Option<PathBuf>,
        #[command(flatten)]
        owners: OwnersArgs,
    },
    /// Show the database's evidence log
    #[command(
        after_help = "Examples:\n  birthgate evidence log\n  birthgate evidence log --export log.ndjson && birthgate evidence verify --log log.ndjson"
    )]
    Log {
        /// Write all of it into this file, an entry a line
        #[arg(long, value_name = "FILE")]
        export: Option<PathBuf>,
    },
    /// Print one as a single JSON document, with every file in it
    Export {
        /// The folder of the one
        evidence: PathBuf,
    },
}

pub async fn run(command: Command, connection: &ConnectionArgs, output: &Output) -> Result {
    match command {
        Command::List { folder } => {
            let all = evidence::list(&folder)?;
            output.table(
                &["EVIDENCE", "REVISION", "STATUS", "DATE", "HASH"],
                all.iter().map(row).collect(),
            );
            output.result("evidence list", all)
        }
        Command::Show { evidence } => {
            let text = read(&evidence.join("checkpoint.md"))?;
            output.say(text.trim_end());
            let checkpoint: serde_json::Value =
                serde_json::from_str(&read(&evidence.join("checkpoint.json"))?)?;
            output.result("evidence show", checkpoint)
        }
        Command::Log { export } => {
            let client = connection.database()?.connect().await?;
            let entries = evidence_log::entries(&client, 0, None).await?;
            if let Some(path) = &export {
                let lines: std::result::Result<Vec<String>, _> =
                    entries.iter().map(serde_json::to_string).collect();
                std::fs::write(path, lines?.join("\n") + "\n")?;
                output.say(format!("{} entries are in {}.", entries.len(), path.display()));
            } else {
                output.table(
                    &["ENTRY", "AT", "KIND", "LOGIN", "WHAT"],
                    entries.iter().map(entry_row).collect(),
                );
            }
            output.result("evidence log", entries)
        }
        Command::Verify { log: Some(path), owners, .. } => {
            let entries: std::result::Result<Vec<Entry>, _> =
                read(&path)?.lines().map(serde_json::from_str).collect();
            let entries = entries
                .map_err(|error| CommandError::no(format!("{}: {error}", path.display())))?;
            let mut flaws = evidence_log::verify(&entries);
            flaws.extend(evidence_log::verify_signatures(&entries, &owners.owners(connection)?));
            for flaw in &flaws {
                output.say(flaw);
            }
            if flaws.is_empty() {
                output.say(format!(
                    "{} entries are as they were written, and every signature holds.",
                    entries.len()
                ));
            }
            let good = flaws.is_empty();
            output.result("evidence verify", json!({ "intact": good, "flaws": flaws }))?;
            match good {
                true => Ok(()),
                false => Err(CommandError::no("the evidence log is not as it was written")),
            }
        }
        Command::Verify { folder, .. } => {
            let flaws = match folder.join("checkpoint.json").is_file() {
                true => evidence::verify(&folder)?,
                false => evidence::verify_all(&folder)?,
            };
            for flaw in &flaws {
                output.say(format!("{}/{}: {}", flaw.id, flaw.file, flaw.problem));
            }
            if flaws.is_empty() {
                output.say("Everything is as it was written.");
            }
            let good = flaws.is_empty();
            output.result("evidence verify", json!({ "intact": good, "flaws": flaws }))?;
            match good {
                true => Ok(()),
                false => Err(CommandError::no("the evidence is not as it was written")),
            }
        }
        Command::Export { evidence } => {
            println!("{}", serde_json::to_string_pretty(&evidence::export(&evidence)?)?);
            Ok(())
        }
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|source| {
        birthgate::Error::File { path: path.display().to_string(), source }.into()
    })
}

fn row(one: &Evidence) -> Vec<String> {
    vec![
        one.id.clone(),
        one.revision.to_string(),
        one.status.clone(),
        one.date.clone(),
        one.hash.chars().take(16).collect(),
    ]
}

fn entry_row(entry: &Entry) -> Vec<String> {
    let body = entry.json();
    let said = [
        "packet",
        "step",
        "action",
        "state",
        "ended",
        "why",
        "collection",
        "identity",
        "principal",
        "verdict",
    ];
    let what: Vec<String> =
        said.iter().filter_map(|name| Some(format!("{name} {}", body[name].as_str()?))).collect();
    vec![
        entry.number.to_string(),
        entry.at.clone(),
        entry.kind.clone(),
        entry.login.clone(),
        what.join(", "),
    ]
}
