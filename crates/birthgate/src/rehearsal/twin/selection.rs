//! What of a large database a plan can reach, so that a sandbox need not have all of it. Its words decide, not its
//! grammar: a relation is reached when its name is a word of the plan, or of a function that is. A plan that could
//! reach what it does not name gets everything.

use std::collections::{BTreeMap, BTreeSet};

use squawk_lexer::{LiteralKind, TokenKind};
use tokio_postgres::Client;

use super::original::Original;
use crate::error::{Doing, Result};
use crate::plan::{Plan, Step, Watchable};
use crate::unprepared::Unprepared;
use crate::words::words;

const DOING: &str = "looking for what the plan can reach";

/// From how many tables on a copy is a selection.
const LARGE: i64 = 200;

/// From how many bytes on a plan is not looked through.
const LONGEST: usize = 4_000_000;
/// Words with which a plan reaches what it does not name.
const REACHING: &[&str] = &[
    "all",
    "analyze",
    "cast",
    "cluster",
    "collation",
    "database",
    "domain",
    "dblink",
    "event",
    "execute",
    "extension",
    "information_schema",
    "operator",
    "owned",
    "publication",
    "reindex",
    "schema",
    "subscription",
    "tablespace",
    "to_regclass",
    "to_regtype",
    "truncate",
    "vacuum",
];
/// Words with which a plan changes a function, of which it then has to have whatever uses it.
const CODE: &[&str] = &["aggregate", "function", "procedure", "routine"];

/// A relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Relation {
    pub schema: String,
    pub name: String,
    /// Both, as a statement has them.
    pub quoted: String,
}

/// The part of a database.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Selection {
    pub(super) reached: Vec<Relation>,
    pub(super) others: Vec<Relation>,
}

impl Selection {
    /// What the plan can reach; `None`: all of it.
    pub async fn of(
        client: &Client,
        original: &Original,
        plan: &Plan,
    ) -> Result<Option<Selection>> {
        if original.tables < LARGE {
            return Ok(None);
        }
        let Some(words) = words_of(plan) else { return Ok(None) };
        let sql = include_str!("../../../sql/rehearsal/selection_names.sql");
        let names = client.rows(sql, &[]).await.doing(DOING)?;
        let sql = include_str!("../../../sql/rehearsal/selection_edges.sql");
        let edges = client.rows(sql, &[]).await.doing(DOING)?;
        let mut graph = Graph::default();
        for row in &names {
            let (oid, name): (u32, String) = (row.get("oid"), row.get("name"));
            match row.get::<_, &str>("what") {
                "relation" => {
                    let quoted = row.get("quoted");
                    let relation =
                        Relation { schema: row.get("schema"), name: name.clone(), quoted };
                    graph.relations.insert(oid, relation);
                    graph.named.entry(name.to_lowercase()).or_default().push(Named::Relation(oid));
                }
                "part" => {
                    graph.named.entry(name.to_lowercase()).or_default().push(Named::Relation(oid))
                }
                "type" => graph.named.entry(name.to_lowercase()).or_default().push(Named::Type),
                _ => {
                    let body = row.get::<_, Option<String>>("body").unwrap_or_default();
                    graph.bodies.insert(oid, body);
                    graph.named.entry(name.to_lowercase()).or_default().push(Named::Function(oid));
                }
            }
        }
        for row in &edges {
            graph.add(row.get("kind"), row.get("from"), row.get("to"));
        }
        let Some(reached) = graph.reached_by(words) else { return Ok(None) };
        let (reached, others): (Vec<_>, Vec<_>) =
            graph.relations.into_iter().partition(|(oid, _)| reached.contains(oid));
        let relations = |some: Vec<(u32, Relation)>| some.into_iter().map(|(_, one)| one).collect();
        Ok(Some(Selection { reached: relations(reached), others: relations(others) }))
    }
}

/// Everything of a plan that could be a name, in small letters; `None`: it could reach more than it names.
fn words_of(plan: &Plan) -> Option<BTreeSet<String>> {
    let steps = plan.steps.iter().flat_map(Step::scripts).map(|script| script.text.as_str());
    let watched = plan.watch.iter().map(|watch| match &watch.what {
        Watchable::Object(text) | Watchable::Query(text) => text.as_str(),
    });
    let texts: Vec<&str> = steps.chain(watched).collect();
    if texts.iter().map(|text| text.len()).sum::<usize>() > LONGEST {
        return None;
    }
    let mut words = BTreeSet::new();
    texts.into_iter().all(|text| take_words(text, &mut words)).then_some(words)
}

/// Takes the words of a text and of the strings in it; whether it reaches only what it names.
fn take_words(text: &str, names: &mut BTreeSet<String>) -> bool {
    words(text).iter().all(|word| match word.kind {
        TokenKind::Literal {
            kind: LiteralKind::Str { .. } | LiteralKind::DollarQuotedString { .. },
        } => take_words(inside(word.text), names),
        TokenKind::Literal { kind: LiteralKind::Int { .. } | LiteralKind::Numeric { .. } } => true,
        // Escapes write a name that is none of the words.
        TokenKind::Literal { kind: LiteralKind::UnicodeEscStr { .. } } => false,
        TokenKind::Literal { .. } => {
            !word.text.contains('\\') && take_words(inside(word.text), names)
        }
        TokenKind::Unknown | TokenKind::QuotedIdent { uescape: true, .. } => false,
        TokenKind::Ident | TokenKind::QuotedIdent { .. } => {
            let name = word.name().unwrap_or_default().to_lowercase();
            let reaches = name.starts_with("pg_") || REACHING.contains(&name.as_str());
            names.insert(name);
            !reaches
        }
        _ => true,
    })
}

