//! Versions of migrations that are numbers in front of a name, and what the tools of such files ask of them.

use std::collections::BTreeMap;

use super::Tool;
use crate::plan::folder::File;
use crate::plan::history::History;
use crate::plan::unready::Unready;

/// The number at the beginning of a name that a `_` follows: `12_name.sql`.
pub(super) fn number(name: &str) -> Option<u64> {
    let (digits, _) = name.split_once('_')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

/// Two files of the same version, which no tool takes.
pub(super) fn unique<V: Ord + ToString + Copy>(
    tool: Tool,
    files: &[(V, &File)],
) -> Result<(), Unready> {
    let mut seen: BTreeMap<V, &File> = BTreeMap::new();
    for (version, file) in files {
        if let Some(other) = seen.insert(*version, file) {
            return Err(Unready::Twice {
                file: file.path.display().to_string(),
                other: other.path.display().to_string(),
                tool,
                version: version.to_string(),
            });
        }
    }
    Ok(())
}

/// A row that says that its migration stopped halfway.
pub(super) fn dirty(tool: Tool, history: &History) -> Result<(), Unready> {
    match history.rows.iter().find(|row| !row.holds) {
        None => Ok(()),
        Some(row) => Err(Unready::Dirty {
            folder: history.folder.clone(),
            tool,
            table: history.table.clone(),
            version: row.version.clone().unwrap_or_else(|| row.name.clone()),
        }),
    }
}
