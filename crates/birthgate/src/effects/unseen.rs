//! Why the code that a text runs cannot be told from the text.

use serde::{Deserialize, Serialize};

use super::text::{Token, each};

/// Why what runs is not to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unseen {
    /// SQL is put together when it runs.
    PutTogether,
    /// It is written in a language that is not read, or in C.
    Language,
}

impl Unseen {
    pub fn why(self) -> &'static str {
        match self {
            Unseen::PutTogether => "puts SQL together when it runs",
            Unseen::Language => "is in a language that is not read",
        }
    }
}

/// Functions that run a text which they are given.
const RUN_A_TEXT: [&str; 12] = [
    "query_to_xml",
    "query_to_xmlschema",
    "query_to_xml_and_xmlschema",
    "ts_stat",
    "ts_rewrite",
    "crosstab",
    "crosstab2",
    "crosstab3",
    "crosstab4",
    "crosstabn",
    "connectby",
    "xpath_table",
];

/// Of a statement of a script.
pub(super) fn of_script(text: &str) -> Option<Unseen> {
    look(text, false)
}

/// Of the body of a function.
pub(super) fn of_body(text: &str, language: &str) -> Option<Unseen> {
    match language {
        "sql" | "plpgsql" => look(text, true),
        _ => Some(Unseen::Language),
    }
}

fn look(text: &str, is_body: bool) -> Option<Unseen> {
    let mut found = None;
    each(text, is_body, &mut |statement, depth| {
        let unseen = match () {
            () if is_in_another_language(statement) => Some(Unseen::Language),
            () if runs_a_text(statement) || depth > 0 && puts_together(statement) => {
                Some(Unseen::PutTogether)
            }
            () => None,
        };
        found = found.max(unseen);
        depth > 0 || holds_code(statement)
    });
    found
}

/// Whether the literals of a statement are code.
fn holds_code(statement: &[Token]) -> bool {
    let makes = ["function", "procedure"];
    let first = statement.first();
    first.is_some_and(|token| token.is("do"))
        || first.is_some_and(|token| token.is("create"))
            && statement.iter().take(4).any(|token| makes.iter().any(|word| token.is(word)))
}

/// DO or CREATE FUNCTION in a language that is neither SQL nor PL/pgSQL.
fn is_in_another_language(statement: &[Token]) -> bool {
    holds_code(statement)
        && statement.windows(2).any(|pair| {
            let named = pair[1].name().or(pair[1].literal());
            let known = ["sql", "plpgsql", "c", "internal"];
            pair[0].is("language")
                && named.is_some_and(|name| !known.contains(&name.to_ascii_lowercase().as_str()))
        })
}

/// EXECUTE of what is no single literal.
fn puts_together(statement: &[Token]) -> bool {
    statement.iter().enumerate().any(|(at, token)| {
        if !token.is("execute") {
            return false;
        }
        let ends = ["into", "using", "loop"];
        match (statement.get(at + 1), statement.get(at + 2)) {
            (Some(Token::Literal(_)), None) => false,
            (Some(Token::Literal(_)), Some(after)) => !ends.iter().any(|word| after.is(word)),
            // A trigger's function, and a privilege.
            (Some(next), _) => {
                !["function", "procedure", "on", "to", "from"].iter().any(|word| next.is(word))
                    && !next.is_mark(",")
            }
            (None, _) => false,
        }
    })
}

/// A call of a function that runs the text which it is given, where that is no literal.
fn runs_a_text(statement: &[Token]) -> bool {
    statement.iter().enumerate().any(|(at, token)| {
        let called = statement.get(at + 1).is_some_and(|next| next.is_mark("("));
        let is_one = token.name().is_some_and(|name| RUN_A_TEXT.contains(&name));
        called && is_one && statement.get(at + 2).is_none_or(|next| next.literal().is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::{Unseen, of_body, of_script};

    #[test]
    fn what_is_put_together_is_known() {
        for sql in [
            "DO $$ BEGIN EXECUTE 'SELECT ' || f; END $$",
            "DO $$ BEGIN EXECUTE format('SELECT %I()', f); END $$",
            "DO $$ BEGIN EXECUTE text; END $$",
            "DO $$ BEGIN FOR r IN EXECUTE q LOOP NULL; END LOOP; END $$",
            "DO $$ BEGIN EXECUTE 'DO ''BEGIN EXECUTE x; END'''; END $$",
            "SELECT query_to_xml(sql, true, true, '') FROM t",
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE $1; END $$",
        ] {
            assert_eq!(of_script(sql), Some(Unseen::PutTogether), "{sql}");
        }
        assert_eq!(of_body("BEGIN EXECUTE q USING 1; END", "plpgsql"), Some(Unseen::PutTogether));
        assert_eq!(of_body("return 1", "plperl"), Some(Unseen::Language));
        assert_eq!(of_script("DO LANGUAGE plperl 'spi_exec_query(1)'"), Some(Unseen::Language));
    }

    #[test]
    fn what_stands_there_is_read() {
        for sql in [
            "DO $$ BEGIN EXECUTE 'SELECT f()'; EXECUTE 'SELECT $1' USING 1; END $$",
            "DO $$ BEGIN EXECUTE 'SELECT f' || '()' INTO x; END $$",
            "PREPARE p AS SELECT 1; EXECUTE p",
            "INSERT INTO t VALUES ('please execute this plan')",
            "CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()",
            "DO $$ BEGIN CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION f(); GRANT EXECUTE ON FUNCTION f() TO x; END $$",
            "SELECT query_to_xml('SELECT 1', true, true, '')",
            "SELECT set_config('search_path', 'a', true)",
        ] {
            assert_eq!(of_script(sql), None, "{sql}");
        }
    }
}
