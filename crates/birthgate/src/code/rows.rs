//! Which versions of the catalogs' rows are seen, who wrote them, and which functions were called.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::DOING;
use crate::error::{Doing, Result};
use crate::unprepared::Unprepared;

/// A row of a catalog; one without an oid of its own has the oid of what it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    pub class: u32,
    pub oid: u32,
}

/// The oids of these catalogs, which are the same everywhere.
const PG_PROC: u32 = 1255;
const PG_INHERITS: u32 = 2611;

impl Address {
    pub fn of_function(oid: u32) -> Address {
        Address { class: PG_PROC, oid }
    }

    /// Whether it says that a table is a child of another.
    pub fn is_of_a_child(self) -> bool {
        self.class == PG_INHERITS
    }
}

/// The version of every row that is code, or binds some.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    versions: BTreeMap<Address, i64>,
    /// Every transaction before this one is over.
    pub horizon: u64,
    /// The next transaction that there will be.
    next: u64,
}

impl Rows {
    /// Reads them. The client's names are pinned.
    pub(super) async fn read(client: &Client) -> Result<Rows> {
        let sql = "SELECT pg_snapshot_xmin(s)::text AS oldest, pg_snapshot_xmax(s)::text AS next FROM pg_current_snapshot() AS s";
        let row = client.one_row(sql, &[]).await.doing(DOING)?;
        let number = |name: &str| row.get::<_, &str>(name).parse::<u64>().unwrap_or_default();
        let mut rows = Rows { horizon: number("oldest"), next: number("next"), ..Rows::default() };
        let sql = include_str!("../../sql/code/rows.sql");
        for row in client.rows(sql, &[]).await.doing(DOING)? {
            let class = row.get("class");
            let (oids, versions): (Vec<u32>, Vec<i64>) = (row.get("oids"), row.get("versions"));
            let addresses = oids.into_iter().map(|oid| Address { class, oid });
            rows.versions.extend(addresses.zip(versions));
        }
        Ok(rows)
    }

    /// Looks, in the transaction that is open or in one of its own.
    pub async fn look(client: &Client, inside: bool) -> Result<Rows> {
        let pinned = pinned(client, inside).await?;
        let rows = Rows::read(client).await;
        pinned.end(client, rows).await
    }

    pub(super) fn oids(&self) -> impl Iterator<Item = u32> {
        self.versions.keys().map(|address| address.oid)
    }

    pub fn version(&self, address: Address) -> Option<i64> {
        self.versions.get(&address).copied()
    }

    /// Whether a row of that oid is of that version.
    pub(super) fn holds(&self, oid: u32, version: i64) -> bool {
        self.versions.iter().any(|(row, known)| row.oid == oid && *known == version)
    }

    /// The rows that are not the same in both.
    pub fn differing(&self, other: &Rows) -> BTreeSet<Address> {
        let all = self.versions.keys().chain(other.versions.keys());
        all.filter(|row| self.version(**row) != other.version(**row)).copied().collect()
    }

    /// Whether that version was written by a transaction before that horizon.
    pub(super) fn is_older(&self, version: i64, horizon: u64) -> bool {
        const ALL: u64 = 1 << 32;
        let Ok(version) = u64::try_from(version) else { return false };
        let full = self.next - self.next % ALL + version;
        // Of the round before: an xid is one of the last two thousand million.
        let full = if full > self.next + ALL / 2 { full.checked_sub(ALL) } else { Some(full) };
        full.is_none_or(|full| full < horizon)
    }
}

/// Which of these rows the transaction that is open has written itself. One that it has deleted is not among them.
pub(crate) async fn ours(
    client: &Client,
    rows: &Rows,
    of: &BTreeSet<Address>,
) -> Result<BTreeSet<Address>> {
    let versions: BTreeSet<i64> = of.iter().filter_map(|row| rows.version(*row)).collect();
    let versions: Vec<i64> = versions.into_iter().collect();
    let pinned = pinned(client, true).await?;
    let found = client.rows(include_str!("../../sql/code/in_progress.sql"), &[&versions]).await;
    let found = pinned.end(client, found.doing(DOING)).await?;
    let going_on: BTreeSet<i64> = found.iter().map(|row| row.get(0)).collect();
    let is_ours = |row: &&Address| rows.version(**row).is_some_and(|one| going_on.contains(&one));
    Ok(of.iter().filter(is_ours).copied().collect())
}

/// How often functions were called, by oid, each with its name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(BTreeMap<u32, (i64, String)>);

impl Counts {
    /// Of everything that the server has counted. Where it writes its counts down late, some are missing.
    pub async fn of_the_server(client: &Client) -> Result<Counts> {
        Counts::read(client, false, include_str!("../../sql/code/counted.sql")).await
    }

    /// Of what this session has called, as far as it is not written down yet: all of the transaction that is open.
    pub async fn of_the_session(client: &Client, inside: bool) -> Result<Counts> {
        Counts::read(client, inside, include_str!("../../sql/code/counted_here.sql")).await
    }

    async fn read(client: &Client, inside: bool, sql: &str) -> Result<Counts> {
        let pinned = pinned(client, inside).await?;
        let found = client.rows(sql, &[]).await.doing(DOING);
        let found = pinned.end(client, found).await?;
        let count = |row: &tokio_postgres::Row| {
            (
                row.get("oid"),
                (row.get::<_, Option<i64>>("calls").unwrap_or_default(), row.get("name")),
            )
        };
        Ok(Counts(found.iter().map(count).collect()))
    }

    /// What was called since those, by oid.
    pub fn since(self, before: &Counts) -> BTreeMap<u32, String> {
        let known = |oid: &u32| before.0.get(oid).map_or(0, |(count, _)| *count);
        let called = self.0.into_iter().filter(|(oid, (count, _))| *count > known(oid));
        called.map(|(oid, (_, name))| (oid, name)).collect()
    }
}

/// A transaction or savepoint in which names mean what they mean to us.
pub(super) struct Pinned {
    inside: bool,
    /// Where bare names are looked up outside of it.
    pub path: Vec<String>,
}

pub(super) async fn pinned(client: &Client, inside: bool) -> Result<Pinned> {
    let begin = match inside {
        true => "SAVEPOINT birthgate_code",
        false => "BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY",
    };
    client.batch_execute(begin).await.doing(DOING)?;
    let sql = "SELECT pg_catalog.current_schemas(false)::pg_catalog.text[]";
    let path = client.one_row(sql, &[]).await.doing(DOING)?.get(0);
    let pin = include_str!("../../sql/fingerprint/pin.sql");
    client.batch_execute(pin).await.doing(DOING)?;
    Ok(Pinned { inside, path })
}

impl Pinned {
    /// Ends it, also where what was done in it failed.
    pub async fn end<T>(&self, client: &Client, done: Result<T>) -> Result<T> {
        let end = match self.inside {
            true => "ROLLBACK TO SAVEPOINT birthgate_code; RELEASE SAVEPOINT birthgate_code",
            false => "ROLLBACK",
        };
        client.batch_execute(end).await.doing(DOING)?;
        done
    }
}
