//! Looks at the database again and again, on a connection of its own, and tells the sinks what is settled.

use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use super::fence::{Fence, Settled};
use super::reader::{self, Holder, Looks};
use crate::database::{Database, waits};
use crate::error::Result;
use crate::schema;

/// The least between two looks while nothing is on its way.
const QUIET: Duration = Duration::from_millis(30);
/// The most.
const BUSY: Duration = Duration::from_millis(250);
/// For how long the log may stay off the disk before it is put there: a server with much to commit does so itself.
const FLUSH: Duration = Duration::from_millis(200);
/// How much longer the pause is than a look takes: a server that is slow to answer is asked less often.
const PAUSE: f64 = 25.0;
/// Between two looks while the fence waits.
const WAITING: Duration = Duration::from_millis(10);
/// From when on a wait is told.
pub(crate) const STALLED: Duration = Duration::from_secs(1);

/// Whom the fence has been waiting for, for long.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Stalled {
    /// For how long, in seconds.
    pub seconds: f64,
    /// For whom.
    pub holders: Vec<Holder>,
}

/// What the tail sees.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// What is settled; `None` until it was first found out.
    pub settled: Option<Settled>,
    /// Of which server, by when it began.
    pub server: Option<SystemTime>,
    /// Whether that is all which was there when it was first looked at.
    pub caught_up: bool,
    /// Whom the fence has been waiting for, for long.
    pub stalled: Option<Stalled>,
    /// Why it sees nothing at the moment.
    pub problem: Option<String>,
}

/// Tails the database until it is dropped. A connection that is lost is made again, and the fence then begins anew: what was
/// settled stays so.
pub(crate) async fn tend(database: Database, view: watch::Sender<View>) {
    let mut pauses = waits(usize::MAX);
    loop {
        let before = view.borrow().settled;
        let Err(error) = follow(&database, &view).await;
        // It saw something: the next failure is a first one.
        if view.borrow().settled != before {
            pauses = waits(usize::MAX);
        }
        let problem = error.to_string();
        view.send_modify(|view| view.problem = Some(problem));
        tokio::time::sleep(pauses.next().unwrap_or(STALLED)).await;
    }
}

async fn follow(
    database: &Database,
    view: &watch::Sender<View>,
) -> Result<std::convert::Infallible> {
    let client = database.connect().await?;
    schema::require_installed(&client).await?;
    reader::ready(&client).await?;
    let server = reader::server(&client).await?;
    let looks = Looks::prepare(&client).await?;
    let mut fence = Fence::new();
    let mut told = Instant::now();
    let mut awaits_disk: Option<Instant> = None;
    let mut look = QUIET.as_secs_f64() / PAUSE;
    loop {
        let begun = Instant::now();
        fence.observe(&looks.observe(&client).await?);
        // The mean of the last few: a single slow look says little.
        look += (begun.elapsed().as_secs_f64() - look) / 8.0;
        awaits_disk = fence.awaits_disk().then(|| awaits_disk.unwrap_or_else(Instant::now));
        if awaits_disk.is_some_and(|since| since.elapsed() >= FLUSH) {
            reader::flush(&client).await?;
            awaits_disk = None;
        }
        let settled = fence.settled();
        let stalled = match fence.stalled(STALLED) {
            Some((wait, members)) if told.elapsed() >= STALLED => {
                told = Instant::now();
                let holders = reader::holders(&client, &members).await?;
                let holders = holders.into_iter().map(|(holder, _)| holder).collect();
                Some(Some(Stalled { seconds: wait.as_secs_f64(), holders }))
            }
            Some(_) => None,
            None => Some(None),
        };
        view.send_if_modified(|view| {
            let is_back = view.problem.take().is_some();
            let moved = view.settled != Some(settled) || view.caught_up != fence.has_caught_up();
            view.settled = Some(settled);
            view.server = Some(server);
            view.caught_up = fence.has_caught_up();
            let told = match stalled {
                Some(stalled) => {
                    let differs = stalled.is_some() || view.stalled.is_some();
                    view.stalled = stalled;
                    differs
                }
                None => false,
            };
            moved || told || is_back
        });
        let pause = Duration::from_secs_f64(look * PAUSE).clamp(QUIET, BUSY);
        tokio::time::sleep(if fence.is_waiting() { WAITING } else { pause }).await;
    }
}
