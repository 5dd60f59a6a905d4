//! `entity retire`, `entity discard` and `entity rename`.

use birthgate::entity::{self, End};
use serde_json::json;

use crate::connection::ConnectionArgs;
use crate::error::Result;
use crate::output::Output;

#[derive(clap::Args, Debug)]
pub struct EndArgs {
    /// The collection
    collection: String,
    /// Its code; of several columns, a JSON array of texts
    entity_code: String,
    /// End the governed rows that refer to it first, each under a permit of its own
    #[arg(long)]
    cascade: bool,
    /// The same key ends it once
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// Give an entity another code
///
/// Its birth is retired and says into what it was renamed; the new one is born under the same permit.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  birthgate entity rename dot_tools DOT-500 DOT-600")]
pub struct RenameArgs {
    /// The collection
    collection: String,
    /// Its code
    from: String,
    /// Its code from now on
    to: String,
    /// The same key renames it once
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

pub async fn run(end: End, args: EndArgs, connection: &ConnectionArgs, output: &Output) -> Result {
    let client = connection.database()?.connect_for_others().await?;
    let EndArgs { collection, entity_code, cascade, key } = args;
    let permit_id =
        entity::end(&client, end, &collection, &entity_code, key.as_deref(), cascade).await?;
    let (command, word) = match end {
        End::Retire => ("entity retire", "retired"),
        End::Discard => ("entity discard", "discarded"),
    };
    output.say(format!("{entity_code} is {word}, under permit {permit_id}."));
    output.result(command, json!({ "entity_code": entity_code, "permit_id": permit_id }))
}

pub async fn rename(args: RenameArgs, connection: &ConnectionArgs, output: &Output) -> Result {
    let client = connection.database()?.connect_for_others().await?;
    let RenameArgs { collection, from, to, key } = args;
    let permit_id = entity::rename(&client, &collection, &from, &to, key.as_deref()).await?;
    output.say(format!("{from} is {to} now, under permit {permit_id}."));
    output.result("entity rename", json!({ "from": from, "to": to, "permit_id": permit_id }))
}
