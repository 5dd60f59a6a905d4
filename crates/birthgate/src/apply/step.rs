//! One step, done or undone.

use std::time::Instant;

use serde_json::json;

use super::code::Rewritten;
use super::{Event, Observer, Options, Phase, Ready, StepDone};
use crate::drift;
use crate::error::{Doing, Error, Result};
use crate::evidence;
use crate::evidence_log;
use crate::plan::Step;
use crate::rehearsal::failed::{Failed, How, failed};
use crate::rehearsal::session::milliseconds;
use crate::rehearsal::steps;
use crate::script::Script;
use crate::send::{Protocol, send};
use crate::states::{Look, Objects};
use crate::unprepared::Unprepared;

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
    pub fn before(self) -> usize {
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

    pub fn word(self) -> &'static str {
        match self.direction {
            Direction::Do => "do",
            Direction::Undo => "undo",
        }
    }

    pub fn script(self, step: &Step) -> Option<&Script> {
        match self.direction {
            Direction::Do => Some(&step.does),
            Direction::Undo => step.undo.as_ref(),
        }
    }

    pub fn is_transactional(self, step: &Step) -> bool {
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
    pub fn of(failed: &Failed) -> Why {
        Why {
            told: format!("{}: {failed}", failed.place),
            kept: format!("{}: {}", failed.place, evidence::without_values(&failed.message)),
        }
    }

    pub fn and(self, more: &str) -> Why {
        Why { told: self.told + more, kept: self.kept + more }
    }
}

/// Where a database stands with a step.
pub(super) enum Stands {
    /// It is what it has to be before the step.
    Before,
    /// It is what it has to be after it: somebody has done it.
    After,
    /// It is neither; what is not as before, in words.
    Elsewhere(String),
}

/// How one attempt ended.
pub(super) enum Attempt {
    Done,
    /// Somebody did it already: the database is what it has to be after it.
    Recognised,
    /// It may be tried again.
    Again(Why),
    Failed(Why),
}

impl Attempt {
    pub fn again(why: String) -> Attempt {
        Attempt::Again(why.into())
    }

    pub fn failed(why: String) -> Attempt {
        Attempt::Failed(why.into())
    }
}

