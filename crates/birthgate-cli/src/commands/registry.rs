use birthgate::{registry, schema};
use clap::Subcommand;
use serde_json::json;

use crate::connection::ConnectionArgs;
use crate::error::Result;
use crate::output::Output;

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
    }
}
