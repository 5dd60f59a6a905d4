//! How a command ends that did not succeed: one error, one printer, fixed exit codes.

use std::process::ExitCode;

/// What kind of end it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It could not be found out: connection, environment, a bug.
    Unknown,
    /// The command was not used right.
    Usage,
    /// The answer is no.
    No,
    /// Not everything could be seen.
    Incomplete,
}

/// The end of a command.
#[derive(Debug)]
pub struct CommandError {
    /// What kind.
    pub kind: Kind,
    /// What, where.
    pub message: String,
    /// Why.
    pub detail: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl CommandError {
    /// What could not be found out.
    pub fn unknown(message: impl Into<String>) -> CommandError {
        CommandError { kind: Kind::Unknown, message: message.into(), detail: None, hint: None }
    }

    /// A command that was not used right.
    pub fn usage(message: impl Into<String>) -> CommandError {
        CommandError { kind: Kind::Usage, message: message.into(), detail: None, hint: None }
    }

    /// An answer that is no.
    pub fn no(message: impl Into<String>) -> CommandError {
        CommandError { kind: Kind::No, message: message.into(), detail: None, hint: None }
    }

    /// Prints it on stderr; answers the exit code.
    pub fn report(self) -> ExitCode {
        let word = match self.kind {
            Kind::No => "no",
            Kind::Incomplete => "incomplete",
            Kind::Unknown | Kind::Usage => "error",
        };
        eprintln!("\x1b[1;31m{word}:\x1b[0m {}", self.message);
        for (word, text) in [("detail", self.detail), ("hint", self.hint)] {
            if let Some(text) = text {
                eprintln!("\x1b[1m{word}:\x1b[0m {text}");
            }
        }
        ExitCode::from(match self.kind {
            Kind::Unknown => 1,
            Kind::Usage => 2,
            Kind::No => 3,
            Kind::Incomplete => 4,
        })
    }
}

impl From<birthgate::Error> for CommandError {
    fn from(error: birthgate::Error) -> CommandError {
        match error {
            birthgate::Error::Refused(refusal) => CommandError {
                kind: Kind::No,
                message: refusal.to_string(),
                detail: refusal.detail,
                hint: refusal.hint,
            },
            birthgate::Error::RetiredBirths(_) | birthgate::Error::TooManyFailures { .. } => {
                CommandError::no(error.to_string())
            }
            birthgate::Error::NotSigned(_)
            | birthgate::Error::Stale(_)
            | birthgate::Error::Busy(_) => CommandError::no(error.to_string()),
            birthgate::Error::Unreadable(_) | birthgate::Error::Unready(_) => CommandError {
                kind: Kind::Incomplete,
                message: error.to_string(),
                detail: None,
                hint: None,
            },
            birthgate::Error::BadRow(_) | birthgate::Error::BadInput(_) => {
                CommandError::usage(error.to_string())
            }
            birthgate::Error::Connect { .. } => CommandError {
                hint: Some(
                    "DATABASE_URL, or --database-url, says where the database is: postgresql://user@host:5432/database".to_owned(),
                ),
                ..CommandError::unknown(error.to_string())
            },
            other => CommandError::unknown(other.to_string()),
        }
    }
}

/// For what the command itself does with files, terminals and text.
macro_rules! unknown_from {
    ($($source:ty),*) => {
        $(impl From<$source> for CommandError {
            fn from(error: $source) -> CommandError {
                CommandError::unknown(error.to_string())
            }
        })*
    };
}

unknown_from!(
    std::io::Error,
    serde_json::Error,
    tokio_postgres::Error,
    estate_kb_3a66::Error,
    birthgate::private_server::Error
);

/// A command's result.
pub type Result<T = ()> = std::result::Result<T, CommandError>;
