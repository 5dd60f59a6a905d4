//! BLOCK dimensions: listing them, counting them again, scanning folders, asserting an action.

use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::{Client, IsolationLevel};

use crate::drift;
use crate::error::{Doing, Error, Result};
use crate::refusal::RefusalCode;
use crate::unprepared::Unprepared;

/// How long the count of one dimension may take.
const COUNT_TIMEOUT: &str = "5min";

/// A dimension and its last observation.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Dimension {
    /// Its name.
    pub name: String,
    /// What it counts.
    pub description: String,
    /// The last count; none when it was never counted, or could not be.
    pub value: Option<i64>,
    /// The most that is safe.
    pub bound: i64,
    /// `within`, `over`, `unknown` or `too old`; all but the first block.
    pub state: String,
    /// When it was counted (ISO 8601).
    pub observed_at: Option<String>,
    /// Why it could not be counted.
    pub problem: Option<String>,
    /// The actions that it blocks.
    pub blocks: Vec<String>,
    /// How old an observation may be, in seconds; `None`: as old as it is.
    pub max_age_seconds: Option<f64>,
}

/// A dimension to be known.
#[derive(Clone, Debug)]
pub struct NewDimension<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it counts.
    pub description: &'a str,
    /// A query that answers one bigint; `None`: counted by [`scan`].
    pub query: Option<&'a str>,
    /// The most that is safe.
    pub bound: i64,
    /// How old an observation may be, in seconds.
    pub max_age_seconds: f64,
    /// The actions that it blocks.
    pub blocks: &'a [&'a str],
}

/// Every dimension, by name.
pub async fn list(client: &Client) -> Result<Vec<Dimension>> {
    let rows = client
        .rows(include_str!("../sql/query/block_status.sql"), &[])
        .await
        .doing("listing the BLOCK dimensions")?;
    Ok(rows
        .iter()
        .map(|row| Dimension {
            name: row.get("name"),
            description: row.get("description"),
            value: row.get("value"),
            bound: row.get("bound"),
            state: row.get("state"),
            observed_at: row.get("observed_at"),
            problem: row.get("problem"),
            blocks: row.get("blocks"),
            max_age_seconds: row.get("max_age_seconds"),
        })
        .collect())
}

/// Makes a dimension known, or changes it.
pub async fn put(client: &Client, dimension: &NewDimension<'_>) -> Result<()> {
    client
        .rows(
            include_str!("../sql/query/block_dimension_put.sql"),
            &[
                &dimension.name,
                &dimension.description,
                &dimension.query,
                &dimension.bound,
                &dimension.max_age_seconds,
                &dimension.blocks,
            ],
        )
        .await
        .doing("storing a BLOCK dimension")
        .map(drop)
}

/// Says how old an observation of a dimension may be; `None`: as old as it is, where no daemon makes it anew.
pub async fn set_grace(client: &Client, dimension: &str, max_age: Option<Duration>) -> Result<()> {
    let seconds = max_age.map(|age| age.as_secs_f64());
    client
        .rows(include_str!("../sql/query/block_grace_put.sql"), &[&dimension, &seconds])
        .await
        .doing("saying how old an observation may be")
        .map(drop)
}

/// Counts every dimension that has a query, and compares the gate with its baseline, where there is one.
pub async fn refresh(client: &mut Client) -> Result<()> {
    count_all(client).await?;
    // Compared rather than counted, by those who may say what they saw.
    match drift::check(client).await {
        Err(error) if error.refusal() == Some(RefusalCode::NotGranted) => Ok(()),
        other => other.map(drop),
    }
}

/// Counts every dimension that has a query, each in a read-only transaction as birthgate_reader with a timeout; the transaction is
/// rolled back, so that nothing is left in the session of what the query called. One that cannot be counted is recorded as unknown, with the reason. Answers how many were counted.
pub async fn count_all(client: &mut Client) -> Result<usize> {
    let queries = client
        .rows(include_str!("../sql/query/block_queries.sql"), &[])
        .await
        .doing("listing the BLOCK dimensions")?;
    let mut counted = 0;
    for row in queries {
        let name: String = row.get("name");
        let (value, problem) = match count(client, &name).await {
            Ok(value) => (Some(value), None),
            // Without a connection nothing can be recorded either.
            Err(error) if client.is_closed() => return Err(error),
            Err(error) => (None, Some(error.to_string())),
        };
        counted += usize::from(value.is_some());
        observe(client, &name, value, problem.as_deref()).await?;
    }
    Ok(counted)
}

async fn count(client: &mut Client, dimension: &str) -> Result<i64> {
    const DOING: &str = "counting";
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .read_only(true)
        .start()
        .await
        .doing(DOING)?;
    transaction
        .batch_execute(&format!("SET LOCAL statement_timeout = '{COUNT_TIMEOUT}'"))
        .await
        .doing(DOING)?;
    let counted = transaction
        .client()
        .one_row(include_str!("../sql/query/block_count.sql"), &[&dimension])
        .await;
    transaction.rollback().await.doing(DOING)?;
    let count: Option<i64> = counted.doing(DOING)?.get(0);
    count.ok_or_else(|| Error::BadRow(format!("the query of {dimension} counts nothing")))
}

async fn observe(
    client: &Client,
    dimension: &str,
    value: Option<i64>,
    problem: Option<&str>,
) -> Result<()> {
    client
        .rows(include_str!("../sql/query/block_observe.sql"), &[&dimension, &value, &problem])
        .await
        .doing("storing an observation")
        .map(drop)
}

/// The files of a folder that have no row in a collection's table, and stores how many they are as
/// the observation of a dimension.
pub async fn scan(
    client: &Client,
    dimension: &str,
    folder: &Path,
    collection: &str,
    column: &str,
) -> Result<Vec<String>> {
    let missing = files_without_row(client, folder, collection, column).await?;
    let count = i64::try_from(missing.len()).unwrap_or(i64::MAX);
    observe(client, dimension, Some(count), None).await?;
    Ok(missing)
}

/// The files of a folder that have no row in a collection's table. Folders inside it and hidden files
/// are passed over.
pub(crate) async fn files_without_row(
    client: &Client,
    folder: &Path,
    collection: &str,
    column: &str,
) -> Result<Vec<String>> {
    let file_error = |source| Error::File { path: folder.display().to_string(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(file_error)? {
        let entry = entry.map_err(file_error)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().map_err(file_error)?.is_file() && !name.starts_with('.') {
            names.push(name);
        }
    }
    let rows = client
        .rows(include_str!("../sql/query/names_missing.sql"), &[&collection, &column, &names])
        .await
        .doing("comparing the files with the registry")?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Fails with [`crate::RefusalCode::Blocked`] unless every dimension of the action is known, fresh and
/// within its bound.
pub async fn assert_safe(client: &Client, action: &str) -> Result<()> {
    client
        .rows(include_str!("../sql/query/block_assert.sql"), &[&action])
        .await
        .doing("asserting the action")
        .map(drop)
}
