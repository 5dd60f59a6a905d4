//! One of the sides that are compared: ours, the floor, the naive gate. Each has tables of its own
//! and numbers its births from 1.

use std::cell::Cell;
use std::time::{Duration, Instant};

use birthgate::Error;
use tokio_postgres::{Client, Statement};

use crate::births::Result;
use crate::server::run;

/// What a side runs.
pub struct Way {
    /// Its name.
    pub name: &'static str,
    /// Births from `{from}` to `{to}`, in one transaction.
    pub bulk: &'static str,
    /// How many rows, permits FINALIZED, births finalized and matching triples there are.
    pub count: &'static str,
}

/// Birthgate.
pub const OURS: Way = Way {
    name: "ours",
    bulk: include_str!("../sql/ours_bulk.sql"),
    count: include_str!("../sql/count_ours.sql"),
};
/// The same rows, plainly inserted.
pub const FLOOR: Way = Way {
    name: "floor",
    bulk: include_str!("../sql/floor_bulk.sql"),
    count: include_str!("../sql/count_floor.sql"),
};
/// The obvious gate, row by row.
pub const NAIVE: Way = Way {
    name: "naive",
    bulk: include_str!("../sql/naive_bulk.sql"),
    count: include_str!("../sql/count_naive.sql"),
};

/// A side at work in a database.
pub struct Side {
    way: Way,
    root: Client,
    app: Client,
    born: Cell<i64>,
}

impl Side {
    /// A side whose tables hold so many births.
    pub fn new(way: Way, root: Client, app: Client, born: i64) -> Side {
        Side { way, root, app, born: Cell::new(born) }
    }

    /// The number of births.
    pub fn born(&self) -> i64 {
        self.born.get()
    }

    /// Births in bulk; how long they took, with the commit.
    pub async fn bulk(&self, births: i64) -> Result<Duration> {
        let from = self.born.get() + 1;
        let to = self.born.get() + births;
        let sql = self.way.bulk.replace("{from}", &from.to_string());
        let sql = sql.replace("{to}", &to.to_string());
        let begun = Instant::now();
        run(&self.app, self.way.name, "BEGIN").await?;
        run(&self.app, self.way.name, &sql).await?;
        run(&self.app, self.way.name, "COMMIT").await?;
        let took = begun.elapsed();
        self.born.set(to);
        Ok(took)
    }

    /// One birth in a transaction of its own; how long it took.
    pub async fn single(&self, client: &Client, statement: &Statement) -> Result<Duration> {
        let number = self.born.get() + 1;
        self.born.set(number);
        let code = format!("B-{number:09}");
        let begun = Instant::now();
        client
            .execute(statement, &[&code])
            .await
            .map_err(|source| Error::database(self.way.name, source))?;
        Ok(begun.elapsed())
    }

    /// Brings the side to so many births, so that both begin the next run alike.
    pub async fn fill(&self, births: i64) -> Result<()> {
        let missing = births - self.born.get();
        if missing > 0 {
            self.bulk(missing).await?;
        }
        Ok(())
    }

    /// Fails unless every birth is finalised, with its row and its permit.
    pub async fn verify(&self) -> Result<()> {
        let counted = self
            .root
            .query_one(self.way.count, &[])
            .await
            .map_err(|source| Error::database("counting", source))?;
        for column in 0..4 {
            let found: i64 = counted.get(column);
            if found != self.born.get() {
                let problem = ["rows", "FINALIZED permits", "finalized births", "whole births"];
                return Err(format!(
                    "{}: {found} {}, not {}",
                    self.way.name,
                    problem[column],
                    self.born.get()
                )
                .into());
            }
        }
        Ok(())
    }
}
