//! Extensions of the original: made in the copy as they are there, or named with what is missing.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::Why;
use crate::error::{Doing, Result};
use crate::unprepared::Unprepared;

const DOING: &str = "looking for extensions";

/// Libraries that a server preloads for an extension's DDL and that start nothing by themselves.
pub(super) const PRELOADED: &[&str] =
    &["age", "auto_explain", "citus", "pg_stat_statements", "pgaudit", "set_user", "timescaledb"];

/// An extension of the original.
#[derive(Clone, Debug)]
pub(super) struct Extension {
    name: String,
    version: String,
    schema: String,
    owner: String,
    /// The names of its types, functions and relations.
    pub members: Vec<String>,
}

/// Those of a database.
pub(super) async fn of(client: &Client) -> Result<Vec<Extension>> {
    let sql = include_str!("../../../sql/rehearsal/twin_extensions.sql");
    let rows = client.rows(sql, &[]).await.doing(DOING)?;
    Ok(rows
        .iter()
        .map(|row| Extension {
            name: row.get("name"),
            version: row.get("version"),
            schema: row.get("schema"),
            owner: row.get("owner"),
            members: row.get("members"),
        })
        .collect())
}

/// What this server can make, with the versions.
pub(super) struct Available(BTreeMap<String, BTreeSet<String>>);

impl Available {
    pub async fn at(client: &Client) -> Result<Available> {
        let sql =
            "SELECT name::text, version::text FROM pg_catalog.pg_available_extension_versions";
        let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in client.rows(sql, &[]).await.doing(DOING)? {
            versions.entry(row.get(0)).or_default().insert(row.get(1));
        }
        Ok(Available(versions))
    }

    pub fn has(&self, extension: &Extension) -> bool {
        self.0.contains_key(&extension.name)
    }
}

impl Extension {
    pub fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Why it cannot be made.
    pub fn missing(&self, major: u32) -> Why {
        let known = include_str!("packages.tsv").lines().filter_map(|line| line.split_once('\t'));
        let package = known.into_iter().find(|(name, _)| *name == self.name);
        let package = package.map(|(_, package)| package.replace("{major}", &major.to_string()));
        Why::NoExtension { name: self.name.clone(), package }
    }

    /// Makes it; in the same version, where this machine has it. Some let their owner be no superuser.
    pub fn statements(&self, available: &Available, restorer: &str) -> String {
        let quoted = super::quote;
        let has_version =
            available.0.get(&self.name).is_some_and(|versions| versions.contains(&self.version));
        let version = match has_version {
            true => format!(" VERSION {}", quoted(&self.version)),
            false => String::new(),
        };
        let (name, schema) = (quoted(&self.name), quoted(&self.schema));
        let make = format!("CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA {schema}{version}");
        match self.owner == restorer {
            true => make,
            false => format!(
                "SET SESSION AUTHORIZATION {}; {make}; SET SESSION AUTHORIZATION {}",
                quoted(&self.owner),
                quoted(restorer)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Extension, Why};

    #[test]
    fn a_missing_extension_is_named_with_its_package() {
        let extension = |name: &str| Extension {
            name: name.to_owned(),
            version: "1".to_owned(),
            schema: "public".to_owned(),
            owner: "me".to_owned(),
            members: Vec::new(),
        };
        for (name, expected) in [
            ("postgis", Some("postgresql-15-postgis-3")),
            ("pg_trgm", Some("postgresql-15")),
            ("no_such", None),
        ] {
            let Why::NoExtension { package, .. } = extension(name).missing(15) else {
                unreachable!()
            };
            assert_eq!(package.as_deref(), expected, "{name}");
        }
    }
}
