//! Which tables hang together: by foreign keys, as partitions and children, and through views.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::{Gap, Need, Reach};
use crate::error::{Doing, Result};
use crate::unprepared::Unprepared;

const DOING: &str = "looking for the tables to copy rows of";

/// A table, or a view for what it reads.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub name: String,
    pub kind: Kind,
    /// As the server last counted.
    pub about_bytes: u64,
    /// Those that can be written, for a statement; `None`: it has none.
    pub columns: Option<String>,
    /// Why its rows cannot be read.
    pub gap: Option<Gap>,
}

/// What kind of relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// With rows of its own.
    Table,
    /// Its rows are those of its partitions.
    Partitioned,
    /// Its rows lie elsewhere.
    Foreign,
    /// It shows rows of others.
    View,
}

/// A foreign key.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub child: u32,
    pub parent: u32,
    /// Whether deleting or re-keying a parent writes to the child.
    passes_on: bool,
    pub child_columns: Vec<String>,
    pub parent_columns: Vec<String>,
    /// Of the parent's columns.
    pub types: Vec<String>,
}

/// The relations of a database.
#[derive(Debug)]
pub(super) struct Tables {
    pub by_oid: BTreeMap<u32, Table>,
    by_name: BTreeMap<String, u32>,
    children: BTreeMap<u32, Vec<u32>>,
    parents: BTreeMap<u32, Vec<u32>>,
    reads: BTreeMap<u32, Vec<u32>>,
    pub references: Vec<Reference>,
}

impl Tables {
    pub async fn of(client: &Client) -> Result<Tables> {
        let sql = include_str!("../../../sql/rehearsal/row_tables.sql");
        let rows = client.rows(sql, &[]).await.doing(DOING)?;
        let by_oid: BTreeMap<u32, Table> =
            rows.iter().map(|row| (row.get("oid"), table(row))).collect();
        let by_name = by_oid.iter().map(|(oid, table)| (table.name.clone(), *oid)).collect();
        let (mut children, mut parents, mut reads) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let add = |map: &mut BTreeMap<u32, Vec<u32>>, from: u32, to: u32| {
            map.entry(from).or_default().push(to);
        };
        let sql = include_str!("../../../sql/rehearsal/row_parents.sql");
        for row in client.rows(sql, &[]).await.doing(DOING)? {
            add(&mut children, row.get("parent"), row.get("child"));
            add(&mut parents, row.get("child"), row.get("parent"));
        }
        let sql = include_str!("../../../sql/rehearsal/row_reads.sql");
        for row in client.rows(sql, &[]).await.doing(DOING)? {
            add(&mut reads, row.get("view"), row.get("relation"));
        }
        let sql = include_str!("../../../sql/rehearsal/row_references.sql");
        let rows = client.rows(sql, &[]).await.doing(DOING)?;
        // Those of temporary tables are another session's.
        let is_known = |oid: &u32| by_oid.contains_key(oid);
        let references = rows
            .iter()
            .filter(|row| is_known(&row.get("child")) && is_known(&row.get("parent")))
            .map(|row| Reference {
                child: row.get("child"),
                parent: row.get("parent"),
                passes_on: row.get("passes_on"),
                child_columns: row.get("child_columns"),
                parent_columns: row.get("parent_columns"),
                types: row.get("types"),
            })
            .collect();
        Ok(Tables { by_oid, by_name, children, parents, reads, references })
    }

    /// Every table.
    pub fn all(&self) -> BTreeSet<u32> {
        self.by_oid.keys().copied().collect()
    }

    /// The tables that are needed with those that hang together with them.
    pub fn closure(&self, need: &Need) -> BTreeSet<u32> {
        let mut found: BTreeMap<u32, Reach> = BTreeMap::new();
        let named = need.0.iter();
        let mut open: Vec<(u32, Reach)> =
            named.filter_map(|(name, reach)| Some((*self.by_name.get(name)?, *reach))).collect();
        while let Some((oid, reach)) = open.pop() {
            if found.get(&oid).is_some_and(|known| *known >= reach) {
                continue;
            }
            found.insert(oid, reach);
            open.extend(self.beside(&self.children, oid).map(|child| (child, reach)));
            open.extend(self.beside(&self.reads, oid).map(|table| (table, Reach::References)));
            let family = self.family(oid);
            for reference in &self.references {
                if family.contains(&reference.child) {
                    open.push((reference.parent, Reach::References));
                }
                if reach == Reach::BothWays && family.contains(&reference.parent) {
                    let reach = if reference.passes_on { reach } else { Reach::References };
                    open.push((reference.child, reach));
                }
            }
        }
        // A view may read what is no table of a user's.
        found.into_keys().filter(|oid| self.by_oid.contains_key(oid)).collect()
    }

    /// The table with those of which it is a part.
    fn family(&self, oid: u32) -> BTreeSet<u32> {
        let mut family = BTreeSet::from([oid]);
        let mut open = vec![oid];
        while let Some(one) = open.pop() {
            open.extend(self.beside(&self.parents, one).filter(|parent| family.insert(*parent)));
        }
        family
    }

    /// The tables whose rows it shows, itself among them.
    pub fn below(&self, oid: u32) -> BTreeSet<u32> {
        let mut below = BTreeSet::from([oid]);
        let mut open = vec![oid];
        while let Some(one) = open.pop() {
            let next = self.beside(&self.children, one).chain(self.beside(&self.reads, one));
            open.extend(next.filter(|table| below.insert(*table)).collect::<Vec<_>>());
        }
        below
    }

    fn beside<'a>(
        &'a self,
        map: &'a BTreeMap<u32, Vec<u32>>,
        oid: u32,
    ) -> impl Iterator<Item = u32> + 'a {
        map.get(&oid).into_iter().flatten().copied()
    }
}

fn table(row: &tokio_postgres::Row) -> Table {
    let kind = match row.get::<_, &str>("kind") {
        "r" => Kind::Table,
        "p" => Kind::Partitioned,
        "f" => Kind::Foreign,
        _ => Kind::View,
    };
    let name: String = row.get("name");
    let grant: String = row.get("grant");
    let gap = match (kind, row.get("row_security")) {
        (Kind::View, _) => None,
        (Kind::Foreign, _) => Some(Gap::Foreign),
        _ if !grant.is_empty() => Some(Gap::NoSelect { grant }),
        (_, true) => Some(Gap::RowSecurity { table: name.clone(), role: row.get("role") }),
        _ => None,
    };
    let about: i64 = row.get("about_bytes");
    Table { name, kind, about_bytes: about.unsigned_abs(), columns: row.get("columns"), gap }
}
