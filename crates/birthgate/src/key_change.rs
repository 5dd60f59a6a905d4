//! The decision about a key: whether a unique key can be replaced by another, who names the old one, what can be
//! patched, and from when there is no way back. Reads only; writes the packet that carries it out.

mod packet;

use std::time::Instant;

use schemars::JsonSchema;
use serde::Serialize;
use squawk_lexer::{LiteralKind, TokenKind};
use tokio_postgres::Client;

use crate::error::{Doing, Error, Result};
use crate::unprepared::Unprepared;
use crate::words::{Word, words};

/// What was found, and what it comes to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct KeyChange {
    /// The table.
    pub table: String,
    /// The columns of the old key.
    pub from: Vec<String>,
    /// The columns of the new one.
    pub to: Vec<String>,
    /// `COMPOSITE_READY` (`KEY_READY` for a key of one column) or `NOT_READY`.
    pub decision: String,
    /// Why it is not ready; empty when it is.
    pub reasons: Vec<String>,
    /// The index that is the old key.
    pub old_key: String,
    /// An index that is the new key already.
    pub new_key: Option<String>,
    /// Rows of the table.
    pub rows: i64,
    /// Rows in which a column of the new key is NULL.
    pub nulls: i64,
    /// New keys that more than one row has.
    pub violations: i64,
    /// Some of them, where samples were asked for.
    pub samples: Vec<String>,
    /// Foreign keys to the old key.
    pub foreign_keys: Vec<String>,
    /// Views that stand on the old key.
    pub views: Vec<String>,
    /// Functions, procedures and rules that name the old key.
    pub code: Vec<Code>,
    /// Statements of clients that name it; `None` where pg_stat_statements is not there.
    pub statements: Option<Vec<String>>,
    /// Whether the old key tells logical replication which row is meant.
    pub replica_identity: bool,
    /// Unique keys over a part of the rows, or over expressions, that this is not about.
    pub other_keys: Vec<String>,
    /// About how large the new index becomes, in bytes.
    pub forecast_bytes: i64,
    /// About how long building it takes, in seconds, beside writers who wait for nothing.
    pub forecast_seconds: f64,
    /// From when the old key cannot come back.
    pub one_way_from: String,
    /// What of this no look into the database shows.
    pub unseen: Vec<String>,
    #[serde(skip)]
    name: TableName,
    #[serde(skip)]
    old_constraint: Option<String>,
}

#[derive(Clone, Debug, Default)]
struct TableName {
    schema: String,
    table: String,
    /// As SQL has them, quoted where that is needed.
    quoted_schema: String,
    from: Vec<String>,
    to: Vec<String>,
}

/// Code that names the old key.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Code {
    /// `function`, `procedure` or `rule`.
    pub kind: String,
    /// Its name, with the types of its arguments.
    pub name: String,
    /// What is to be done about it, in words.
    pub advice: String,
    /// It as it is, in the form that puts it back.
    pub original: String,
    /// It as it should be, its OID kept; `None` where a person must decide.
    pub patch: Option<String>,
}

/// Looks at everything that a change of the key depends on. `samples`: whether codes may be shown.
pub async fn decide(
    client: &Client,
    table: &str,
    from: &[String],
    to: &[String],
    samples: bool,
) -> Result<KeyChange> {
    const DOING: &str = "looking at the key";
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await.doing(DOING)?;
    let decided = decided(client, table, from, to, samples).await;
    client.batch_execute("ROLLBACK").await.doing(DOING)?;
    decided
}

