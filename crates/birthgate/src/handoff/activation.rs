//! Governance is capture-only until a person has approved. The handoff's beginning and its activation are entries of the
//! evidence log, and once only.

use serde_json::json;
use tokio_postgres::Client;

use super::cursor::Cursor;
use super::delivery::Start;
use super::fence::Settled;
use super::reader;
use crate::error::{Doing, Error, Result};
use crate::evidence_log;
use crate::preflight::{self, Ospa};
use crate::unprepared::Unprepared;

/// Where the handoff began, and whether governance is active.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activation {
    /// Where it began; `None` before its first run.
    pub beginning: Option<Beginning>,
    /// The entry of the evidence log that says that it is active.
    pub active: Option<i64>,
}

/// Where the handoff began: a sink that has nothing is given everything since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The cursor of a sink that lacks nothing from before.
    pub cursor: Cursor,
    /// The entry of the evidence log that says so.
    pub entry: i64,
}

/// What the evidence log says.
pub async fn activation(client: &Client) -> Result<Activation> {
    let mut said = Activation::default();
    for entry in evidence_log::entries(client, 0, Some(&["handoff"])).await? {
        let body = entry.json();
        match body["what"].as_str() {
            Some("beginning") if said.beginning.is_none() => {
                let cursor = body["after"].as_str().and_then(|text| text.parse().ok());
                let cursor = cursor.ok_or_else(|| {
                    Error::Unexpected(format!("entry {} has no cursor", entry.number))
                })?;
                said.beginning = Some(Beginning { cursor, entry: entry.number });
            }
            Some("activation") if said.active.is_none() => said.active = Some(entry.number),
            _ => {}
        }
    }
    Ok(said)
}

/// Writes down where the handoff begins, unless that was done before.
pub(crate) async fn begin(client: &Client, start: Start, settled: Settled) -> Result<Activation> {
    let said = activation(client).await?;
    if said.beginning.is_some() {
        return Ok(said);
    }
    let cursor = match start {
        Start::Everything => Cursor::default(),
        Start::Now => reader::cursor_of(client, settled).await?,
    };
    note(client, &json!({ "what": "beginning", "after": cursor.to_string() })).await?;
    activation(client).await
}

/// Writes down that governance is active, once a person has approved.
pub(crate) async fn activate(client: &Client, ospa: &Ospa) -> Result<Activation> {
    let said = activation(client).await?;
    if said.active.is_some() {
        return Ok(said);
    }
    match preflight::count_ospa(client, ospa).await? {
        Some(approvals) if approvals > 0 => {
            let body = json!({ "what": "activation", "table": ospa.table, "approvals": approvals });
            note(client, &body).await?;
            activation(client).await
        }
        _ => Ok(said),
    }
}

async fn note(client: &Client, body: &serde_json::Value) -> Result<()> {
    let noted = client.rows(include_str!("../../sql/handoff/note.sql"), &[body]).await;
    noted.doing("writing the handoff into the evidence log").map(drop)
}
