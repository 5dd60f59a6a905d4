use birthgate::registry::{self, Finding};
use birthgate::schema;
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
    },
    /// Compare rows, births and permits, both ways; exit code 3 when they do not agree
    #[command(after_help = "Example:\n  birthgate registry reconcile dot_tools")]
    Reconcile {
        /// Only this collection
        collection: Option<String>,
    },
}

pub async fn run(command: Command, connection: &ConnectionArgs, output: &Output) -> Result {
    let mut client = connection.database()?.connect().await?;
    schema::require_installed(&client).await?;
    match command {
        Command::Adopt { registry: table, changelog } => {
            registry::adopt(&mut client, &table, changelog.as_deref()).await?;
            output.say(format!("{table} is the registry now."));
            output.result("registry adopt", json!({ "registry": table, "changelog": changelog }))
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