async fn decided(
    client: &Client,
    table: &str,
    from: &[String],
    to: &[String],
    samples: bool,
) -> Result<KeyChange> {
    const DOING: &str = "looking at the key";
    let row = client
        .optional_row(include_str!("../sql/key_change/table.sql"), &[&table, &from, &to])
        .await
        .doing(DOING)?
        .filter(|row| row.get("is_table"))
        .ok_or_else(|| Error::BadInput(format!("{table} is no table")))?;
    let missing: Vec<String> = row.get("missing");
    if !missing.is_empty() {
        return Err(Error::BadInput(format!("{table} has no column {}", missing.join(", "))));
    }
    let name: String = row.get("name");
    let Some(old_key) = row.get::<_, Option<String>>("old_index") else {
        let other: Vec<String> = row.get("partial_keys");
        let note = match other.is_empty() {
            true => String::new(),
            false => format!("; over a part of the rows or an expression: {}", other.join("; ")),
        };
        return Err(Error::BadInput(format!(
            "no valid unique key of {name} is on {} alone{note}",
            from.join(", ")
        )));
    };
    let mut found = KeyChange {
        table: name.clone(),
        from: from.to_vec(),
        to: to.to_vec(),
        decision: String::new(),
        reasons: Vec::new(),
        old_key,
        new_key: row.get("new_index"),
        rows: 0,
        nulls: 0,
        violations: 0,
        samples: Vec::new(),
        foreign_keys: Vec::new(),
        views: Vec::new(),
        code: Vec::new(),
        statements: None,
        replica_identity: row.get("is_replica_identity"),
        other_keys: row.get("partial_keys"),
        forecast_bytes: 0,
        forecast_seconds: 0.0,
        one_way_from: String::new(),
        unseen: vec![
            "SQL that clients send and that no view of the server has kept".to_owned(),
            "SQL that functions make up (EXECUTE)".to_owned(),
        ],
        name: TableName {
            schema: row.get("schema"),
            table: row.get("table_name"),
            quoted_schema: row.get("quoted_schema"),
            from: row.get("quoted_from"),
            to: row.get("quoted_to"),
        },
        old_constraint: row.get("old_constraint"),
    };
    found.count(client, samples).await?;
    let (old, new): (Option<f64>, Option<f64>) = (row.get("old_width"), row.get("new_width"));
    // A tuple of an index has 16 bytes besides its keys.
    let wider = (new.unwrap_or(8.0) + 16.0) / (old.unwrap_or(8.0) + 16.0);
    found.forecast_bytes = (row.get::<_, i64>("old_bytes") as f64 * wider) as i64;
    found.look_at_dependents(client).await?;
    found.look_at_code(client).await?;
    if let Some(view) = row.get::<_, Option<String>>("statements_view") {
        found.look_at_statements(client, &view).await;
    }
    found.judge(row.get("partitioned"), &row.get::<_, Vec<String>>("partition_columns"));
    Ok(found)
}

impl KeyChange {
    async fn count(&mut self, client: &Client, samples: bool) -> Result<()> {
        let quoted: Vec<String> = self.name.to.iter().map(|name| format!("t.{name}")).collect();
        let nulls: Vec<String> = quoted.iter().map(|name| format!("{name} IS NULL")).collect();
        let sql = include_str!("../sql/key_change/rows.sql")
            .replace("{table}", &self.table)
            .replace("{key}", &quoted.join(", "))
            .replace("{nulls}", &nulls.join(" OR "));
        let begun = Instant::now();
        let row = client.one_row(&sql, &[]).await.doing("counting what is against the new key")?;
        // The build reads the table twice and sorts the keys once, as this did.
        self.forecast_seconds = (begun.elapsed().as_secs_f64() * 10.0).ceil() / 10.0;
        self.rows = row.get("row_count");
        self.nulls = row.get("null_count");
        self.violations = row.get("violations");
        if samples {
            self.samples = row.get("samples");
        }
        Ok(())
    }

    async fn look_at_dependents(&mut self, client: &Client) -> Result<()> {
        let oid = client.one_row("SELECT to_regclass($1)::oid::text", &[&self.table]).await;
        let oid: String = oid.doing("looking at the key")?.get(0);
        let sql = include_str!("../sql/key_change/dependents.sql");
        for row in client
            .rows(sql, &[&oid, &self.old_key])
            .await
            .doing("looking at what stands on the key")?
        {
            match row.get::<_, &str>("kind") {
                "view" => self.views.push(row.get("name")),
                _ => self.foreign_keys.push(row.get("name")),
            }
        }
        Ok(())
    }

