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
const QUIET: Duration = Duration::from_millis(45);
/// The most between two looks.
const BUSY: Duration = Duration::from_millis(250);
/// What a look takes, in seconds, where the server has time to spare. Twice as long, and the pause is four times as long: a look
/// holds up whoever wants a lock meanwhile, the longer the more there is to do.
const EASY: f64 = 1.2e-3;
/// The part of a pause between a look that finds somebody to wait for and the next; each of the following is twice as long, up
/// to the pause.
const WAITING: u32 = 12;
/// Between two questions whether the log is on disk.
const WRITING: Duration = Duration::from_millis(3);
/// For how long the log may stay off the disk before it is put there: a server with much to commit does so itself.
const FLUSH: Duration = Duration::from_millis(200);
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
    let mut look = EASY;
    let mut waiting: Option<Duration> = None;
    loop {
        let begun = Instant::now();
        fence.observe(&looks.observe(&client).await?);
        // The mean of the last few: a single slow look says little.
        look += (begun.elapsed().as_secs_f64() - look) / 8.0;
        let mut is_flushed = false;
        while fence.awaits_disk() {
            tokio::time::sleep(WRITING).await;
            if begun.elapsed() >= FLUSH && !is_flushed {
                reader::flush(&client).await?;
                is_flushed = true;
            }
            fence.flushed(looks.flushed(&client).await?);
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
        let pause = QUIET.mul_f64((look / EASY).powi(2)).clamp(QUIET, BUSY);
        waiting = fence.is_waiting().then(|| match waiting {
            Some(waiting) => (waiting * 2).min(pause),
            None => pause / WAITING,
        });
        tokio::time::sleep(waiting.unwrap_or(pause)).await;
    }
}
