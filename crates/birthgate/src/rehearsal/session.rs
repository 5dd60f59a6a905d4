//! The connection that a rehearsal runs on: one statement a message, and what each of them did.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::Client;
use tokio_postgres::error::{DbError, Severity};

use super::failed::{Failed, How, failed};
use super::lock::{Lock, blocks};
use super::redirect::Redirect;
use crate::database::Database;
use crate::error::{Doing, Error, Result};
use crate::fingerprint::{Ask, Plans};
use crate::plan::Step;
use crate::script::{Conduct, Kept, Place, Script, Statement};
use crate::send::{Protocol, send, send_simply};
use crate::unprepared::Unprepared;
use crate::{ddl_guard, effects};

/// Notices that are kept of a statement; the others are counted.
const NOTICES: usize = 20;
/// How often a second connection looks at the locks of a statement: what a subtransaction took that was rolled
/// back is gone when the statement ends.
const SAMPLE: Duration = Duration::from_millis(5);

/// What a statement did.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StatementReport {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// How many statements of the file it stands for: INSERTs that follow each other are run together.
    pub statements: u64,
    /// How long it took.
    pub duration_ms: f64,
    /// Rows that it returned or changed.
    pub rows: u64,
    /// WAL that the server wrote meanwhile, in bytes; of all sessions.
    pub wal_bytes: i64,
    /// Temporary files that it wrote, in bytes; `None` where the server does not tell.
    pub temp_bytes: Option<u64>,
    /// Locks that it took and that its transaction did not hold before.
    pub locks: Vec<Lock>,
    /// Tables and indexes that it wrote anew.
    pub rewrites: Vec<String>,
    /// How many notices it raised.
    pub notice_count: u64,
    /// The first of them.
    pub notices: Vec<String>,
}

#[derive(Default)]
struct Notices {
    count: u64,
    kept: Vec<String>,
    temp_bytes: u64,
}

impl Notices {
    /// A message of the server: one of its log tells of a temporary file, the others are notices.
    fn hear(&mut self, message: &DbError) {
        if message.parsed_severity() == Some(Severity::Log) || message.severity() == "LOG" {
            // "temporary file: path "base/pgsql_tmp/pgsql_tmp23.0", size 1400000", in whatever language.
            if message.message().contains("pgsql_tmp") {
                let size = message.message().rsplit(|c: char| !c.is_ascii_digit()).next();
                self.temp_bytes += size.and_then(|size| size.parse::<u64>().ok()).unwrap_or(0);
            }
            return;
        }
        self.count += 1;
        if self.kept.len() < NOTICES {
            self.kept.push(message.message().chars().take(500).collect());
        }
    }
}

/// What was seen after a statement.
struct Observed {
    locks: Vec<Lock>,
    rewrites: Vec<String>,
    wal_bytes: i64,
    /// Whether the transaction is still the one that it was.
    same: bool,
    hears_temporary_files: bool,
}

#[derive(Clone)]
struct Relation {
    name: String,
    kind: String,
    file: u32,
}

/// The connection.
pub(crate) struct Session {
    database: Database,
    pub client: Client,
    pub pid: i32,
    is_superuser: bool,
    /// Whether what a role is refused here it may be allowed elsewhere.
    pub is_confined: bool,
    /// Whether an undo has to bring back the order of columns as well.
    pub strict_columns: bool,
    /// Whether it is in the sandbox: there statements go as psql sends them.
    is_private: bool,
    /// Whether an extension was made since whose functions have no tripwires.
    has_unwatched_extension: bool,
    /// What its own looks have planned.
    plans: Option<Plans>,
    /// Looks at the locks while a statement runs.
    sampler: Option<Client>,
    notices: Arc<Mutex<Notices>>,
    relations: BTreeMap<u32, Relation>,
    held: BTreeSet<(u32, String)>,
    /// Sequences that this session has moved. Their locks outlive a ROLLBACK TO, as their moves do.
    pub sequences: BTreeSet<String>,
    xid: Option<String>,
    wal: i64,
}

impl Session {
    /// A connection to the sandbox.
    pub async fn connect_privately(database: &Database) -> Result<Session> {
        let mut session = Session::connect(database).await?;
        session.is_private = true;
        Ok(session)
    }

