//! The rehearsal in the live database: one transaction that is rolled back, and the proof of that.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_postgres::Client;

use super::content::{Since, content};
use super::session::{Failed, Session};
use super::state::State;
use super::steps::{self, Before, constraints, perform, verify};
use super::watched::{self, Watched};
use super::watcher::Watcher;
use super::{Facts, Mutated, Options, Reason, Rehearsal, UndoReport, Verdict, Where};
use crate::database::Database;
use crate::error::{Doing, Result};
use crate::fingerprint::{self, Fingerprint, Scope};
use crate::plan::{Plan, Rehearse, Step};
use crate::script::Script;
use crate::unprepared::Unprepared;

/// The live database before the rehearsal.
pub(super) struct Entry {
    fingerprint: Fingerprint,
    state: State,
    watch: Vec<Option<String>>,
}

impl Entry {
    pub fn root(&self) -> &str {
        &self.fingerprint.root
    }
}

pub(super) async fn entry(client: &Client, plan: &Plan) -> Result<Entry> {
    Ok(Entry {
        watch: watched::values(client, &plan.watch).await?,
        fingerprint: fingerprint::take(client, &Scope::All).await?,
        state: State::take(client).await?,
    })
}

/// Compares the live database with what it was, and tells apart who changed what.
pub(super) async fn exit(
    client: &Client,
    entry: &Entry,
    plan: &Plan,
    options: &Options,
    rehearsal: &mut Rehearsal,
) -> Result<()> {
    let may_burn: BTreeSet<&String> =
        options.burns.iter().chain(plan.steps.iter().flat_map(|step| &step.burns)).collect();
    let fingerprint = fingerprint::take(client, &Scope::All).await?;
    rehearsal.exit = fingerprint.root.clone();
    let touched: BTreeSet<String> = rehearsal
        .steps
        .iter()
        .filter(|step| step.seen == Where::Live)
        .flat_map(|step| step.locks.iter().map(|lock| lock.object.clone()))
        .collect();
    let changed = entry.fingerprint.diff(&fingerprint);
    // Our transaction is known to be aborted, and there is no other way from us into the catalogs: what
    // differs was committed by somebody else.
    for difference in &changed {
        let is_ours = rehearsal.changes.contains(&difference.object)
            || touched.iter().any(|object| difference.object.ends_with(object.as_str()));
        if is_ours {
            rehearsal.because(
                Verdict::Incomplete,
                None,
                format!("somebody else changed what the plan touches meanwhile: {difference}; rehearse again"),
            );
        }
    }
    rehearsal.concurrent = changed;

    let values = watched::values(client, &plan.watch).await?;
    for ((watch, entry), exit) in plan.watch.iter().zip(&entry.watch).zip(values) {
        let one = Watched { name: watch.to_string(), entry: entry.clone(), exit };
        let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        if one.entry.is_none() || one.entry != one.exit {
            let message = format!("{} was {}, is {}", one.name, said(&one.entry), said(&one.exit));
            rehearsal.because(
                Verdict::Incomplete,
                None,
                format!("what the packet watches: {message}"),
            );
        }
        rehearsal.watch.push(one);
    }

    let state = State::take(client).await?;
    for sequence in &rehearsal.own_sequences.clone() {
        if !state.sees(sequence) {
            rehearsal.mutated = Mutated::Unknown;
            let message =
                format!("it moves the sequence {sequence}, whose position this role may not see");
            rehearsal.because(Verdict::Incomplete, None, message);
        }
    }
    let moved = entry.state.diff(&state);
    let (ours, others): (Vec<_>, Vec<_>) =
        moved.into_iter().partition(|leak| match &leak.sequence {
            // nextval and setval leave a lock until the transaction's end: without it, it was somebody else.
            Some(sequence) => rehearsal.own_sequences.contains(sequence),
            None => false,
        });
    for leak in others {
        // What the sandbox has seen harmless was somebody else's; without one nobody knows.
        if options.live == super::Live::First && leak.sequence.is_none() {
            let message = format!("{} {}, and it was not seen who did it", leak.object, leak.by);
            rehearsal.because(Verdict::Incomplete, None, message);
            rehearsal.leaks.push(leak);
            continue;
        }
        rehearsal.notes.push(format!("somebody else: {} {}", leak.object, leak.by));
    }
    for leak in ours {
        let may = |sequence: &String| may_burn.contains(sequence);
        if leak.sequence.as_ref().is_some_and(may) {
            if rehearsal.mutated == Mutated::None {
                rehearsal.mutated = Mutated::SequenceGaps;
            }
        } else {
            rehearsal.mutated = Mutated::Yes;
            rehearsal.because(Verdict::Fail, None, format!("{} {}", leak.object, leak.by));
        }
        if !rehearsal.leaks.contains(&leak) {
            rehearsal.leaks.push(leak);
        }
    }
    Ok(())
}

