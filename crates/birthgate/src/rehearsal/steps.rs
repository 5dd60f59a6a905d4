//! Running steps, forwards and backwards, on one connection: what live database and sandbox share.

use std::collections::BTreeSet;
use std::time::Instant;

use tokio_postgres::Client;

use super::content::{Content, Logs, Since, content, differing};
use super::failed::{Failed, How, failed};
use super::session::{Session, StatementReport, milliseconds};
use super::{StepReport, UndoReport};
use crate::error::{Error, Result};
use crate::fingerprint::{Difference, Look, Tracker};
use crate::plan::Verify;
use crate::script::Script;
use crate::unprepared::Unprepared;

/// Runs the statements of a script one after the other within the transaction that is open, until one fails.
pub(super) async fn perform(
    session: &mut Session,
    script: &Script,
) -> Result<std::result::Result<Vec<StatementReport>, Failed>> {
    let mut reports = Vec::new();
    for statement in &script.statements {
        match session.run(script, statement, !statement.of_the_session).await? {
            Ok(report) => reports.push(report),
            Err(failed) => return Ok(Err(failed)),
        }
    }
    Ok(Ok(reports))
}

/// Fires the deferred constraints that a script has left behind.
pub(super) async fn constraints(session: &Session, script: &Script) -> Result<Option<Failed>> {
    match session.check_constraints().await {
        Ok(()) => Ok(None),
        Err(Error::Database { source, .. }) => Ok(script.statements.last().map(|last| {
            let mut failed = failed(script, last, &source);
            failed.place = last.place.clone();
            failed.message = format!("a deferred constraint does not hold: {}", failed.message);
            failed
        })),
        Err(Error::Refused(refusal)) => Ok(script.statements.last().map(|last| Failed {
            place: last.place.clone(),
            detail: None,
            sqlstate: Some(refusal.code.sqlstate().to_owned()),
            message: format!("a deferred constraint does not hold: {refusal}"),
            how: How::Refused,
        })),
        Err(error) => Err(error),
    }
}

/// Whether a step is done, as its verify tells. `inside`: in the transaction that is open.
pub(crate) async fn verify(client: &Client, verify: &Verify, inside: bool) -> Option<Failed> {
    match verify {
        Verify::True(script) => returns_true(client, script).await,
        Verify::Quiet(script) => raises_nothing(client, script, inside).await,
    }
}

/// Whether what a verify says holds where the rows are not there as well.
pub(super) fn knows_without_rows(verify: &Verify, failed: &Failed) -> bool {
    match (verify, failed.sqlstate.as_deref()) {
        (_, None) => false,
        (Verify::True(_), Some(_)) => true,
        // A script for sqitch raises an error to say no: it divides by the number of rows, or raises one itself.
        (Verify::Quiet(_), Some(code)) => {
            !["22", "23", "P0"].iter().any(|class| code.starts_with(class))
        }
    }
}

/// Runs a script of which nothing stays, in a savepoint or in a transaction of its own.
async fn raises_nothing(client: &Client, script: &Script, inside: bool) -> Option<Failed> {
    let (begin, end) = match inside {
        true => (
            "SAVEPOINT birthgate_verify",
            "ROLLBACK TO SAVEPOINT birthgate_verify; RELEASE SAVEPOINT birthgate_verify",
        ),
        false => ("BEGIN", "ROLLBACK"),
    };
    let first = script.statements.first()?;
    if let Err(source) = client.batch_execute(begin).await {
        return Some(failed(script, first, &source));
    }
    let mut found = None;
    for statement in &script.statements {
        if let Err(source) = client.batch_execute(script.text_of(statement)).await {
            found = Some(failed(script, statement, &source));
            break;
        }
    }
    match client.batch_execute(end).await {
        Err(source) if found.is_none() => Some(failed(script, first, &source)),
        _ => found,
    }
}

/// Whether each query returns one true.
async fn returns_true(client: &Client, script: &Script) -> Option<Failed> {
    for statement in &script.statements {
        let fail = |message: String| Failed {
            place: statement.place.clone(),
            sqlstate: None,
            message,
            detail: None,
            how: How::Refused,
        };
        match client.rows(script.text_of(statement), &[]).await {
            Err(source) => return Some(failed(script, statement, &source)),
            Ok(rows) => match &rows[..] {
                [row]
                    if row.try_get::<_, Option<bool>>(0).is_ok_and(|holds| holds == Some(true)) => {
                }
                rows => {
                    return Some(fail(format!(
                        "verify does not return one true, but {} rows",
                        rows.len()
                    )));
                }
            },
        }
    }
    None
}

impl StepReport {
    /// Takes over what the statements did.
    pub(super) fn fill(&mut self, statements: Vec<StatementReport>) {
        let mut locks = BTreeSet::new();
        let mut rewrites = BTreeSet::new();
        self.duration_ms = 0.0;
        (self.rows, self.wal_bytes, self.hurting_ms) = (0, 0, 0.0);
        self.temp_bytes = statements.iter().map(|statement| statement.temp_bytes).sum();
        touch(&mut self.touched, &statements);
        for statement in &statements {
            self.duration_ms += statement.duration_ms;
            self.rows += statement.rows;
            self.wal_bytes += statement.wal_bytes;
            locks.extend(statement.locks.iter().cloned());
            rewrites.extend(statement.rewrites.iter().cloned());
            // From the first lock that hurts, everything until the step's end is waited for.
            if self.hurting_ms > 0.0 || locks.iter().any(super::Lock::hurts) {
                self.hurting_ms += statement.duration_ms;
            }
        }
        self.locks = locks.into_iter().collect();
        self.rewrites = rewrites.into_iter().collect();
        self.statements = statements;
    }
}

