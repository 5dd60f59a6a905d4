//! What is to be rehearsed: steps in order, from a packet or from the files of a migration tool as they
//! are.

mod folder;
mod history;
mod layouts;
mod marks;
pub mod packet;
mod tools;
mod unready;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::script::{Conduct, Problem, Script};

use self::folder::Folder;
pub use self::history::Applied;
pub use self::tools::Tool;
pub use self::unready::Unready;
pub use self::verify::Verify;

/// Steps in the order in which they are applied.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it is called.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// The steps.
    pub steps: Vec<Step>,
    /// What the proof names at entry and exit.
    pub watch: Vec<Watch>,
    /// What whoever reads the result should know: what was left out, and what was taken for what.
    pub notes: Vec<String>,
    /// Where its files are.
    pub(crate) folder: Folder,
    /// Tools that name their files alike.
    pub(crate) rivals: Vec<Tool>,
}

/// Something that the proof names at entry and exit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Watch {
    /// What it is called.
    pub name: String,
    /// What is looked at.
    #[serde(flatten)]
    pub what: Watchable,
}

/// What can be watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Watchable {
    /// An object: its hash, or ABSENT.
    Object(String),
    /// A query that returns one value.
    Query(String),
}

/// Whose files they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A packet of ours.
    Packet,
    /// A text that was given.
    Text,
    /// Files of a migration tool, or of none.
    #[serde(untagged)]
    Tool(Tool),
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name in the plan.
    pub id: String,
    /// What it does.
    pub does: Script,
    /// What undoes it, where that is known.
    pub undo: Option<Script>,
    /// What tells that the step is done.
    pub verify: Option<Verify>,
    /// Whether it runs in one transaction; else each statement by itself, with the transactions that the file
    /// makes, as `psql -f` runs it.
    pub transaction: bool,
    /// What a transaction may run instead of a step that runs outside of one.
    pub stand_in: Option<Script>,
    /// How long it may wait for a lock.
    pub lock_timeout: Option<Duration>,
    /// How long a statement of it may take.
    pub statement_timeout: Option<Duration>,
    /// Where it is to be rehearsed.
    pub rehearse: Rehearse,
    /// Sequences that it may move for good.
    pub burns: Vec<String>,
}

/// Where a step is to be rehearsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rehearse {
    /// In the live database where that hurts nobody, else in the sandbox.
    #[default]
    Auto,
    /// In the live database.
    Live,
    /// In the live database, on exact clones of the tables that it touches.
    Clone,
    /// In the sandbox only.
    Sandbox,
}

/// The file of the packet that these paths name, if they name one.
pub fn packet_file(paths: &[PathBuf]) -> Option<PathBuf> {
    match paths {
        [path] if path.is_dir() => Some(path.join("packet.toml")).filter(|file| file.is_file()),
        [path] if path.extension().is_some_and(|extension| extension == "toml") => {
            Some(path.clone())
        }
        _ => None,
    }
}

/// Reads what these paths name: a packet, a migration tool's folder, or single files in this order.
pub fn read(paths: &[PathBuf]) -> Result<Plan> {
    if let Some(file) = packet_file(paths) {
        return Ok(packet::read(&file)?.plan);
    }
    tools::read(listed(paths)?)
}

/// Reads what these paths name as a tool does, whatever their names and marks tell.
pub fn read_as(paths: &[PathBuf], tool: Tool) -> Result<Plan> {
    tools::read_as(listed(paths)?, tool)
}

fn listed(paths: &[PathBuf]) -> Result<Folder> {
    match paths {
        [path] if path.is_dir() => Folder::walk(path),
        files => Ok(Folder::of(files)),
    }
}

/// A piece of SQL as a plan of one step, and what undoes it, each run as `psql -f` runs a file.
pub fn of_text(does: &str, undo: Option<&str>) -> Result<Plan> {
    let read = |name: &str, text: &str| alone(Path::new(name), text.as_bytes());
    let undo = undo.map(|text| read("undo.sql", text)).transpose()?;
    let step = Step::new("sql".to_owned(), read("sql", does)?, undo, false);
    Ok(Plan { steps: vec![step], ..Plan::empty("sql", Source::Text) })
}

/// Reads a file.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| Error::File { path: path.display().to_string(), source })
}

/// The statements of a file.
pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<Script> {
    Script::parse(&path.display().to_string(), text).map_err(Error::Unreadable)
}

/// The statements of a packet's file, without the transaction that it brings itself.
pub(crate) fn script(path: &Path, text: &[u8]) -> Result<Script> {
    alone(path, text).map(Script::unwrapped)
}

/// The statements of a text that reads no other file.
fn alone(path: &Path, text: &[u8]) -> Result<Script> {
    tools::refuse_foreign(path, text, true)?;
    Script::parse_alone(&path.display().to_string(), text).map_err(Error::Unreadable)
}

impl Plan {
    /// A plan without steps.
    pub(crate) fn empty(name: &str, source: Source) -> Plan {
        Plan {
            name: name.to_owned(),
            source,
            steps: Vec::new(),
            watch: Vec::new(),
            notes: Vec::new(),
            folder: Folder::of(&[]),
            rivals: Vec::new(),
        }
    }

    /// What of it no rehearsal can bear, with the places.
    pub fn problems(&self) -> Vec<Problem> {
        self.steps.iter().flat_map(Step::obstacles).collect()
    }
}

impl Step {
    /// A step of a script and perhaps its undo.
    pub(crate) fn new(id: String, does: Script, undo: Option<Script>, transaction: bool) -> Step {
        Step {
            id,
            does,
            undo,
            verify: None,
            transaction,
            stand_in: None,
            lock_timeout: None,
            statement_timeout: None,
            rehearse: Rehearse::Auto,
            burns: Vec::new(),
        }
    }

    /// Its scripts.
    pub(crate) fn scripts(&self) -> impl Iterator<Item = &Script> {
        let verify = self.verify.as_ref().map(Verify::script);
        [Some(&self.does), self.undo.as_ref(), verify, self.stand_in.as_ref()].into_iter().flatten()
    }

    /// As one transaction can run it, where one can: without the transaction that its files bring.
    pub(crate) fn in_one_transaction(&self) -> Step {
        let mut step = self.clone();
        step.does = step.does.unwrapped();
        step.undo = step.undo.map(Script::unwrapped);
        step.transaction |= !step.does.leaves_the_transaction();
        step
    }

    /// What of it no rehearsal can bear, with the places.
    pub(crate) fn obstacles(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let held = [
            Some(&self.does).filter(|_| self.transaction),
            self.undo.as_ref().filter(|_| self.transaction),
            self.verify.as_ref().map(Verify::script),
            self.stand_in.as_ref(),
        ];
        let is_undo =
            |script: &Script| self.undo.as_ref().is_some_and(|undo| std::ptr::eq(undo, script));
        for script in held.into_iter().flatten() {
            let alone = script.statements.len() == 1;
            for statement in &script.statements {
                let message = match &statement.conduct {
                    Conduct::Controls(control) if !control.stays_inside() => {
                        format!("{} would end or split the step's transaction", control.sql())
                    }
                    Conduct::Outside(what) if !(alone && is_undo(script)) => {
                        format!("{what} runs outside of a transaction: give it a step of its own")
                    }
                    _ => continue,
                };
                found.push(Problem { place: statement.place.clone(), message });
            }
        }
        found
    }
}
