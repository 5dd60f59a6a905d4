//! A statement that did not run to its end, and what that says of the plan.

use super::{Reason, Verdict};
use crate::script::{Place, Script, Statement};

/// The SQLSTATE by which the sandbox's tripwires refuse to run a function.
const TRIPWIRE: &str = "PB027";

/// Why a statement did not run to its end.
#[derive(Debug)]
pub(crate) struct Failed {
    pub place: Place,
    pub sqlstate: Option<String>,
    pub message: String,
    /// What the server says besides; it may hold values of rows.
    pub detail: Option<String>,
    /// What kind of failure it is.
    pub how: How,
}

/// How a statement failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// The server refused it, or it did not do what it should.
    Refused,
    /// The connection was lost.
    Lost,
    /// It was not run: it would reach out.
    NotRun,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        self.detail.iter().try_for_each(|detail| write!(f, " ({detail})"))
    }
}

impl Failed {
    /// As a reason for a verdict.
    pub fn because(self, verdict: Verdict, step: &str, before: &str, after: &str) -> Reason {
        Reason {
            verdict,
            step: Some(step.to_owned()),
            place: Some(self.place),
            message: format!("{before}{}{after}", self.message),
            detail: self.detail,
        }
    }

    /// Whether rows are not as they would have to be: they break a constraint, or cannot be computed with.
    pub fn violates(&self) -> bool {
        self.sqlstate
            .as_deref()
            .is_some_and(|code| code.starts_with("23") || code.starts_with("22"))
    }

    /// Whether other rows could have made it: they break a constraint or cannot be computed with, a query finds none,
    /// or code of the plan raises an error of its own.
    pub fn depends_on_rows(&self) -> bool {
        self.violates()
            || self.how == How::Refused && self.sqlstate.is_none()
            || self.sqlstate.as_deref().is_some_and(|code| {
                ["P0", "21", "38", "39", "44"].iter().any(|class| code.starts_with(class))
            })
    }

    /// Whether it is of the way in which the live database is asked, and the sandbox was not: in one transaction, where
    /// a label that it adds cannot be used, a table with triggers that wait cannot be changed and nothing commits; and
    /// with values in binary, which a few types do not have.
    pub fn is_of_the_way(&self) -> bool {
        let codes = ["55P04", "55006", "25001", "2D000", "42883"];
        self.sqlstate.as_deref().is_some_and(|code| codes.contains(&code))
    }

    /// Whether what it would make is there already.
    pub fn is_there_already(&self) -> bool {
        let codes = ["42P07", "42710", "42701", "42P06", "42723"];
        self.sqlstate.as_deref().is_some_and(|code| codes.contains(&code))
    }

    /// Whether disk, memory or connections were used up.
    pub fn is_for_want_of_resources(&self) -> bool {
        self.sqlstate.as_deref().is_some_and(|code| code.starts_with("53"))
    }

    /// Whether the server refused a statement, or it did not do what it should.
    pub fn is_about_the_plan(&self) -> bool {
        self.how == How::Refused && !matches!(self.sqlstate.as_deref(), Some("57014" | "57P01"))
    }

    /// Whether locks, time, the connection, what one transaction alone cannot do, or that it was not run were in the
    /// way: nothing that is wrong with the plan.
    pub fn is_circumstance(&self) -> bool {
        let circumstances = ["55P03", "57014", "57P01", "55P04", "40001", "40P01"];
        matches!(self.how, How::Lost | How::NotRun)
            || self.sqlstate.as_deref().is_some_and(|code| circumstances.contains(&code))
    }
}

/// What PostgreSQL says of a statement, at the place in the file that it means.
pub(crate) fn failed(
    script: &Script,
    statement: &Statement,
    source: &tokio_postgres::Error,
) -> Failed {
    let Some(db) = source.as_db_error() else {
        return Failed {
            place: statement.place.clone(),
            sqlstate: None,
            message: format!("the connection was lost: {source}"),
            detail: None,
            how: How::Lost,
        };
    };
    let place = match db.position() {
        Some(tokio_postgres::error::ErrorPosition::Original(character)) => {
            script.place_in(statement, *character as usize)
        }
        _ => statement.place.clone(),
    };
    let is_tripwire = db.code().code() == TRIPWIRE;
    Failed {
        place,
        sqlstate: Some(db.code().code().to_owned()),
        message: db.message().to_owned(),
        detail: db.detail().map(str::to_owned),
        how: if is_tripwire { How::NotRun } else { How::Refused },
    }
}