    async fn look_at_code(&mut self, client: &Client) -> Result<()> {
        let sql = include_str!("../sql/key_change/code.sql");
        let rows = client.rows(sql, &[&self.name.table]).await;
        for row in rows.doing("reading functions and rules")? {
            let (kind, language, definition): (String, String, String) =
                (row.get("kind"), row.get("language"), row.get("definition"));
            let read = matches!(language.as_str(), "sql" | "plpgsql");
            let targets = match read {
                true => self.targets(&definition),
                false => Vec::new(),
            };
            let says_conflict = definition.to_lowercase().contains("conflict");
            let (advice, patch) = if !read && says_conflict {
                (
                    format!(
                        "it is {language}: whether it names the old key is for a person to read"
                    ),
                    None,
                )
            } else if let Some(target) = targets.iter().find(|target| !target.does_nothing) {
                (
                    format!(
                        "{} updates the row that is there: without the old key the target must be ({}), and while both keys stand a code born elsewhere raises 23505",
                        target.said,
                        self.to.join(", ")
                    ),
                    None,
                )
            } else if !targets.is_empty() && kind != "rule" {
                let mut text = definition.clone();
                for target in targets.iter().rev() {
                    text.replace_range(target.span.clone(), "");
                }
                let advice = "ON CONFLICT DO NOTHING without a target works before, during and after the change; it passes over a conflict with any other key as well";
                (advice.to_owned(), Some(text))
            } else if !targets.is_empty() {
                ("a rule is made anew by hand".to_owned(), None)
            } else if read && self.makes_up(&definition) {
                ("it makes SQL up and names the table and a conflict: whether it names the old key is for a person to read".to_owned(), None)
            } else {
                continue;
            };
            self.code.push(Code {
                kind,
                name: row.get("name"),
                advice,
                original: definition,
                patch,
            });
        }
        Ok(())
    }

    /// What clients have sent, where the server tells. That it does not is said.
    async fn look_at_statements(&mut self, client: &Client, view: &str) {
        let sql = include_str!("../sql/key_change/statements.sql").replace("{view}", view);
        let _ = client.batch_execute("SAVEPOINT birthgate_statements").await;
        match client.rows(&sql, &[&self.name.table]).await {
            Ok(rows) => {
                let queries = rows.iter().map(|row| row.get::<_, String>(0));
                let named: Vec<String> =
                    queries.filter(|query| !self.targets(query).is_empty()).collect();
                self.statements = Some(named);
            }
            Err(error) => {
                let why = error
                    .as_db_error()
                    .map_or("it was lost".to_owned(), |e| e.message().to_owned());
                self.unseen.push(format!("pg_stat_statements: {why}"));
                let _ = client.batch_execute("ROLLBACK TO SAVEPOINT birthgate_statements").await;
            }
        }
    }

