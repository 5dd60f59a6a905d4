//! A plan on its way through the sandbox: each step committed, each undo tried after it and after the later steps
//! that could be in its way, and at the end the whole way back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use tokio_postgres::Client;

use super::as_psql;
use super::content::{Content, Logs, Since, content};
use super::failed::{Failed, How};
use super::held::Held;
use super::lock::Lock;
use super::reach;
use super::rows::holds_large_objects;
use super::sandbox::Sandbox;
use super::session::{Session, StatementReport, milliseconds};
use super::state::State;
use super::steps::{self, Before, constraints, perform, verify};
use super::twin::{self, Unlike};
use super::watched;
use super::way_back::tables_of;
use super::{KeptBack, Options, Rehearsal, StepReport, Verdict, Where};
use crate::code::Counts;
use crate::effects::{self, Place};
use crate::error::{Doing, Result};
use crate::fingerprint::{self, Fingerprint};
use crate::fingerprint::{Look, Tracker};
use crate::plan::{Plan, Step};
use crate::script::Script;
use crate::states::Delta;
use crate::unprepared::Unprepared;

/// How the plan went in the sandbox.
#[derive(Debug, Default)]
pub(super) struct Trial {
    /// Tables that the plan touched and that lack rows here.
    pub lacking: BTreeSet<String>,
    /// Whether a step failed in a way that rows could explain, or touched what cannot be told.
    pub wants_all: bool,
    /// What the sandbox was not like the live database in, before the first step.
    pub unlike: Vec<Unlike>,
}

/// Runs the whole plan.
pub(super) async fn run(
    sandbox: &Sandbox,
    plan: &Plan,
    held: &Held,
    live: &Fingerprint,
    options: &Options,
    rehearsal: &mut Rehearsal,
) -> Result<Trial> {
    let before = rehearsal.reasons.len();
    let mut run = Run::begin(sandbox, plan, options).await?;
    rehearsal.logs.clone_from(&run.logs);
    let unlike = twin::compare(live, run.tracker.now(), sandbox.left_out());
    let mut trial = Trial { unlike, ..Trial::default() };
    let mut leaks = State::take(&run.root).await?;
    let counts = Counts::of_the_server(&run.session.client).await?;
    for (at, step) in plan.steps.iter().enumerate() {
        options.observer.step(at, plan, Where::Sandbox);
        rehearsal.steps[at].seen = Where::Sandbox;
        "every step is run there first".clone_into(&mut rehearsal.steps[at].why);
        let forward = run.forward(step, rehearsal, at, held).await?;
        let state = State::take(&run.root).await?;
        note_leaks(&leaks, &state, at, step, options, rehearsal);
        leaks = state;
        let lacks = run.lacks(&rehearsal.steps[at], held);
        trial.wants_all |= lacks.is_none();
        let (gaps, lacking) = lacks.unwrap_or_else(|| {
            (
                held.any_gap().map(|gap| format!("what it reads was not seen, and {gap}")),
                BTreeSet::new(),
            )
        });
        rehearsal.steps[at].lacks = gaps;
        trial.lacking.extend(lacking);
        if let Some(failed) = forward {
            let reads = run.may_read_tables(step).await?;
            trial.wants_all |= reads && failed.depends_on_rows() && held.any_gap().is_some();
            let reason = match run.lacks_a_handler(&failed).await? {
                true => {
                    let after = " (the sandbox reaches no other server)";
                    failed.because(Verdict::Incomplete, &step.id, "in the sandbox: ", after)
                }
                false => run.why_failed(at, step, failed, held.any_gap().filter(|_| reads)),
            };
            rehearsal.reasons.push(reason);
            return Ok(trial);
        }
        run.try_undos(plan, at, rehearsal).await?;
        let state = State::take(&run.root).await?;
        note_leaks(&leaks, &state, at, step, options, rehearsal);
        leaks = state;
    }
    run.try_other_undos(plan, rehearsal).await?;
    let looks = run.befores.iter().map(|before| &before.look).chain([&run.now]);
    let pairs = looks.clone().zip(looks.skip(1)).map(|(old, new)| run.tracker.differing(old, new));
    rehearsal.deltas = pairs.map(|(old, new)| Delta::between(&old, &new)).collect();
    run.session.reset().await?;
    let ran = Counts::of_the_server(&run.session.client).await?.since(&counts);
    rehearsal.ran = ran.into_values().collect();
    let watcher = if options.confined { &run.session.client } else { &run.root };
    let inside = watched::values(watcher, &plan.watch).await?;
    rehearsal.inside = inside.into_iter().map(std::result::Result::ok).collect();
    for at in run.way_back(plan, rehearsal).await? {
        let message = "it changes a password or a setting of the server, and its undo was not seen to bring that back";
        rehearsal.because(Verdict::Incomplete, Some(&plan.steps[at].id), message);
    }
    if let Some(step) = plan.steps.last() {
        let state = State::take(&run.root).await?;
        note_leaks(&leaks, &state, plan.steps.len() - 1, step, options, rehearsal);
    }
    if rehearsal.reasons.len() > before {
        for step in &mut rehearsal.steps {
            "the sandbox run found problems".clone_into(&mut step.why);
        }
    }
    Ok(trial)
}

