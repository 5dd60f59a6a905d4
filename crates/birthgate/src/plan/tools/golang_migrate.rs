//! golang-migrate: `12_name.up.sql` and `12_name.down.sql` in the folder itself, by number. Each file is one message to
//! the server. Its table keeps the newest version alone, and whether that stopped halfway.

use super::version::{dirty, number, unique};
use super::{Claim, Reader, Reading, Sent, Tool, script};
use crate::error::Result;
use crate::plan::Plan;
use crate::plan::folder::{File, Folder};
use crate::plan::history::History;

pub(super) struct GolangMigrate;

/// The version of a file that leads there.
fn version(name: &str) -> Option<u64> {
    number(name).filter(|_| name.ends_with(".up.sql"))
}

impl Reader for GolangMigrate {
    fn tool(&self) -> Tool {
        Tool::GolangMigrate
    }

    fn claim(&self, folder: &Folder) -> Claim {
        let is_own = |file: &&File| version(file.name()).is_some();
        // sqlx reads files of one direction too.
        let plain = |file: &File| {
            let name = file.name();
            number(name).is_some() && !name.ends_with(".up.sql") && !name.ends_with(".down.sql")
        };
        match (folder.top_sql().any(|file| is_own(&file)), folder.top_sql().any(plain)) {
            (true, false) => Claim::Names,
            (true, true) => Claim::Perhaps,
            (false, _) => Claim::No,
        }
    }

    fn reads(&self) -> &'static str {
        "golang-migrate reads 12_name.up.sql and 12_name.down.sql of the folder itself"
    }

    fn read(&self, folder: &Folder) -> Result<Reading> {
        let mut files: Vec<(u64, &File)> = folder
            .top_sql()
            .filter_map(|file| version(file.name()).map(|version| (version, file)))
            .collect();
        unique(self.tool(), &files)?;
        if folder.root.is_some() {
            files.sort_by_key(|(version, _)| *version);
        }
        let mut reading = Reading::default();
        for (number, file) in files {
            let undo = down(folder, file, number);
            let step = Sent::AsOneMessage.step(
                file.name().to_owned(),
                script(file, true)?,
                undo.as_ref().map(|undo| script(undo, true)).transpose()?,
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
        history: &History,
        _notes: &mut Vec<String>,
    ) -> Result<Vec<bool>> {
        dirty(self.tool(), history)?;
        let versions: Vec<Option<u64>> = plan.steps.iter().map(|step| version(&step.id)).collect();
        let Some(newest) =
            history.rows.iter().filter_map(|row| row.version.as_ref()?.parse::<u64>().ok()).max()
        else {
            return Ok(vec![false; plan.steps.len()]);
        };
        if history.is_whole && !versions.contains(&Some(newest)) {
            return Err(history.missing(self.tool(), newest).into());
        }
        Ok(versions
            .into_iter()
            .map(|version| version.is_some_and(|version| version <= newest))
            .collect())
    }
}

/// The way back of a version: its name after the number may be another one.
fn down(folder: &Folder, up: &File, version: u64) -> Option<File> {
    let same = up.name().strip_suffix(".up.sql").map(|stem| format!("{stem}.down.sql"));
    same.and_then(|name| up.beside(&name)).or_else(|| {
        let is = |file: &File| {
            number(file.name()) == Some(version) && file.name().ends_with(".down.sql")
        };
        folder.top_sql().find(|file| is(file)).cloned()
    })
}
