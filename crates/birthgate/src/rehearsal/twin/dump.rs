//! What pg_dump writes, taken apart: one entry for each object, so that one that cannot be made here keeps no other
//! from being made.

use std::collections::BTreeMap;
use std::path::Path;

use squawk_lexer::{TokenKind, tokenize};

use super::super::libpq::Libpq;
use crate::error::{Error, Result};

/// One object of a dump, or what belongs to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// As pg_dump names it: `TABLE`, `FK CONSTRAINT`, `ACL`.
    pub kind: String,
    /// Not quoted; of what stands on a table, the table comes first.
    pub name: String,
    pub schema: Option<String>,
    /// Its statements.
    pub text: String,
}

impl Entry {
    /// The kind with the name.
    pub fn object(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{} {schema}.{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }

    /// The name as a plan would have it.
    pub fn bare_name(&self) -> &str {
        let name = match self.kind.as_str() {
            "FUNCTION" | "PROCEDURE" | "AGGREGATE" => self.name.split('(').next(),
            "CONSTRAINT" | "FK CONSTRAINT" | "CHECK CONSTRAINT" | "TRIGGER" | "RULE" | "POLICY"
            | "DEFAULT" | "COMMENT" | "ACL" => self.name.rsplit(' ').next(),
            _ => None,
        };
        name.unwrap_or(&self.name)
    }
}

/// Runs pg_dump in this snapshot. A pg_dump newer than its server sets what the server does not know.
pub(super) async fn run(
    pg_dump: &Path,
    libpq: &Libpq,
    database: &str,
    snapshot: &str,
    arguments: &[String],
) -> Result<String> {
    let mut command = tokio::process::Command::from(crate::private_server::command(pg_dump));
    command.args([
        "--schema-only",
        "--no-subscriptions",
        "--no-security-labels",
        "--encoding=UTF8",
    ]);
    command.arg(format!("--snapshot={snapshot}")).args(arguments).arg(database);
    command.envs(&libpq.variables);
    let failed = |source| Error::File { path: pg_dump.display().to_string(), source };
    let output = command.kill_on_drop(true).output().await.map_err(failed)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(Error::BadInput(format!("pg_dump: {}", text.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The entries of a dump. What stands before the first is left out: settings of pg_dump's session.
pub(super) fn entries(dump: &str) -> Vec<Entry> {
    let mut starts = Vec::new();
    let mut at = 0;
    for token in tokenize(dump) {
        let end = at + token.len as usize;
        if token.kind == TokenKind::LineComment
            && let Some((kind, name, schema)) = header(&dump[at..end])
        {
            starts.push((end, kind, name, schema));
        }
        at = end;
    }
    let ends: Vec<usize> =
        starts.iter().skip(1).map(|(start, ..)| *start).chain([dump.len()]).collect();
    let mut place = BTreeMap::new();
    let mut entries = Vec::new();
    for ((start, kind, name, schema), end) in starts.into_iter().zip(ends) {
        let (before, next) = taken_apart(&dump[start..end]);
        // Where the objects to come are made: each says it, for an entry that fails takes its settings with it.
        let text: String = place.values().chain([&before]).map(String::as_str).collect();
        place.extend(next);
        entries.push(Entry { kind, name, schema, text });
    }
    entries
}

/// `-- Name: t; Type: TABLE; Schema: public; Owner: app`.
fn header(comment: &str) -> Option<(String, String, Option<String>)> {
    let text = comment.strip_prefix("-- Name: ")?;
    let (text, _) = text.rsplit_once("; Owner: ")?;
    let (text, schema) = text.rsplit_once("; Schema: ")?;
    let (name, kind) = text.rsplit_once("; Type: ")?;
    let schema = Some(schema.trim().to_owned()).filter(|schema| schema != "-");
    Some((kind.to_owned(), name.to_owned(), schema))
}

/// The statements of an entry without psql's commands, and the settings of place at its end: they are the next
/// entry's.
fn taken_apart(text: &str) -> (String, BTreeMap<&'static str, String>) {
    const PLACES: [&str; 2] = ["SET default_tablespace = ", "SET default_table_access_method = "];
    let lines: Vec<&str> = text.lines().collect();
    let place = |line: &str| PLACES.into_iter().find(|setting| line.starts_with(setting));
    let is_between = |line: &str| {
        line.is_empty()
            || line.starts_with("--")
            || line.starts_with("\\unrestrict ")
            || place(line).is_some()
    };
    let end = lines.iter().rposition(|line| !is_between(line)).map_or(0, |last| last + 1);
    let statements = lines[..end].iter().flat_map(|line| [*line, "\n"]).collect();
    let next = lines[end..].iter().filter_map(|line| Some((place(line)?, format!("{line}\n"))));
    (statements, next.collect())
}

#[cfg(test)]
mod tests {
    use super::entries;

    const DUMP: &str = "--
-- PostgreSQL database dump
--

SET statement_timeout = 0;

--
-- Name: f(integer); Type: FUNCTION; Schema: app; Owner: me
--

CREATE FUNCTION app.f(a integer) RETURNS text LANGUAGE sql AS $$
-- Name: no; Type: TABLE; Schema: public; Owner: me
SELECT ';' $$;


SET default_tablespace = fast;

--
-- Name: a; Type: TABLE; Schema: public; Owner: me
--

CREATE TABLE public.a (x integer);


--
-- Name: a a_pkey; Type: CONSTRAINT; Schema: public; Owner: me; Tablespace: fast
--

ALTER TABLE ONLY public.a ADD CONSTRAINT a_pkey PRIMARY KEY (x);


--
-- PostgreSQL database dump complete
--

\\unrestrict abc
";

    #[test]
    fn a_dump_is_taken_apart_at_its_headers_and_not_within_a_body() {
        let entries = entries(DUMP);
        let objects: Vec<String> = entries.iter().map(super::Entry::object).collect();
        assert_eq!(
            objects,
            ["FUNCTION app.f(integer)", "TABLE public.a", "CONSTRAINT public.a a_pkey"]
        );
        assert_eq!(entries[0].bare_name(), "f");
        assert_eq!(entries[2].bare_name(), "a_pkey");
        assert!(entries[0].text.ends_with("SELECT ';' $$;\n"), "{}", entries[0].text);
        for entry in &entries[1..] {
            assert!(entry.text.starts_with("SET default_tablespace = fast;\n"), "{}", entry.text);
            assert!(entry.text.trim_end().ends_with(");"), "{}", entry.text);
        }
    }
}
