//! The estate of the seed: a legacy Directus database in which every entity is listed in a
//! registry, as Birthgate finds it, and the folder of its tools. Nothing of Birthgate is in it.
//!
//! The SQL is in `sql/`, one concept a file, run in the order of the names. This crate only
//! hands it the numbers. `counts.sql` counts what came out.

mod build;
mod error;
mod packet;
mod tools;

pub use build::{build, expected_births, expected_changelog};
pub use error::Error;
pub use packet::write_packet;
pub use tools::{tool_names, write_tools};

/// Births at scale 1.
pub const FULL_BIRTHS: u64 = 1_126_728;

/// Rows of `registry_changelog` at scale 1.
pub const FULL_CHANGELOG: u64 = 70_434;

/// The fewest births: enough for every single thing that never scales.
pub const MIN_BIRTHS: u64 = 3_000;

/// The fewest rows of `registry_changelog`.
pub const MIN_CHANGELOG: u64 = 200;

/// One query that returns `(name text, value bigint)` for every number the estate promises.
pub const COUNTS_SQL: &str = include_str!("../counts.sql");

/// The SQL with which Birthgate's story is told on this estate.
pub mod story {
    /// Makes the seed's four BLOCK dimensions known to Birthgate.
    pub const DIMENSIONS: &str = include_str!("../birthgate/dimensions.sql");
    /// `(collection_name, table, code_column, is_critical)` of each collection that the estate lists.
    pub const LIST_COLLECTIONS: &str = include_str!("../birthgate/list_collections.sql");
    /// A login of its own for the registrar; once Birthgate is installed.
    pub const REGISTRAR: &str = include_str!("../birthgate/registrar.sql");
    /// Brings the pivot that is older than its source up to date.
    pub const PIVOT: &str = include_str!("../birthgate/pivot.sql");
    /// `(name, oid, definition)` of the functions that the packet watches or patches.
    pub const FUNCTIONS: &str = include_str!("../birthgate/functions.sql");
    /// An insert that has no permit.
    pub const INSERT_ONE: &str = include_str!("../birthgate/insert_one.sql");
    /// The same insert with a permit, in one statement.
    pub const ADMIT_ONE: &str = include_str!("../birthgate/admit_one.sql");
    /// 10,000 permits, and their rows in one statement.
    pub const ADMIT_MANY: &str = include_str!("../birthgate/admit_many.sql");
    /// An admitted row, finalised early and then deleted, in one transaction.
    pub const EARLY_FINALIZE: &str = include_str!("../birthgate/early_finalize.sql");
}
