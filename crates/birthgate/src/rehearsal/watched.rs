//! What a packet watches: objects and queries whose values the proof names at entry and exit.

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::Client;

use crate::error::{Doing, Error, Result};
use crate::fingerprint::{self, Scope};
use crate::plan::{Watch, Watchable};
use crate::unprepared::Unprepared;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Watched {
    /// As the packet calls it.
    pub name: String,
    /// Its hash, `ABSENT`, or the query's value, before; `None` where it could not be looked at.
    pub entry: Option<String>,
    /// In the sandbox, at the end of the last step; `None` where the plan did not come so far.
    pub inside: Option<String>,
    /// And after.
    pub exit: Option<String>,
}

/// Looks at them; where one cannot be looked at, the server's reason.
pub(super) async fn values(
    client: &Client,
    watch: &[Watch],
) -> Result<Vec<std::result::Result<String, String>>> {
    const DOING: &str = "looking at what the packet watches";
    let mut values = Vec::new();
    for one in watch {
        values.push(match &one.what {
            Watchable::Object(name) => {
                let scope = Scope::Objects(vec![name.clone()]);
                let found = fingerprint::take(client, &scope).await?;
                Ok(match found.absent.is_empty() {
                    true => found.root,
                    false => "ABSENT".to_owned(),
                })
            }
            Watchable::Query(query) => {
                client.batch_execute("BEGIN READ ONLY").await.doing(DOING)?;
                let query = query.trim().trim_end_matches(';');
                let row = client.optional_row(&format!("SELECT ({query}\n)::text"), &[]).await;
                client.batch_execute("ROLLBACK").await.doing(DOING)?;
                match row {
                    Ok(row) => {
                        let value = row.and_then(|row| row.get::<_, Option<String>>(0));
                        Ok(value.unwrap_or_else(|| "NULL".to_owned()))
                    }
                    Err(source) => match source.as_db_error() {
                        Some(error) => Err(error.message().to_owned()),
                        None => return Err(Error::Database { doing: DOING.to_owned(), source }),
                    },
                }
            }
        });
    }
    Ok(values)
}
