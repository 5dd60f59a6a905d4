//! What a step that was broken off has left: whether it was done, and what it left half made.

use std::collections::BTreeSet;

use super::code::Rewritten;
use super::step::{Action, Direction, Stands};
use super::{Event, Observer, Phase, Ready};
use crate::error::{Doing, Error, Result};
use crate::rehearsal::failed::How;
use crate::rehearsal::steps;
use crate::unprepared::Unprepared;

impl Ready<'_> {
    /// Drops the invalid indexes that the step has left half made, and, where that is wanted, half dropped; answers which.
    pub(super) async fn clean(&self, action: Action, half_dropped: bool) -> Result<Vec<String>> {
        const DOING: &str = "dropping a half-made index";
        let states = &self.subject.rehearsed.states;
        let (before, after) = (states.after(action.before()), states.after(action.after()));
        let step = &states.steps[action.at];
        let tables: BTreeSet<&String> = step
            .changes
            .keys()
            .filter_map(|name| states.on.get(name))
            .chain(step.locks.keys())
            .collect();
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
            let goes = !before.contains_key(&name) || half_dropped && !after.contains_key(&name);
            if is_its && goes {
                self.session.command(&format!("DROP INDEX CONCURRENTLY IF EXISTS {index}")).await?;
                dropped.push(index);
            }
        }
        Ok(dropped)
    }

    /// Finds out whether a step that was announced, and not noted, was done; what it left half made, or half dropped, is
    /// taken away.
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
        if !self.shows(action) {
            let found = found.filter(|(id, _)| *id == step.id).map(|(_, done)| *done);
            let done = match (found, &step.verify, action.direction) {
                (Some(found), ..) => found,
                // Nothing that is compared tells; its verify does, where it has one.
                (None, Some(verify), Direction::Do) => {
                    match steps::verify(&self.session.client, verify, false).await {
                        None => true,
                        Some(no) if no.sqlstate.is_none() && no.how != How::Lost => false,
                        Some(failed) => {
                            return Err(Error::Stale(format!(
                                "{0} was broken off, and its verify cannot be asked ({failed}): look at it yourself, and say what you found with --done {0} or --not-done {0}",
                                step.id
                            )));
                        }
                    }
                }
                _ => {
                    return Err(Error::Stale(format!(
                        "{0} was broken off, changes nothing that can be compared and has no verify: look at it yourself, and say what you found with --done {0} or --not-done {0}",
                        step.id
                    )));
                }
            };
            if done && may_write {
                self.note_alone(run, action, "recognised", &Rewritten::new()).await?;
            }
            return Ok(done);
        }
        let look = self.subject.rehearsed.states.look_of_step(action.at);
        let mut stands = self.stands(action, &look, false).await?;
        let mut cleaned = Vec::new();
        if may_write && matches!(stands, Stands::Elsewhere(_)) {
            cleaned = self.clean(action, true).await?;
            stands = self.stands(action, &look, false).await?;
        }
        match stands {
            Stands::Before => {
                if may_write {
                    self.note(run, action, "cleaned", Some(&cleaned.join(", "))).await?;
                }
                Ok(false)
            }
            Stands::After => {
                if may_write {
                    self.note_alone(run, action, "recognised", &Rewritten::new()).await?;
                }
                Ok(true)
            }
            Stands::Elsewhere(why) => Err(Error::Stale(format!(
                "{} was broken off, and the database is neither what it was before it nor what it is after it: {why}",
                step.id
            ))),
        }
    }
}
