//! Gives each sink what it lacks. Each has a task, a connection and a cursor of its own; what happens to one is of no concern
//! to the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_postgres::Client;

use super::activation::{self, Activation};
use super::cursor::Cursor;
use super::event::Envelope;
use super::fence::Settled;
use super::reader::{self, Pages};
use super::sink::{Sink, SinkError};
use super::tail::{self, View};
use crate::database::{Database, waits};
use crate::error::{Doing, Error, Result};
use crate::preflight::Ospa;
use crate::unprepared::Unprepared;

/// Events in a batch: what is held in memory of a backlog, for each sink.
const BATCH: i64 = 2_000;
/// Between two looks for a first approval.
const ACTIVATION: Duration = Duration::from_secs(2);
/// Before another look at what somebody has to mend.
const LASTING: Duration = Duration::from_secs(10);
/// Why a sink is not served that is no capture sink.
const WAITS: &str = "not served before a person has approved: governance is capture-only";
/// Attempts of a sink, in a run that is to end.
const ATTEMPTS: u32 = 5;

/// What a sink is given that has nothing yet, when the handoff begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Every birth and change that is there.
    #[default]
    Everything,
    /// What happens from now on.
    Now,
}

/// What there is to know of a sink in this run.
#[derive(Clone, Debug, Serialize)]
pub struct SinkStatus {
    /// Its name.
    pub name: String,
    /// Whether it is served before governance is active.
    pub capture: bool,
    /// How far it has come.
    #[serde(skip)]
    pub cursor: Option<Cursor>,
    /// Events delivered in this run.
    pub delivered: u64,
    /// When the last of them was.
    #[serde(skip)]
    pub last: Option<SystemTime>,
    /// Why it is not served at the moment.
    pub problem: Option<String>,
}

/// Whether governance is active, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Governance {
    /// What the evidence log says; `None` until it was read.
    pub activation: Option<Activation>,
    /// Whether the approvals were looked at since this began.
    pub looked: bool,
    /// Why it cannot be found out, or not be written down, at the moment.
    pub problem: Option<String>,
}

/// Where to begin again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// With this event.
    Event(String),
    /// With what happened at this time or later.
    Time(SystemTime),
    /// With the first birth and the first change.
    Everything,
}

/// The cursor of a sink that is to be given everything since then, again.
pub async fn rewind(client: &Client, since: &Since) -> Result<Cursor> {
    match since {
        Since::Event(id) => reader::before_event(client, id).await,
        Since::Time(time) => reader::before(client, *time).await,
        Since::Everything => Ok(Cursor::default()),
    }
}

/// A sink, before it is served.
struct Added {
    sink: Box<dyn Sink>,
    status: Arc<Mutex<SinkStatus>>,
    from: Option<Cursor>,
}

/// The handoff of one database.
pub struct Handoff {
    database: Database,
    ospa: Ospa,
    start: Start,
    source: String,
    sinks: Vec<Added>,
    view: watch::Sender<View>,
    governance: watch::Sender<Governance>,
}

impl Handoff {
    /// A handoff without sinks; `source` is what its events call the database.
    pub fn new(database: Database, source: String, ospa: Ospa, start: Start) -> Handoff {
        let (view, governance) = (watch::Sender::default(), watch::Sender::default());
        Handoff { database, ospa, start, source, sinks: Vec::new(), view, governance }
    }

    /// Adds a sink. `from` overrules, once, what the sink says of how far it has come.
    pub fn add(&mut self, name: &str, capture: bool, sink: Box<dyn Sink>, from: Option<Cursor>) {
        let status = SinkStatus {
            name: name.to_owned(),
            capture,
            cursor: None,
            delivered: 0,
            last: None,
            problem: None,
        };
        self.sinks.push(Added { sink, status: Arc::new(Mutex::new(status)), from });
    }

    /// What the tail sees, from now on.
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    /// Whether governance is active, from now on.
    pub fn governance(&self) -> watch::Receiver<Governance> {
        self.governance.subscribe()
    }

    /// How each sink is doing, from now on.
    pub fn statuses(&self) -> Vec<Arc<Mutex<SinkStatus>>> {
        self.sinks.iter().map(|added| added.status.clone()).collect()
    }

