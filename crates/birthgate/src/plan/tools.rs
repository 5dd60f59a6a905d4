//! The migration tools whose folders are read, one file a tool: how it is recognised, which files it reads and in
//! which order, what undoes each, how it sends them to the server, and what its own table says.

mod dbmate;
mod flyway;
mod golang_migrate;
mod psql;
mod refinery;
mod sqitch;
mod sqlx;
mod version;

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::folder::{File, Folder, few};
use super::history::History;
use super::layouts;
use super::marks;
use super::unready::Unready;
use super::{Plan, Source, Step, parse};
use crate::error::{Error, Result};
use crate::script::{Conduct, Control, Script};

/// A migration tool whose files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// No tool: files as `psql -f` runs them.
    Psql,
    /// sqitch.
    Sqitch,
    /// dbmate.
    Dbmate,
    /// Flyway.
    Flyway,
    /// refinery.
    Refinery,
    /// golang-migrate.
    GolangMigrate,
    /// sqlx.
    Sqlx,
}

impl std::fmt::Display for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Tool::Psql => "psql",
            Tool::Sqitch => "sqitch",
            Tool::Dbmate => "dbmate",
            Tool::Flyway => "Flyway",
            Tool::Refinery => "refinery",
            Tool::GolangMigrate => "golang-migrate",
            Tool::Sqlx => "sqlx",
        })
    }
}

impl std::str::FromStr for Tool {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Tool, String> {
        let named = READERS.iter().map(|reader| reader.tool());
        named.clone().find(|tool| tool.to_string().eq_ignore_ascii_case(text)).ok_or_else(|| {
            named.map(|tool| tool.to_string().to_lowercase()).collect::<Vec<_>>().join(", ")
        })
    }
}

/// How surely a folder is a tool's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// It is not.
    No,
    /// Its files may be named so by chance.
    Perhaps,
    /// Its files are named as this tool names them, and perhaps another one.
    Names,
    /// By a mark or a file that no other tool has.
    Certain,
}

/// What a reader made of a folder.
#[derive(Default)]
struct Reading {
    steps: Vec<Step>,
    /// The files that it read or knows not to be for it to run, by their names within the folder.
    known: BTreeSet<String>,
    notes: Vec<String>,
}

/// How one tool's folder is read.
trait Reader: Sync {
    /// Which tool it is.
    fn tool(&self) -> Tool;

    /// How surely a folder is its own.
    fn claim(&self, folder: &Folder) -> Claim;

    /// Which files it reads, for whoever wonders why one is left out.
    fn reads(&self) -> &'static str;

    /// The steps of a folder.
    fn read(&self, folder: &Folder) -> Result<Reading>;

    /// Whether each step is applied, as the tool's table says; what the tool would refuse at is an error, what it
    /// would only pass over a note.
    fn applied(&self, plan: &Plan, history: &History, notes: &mut Vec<String>)
    -> Result<Vec<bool>>;
}

/// Of two that claim a folder alike, the first has it until a table in the database says otherwise.
const READERS: &[&dyn Reader] = &[
    &sqitch::Sqitch,
    &dbmate::Dbmate,
    &flyway::Flyway,
    &refinery::Refinery,
    &golang_migrate::GolangMigrate,
    &psql::Psql,
    &sqlx::Sqlx,
];

fn reader(tool: Tool) -> &'static dyn Reader {
    READERS.iter().copied().find(|reader| reader.tool() == tool).unwrap_or(&psql::Psql)
}

