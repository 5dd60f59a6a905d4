//! Admitting one entity from outside: request, reserve, insert, verify that it is finalised.
//!
//! Request and reservation are committed before the insert, so that a failed insert leaves a FAILED
//! permit behind. Everything is keyed: whatever is uncertain is looked up, never guessed.

pub mod input;
pub mod many;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio_postgres::Client;

use crate::database::{Database, attempts, is_transient};
use crate::error::{Doing, Error, Result};
use crate::permit::{self, Request};
use crate::unprepared::Unprepared;

const ATTEMPTS: usize = 8;

/// An entity to admit.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Its collection.
    pub collection: String,
    /// Its row: column name to value.
    pub row: Map<String, Value>,
    /// The same key admits the same entity once, however often it is called.
    pub idempotency_key: String,
    /// Why the BLOCK dimensions are skipped.
    pub break_glass: Option<String>,
}

/// An admitted entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Admitted {
    /// Its code.
    pub entity_code: String,
    /// The permit that was spent.
    pub permit_id: i64,
    /// The permit's state: FINALIZED.
    pub state: String,
    /// How many attempts it took.
    pub attempts: u32,
}

/// What is known of a key.
struct Known {
    permit_id: i64,
    state: String,
    /// Unknown while an open permit is not spent.
    entity_code: Option<String>,
}

/// Admits one entity. Transient errors are tried again, with waits that grow, and after each lost
/// connection the outcome is looked up by the key. Any other error is recorded on the permit.
pub async fn admit(database: &Database, admission: &Admission) -> Result<Admitted> {
    let mut attempts = attempts(ATTEMPTS);
    loop {
        let error = match attempt(database, admission).await {
            Ok(known) => {
                return Ok(Admitted {
                    entity_code: known.entity_code.unwrap_or_default(),
                    permit_id: known.permit_id,
                    state: known.state,
                    attempts: attempts.made,
                });
            }
            Err(error) => error,
        };
        if !is_transient(&error) {
            record_failure(database, admission, &error).await;
        }
        attempts.after(error).await?;
    }
}

async fn attempt(database: &Database, admission: &Admission) -> Result<Known> {
    let client = database.connect_for_others().await?;
    if let Some(known) = look_up(&client, &admission.idempotency_key).await?
        && known.state == "FINALIZED"
    {
        return Ok(known);
    }
    let entity_code: Option<String> = client
        .one_row(
            include_str!("../sql/query/entity_code.sql"),
            &[&admission.collection, &Value::Object(admission.row.clone())],
        )
        .await
        .doing("reading the row's code")?
        .get(0);
    let permit_id = permit::request(
        &client,
        &Request {
            collection: admission.collection.clone(),
            entity_code,
            from_entity_code: None,
            kind: "birth".to_owned(),
            idempotency_key: Some(admission.idempotency_key.clone()),
            ttl_seconds: None,
            holder: None,
            break_glass: admission.break_glass.clone(),
        },
    )
    .await?;
    permit::reserve(&client, permit_id).await?;
    client
        .rows(
            include_str!("../sql/query/admit.sql"),
            &[
                &admission.collection,
                &Value::Object(admission.row.clone()),
                &admission.idempotency_key,
            ],
        )
        .await
        .doing("inserting the entity")?;
    match look_up(&client, &admission.idempotency_key).await? {
        Some(known) if known.state == "FINALIZED" => Ok(known),
        other => Err(Error::BadRow(format!(
            "the insert committed, but its permit {permit_id} is {}",
            other.map_or("gone".to_owned(), |known| known.state)
        ))),
    }
}

async fn look_up(client: &Client, key: &str) -> Result<Option<Known>> {
    let row = client
        .optional_row(include_str!("../sql/query/permit_by_key.sql"), &[&key])
        .await
        .doing("looking the key up")?;
    Ok(row.map(|row| Known {
        permit_id: row.get("id"),
        state: row.get("state"),
        entity_code: row.get("entity_code"),
    }))
}

/// Records a failure on the permit of the key, if there is one that is not spent: in a transaction of
/// its own, because the failed one took everything back with it. Best effort: the failure itself is
/// what the caller is told, and an unspent permit expires.
async fn record_failure(database: &Database, admission: &Admission, error: &Error) {
    let Ok(client) = database.connect_for_others().await else { return };
    let Ok(Some(known)) = look_up(&client, &admission.idempotency_key).await else { return };
    if matches!(known.state.as_str(), "REQUESTED" | "RESERVED") {
        let _ = permit::fail(&client, known.permit_id, &error.to_string()).await;
    }
}

/// Breaks an admission off that may be under way: cancels its permit, or answers the entity when it
/// was born already. Waits for an insert under way to end.
pub async fn abandon(database: &Database, idempotency_key: &str) -> Result<Option<i64>> {
    let client = database.connect_for_others().await?;
    let Some(known) = look_up(&client, idempotency_key).await? else { return Ok(None) };
    if matches!(known.state.as_str(), "REQUESTED" | "RESERVED") {
        match permit::cancel(&client, known.permit_id, Some("interrupted")).await {
            Ok(()) => return Ok(None),
            // Spent in the meantime: look again.
            Err(Error::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let known = look_up(&client, idempotency_key).await?;
    Ok(known.filter(|known| known.state == "FINALIZED").map(|known| known.permit_id))
}
