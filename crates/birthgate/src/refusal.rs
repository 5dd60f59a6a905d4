//! What the database refuses: SQLSTATE class `PB`, mapped by code and never by message.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// What is to be known of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explanation {
    /// The SQLSTATE.
    pub code: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What is likely behind it.
    pub cause: &'static str,
    /// What to do next.
    pub next: &'static str,
}

/// Declares the codes once: the variant, its SQLSTATE, what it means, what is likely behind it and what to do next.
macro_rules! refusal_codes {
    ($($variant:ident = $code:literal, $meaning:literal, cause: $cause:literal, next: $next:literal;)*) => {
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

            /// What is to be known of it.
            pub fn explanation(self) -> Explanation {
                let (cause, next) = match self { $(RefusalCode::$variant => ($cause, $next),)* };
                Explanation { code: self.sqlstate(), meaning: self.meaning(), cause, next }
            }

            /// The code of a SQLSTATE; `None` when it is none of Birthgate's.
            pub fn from_sqlstate(sqlstate: &str) -> Option<RefusalCode> {
                match sqlstate { $($code => Some(RefusalCode::$variant),)* _ => None }
            }
        }
    };
}

refusal_codes! {
    NoPermit = "PB001", "the act has no permit",
        cause: "The row's entity has no permit that this login has reserved, or the permit was spent on another row.",
        next: "Request and reserve a permit for exactly this entity code, then insert the row; or admit the entity in one go.";
    PermitExpired = "PB002", "the permit is overdue",
        cause: "It waited longer for its act than the collection allows.",
        next: "Request a new permit, with a new idempotency key, and spend it at once.";
    PermitOfAnother = "PB003", "the permit belongs to another role",
        cause: "Another login requested it, or it names another role as its holder.",
        next: "Use the login that holds it, or request a permit of your own once that one has ended.";
    CodeAgainstRule = "PB004", "the entity code is against the collection's rule",
        cause: "The collection's owner has set a pattern for codes, and this code does not match it.",
        next: "Look the collection's rule up and choose a code that matches it; a rule is changed by its owner alone.";
    AlreadyBorn = "PB005", "the entity code was born in this collection before",
        cause: "The entity exists, or existed and was retired: a retired code is not born again.",
        next: "Look the entity up. If it is the same one, there is nothing to do; otherwise choose another code.";
    BornElsewhere = "PB006", "the code is born in another collection, and the registry's key is the code alone",
        cause: "The registry still allows each code once in all collections together.",
        next: "Choose another code, or have an owner change the registry's key to code and collection.";
    Vanished = "PB007", "a birth or its row is gone at the commit boundary",
        cause: "Something in the same transaction deleted or moved the row after the gate had seen it, or row security hides it from birthgate_reader.",
        next: "Look what else the transaction and its triggers do to the row; then do it again with a new permit.";
    DeleteRefused = "PB008", "a delete needs a retire or a discard permit",
        cause: "Rows of a governed collection are not deleted by a bare DELETE.",
        next: "Retire a born entity, discard a row without a birth; both take a permit of that kind.";
    KeyChangeRefused = "PB009", "an entity code does not change",
        cause: "An UPDATE would have given the entity another code without a rename permit.",
        next: "Rename the entity under a rename permit, or leave its code as it is.";
    TruncateRefused = "PB010", "a governed table is not truncated",
        cause: "TRUNCATE would end every entity without a permit.",
        next: "Retire the entities one by one, or have the collection's owner give the table back first.";
    IllegalTransition = "PB011", "a permit cannot go to that state",
        cause: "A permit goes REQUESTED, RESERVED, CONSUMED, FINALIZED, and ends once; it is past the state that was asked for.",
        next: "Look at the permit: if it has ended, request a new one with a new idempotency key.";
    DirectWrite = "PB012", "only Birthgate's functions write this table",
        cause: "Something wrote a table of Birthgate by itself.",
        next: "Use the functions and commands: permits, admission, retirement.";
    KeyReused = "PB013", "the idempotency key was used for another request",
        cause: "The same key came with another collection, code or kind before.",
        next: "Repeat the earlier request exactly, or take a new key for the new one.";
    PermitActive = "PB014", "the entity has an active permit already",
        cause: "Somebody requested a permit for this entity that is neither spent nor ended.",
        next: "Look at the entity's permits: use your own, or wait until the other ends.";
    QuotaReached = "PB015", "the quota of active permits is reached",
        cause: "The login holds as many unspent permits in this collection as its grant allows.",
        next: "Spend or cancel permits that you hold; a larger quota is given by the collection's owner.";
    NotGranted = "PB016", "the login has no grant for this",
        cause: "The login may not request in this collection, or lacks the role that the act takes.",
        next: "Ask the collection's owner: birthgate collection grant COLLECTION ROLE. Nobody else can give it.";
    Blocked = "PB017", "a BLOCK dimension or an owner's stop is in the way",
        cause: "A dimension that blocks this action is over its bound, unknown or too old, or an owner has stopped the collection.",
        next: "List the BLOCK dimensions, mend what they count, or wait until they are counted again. Do not try to get around it.";
    NotGoverned = "PB018", "no gate stands on the collection",
        cause: "The collection is not known under that name, is only listed, or was disarmed.",
        next: "List the collections and use the name of one that is governed.";
    TableMoved = "PB019", "the trigger's table is not the collection's table",
        cause: "The table was renamed or replaced, and its gate still names the old one.",
        next: "Have the collection's owner run: birthgate collection rearm.";
    CannotGovern = "PB020", "the table cannot be governed or adopted",
        cause: "It lacks a unique NOT NULL key on the code, has a type or a form that no gate can stand on, or the role may not.",
        next: "Read the detail, which names what is missing; it is the table's owner who mends it.";
    RowMismatch = "PB021", "the row is not the one that the permit is bound to",
        cause: "The permit was requested for a row, and the row that came differs in a bound column.",
        next: "Insert the row as it was requested, or request a permit for the row as it is now.";
    BirthUnbound = "PB023", "a birth in an enforced collection has no permit",
        cause: "Something wrote a birth into the registry by itself, past the gate.",
        next: "Let the insert of the row write the birth; look which trigger or program does it otherwise.";
    NoSuchPermit = "PB024", "there is no such permit or birth",
        cause: "The number or code is of nothing that is there.",
        next: "List the permits or births and take the number from there.";
    BadArgument = "PB025", "an argument makes no sense",
        cause: "A name, kind, number or column is none that the function takes.",
        next: "Read the message and the detail, mend the argument, and call again.";
    NotACopy = "PB026", "this database is not a copy that could be promoted",
        cause: "Promotion is for a subscriber that was made a copy of another database.",
        next: "Nothing: this database judges by itself already.";
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