/// Reads a folder, or files, as the tool whose they are.
pub(super) fn read(folder: Folder) -> Result<Plan> {
    let mut claims: Vec<(Claim, Tool)> = READERS
        .iter()
        .map(|reader| (reader.claim(&folder), reader.tool()))
        .filter(|(claim, _)| *claim != Claim::No)
        .collect();
    // Stable: of equals the first stays first.
    claims.sort_by_key(|(claim, _)| std::cmp::Reverse(*claim));
    let certain: Vec<Tool> = claims
        .iter()
        .filter(|(claim, _)| *claim == Claim::Certain)
        .map(|(_, tool)| *tool)
        .collect();
    if certain.len() > 1 {
        return Err(Unready::Several { folder: folder.name, tools: certain }.into());
    }
    let best = claims.first().map_or(Claim::No, |(claim, _)| *claim);
    if best < Claim::Names && folder.root.is_some() {
        layouts::refuse(&folder)?;
    }
    let Some((_, tool)) = claims.first().copied() else { return Err(nothing(&folder)) };
    let rivals: Vec<Tool> = match best {
        Claim::Certain => Vec::new(),
        _ => claims[1..].iter().map(|(_, tool)| *tool).filter(|tool| *tool != Tool::Psql).collect(),
    };
    let ties = claims.get(1).is_some_and(|(claim, _)| *claim == best);
    let mut plan = read_as(folder, tool)?;
    if ties
        && plan.folder.root.is_some()
        && let [rival, ..] = rivals[..]
    {
        plan.notes.push(format!(
            "read as {tool} reads it; {rival} names its files alike, and no table of its own was seen"
        ));
    }
    plan.rivals = rivals;
    Ok(plan)
}

/// Why there is nothing to read.
fn nothing(folder: &Folder) -> Error {
    let parent = |file: &File| file.within.rsplit_once('/').map(|(place, _)| place.to_owned());
    let projects: Vec<String> = folder
        .files
        .iter()
        .filter(|file| file.name() == "sqitch.plan")
        .filter_map(parent)
        .collect();
    let mut places: Vec<&str> = folder
        .files
        .iter()
        .filter(|file| file.is_sql())
        .filter_map(|file| file.within.rsplit_once('/').map(|(place, _)| place))
        .collect();
    places.dedup();
    let name = &folder.name;
    if !projects.is_empty() {
        let projects: Vec<&str> = projects.iter().map(String::as_str).collect();
        let told = few(&projects);
        return Error::BadInput(format!("{name} holds projects of sqitch; name one: {told}"));
    }
    Error::BadInput(match places[..] {
        [] => format!("{name} holds neither packet.toml nor sqitch.plan nor any .sql file"),
        _ => format!(
            "{name} holds no .sql file itself; name one of those below it: {}",
            few(&places)
        ),
    })
}

/// Reads a folder as a tool does.
pub(super) fn read_as(folder: Folder, tool: Tool) -> Result<Plan> {
    let reader = reader(tool);
    let Reading { steps, known, mut notes } = reader.read(&folder)?;
    if folder.root.is_some() {
        notes.extend(left_out(&folder, &known, reader.reads()));
    }
    Ok(Plan {
        name: folder.name.clone(),
        source: Source::Tool(tool),
        steps,
        watch: Vec::new(),
        notes,
        folder,
        rivals: Vec::new(),
    })
}

/// What lies in the folder and is not read, by name.
fn left_out(folder: &Folder, known: &BTreeSet<String>, reads: &str) -> Vec<String> {
    let rest = folder.files.iter().filter(|file| !known.contains(&file.within));
    let (sql, other): (Vec<&File>, Vec<&File>) = rest.partition(|file| file.may_be_sql());
    let told = |files: &[&File]| {
        let names: Vec<&str> = files.iter().map(|file| file.within.as_str()).collect();
        few(&names)
    };
    let prose = |file: &&File| !file.within.to_lowercase().ends_with(".md");
    let other: Vec<&File> = other.into_iter().filter(prose).collect();
    let mut notes = Vec::new();
    if !sql.is_empty() {
        notes.push(format!("left out: {} ({reads})", told(&sql)));
    }
    if !other.is_empty() {
        notes.push(format!("left out, since it is no SQL: {}", told(&other)));
    }
    notes
}

