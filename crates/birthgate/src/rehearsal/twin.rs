//! The copy of a database's schema, roles and settings on a server of our own, and what of it is not like the
//! original.

mod compare;
mod dump;
mod extensions;
mod original;
mod selection;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::libpq::Libpq;
use crate::error::{Doing, Error, Result};
use crate::fingerprint::Difference;
use crate::private_server::Cluster;
use dump::Entry;
use extensions::Available;

pub(super) use compare::compare;
pub(super) use original::Original;
pub(super) use selection::Selection;

/// An object that the sandbox does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// As the dump's table of contents names it: `TABLE public.t`, `EXTENSION postgis`.
    pub object: String,
    /// Its bare name, as it would stand in a plan.
    pub name: String,
    pub why: Why,
}

impl LeftOut {
    /// As a fingerprint has it.
    fn fingerprinted(&self) -> String {
        let is_kind = |word: &&str| word.chars().all(|c| c.is_ascii_uppercase());
        let kind: Vec<&str> = self.object.split(' ').take_while(is_kind).collect();
        let rest = self.object.get(kind.join(" ").len() + 1..).unwrap_or_default();
        let of_table = rest.strip_suffix(&self.name).and_then(|rest| rest.strip_suffix(' '));
        match (of_table, kind.last()) {
            (Some(table), Some(kind)) => {
                format!("{} {} on {table}", kind.to_lowercase(), self.name)
            }
            _ => format!("{} {rest}", kind.join(" ").to_lowercase()),
        }
    }
}

/// Why an object is not in the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// This role may not read it, and pg_dump locks what it dumps.
    NoSelect { grant: String },
    /// The extension is not installed on this machine.
    NoExtension { name: String, package: Option<String> },
    /// The plan cannot reach it, as far as its text tells.
    NotNeeded,
    /// The sandbox refused to make it, mostly because of something else that was left out.
    Refused { message: String },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::NoSelect { grant } => write!(f, "this role may not read it: {grant}"),
            Why::NoExtension { name, package: Some(package) } => {
                write!(f, "the extension {name} is not on this machine: apt-get install {package}")
            }
            Why::NoExtension { name, package: None } => write!(
                f,
                "the extension {name} is not on this machine: install it, or name programs that have it with --pg-bin"
            ),
            Why::NotNeeded => f.write_str("nothing in the plan names it"),
            Why::Refused { message } => write!(f, "the sandbox could not make it: {message}"),
        }
    }
}

/// A difference between the live database and its sandbox, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unlike {
    pub difference: Difference,
    pub judgement: Judgement,
}

/// What a difference means for the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Nothing.
    Harmless,
    /// INCOMPLETE, if the plan touches the object; with the reason in words.
    IfTouched { why: String },
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoSandbox {
    #[error("a confined sandbox has no rows")]
    RowsOfConfined,
    #[error(transparent)]
    Server(#[from] crate::private_server::Error),
    #[error("the schema could not be copied: {0}")]
    Copy(#[from] crate::error::Error),
    #[error("while the schema was restored, {0}")]
    Ended(super::sandbox::Ended),
    #[error("copying the schema took longer than the sandbox's time limit of {} s", .0.as_secs_f64())]
    OutOfTime(Duration),
}

/// The database through which a new server of this cluster is reached.
pub(super) fn door(cluster: &Cluster) -> &'static str {
    match cluster {
        // The other one may have to make way for the original.
        Cluster::Whole => "template1",
        Cluster::Single(_) => original::FIRST,
    }
}

/// Who makes the objects.
#[derive(Clone, Copy)]
pub(super) struct Restorer<'a> {
    pub name: &'a str,
    /// A session that may act as they: the superuser's, or their own.
    pub client: &'a Client,
}

/// A database's schema as it is to be made again, however often.
#[derive(Clone, Debug)]
pub(super) struct Blueprint {
    pub original: Original,
    entries: Vec<Entry>,
    /// What is not in the entries.
    left_out: Vec<LeftOut>,
    /// Relations that the plan cannot reach, as statements have their names.
    pub not_needed: BTreeSet<String>,
}