impl Ready<'_> {
    pub(super) fn step_of(&self, action: Action) -> &Step {
        &self.subject.packet.plan.steps[action.at]
    }

    /// Where the database stands with a step, of what a look at it shows. That the objects are those after the step says
    /// that it was done only where it does nothing but make such objects, or its verify holds: rows are not compared.
    pub(super) async fn stands(&self, action: Action, look: &Look, inside: bool) -> Result<Stands> {
        let actual = look.at(&self.session.client, inside).await?;
        let (differs, _) = self.differs(action, action.before(), look, &actual);
        if differs.is_empty() {
            return Ok(Stands::Before);
        }
        let step = self.step_of(action);
        if self.shows(action) && self.differs(action, action.after(), look, &actual).0.is_empty() {
            let is_all = match (action.direction, &step.verify) {
                (Direction::Do, Some(verify)) => {
                    steps::verify(&self.session.client, verify, inside).await.is_none()
                }
                _ => action.script(step).is_some_and(Script::is_of_the_schema_alone),
            };
            return Ok(match is_all {
                true => Stands::After,
                false => Stands::Elsewhere(
                    "the objects are those after it, and nothing tells whether its rows are"
                        .to_owned(),
                ),
            });
        }
        Ok(Stands::Elsewhere(format!("this is not as rehearsed: {}", told(&differs))))
    }

    /// What is not as it has to be after so many steps, of what a look shows; and, on a way back, what is to be noted: a
    /// column that is added again stands last.
    pub(super) fn differs(
        &self,
        action: Action,
        steps: usize,
        look: &Look,
        actual: &Objects,
    ) -> (Vec<String>, Vec<String>) {
        let differs = self.subject.rehearsed.states.differs(steps, look, actual);
        match action.direction {
            Direction::Undo if !self.strict_columns => (differs.of_use, differs.of_order),
            _ => (differs.exactly(), Vec::new()),
        }
    }

    /// Whether the step changes anything that is compared: else nothing but its entry tells whether it was done.
    pub(super) fn shows(&self, action: Action) -> bool {
        !self.subject.rehearsed.states.steps[action.at].changes.is_empty()
    }

    /// Whether the gate's baseline moves with the step: it changes something of it, or writes Birthgate's own tables.
    pub(super) fn changes_the_gate(&self, action: Action) -> bool {
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

    /// Whether an object of the gate may differ after the step: it changes it, or what that stands on, or writes Birthgate's
    /// own tables.
    fn is_its(&self, action: Action, object: &str) -> bool {
        let states = &self.subject.rehearsed.states;
        let step = &states.steps[action.at];
        let of = |name: &str| name.rsplit_once(" on ").map(|(_, table)| table.to_owned());
        let trigger = object.strip_prefix("written ").unwrap_or(object);
        step.changes.contains_key(trigger)
            || of(trigger).is_some_and(|table| {
                step.locks.contains_key(&table)
                    || step.changes.keys().any(|changed| of(changed).as_ref() == Some(&table))
            })
            || ["collection ", "dimension "].iter().any(|kind| object.starts_with(kind))
                && step.locks.keys().any(|name| name.starts_with("birthgate."))
            || step.changes.keys().any(|changed| changed.starts_with("schema birthgate"))
    }

    /// Writes within the transaction that is open that a step is done, and moves the gate's baseline with it.
    pub(super) async fn note_done(
        &mut self,
        run: i64,
        action: Action,
        state: &str,
        rewritten: &Rewritten,
    ) -> Result<()> {
        let mut root = None;
        if self.changes_the_gate(action) {
            root = drift::move_inside(&self.session.client, |object| self.is_its(action, object))
                .await?;
            self.gate = match &root {
                Some(_) => Some(drift::objects(&self.session.client).await?),
                None => None,
            };
        }
        let step = &self.step_of(action).id;
        let mut body = json!({ "run": run, "step": step, "action": action.word(), "state": state, "root": root });
        if !rewritten.is_empty() {
            body["rewritten"] = json!(rewritten);
        }
        evidence_log::append(&self.session.client, "step", &body).await.map(drop)
    }

    /// The same in a transaction of its own.
    pub(super) async fn note_alone(
        &mut self,
        run: i64,
        action: Action,
        state: &str,
        rewritten: &Rewritten,
    ) -> Result<()> {
        self.session.command("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE").await?;
        match self.note_done(run, action, state, rewritten).await {
            Ok(()) => self.session.command("COMMIT").await,
            Err(error) => {
                self.session.command("ROLLBACK").await?;
                Err(error)
            }
        }
    }

    pub(super) async fn note(
        &self,
        run: i64,
        action: Action,
        state: &str,
        more: Option<&str>,
    ) -> Result<()> {
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
            // A step's script may have let go of it.
            self.session.lock().await?;
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
    pub(super) async fn perform(&self, script: &Script) -> std::result::Result<(), Failed> {
        for statement in &script.statements {
            let sent = send(&self.session.client, script, statement, Protocol::Extended).await;
            let sent = sent.map_err(|unsent| unsent.error);
            sent.map_err(|source| failed(script, statement, &source))?;
        }
        Ok(())
    }

    /// Who holds these tables, as another session sees it.
    pub(super) async fn holders(&self, tables: &[&str]) -> String {
        let look = async {
            let client = self.session.database.connect_for_others().await?;
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
    pub(super) async fn judge(&self, failed: Failed, action: Action) -> Result<Attempt> {
        let step = self.step_of(action);
        if failed.how == How::Lost {
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
}

pub(super) fn told(differs: &[String]) -> String {
    differs.iter().take(5).cloned().collect::<Vec<_>>().join("; ")
}

pub(super) fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Database { source, .. } if source.code().is_none())
}
