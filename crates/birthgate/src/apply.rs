//! The owner-gated apply: what was rehearsed and signed is carried out in order, stops before each door that no owner has
//! opened, survives any crash, and can be taken back as far as no door is shut.

mod broken_off;
mod code;
pub mod journal;
mod outside;
mod session;
mod status;
mod step;
mod transaction;

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::approval::{Standing, Subject};
use crate::code::Seen;
use crate::database::Database;
use crate::drift;
use crate::error::{Error, Result};
use crate::evidence_log;
use crate::owner::Owners;

use code::Rewritten;
use journal::Run;
use session::Session;
pub use status::{Running, Status, status};
use step::{Action, Direction, Outcome, Why};

/// How to apply.
#[derive(Clone, Debug)]
pub struct Options {
    /// The last step that is carried out; taken back, where it is an undo.
    pub until: Option<String>,
    /// Whether to look only.
    pub dry_run: bool,
    /// What somebody has found out of a step that was broken off and shows no trace: whether it was done.
    pub found: Option<(String, bool)>,
    /// How long anybody may wait for a step.
    pub max_block: Duration,
    /// How often a step is tried again that could not have its locks.
    pub attempts: usize,
    /// Whether an undo that leaves a table's columns in another order has failed.
    pub strict_columns: bool,
}

/// How an apply, or an undo, ended that was not cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Every step is done.
    Done,
    /// It stands before a step that waits for somebody's word.
    Stopped,
    /// A step could not be done; nothing of that step is left.
    Failed,
    /// Every step is taken back.
    Undone,
    /// It only looked.
    DryRun,
}

impl Ended {
    /// Its word in the journal.
    pub fn word(self) -> &'static str {
        match self {
            Ended::Done => "done",
            Ended::Stopped => "stopped",
            Ended::Failed => "failed",
            Ended::Undone => "undone",
            Ended::DryRun => "dry-run",
        }
    }
}

/// What became of a step.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StepDone {
    /// Its id.
    pub id: String,
    /// `done`, `undone`, `recognised`, `before` (it was done by an earlier call), `would be done`, `would be undone`.
    pub outcome: &'static str,
    /// How long it took, with everything, in the last attempt.
    pub duration_ms: f64,
    /// How often it was tried.
    pub attempts: u32,
    /// The longest that anybody waited for it.
    pub blocked_ms: f64,
}

impl StepDone {
    fn untried(id: &str, outcome: &'static str) -> StepDone {
        StepDone { id: id.to_owned(), outcome, duration_ms: 0.0, attempts: 0, blocked_ms: 0.0 }
    }
}

/// What an apply, or an undo, comes to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Applied {
    /// The number of its first entry in the evidence log; `None` of a look before the first step.
    pub run: Option<i64>,
    /// The packet.
    pub packet: String,
    /// How it ended.
    pub ended: Ended,
    /// Why it stands where it stands.
    pub why: Option<String>,
    /// The same without what may be values of rows, for the evidence log.
    #[serde(skip)]
    kept: Option<String>,
    /// The step that comes next.
    pub next: Option<String>,
    /// The steps.
    pub steps: Vec<StepDone>,
    /// What an undo left otherwise that nobody who uses the objects meets.
    pub notes: Vec<String>,
}

impl Applied {
    fn stops(&mut self, ended: Ended, why: impl Into<Why>) {
        let why = why.into();
        (self.ended, self.why, self.kept) = (ended, Some(why.told), Some(why.kept));
    }
}

/// What happens while steps are carried out.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A step has come so far.
    Step {
        /// Its id.
        step: &'a str,
        /// How far.
        phase: Phase,
    },
    /// A step waits for others.
    Waits {
        /// Its id.
        step: &'a str,
        /// For whom.
        whom: Vec<String>,
    },
    /// A step is tried again.
    Again {
        /// Its id.
        step: &'a str,
        /// Why the attempt ended.
        why: String,
    },
}

/// How far a step has come. Each is a moment at which client or server may die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing of it was sent.
    Begins,
    /// It is announced in the journal: it runs outside of a transaction.
    Announced,
    /// Its tables are locked.
    Locked,
    /// The database is what it has to be.
    Compared,
    /// Its statements were run.
    Performed,
    /// The database is what it has to be after it.
    Proven,
    /// Its entry is written; outside of a transaction, that is committed.
    Noted,
    /// It is committed.
    Committed,
}