    /// Hands off until it is dropped; with `once`, until each sink has what was settled when it was first looked at.
    /// Dropping it at any moment loses nothing.
    pub async fn run(self, once: bool) -> Result<()> {
        let mut services = JoinSet::new();
        services.spawn(tail::tend(self.database.clone(), self.view.clone()));
        services.spawn(watch_activation(
            self.database.clone(),
            self.ospa,
            self.start,
            self.view.subscribe(),
            self.governance.clone(),
        ));
        let mut deliveries = JoinSet::new();
        for Added { sink, status, from } in self.sinks {
            let delivery = Delivery {
                database: self.database.clone(),
                source: self.source.clone(),
                sink,
                status,
                from,
                view: self.view.subscribe(),
                governance: self.governance.subscribe(),
                once,
            };
            deliveries.spawn(delivery.tend());
        }
        let mut outcome = Ok(());
        while let Some(ended) = deliveries.join_next().await {
            let ended = ended.map_err(|error| Error::Unexpected(format!("a sink's task: {error}")));
            outcome = outcome.and(ended.flatten());
        }
        outcome
    }
}

/// Writes down the beginning, then looks for a first approval until there is one.
async fn watch_activation(
    database: Database,
    ospa: Ospa,
    start: Start,
    mut view: watch::Receiver<View>,
    told: watch::Sender<Governance>,
) {
    let mut follow = async || -> Result<()> {
        let client = database.connect().await?;
        let seen = view.wait_for(|view| view.caught_up || view.problem.is_some()).await;
        let seen = seen.map_err(|_| Error::Interrupted("the tail ended".to_owned()))?.clone();
        let settled = seen.settled.filter(|_| seen.caught_up);
        let settled =
            settled.ok_or_else(|| Error::Interrupted(seen.problem.unwrap_or_default()))?;
        // Capturing needs no look at the approvals: where they cannot be read, it goes on.
        let begun = activation::begin(&client, start, settled).await?;
        told.send_if_modified(|told| told.activation.replace(begun.clone()) != Some(begun));
        loop {
            let said = activation::activate(&client, &ospa).await?;
            let is_active = said.active.is_some();
            let known = Governance { activation: Some(said), looked: true, problem: None };
            told.send_if_modified(|told| {
                let differs = *told != known;
                *told = known;
                differs
            });
            if is_active {
                return Ok(());
            }
            tokio::time::sleep(ACTIVATION).await;
        }
    };
    while let Err(error) = follow().await {
        told.send_modify(|told| told.problem = Some(error.to_string()));
        tokio::time::sleep(ACTIVATION).await;
    }
}

/// One sink, being served.
struct Delivery {
    database: Database,
    source: String,
    sink: Box<dyn Sink>,
    status: Arc<Mutex<SinkStatus>>,
    from: Option<Cursor>,
    view: watch::Receiver<View>,
    governance: watch::Receiver<Governance>,
    once: bool,
}

impl Delivery {
    async fn tend(mut self) -> Result<()> {
        let mut pauses = waits(usize::MAX);
        let mut attempts = 0;
        loop {
            let before = self.status().delivered;
            let Err(error) = self.serve().await else { return Ok(()) };
            self.status().problem = Some(error.to_string());
            if self.status().delivered != before {
                (pauses, attempts) = (waits(usize::MAX), 0);
            }
            attempts += 1;
            // What somebody has to mend is looked at again as well: he may have.
            let is_lasting = matches!(
                error,
                Error::Stale(_)
                    | Error::Sink { error: SinkError::Broken(_) | SinkError::Lost(_), .. }
            );
            if self.once && (is_lasting || attempts == ATTEMPTS) {
                return Err(error);
            }
            tokio::time::sleep(match is_lasting {
                true => LASTING,
                false => pauses.next().unwrap_or(LASTING),
            })
            .await;
        }
    }

    /// Serves the sink until something fails; in a run that is to end, until it has everything.
    async fn serve(&mut self) -> Result<()> {
        let client = self.database.connect().await?;
        let name = self.status().name.clone();
        take_lock(&client, &name).await?;
        let Some(activation) = self.wait_for_activation().await? else { return Ok(()) };
        let opened = match self.sink.open().await {
            Err(SinkError::Lost(_)) if self.from.is_some() => None,
            opened => opened.map_err(|error| self.failed(error))?,
        };
        let beginning = activation.beginning.map(|beginning| beginning.cursor).unwrap_or_default();
        let mut cursor = self.from.clone().or(opened).unwrap_or(beginning);
        reader::check(&client, &cursor).await?;
        let pages = Pages::prepare(&client).await?;
        let server = reader::server(&client).await?;
        {
            let mut status = self.status();
            status.cursor = Some(cursor.clone());
            status.problem = None;
        }
        let mut done = Settled { births: cursor.births(), changes: cursor.changes() };
        loop {
            let settled = self.settled(server, done).await?;
            cursor = self.catch_up(&client, &pages, cursor, done, settled).await?;
            done = settled;
            if self.once {
                return Ok(());
            }
        }
    }

