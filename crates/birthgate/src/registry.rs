//! The registry: adopting one that is there already.

use tokio_postgres::Client;

use crate::collection::run_with_short_locks;
use crate::error::{Doing, Result};

/// Adopts a registry, and its changelog if there is one, in place. Indexes are built without
/// stopping writers; everything else is done in transactions with short locks. A run that was
/// broken off can be started again.
pub async fn adopt(client: &mut Client, registry: &str, changelog: Option<&str>) -> Result<()> {
    let plan = client
        .query(include_str!("../sql/query/adopt_plan.sql"), &[&registry, &changelog])
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
        .query(include_str!("../sql/query/retired_births.sql"), &[])
        .await
        .doing("reading the retired births")?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// How many births the registry holds, retired ones too.
pub async fn count(client: &Client) -> Result<i64> {
    let row = client
        .query_one(include_str!("../sql/query/count_births.sql"), &[])
        .await
        .doing("counting births")?;
    Ok(row.get(0))
}