/// Is told what happens.
pub type Observer<'a> = &'a mut (dyn FnMut(&Event<'_>) + Send);

/// What is known of the database and the packet before anything is done.
struct Ready<'a> {
    session: Session,
    subject: Subject<'a>,
    /// The run that goes on, or that has ended in being done.
    run: Option<Run>,
    standing: Standing,
    /// The objects of the gate's baseline; `None` where there is no baseline.
    gate: Option<BTreeSet<String>>,
    strict_columns: bool,
    notes: BTreeSet<String>,
    /// The code that the steps can run, as it was when it was last compared.
    code: Option<Seen>,
    /// What earlier steps wrote anew of it.
    rewritten: Rewritten,
}

/// Carries out a packet from where it stands: as far as owners have signed, and no further than `until`.
pub async fn apply(
    database: &Database,
    subject: Subject<'_>,
    owners: &Owners,
    options: &Options,
    observe: Observer<'_>,
) -> Result<Applied> {
    let mut ready = Ready::new(database, subject, owners).await?;
    ready.strict_columns = options.strict_columns;
    known_step(subject, options)?;
    let finished = ready.run.take_if(|run| run.is_finished());
    if let Some(run) = finished.filter(|run| {
        run.ended.as_deref() == Some("done") && run.rehearsal == subject.rehearsed.hash
    }) {
        return Err(Error::Busy(format!(
            "{} is applied already (entry {} of the evidence log)",
            run.packet, run.number
        )));
    }
    if !ready.standing.approves() {
        return Err(Error::NotSigned(ready.standing.missing()));
    }
    let mut applied = Applied {
        run: ready.run.as_ref().map(|run| run.number),
        packet: subject.packet.macro_name.clone(),
        ended: Ended::Done,
        why: None,
        kept: None,
        next: None,
        steps: Vec::new(),
        notes: Vec::new(),
    };
    ready.compare_code(None).await?;
    let mut done = ready.settle(options, observe, !options.dry_run).await?;
    for step in &subject.packet.plan.steps[..done] {
        applied.steps.push(StepDone::untried(&step.id, "before"));
    }
    ready.compare_gate().await?;
    ready.compare_all(done).await?;
    if options.dry_run {
        while done < subject.packet.plan.steps.len() && stop(&ready, options, done).is_none() {
            let step = &subject.packet.plan.steps[done];
            applied.steps.push(StepDone::untried(&step.id, "would be done"));
            done += 1;
        }
        applied.why = stop(&ready, options, done);
        applied.next = subject.packet.plan.steps.get(done).map(|step| step.id.clone());
        applied.ended = Ended::DryRun;
        return Ok(applied);
    }
    let run = ready.begin("apply").await?;
    applied.run = Some(run);
    while done < subject.packet.plan.steps.len() {
        // Hours may have passed: what was signed for a door is judged at the door.
        if subject.is_door(done) {
            ready.judge_again(owners).await?;
        }
        if let Some(why) = stop(&ready, options, done) {
            applied.stops(Ended::Stopped, why);
            break;
        }
        // What its triggers call, and what it reads, is not looked at under its locks.
        let compared = match ready.compare_code(None).await {
            Ok(()) => ready.compare_all(done).await,
            error => error,
        };
        match compared {
            Err(Error::Stale(why)) => {
                applied.stops(Ended::Failed, why);
                break;
            }
            other => other?,
        }
        match ready
            .carry_out(run, Action { at: done, direction: Direction::Do }, options, observe)
            .await?
        {
            Outcome::Done(step) => applied.steps.push(step),
            Outcome::Failed(why) => {
                applied.stops(Ended::Failed, why);
                break;
            }
        }
        done += 1;
    }
    applied.next = match applied.ended {
        Ended::Done => subject.packet.next.clone(),
        _ => subject.packet.plan.steps.get(done).map(|step| step.id.clone()),
    };
    ready.end(run, &applied).await?;
    Ok(applied)
}

/// Why the apply stops before this step; `None`: it does not.
fn stop(ready: &Ready<'_>, options: &Options, at: usize) -> Option<String> {
    let steps = &ready.subject.packet.plan.steps;
    let id = &steps.get(at)?.id;
    if options
        .until
        .as_ref()
        .is_some_and(|until| at > 0 && steps[..at].iter().any(|step| step.id == *until))
    {
        return Some(format!("it was to go until {}", options.until.clone().unwrap_or_default()));
    }
    if let Some(why) = ready.subject.stops(at).filter(|_| !ready.standing.opens(id)) {
        return Some(format!(
            "{id} waits for {} of its own: {why}",
            match ready.standing.quorum {
                1 => "an owner's approval".to_owned(),
                count => format!("the approval of {count} owners"),
            }
        ));
    }
    None
}

fn known_step(subject: Subject<'_>, options: &Options) -> Result<()> {
    match &options.until {
        Some(until) if !subject.packet.plan.steps.iter().any(|step| step.id == *until) => {
            Err(Error::BadInput(format!("the packet has no step {until}")))
        }
        _ => Ok(()),
    }
}

/// Takes a packet back, from where it stands to its beginning, to `until`, or to the first step without a way back.
pub async fn undo(
    database: &Database,
    subject: Subject<'_>,
    owners: &Owners,
    options: &Options,
    observe: Observer<'_>,
) -> Result<Applied> {
    let mut ready = Ready::new(database, subject, owners).await?;
    ready.strict_columns = options.strict_columns;
    known_step(subject, options)?;
    let steps = &subject.packet.plan.steps;
    let mut applied = Applied {
        run: None,
        packet: subject.packet.macro_name.clone(),
        ended: Ended::Undone,
        why: None,
        kept: None,
        next: None,
        steps: Vec::new(),
        notes: Vec::new(),
    };
    if ready.run.as_ref().is_none_or(|run| run.ended.as_deref() == Some("undone")) {
        return Err(Error::Stale(format!(
            "nothing of {} is applied here",
            subject.packet.macro_name
        )));
    }
    if ready.run.as_ref().is_some_and(|run| run.rehearsal != subject.rehearsed.hash) {
        return Err(Error::Stale(format!(
            "{} was applied as another rehearsal saw it: name that one with --rehearsal",
            subject.packet.macro_name
        )));
    }
    let mut done = ready.settle(options, observe, !options.dry_run).await?;
    ready.compare_gate().await?;
    // Each step is compared for itself: what came to be beside the packet must not keep it from being taken back.
    let run = match options.dry_run {
        true => 0,
        false => ready.begin("undo").await?,
    };
    applied.run = Some(run).filter(|run| *run > 0);
    while done > 0 {
        let step = &steps[done - 1];
        if steps[done..].iter().any(|step| Some(&step.id) == options.until.as_ref()) {
            let until = options.until.clone().unwrap_or_default();
            applied.stops(Ended::Stopped, format!("it was to be taken back until {until}"));
            break;
        }
        if step.undo.is_none() || !subject.rehearsed.states.steps[done - 1].undone {
            applied.stops(Ended::Stopped, format!("there is no way back through {}", step.id));
            break;
        }
        match ready.compare_code(Some(done - 1)).await {
            Err(Error::Stale(why)) => {
                applied.stops(Ended::Failed, why);
                break;
            }
            other => other?,
        }
        if options.dry_run {
            applied.steps.push(StepDone::untried(&step.id, "would be undone"));
        } else {
            match ready
                .carry_out(
                    run,
                    Action { at: done - 1, direction: Direction::Undo },
                    options,
                    observe,
                )
                .await?
            {
                Outcome::Done(step) => applied.steps.push(step),
                Outcome::Failed(why) => {
                    applied.stops(Ended::Failed, why);
                    break;
                }
            }
        }
        done -= 1;
    }
    applied.next = done.checked_sub(1).map(|at| steps[at].id.clone());
    applied.notes = std::mem::take(&mut ready.notes).into_iter().collect();
    if options.dry_run {
        applied.ended = Ended::DryRun;
    } else {
        ready.end(run, &applied).await?;
    }
    Ok(applied)
}

impl<'a> Ready<'a> {
    /// Connects, and finds out where the packet stands and who has signed what.
    async fn new(database: &Database, subject: Subject<'a>, owners: &Owners) -> Result<Ready<'a>> {
        subject.holds()?;
        let session = Session::connect(database).await?;
        let identity = evidence_log::identity(&session.client).await?;
        if identity.in_recovery {
            return Err(Error::Busy("this is a standby: apply where it is written".to_owned()));
        }
        if !evidence_log::is_installed(&session.client).await? {
            return Err(Error::NotSigned(format!(
                "nobody has approved {} in this database: birthgate approve",
                subject.packet.macro_name
            )));
        }
        session.lock().await?;
        let log = evidence_log::entries(&session.client, 0, None).await?;
        if let Some(flaw) = evidence_log::verify(&log).first() {
            return Err(Error::NotSigned(format!(
                "the evidence log is not as it was written: {flaw}"
            )));
        }
        let mut runs = journal::runs(&log);
        let standing = subject.standing(owners, &identity, &log, &journal::spent(&runs));
        if let Some(other) =
            runs.iter().find(|run| !run.is_finished() && run.digest != subject.packet.digest)
        {
            return Err(Error::Busy(format!(
                "{} is not finished here ({} of its steps are done): apply it to its end, or take it back, first",
                other.packet,
                other.done.len()
            )));
        }
        let run = runs
            .iter()
            .rposition(|run| run.digest == subject.packet.digest)
            .map(|at| runs.swap_remove(at));
        if let Some(run) =
            run.as_ref().filter(|run| !run.is_finished() && run.rehearsal != subject.rehearsed.hash)
        {
            return Err(Error::Stale(format!(
                "{} was begun as another rehearsal saw it (sha256 {}): go on with that one",
                run.packet, run.rehearsal
            )));
        }
        // Compared once it is known where the packet stands.
        let gate = match drift::baseline(&session.client).await? {
            Some(_) => Some(drift::objects(&session.client).await?),
            None => None,
        };
        let notes = BTreeSet::new();
        let rewritten = journal::rewritten(&log, &subject.rehearsed.hash);
        Ok(Ready {
            session,
            subject,
            run,
            standing,
            gate,
            strict_columns: false,
            notes,
            code: None,
            rewritten,
        })
    }

    /// How many steps are done, after what was broken off is found out. A step that was announced and not noted as
    /// done is one or the other, as the database shows.
    async fn settle(
        &mut self,
        options: &Options,
        observe: Observer<'_>,
        may_write: bool,
    ) -> Result<usize> {
        let Some(run) = self.run.clone() else { return Ok(0) };
        let steps = &self.subject.packet.plan.steps;
        let mut done = run.done.len();
        let in_order = run.done.iter().zip(steps).all(|(done, step)| *done == step.id);
        if !in_order || done > steps.len() {
            return Err(Error::Unexpected(format!(
                "the journal of {} is not of its steps",
                run.packet
            )));
        }
        if let Some(open) = &run.open {
            let direction = if open.action == "do" { Direction::Do } else { Direction::Undo };
            let at = steps.iter().position(|step| step.id == open.step);
            let at = at.ok_or_else(|| {
                Error::Unexpected(format!("the journal names the step {}", open.step))
            })?;
            let action = Action { at, direction };
            if self.resolve(run.number, action, options.found.as_ref(), observe, may_write).await? {
                done = action.after();
            }
        }
        Ok(done)
    }

    /// Fails, naming it, when anything that the packet touches is not what it has to be after so many steps.
    async fn compare_all(&self, done: usize) -> Result<()> {
        let states = &self.subject.rehearsed.states;
        let look = states.look();
        // Only what is seen twice is said: a read beside changes can be torn. The order of columns counts: a step may rely on it.
        let mut differs = Vec::new();
        for _ in 0..2 {
            let actual = look.at(&self.session.client, false).await?;
            differs = states.differs(done, &look, &actual).exactly();
            if differs.is_empty() {
                return Ok(());
            }
        }
        Err(Error::Stale(format!(
            "STALE: since the rehearsal {} this changed:\n  {}\nrehearse and sign again, or bring it back",
            self.subject.rehearsed.id,
            differs.iter().take(20).cloned().collect::<Vec<_>>().join("\n  ")
        )))
    }

    /// Whose approvals hold by now.
    async fn judge_again(&mut self, owners: &Owners) -> Result<()> {
        let identity = evidence_log::identity(&self.session.client).await?;
        let log = evidence_log::entries(&self.session.client, 0, None).await?;
        let spent = journal::spent(&journal::runs(&log));
        self.standing = self.subject.standing(owners, &identity, &log, &spent);
        Ok(())
    }

    /// Fails when the gate has drifted: on such a gate nothing is applied, and nothing taken back.
    async fn compare_gate(&self) -> Result<()> {
        if self.gate.is_none() {
            return Ok(());
        }
        let found = drift::look(&self.session.client).await?;
        match found.objects() + found.circumstances.len() {
            0 => Ok(()),
            count => Err(Error::Stale(format!(
                "the gate has drifted ({count}): birthgate drift explain says what it is, and what brings it back"
            ))),
        }
    }

    /// Writes that it begins; answers the run.
    async fn begin(&mut self, kind: &str) -> Result<i64> {
        let approvals: Vec<i64> =
            self.standing.approvals.iter().map(|approval| approval.number).collect();
        let run = self.run.as_ref().map(|run| run.number);
        let body = json!({
            "run": run, "packet": self.subject.packet.macro_name, "digest": self.subject.packet.digest,
            "rehearsal": self.subject.rehearsed.hash, "evidence": self.subject.rehearsed.id, "approvals": approvals,
        });
        let number = evidence_log::append(&self.session.client, kind, &body).await?;
        Ok(run.unwrap_or(number))
    }

    async fn end(&mut self, run: i64, applied: &Applied) -> Result<()> {
        let body = json!({ "run": run, "ended": applied.ended.word(), "why": applied.kept, "next": applied.next });
        self.session.reset().await?;
        evidence_log::append(&self.session.client, "end", &body).await?;
        // Birthgate's own roles may have come to be.
        evidence_log::ensure(&self.session.client).await?;
        self.session.unlock().await
    }
}