impl Blueprint {
    /// Draws it up: what the snapshot of [`Original::look`] holds, or a selection of it.
    pub async fn draw(
        original: Original,
        selection: Option<Selection>,
        libpq: &Libpq,
        pg_dump: &Path,
    ) -> Result<Blueprint> {
        let dump = async |arguments: Vec<String>| {
            let text = dump::run(pg_dump, libpq, &original.name, &original.snapshot, &arguments);
            let text = text.await?;
            let entries = tokio::task::spawn_blocking(move || dump::entries(&text)).await;
            entries.map_err(|panic| Error::Unexpected(panic.to_string()))
        };
        let pattern = |schema: &str, name: &str| format!("{}.{}", quote(schema), quote(name));
        let mut left_out: Vec<LeftOut> = Vec::new();
        let mut not_needed = BTreeSet::new();
        let entries = match selection {
            None => {
                let unreadable = original.unreadable.iter();
                let excluded = unreadable.map(|table| pattern(&table.schema, &table.name));
                dump(excluded.map(|one| format!("--exclude-table={one}")).collect()).await?
            }
            Some(selection) => {
                let is_readable = |one: &&selection::Relation| {
                    let mut unreadable = original.unreadable.iter();
                    !unreadable.any(|table| table.schema == one.schema && table.name == one.name)
                };
                let wanted = selection.reached.iter().filter(is_readable);
                let wanted: Vec<String> = wanted
                    .map(|one| format!("--table={}", pattern(&one.schema, &one.name)))
                    .collect();
                not_needed.extend(selection.others.iter().map(|one| one.quoted.clone()));
                left_out.extend(selection.others.into_iter().map(|one| LeftOut {
                    object: format!("TABLE {}.{}", one.schema, one.name),
                    name: one.name,
                    why: Why::NotNeeded,
                }));
                let none = async || match wanted.is_empty() {
                    true => Ok(Vec::new()),
                    false => dump(wanted.clone()).await,
                };
                let (rest, tables) =
                    tokio::join!(dump(vec!["--exclude-table=*.*".to_owned()]), none());
                rest?.into_iter().chain(tables?).collect()
            }
        };
        Ok(Blueprint { original, entries, left_out, not_needed })
    }

    /// Makes the roles, tablespaces and the database on a server of this cluster that has none. The client is of
    /// [`door`].
    pub async fn found(&self, root: &Client, cluster: &Cluster) -> Result<Vec<LeftOut>> {
        const DOING: &str = "making the sandbox's database";
        let original = &self.original;
        let name = quote(&original.name);
        // What is refused is there already, or of another superuser; the comparison finds what matters.
        run_all(root, &original.roles).await;
        root.batch_execute("SET allow_in_place_tablespaces = on").await.or_else(ignore)?;
        run_all(root, &original.tablespaces).await;
        // A role that another database depends on is not dropped here either.
        if !original.elsewhere.is_empty() {
            let grant =
                format!("GRANT USAGE ON SCHEMA public TO {}", original.elsewhere.join(", "));
            root.batch_execute(&grant).await.doing(DOING)?;
        }
        if *cluster != Cluster::Whole {
            root.batch_execute(&original.take_over()).await.doing(DOING)?;
            run_all(root, &original.about).await;
            return Ok(Vec::new());
        }
        root.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await.doing(DOING)?;
        let mut left_out = Vec::new();
        let mut refused = None;
        for create in original.create() {
            match root.batch_execute(&create).await {
                Ok(()) => {
                    left_out.extend(refused.map(|message| LeftOut {
                        object: "LOCALE of the database".to_owned(),
                        name: original.name.clone(),
                        why: Why::Refused { message },
                    }));
                    run_all(root, &original.about).await;
                    return Ok(left_out);
                }
                Err(source) => refused = Some(Error::database(DOING, source).to_string()),
            }
        }
        Err(Error::BadInput(refused.unwrap_or_default()))
    }