impl StepReport {
    /// Takes over how long the statements took elsewhere; their locks stay those of the tables themselves.
    pub(super) fn time(&mut self, statements: &[StatementReport]) {
        if self.statements.len() != statements.len() {
            self.fill(statements.to_vec());
            return;
        }
        for (known, seen) in self.statements.iter_mut().zip(statements) {
            known.duration_ms = seen.duration_ms;
            (known.rows, known.wal_bytes, known.temp_bytes) =
                (seen.rows, seen.wal_bytes, seen.temp_bytes);
        }
        self.duration_ms = statements.iter().map(|one| one.duration_ms).sum();
        self.rows = statements.iter().map(|one| one.rows).sum();
        self.wal_bytes = statements.iter().map(|one| one.wal_bytes).sum();
        self.temp_bytes = statements.iter().map(|one| one.temp_bytes).sum();
    }
}

/// Tables whose rows a statement may have changed.
fn tables_touched(statement: &StatementReport) -> impl Iterator<Item = String> {
    statement
        .locks
        .iter()
        .filter(|lock| {
            let reads = matches!(lock.mode.as_str(), "AccessShareLock" | "RowShareLock");
            match lock.kind.as_str() {
                "r" | "m" => !reads,
                // nextval and setval are no business of an undo: no ROLLBACK takes them back.
                "S" => !reads && lock.mode != "RowExclusiveLock",
                _ => false,
            }
        })
        .map(|lock| lock.object.clone())
}

/// What a database was like, to be compared with.
pub(super) struct Before {
    pub look: Look,
    pub content: Content,
}

/// Runs an undo within the transaction that is open, and says what it did not bring back: of the objects,
/// of the rows of these tables, and of those that it touched itself, which are added to them; without
/// tables, of no rows. What the transaction is afterwards is for the caller to end.
pub(super) async fn undo(
    session: &mut Session,
    tracker: &mut Tracker,
    script: &Script,
    differs: impl Fn(&Tracker, &Look, &Content) -> Left,
    mut tables: Option<&mut Vec<String>>,
    since: Since<'_>,
) -> Result<UndoReport> {
    let begun = Instant::now();
    let mut report = UndoReport::default();
    let told = |failed: Failed| vec![format!("{}: {failed}", failed.place)];
    match perform(session, script).await? {
        Ok(statements) => {
            if let Some(tables) = &mut tables {
                touch(tables, &statements);
            }
        }
        Err(failed) => {
            report.unseen = session.is_circumstance(&failed);
            report.differences = told(failed);
            return Ok(report);
        }
    }
    report.duration_ms = milliseconds(begun.elapsed());
    if let Some(failed) = constraints(session, script).await? {
        report.unseen = session.is_circumstance(&failed);
        report.differences = told(failed);
        return Ok(report);
    }
    let look = tracker.look_inside(session.ask()).await?;
    let content = match tables {
        Some(tables) => content(&session.client, tables, Some(since)).await?,
        None => Content::new(),
    };
    Ok(report.judged(differs(tracker, &look, &content), session.strict_columns))
}

/// Finds the logs of schema changes, within the transaction that is open. A role that may not make a schema
/// finds none.
pub(super) async fn find_logs(session: &mut Session) -> Result<Logs> {
    let probe = include_str!("../../sql/rehearsal/probe.sql");
    let script = Script::parse("probe.sql", probe.as_bytes()).map_err(Error::Unreadable)?;
    session.command("SAVEPOINT birthgate_probe").await?;
    let mut tables = Vec::new();
    if let Ok(statements) = perform(session, &script).await? {
        touch(&mut tables, &statements);
    }
    session
        .command("ROLLBACK TO SAVEPOINT birthgate_probe; RELEASE SAVEPOINT birthgate_probe")
        .await?;
    session.rolled_back().await?;
    Ok(tables.into_iter().collect())
}

/// Adds the tables that statements touched.
pub(super) fn touch(tables: &mut Vec<String>, statements: &[StatementReport]) {
    tables.extend(statements.iter().flat_map(tables_touched));
    tables.sort();
    tables.dedup();
}

impl Before {
    /// What an undo did not bring back, in words.
    pub fn differs(&self, tracker: &Tracker, look: &Look, content: &Content) -> Left {
        Left::of(tracker.diff(&self.look, look)).and(differing(&self.content, content))
    }
}

/// What an undo left other than it was, in words.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub differences: Vec<String>,
    /// Tables whose columns stand in another order, and are the same otherwise: whoever uses them by name meets nothing.
    pub order: Vec<String>,
}

impl Left {
    /// At most so many differences are told.
    const MOST: usize = 20;

    pub fn of(differences: impl IntoIterator<Item = Difference>) -> Left {
        let mut left = Left::default();
        for one in differences {
            let list = if one.is_of_order() { &mut left.order } else { &mut left.differences };
            if list.len() < Left::MOST {
                list.push(one.to_string());
            }
        }
        left
    }

    pub fn and(mut self, more: Vec<String>) -> Left {
        self.differences.extend(more);
        self.differences.truncate(Left::MOST);
        self
    }
}

impl UndoReport {
    /// Takes over what was left, and whether that is what was.
    pub(super) fn judged(mut self, left: Left, strict_columns: bool) -> UndoReport {
        (self.differences, self.notes) = (left.differences, left.order);
        if strict_columns {
            self.differences.append(&mut self.notes);
        }
        self.restores = self.differences.is_empty();
        self
    }
}
