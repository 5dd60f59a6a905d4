//! SQL as it stands in a file: its statements with their places, and what each of them would do to the
//! transaction that it runs in. Read by a parser of PostgreSQL's grammar; what it cannot read is refused.

use std::fmt;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;
use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use crate::effects::{Effect, What, When, named_in};

/// A place in a file. Lines and columns count from 1; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// The file, as it was named.
    pub path: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// The bytes of the file that are meant.
    #[serde(skip)]
    pub span: Range<usize>,
}

impl Place {
    /// Where these bytes of the text are.
    pub fn of(path: &str, text: &str, span: Range<usize>) -> Place {
        Lines::of(text).place(path, text, span)
    }
}

/// Where the lines of a text begin, so that many places in it are found in one pass.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        let after = text.match_indices('\n').map(|(newline, _)| newline + 1);
        Lines(std::iter::once(0).chain(after).collect())
    }

    fn place(&self, path: &str, text: &str, span: Range<usize>) -> Place {
        let line = self.0.partition_point(|start| *start <= span.start).max(1);
        let before = text.get(self.0[line - 1]..span.start).unwrap_or_default();
        Place { path: path.to_owned(), line, column: before.chars().count() + 1, span }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

/// What is wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// What a statement does to the transaction that it would run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// Runs inside, and ROLLBACK undoes it, as far as the parser sees.
    Inside,
    /// PostgreSQL runs it only outside of a transaction block.
    Outside(&'static str),
    /// Begins, ends or splits the transaction.
    Controls(&'static str),
    /// Does something that ROLLBACK does not undo.
    Escapes(String),
}

/// One statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Where it begins.
    pub place: Place,
    /// What it does to its transaction.
    pub conduct: Conduct,
    /// Whether it makes, changes or drops objects, and writes no rows by itself.
    pub of_the_schema: bool,
}

/// A file of SQL.
#[derive(Clone, Debug)]
pub struct Script {
    /// The file, as it was named.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its statements, in order, without empty ones.
    pub statements: Vec<Statement>,
}

impl Script {
    /// Reads the text of a file. Answers what cannot be read otherwise, with its places.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Script, Vec<Problem>> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let at = good.len();
                return Err(vec![Problem {
                    place: Place::of(path, &good, at..at),
                    message: "a byte that is not UTF-8".to_owned(),
                }]);
            }
        };
        // An editor's byte order mark is no SQL.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = Lines::of(text);
        let problem = |span: Range<usize>, message: String| Problem {
            place: lines.place(path, text, span),
            message,
        };
        if let Some(at) = too_deep(text) {
            return Err(vec![problem(at..at, "parentheses nested deeper than 500".to_owned())]);
        }
        let parsed = std::panic::catch_unwind(|| {
            let parse = SourceFile::parse(text);
            let errors: Vec<(Range<usize>, String)> = parse
                .errors()
                .iter()
                .map(|error| (error.range().into(), error.message().to_owned()))
                .collect();
            let statements: Vec<(Range<usize>, Conduct, bool)> = parse
                .tree()
                .stmts()
                .filter(|statement| !matches!(statement, ast::Stmt::EmptyStmt(_)))
                .map(|one| (trimmed(one.syntax()), conduct(&one), is_of_the_schema(&one)))
                .collect();
            (errors, statements)
        });
        let Ok((errors, statements)) = parsed else {
            return Err(vec![problem(0..0, "the parser gave up on this file".to_owned())]);
        };
        if !errors.is_empty() {
            let told = errors.into_iter().take(20).map(|(span, message)| {
                let message = match meta_command(text, span.start) {
                    Some(command) => format!("{command} is a command of psql, which alone runs it"),
                    None => message,
                };
                problem(span, message)
            });
            return Err(told.collect());
        }
        let statements = statements
            .into_iter()
            .map(|(span, conduct, of_the_schema)| Statement {
                place: lines.place(path, text, span),
                conduct,
                of_the_schema,
            })
            .collect();
        Ok(Script { path: path.to_owned(), text: text.to_owned(), statements })
    }

    /// The text of a statement, as it is sent.
    pub fn text_of(&self, statement: &Statement) -> &str {
        &self.text[statement.place.span.clone()]
    }

    /// Whether a statement of it runs only outside of a transaction.
    pub fn leaves_the_transaction(&self) -> bool {
        self.statements.iter().any(|one| matches!(one.conduct, Conduct::Outside(_)))
    }

    /// Whether all of it is of the schema: what it has done shows in the objects.
    pub fn is_of_the_schema_alone(&self) -> bool {
        self.statements.iter().all(|one| one.of_the_schema)
    }

    /// Without a BEGIN at its beginning and the COMMIT at its end: many tools' files carry their own
    /// transaction, which is then the rehearsal's.
    pub fn unwrapped(mut self) -> Script {
        let begins = |conduct: &Conduct| matches!(conduct, Conduct::Controls("BEGIN"));
        let commits = |conduct: &Conduct| matches!(conduct, Conduct::Controls("COMMIT"));
        if let [first, .., last] = &self.statements[..]
            && begins(&first.conduct)
            && commits(&last.conduct)
        {
            self.statements.pop();
            self.statements.remove(0);
        }
        self
    }
}

