//! Logical replication: a copy that a subscription writes, its promotion, and the database into which
//! several others send their rows.

use tokio_postgres::Client;

use crate::collection::{self, Collection, run_with_short_locks};
use crate::error::{Doing, Error, Result};
use crate::schema;
use crate::unprepared::Unprepared;

/// What subscriptions bring into a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// Everything, the tables of Birthgate too. The apply passes; everybody else is gated.
    Copy,
    /// Rows of governed tables, and nothing of Birthgate. What the apply brings is gated as well.
    FanIn,
}

/// Makes this database what subscriptions expect. A copy has the publisher's schema already; into a
/// fan-in Birthgate is installed.
pub async fn prepare(client: &mut Client, replication: Replication) -> Result<()> {
    match replication {
        Replication::Copy => {
            if !schema::is_there(client).await? {
                return Err(Error::NothingToCopy);
            }
            run_plan(client, include_str!("../sql/query/copy_plan.sql"), "making a copy").await
        }
        Replication::FanIn => {
            schema::init(client).await?;
            client
                .rows(include_str!("../sql/query/fan_in_set.sql"), &[])
                .await
                .doing("expecting rows from subscriptions")?;
            for known in collection::list(client).await? {
                if known.form.as_deref() == Some("statement") {
                    collection::rearm(client, &known.collection_name, None, None).await?;
                }
            }
            Ok(())
        }
    }
}

/// Makes a database of its own of a copy; answers its collections.
pub async fn promote(client: &mut Client) -> Result<Vec<Collection>> {
    if !schema::is_there(client).await? {
        return Err(Error::NotInstalled);
    }
    run_plan(client, include_str!("../sql/query/promote_plan.sql"), "promoting").await?;
    collection::list(client).await
}

async fn run_plan(client: &mut Client, plan: &str, doing: &str) -> Result<()> {
    let plan = client.rows(plan, &[]).await.doing(doing)?;
    let statements: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    run_with_short_locks(client, &statements, doing).await
}
