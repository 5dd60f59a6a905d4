//! The DDL guard: event triggers in the database that write down who changed the schema, and break or delay nobody's change.
//! They wake a monitor and say who it was; what changed is found by [`crate::drift`], which needs none of them.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::error::{Doing, Error, Result};
use crate::schema;
use crate::unprepared::Unprepared;

/// Where it writes.
pub(crate) const TABLE: &str = "birthgate.ddl_event";
/// The schema version that brings it.
const SINCE_VERSION: i32 = 4;

/// What an installation came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "guard", rename_all = "snake_case")]
pub enum Guard {
    /// Every change of the schema is written down.
    Stands,
    /// None is: the monitor finds what changed by looking, and nobody says who it was.
    Polls {
        /// Why.
        why: String,
    },
}

/// How it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// All of it, for everybody.
    Stands,
    /// Some of it is gone, or does not fire for everybody.
    Weakened {
        /// What is wrong with it.
        how: Vec<String>,
    },
    /// It is not there.
    Absent,
}

/// One object that a command created, changed, dropped or rewrote.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DdlEvent {
    /// When (RFC 3339, UTC, microseconds).
    pub at: String,
    /// `ddl_command_end`, `sql_drop` or `table_rewrite`.
    pub event: String,
    /// The command, as `ALTER TABLE`.
    pub tag: String,
    /// The kind of object, as `table`.
    pub object_type: Option<String>,
    /// Its qualified name; none where the command does not say, as GRANT.
    pub object: Option<String>,
    /// So many objects more than were written down; 0: an unknown number, later in the same transaction.
    pub more: Option<i64>,
    /// The login that did it.
    pub login: String,
    /// The role that it acted as.
    pub role: String,
    /// What its client calls itself.
    pub application: Option<String>,
    /// The address of its client; none on a socket.
    pub client: Option<String>,
    /// Its server process.
    pub pid: i32,
    /// Its transaction.
    pub xid: String,
    /// Whether it came after the gate was last found to be as its baseline says.
    pub since_seen: bool,
}

impl fmt::Display for DdlEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tag)?;
        let object_type = self.object_type.as_deref().unwrap_or("object");
        match (&self.object, self.more) {
            (_, Some(0)) => f.write_str(", and more after it in the same transaction,")?,
            (_, Some(more)) => write!(f, " of {more} objects more")?,
            // DROP FUNCTION … CASCADE takes a trigger with it.
            (Some(object), _)
                if self.event == "sql_drop"
                    && !self.tag.ends_with(&object_type.to_ascii_uppercase()) =>
            {
                write!(f, ", and with it {object_type} {object},")?;
            }
            (Some(object), _) => write!(f, " {object}")?,
            (None, _) if self.object_type.is_some() => write!(f, " on some {object_type}")?,
            (None, _) => {}
        }
        if self.event == "table_rewrite" {
            f.write_str(", which rewrote it,")?;
        }
        write!(f, " by {}", self.login)?;
        if self.role != self.login {
            write!(f, " as {}", self.role)?;
        }
        let from: Vec<&str> =
            [&self.application, &self.client].into_iter().flatten().map(String::as_str).collect();
        if !from.is_empty() {
            write!(f, " ({})", from.join(", "))?;
        }
        let (seconds, _) = self.at.split_once('.').unwrap_or((self.at.trim_end_matches('Z'), ""));
        write!(f, " at {seconds}Z")
    }
}

/// Makes the guard, or sets it right. Idempotent. Where this role may make no event trigger, that is an answer and no error.
pub async fn install(client: &Client) -> Result<Guard> {
    match schema::installed_version(client).await? {
        None => return Err(Error::NotInstalled),
        Some(version) if version < SINCE_VERSION => {
            let why = format!(
                "the schema birthgate is of version {version}; birthgate init brings it up to date"
            );
            return Ok(Guard::Polls { why });
        }
        Some(_) => {}
    }
    match client.batch_execute(include_str!("../sql/ddl_guard/install.sql")).await {
        Ok(()) => Ok(Guard::Stands),
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            let said = error.as_db_error().map_or("not permitted", |error| error.message());
            Ok(Guard::Polls { why: format!("this role may make no event trigger ({said})") })
        }
        Err(error) => Err(Error::database("making the DDL guard", error)),
    }
}

/// Takes the guard away. What it wrote down stays.
pub async fn remove(client: &Client) -> Result<()> {
    client
        .batch_execute(include_str!("../sql/ddl_guard/remove.sql"))
        .await
        .doing("taking the DDL guard away")
}

/// How it stands.
pub async fn state(client: &Client) -> Result<State> {
    let rows = client
        .rows(include_str!("../sql/ddl_guard/state.sql"), &[])
        .await
        .doing("looking at the DDL guard")?;
    if !rows.iter().any(|row| row.get("is_there")) {
        return Ok(State::Absent);
    }
    let how: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let wrong: Option<&str> = row.get("wrong");
            Some(format!("the event trigger {} {}", row.get::<_, &str>("name"), wrong?))
        })
        .collect();
    Ok(match how.is_empty() {
        true => State::Stands,
        false => State::Weakened { how },
    })
}

/// What was written down since a time (RFC 3339), the newest first, at most 10,000. Nothing in an older schema.
pub async fn recent(client: &Client, since: &str) -> Result<Vec<DdlEvent>> {
    let rows = match client.rows(include_str!("../sql/ddl_guard/recent.sql"), &[&since]).await {
        Err(error) if is_older(&error) => return Ok(Vec::new()),
        other => other.doing("reading what the DDL guard wrote down")?,
    };
    Ok(rows
        .iter()
        .map(|row| DdlEvent {
            at: row.get("at"),
            event: row.get("event"),
            tag: row.get("tag"),
            object_type: row.get("object_type"),
            object: row.get("object_identity"),
            more: row.get("more"),
            login: row.get("login"),
            role: row.get("role"),
            application: row.get("application"),
            client: row.get("client"),
            pid: row.get("pid"),
            xid: row.get("xid"),
            since_seen: row.get("since_seen"),
        })
        .collect())
}

/// A text that is another one whenever something was written down since; `None` while nothing is. Cheap: for each tick of a
/// monitor, which then looks for drift.
pub async fn newest(client: &Client) -> Result<Option<String>> {
    match client.optional_row(include_str!("../sql/ddl_guard/newest.sql"), &[]).await {
        Err(error) if is_older(&error) => Ok(None),
        other => {
            Ok(other.doing("looking for changes of the schema")?.map(|row| row.get::<_, String>(0)))
        }
    }
}

/// Deletes what was written down more than so many seconds ago, in transactions of at most `batch`; answers how many. What
/// is younger than a day stays, and what came after the gate was last found good.
pub async fn prune(client: &Client, older_than_seconds: f64, batch: i64) -> Result<i64> {
    let mut deleted = 0;
    loop {
        let count: i64 = client
            .one_row(include_str!("../sql/ddl_guard/prune.sql"), &[&older_than_seconds, &batch])
            .await
            .doing("deleting old records of the DDL guard")?
            .get(0);
        deleted += count;
        if count == 0 || count < batch {
            return Ok(deleted);
        }
    }
}

/// Whether the schema is older than the guard.
fn is_older(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::UNDEFINED_TABLE)
}
