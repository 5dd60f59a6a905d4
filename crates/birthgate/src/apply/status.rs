//! Where applies stand.

use schemars::JsonSchema;
use serde::Serialize;

use super::journal::{self, Run};
use crate::database::Database;
use crate::error::{Doing, Result};
use crate::evidence_log::{self, Entry, Head, Identity};
use crate::unprepared::Unprepared;

/// What the log says, and what goes on now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Status {
    /// Which database this is.
    pub identity: Identity,
    /// The newest entry of the evidence log; `None` where there is no log.
    pub head: Option<Head>,
    /// What is wrong with the log.
    pub flaws: Vec<String>,
    /// The applies.
    pub runs: Vec<Run>,
    /// Who applies now.
    pub running: Option<Running>,
}

/// An apply that goes on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Running {
    /// Its backend.
    pub pid: i32,
    /// As whom.
    pub login: String,
    /// Since when.
    pub since: String,
    /// What it does.
    pub query: String,
    /// Whom it waits for.
    pub waits_for: Option<String>,
}

/// Where applies stand, by the journal and by who holds the lock.
pub async fn status(database: &Database) -> Result<Status> {
    let client = database.connect_for_others().await?;
    let identity = evidence_log::identity(&client).await?;
    let log: Vec<Entry> = evidence_log::entries(&client, 0, None).await?;
    let head = match evidence_log::is_installed(&client).await? {
        true => Some(evidence_log::head(&client).await?),
        false => None,
    };
    let row = client.optional_row(include_str!("../../sql/apply/running.sql"), &[]).await;
    let running = row.doing("asking who applies")?.map(|row| Running {
        pid: row.get("pid"),
        login: row.get::<_, Option<String>>("login").unwrap_or_default(),
        since: row.get::<_, Option<String>>("since").unwrap_or_default(),
        query: row.get::<_, Option<String>>("query").unwrap_or_default(),
        waits_for: row.get("waits_for"),
    });
    Ok(Status {
        identity,
        head,
        flaws: evidence_log::verify(&log),
        runs: journal::runs(&log),
        running,
    })
}