/// A string without its quotes.
fn inside(literal: &str) -> &str {
    let quote = literal.find(['\'', '$']).unwrap_or(0);
    let marks = match literal[quote..].strip_prefix('$').and_then(|rest| rest.find('$')) {
        Some(end) => end + 2,
        None => 1,
    };
    let end = literal.len().saturating_sub(marks).max(quote + marks);
    literal.get(quote + marks..end).unwrap_or_default()
}

#[derive(Clone, Copy)]
enum Named {
    Relation(u32),
    Function(u32),
    Type,
}

/// How a database hangs together.
#[derive(Default)]
struct Graph {
    relations: BTreeMap<u32, Relation>,
    bodies: BTreeMap<u32, String>,
    named: BTreeMap<String, Vec<Named>>,
    /// To relations whose rows or form change with those of another.
    along: BTreeMap<u32, Vec<u32>>,
    /// To relations that have to be there beside another.
    beside: BTreeMap<u32, Vec<u32>>,
    calls: BTreeMap<u32, Vec<u32>>,
    always: Vec<u32>,
}

impl Graph {
    fn add(&mut self, kind: &str, from: u32, to: u32) {
        let mut add = |along: bool, from: u32, to: u32| {
            let map = if along { &mut self.along } else { &mut self.beside };
            map.entry(from).or_default().push(to);
        };
        match kind {
            // A table with its partitions and children, and a view with what it reads.
            "family" | "reads" | "owns" => {
                add(true, from, to);
                add(true, to, from);
            }
            "passes on" => {
                add(false, from, to);
                add(true, to, from);
            }
            "refers" => {
                add(false, from, to);
                add(false, to, from);
            }
            "uses" => add(true, from, to),
            "calls" => self.calls.entry(from).or_default().push(to),
            _ => self.always.push(to),
        }
    }

    /// The relations that these words reach; `None`: there is more than can be known.
    fn reached_by(&self, words: BTreeSet<String>) -> Option<BTreeSet<u32>> {
        let changes_code = words.iter().any(|word| CODE.contains(&word.as_str()));
        let mut reached = BTreeSet::new();
        let mut called = BTreeSet::new();
        let mut open: Vec<Named> = self.always.iter().map(|oid| Named::Function(*oid)).collect();
        for word in &words {
            for named in self.named.get(word).into_iter().flatten() {
                if matches!(named, Named::Function(_)) && changes_code {
                    return None;
                }
                open.push(*named);
            }
        }
        // What a string names may be written with marks between, which make two words of it.
        let is_word =
            |name: &str| name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
        open.extend(
            self.named.iter().filter(|(name, _)| !is_word(name)).flat_map(|(_, some)| some),
        );
        while let Some(named) = open.pop() {
            match named {
                Named::Type => return None,
                Named::Relation(oid) if reached.insert(oid) => {
                    open.extend(
                        self.along.get(&oid).into_iter().flatten().map(|one| Named::Relation(*one)),
                    );
                    open.extend(
                        self.calls.get(&oid).into_iter().flatten().map(|one| Named::Function(*one)),
                    );
                }
                Named::Function(oid) if called.insert(oid) => {
                    let mut more = BTreeSet::new();
                    if let Some(body) = self.bodies.get(&oid)
                        && !take_words(body, &mut more)
                    {
                        return None;
                    }
                    open.extend(more.iter().filter_map(|word| self.named.get(word)).flatten());
                }
                _ => {}
            }
        }
        let beside: Vec<u32> =
            reached.iter().filter_map(|oid| self.beside.get(oid)).flatten().copied().collect();
        reached.extend(beside);
        Some(reached)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::take_words;

    #[test]
    fn a_text_says_what_it_names_and_whether_it_could_reach_more() {
        for (text, reaches_more) in [
            ("ALTER TABLE t ADD COLUMN c int; -- of all databases", false),
            ("DO $$ BEGIN PERFORM 'T'::regclass; END $$", false),
            ("DO $$ BEGIN EXECUTE 'DROP TABLE ' || x; END $$", true),
            ("DO $a$ BEGIN PERFORM $b$ SELECT FROM pg_class $b$; END $a$", true),
            ("SELECT E'\\x74'::regclass FROM t", true),
            ("SELECT U&'!0074' UESCAPE '!'", true),
            ("SELECT FROM U&\"\\0074\"", true),
            ("GRANT SELECT ON ALL TABLES IN SCHEMA public TO t", true),
        ] {
            let mut names = BTreeSet::new();
            assert_eq!(!take_words(text, &mut names), reaches_more, "{text}");
            assert!(reaches_more || names.contains("t"), "{text}: {names:?}");
        }
    }
}
