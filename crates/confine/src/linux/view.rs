//! What a confined program sees of the file system.

use std::ffi::{CString, NulError};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::{Cell, Limits};

/// What a program and its libraries need of a system, where it is there. None of it is of a user, and none is a secret.
const SYSTEM: &[&str] = &[
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/share",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/pki/tls/openssl.cnf",
    "/etc/ssl/openssl.cnf",
    "/etc/crypto-policies",
    "/etc/perl",
    "/var/cache/postgresql/dicts",
];

pub(super) const DEVICES: [&str; 5] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// One act of making a root folder. `at` is a path below the stage.
#[derive(Debug)]
pub(super) enum Act {
    /// Makes a folder; one that is there will do.
    Folder {
        at: CString,
    },
    /// Makes an empty file, to mount upon.
    File {
        at: CString,
    },
    Link {
        to: CString,
        at: CString,
    },
    /// Shows a folder or file, to be read.
    Read {
        from: CString,
        at: CString,
    },
    /// Shows a folder, to be written.
    Write {
        from: CString,
        at: CString,
    },
    Device {
        from: CString,
        at: CString,
    },
    /// Makes a folder in memory.
    Memory {
        at: CString,
        options: CString,
    },
}

/// What may be read, each at its real path and none below another, and the links at the root that lead there.
pub(super) struct Readable {
    pub paths: Vec<PathBuf>,
    links: Vec<(PathBuf, PathBuf)>,
}

impl Readable {
    pub fn of(cell: &Cell) -> Readable {
        let mut links = Vec::new();
        let mut paths = Vec::new();
        let program = [cell.program.clone()];
        let wanted = SYSTEM.iter().map(PathBuf::from).chain(cell.readable.iter().cloned());
        for path in wanted.chain(program) {
            let Ok(real) = path.canonicalize() else { continue };
            if let (Ok(target), Some(1)) = (fs::read_link(&path), path.parent().map(depth)) {
                links.push((target, path));
            }
            paths.push(real);
        }
        paths.sort();
        paths.dedup();
        // In this order a folder comes before what is below it.
        let mut kept: Vec<PathBuf> = Vec::new();
        for path in paths {
            if !kept.iter().any(|above| path.starts_with(above)) {
                kept.push(path);
            }
        }
        // A file such as /etc/localtime is looked for where the link is.
        for path in SYSTEM.iter().map(Path::new).filter(|path| depth(path) > 2) {
            if let (Ok(target), true) = (fs::read_link(path), path.starts_with("/etc")) {
                links.push((target, path.to_owned()));
            }
        }
        Readable { paths: kept, links }
    }
}

/// How many parts a path has: 1 for the root.
fn depth(path: &Path) -> usize {
    path.components().count()
}

/// The acts that make the root folder.
pub(super) fn acts(cell: &Cell, readable: &Readable) -> Result<Vec<Act>, NulError> {
    let mut acts = Vec::new();
    let stage = &cell.stage;
    // First, since what is to be read may lie below them.
    let Limits { shared, .. } = cell.limits;
    for path in ["/dev/shm", "/tmp"] {
        let at = place(&mut acts, stage, Path::new(path), true)?;
        let options = format!("mode=1777,size={shared},nr_inodes=10000");
        acts.push(Act::Memory { at, options: CString::new(options)? });
    }
    for path in &readable.paths {
        let at = place(&mut acts, stage, path, path.is_dir())?;
        acts.push(Act::Read { from: c_path(path)?, at });
    }
    for (target, path) in &readable.links {
        folders(&mut acts, stage, path.parent().unwrap_or(Path::new("/")))?;
        acts.push(Act::Link { to: c_path(target)?, at: c_path(&below(stage, path))? });
    }
    for path in DEVICES.iter().map(Path::new).filter(|path| path.exists()) {
        let at = place(&mut acts, stage, path, false)?;
        acts.push(Act::Device { from: c_path(path)?, at });
    }
    for path in &cell.writable {
        let at = place(&mut acts, stage, path, true)?;
        acts.push(Act::Write { from: c_path(path)?, at });
    }
    Ok(acts)
}

/// Makes what a path is mounted upon; answers where that is.
fn place(
    acts: &mut Vec<Act>,
    stage: &Path,
    path: &Path,
    is_folder: bool,
) -> Result<CString, NulError> {
    let at = c_path(&below(stage, path))?;
    if is_folder {
        folders(acts, stage, path)?;
    } else {
        folders(acts, stage, path.parent().unwrap_or(Path::new("/")))?;
        acts.push(Act::File { at: at.clone() });
    }
    Ok(at)
}

/// Makes a folder with those above it.
fn folders(acts: &mut Vec<Act>, stage: &Path, path: &Path) -> Result<(), NulError> {
    let mut above: Vec<&Path> = path.ancestors().filter(|one| depth(one) > 1).collect();
    above.reverse();
    for folder in above {
        acts.push(Act::Folder { at: c_path(&below(stage, folder))? });
    }
    Ok(())
}

fn below(stage: &Path, path: &Path) -> PathBuf {
    stage.join(path.strip_prefix("/").unwrap_or(path))
}

pub(super) fn c_path(path: &Path) -> Result<CString, NulError> {
    CString::new(path.as_os_str().as_bytes())
}