    fn judge(&mut self, partitioned: bool, partition_columns: &[String]) {
        let mut reasons = Vec::new();
        let plural = |count: i64, one: &str, many: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {many}"),
        };
        if self.violations > 0 {
            reasons.push(format!(
                "{} more than one row",
                plural(self.violations, "new key has", "new keys have")
            ));
        }
        if self.nulls > 0 {
            reasons.push(format!(
                "{} no whole new key: a unique key does not hold for NULL",
                plural(self.nulls, "row has", "rows have")
            ));
        }
        if !self.foreign_keys.is_empty() {
            reasons.push(format!(
                "foreign keys refer to the old key: {}",
                self.foreign_keys.join(", ")
            ));
        }
        if !self.views.is_empty() {
            reasons.push(format!("views stand on the old key: {}", self.views.join(", ")));
        }
        for code in self.code.iter().filter(|code| code.patch.is_none()) {
            reasons.push(format!("{} {}: {}", code.kind, code.name, code.advice));
        }
        for statement in self.statements.iter().flatten() {
            let short: String = statement.split_whitespace().collect::<Vec<_>>().join(" ");
            let short: String = short.chars().take(120).collect();
            reasons.push(format!("a client sends: {short}"));
        }
        if self.replica_identity {
            reasons.push("the old key is the table's replica identity".to_owned());
        }
        if partitioned {
            let lacking: Vec<&String> =
                partition_columns.iter().filter(|column| !self.to.contains(column)).collect();
            reasons.push(match lacking.is_empty() {
                true => "the table is partitioned: build the index on each partition first (CONCURRENTLY does not do it)".to_owned(),
                false => format!("a unique key of a partitioned table holds the columns that it is partitioned by: {lacking:?} is not in it"),
            });
        }
        self.decision = match (reasons.is_empty(), self.to.len()) {
            (true, 1) => "KEY_READY",
            (true, _) => "COMPOSITE_READY",
            (false, _) => "NOT_READY",
        }
        .to_owned();
        self.reasons = reasons;
        self.one_way_from = format!(
            "once {} is dropped, from the first row whose {} is there already under another {}; today there is none",
            self.old_key,
            self.from.join(", "),
            self.to
                .iter()
                .filter(|c| !self.from.contains(c))
                .cloned()
                .collect::<Vec<_>>()
                .join(", "),
        );
    }

    /// Whether a text that is run later may hold it.
    fn makes_up(&self, definition: &str) -> bool {
        let body = words(definition);
        let inner: Vec<String> = body.iter().filter_map(dollar_body).map(str::to_owned).collect();
        let dynamic = inner.iter().any(|body| words(body).iter().any(|word| word.is("execute")));
        dynamic && definition.to_lowercase().contains("conflict")
    }

    /// The conflict targets in a text that name the old key of this table.
    fn targets(&self, text: &str) -> Vec<Target> {
        let mut found = Vec::new();
        self.targets_in(text, 0, &mut found);
        found.sort_by_key(|target| target.span.start);
        found
    }

    fn targets_in(&self, text: &str, offset: usize, found: &mut Vec<Target>) {
        let words = words(text);
        let mut into: Option<bool> = None;
        for (at, word) in words.iter().enumerate() {
            if let Some(body) = dollar_body(word) {
                let start = word.text.find(body).unwrap_or_default();
                self.targets_in(body, offset + word.start + start, found);
            }
            let follows =
                |from: usize, keyword: &str| words.get(from).is_some_and(|w| w.is(keyword));
            if word.is("into") && at > 0 && words[at - 1].is("insert") {
                into = Some(self.is_table(&words[at + 1..]));
            }
            if word.kind == TokenKind::Semi {
                into = None;
            }
            if !(word.is("on") && follows(at + 1, "conflict")) || into != Some(true) {
                continue;
            }
            if let Some(target) = self.target(text, &words, at + 2, offset) {
                found.push(target);
            }
        }
    }

    /// Whether these words begin with the table's name.
    fn is_table(&self, words: &[Word<'_>]) -> bool {
        let name = |at: usize| words.get(at).and_then(Word::name);
        let dotted = words.get(1).is_some_and(|word| word.kind == TokenKind::Dot);
        match dotted {
            true => {
                name(0).as_ref() == Some(&self.name.schema)
                    && name(2).as_ref() == Some(&self.name.table)
            }
            false => name(0).as_ref() == Some(&self.name.table),
        }
    }

    /// The target after ON CONFLICT, when it is the old key: its columns alone, or its constraint.
    fn target(&self, text: &str, words: &[Word<'_>], at: usize, offset: usize) -> Option<Target> {
        let first = words.get(at)?;
        let end = if first.kind == TokenKind::OpenParen {
            let close =
                words[at..].iter().position(|word| word.kind == TokenKind::CloseParen)? + at;
            let mut columns: Vec<String> =
                words[at + 1..close].iter().filter_map(Word::name).collect();
            let mut from = self.from.clone();
            columns.sort();
            from.sort();
            if columns != from {
                return None;
            }
            close
        } else if first.is("on") && words.get(at + 1)?.is("constraint") {
            let named = words.get(at + 2)?.name()?;
            let old = self.old_constraint.as_deref()?.trim_matches('"');
            (named == old).then_some(at + 2)?
        } else {
            return None;
        };
        let last = &words[end];
        let stop = last.start + last.text.len();
        let does = words.iter().skip(end + 1).position(|word| word.is("do"))? + end + 1;
        let does_nothing = words.get(does + 1)?.is("nothing");
        // With the blank before it, so that no gap is left.
        let before = &words[at - 1];
        let start = before.start + before.text.len();
        Some(Target {
            span: offset + start..offset + stop,
            does_nothing,
            said: format!("ON CONFLICT{} DO {}", &text[start..stop], words.get(does + 1)?.text),
        })
    }
}

struct Target {
    /// The bytes of the target, with the blank before it.
    span: std::ops::Range<usize>,
    does_nothing: bool,
    said: String,
}

fn dollar_body<'a>(word: &Word<'a>) -> Option<&'a str> {
    let TokenKind::Literal { kind: LiteralKind::DollarQuotedString { .. } } = word.kind else {
        return None;
    };
    let tag = word.text.get(1..)?.find('$')? + 2;
    word.text.get(tag..word.text.len() - tag)
}
