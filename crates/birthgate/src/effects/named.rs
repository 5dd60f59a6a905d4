//! What a text of SQL names that has an effect: functions that it calls, statements that it runs, in the open or
//! in a text that it may run.

use schemars::JsonSchema;
use serde::Serialize;

use super::commands::{Command, command};
use super::text::{Token, each};
use super::{Effect, Function, Place, function};

/// What is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A call of a function.
    Function(&'static Function),
    /// A statement.
    Command(Command),
}

/// The sequence that nextval or setval would move.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sequence {
    /// By its name, as it stands in the literal: `public."My_seq"`.
    Named(String),
    /// By the column that owns it: `pg_get_serial_sequence(table, column)`.
    OwnedBy {
        /// The table, as it stands in the literal.
        table: String,
        /// The column, without quotes.
        column: String,
    },
}

/// When what is named runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// With the statement, as far as the text tells.
    Now,
    /// Not with the statement: it is part of something that the statement defines, such as a function, a view or
    /// the default of a column, or of a comment.
    Later,
}

/// Something with an effect that a text names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Named {
    /// What.
    pub what: What,
    /// Which sequence, where a literal says so.
    pub sequence: Option<Sequence>,
    /// When it runs.
    pub when: When,
}

impl Named {
    /// What it does.
    pub fn effect(&self) -> Effect {
        match self.what {
            What::Function(function) => function.effect,
            What::Command(command) => command.effect(),
        }
    }

    /// Where it may run.
    pub fn place(&self) -> Place {
        match self.when {
            When::Now => self.effect().place(),
            When::Later => Place::Anywhere,
        }
    }

    /// As SQL calls it.
    pub fn name(&self) -> &'static str {
        match self.what {
            What::Function(function) => function.name,
            What::Command(command) => command.name(),
        }
    }
}

/// Everything with an effect that a text names, each only once. Texts within literals are read too, as SQL: what
/// a DO or an EXECUTE holds, and any other literal. What is put together when it runs is not seen, but for
/// literals that are joined by `||`.
pub fn named_in(text: &str) -> Vec<Named> {
    named(text, false)
}

/// Everything with an effect that the body of a function names.
pub(super) fn named_in_body(text: &str) -> Vec<Named> {
    named(text, true)
}

fn named(text: &str, is_body: bool) -> Vec<Named> {
    let mut found: Vec<Named> = Vec::new();
    let mut outside = When::Now;
    each(text, is_body, &mut |statement, depth| {
        // Within a body, what is defined may be used by the next statement of the same body.
        let when = if depth == 0 { when(statement) } else { outside };
        outside = when;
        let command = command(statement).map(|command| Named {
            what: What::Command(command),
            sequence: None,
            when,
        });
        for named in command.into_iter().chain(functions(statement, when)) {
            if !found.contains(&named) {
                found.push(named);
            }
        }
        true
    });
    found
}

/// The functions with an effect that a statement calls.
fn functions(statement: &[Token], when: When) -> impl Iterator<Item = Named> + '_ {
    let by_name_alone = takes_functions_by_name(statement);
    statement.iter().enumerate().filter_map(move |(at, token)| {
        let function = function(token.name()?)?;
        let after_dot = at > 0 && statement[at - 1].is_mark(".");
        let before_dot = at.checked_sub(2).map(|before| &statement[before]);
        let called = statement.get(at + 1).is_some_and(|next| next.is_mark("("));
        // (7::bigint).pg_advisory_lock is a call.
        let as_attribute = after_dot
            && matches!(before_dot, Some(Token::Other(mark)) if mark == ")" || mark == "]" || mark.starts_with('$'));
        if !called && !as_attribute && !by_name_alone || is_table(statement, at) {
            return None;
        }
        // Another schema's function of the same name is not the server's.
        let schema = before_dot.filter(|_| after_dot).and_then(Token::name);
        if function.library.is_empty() && schema.is_some_and(|schema| schema != "pg_catalog") {
            return None;
        }
        let sequence = (function.effect == Effect::MovesSequence && called)
            .then(|| sequence(&statement[at + 2..]))
            .flatten();
        Some(Named { what: What::Function(function), sequence, when })
    })
}

