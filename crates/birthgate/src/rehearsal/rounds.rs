//! The plan in the sandbox, with the rows that it needs: when it touched tables whose rows are not there, again with
//! those.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::held::Held;
use super::sandbox::{Programs, Sandbox};
use super::twin::{Judgement, Unlike};
use super::{Facts, Options, Rehearsal, Rows, Stage, Verdict, reach, rows, trial, way_back};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;
use crate::plan::{Plan, Step};
use crate::private_server::Confinement;

/// How often the plan is run at most: each time with the rows of more tables that it turned out to touch.
const MOST: usize = 4;

/// The live database, of which a sandbox is made.
pub(super) struct Pattern<'a> {
    pub database: &'a Database,
    pub client: &'a Client,
    pub facts: &'a Facts,
    pub fingerprint: &'a Fingerprint,
}

/// Runs the plan until the rows of what it touches are there; answers whether the live database may be used now.
pub(super) async fn run(
    live: Pattern<'_>,
    programs: Programs,
    plan: &Plan,
    options: &Options,
    rehearsal: &mut Rehearsal,
) -> Result<bool> {
    let Pattern { database, client, facts, fingerprint: live } = live;
    let no_sandbox =
        |why: String| format!("there is no sandbox: {why}; --live-first rehearses without one");
    let blank = rehearsal.clone();
    let mut need = match options.rows {
        Rows::Auto(_) => reach::need(client, plan).await?,
        _ => rows::Need::default(),
    };
    let mut of_all = false;
    (options.observer.tell)(&Stage::Sandbox);
    let mut sandbox = match Sandbox::make(database, facts, programs, plan, options).await {
        Ok(sandbox) => sandbox,
        Err(why) => {
            rehearsal.because(Verdict::Incomplete, None, no_sandbox(why.to_string()));
            return Ok(false);
        }
    };
    rehearsal.sandbox = Some(sandbox.confinement());
    let options = &sandbox.in_force(options);
    if sandbox.confinement() == Confinement::None && options.confined {
        let refused = sandbox.refused().join("; ");
        rehearsal.notes.push(format!(
            "the sandbox is not confined by the kernel ({refused}): nobody in it may do everything, and it has no rows"
        ));
    }
    let blank = Rehearsal { sandbox: rehearsal.sandbox, notes: rehearsal.notes.clone(), ..blank };
    for round in 1..=MOST {
        let outcome = one(&sandbox, plan, options, live, &need, of_all, rehearsal).await?;
        let (Rows::Auto(_), Some((trial, Held::Copied { copied, .. }))) = (options.rows, outcome)
        else {
            break;
        };
        let is_missing = |table: &&String| {
            !copied.tables.contains_key(*table) && !rows::holds_large_objects(table)
        };
        let missing: Vec<&String> = trial.lacking.iter().filter(is_missing).collect();
        if trial.wants_all && !of_all {
            of_all = true;
            need = reach::everything(client).await?;
        } else if missing.is_empty() {
            break;
        } else {
            missing.iter().for_each(|table| need.add((*table).clone(), rows::Reach::BothWays));
        }
        if round == MOST {
            break;
        }
        rehearsal.clone_from(&blank);
        (options.observer.tell)(&Stage::Sandbox);
        sandbox = match sandbox.start_over().await {
            Ok(sandbox) => sandbox,
            Err(why) => {
                rehearsal.because(Verdict::Incomplete, None, no_sandbox(why.to_string()));
                return Ok(false);
            }
        };
    }
    let clean = rehearsal.reasons.is_empty();
    sandbox.end().await;
    Ok(clean)
}

/// Runs the plan once; `None`, where that was cut short or would not be another with more rows.
async fn one(
    sandbox: &Sandbox,
    plan: &Plan,
    options: &Options,
    live: &Fingerprint,
    need: &rows::Need,
    of_all: bool,
    rehearsal: &mut Rehearsal,
) -> Result<Option<(trial::Trial, Held)>> {
    let texts: Vec<&str> =
        plan.steps.iter().flat_map(Step::scripts).map(|script| script.text.as_str()).collect();
    for one in sandbox.left_out_of(&texts) {
        let message =
            format!("the sandbox lacks {}, which the plan names: {}", one.object, one.why);
        rehearsal.because(Verdict::Incomplete, None, message);
    }
    if !rehearsal.reasons.is_empty() {
        return Ok(None);
    }
    let run = async {
        let held = match options.rows {
            Rows::None => Held::Nothing,
            Rows::Some(count) => Held::Some(count),
            Rows::All => Held::Copied { copied: sandbox.copied().clone(), of_all: true },
            Rows::Auto(budget) => {
                (options.observer.tell)(&Stage::Rows);
                Held::Copied { copied: sandbox.fill(need, budget).await?, of_all }
            }
        };
        let trial = trial::run(sandbox, plan, &held, live, options, rehearsal).await?;
        Ok::<_, Error>((trial, held))
    };
    let ran = tokio::select! {
        ran = run => Ok(ran),
        ended = sandbox.ended() => Err(ended),
    };
    // What failed then, failed for that.
    let ran = sandbox.ended().now_or_never().map_or(ran, Err);
    match ran {
        Ok(Err(error)) if has_lost_plans(&error) => {
            let message = "the plan takes what is prepared out of the session, by a text that is put together: write PREPARE, DEALLOCATE or DISCARD as such";
            rehearsal.because(Verdict::Incomplete, None, message);
            Ok(None)
        }
        Ok(ran) => {
            let ran = ran?;
            judge(&ran.0.unlike, rehearsal);
            sandbox.excuse(rehearsal);
            Ok(Some(ran))
        }
        Err(ended) => {
            rehearsal.because(Verdict::Incomplete, None, ended.to_string());
            Ok(None)
        }
    }
}

/// Whether what our looks had prepared was gone.
fn has_lost_plans(error: &Error) -> bool {
    let Error::Database { source, .. } = error else { return false };
    source.code() == Some(&SqlState::INVALID_SQL_STATEMENT_NAME)
}

/// A difference counts where the plan changes the object, or touches the table that it is or stands on.
fn judge(unlike: &[Unlike], rehearsal: &mut Rehearsal) {
    let reached: BTreeSet<&String> =
        rehearsal.steps.iter().flat_map(|step| step.reached.iter().chain(&step.touched)).collect();
    let mut found = Vec::new();
    for one in unlike {
        let Judgement::IfTouched { why } = &one.judgement else { continue };
        let object = &one.difference.object;
        let table = object.rsplit_once(" on ").map_or(object.as_str(), |(_, table)| table);
        let table = table.strip_prefix("table ").unwrap_or(table);
        if rehearsal.changes.contains(object) || reached.iter().any(|known| known.as_str() == table)
        {
            found.push(format!("the sandbox is not like the live database in {object}: {why}"));
        }
    }
    // What failed may have failed for that.
    for reason in rehearsal.reasons.iter_mut().filter(|one| one.verdict == Verdict::Fail) {
        let named = |one: &&Unlike| {
            let name = way_back::bare_name(&one.difference.object);
            reason.message.contains(&format!("\"{name}\""))
        };
        let Some(one) = unlike.iter().find(named) else { continue };
        if let Judgement::IfTouched { why } = &one.judgement {
            reason.verdict = Verdict::Incomplete;
            reason.message = format!("{}; {}: {why}", reason.message, one.difference.object);
        }
    }
    for message in found {
        rehearsal.because(Verdict::Incomplete, None, message);
    }
}
