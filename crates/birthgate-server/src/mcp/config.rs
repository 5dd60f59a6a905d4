//! What birthgate.toml says of the server for agents.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::access;

/// The section `[mcp]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct McpConfig {
    /// The SHA-256 of the token that whoever asks over HTTP must bring, in hex.
    pub token_sha256: Option<String>,
    /// The names by which it is reached over HTTP, besides the address.
    pub hosts: Vec<String>,
    /// The folder below which packets may be rehearsed.
    pub packets: PathBuf,
    /// Whether a rehearsal goes on into the live database, as the role of the connection, after a clean sandbox.
    pub rehearse_live: bool,
    /// How long a rehearsal may take.
    #[serde(with = "humantime_serde")]
    pub rehearse_time: Duration,
}

impl Default for McpConfig {
    fn default() -> McpConfig {
        McpConfig {
            token_sha256: None,
            hosts: Vec::new(),
            packets: "packets".into(),
            rehearse_live: false,
            rehearse_time: Duration::from_secs(120),
        }
    }
}

impl McpConfig {
    /// What is said that makes no sense.
    pub fn problem(&self) -> Option<String> {
        let problem = access::hash_problem(self.token_sha256.as_deref())?;
        Some(format!("mcp.token_sha256 {problem}"))
    }

    /// What clients may call the server that is at this address.
    pub(super) fn hosts(&self, address: SocketAddr) -> Vec<String> {
        let here = [format!("localhost:{}", address.port()), address.to_string()];
        here.into_iter().chain(self.hosts.iter().cloned()).collect()
    }
}
