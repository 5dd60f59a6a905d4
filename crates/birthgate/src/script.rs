//! SQL as it stands in a file: its statements with their places, and what each of them would do to the
//! transaction that it runs in. Statements end where psql ends them; whether they are right PostgreSQL says.

mod arguments;
mod branches;
mod command;
mod conduct;
mod split;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use arguments::Variables;
use branches::Branches;
use command::{Command, CopyRows};
use conduct::Opening;
use split::{Piece, Pieces};

/// How deep files may read other files.
const DEEPEST: usize = 20;

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
    /// Runs inside a transaction block and outside of one.
    Inside,
    /// PostgreSQL runs it only inside of a transaction block.
    InBlock,
    /// PostgreSQL runs it only outside of a transaction block.
    Outside(&'static str),
    /// Begins, ends or splits the transaction.
    Controls(Control),
}

/// How a statement controls its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Begins a block.
    Begin,
    /// Ends the block.
    Commit,
    /// Ends the block, and begins another.
    CommitAndChain,
    /// Ends the block, and undoes it.
    Rollback,
    /// Undoes the block, and begins another.
    RollbackAndChain,
    /// Splits the transaction.
    Savepoint,
    /// Forgets a savepoint.
    Release,
    /// Goes back to a savepoint.
    RollbackToSavepoint,
    /// Ends the block, to be committed later.
    PrepareTransaction,
    /// Commits a transaction that was prepared.
    CommitPrepared,
    /// Undoes a transaction that was prepared.
    RollbackPrepared,
}

impl Control {
    /// As it stands in SQL.
    pub fn sql(self) -> &'static str {
        match self {
            Control::Begin => "BEGIN",
            Control::Commit => "COMMIT",
            Control::CommitAndChain => "COMMIT AND CHAIN",
            Control::Rollback => "ROLLBACK",
            Control::RollbackAndChain => "ROLLBACK AND CHAIN",
            Control::Savepoint => "SAVEPOINT",
            Control::Release => "RELEASE SAVEPOINT",
            Control::RollbackToSavepoint => "ROLLBACK TO SAVEPOINT",
            Control::PrepareTransaction => "PREPARE TRANSACTION",
            Control::CommitPrepared => "COMMIT PREPARED",
            Control::RollbackPrepared => "ROLLBACK PREPARED",
        }
    }

    /// Whether the transaction that it runs in goes on after it.
    pub fn stays_inside(self) -> bool {
        matches!(self, Control::Savepoint | Control::Release | Control::RollbackToSavepoint)
    }

    /// Whether a transaction block is open after it; `None`: as before.
    pub fn opens(self) -> Option<bool> {
        match self {
            Control::Begin | Control::CommitAndChain | Control::RollbackAndChain => Some(true),
            Control::Commit | Control::Rollback | Control::PrepareTransaction => Some(false),
            _ => None,
        }
    }
}

/// Where a statement may not run, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Not in the live database: ROLLBACK would not undo it.
    FromLive(String),
    /// Not in the sandbox either: it reaches out of it.
    FromEverywhere(String),
}

/// One statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Where it begins.
    pub place: Place,
    /// What it does to its transaction.
    pub conduct: Conduct,
    /// Where it may not run.
    pub kept: Option<Kept>,
    /// Whether it moves a sequence, as far as its text tells.
    pub moves_a_sequence: bool,
    /// Whether it makes, changes or drops objects, and writes no rows by itself.
    pub of_the_schema: bool,
    /// Whether it only sets parameters of the session.
    pub(crate) of_the_session: bool,
    /// Whether it says how its transaction runs.
    pub(crate) of_transaction: bool,
    /// Whether it writes the planner's figures of a table in place.
    pub(crate) writes_figures: bool,
    /// Whether it is an INSERT, of which files have many in a row.
    pub(crate) is_an_insert: bool,
    /// Whether the file goes on when it fails.
    pub(crate) may_fail: bool,
    /// Its text, where that is not what stands at its place: variables, another file.
    sql: Option<Box<str>>,
    /// The rows that follow a COPY from the client.
    rows: Option<Rows>,
}

