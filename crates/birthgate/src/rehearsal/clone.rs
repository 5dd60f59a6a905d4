//! Exact clones of tables in the session's temporary schema, inside the rehearsal's transaction: a step is run
//! on them as it would be run on the originals, of which nothing is taken but ACCESS SHARE.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::Value;

use super::content::{Content, Logs, content, differing};
use super::failed::Failed;
use super::redirect::Redirect;
use super::session::{Session, StatementReport, milliseconds};
use super::steps::{Left, constraints, perform, verify};
use super::{Options, UndoReport};
use crate::error::{Doing, Result};
use crate::fingerprint::{self, Fingerprint, Scope};
use crate::plan::Step;
use crate::script::Script;
use crate::unprepared::Unprepared;

/// The clones that were made so far.
#[derive(Clone, Default)]
pub(super) struct Clones {
    /// Originals, as `schema.name`, and the name of each clone.
    tables: Vec<(String, String)>,
    /// How large the originals are, together.
    bytes: u64,
    redirect: Redirect,
}

impl Clones {
    /// Clones these tables, and what their foreign keys refer to, unless that is done; or says why not. Leaves
    /// what it has made to the caller's savepoint.
    pub async fn make(
        &mut self,
        session: &Session,
        tables: &[String],
        most_bytes: u64,
    ) -> Result<std::result::Result<(), String>> {
        const DOING: &str = "cloning tables";
        let known = |name: &String| self.tables.iter().any(|(original, _)| original == name);
        let missing: Vec<String> = tables.iter().filter(|name| !known(name)).cloned().collect();
        if missing.is_empty() {
            return Ok(Ok(()));
        }
        // A search_path that names the temporary schema last would let a bare name mean the original.
        let first =
            "SELECT set_config('search_path', 'pg_temp, ' || current_setting('search_path'), true)";
        session.client.one_row(first, &[]).await.doing(DOING)?;
        for row in session
            .client
            .rows(include_str!("../../sql/rehearsal/opaque.sql"), &[])
            .await
            .doing(DOING)?
        {
            let names = match row.get("is_view") {
                true => &mut self.redirect.views,
                false => &mut self.redirect.functions,
            };
            names.insert(row.get("name"));
        }
        let sources = session
            .client
            .rows(include_str!("../../sql/rehearsal/clone_sources.sql"), &[&missing])
            .await
            .doing(DOING)?;
        let mut made: Vec<(u32, String)> = Vec::new();
        for source in &sources {
            if let Some(problem) = source.get::<_, Option<String>>("problem") {
                return Ok(Err(problem));
            }
            let name: String = source.get("name");
            if self.tables.iter().any(|(original, _)| *original == name) {
                continue;
            }
            // Pairs, flattened.
            let names: Vec<String> = source.get("names");
            for pair in names.chunks(2) {
                let [schema, name] = pair else { continue };
                let pair = (schema.clone(), name.clone());
                let same = |known: &(String, String)| known.1 == *name && known.0 != *schema;
                if self.redirect.names.iter().any(same) {
                    return Ok(Err(format!("two objects are called {name}")));
                }
                self.redirect.names.insert(pair);
            }
            self.bytes += source.get::<_, i64>("bytes").unsigned_abs();
            if self.bytes > most_bytes {
                let (all, most) = (self.bytes / 1_000_000, most_bytes / 1_000_000);
                return Ok(Err(format!(
                    "with {name} its tables hold {all} MB, more than {most} MB"
                )));
            }
            made.push((source.get("oid"), name));
        }
        for (oid, name) in &made {
            let plan = plan(session, &oid.to_string()).await?;
            for (redirected, text) in plan {
                let text = match redirected {
                    true => match self.redirect.statement(&text) {
                        Ok(text) => text,
                        Err(why) => return Ok(Err(format!("{name} cannot be cloned: {why}"))),
                    },
                    false => text,
                };
                if let Err(error) = session.client.batch_execute(&text).await {
                    let Some(error) = error.as_db_error() else {
                        return Err(error).doing(DOING);
                    };
                    return Ok(Err(format!("{name} cannot be cloned: {}", error.message())));
                }
            }
        }
        for (_, name) in made {
            let clone = format!("pg_temp.{}", last_part(&name));
            if let Some(difference) = differs(session, &name, &clone).await? {
                return Ok(Err(format!("the clone of {name} is not exact: {difference}")));
            }
            self.tables.push((name, clone));
        }
        Ok(Ok(()))
    }

