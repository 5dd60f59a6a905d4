//! Data folders: made by initdb once for each version, and copied from then on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::error::last_lines;
use super::user::ServerUser;
use super::{Binaries, Error, environment};

/// Makes the data folder of a server that is thrown away: a copy of the cluster that is kept in this cache.
pub(super) fn copy(
    user: &ServerUser,
    binaries: &Binaries,
    data: &Path,
    cache: &Path,
) -> Result<(), Error> {
    let place = kept(user, binaries, cache)?;
    let program = PathBuf::from("cp");
    let output = environment::command(&program)
        .arg("-Rp")
        .args([&place, data])
        .stdin(Stdio::null())
        .output()
        .map_err(Error::file(&program))?;
    succeeded(program, &output)
}

/// The cluster of these programs in the cache; made, if there is none.
fn kept(user: &ServerUser, binaries: &Binaries, cache: &Path) -> Result<PathBuf, Error> {
    let parent = cache.join("cluster");
    let place = parent.join(format!("{}-{}", binaries.version, user.name().unwrap_or("self")));
    if place.join("PG_VERSION").is_file() {
        return Ok(place);
    }
    fs::create_dir_all(&parent).map_err(Error::file(&parent))?;
    // initdb runs as the server's user, who cannot go everywhere that we can.
    let work = tempfile::Builder::new()
        .prefix("birthgate-cluster-")
        .tempdir()
        .map_err(Error::file("the temporary folder"))?;
    user.give(work.path())?;
    let data = work.path().join("data");
    init(user, binaries, &data)?;
    let beside = tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(&parent)
        .map_err(Error::file(&parent))?;
    let program = PathBuf::from("cp");
    let output = environment::command(&program)
        .arg("-Rp")
        .args([&data, &beside.path().join("data")])
        .output()
        .map_err(Error::file(&program))?;
    succeeded(program, &output)?;
    match fs::rename(beside.path().join("data"), &place) {
        // Another process was faster.
        Err(_) if place.join("PG_VERSION").is_file() => Ok(place),
        Err(source) => Err(Error::File { path: place, source }),
        Ok(()) => Ok(place),
    }
}

/// Makes a data folder.
pub(super) fn init(user: &ServerUser, binaries: &Binaries, data: &Path) -> Result<(), Error> {
    let program = binaries.program("initdb");
    let output = user
        .command(&program)
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"])
        .args(["--no-instructions", "--no-sync", "-D"])
        .arg(data)
        .stdin(Stdio::null())
        .output()
        .map_err(Error::file(&program))?;
    succeeded(program, &output)
}

fn succeeded(program: PathBuf, output: &std::process::Output) -> Result<(), Error> {
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Program { program, problem: last_lines(&String::from_utf8_lossy(&output.stderr)) })
}
