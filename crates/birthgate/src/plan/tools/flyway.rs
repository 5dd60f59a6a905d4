//! Flyway: `V1.2__name.sql` in the folder and below it, by version, undone by `U1.2__name.sql`; then the repeatable
//! `R__name.sql`, by name. Each runs in a transaction, unless its `.sql.conf` says otherwise or PostgreSQL runs a
//! statement of it, as Flyway knows them, only outside of one.

mod conf;
mod version;

use std::collections::{BTreeMap, BTreeSet};

use self::conf::Conf;
use self::version::Version;
use super::version::{dirty, unique};
use super::{Claim, Reader, Reading, Sent, Tool, script_of};
use crate::error::Result;
use crate::plan::folder::{File, Folder};
use crate::plan::history::History;
use crate::plan::unready::Unready;
use crate::plan::{Plan, read_file};
use crate::script::{Conduct, Place, Script};

pub(super) struct Flyway;

/// What a name says.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    Versioned(Version),
    Undo(Version),
    Baseline(Version),
    /// By its description.
    Repeatable(String),
    Callback,
}

fn named(name: &str) -> Option<Name> {
    let stem = name.get(..name.len().checked_sub(4)?)?;
    if !name[stem.len()..].eq_ignore_ascii_case(".sql") {
        return None;
    }
    if let Some(description) = stem.strip_prefix("R__") {
        return Some(Name::Repeatable(description.replace('_', " ")));
    }
    if ["before", "after", "createSchema"].iter().any(|event| {
        stem.strip_prefix(event).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        })
    }) {
        return Some(Name::Callback);
    }
    let prefix = stem.chars().next()?;
    let (version, _) = stem.get(1..)?.split_once("__")?;
    let version = Version::of(version)?;
    match prefix {
        'V' => Some(Name::Versioned(version)),
        'U' => Some(Name::Undo(version)),
        'B' => Some(Name::Baseline(version)),
        _ => None,
    }
}

impl Reader for Flyway {
    fn tool(&self) -> Tool {
        Tool::Flyway
    }

    fn claim(&self, folder: &Folder) -> Claim {
        let of = |holds: fn(&Name) -> bool| {
            folder.find(|file| named(file.name()).as_ref().is_some_and(holds)).is_some()
        };
        let runs = of(|name| matches!(name, Name::Versioned(_) | Name::Repeatable(_)));
        let signs = ["flyway.conf", "flyway.toml"];
        let has_conf = |file: &File| file.name().ends_with(".sql.conf");
        let is_sign = |file: &File| signs.contains(&file.within.as_str()) || has_conf(file);
        match (runs, folder.find(is_sign)) {
            (false, _) => Claim::No,
            (true, Some(_)) => Claim::Certain,
            (true, None) => Claim::Names,
        }
    }

    fn reads(&self) -> &'static str {
        "Flyway reads V1.2__name.sql, U1.2__name.sql and R__name.sql"
    }

    fn read(&self, folder: &Folder) -> Result<Reading> {
        let mut reading = Reading::default();
        let (mut versioned, mut undos) = (Vec::new(), BTreeMap::new());
        let (mut repeatable, mut callbacks) = (BTreeMap::new(), Vec::new());
        for file in &folder.files {
            match named(file.name()) {
                Some(Name::Versioned(version)) => versioned.push((version, file)),
                Some(Name::Undo(version)) => drop(undos.insert(version, file.clone())),
                Some(Name::Repeatable(description)) => drop(repeatable.insert(description, file)),
                Some(Name::Callback) => callbacks.push(file.within.as_str()),
                Some(Name::Baseline(_)) => reading.notes.push(format!(
                    "{} is left out: where nothing is applied yet, Flyway runs it instead of what comes before it",
                    file.within
                )),
                None => continue,
            }
            if !matches!(named(file.name()), Some(Name::Undo(_))) {
                reading.known.insert(file.within.clone());
            }
        }
        if !callbacks.is_empty() {
            reading.notes.push(format!(
                "callbacks of Flyway are not run: {}",
                crate::plan::folder::few(&callbacks)
            ));
        }
        let told: Vec<(&Version, &File)> =
            versioned.iter().map(|(version, file)| (version, *file)).collect();
        unique(self.tool(), &told)?;
        if folder.root.is_some() {
            versioned.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        let runs = versioned.into_iter().map(|(version, file)| (Some(version), file));
        for (version, file) in runs.chain(repeatable.into_values().map(|file| (None, file))) {
            // Of a single file its undo is beside it.
            let beside = || {
                let undo = file.name().strip_prefix('V').map(|rest| format!("U{rest}"))?;
                version.as_ref().and_then(|_| file.beside(&undo))
            };
            let undo = version.as_ref().and_then(|version| undos.get(version).cloned());
            self.step(file, undo.or_else(beside), &mut reading)?;
        }
        reading.known.extend(["flyway.conf", "flyway.toml"].map(str::to_owned));
        Ok(reading)
    }

    fn applied(
        &self,
        plan: &Plan,
        history: &History,
        notes: &mut Vec<String>,
    ) -> Result<Vec<bool>> {
        dirty(self.tool(), history)?;
        let (mut applied, mut baseline) = (BTreeMap::new(), None);
        let mut repeated = BTreeMap::new();
        for row in &history.rows {
            let Some(version) = row.version.as_deref().and_then(Version::of) else {
                repeated.insert(row.name.as_str(), row.checksum.as_ref());
                continue;
            };
            if row.kind.starts_with("UNDO") || row.kind == "DELETE" {
                applied.remove(&version);
            } else if row.kind.ends_with("BASELINE") {
                baseline = baseline.max(Some(version));
            } else if row.kind != "SCHEMA" {
                applied.insert(version, row);
            }
        }
        let newest = applied.keys().next_back().cloned();
        let mut here = BTreeSet::new();
        let mut done = Vec::new();
        for step in &plan.steps {
            let name = step.id.rsplit('/').next().unwrap_or(&step.id);
            let checksum = || read_file(step.does.path.as_ref()).ok().map(|text| checksum(&text));
            done.push(match named(name) {
                Some(Name::Versioned(version)) => {
                    here.insert(version.clone());
                    let is_below = baseline.as_ref().is_some_and(|base| version <= *base);
                    if let Some(row) = applied.get(&version) {
                        if row.checksum.is_some() && row.kind == "SQL" && row.checksum != checksum() {
                            return Err(history.changed(self.tool(), &version, step).into());
                        }
                        true
                    } else {
                        if !is_below && newest.as_ref().is_some_and(|newest| version < *newest) {
                            notes.push(format!(
                                "{} comes before the newest that is applied: Flyway refuses unless outOfOrder is on",
                                step.id
                            ));
                        }
                        is_below
                    }
                }
                Some(Name::Repeatable(description)) => repeated
                    .get(description.as_str())
                    .is_some_and(|row| row.is_some() && row.cloned() == checksum()),
                _ => false,
            });
        }
        let gone: Vec<String> = applied
            .into_iter()
            .filter(|(version, row)| row.kind == "SQL" && !here.contains(version))
            .map(|(version, _)| version.to_string())
            .collect();
        if history.is_whole && !gone.is_empty() {
            let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
            notes.push(format!(
                "{} says that {} is applied, and no file here is: Flyway refuses unless another of its locations has it",
                history.table,
                crate::plan::folder::few(&gone)
            ));
        }
        Ok(done)
    }
}