/// Whether a step is CREATE EXTENSION and nothing else, and its undo of the schema.
fn makes_only_extensions(step: &Step) -> bool {
    let makes_one = |sql: &str| {
        let words = crate::words::first(sql, 2);
        words.len() == 2 && words[0].is("create") && words[1].is("extension")
    };
    step.does.statements.iter().all(|one| makes_one(step.does.text_of(one)))
        && step.undo.as_ref().is_none_or(Script::is_of_the_schema_alone)
}

/// What a step, or an undo that was tried after it, has moved that no ROLLBACK moves back: it stays out of the live
/// database.
fn note_leaks(
    before: &State,
    after: &State,
    at: usize,
    step: &Step,
    options: &Options,
    rehearsal: &mut Rehearsal,
) {
    for leak in before.diff(after) {
        let may_burn = |name: &String| step.burns.contains(name) || options.burns.contains(name);
        // ALTER SEQUENCE RESTART and TRUNCATE RESTART IDENTITY are undone by ROLLBACK.
        let rewritten = |name: &String| {
            rehearsal.steps.iter().flat_map(|step| &step.locks).any(|lock| {
                matches!(lock.mode.as_str(), "ShareRowExclusiveLock" | "AccessExclusiveLock")
                    && &lock.object == name
            })
        };
        if leak.sequence.as_ref().is_some_and(|name| may_burn(name) || rewritten(name)) {
            continue;
        }
        let tripped =
            leak.sequence.as_deref().and_then(|name| name.strip_prefix("birthgate_tripwire."));
        let tripped = tripped.map(|name| name.trim_matches('"'));
        if let Some(name) = tripped {
            match effects::function(name).map(|function| function.effect) {
                Some(effect) if effect.place() != Place::Nowhere => {
                    let why = format!("{name} {effect}, which ROLLBACK does not undo");
                    rehearsal.steps[at].kept.get_or_insert(KeptBack::Wholly(why));
                }
                // An extension's, where nothing else of the step can have made one.
                None if name == effects::MAKES_NATIVE && makes_only_extensions(step) => {
                    let why = "it makes functions in C".to_owned();
                    rehearsal.steps[at].kept.get_or_insert(KeptBack::Wholly(why));
                }
                _ => {
                    let message = format!("it uses {name}, which could reach out of the sandbox");
                    rehearsal.because(Verdict::Incomplete, Some(&step.id), message);
                }
            }
            continue;
        }
        match &leak.sequence {
            Some(name) => drop(rehearsal.steps[at].moved.insert(name.clone())),
            None => {
                let why = format!("{} {}, and no ROLLBACK undoes that", leak.object, leak.by);
                rehearsal.steps[at].kept.get_or_insert(KeptBack::Wholly(why));
            }
        }
        if !rehearsal.leaks.iter().any(|known| known.object == leak.object) {
            rehearsal.leaks.push(leak);
        }
    }
}

