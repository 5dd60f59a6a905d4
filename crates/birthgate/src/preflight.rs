//! What stands in the way, found by looking.

use serde::Deserialize;

/// Where human approvals are on record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ospa {
    /// The table.
    pub table: String,
}
