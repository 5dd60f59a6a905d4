//! A step that runs outside of a transaction: announced in the journal, run, looked at, noted.

use std::pin::pin;
use std::time::Duration;

use super::code::{self, Rewritten};
use super::step::{Action, Attempt, Direction, Stands, Why, told};
use super::{Event, Observer, Phase, Ready};
use crate::error::{Error, Result};
use crate::rehearsal::failed::{Failed, How};
use crate::rehearsal::steps;
use crate::script::{Conduct, Script};
use crate::unprepared::Unprepared;

/// How often such a step is asked whom it waits for.
const LOOK: Duration = Duration::from_millis(250);

impl Ready<'_> {
    /// A step that runs outside of a transaction: announced, run, looked at, noted.
    pub(super) async fn outside(
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
        match self.stands(action, &look, false).await? {
            Stands::Before => {}
            Stands::After => {
                self.note_alone(run, action, "recognised", &Rewritten::new()).await?;
                return Ok(Attempt::Recognised);
            }
            Stands::Elsewhere(differs) => {
                return Ok(Attempt::failed(format!("STALE: before {} {differs}", step.id)));
            }
        }
        let moved = self.code_moved(action, false).await?;
        if !moved.is_empty() {
            return Ok(Attempt::failed(code::stale("before", &step.id, &moved)));
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
        let watch = self.watch_code(false).await?;
        let done = self.perform_telling(&step.id, script, observe).await?;
        let done = match (done, action.direction, &step.verify) {
            (None, Direction::Do, Some(verify)) => {
                steps::verify(&self.session.client, verify, false).await
            }
            (failed, ..) => failed,
        };
        see(Phase::Performed, observe);
        if let Some(failed) = done {
            if failed.how == How::Lost {
                return Err(Error::Interrupted(format!(
                    "{}: the connection was lost in {}; apply again, and it finds out whether that was done",
                    failed.place, step.id
                )));
            }
            self.session.reset().await?;
            let cleaned = self.clean(action, false).await?;
            let cleaned = if cleaned.is_empty() {
                String::new()
            } else {
                format!("; {} was half made, and is dropped", cleaned.join(", "))
            };
            let why = Why::of(&failed).and(&cleaned);
            // Only where nothing of it is left is it as if it had not begun.
            if !matches!(self.stands(action, &look, false).await?, Stands::Before)
                || !self.shows(action)
            {
                return Ok(Attempt::Failed(why.and(
                    "; what it did is not undone: it stays announced, and the next apply finds out",
                )));
            }
            self.note(run, action, "failed", Some(&why.kept)).await?;
            let is_alone =
                script.statements.iter().all(|one| matches!(one.conduct, Conduct::Outside(_)));
            return Ok(match failed.sqlstate.as_deref() {
                Some("55P03" | "40P01" | "40001") if is_alone => Attempt::Again(why),
                _ => Attempt::Failed(why),
            });
        }
        let (found, rewritten) = self.code_ran(action, false, watch).await?;
        self.session.reset().await?;
        if !found.is_empty() {
            let why = code::stale("while it ran, or before,", &step.id, &found);
            return Ok(Attempt::failed(format!(
                "{why}; what the step did is not undone, and stays announced in the journal"
            )));
        }
        let actual = look.at(&self.session.client, false).await?;
        let (differs, notes) = self.differs(action, action.after(), &look, &actual);
        if !differs.is_empty() {
            let why = format!("after {} this is not as rehearsed: {}", step.id, told(&differs));
            return Ok(Attempt::failed(format!("{why}; it stays announced in the journal")));
        }
        self.notes.extend(notes);
        see(Phase::Proven, observe);
        self.note_alone(run, action, "done", &rewritten).await?;
        self.rewritten.extend(rewritten);
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
        let second = self.session.database.connect_for_others().await?;
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
}