/// The plan on its way through the sandbox.
pub(super) struct Run {
    pub session: Session,
    /// What the database was like before each step.
    pub befores: Vec<Arc<Before>>,
    /// The objects that each step changed.
    pub changed: Vec<BTreeSet<String>>,
    /// The tables that those are or stand on.
    pub tables: Vec<BTreeSet<String>>,
    /// The tables that were there before the first step: later ones are the plan's own.
    pub originals: BTreeSet<String>,
    /// The names that stand in each step of the plan.
    pub named: Vec<BTreeSet<String>>,
    pub tracker: Tracker,
    /// What the database is like now.
    pub now: Look,
    /// The rows of every table now; nothing where no step has an undo.
    pub content: Content,
    pub logs: Logs,
    /// The first transaction that is not older than each step.
    pub xids: Vec<String>,
    pub root: Client,
    /// What a superuser alone may look at, before each step.
    pub secrets: Vec<Fingerprint>,
    /// Whether rows are compared at all.
    pub compares_rows: bool,
}

impl Run {
    async fn begin(sandbox: &Sandbox, plan: &Plan, options: &Options) -> Result<Run> {
        let mut session = Session::connect_privately(&sandbox.database).await?;
        session.is_confined = options.confined;
        session.strict_columns = options.strict_columns;
        session.sample(&sandbox.root).await?;
        session.keep_plans(&plan.steps);
        let root = sandbox.root.connect_for_others().await?;
        // Nothing that the plan makes is found by a bare name of ours.
        root.batch_execute("SET search_path = pg_catalog, pg_temp").await.doing("rehearsing")?;
        session.watch_transaction("BEGIN").await?;
        let originals = session.tables();
        let logs = steps::find_logs(&mut session).await?;
        session.command("ROLLBACK").await?;
        let (tracker, now) = Tracker::start(session.ask()).await?;
        let mut run = Run {
            session,
            befores: Vec::new(),
            changed: Vec::new(),
            tables: Vec::new(),
            originals,
            named: plan.steps.iter().map(|step| reach::names_of(&step.does)).collect(),
            tracker,
            now,
            content: Content::new(),
            logs,
            xids: Vec::new(),
            root,
            secrets: Vec::new(),
            compares_rows: plan.steps.iter().any(|step| step.undo.is_some()),
        };
        run.content = run.all_contents("0", &BTreeMap::new()).await?;
        Ok(run)
    }

