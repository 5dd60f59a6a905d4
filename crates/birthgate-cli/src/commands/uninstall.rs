use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use birthgate::{registry, schema};
use serde_json::json;

use crate::connection::ConnectionArgs;
use crate::error::Result;
use crate::output::Output;

/// Take Birthgate out of a database
///
/// Gives every governed table and an adopted registry back as they were. Rows and births stay, with
/// the status `born`. Births that are retired could not be told from others any more: with any of
/// them it refuses, unless they are exported.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  birthgate uninstall\n  birthgate uninstall --export retired.ndjson"
)]
pub struct Args {
    /// Write the retired births to this file first, as NDJSON
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
}

pub async fn run(args: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    let mut client = connection.database()?.connect().await?;
    schema::require_installed(&client).await?;
    if let Some(path) = &args.export {
        let mut file = BufWriter::new(File::create(path)?);
        for birth in registry::retired(&client).await? {
            writeln!(file, "{birth}")?;
        }
        file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    }
    schema::uninstall(&mut client, args.export.is_some()).await?;
    output.say("Birthgate is uninstalled; every table is as it was.");
    output.result("uninstall", json!({ "uninstalled": true }))
}
