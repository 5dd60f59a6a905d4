//! What psql and the file system show of the live state, to be compared: lines, each with a name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::births::Result;

/// Folders of the data folder that PostgreSQL itself writes at any time.
const BUSY: [&str; 9] = [
    "global",
    "pg_wal",
    "pg_xact",
    "pg_subtrans",
    "pg_multixact",
    "pg_stat",
    "pg_stat_tmp",
    "pg_snapshots",
    "pg_commit_ts",
];
/// Files that it writes at any time, in the data folder or in that of a database.
const BUSY_FILES: [&str; 3] = ["postmaster.pid", "pg_internal.init", "pg_filenode.map"];

/// How the names of the planner's figures begin.
pub const STATISTICS: &str = "planner statistics of ";

/// A look: what was seen, by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    seen: BTreeMap<String, String>,
}

impl Look {
    /// Adds what psql printed: a line for each, whose name ends at the first tab.
    pub fn add_lines(&mut self, lines: &str) {
        let mut same = BTreeMap::<&str, u32>::new();
        for line in lines.lines().filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once('\t').unwrap_or((line, ""));
            let count = same.entry(name).or_default();
            *count += 1;
            let name = if *count == 1 { name.to_owned() } else { format!("{name} ({count})") };
            self.seen.insert(name, value.to_owned());
        }
    }

    /// Adds the files below the data folder that hold no relation, with their contents.
    pub fn add_data_folder(&mut self, data: &Path) -> Result<()> {
        self.add_files(data, &|path| {
            let inside = path.strip_prefix(data).unwrap_or(path);
            let name = inside.file_name().unwrap_or_default().to_string_lossy();
            let top = inside.components().next().map(|part| part.as_os_str().to_string_lossy());
            top.is_some_and(|top| BUSY.contains(&&*top))
                || BUSY_FILES.contains(&&*name)
                // base/16384 is a database's folder.
                || inside.starts_with("base") && inside.components().count() > 2 && is_relation(&name)
                || inside.starts_with("pg_logical/snapshots")
        })
    }

    /// Adds all files below a folder, with their contents. One that is not there has none.
    pub fn add_folder(&mut self, folder: &Path) -> Result<()> {
        self.add_files(folder, &|_| false)
    }

    fn add_files(&mut self, folder: &Path, left_out: &dyn Fn(&Path) -> bool) -> Result<()> {
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        for entry in entries {
            let path: PathBuf = entry?.path();
            if left_out(&path) {
                continue;
            }
            let Ok(metadata) = path.symlink_metadata() else { continue };
            if metadata.is_dir() {
                self.add_files(&path, left_out)?;
            }
            let content = match metadata.is_file() && metadata.len() < 1 << 20 {
                true => hash(&fs::read(&path).unwrap_or_default()),
                false => 0,
            };
            let length = if metadata.is_file() { metadata.len() } else { 0 };
            let seen = format!("{:?} {length} {content:x}", metadata.file_type());
            self.seen.insert(format!("file {}", path.display()), seen);
        }
        Ok(())
    }

    /// The names of what is not alike.
    pub fn differences(&self, after: &Look) -> Vec<String> {
        let mut names: Vec<&String> = self.seen.keys().chain(after.seen.keys()).collect();
        names.sort();
        names.dedup();
        names
            .into_iter()
            .filter_map(|name| match (self.seen.get(name), after.seen.get(name)) {
                (before, after) if before == after => None,
                (None, _) => Some(format!("{name}: new")),
                (_, None) => Some(format!("{name}: gone")),
                (Some(before), Some(after)) => {
                    Some(format!("{name}: {} -> {}", short(before), short(after)))
                }
            })
            .collect()
    }
}

fn short(value: &str) -> String {
    value.replace('\t', " ").chars().take(80).collect()
}

/// The names of files in base/ that hold relations: `16384`, `16384_fsm`, `16384.1`, `t3_16384`.
fn is_relation(name: &str) -> bool {
    let name = name
        .strip_prefix('t')
        .map_or(name, |rest| rest.split_once('_').map_or(name, |(_, rest)| rest));
    let digits = name.trim_start_matches(|c: char| c.is_ascii_digit());
    digits.len() < name.len()
        && (digits.is_empty() || digits.starts_with('.') || digits.starts_with('_'))
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
