//! Partitioning our own registry by the hash of the entity code, as a packet: what stands in the way, and the steps that do
//! it while births go on. What the steps call is in `sql/115_partition.sql`.

use std::ops::RangeInclusive;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::Client;

use crate::error::{Doing, Error, Result};
use crate::plan::packet;
use crate::unprepared::Unprepared;

/// How many partitions make sense.
pub const PARTITIONS: RangeInclusive<u32> = 2..=256;

/// What was found of a registry that is to be partitioned.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Partitioning {
    /// How many partitions it is to have.
    pub partitions: u32,
    /// What stands in the way, with what to do about it; empty when nothing does.
    pub findings: Vec<String>,
}

/// Looks at the registry; changes nothing.
pub async fn examine(client: &Client, partitions: u32) -> Result<Partitioning> {
    if !PARTITIONS.contains(&partitions) {
        return Err(Error::BadInput(format!(
            "{partitions} partitions make no sense: from {} to {}",
            PARTITIONS.start(),
            PARTITIONS.end()
        )));
    }
    let rows = client
        .rows(include_str!("../sql/partition/findings.sql"), &[])
        .await
        .doing("looking at the registry")?;
    Ok(Partitioning { partitions, findings: rows.iter().map(|row| row.get(0)).collect() })
}

impl Partitioning {
    /// Writes the packet, into a folder that holds none yet.
    pub fn write_packet(&self, folder: &Path) -> Result<()> {
        if !self.findings.is_empty() {
            let findings = self.findings.join("; ");
            return Err(Error::BadInput(format!("the registry cannot be partitioned: {findings}")));
        }
        let beside = include_str!("../sql/partition/beside.do.sql")
            .replace("{partitions}", &self.partitions.to_string());
        let files = [
            ("010_beside.do.sql", beside.as_str()),
            ("010_beside.undo.sql", include_str!("../sql/partition/beside.undo.sql")),
            ("020_copied.do.sql", include_str!("../sql/partition/copied.do.sql")),
            ("020_copied.undo.sql", include_str!("../sql/partition/copied.undo.sql")),
            ("020_copied.verify.sql", include_str!("../sql/partition/copied.verify.sql")),
            ("030_exchanged.do.sql", include_str!("../sql/partition/exchanged.do.sql")),
            ("030_exchanged.undo.sql", include_str!("../sql/partition/exchanged.undo.sql")),
            ("030_exchanged.verify.sql", include_str!("../sql/partition/exchanged.verify.sql")),
            ("040_dropped.do.sql", include_str!("../sql/partition/dropped.do.sql")),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        packet::write(folder, include_str!("../sql/partition/packet.toml"), &files)
    }
}
