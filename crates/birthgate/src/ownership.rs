//! Tables that the application owns: the packet that gives them to a role that nobody can log in as, so that the
//! application can no longer take the gate off.

use std::path::Path;

use serde::Serialize;
use tokio_postgres::Client;

use crate::error::{Doing, Error, Result};
use crate::plan::packet;
use crate::unprepared::Unprepared;

/// What was found of tables that are to have another owner.
#[derive(Clone, Debug, Serialize)]
pub struct Ownership {
    /// The role that is to own them.
    pub owner: String,
    /// The tables; partitions before their roots.
    pub tables: Vec<OwnedTable>,
    /// What stands in the way, with what to do about it; empty when nothing does.
    pub findings: Vec<String>,
    #[serde(skip)]
    schemas: Vec<Schema>,
}

/// A table that is to have another owner.
#[derive(Clone, Debug, Serialize)]
pub struct OwnedTable {
    /// Its collection.
    pub collection_name: String,
    /// Its name, quoted as SQL writes it.
    pub table: String,
    /// Who owns it.
    pub owner: String,
    /// The sequences that its owner owns with it.
    pub sequences: Vec<String>,
    #[serde(skip)]
    is_root: bool,
}

#[derive(Clone, Debug)]
struct Schema {
    name: String,
    owner: String,
    is_applications: bool,
    has_usage: bool,
}

const DOING: &str = "looking at who owns the tables";

/// Looks at the tables of these collections; changes nothing.
pub async fn examine(client: &Client, collections: &[String], owner: &str) -> Result<Ownership> {
    let role = client
        .optional_row(include_str!("../sql/ownership/owner.sql"), &[&owner])
        .await
        .doing(DOING)?
        .ok_or_else(|| {
            Error::BadInput(format!(
                "there is no role {owner}; make one that nobody logs in as: CREATE ROLE {owner} NOLOGIN"
            ))
        })?;
    let mut found = Ownership {
        owner: role.get("name"),
        tables: Vec::new(),
        findings: Vec::new(),
        schemas: Vec::new(),
    };
    let logins: Vec<String> = role.get("logins");
    if role.get("can_login") || role.get("is_superuser") {
        found
            .findings
            .push(format!("{owner} can log in, or is a superuser: take a role that is neither"));
    }
    if !logins.is_empty() {
        found
            .findings
            .push(format!("{} can act as {owner}: REVOKE {owner} FROM {0}", logins.join(", ")));
    }
    let rows = client
        .rows(include_str!("../sql/ownership/tables.sql"), &[&collections])
        .await
        .doing(DOING)?;
    for row in &rows {
        let table = OwnedTable {
            collection_name: row.get("collection_name"),
            table: row.get("name"),
            owner: row.get("owner"),
            sequences: row.get("sequences"),
            is_root: row.get("is_root"),
        };
        let grantees: Vec<String> = row.get("trigger_grantees");
        if !grantees.is_empty() {
            let (table, grantees) = (&table.table, grantees.join(", "));
            found.findings.push(format!(
                "{grantees} may set triggers on {table}: REVOKE TRIGGER ON {table} FROM {grantees}"
            ));
        }
        if row.get("row_security") {
            found.findings.push(format!(
                "{} has row level security, which {} passes as its owner, and would not any more",
                table.table, table.owner
            ));
        }
        if row.get::<_, &str>("trust") == "enforced" {
            found.findings.push(format!(
                "{} belongs to {}, and no application can weaken its gate already",
                table.table, table.owner
            ));
        }
        found.tables.push(table);
    }
    for collection in collections {
        if !found.tables.iter().any(|table| &table.collection_name == collection) {
            found.findings.push(format!(
                "{collection} is no collection that has a table: birthgate collection list"
            ));
        }
    }
    let names: Vec<&str> = found.tables.iter().map(|table| table.table.as_str()).collect();
    let rows = client
        .rows(include_str!("../sql/ownership/schemas.sql"), &[&names, &owner])
        .await
        .doing(DOING)?;
    found.schemas = rows
        .iter()
        .map(|row| Schema {
            name: row.get("name"),
            owner: row.get("owner"),
            is_applications: row.get("is_applications"),
            has_usage: row.get("has_usage"),
        })
        .collect();
    Ok(found)
}

