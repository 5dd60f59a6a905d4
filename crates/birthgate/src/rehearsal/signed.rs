//! What is signed of a rehearsal: what the live database has to be like before and after each step, and which code the steps
//! can run.

use std::collections::BTreeMap;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::{Rehearsal, Verdict, lock, proof};
use crate::code::{Rows, SignedCode};
use crate::error::{Error, Result};
use crate::plan::{self, Plan};
use crate::states::{States, StepStates};

/// Notes it, where the steps were seen in order; `at_entry` is the code before anything was looked at.
pub(super) async fn note(
    client: &Client,
    entry: &proof::Entry,
    at_entry: &Rows,
    plan: &Plan,
    rehearsal: &mut Rehearsal,
) -> Result<()> {
    rehearsal.states = match states(client, entry, plan, rehearsal).await {
        Err(Error::Database { source, .. })
            if source.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) =>
        {
            let message = "this role may not look at what enforces the gate, so that no apply can compare with this rehearsal";
            rehearsal.notes.push(message.to_owned());
            None
        }
        states => states?,
    };
    sign_code(client, plan, at_entry, rehearsal).await
}

/// Adds to the states what code the steps can run.
async fn sign_code(
    client: &Client,
    plan: &Plan,
    at_entry: &Rows,
    rehearsal: &mut Rehearsal,
) -> Result<()> {
    if rehearsal.states.is_none() {
        return Ok(());
    }
    let ran = std::mem::take(&mut rehearsal.ran);
    let (code, seen) = SignedCode::of(client, plan, ran).await?;
    let changed = seen.among(&at_entry.differing(&seen.rows));
    for what in changed.into_iter().filter_map(|(_, name)| name) {
        let message = format!(
            "somebody else changed what the plan can run meanwhile: {what}; rehearse again"
        );
        rehearsal.because(Verdict::Incomplete, None, message);
    }
    rehearsal.notes.extend(code.unseen.iter().cloned());
    if let Some(states) = &mut rehearsal.states {
        states.code = Some(code);
    }
    Ok(())
}

/// What the live database has to be like before and after each step, where the steps were seen in order.
async fn states(
    client: &Client,
    entry: &proof::Entry,
    plan: &Plan,
    rehearsal: &mut Rehearsal,
) -> Result<Option<States>> {
    let deltas = std::mem::take(&mut rehearsal.deltas);
    if deltas.len() != plan.steps.len() {
        return Ok(None);
    }
    let befores: Vec<_> = deltas.iter().map(|delta| delta.before.clone()).collect();
    let steps = deltas.into_iter().zip(&rehearsal.steps).map(|(delta, report)| {
        let mut locks = BTreeMap::new();
        for lock in report.locks.iter().filter(|lock| lock.is_of_a_table() && lock.is_strong()) {
            let known: &mut String = locks.entry(lock.object.clone()).or_default();
            if lock.strength() > lock::strength(known) {
                known.clone_from(&lock.mode);
            }
        }
        let step = StepStates {
            id: report.id.clone(),
            undone: report.undo.as_ref().is_some_and(|undo| undo.restores),
            duration_ms: report.duration_ms,
            changes: delta.changes,
            locks,
        };
        (step, delta.on)
    });
    let named: Vec<String> = plan
        .watch
        .iter()
        .filter_map(|watch| match &watch.what {
            plan::Watchable::Object(name) => Some(name.clone()),
            plan::Watchable::Query(_) => None,
        })
        .collect();
    let states = States::of(client, entry.fingerprint(), steps.collect(), &named).await?;
    for what in states.not_exact(&befores) {
        rehearsal.notes.push(format!(
            "the sandbox's copy is not exact in what a step changes: {what}; an apply would stop there"
        ));
    }
    Ok(Some(states))
}