    /// Looks at the locks of its statements from a second connection as well.
    pub async fn sample(&mut self, database: &Database) -> Result<()> {
        self.sampler = Some(database.connect_for_others().await?);
        Ok(())
    }

    /// Another connection in the place of this one. What was open on it is rolled back.
    async fn begin_anew(&mut self) -> Result<()> {
        let fresh = Session::connect(&self.database).await?;
        (self.client, self.pid, self.notices) = (fresh.client, fresh.pid, fresh.notices);
        self.forget();
        Ok(())
    }

    /// A connection of its own, to be discarded afterwards.
    pub async fn connect(database: &Database) -> Result<Session> {
        let notices = Arc::new(Mutex::new(Notices::default()));
        let kept = notices.clone();
        let client = database
            .connect_hearing(move |message| {
                kept.lock().unwrap_or_else(PoisonError::into_inner).hear(message);
            })
            .await?;
        const DOING: &str = "connecting for the rehearsal";
        let sql = "SELECT pg_backend_pid(), current_setting('is_superuser')::boolean";
        let row = client.one_row(sql, &[]).await.doing(DOING)?;
        let (pid, is_superuser) = (row.get(0), row.get(1));
        let session = Session {
            database: database.clone(),
            client,
            pid,
            is_superuser,
            is_confined: false,
            strict_columns: false,
            is_private: false,
            has_unwatched_extension: false,
            plans: None,
            sampler: None,
            notices,
            relations: BTreeMap::new(),
            held: BTreeSet::new(),
            sequences: BTreeSet::new(),
            xid: None,
            wal: 0,
        };
        session.reset().await?;
        Ok(session)
    }

    /// Whether rights were missing that this sandbox gives nobody: they may be there elsewhere.
    pub fn is_out_of_reach(&self, failed: &Failed) -> bool {
        self.is_confined && failed.sqlstate.as_deref() == Some("42501")
    }

    /// Whether nothing is known against the plan.
    pub fn is_circumstance(&self, failed: &Failed) -> bool {
        failed.is_circumstance() || self.is_out_of_reach(failed)
    }

    /// Makes the session what it was when it was opened, with what a rehearsal needs of it.
    pub async fn reset(&self) -> Result<()> {
        let temporary_files = if self.is_superuser { "SET log_temp_files = 0;" } else { "" };
        self.command(&format!(
            "RESET SESSION AUTHORIZATION; RESET ALL; {temporary_files}
             SET client_min_messages = log; SET standard_conforming_strings = on"
        ))
        .await
    }

