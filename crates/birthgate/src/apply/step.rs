//! One step, done or undone.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use serde_json::json;
use tokio_postgres::types::Type;

use super::{Event, Observer, Options, Phase, Ready, StepDone};
use crate::drift;
use crate::error::{Doing, Error, Result};
use crate::evidence;
use crate::evidence_log;
use crate::plan::Step;
use crate::rehearsal::session::{Failed, failed, milliseconds, strength};
use crate::rehearsal::steps;
use crate::rehearsal::watcher::Watcher;
use crate::script::Script;
use crate::states::{Look, Objects};
use crate::unprepared::Unprepared;

/// How often a step outside of a transaction is asked whom it waits for.
const LOOK: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Do,
    Undo,
}

/// A step in one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Action {
    pub at: usize,
    pub direction: Direction,
}

impl Action {
    /// How many steps are done before it.
    fn before(self) -> usize {
        match self.direction {
            Direction::Do => self.at,
            Direction::Undo => self.at + 1,
        }
    }

    /// And after it.
    pub fn after(self) -> usize {
        match self.direction {
            Direction::Do => self.at + 1,
            Direction::Undo => self.at,
        }
    }

    fn word(self) -> &'static str {
        match self.direction {
            Direction::Do => "do",
            Direction::Undo => "undo",
        }
    }

    fn script(self, step: &Step) -> Option<&Script> {
        match self.direction {
            Direction::Do => Some(&step.does),
            Direction::Undo => step.undo.as_ref(),
        }
    }

    fn is_transactional(self, step: &Step) -> bool {
        match self.direction {
            Direction::Do => step.transaction,
            Direction::Undo => {
                step.undo.as_ref().is_some_and(|script| !script.leaves_the_transaction())
            }
        }
    }
}

pub(super) enum Outcome {
    Done(StepDone),
    /// Nothing of it is left; why.
    Failed(Why),
}

/// Why a step failed, as it is told and as it is kept: the server's detail may hold values of rows.
pub(super) struct Why {
    pub told: String,
    pub kept: String,
}

impl From<String> for Why {
    fn from(told: String) -> Why {
        Why { kept: told.clone(), told }
    }
}

impl Why {
    fn of(failed: &Failed) -> Why {
        Why {
            told: format!("{}: {failed}", failed.place),
            kept: format!("{}: {}", failed.place, evidence::without_values(&failed.message)),
        }
    }

    fn and(self, more: &str) -> Why {
        Why { told: self.told + more, kept: self.kept + more }
    }
}

/// How one attempt ended.
enum Attempt {
    Done,
    /// Somebody did it already: the database is what it has to be after it.
    Recognised,
    /// It may be tried again.
    Again(Why),
    Failed(Why),
}

impl Attempt {
    fn again(why: String) -> Attempt {
        Attempt::Again(why.into())
    }

    fn failed(why: String) -> Attempt {
        Attempt::Failed(why.into())
    }
}

