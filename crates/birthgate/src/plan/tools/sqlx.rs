//! sqlx: `12_name.sql`, or `12_name.up.sql` with `12_name.down.sql`, in the folder itself, by number. Each file runs in a
//! transaction with the row in `_sqlx_migrations`, unless it begins with `-- no-transaction`; then it is one message.
//! The table has the SHA-384 of each file, and sqlx refuses when a file has changed or is gone.

use sha2::{Digest, Sha384};

use super::version::{dirty, number, unique};
use super::{Claim, Reader, Reading, Sent, Tool, script_of};
use crate::error::Result;
use crate::plan::folder::{File, Folder};
use crate::plan::history::History;
use crate::plan::{Plan, Step, read_file};

pub(super) struct Sqlx;

/// sqlx looks for exactly this at exactly the beginning.
const NO_TRANSACTION: &[u8] = b"-- no-transaction";

impl Reader for Sqlx {
    fn tool(&self) -> Tool {
        Tool::Sqlx
    }

    fn claim(&self, folder: &Folder) -> Claim {
        let mut named = folder.top_sql().filter(|file| file.name().contains('_')).peekable();
        // One that has no number in front of its first `_` ends sqlx.
        if named.peek().is_none() || !named.all(|file| number(file.name()).is_some()) {
            return Claim::No;
        }
        let says = |file: &File| file.read().is_ok_and(|text| text.starts_with(NO_TRANSACTION));
        if folder.top_sql().any(says) {
            return Claim::Certain;
        }
        let reversible = folder.top_sql().any(|file| file.name().ends_with(".up.sql"));
        if reversible { Claim::Names } else { Claim::Perhaps }
    }

    fn reads(&self) -> &'static str {
        "sqlx reads 12_name.sql, 12_name.up.sql and 12_name.down.sql of the folder itself"
    }

    fn read(&self, folder: &Folder) -> Result<Reading> {
        let mut files: Vec<(u64, &File)> = folder
            .top_sql()
            .filter(|file| !file.name().ends_with(".down.sql"))
            .filter_map(|file| number(file.name()).map(|version| (version, file)))
            .collect();
        unique(self.tool(), &files)?;
        if folder.root.is_some() {
            files.sort_by_key(|(version, _)| *version);
        }
        let mut reading = Reading::default();
        for (version, file) in files {
            let text = file.read()?;
            let sent = match text.starts_with(NO_TRANSACTION) {
                true => Sent::AsOneMessage,
                false => Sent::InTransaction,
            };
            let is_down = |other: &&File| {
                number(other.name()) == Some(version) && other.name().ends_with(".down.sql")
            };
            let named = file.name().strip_suffix(".up.sql").map(|stem| format!("{stem}.down.sql"));
            let undo = named
                .and_then(|name| file.beside(&name))
                .or_else(|| folder.top_sql().find(is_down).cloned());
            let back = match &undo {
                Some(undo) => Some(script_of(&undo.path, &undo.read()?, true)?),
                None => None,
            };
            let does = script_of(&file.path, &text, true)?;
            reading.known.insert(file.within.clone());
            reading.known.extend(undo.map(|undo| undo.within));
            reading.steps.push(sent.step(file.name().to_owned(), does, back));
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
        let version = |step: &Step| number(&step.id).map(|number| number.to_string());
        for row in &history.rows {
            let Some(applied) = &row.version else { continue };
            let Some(step) = plan.steps.iter().find(|step| version(step).as_ref() == Some(applied))
            else {
                if history.is_whole {
                    return Err(history.missing(self.tool(), applied).into());
                }
                continue;
            };
            let now = read_file(step.does.path.as_ref())
                .map(|text| format!("{:x}", Sha384::digest(text)))
                .ok();
            if row.checksum.is_some() && row.checksum != now {
                return Err(history.changed(self.tool(), applied, step).into());
            }
        }
        Ok(plan
            .steps
            .iter()
            .map(|step| {
                let version = version(step);
                version.is_some() && history.rows.iter().any(|row| row.version == version)
            })
            .collect())
    }
}
