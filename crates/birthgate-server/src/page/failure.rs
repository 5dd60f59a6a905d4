//! What a view answers when it has nothing to show.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use birthgate::Error;
use birthgate::database::is_transient;
use maud::html;

use super::layout::{self, Tab};

#[derive(Clone, Debug)]
pub enum Failure {
    /// There is no such thing.
    NotFound(String),
    /// The address says what cannot be.
    Unclear(String),
    /// The database is away, or too busy.
    Away(String),
    /// Anything else.
    Broken(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match &error {
            Error::NotInstalled | Error::Busy(_) | Error::Connect { .. } => {
                Failure::Away(error.to_string())
            }
            _ if is_transient(&error) => Failure::Away(error.to_string()),
            _ => Failure::Broken(error.to_string()),
        }
    }
}

impl Failure {
    /// What was wrong.
    pub fn said(&self) -> &str {
        match self {
            Failure::NotFound(said)
            | Failure::Unclear(said)
            | Failure::Away(said)
            | Failure::Broken(said) => said,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, title, then) = match &self {
            Failure::NotFound(_) => {
                (StatusCode::NOT_FOUND, "Not found", "Look at the lists above.")
            }
            Failure::Unclear(_) => (
                StatusCode::BAD_REQUEST,
                "That is unclear",
                "Mend the address, or begin with the lists above.",
            ),
            Failure::Away(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The database cannot be asked now",
                "The page comes back by itself with the database. Load it again, or look at the server.",
            ),
            Failure::Broken(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "This could not be shown",
                "Where a permission is denied: GRANT birthgate_auditor to the page's login.",
            ),
        };
        let body = html! {
            h1 { (title) }
            p.problem role="alert" { (self.said()) }
            p { (then) }
        };
        (status, layout::page(title, Tab::None, body)).into_response()
    }
}
