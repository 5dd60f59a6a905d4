//! Which names a text of SQL mentions, and which changes of rows it makes to what bears them.

use std::collections::BTreeMap;
use std::ops::{BitOr, BitOrAssign};

use super::named::{When, when};
use super::text::{Token, each};

/// Changes of rows, as `pg_trigger.tgtype` has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Changes(pub u8);

impl Changes {
    pub const INSERT: Changes = Changes(4);
    pub const DELETE: Changes = Changes(8);
    pub const UPDATE: Changes = Changes(16);
    pub const TRUNCATE: Changes = Changes(32);
    pub const ANY: Changes = Changes(60);

    /// Whether some of these are among those.
    pub fn meets(self, others: Changes) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether all of these are among those.
    pub fn within(self, others: Changes) -> bool {
        self.0 & !others.0 == 0
    }
}

impl BitOr for Changes {
    type Output = Changes;
    fn bitor(self, other: Changes) -> Changes {
        Changes(self.0 | other.0)
    }
}

impl BitOrAssign for Changes {
    fn bitor_assign(&mut self, other: Changes) {
        self.0 |= other.0;
    }
}

/// A name as a text mentions it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mention {
    pub schema: Option<String>,
    pub name: String,
    /// Whether it is called as a function is.
    pub is_called: bool,
}

/// What a text mentions.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    /// The names, with the changes that are made to each.
    pub names: BTreeMap<Mention, Changes>,
    /// Changes of what the text does not name.
    pub elsewhere: Changes,
    /// Whether it changes the schema.
    pub is_of_the_schema: bool,
    /// The operators, as they stand there.
    pub operators: Vec<String>,
}

/// What a statement mentions that runs with it, or the body of a function.
pub(super) fn mentions(sql: &str, is_body: bool) -> Mentions {
    let mut found = Mentions::default();
    each(sql, is_body, &mut |statement, depth| {
        found.is_of_the_schema |= is_of_the_schema(statement);
        if depth == 0 && when(statement) == When::Later {
            return false;
        }
        found.changes(statement);
        found.operators(statement);
        for (at, token) in statement.iter().enumerate() {
            let is_qualifier = statement.get(at + 1).is_some_and(|next| next.is_mark("."));
            if token.name().is_none() || is_qualifier {
                continue;
            }
            if let Some(mention) = mention(statement, at) {
                found.names.entry(mention).or_default();
            }
        }
        true
    });
    found
}

/// The name that ends here, with its schema.
fn mention(statement: &[Token], at: usize) -> Option<Mention> {
    let name = statement.get(at)?.name()?.to_owned();
    let after_dot = at > 0 && statement[at - 1].is_mark(".");
    let before = at.checked_sub(2).filter(|_| after_dot).map(|before| &statement[before]);
    let schema = before.and_then(Token::name).map(str::to_owned);
    // (7::bigint).f is a call of f.
    let as_attribute = before.is_some_and(|token| token.name().is_none());
    let is_called = as_attribute || statement.get(at + 1).is_some_and(|next| next.is_mark("("));
    Some(Mention { schema, name, is_called })
}

fn is_of_the_schema(statement: &[Token]) -> bool {
    let changes = [
        "create", "alter", "drop", "grant", "revoke", "comment", "reindex", "refresh", "security",
        "import",
    ];
    let makes_a_table =
        |pair: &[Token]| pair[1].is("into") && !pair[0].is("insert") && !pair[0].is("merge");
    statement.first().is_some_and(|first| {
        changes.iter().any(|keyword| first.is(keyword))
            || first.is("select") && statement.windows(2).any(makes_a_table)
    })
}