    /// The script as it is run on the clones.
    pub fn redirect(&self, script: &Script) -> std::result::Result<Script, String> {
        let mut text = String::new();
        for statement in &script.statements {
            text.push_str(&self.redirect.statement(script.text_of(statement))?);
            text.push_str(";\n");
        }
        Script::parse(&script.path, text.as_bytes())
            .map_err(|_| "it cannot be read once it means the clones".to_owned())
    }

    /// What a step has made of the clones is meant by its name in the original's schema.
    async fn learn(&mut self, session: &Session) -> Result<()> {
        for (original, clone) in &self.tables {
            let (schema, _) = parts(original);
            let sql = include_str!("../../sql/rehearsal/clone_parts.sql");
            let rows = session.client.rows(sql, &[clone]).await;
            for row in rows.doing("looking at a clone")? {
                self.redirect.names.insert((schema.clone(), row.get(0)));
            }
        }
        Ok(())
    }

    /// The originals.
    pub fn originals(&self) -> BTreeSet<String> {
        self.tables.iter().map(|(original, _)| original.clone()).collect()
    }

    /// The clones as they are: their definitions and their rows.
    pub async fn look(&self, session: &Session) -> Result<(Fingerprint, Content)> {
        let clones: Vec<String> = self.tables.iter().map(|(_, clone)| clone.clone()).collect();
        let rows = content(&session.client, &clones, None).await?;
        let scope = Scope::Objects(clones);
        Ok((fingerprint::take_inside(&session.client, &scope).await?, rows))
    }
}

/// Why a step was not seen on clones.
pub(super) enum NotSeen {
    /// It cannot be run on them, or not for certain.
    Because(String),
    /// It failed there.
    Failed(Failed),
}

/// Runs a step on clones of these tables, and its undo in a savepoint.
pub(super) async fn run(
    session: &mut Session,
    step: &Step,
    does: &Script,
    tables: &[String],
    clones: &mut Clones,
    logs: &Logs,
    options: &Options,
) -> Result<std::result::Result<(Vec<StatementReport>, Option<UndoReport>), NotSeen>> {
    let because = |why: String| Ok(Err(NotSeen::Because(why)));
    if tables.is_empty() && clones.tables.is_empty() {
        return because("it touches no table that is there".to_owned());
    }
    let longest = (options.max_block, options.max_time);
    if let Err(why) = clones.make(session, tables, options.max_clone).await? {
        return because(why);
    }
    let undo = step.undo.as_ref().filter(|script| !script.leaves_the_transaction());
    let does = match clones.redirect(does) {
        Ok(does) => does,
        Err(why) => return because(why),
    };
    let before = match undo {
        Some(_) => Some(clones.look(session).await?),
        None => None,
    };
    // What making the clones has locked is not the step's.
    session.rolled_back().await?;
    session.limit(Some(step), Some(longest)).await?;
    let statements = match perform(session, &does).await? {
        Ok(statements) => statements,
        Err(failed) => return Ok(Err(NotSeen::Failed(failed))),
    };
    session.limit(None, Some(longest)).await?;
    if let Some(failed) = constraints(session, &does).await? {
        return Ok(Err(NotSeen::Failed(failed)));
    }
    if let Some(why) = beyond(&statements, logs) {
        return because(why);
    }
    clones.learn(session).await?;
    let told = |script: &Script| clones.redirect(script);
    let verifies = step.verify.as_ref().map(|verify| verify.with(told)).transpose();
    let (undo, verifies) = match (undo.map(told).transpose(), verifies) {
        (Ok(undo), Ok(verifies)) => (undo, verifies),
        (Err(why), _) | (_, Err(why)) => return because(why),
    };
    if let Some(verifies) = &verifies
        && let Some(failed) = verify(&session.client, verifies, true).await
    {
        return Ok(Err(NotSeen::Failed(failed)));
    }
    let (Some(script), Some(before)) = (undo, before) else { return Ok(Ok((statements, None))) };
    session.command("SAVEPOINT birthgate_undo").await?;
    let begun = Instant::now();
    let mut report = UndoReport::default();
    match perform(session, &script).await? {
        Ok(statements) => {
            if let Some(why) = beyond(&statements, logs) {
                return because(why);
            }
            report.duration_ms = milliseconds(begun.elapsed());
            let (objects, rows) = clones.look(session).await?;
            let left = Left::of(before.0.diff(&objects)).and(differing(&before.1, &rows));
            report = report.judged(left, session.strict_columns);
        }
        Err(failed) => {
            report.unseen = failed.is_circumstance();
            report.differences = vec![format!("{}: {failed}", failed.place)];
        }
    }
    session
        .command("ROLLBACK TO SAVEPOINT birthgate_undo; RELEASE SAVEPOINT birthgate_undo")
        .await?;
    session.rolled_back().await?;
    Ok(Ok((statements, Some(report))))
}

