//! The locks that statements take, and who waits for them.

use schemars::JsonSchema;
use serde::Serialize;

/// A lock on a table or the like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Lock {
    /// Of what.
    pub object: String,
    /// As PostgreSQL names it, such as `AccessExclusiveLock`.
    pub mode: String,
    /// Which statements of others would wait for it.
    pub blocks: &'static str,
    #[serde(skip)]
    pub(crate) kind: String,
}

/// The modes of table locks, each keeping others from more than the one before.
const MODES: [&str; 8] = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

/// The place of a mode among them, from 1; 0 for none.
pub(crate) fn strength(mode: &str) -> usize {
    MODES.iter().position(|known| *known == mode).map_or(0, |at| at + 1)
}

/// What waits for a lock of this mode.
pub(super) fn blocks(mode: &str) -> &'static str {
    match mode {
        "AccessExclusiveLock" => "everything, SELECT too",
        "ExclusiveLock" => "everything but SELECT",
        "ShareRowExclusiveLock" | "ShareLock" => "INSERT, UPDATE, DELETE",
        "ShareUpdateExclusiveLock" => "VACUUM and changes of the schema",
        _ => "changes of the schema",
    }
}

impl Lock {
    /// Whether it is of an index.
    pub fn is_index(&self) -> bool {
        matches!(self.kind.as_str(), "i" | "I")
    }

    /// Whether it is of a table.
    pub(crate) fn is_of_a_table(&self) -> bool {
        matches!(self.kind.as_str(), "r" | "p")
    }

    /// How much it keeps others from.
    pub(crate) fn strength(&self) -> usize {
        strength(&self.mode)
    }

    /// Whether it is more than reading and locking rows takes.
    pub(crate) fn is_strong(&self) -> bool {
        self.strength() > strength("RowShareLock")
    }

    /// Whether others who write, or read, would wait for it.
    pub fn hurts(&self) -> bool {
        !matches!(self.blocks, "changes of the schema" | "VACUUM and changes of the schema")
    }
}
