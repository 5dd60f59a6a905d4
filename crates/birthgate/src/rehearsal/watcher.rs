//! The second connection: it sees whom the rehearsal blocks, and cancels it when that lasts too long. A
//! rehearsal without its watcher does not go on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::JoinHandle;
use tokio_postgres::CancelToken;

use crate::database::Database;
use crate::error::Result;
use crate::unprepared::Unprepared;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);

/// What it has seen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Watched {
    /// The longest that somebody waited.
    pub blocked_ms: f64,
    /// Who waited, as far as was seen.
    pub blocked: Vec<String>,
    /// Why the rehearsal was cancelled, if it was.
    pub cancelled: Option<String>,
}

pub(crate) struct Watcher {
    task: JoinHandle<()>,
    watched: Arc<Mutex<Watched>>,
}

impl Watcher {
    /// Watches the backend of that pid.
    pub async fn start(
        database: &Database,
        pid: i32,
        token: CancelToken,
        max_block: Duration,
        max_time: Duration,
    ) -> Result<Watcher> {
        let client = database.connect().await?;
        let watched = Arc::new(Mutex::new(Watched::default()));
        let seen = watched.clone();
        let database = database.clone();
        let task = tokio::spawn(async move {
            let begun = Instant::now();
            let why = loop {
                let rows =
                    client.rows(include_str!("../../sql/rehearsal/blocked.sql"), &[&pid]).await;
                let Ok(rows) = rows else { break "the watcher lost its connection".to_owned() };
                let mut too_long = None;
                {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    for row in rows {
                        let waited = row.get::<_, f64>("seconds").max(0.0) * 1e3;
                        let who: String = row.get("query");
                        if !seen.blocked.contains(&who) && seen.blocked.len() < 10 {
                            seen.blocked.push(who.clone());
                        }
                        seen.blocked_ms = seen.blocked_ms.max((waited * 1e3).round() / 1e3);
                        if waited > max_block.as_secs_f64() * 1e3 {
                            too_long = Some(format!("it blocked {who:?} for {waited:.0} ms"));
                        }
                    }
                }
                if let Some(why) = too_long {
                    break why;
                }
                if begun.elapsed() > max_time {
                    break format!("it took longer than {} s", max_time.as_secs());
                }
                tokio::time::sleep(LOOK).await;
            };
            seen.lock().unwrap_or_else(PoisonError::into_inner).cancelled = Some(why);
            // Again and again: a cancel that arrives between two statements cancels nothing.
            loop {
                database.cancel(&token).await;
                tokio::time::sleep(LOOK).await;
            }
        });
        Ok(Watcher { task, watched })
    }

    /// What it has seen until now.
    pub fn seen(&self) -> Watched {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Watcher {
    /// Ends it; what it has seen. No cancel is begun after this.
    pub async fn end(mut self) -> Watched {
        self.task.abort();
        let _ = (&mut self.task).await;
        self.seen()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}