/// What statements that should have stayed with clones have locked of the originals.
fn beyond(statements: &[StatementReport], logs: &Logs) -> Option<String> {
    let mut locks = statements.iter().flat_map(|statement| &statement.locks);
    let lock = locks.find(|lock| {
        !lock.is_index() && lock.mode != "AccessShareLock" && !logs.contains(&lock.object)
    })?;
    Some(format!("it reaches {} itself ({})", lock.object, lock.mode))
}

/// Schema and name of `schema.name`, each quoted where that is needed, without their quotes.
pub(super) fn parts(qualified: &str) -> (String, String) {
    let name = last_part(qualified);
    let schema = qualified.get(..qualified.len() - name.len()).unwrap_or_default();
    let bare = |part: &str| match part.strip_prefix('"').and_then(|part| part.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => part.to_owned(),
    };
    (bare(schema.trim_end_matches('.')), bare(name))
}

/// The name without its schema, quoted as it is. A dot may stand within quotes.
fn last_part(qualified: &str) -> &str {
    let mut quoted = false;
    for (at, c) in qualified.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => return &qualified[at + 1..],
            _ => {}
        }
    }
    qualified
}

async fn plan(session: &Session, oid: &str) -> Result<Vec<(bool, String)>> {
    const DOING: &str = "planning a clone";
    let client = &session.client;
    client.batch_execute("SAVEPOINT birthgate_pin").await.doing(DOING)?;
    client.batch_execute(include_str!("../../sql/fingerprint/pin.sql")).await.doing(DOING)?;
    let rows = client
        .rows(include_str!("../../sql/rehearsal/clone_plan.sql"), &[&oid])
        .await
        .doing(DOING)?;
    client
        .batch_execute("ROLLBACK TO SAVEPOINT birthgate_pin; RELEASE SAVEPOINT birthgate_pin")
        .await
        .doing(DOING)?;
    Ok(rows.iter().map(|row| (row.get("redirected"), row.get("text"))).collect())
}

/// How the clone is another than its original: in what they are made of, or in their rows.
async fn differs(session: &Session, original: &str, clone: &str) -> Result<Option<String>> {
    let row = session.client.one_row("SELECT pg_my_temp_schema()::regnamespace::text", &[]).await;
    let schema: String = row.doing("looking for the temporary schema")?.get(0);
    let take = async |name: &str| {
        let scope = Scope::Objects(vec![name.to_owned()]);
        fingerprint::take_inside(&session.client, &scope).await
    };
    // Both told as if they stood in one place.
    let told = |fingerprint: Fingerprint, from: &[&str]| -> BTreeSet<String> {
        let objects = fingerprint.objects.into_iter().map(|(name, object)| {
            let mut attributes = object.attributes;
            attributes.remove("persistence");
            let text = format!("{name}: {}", Value::Object(attributes));
            from.iter().fold(text, |text, from| text.replace(from, ""))
        });
        objects.collect()
    };
    let own = format!("{}.", &original[..original.len() - last_part(original).len() - 1]);
    let first = told(take(original).await?, &[&own]);
    let second = told(take(clone).await?, &[&format!("{schema}."), "pg_temp.", &own]);
    if let Some(one) = first.symmetric_difference(&second).next() {
        return Ok(Some(one.chars().take(300).collect()));
    }
    let tables = [original.to_owned(), clone.to_owned()];
    let rows = content(&session.client, &tables, None).await?;
    Ok(match rows.get(original) == rows.get(clone) {
        true => None,
        false => Some("it does not hold the same rows".to_owned()),
    })
}
