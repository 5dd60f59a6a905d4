//! What keeps a step from the live database: that it would do there what no ROLLBACK undoes.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use super::{Options, Rehearsal, StepReport, reach};
use crate::effects::{Effect, Place, Reach};
use crate::error::{Doing, Result};
use crate::plan::{Rehearse, Step};
use crate::script::Script;
use crate::unprepared::Unprepared;

/// Why a step may not run on the tables of the live database.
#[derive(Clone, Debug)]
pub(super) enum KeptBack {
    /// Nor on clones of them.
    Wholly(String),
    /// It would move sequences that belong to the tables: clones have their own.
    FromTables(String),
}

impl KeptBack {
    pub fn why(&self) -> &str {
        let (KeptBack::Wholly(why) | KeptBack::FromTables(why)) = self;
        why
    }
}

/// Finds the steps whose text, or whose functions' text, says that they would do what no ROLLBACK undoes, and those
/// that put rows into tables whose rows take numbers from a sequence.
pub(super) async fn keep_back(
    client: &Client,
    steps: &[Step],
    options: &Options,
    rehearsal: &mut Rehearsal,
) -> Result<()> {
    let reach = Reach::read(client).await?;
    for (at, step) in steps.iter().enumerate() {
        let report = &rehearsal.steps[at];
        if report.kept.is_none() && step.rehearse != Rehearse::Sandbox {
            rehearsal.steps[at].kept = keeps(client, &reach, step, report, options).await?;
        }
    }
    Ok(())
}

/// Why a step may not run on the live tables, by what it moved and by what its text leads to.
async fn keeps(
    client: &Client,
    reach: &Reach,
    step: &Step,
    report: &StepReport,
    options: &Options,
) -> Result<Option<KeptBack>> {
    const NO_WAY_BACK: &str = "and no ROLLBACK moves it back";
    let wholly = |why: String| Ok(Some(KeptBack::Wholly(why)));
    // What is moved of declared sequences is looked at in the sandbox, and afterwards.
    let burns = !step.burns.is_empty() || !options.burns.is_empty();
    let statements = || step.scripts().flat_map(|script| &script.statements);
    if !burns && statements().any(|statement| statement.moves_a_sequence) {
        return wholly(format!("it moves a sequence, {NO_WAY_BACK}"));
    }
    let scripts: Vec<&Script> = step.scripts().collect();
    let mut tables = reach::Closure::of(client, &scripts).await?.tables;
    tables.extend(report.touched.iter().chain(&report.reached).cloned());
    let tables: Vec<String> = tables.into_iter().collect();
    let sql = include_str!("../../sql/rehearsal/sequence_defaults.sql");
    let rows = client.rows(sql, &[&tables]).await.doing("looking for sequences")?;
    let own: BTreeSet<String> =
        rows.iter().filter(|row| row.get("is_own")).map(|row| row.get("sequence_name")).collect();
    let mut moves: BTreeSet<String> = report.moved.clone();
    let texts = step
        .scripts()
        .flat_map(|script| script.statements.iter().map(|statement| script.text_of(statement)));
    let writes_rows = !step.scripts().all(Script::is_of_the_schema_alone);
    let written = report.touched.iter().filter(|_| writes_rows);
    let fired = reach.of_tables(written.map(String::as_str));
    for one in texts.flat_map(|text| reach.of(text)).chain(fired) {
        if one.place() == Place::Anywhere {
            continue;
        }
        if one.effect != Effect::MovesSequence {
            let way = one.path.last().map(|name| format!(" by {name}")).unwrap_or_default();
            return wholly(format!(
                "{}{way} {}, and no ROLLBACK undoes that",
                one.what, one.effect
            ));
        }
        if !burns {
            moves.insert(one.what);
        }
    }
    if !burns && writes_rows {
        moves.extend(rows.iter().map(|row| row.get("sequence_name")));
    }
    if let Some(other) = moves.iter().find(|name| !own.contains(*name)) {
        return wholly(format!("it may move {other}, {NO_WAY_BACK}"));
    }
    let first = moves.first();
    Ok(first.map(|name| KeptBack::FromTables(format!("it may move {name}, {NO_WAY_BACK}"))))
}

/// The first step that may not run in the live database, and why.
pub(super) fn first_kept(steps: &[StepReport]) -> Option<(usize, &str)> {
    steps.iter().enumerate().find_map(|(at, step)| Some((at, step.kept.as_ref()?.why())))
}
