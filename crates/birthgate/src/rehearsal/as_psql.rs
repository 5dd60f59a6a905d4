//! Running a script as `psql -v ON_ERROR_STOP=1 -f` runs it: each statement is a transaction of its own, but for
//! those between the file's own BEGIN and COMMIT. In the sandbox only.

use super::failed::{Failed, failed};
use super::session::{Session, StatementReport};
use crate::error::Result;
use crate::script::{Conduct, Control, Script, Statement};

/// How many INSERTs go in one message, and how many bytes of them.
const MOST_INSERTS: usize = 1000;
const MOST_BYTES: usize = 1 << 20;

/// What was seen of a script.
#[derive(Debug, Default)]
pub(super) struct Performed {
    /// Its statements.
    pub statements: Vec<StatementReport>,
    /// Statements that ran without a transaction around them: what they locked was not seen.
    pub unwatched: Vec<usize>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// What PostgreSQL says of a statement that wants no transaction block around it.
const WANTS_NO_BLOCK: [&str; 2] = ["25001", "2D000"];

/// Runs a script; answers what it did, or at which statement it failed.
pub(super) async fn perform(
    session: &mut Session,
    script: &Script,
) -> Result<std::result::Result<Performed, Failed>> {
    let mut done = Performed::default();
    let mut open = false;
    let mut at = 0;
    while at < script.statements.len() {
        let group = inserts(script, at);
        if group > 1
            && let Some(report) =
                together(session, script, &script.statements[at..at + group], open).await?
        {
            done.statements.push(report);
            at += group;
            continue;
        }
        let statement = &script.statements[at];
        match one(session, script, statement, &mut open).await? {
            Ok((report, watched)) => {
                if !watched {
                    done.unwatched.push(at);
                }
                done.statements.push(report);
            }
            // Of a session that a refused COPY has ended we do not know what psql would make of the rest.
            Err(failed)
                if statement.may_fail
                    && failed.sqlstate.is_some()
                    && script.rows_of(statement).is_none() =>
            {
                done.notes.push(format!("{}: psql would go on after {failed}", failed.place));
            }
            Err(failed) => return Ok(Err(failed)),
        }
        at += 1;
    }
    if open {
        session.command("ROLLBACK").await?;
        done.notes.push(format!(
            "{} ends within a transaction, and psql would roll that back",
            script.path
        ));
    }
    Ok(Ok(done))
}

/// How many INSERTs follow each other from here on, as far as they go in one message.
fn inserts(script: &Script, at: usize) -> usize {
    let mut bytes = 0;
    script.statements[at..]
        .iter()
        .take(MOST_INSERTS)
        .take_while(|one| {
            bytes += script.text_of(one).len();
            one.is_an_insert && one.kept.is_none() && !one.may_fail && bytes < MOST_BYTES
        })
        .count()
}

/// Runs INSERTs in one transaction; `None`, and nothing is left of them, where that does not do: then it is to be
/// seen which of them fails when each has its own.
async fn together(
    session: &mut Session,
    script: &Script,
    statements: &[Statement],
    open: bool,
) -> Result<Option<StatementReport>> {
    const BACK: &str =
        "ROLLBACK TO SAVEPOINT birthgate_inserts; RELEASE SAVEPOINT birthgate_inserts";
    session.command(if open { "SAVEPOINT birthgate_inserts" } else { "BEGIN" }).await?;
    if !open {
        session.forget();
    }
    let report = session.run_inserts(script, statements).await?;
    let kept = match (&report, open) {
        (Ok(_), true) => {
            session.command("RELEASE SAVEPOINT birthgate_inserts").await?;
            true
        }
        // A constraint that is deferred may refuse now.
        (Ok(_), false) => session.turn("COMMIT").await.is_ok(),
        (Err(_), true) => {
            session.command(BACK).await?;
            false
        }
        (Err(_), false) => {
            session.command("ROLLBACK").await?;
            false
        }
    };
    Ok(report.ok().filter(|_| kept))
}

/// Runs one statement; answers what it did and whether its locks were seen.
async fn one(
    session: &mut Session,
    script: &Script,
    statement: &Statement,
    open: &mut bool,
) -> Result<std::result::Result<(StatementReport, bool), Failed>> {
    if let Conduct::Controls(control) = statement.conduct {
        let ran = session.run(script, statement, false).await?;
        if ran.is_ok() {
            *open = control.opens().unwrap_or(*open);
            if !*open {
                session.forget();
            }
        }
        // At its commit a constraint that was deferred may refuse: the block is over all the same.
        if ran.is_err() && matches!(control, Control::Commit | Control::CommitAndChain) {
            *open = false;
        }
        return Ok(ran.map(|report| (report, true)));
    }
    if *open || statement.of_the_session {
        let looks = !statement.of_the_session;
        return Ok(session.run(script, statement, looks).await?.map(|report| (report, true)));
    }
    if matches!(statement.conduct, Conduct::Outside(_) | Conduct::InBlock) {
        return Ok(session.run(script, statement, false).await?.map(|report| (report, false)));
    }
    session.command("BEGIN").await?;
    session.forget();
    let report = match session.run(script, statement, true).await? {
        Ok(report) => report,
        Err(problem) => {
            session.command("ROLLBACK").await?;
            let wants_none =
                problem.sqlstate.as_deref().is_some_and(|code| WANTS_NO_BLOCK.contains(&code));
            if !wants_none {
                return Ok(Err(problem));
            }
            // A procedure or a DO that commits, or something that our list does not have.
            let ran = session.run(script, statement, false).await?;
            return Ok(ran.map(|report| (report, false)));
        }
    };
    match session.turn("COMMIT").await {
        Ok(()) => Ok(Ok((report, true))),
        Err(source) => {
            let mut problem = failed(script, statement, &source);
            problem.place = statement.place.clone();
            Ok(Err(problem))
        }
    }
}
