//! What the daemon answers over HTTP, besides the page.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use birthgate::schema;

use super::State;
use super::metrics::{self, Scraped};

/// How long the database may take until it is said to be away.
const ANSWER: Duration = Duration::from_secs(3);

/// The routes.
pub(super) fn router(state: State) -> Router {
    let scraped = Arc::new(Scraped::default());
    let told = state.clone();
    Router::new()
        .route("/healthz", get(|| async { "the process runs\n" }))
        .route("/readyz", get(ready))
        .with_state(state)
        .route("/metrics", get(move || async move { exposition(&told, &scraped).await }))
}

async fn exposition(state: &State, scraped: &Scraped) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics::text(state, scraped).await).into_response()
}

/// Whether it can do its work: the database answers, and Birthgate is in it.
async fn ready(extract::State(state): extract::State<State>) -> (StatusCode, String) {
    let asked = async {
        let client = state.database.connect_in_background(ANSWER).await?;
        schema::require_installed(&client).await
    };
    let problem = match tokio::time::timeout(ANSWER, asked).await {
        Ok(Ok(())) => {
            let role = if state.standing.borrow().leads { "leads" } else { "waits" };
            return (StatusCode::OK, format!("the database answers; this process {role}\n"));
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("the database did not answer within {} s", ANSWER.as_secs()),
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n"))
}
