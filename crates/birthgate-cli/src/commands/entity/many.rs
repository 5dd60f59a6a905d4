//! `entity admit --from`: many at once.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use birthgate::admission::input::{self, InputFormat, Record};
use birthgate::admission::many::{self, Batches, Outcome, Summary};
use clap::ValueEnum;
use futures_util::{Stream, stream};

use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Kind, Result};
use crate::output::Output;
use crate::progress::Step;
use crate::stop::stopped;

/// Rows from a file.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Many at once")]
pub struct ManyArgs {
    /// A file of rows: CSV with a header (an empty field is NULL), or NDJSON; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["columns", "json", "key", "break_glass"])]
    pub from: Option<PathBuf>,
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

pub async fn admit_many(
    collection: &str,
    from: &Path,
    args: &ManyArgs,
    connection: &ConnectionArgs,
    output: &Output,
) -> Result {
    let named = |error: std::io::Error| CommandError::usage(format!("{}: {error}", from.display()));
    let is_stdin = from == Path::new("-");
    let mut total = None;
    let mut input: Box<dyn BufRead + Send> = if is_stdin {
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
    let read = Arc::new(AtomicU64::new(0));
    let input = BufReader::new(Counted { input, read: read.clone() });
    let records = aside(input::records(input, format, &columns)?);

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
    let (mut summary, mut done) = (Summary::default(), 0_u64);
    let report = |outcome: &Outcome| {
        done += 1;
        summary.count(outcome.outcome);
        if let Some(total) = total {
            step.advance(&format!("{done} rows"), read.load(Ordering::Relaxed), total);
        }
        serde_json::to_writer(&mut outcomes, outcome)?;
        outcomes.write_all(b"\n")
    };
    let stop = async {
        // A signal that cannot be heard is no reason to stop.
        if stopped().await.is_err() {
            std::future::pending().await
        }
    };
    let ended = many::admit_many(&database, &what, records, report, stop).await;
    outcomes.flush()?;
    step.end();
    let said = format!(
        "{} admitted, {} already born, {} duplicate, {} refused, {} broken: {}",
        summary.admitted,
        summary.already,
        summary.duplicate,
        summary.refused,
        summary.broken,
        outcome_file.display()
    );
    if let Err(error) = ended {
        let mut error = CommandError::from(error);
        error.detail = Some(match error.detail {
            Some(detail) => format!("{detail} {said}"),
            None => said,
        });
        let again = "Run the same command again to go on: what is born stays as it is.";
        error.hint.get_or_insert_with(|| again.to_owned());
        return Err(error);
    }
    output.say(said);
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

/// Reads the records on a thread of its own: a pipe that nobody writes to must not keep the command from ending.
fn aside(
    records: impl Iterator<Item = std::io::Result<Record>> + Send + 'static,
) -> impl Stream<Item = std::io::Result<Record>> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1024);
    std::thread::spawn(move || {
        for record in records {
            if sender.blocking_send(record).is_err() {
                return;
            }
        }
    });
    stream::poll_fn(move |context| receiver.poll_recv(context))
}

/// A reader that says how much was read.
struct Counted<R> {
    input: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
