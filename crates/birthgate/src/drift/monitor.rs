//! The drift monitor: compares the gate with its baseline again and again, and as rarely as can be. Only when a row moved in
//! the catalogs that the comparison reads is it made again, and now and then all the same.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::{Drift, check, store};
use crate::error::{Doing, Result};
use crate::unprepared::Unprepared;
use crate::{ddl_guard, fingerprint};

/// Between two questions whether the DDL guard has written something down.
const ASKING: Duration = Duration::from_secs(1);

/// What a tick came to.
#[derive(Clone, Debug)]
pub enum Tick {
    /// There is no baseline: nothing to compare with.
    NoBaseline,
    /// Nothing moved since the last comparison, which found so many differences; that was stored anew.
    Quiet(i64),
    /// The gate was compared.
    Compared(Box<Drift>),
}

/// What is known of the last comparison.
struct Known {
    moved: String,
    differences: i64,
    at: Instant,
}

/// A monitor, on one connection: after another one was made, a new monitor begins, since much can have happened meanwhile.
pub struct Monitor {
    client: Client,
    every: Duration,
    known: Option<Known>,
    /// What the DDL guard had written down when it was last looked.
    recorded: Option<String>,
}

impl Monitor {
    /// A monitor that compares the gate at least that often, whatever moved.
    pub fn new(client: Client, every: Duration) -> Monitor {
        Monitor { client, every, known: None, recorded: None }
    }

    /// Looks once, and stores the outcome as the observation of `gate_drift`.
    pub async fn tick(&mut self) -> Result<Tick> {
        // Read before the comparison: what moves during it is seen at the next tick.
        self.recorded = ddl_guard::newest(&self.client).await?;
        let moved = moved(&self.client).await?;
        let known = self.known.as_ref();
        if let Some(known) = known.filter(|known| known.moved == moved)
            && known.at.elapsed() < self.every
        {
            store(&self.client, known.differences).await?;
            return Ok(Tick::Quiet(known.differences));
        }
        self.known = None;
        let drift = check(&self.client).await?;
        if drift.baseline.is_none() {
            return Ok(Tick::NoBaseline);
        }
        self.known = Some(Known { moved, differences: drift.count(), at: Instant::now() });
        Ok(Tick::Compared(Box::new(drift)))
    }

    /// Waits until the DDL guard has written something down since the last tick: a reason not to wait for the next. Where it does
    /// not stand, or cannot be asked, for ever.
    pub async fn woken(&self) {
        loop {
            tokio::time::sleep(ASKING).await;
            match ddl_guard::newest(&self.client).await {
                Ok(newest) if newest == self.recorded => {}
                Ok(_) => return,
                // The next tick says why.
                Err(_) => return std::future::pending().await,
            }
        }
    }
}

/// One number for everything that the comparison reads.
async fn moved(client: &Client) -> Result<String> {
    const DOING: &str = "looking whether anything moved in the catalogs";
    let gate = fingerprint::gate(client).await?;
    let sql = include_str!("../../sql/drift/moved.sql");
    let row = client.one_row(sql, &[&gate.relations, &gate.functions]).await.doing(DOING)?;
    let mut moved: String = row.get(0);
    if fingerprint::is_since_15(client).await? {
        let row = client.one_row(include_str!("../../sql/drift/moved_since_15.sql"), &[]).await;
        moved.push_str(row.doing(DOING)?.get(0));
    }
    Ok(moved)
}
