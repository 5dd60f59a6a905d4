//! The packet that carries a key change out.

use std::path::Path;

use super::KeyChange;
use crate::error::{Error, Result};
use crate::plan::packet;

impl KeyChange {
    /// Writes the packet that changes the key: the index beside the writers, the constraint, the functions, a
    /// STOP, and the end of the old key.
    pub fn write_packet(&self, folder: &Path) -> Result<()> {
        if !self.reasons.is_empty() {
            return Err(Error::BadInput(format!(
                "the key is not ready: {}",
                self.reasons.join("; ")
            )));
        }
        let index = self.index_name();
        let (quoted, schema) = (quote(&index), &self.name.quoted_schema);
        let (table, columns) = (&self.table, self.name.to.join(", "));
        let from = &self.name.from;
        let build =
            |how: &str| format!("CREATE UNIQUE INDEX{how} {quoted} ON {table} ({columns});\n");
        let mut files = vec![
            (
                "010_index.do.sql".to_owned(),
                format!(
                    "-- Built beside the writers, who wait for nothing.\n{}",
                    build(" CONCURRENTLY")
                ),
            ),
            ("010_index.tx.sql".to_owned(), build("")),
            (
                "010_index.undo.sql".to_owned(),
                format!("DROP INDEX CONCURRENTLY {schema}.{quoted};\n"),
            ),
            (
                "010_index.verify.sql".to_owned(),
                format!(
                    "SELECT indisvalid AND indisready FROM pg_catalog.pg_index WHERE indexrelid = '{}'::regclass;\n",
                    format!("{schema}.{quoted}").replace('\'', "''")
                ),
            ),
            (
                "020_unique.do.sql".to_owned(),
                format!(
                    "ALTER TABLE {table} ADD CONSTRAINT {quoted} UNIQUE USING INDEX {quoted};\n"
                ),
            ),
            (
                "020_unique.undo.sql".to_owned(),
                format!(
                    "-- The constraint takes its index along; this makes the one that was there before it.\nALTER TABLE {table} DROP CONSTRAINT {quoted};\n{}",
                    build("")
                ),
            ),
        ];
        let mut steps = String::from(
            "[[step]]\nid = \"index\"\ndo = \"010_index.do.sql\"\nundo = \"010_index.undo.sql\"\nverify = \"010_index.verify.sql\"\ntransaction = false\nstand_in = \"010_index.tx.sql\"\n\n[[step]]\nid = \"unique\"\ndo = \"020_unique.do.sql\"\nundo = \"020_unique.undo.sql\"\n\n",
        );
        let patches: Vec<(&String, &String)> = self
            .code
            .iter()
            .filter_map(|code| Some((code.patch.as_ref()?, &code.original)))
            .collect();
        if !patches.is_empty() {
            let join = |texts: Vec<&String>| {
                texts.iter().map(|text| format!("{};\n", text.trim_end())).collect::<String>()
            };
            files.push((
                "030_conflict_targets.do.sql".to_owned(),
                join(patches.iter().map(|(patch, _)| *patch).collect()),
            ));
            files.push((
                "030_conflict_targets.undo.sql".to_owned(),
                join(patches.iter().map(|(_, original)| *original).collect()),
            ));
            steps.push_str("[[step]]\nid = \"conflict-targets\"\ndo = \"030_conflict_targets.do.sql\"\nundo = \"030_conflict_targets.undo.sql\"\n\n");
        }
        let (drop, back) = match &self.old_constraint {
            Some(name) => (
                format!("ALTER TABLE {table} DROP CONSTRAINT {name};\n"),
                format!(
                    "ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE ({});\n",
                    from.join(", ")
                ),
            ),
            None => (
                format!("DROP INDEX {};\n", self.old_key),
                format!(
                    "CREATE UNIQUE INDEX {} ON {table} ({});\n",
                    self.old_key.rsplit('.').next().unwrap_or(&self.old_key),
                    from.join(", ")
                ),
            ),
        };
        files.push(("040_drop_old.do.sql".to_owned(), drop));
        files.push((
            "040_drop_old.undo.sql".to_owned(),
            format!("-- {}.\n{back}", self.one_way_from),
        ));
        steps.push_str("# The door: the apply stops before it.\n[[step]]\nid = \"drop-old-key\"\ndo = \"040_drop_old.do.sql\"\nundo = \"040_drop_old.undo.sql\"\nstop = \"before\"\n");
        let slug = self.name.table.to_uppercase();
        let text = format!(
            "# {}: the key becomes ({columns}).\nmacro = \"{slug}_KEY_CHANGE\"\n\n[key_change]\ntable = {}\nfrom = {}\nto = {}\n\n[[watch]]\nobject = \"table {table}\"\n\n{steps}",
            self.decision,
            toml::Value::from(self.table.clone()),
            toml::Value::from(self.from.clone()),
            toml::Value::from(self.to.clone()),
        );
        packet::write(folder, &text, &files)
    }

    fn index_name(&self) -> String {
        let name = format!("{}_{}_key", self.name.table, self.to.join("_"));
        // PostgreSQL cuts names at 63 bytes; cut here, so that what is named later is what was made.
        let end = (0..=name.len().min(63)).rev().find(|end| name.is_char_boundary(*end));
        name[..end.unwrap_or_default()].to_owned()
    }
}

/// A name that ends in `_key` is no keyword.
fn quote(name: &str) -> String {
    if name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
    {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}