    /// Makes everything in the database; answers what could not be made. The client is of its superuser.
    pub async fn build(&self, root: &Client, major: u32, by: Restorer<'_>) -> Result<Vec<LeftOut>> {
        const DOING: &str = "restoring the schema in the sandbox";
        let Restorer { name: restorer, client } = by;
        let original = &self.original;
        let available = Available::at(root).await?;
        let unreadable = original.unreadable.iter().map(|table| LeftOut {
            object: format!("TABLE {}.{}", table.schema, table.name),
            name: table.name.clone(),
            why: Why::NoSelect { grant: table.grant.clone() },
        });
        let mut left_out: Vec<LeftOut> = unreadable.chain(self.left_out.clone()).collect();
        let begin = format!(
            "{}SET SESSION AUTHORIZATION {}",
            include_str!("../../sql/rehearsal/twin_restore.sql"),
            quote(restorer)
        );
        client.batch_execute(&begin).await.doing(DOING)?;
        let mut entries = Vec::new();
        for entry in &self.entries {
            let extension = original.extensions.iter().find(|one| one.is(&entry.name));
            match (entry.kind.as_str(), extension) {
                ("EXTENSION", Some(extension)) if !available.has(extension) => {
                    left_out.extend([&entry.name].into_iter().chain(&extension.members).map(
                        |name| {
                            let why = extension.missing(major);
                            LeftOut { object: entry.object(), name: name.clone(), why }
                        },
                    ));
                }
                ("EXTENSION", Some(extension)) => {
                    let text = extension.statements(&available, restorer);
                    entries.push(Entry { text, ..entry.clone() });
                }
                _ => entries.push(entry.clone()),
            }
        }
        // These see whatever is made after them.
        let is_trigger = |entry: &Entry| {
            entry.kind == "EVENT TRIGGER" || entry.name.starts_with("EVENT TRIGGER ")
        };
        let (event_triggers, entries): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(is_trigger);
        if original.lacks_public {
            run_all(client, &["DROP SCHEMA public".to_owned()]).await;
        }
        left_out.extend(restore(client, &entries).await);
        let shut = crate::effects::ways_out_sql();
        let shut = format!("RESET SESSION AUTHORIZATION; SET default_tablespace = ''; {shut}");
        root.batch_execute(&shut).await.doing("shutting the sandbox's ways out")?;
        self.fill_materialized_views(root, |_| true).await?;
        run_all(root, &original.sequences).await;
        left_out.extend(restore(client, &event_triggers).await);
        let settings: Vec<String> =
            original.settings.iter().filter_map(|one| one.statement(&original.name)).collect();
        run_all(root, &settings).await;
        for one in &mut left_out {
            // A foreign key, say, to a table that the plan cannot reach.
            if let Why::Refused { message } = &one.why
                && message.split('"').nth(1).is_some_and(|name| self.not_needed.contains(name))
            {
                one.why = Why::NotNeeded;
            }
        }
        Ok(left_out)
    }

    /// Lets a session find what sessions of the database find: functions of rows, indexes and views rely on it.
    pub fn search_path(&self) -> String {
        format!("SET search_path = {}", self.original.search_path())
    }

    /// Fills the materialized views that are filled in the original, each after those that it reads. One that cannot
    /// be filled shows in the comparison.
    pub async fn fill_materialized_views(
        &self,
        root: &Client,
        which: impl Fn(&[String]) -> bool,
    ) -> Result<()> {
        use crate::unprepared::Unprepared;
        const DOING: &str = "filling materialized views in the sandbox";
        if self.original.populated.is_empty() {
            return Ok(());
        }
        let sql = include_str!("../../sql/rehearsal/materialized_views.sql");
        let views = root.rows(sql, &[]).await.doing(DOING)?;
        root.batch_execute(&self.search_path()).await.doing(DOING)?;
        for view in views {
            let name: String = view.get("name");
            let tables: Option<Vec<String>> = view.get("tables");
            if self.original.populated.contains(&name) && which(&tables.unwrap_or_default()) {
                let refresh = format!("REFRESH MATERIALIZED VIEW {name}");
                root.batch_execute(&refresh).await.or_else(ignore)?;
            }
        }
        Ok(())
    }
}

/// Lets an error of the server pass; one of the connection stays.
fn ignore(source: tokio_postgres::Error) -> Result<()> {
    match source.as_db_error() {
        Some(_) => Ok(()),
        None => Err(Error::database("copying into the sandbox", source)),
    }
}