/// Whether each step is applied.
pub(super) fn applied(
    tool: Tool,
    plan: &Plan,
    history: &History,
    notes: &mut Vec<String>,
) -> Result<Vec<bool>> {
    reader(tool).applied(plan, history, notes)
}

/// How a tool sends a file to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// In a transaction that the tool begins and ends.
    InTransaction,
    /// As one message: all of it is one transaction, unless it is a single statement or brings its own.
    AsOneMessage,
    /// Statement by statement, with the transactions that it brings itself.
    ByStatement,
}

impl Sent {
    /// The step of a file that is sent so. What is the same in a transaction is said to run in one: it can be undone.
    fn step(self, id: String, does: Script, undo: Option<Script>) -> Step {
        let does = unwrapped(does);
        let alone = does.statements.len() == 1;
        let is =
            |holds: fn(&Conduct) -> bool| does.statements.iter().any(|one| holds(&one.conduct));
        let controls =
            is(|conduct| matches!(conduct, Conduct::Controls(control) if !control.stays_inside()));
        let outside = is(|conduct| matches!(conduct, Conduct::Outside(_)));
        let transaction = match self {
            // BEGIN within the tool's transaction is but a warning, and its COMMIT ends that one.
            Sent::InTransaction => !(controls && begins(&does)),
            Sent::AsOneMessage => !(controls || alone && outside),
            Sent::ByStatement => !outside && !controls && does.is_unwrapped,
        };
        Step::new(id, does.script, undo.map(|undo| unwrapped(undo).script), transaction)
    }
}

/// Whether the first statement of a script is a BEGIN.
fn begins(script: &Script) -> bool {
    matches!(script.statements.first(), Some(first) if matches!(first.conduct, Conduct::Controls(Control::Begin)))
}

/// A script, and whether it was one transaction of its own.
struct Unwrapped {
    script: Script,
    is_unwrapped: bool,
}

impl std::ops::Deref for Unwrapped {
    type Target = Script;

    fn deref(&self) -> &Script {
        &self.script
    }
}

/// Takes away a BEGIN and a COMMIT around all of it. One that says more than that, such as an isolation level, stays.
fn unwrapped(script: Script) -> Unwrapped {
    let plain = |at: usize| {
        let words = crate::words::words(script.text_of(&script.statements[at]));
        words.iter().filter(|word| word.text != ";").all(|word| {
            ["begin", "start", "commit", "end", "work", "transaction"]
                .iter()
                .any(|one| word.is(one))
        })
    };
    let last = script.statements.len().saturating_sub(1);
    let inner = script.statements.get(1..last).unwrap_or_default();
    let splits = inner
        .iter()
        .any(|one| matches!(one.conduct, Conduct::Controls(control) if !control.stays_inside()));
    let outside = inner.iter().any(|one| matches!(one.conduct, Conduct::Outside(_)));
    if inner.is_empty() || splits || outside || !plain(0) || !plain(last) {
        return Unwrapped { script, is_unwrapped: false };
    }
    let before = script.statements.len();
    let script = script.unwrapped();
    let is_unwrapped = script.statements.len() < before;
    Unwrapped { script, is_unwrapped }
}

/// Reads a file of SQL whose text is at hand. What bears another tool's marks is refused by its name, even if it
/// cannot be parsed. `certain`: it is known whose it is.
pub(super) fn script_of(path: &Path, text: &[u8], certain: bool) -> Result<Script> {
    refuse_foreign(path, text, certain)?;
    parse(path, text)
}

/// Refuses a text that bears another tool's marks.
pub(super) fn refuse_foreign(path: &Path, text: &[u8], certain: bool) -> Result<()> {
    let named = path.display().to_string();
    let foreign = marks::foreign(&named, &String::from_utf8_lossy(text), certain);
    foreign.map_or(Ok(()), |foreign| Err(foreign.into()))
}

/// Reads a file of SQL.
fn script(file: &File, certain: bool) -> Result<Script> {
    script_of(&file.path, &file.read()?, certain)
}
