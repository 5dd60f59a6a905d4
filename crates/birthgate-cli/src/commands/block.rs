use std::path::PathBuf;
use std::time::Duration;

use birthgate::block::{self, Dimension};
use birthgate::schema;
use clap::Subcommand;
use serde_json::json;

use crate::connection::ConnectionArgs;
use crate::error::Result;
use crate::output::Output;

/// BLOCK dimensions: counts that must be within their bounds for an action to be safe
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the dimensions, their last counts and what they block
    List {
        /// Count again first
        #[arg(long)]
        refresh: bool,
    },
    /// GO or NO-GO for an action; exit code 3 is NO-GO
    ///
    /// Judged from the stored counts. One that was never taken, could not be, or is too old blocks.
    #[command(after_help = "Example:\n  birthgate block assert rp_cleanup && rp_cleanup")]
    Assert {
        /// The action
        action: String,
    },
    /// Say how old a count may be before it blocks: the grace period, or `none` where no daemon counts again
    ///
    /// With `none` an old count is as good as a new one: what happens between two `block list --refresh` or `drift check` is
    /// then seen by nobody.
    #[command(
        after_help = "Examples:\n  birthgate block grace gate_drift 5min\n  birthgate block grace gate_drift none   # no daemon"
    )]
    Grace {
        /// The dimension
        dimension: String,
        /// Such as 10min, 1h or 1day; or `none`
        #[arg(value_parser = grace)]
        grace: Grace,
    },
    /// Count the files of a folder that have no row in a collection's table
    #[command(
        after_help = "Example:\n  birthgate block scan fs_no_registry ./tools --collection dot_tools --column name"
    )]
    Scan {
        /// The dimension that the count is of
        dimension: String,
        /// The folder
        folder: PathBuf,
        /// The collection in whose table the files are looked for
        #[arg(long)]
        collection: String,
        /// The column that holds their names
        #[arg(long, default_value = "name")]
        column: String,
    },
}

/// How old a count may be.
#[derive(Clone, Copy, Debug)]
pub struct Grace(Option<Duration>);

fn grace(text: &str) -> std::result::Result<Grace, String> {
    if text == "none" {
        return Ok(Grace(None));
    }
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    Ok(Grace(Some(duration)))
}

pub async fn run(command: Command, connection: &ConnectionArgs, output: &Output) -> Result {
    let mut client = connection.database()?.connect().await?;
    schema::require_installed(&client).await?;
    match command {
        Command::List { refresh } => {
            if refresh {
                block::refresh(&mut client).await?;
            }
            let dimensions = block::list(&client).await?;
            table(output, &dimensions);
            output.result("block list", dimensions)
        }
        Command::Assert { action } => {
            block::assert_safe(&client, &action).await?;
            output.say(format!("GO for {action}"));
            output.result("block assert", json!({ "action": action, "go": true }))
        }
        Command::Grace { dimension, grace: Grace(grace) } => {
            block::set_grace(&client, &dimension, grace).await?;
            output.say(match grace {
                Some(grace) => {
                    format!(
                        "{dimension} blocks when it is older than {}",
                        humantime::format_duration(grace)
                    )
                }
                None => format!("{dimension} is never too old; count it by hand or by cron"),
            });
            let seconds = grace.map(|grace| grace.as_secs_f64());
            output.result(
                "block grace",
                json!({ "dimension": dimension, "max_age_seconds": seconds }),
            )
        }
        Command::Scan { dimension, folder, collection, column } => {
            let missing = block::scan(&client, &dimension, &folder, &collection, &column).await?;
            for name in &missing {
                output.say(name);
            }
            output.say(format!("{dimension}: {} files without a row", missing.len()));
            output.result("block scan", json!({ "dimension": dimension, "missing": missing }))
        }
    }
}

/// The dimensions as a table.
pub fn table(output: &Output, dimensions: &[Dimension]) {
    output.table(
        &["DIMENSION", "COUNT", "BOUND", "STATE", "BLOCKS", "WHAT IT COUNTS"],
        dimensions
            .iter()
            .map(|dimension| {
                vec![
                    dimension.name.clone(),
                    dimension.value.map_or("-".to_owned(), |value| value.to_string()),
                    dimension.bound.to_string(),
                    dimension.state.clone(),
                    dimension.blocks.join(", "),
                    dimension.problem.clone().unwrap_or(dimension.description.clone()),
                ]
            })
            .collect(),
    );
}
