//! The library's error. Use [`Error::Refused`] for what Birthgate's own SQL refuses and
//! [`Error::Database`] for everything else that PostgreSQL reports; `doing` says at what.

use tokio_postgres::error::SqlState;

use crate::private_server;
use crate::refusal::{Refusal, RefusalCode};

/// What can go wrong in the library.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Birthgate refused: an answer, not a failure.
    #[error("{0}")]
    Refused(Refusal),
    /// PostgreSQL reported an error.
    #[error("{doing}: {}", describe(.source))]
    Database {
        /// What was being done.
        doing: String,
        /// PostgreSQL's error.
        source: tokio_postgres::Error,
    },
    /// No connection could be made.
    #[error("cannot connect to PostgreSQL at {place}: {}", describe(.source))]
    Connect {
        /// The server, the database and the role, without the password.
        place: String,
        /// The client's error.
        source: tokio_postgres::Error,
    },
    /// TLS cannot be used here.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// Birthgate is not in this database.
    #[error("Birthgate is not installed in this database; run: birthgate init")]
    NotInstalled,
    /// A copy has no schema of its own.
    #[error(
        "there is nothing here to make a copy of; first: pg_dump --schema-only PUBLISHER | psql SUBSCRIBER"
    )]
    NothingToCopy,
    /// A schema of our name, in which somebody else could put their functions in the place of ours.
    #[error(
        "the schema birthgate belongs to {owner}, and not to birthgate_owner: nothing in it is called; find out who made it, and rename it: ALTER SCHEMA birthgate RENAME TO …"
    )]
    SomebodyElses {
        /// Whose it is.
        owner: String,
    },
    /// A newer Birthgate has been here.
    #[error(
        "the schema birthgate is of version {found}, this program knows {known}; use a newer birthgate"
    )]
    NewerSchema {
        /// The version in the database.
        found: i32,
        /// The newest version that this program knows.
        known: i32,
    },
    /// Uninstalling would lose the history of retired births.
    #[error(
        "{0} births are retired, and a registry without Birthgate cannot say so; export them first: birthgate uninstall --export FILE"
    )]
    RetiredBirths(i64),
    /// A file or folder could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The row to admit is not usable.
    #[error("the row is not usable: {0}")]
    BadRow(String),
    /// Files that cannot be read as what they should be.
    #[error("{}", lines(.0))]
    Unreadable(Vec<crate::script::Problem>),
    /// Files that are not read as their tool reads them, or that the tool would not run.
    #[error("{}", .0.problem())]
    Unready(Box<crate::plan::Unready>),
    /// The input of many rows is not usable.
    #[error("the input is not usable: {0}")]
    BadInput(String),
    /// Admitting many rows met more failures than it may.
    #[error("stopped after {failures} failures, the last on line {line}: {last}")]
    TooManyFailures {
        /// How many rows failed.
        failures: u64,
        /// The line of the last of them.
        line: u64,
        /// What was wrong with it.
        last: String,
    },
    /// After the retries, still a transient error.
    #[error("gave up after {attempts} attempts: {last}")]
    GaveUp {
        /// How often it was tried.
        attempts: u32,
        /// The last error.
        last: Box<Error>,
    },
    /// A signed text, an owner or the evidence that was signed does not hold.
    #[error("{0}")]
    NotSigned(String),
    /// The database is not what was rehearsed, or not where it should be.
    #[error("{0}")]
    Stale(String),
    /// It was cut short, and the next call finds out how far it came.
    #[error("{0}")]
    Interrupted(String),
    /// Somebody else is at it.
    #[error("{0}")]
    Busy(String),
    /// A catalog said what it cannot say.
    #[error("this should not be, please report it: {0}")]
    Unexpected(String),
    /// A sink of the handoff.
    #[error("the sink {name}: {error}")]
    Sink {
        /// Which one.
        name: String,
        /// What it said.
        error: crate::handoff::SinkError,
    },
    /// The private server.
    #[error(transparent)]
    PrivateServer(#[from] private_server::Error),
}

/// Each on a line of its own.
fn lines(problems: &[crate::script::Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl From<crate::plan::Unready> for Error {
    fn from(unready: crate::plan::Unready) -> Error {
        Error::Unready(Box::new(unready))
    }
}

impl Error {
    /// Wraps a database error: a refusal when its SQLSTATE is of class `PB`.
    pub fn database(doing: impl Into<String>, source: tokio_postgres::Error) -> Error {
        if let Some(refusal) = Refusal::of(&source) {
            return Error::Refused(refusal);
        }
        // The only schema that our own queries name is ours; a user's may be missing too.
        let no_schema = source.code() == Some(&SqlState::INVALID_SCHEMA_NAME)
            && source.as_db_error().is_some_and(|db| db.message().contains("\"birthgate\""));
        if no_schema {
            return Error::NotInstalled;
        }
        Error::Database { doing: doing.into(), source }
    }

    /// The code, when this is a refusal.
    pub fn refusal(&self) -> Option<RefusalCode> {
        match self {
            Error::Refused(refusal) => Some(refusal.code),
            Error::GaveUp { last, .. } => last.refusal(),
            _ => None,
        }
    }
}

/// PostgreSQL's own words; tokio-postgres prints only "db error".
fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => {
            let detail = db.detail().map(|d| format!(" ({d})")).unwrap_or_default();
            format!("{}: {}{detail}", db.code().code(), db.message())
        }
        None => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(error);
            while let Some(inner) = cause {
                text = format!("{text}: {inner}");
                cause = inner.source();
            }
            let is_unknown = ["UnknownIssuer", "BadSignature", "CaUsedAsEndEntity"];
            if is_unknown.iter().any(|problem| text.contains(problem)) {
                text.push_str("; sslrootcert names a file with the certificate of who signed it");
            }
            text
        }
    }
}

/// The library's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Adds what was being done to a database result.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &str) -> Result<T>;
}

impl<T> Doing<T> for std::result::Result<T, tokio_postgres::Error> {
    fn doing(self, doing: &str) -> Result<T> {
        self.map_err(|source| Error::database(doing, source))
    }
}