/// Runs the steps that may run here, each with its undo, then everything backwards, and rolls back.
pub(super) async fn run(
    database: &Database,
    client: &Client,
    plan: &Plan,
    facts: &Facts,
    options: &Options,
    rehearsal: &mut Rehearsal,
) -> Result<()> {
    if facts.in_recovery {
        rehearsal.notes.push("the database is a standby: nothing can be run in it".to_owned());
        return Ok(());
    }
    if let Some(way) = way_out(client).await? {
        let why = format!("{way} reaches beyond the transaction");
        match options.live {
            super::Live::First => {
                rehearsal.notes.push(format!("run in the live database although {why}"));
            }
            _ => {
                for step in rehearsal.steps.iter_mut().filter(|step| step.seen == Where::Sandbox) {
                    step.why.clone_from(&why);
                }
                return Ok(());
            }
        }
    }
    let mut count = 0;
    for (step, report) in plan.steps.iter().zip(&mut rehearsal.steps) {
        if let Some(why) = stays(step, report.hurting_ms, options) {
            report.why = why;
            break;
        }
        count += 1;
    }
    if count < plan.steps.len() {
        let stopped = plan.steps[count].id.clone();
        for report in &mut rehearsal.steps[count + 1..] {
            report.why = format!("it comes after {stopped}, which stayed in the sandbox");
        }
    }
    if count == 0 {
        return Ok(());
    }

    let mut session = Session::connect(database).await?;
    session
        .command(&format!(
            "SET idle_in_transaction_session_timeout = {};
             SET standard_conforming_strings = on",
            // The watcher ends what takes too long; this is for when we are gone.
            (options.max_time + Duration::from_secs(30)).as_millis()
        ))
        .await?;
    let watcher = Watcher::start(
        database,
        session.pid,
        session.client.cancel_token(),
        options.max_block,
        options.max_time,
    )
    .await?;
    let xid = session.watch_transaction("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    let outcome = within(&mut session, &plan.steps[..count], &xid, options, rehearsal).await;
    let watched = watcher.seen();
    rehearsal.blocked_ms = watched.blocked_ms;
    for who in &watched.blocked {
        rehearsal.notes.push(format!("it was waited for by {who:?}"));
    }
    let rolled_back = session.client.batch_execute("ROLLBACK").await;
    drop(watcher);
    rehearsal.own_sequences.append(&mut session.sequences);
    drop(session);
    match outcome {
        Ok(Ok(())) => {
            // The cancel may have come too late to end anything; unwatched it was all the same.
            if let Some(why) = watched.cancelled {
                rehearsal.because(
                    Verdict::Incomplete,
                    None,
                    format!("in the live database: {why}"),
                );
            }
        }
        Ok(Err((step, failed))) => {
            let verdict = match watched.cancelled.is_some() || failed.is_circumstance() {
                true => Verdict::Incomplete,
                false => Verdict::Fail,
            };
            let why = watched.cancelled.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            rehearsal.reasons.push(Reason {
                verdict,
                step: Some(step),
                place: Some(failed.place),
                message: format!("in the live database: {}{why}", failed.message),
            });
        }
        Err(error) => {
            let why = watched.cancelled.unwrap_or_else(|| error.to_string());
            rehearsal.because(
                Verdict::Incomplete,
                None,
                format!("the rehearsal in the live database was cut short: {why}"),
            );
        }
    }
    if rolled_back.is_err() {
        rehearsal
            .notes
            .push("the connection ended before ROLLBACK; the server rolls back".to_owned());
    }
    aborted(client, &xid, rehearsal).await
}

/// The server's own word that the transaction was rolled back.
async fn aborted(client: &Client, xid: &str, rehearsal: &mut Rehearsal) -> Result<()> {
    const DOING: &str = "asking what became of the transaction";
    // A backend whose connection was lost may take a moment to notice.
    let mut status: Option<String> = None;
    for wait in crate::database::waits(6) {
        let row = client.one_row("SELECT pg_xact_status($1::text::xid8)", &[&xid]).await;
        status = row.doing(DOING)?.get(0);
        if status.as_deref() != Some("in progress") {
            break;
        }
        tokio::time::sleep(wait).await;
    }
    match status.as_deref() {
        Some("aborted") => {}
        Some("committed") => {
            rehearsal.mutated = Mutated::Yes;
            rehearsal.because(Verdict::Fail, None, "the rehearsal's transaction was committed");
        }
        other => {
            rehearsal.mutated = Mutated::Unknown;
            rehearsal.because(
                Verdict::Incomplete,
                None,
                format!(
                    "the server does not say that the transaction was rolled back, but {}",
                    other.unwrap_or("nothing")
                ),
            );
        }
    }
    Ok(())
}

/// What of this database could reach another server.
async fn way_out(client: &Client) -> Result<Option<String>> {
    let rows = client
        .rows(include_str!("../../sql/rehearsal/ways_out.sql"), &[])
        .await
        .doing("looking for ways out of the database")?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// Why a step is not run in the live database.
fn stays(step: &Step, hurting_ms: f64, options: &Options) -> Option<String> {
    let budget = options.max_block.as_secs_f64() * 1e3;
    if !step.transaction && step.stand_in.is_none() {
        Some("it runs outside of a transaction".to_owned())
    } else if step.transaction && step.undo.as_ref().is_some_and(Script::leaves_the_transaction) {
        Some("its undo runs outside of a transaction".to_owned())
    } else if step.rehearse == Rehearse::Sandbox {
        Some("the packet says so".to_owned())
    } else if step.rehearse == Rehearse::Auto && hurting_ms > budget {
        Some(format!("others would wait for {hurting_ms:.0} ms, more than {budget:.0} ms"))
    } else {
        None
    }
}

type Stopped = (String, Failed);

async fn within(
    session: &mut Session,
    steps: &[Step],
    xid: &str,
    options: &Options,
    rehearsal: &mut Rehearsal,
) -> Result<std::result::Result<(), Stopped>> {
    let without_sandbox = options.live == super::Live::First;
    let longest = Some((options.max_block, options.max_time));
    if without_sandbox {
        rehearsal.logs = steps::find_logs(session).await?;
    }
    let logs = rehearsal.logs.clone();
    let since = Since { logs: &logs, xid };
    let mut befores: Vec<Before> = Vec::new();
    session.limit(None, longest).await?;
    for (at, step) in steps.iter().enumerate() {
        if without_sandbox {
            rehearsal.steps[at].touched = learn(session, step).await?;
        }
        let mut tables = rehearsal.steps[at].touched.clone();
        let before = Before {
            fingerprint: fingerprint::take_inside(&session.client, &Scope::All).await?,
            content: content(&session.client, &tables, Some(since)).await?,
        };
        let report = &mut rehearsal.steps[at];
        let does = match &step.stand_in {
            Some(stand_in) if !step.transaction => {
                report.stand_in = true;
                "it runs outside of a transaction; in the live database its stand-in was run"
                    .clone_into(&mut report.why);
                stand_in
            }
            _ => {
                report.seen = Where::Live;
                "its locks are short".clone_into(&mut report.why);
                &step.does
            }
        };
        session.limit(Some(step), longest).await?;
        match perform(session, does).await? {
            Ok(_) if report.stand_in => {}
            Ok(statements) => report.fill(statements),
            Err(failed) => return Ok(Err((step.id.clone(), failed))),
        }
        session.limit(None, longest).await?;
        if let Some(failed) = constraints(session, &step.does).await? {
            return Ok(Err((step.id.clone(), failed)));
        }
        if let Some(script) = &step.verify
            && let Some(failed) = verify(session, script).await
        {
            return Ok(Err((step.id.clone(), failed)));
        }
        let undo = step.undo.as_ref().filter(|script| !script.leaves_the_transaction());
        if let Some(script) = undo {
            session.command("SAVEPOINT birthgate_undo").await?;
            let undo =
                steps::undo(session, script, |f, c| before.differs(f, c), &mut tables, since)
                    .await?;
            session
                .command("ROLLBACK TO SAVEPOINT birthgate_undo; RELEASE SAVEPOINT birthgate_undo")
                .await?;
            session.rolled_back().await?;
            blame(rehearsal, at, &undo, "its undo, in the live database, leaves");
            rehearsal.steps[at].undo = Some(undo);
        }
        befores.push(before);
    }
    // What the plan changes is not to be changed by others meanwhile.
    let end = fingerprint::take_inside(&session.client, &Scope::All).await?;
    let fingerprints = befores.iter().map(|before| &before.fingerprint);
    for (before, after) in fingerprints.clone().zip(fingerprints.skip(1).chain([&end])) {
        rehearsal.changes.extend(before.diff(after).into_iter().map(|one| one.object));
    }
    // The whole way back.
    for (at, (step, before)) in steps.iter().zip(&befores).enumerate().rev() {
        let undo = step.undo.as_ref().filter(|script| !script.leaves_the_transaction());
        let Some(script) = undo else { break };
        if rehearsal.steps[at].undo.as_ref().is_some_and(|undo| !undo.restores) {
            break;
        }
        let mut tables = rehearsal.steps[at].touched.clone();
        let undo =
            steps::undo(session, script, |f, c| before.differs(f, c), &mut tables, since).await?;
        if !undo.restores {
            blame(rehearsal, at, &undo, "on the way back from the end, its undo leaves");
            break;
        }
    }
    Ok(Ok(()))
}

/// Runs a step and its undo once, and rolls back, to know whose rows are to be compared.
async fn learn(session: &mut Session, step: &Step) -> Result<Vec<String>> {
    let mut tables = Vec::new();
    session.command("SAVEPOINT birthgate_learn").await?;
    for script in [Some(&step.does), step.undo.as_ref()].into_iter().flatten() {
        // What fails here fails again, and is told then.
        match perform(session, script).await? {
            Ok(statements) => steps::touch(&mut tables, &statements),
            Err(_) => break,
        }
    }
    session
        .command("ROLLBACK TO SAVEPOINT birthgate_learn; RELEASE SAVEPOINT birthgate_learn")
        .await?;
    session.rolled_back().await?;
    Ok(tables)
}

/// An undo that does not bring back what was, is a FAIL; one that could not run says nothing.
pub(super) fn blame(rehearsal: &mut Rehearsal, at: usize, undo: &UndoReport, what: &str) {
    if undo.restores {
        return;
    }
    let id = rehearsal.steps[at].id.clone();
    let told = undo.differences.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
    let more = match undo.differences.len() {
        0..=3 => String::new(),
        count => format!("; and {} more", count - 3),
    };
    let verdict = if undo.unseen { Verdict::Incomplete } else { Verdict::Fail };
    rehearsal.because(verdict, Some(&id), format!("{what}: {told}{more}"));
}
