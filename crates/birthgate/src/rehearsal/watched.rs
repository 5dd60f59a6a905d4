//! What a packet watches: objects and queries whose values the proof names at entry and exit.

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::Client;

use crate::error::{Doing, Error, Result};
use crate::fingerprint::{self, Scope};
use crate::plan::Watch;
use crate::unprepared::Unprepared;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Watched {
    /// The object's name or the query, as the packet has it.
    pub name: String,
    /// Its hash, `ABSENT`, or the query's value, before; `None` where it could not be looked at.
    pub entry: Option<String>,
    /// And after.
    pub exit: Option<String>,
}

/// Looks at them.
pub(super) async fn values(client: &Client, watch: &[Watch]) -> Result<Vec<Option<String>>> {
    const DOING: &str = "looking at what the packet watches";
    let mut values = Vec::new();
    for one in watch {
        values.push(match one {
            Watch::Object(name) => {
                let scope = Scope::Objects(vec![name.clone()]);
                let found = fingerprint::take(client, &scope).await?;
                Some(match found.absent.is_empty() {
                    true => found.root,
                    false => "ABSENT".to_owned(),
                })
            }
            Watch::Query(query) => {
                client.batch_execute("BEGIN READ ONLY").await.doing(DOING)?;
                let query = query.trim().trim_end_matches(';');
                let row = client.optional_row(&format!("SELECT ({query}\n)::text"), &[]).await;
                client.batch_execute("ROLLBACK").await.doing(DOING)?;
                match row {
                    Ok(row) => row.and_then(|row| row.get::<_, Option<String>>(0)),
                    Err(error) if error.as_db_error().is_some() => None,
                    Err(source) => return Err(Error::Database { doing: DOING.to_owned(), source }),
                }
            }
        });
    }
    Ok(values)
}
