//! How a statement of a script reaches the server: alone in its message, with the rows that follow it in its file.

use std::io::Cursor;
use std::pin::pin;

use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use crate::script::{Script, Statement, copies_to_client};

/// How much of a COPY is given to the connection at once, in bytes.
const PIECE: usize = 1 << 20;

/// How a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// The server refuses a message that holds more than one statement. It sends values in binary, which a few
    /// types do not have.
    Extended,
    /// As psql sends it. For the sandbox only: where we and the server disagree on a statement's end, it runs more.
    Simple,
}

/// An error of a statement, and what it leaves of the connection.
#[derive(Debug)]
pub(crate) struct Unsent {
    pub error: Error,
    /// Whether the connection is of no more use. The server answers a COPY that it refuses before it asks for rows
    /// twice, and the client takes the second answer for that of the next statement.
    pub is_out_of_step: bool,
}

impl From<Error> for Unsent {
    fn from(error: Error) -> Unsent {
        Unsent { error, is_out_of_step: false }
    }
}

/// Sends a statement; answers how many rows it returned or changed. Rows are dropped as they come.
pub(crate) async fn send(
    client: &Client,
    script: &Script,
    statement: &Statement,
    protocol: Protocol,
) -> Result<u64, Unsent> {
    let sql = script.text_of(statement);
    if let Some(rows) = script.rows_of(statement) {
        // What does not even parse is refused before.
        let prepared = client.prepare(sql).await?;
        let sink = client.copy_in(&prepared).await;
        let sink = sink.map_err(|error| Unsent { error, is_out_of_step: true })?;
        let mut sink = pin!(sink);
        for piece in rows.as_bytes().chunks(PIECE) {
            sink.send(Cursor::new(piece.to_vec())).await?;
        }
        return Ok(sink.finish().await?);
    }
    if copies_to_client(sql) {
        let mut stream = pin!(client.copy_out(sql).await?);
        let mut pieces = 0;
        while stream.try_next().await?.is_some() {
            pieces += 1;
        }
        return Ok(pieces);
    }
    match protocol {
        Protocol::Simple => Ok(send_simply(client, sql).await?),
        Protocol::Extended => {
            let none: [(&(dyn ToSql + Sync), Type); 0] = [];
            let mut stream = pin!(client.query_typed_raw(sql, none).await?);
            let mut rows = 0;
            while stream.try_next().await?.is_some() {
                rows += 1;
            }
            Ok(stream.rows_affected().unwrap_or(rows))
        }
    }
}

/// Sends a text as psql does: values come as text, whatever their type.
pub(crate) async fn send_simply(client: &Client, sql: &str) -> Result<u64, Error> {
    let mut stream = pin!(client.simple_query_raw(sql).await?);
    let mut rows = 0;
    while let Some(message) = stream.try_next().await? {
        if let SimpleQueryMessage::CommandComplete(count) = message {
            rows += count;
        }
    }
    Ok(rows)
}
