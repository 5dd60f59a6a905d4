//! The rehearsal in the live database: one transaction that is rolled back, and the proof of that.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_postgres::Client;

use super::clone::{self, Clones, NotSeen};
use super::content::{Since, content};
use super::failed::{Failed, How};
use super::session::{Session, StatementReport};
use super::steps::{self, Before, constraints, perform, verify};
use super::watcher::Watcher;
use super::{
    Facts, Live, Mutated, Options, Reason, Rehearsal, UndoReport, Verdict, Where, kept, placement,
};
use crate::database::Database;
use crate::error::{Doing, Result};
use crate::fingerprint::Tracker;
use crate::plan::{Plan, Step};
use crate::script::Script;
use crate::states::Delta;
use crate::unprepared::Unprepared;

/// Runs the steps that may run here, each with its undo, then everything backwards, and rolls back.
pub(super) async fn run(
    database: &Database,
    client: &Client,
    tracker: &mut Tracker,
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
            Live::First => {
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
    let steps: Vec<Step> = plan.steps.iter().map(Step::in_one_transaction).collect();
    kept::keep_back(client, &steps, options, rehearsal).await?;
    if let (Live::First, Some((at, why))) = (options.live, kept::first_kept(&rehearsal.steps)) {
        let id = steps[at].id.clone();
        let message = format!("it was not run: without a sandbox before it, {why}");
        rehearsal.because(Verdict::Incomplete, Some(&id), message);
        return Ok(());
    }
    let places = placement::places(&steps, rehearsal, options);
    if places.iter().all(|place| *place == Where::Sandbox) {
        return Ok(());
    }

    let mut session = Session::connect(database).await?;
    session.strict_columns = options.strict_columns;
    session.keep_plans(&steps);
    session
        .command(&format!(
            "SET idle_in_transaction_session_timeout = {}",
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
    let under = Under { watcher: &watcher, plan, steps: &steps, options };
    let outcome = within(&under, &mut session, tracker, places, &xid, rehearsal).await;
    let watched = watcher.seen();
    rehearsal.blocked_ms = watched.blocked_ms;
    rehearsal.blocked = watched.blocked();
    for (at, report) in rehearsal.steps.iter_mut().enumerate() {
        report.blocked = watched.blocked_by(at);
    }
    for query in &watched.queries {
        rehearsal.notes.push(format!("it was waited for by {query:?}"));
    }
    // A pooler may give this server's session to somebody else afterwards.
    session.forget_plans();
    let rolled_back = session.client.batch_execute("ROLLBACK").await;
    drop(watcher);
    rehearsal.own_sequences.append(&mut session.sequences);
    drop(session);
    let reason = match outcome {
        // The cancel may have come too late to end anything; unwatched it was all the same.
        Ok(Ok(())) => watched.cancelled.map(|why| Reason {
            verdict: Verdict::Incomplete,
            step: None,
            place: None,
            message: format!("in the live database: {why}"),
            detail: None,
        }),
        Ok(Err((step, failed))) => {
            // What its own transactions can do, one alone may not: a label used where it was added.
            let is_one = plan.steps.iter().any(|one| one.id == step && one.transaction);
            let unsaid = watched.cancelled.is_some() || failed.is_circumstance();
            let may_be_split = !is_one && failed.is_of_the_way();
            let verdict = match unsaid || failed.how == How::NotRun || may_be_split {
                true => Verdict::Incomplete,
                false => Verdict::Fail,
            };
            let why = watched.cancelled.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            Some(failed.because(verdict, &step, "in the live database: ", &why))
        }
        Err(error) => Some(Reason {
            verdict: Verdict::Incomplete,
            step: None,
            place: None,
            message: format!(
                "the rehearsal in the live database was cut short: {}",
                watched.cancelled.unwrap_or_else(|| error.to_string())
            ),
            detail: None,
        }),
    };
    let seen_before =
        options.live != Live::First && rehearsal.steps.iter().all(|step| step.lacks.is_none());
    match reason {
        // The sandbox had all the rows: what the live database could not show is not missing.
        Some(reason) if seen_before && reason.verdict == Verdict::Incomplete => {
            rehearsal
                .notes
                .push(format!("{}; the sandbox has seen it, on all rows", reason.message));
        }
        reason => rehearsal.reasons.extend(reason),
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

type Stopped = (String, Failed);

/// What the steps are run under.
struct Under<'a> {
    watcher: &'a Watcher,
    plan: &'a Plan,
    /// The plan's, as one transaction can run them.
    steps: &'a [Step],
    options: &'a Options,
}

/// What was seen of a step in the live database.
struct Seen {
    before: Before,
    statements: Vec<StatementReport>,
    touched: Vec<String>,
    undo: Option<UndoReport>,
}

impl Seen {
    /// Whether nothing was found against it.
    fn is_clean(&self) -> bool {
        self.undo.as_ref().is_none_or(|undo| undo.restores)
    }
}

/// First what runs on the tables themselves, with its way back, then what runs on clones: a bare name means a
/// clone as soon as there is one.
async fn within(
    under: &Under<'_>,
    session: &mut Session,
    tracker: &mut Tracker,
    mut places: Vec<Where>,
    xid: &str,
    rehearsal: &mut Rehearsal,
) -> Result<std::result::Result<(), Stopped>> {
    let Under { watcher, plan, steps, options } = *under;
    let longest = (options.max_block, options.max_time);
    session.limit(None, Some(longest)).await?;
    if options.live == Live::First {
        rehearsal.logs = steps::find_logs(session).await?;
    }
    let logs = rehearsal.logs.clone();
    let since = Since { logs: &logs, xid };
    let done = live_steps(under, session, tracker, &mut places, since, rehearsal).await?;
    watcher.during(None);
    let done = match done {
        Ok(done) => done,
        Err(stopped) => return Ok(Err(stopped)),
    };
    // What the plan changes is not to be changed by others meanwhile.
    let end = tracker.look_inside(session.ask()).await?;
    let looks = done.iter().map(|(_, before)| &before.look);
    for (before, after) in looks.clone().zip(looks.skip(1).chain([&end])) {
        let (before, after) = tracker.differing(before, after);
        rehearsal.changes.extend(before.diff(&after).into_iter().map(|one| one.object));
        if options.live == Live::First {
            rehearsal.deltas.push(Delta::between(&before, &after));
        }
    }
    session.command("SAVEPOINT birthgate_way_back").await?;
    way_back(session, watcher, tracker, steps, &done, since, rehearsal).await?;
    watcher.during(None);
    session
        .command("ROLLBACK TO SAVEPOINT birthgate_way_back; RELEASE SAVEPOINT birthgate_way_back")
        .await?;
    session.rolled_back().await?;
    // The first step that is done neither on the tables nor on clones.
    let mut missing: Option<&str> = None;
    let mut clones = Clones::default();
    for (at, step) in steps.iter().enumerate() {
        let seen = match places[at] {
            Where::Live => true,
            Where::Clone => {
                watcher.during(Some(at));
                options.observer.step(at, plan, Where::Clone);
                match clone_step(session, step, at, &mut clones, missing, options, rehearsal)
                    .await?
                {
                    Ok(seen) => seen,
                    Err(failed) => return Ok(Err((step.id.clone(), failed))),
                }
            }
            _ => false,
        };
        watcher.during(None);
        if !seen {
            missing = missing.or(Some(&step.id));
        }
    }
    Ok(Ok(()))
}

/// Runs the steps whose place is the live database; one that needs what was left out before it is to be tried
/// on clones. Answers those that are done, with what was before each.
async fn live_steps(
    under: &Under<'_>,
    session: &mut Session,
    tracker: &mut Tracker,
    places: &mut [Where],
    since: Since<'_>,
    rehearsal: &mut Rehearsal,
) -> Result<std::result::Result<Vec<(usize, Before)>, Stopped>> {
    let Under { watcher, plan, steps, options } = *under;
    let longest = (options.max_block, options.max_time);
    let mut done: Vec<(usize, Before)> = Vec::new();
    let mut missing: Option<&str> = None;
    for (at, step) in steps.iter().enumerate() {
        if places[at] != Where::Live {
            missing = missing.or(Some(&step.id));
            continue;
        }
        watcher.during(Some(at));
        options.observer.step(at, plan, Where::Live);
        let tables = match options.live == Live::First {
            true => learn(session, step).await?,
            false => rehearsal.steps[at].touched.clone(),
        };
        session.command("SAVEPOINT birthgate_step").await?;
        let outcome = one(session, tracker, step, tables, longest, since).await?;
        // What comes after a step that was left out may need it: then nothing is said against it.
        let in_the_way = match (&outcome, missing) {
            (Ok(seen), Some(_)) if !seen.is_clean() => {
                Some("its undo leaves a difference".to_owned())
            }
            (Err(failed), Some(_)) if failed.is_about_the_plan() => Some(failed.message.clone()),
            _ => None,
        };
        if let (Some(why), Some(before)) = (in_the_way, missing) {
            session
                .command("ROLLBACK TO SAVEPOINT birthgate_step; RELEASE SAVEPOINT birthgate_step")
                .await?;
            session.rolled_back().await?;
            session.limit(None, Some(longest)).await?;
            rehearsal.steps[at].why =
                format!("tried in the live database without {before} before it: {why}");
            places[at] = Where::Clone;
            continue;
        }
        let seen = match outcome {
            Ok(seen) => seen,
            Err(failed) => return Ok(Err((step.id.clone(), failed))),
        };
        session.command("RELEASE SAVEPOINT birthgate_step").await?;
        let report = &mut rehearsal.steps[at];
        report.touched = seen.touched;
        if step.transaction {
            report.seen = Where::Live;
            report.why = match missing {
                None => "its locks are short".to_owned(),
                Some(before) => format!("its locks are short; without {before} before it"),
            };
            report.fill(seen.statements);
        } else {
            report.stand_in = true;
            "it runs outside of a transaction; in the live database its stand-in was run"
                .clone_into(&mut report.why);
        }
        if let Some(undo) = seen.undo {
            blame(rehearsal, at, &undo, "its undo, in the live database, leaves");
            rehearsal.steps[at].undo = Some(undo);
        }
        done.push((at, seen.before));
    }
    Ok(Ok(done))
}

/// The whole way back through what is done in the live database.
async fn way_back(
    session: &mut Session,
    watcher: &Watcher,
    tracker: &mut Tracker,
    steps: &[Step],
    done: &[(usize, Before)],
    since: Since<'_>,
    rehearsal: &mut Rehearsal,
) -> Result<()> {
    for (at, before) in done.iter().rev() {
        let undo = steps[*at].undo.as_ref().filter(|script| !script.leaves_the_transaction());
        let Some(script) = undo else { break };
        if rehearsal.steps[*at].undo.as_ref().is_some_and(|undo| !undo.restores) {
            break;
        }
        watcher.during(Some(*at));
        let mut tables = rehearsal.steps[*at].touched.clone();
        let undo = steps::undo(
            session,
            tracker,
            script,
            |tracker, look, content| before.differs(tracker, look, content),
            Some(&mut tables),
            since,
        )
        .await?;
        if !undo.restores {
            blame(rehearsal, *at, &undo, "on the way back from the end, its undo leaves");
            break;
        }
    }
    Ok(())
}

/// Runs a step on clones; answers whether it was seen there. Where it was not, its report says why, and
/// nothing of it is left.
async fn clone_step(
    session: &mut Session,
    step: &Step,
    at: usize,
    clones: &mut Clones,
    missing: Option<&str>,
    options: &Options,
    rehearsal: &mut Rehearsal,
) -> Result<std::result::Result<bool, Failed>> {
    let longest = (options.max_block, options.max_time);
    let does = step.stand_in.as_ref().filter(|_| !step.transaction).unwrap_or(&step.does);
    let scripts: Vec<&Script> = [Some(does), step.undo.as_ref()].into_iter().flatten().collect();
    let report = &rehearsal.steps[at];
    let mut tables = session.tables_named(&scripts);
    if step.transaction && !report.statements.is_empty() {
        // What it only reads is read where it is.
        let strong = report.locks.iter().filter(|lock| lock.hurts()).map(|lock| &lock.object);
        let written: BTreeSet<&String> = report.touched.iter().chain(strong).collect();
        tables.retain(|table| written.contains(table));
        tables.extend(report.touched.iter().filter(|name| session.has_table(name)).cloned());
        tables.retain(|table| !rehearsal.logs.contains(table));
        tables.sort();
        tables.dedup();
    }
    let before = clones.clone();
    session.command("SAVEPOINT birthgate_clone").await?;
    let outcome =
        clone::run(session, step, does, &tables, clones, &rehearsal.logs, options).await?;
    let report = &mut rehearsal.steps[at];
    let undone = |undo: &Option<UndoReport>| undo.as_ref().is_none_or(|undo| undo.restores);
    let why = match outcome {
        // It may need what is not there: then nothing is said against it.
        Ok((_, undo)) if missing.is_some() && !undone(&undo) => {
            format!(
                "its undo leaves a difference without {} before it",
                missing.unwrap_or_default()
            )
        }
        Ok((statements, undo)) => {
            session.command("RELEASE SAVEPOINT birthgate_clone").await?;
            session.limit(None, Some(longest)).await?;
            let of = clones.originals().into_iter().collect::<Vec<_>>().join(", ");
            if step.transaction {
                report.seen = Where::Clone;
                report.why = format!("{}; seen on exact clones of {of}", report.why);
                report.time(&statements);
            } else {
                report.stand_in = true;
                report.why =
                    format!("{}; its stand-in was run on exact clones of {of}", report.why);
            }
            if let Some(undo) = undo {
                let restores = undo.restores;
                blame(rehearsal, at, &undo, "its undo, on clones, leaves");
                if restores || rehearsal.steps[at].undo.is_none() {
                    rehearsal.steps[at].undo = Some(undo);
                }
            }
            return Ok(Ok(true));
        }
        Err(NotSeen::Failed(failed)) if !failed.is_about_the_plan() => return Ok(Err(failed)),
        // The rows are the live ones, and what is done on them is what the step does.
        Err(NotSeen::Failed(failed)) if missing.is_none() && failed.violates() => {
            return Ok(Err(failed));
        }
        Err(NotSeen::Failed(failed)) => match missing {
            Some(step) => format!("without {step} before it: {}", failed.message),
            None => failed.message,
        },
        Err(NotSeen::Because(why)) => why,
    };
    *clones = before;
    session
        .command("ROLLBACK TO SAVEPOINT birthgate_clone; RELEASE SAVEPOINT birthgate_clone")
        .await?;
    session.rolled_back().await?;
    session.limit(None, Some(longest)).await?;
    report.why = format!("{}; not on clones: {why}", report.why);
    Ok(Ok(false))
}

/// A step, or its stand-in, with its verify; and its undo in a savepoint.
async fn one(
    session: &mut Session,
    tracker: &mut Tracker,
    step: &Step,
    tables: Vec<String>,
    longest: (Duration, Duration),
    since: Since<'_>,
) -> Result<std::result::Result<Seen, Failed>> {
    let before = Before {
        look: tracker.look_inside(session.ask()).await?,
        content: content(&session.client, &tables, Some(since)).await?,
    };
    let does = step.stand_in.as_ref().filter(|_| !step.transaction).unwrap_or(&step.does);
    session.limit(Some(step), Some(longest)).await?;
    let statements = match perform(session, does).await? {
        Ok(statements) => statements,
        Err(failed) => return Ok(Err(failed)),
    };
    session.limit(None, Some(longest)).await?;
    if let Some(failed) = constraints(session, does).await? {
        return Ok(Err(failed));
    }
    if let Some(verifies) = &step.verify
        && let Some(failed) = verify(&session.client, verifies, true).await
    {
        return Ok(Err(failed));
    }
    let mut touched = tables;
    steps::touch(&mut touched, &statements);
    let mut seen = Seen { before, statements, touched, undo: None };
    let undo = step.undo.as_ref().filter(|script| !script.leaves_the_transaction());
    if let Some(script) = undo {
        session.command("SAVEPOINT birthgate_undo").await?;
        let before = &seen.before;
        let undo = steps::undo(
            session,
            tracker,
            script,
            |tracker, look, content| before.differs(tracker, look, content),
            Some(&mut seen.touched),
            since,
        )
        .await?;
        session
            .command("ROLLBACK TO SAVEPOINT birthgate_undo; RELEASE SAVEPOINT birthgate_undo")
            .await?;
        session.rolled_back().await?;
        seen.undo = Some(undo);
    }
    Ok(Ok(seen))
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
    let id = rehearsal.steps[at].id.clone();
    for note in &undo.notes {
        let note = format!("after the undo of {id}, {note}");
        if !rehearsal.notes.contains(&note) {
            rehearsal.notes.push(note);
        }
    }
    if undo.restores {
        return;
    }
    let told = undo.differences.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
    let more = match undo.differences.len() {
        0..=3 => String::new(),
        count => format!("; and {} more", count - 3),
    };
    let verdict = if undo.unseen { Verdict::Incomplete } else { Verdict::Fail };
    rehearsal.because(verdict, Some(&id), format!("{what}: {told}{more}"));
}
