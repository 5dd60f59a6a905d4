use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use birthgate::admission::input::{self, InputFormat};
use birthgate::admission::many::{self, Batches, Outcome, Summary};
use birthgate::admission::{self, Admission, Admitted};
use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value};

use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Kind, Result};
use crate::output::Output;
use crate::progress::Step;

/// Entities: admitting one from the command line
#[derive(Debug, Subcommand)]
pub enum Command {
    Admit(AdmitArgs),
}

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

/// Rows from a file.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Many at once")]
struct ManyArgs {
    /// A file of rows: CSV with a header (an empty field is NULL), or NDJSON; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["columns", "json", "key", "break_glass"])]
    from: Option<PathBuf>,
    /// How it is written [default: by its name, else by its first byte]
    #[arg(long, value_enum, requires = "from")]
    input_format: Option<InputFormatArg>,
    /// Where to write what became of each line [default: FILE.outcome.ndjson, or outcome.ndjson]
    #[arg(long, value_name = "FILE", requires = "from")]
    outcome: Option<PathBuf>,
    /// Stop when more rows than this have failed
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_failures: u64,
    /// Rows in one transaction
    #[arg(long, value_name = "ROWS", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum InputFormatArg {
    Csv,
    Ndjson,
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

pub async fn run(command: Command, connection: &ConnectionArgs, output: &Output) -> Result {
    let Command::Admit(args) = command;
    if let Some(from) = &args.many.from {
        return admit_many(&args.collection, from, &args.many, connection, output).await;
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

async fn admit_many(
    collection: &str,
    from: &Path,
    args: &ManyArgs,
    connection: &ConnectionArgs,
    output: &Output,
) -> Result {
    let named = |error: std::io::Error| CommandError::usage(format!("{}: {error}", from.display()));
    let is_stdin = from == Path::new("-");
    let mut total = None;
    let mut input: Box<dyn BufRead> = if is_stdin {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let file = File::open(from).map_err(named)?;
        total = Some(file.metadata().map_err(named)?.len());
        Box::new(BufReader::with_capacity(1 << 20, file))
    };
    let format = match (args.input_format, from.extension().and_then(|name| name.to_str())) {
        (Some(InputFormatArg::Csv), _) | (None, Some("csv")) => InputFormat::Csv,
        (Some(InputFormatArg::Ndjson), _) | (None, Some("ndjson" | "jsonl")) => InputFormat::Ndjson,
        _ => InputFormat::guess(input.fill_buf().map_err(named)?),
    };
    let database = connection.database()?;
    let columns = many::columns(&database, collection).await?;
    let read = Rc::new(Cell::new(0));
    let input = BufReader::new(Counted { input, read: read.clone() });
    let records = input::records(input, format, &columns)?;

    let outcome_file = args.outcome.clone().unwrap_or_else(|| match is_stdin {
        true => "outcome.ndjson".into(),
        false => format!("{}.outcome.ndjson", from.display()).into(),
    });
    let mut outcomes =
        BufWriter::new(File::create(&outcome_file).map_err(|error| {
            CommandError::usage(format!("{}: {error}", outcome_file.display()))
        })?);
    let what = Batches {
        collection: collection.to_owned(),
        columns,
        batch: args.batch as usize,
        max_failures: args.max_failures,
    };
    let step = Step::begin(&format!("admitting {}", from.display()));
    let mut done = 0_u64;
    let ended = many::admit_many(&database, &what, records, |outcome: &Outcome| {
        done += 1;
        if let Some(total) = total {
            step.advance(&format!("{done} rows"), read.get(), total);
        }
        serde_json::to_writer(&mut outcomes, outcome)?;
        outcomes.write_all(b"\n")
    })
    .await;
    outcomes.flush()?;
    step.end();
    let summary = ended?;
    output.say(format!(
        "{} admitted, {} already born, {} duplicate, {} refused, {} broken: {}",
        summary.admitted,
        summary.already,
        summary.duplicate,
        summary.refused,
        summary.broken,
        outcome_file.display()
    ));
    output.result("entity admit", summary)?;
    no_failures(&summary, &outcome_file)
}

fn no_failures(summary: &Summary, outcome_file: &Path) -> Result {
    if summary.failures() == 0 {
        return Ok(());
    }
    Err(CommandError {
        kind: Kind::No,
        message: format!("{} rows were not admitted", summary.failures()),
        detail: Some(format!("{} says which, and why.", outcome_file.display())),
        hint: Some("Mend them and run the same command again: what is born stays as it is.".into()),
    })
}

/// A reader that says how much was read.
struct Counted<R> {
    input: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}
