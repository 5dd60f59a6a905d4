//! What can go wrong with a private server.

use std::path::PathBuf;

/// The errors of this module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No PostgreSQL was found, and none could be had.
    #[error(
        "no PostgreSQL {wanted} was found ({tried}); install one: `apt-get install postgresql` (Debian, Ubuntu), `brew install postgresql@17` (macOS), or install Node.js with npm and run this again"
    )]
    NotFound {
        /// Which version was wanted.
        wanted: String,
        /// Where it was looked for, and what stood in the way.
        tried: String,
    },
    /// There is no build of this version to be had.
    #[error("PostgreSQL {0} is not supported; use 14, 15, 16, 17 or 18")]
    Unsupported(u32),
    /// npm could not install the pinned package.
    #[error("npm could not install {package}: {problem}")]
    Npm {
        /// The package with its version.
        package: String,
        /// What npm, or the file system, said.
        problem: String,
    },
    /// There is no pg_dump that could read the server.
    #[error(
        "no pg_dump of version {major} or newer ({problem}); install one: `apt-get install postgresql-client-{major}` (Debian, Ubuntu), `brew install libpq` (macOS), or install Python with pip and run this again"
    )]
    NoPgDump {
        /// The version of the server.
        major: u32,
        /// What stood in the way.
        problem: String,
    },
    /// A program could not be run, or failed.
    #[error("{program} failed: {problem}")]
    Program {
        /// Which one.
        program: PathBuf,
        /// The end of what it said.
        problem: String,
    },
    /// A file or folder could not be used.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A kept folder holds something else.
    #[error("{0} is not empty and holds no server of Birthgate; name another folder")]
    NotOurs(PathBuf),
    /// A kept folder is in use.
    #[error("{0} is in use by another birthgate; wait until it has ended")]
    InUse(PathBuf),
    /// A kept folder holds another version.
    #[error("{folder} holds a server of PostgreSQL {found}, but these are the programs of {ours}")]
    OtherVersion {
        /// The folder.
        folder: PathBuf,
        /// Its version.
        found: String,
        /// The version of the programs.
        ours: u32,
    },
    /// As root there is no unprivileged user to run the server.
    #[error("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it")]
    NoUser,
    /// The server's user cannot run the programs.
    #[error(
        "{programs} cannot be run by the user {user}: make it and its parents readable for all"
    )]
    NotReadable {
        /// The folder of the programs.
        programs: PathBuf,
        /// The unprivileged user.
        user: String,
    },
    /// A confined server is not started again.
    #[error("a confined server is not started again; make another")]
    Confined,
    /// The server did not come up.
    #[error("the private PostgreSQL did not start; the end of its log:\n{log}")]
    NotStarted {
        /// The end of its log.
        log: String,
    },
}

impl Error {
    /// For `map_err` on file operations.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { path, source }
    }
}

/// What a program said last.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
