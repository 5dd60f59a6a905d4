//! `entity register`: files that no registry knows.

use std::path::PathBuf;

use birthgate::entity::{self, FileRows};

use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::output::Output;

/// Register the files of a folder that have no row yet, as a registrar
///
/// The login needs the role birthgate_registrar, and a grant in the collection. Each file is born under
/// a permit of its own; run again, it registers what is new.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  birthgate entity register dot_tools ./tools --set code=DOT-{n} --set domain={2} --set verb={3}"
)]
pub struct RegisterArgs {
    /// The collection
    collection: String,
    /// The folder
    folder: PathBuf,
    /// The column that holds the files' names
    #[arg(long, value_name = "COLUMN", default_value = "name")]
    column: String,
    /// What a column gets: {file} is the file's name, {1} {2} … its parts between hyphens, {n} a number
    /// that no code has had
    #[arg(long = "set", value_name = "COLUMN=TEMPLATE", required = true)]
    columns: Vec<String>,
}

pub async fn run(args: RegisterArgs, connection: &ConnectionArgs, output: &Output) -> Result {
    let columns = args
        .columns
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((column, template)) => Ok((column.to_owned(), template.to_owned())),
            None => Err(CommandError::usage(format!("{pair:?} is not column=template"))),
        })
        .collect::<Result<_>>()?;
    let what = FileRows { collection: args.collection, name_column: args.column, columns };
    let client = connection.database()?.connect_for_others().await?;
    let registered = entity::register_folder(&client, &what, &args.folder).await?;
    output.table(
        &["FILE", "PERMIT"],
        registered.iter().map(|one| vec![one.file.clone(), one.permit_id.to_string()]).collect(),
    );
    output.say(format!("{} files were registered.", registered.len()));
    output.result("entity register", registered)
}
