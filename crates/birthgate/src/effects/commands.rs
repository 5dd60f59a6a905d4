//! Statements with an effect that ROLLBACK does not undo.

use schemars::JsonSchema;
use serde::Serialize;

use super::text::Token;
use super::{Effect, is_known_extension};

/// A statement with such an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// COPY from a file of the server.
    CopyFromFile,
    /// COPY to a file of the server.
    CopyToFile,
    /// COPY from or to a program.
    CopyProgram,
    /// LOAD.
    Load,
    /// CHECKPOINT.
    Checkpoint,
    /// ALTER SYSTEM.
    AlterSystem,
    /// DISCARD ALL, which gives back advisory locks.
    DiscardAll,
    /// CREATE or DROP DATABASE.
    Database,
    /// CREATE or DROP TABLESPACE: folders of the server.
    Tablespace,
    /// CREATE, ALTER or DROP SUBSCRIPTION, which connect.
    Subscription,
    /// IMPORT FOREIGN SCHEMA, which connects.
    ImportForeignSchema,
    /// CREATE FOREIGN TABLE: what reads or writes it connects, or reads files.
    ForeignTable,
    /// CREATE FUNCTION in C, or as another name of a function of the server.
    NativeFunction,
    /// CREATE EXTENSION of one that the table of functions does not know.
    Extension,
    /// DO in a language that may do anything.
    UntrustedBlock,
}

impl Command {
    /// What it does.
    pub fn effect(self) -> Effect {
        match self {
            Command::CopyFromFile => Effect::ReadsFile,
            Command::CopyToFile | Command::Tablespace => Effect::WritesFile,
            Command::CopyProgram | Command::UntrustedBlock => Effect::RunsProgram,
            Command::Load | Command::DiscardAll => Effect::SessionState,
            Command::Checkpoint | Command::AlterSystem | Command::Database => Effect::ServerControl,
            Command::Subscription | Command::ImportForeignSchema | Command::ForeignTable => {
                Effect::OtherServer
            }
            Command::NativeFunction | Command::Extension => Effect::Unknown,
        }
    }

    /// As SQL calls it.
    pub fn name(self) -> &'static str {
        match self {
            Command::CopyFromFile => "COPY FROM a file",
            Command::CopyToFile => "COPY TO a file",
            Command::CopyProgram => "COPY with a program",
            Command::Load => "LOAD",
            Command::Checkpoint => "CHECKPOINT",
            Command::AlterSystem => "ALTER SYSTEM",
            Command::DiscardAll => "DISCARD ALL",
            Command::Database => "CREATE or DROP DATABASE",
            Command::Tablespace => "CREATE or DROP TABLESPACE",
            Command::Subscription => "SUBSCRIPTION",
            Command::ImportForeignSchema => "IMPORT FOREIGN SCHEMA",
            Command::ForeignTable => "CREATE FOREIGN TABLE",
            Command::NativeFunction => "CREATE FUNCTION in C or internal",
            Command::Extension => "CREATE EXTENSION of an unknown one",
            Command::UntrustedBlock => "DO in an untrusted language",
        }
    }
}

/// The effect of a statement as such.
pub(super) fn command(statement: &[Token]) -> Option<Command> {
    // A label of PL/pgSQL: <<here>>
    let statement = match statement {
        [a, b, Token::Name { .. }, c, d, rest @ ..]
            if a.is_mark("<") && b.is_mark("<") && c.is_mark(">") && d.is_mark(">") =>
        {
            rest
        }
        _ => statement,
    };
    let is = |at: usize, keyword: &str| statement.get(at).is_some_and(|token| token.is(keyword));
    let makes_or_drops = is(0, "create") || is(0, "drop");
    if is(0, "copy") {
        return copy(statement);
    }
    if is(0, "create") {
        return created(statement);
    }
    if is(0, "do") {
        return languages(statement)
            .any(|language| !is_trusted(language))
            .then_some(Command::UntrustedBlock);
    }
    match () {
        () if is(0, "load") && statement.len() == 2 => Some(Command::Load),
        () if is(0, "checkpoint") => Some(Command::Checkpoint),
        () if is(0, "alter") && is(1, "system") => Some(Command::AlterSystem),
        () if is(0, "discard") && is(1, "all") => Some(Command::DiscardAll),
        () if makes_or_drops && is(1, "database") => Some(Command::Database),
        () if makes_or_drops && is(1, "tablespace") => Some(Command::Tablespace),
        () if (makes_or_drops || is(0, "alter")) && is(1, "subscription") => {
            Some(Command::Subscription)
        }
        () if is(0, "import") && is(1, "foreign") => Some(Command::ImportForeignSchema),
        () => None,
    }
}

fn created(statement: &[Token]) -> Option<Command> {
    let mut words = statement[1..].iter().skip_while(|token| token.is("or") || token.is("replace"));
    match words.next().and_then(Token::name)? {
        "function" | "procedure" => languages(statement)
            .any(|language| matches!(language, "c" | "internal"))
            .then_some(Command::NativeFunction),
        "extension" => {
            let mut words =
                words.skip_while(|token| ["if", "not", "exists"].iter().any(|word| token.is(word)));
            let name = words.next().and_then(Token::name)?;
            (!is_known_extension(name)).then_some(Command::Extension)
        }
        "database" => Some(Command::Database),
        "tablespace" => Some(Command::Tablespace),
        "subscription" => Some(Command::Subscription),
        "foreign" if words.next().is_some_and(|token| token.is("table")) => {
            Some(Command::ForeignTable)
        }
        _ => None,
    }
}

/// COPY of a table or of a query in parentheses, then FROM or TO.
fn copy(statement: &[Token]) -> Option<Command> {
    let mut depth = 0_i32;
    for (at, token) in statement.iter().enumerate() {
        match token {
            _ if token.is_mark("(") => depth += 1,
            _ if token.is_mark(")") => depth -= 1,
            _ if depth == 0 && (token.is("from") || token.is("to")) => {
                return match statement.get(at + 1) {
                    Some(with) if with.is("program") => Some(Command::CopyProgram),
                    Some(with) if with.is("stdin") || with.is("stdout") => None,
                    // A file; or, in a text that a function puts together, what it puts there.
                    _ if token.is("from") => Some(Command::CopyFromFile),
                    _ => Some(Command::CopyToFile),
                };
            }
            _ => {}
        }
    }
    None
}

/// What a statement may name as its language, quoted as a name or as a literal: an argument may be called
/// "language" too, and then its type is here as well.
fn languages(statement: &[Token]) -> impl Iterator<Item = &str> {
    let pairs = statement.windows(2).filter(|pair| pair[0].is("language"));
    pairs.filter_map(|pair| pair[1].name().or_else(|| pair[1].literal()))
}

/// Whether the language keeps what is written in it within the database.
pub(super) fn is_trusted(language: &str) -> bool {
    matches!(language, "sql" | "plpgsql" | "plperl" | "pltcl" | "plv8" | "pllua" | "plrust")
}
