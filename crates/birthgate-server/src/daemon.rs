//! The daemon: one process that keeps watch. Several may run; one of them leads and has the services, the others show and wait.

mod config;
mod connections;
mod jobs;
mod leader;
mod metrics;
mod schedule;
mod service;
mod token;
mod web;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use birthgate::handoff::{Governance, Handoff, SinkStatus, Start, View};
use birthgate::preflight::Ospa;
use birthgate::{Database, Result};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::page::PageConfig;
use crate::sink::SinkConfig;
use connections::Limits;
use leader::Leadership;
use service::Service;

pub use config::{ServeConfig, ServiceConfig};
pub use schedule::Schedule;
pub use service::{ServiceName, ServiceStatus};
pub use token::{Token, new_token};

/// What the server calls the daemon's sessions.
const NAME: &str = "birthgate serve";
/// Between two attempts to lead.
const ATTEMPT: Duration = Duration::from_secs(2);

/// What the daemon is to do.
pub struct Daemon {
    /// Which database it watches.
    pub database: Database,
    /// What birthgate.toml says of it.
    pub config: ServeConfig,
    /// The folder of the evidence.
    pub evidence: PathBuf,
    /// The file of the owners, where birthgate.toml names one.
    pub allowed_signers: Option<PathBuf>,
    /// The sinks of the handoff.
    pub sinks: Vec<SinkConfig>,
    /// Where their relative paths are taken from.
    pub folder: PathBuf,
    /// What the events call the database.
    pub source: Option<String>,
    /// Where human approvals are on record.
    pub ospa: Ospa,
    /// What a first handoff begins with.
    pub start: Start,
}

/// Whether this process leads.
#[derive(Clone, Debug, Default)]
struct Standing {
    leads: bool,
    /// Why it neither leads nor waits for another to end.
    problem: Option<String>,
}

/// The handoff of a leader, as it is seen from outside.
#[derive(Clone)]
struct Watched {
    view: watch::Receiver<View>,
    governance: watch::Receiver<Governance>,
    sinks: Vec<Arc<Mutex<SinkStatus>>>,
}

/// What metrics and page are made of.
#[derive(Clone)]
struct State {
    database: Database,
    standing: watch::Receiver<Standing>,
    services: Vec<Arc<Mutex<ServiceStatus>>>,
    handoff: Arc<Mutex<Option<Watched>>>,
}

impl State {
    /// What became of each service.
    fn services(&self) -> Vec<ServiceStatus> {
        let status = |one: &Arc<Mutex<ServiceStatus>>| {
            one.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        self.services.iter().map(status).collect()
    }
}

/// A daemon that has its port.
pub struct Listening {
    daemon: Arc<Daemon>,
    listener: TcpListener,
    address: SocketAddr,
}

impl Daemon {
    /// Takes the port, so that a port in use is found out before anything runs.
    pub async fn listen(self) -> std::io::Result<Listening> {
        let listener = TcpListener::bind(self.config.listen).await?;
        let address = listener.local_addr()?;
        Ok(Listening { daemon: Arc::new(self), listener, address })
    }
}

impl Listening {
    /// Where the page is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs until `stop` is done; then the services are stopped, and leading is given up.
    pub async fn run(self, stop: impl Future<Output = ()>) -> std::io::Result<()> {
        let Listening { daemon, listener, address } = self;
        let (standing, seen) = watch::channel(Standing::default());
        let services = Service::all(&daemon.config);
        let state = State {
            database: daemon.database.clone(),
            standing: seen,
            services: services.iter().map(|service| service.status.clone()).collect(),
            handoff: Arc::default(),
        };
        info!(%address, "the page is there");
        let page = PageConfig {
            database: daemon.database.clone(),
            evidence: daemon.evidence.clone(),
            allowed_signers: daemon.allowed_signers.clone(),
            token_sha256: daemon.config.token_sha256.clone(),
            hosts: daemon.config.hosts(address),
            behind_tls: daemon.config.behind_tls,
            live: web::live(&state),
        };
        let (end, ended) = oneshot::channel::<()>();
        let router = web::router(state.clone(), page);
        let mut web =
            tokio::spawn(connections::serve(listener, router, Limits::default(), async {
                let _ = ended.await;
            }));
        tokio::select! {
            served = &mut web => return served.map_err(std::io::Error::other),
            () = daemon.keep(services, &standing, &state.handoff) => {}
            () = stop => info!("stopped"),
        }
        drop(end);
        web.await.map_err(std::io::Error::other)
    }
}

impl Daemon {
    /// Leads whenever nobody else does.
    async fn keep(
        self: Arc<Self>,
        services: Vec<Service>,
        standing: &watch::Sender<Standing>,
        handoff: &Arc<Mutex<Option<Watched>>>,
    ) {
        loop {
            let problem = match Leadership::take(&self.database).await {
                Ok(Some(leadership)) => {
                    info!("this process leads");
                    standing.send_replace(Standing { leads: true, problem: None });
                    // They end with the set, at once, when leading does.
                    let mut running = JoinSet::new();
                    for service in &services {
                        service.start(&self.database, &mut running);
                    }
                    self.hand_off(handoff, &mut running);
                    let lost = leadership.lost().await;
                    running.shutdown().await;
                    *handoff.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    warn!(why = %lost, "this process leads no longer");
                    Some(lost.to_string())
                }
                Ok(None) => None,
                Err(error) => Some(error.to_string()),
            };
            let is_new = standing.borrow().problem != problem;
            if let Some(problem) = problem.as_deref().filter(|_| is_new) {
                warn!(problem, "the database cannot be watched; it is tried again");
            }
            standing.send_replace(Standing { leads: false, problem });
            tokio::time::sleep(ATTEMPT).await;
        }
    }

    /// Hands off for as long as this process leads, where there are sinks.
    fn hand_off(self: &Arc<Self>, told: &Arc<Mutex<Option<Watched>>>, running: &mut JoinSet<()>) {
        if self.sinks.is_empty() || !self.config.is_enabled(ServiceName::Handoff) {
            return;
        }
        let (daemon, told) = (self.clone(), told.clone());
        running.spawn(async move {
            loop {
                if let Err(error) = daemon.hand_off_once(&told).await {
                    warn!(%error, "the handoff ended; it begins again");
                }
                tokio::time::sleep(ATTEMPT).await;
            }
        });
    }

    async fn hand_off_once(&self, told: &Mutex<Option<Watched>>) -> Result<()> {
        let source = match &self.source {
            Some(source) => source.clone(),
            None => birthgate::handoff::source(&self.database.connect().await?).await?,
        };
        let mut handoff =
            Handoff::new(self.database.clone(), source, self.ospa.clone(), self.start);
        for sink in &self.sinks {
            handoff.add(&sink.name, sink.capture, sink.make(&self.folder), None);
        }
        *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(Watched {
            view: handoff.view(),
            governance: handoff.governance(),
            sinks: handoff.statuses(),
        });
        handoff.run(false).await
    }
}
