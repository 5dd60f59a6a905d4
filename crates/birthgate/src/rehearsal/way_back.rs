//! The way back in the sandbox: each undo tried after its step and after the later steps that could shut its door,
//! and at the end everything undone for good.

use std::collections::BTreeSet;
use std::time::Instant;

use super::as_psql;
use super::content::Since;
use super::failed::How;
use super::session::milliseconds;
use super::steps::{self, Left, perform};
use super::trial::Run;
use super::{Door, Rehearsal, UndoReport, Verdict, live};
use crate::error::{Doing, Result};
use crate::fingerprint;
use crate::plan::{Plan, Step};
use crate::script::Script;
use crate::unprepared::Unprepared;

impl Run {
    /// Tries the undo of the step that was just done, and of those before it that it could be in the way of, each in
    /// a transaction that is rolled back.
    pub(super) async fn try_undos(
        &mut self,
        plan: &Plan,
        done: usize,
        rehearsal: &mut Rehearsal,
    ) -> Result<()> {
        for at in (0..=done).rev() {
            let Some(script) = &plan.steps[at].undo else {
                rehearsal.steps[at].door = Door::OneWay;
                continue;
            };
            if !matches!(rehearsal.steps[at].door, Door::Unknown | Door::TwoWay) {
                continue;
            }
            if script.clone().unwrapped().leaves_the_transaction() {
                if at == done && plan.steps[done + 1..].iter().any(|step| step.undo.is_none()) {
                    self.there_and_back(at, &plan.steps[at], script, rehearsal).await?;
                }
                continue;
            }
            if at == done || self.meet(at, done, rehearsal) {
                self.try_undo(at, done, script, plan, rehearsal).await?;
            }
        }
        Ok(())
    }

    /// Tries the undos again that no later step seemed to meet, now that all steps are done: what was taken for
    /// apart is seen to be.
    pub(super) async fn try_other_undos(
        &mut self,
        plan: &Plan,
        rehearsal: &mut Rehearsal,
    ) -> Result<()> {
        let Some(last) = plan.steps.len().checked_sub(1) else { return Ok(()) };
        for at in 0..last {
            let Some(script) = &plan.steps[at].undo else { continue };
            let is_open = rehearsal.steps[at].door == Door::TwoWay;
            let tried = self.meet(at, last, rehearsal);
            let unwrapped = script.clone().unwrapped();
            if !is_open || tried || unwrapped.leaves_the_transaction() {
                continue;
            }
            // What it brings back was seen after its step, and is again on the way back.
            self.session.watch_transaction("BEGIN").await?;
            let ran = perform(&mut self.session, &unwrapped).await?;
            self.session.command("ROLLBACK").await?;
            if ran.is_err() {
                let step = plan.steps[last].id.clone();
                rehearsal.steps[at].door = Door::ShutBy { step };
            }
        }
        Ok(())
    }

    /// Whether a later step could be in the way of an undo: they change, lock or name something in common.
    fn meet(&self, at: usize, later: usize, rehearsal: &Rehearsal) -> bool {
        let (own, other) = (&self.changed[at], &self.changed[later]);
        if own.intersection(other).next().is_some() {
            return true;
        }
        let tables = |at: usize| {
            let report = &rehearsal.steps[at];
            report.reached.iter().chain(&report.touched)
        };
        let own_tables: BTreeSet<&String> = tables(at).chain(&self.tables[at]).collect();
        if tables(later).chain(&self.tables[later]).any(|table| own_tables.contains(table)) {
            return true;
        }
        // The bare names of what the step changed, in the text of the later one.
        own.iter().any(|name| self.named[later].contains(bare_name(name)))
    }

