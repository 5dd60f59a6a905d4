//! The adoption of a registry as a packet: what must hold of the registry, found and explained, and the steps
//! that `registry adopt` takes, each with its undo, to be rehearsed and signed first.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::Client;

use crate::error::{Doing, Error, Result};
use crate::plan::packet;
use crate::schema;
use crate::unprepared::Unprepared;

/// What was found of a registry that is to be adopted.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Adoption {
    /// The registry.
    pub registry: String,
    /// Its changelog.
    pub changelog: Option<String>,
    /// Its rows; `None` when its columns do not allow to look at them.
    pub rows: Option<i64>,
    /// What stands in the way, with what to do about it; empty when nothing does.
    pub findings: Vec<String>,
    /// Whether Birthgate is in the database already.
    pub installed: bool,
    #[serde(skip)]
    schema: String,
}

/// Looks at a registry; changes nothing.
pub async fn examine(client: &Client, registry: &str, changelog: Option<&str>) -> Result<Adoption> {
    const DOING: &str = "looking at the registry";
    let rows = client
        .rows(include_str!("../sql/adoption/examine.sql"), &[&registry])
        .await
        .doing(DOING)?;
    let Some(first) = rows.first() else {
        return Err(Error::BadInput(format!("{registry} is no table")));
    };
    let mut found = Adoption {
        registry: first.get("name"),
        changelog: changelog.map(str::to_owned),
        rows: None,
        findings: Vec::new(),
        installed: schema::installed_version(client).await?.is_some(),
        schema: first.get("schema"),
    };
    if !first.get::<_, bool>("is_table") {
        found.findings.push(format!("{registry} is not an ordinary table: adopt one that is"));
    }
    if first.get("row_security") {
        found.findings.push(
            "it has row level security: a view's owner would see nothing; take it off, or keep the registry as it is".to_owned(),
        );
    }
    let taken: Vec<String> = first.get("taken");
    if !taken.is_empty() {
        found.findings.push(format!(
            "it has columns that the adoption adds: {}; rename them",
            taken.join(", ")
        ));
    }
    let mut readable = true;
    for row in &rows {
        let (needed, kind): (&str, Option<&str>) = (row.get("needed"), row.get("type"));
        match (kind, row.get::<_, Option<&str>>("likely")) {
            (Some(_), _) if row.get("fits") => {}
            (Some(kind), _) => {
                readable = false;
                found.findings.push(format!(
                    "its column {needed} is {kind}, and must be {}: change its type, or add a column of that name that holds it as {}",
                    row.get::<_, &str>("wanted"), row.get::<_, &str>("wanted")
                ));
            }
            (None, Some(likely)) => {
                readable = false;
                found.findings.push(format!(
                    "it has no column {needed}; perhaps {likely} is meant: rename it, and keep a view under the old names for those who use them"
                ));
            }
            (None, None) => {
                readable = false;
                found
                    .findings
                    .push(format!("it has no column {needed} ({})", row.get::<_, &str>("wanted")));
            }
        }
    }
    if readable {
        found.count(client).await?;
    }
    Ok(found)
}

impl Adoption {
    async fn count(&mut self, client: &Client) -> Result<()> {
        let sql = include_str!("../sql/adoption/rows.sql").replace("{registry}", &self.registry);
        let row = client.one_row(&sql, &[]).await.doing("looking at the registry's rows")?;
        self.rows = Some(row.get("row_count"));
        let (nulls, doubled, other): (i64, i64, i64) =
            (row.get("nulls"), row.get("doubled"), row.get("other_states"));
        if nulls > 0 {
            self.findings.push(format!("{nulls} rows have a NULL entity_code or collection_name: nobody's births; complete or delete them"));
        }
        if doubled > 0 {
            self.findings.push(format!(
                "{doubled} entities are listed more than once: keep the oldest row of each"
            ));
        }
        if other > 0 {
            let states = row.get::<_, Option<String>>("states").unwrap_or("NULL".to_owned());
            self.findings.push(format!(
                "{other} rows have another status than born or finalized ({states}): what they mean is to be decided; retired ones are retired through Birthgate, afterwards"
            ));
        }
        Ok(())
    }

    /// Writes the packet, into a folder that holds none yet.
    pub fn write_packet(&self, folder: &Path) -> Result<()> {
        if !self.findings.is_empty() {
            let findings = self.findings.join("; ");
            return Err(Error::BadInput(format!(
                "{} cannot be adopted: {findings}",
                self.registry
            )));
        }
        let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let changelog = self.changelog.as_deref().map_or("NULL".to_owned(), literal);
        let fill = |text: &str| {
            text.replace("{registry_literal}", &literal(&self.registry))
                .replace("{changelog_literal}", &changelog)
                .replace("{registry}", &self.registry)
                .replace("{schema}", &self.schema)
        };
        let mut files = Vec::new();
        let mut text = format!(
            "# Adopts {0}. Rehearse it: birthgate rehearse . --rows all\nmacro = \"ADOPT_REGISTRY\"\n\n[[watch]]\nobject = {1}\n[[watch]]\nname = \"births\"\nquery = {2}\n",
            self.registry,
            toml::Value::from(format!("table {}", self.registry)),
            toml::Value::from(format!("SELECT count(*) FROM {}", self.registry)),
        );
        if !self.installed {
            text.push_str("\n[[step]]\nid = \"permit-table\"\ndo = \"birthgate:init\"\nundo = \"birthgate:uninstall\"\n");
        }
        for (number, id, does, undo, alone) in [
            (
                10,
                "columns",
                include_str!("../sql/adoption/columns.do.sql"),
                include_str!("../sql/adoption/columns.undo.sql"),
                false,
            ),
            (
                20,
                "permit-index",
                include_str!("../sql/adoption/permit_index.do.sql"),
                include_str!("../sql/adoption/permit_index.undo.sql"),
                true,
            ),
            (
                30,
                "retire-index",
                include_str!("../sql/adoption/retire_index.do.sql"),
                include_str!("../sql/adoption/retire_index.undo.sql"),
                true,
            ),
            (
                40,
                "adopted",
                include_str!("../sql/adoption/adopted.do.sql"),
                include_str!("../sql/adoption/adopted.undo.sql"),
                false,
            ),
        ] {
            let stem = format!("{number:03}_{}", id.replace('-', "_"));
            text.push_str(&format!(
                "\n[[step]]\nid = \"{id}\"\ndo = \"{stem}.do.sql\"\nundo = \"{stem}.undo.sql\"\n"
            ));
            if alone {
                text.push_str("transaction = false\n");
            }
            files.push((format!("{stem}.do.sql"), fill(does)));
            files.push((format!("{stem}.undo.sql"), fill(undo)));
        }
        packet::write(folder, &text, &files)
    }
}

/// Writes the packet that installs Birthgate and nothing else.
pub fn write_init_packet(folder: &Path) -> Result<()> {
    let text = "# Installs Birthgate: the schema birthgate and its roles. No user table is touched.\nmacro = \"INSTALL_BIRTHGATE\"\n\n[[watch]]\nobject = \"table birthgate.birth_admission_permit\"\n\n[[step]]\nid = \"permit-table\"\ndo = \"birthgate:init\"\nundo = \"birthgate:uninstall\"\n";
    packet::write(folder, text, &[])
}
