//! How the kernel confines a server in which somebody else's SQL runs.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use birthgate_confine::{Cell, Kind, Limits, Process};
use schemars::JsonSchema;
use serde::Serialize;

use super::user::ServerUser;
use super::{Binaries, Error, environment};

/// How a server is confined by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confinement {
    /// Root folder, network, processes and shared memory of its own, and a filter of system calls.
    Namespaces,
    /// Rules for files, ports and signals, and a filter of system calls that refuses every connection.
    Landlock,
    /// Not at all.
    None,
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Confinement::Namespaces => "confined by namespaces",
            Confinement::Landlock => "confined by Landlock",
            Confinement::None => "not confined",
        })
    }
}

/// What a confined server may use; it is ended when it uses more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes by which its folder may grow.
    pub disk: u64,
    /// Bytes of memory that its processes may have together, besides what PostgreSQL shares among them.
    pub memory: u64,
    /// How many processes it may have.
    pub processes: u32,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { disk: 20_000_000_000, memory: 4_000_000_000, processes: 200 }
    }
}

/// The bound that a server has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// [`Bounds::disk`].
    Disk(u64),
    /// [`Bounds::memory`].
    Memory(u64),
    /// [`Bounds::processes`].
    Processes(u32),
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: &u64| bytes.div_ceil(1_000_000);
        match self {
            Passed::Disk(most) => write!(f, "it wrote more than {} MB", mb(most)),
            Passed::Memory(most) => write!(f, "it took more than {} MB of memory", mb(most)),
            Passed::Processes(most) => write!(f, "it started more than {most} processes"),
        }
    }
}

/// What a server is kept within.
#[derive(Clone, Copy, Debug)]
pub struct Walls {
    /// What it may use.
    pub bounds: Bounds,
    kinds: &'static [Kind],
    is_open: bool,
}

impl Default for Walls {
    fn default() -> Walls {
        Walls::strongest(Bounds::default())
    }
}

impl Walls {
    /// The strongest that the kernel offers.
    pub fn strongest(bounds: Bounds) -> Walls {
        Walls { bounds, kinds: &Kind::ALL, is_open: false }
    }

    /// What a kernel gives that offers this kind and no other.
    pub fn only(confinement: Confinement, bounds: Bounds) -> Walls {
        let kinds: &[Kind] = match confinement {
            Confinement::Namespaces => &[Kind::Namespaces],
            Confinement::Landlock => &[Kind::Landlock],
            Confinement::None => &[],
        };
        Walls { bounds, kinds, is_open: false }
    }

    /// None, and nothing in their place: for tests, to see what would get out.
    pub fn open(bounds: Bounds) -> Walls {
        Walls { bounds, kinds: &[], is_open: true }
    }

    /// Whether the server is left free by the caller's wish.
    pub fn is_open(&self) -> bool {
        self.is_open
    }
}

/// Where the loader looks for libraries first.
const LIBRARIES: &str = "LD_LIBRARY_PATH";

/// Where a server lives.
pub(super) struct Place<'a> {
    pub data: &'a Path,
    pub socket: &'a Path,
    /// An empty folder.
    pub stage: &'a Path,
}

/// A confined server; and for each stronger kind, or for all of them, why it is not to be had.
pub(super) type Started = Result<(Process, Confinement, Vec<String>), Vec<String>>;

/// Starts `postgres` in the strongest kind that the kernel offers.
pub(super) fn start(
    walls: &Walls,
    user: &ServerUser,
    binaries: &Binaries,
    place: &Place<'_>,
    output: &File,
) -> Result<Started, Error> {
    let mut refused = Vec::new();
    for kind in walls.kinds {
        let output = output.try_clone().map_err(Error::file("the server's log"))?;
        match birthgate_confine::start(cell(walls, *kind, user, binaries, place, output), *kind) {
            Ok(process) => {
                let confinement = match kind {
                    Kind::Namespaces => Confinement::Namespaces,
                    Kind::Landlock => Confinement::Landlock,
                };
                return Ok(Ok((process, confinement, refused)));
            }
            Err(birthgate_confine::Error::NotRun { program, source }) => {
                return Err(Error::File { path: program, source });
            }
            Err(error) => refused.push(error.to_string()),
        }
    }
    Ok(Err(refused))
}

fn cell(
    walls: &Walls,
    kind: Kind,
    user: &ServerUser,
    binaries: &Binaries,
    place: &Place<'_>,
    output: File,
) -> Cell {
    let mut arguments: Vec<OsString> = vec!["-D".into(), place.data.into()];
    if kind == Kind::Landlock {
        // Everybody's /dev/shm is not for it.
        arguments.extend(["-c".into(), "dynamic_shared_memory_type=mmap".into()]);
    }
    let command = user.command(&binaries.program("postgres"));
    let mut environment: Vec<(OsString, OsString)> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .filter(|(name, _)| name != LIBRARIES)
        .collect();
    let mut readable = readable(binaries);
    // A program that looks for its libraries beside itself asks /proc where it is, and there is none.
    if let Ok(folders) = std::env::join_paths(&readable) {
        environment.push((LIBRARIES.into(), folders));
    }
    let loopback = binaries.major < 15;
    if loopback {
        // It asks who "localhost" is.
        readable.extend(["/etc/hosts", "/etc/nsswitch.conf"].map(PathBuf::from));
    }
    let bounds = walls.bounds;
    Cell {
        program: binaries.program("postgres"),
        arguments,
        environment,
        user: user.id(),
        readable,
        writable: [place.data, place.socket].map(Path::to_owned).to_vec(),
        stage: place.stage.to_owned(),
        // Until 14 the processes told each other of statistics over it.
        loopback,
        limits: Limits {
            // What grows in steps is seen before.
            file: bounds.disk.saturating_mul(2),
            // What is asked for is not yet used: the sum of that has the bound itself.
            memory: bounds.memory.saturating_mul(2),
            shared: bounds.memory / 4,
            processes: bounds.processes.into(),
        },
        output,
    }
}

/// The installation, and where its libraries are looked for. Its own folder may be one in which more is.
fn readable(binaries: &Binaries) -> Vec<PathBuf> {
    let mut folders = environment::library_folders();
    if let Ok(programs) = binaries.bin_dir.canonicalize()
        && let Some(above) = programs.parent()
    {
        folders.extend(["lib", "lib64", "share"].map(|name| above.join(name)));
    }
    folders
}
