//! The page that an owner looks at: server-rendered, live where a browser runs its script, and only reading. Every browser
//! shares a few connections, and what costs something is asked once for all of them.

mod access;
mod approvals;
mod drift;
mod evidence;
mod failure;
mod layout;
mod live;
mod markdown;
mod overview;
mod packets;
mod permits;
mod pictures;
mod query;
mod registry;
mod shared;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use birthgate::Database;
use serde::Serialize;
use tokio::sync::watch;

use failure::Failure;
use live::Feed;
use shared::Shared;

use crate::access::Access;
use crate::pool::Pool;

/// What the page needs to be served.
pub struct PageConfig {
    /// The database that it shows. Reached directly: a pooler that shares sessions would let the page's settings out to others.
    pub database: Database,
    /// The folder of the evidence.
    pub evidence: PathBuf,
    /// The file of the owners, with which signatures are judged; `None`: they are not.
    pub allowed_signers: Option<PathBuf>,
    /// SHA-256 of the bearer token, in hexadecimal; `None` only where nobody but this machine can connect.
    pub token_sha256: Option<String>,
    /// The values of the Host header that are answered: a name that somebody else points at this machine is none of them.
    pub hosts: Vec<String>,
    /// Whether browsers reach it over TLS, which a proxy ends.
    pub behind_tls: bool,
    /// How the daemon is doing.
    pub live: watch::Receiver<Live>,
}

/// How the daemon is doing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Live {
    /// Whether this daemon leads.
    pub leads: bool,
    /// The sinks of the handoff.
    pub sinks: Vec<SinkLive>,
    /// The daemon's services.
    pub services: Vec<ServiceLive>,
}

/// How a sink is doing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SinkLive {
    /// Its name.
    pub name: String,
    /// How many events it took since the daemon began.
    pub delivered: u64,
    /// Why it takes none.
    pub problem: Option<String>,
    /// How many ids are settled that it was not given; an id need not have an event.
    pub behind: Option<u64>,
}

/// How a service is doing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ServiceLive {
    /// Its name.
    pub name: String,
    /// Whether it runs.
    pub running: bool,
    /// When it last did what it is for (RFC 3339).
    pub last: Option<String>,
    /// Why it could not.
    pub problem: Option<String>,
}

/// What every view has.
struct Page {
    pool: Pool,
    evidence: PathBuf,
    allowed_signers: Option<PathBuf>,
    access: Access,
    behind_tls: bool,
    live: watch::Receiver<Live>,
    feed: Feed,
    overview: Shared<Arc<overview::Overview>>,
    funnel: Shared<Vec<(String, i64)>>,
    drift: Shared<Arc<drift::Looked>>,
}

/// The page, with what keeps everybody else out; also from the other routes, which it is given.
pub fn router(config: PageConfig, others: Router) -> Router {
    let page = Arc::new(Page {
        pool: Pool::new(config.database, "birthgate page"),
        evidence: config.evidence,
        allowed_signers: config.allowed_signers,
        access: Access::new(config.token_sha256, config.hosts),
        behind_tls: config.behind_tls,
        live: config.live,
        feed: Feed::default(),
        overview: Shared::new(Duration::from_millis(900), Duration::from_secs(3)),
        funnel: Shared::new(Duration::from_millis(900), Duration::from_secs(120)),
        drift: Shared::new(Duration::from_secs(10), Duration::from_secs(60)),
    });
    Router::new()
        .route("/", get(overview::view))
        .route("/permits", get(permits::list))
        .route("/permits/{id}", get(permits::one))
        .route("/registry", get(registry::view))
        .route("/packets", get(packets::list))
        .route("/packets/{id}", get(packets::one))
        .route("/drift", get(drift::view))
        .route("/evidence", get(evidence::list))
        .route("/evidence/{id}", get(evidence::one))
        .route("/evidence/{id}/{document}", get(evidence::document))
        .route("/live", get(live::stream))
        .route("/login", get(access::form).post(access::login))
        .route("/logout", post(access::logout))
        .route("/assets/page.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route("/assets/page.js", get(|| asset("text/javascript; charset=utf-8", SCRIPT)))
        .route("/assets/icon.svg", get(|| asset("image/svg+xml", ICON)))
        .fallback(|| async { Failure::NotFound("There is no such page.".to_owned()) })
        .with_state(page.clone())
        .merge(others)
        .layer(axum::middleware::from_fn_with_state(page, access::guard))
}

const STYLE: &str = include_str!("../assets/page.css");
const SCRIPT: &str = include_str!("../assets/page.js");
const ICON: &str = include_str!("../assets/icon.svg");

async fn asset(kind: &'static str, text: &'static str) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text).into_response()
}

/// The page, as the views get it.
type Here = State<Arc<Page>>;
/// What a view answers.
type View = Result<maud::Markup, Failure>;