/// Whether the name is that of a table, whose columns follow.
fn is_table(statement: &[Token], at: usize) -> bool {
    let mut first = at;
    while first > 1 && statement[first - 1].is_mark(".") {
        first -= 2;
    }
    let before = ["table", "into", "exists", "references", "copy"];
    first > 0 && before.iter().any(|keyword| statement[first - 1].is(keyword))
}

/// Whether a statement gives functions without their arguments: CREATE OPERATOR and the like.
fn takes_functions_by_name(statement: &[Token]) -> bool {
    let is_one =
        |token: &Token| ["operator", "aggregate", "type"].iter().any(|word| token.is(word));
    statement.first().is_some_and(|token| token.is("create"))
        && statement[1..].iter().take(3).any(is_one)
}

/// The sequence that the arguments begin with.
fn sequence(arguments: &[Token]) -> Option<Sequence> {
    match arguments {
        [Token::Literal(name), ..] => Some(Sequence::Named(name.clone())),
        [cast, open, rest @ ..] if cast.is("cast") && open.is_mark("(") => sequence(rest),
        [open, rest @ ..] if open.is_mark("(") => sequence(rest),
        [catalog, dot, rest @ ..] if catalog.is("pg_catalog") && dot.is_mark(".") => sequence(rest),
        [of, open, Token::Literal(table), rest @ ..]
            if of.is("pg_get_serial_sequence") && open.is_mark("(") =>
        {
            let mut rest = rest.iter().skip_while(|token| !token.is_mark(",")).skip(1);
            let column = rest.next()?.literal()?.to_owned();
            Some(Sequence::OwnedBy { table: table.clone(), column })
        }
        _ => None,
    }
}