    /// The rows of these tables.
    pub async fn contents(&self, tables: &[String], since: Option<Since<'_>>) -> Result<Content> {
        if !self.compares_rows || tables.is_empty() {
            return Ok(Content::new());
        }
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
    pub async fn row_types(&self) -> Result<BTreeMap<String, String>> {
        if !self.compares_rows {
            return Ok(BTreeMap::new());
        }
        let sql = include_str!("../../sql/rehearsal/row_types.sql");
        let rows = self.session.client.rows(sql, &[]).await.doing("looking at the tables")?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// The rows of every table, of which `content` says what they were when this transaction was to come and
    /// the tables were made of this. A table that has as many rows as then, and none that is newer, holds the
    /// same: nobody else writes here.
    pub async fn all_contents(
        &self,
        xid: &str,
        types: &BTreeMap<String, String>,
    ) -> Result<Content> {
        if !self.compares_rows {
            return Ok(Content::new());
        }
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

    /// Looks at the database as it is now, after a commit.
    pub async fn look(&mut self) -> Result<()> {
        self.now = self.tracker.look(self.session.ask()).await?;
        Ok(())
    }

    /// Runs a step and commits it; answers what went wrong.
    async fn forward(
        &mut self,
        step: &Step,
        rehearsal: &mut Rehearsal,
        at: usize,
        held: &Held,
    ) -> Result<Option<Failed>> {
        let before = Before { look: self.now.clone(), content: self.content.clone() };
        self.befores.push(Arc::new(before));
        self.secrets.push(fingerprint::take_secrets(&self.root).await?);
        let row =
            self.session.client.one_row(include_str!("../../sql/rehearsal/next_xid.sql"), &[]);
        self.xids.push(row.await.doing("beginning a step")?.get(0));
        let types = self.row_types().await?;
        // An apply that goes on after a crash has another session: no step may live on another's settings.
        self.session.reset().await?;
        self.session.limit(Some(step), None).await?;
        if step.transaction && step.does.sets_its_transaction() {
            self.session.watch_single_statements().await?;
            self.session.command("BEGIN").await?;
        } else if step.transaction {
            self.session.watch_transaction("BEGIN").await?;
        } else {
            self.session.watch_single_statements().await?;
        }
        let report = &mut rehearsal.steps[at];
        let mut unwatched = false;
        let mut failed = match step.transaction {
            true => match perform(&mut self.session, &step.does).await? {
                Ok(statements) => {
                    report.reach(&statements);
                    report.fill(statements);
                    None
                }
                Err(failed) => Some(failed),
            },
            false => match as_psql::perform(&mut self.session, &step.does).await? {
                Ok(done) => {
                    unwatched = !done.unwatched.is_empty();
                    report.reach(&done.statements);
                    self.reach_unwatched(report, &step.does, &done.unwatched);
                    report.fill(done.statements);
                    rehearsal.notes.extend(done.notes);
                    None
                }
                Err(failed) => Some(failed),
            },
        };
        let report = &mut rehearsal.steps[at];
        if failed.is_none() {
            self.session.limit(None, None).await?;
        }
        if step.transaction && failed.is_none() {
            failed = constraints(&self.session, &step.does).await?;
        }
        if let (None, Some(verifies)) = (&failed, &step.verify) {
            // What it says without the rows is no word against the step; where they are, it is asked again.
            let has_rows = held.any_gap().is_none();
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
        }
        if unwatched {
            // What was locked is not known: every table is looked at, and what differs was touched.
            let now = self.all_contents(&self.xids[self.xids.len() - 1], &types).await?;
            let changed = now.iter().filter(|(table, rows)| self.content.get(*table) != Some(rows));
            report.touched.extend(changed.map(|(table, _)| table.clone()));
            self.content = now;
        } else if self.compares_rows {
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
        }
        let before = self.now.clone();
        self.look().await?;
        let changed = self.tracker.diff(&before, &self.now);
        self.changed.push(changed.into_iter().map(|one| one.object).collect());
        self.tables.push(tables_of(&self.changed[at]));
        rehearsal.changes.extend(self.changed[at].iter().cloned());
        Ok(None)
    }

    /// What statements reached that ran without a transaction around them, as far as their text tells.
    fn reach_unwatched(&self, report: &mut StepReport, does: &Script, unwatched: &[usize]) {
        for statement in unwatched.iter().map(|at| &does.statements[*at]) {
            let text = does.text_of(statement);
            if reach::runs_code(text) {
                report.reaches_all = true;
            }
            report.reached.extend(self.session.tables_of_names(&reach::names(text)));
        }
    }

    /// What of the tables that a step touched lacks rows here, in words, and which; `None`: what it touched is not
    /// known.
    fn lacks(
        &self,
        report: &StepReport,
        held: &Held,
    ) -> Option<(Option<String>, BTreeSet<String>)> {
        if report.reaches_all && held.any_gap().is_some() {
            return None;
        }
        let gaps: Vec<(&String, String)> = report
            .reached
            .iter()
            .filter(|table| self.originals.contains(*table))
            .filter_map(|table| Some((table, held.gap(table)?)))
            .collect();
        let first =
            gaps.first().map(|(table, gap)| format!("rows of {table} are missing there: {gap}"));
        Some((first, gaps.into_iter().map(|(table, _)| table.clone()).collect()))
    }

    /// Whether a step names a table that was there before, be it by what it calls: then rows may make a difference.
    async fn may_read_tables(&self, step: &Step) -> Result<bool> {
        let scripts: Vec<&Script> = step.scripts().collect();
        let closure = reach::Closure::of(&self.root, &scripts).await?;
        let runs_code = |script: &Script| {
            script.statements.iter().any(|one| reach::runs_code(script.text_of(one)))
        };
        Ok(closure.tables.iter().any(|table| self.originals.contains(table))
            || step.scripts().any(runs_code))
    }

    /// Whether a step failed for a foreign-data wrapper whose handler the sandbox has taken away.
    async fn lacks_a_handler(&self, failed: &Failed) -> Result<bool> {
        if failed.sqlstate.as_deref() != Some("55000") {
            return Ok(false);
        }
        let sql = "SELECT fdwname::text FROM pg_foreign_data_wrapper WHERE fdwhandler = 0";
        let rows = self.root.rows(sql, &[]).await.doing("looking for foreign-data wrappers")?;
        let names = rows.iter().map(|row| row.get::<_, String>(0));
        // A wrapper that the failed transaction made has gone with it.
        Ok(failed.message.ends_with(" has no handler")
            || names.into_iter().any(|name| failed.message.contains(&format!("\"{name}\""))))
    }

    /// Why a step failed, as a reason for the verdict.
    fn why_failed(
        &self,
        at: usize,
        step: &Step,
        failed: Failed,
        gap: Option<String>,
    ) -> super::Reason {
        // Here, on this machine; there it may be fast enough.
        let out_of_time = failed.sqlstate.as_deref() == Some("57014");
        let out_of_reach = self.session.is_out_of_reach(&failed);
        let gap = gap.filter(|_| failed.depends_on_rows());
        let (verdict, after) = if out_of_reach {
            let why = " (in this sandbox nobody may do everything, make roles, run programs or read files)";
            (Verdict::Incomplete, why.to_owned())
        } else if failed.is_for_want_of_resources() {
            (Verdict::Incomplete, " (the sandbox has no more)".to_owned())
        } else if let Some(gap) = gap {
            (Verdict::Incomplete, format!(" (it may be for want of rows: {gap})"))
        } else if failed.sqlstate.as_deref() == Some("42704")
            && self.named[at].iter().any(|name| name.starts_with("lo_"))
        {
            (Verdict::Incomplete, " (large objects are not copied into the sandbox)".to_owned())
        } else if out_of_time || failed.how == How::NotRun {
            (Verdict::Incomplete, String::new())
        } else if at == 0 && failed.is_there_already() {
            let hint = "; if this file is applied already, say so: --applied FILE, or --from with the first that is not";
            (Verdict::Fail, hint.to_owned())
        } else {
            (Verdict::Fail, String::new())
        };
        failed.because(verdict, &step.id, "in the sandbox: ", &after)
    }
}

impl StepReport {
    /// Takes over which tables were touched in any way.
    fn reach(&mut self, statements: &[StatementReport]) {
        let tables = ["r", "p", "m", "f"];
        let locks = statements.iter().flat_map(|statement| &statement.locks);
        // ANALYZE and VACUUM of everything come by the catalogs too, and no large object can make them fail.
        let maintains = |lock: &&Lock| {
            holds_large_objects(&lock.object) && lock.mode == "ShareUpdateExclusiveLock"
        };
        let of_tables =
            locks.filter(|lock| tables.contains(&lock.kind.as_str()) && !maintains(lock));
        self.reached.extend(of_tables.map(|lock| lock.object.clone()));
    }
}
