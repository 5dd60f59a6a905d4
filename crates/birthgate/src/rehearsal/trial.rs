//! A plan on its way through the sandbox: each step committed, each undo tried after it and after every later
//! step, and at the end the whole way back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::content::{Content, Logs, Since, content};
use super::sandbox::Sandbox;
use super::session::{Failed, Session, milliseconds};
use super::state::State;
use super::steps::{self, Before, constraints, perform, verify};
use super::watched;
use super::{Door, Lock, Options, Rehearsal, Rows, StepReport, UndoReport, Verdict, Where, live};
use crate::error::{Doing, Result};
use crate::fingerprint::{self, Fingerprint, Scope};
use crate::plan::{Plan, Step};
use crate::script::Script;
use crate::states::Delta;
use crate::unprepared::Unprepared;
use tokio_postgres::Client;

/// Runs the whole plan; answers whether it was clean, so that the live database may be used.
pub(super) async fn run(
    sandbox: &Sandbox,
    plan: &Plan,
    options: &Options,
    rehearsal: &mut Rehearsal,
) -> Result<bool> {
    let before = rehearsal.reasons.len();
    let mut run = Run {
        session: Session::connect(&sandbox.database).await?,
        befores: Vec::new(),
        content: Content::new(),
        logs: Logs::new(),
        xids: Vec::new(),
        rows: options.rows,
        root: sandbox.root.connect().await?,
        secrets: Vec::new(),
    };
    run.session.is_confined = options.confined.is_some();
    // Nothing that the plan makes is found by a bare name of ours.
    run.root.batch_execute("SET search_path = pg_catalog, pg_temp").await.doing("rehearsing")?;
    run.session.watch_transaction("BEGIN").await?;
    run.logs = steps::find_logs(&mut run.session).await?;
    run.session.command("ROLLBACK").await?;
    rehearsal.logs.clone_from(&run.logs);
    run.content = run.all_contents("0", &BTreeMap::new()).await?;
    let mut leaks = State::take(&run.session.client).await?;
    for (at, step) in plan.steps.iter().enumerate() {
        rehearsal.steps[at].seen = Where::Sandbox;
        "every step is run there first".clone_into(&mut rehearsal.steps[at].why);
        let forward = run.forward(step, &mut rehearsal.steps[at]).await?;
        let state = State::take(&run.session.client).await?;
        note_leaks(&leaks, &state, step, options, rehearsal);
        leaks = state;
        if let Some(failed) = forward {
            let depends_on_rows = matches!(options.rows, Rows::Some(_))
                && failed.sqlstate.as_deref().is_some_and(|code| code.starts_with("23"));
            // Here, on this machine; there it may be fast enough.
            let out_of_time =
                step.statement_timeout.is_some() && failed.sqlstate.as_deref() == Some("57014");
            let out_of_reach = run.session.is_out_of_reach(&failed);
            let verdict = match depends_on_rows || out_of_time || out_of_reach {
                true => Verdict::Incomplete,
                false => Verdict::Fail,
            };
            let after = match out_of_reach {
                true => {
                    " (in this sandbox nobody may do everything, make roles, run programs or read files)"
                }
                false => "",
            };
            rehearsal.reasons.push(failed.because(verdict, &step.id, "in the sandbox: ", after));
            return Ok(false);
        }
        run.try_undos(plan, at, rehearsal).await?;
        let state = State::take(&run.session.client).await?;
        note_leaks(&leaks, &state, step, options, rehearsal);
        leaks = state;
    }
    let end = run.fingerprint().await?;
    let befores = run.befores.iter().map(|before| &before.fingerprint);
    rehearsal.deltas = befores
        .clone()
        .zip(befores.skip(1).chain([&end]))
        .map(|(before, after)| Delta::between(before, after))
        .collect();
    let watcher = if options.confined.is_some() { &run.session.client } else { &run.root };
    let inside = watched::values(watcher, &plan.watch).await?;
    rehearsal.inside = inside.into_iter().map(std::result::Result::ok).collect();
    let unseen = run.way_back(plan, rehearsal).await?;
    for at in unseen {
        let message = "it changes a password or a setting of the server, and its undo was not seen to bring that back";
        rehearsal.because(Verdict::Incomplete, Some(&plan.steps[at].id), message);
    }
    if let Some(step) = plan.steps.last() {
        note_leaks(&leaks, &State::take(&run.session.client).await?, step, options, rehearsal);
    }
    let clean = rehearsal.reasons.len() == before;
    if !clean {
        for step in &mut rehearsal.steps {
            "the sandbox has something against the plan".clone_into(&mut step.why);
        }
    }
    Ok(clean)
}