impl Ready<'_> {
    fn step_of(&self, action: Action) -> &Step {
        &self.subject.packet.plan.steps[action.at]
    }

    /// What is not as it has to be after so many steps, of what a look shows.
    fn differs(&self, steps: usize, look: &Look, actual: &Objects) -> Vec<String> {
        self.subject.rehearsed.states.differs(steps, look, actual)
    }

    /// Whether the step changes anything that is compared: else nothing but its entry tells whether it was done.
    fn shows(&self, action: Action) -> bool {
        !self.subject.rehearsed.states.steps[action.at].changes.is_empty()
    }

    /// Whether the gate's baseline moves with the step: it changes something of it, or writes Birthgate's own tables.
    fn changes_the_gate(&self, action: Action) -> bool {
        let Some(gate) = &self.gate else { return false };
        let states = &self.subject.rehearsed.states;
        let step = &states.steps[action.at];
        let table = |object: &String| {
            let table = states
                .on
                .get(object)
                .map(String::as_str)
                .or_else(|| Some(object.rsplit_once(" on ")?.1));
            table.is_some_and(|table| gate.contains(&format!("table {table}")))
        };
        let ours = |name: &String| name.contains("birthgate");
        step.changes.keys().any(|object| gate.contains(object) || ours(object) || table(object))
            || step.locks.keys().any(ours)
    }

    async fn note(&self, run: i64, action: Action, state: &str, more: Option<&str>) -> Result<()> {
        let body = json!({ "run": run, "step": self.step_of(action).id, "action": action.word(), "state": state, "why": more });
        evidence_log::append(&self.session.client, "step", &body).await.map(drop)
    }

    pub(super) async fn carry_out(
        &mut self,
        run: i64,
        action: Action,
        options: &Options,
        observe: Observer<'_>,
    ) -> Result<Outcome> {
        let id = self.step_of(action).id.clone();
        let transactional = action.is_transactional(self.step_of(action));
        let mut waits = crate::database::waits(options.attempts);
        let mut attempts = 0;
        let mut blocked_ms: f64 = 0.0;
        loop {
            attempts += 1;
            observe(&Event::Step { step: &id, phase: Phase::Begins });
            self.session.reset().await?;
            let begun = Instant::now();
            let attempt = match transactional {
                true => {
                    self.in_a_transaction(run, action, options, observe, &mut blocked_ms).await?
                }
                false => self.outside(run, action, observe).await?,
            };
            let done = |outcome: &'static str| {
                Outcome::Done(StepDone {
                    id: id.clone(),
                    outcome,
                    duration_ms: milliseconds(begun.elapsed()),
                    attempts,
                    blocked_ms,
                })
            };
            let why = match attempt {
                Attempt::Done => {
                    return Ok(done(if action.direction == Direction::Do {
                        "done"
                    } else {
                        "undone"
                    }));
                }
                Attempt::Recognised => return Ok(done("recognised")),
                Attempt::Failed(why) => return Ok(Outcome::Failed(why)),
                Attempt::Again(why) => why,
            };
            let Some(wait) = waits.next() else {
                let before = format!("{id}: given up after {attempts} attempts: ");
                let (told, kept) = (before.clone() + &why.told, before + &why.kept);
                return Ok(Outcome::Failed(Why { told, kept }));
            };
            observe(&Event::Again { step: &id, why: why.told });
            tokio::time::sleep(wait).await;
        }
    }

    /// Runs the statements of a script one after the other.
    async fn perform(&self, script: &Script) -> std::result::Result<(), Failed> {
        for statement in &script.statements {
            let none: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 0] = [];
            let run = async {
                let mut stream = pin!(
                    self.session.client.query_typed_raw(script.text_of(statement), none).await?
                );
                while stream.try_next().await?.is_some() {}
                Ok::<_, tokio_postgres::Error>(())
            };
            run.await.map_err(|source| failed(script, statement, &source))?;
        }
        Ok(())
    }

    /// One attempt at a step that runs in a transaction: its locks first, then a look, its statements, another look, its
    /// entry, all of it or nothing.
    async fn in_a_transaction(
        &mut self,
        run: i64,
        action: Action,
        options: &Options,
        observe: Observer<'_>,
        blocked_ms: &mut f64,
    ) -> Result<Attempt> {
        let watcher = Watcher::start(
            &self.session.database,
            self.session.pid,
            self.session.client.cancel_token(),
            options.max_block,
            Duration::MAX,
        )
        .await?;
        let attempt = self.attempt(run, action, options, observe).await;
        let seen = watcher.seen();
        drop(watcher);
        *blocked_ms = blocked_ms.max(seen.blocked_ms);
        if seen.cancelled.is_some() {
            // A cancel that is on its way ends this, and nothing of ours.
            let _ = self.session.client.batch_execute("SELECT pg_sleep(0.1)").await;
        }
        if let Ok(Attempt::Done | Attempt::Recognised) = attempt {
            return attempt;
        }
        let rolled_back = self.session.client.batch_execute("ROLLBACK").await;
        let again = |why: String| Ok(Attempt::again(why));
        match (attempt, seen.cancelled) {
            (Err(error), None) => Err(error),
            (Err(error), Some(_)) if is_lost(&error) => Err(error),
            (_, Some(why)) => {
                rolled_back.doing("rolling the step back")?;
                again(why)
            }
            (Ok(attempt), None) => {
                rolled_back.doing("rolling the step back")?;
                Ok(attempt)
            }
        }
    }

    async fn attempt(
        &mut self,
        run: i64,
        action: Action,
        options: &Options,
        observe: Observer<'_>,
    ) -> Result<Attempt> {
        let step = self.step_of(action).clone();
        let see = |phase, observe: &mut (dyn FnMut(&Event<'_>) + Send)| {
            observe(&Event::Step { step: &step.id, phase })
        };
        let Some(script) = action.script(&step) else {
            return Ok(Attempt::failed(format!("{} has no undo", step.id)));
        };
        let lock_timeout = step
            .lock_timeout
            .map_or(options.max_block, |time| time.min(options.max_block))
            .as_millis();
        let statement_timeout = step.statement_timeout.unwrap_or_default().as_millis();
        self.session
            .command(&format!("BEGIN; SET LOCAL lock_timeout = {lock_timeout}; SET LOCAL statement_timeout = {statement_timeout}"))
            .await?;
        if let Err(attempt) = self.lock_tables(action).await? {
            return Ok(attempt);
        }
        see(Phase::Locked, observe);
        let look = self.subject.rehearsed.states.look_of_step(action.at);
        let actual = look.at(&self.session.client, true).await?;
        let differs = self.differs(action.before(), &look, &actual);
        if !differs.is_empty() {
            if self.shows(action) && self.differs(action.after(), &look, &actual).is_empty() {
                self.note(run, action, "recognised", None).await?;
                self.session.command("COMMIT").await?;
                return Ok(Attempt::Recognised);
            }
            return Ok(Attempt::failed(format!(
                "STALE: before {} this is not as rehearsed: {}",
                step.id,
                told(&differs)
            )));
        }
        see(Phase::Compared, observe);
        if let Err(failed) = self.perform(script).await {
            return self.judge(failed, action).await;
        }
        if let (Direction::Do, Some(script)) = (action.direction, &step.verify)
            && let Some(failed) = steps::verify(&self.session.client, script).await
        {
            return self.judge(failed, action).await;
        }
        see(Phase::Performed, observe);
        if let Err(source) =
            self.session.client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE; RESET ROLE").await
        {
            let Some(last) = script.statements.last() else {
                return Ok(Attempt::failed("it has no statement".to_owned()));
            };
            return self.judge(failed(script, last, &source), action).await;
        }
        let differs =
            self.differs(action.after(), &look, &look.at(&self.session.client, true).await?);
        if !differs.is_empty() {
            return Ok(Attempt::failed(format!(
                "after {} this is not as rehearsed: {}",
                step.id,
                told(&differs)
            )));
        }
        see(Phase::Proven, observe);
        if self.changes_the_gate(action) {
            drift::move_inside(&self.session.client).await?;
        }
        if let Err(error) = self.note(run, action, "done", None).await {
            return match crate::database::is_transient(&error) && !is_lost(&error) {
                true => Ok(Attempt::again(error.to_string())),
                false => Err(error),
            };
        }
        see(Phase::Noted, observe);
        if let Err(source) = self.session.client.batch_execute("COMMIT").await {
            let Some(last) = script.statements.last() else {
                return Ok(Attempt::failed("it has no statement".to_owned()));
            };
            let failed = failed(script, last, &source);
            if failed.lost {
                return Err(Error::Interrupted(format!(
                    "the connection was lost at the commit of {}; whether it was committed the journal knows: apply again, and it goes on from there",
                    step.id
                )));
            }
            return self.judge(failed, action).await;
        }
        see(Phase::Committed, observe);
        Ok(Attempt::Done)
    }

    /// Locks what the step locks, before anything is looked at, so that nobody changes it between look and step. Where that
    /// is not to be had, the attempt ends with who holds it.
    async fn lock_tables(&self, action: Action) -> Result<std::result::Result<(), Attempt>> {
        const DOING: &str = "locking what the step changes";
        let locks = &self.subject.rehearsed.states.steps[action.at].locks;
        let strong = |mode: &str| strength(mode) >= strength("ShareUpdateExclusiveLock");
        let tables: Vec<&str> = locks
            .iter()
            .filter(|(_, mode)| strong(mode))
            .map(|(table, _)| table.as_str())
            .collect();
        let rows = self
            .session
            .client
            .rows(include_str!("../../sql/apply/lockable.sql"), &[&tables])
            .await
            .doing(DOING)?;
        for row in rows {
            let table: String = row.get(0);
            let Some(mode) = locks.get(&table) else { continue };
            let sql = format!("LOCK TABLE ONLY {table} IN {} MODE", words_of(mode));
            if let Err(error) = self.session.client.batch_execute(&sql).await {
                let error = Error::database(DOING, error);
                if is_lost(&error) {
                    return Err(error);
                }
                let told = format!("{error}; {}", self.holders(&tables).await);
                let why = Why { told, kept: error.to_string() };
                return Ok(Err(match crate::database::is_transient(&error) {
                    true => Attempt::Again(why),
                    false => Attempt::Failed(why),
                }));
            }
        }
        Ok(Ok(()))
    }

    /// Who holds these tables, as another session sees it.
    async fn holders(&self, tables: &[&str]) -> String {
        let look = async {
            let client = self.session.database.connect().await?;
            let rows = client.rows(include_str!("../../sql/apply/holders.sql"), &[&tables]).await;
            Ok::<_, Error>(
                rows.doing("asking who holds the tables")?
                    .iter()
                    .map(|row| row.get(0))
                    .collect::<Vec<String>>(),
            )
        };
        match look.await {
            Ok(who) if !who.is_empty() => format!("held by {}", who.join("; ")),
            _ => "nobody holds it any more".to_owned(),
        }
    }

    /// Whether a failure may be tried again.
    async fn judge(&self, failed: Failed, action: Action) -> Result<Attempt> {
        let step = self.step_of(action);
        if failed.lost {
            return Err(Error::Interrupted(format!(
                "{}: the connection was lost in {}; the transaction ends with it: apply again, and it goes on from the journal",
                failed.place, step.id
            )));
        }
        let why = Why::of(&failed);
        Ok(match failed.sqlstate.as_deref() {
            Some("55P03" | "40P01" | "40001") => {
                let locks = &self.subject.rehearsed.states.steps[action.at].locks;
                let tables: Vec<&str> = locks.keys().map(String::as_str).collect();
                // What others run is told, and not kept.
                let told = format!("{}; {}", why.told, self.holders(&tables).await);
                Attempt::Again(Why { told, ..why })
            }
            _ => Attempt::Failed(why),
        })
    }

    /// A step that runs outside of a transaction: announced, run, looked at, noted.
    async fn outside(
        &mut self,
        run: i64,
        action: Action,
        observe: Observer<'_>,
    ) -> Result<Attempt> {
        let step = self.step_of(action).clone();
        let see = |phase, observe: &mut (dyn FnMut(&Event<'_>) + Send)| {
            observe(&Event::Step { step: &step.id, phase })
        };
        let Some(script) = action.script(&step) else {
            return Ok(Attempt::failed(format!("{} has no undo", step.id)));
        };
        let look = self.subject.rehearsed.states.look_of_step(action.at);
        let actual = look.at(&self.session.client, false).await?;
        let differs = self.differs(action.before(), &look, &actual);
        if !differs.is_empty() {
            if self.shows(action) && self.differs(action.after(), &look, &actual).is_empty() {
                self.note(run, action, "recognised", None).await?;
                return Ok(Attempt::Recognised);
            }
            return Ok(Attempt::failed(format!(
                "STALE: before {} this is not as rehearsed: {}",
                step.id,
                told(&differs)
            )));
        }
        see(Phase::Compared, observe);
        self.note(run, action, "begun", None).await?;
        see(Phase::Announced, observe);
        let timeout = |time: Option<Duration>| time.unwrap_or_default().as_millis();
        // A build beside writers waits for old transactions by locks as well: it keeps nobody waiting meanwhile.
        self.session
            .command(&format!(
                "SET lock_timeout = {}; SET statement_timeout = {}",
                timeout(step.lock_timeout),
                timeout(step.statement_timeout)
            ))
            .await?;
        let done = self.perform_telling(&step.id, script, observe).await?;
        let done = match (done, action.direction, &step.verify) {
            (None, Direction::Do, Some(script)) => {
                steps::verify(&self.session.client, script).await
            }
            (failed, ..) => failed,
        };
        see(Phase::Performed, observe);
        if let Some(failed) = done {
            if failed.lost {
                return Err(Error::Interrupted(format!(
                    "{}: the connection was lost in {}; apply again, and it finds out whether that was done",
                    failed.place, step.id
                )));
            }
            self.session.reset().await?;
            let cleaned = self.clean(action, action.before()).await?;
            let cleaned = if cleaned.is_empty() {
                String::new()
            } else {
                format!("; {} was half made, and is dropped", cleaned.join(", "))
            };
            let why = Why::of(&failed).and(&cleaned);
            self.note(run, action, "failed", Some(&why.kept)).await?;
            return Ok(match failed.sqlstate.as_deref() {
                Some("55P03" | "40P01" | "40001") => Attempt::Again(why),
                _ => Attempt::Failed(why),
            });
        }
        self.session.reset().await?;
        let differs =
            self.differs(action.after(), &look, &look.at(&self.session.client, false).await?);
        if !differs.is_empty() {
            let why = format!("after {} this is not as rehearsed: {}", step.id, told(&differs));
            return Ok(Attempt::failed(format!("{why}; it stays announced in the journal")));
        }
        see(Phase::Proven, observe);
        self.session.command("BEGIN").await?;
        if self.changes_the_gate(action) {
            drift::move_inside(&self.session.client).await?;
        }
        self.note(run, action, "done", None).await?;
        self.session.command("COMMIT").await?;
        see(Phase::Noted, observe);
        Ok(Attempt::Done)
    }

    /// Runs a script, and tells meanwhile whom it waits for.
    async fn perform_telling(
        &self,
        id: &str,
        script: &Script,
        observe: Observer<'_>,
    ) -> Result<Option<Failed>> {
        let second = self.session.database.connect().await?;
        let mut run = pin!(self.perform(script));
        let mut told: Vec<String> = Vec::new();
        let mut tick = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                done = &mut run => return Ok(done.err()),
                _ = tick.tick() => {
                    let rows = second.rows(include_str!("../../sql/apply/waits_for.sql"), &[&self.session.pid]).await;
                    // That it cannot be asked is no reason to end what goes on.
                    let whom: Vec<String> = rows.unwrap_or_default().iter().map(|row| row.get(0)).collect();
                    if !whom.is_empty() && whom != told {
                        observe(&Event::Waits { step: id, whom: whom.clone() });
                    }
                    told = whom;
                }
            }
        }
    }

    /// Drops the indexes that a broken build beside writers has left, where the step makes them and they should not be
    /// there; answers which.
    async fn clean(&self, action: Action, steps: usize) -> Result<Vec<String>> {
        const DOING: &str = "dropping a half-made index";
        let states = &self.subject.rehearsed.states;
        let expected = states.after(steps);
        let tables: BTreeSet<&String> =
            states.on.values().chain(states.steps[action.at].locks.keys()).collect();
        let tables: Vec<&str> = tables.into_iter().map(String::as_str).collect();
        let rows = self
            .session
            .client
            .rows(include_str!("../../sql/apply/invalid_indexes.sql"), &[&tables])
            .await
            .doing(DOING)?;
        let mut dropped = Vec::new();
        for row in rows {
            let index: String = row.get(0);
            let name = format!("index {index}");
            // What REINDEX CONCURRENTLY leaves bears its index's name with an end of its own.
            let is_copy = ["_ccnew", "_ccold"].iter().any(|end| {
                index.trim_end_matches(|c: char| c.is_ascii_digit() || c == '"').ends_with(end)
            });
            let is_its = states.steps[action.at].changes.contains_key(&name) || is_copy;
            if is_its && !expected.contains_key(&name) {
                self.session.command(&format!("DROP INDEX CONCURRENTLY IF EXISTS {index}")).await?;
                dropped.push(index);
            }
        }
        Ok(dropped)
    }

    /// Finds out whether a step that was announced, and not noted, was done; what it left half made is taken away.
    pub(super) async fn resolve(
        &mut self,
        run: i64,
        action: Action,
        found: Option<&(String, bool)>,
        observe: Observer<'_>,
        may_write: bool,
    ) -> Result<bool> {
        let step = self.step_of(action).clone();
        observe(&Event::Step { step: &step.id, phase: Phase::Begins });
        let look = self.subject.rehearsed.states.look_of_step(action.at);
        let actual = look.at(&self.session.client, false).await?;
        if !self.shows(action) {
            // Nothing that is compared tells; its verify does, where it has one.
            let verified = match (&step.verify, action.direction) {
                (Some(script), Direction::Do) => {
                    Some(steps::verify(&self.session.client, script).await.is_none())
                }
                _ => None,
            };
            let found = found.filter(|(id, _)| *id == step.id).map(|(_, done)| *done);
            return match found.or(verified) {
                Some(true) => {
                    if may_write {
                        self.note(run, action, "recognised", None).await?;
                    }
                    Ok(true)
                }
                Some(false) => Ok(false),
                None => Err(Error::Stale(format!(
                    "{} was broken off, changes nothing that can be compared and has no verify: look at it yourself, and say what you found with --done {} or --not-done {}",
                    step.id, step.id, step.id
                ))),
            };
        }
        if self.differs(action.after(), &look, &actual).is_empty() {
            if may_write {
                self.note(run, action, "recognised", None).await?;
            }
            return Ok(true);
        }
        if self.differs(action.before(), &look, &actual).is_empty() {
            return Ok(false);
        }
        if may_write {
            let cleaned = self.clean(action, action.before()).await?;
            let actual = look.at(&self.session.client, false).await?;
            if self.differs(action.before(), &look, &actual).is_empty() {
                self.note(run, action, "cleaned", Some(&cleaned.join(", "))).await?;
                return Ok(false);
            }
        }
        // An index whose dropping was broken off is invalid, and is dropped again.
        let states = &self.subject.rehearsed.states;
        let differs = self.differs(action.before(), &look, &actual);
        let half_dropped = |text: &String| {
            text.split_once(": ").is_some_and(|(name, what)| {
                name.starts_with("index ")
                    && what.starts_with("valid") | what.contains("ready") | what.contains("live")
                    && !states.after(action.after()).contains_key(name)
            })
        };
        if may_write && differs.iter().all(half_dropped) {
            for name in
                differs.iter().filter_map(|text| text.split_once(": ")?.0.strip_prefix("index "))
            {
                self.session.command(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}")).await?;
            }
            self.note(run, action, "recognised", None).await?;
            return Ok(true);
        }
        Err(Error::Stale(format!(
            "{} was broken off, and the database is neither what it was before it ({}) nor what it is after it ({})",
            step.id,
            told(&differs),
            told(&self.differs(action.after(), &look, &actual))
        )))
    }
}

fn told(differs: &[String]) -> String {
    differs.iter().take(5).cloned().collect::<Vec<_>>().join("; ")
}

/// `AccessExclusiveLock` as LOCK TABLE has it.
fn words_of(mode: &str) -> String {
    let mut words = String::new();
    for c in mode.trim_end_matches("Lock").chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_uppercase());
    }
    words
}

fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Database { source, .. } if source.code().is_none())
}
