//! SQL that names a table, told to mean its clone. What cannot be told for certain is refused with a reason.

use std::collections::BTreeSet;

use squawk_lexer::{LiteralKind, TokenKind};

use crate::words::{Word, words};

/// The names that mean a clone in the session's temporary schema.
#[derive(Clone, Default)]
pub(super) struct Redirect {
    /// Schema and name of tables, their indexes and sequences, and their triggers' functions.
    pub names: BTreeSet<(String, String)>,
    /// Names of functions that are not PostgreSQL's own.
    pub functions: BTreeSet<String>,
    /// Names of views, which may read an original.
    pub views: BTreeSet<String>,
}

impl Redirect {
    fn means_clone(&self, schema: &str, name: &str) -> bool {
        self.names.contains(&(schema.to_owned(), name.to_owned()))
    }

    /// A statement as it is to be run, or why it cannot be told what it means.
    pub fn statement(&self, sql: &str) -> Result<String, String> {
        let words = words(sql);
        // The body of a DO runs; a function's may run later, wherever it is called.
        let runs = words.first().is_some_and(|word| word.is("do"));
        let clones = words.iter().any(|word| word.is("function") || word.is("procedure"))
            && words
                .windows(3)
                .any(|w| self.qualified(w).is_some_and(|(_, n)| self.functions.contains(&n)));
        self.rewrite(sql, &words, false, runs || clones)
    }

