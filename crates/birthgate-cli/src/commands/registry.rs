use std::path::PathBuf;

use birthgate::key_change::{self, KeyChange};
use birthgate::registry::{self, Finding};
use birthgate::{adoption, partition, schema};
use clap::Subcommand;
use serde_json::json;

use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::output::Output;
use crate::progress::Step;

/// The registry of births
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Adopt a registry, and its changelog, that are there already
    ///
    /// They stay where they are and keep their rows. Columns are added without a rewrite, indexes are
    /// built without stopping writers, and the guards are set with short locks.
    #[command(
        after_help = "Example:\n  birthgate registry adopt public.birth_registry --changelog public.registry_changelog"
    )]
    Adopt {
        /// The table of the registry, with the columns id, entity_code, collection_name, status and
        /// born_at
        registry: String,
        /// The table of its changelog
        #[arg(long, value_name = "TABLE")]
        changelog: Option<String>,
        /// Look at the registry and write the packet that adopts it into this folder, to be rehearsed first;
        /// needs nothing installed, and changes nothing
        #[arg(long, value_name = "DIR")]
        packet: Option<PathBuf>,
    },
    /// Decide whether a unique key can be replaced by another, and write the packet that does it
    ///
    /// Only reads: rows against the new key, NULLs, foreign keys, views, functions, rules and statements
    /// that name the old one, replica identity, size and time. Works on any table, with nothing installed.
    /// Exit code 3 when the key is not ready.
    #[command(
        after_help = "Example:\n  birthgate registry key-change birth_registry --from entity_code --to entity_code,collection_name --packet ./packet"
    )]
    KeyChange {
        /// The table
        table: String,
        /// The columns of the old key
        #[arg(long, value_name = "COLUMNS", value_delimiter = ',', required = true)]
        from: Vec<String>,
        /// The columns of the new key
        #[arg(long, value_name = "COLUMNS", value_delimiter = ',', required = true)]
        to: Vec<String>,
        /// Write the packet into this folder, when the key is ready
        #[arg(long, value_name = "DIR")]
        packet: Option<PathBuf>,
        /// Show some of the keys that more than one row has
        #[arg(long)]
        samples: bool,
    },
    /// Partition Birthgate's own registry by the hash of the entity code, while births go on
    ///
    /// Only looks, and writes the packet: a partitioned table beside the registry, to which every change is carried;
    /// a copy of what was there before, in small transactions; an exchange; a STOP; the end of the old table.
    /// Exit code 3 when something stands in the way.
    #[command(
        after_help = "Example:\n  birthgate registry partition --partitions 8 --packet ./packet"
    )]
    Partition {
        /// How many partitions, from 2 to 256
        #[arg(long, value_name = "NUMBER")]
        partitions: u32,
        /// Write the packet into this folder, when nothing stands in the way
        #[arg(long, value_name = "DIR")]
        packet: Option<PathBuf>,
    },
    /// Compare rows, births and permits, both ways; exit code 3 when they do not agree
    #[command(after_help = "Example:\n  birthgate registry reconcile dot_tools")]
    Reconcile {
        /// Only this collection
        collection: Option<String>,
    },
}