/// Whether a statement makes, changes or drops objects, and writes no rows and moves no sequence.
fn is_of_the_schema(statement: &ast::Stmt) -> bool {
    let kind = format!("{:?}", statement.syntax().kind());
    let starts = ["CREATE_", "ALTER_", "DROP_", "COMMENT_ON", "GRANT", "REVOKE", "SECURITY_LABEL"];
    let writes =
        ["CREATE_TABLE_AS", "CREATE_MATERIALIZED_VIEW", "ALTER_SEQUENCE", "ALTER_LARGE_OBJECT"];
    starts.iter().any(|start| kind.starts_with(start)) && !writes.contains(&kind.as_str())
}

/// The place of a parenthesis that is nested deeper than any parser's stack would bear.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b';' => depth = 0,
            _ => {}
        }
        if depth > 500 {
            return Some(at);
        }
    }
    None
}

/// The command of psql on whose line the byte is.
fn meta_command(text: &str, at: usize) -> Option<&str> {
    let at = at.min(text.len());
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line..].lines().next()?;
    let command = &line[line.find('\\')?..];
    command.split_whitespace().next()
}

/// The bytes of a node without the spaces and comments around it, and without its semicolon.
fn trimmed(node: &SyntaxNode) -> Range<usize> {
    let mut tokens =
        node.descendants_with_tokens().filter_map(|element| element.into_token()).filter(|token| {
            !matches!(
                token.kind(),
                SyntaxKind::WHITESPACE | SyntaxKind::COMMENT | SyntaxKind::SEMICOLON
            )
        });
    let first = tokens.next().map_or(node.text_range().start(), |token| token.text_range().start());
    let last = tokens.last().map_or(node.text_range().end(), |token| token.text_range().end());
    first.into()..last.into()
}

