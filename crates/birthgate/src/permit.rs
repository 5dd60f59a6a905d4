//! Permits: requesting, reserving, ending and listing them.

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::{Client, Row};

use crate::error::{Doing, Result};
use crate::unprepared::Unprepared;

/// A request for a permit.
#[derive(Clone, Debug)]
pub struct Request {
    /// The collection.
    pub collection: String,
    /// The entity that it is for; `None` leaves the code to the database.
    pub entity_code: Option<String>,
    /// The entity that a rename ends.
    pub from_entity_code: Option<String>,
    /// `birth`, `retire`, `rename` or `discard`.
    pub kind: String,
    /// The same key with the same request answers the same permit.
    pub idempotency_key: Option<String>,
    /// How long it may wait to be spent, in seconds; `None`: as the collection says.
    pub ttl_seconds: Option<f64>,
    /// The role that may spend it; `None`: the login that asks.
    pub holder: Option<String>,
    /// Why the BLOCK dimensions are skipped; needs the role birthgate_breakglass.
    pub break_glass: Option<String>,
}

/// A permit as it stands. Times are ISO 8601 with the session's offset.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Permit {
    /// Its number.
    pub id: i64,
    /// `birth`, `retire`, `rename` or `discard`.
    pub kind: String,
    /// One of the seven states.
    pub state: String,
    /// The collection.
    pub collection_name: String,
    /// The entity; `None` while an open permit is not spent.
    pub entity_code: Option<String>,
    /// The login that asked.
    pub requester: String,
    /// The role that may spend it.
    pub holder: String,
    /// Why the glass was broken, if it was.
    pub break_glass: Option<String>,
    /// When it was requested.
    pub requested_at: String,
    /// When it is overdue.
    pub expires_at: String,
    /// When it was reserved.
    pub reserved_at: Option<String>,
    /// When it was consumed.
    pub consumed_at: Option<String>,
    /// When it was finalised.
    pub finalized_at: Option<String>,
    /// When it failed, expired or was cancelled.
    pub ended_at: Option<String>,
    /// Why it failed or was cancelled.
    pub ended_why: Option<String>,
}

impl Permit {
    /// Of a row with all its columns.
    pub(crate) fn of(row: &Row) -> Permit {
        Permit {
            id: row.get("id"),
            kind: row.get("kind"),
            state: row.get("state"),
            collection_name: row.get("collection_name"),
            entity_code: row.get("entity_code"),
            requester: row.get("requester"),
            holder: row.get("holder"),
            break_glass: row.get("break_glass"),
            requested_at: row.get("requested_at"),
            expires_at: row.get("expires_at"),
            reserved_at: row.get("reserved_at"),
            consumed_at: row.get("consumed_at"),
            finalized_at: row.get("finalized_at"),
            ended_at: row.get("ended_at"),
            ended_why: row.get("ended_why"),
        }
    }
}

/// Which permits to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of this collection.
    pub collection: Option<String>,
    /// Only in this state.
    pub state: Option<String>,
    /// Only those that broke the glass.
    pub break_glass: bool,
    /// Only this one.
    pub id: Option<i64>,
    /// At most so many, the newest first.
    pub most: i64,
}

/// Requests a permit; answers its number.
pub async fn request(client: &Client, request: &Request) -> Result<i64> {
    let row = client
        .one_row(
            include_str!("../sql/query/permit_request.sql"),
            &[
                &request.collection,
                &request.entity_code,
                &request.kind,
                &request.idempotency_key,
                &request.ttl_seconds,
                &request.holder,
                &request.break_glass,
                &request.from_entity_code,
            ],
        )
        .await
        .doing("requesting a permit")?;
    Ok(row.get(0))
}

/// Reserves a permit, under the stop-conditions.
pub async fn reserve(client: &Client, id: i64) -> Result<()> {
    client
        .rows(include_str!("../sql/query/permit_reserve.sql"), &[&id])
        .await
        .doing("reserving a permit")
        .map(drop)
}

/// Cancels a permit that is not spent.
pub async fn cancel(client: &Client, id: i64, why: Option<&str>) -> Result<()> {
    client
        .rows(include_str!("../sql/query/permit_cancel.sql"), &[&id, &why])
        .await
        .doing("cancelling a permit")
        .map(drop)
}

/// Records that the act of a permit failed, and why.
pub async fn fail(client: &Client, id: i64, why: &str) -> Result<()> {
    client
        .rows(include_str!("../sql/query/permit_fail.sql"), &[&id, &why])
        .await
        .doing("recording a failed permit")
        .map(drop)
}

/// Lists permits, the newest first.
pub async fn list(client: &Client, filter: &Filter) -> Result<Vec<Permit>> {
    let rows = client
        .rows(
            include_str!("../sql/query/permits.sql"),
            &[&filter.collection, &filter.state, &filter.break_glass, &filter.id, &filter.most],
        )
        .await
        .doing("listing permits")?;
    Ok(rows.iter().map(Permit::of).collect())
}

/// How many permits are in each state, in the order of the states.
pub async fn funnel(client: &Client) -> Result<Vec<(String, i64)>> {
    let rows = client
        .rows(include_str!("../sql/query/permit_funnel.sql"), &[])
        .await
        .doing("counting permits")?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Takes overdue permits that nobody spent to EXPIRED, in transactions of at most `batch`; answers how many.
pub async fn expire(client: &Client, batch: i64) -> Result<i64> {
    let mut expired = 0;
    loop {
        let row = client.one_row(include_str!("../sql/query/permit_expire.sql"), &[&batch]).await;
        let count: i64 = row.doing("expiring permits")?.get(0);
        expired += count;
        if count < batch {
            return Ok(expired);
        }
    }
}

/// Moves permits that ended more than so many seconds ago to the archive, in transactions of at most
/// `batch`; answers how many.
pub async fn archive(client: &Client, older_than_seconds: f64, batch: i64) -> Result<i64> {
    let mut moved = 0;
    loop {
        let count: i64 = client
            .one_row(
                include_str!("../sql/query/permit_archive.sql"),
                &[&older_than_seconds, &batch],
            )
            .await
            .doing("archiving permits")?
            .get(0);
        moved += count;
        if count < batch {
            return Ok(moved);
        }
    }
}
