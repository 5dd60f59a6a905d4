//! What birthgate.toml says of the daemon.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

use super::schedule::Schedule;
use super::service::ServiceName;
use crate::access;

/// The section `[serve]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeConfig {
    /// Where the page is. Beyond loopback it takes a token.
    pub listen: SocketAddr,
    /// The SHA-256 of the token that whoever asks must bring, in hex.
    pub token_sha256: Option<String>,
    /// The names by which browsers reach the page, besides the address.
    pub hosts: Vec<String>,
    /// Whether browsers reach the page over TLS, which a proxy ends: the cookie is sent over nothing else then.
    pub behind_tls: bool,
    /// For how long permits that ended stay where they were, before they are moved to the archive, and what the DDL guard
    /// wrote down stays.
    #[serde(with = "humantime_serde")]
    pub keep: Duration,
    /// How often the gate is compared even if nothing moved.
    #[serde(with = "humantime_serde")]
    pub compare_every: Duration,
    /// What is otherwise than usual, by the service's name.
    pub service: BTreeMap<ServiceName, ServiceConfig>,
}

impl Default for ServeConfig {
    fn default() -> ServeConfig {
        ServeConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7447)),
            token_sha256: None,
            hosts: Vec::new(),
            behind_tls: false,
            keep: Duration::from_secs(90 * 24 * 3600),
            compare_every: Duration::from_secs(300),
            service: BTreeMap::new(),
        }
    }
}

/// What is otherwise than usual with a service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceConfig {
    /// Whether it runs.
    pub enabled: Option<bool>,
    /// When: cron with seconds, in UTC.
    pub schedule: Option<Schedule>,
    /// How long a run may take.
    #[serde(with = "humantime_serde")]
    pub timeout: Option<Duration>,
    /// At most how much later than scheduled it begins.
    #[serde(with = "humantime_serde")]
    pub jitter: Option<Duration>,
}

impl ServeConfig {
    /// What browsers may call the page that is at this address.
    pub(super) fn hosts(&self, address: SocketAddr) -> Vec<String> {
        let port = address.port();
        let here = [format!("localhost:{port}"), address.to_string()];
        here.into_iter().chain(self.hosts.iter().cloned()).collect()
    }

    /// What is said that makes no sense.
    pub fn problem(&self) -> Option<String> {
        if let Some(problem) = access::hash_problem(self.token_sha256.as_deref()) {
            return Some(format!("serve.token_sha256 {problem}"));
        }
        let handoff = self.service.get(&ServiceName::Handoff)?;
        let timed =
            handoff.schedule.is_some() || handoff.timeout.is_some() || handoff.jitter.is_some();
        timed.then(|| {
            "serve.service.handoff runs all the time: it has no schedule, timeout or jitter"
                .to_owned()
        })
    }

    /// Whether a service is to run.
    pub fn is_enabled(&self, service: ServiceName) -> bool {
        self.service.get(&service).and_then(|config| config.enabled).unwrap_or(true)
    }
}
