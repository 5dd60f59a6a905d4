//! A step that runs in a transaction: its locks first, then a look, its statements, another look, its entry; all of it or
//! nothing.

use std::time::Duration;

use super::code::{self, Rewritten};
use super::step::{Action, Attempt, Direction, Stands, Why, is_lost, told};
use super::{Event, Observer, Options, Phase, Ready};
use crate::error::{Doing, Error, Result};
use crate::rehearsal::failed::{How, failed};
use crate::rehearsal::lock::strength;
use crate::rehearsal::steps;
use crate::rehearsal::watcher::Watcher;
use crate::unprepared::Unprepared;

impl Ready<'_> {
    /// One attempt at a step that runs in a transaction: its locks first, then a look, its statements, another look, its
    /// entry, all of it or nothing.
    pub(super) async fn in_a_transaction(
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
        let seen = watcher.end().await;
        *blocked_ms = blocked_ms.max(seen.blocked_ms);
        let is_done = matches!(attempt, Ok(Attempt::Done | Attempt::Recognised));
        let mut rolled_back = Ok(());
        if !is_done {
            rolled_back = self.session.client.batch_execute("ROLLBACK").await;
        }
        if seen.cancelled.is_some() {
            // A cancel that is on its way ends this, and nothing of ours.
            let _ = self.session.client.batch_execute("SELECT pg_sleep(0.1)").await;
            if rolled_back.as_ref().is_err_and(|error| error.code().is_some()) {
                rolled_back = self.session.client.batch_execute("ROLLBACK").await;
            }
        }
        if is_done {
            return attempt;
        }
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
        let lock_timeout =
            step.lock_timeout.map_or(options.max_block, |time| time.min(options.max_block));
        let lock_timeout = i64::try_from(lock_timeout.as_millis()).unwrap_or(i64::MAX);
        let statement_timeout = step.statement_timeout.unwrap_or_default().as_millis();
        self.session
            .command(&format!("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE; SET LOCAL statement_timeout = {statement_timeout}"))
            .await?;
        self.session
            .client
            .rows(include_str!("../../sql/apply/lock_timeout.sql"), &[&lock_timeout])
            .await
            .doing("beginning the step")?;
        if let Err(attempt) = self.lock_tables(action).await? {
            return Ok(attempt);
        }
        see(Phase::Locked, observe);
        let look = self.subject.rehearsed.states.look_of_step(action.at);
        match self.stands(action, &look, true).await? {
            Stands::Before => {}
            Stands::After => {
                self.note_done(run, action, "recognised", &Rewritten::new()).await?;
                self.session.command("COMMIT").await?;
                return Ok(Attempt::Recognised);
            }
            Stands::Elsewhere(differs) => {
                return Ok(Attempt::failed(format!("STALE: before {} {differs}", step.id)));
            }
        }
        let moved = self.code_moved(action, true).await?;
        if !moved.is_empty() {
            return Ok(Attempt::failed(code::stale("before", &step.id, &moved)));
        }
        let watch = self.watch_code(true).await?;
        see(Phase::Compared, observe);
        match self.perform_compared(action, script).await? {
            Ok(moved) if moved.is_empty() => {}
            Ok(moved) => {
                return Ok(Attempt::failed(code::stale("while it ran,", &step.id, &moved)));
            }
            Err(failed) => return self.judge(failed, action).await,
        }
        if let (Direction::Do, Some(verify)) = (action.direction, &step.verify)
            && let Some(failed) = steps::verify(&self.session.client, verify, true).await
        {
            return self.judge(failed, action).await;
        }
        see(Phase::Performed, observe);
        if let Err(source) = self
            .session
            .client
            .batch_execute("SET CONSTRAINTS ALL IMMEDIATE; RESET SESSION AUTHORIZATION")
            .await
        {
            let Some(last) = script.statements.last() else {
                return Ok(Attempt::failed("it has no statement".to_owned()));
            };
            return self.judge(failed(script, last, &source), action).await;
        }
        let (found, rewritten) = self.code_ran(action, true, watch).await?;
        if !found.is_empty() {
            return Ok(Attempt::failed(code::stale("while it ran,", &step.id, &found)));
        }
        let actual = look.at(&self.session.client, true).await?;
        let (differs, notes) = self.differs(action, action.after(), &look, &actual);
        if !differs.is_empty() {
            return Ok(Attempt::failed(format!(
                "after {} this is not as rehearsed: {}",
                step.id,
                told(&differs)
            )));
        }
        self.notes.extend(notes);
        see(Phase::Proven, observe);
        if let Err(error) = self.note_done(run, action, "done", &rewritten).await {
            return match &error {
                Error::Stale(why) => Ok(Attempt::failed(why.clone())),
                _ if crate::database::is_transient(&error) && !is_lost(&error) => {
                    Ok(Attempt::again(error.to_string()))
                }
                _ => Err(error),
            };
        }
        see(Phase::Noted, observe);
        if let Err(source) = self.session.client.batch_execute("COMMIT").await {
            let Some(last) = script.statements.last() else {
                return Ok(Attempt::failed("it has no statement".to_owned()));
            };
            let failed = failed(script, last, &source);
            if failed.how == How::Lost {
                return Err(Error::Interrupted(format!(
                    "the connection was lost at the commit of {}; whether it was committed the journal knows: apply again, and it goes on from there",
                    step.id
                )));
            }
            return self.judge(failed, action).await;
        }
        self.rewritten.extend(rewritten);
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
