//! Serves the page alone, of the database that DATABASE_URL names: `DATABASE_URL=… cargo run --example page -- EVIDENCE [PORT]`.

use birthgate::Database;
use birthgate_server::page::{Live, PageConfig, router};
use tokio::net::TcpListener;
use tokio::sync::watch;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let evidence = arguments.next().unwrap_or_else(|| "birthgate-evidence".to_owned());
    let port = arguments.next().map_or(Ok(0), |port| port.parse::<u16>())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    // Kept, so that the page always has somebody to ask how the daemon is.
    let (_daemon, live) = watch::channel(Live::default());
    let config = PageConfig {
        database: Database::new(std::env::var("DATABASE_URL")?.parse()?)?,
        evidence: evidence.into(),
        allowed_signers: std::env::var_os("BIRTHGATE_ALLOWED_SIGNERS").map(Into::into),
        token_sha256: std::env::var("BIRTHGATE_TOKEN_SHA256").ok(),
        hosts: vec![address.to_string(), format!("localhost:{}", address.port())],
        behind_tls: false,
        live,
    };
    println!("http://{address}/");
    Ok(axum::serve(listener, router(config, axum::Router::new())).await?)
}
