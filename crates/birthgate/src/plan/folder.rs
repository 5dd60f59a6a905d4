//! What lies in a folder, so that a tool's reader takes what is its own and the rest can be named.

use std::fs;
use std::path::{Path, PathBuf};

use super::read_file;
use crate::error::{Error, Result};

/// How many files a folder may hold: more are somebody's home, not migrations.
const MOST_FILES: usize = 50_000;

/// Files below a folder, or files that were named one by one.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// As it was named.
    pub name: String,
    /// The folder; `None`: the files were named.
    pub root: Option<PathBuf>,
    /// The files, by their names; named ones in the order in which they were named.
    pub files: Vec<File>,
}

/// A file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Where it is.
    pub path: PathBuf,
    /// Its name within the folder, with slashes.
    pub within: String,
}

impl File {
    /// Its name alone.
    pub fn name(&self) -> &str {
        self.within.rsplit('/').next().unwrap_or(&self.within)
    }

    /// Whether it is in the folder itself.
    pub fn is_top(&self) -> bool {
        !self.within.contains('/')
    }

    /// Whether its name ends as that of a file of SQL.
    pub fn is_sql(&self) -> bool {
        self.within.to_lowercase().ends_with(".sql")
    }

    /// Whether it seems to be SQL in another guise.
    pub fn may_be_sql(&self) -> bool {
        let name = self.name().to_lowercase();
        let parts: Vec<&str> = name.split('.').skip(1).collect();
        parts.iter().any(|part| ["sql", "psql", "pgsql", "ddl", "dml"].contains(part))
    }

    /// What it holds.
    pub fn read(&self) -> Result<Vec<u8>> {
        read_file(&self.path)
    }

    /// The file of another name beside it, if it is there.
    pub fn beside(&self, name: &str) -> Option<File> {
        let path = self.path.with_file_name(name);
        let within = match self.within.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}"),
            None => name.to_owned(),
        };
        path.is_file().then_some(File { path, within })
    }
}

impl Folder {
    /// What lies below a folder, without what is hidden.
    pub fn walk(root: &Path) -> Result<Folder> {
        let mut folder = Folder {
            name: root.display().to_string(),
            root: Some(root.to_owned()),
            files: Vec::new(),
        };
        folder.enter(root, "", 0)?;
        folder.files.sort_by(|one, other| one.within.cmp(&other.within));
        Ok(folder)
    }

    fn enter(&mut self, path: &Path, within: &str, depth: usize) -> Result<()> {
        let failed = |source| Error::File { path: path.display().to_string(), source };
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let within = if within.is_empty() { name.clone() } else { format!("{within}/{name}") };
            // A link to a folder is not followed: it may lead back here.
            if entry.file_type().map_err(failed)?.is_dir() {
                if name != "node_modules" && depth < 16 {
                    self.enter(&entry.path(), &within, depth + 1)?;
                }
            } else if entry.path().is_file() {
                self.files.push(File { path: entry.path(), within });
            }
            if self.files.len() > MOST_FILES {
                return Err(Error::BadInput(format!(
                    "{} holds more than {MOST_FILES} files: name the folder with the migrations",
                    self.name
                )));
            }
        }
        Ok(())
    }

    /// Files that were named one by one.
    pub fn of(paths: &[PathBuf]) -> Folder {
        let files: Vec<File> = paths
            .iter()
            .map(|path| {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                File { path: path.clone(), within: name.unwrap_or_default() }
            })
            .collect();
        let name = files.iter().map(File::name).collect::<Vec<_>>().join(", ");
        Folder { name, root: None, files }
    }

    /// The file of this name within the folder.
    pub fn file(&self, within: &str) -> Option<&File> {
        self.files.iter().find(|file| file.within == within)
    }

    /// The files of SQL in the folder itself.
    pub fn top_sql(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_top() && file.is_sql())
    }

    /// The first file of which this holds.
    pub fn find(&self, holds: impl Fn(&File) -> bool) -> Option<&File> {
        self.files.iter().find(|file| holds(file))
    }
}

/// The first few names, and how many more there are.
pub(super) fn few(names: &[&str]) -> String {
    let shown = names.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    match names.len() {
        count @ 6.. => format!("{shown} and {} more", count - 5),
        _ => shown,
    }
}