impl Mentions {
    /// Changes of a name, and of all that are inserted into where an ON CONFLICT updates them.
    fn changes(&mut self, statement: &[Token]) {
        let is =
            |at: usize, keyword: &str| statement.get(at).is_some_and(|token| token.is(keyword));
        let mut inserted: Vec<Mention> = Vec::new();
        for (at, token) in statement.iter().enumerate() {
            match token {
                _ if token.is("insert") && is(at + 1, "into") => {
                    inserted.extend(self.change(statement, at + 2, Changes::INSERT));
                }
                _ if token.is("merge") && is(at + 1, "into") => {
                    let changes = Changes::INSERT | Changes::UPDATE | Changes::DELETE;
                    self.change(statement, at + 2, changes);
                }
                _ if token.is("delete") && is(at + 1, "from") => {
                    self.change(statement, at + 2, Changes::DELETE);
                }
                _ if token.is("update") && at > 0 && is(at - 1, "do") => {
                    for mention in &inserted {
                        *self.names.entry(mention.clone()).or_default() |= Changes::UPDATE;
                    }
                }
                _ if token.is("update") && !is_no_statement(statement, at) => {
                    // SET column = DEFAULT evaluates what an INSERT would.
                    let changes = match statement.iter().any(|token| token.is("default")) {
                        true => Changes::UPDATE | Changes::INSERT,
                        false => Changes::UPDATE,
                    };
                    self.change(statement, at + 1, changes);
                }
                _ if token.is("truncate") && !is_no_statement(statement, at) => {
                    let first = if is(at + 1, "table") { at + 2 } else { at + 1 };
                    self.change(statement, first, Changes::TRUNCATE);
                    for (comma, _) in statement.iter().enumerate().skip(first) {
                        if statement[comma].is_mark(",") {
                            self.change(statement, comma + 1, Changes::TRUNCATE);
                        }
                    }
                }
                _ if copies_into(statement, at) => {
                    self.change(statement, at + 1, Changes::INSERT);
                }
                Token::Literal(content) => self.elsewhere |= open_end(content),
                _ => {}
            }
        }
    }

    /// A change of what is named from here, or of anything where no name stands there.
    fn change(&mut self, statement: &[Token], at: usize, changes: Changes) -> Option<Mention> {
        let only = statement.get(at).is_some_and(|token| token.is("only"));
        let mut at = if only { at + 1 } else { at };
        while statement.get(at + 1).is_some_and(|next| next.is_mark(".")) {
            at += 2;
        }
        let Some(mention) = mention(statement, at) else {
            self.elsewhere |= changes;
            return None;
        };
        // A table and its columns look like a call.
        for is_called in [true, false] {
            let mention = Mention { is_called, ..mention.clone() };
            *self.names.entry(mention).or_default() |= changes;
        }
        Some(mention)
    }

    fn operators(&mut self, statement: &[Token]) {
        let mut operator = String::new();
        for token in statement {
            match token {
                Token::Other(mark) if mark.chars().all(|c| "+-*/<>=~!@#%^&|`?".contains(c)) => {
                    operator.push_str(mark);
                }
                _ if operator.is_empty() => {}
                _ => self.operators.push(std::mem::take(&mut operator)),
            }
        }
        if !operator.is_empty() {
            self.operators.push(operator);
        }
    }
}

/// Whether a COPY begins here that fills a table.
fn copies_into(statement: &[Token], at: usize) -> bool {
    statement[at].is("copy")
        && statement.iter().any(|token| token.is("from"))
        && !statement.get(at + 1).is_some_and(|next| next.is_mark("("))
}

/// Whether an UPDATE or TRUNCATE is part of something else: FOR UPDATE, ON UPDATE CASCADE, a privilege, the event
/// of a trigger, or a value that TG_OP is compared with.
fn is_no_statement(statement: &[Token], at: usize) -> bool {
    let before = ["for", "on", "before", "after", "or", "key", "of", "grant", "revoke"];
    let is_after = at > 0
        && (statement[at - 1].is_mark(",") || before.iter().any(|word| statement[at - 1].is(word)));
    let is_before = statement.get(at + 1).is_some_and(|next| {
        next.is_mark(",")
            || next.is_mark(")")
            || ["on", "or", "of"].iter().any(|word| next.is(word))
    });
    is_after || is_before || statement.len() == 1
}

