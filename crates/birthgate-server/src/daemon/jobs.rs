//! What each service does. Each run can be made again, and by two processes at once: nothing is wrong if a leader that lost the lead
//! ends its run a moment late.

use std::sync::Arc;
use std::time::Duration;

use birthgate::drift::{Monitor, Tick};
use birthgate::{Database, Result, block, ddl_guard, permit, registry};
use futures_util::future::BoxFuture;

use super::config::ServeConfig;
use super::service::ServiceName;

/// Permits taken in one transaction.
const BATCH: i64 = 1_000;

/// What a run came to.
pub(super) struct Outcome {
    pub says: String,
    /// Whether it is worth a line of the log.
    pub is_news: bool,
}

/// Something that is done again and again.
pub(super) trait Job: Send {
    /// Does it once.
    fn run(&mut self) -> BoxFuture<'_, Result<Outcome>>;

    /// Waits until there is reason to do it before its time.
    fn woken(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// Forgets what it keeps between two runs, after one that failed.
    fn forget(&mut self) {}
}

/// Makes the job of a service.
pub(super) fn of(
    service: ServiceName,
    timeout: Duration,
    config: &ServeConfig,
) -> Arc<dyn Fn(Database) -> Box<dyn Job> + Send + Sync> {
    let (keep, every) = (config.keep.as_secs_f64(), config.compare_every);
    Arc::new(move |database| match service {
        ServiceName::Drift => Box::new(Drift { database, timeout, every, monitor: None, known: 0 }),
        _ => Box::new(Task { service, database, timeout, keep }),
    })
}

/// What keeps nothing between two runs.
struct Task {
    service: ServiceName,
    database: Database,
    timeout: Duration,
    keep: f64,
}

impl Job for Task {
    fn run(&mut self) -> BoxFuture<'_, Result<Outcome>> {
        Box::pin(async {
            let mut client = self.database.connect_in_background(super::NAME, self.timeout).await?;
            let (count, what) = match self.service {
                ServiceName::Expiry => (permit::expire(&client, BATCH).await?, "permits expired"),
                ServiceName::Retention => {
                    ddl_guard::prune(&client, self.keep, BATCH).await?;
                    (permit::archive(&client, self.keep, BATCH).await?, "permits archived")
                }
                ServiceName::Reconciliation => {
                    let findings = registry::reconcile(&client, None).await?;
                    for one in &findings {
                        tracing::warn!(
                            collection = one.collection_name,
                            count = one.count,
                            "{}: {}",
                            one.finding,
                            one.advice
                        );
                    }
                    (findings.len() as i64, "findings of rows, births and permits")
                }
                ServiceName::Dimensions => {
                    let counted = block::count_all(&mut client).await?;
                    return Ok(Outcome {
                        says: format!("{counted} dimensions counted"),
                        is_news: false,
                    });
                }
                ServiceName::Drift | ServiceName::Handoff => (0, "nothing to do"),
            };
            Ok(Outcome { says: format!("{count} {what}"), is_news: count > 0 })
        })
    }
}

/// The drift monitor.
struct Drift {
    database: Database,
    timeout: Duration,
    every: Duration,
    monitor: Option<Monitor>,
    /// What was told last.
    known: i64,
}

impl Job for Drift {
    fn run(&mut self) -> BoxFuture<'_, Result<Outcome>> {
        Box::pin(async {
            let monitor = match &mut self.monitor {
                Some(monitor) => monitor,
                none => {
                    let client =
                        self.database.connect_in_background(super::NAME, self.timeout).await?;
                    none.insert(Monitor::new(client, self.every))
                }
            };
            let (count, says) = match monitor.tick().await? {
                Tick::NoBaseline => (0, "no baseline: birthgate drift baseline".to_owned()),
                Tick::Quiet(count) => (count, format!("nothing moved; {count} differences")),
                Tick::Compared(drift) => {
                    let count = drift.count();
                    if count != self.known {
                        for difference in &drift.differences {
                            tracing::warn!("gate drift: {difference}");
                        }
                        for circumstance in &drift.circumstances {
                            tracing::warn!("gate drift: {circumstance}");
                        }
                    }
                    (count, format!("compared; {count} differences"))
                }
            };
            let is_news = std::mem::replace(&mut self.known, count) != count;
            Ok(Outcome { says, is_news })
        })
    }

    fn woken(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            match &mut self.monitor {
                Some(monitor) => monitor.woken().await,
                None => std::future::pending().await,
            }
        })
    }

    fn forget(&mut self) {
        self.monitor = None;
    }
}
