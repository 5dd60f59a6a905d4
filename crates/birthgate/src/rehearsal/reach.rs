//! What a plan may touch, told by the names that stand in it: in its statements, in the texts and bodies within
//! them, and in the functions that it calls or fires. Names of more than it touches do no harm: they only bring rows.

use std::collections::BTreeSet;

use squawk_lexer::{LiteralKind, TokenKind};
use tokio_postgres::Client;

use super::rows::{Need, Reach};
use crate::error::{Doing, Result};
use crate::plan::Plan;
use crate::script::Script;
use crate::unprepared::Unprepared;
use crate::words::words;

/// How deep texts within texts are looked into.
const DEEPEST: usize = 5;

/// The names in a text of SQL, as PostgreSQL folds them.
pub(super) fn names(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(text, 0, &mut found);
    found
}

/// The names in the statements of a script.
pub(super) fn names_of(script: &Script) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for statement in &script.statements {
        collect(script.text_of(statement), 0, &mut found);
    }
    found
}

fn collect(text: &str, depth: usize, found: &mut BTreeSet<String>) {
    for word in words(text) {
        found.extend(word.name());
        let inner = match word.kind {
            TokenKind::Literal { kind: LiteralKind::DollarQuotedString { .. } } => {
                let tag = word.text[1..].find('$').map_or(0, |at| at + 2);
                word.text.get(tag..word.text.len().saturating_sub(tag)).map(str::to_owned)
            }
            TokenKind::Literal { kind: LiteralKind::Str { .. } | LiteralKind::EscStr { .. } }
                if word.text.len() < 1 << 16 =>
            {
                let start = word.text.find('\'').map_or(0, |at| at + 1);
                let end = word.text.len().saturating_sub(1).max(start);
                word.text.get(start..end).map(|inner| inner.replace("''", "'"))
            }
            _ => None,
        };
        if let Some(inner) = inner.filter(|_| depth < DEEPEST) {
            collect(&inner, depth + 1, found);
        }
    }
}

/// Whether a statement runs code whose reach its text does not tell.
pub(super) fn runs_code(text: &str) -> bool {
    crate::words::first(text, 1).first().is_some_and(|word| word.is("do") || word.is("call"))
}

/// Everything that the names in some scripts lead to.
pub(super) struct Closure {
    /// Every name that was met, in the scripts and in the bodies of what they call or fire.
    pub names: BTreeSet<String>,
    /// The tables among them.
    pub tables: BTreeSet<String>,
}

impl Closure {
    /// Of these scripts, in the live database.
    pub async fn of(client: &Client, scripts: &[&Script]) -> Result<Closure> {
        const DOING: &str = "looking for what the plan names";
        let mut new: BTreeSet<String> =
            scripts.iter().flat_map(|script| names_of(script)).collect();
        let events = include_str!("../../sql/rehearsal/event_trigger_functions.sql");
        let fired = client.rows(events, &[]).await.doing(DOING)?;
        new.extend(fired.iter().map(|row| row.get::<_, String>(0)));
        let mut closure = Closure { names: BTreeSet::new(), tables: BTreeSet::new() };
        while !new.is_empty() {
            let asked: Vec<String> = new.iter().cloned().collect();
            closure.names.append(&mut new);
            let sql = include_str!("../../sql/rehearsal/reach.sql");
            for row in client.rows(sql, &[&asked]).await.doing(DOING)? {
                let (kind, text): (String, String) = (row.get(0), row.get(1));
                let found = match kind.as_str() {
                    "table" => {
                        closure.tables.insert(text);
                        continue;
                    }
                    "name" => BTreeSet::from([text]),
                    _ => names(&text),
                };
                new.extend(found.into_iter().filter(|name| !closure.names.contains(name)));
            }
        }
        Ok(closure)
    }
}

/// The tables of the live database that a plan names, whose rows its sandbox needs.
pub(super) async fn need(client: &Client, plan: &Plan) -> Result<Need> {
    let all: Vec<&Script> = plan.steps.iter().flat_map(|step| step.scripts()).collect();
    let closure = Closure::of(client, &all).await?;
    let moves = ["delete", "truncate", "update", "merge", "drop", "cascade"];
    let reach = match moves.iter().any(|word| closure.names.contains(*word)) {
        true => Reach::BothWays,
        false => Reach::References,
    };
    let mut need = Need::default();
    for table in closure.tables {
        need.add(table, reach);
    }
    Ok(need)
}

/// Every table of the live database.
pub(super) async fn everything(client: &Client) -> Result<Need> {
    let sql = include_str!("../../sql/rehearsal/every_table.sql");
    let rows = client.rows(sql, &[]).await.doing("listing the tables")?;
    let mut need = Need::default();
    for row in rows {
        need.add(row.get::<_, String>(0), Reach::References);
    }
    Ok(need)
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_found_in_texts_within_texts() {
        let found = super::names(
            "DO $$ BEGIN EXECUTE 'UPDATE \"Order\" SET a = ''x'' FROM ' || format('%I', 'customer'); END $$",
        );
        for name in ["Order", "customer", "update", "x"] {
            assert!(found.contains(name), "{name}: {found:?}");
        }
    }
}