/// The change that a text ends in the middle of: 'UPDATE ' || quote_ident(name).
fn open_end(content: &str) -> Changes {
    if content.trim_end() == content {
        return Changes::default();
    }
    let mut words = content.split_whitespace().rev().map(str::to_ascii_lowercase);
    match words.next().as_deref() {
        Some("update") => Changes::UPDATE,
        Some("truncate") => Changes::TRUNCATE,
        Some("only" | "table") => match words.next().as_deref() {
            Some("update") => Changes::UPDATE,
            Some("truncate") => Changes::TRUNCATE,
            _ => Changes::default(),
        },
        _ => Changes::default(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Changes, mentions};

    /// The changes of a name, wherever it stands.
    fn of(sql: &str, name: &str) -> Option<Changes> {
        let found = mentions(sql, false);
        let names = found.names.iter().filter(|(mention, _)| mention.name == name);
        names.map(|(_, changes)| *changes).reduce(|one, other| one | other)
    }

    #[test]
    fn changes_are_those_of_their_table() {
        for (sql, changes) in [
            ("INSERT INTO a.t (id) SELECT id FROM o", Changes::INSERT),
            (
                "INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1",
                Changes::INSERT | Changes::UPDATE,
            ),
            ("UPDATE ONLY t SET a = o.a FROM o", Changes::UPDATE),
            ("UPDATE t SET a = DEFAULT FROM o", Changes::UPDATE | Changes::INSERT),
            ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x, o", Changes::DELETE),
            ("MERGE INTO t USING o ON true WHEN MATCHED THEN DO NOTHING", Changes(28)),
            ("TRUNCATE TABLE x, t; SELECT 1 FROM o", Changes::TRUNCATE),
            ("COPY t (a) FROM stdin; SELECT 1 FROM o", Changes::INSERT),
            ("DO $$ BEGIN EXECUTE 'DELETE FROM t'; PERFORM 1 FROM o; END $$", Changes::DELETE),
            ("SELECT * FROM t, o FOR UPDATE OF t", Changes(0)),
        ] {
            assert_eq!(of(sql, "t"), Some(changes), "{sql}");
            assert_eq!(of(sql, "o").unwrap_or_default(), Changes(0), "{sql}");
        }
    }

    #[test]
    fn changes_of_what_is_not_named_are_of_anything() {
        for (sql, changes) in [
            ("DO $$ BEGIN EXECUTE format('INSERT INTO %I VALUES (1)', t); END $$", Changes::INSERT),
            ("DO $$ BEGIN EXECUTE 'DELETE FROM ' || quote_ident(t); END $$", Changes::DELETE),
            ("DO $$ BEGIN EXECUTE 'UPDATE ' || t || ' SET a = 1'; END $$", Changes::UPDATE),
            ("DO $$ BEGIN IF TG_OP = 'UPDATE' THEN NULL; END IF; END $$", Changes(0)),
        ] {
            assert_eq!(mentions(sql, false).elsewhere, changes, "{sql}");
        }
    }

    #[test]
    fn calls_and_operators_are_seen() {
        let found = mentions("SELECT a.f(1) !@ 2, (x).g, h FROM t", false);
        let called: Vec<&str> =
            found.names.keys().filter(|m| m.is_called).map(|m| m.name.as_str()).collect();
        assert_eq!(called, ["g", "f"]);
        assert_eq!(found.operators, ["!@"]);
        assert!(mentions("CREATE VIEW v AS SELECT f()", false).names.is_empty());
        assert!(mentions("CREATE VIEW v AS SELECT f()", false).is_of_the_schema);
        assert!(!mentions("BEGIN CREATE VIEW v AS SELECT f(); END", true).names.is_empty());
    }
}
