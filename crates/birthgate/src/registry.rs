//! The registry: adopting one that is there already.

use serde::Serialize;
use tokio_postgres::Client;

use crate::collection::run_with_short_locks;
use crate::error::{Doing, Result};
use crate::unprepared::Unprepared;

/// Adopts a registry, and its changelog if there is one, in place. Indexes are built without
/// stopping writers; everything else is done in transactions with short locks. A run that was
/// broken off can be started again.
pub async fn adopt(client: &mut Client, registry: &str, changelog: Option<&str>) -> Result<()> {
    let plan = client
        .rows(include_str!("../sql/query/adopt_plan.sql"), &[&registry, &changelog])
        .await
        .doing("planning the adoption")?;
    let mut together: Vec<String> = Vec::new();
    for row in plan {
        let statement: String = row.get(0);
        if row.get::<_, bool>(1) {
            together.push(statement);
        } else {
            run_with_short_locks(client, &together, "adopting the registry").await?;
            together.clear();
            client.batch_execute(&statement).await.doing("building the registry's index")?;
        }
    }
    run_with_short_locks(client, &together, "adopting the registry").await
}

/// Every retired birth, one JSON object each.
pub async fn retired(client: &Client) -> Result<Vec<String>> {
    let rows = client
        .rows(include_str!("../sql/query/retired_births.sql"), &[])
        .await
        .doing("reading the retired births")?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// How many births the registry holds, retired ones too.
pub async fn count(client: &Client) -> Result<i64> {
    let row = client
        .one_row(include_str!("../sql/query/count_births.sql"), &[])
        .await
        .doing("counting births")?;
    Ok(row.get(0))
}

/// Something that rows, births and permits do not agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The collection.
    pub collection_name: String,
    /// What: `orphan`, `phantom`, `ghost`, or a sentence about births and permits.
    pub finding: String,
    /// How many.
    pub count: i64,
    /// Up to five of the codes.
    pub examples: Vec<Option<String>>,
    /// What it means, and what to do.
    pub advice: String,
}

/// Compares rows, births and permits both ways, in every collection or in one. Empty when they agree.
pub async fn reconcile(client: &Client, collection: Option<&str>) -> Result<Vec<Finding>> {
    let rows = client
        .rows(include_str!("../sql/query/reconcile.sql"), &[&collection])
        .await
        .doing("reconciling")?;
    Ok(rows
        .iter()
        .map(|row| {
            let finding: String = row.get("finding");
            Finding {
                collection_name: row.get("collection_name"),
                advice: advice(&finding).to_owned(),
                finding,
                count: row.get("count"),
                examples: row.get("examples"),
            }
        })
        .collect())
}

fn advice(finding: &str) -> &'static str {
    match finding {
        "orphan" => {
            "rows without a birth: bear them (collection backfill) or delete them (entity discard)"
        }
        "unreadable" => {
            "its rows were not compared: reading it would run code that its owner can replace; birthgate collection list says what"
        }
        "phantom" => "births whose row is gone: end them (entity retire)",
        "ghost" => {
            "retired entities whose row is there again: find out who wrote it, and delete it (entity discard)"
        }
        _ => {
            "births and permits do not agree: somebody wrote them by hand, or a restore was partial"
        }
    }
}