impl Flyway {
    fn step(&self, file: &File, undo: Option<File>, reading: &mut Reading) -> Result<()> {
        let conf = Conf::of(file, reading)?;
        if !conf.executes {
            reading.notes.push(format!("{} is left out: its .conf says so", file.within));
            return Ok(());
        }
        let text = file.read()?;
        if conf.replaces {
            placeholder(file, &text)?;
        }
        let does = script_of(&file.path, &text, true)?;
        let undo = match undo {
            None => None,
            Some(undo) => {
                let conf = Conf::of(&undo, reading)?;
                let text = undo.read()?;
                if conf.replaces {
                    placeholder(&undo, &text)?;
                }
                reading.known.insert(undo.within.clone());
                Some(script_of(&undo.path, &text, true)?)
            }
        };
        let outside = does.statements.iter().filter(|one| is_outside(does.text_of(one))).count();
        let sent = match conf.in_transaction {
            Some(true) => Sent::InTransaction,
            Some(false) => Sent::ByStatement,
            None if outside == 0 => Sent::InTransaction,
            None if outside == does.statements.len() => Sent::ByStatement,
            None => {
                reading.notes.push(format!(
                    "{} has statements that run outside of a transaction and others: Flyway refuses that unless mixed is on",
                    file.within
                ));
                Sent::InTransaction
            }
        };
        if sent == Sent::InTransaction {
            note_outside(file, &does, reading);
        }
        reading.steps.push(sent.step(file.within.clone(), does, undo));
        Ok(())
    }
}

/// Says what would let a statement run that PostgreSQL refuses in a transaction, and that Flyway does not know.
fn note_outside(file: &File, does: &Script, reading: &mut Reading) {
    let outside = does.statements.iter().find_map(|one| match one.conduct {
        Conduct::Outside(what) if !is_outside(does.text_of(one)) => Some(what),
        _ => None,
    });
    if let Some(what) = outside {
        reading.notes.push(format!(
            "{}: Flyway runs {what} in a transaction, unless {}.conf says executeInTransaction=false",
            file.within,
            file.name()
        ));
    }
}

/// Whether Flyway itself takes a statement out of its transaction.
fn is_outside(statement: &str) -> bool {
    let words: Vec<String> = crate::words::words(statement)
        .iter()
        .take(5)
        .map(|word| word.text.to_ascii_uppercase())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    matches!(
        words[..],
        ["CREATE" | "DROP", "DATABASE" | "TABLESPACE" | "SUBSCRIPTION", ..]
            | ["ALTER", "SYSTEM", ..]
            | ["CREATE" | "DROP", "INDEX", "CONCURRENTLY", ..]
            | ["CREATE", "UNIQUE", "INDEX", "CONCURRENTLY", ..]
            | ["REINDEX", "SCHEMA" | "DATABASE" | "SYSTEM", ..]
            | ["REINDEX", "VERBOSE", "SCHEMA" | "DATABASE" | "SYSTEM", ..]
            | ["VACUUM", ..]
            | ["DISCARD", "ALL", ..]
    )
}

/// Refuses what Flyway would fill in.
fn placeholder(file: &File, text: &[u8]) -> Result<()> {
    let text = String::from_utf8_lossy(text);
    let Some(start) = text.find("${") else { return Ok(()) };
    let end = text[start..].find('}').map_or(text.len(), |end| start + end + 1);
    Err(Unready::Placeholder {
        place: Place::of(&file.path.display().to_string(), &text, start..end),
        tool: Tool::Flyway,
        placeholder: text[start..end].chars().take(80).collect(),
    }
    .into())
}

/// The CRC-32 of the lines without their ends, as a signed number.
fn checksum(text: &[u8]) -> String {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut sum = u32::MAX;
    for byte in text.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')) {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 };
        }
    }
    (!sum).cast_signed().to_string()
}
