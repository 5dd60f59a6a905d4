use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use birthgate::remains::{self, Remains};
use birthgate::{registry, schema};
use serde_json::json;
use tokio_postgres::Client;

use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::output::Output;

/// Take Birthgate out of a database
///
/// Gives every governed table and an adopted registry back as they were. Rows and births stay, with
/// the status `born`. Births that are retired could not be told from others any more: with any of
/// them it refuses, unless they are exported.
///
/// The evidence log stays, and so do roles that another database uses; it says which. `--evidence` and `--roles` take them away, at
/// once or in a later call.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  birthgate uninstall\n  birthgate uninstall --export retired.ndjson\n  birthgate uninstall --evidence --roles"
)]
pub struct Args {
    /// Write the retired births to this file first, as NDJSON
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Drop the evidence log too: what was rehearsed, signed and applied
    #[arg(long)]
    evidence: bool,
    /// Drop the roles too, with their memberships; exit code 3 if something still uses one
    #[arg(long)]
    roles: bool,
}

pub async fn run(args: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    let mut client = connection.database()?.connect().await?;
    // What an earlier call left can be taken away where nothing else is any more.
    let is_left = args.evidence || args.roles;
    let is_installed = !is_left || schema::installed_version(&client).await?.is_some();
    if is_installed {
        uninstall(&mut client, &args).await?;
        output.say("Birthgate is uninstalled; every table is as it was.");
    }
    if args.evidence {
        remains::drop_evidence(&client).await?;
    }
    if args.roles {
        remains::drop_roles(&mut client).await?;
    }
    let left = remains::look(&client).await?;
    for line in lines(&left) {
        output.say(line);
    }
    let problem = args.roles && !left.roles.is_empty();
    output.result("uninstall", json!({ "uninstalled": is_installed, "left": left }))?;
    match problem {
        true => Err(CommandError::no("not every role could be dropped")),
        false => Ok(()),
    }
}

async fn uninstall(client: &mut Client, args: &Args) -> Result {
    schema::require_installed(client).await?;
    if let Some(path) = &args.export {
        let mut file = BufWriter::new(File::create(path)?);
        for birth in registry::retired(client).await? {
            writeln!(file, "{birth}")?;
        }
        file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    }
    Ok(schema::uninstall(client, args.export.is_some()).await?)
}

/// What is left, and how to take it away.
fn lines(left: &Remains) -> Vec<String> {
    let mut lines = Vec::new();
    if left.evidence {
        lines.push("Left: the schema birthgate_evidence, which says what was rehearsed, signed and applied.".to_owned());
        lines.push("  birthgate evidence log --export FILE keeps a copy of it, birthgate uninstall --evidence drops it.".to_owned());
    }
    if left.roles.is_empty() {
        if !left.evidence {
            lines.push("Nothing of Birthgate is left.".to_owned());
        }
        return lines;
    }
    let names: Vec<&str> = left.roles.iter().map(|role| role.name.as_str()).collect();
    lines.push(format!("Left: the roles {}.", names.join(", ")));
    for role in left.roles.iter().filter(|role| !role.members.is_empty()) {
        lines.push(format!("  Members of {}: {}.", role.name, role.members.join(", ")));
    }
    let mut databases: Vec<&str> =
        left.roles.iter().flat_map(|role| &role.databases).map(String::as_str).collect();
    databases.sort_unstable();
    databases.dedup();
    lines.push(match databases.is_empty() {
        true => "  This login may not drop them; a superuser may: birthgate uninstall --roles"
            .to_owned(),
        false => format!(
            "  They are used in {}. If Birthgate is to leave there too: birthgate uninstall --roles",
            databases.join(", ")
        ),
    });
    lines
}
