//! The server over streamable HTTP: every request stands alone, and brings the token where there is one.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{LARGEST, Mcp};
use crate::access::{Access, Foreign};

/// A server that has its port.
pub struct Listening {
    mcp: Mcp,
    listener: TcpListener,
    address: SocketAddr,
}

impl Mcp {
    /// Takes the port.
    pub async fn listen(self, address: SocketAddr) -> std::io::Result<Listening> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Listening { mcp: self, listener, address })
    }
}

impl Listening {
    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done.
    pub async fn run(self, stop: impl Future<Output = ()>) -> std::io::Result<()> {
        let Listening { mcp, listener, address } = self;
        let config = &mcp.config;
        let access = Arc::new(Access::new(config.token_sha256.clone(), config.hosts(address)));
        let ended = CancellationToken::new();
        let _ends = ended.clone().drop_guard();
        let config = StreamableHttpServerConfig::default()
            // There is nothing to remember between requests.
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(LARGEST)
            .with_cancellation_token(ended)
            // Looked at before it, by `guard`.
            .disable_allowed_hosts();
        let service = StreamableHttpService::new(
            move || Ok(mcp.clone()),
            Arc::new(NeverSessionManager::default()),
            config,
        );
        let router = Router::new()
            .route_service("/mcp", service)
            .layer(axum::middleware::from_fn_with_state(access, guard));
        tokio::select! {
            served = async { axum::serve(listener, router).await } => served,
            () = stop => Ok(()),
        }
    }
}

/// Stands before every request.
async fn guard(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    match access.is_foreign(headers) {
        Some(Foreign::Host) => {
            let said = format!(
                "This server is not known under that name. It is at: {}. More names: [mcp] hosts in birthgate.toml.\n",
                access.hosts().join(", ")
            );
            return (StatusCode::MISDIRECTED_REQUEST, said).into_response();
        }
        Some(Foreign::Site) => {
            let said = "A page of another site asked for this.\n";
            return (StatusCode::FORBIDDEN, said).into_response();
        }
        None => {}
    }
    if !access.is_let_in(headers) {
        let how = [(header::WWW_AUTHENTICATE, "Bearer realm=\"birthgate\"")];
        let said = "Bring the token: Authorization: Bearer …\n";
        return (StatusCode::UNAUTHORIZED, how, said).into_response();
    }
    next.run(request).await
}
