//! refinery: `V12__name.sql` and `U12__name.sql`, which may come late but leads forward too, in the folder and below it,
//! by number. Each runs in a transaction with its row. There are no ways back.

use super::version::{dirty, unique};
use super::{Claim, Reader, Reading, Sent, Tool, script};
use crate::error::Result;
use crate::plan::folder::{File, Folder};
use crate::plan::history::History;
use crate::plan::{Plan, Step};

pub(super) struct Refinery;

/// The prefix, the version and the name of `V12__name.sql`, or of code that is named so.
fn parts<'a>(name: &'a str, extension: &str) -> Option<(char, i64, &'a str)> {
    let stem = name.strip_suffix(extension)?;
    let prefix = stem.chars().next().filter(|c| ['V', 'U'].contains(c))?;
    let (digits, name) = stem[1..].split_once("__")?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_name && is_number).map(|version| (prefix, version, name))
}

impl Reader for Refinery {
    fn tool(&self) -> Tool {
        Tool::Refinery
    }

    fn claim(&self, folder: &Folder) -> Claim {
        let is_own = |file: &&File| parts(file.name(), ".sql").is_some();
        if folder.files.iter().find(is_own).is_none() {
            return Claim::No;
        }
        let is_sign =
            |file: &File| file.within == "refinery.toml" || parts(file.name(), ".rs").is_some();
        let of_flyway = |file: &File| file.name().starts_with("R__") && file.is_sql();
        match (folder.find(is_sign), folder.find(of_flyway)) {
            (Some(_), None) => Claim::Certain,
            (_, Some(_)) => Claim::Perhaps,
            (None, None) => Claim::Names,
        }
    }

    fn reads(&self) -> &'static str {
        "refinery reads V12__name.sql and U12__name.sql"
    }

    fn read(&self, folder: &Folder) -> Result<Reading> {
        let mut files: Vec<(i64, &File)> = folder
            .files
            .iter()
            .filter_map(|file| parts(file.name(), ".sql").map(|(_, version, _)| (version, file)))
            .collect();
        unique(self.tool(), &files)?;
        if folder.root.is_some() {
            files.sort_by_key(|(version, _)| *version);
        }
        let mut reading = Reading::default();
        reading.known.insert("refinery.toml".to_owned());
        for (_, file) in files {
            let does = script(file, true)?;
            reading.steps.push(Sent::InTransaction.step(file.within.clone(), does, None));
            reading.known.insert(file.within.clone());
        }
        Ok(reading)
    }

    fn applied(
        &self,
        plan: &Plan,
        history: &History,
        notes: &mut Vec<String>,
    ) -> Result<Vec<bool>> {
        dirty(self.tool(), history)?;
        let rows: Vec<(i64, &str)> = history
            .rows
            .iter()
            .filter_map(|row| Some((row.version.as_ref()?.parse().ok()?, row.name.as_str())))
            .collect();
        let newest = rows.iter().map(|(version, _)| *version).max();
        let of = |step: &Step| {
            let name = step.id.rsplit('/').next().unwrap_or(&step.id);
            parts(name, ".sql").map(|(prefix, version, name)| (prefix, version, name.to_owned()))
        };
        for (version, name) in &rows {
            let step =
                plan.steps.iter().find(|step| of(step).is_some_and(|(_, own, _)| own == *version));
            match step {
                None if history.is_whole => {
                    return Err(history.missing(self.tool(), version).into());
                }
                Some(step) if of(step).is_some_and(|(.., own)| own != *name) => {
                    return Err(history.changed(self.tool(), version, step).into());
                }
                _ => {}
            }
        }
        Ok(plan
            .steps
            .iter()
            .map(|step| {
                let Some((prefix, version, _)) = of(step) else { return false };
                let done = rows.iter().any(|(row, _)| *row == version);
                if !done && prefix == 'V' && newest.is_some_and(|newest| version <= newest) {
                    notes.push(format!(
                        "{} comes before the newest that is applied: refinery refuses unless abort_missing is off",
                        step.id
                    ));
                }
                done
            })
            .collect())
    }
}