/// The rows after a COPY from the client.
#[derive(Clone, Debug)]
enum Rows {
    Here(Range<usize>),
    Elsewhere(Box<str>),
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

/// A script that is being read, with the files that it reads.
struct Reading {
    statements: Vec<Statement>,
    problems: Vec<Problem>,
    variables: Variables,
    may_fail: bool,
    standard_strings: bool,
    /// Whether it may read other files.
    may_include: bool,
}

impl Script {
    /// Reads the text of a file, with the files that it reads. Answers what cannot be known of it otherwise, with its
    /// places.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Script, Vec<Problem>> {
        Script::read(path, bytes, true)
    }

    /// Reads a text that may read no other file: it is signed as it is, or comes from somebody who may not read ours.
    pub fn parse_alone(path: &str, bytes: &[u8]) -> Result<Script, Vec<Problem>> {
        Script::read(path, bytes, false)
    }

    fn read(path: &str, bytes: &[u8], may_include: bool) -> Result<Script, Vec<Problem>> {
        let text = decode(path, bytes)?;
        let mut reading = Reading {
            may_include,
            statements: Vec::new(),
            problems: Vec::new(),
            variables: Variables::new(),
            may_fail: false,
            standard_strings: true,
        };
        reading.read(path, text, 0);
        if !reading.problems.is_empty() {
            reading.problems.truncate(20);
            return Err(reading.problems);
        }
        Ok(Script { path: path.to_owned(), text: text.to_owned(), statements: reading.statements })
    }

    /// The text of a statement, as it is sent.
    pub fn text_of<'a>(&'a self, statement: &'a Statement) -> &'a str {
        match &statement.sql {
            Some(sql) => sql,
            None => &self.text[statement.place.span.clone()],
        }
    }

    /// The rows that follow a statement, when it is a COPY from the client.
    pub(crate) fn rows_of<'a>(&'a self, statement: &'a Statement) -> Option<&'a str> {
        Some(match statement.rows.as_ref()? {
            Rows::Here(span) => &self.text[span.clone()],
            Rows::Elsewhere(text) => text,
        })
    }

    /// The place of a character, counted from 1, in the text that was sent of a statement.
    pub(crate) fn place_in(&self, statement: &Statement, character: usize) -> Place {
        if statement.sql.is_some() {
            return statement.place.clone();
        }
        let sent = self.text_of(statement);
        let at = sent.char_indices().nth(character.saturating_sub(1));
        let at = statement.place.span.start + at.map_or(sent.len(), |(at, _)| at);
        Place::of(&self.path, &self.text, at..at)
    }

    /// Whether a statement of it runs only outside of a transaction, or it has transactions of its own.
    pub fn leaves_the_transaction(&self) -> bool {
        self.statements.iter().any(|one| match one.conduct {
            Conduct::Outside(_) => true,
            Conduct::Controls(control) => !control.stays_inside(),
            Conduct::Inside | Conduct::InBlock => false,
        })
    }

    /// Whether all of it is of the schema: what it has done shows in the objects.
    pub fn is_of_the_schema_alone(&self) -> bool {
        self.statements.iter().all(|one| one.of_the_schema)
    }

    /// Whether it begins by saying how its transaction runs, which PostgreSQL takes only before any query.
    pub(crate) fn sets_its_transaction(&self) -> bool {
        self.statements.iter().take_while(|one| one.of_the_session).any(|one| one.of_transaction)
    }

    /// Why it may not run in the live database, if it may not.
    pub fn kept_from_live(&self) -> Option<&str> {
        self.statements.iter().find_map(|one| match one.kept.as_ref()? {
            Kept::FromLive(why) | Kept::FromEverywhere(why) => Some(why.as_str()),
        })
    }

    /// Without a BEGIN at its beginning and the COMMIT at its end: many tools' files carry their own
    /// transaction, which is then the rehearsal's.
    pub fn unwrapped(mut self) -> Script {
        let is = |statement: &Statement, control| statement.conduct == Conduct::Controls(control);
        if let [first, between @ .., last] = &self.statements[..]
            && is(first, Control::Begin)
            && is(last, Control::Commit)
            && between.iter().all(
                |one| !matches!(one.conduct, Conduct::Controls(control) if !control.stays_inside()),
            )
        {
            self.statements.pop();
            self.statements.remove(0);
        }
        self
    }
}

