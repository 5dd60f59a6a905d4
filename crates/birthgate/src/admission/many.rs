//! Admitting many entities: batches of one statement and one transaction each.
//!
//! The key of a row is its code and the hash of its content, so the same input again admits nothing twice, also
//! when the run before was killed, and an input with one line mended admits that line. A batch that
//! fails is halved until the rows that made it fail stand alone.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::pin::pin;
use std::time::{Duration, SystemTime};

use futures_util::{Stream, StreamExt};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio_postgres::{CancelToken, Client};

use super::input::Record;
use crate::database::{Database, attempts, is_transient};
use crate::error::{Doing, Error, Result};
use crate::refusal::RefusalCode;
use crate::unprepared::Unprepared;

const ATTEMPTS: usize = 8;
/// How long a statement that was cancelled may take to say what became of it.
const LAST_WORD: Duration = Duration::from_millis(700);

/// What to admit, and when to stop.
#[derive(Clone, Debug)]
pub struct Batches {
    /// The collection of every row.
    pub collection: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Rows in one statement.
    pub batch: usize,
    /// With more failures than this the run ends.
    pub max_failures: u64,
}

/// What became of one row.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The line of the input.
    pub line: u64,
    /// The code, as far as it is known.
    pub entity_code: Option<String>,
    /// What became of it.
    pub outcome: Fate,
    /// The permit under which it was born.
    pub permit_id: Option<i64>,
    /// The SQLSTATE of what refused it; `PB…` is Birthgate's own.
    pub sqlstate: Option<String>,
    /// Why.
    pub message: Option<String>,
}

/// What can become of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is born now.
    Admitted,
    /// The same row was born in an earlier run.
    Already,
    /// The same row stands earlier in this input.
    Duplicate,
    /// The database refused it.
    Refused,
    /// The line is no row.
    Broken,
}

impl Fate {
    /// Whether the row is there as its line says.
    pub fn is_success(self) -> bool {
        matches!(self, Fate::Admitted | Fate::Already)
    }
}

/// How many rows met which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Born in this run.
    pub admitted: u64,
    /// Born in an earlier run.
    pub already: u64,
    /// Standing twice in the input.
    pub duplicate: u64,
    /// Refused by the database.
    pub refused: u64,
    /// No rows at all.
    pub broken: u64,
}

impl Summary {
    /// Counts a row.
    pub fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Admitted => self.admitted += 1,
            Fate::Already => self.already += 1,
            Fate::Duplicate => self.duplicate += 1,
            Fate::Refused => self.refused += 1,
            Fate::Broken => self.broken += 1,
        }
    }

    /// The rows that are not there as their lines say.
    pub fn failures(&self) -> u64 {
        self.duplicate + self.refused + self.broken
    }
}

/// A row that waits for its batch.
#[derive(Clone)]
struct Row {
    line: u64,
    key: String,
    row: Map<String, Value>,
}

/// A column that rows can name.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether it holds JSON, so that a CSV field is a document and not a text.
    pub is_json: bool,
    /// Whether it holds the entity code.
    pub is_code: bool,
}

/// The columns of a collection's table that can be written, in its order.
pub async fn columns(database: &Database, collection: &str) -> Result<Vec<Column>> {
    let client = database.connect_for_others().await?;
    let rows = client
        .rows(include_str!("../../sql/query/table_columns.sql"), &[&collection])
        .await
        .doing("looking at the collection's columns")?;
    if rows.is_empty() {
        return Err(Error::BadInput(format!("there is no collection {collection:?} with a table")));
    }
    Ok(rows
        .iter()
        .map(|row| Column { name: row.get(0), is_json: row.get(1), is_code: row.get(2) })
        .collect())
}

/// Admits the records; `report` hears what became of each, batch by batch. Ends early with an error
/// that is not of one row: no grant, the quota, a stop, too many failures, a connection that stays lost. When `stop` ends,
/// the batch under way is cancelled and the run ends within a second; what it reported is admitted.
pub async fn admit_many(
    database: &Database,
    what: &Batches,
    records: impl Stream<Item = std::io::Result<Record>>,
    report: impl FnMut(&Outcome) -> std::io::Result<()>,
    stop: impl Future<Output = ()>,
) -> Result<Summary> {
    let client = database.connect_for_others().await?;
    let started: SystemTime = client
        .one_row(include_str!("../../sql/query/now.sql"), &[])
        .await
        .doing("reading the server's clock")?
        .get(0);
    let under_way = UnderWay::default();
    under_way.token.replace(Some(client.cancel_token()));
    let mut run = Run {
        database,
        what,
        under_way: &under_way,
        client: Some(client),
        started,
        admitted: HashSet::new(),
        report,
        summary: Summary::default(),
    };
    let stopped = {
        let mut going = pin!(run.all(records));
        tokio::select! {
            ended = &mut going => Ok(ended?),
            () = stop => Err(under_way.end(database, going).await),
        }
    };
    stopped.map(|()| run.summary)
}

