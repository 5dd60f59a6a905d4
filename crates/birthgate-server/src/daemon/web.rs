//! What the daemon answers over HTTP: the page, metrics, and whether it is well.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use birthgate::schema;
use tokio::sync::watch;

use super::State;
use super::metrics::{self, Scraped};
use crate::page::{self, Live, PageConfig, ServiceLive, SinkLive};

/// How long the database may take until it is said to be away.
const ANSWER: Duration = Duration::from_secs(3);
/// Between two looks of the page at the daemon.
const LIVE: Duration = Duration::from_millis(500);

/// The routes. Whether it is well is told to everybody, since whoever restarts it asks without a token.
pub(super) fn router(state: State, page: PageConfig) -> Router {
    let (scraped, told) = (Arc::new(Scraped::default()), state.clone());
    let metrics = get(move || async move { exposition(&told, &scraped).await });
    Router::new()
        .route("/healthz", get(|| async { "the process runs\n" }))
        .route("/readyz", get(ready))
        .with_state(state)
        .merge(page::router(page, Router::new().route("/metrics", metrics)))
}

/// How the daemon is doing, for the page, from now on.
pub(super) fn live(state: &State) -> watch::Receiver<Live> {
    let (sender, receiver) = watch::channel(look(state));
    let state = state.clone();
    tokio::spawn(async move {
        while !sender.is_closed() {
            sender.send_replace(look(&state));
            tokio::time::sleep(LIVE).await;
        }
    });
    receiver
}

fn look(state: &State) -> Live {
    let services = state.services().into_iter().map(|one| ServiceLive {
        name: one.name.to_string(),
        running: one.running,
        last: one.succeeded.map(|at| humantime::format_rfc3339_seconds(at).to_string()),
        problem: one.problem,
    });
    let watched = state.handoff.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let sinks = watched.iter().flat_map(|watched| {
        let settled = watched.view.borrow().settled;
        watched.sinks.iter().map(move |sink| {
            let sink = sink.lock().unwrap_or_else(PoisonError::into_inner).clone();
            SinkLive {
                behind: settled.zip(sink.cursor.as_ref()).map(|(settled, has)| has.behind(settled)),
                name: sink.name,
                delivered: sink.delivered,
                problem: sink.problem,
            }
        })
    });
    Live {
        leads: state.standing.borrow().leads,
        sinks: sinks.collect(),
        services: services.collect(),
    }
}

async fn exposition(state: &State, scraped: &Scraped) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics::text(state, scraped).await).into_response()
}

/// Whether it can do its work: the database answers, and Birthgate is in it. Why not, the log tells: this is told to everybody.
async fn ready(extract::State(state): extract::State<State>) -> (StatusCode, &'static str) {
    let asked = async {
        let client = state.database.connect_in_background(super::NAME, ANSWER).await?;
        schema::require_installed(&client).await
    };
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(Ok(())) if state.standing.borrow().leads => {
            (StatusCode::OK, "the database answers; this process leads\n")
        }
        Ok(Ok(())) => (StatusCode::OK, "the database answers; this process waits\n"),
        Ok(Err(error)) => {
            tracing::debug!(%error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer, or Birthgate is not in it\n",
            )
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database did not answer in time\n"),
    }
}