/// Whether a statement runs what it names, or defines something that does later.
pub(super) fn when(statement: &[Token]) -> When {
    let has = |keywords: &[&str]| {
        statement.iter().any(|token| keywords.iter().any(|keyword| token.is(keyword)))
    };
    let Some(first) = statement.first() else { return When::Now };
    if first.is("comment") {
        return When::Later;
    }
    if first.is("alter") {
        // What is added, converted or checked is computed for the rows that are there.
        return match has(&["add", "using", "type", "validate", "attach", "system"]) {
            true => When::Now,
            false => When::Later,
        };
    }
    // Making a function in C loads it, and a foreign table cannot be used without a connection.
    if !first.is("create") || command(statement).is_some() {
        return When::Now;
    }
    let modifiers = [
        "or",
        "replace",
        "temp",
        "temporary",
        "local",
        "global",
        "unlogged",
        "foreign",
        "recursive",
        "constraint",
        "event",
        "default",
    ];
    let mut words =
        statement[1..].iter().skip_while(|token| modifiers.iter().any(|word| token.is(word)));
    let defines = [
        "function",
        "procedure",
        "view",
        "trigger",
        "rule",
        "policy",
        "domain",
        "aggregate",
        "operator",
        "type",
        "cast",
    ];
    match words.next() {
        // Its rows, where they are asked for.
        Some(token) if token.is("table") => {
            let asks = statement.windows(2).any(|pair| {
                pair[1].is("as") && !["always", "default"].iter().any(|word| pair[0].is(word))
            });
            if asks { When::Now } else { When::Later }
        }
        Some(token) if defines.iter().any(|word| token.is(word)) => When::Later,
        _ => When::Now,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Sequence, When, named_in};
    use crate::effects::Place;

    fn names(sql: &str) -> Vec<&'static str> {
        named_in(sql).iter().map(super::Named::name).collect()
    }

    #[test]
    fn calls_are_found_however_they_are_written() {
        for (sql, name) in [
            ("SELECT nextval('s')", "nextval"),
            ("SELECT PG_Advisory_Lock (7)", "pg_advisory_lock"),
            ("SELECT \"pg_advisory_lock\" /* here (*/ -- and (\n (7)", "pg_advisory_lock"),
            ("SELECT pg_catalog . pg_switch_wal()", "pg_switch_wal"),
            ("SELECT \"pg_catalog\".U&\"pg!005fswitch_wal\" UESCAPE '!' ()", "pg_switch_wal"),
            ("SELECT U&\"pg_switch\\005fwal\"()", "pg_switch_wal"),
            ("SELECT ('s'::regclass).nextval", "nextval"),
            ("SELECT (ARRAY[7::bigint])[1].pg_advisory_lock", "pg_advisory_lock"),
            ("DO $$ BEGIN PERFORM pg_reload_conf(); END $$", "pg_reload_conf"),
            ("DO 'BEGIN EXECUTE ''SELECT pg_stat_reset()''; END'", "pg_stat_reset"),
            (
                "DO $a$ BEGIN EXECUTE $b$ DO 'BEGIN EXECUTE ''SELECT pg_stat_reset()''; END' $b$; END $a$",
                "pg_stat_reset",
            ),
            (
                "DO $$ BEGIN EXECUTE 'SELECT pg_termi' || 'nate_backend(1)'; END $$",
                "pg_terminate_backend",
            ),
            (
                "DO $$ BEGIN EXECUTE 'SELECT pg_termi'\n'nate_backend(1)'; END $$",
                "pg_terminate_backend",
            ),
            ("DO E'BEGIN PERFORM pg_stat_reset\\x28); END'", "pg_stat_reset"),
            ("SELECT query_to_xml('SELECT pg_stat_reset()', true, true, '')", "pg_stat_reset"),
            ("SELECT public.dblink_exec('host=x', 'DROP TABLE y')", "dblink_exec"),
            ("INSERT INTO t SELECT lo_import('/etc/passwd')", "lo_import"),
            (
                "CREATE OPERATOR !@ (RIGHTARG = int, FUNCTION = pg_terminate_backend)",
                "pg_terminate_backend",
            ),
            ("WITH x AS (SELECT pg_try_advisory_lock(1)) TABLE x", "pg_try_advisory_lock"),
        ] {
            assert_eq!(names(sql), [name], "{sql}");
        }
    }

    #[test]
    fn other_names_are_not_taken_for_them() {
        for sql in [
            "SELECT my_nextval('s'), nextval_('s'), \"NextVal\"('s'), nextvalé('s')",
            "SELECT app.nextval('s')",
            "SELECT nextval FROM t",
            "SELECT t.nextval FROM t",
            "INSERT INTO t VALUES ('nextval') -- nextval('s')",
            "/* pg_reload_conf() */ SELECT 1",
            "SELECT pg_advisory_xact_lock(1), set_config('x.y', 'z', false), pg_notify('a', 'b')",
            "SELECT lo_create(0), lo_unlink(1), currval('s'), lastval(), txid_current(), pg_sleep(0)",
            "CREATE TABLE IF NOT EXISTS public.dblink (a int); INSERT INTO dblink (a) VALUES (1)",
            "NOTIFY x; LISTEN y; UNLISTEN *; DISCARD PLANS; SELECT copy FROM load",
            "COPY t FROM stdin; COPY (SELECT a FROM t) TO STDOUT (FORMAT csv)",
            "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\"; CREATE EXTENSION postgis",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; DO LANGUAGE plpgsql 'BEGIN END'",
            "DO LANGUAGE 'plpgsql' $$ BEGIN END $$",
            "DO $$ BEGIN END $$ LANGUAGE 'plpgsql'",
        ] {
            assert_eq!(names(sql), Vec::<&str>::new(), "{sql}");
        }
    }

    #[test]
    fn statements_are_found() {
        for (sql, name) in [
            ("COPY t TO '/x'", "COPY TO a file"),
            ("COPY (SELECT 1 FROM x) TO PROGRAM 'cat'", "COPY with a program"),
            ("DO $$ BEGIN IF true THEN COPY t FROM '/x'; END IF; END $$", "COPY FROM a file"),
            ("DO $$ BEGIN EXECUTE 'COPY t TO PROGRAM ''cat'''; END $$", "COPY with a program"),
            ("DO $$ BEGIN EXECUTE format('COPY %I TO %L', a, b); END $$", "COPY TO a file"),
            ("DO $$ BEGIN EXECUTE 'COPY t TO ' || quote_literal(b); END $$", "COPY TO a file"),
            ("DO $$ <<x>> BEGIN <<y>> COPY t TO '/x'; END $$", "COPY TO a file"),
            ("LOAD 'auto_explain'", "LOAD"),
            ("CHECKPOINT", "CHECKPOINT"),
            ("ALTER SYSTEM SET work_mem = '1MB'", "ALTER SYSTEM"),
            ("DISCARD ALL", "DISCARD ALL"),
            ("DROP DATABASE x", "CREATE or DROP DATABASE"),
            ("CREATE TABLESPACE x LOCATION '/x'", "CREATE or DROP TABLESPACE"),
            ("DROP SUBSCRIPTION x", "SUBSCRIPTION"),
            ("IMPORT FOREIGN SCHEMA public FROM SERVER s INTO x", "IMPORT FOREIGN SCHEMA"),
            ("CREATE FOREIGN TABLE x (a int) SERVER s", "CREATE FOREIGN TABLE"),
            (
                "CREATE OR REPLACE FUNCTION r() RETURNS void LANGUAGE internal AS 'pg_stat_reset'",
                "CREATE FUNCTION in C or internal",
            ),
            (
                "CREATE FUNCTION r() RETURNS void AS '$libdir/dblink', 'dblink_exec' LANGUAGE 'c'",
                "CREATE FUNCTION in C or internal",
            ),
            (
                "CREATE FUNCTION r(language text) RETURNS void AS 'pg_stat_reset' LANGUAGE internal",
                "CREATE FUNCTION in C or internal",
            ),
            ("CREATE EXTENSION IF NOT EXISTS evil", "CREATE EXTENSION of an unknown one"),
            ("DO LANGUAGE plpython3u 'import os'", "DO in an untrusted language"),
        ] {
            let found = named_in(sql);
            assert_eq!(found.iter().map(super::Named::name).collect::<Vec<_>>(), [name], "{sql}");
            assert_ne!(found[0].effect().place(), Place::Anywhere, "{sql}");
        }
    }

    #[test]
    fn sequences_are_named() {
        let owned = |table: &str, column: &str| Sequence::OwnedBy {
            table: table.to_owned(),
            column: column.to_owned(),
        };
        for (sql, sequence) in [
            ("SELECT setval('public.s', 5)", Some(Sequence::Named("public.s".to_owned()))),
            ("SELECT nextval('s'::regclass)", Some(Sequence::Named("s".to_owned()))),
            ("SELECT nextval(CAST('s' AS regclass))", Some(Sequence::Named("s".to_owned()))),
            ("SELECT nextval(('s'::text)::regclass)", Some(Sequence::Named("s".to_owned()))),
            (
                "SELECT setval(pg_catalog.pg_get_serial_sequence('a.t', 'id'), max(id)) FROM a.t",
                Some(owned("a.t", "id")),
            ),
            (
                "DO $$ BEGIN PERFORM setval(pg_get_serial_sequence('\"T\"'::text, 'id'), 1); END $$",
                Some(owned("\"T\"", "id")),
            ),
            ("SELECT nextval(x) FROM y", None),
        ] {
            assert_eq!(named_in(sql)[0].sequence, sequence, "{sql}");
        }
    }

    #[test]
    fn definitions_run_later() {
        for (sql, when) in [
            (
                "CREATE TABLE t (id int DEFAULT nextval('s'), x int GENERATED ALWAYS AS IDENTITY)",
                When::Later,
            ),
            ("CREATE TABLE t AS SELECT nextval('s')", When::Now),
            ("CREATE MATERIALIZED VIEW t AS SELECT nextval('s')", When::Now),
            ("CREATE OR REPLACE VIEW t AS SELECT nextval('s')", When::Later),
            ("ALTER TABLE ONLY t ALTER COLUMN id SET DEFAULT nextval('s'::regclass)", When::Later),
            ("ALTER TABLE t ADD COLUMN id int DEFAULT nextval('s')", When::Now),
            ("ALTER TABLE t ALTER id TYPE int USING nextval('s')", When::Now),
            (
                "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN nextval('s'); END $$",
                When::Later,
            ),
            (
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT nextval('s'); END",
                When::Later,
            ),
            (
                "DO $$ BEGIN CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT nextval(''s'')'; PERFORM f(); END $$",
                When::Now,
            ),
            ("COMMENT ON TABLE t IS 'see nextval(''s'')'", When::Later),
            ("INSERT INTO t VALUES (nextval('s'))", When::Now),
        ] {
            let found = named_in(sql);
            assert_eq!(found[0].when, when, "{sql}");
            assert_eq!(found.len(), 1, "{sql}: {found:?}");
        }
    }

    #[test]
    fn any_text_is_read() {
        for sql in [
            "'", "$$", "E'\\", "U&'\\+", "U&\"", "nextval(", "\u{0}", "/*", "COPY", "create",
            "((((",
        ] {
            let _ = named_in(sql);
        }
    }
}
