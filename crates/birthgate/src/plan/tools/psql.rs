//! Files that no tool is known for, as `psql -v ON_ERROR_STOP=1 -f` runs them one after the other: each statement by
//! itself, and the file's own transactions. In order of the numbers at the beginning of their names, then of the names.

use super::{Claim, Reader, Reading, Sent, Tool, script};
use crate::error::Result;
use crate::plan::Plan;
use crate::plan::folder::{File, Folder};
use crate::plan::history::History;
use crate::plan::unready::Unready;
use crate::script::Place;

pub(super) struct Psql;

/// Endings of names: of what does, and of what undoes it.
const PAIRS: &[(&str, &str)] = &[
    (".up.sql", ".down.sql"),
    (".do.sql", ".undo.sql"),
    (".sql", ".undo.sql"),
    (".sql", ".down.sql"),
    (".sql", ".revert.sql"),
    (".sql", ".rollback.sql"),
];

/// Endings of pairs that some tool may have, and not one that is read.
const UNKNOWN_PAIRS: &[(&str, &str)] = &[
    ("up", "down"),
    ("do", "undo"),
    ("deploy", "revert"),
    ("apply", "rollback"),
    ("upgrade", "downgrade"),
];

impl Reader for Psql {
    fn tool(&self) -> Tool {
        Tool::Psql
    }

    fn claim(&self, folder: &Folder) -> Claim {
        let has_files = folder.root.is_none() || folder.top_sql().next().is_some();
        if has_files { Claim::Perhaps } else { Claim::No }
    }

    fn reads(&self) -> &'static str {
        "without a tool's names or marks the .sql files of the folder itself are read, and those that undo one of them"
    }

    fn read(&self, folder: &Folder) -> Result<Reading> {
        let mut files: Vec<&File> = match folder.root {
            Some(_) => folder.top_sql().collect(),
            None => folder.files.iter().collect(),
        };
        if folder.root.is_some() {
            files.sort_by_key(|file| order(file.name()));
        }
        if let Some(pair) = unknown_pair(&files) {
            return Err(pair.into());
        }
        // Who names nothing but ways back wants to see those.
        let all_undo = folder.root.is_none() && files.iter().all(|file| is_undo(file.name()));
        let mut reading = Reading::default();
        for file in files.iter().filter(|file| all_undo || !is_undo(file.name())) {
            let undo = undo_of(file).filter(|undo| undo.within != file.within);
            let step = Sent::ByStatement.step(
                file.name().to_owned(),
                script(file, false)?,
                undo.as_ref().map(|undo| script(undo, false)).transpose()?,
            );
            reading.known.insert(file.within.clone());
            reading.known.extend(undo.map(|undo| undo.within));
            reading.steps.push(step);
        }
        Ok(reading)
    }

    fn applied(
        &self,
        plan: &Plan,
        _history: &History,
        _notes: &mut Vec<String>,
    ) -> Result<Vec<bool>> {
        Ok(vec![false; plan.steps.len()])
    }
}

/// By the numbers at the beginning, then by name.
fn order(name: &str) -> (Vec<u128>, String) {
    let numbers = name
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|part| part.parse().ok())
        .collect::<Vec<u128>>();
    (numbers, name.to_owned())
}

fn is_undo(name: &str) -> bool {
    PAIRS.iter().any(|(_, undo)| name.ends_with(undo))
}

fn undo_of(file: &File) -> Option<File> {
    let name = file.name();
    PAIRS
        .iter()
        .find_map(|(does, undo)| file.beside(&format!("{}{undo}", name.strip_suffix(does)?)))
}

/// Two files that differ in nothing but the direction that their names say, in a way that is nobody's whom we know.
fn unknown_pair(files: &[&File]) -> Option<Unready> {
    let parts = |file: &File| -> Vec<String> {
        let name = file.name().to_lowercase();
        name.split(['.', '_', '-']).map(str::to_owned).collect()
    };
    for (up, down) in UNKNOWN_PAIRS {
        for back in files.iter().filter(|file| !is_undo(file.name())) {
            let told = parts(back);
            let Some(at) = told.iter().position(|part| part == down) else { continue };
            let mut wanted = told.clone();
            wanted[at] = (*up).to_owned();
            if let Some(there) = files.iter().find(|file| parts(file) == wanted) {
                return Some(Unready::TwoDirections {
                    place: Place::of(&there.path.display().to_string(), "", 0..0),
                    up: there.name().to_owned(),
                    down: back.name().to_owned(),
                });
            }
        }
    }
    None
}
