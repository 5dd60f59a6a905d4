//! What a tool answers instead of a result: one error, with a code, and what to do next. Only a call that makes no sense
//! is an error of the protocol.

use birthgate::database::is_transient;
use birthgate::{Error, RefusalCode};
use rmcp::ErrorData;
use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{CallToolResponse, CallToolResult};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use tokio_postgres::error::SqlState;

use super::output::cut;

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Failure {
    /// A code of Birthgate (`PB…`), an SQLSTATE of PostgreSQL, or a word.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// Why.
    pub detail: Option<String>,
    /// What the database says is to be done.
    pub hint: Option<String>,
    /// What to do next.
    pub what_next: String,
}

impl Failure {
    pub fn of(code: &str, message: impl Into<String>) -> Failure {
        Failure {
            code: code.to_owned(),
            message: message.into(),
            detail: None,
            hint: None,
            what_next: String::new(),
        }
    }

    pub fn next(mut self, what_next: &str) -> Failure {
        what_next.clone_into(&mut self.what_next);
        self
    }

    pub fn not_found(message: impl Into<String>) -> Failure {
        Failure::of("not_found", message).next("List what is there, and take the name from there.")
    }
}

/// Whether PostgreSQL denied the role a right.
pub fn is_denied(error: &Error) -> bool {
    matches!(error, Error::Database { source, .. } if source.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let message = error.to_string();
        match error {
            Error::Refused(refusal) => Failure {
                code: refusal.code.to_string(),
                message: refusal.message,
                detail: refusal.detail,
                hint: refusal.hint,
                what_next: refusal.code.explanation().next.to_owned(),
            },
            Error::GaveUp { last, .. } => Failure { message, ..Failure::from(*last) },
            Error::NotInstalled => Failure::of("not_installed", message)
                .next("Ask the database's owner to run: birthgate init."),
            Error::Busy(_) => Failure::of("busy", message).next("Call again in a while."),
            Error::BadRow(_) | Error::BadInput(_) | Error::Unreadable(_) | Error::Unready(_) => {
                Failure::of("bad_input", message).next("Mend what the message names, and call again.")
            }
            _ if is_transient(&error) => Failure::of("away", message)
                .next("The database cannot be asked now. Call again later, with the same idempotency key where there is one."),
            Error::Database { ref source, .. } => {
                let code = source.code().map_or("failed", |code| code.code());
                let next = match code {
                    "42501" => "This server's database role may not do that. Ask an owner; do not try another way.",
                    "57014" => "It took longer than it may. Ask for less, or call again later.",
                    _ => "Mend what PostgreSQL names, and call again.",
                };
                Failure::of(code, message).next(next)
            }
            _ => Failure::of("failed", message).next("Tell whoever runs this server."),
        }
    }
}

impl IntoCallToolResult for Failure {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        let mut told = json!(self);
        cut(&mut told);
        Ok(CallToolResult::structured_error(told).into())
    }
}

/// Every code of a failure that is none of Birthgate's SQL or of PostgreSQL, and what it means.
pub const WORDS: [(&str, &str); 11] = [
    ("bad_arguments", "arguments that the tool's schema does not allow"),
    ("away", "the database does not answer"),
    ("bad_cursor", "a cursor that no list gave"),
    ("bad_input", "a row, a packet or SQL that cannot be used as it is"),
    ("busy", "somebody else is at it"),
    ("cancelled", "the call was cancelled"),
    ("failed", "something that whoever runs this server has to look at"),
    ("not_as_written", "evidence that was changed after it was written"),
    ("not_found", "there is no such thing"),
    ("not_installed", "Birthgate is not in the database"),
    ("too_long", "it took longer than it may"),
];

/// The refusal of that code, in whatever letters.
pub fn code(text: &str) -> Option<RefusalCode> {
    RefusalCode::from_sqlstate(&text.trim().to_ascii_uppercase())
}