/// The statement that is being run.
#[derive(Default)]
struct UnderWay {
    is_stopped: Cell<bool>,
    token: RefCell<Option<CancelToken>>,
    /// How many rows it has; none between two statements.
    rows: Cell<usize>,
}

impl UnderWay {
    /// Cancels it, and waits a moment for what became of it.
    async fn end(&self, database: &Database, going: impl Future<Output = Result<()>>) -> Error {
        self.is_stopped.set(true);
        if self.rows.get() > 0 {
            let token = self.token.borrow().clone();
            let cancel = async {
                if let Some(token) = token {
                    database.cancel(&token).await;
                }
            };
            let last_word = async { tokio::join!(cancel, going) };
            let _ = tokio::time::timeout(LAST_WORD, last_word).await;
        }
        Error::Interrupted(match self.rows.get() {
            0 => "interrupted".to_owned(),
            rows => {
                format!("interrupted; whether the last {rows} rows were admitted is not known yet")
            }
        })
    }
}

/// The idempotency key of a row. The code comes first, so that rows in the order of their codes come in
/// the order of the index of keys.
fn key(what: &Batches, row: &Map<String, Value>) -> String {
    let code = what.columns.iter().filter(|column| column.is_code);
    let code: String = code
        .filter_map(|column| match row.get(&column.name)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        })
        .collect::<Vec<_>>()
        .join(",");
    let mut hash = Sha256::new();
    hash.update(what.collection.as_bytes());
    hash.update([0]);
    // A map of serde_json is sorted by name, so equal rows are equal text.
    hash.update(Value::Object(row.clone()).to_string().as_bytes());
    format!("{}#{:.32x}", code.chars().take(64).collect::<String>(), hash.finalize())
}

struct Run<'a, F> {
    database: &'a Database,
    what: &'a Batches,
    under_way: &'a UnderWay,
    client: Option<Client>,
    started: SystemTime,
    /// The permits that were spent in this run: a row that is born under one of them stands twice.
    admitted: HashSet<i64>,
    report: F,
    summary: Summary,
}