/// Whether a statement gives rows to the client: COPY … TO STDOUT.
pub(crate) fn copies_to_client(sql: &str) -> bool {
    let words = crate::words::first(sql, 1);
    words.first().is_some_and(|word| word.is("copy"))
        && crate::words::words(sql).windows(2).any(|pair| pair[0].is("to") && pair[1].is("stdout"))
}

/// The text of a file, without an editor's byte order mark.
fn decode<'a>(path: &str, bytes: &'a [u8]) -> Result<&'a str, Vec<Problem>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let at = good.len();
            Err(vec![Problem {
                place: Place::of(path, &good, at..at),
                message: "a byte that is not UTF-8".to_owned(),
            }])
        }
    }
}

impl Reading {
    /// Reads a file; answers whether it was read to its end.
    fn read(&mut self, path: &str, text: &str, depth: usize) -> bool {
        let lines = Lines::of(text);
        let mut pieces = Pieces::of(text);
        pieces.standard_strings = self.standard_strings;
        let mut branches = Branches::default();
        // A statement that a command of psql follows before its semicolon.
        let mut unsent = None;
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Statement { span, rows, variables, sent } => {
                    let place = lines.place(path, text, span);
                    if !branches.run() {
                        if rows.is_some() {
                            let message = "psql passes over this COPY, and reads its rows as SQL";
                            self.problem(place, message);
                        }
                        continue;
                    }
                    unsent = (!sent).then(|| place.clone());
                    self.statement(text, place, rows, &variables, depth > 0);
                    pieces.turn_strings(self.standard_strings);
                }
                Piece::Command(span) => {
                    let place = lines.place(path, text, span.clone());
                    let (command, length) =
                        command::read(&text[span.clone()], &self.variables, &branches);
                    pieces.resume(span.start + length);
                    if let Some(place) = unsent.take()
                        && !matches!(command, Command::Sends | Command::Unknown(_))
                    {
                        let message = "a command of psql stands within this statement: end it with a semicolon";
                        self.problem(place, message);
                    }
                    match command {
                        Command::Ignored | Command::Sends => {}
                        Command::Quits => return false,
                        Command::StopOnError(stops) => self.may_fail = !stops,
                        Command::Sets(name, Some(value)) => {
                            drop(self.variables.insert(name, value))
                        }
                        Command::Sets(name, None) => drop(self.variables.remove(&name)),
                        Command::Reads { file, beside_this } => {
                            self.include(path, place, &file, beside_this, depth);
                        }
                        Command::Copies(copy) => match copy.rows {
                            CopyRows::None => self.add(place, copy.sql, None),
                            CopyRows::Here => {
                                let rows = pieces.rows();
                                self.add(place, copy.sql, Some(&text[rows]));
                            }
                            CopyRows::File(file) => {
                                let named = Path::new(&file);
                                if let Some(rows) = self.file(place.clone(), named, "its rows") {
                                    self.add(place, copy.sql, Some(&rows));
                                }
                            }
                        },
                        Command::Branches(conditional) => {
                            if !branches.pass(conditional) {
                                self.problem(place, "no \\if is open here");
                            }
                        }
                        Command::Unknown(message) => self.problems.push(Problem { place, message }),
                    }
                }
            }
        }
        if branches.are_open() {
            self.problem(
                lines.place(path, text, text.len()..text.len()),
                "an \\if without \\endif",
            );
        }
        true
    }

    fn problem(&mut self, place: Place, message: &str) {
        self.problems.push(Problem { place, message: message.to_owned() });
    }

    fn include(&mut self, path: &str, place: Place, file: &str, beside: bool, depth: usize) {
        let named = PathBuf::from(file);
        let folder = Path::new(path).parent().unwrap_or(Path::new(""));
        let target = if beside { folder.join(&named) } else { named };
        if depth >= DEEPEST {
            return self.problem(place, "files that read each other without an end");
        }
        if let Some(text) = self.file(place, &target, "its statements") {
            self.read(&target.display().to_string(), &text, depth + 1);
        }
    }

    /// The text of another file; what keeps it from being read becomes a problem.
    fn file(&mut self, place: Place, target: &Path, what: &str) -> Option<String> {
        let name = target.display().to_string();
        if !self.may_include {
            let message = format!(
                "{name} is another file, which a packet or a given text may not read: put {what} here"
            );
            self.problems.push(Problem { place, message });
            return None;
        }
        match std::fs::read(target) {
            Err(error) => {
                self.problems.push(Problem { place, message: format!("{name}: {error}") });
                None
            }
            Ok(bytes) => match decode(&name, &bytes) {
                Err(problems) => {
                    self.problems.extend(problems);
                    None
                }
                Ok(text) => Some(text.to_owned()),
            },
        }
    }

    /// Adds a statement that does not stand in the file as it is sent.
    fn add(&mut self, place: Place, sql: String, rows: Option<&str>) {
        let mut statement = self.understood(place, &sql);
        statement.sql = Some(sql.into_boxed_str());
        statement.rows = rows.map(|rows| Rows::Elsewhere(rows.into()));
        self.statements.push(statement);
    }

    fn statement(
        &mut self,
        text: &str,
        place: Place,
        rows: Option<Range<usize>>,
        variables: &[Range<usize>],
        elsewhere: bool,
    ) {
        let own = &text[place.span.clone()];
        let replaced = self.replaced(text, &place, variables);
        let mut statement = self.understood(place, replaced.as_deref().unwrap_or(own));
        statement.rows = rows.map(|span| match elsewhere {
            true => Rows::Elsewhere(text[span].into()),
            false => Rows::Here(span),
        });
        statement.sql =
            replaced.or_else(|| elsewhere.then(|| own.to_owned())).map(String::into_boxed_str);
        self.statements.push(statement);
    }

    /// A statement with this text, by its words.
    fn understood(&mut self, place: Place, sql: &str) -> Statement {
        let words = crate::words::first(sql, conduct::LOOKED_AT);
        let opening = Opening::of(&words);
        let strings = |word: &str| word.eq_ignore_ascii_case("standard_conforming_strings");
        if opening.is_of_the_session() && words.iter().any(|word| strings(word.text)) {
            self.standard_strings = !words.last().is_some_and(|word| word.is("off"));
        }
        let (kept, moves_a_sequence) = opening.kept(sql);
        Statement {
            conduct: opening.conduct(),
            kept,
            moves_a_sequence,
            of_the_schema: opening.is_of_the_schema(),
            of_the_session: opening.is_of_the_session(),
            of_transaction: opening.is_of_the_transaction(),
            writes_figures: opening.writes_figures(),
            is_an_insert: opening.is_an_insert(),
            may_fail: self.may_fail,
            rows: None,
            sql: None,
            place,
        }
    }

    /// The text of a statement with the variables that are set, where it names any.
    fn replaced(
        &mut self,
        text: &str,
        place: &Place,
        variables: &[Range<usize>],
    ) -> Option<String> {
        let mut sql = String::new();
        let mut copied = place.span.start;
        for variable in variables {
            let named = &text[variable.start + 1..variable.end];
            let name = named.trim_matches(['\'', '"']);
            let Some(value) = self.variables.get(name) else {
                if arguments::is_of_psql(name) {
                    let message =
                        format!(":{name} is a variable of psql, whose value only psql knows");
                    self.problems.push(Problem { place: place.clone(), message });
                }
                continue;
            };
            sql.push_str(&text[copied..variable.start]);
            match named.as_bytes() {
                [b'\'', ..] => sql.push_str(&arguments::literal(value)),
                [b'"', ..] => sql.push_str(&arguments::identifier(value)),
                _ if value.contains([';', '\\']) => {
                    let message =
                        format!("the value of :{name} is more than a part of a statement");
                    self.problems.push(Problem { place: place.clone(), message });
                }
                _ => sql.push_str(value),
            }
            copied = variable.end;
        }
        (copied > place.span.start).then(|| {
            sql.push_str(&text[copied..place.span.end]);
            sql
        })
    }
}