pub async fn run(command: Command, connection: &ConnectionArgs, output: &Output) -> Result {
    let database = connection.database()?;
    let mut client = database.connect().await?;
    if !matches!(command, Command::KeyChange { .. } | Command::Adopt { packet: Some(_), .. }) {
        schema::require_installed(&client).await?;
    }
    match command {
        Command::KeyChange { table, from, to, packet, samples } => {
            let step = Step::begin(&format!("looking at the key of {table}"));
            let table = database.qualified(&table).await?;
            let found = key_change::decide(&client, &table, &from, &to, samples).await;
            step.end();
            let found = found?;
            show_key_change(output, &found);
            let ready = found.reasons.is_empty();
            if let (Some(folder), true) = (&packet, ready) {
                found.write_packet(folder)?;
                output
                    .say(format!("The packet is in {0}: birthgate rehearse {0}", folder.display()));
            }
            output.result("registry key-change", found)?;
            match ready {
                true => Ok(()),
                false => Err(CommandError::no("the key is not ready")),
            }
        }
        Command::Adopt { registry: table, changelog, packet: Some(folder) } => {
            let table = database.qualified(&table).await?;
            let found = adoption::examine(&client, &table, changelog.as_deref()).await?;
            for finding in &found.findings {
                output.say(format!("\x1b[31min the way\x1b[0m: {finding}"));
            }
            let clear = found.findings.is_empty();
            if clear {
                found.write_packet(&folder)?;
                output.say(format!(
                    "The packet is in {0}: birthgate rehearse {0} --rows all",
                    folder.display()
                ));
            }
            output.result("registry adopt", found)?;
            match clear {
                true => Ok(()),
                false => Err(CommandError::no(format!("{table} cannot be adopted as it is"))),
            }
        }
        Command::Adopt { registry: table, changelog, packet: None } => {
            let (registry, named) = (database.qualified(&table).await?, changelog.as_deref());
            let changelog = match named {
                Some(changelog) => Some(database.qualified(changelog).await?),
                None => None,
            };
            registry::adopt(&mut client, &registry, changelog.as_deref()).await?;
            output.say(format!("{table} is the registry now."));
            output.result("registry adopt", json!({ "registry": table, "changelog": changelog }))
        }
        Command::Partition { partitions, packet } => {
            let found = partition::examine(&client, partitions).await?;
            for finding in &found.findings {
                output.say(format!("\x1b[31min the way\x1b[0m: {finding}"));
            }
            let clear = found.findings.is_empty();
            match &packet {
                Some(folder) if clear => {
                    found.write_packet(folder)?;
                    output.say(format!(
                        "The packet is in {0}: birthgate rehearse {0} --rows all",
                        folder.display()
                    ));
                }
                None if clear => output.say("Nothing stands in the way."),
                _ => {}
            }
            output.result("registry partition", found)?;
            match clear {
                true => Ok(()),
                false => Err(CommandError::no("the registry cannot be partitioned as it is")),
            }
        }
        Command::Reconcile { collection } => {
            let step = Step::begin("comparing rows, births and permits");
            let findings = registry::reconcile(&client, collection.as_deref()).await?;
            step.end();
            if findings.is_empty() {
                output.say("Rows, births and permits agree.");
            } else {
                output.table(
                    &["COLLECTION", "FINDING", "COUNT", "FOR EXAMPLE", "WHAT TO DO"],
                    findings.iter().map(row).collect(),
                );
            }
            let agree = findings.is_empty();
            output.result("registry reconcile", findings)?;
            match agree {
                true => Ok(()),
                false => Err(CommandError::no("rows, births and permits do not agree")),
            }
        }
    }
}

fn show_key_change(output: &Output, found: &KeyChange) {
    let colour = if found.reasons.is_empty() { 32 } else { 31 };
    output.say(format!(
        "\x1b[1;{colour}m{}\x1b[0m  {}: ({}) instead of ({})",
        found.decision,
        found.table,
        found.to.join(", "),
        found.from.join(", ")
    ));
    let named = |names: &[String]| match names.is_empty() {
        true => "0".to_owned(),
        false => format!("{}: {}", names.len(), names.join(", ")),
    };
    let code: Vec<String> =
        found.code.iter().map(|code| format!("{} {}", code.kind, code.name)).collect();
    let statements = match &found.statements {
        None => "not seen: pg_stat_statements is not installed".to_owned(),
        Some(statements) => statements.len().to_string(),
    };
    let lines = [
        ("rows", found.rows.to_string()),
        ("keys of more than one row", found.violations.to_string()),
        ("rows with a NULL in the key", found.nulls.to_string()),
        ("foreign keys to the old key", named(&found.foreign_keys)),
        ("views that stand on it", named(&found.views)),
        ("functions and rules that name it", named(&code)),
        ("statements of clients that name it", statements),
        ("replica identity", if found.replica_identity { "yes" } else { "no" }.to_owned()),
        (
            "new index, about",
            format!("{} MB, {:.1} s", found.forecast_bytes / 1_000_000, found.forecast_seconds),
        ),
        ("no way back", found.one_way_from.clone()),
    ];
    output.table(
        &["WHAT", "FOUND"],
        lines.map(|(what, found)| vec![what.to_owned(), found]).into_iter().collect(),
    );
    for sample in &found.samples {
        output.say(format!("more than one row: {sample}"));
    }
    for reason in &found.reasons {
        output.say(format!("\x1b[31mnot ready\x1b[0m: {reason}"));
    }
    for code in &found.code {
        let Some(patch) = &code.patch else { continue };
        output.say(format!("\n{} {}: {}", code.kind, code.name, code.advice));
        for (old, new) in code.original.lines().zip(patch.lines()).filter(|(old, new)| old != new) {
            output.say(format!(
                "  \x1b[31m- {}\x1b[0m\n  \x1b[32m+ {}\x1b[0m",
                old.trim(),
                new.trim()
            ));
        }
    }
    output.say(format!("\nNot seen: {}.", found.unseen.join("; ")));
}

fn row(finding: &Finding) -> Vec<String> {
    let examples = finding.examples.iter().map(|code| code.as_deref().unwrap_or("-"));
    vec![
        finding.collection_name.clone(),
        finding.finding.clone(),
        finding.count.to_string(),
        examples.take(3).collect::<Vec<_>>().join(" "),
        finding.advice.clone(),
    ]
}
