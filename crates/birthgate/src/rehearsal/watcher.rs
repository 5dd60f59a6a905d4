//! The second connection: it sees whom the rehearsal blocks, and cancels it when that lasts too long. A
//! rehearsal without its watcher does not go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio_postgres::{CancelToken, Row};

use crate::database::Database;
use crate::error::Result;
use crate::unprepared::Unprepared;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);

/// A session that waited for the rehearsal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Blocked {
    /// Its process.
    pub pid: i32,
    /// As whom it was connected; of the server's own processes, what they do.
    pub role: String,
    /// What it calls itself.
    pub application: String,
    /// What it wanted to lock; `None`: it waited for the end of a transaction, as for a row.
    pub object: Option<String>,
    /// How, as PostgreSQL names it.
    pub mode: String,
    /// How long it had waited when it was seen last; locks are held to the end, so it may wait since an earlier step.
    pub waited_ms: f64,
}

/// What it has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    /// The longest that somebody waited.
    pub blocked_ms: f64,
    /// Who waited, and at which step; what was seen between two steps is nobody's.
    seen: BTreeMap<(i32, Option<usize>), Blocked>,
    /// What they wanted, as far as was seen.
    pub queries: Vec<String>,
    /// Why the rehearsal was cancelled, if it was.
    pub cancelled: Option<String>,
    /// The step that is run now.
    step: Option<usize>,
    /// The steps that were run under watch.
    watched: BTreeSet<usize>,
}

impl Watched {
    fn see(&mut self, row: &Row, step: Option<usize>) -> Blocked {
        let blocked = Blocked {
            pid: row.get("pid"),
            role: row.get("role"),
            application: row.get("application"),
            object: row.get("object"),
            mode: row.get("mode"),
            waited_ms: (row.get::<_, f64>("seconds").max(0.0) * 1e6).round() / 1e3,
        };
        self.blocked_ms = self.blocked_ms.max(blocked.waited_ms);
        let known = self.seen.entry((blocked.pid, step)).or_insert_with(|| blocked.clone());
        if known.waited_ms < blocked.waited_ms {
            known.clone_from(&blocked);
        }
        let query: String = row.get("query");
        if !self.queries.contains(&query) && self.queries.len() < 10 {
            self.queries.push(query);
        }
        blocked
    }

    /// Everybody who waited, who waited longest first.
    pub fn blocked(&self) -> Vec<Blocked> {
        let mut longest: BTreeMap<i32, &Blocked> = BTreeMap::new();
        for one in self.seen.values() {
            let known = longest.entry(one.pid).or_insert(one);
            if known.waited_ms < one.waited_ms {
                *known = one;
            }
        }
        longest_first(longest.into_values())
    }

    /// Who waited while this step was run; `None` where it was not run under watch.
    pub fn blocked_by(&self, step: usize) -> Option<Vec<Blocked>> {
        let its = self.seen.iter().filter(|((_, at), _)| *at == Some(step)).map(|(_, one)| one);
        self.watched.contains(&step).then(|| longest_first(its))
    }
}

fn longest_first<'a>(blocked: impl Iterator<Item = &'a Blocked>) -> Vec<Blocked> {
    let mut all: Vec<Blocked> = blocked.cloned().collect();
    all.sort_by(|a, b| b.waited_ms.total_cmp(&a.waited_ms));
    all
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
        let client = database.connect_for_others().await?;
        let watched = Arc::new(Mutex::new(Watched::default()));
        let seen = watched.clone();
        let database = database.clone();
        let task = tokio::spawn(async move {
            let begun = Instant::now();
            let why = loop {
                let step = lock(&seen).step;
                let rows =
                    client.rows(include_str!("../../sql/rehearsal/blocked.sql"), &[&pid]).await;
                let Ok(rows) = rows else { break "the watcher lost its connection".to_owned() };
                let mut too_long = None;
                {
                    let mut seen = lock(&seen);
                    // A look that lasted from one step into another tells of neither.
                    let step = step.filter(|step| seen.step == Some(*step));
                    for row in &rows {
                        let blocked = seen.see(row, step);
                        if blocked.waited_ms > max_block.as_secs_f64() * 1e3 {
                            let query: String = row.get("query");
                            let waited = blocked.waited_ms;
                            too_long = Some(format!("it blocked {query:?} for {waited:.0} ms"));
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
            lock(&seen).cancelled = Some(why);
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
        lock(&self.watched).clone()
    }

    /// Says which step is run from now on; `None`: none is.
    pub fn during(&self, step: Option<usize>) {
        let mut watched = lock(&self.watched);
        watched.step = step;
        watched.watched.extend(step);
    }

    /// Ends it; what it has seen. No cancel is begun after this.
    pub async fn end(mut self) -> Watched {
        self.task.abort();
        let _ = (&mut self.task).await;
        self.seen()
    }
}

fn lock(watched: &Mutex<Watched>) -> MutexGuard<'_, Watched> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}