fn lines(statements: &[String]) -> String {
    statements.iter().map(|statement| format!("{statement};\n")).collect()
}

impl Ownership {
    /// Writes the packet, into a folder that holds none yet.
    pub fn write_packet(&self, folder: &Path) -> Result<()> {
        if !self.findings.is_empty() {
            return Err(Error::BadInput(self.findings.join("; ")));
        }
        let mut text = format!(
            "# Gives the tables to {}. The application reads and writes their rows as before, and can no longer take the gate off.\nmacro = \"REASSIGN_TABLES\"\n",
            self.owner
        );
        for table in &self.tables {
            text.push_str(&format!(
                "\n[[watch]]\nobject = {}\n",
                toml::Value::from(format!("table {}", table.table))
            ));
        }
        let mut files = Vec::new();
        let mut step = |id: &str, does: &[String], undo: &[String], verify: Option<String>| {
            let stem = format!("{:03}-{}", 10 + 10 * (files.len() / 2), packet::slug(id));
            text.push_str(&format!(
                "\n[[step]]\nid = \"{stem}\"\ndo = \"{stem}.do.sql\"\nundo = \"{stem}.undo.sql\"\n"
            ));
            files.push((format!("{stem}.do.sql"), lines(does)));
            files.push((format!("{stem}.undo.sql"), lines(undo)));
            verify.map(|query| {
                text.push_str(&format!("verify = \"{stem}.verify.sql\"\n"));
                (format!("{stem}.verify.sql"), format!("{query};\n"))
            })
        };
        let mut verify = Vec::new();
        for schema in &self.schemas {
            let (does, undo) = self.schema_step(schema);
            if !does.is_empty() {
                verify.extend(step(&schema.name, &does, &undo, None));
            }
        }
        // Of some only the schema has to change hands.
        for table in self.tables.iter().filter(|table| table.owner != self.owner) {
            let (does, undo) = self.table_step(table);
            let trusted = format!(
                "SELECT birthgate.trust('{}'::regclass) = 'enforced'",
                table.table.replace('\'', "''")
            );
            // A root is trusted when its partitions are.
            let trusted = Some(trusted).filter(|_| table.is_root);
            verify.extend(step(&table.table, &does, &undo, trusted));
        }
        files.extend(verify);
        packet::write(folder, &text, &files)
    }

    /// Who owns a schema can drop what is in it. Whoever owned it makes things in it as before.
    fn schema_step(&self, schema: &Schema) -> (Vec<String>, Vec<String>) {
        let Schema { name, owner: old, .. } = schema;
        let new = &self.owner;
        if schema.is_applications {
            let does = [
                format!("ALTER SCHEMA {name} OWNER TO {new}"),
                format!("GRANT USAGE, CREATE ON SCHEMA {name} TO {old}"),
            ];
            let undo = [
                format!("REVOKE USAGE, CREATE ON SCHEMA {name} FROM {old}"),
                format!("ALTER SCHEMA {name} OWNER TO {old}"),
            ];
            return (does.to_vec(), undo.to_vec());
        }
        if !schema.has_usage {
            // Foreign keys are checked as the tables' owner.
            return (
                vec![format!("GRANT USAGE ON SCHEMA {name} TO {new}")],
                vec![format!("REVOKE USAGE ON SCHEMA {name} FROM {new}")],
            );
        }
        (Vec::new(), Vec::new())
    }

    fn table_step(&self, table: &OwnedTable) -> (Vec<String>, Vec<String>) {
        let OwnedTable { table: name, owner: old, .. } = table;
        let new = &self.owner;
        let rows = "SELECT, INSERT, UPDATE, DELETE, REFERENCES";
        let mut does = vec![
            format!("ALTER TABLE {name} OWNER TO {new}"),
            format!("GRANT {rows} ON {name} TO {old}"),
        ];
        let mut undo = vec![format!("REVOKE {rows} ON {name} FROM {old}")];
        for sequence in &table.sequences {
            does.push(format!("GRANT USAGE, SELECT, UPDATE ON SEQUENCE {sequence} TO {old}"));
            undo.push(format!("REVOKE USAGE, SELECT, UPDATE ON SEQUENCE {sequence} FROM {old}"));
        }
        undo.push(format!("ALTER TABLE {name} OWNER TO {old}"));
        (does, undo)
    }
}
