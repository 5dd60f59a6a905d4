mod admit;
mod end;
mod many;
mod register;

use birthgate::entity;
use clap::Subcommand;

use crate::connection::ConnectionArgs;
use crate::error::Result;
use crate::output::Output;

/// Entities: their birth, their name, their end
#[derive(Debug, Subcommand)]
pub enum Command {
    Admit(admit::AdmitArgs),
    Register(register::RegisterArgs),
    /// End an entity: its birth is retired, its row deleted if it is still there
    #[command(after_help = "Example:\n  birthgate entity retire dot_tools DOT-500 --cascade")]
    Retire(end::EndArgs),
    /// Delete a row that has no birth
    #[command(after_help = "Example:\n  birthgate entity discard dot_tools DOT-501")]
    Discard(end::EndArgs),
    Rename(end::RenameArgs),
    /// What is known of an entity: its births and its permits
    #[command(after_help = "Example:\n  birthgate entity show dot_tools DOT-500")]
    Show {
        /// The collection
        collection: String,
        /// Its code; of several columns, a JSON array of texts
        entity_code: String,
    },
}

pub async fn run(command: Command, connection: &ConnectionArgs, output: &Output) -> Result {
    match command {
        Command::Admit(args) => admit::run(args, connection, output).await,
        Command::Register(args) => register::run(args, connection, output).await,
        Command::Retire(args) => end::run(entity::End::Retire, args, connection, output).await,
        Command::Discard(args) => end::run(entity::End::Discard, args, connection, output).await,
        Command::Rename(args) => end::rename(args, connection, output).await,
        Command::Show { collection, entity_code } => {
            let client = connection.database()?.connect_for_others().await?;
            let known = entity::show(&client, &collection, &entity_code).await?;
            output.say(serde_json::to_string_pretty(&known)?);
            output.result("entity show", known)
        }
    }
}