fn conduct(statement: &ast::Stmt) -> Conduct {
    use ast::Stmt;
    let node = statement.syntax();
    let words = words(node);
    let has = |word: &str| words.iter().any(|seen| seen == word);
    let second = words.get(1).map(String::as_str);
    // The first word is looked at as well as the parse: two readings that would both have to err.
    match (statement, words.first().map_or("", String::as_str)) {
        (Stmt::Begin(_), _) | (_, "begin" | "start") => return Conduct::Controls("BEGIN"),
        (Stmt::PrepareTransaction(_), _) => return Conduct::Controls("PREPARE TRANSACTION"),
        (_, "prepare") if second == Some("transaction") => {
            return Conduct::Controls("PREPARE TRANSACTION");
        }
        (Stmt::Commit(_), _) | (_, "commit" | "end") => {
            return Conduct::Controls(match second {
                Some("prepared") => "COMMIT PREPARED",
                _ => "COMMIT",
            });
        }
        (Stmt::Rollback(_), _) | (_, "rollback" | "abort") => {
            return Conduct::Controls(if has("to") { "ROLLBACK TO SAVEPOINT" } else { "ROLLBACK" });
        }
        (Stmt::SavepointCreate(_) | Stmt::ReleaseSavepoint(_), _)
        | (_, "savepoint" | "release") => {
            return Conduct::Controls("SAVEPOINT");
        }
        _ => {}
    }
    let concurrently = has("concurrently");
    match statement {
        Stmt::CreateDatabase(_) => return Conduct::Outside("CREATE DATABASE"),
        Stmt::DropDatabase(_) => return Conduct::Outside("DROP DATABASE"),
        Stmt::CreateTablespace(_) => return Conduct::Outside("CREATE TABLESPACE"),
        Stmt::DropTablespace(_) => return Conduct::Outside("DROP TABLESPACE"),
        Stmt::AlterDatabase(_) if has("tablespace") => {
            return Conduct::Outside("ALTER DATABASE … SET TABLESPACE");
        }
        Stmt::AlterSystem(_) => return Conduct::Outside("ALTER SYSTEM"),
        Stmt::Vacuum(_) => return Conduct::Outside("VACUUM"),
        Stmt::Cluster(_) if words.len() <= 2 => return Conduct::Outside("CLUSTER"),
        Stmt::Discard(_) if has("all") => return Conduct::Outside("DISCARD ALL"),
        Stmt::CreateSubscription(_) => return Conduct::Outside("CREATE SUBSCRIPTION"),
        Stmt::AlterSubscription(_) => return Conduct::Outside("ALTER SUBSCRIPTION"),
        Stmt::DropSubscription(_) => return Conduct::Outside("DROP SUBSCRIPTION"),
        Stmt::Reindex(_) if concurrently || has("database") || has("system") || has("schema") => {
            return Conduct::Outside("REINDEX CONCURRENTLY, or of more than a table");
        }
        Stmt::CreateIndex(_) if concurrently => {
            return Conduct::Outside("CREATE INDEX CONCURRENTLY");
        }
        Stmt::DropIndex(_) if concurrently => return Conduct::Outside("DROP INDEX CONCURRENTLY"),
        Stmt::AlterTable(_) if concurrently && has("detach") => {
            return Conduct::Outside("DETACH PARTITION CONCURRENTLY");
        }
        Stmt::Load(_) => return Conduct::Escapes("LOAD stays in the session".to_owned()),
        Stmt::Checkpoint(_) => return Conduct::Escapes("CHECKPOINT is of the server".to_owned()),
        Stmt::Copy(copy) => {
            if has("program") {
                return Conduct::Escapes("COPY runs a program of the server".to_owned());
            }
            if has("stdin") || has("stdout") {
                return Conduct::Escapes("COPY with the client needs psql".to_owned());
            }
            let _ = copy;
            return Conduct::Escapes("COPY reads or writes a file of the server".to_owned());
        }
        Stmt::Set(_) if has("standard_conforming_strings") => {
            return Conduct::Escapes(
                "standard_conforming_strings changes where strings end".to_owned(),
            );
        }
        _ => {}
    }
    let named = named_in(&node.text().to_string());
    let escapes = named.iter().find_map(|named| match named.what {
        What::Function(function) if named.when == When::Now => match function.effect {
            Effect::MovesSequence => None,
            Effect::OtherServer => {
                Some(format!("{} writes through another connection", function.name))
            }
            _ => Some(format!("{} is not undone by ROLLBACK", function.name)),
        },
        _ => None,
    });
    escapes.map_or(Conduct::Inside, Conduct::Escapes)
}

/// The keywords and names of a statement, in small letters.
fn words(node: &SyntaxNode) -> Vec<String> {
    node.descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .filter(|token| !matches!(token.kind(), SyntaxKind::WHITESPACE | SyntaxKind::COMMENT))
        .take(64)
        .map(|token| token.text().chars().take(64).collect::<String>().to_ascii_lowercase())
        .collect()
}