    /// The name with its schema that three words are, where it means a clone.
    fn qualified(&self, words: &[Word<'_>]) -> Option<(String, String)> {
        let [schema, dot, name] = words else { return None };
        let (schema, name) = (schema.name()?, name.name()?);
        (dot.kind == TokenKind::Dot && self.means_clone(&schema, &name)).then_some((schema, name))
    }

    fn rewrite(
        &self,
        sql: &str,
        words: &[Word<'_>],
        in_body: bool,
        bodies: bool,
    ) -> Result<String, String> {
        let mut text = String::with_capacity(sql.len());
        let mut copied = 0;
        let mut replace = |word: &Word<'_>, with: &str, text: &mut String| {
            text.push_str(&sql[copied..word.start]);
            text.push_str(with);
            copied = word.start + word.text.len();
        };
        for (at, word) in words.iter().enumerate() {
            let after_dot = at > 0 && words[at - 1].kind == TokenKind::Dot;
            if in_body && word.is("execute") {
                return Err("it runs SQL that it makes up (EXECUTE)".to_owned());
            }
            if word.is("search_path") && !in_body && !bodies {
                return Err("it sets the search_path".to_owned());
            }
            if in_body && (word.is("tg_relid") || word.is("tg_table_schema")) {
                return Err(format!("it looks at {}, which is another of a clone", word.text));
            }
            if let Some(three) = words.get(at..at + 3)
                && self.qualified(three).is_some()
            {
                if after_dot {
                    return Err("it names a cloned table with its database".to_owned());
                }
                replace(word, "pg_temp", &mut text);
                continue;
            }
            match word.kind {
                TokenKind::Literal { kind: LiteralKind::DollarQuotedString { .. } } => {
                    let tag = word.text[1..].find('$').map_or(0, |at| at + 2);
                    let body = word.text.get(tag..word.text.len() - tag).unwrap_or_default();
                    let inner = crate::words::words(body);
                    if bodies {
                        let inside = self.rewrite(body, &inner, true, false)?;
                        let tag = &word.text[..tag];
                        replace(word, &format!("{tag}{inside}{tag}"), &mut text);
                    } else if self.names_a_clone(&inner) {
                        return Err("it names a cloned table within a text".to_owned());
                    }
                }
                TokenKind::Literal { kind: LiteralKind::Str { terminated: true } } => {
                    let content = word.text[1..word.text.len() - 1].replace("''", "'");
                    let inner = crate::words::words(&content);
                    if inner.len() == 3 && self.qualified(&inner).is_some() {
                        let with = format!("pg_temp.{}", inner[2].text).replace('\'', "''");
                        replace(word, &format!("'{with}'"), &mut text);
                    } else if self.names_a_clone(&inner) {
                        // A bare name is a value to be compared with, or means the clone where the temporary
                        // schema is searched first, which in a body is not certain.
                        let cast =
                            words.get(at + 1).is_some_and(|next| next.kind == TokenKind::Colon);
                        if inner.len() > 1 || in_body && cast {
                            return Err("it names a cloned table within a text".to_owned());
                        }
                    } else if content.eq_ignore_ascii_case("search_path") {
                        return Err("it sets the search_path".to_owned());
                    }
                }
                TokenKind::Literal {
                    kind: LiteralKind::EscStr { .. } | LiteralKind::UnicodeEscStr { .. },
                } if self.names.iter().any(|(_, name)| word.text.contains(name.as_str())) => {
                    return Err("it names a cloned table within a text".to_owned());
                }
                _ => {}
            }
            let Some(name) = word.name() else { continue };
            let called = words.get(at + 1).is_some_and(|next| next.kind == TokenKind::OpenParen);
            if called && self.functions.contains(&name) {
                let ours = after_dot
                    && at >= 2
                    && words[at - 2].name().is_some_and(|schema| self.means_clone(&schema, &name));
                let built_in = after_dot && at >= 2 && words[at - 2].is("pg_catalog");
                if !ours && !built_in {
                    return Err(format!("it calls {name}, which does not know of clones"));
                }
            }
            if self.views.contains(&name) {
                return Err(format!("it names {name}, a view, which does not know of clones"));
            }
            // A body has its own search_path: whether a bare name means the clone is not certain there.
            if in_body && !after_dot && self.names.iter().any(|(_, known)| *known == name) {
                return Err(format!("it names {name} without its schema"));
            }
        }
        text.push_str(&sql[copied..]);
        Ok(text)
    }

    /// Whether it names a table, with its schema or without.
    pub fn names_table(sql: &str, schema: &str, table: &str) -> bool {
        let words = words(sql);
        words.iter().enumerate().any(|(at, word)| {
            let after_dot = at > 1 && words[at - 1].kind == TokenKind::Dot;
            word.name().is_some_and(|name| name == table)
                && (!after_dot || words[at - 2].name().is_some_and(|name| name == schema))
        })
    }

    fn names_a_clone(&self, words: &[Word<'_>]) -> bool {
        words.iter().any(|word| {
            word.name().is_some_and(|name| self.names.iter().any(|(_, known)| *known == name))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Redirect;

    fn redirect() -> Redirect {
        let names = [("public", "registry"), ("public", "registry_key"), ("public", "fires")];
        Redirect {
            names: names.map(|(schema, name)| (schema.to_owned(), name.to_owned())).into(),
            functions: ["fires", "writes"].map(str::to_owned).into(),
            views: ["seen"].map(str::to_owned).into(),
        }
    }

    #[test]
    fn names_with_their_schema_mean_the_clone() {
        for (sql, told) in [
            ("ALTER TABLE public.registry ADD x int", "ALTER TABLE pg_temp.registry ADD x int"),
            ("DROP INDEX PUBLIC . \"registry_key\"", "DROP INDEX pg_temp . \"registry_key\""),
            (
                "SELECT 'public.registry'::regclass, other.registry",
                "SELECT 'pg_temp.registry'::regclass, other.registry",
            ),
            (
                "INSERT INTO registry SELECT 1 -- public.registry",
                "INSERT INTO registry SELECT 1 -- public.registry",
            ),
            (
                "DO $$ BEGIN DELETE FROM public.registry; END $$",
                "DO $$ BEGIN DELETE FROM pg_temp.registry; END $$",
            ),
            (
                "CREATE TRIGGER t AFTER INSERT ON public.registry FOR EACH ROW EXECUTE FUNCTION public.fires('x')",
                "CREATE TRIGGER t AFTER INSERT ON pg_temp.registry FOR EACH ROW EXECUTE FUNCTION pg_temp.fires('x')",
            ),
            (
                "CREATE OR REPLACE FUNCTION public.fires() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO public.registry VALUES (1); RETURN NULL; END $f$",
                "CREATE OR REPLACE FUNCTION pg_temp.fires() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO pg_temp.registry VALUES (1); RETURN NULL; END $f$",
            ),
        ] {
            assert_eq!(redirect().statement(sql).unwrap(), told);
        }
    }

    #[test]
    fn what_cannot_be_told_is_refused() {
        for (sql, why) in [
            ("DO $$ BEGIN EXECUTE 'DELETE FROM public.registry'; END $$", "EXECUTE"),
            ("SELECT writes()", "calls writes"),
            ("SELECT public.writes(1)", "calls writes"),
            ("DO $$ BEGIN DELETE FROM registry; END $$", "without its schema"),
            ("SELECT count(*) FROM public.seen", "a view"),
            ("DELETE FROM app.public.registry", "with its database"),
            ("SELECT set_config('search_path', 'other', true)", "search_path"),
            ("DO $$ BEGIN PERFORM tg_relid; END $$", "tg_relid"),
            ("SELECT 'DELETE FROM registry'", "within a text"),
            ("SELECT E'public.registry'", "within a text"),
            ("SET search_path = other", "search_path"),
            (
                "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS $$ SELECT count(*) FROM public.registry $$",
                "within a text",
            ),
        ] {
            let said = redirect().statement(sql).unwrap_err();
            assert!(said.contains(why), "{sql}: {said}");
        }
    }
}