/// What a step, or an undo that was tried after it, would leave behind.
fn note_leaks(
    before: &State,
    after: &State,
    step: &Step,
    options: &Options,
    rehearsal: &mut Rehearsal,
) {
    // ALTER SEQUENCE RESTART and TRUNCATE RESTART IDENTITY are undone by ROLLBACK.
    let locks: Vec<Lock> = rehearsal.steps.iter().flat_map(|step| step.locks.clone()).collect();
    let rewritten = |name: &String| {
        let strong = |lock: &&Lock| {
            matches!(lock.mode.as_str(), "ShareRowExclusiveLock" | "AccessExclusiveLock")
        };
        locks.iter().filter(strong).any(|lock| &lock.object == name)
    };
    for leak in before.diff(after) {
        let may_burn = |name: &String| step.burns.contains(name) || options.burns.contains(name);
        if leak.sequence.as_ref().is_some_and(|name| may_burn(name) || rewritten(name)) {
            continue;
        }
        let tripped =
            leak.sequence.as_deref().and_then(|name| name.strip_prefix("birthgate_tripwire."));
        let (verdict, message) = match (&leak.sequence, tripped) {
            (_, Some(name)) => {
                (Verdict::Fail, format!("it calls {name}, whose effect ROLLBACK does not undo"))
            }
            (Some(_), None) => (
                Verdict::Incomplete,
                format!(
                    "{} {}, and no ROLLBACK moves it back: declare it (burns), or leave it out",
                    leak.object, leak.by
                ),
            ),
            (None, None) => (Verdict::Fail, format!("{} {}", leak.object, leak.by)),
        };
        rehearsal.because(verdict, Some(&step.id), message);
        if tripped.is_none() && !rehearsal.leaks.iter().any(|known| known.object == leak.object) {
            rehearsal.leaks.push(leak);
        }
    }
}

/// The plan on its way through the sandbox.
struct Run {
    session: Session,
    /// What the database was like before each step.
    befores: Vec<Before>,
    /// The rows of every table now.
    content: Content,
    logs: Logs,
    /// The first transaction that is not older than each step.
    xids: Vec<String>,
    rows: Rows,
    root: Client,
    /// What a superuser alone may look at, before each step.
    secrets: Vec<Fingerprint>,
}

impl Run {
    /// The rows of these tables.
    async fn contents(&self, tables: &[String], since: Option<Since<'_>>) -> Result<Content> {
        self.session.command("BEGIN").await?;
        let content = content(&self.session.client, tables, since).await?;
        self.session.command("COMMIT").await?;
        Ok(content)
    }

