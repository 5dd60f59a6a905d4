use std::path::{Path, PathBuf};

use birthgate::evidence::{self, Evidence};
use clap::Subcommand;
use serde_json::json;

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
    /// Find every changed byte, of one or of all below a folder with their chain; exit code 3 when there is one
    Verify {
        /// The folder
        #[arg(default_value = "birthgate-evidence")]
        folder: PathBuf,
    },
    /// Print one as a single JSON document, with every file in it
    Export {
        /// The folder of the one
        evidence: PathBuf,
    },
}

pub fn run(command: Command, output: &Output) -> Result {
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
        Command::Verify { folder } => {
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
