//! Carrying rows from the live database into the sandbox, so that every foreign key of what arrives holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt, pin_mut};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::tables::{Kind, Reference, Table, Tables};
use super::{Copied, Extent, Gap, RowBudget};
use crate::error::{Doing, Result};
use crate::unprepared::Unprepared;

const DOING: &str = "copying rows into the sandbox";
/// Rows of a table that does not fit.
const SAMPLE: u64 = 1000;
/// Keys of missing parents that are asked for at once.
const KEYS: usize = 5000;

/// How much is copied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub budget: RowBudget,
    /// Rows of each table.
    pub most: Option<u64>,
}

/// Copies the rows of these tables.
pub(super) async fn run(
    from: &Client,
    to: &Client,
    tables: &Tables,
    wanted: &BTreeSet<u32>,
    bounds: Bounds,
) -> Result<Copied> {
    let begun = Instant::now();
    let mut transfer = Transfer {
        from,
        to,
        tables,
        bounds,
        until: begun + bounds.budget.time,
        bytes: 0,
        here: here(to).await?,
        extents: BTreeMap::new(),
    };
    transfer.copy_each(wanted).await?;
    transfer.complete().await?;
    transfer.prune().await?;
    transfer.analyze().await?;
    Ok(Copied {
        bytes: transfer.bytes,
        duration: begun.elapsed(),
        tables: transfer.answer(wanted),
        lacks_large_objects: has_large_objects(from).await?,
    })
}

/// Everybody may read who owns large objects; only a superuser may read what is in them.
async fn has_large_objects(from: &Client) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)";
    Ok(from.one_row(sql, &[]).await.doing(DOING)?.get(0))
}

/// The tables that the sandbox has.
async fn here(to: &Client) -> Result<BTreeSet<String>> {
    let sql = include_str!("../../../sql/rehearsal/row_tables.sql");
    let rows = to.rows(sql, &[]).await.doing(DOING)?;
    Ok(rows.iter().map(|row| row.get("name")).collect())
}

struct Transfer<'a> {
    from: &'a Client,
    to: &'a Client,
    tables: &'a Tables,
    bounds: Bounds,
    until: Instant,
    bytes: u64,
    /// The tables that the sandbox has.
    here: BTreeSet<String>,
    /// Of the tables with rows of their own.
    extents: BTreeMap<u32, Extent>,
}

/// How a stream of rows ended.
enum Ended {
    All {
        rows: u64,
    },
    /// Before its end; what had come stays.
    Early {
        rows: u64,
    },
    /// Nothing of it stays.
    Refused {
        message: String,
    },
}

