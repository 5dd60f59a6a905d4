//! Data folders: made by initdb once for each version, and copied from then on.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::error::last_lines;
use super::user::ServerUser;
use super::{Binaries, Error, environment};

/// Where clusters are kept, and which of them a server begins with.
#[derive(Clone, Debug)]
pub struct Cache {
    /// The folder.
    pub folder: PathBuf,
    /// The cluster.
    pub cluster: Cluster,
}

/// What a new cluster holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cluster {
    /// What initdb makes.
    Whole,
    /// The database `postgres` alone, without the templates: a third of the files, and most of the time of a copy goes
    /// into files. Nobody can make another database there.
    Single(Locale),
}

/// How the databases of a cluster sort, by libc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locale {
    /// As `initdb --encoding` has it.
    pub encoding: String,
    /// As `initdb --lc-collate` has it.
    pub collate: String,
    /// As `initdb --lc-ctype` has it.
    pub ctype: String,
}

impl From<PathBuf> for Cache {
    fn from(folder: PathBuf) -> Cache {
        Cache { folder, cluster: Cluster::Whole }
    }
}

impl Cluster {
    /// The name of its folder, for programs of this version.
    fn name(&self, version: &str) -> String {
        let mut name = version.to_owned();
        if let Cluster::Single(Locale { encoding, collate, ctype }) = self {
            for part in [encoding, collate, ctype] {
                name.push('-');
                for byte in part.bytes() {
                    match byte {
                        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'_' => {
                            name.push(byte.into());
                        }
                        // Two names are never one.
                        _ => write!(name, "%{byte:02x}").unwrap_or_default(),
                    }
                }
            }
        }
        name
    }
}

/// Makes the data folder of a server that is thrown away: a copy of the cluster that is kept in this cache.
pub(super) fn copy(
    user: &ServerUser,
    binaries: &Binaries,
    data: &Path,
    cache: &Cache,
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
fn kept(user: &ServerUser, binaries: &Binaries, cache: &Cache) -> Result<PathBuf, Error> {
    let parent = cache.folder.join("cluster");
    let name = cache.cluster.name(&binaries.version);
    let place = parent.join(format!("{name}-{}", user.name().unwrap_or("self")));
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
    match &cache.cluster {
        Cluster::Whole => init(user, binaries, &data)?,
        Cluster::Single(locale) => init_single(user, binaries, &data, locale)?,
    }
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
    run_initdb(user, binaries, data, &["--encoding=UTF8".to_owned()])
}

fn init_single(
    user: &ServerUser,
    binaries: &Binaries,
    data: &Path,
    locale: &Locale,
) -> Result<(), Error> {
    let Locale { encoding, collate, ctype } = locale;
    let arguments = [
        format!("--encoding={encoding}"),
        format!("--lc-collate={collate}"),
        format!("--lc-ctype={ctype}"),
        // The smaller the log's first file, the sooner a copy is made.
        "--wal-segsize=4".to_owned(),
    ];
    run_initdb(user, binaries, data, &arguments)?;
    // A server for one session, on its input: a line is a command.
    const DROP: &str = "UPDATE pg_database SET datistemplate = false
DROP DATABASE template0
DROP DATABASE template1
";
    let program = binaries.program("postgres");
    let mut server = user
        .command(&program)
        .args(["--single", "-D"])
        .arg(data)
        .args(["-c", "exit_on_error=on", "-c", "fsync=off", "postgres"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::file(&program))?;
    // Whatever it does not read any more it says itself.
    let _ = server.stdin.take().map(|mut input| input.write_all(DROP.as_bytes()));
    let output = server.wait_with_output().map_err(Error::file(&program))?;
    succeeded(program, &output)
}

fn run_initdb(
    user: &ServerUser,
    binaries: &Binaries,
    data: &Path,
    arguments: &[String],
) -> Result<(), Error> {
    let program = binaries.program("initdb");
    let output = user
        .command(&program)
        .args(["--username=postgres", "--auth=trust", "--no-locale"])
        .args(arguments)
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
