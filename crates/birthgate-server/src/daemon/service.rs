//! A service: a job, when it runs, for how long it may, and what became of it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use birthgate::Database;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use super::config::ServeConfig;
use super::jobs::{self, Job};
use super::schedule::Schedule;

/// The services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceName {
    /// Takes overdue permits to EXPIRED.
    Expiry,
    /// Moves permits that ended long ago to the archive.
    Retention,
    /// Compares rows, births and permits.
    Reconciliation,
    /// Counts the BLOCK dimensions.
    Dimensions,
    /// Compares the gate with its baseline.
    Drift,
    /// Hands births and changes off; it runs without a schedule, for as long as this process leads.
    Handoff,
}

impl fmt::Display for ServiceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ServiceName::Expiry => "expiry",
            ServiceName::Retention => "retention",
            ServiceName::Reconciliation => "reconciliation",
            ServiceName::Dimensions => "dimensions",
            ServiceName::Drift => "drift",
            ServiceName::Handoff => "handoff",
        })
    }
}

/// What usually holds of a service.
struct Usual {
    name: ServiceName,
    schedule: &'static str,
    timeout: Duration,
    jitter: Duration,
    /// Whether a new leader runs it at once.
    at_once: bool,
}

const USUAL: [Usual; 5] = [
    usual(ServiceName::Drift, "*/10 * * * * *", 60, 1, true),
    usual(ServiceName::Dimensions, "0 * * * * *", 300, 5, true),
    usual(ServiceName::Expiry, "*/30 * * * * *", 60, 5, true),
    usual(ServiceName::Retention, "0 15 * * * *", 600, 60, false),
    usual(ServiceName::Reconciliation, "0 30 2 * * *", 3600, 60, false),
];

const fn usual(
    name: ServiceName,
    schedule: &'static str,
    timeout: u64,
    jitter: u64,
    at_once: bool,
) -> Usual {
    let (timeout, jitter) = (Duration::from_secs(timeout), Duration::from_secs(jitter));
    Usual { name, schedule, timeout, jitter, at_once }
}

/// What became of a service, in this process.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceStatus {
    /// Which.
    pub name: ServiceName,
    /// Whether it is at it.
    pub running: bool,
    /// Runs that ended.
    pub runs: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// When the last one that went well ended.
    #[serde(skip)]
    pub succeeded: Option<SystemTime>,
    /// How long the last one took, in seconds.
    pub seconds: f64,
    /// What it came to.
    pub says: String,
    /// Why it failed.
    pub problem: Option<String>,
}

/// One service, ready to be started as often as this process comes to lead.
pub(super) struct Service {
    name: ServiceName,
    schedule: Schedule,
    timeout: Duration,
    jitter: Duration,
    at_once: bool,
    job: Arc<dyn Fn(Database) -> Box<dyn Job> + Send + Sync>,
    pub status: Arc<Mutex<ServiceStatus>>,
}

impl Service {
    /// Those that are to run.
    pub fn all(config: &ServeConfig) -> Vec<Service> {
        let enabled = USUAL.iter().filter(|usual| config.is_enabled(usual.name));
        enabled.filter_map(|usual| Service::new(usual, config)).collect()
    }

    fn new(usual: &Usual, config: &ServeConfig) -> Option<Service> {
        let said = config.service.get(&usual.name).cloned().unwrap_or_default();
        let timeout = said.timeout.unwrap_or(usual.timeout);
        Some(Service {
            name: usual.name,
            // The usual ones are right: a test reads each.
            schedule: said.schedule.or_else(|| usual.schedule.parse().ok())?,
            timeout,
            jitter: said.jitter.unwrap_or(usual.jitter),
            at_once: usual.at_once,
            job: jobs::of(usual.name, timeout, config),
            status: Arc::new(Mutex::new(ServiceStatus {
                name: usual.name,
                running: false,
                runs: 0,
                failures: 0,
                succeeded: None,
                seconds: 0.0,
                says: String::new(),
                problem: None,
            })),
        })
    }

    /// Starts it; it ends with the set.
    pub fn start(&self, database: &Database, running: &mut JoinSet<()>) {
        let mut job = (self.job)(database.clone());
        let (name, schedule) = (self.name, self.schedule.clone());
        let (timeout, jitter, at_once) = (self.timeout, self.jitter, self.at_once);
        let running_now = Running(self.status.clone());
        running.spawn(async move {
            let mut waits = !at_once;
            loop {
                if std::mem::replace(&mut waits, true) {
                    tokio::select! {
                        () = schedule.wait(jitter) => {}
                        () = job.woken() => {}
                    }
                }
                let begun = running_now.begin();
                let outcome = tokio::time::timeout(timeout, job.run()).await;
                let outcome = outcome.unwrap_or_else(|_| {
                    Err(birthgate::Error::Interrupted(format!(
                        "not done within {} s",
                        timeout.as_secs_f64()
                    )))
                });
                match outcome {
                    Ok(outcome) => {
                        match outcome.is_news {
                            true => info!(service = %name, "{}", outcome.says),
                            false => debug!(service = %name, "{}", outcome.says),
                        }
                        running_now.end(begun, Ok(outcome.says));
                    }
                    Err(error) => {
                        warn!(service = %name, %error, "failed");
                        // What it kept of its connection is worth nothing now.
                        job.forget();
                        running_now.end(begun, Err(error.to_string()));
                    }
                }
            }
        });
    }
}

/// Notes what a service does; when its task is stopped amid a run, also that.
struct Running(Arc<Mutex<ServiceStatus>>);

impl Running {
    fn status(&self) -> MutexGuard<'_, ServiceStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Instant {
        self.status().running = true;
        Instant::now()
    }

    fn end(&self, begun: Instant, outcome: Result<String, String>) {
        let mut status = self.status();
        status.running = false;
        status.runs += 1;
        status.seconds = begun.elapsed().as_secs_f64();
        match outcome {
            Ok(says) => {
                status.succeeded = Some(SystemTime::now());
                status.says = says;
                status.problem = None;
            }
            Err(problem) => {
                status.failures += 1;
                status.problem = Some(problem);
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.status().running = false;
    }
}

#[cfg(test)]
mod tests {
    use super::{Service, USUAL};
    use crate::daemon::ServeConfig;

    #[test]
    fn each_usual_service_has_a_schedule() {
        assert_eq!(Service::all(&ServeConfig::default()).len(), USUAL.len());
    }
}
