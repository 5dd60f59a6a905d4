//! `entity admit`: one entity.

use std::io::Read;

use birthgate::admission::{self, Admission, Admitted};
use serde_json::{Map, Value};

use super::many::ManyArgs;
use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Kind, Result};
use crate::output::Output;

/// Admit one entity, or with --from those of a file: request, reserve, insert, finalise
///
/// One entity is idempotent by its key: the same key admits the same entity once. Transient errors are
/// tried again, and after a lost connection the outcome is looked up, not guessed. A failure is recorded
/// on the permit. Ctrl-C cancels the permit, unless the entity is born by then.
///
/// A file goes in batches, a transaction each. The same file again admits each row once, also after the
/// first run was killed. A row that cannot be admitted costs itself alone; what became of each line is
/// written to the outcome file, one JSON object a line.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  birthgate entity admit dot_tools code=DOT-500 name=dot-iu-count --key order-4711\n  echo '{\"code\":\"DOT-501\",\"name\":\"dot-iu-sum\"}' | birthgate entity admit dot_tools --json -\n  birthgate entity admit dot_tools --from tools.csv --max-failures 10"
)]
pub struct AdmitArgs {
    /// The collection
    collection: String,
    /// Columns of the row, as column=value
    #[arg(value_name = "COLUMN=VALUE", required_unless_present_any = ["json", "from"])]
    columns: Vec<String>,
    /// The row as a JSON object; - reads it from stdin
    #[arg(long, value_name = "OBJECT", conflicts_with = "columns")]
    json: Option<String>,
    /// The idempotency key [default: a new one]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Skip the BLOCK dimensions, never the gate. Needs the role birthgate_breakglass, and --reason
    #[arg(long, requires = "reason")]
    break_glass: bool,
    /// Why the glass is broken; at least 10 characters
    #[arg(long, requires = "break_glass")]
    reason: Option<String>,
    #[command(flatten)]
    many: ManyArgs,
}

impl AdmitArgs {
    fn row(&self) -> Result<Map<String, Value>> {
        let Some(json) = &self.json else {
            return self
                .columns
                .iter()
                .map(|pair| match pair.split_once('=') {
                    Some((column, value)) => Ok((column.to_owned(), Value::from(value))),
                    None => Err(CommandError::usage(format!("{pair:?} is not column=value"))),
                })
                .collect();
        };
        let mut text = json.clone();
        if json == "-" {
            text.clear();
            std::io::stdin().read_to_string(&mut text)?;
        }
        serde_json::from_str(&text)
            .map_err(|error| CommandError::usage(format!("the row is no JSON object: {error}")))
    }
}

pub async fn run(args: AdmitArgs, connection: &ConnectionArgs, output: &Output) -> Result {
    if let Some(from) = &args.many.from {
        return super::many::admit_many(&args.collection, from, &args.many, connection, output)
            .await;
    }
    let reason = args.reason.as_deref();
    if reason.is_some_and(|reason| reason.trim().chars().count() < 10) {
        return Err(CommandError::usage("a reason has at least 10 characters"));
    }
    let row = args.row()?;
    let idempotency_key = args.key.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let admission =
        Admission { collection: args.collection, row, idempotency_key, break_glass: args.reason };
    let database = connection.database()?;
    let admitted = tokio::select! {
        admitted = admission::admit(&database, &admission) => admitted?,
        _ = tokio::signal::ctrl_c() => {
            return Err(interrupted(admission::abandon(&database, &admission.idempotency_key).await?));
        }
    };
    say(output, &admitted);
    output.result("entity admit", admitted)
}

fn say(output: &Output, admitted: &Admitted) {
    output.say(format!(
        "{} is born: permit {} is {}{}",
        admitted.entity_code,
        admitted.permit_id,
        admitted.state,
        if admitted.attempts > 1 {
            format!(", after {} attempts", admitted.attempts)
        } else {
            String::new()
        }
    ));
}

fn interrupted(born: Option<i64>) -> CommandError {
    CommandError {
        kind: Kind::Unknown,
        message: match born {
            Some(permit) => {
                format!("interrupted, but the entity was born already (permit {permit})")
            }
            None => "interrupted: nothing is born, the permit is cancelled".to_owned(),
        },
        detail: None,
        hint: None,
    }
}