/// Runs statements, and those that fail again for as long as more of them succeed: some need others first.
async fn run_all(client: &Client, statements: &[String]) {
    let mut pending: Vec<&String> = statements.iter().collect();
    loop {
        let done = join_all(pending.iter().map(|one| client.batch_execute(one))).await;
        let before = pending.len();
        let is_there =
            |error: &tokio_postgres::Error| error.code() == Some(&SqlState::DUPLICATE_OBJECT);
        let failed = |outcome: &std::result::Result<(), tokio_postgres::Error>| {
            outcome.as_ref().is_err_and(|error| !is_there(error))
        };
        let mut outcomes = done.iter();
        pending.retain(|_| outcomes.next().is_some_and(failed));
        if pending.is_empty() || pending.len() == before {
            return;
        }
    }
}

/// Makes the entries, many in a transaction. Those that fail are tried one by one, and again at the end: some need
/// others that come later.
async fn restore(client: &Client, entries: &[Entry]) -> Vec<LeftOut> {
    const AT_ONCE: usize = 200;
    let mut failed: Vec<(&Entry, String)> = Vec::new();
    for some in entries.chunks(AT_ONCE) {
        let text: String = some.iter().map(|entry| entry.text.as_str()).collect();
        if client.batch_execute(&text).await.is_err() {
            failed.extend(alone(client, some.iter().collect()).await);
        }
    }
    loop {
        let before = failed.len();
        if before == 0 {
            return Vec::new();
        }
        failed = alone(client, failed.into_iter().map(|(entry, _)| entry).collect()).await;
        if failed.len() == before {
            break;
        }
    }
    let left_out = |(entry, message): (&Entry, String)| LeftOut {
        object: entry.object(),
        name: entry.bare_name().to_owned(),
        why: Why::Refused { message },
    };
    failed.into_iter().map(left_out).collect()
}

/// Makes each of the entries in a transaction; answers those that fail, with what the server says.
async fn alone<'a>(client: &Client, entries: Vec<&'a Entry>) -> Vec<(&'a Entry, String)> {
    let outcomes = join_all(entries.iter().map(|entry| client.batch_execute(&entry.text))).await;
    let failed = entries.into_iter().zip(outcomes).filter_map(|(entry, outcome)| {
        let error = outcome.err()?;
        let message = error.as_db_error().map_or(error.to_string(), |db| db.message().to_owned());
        Some((entry, message))
    });
    failed.collect()
}

/// An identifier.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string, whatever `standard_conforming_strings` says.
pub(super) fn literal(text: &str) -> String {
    let escape = if text.contains('\\') { "E" } else { "" };
    format!("{escape}'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The elements of a list of names as a setting stores it, each a literal.
fn list_items(list: &str) -> String {
    let mut items = Vec::new();
    let mut item = String::new();
    let mut quoted = false;
    let mut characters = list.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                item.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => items.push(std::mem::take(&mut item)),
            c if c.is_whitespace() && !quoted => {}
            c => item.push(c),
        }
    }
    items.push(item);
    items.iter().map(|item| literal(item)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{LeftOut, Why, list_items};

    #[test]
    fn a_list_is_a_list_again() {
        for (stored, written) in [
            ("\"$user\", public", "'$user', 'public'"),
            ("\"\"", "''"),
            ("app", "'app'"),
            ("\"a\"\"b, c\", d", "'a\"b, c', 'd'"),
            ("x;DROP/**/TABLE/**/t", "'x;DROP/**/TABLE/**/t'"),
        ] {
            assert_eq!(list_items(stored), written, "{stored}");
        }
    }

    #[test]
    fn what_was_left_out_is_found_in_a_fingerprint() {
        let left_out = |object: &str, name: &str| LeftOut {
            object: object.to_owned(),
            name: name.to_owned(),
            why: Why::NotNeeded,
        };
        let table = left_out("MATERIALIZED VIEW public.T", "T");
        assert_eq!(table.fingerprinted(), "materialized view public.T");
        let key = left_out("FK CONSTRAINT public.t50 t50_parent_fkey", "t50_parent_fkey");
        assert_eq!(key.fingerprinted(), "constraint t50_parent_fkey on public.t50");
        assert_eq!(left_out("EXTENSION postgis", "postgis").fingerprinted(), "extension postgis");
    }
}
