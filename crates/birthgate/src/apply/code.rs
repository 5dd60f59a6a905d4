//! Whether the code that a step can run is what was signed: before the step, and after it, before it is committed. Code that
//! was replaced in between has run, or may have, even if it was put back since: then its row is another version.

use std::collections::{BTreeMap, BTreeSet};

use super::Ready;
use super::step::{Action, Direction, told};
use crate::approval::code_of;
use crate::code::{self, Address, Counts, Entry, Rows, Seen, Wanted};
use crate::error::{Doing, Error, Result};
use crate::rehearsal::failed::{Failed, failed};
use crate::script::Script;
use crate::send::{Protocol, send};

/// Entries that steps wrote anew without changing them, by name.
pub(super) type Rewritten = BTreeMap<String, Entry>;

/// What is compared after a step.
pub(super) struct Watch {
    /// What was called before it; `None` where this role may not count calls.
    counts: Option<Counts>,
}

impl Ready<'_> {
    /// Looks at what the packet, or this undo, can run; fails, naming it, when that is not what was signed.
    pub(super) async fn compare_code(&mut self, undo: Option<usize>) -> Result<()> {
        let states = &self.subject.rehearsed.states;
        let signed = match (code_of(self.subject.rehearsed), undo) {
            (Ok(signed), _) => signed,
            (Err(error), None) => return Err(error),
            (Err(_), Some(_)) => {
                let note = "the functions that it calls were not compared: the rehearsal was made by an earlier release";
                self.notes.insert(note.to_owned());
                return Ok(());
            }
        };
        let seen = self.look_at_code(undo, false).await?;
        let differs = signed.differs(&seen, states, &self.rewritten, undo.is_none());
        self.code = Some(seen);
        if differs.is_empty() {
            return Ok(());
        }
        let differs = differs.iter().take(20).cloned().collect::<Vec<_>>().join("\n  ");
        Err(Error::Stale(match undo {
            None => format!(
                "STALE: since the rehearsal {} the code changed that its steps can run:\n  {differs}\nrehearse and sign again",
                self.subject.rehearsed.id
            ),
            Some(at) => format!(
                "STALE: since the rehearsal {} the code changed that the undo of {} can run:\n  {differs}\nbring it back, or take the step back by hand",
                self.subject.rehearsed.id, states.steps[at].id
            ),
        }))
    }

    async fn look_at_code(&self, undo: Option<usize>, inside: bool) -> Result<Seen> {
        let steps = &self.subject.packet.plan.steps;
        let ran = self.subject.rehearsed.states.code.as_ref().map(|code| &code.ran[..]);
        let (scripts, ran) = match undo {
            None => (code::scripts(steps), ran.unwrap_or_default()),
            Some(at) => (steps[at].undo.iter().collect(), &[][..]),
        };
        let wanted = Wanted { scripts: &scripts, ran, or_everything: undo.is_none() };
        Seen::look(&self.session.client, inside, wanted).await
    }

    /// What of the code was changed since it was compared, in words.
    pub(super) async fn code_moved(&mut self, action: Action, inside: bool) -> Result<Vec<String>> {
        let Some(known) = &self.code else { return Ok(Vec::new()) };
        let rows = Rows::look(&self.session.client, inside).await?;
        let moved = known.rows.differing(&rows);
        if moved.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.look_at_code(undo_of(action), inside).await?;
        let found = what(&moved, known, &now);
        self.code = Some(now);
        Ok(found)
    }

    /// Begins to count which functions the step calls, where this role may.
    pub(super) async fn watch_code(&self, inside: bool) -> Result<Watch> {
        let client = &self.session.client;
        if self.code.is_none() {
            return Ok(Watch { counts: None });
        }
        let counted = match inside {
            true => {
                client.batch_execute("SAVEPOINT birthgate_count").await.doing("counting calls")?;
                let set = client.batch_execute("SET LOCAL track_functions = 'all'").await;
                let end = match set {
                    Ok(()) => "RELEASE SAVEPOINT birthgate_count",
                    Err(_) => {
                        "ROLLBACK TO SAVEPOINT birthgate_count; RELEASE SAVEPOINT birthgate_count"
                    }
                };
                client.batch_execute(end).await.doing("counting calls")?;
                set.is_ok()
            }
            false => client.batch_execute("SET track_functions = 'all'").await.is_ok(),
        };
        Ok(Watch {
            counts: match counted {
                true => Some(Counts::of_the_session(client, inside).await?),
                false => None,
            },
        })
    }

    /// What a step ran, or may have run, that is not what was compared before it, in words; and what it wrote anew itself
    /// without changing it.
    pub(super) async fn code_ran(
        &mut self,
        action: Action,
        inside: bool,
        watch: Watch,
    ) -> Result<(Vec<String>, Rewritten)> {
        let Some(known) = &self.code else { return Ok((Vec::new(), Rewritten::new())) };
        let client = &self.session.client;
        let ran = match &watch.counts {
            Some(before) => Counts::of_the_session(client, inside).await?.since(before),
            None => BTreeMap::new(),
        };
        let rows = Rows::look(client, inside).await?;
        let moved = known.rows.differing(&rows);
        let own = self.own(known, &rows, &moved, action, inside).await?;
        let others: BTreeSet<Address> =
            moved.iter().filter(|row| !own.rows.contains(row)).copied().collect();
        let is_known = |oid: &u32| known.runs(*oid);
        let ran: BTreeMap<u32, String> =
            ran.into_iter().filter(|(oid, _)| !is_known(oid)).collect();
        let mut found = Vec::new();
        if !others.is_empty() || !ran.is_empty() {
            let now = self.look_at_code(undo_of(action), inside).await?;
            found = what(&others, known, &now);
            let signed = self.subject.rehearsed.states.code.as_ref();
            for (oid, name) in ran {
                let function = Address::of_function(oid);
                let is_signed = signed.is_some_and(|code| now.is_signed(code, &name, function));
                if !now.runs(oid) && !own.rows.contains(&function) && !is_signed {
                    found.push(format!("{name} ran, and is not among the code that was signed"));
                }
            }
        }
        Ok((found, own.rewritten))
    }

    /// Runs the statements of a step in its transaction. Where it replaces code that it may have called before, nothing tells
    /// afterwards what that was: then the code is compared after each statement; what differs, in words.
    pub(super) async fn perform_compared(
        &self,
        action: Action,
        script: &Script,
    ) -> Result<std::result::Result<Vec<String>, Failed>> {
        let changes = &self.subject.rehearsed.states.steps[action.at].changes;
        let known = self.code.as_ref().filter(|seen| seen.has_any(changes));
        let Some(known) = known.filter(|_| script.statements.len() > 1) else {
            return Ok(self.perform(script).await.map(|()| Vec::new()));
        };
        for statement in &script.statements {
            let client = &self.session.client;
            let sent = send(client, script, statement, Protocol::Extended).await;
            if let Err(unsent) = sent {
                return Ok(Err(failed(script, statement, &unsent.error)));
            }
            let rows = Rows::look(client, true).await?;
            let mut moved = known.rows.differing(&rows);
            moved.retain(|row| rows.version(*row).is_some());
            let ours = code::ours(client, &rows, &moved).await?;
            moved.retain(|row| !ours.contains(row));
            let found: Vec<String> = known
                .among(&moved)
                .into_iter()
                .filter_map(|(_, name)| Some(format!("{} was replaced", name?)))
                .collect();
            if !found.is_empty() {
                return Ok(Ok(found));
            }
        }
        Ok(Ok(Vec::new()))
    }

    /// What of the rows that moved the step wrote itself.
    async fn own(
        &self,
        known: &Seen,
        rows: &Rows,
        moved: &BTreeSet<Address>,
        action: Action,
        inside: bool,
    ) -> Result<Own> {
        let client = &self.session.client;
        let mut own = Own { rows: BTreeSet::new(), rewritten: Rewritten::new() };
        if moved.is_empty() {
            return Ok(own);
        }
        let changes = &self.subject.rehearsed.states.steps[action.at].changes;
        let named = code::named(client, inside, rows, moved).await?;
        let is_its = |name: &str, entry: &Entry| changes.contains_key(entry.object(name));
        if inside {
            own.rows = code::ours(client, rows, moved).await?;
        }
        for (name, (row, entry)) in named {
            if is_its(&name, &entry) {
                // Outside of a transaction nothing else tells who wrote it; what it is, is compared.
                if !inside {
                    own.rows.insert(row);
                }
            } else if own.rows.contains(&row) {
                own.rewritten.insert(name, entry);
            }
        }
        // What is gone: the step drops it, or has made it anew under the same name.
        for (row, name) in known.among(moved) {
            let Some(name) = name.filter(|_| rows.version(row).is_none()) else { continue };
            if changes.contains_key(known.object(&name)) || own.rewritten.contains_key(&name) {
                own.rows.insert(row);
            }
        }
        Ok(own)
    }
}