    /// Delivers what lies between the two, a batch at a time; the next is read while one is delivered.
    async fn catch_up(
        &mut self,
        client: &Client,
        pages: &Pages,
        mut cursor: Cursor,
        done: Settled,
        settled: Settled,
    ) -> Result<Cursor> {
        let (mut events, mut at) =
            pages.next(client, &cursor, done, settled, BATCH, &self.envelope()).await?;
        while !events.is_empty() || at != settled {
            let after = events.last().map_or(&cursor, |event| &event.cursor).clone();
            let envelope = self.envelope();
            let next = pages.next(client, &after, at, settled, BATCH, &envelope);
            let (delivered, next) = match events.is_empty() {
                true => (Ok(()), next.await),
                false => futures_util::future::join(self.sink.deliver(&events), next).await,
            };
            delivered.map_err(|error| self.failed(error))?;
            self.from = None;
            {
                let mut status = self.status();
                status.cursor = Some(after.clone());
                status.delivered += events.len() as u64;
                status.last = Some(SystemTime::now());
                status.problem = None;
            }
            cursor = after;
            (events, at) = next?;
        }
        Ok(cursor)
    }

    /// What is settled, once that is more than what is done. What is settled at one server need not be there at another, so
    /// that after a failover the sink is opened anew.
    async fn settled(&mut self, server: SystemTime, done: Settled) -> Result<Settled> {
        let once = self.once;
        let view = self.view.wait_for(|view| match view.settled {
            Some(_) if once => view.caught_up || view.problem.is_some(),
            Some(settled) => settled.births > done.births || settled.changes > done.changes,
            None => once && view.problem.is_some(),
        });
        let view = view.await.map_err(|_| Error::Interrupted("the tail ended".to_owned()))?;
        if view.server.is_some_and(|other| other != server) {
            return Err(Error::Interrupted("another server answers now".to_owned()));
        }
        let settled = view.settled.filter(|_| !once || view.caught_up).ok_or_else(|| {
            Error::Interrupted(view.problem.clone().unwrap_or_else(|| "nothing is seen".to_owned()))
        })?;
        Ok(Settled {
            births: settled.births.max(done.births),
            changes: settled.changes.max(done.changes),
        })
    }

    /// Waits until this sink may be served; `None` where that is not now, in a run that is to end.
    async fn wait_for_activation(&mut self) -> Result<Option<Activation>> {
        let (once, capture) = (self.once, self.status().capture);
        let mine = self.status.clone();
        let governance = self.governance.wait_for(|governance| match &governance.activation {
            Some(activation) if capture || activation.active.is_some() => true,
            Some(_) => {
                lock(&mine).problem = Some(WAITS.to_owned());
                once && (governance.looked || governance.problem.is_some())
            }
            None => once && governance.problem.is_some(),
        });
        let governance =
            governance.await.map_err(|_| Error::Interrupted("the watch ended".to_owned()))?;
        match &governance.activation {
            Some(activation) if capture || activation.active.is_some() => {
                Ok(Some(activation.clone()))
            }
            Some(_) => Ok(None),
            None => Err(Error::Interrupted(governance.problem.clone().unwrap_or_default())),
        }
    }

    fn envelope(&self) -> Envelope {
        let active =
            self.governance.borrow().activation.as_ref().is_some_and(|a| a.active.is_some());
        Envelope {
            source: self.source.clone(),
            activation: if active { "active" } else { "capture_only" },
        }
    }

    fn failed(&self, error: SinkError) -> Error {
        Error::Sink { name: self.status().name.clone(), error }
    }

    fn status(&self) -> MutexGuard<'_, SinkStatus> {
        lock(&self.status)
    }
}

/// One run at a time serves a sink: the lock ends with the session.
async fn take_lock(client: &Client, name: &str) -> Result<()> {
    let row = client.one_row(include_str!("../../sql/handoff/lock.sql"), &[&name]).await;
    match row.doing("taking the lock of a sink")?.get(0) {
        true => Ok(()),
        false => Err(Error::Busy(format!("another birthgate handoff serves the sink {name}"))),
    }
}

/// A status is whole between any two statements, whoever panicked.
pub(crate) fn lock(status: &Mutex<SinkStatus>) -> MutexGuard<'_, SinkStatus> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}
