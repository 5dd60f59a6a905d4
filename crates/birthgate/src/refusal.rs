//! What the database refuses: SQLSTATE class `PB`, mapped by code and never by message.

use std::fmt;

/// Declares the codes once: the variant, its SQLSTATE and what it means.
macro_rules! refusal_codes {
    ($($variant:ident = $code:literal, $meaning:literal;)*) => {
        /// Why Birthgate's SQL refused a statement.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum RefusalCode {
            $(#[doc = concat!("`", $code, "`: ", $meaning)] $variant,)*
        }

        impl RefusalCode {
            /// Every code, in order.
            pub const ALL: &'static [RefusalCode] = &[$(RefusalCode::$variant),*];

            /// The SQLSTATE.
            pub fn sqlstate(self) -> &'static str {
                match self { $(RefusalCode::$variant => $code,)* }
            }

            /// One line on what the code means.
            pub fn meaning(self) -> &'static str {
                match self { $(RefusalCode::$variant => $meaning,)* }
            }

            /// The code of a SQLSTATE; `None` when it is none of Birthgate's.
            pub fn from_sqlstate(sqlstate: &str) -> Option<RefusalCode> {
                match sqlstate { $($code => Some(RefusalCode::$variant),)* _ => None }
            }
        }
    };
}

refusal_codes! {
    NoPermit = "PB001", "the act has no permit";
    PermitExpired = "PB002", "the permit is overdue";
    PermitOfAnother = "PB003", "the permit belongs to another role";
    CodeAgainstRule = "PB004", "the entity code is against the collection's rule";
    AlreadyBorn = "PB005", "the entity code was born in this collection before";
    BornElsewhere = "PB006", "the code is born in another collection, and the registry's key is the code alone";
    Vanished = "PB007", "a birth or its row is gone at the commit boundary";
    DeleteRefused = "PB008", "a delete needs a retire or a discard permit";
    KeyChangeRefused = "PB009", "an entity code does not change";
    TruncateRefused = "PB010", "a governed table is not truncated";
    IllegalTransition = "PB011", "a permit cannot go to that state";
    DirectWrite = "PB012", "only Birthgate's functions write this table";
    KeyReused = "PB013", "the idempotency key was used for another request";
    PermitActive = "PB014", "the entity has an active permit already";
    QuotaReached = "PB015", "the quota of active permits is reached";
    NotGranted = "PB016", "the login has no grant for this";
    Blocked = "PB017", "a BLOCK dimension or an owner's stop is in the way";
    NotGoverned = "PB018", "no gate stands on the collection";
    TableMoved = "PB019", "the trigger's table is not the collection's table";
    CannotGovern = "PB020", "the table cannot be governed or adopted";
    RowMismatch = "PB021", "the row is not the one that the permit is bound to";
    BirthUnbound = "PB023", "a birth in an enforced collection has no permit";
    NoSuchPermit = "PB024", "there is no such permit or birth";
    BadArgument = "PB025", "an argument makes no sense";
    NotACopy = "PB026", "this database is not a copy that could be promoted";
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sqlstate())
    }
}

/// One refusal, as PostgreSQL reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which one.
    pub code: RefusalCode,
    /// What was refused.
    pub message: String,
    /// Why.
    pub detail: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Refusal {
    /// The refusal inside a database error, if it is one.
    pub fn of(error: &tokio_postgres::Error) -> Option<Refusal> {
        let db = error.as_db_error()?;
        Some(Refusal {
            code: RefusalCode::from_sqlstate(db.code().code())?,
            message: db.message().to_owned(),
            detail: db.detail().map(str::to_owned),
            hint: db.hint().map(str::to_owned),
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}