impl<F: FnMut(&Outcome) -> std::io::Result<()>> Run<'_, F> {
    /// Admits the records, batch by batch.
    async fn all(&mut self, records: impl Stream<Item = std::io::Result<Record>>) -> Result<()> {
        let what = self.what;
        let mut records = pin!(records);
        let mut batch = Vec::with_capacity(what.batch);
        while let Some(record) = records.next().await {
            let Record { line, row } =
                record.map_err(|error| Error::BadInput(format!("it cannot be read: {error}")))?;
            match row {
                Ok(row) => batch.push(Row { line, key: key(what, &row), row }),
                Err(why) => self.settle(Outcome {
                    line,
                    entity_code: None,
                    outcome: Fate::Broken,
                    permit_id: None,
                    sqlstate: None,
                    message: Some(why),
                })?,
            }
            if batch.len() >= what.batch {
                self.batch(std::mem::take(&mut batch)).await?;
            }
        }
        self.batch(batch).await
    }

    fn settle(&mut self, outcome: Outcome) -> Result<()> {
        (self.report)(&outcome)
            .map_err(|source| Error::File { path: "the outcome file".to_owned(), source })?;
        self.summary.count(outcome.outcome);
        if outcome.outcome == Fate::Admitted {
            self.admitted.extend(outcome.permit_id);
        }
        if self.summary.failures() > self.what.max_failures {
            return Err(Error::TooManyFailures {
                failures: self.summary.failures(),
                line: outcome.line,
                last: outcome.message.unwrap_or_else(|| "it stands twice in the input".to_owned()),
            });
        }
        Ok(())
    }

    /// Admits a batch. An INSERT names its columns once, so rows with other columns go together.
    async fn batch(&mut self, rows: Vec<Row>) -> Result<()> {
        let mut by_columns: BTreeMap<Vec<String>, Vec<Row>> = BTreeMap::new();
        for row in rows {
            by_columns.entry(row.row.keys().cloned().collect()).or_default().push(row);
        }
        for rows in by_columns.into_values() {
            self.rows(rows).await?;
        }
        Ok(())
    }

    /// Admits rows with the same columns, halving them for as long as they fail together.
    async fn rows(&mut self, rows: Vec<Row>) -> Result<()> {
        let mut waiting = vec![rows];
        while let Some(mut rows) = waiting.pop() {
            match self.together(&rows).await {
                Ok(outcomes) => {
                    for (row, outcome) in rows.iter().zip(outcomes) {
                        match outcome {
                            Some(outcome) => self.settle(outcome)?,
                            None => self.alone(row).await?,
                        }
                    }
                }
                Err(error) if is_of_the_run(&error) => return Err(error),
                Err(error) if rows.len() == 1 => self.settle(refused(&rows[0], &error))?,
                Err(_) => {
                    let second = rows.split_off(rows.len() / 2);
                    waiting.push(second);
                    waiting.push(rows);
                }
            }
        }
        Ok(())
    }

    /// A row that cannot be admitted among others: born already, against the rule, twice in the batch.
    async fn alone(&mut self, row: &Row) -> Result<()> {
        let outcome = match self.together(std::slice::from_ref(row)).await {
            Ok(mut outcomes) => match outcomes.pop().flatten() {
                Some(outcome) => outcome,
                None => match self.one(row).await {
                    Ok(outcome) => outcome,
                    Err(error) if is_of_the_run(&error) => return Err(error),
                    Err(error) => refused(row, &error),
                },
            },
            Err(error) if is_of_the_run(&error) => return Err(error),
            Err(error) => refused(row, &error),
        };
        self.settle(outcome)
    }

    /// Admits rows in one statement; `None` for each that is to be admitted alone.
    async fn together(&mut self, rows: &[Row]) -> Result<Vec<Option<Outcome>>> {
        let documents =
            Value::Array(rows.iter().map(|row| Value::Object(row.row.clone())).collect());
        let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
        let (collection, started) = (self.what.collection.clone(), self.started);
        let (answer, attempts) = self
            .with_retries(rows.len(), async |client| {
                client
                    .rows(
                        include_str!("../../sql/query/admit_many.sql"),
                        &[&collection, &documents, &keys, &started],
                    )
                    .await
                    .doing("admitting a batch")
            })
            .await?;
        Ok(rows
            .iter()
            .zip(answer)
            .map(|(row, found)| {
                let permit_id: Option<i64> = found.get("permit_id");
                let outcome = match found.get::<_, Option<&str>>("outcome")? {
                    "admitted" => Fate::Admitted,
                    _ if permit_id.is_some_and(|id| self.admitted.contains(&id)) => Fate::Duplicate,
                    // The answer of the attempt before was lost, its commit was not.
                    _ if attempts > 1 && found.get("of_this_run") => Fate::Admitted,
                    _ => Fate::Already,
                };
                Some(Outcome {
                    line: row.line,
                    entity_code: found.get("entity_code"),
                    outcome,
                    permit_id,
                    sqlstate: None,
                    message: None,
                })
            })
            .collect())
    }

    /// Admits one row by the call that says what is wrong with it.
    async fn one(&mut self, row: &Row) -> Result<Outcome> {
        let (collection, document) = (self.what.collection.clone(), Value::Object(row.row.clone()));
        let (answer, _) = self
            .with_retries(1, async |client| {
                client
                    .one_row(
                        include_str!("../../sql/query/admit.sql"),
                        &[&collection, &document, &row.key],
                    )
                    .await
                    .doing("admitting a row")
            })
            .await?;
        Ok(Outcome {
            line: row.line,
            entity_code: None,
            outcome: Fate::Admitted,
            permit_id: answer.get(0),
            sqlstate: None,
            message: None,
        })
    }

    /// Runs one statement, again after a transient error: the keys say what was done before. Answers how
    /// many attempts it took as well.
    async fn with_retries<T>(
        &mut self,
        rows: usize,
        statement: impl AsyncFn(&Client) -> Result<T>,
    ) -> Result<(T, u32)> {
        let mut attempts = attempts(ATTEMPTS);
        let under_way = self.under_way;
        loop {
            if under_way.is_stopped.get() {
                return Err(Error::Interrupted("interrupted".to_owned()));
            }
            under_way.rows.set(rows);
            let outcome = match self.connected().await {
                Ok(client) => statement(client).await,
                Err(error) => Err(error),
            };
            // A connection that was lost leaves it open whether they were admitted.
            if outcome.as_ref().err().is_none_or(|error| !is_transient(error)) {
                under_way.rows.set(0);
            }
            match outcome {
                Ok(answer) => return Ok((answer, attempts.made)),
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    async fn connected(&mut self) -> Result<&Client> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            self.client = None;
        }
        match &mut self.client {
            Some(client) => Ok(client),
            none => {
                let client = self.database.connect_for_others().await?;
                self.under_way.token.replace(Some(client.cancel_token()));
                Ok(none.insert(client))
            }
        }
    }
}

/// Whether the error would meet every other row as well.
fn is_of_the_run(error: &Error) -> bool {
    match error {
        // No privilege or table, no resources, an operator's intervention, a broken server.
        Error::Database { source, .. } => source.code().is_none_or(|code| {
            matches!(code.code(), "42501" | "42P01")
                || ["53", "57", "58", "XX"].iter().any(|class| code.code().starts_with(class))
        }),
        Error::Refused(refusal) => matches!(
            refusal.code,
            RefusalCode::QuotaReached
                | RefusalCode::NotGranted
                | RefusalCode::Blocked
                | RefusalCode::NotGoverned
                | RefusalCode::TableMoved
        ),
        _ => true,
    }
}

fn refused(row: &Row, error: &Error) -> Outcome {
    let sqlstate = match error {
        Error::Refused(refusal) => Some(refusal.code.sqlstate().to_owned()),
        Error::Database { source, .. } => source.code().map(|code| code.code().to_owned()),
        _ => None,
    };
    Outcome {
        line: row.line,
        entity_code: None,
        outcome: Fate::Refused,
        permit_id: None,
        sqlstate,
        message: Some(error.to_string()),
    }
}