    /// The tables and sequences that are there.
    async fn tables(&self) -> Result<BTreeSet<String>> {
        let sql = include_str!("../../sql/rehearsal/tables.sql");
        let rows = self.session.client.rows(sql, &[]).await.doing("listing the tables")?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// What the text of the rows of each table is made of.
    async fn row_types(&self) -> Result<BTreeMap<String, String>> {
        let sql = include_str!("../../sql/rehearsal/row_types.sql");
        let rows = self.session.client.rows(sql, &[]).await.doing("looking at the tables")?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// The rows of every table, of which `content` says what they were when this transaction was to come and
    /// the tables were made of this. A table that has as many rows as then, and none that is newer, holds the
    /// same: nobody else writes here.
    async fn all_contents(&self, xid: &str, types: &BTreeMap<String, String>) -> Result<Content> {
        let mut same = Content::new();
        for (table, row_type) in &self.row_types().await? {
            let Some(known) = self.content.get(table) else { continue };
            if types.get(table) != Some(row_type) {
                continue;
            }
            let sql = include_str!("../../sql/rehearsal/rows_since.sql")
                .replace("{table}", table)
                .replace("{since}", xid);
            let row = self.session.client.one_row(&sql, &[]).await.doing("counting rows")?;
            let (count, newer): (String, i64) = (row.get(0), row.get(1));
            if newer == 0 && known.split(' ').next() == Some(&count) {
                same.insert(table.clone(), known.clone());
            }
        }
        let tables = self.tables().await?;
        let other: Vec<String> =
            tables.into_iter().filter(|table| !same.contains_key(table)).collect();
        same.extend(self.contents(&other, None).await?);
        Ok(same)
    }

    async fn fingerprint(&self) -> Result<Fingerprint> {
        fingerprint::take(&self.session.client, &Scope::All).await
    }

    /// Runs a step and commits it; answers what went wrong.
    async fn forward(&mut self, step: &Step, report: &mut StepReport) -> Result<Option<Failed>> {
        let fingerprint = self.fingerprint().await?;
        self.befores.push(Before { fingerprint, content: self.content.clone() });
        self.secrets.push(fingerprint::take_secrets(&self.root).await?);
        let row =
            self.session.client.one_row(include_str!("../../sql/rehearsal/next_xid.sql"), &[]);
        self.xids.push(row.await.doing("beginning a step")?.get(0));
        let types = self.row_types().await?;
        // An apply that goes on after a crash has another session: no step may live on another's settings.
        self.session.reset().await?;
        if step.transaction {
            self.session.watch_transaction("BEGIN").await?;
        } else {
            self.session.watch_single_statements().await?;
        }
        self.session.limit(Some(step), None).await?;
        let done = perform(&mut self.session, &step.does).await?;
        let mut failed = match done {
            Ok(statements) => {
                report.fill(statements);
                None
            }
            Err(failed) => Some(failed),
        };
        if failed.is_none() {
            self.session.limit(None, None).await?;
        }
        if step.transaction && failed.is_none() {
            failed = constraints(&self.session, &step.does).await?;
        }
        if let (None, Some(verifies)) = (&failed, &step.verify) {
            // What it says without the rows is no word against the step; where they are, it is asked again.
            let has_rows = self.rows == Rows::All;
            failed = verify(&self.session.client, verifies, step.transaction)
                .await
                .filter(|no| has_rows || steps::knows_without_rows(verifies, no));
        }
        if failed.is_some() {
            self.session.command("ROLLBACK").await?;
            self.session.limit(None, None).await?;
            return Ok(failed);
        }
        if step.transaction {
            self.session.command("COMMIT").await?;
            let begun = Instant::now();
            let touched = self.contents(&report.touched, None).await?;
            report.content_ms = milliseconds(begun.elapsed());
            self.content.extend(touched);
            // What is new, and what was moved for good: not for an undo to bring back.
            let mut other: Vec<String> = self.session.sequences.iter().cloned().collect();
            let there = self.tables().await?;
            self.content.retain(|table, _| there.contains(table));
            other.extend(there.into_iter().filter(|table| !self.content.contains_key(table)));
            let other = self.contents(&other, None).await?;
            self.content.extend(other);
        } else {
            // Its locks are gone already: every table is looked at, and what differs was touched.
            let now = self.all_contents(&self.xids[self.xids.len() - 1], &types).await?;
            let changed = now.iter().filter(|(table, rows)| self.content.get(*table) != Some(rows));
            report.touched = changed.map(|(table, _)| table.clone()).collect();
            self.content = now;
        }
        Ok(None)
    }

    /// Tries the undo of each step that is done, in a transaction that is rolled back.
    async fn try_undos(
        &mut self,
        plan: &Plan,
        done: usize,
        rehearsal: &mut Rehearsal,
    ) -> Result<()> {
        let mut fingerprints: Vec<&Fingerprint> =
            self.befores.iter().map(|before| &before.fingerprint).collect();
        let now = self.fingerprint().await?;
        fingerprints.push(&now);
        let changed: Vec<BTreeSet<String>> = fingerprints
            .windows(2)
            .map(|pair| pair[0].diff(pair[1]).into_iter().map(|one| one.object).collect())
            .collect();
        drop(fingerprints);
        rehearsal.changes.extend(changed[done].iter().cloned());
        for at in (0..=done).rev() {
            let Some(script) = &plan.steps[at].undo else {
                rehearsal.steps[at].door = Door::OneWay;
                continue;
            };
            if !matches!(rehearsal.steps[at].door, Door::Unknown | Door::TwoWay) {
                continue;
            }
            if script.leaves_the_transaction() {
                if at == done && plan.steps[done + 1..].iter().any(|step| step.undo.is_none()) {
                    self.there_and_back(at, &plan.steps[at], script, rehearsal).await?;
                }
                continue;
            }
            let before = &self.befores[at];
            // What later steps changed as well is not this undo's to bring back.
            let later: BTreeSet<&String> = changed[at + 1..].iter().flatten().collect();
            let own: BTreeSet<&String> =
                changed[at].iter().filter(|object| !later.contains(object)).collect();
            let mut tables = rehearsal.steps[at].touched.clone();
            self.session.watch_transaction("BEGIN").await?;
            let undo = steps::undo(
                &mut self.session,
                script,
                |fingerprint, content| match at == done {
                    true => before.differs(fingerprint, content),
                    false => before
                        .fingerprint
                        .diff(fingerprint)
                        .into_iter()
                        .filter(|one| own.contains(&one.object))
                        .map(|one| one.to_string())
                        .collect(),
                },
                (at == done).then_some(&mut tables),
                Since { logs: &self.logs, xid: &self.xids[at] },
            )
            .await?;
            self.session.command("ROLLBACK").await?;
            let report = &mut rehearsal.steps[at];
            report.touched = tables;
            match (undo.restores, at == done) {
                (true, _) => report.door = Door::TwoWay,
                (false, true) => report.door = Door::OneWay,
                (false, false) => {
                    report.door = Door::ShutBy { step: plan.steps[done].id.clone() };
                }
            }
            if at == done {
                live::blame(rehearsal, at, &undo, "its undo, in the sandbox, leaves");
                rehearsal.steps[at].undo = Some(undo);
            }
        }
        Ok(())
    }

    /// Undoes a step and commits that; says what was not brought back.
    async fn undo_for_good(
        &mut self,
        at: usize,
        script: &Script,
        touched: &[String],
    ) -> Result<UndoReport> {
        let alone = script.leaves_the_transaction();
        if alone {
            self.session.watch_single_statements().await?;
        } else {
            self.session.watch_transaction("BEGIN").await?;
        }
        let row =
            self.session.client.one_row(include_str!("../../sql/rehearsal/next_xid.sql"), &[]);
        let xid: String = row.await.doing("beginning an undo")?.get(0);
        let types = self.row_types().await?;
        let begun = Instant::now();
        let done = perform(&mut self.session, script).await?;
        let duration_ms = milliseconds(begun.elapsed());
        let since = Since { logs: &self.logs, xid: &self.xids[at] };
        let unseen = done.as_ref().is_err_and(|failed| self.session.is_out_of_reach(failed));
        let differences = match done {
            Ok(_) => {
                if !alone {
                    self.session.command("COMMIT").await?;
                }
                let fingerprint = self.fingerprint().await?;
                let mut content = match alone {
                    true => self.all_contents(&xid, &types).await?,
                    false => self.contents(touched, None).await?,
                };
                self.content.extend(content.clone());
                // Of a log only the older rows are compared.
                let logs: Vec<String> =
                    self.logs.iter().filter(|log| content.contains_key(*log)).cloned().collect();
                content.extend(self.contents(&logs, Some(since)).await?);
                let secrets = fingerprint::take_secrets(&self.root).await?;
                let mut differences = self.befores[at].differs(&fingerprint, &content);
                for one in self.secrets[at].diff(&secrets) {
                    let one = one.to_string();
                    if !differences.contains(&one) {
                        differences.push(one);
                    }
                }
                differences
            }
            Err(failed) => {
                self.session.command("ROLLBACK").await?;
                vec![format!("{}: {failed}", failed.place)]
            }
        };
        let restores = differences.is_empty();
        Ok(UndoReport { restores, duration_ms, differences, unseen })
    }

    /// Undoes a step outside of a transaction for good, and does it again: the way back from the end would not
    /// come to it, past a later step that has no undo.
    async fn there_and_back(
        &mut self,
        at: usize,
        step: &Step,
        script: &Script,
        rehearsal: &mut Rehearsal,
    ) -> Result<()> {
        let touched = rehearsal.steps[at].touched.clone();
        let undo = self.undo_for_good(at, script, &touched).await?;
        live::blame(rehearsal, at, &undo, "its undo, in the sandbox, leaves");
        rehearsal.steps[at].door = if undo.restores { Door::TwoWay } else { Door::OneWay };
        let restores = undo.restores;
        rehearsal.steps[at].undo = Some(undo);
        if !restores {
            return Ok(());
        }
        self.session.watch_single_statements().await?;
        let types = self.row_types().await?;
        if let Err(failed) = perform(&mut self.session, &step.does).await? {
            let before = "in the sandbox, done again after its undo: ";
            rehearsal.reasons.push(failed.because(Verdict::Fail, &step.id, before, ""));
        }
        self.content = self.all_contents(&self.xids[at], &types).await?;
        Ok(())
    }

    /// Undoes everything from the end, for good, as far as there is a way. Answers the steps whose undo it
    /// did not come to although they changed what only a superuser sees.
    async fn way_back(&mut self, plan: &Plan, rehearsal: &mut Rehearsal) -> Result<Vec<usize>> {
        self.secrets.push(fingerprint::take_secrets(&self.root).await?);
        let changed = |at: usize| self.secrets[at].root != self.secrets[at + 1].root;
        let secret: Vec<usize> = (0..plan.steps.len())
            .filter(|at| changed(*at) && plan.steps[*at].undo.is_some())
            .collect();
        let above = |at: usize| secret.iter().copied().filter(|one| *one <= at).collect();
        for (at, step) in plan.steps.iter().enumerate().rev() {
            let Some(script) = &step.undo else { return Ok(above(at)) };
            if rehearsal.steps[at].undo.as_ref().is_some_and(|undo| !undo.restores) {
                return Ok(above(at));
            }
            let touched = rehearsal.steps[at].touched.clone();
            let undo = self.undo_for_good(at, script, &touched).await?;
            let restores = undo.restores;
            live::blame(rehearsal, at, &undo, "on the way back in the sandbox, its undo leaves");
            let report = &mut rehearsal.steps[at];
            // Whatever had shut it is undone: in this order there is a way.
            report.door = if restores { Door::TwoWay } else { Door::OneWay };
            if report.undo.is_none() {
                report.undo = Some(undo);
            }
            if !restores {
                return Ok(Vec::new());
            }
        }
        Ok(Vec::new())
    }
}
