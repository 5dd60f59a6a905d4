//! Rows for the sandbox: those of the tables that a plan touches, with the rows that they refer to, all of one
//! snapshot and within a budget.

mod tables;
mod transfer;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio_postgres::Client;

use crate::error::Result;
use tables::Tables;
use transfer::Bounds;

/// How much may be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowBudget {
    /// Bytes of tables, as they lie in the live database, without indexes.
    pub bytes: u64,
    /// How long copying may take.
    pub time: Duration,
}

impl Default for RowBudget {
    fn default() -> RowBudget {
        RowBudget { bytes: 256 * 1024 * 1024, time: Duration::from_secs(10) }
    }
}

/// How far a plan's work on a table reaches over foreign keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Its rows and what they refer to: it is read, inserted into or changed in form.
    References,
    /// Also the rows that refer to it: rows are deleted, truncated, or get another key.
    BothWays,
}

/// The tables that a plan needs rows of. A name is `format('%I.%I', schema, table)`. Partitions and children are
/// included, and the tables that a materialized view reads. A name that the live database does not have is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Need(pub BTreeMap<String, Reach>);

impl Need {
    /// Adds a table; the farther reach wins.
    pub fn add(&mut self, table: impl Into<String>, reach: Reach) {
        let known = self.0.entry(table.into()).or_insert(reach);
        *known = (*known).max(reach);
    }
}

/// Which rows of a table the sandbox has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of them; none, where the table is empty in the live database.
    Whole { rows: u64 },
    /// Some of them, with every row that they refer to.
    Part { rows: u64, gap: Gap },
    /// None, although there may be some.
    Nothing { gap: Gap },
}

impl Extent {
    pub fn rows(&self) -> u64 {
        match self {
            Extent::Whole { rows } | Extent::Part { rows, .. } => *rows,
            Extent::Nothing { .. } => 0,
        }
    }

    /// What two tables are together.
    fn and(self, other: &Extent) -> Extent {
        let rows = self.rows() + other.rows();
        let gap = |extent: &Extent| match extent {
            Extent::Whole { .. } => None,
            Extent::Part { gap, .. } | Extent::Nothing { gap } => Some(gap.clone()),
        };
        match gap(&self).or_else(|| gap(other)) {
            None => Extent::Whole { rows },
            Some(gap) if rows == 0 => Extent::Nothing { gap },
            Some(gap) => Extent::Part { rows, gap },
        }
    }
}

/// Why rows are missing, in words with what would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// They are larger than the budget.
    Bytes { size: u64, budget: u64 },
    /// Copying took longer than the budget.
    Time { budget: Duration },
    /// Only so many of each table were asked for.
    Count { most: u64 },
    /// This role may not read them.
    NoSelect { grant: String },
    /// Row-level security would hide some of them.
    RowSecurity { table: String, role: String },
    /// They lie on another server.
    Foreign,
    /// The table is not in the sandbox.
    LeftOut,
    /// A table that they refer to has rows missing.
    Parent { table: String },
    /// The server refused.
    Refused { message: String },
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = |bytes: &u64| bytes.div_ceil(1024 * 1024);
        match self {
            Gap::Bytes { size, budget } => write!(
                f,
                "{} MB to copy, the budget for rows is {} MB",
                megabytes(size),
                megabytes(budget)
            ),
            Gap::Time { budget } => {
                write!(f, "copying rows took longer than the budget of {} s", budget.as_secs_f64())
            }
            Gap::Count { most } => write!(f, "at most {most} rows of each table were asked for"),
            Gap::NoSelect { grant } => write!(f, "this role may not read it: {grant}"),
            Gap::RowSecurity { table, role } => write!(
                f,
                "row-level security would hide rows of {table} from {role}: rehearse as its owner or as a role with BYPASSRLS"
            ),
            Gap::Foreign => f.write_str("its rows lie on another server"),
            Gap::LeftOut => f.write_str("the sandbox does not have the table"),
            Gap::Parent { table } => write!(f, "it refers to rows of {table} that were not copied"),
            Gap::Refused { message } => write!(f, "reading it failed: {message}"),
        }
    }
}

/// The catalogs whose rows are large objects. These are not copied.
const LARGE_OBJECTS: [&str; 2] =
    ["pg_catalog.pg_largeobject", "pg_catalog.pg_largeobject_metadata"];

/// Whether the rows of this table are large objects.
pub(super) fn holds_large_objects(table: &str) -> bool {
    LARGE_OBJECTS.contains(&table)
}

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Copied {
    /// Every table that was needed or that rows of those refer to.
    pub tables: BTreeMap<String, Extent>,
    /// Whether the live database has large objects: the sandbox has none.
    pub lacks_large_objects: bool,
    pub bytes: u64,
    pub duration: Duration,
}

impl Copied {
    /// Why a table does not hold all its rows; `None`: it does.
    pub fn gap(&self, table: &str) -> Option<&Gap> {
        match self.tables.get(table)? {
            Extent::Whole { .. } => None,
            Extent::Part { gap, .. } | Extent::Nothing { gap } => Some(gap),
        }
    }
}

/// Copies the rows that are needed. `from` is in a transaction of one snapshot, `to` a superuser of the sandbox.
pub(super) async fn copy(
    from: &Client,
    to: &Client,
    need: &Need,
    budget: RowBudget,
) -> Result<Copied> {
    let tables = Tables::of(from).await?;
    let wanted = tables.closure(need);
    transfer::run(from, to, &tables, &wanted, Bounds { budget, most: None }).await
}

/// Copies the rows of every table, or at most so many of each with what they refer to.
pub(super) async fn copy_all(from: &Client, to: &Client, most: Option<u64>) -> Result<Copied> {
    const FOR_EVER: Duration = Duration::from_secs(24 * 60 * 60);
    let tables = Tables::of(from).await?;
    let budget = RowBudget { bytes: u64::MAX, time: FOR_EVER };
    transfer::run(from, to, &tables, &tables.all(), Bounds { budget, most }).await
}