    async fn try_undo(
        &mut self,
        at: usize,
        done: usize,
        script: &Script,
        plan: &Plan,
        rehearsal: &mut Rehearsal,
    ) -> Result<()> {
        let before = self.befores[at].clone();
        // What later steps changed as well is not this undo's to bring back.
        let later: BTreeSet<&String> = self.changed[at + 1..].iter().flatten().collect();
        let own: BTreeSet<&String> =
            self.changed[at].iter().filter(|object| !later.contains(object)).collect();
        let mut tables = rehearsal.steps[at].touched.clone();
        self.session.watch_transaction("BEGIN").await?;
        let undo = steps::undo(
            &mut self.session,
            &mut self.tracker,
            &script.clone().unwrapped(),
            |tracker, look, content| match at == done {
                true => before.differs(tracker, look, content),
                false => {
                    let differences = tracker.diff(&before.look, look).into_iter();
                    Left::of(differences.filter(|one| own.contains(&one.object)))
                }
            },
            (at == done && self.compares_rows).then_some(&mut tables),
            Since { logs: &self.logs, xid: &self.xids[at] },
        )
        .await?;
        self.session.command("ROLLBACK").await?;
        let report = &mut rehearsal.steps[at];
        report.touched = tables;
        report.door = match (undo.restores, at == done) {
            (true, _) => Door::TwoWay,
            (false, true) => Door::OneWay,
            (false, false) => Door::ShutBy { step: plan.steps[done].id.clone() },
        };
        if at == done {
            live::blame(rehearsal, at, &undo, "its undo, in the sandbox, leaves");
            rehearsal.steps[at].undo = Some(undo);
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
        let unwrapped = script.clone().unwrapped();
        let alone = unwrapped.leaves_the_transaction();
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
        let done = match alone {
            true => as_psql::perform(&mut self.session, script).await?.map(drop),
            false => perform(&mut self.session, &unwrapped).await?.map(drop),
        };
        let duration_ms = milliseconds(begun.elapsed());
        let unseen = done
            .as_ref()
            .is_err_and(|failed| failed.how == How::NotRun || self.session.is_out_of_reach(failed));
        let left = match done {
            Ok(()) => {
                if !alone {
                    self.session.command("COMMIT").await?;
                }
                self.look().await?;
                let mut content = match alone {
                    true => self.all_contents(&xid, &types).await?,
                    false => self.contents(touched, None).await?,
                };
                self.content.extend(content.clone());
                // Of a log only the older rows are compared.
                let since = Since { logs: &self.logs, xid: &self.xids[at] };
                let logs: Vec<String> =
                    self.logs.iter().filter(|log| content.contains_key(*log)).cloned().collect();
                content.extend(self.contents(&logs, Some(since)).await?);
                let secrets = fingerprint::take_secrets(&self.root).await?;
                let mut left = self.befores[at].differs(&self.tracker, &self.now, &content);
                for one in self.secrets[at].diff(&secrets) {
                    let one = one.to_string();
                    if !left.differences.contains(&one) {
                        left.differences.push(one);
                    }
                }
                left
            }
            Err(failed) => {
                self.session.command("ROLLBACK").await?;
                Left { differences: vec![format!("{}: {failed}", failed.place)], ..Left::default() }
            }
        };
        let report = UndoReport { duration_ms, unseen, ..UndoReport::default() };
        Ok(report.judged(left, self.session.strict_columns))
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
        let again = match step.transaction {
            true => {
                self.session.command("BEGIN").await?;
                let again = perform(&mut self.session, &step.does).await?.map(drop);
                let end = if again.is_ok() { "COMMIT" } else { "ROLLBACK" };
                self.session.command(end).await?;
                again
            }
            false => as_psql::perform(&mut self.session, &step.does).await?.map(drop),
        };
        if let Err(failed) = again {
            let before = "in the sandbox, done again after its undo: ";
            rehearsal.reasons.push(failed.because(Verdict::Fail, &step.id, before, ""));
        }
        self.look().await?;
        self.content = self.all_contents(&self.xids[at], &types).await?;
        Ok(())
    }

    /// Undoes everything from the end, for good, as far as there is a way. Answers the steps whose undo it
    /// did not come to although they changed what only a superuser sees.
    pub(super) async fn way_back(
        &mut self,
        plan: &Plan,
        rehearsal: &mut Rehearsal,
    ) -> Result<Vec<usize>> {
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

/// The name of an object without its kind, schema and arguments, as it would stand in a text.
pub(super) fn bare_name(object: &str) -> &str {
    let identity = object.split_once(' ').map_or(object, |(_, identity)| identity);
    let identity = identity.split_once(" on ").map_or(identity, |(name, _)| name);
    let identity = identity.split_once('(').map_or(identity, |(name, _)| name);
    let name = identity.rsplit_once('.').map_or(identity, |(_, name)| name);
    name.trim_matches('"')
}

/// The tables that objects are, or stand on.
pub(super) fn tables_of(objects: &BTreeSet<String>) -> BTreeSet<String> {
    let table = |name: &String| {
        let of = name.rsplit_once(" on ").map(|(_, table)| table);
        of.or_else(|| name.strip_prefix("table ")).map(str::to_owned)
    };
    objects.iter().filter_map(table).collect()
}