impl Transfer<'_> {
    /// Copies the tables, whole as far as the budget goes, the smallest first.
    async fn copy_each(&mut self, wanted: &BTreeSet<u32>) -> Result<()> {
        let of_rows =
            |oid: &u32| matches!(self.tables.by_oid[oid].kind, Kind::Table | Kind::Foreign);
        let mut sizes: Vec<(u64, u32)> = Vec::new();
        let exact = self.sizes(wanted).await?;
        for oid in wanted.iter().filter(|oid| of_rows(oid)) {
            let table = &self.tables.by_oid[oid];
            match &table.gap {
                Some(gap) => drop(self.extents.insert(*oid, Extent::Nothing { gap: gap.clone() })),
                None => sizes.push((exact.get(oid).copied().unwrap_or(table.about_bytes), *oid)),
            }
        }
        sizes.sort_unstable();
        let mut left = self.bounds.budget.bytes;
        for (size, oid) in sizes {
            let table = &self.tables.by_oid[&oid];
            let extent = if self.here.contains(&table.name) {
                let fits = size <= left;
                left = if fits { left - size } else { left };
                self.copy_one(table, size, fits).await?
            } else {
                Extent::Nothing { gap: Gap::LeftOut }
            };
            self.extents.insert(oid, extent);
        }
        Ok(())
    }

    async fn copy_one(&mut self, table: &Table, size: u64, fits: bool) -> Result<Extent> {
        let budget = self.bounds.budget;
        let most = match (fits, self.bounds.most) {
            (true, most) => most,
            (false, _) => Some(SAMPLE),
        };
        let columns = table.columns.as_deref().unwrap_or_default();
        // One more than asked for tells whether there are more.
        let limit = most.map_or(String::new(), |most| format!(" LIMIT {most}"));
        let query = format!("SELECT {columns} FROM ONLY {}{limit}", table.name);
        let ended = self.carry(&query, table).await?;
        Ok(match (ended, most) {
            (Ended::All { rows }, Some(most)) if rows >= most => match fits {
                true => Extent::Part { rows, gap: Gap::Count { most } },
                false => Extent::Part { rows, gap: Gap::Bytes { size, budget: budget.bytes } },
            },
            (Ended::All { rows }, _) => Extent::Whole { rows },
            (Ended::Early { rows: 0 }, _) => {
                Extent::Nothing { gap: Gap::Time { budget: budget.time } }
            }
            (Ended::Early { rows }, _) => {
                Extent::Part { rows, gap: Gap::Time { budget: budget.time } }
            }
            (Ended::Refused { message }, _) => Extent::Nothing { gap: Gap::Refused { message } },
        })
    }

    /// Streams what a query of the live database returns into a table of the sandbox. Its locks in the live database
    /// end with it.
    async fn carry(&mut self, query: &str, table: &Table) -> Result<Ended> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(1) {
            return Ok(Ended::Early { rows: 0 });
        }
        let begin = format!("SAVEPOINT rows; SET LOCAL statement_timeout = {}", left.as_millis());
        self.from.batch_execute(&begin).await.doing(DOING)?;
        let carried = self.stream(query, table).await;
        self.from.batch_execute("ROLLBACK TO SAVEPOINT rows").await.doing(DOING)?;
        match carried {
            Ok(ended) => Ok(ended),
            Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {
                Ok(Ended::Early { rows: 0 })
            }
            Err(error) => match error.as_db_error() {
                Some(db) => Ok(Ended::Refused { message: db.message().to_owned() }),
                None => Err(crate::error::Error::database(DOING, error)),
            },
        }
    }

    async fn stream(
        &mut self,
        query: &str,
        table: &Table,
    ) -> std::result::Result<Ended, tokio_postgres::Error> {
        let columns = table.columns.as_ref().map_or(String::new(), |some| format!(" ({some})"));
        // As text: some types have no other form, and what names an object has to mean the one here.
        let rows = self.from.copy_out(&format!("COPY ({query}) TO STDOUT")).await?;
        let sink = self.to.copy_in(&format!("COPY {}{columns} FROM STDIN", table.name)).await?;
        pin_mut!(rows, sink);
        let mut early = false;
        while let Some(row) = rows.next().await {
            match row {
                Ok(row) => {
                    self.bytes += row.len() as u64;
                    sink.feed(row).await?;
                }
                // What came are whole rows.
                Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {
                    early = true;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let rows = sink.finish().await?;
        Ok(if early { Ended::Early { rows } } else { Ended::All { rows } })
    }

    /// Fetches the rows that copied ones refer to, for as long as there are any and the budget lasts.
    async fn complete(&mut self) -> Result<()> {
        let mut progress = true;
        while progress {
            progress = false;
            for reference in self.open_references() {
                while Instant::now() < self.until && self.bytes < self.bounds.budget.bytes {
                    let fetched = self.fetch_parents(&reference).await?;
                    progress |= fetched > 0;
                    if fetched == 0 {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// The foreign keys that may not hold: of tables with rows to such without all of theirs.
    fn open_references(&self) -> Vec<Reference> {
        let some = |oid: u32, is: &dyn Fn(&Extent) -> bool| {
            self.tables.below(oid).iter().filter_map(|one| self.extents.get(one)).any(is)
        };
        // A table that is not here refers to nothing, and nothing here refers to it.
        let is_here = |oid: u32| self.here.contains(&self.tables.by_oid[&oid].name);
        let references = self.tables.references.iter();
        references
            .filter(|one| is_here(one.child) && is_here(one.parent))
            .filter(|one| some(one.child, &|extent| extent.rows() > 0))
            .filter(|one| {
                // A parent that was not wanted is one that nothing was copied of.
                let below = self.tables.below(one.parent);
                let known = below.iter().filter_map(|oid| self.extents.get(oid));
                known.clone().count() == 0
                    || some(one.parent, &|extent| !matches!(extent, Extent::Whole { .. }))
            })
            .cloned()
            .collect()
    }

    /// Fetches some of the parents that are missing; answers how many came.
    async fn fetch_parents(&mut self, reference: &Reference) -> Result<u64> {
        let parent = &self.tables.by_oid[&reference.parent];
        if parent.gap.is_some() {
            return Ok(0);
        }
        let arrays: Vec<String> = reference
            .types
            .iter()
            .enumerate()
            .map(|(at, name)| format!("array_agg(k{at}::{name})::text"))
            .collect();
        let keys = format!("SELECT {} FROM ({}) AS k", arrays.join(", "), self.missing(reference));
        let row = self.to.one_row(&keys, &[]).await.doing(DOING)?;
        let mut keys = Vec::new();
        for (at, name) in reference.types.iter().enumerate() {
            let Some(array) = row.get::<_, Option<String>>(at) else { return Ok(0) };
            keys.push(format!("{}::{name}[]", super::super::twin::literal(&array)));
        }
        let columns = reference.parent_columns.join(", ");
        let some = match &keys[..] {
            [one] => format!("{columns} = ANY ({one})"),
            several => format!("({columns}) IN (SELECT * FROM unnest({}))", several.join(", ")),
        };
        let names = parent.columns.as_deref().unwrap_or_default();
        let query = format!("SELECT {names} FROM {} WHERE {some}", parent.name);
        Ok(match self.carry(&query, parent).await? {
            Ended::All { rows } | Ended::Early { rows } => {
                self.note_parents(reference.parent, rows);
                rows
            }
            Ended::Refused { .. } => 0,
        })
    }

    fn note_parents(&mut self, parent: u32, fetched: u64) {
        let gap = Gap::Bytes {
            size: self.tables.by_oid[&parent].about_bytes,
            budget: self.bounds.budget.bytes,
        };
        let known = self.extents.remove(&parent);
        let rows = known.as_ref().map_or(0, Extent::rows) + fetched;
        let gap = match known {
            Some(Extent::Part { gap, .. } | Extent::Nothing { gap }) => gap,
            _ => gap,
        };
        let extent = if rows == 0 { Extent::Nothing { gap } } else { Extent::Part { rows, gap } };
        self.extents.insert(parent, extent);
    }

    /// The keys of a child that no parent in the sandbox bears.
    fn missing(&self, reference: &Reference) -> String {
        let keys = reference.child_columns.iter().enumerate();
        let keys: Vec<String> = keys.map(|(at, name)| format!("c.{name} AS k{at}")).collect();
        format!(
            "SELECT DISTINCT {} FROM {} AS c WHERE {} LIMIT {KEYS}",
            keys.join(", "),
            self.tables.by_oid[&reference.child].name,
            self.dangles(reference)
        )
    }

    /// Of a row `c` of a child: that it refers to one that is not there.
    fn dangles(&self, reference: &Reference) -> String {
        let pairs = || reference.child_columns.iter().zip(&reference.parent_columns);
        let set: Vec<String> = pairs().map(|(child, _)| format!("c.{child} IS NOT NULL")).collect();
        let same: Vec<String> =
            pairs().map(|(child, parent)| format!("p.{parent} = c.{child}")).collect();
        let parent = &self.tables.by_oid[&reference.parent].name;
        format!(
            "{} AND NOT EXISTS (SELECT FROM {parent} AS p WHERE {})",
            set.join(" AND "),
            same.join(" AND ")
        )
    }

    /// Deletes rows that refer to some that did not come, until none does.
    async fn prune(&mut self) -> Result<()> {
        loop {
            let mut pruned = 0;
            for reference in self.open_references() {
                let child = &self.tables.by_oid[&reference.child].name;
                let sql = format!("DELETE FROM {child} AS c WHERE {}", self.dangles(&reference));
                let gone = self.to.execute_typed(&sql, &[]).await.doing(DOING)?;
                pruned += gone;
                if gone > 0 {
                    self.note_pruned(&reference).await?;
                }
            }
            if pruned == 0 {
                return Ok(());
            }
        }
    }

    async fn note_pruned(&mut self, reference: &Reference) -> Result<()> {
        let parent = self.tables.by_oid[&reference.parent].name.clone();
        for oid in self.tables.below(reference.child) {
            let Some(extent) = self.extents.get_mut(&oid) else { continue };
            let sql = format!("SELECT count(*) FROM ONLY {}", self.tables.by_oid[&oid].name);
            let rows: i64 = self.to.one_row(&sql, &[]).await.doing(DOING)?.get(0);
            let rows = rows.unsigned_abs();
            if rows < extent.rows() {
                let gap = Gap::Parent { table: parent.clone() };
                *extent = match rows {
                    0 => Extent::Nothing { gap },
                    _ => Extent::Part { rows, gap },
                };
            }
        }
        Ok(())
    }

    /// The sizes of tables, as far as nobody has locked them away.
    async fn sizes(&self, wanted: &BTreeSet<u32>) -> Result<BTreeMap<u32, u64>> {
        let oids: Vec<u32> = wanted.iter().copied().collect();
        self.from.batch_execute("SAVEPOINT sizes").await.doing(DOING)?;
        let sql = include_str!("../../../sql/rehearsal/row_sizes.sql");
        let rows = self.from.rows(sql, &[&oids]).await;
        self.from.batch_execute("ROLLBACK TO SAVEPOINT sizes").await.doing(DOING)?;
        let size = |row: &tokio_postgres::Row| (row.get(0), row.get::<_, i64>(1).unsigned_abs());
        Ok(rows.map(|rows| rows.iter().map(size).collect()).unwrap_or_default())
    }

    /// What the planner needs to know of the rows.
    async fn analyze(&self) -> Result<()> {
        let filled = self.extents.iter().filter(|(_, extent)| extent.rows() > 0);
        let names: Vec<&str> =
            filled.map(|(oid, _)| self.tables.by_oid[oid].name.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        self.to.batch_execute(&format!("ANALYZE {}", names.join(", "))).await.doing(DOING)
    }

    /// The extents by name; of what shows others' rows, what those are together.
    fn answer(&self, wanted: &BTreeSet<u32>) -> BTreeMap<String, Extent> {
        let oids = wanted.iter().chain(self.extents.keys());
        oids.map(|oid| {
            let below = self.tables.below(*oid);
            let extents = below.iter().filter_map(|one| self.extents.get(one));
            let extent = extents.fold(Extent::Whole { rows: 0 }, Extent::and);
            (self.tables.by_oid[oid].name.clone(), extent)
        })
        .collect()
    }
}
