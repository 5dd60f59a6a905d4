//! The rows of tables as one value each, by which an undo is shown to have brought them back.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use crate::error::{Doing, Result};
use crate::unprepared::Unprepared;

/// The rows of each table, as a value that does not depend on their order, nor on that of its columns.
pub(crate) type Content = BTreeMap<String, String>;

/// Tables in which changes of the schema leave a row each, as an audit's event trigger does. No undo takes
/// these back, nor should it: of them only the rows are compared that were there before.
pub(crate) type Logs = BTreeSet<String>;

/// The logs, and the first transaction whose rows in them do not count.
#[derive(Clone, Copy)]
pub(crate) struct Since<'a> {
    pub logs: &'a Logs,
    pub xid: &'a str,
}

/// Reads the tables, with the settings that the text of a row depends on, and leaves these as they were.
/// Within a transaction. A table that is not there has no content.
pub(crate) async fn content(
    client: &Client,
    tables: &[String],
    since: Option<Since<'_>>,
) -> Result<Content> {
    const DOING: &str = "hashing the rows of touched tables";
    client.batch_execute("SAVEPOINT birthgate_content").await.doing(DOING)?;
    client.batch_execute(include_str!("../../sql/fingerprint/pin.sql")).await.doing(DOING)?;
    let mut content = Content::new();
    for table in tables {
        let since = since.filter(|since| since.logs.contains(table)).map(|since| since.xid);
        let query = include_str!("../../sql/rehearsal/content.sql");
        if let Some(row) = client.optional_row(query, &[table, &since]).await.doing(DOING)? {
            let row = client.one_row(row.get("query"), &[]).await.doing(DOING)?;
            content.insert(table.clone(), row.get(0));
        }
    }
    client
        .batch_execute(
            "ROLLBACK TO SAVEPOINT birthgate_content; RELEASE SAVEPOINT birthgate_content",
        )
        .await
        .doing(DOING)?;
    Ok(content)
}

/// Which tables do not hold the same rows, in words. One that is gone is left to the fingerprint.
pub(crate) fn differing(before: &Content, after: &Content) -> Vec<String> {
    after
        .iter()
        .filter_map(|(table, rows)| match before.get(table) {
            Some(old) if old == rows => None,
            Some(_) => Some(format!("table {table} does not hold the same rows")),
            None => {
                Some(format!("table {table} was touched, and its rows were not looked at before"))
            }
        })
        .collect()
}
