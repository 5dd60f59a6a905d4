//! What goes out to open pages: one task looks once a second while anybody listens, and every listener gets the newest look
//! only. A browser that does not read has at most one look waiting for it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::failure::Failure;
use super::{Here, Page, overview};

/// How often it is looked.
const TICK: Duration = Duration::from_secs(1);
/// How many may listen at once: fewer than there may be connections, so that requests are answered beside them.
const LISTENERS: usize = 500;

#[derive(Default)]
pub struct Feed {
    newest: watch::Sender<Arc<str>>,
    is_looking: Mutex<bool>,
}

/// The stream of looks.
pub async fn stream(
    State(page): Here,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    if page.feed.newest.receiver_count() >= LISTENERS {
        return Err(Failure::Away(format!("{LISTENERS} pages are open already.")));
    }
    let mut listener = page.feed.newest.subscribe();
    // What was looked at before somebody listened is old.
    listener.mark_unchanged();
    listen(&page);
    let looks = futures_util::stream::unfold(listener, |mut listener| async {
        listener.changed().await.ok()?;
        let look = listener.borrow_and_update().clone();
        Some((Ok(Event::default().data(&*look)), listener))
    });
    Ok(Sse::new(looks).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// Has it looked from now on, for as long as somebody listens.
fn listen(page: &Arc<Page>) {
    let mut is_looking = page.feed.is_looking.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_looking {
        *is_looking = true;
        tokio::spawn(look(page.clone()));
    }
}

async fn look(page: Arc<Page>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let overview = overview::look(&page).await;
        let log = overview.as_ref().ok().and_then(|overview| overview.log.as_ref());
        // JSON, since a line of a stream ends where a text has a line's end.
        let text = json!({ "log": log, "html": overview::live(&overview, &page).into_string() });
        page.feed.newest.send_replace(text.to_string().into());
        let mut is_looking = page.feed.is_looking.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever begins to listen is counted before asking for this lock.
        if page.feed.newest.receiver_count() == 0 {
            *is_looking = false;
            return;
        }
    }
}