    /// How its looks ask.
    pub fn ask(&self) -> Ask<'_> {
        match &self.plans {
            Some(plans) => Ask::again(&self.client, plans),
            None => Ask::from(&self.client),
        }
    }

    /// Lets its looks plan their queries once, unless these steps may take plans out of the session, or make some
    /// whose names could be those of ours.
    pub fn keep_plans(&mut self, steps: &[Step]) {
        let meddles = |text: &str| {
            let text = text.to_ascii_lowercase();
            ["prepare", "deallocate", "discard"].iter().any(|word| text.contains(word))
        };
        let mut scripts = steps.iter().flat_map(Step::scripts);
        let some = scripts.any(|script| {
            script.statements.iter().any(|statement| meddles(script.text_of(statement)))
        });
        self.plans = (!some).then(Plans::default);
    }

    /// Takes what its looks have planned out of it.
    pub fn forget_plans(&mut self) {
        self.plans = None;
    }

    /// Runs a command of our own.
    pub async fn command(&self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).await.doing("rehearsing")
    }

    /// How long statements may wait and take: as the step says that they are of, but no longer than this;
    /// `None`: as long as they like.
    pub async fn limit(
        &self,
        step: Option<&Step>,
        longest: Option<(Duration, Duration)>,
    ) -> Result<()> {
        let (wait, time) = longest.unzip();
        let least = |said: Option<Duration>, most: Option<Duration>| {
            said.into_iter().chain(most).min().unwrap_or_default().as_millis()
        };
        let wait = least(step.and_then(|step| step.lock_timeout), wait);
        let time = least(step.and_then(|step| step.statement_timeout), time);
        self.command(&format!("SET lock_timeout = {wait}; SET statement_timeout = {time}")).await
    }

    /// Begins to watch: the relations as they are, and nothing held. A transaction that has its xid.
    pub async fn watch_transaction(&mut self, sql: &str) -> Result<String> {
        self.command(sql).await?;
        let row = self.client.one_row("SELECT pg_current_xact_id()::text", &[]).await;
        let xid: String = row.doing("beginning the rehearsal")?.get(0);
        self.look_at_relations().await?;
        self.xid = Some(xid.clone());
        Ok(xid)
    }

    /// Begins to watch statements that are their own transactions.
    pub async fn watch_single_statements(&mut self) -> Result<()> {
        self.xid = None;
        self.look_at_relations().await
    }

    /// Nothing is held any more: a transaction has ended or begins.
    pub fn forget(&mut self) {
        self.held.clear();
    }

    /// Runs a command whose failure is the script's.
    pub async fn turn(&mut self, sql: &str) -> std::result::Result<(), tokio_postgres::Error> {
        self.forget();
        self.client.batch_execute(sql).await
    }

    async fn look_at_relations(&mut self) -> Result<()> {
        let rows = self
            .client
            .rows(include_str!("../../sql/rehearsal/relations.sql"), &[])
            .await
            .doing("looking at the relations")?;
        self.relations = rows
            .iter()
            .map(|row| {
                (
                    row.get("oid"),
                    Relation {
                        name: row.get("name"),
                        kind: row.get("kind"),
                        file: row.get("relfilenode"),
                    },
                )
            })
            .collect();
        self.held.clear();
        // What our own looking takes is not the statements'.
        self.observe().await.map(drop)
    }

    /// After a ROLLBACK TO: what is held now, and nothing more, is known.
    pub async fn rolled_back(&mut self) -> Result<()> {
        self.held.clear();
        self.observe().await.map(drop)
    }

    /// What is held now that was not before, and what was written anew.
    async fn observe(&mut self) -> Result<Observed> {
        let rows = self
            .client
            .rows(include_str!("../../sql/rehearsal/locks.sql"), &[])
            .await
            .doing("looking at the locks")?;
        // Its portal goes with the next one: what it spilled is not the next statement's.
        self.command("SELECT 1").await?;
        let (mut locks, mut rewrites) = (Vec::new(), Vec::new());
        let (mut same, mut hears_temporary_files) = (true, false);
        let mut wal = 0;
        for row in rows {
            if let Some(xid) = &self.xid {
                same = row.get::<_, Option<&str>>("xid") == Some(xid);
            }
            wal = row.get("wal");
            hears_temporary_files = row.get("hears_temporary_files");
            let Some(oid) = row.get::<_, Option<u32>>("oid") else { continue };
            // What is new in this transaction nobody else can wait for.
            let Some(known) = self.relations.get_mut(&oid) else { continue };
            let (mode, file): (String, u32) = (row.get("mode"), row.get("relfilenode"));
            if known.file != file && file != 0 && known.file != 0 {
                rewrites.push(known.name.clone());
            }
            known.file = file;
            let (object, kind) = (known.name.clone(), known.kind.clone());
            if is_of_the_ddl_guard(&object, &mode) {
                continue;
            }
            if kind == "S" && mode == "RowExclusiveLock" {
                self.sequences.insert(object.clone());
            }
            if self.held.insert((oid, mode.clone())) {
                locks.push(Lock { object, blocks: blocks(&mode), mode, kind });
            }
        }
        locks.sort();
        rewrites.sort();
        rewrites.dedup();
        let wal_bytes = wal - std::mem::replace(&mut self.wal, wal);
        Ok(Observed { locks, rewrites, wal_bytes, same, hears_temporary_files })
    }

    /// Whether a table of this name was there when the transaction began.
    pub fn has_table(&self, name: &str) -> bool {
        self.relations.values().any(|relation| relation.kind == "r" && relation.name == name)
    }

    /// The tables that were there when it began to watch.
    pub fn tables(&self) -> BTreeSet<String> {
        let kinds = ["r", "p", "m", "f"];
        let tables = self.relations.values().filter(|one| kinds.contains(&one.kind.as_str()));
        tables.map(|relation| relation.name.clone()).collect()
    }

    /// The tables that were there when it began to watch, and that bear one of these names or have an index that does.
    pub fn tables_of_names(&self, names: &BTreeSet<String>) -> Vec<String> {
        let tables = self.relations.values().filter(|relation| {
            let kinds = ["r", "p", "m"];
            kinds.contains(&relation.kind.as_str())
                && names.contains(&super::clone::parts(&relation.name).1)
        });
        tables.map(|relation| relation.name.clone()).collect()
    }

    /// The tables that were there when the transaction began, and that these scripts name.
    pub fn tables_named(&self, scripts: &[&Script]) -> Vec<String> {
        let tables = self.relations.values().filter(|relation| relation.kind == "r");
        tables
            .filter(|relation| {
                let (schema, name) = super::clone::parts(&relation.name);
                scripts.iter().any(|script| Redirect::names_table(&script.text, &schema, &name))
            })
            .map(|relation| relation.name.clone())
            .collect()
    }

    /// Runs one statement of a script; answers what it did. With `looks`, the locks that are held after it are
    /// looked at: a statement of the session takes none, and SET TRANSACTION wants to be the first.
    pub async fn run(
        &mut self,
        script: &Script,
        statement: &Statement,
        looks: bool,
    ) -> Result<std::result::Result<StatementReport, Failed>> {
        if let Some(why) = self.keeps(statement) {
            return Ok(Err(Failed {
                place: statement.place.clone(),
                sqlstate: None,
                message: format!("it was not run: {why}"),
                detail: None,
                how: How::NotRun,
            }));
        }
        *self.notices.lock().unwrap_or_else(PoisonError::into_inner) = Notices::default();
        let protocol = if self.is_private { Protocol::Simple } else { Protocol::Extended };
        let begun = Instant::now();
        let (done, passing) = match &self.sampler {
            Some(sampler) if looks && !statement.is_an_insert && !statement.of_the_session => {
                sampled(sampler, self.pid, send(&self.client, script, statement, protocol)).await
            }
            _ => (send(&self.client, script, statement, protocol).await, BTreeSet::new()),
        };
        let rows = match done {
            Ok(rows) => rows,
            Err(unsent) => {
                let failed = failed(script, statement, &unsent.error);
                if unsent.is_out_of_step && self.is_private {
                    self.begin_anew().await?;
                }
                return Ok(Err(failed));
            }
        };
        let duration = begun.elapsed();
        self.has_unwatched_extension |=
            self.is_private && effects::makes_reaching_extension(script.text_of(statement));
        let mut report = self.report(statement, milliseconds(duration), rows);
        if looks && !self.is_private {
            // Its portal goes with the next one, and tells of its temporary files only then.
            self.command("SELECT 1").await?;
        }
        self.hear(&mut report);
        if looks {
            match self.seen(script, statement, passing, &mut report).await? {
                Ok(()) => {}
                Err(failed) => return Ok(Err(failed)),
            }
        }
        Ok(Ok(report))
    }

    /// Runs INSERTs that follow each other, in one message. Where one of them fails nothing is said of any.
    pub async fn run_inserts(
        &mut self,
        script: &Script,
        statements: &[Statement],
    ) -> Result<std::result::Result<StatementReport, Failed>> {
        *self.notices.lock().unwrap_or_else(PoisonError::into_inner) = Notices::default();
        let begun = Instant::now();
        let mut sql = String::new();
        for statement in statements {
            sql.push_str(script.text_of(statement));
            sql.push_str("\n;");
        }
        let rows = match send_simply(&self.client, &sql).await {
            Ok(rows) => rows,
            Err(source) => return Ok(Err(failed(script, &statements[0], &source))),
        };
        let duration = milliseconds(begun.elapsed());
        let mut report = self.report(&statements[0], duration, rows);
        report.statements = statements.len() as u64;
        self.hear(&mut report);
        let seen = self.seen(script, &statements[0], BTreeSet::new(), &mut report).await?;
        Ok(seen.map(|()| report))
    }

    /// Why a statement is not run here.
    fn keeps<'a>(&self, statement: &'a Statement) -> Option<&'a str> {
        if self.has_unwatched_extension
            && !statement.of_the_schema
            && !statement.of_the_session
            && !matches!(statement.conduct, Conduct::Controls(_))
        {
            return Some("an extension that the plan makes could let it reach out of the sandbox");
        }
        match statement.kept.as_ref()? {
            Kept::FromEverywhere(why) => Some(why),
            Kept::FromLive(why) => (!self.is_private).then_some(why),
        }
    }

    fn report(&self, statement: &Statement, duration_ms: f64, rows: u64) -> StatementReport {
        StatementReport {
            place: statement.place.clone(),
            statements: 1,
            duration_ms,
            rows,
            wal_bytes: 0,
            temp_bytes: Some(0),
            locks: Vec::new(),
            rewrites: Vec::new(),
            notice_count: 0,
            notices: Vec::new(),
        }
    }

    /// Adds the notices that came with a statement; some come only with the next answer.
    fn hear(&self, report: &mut StatementReport) {
        let notices =
            std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner));
        report.temp_bytes = report.temp_bytes.map(|_| notices.temp_bytes);
        report.notice_count = notices.count;
        report.notices = notices.kept;
    }

    /// Adds what is seen after a statement, or says what is wrong there.
    async fn seen(
        &mut self,
        script: &Script,
        statement: &Statement,
        passing: BTreeSet<(u32, String)>,
        report: &mut StatementReport,
    ) -> Result<std::result::Result<(), Failed>> {
        let mut seen = match self.observe().await {
            Ok(seen) => seen,
            Err(Error::Database { source, .. }) => {
                return Ok(Err(failed(script, statement, &source)));
            }
            Err(error) => return Err(error),
        };
        if !seen.same {
            return Ok(Err(Failed {
                place: statement.place.clone(),
                sqlstate: None,
                message: "after it, its transaction was over".to_owned(),
                detail: None,
                how: How::Refused,
            }));
        }
        for (oid, mode) in passing {
            let Some(relation) = self.relations.get(&oid) else { continue };
            let is_held = self.held.contains(&(oid, mode.clone()));
            if !is_held && !is_of_the_ddl_guard(&relation.name, &mode) {
                let (object, kind) = (relation.name.clone(), relation.kind.clone());
                seen.locks.push(Lock { object, blocks: blocks(&mode), mode, kind });
            }
        }
        seen.locks.sort();
        seen.locks.dedup();
        report.wal_bytes = seen.wal_bytes;
        report.temp_bytes = report.temp_bytes.filter(|_| seen.hears_temporary_files);
        report.locks = seen.locks;
        report.rewrites = seen.rewrites;
        Ok(Ok(()))
    }

    /// Runs the deferred constraints now, and defers again those that a transaction begins with deferred.
    pub async fn check_constraints(&self) -> Result<()> {
        const DOING: &str = "checking the deferred constraints";
        let row = self
            .client
            .optional_row(include_str!("../../sql/rehearsal/deferred.sql"), &[])
            .await
            .doing(DOING)?;
        self.client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await.doing(DOING)?;
        match row {
            Some(row) => self.client.batch_execute(row.get(0)).await.doing(DOING),
            None => Ok(()),
        }
    }
}

/// Runs a statement, and collects the locks that its backend was seen to hold meanwhile.
async fn sampled<T>(
    sampler: &Client,
    pid: i32,
    statement: impl Future<Output = T>,
) -> (T, BTreeSet<(u32, String)>) {
    let mut statement = pin!(statement);
    let mut seen = BTreeSet::new();
    loop {
        tokio::select! {
            done = &mut statement => return (done, seen),
            () = tokio::time::sleep(SAMPLE) => {}
        }
        // That it cannot be asked is no reason to end what goes on.
        let sql = include_str!("../../sql/rehearsal/locks_of.sql");
        let rows = tokio::select! {
            done = &mut statement => return (done, seen),
            rows = async { sampler.rows(sql, &[&pid]).await } => rows.unwrap_or_default(),
        };
        seen.extend(rows.iter().map(|row| (row.get::<_, u32>(0), row.get::<_, String>(1))));
    }
}

/// What the DDL guard writes down is nobody's step.
fn is_of_the_ddl_guard(object: &str, mode: &str) -> bool {
    ["AccessShareLock", "RowExclusiveLock"].contains(&mode) && object.starts_with(ddl_guard::TABLE)
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