/// What a step wrote itself.
struct Own {
    rows: BTreeSet<Address>,
    /// What it did not change by that.
    rewritten: Rewritten,
}

fn undo_of(action: Action) -> Option<usize> {
    (action.direction == Direction::Undo).then_some(action.at)
}

/// What of these rows could run before, or can now, in words.
fn what(moved: &BTreeSet<Address>, before: &Seen, now: &Seen) -> Vec<String> {
    let mut found: BTreeMap<Address, Option<String>> = BTreeMap::new();
    for (row, name) in before.among(moved).into_iter().chain(now.among(moved)) {
        let known = found.entry(row).or_default();
        *known = known.take().or(name);
    }
    let word = |(row, name): (&Address, &Option<String>)| {
        let (was, is) = (before.rows.version(*row), now.rows.version(*row));
        let what = match (name, is) {
            (Some(name), _) => name.clone(),
            // A child of a table brings its own code with it; what else has no name is none.
            (None, Some(_)) if row.is_of_a_child() => "a partition or child of a table".to_owned(),
            (None, _) => return None,
        };
        Some(match (was, is) {
            (None, Some(_)) => format!("{what} is new"),
            (Some(_), None) => format!("{what} was dropped"),
            _ => format!("{what} was replaced"),
        })
    };
    found.iter().filter_map(word).collect()
}

/// What to say of it.
pub(super) fn stale(when: &str, step: &str, found: &[String]) -> String {
    format!(
        "STALE: {when} {step} somebody changed code that it can run: {}; rehearse and sign again, or apply again if it is as signed",
        told(found)
    )
}
