//! What the handoff asks of the database.

use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::{Client, Row, Statement};

use super::cursor::{Cursor, Mark};
use super::event::{Envelope, Event, Happened};
use super::fence::{Observation, Settled};
use super::tail::{STALLED, Stalled};
use crate::error::{Doing, Error, Result};
use crate::unprepared::Unprepared;
use crate::{evidence_log, schema};

const BIRTHS: &str = include_str!("../../sql/handoff/births.sql");
const CHANGES: &str = include_str!("../../sql/handoff/changes.sql");

/// Fails unless both tables can be tailed: their ids are given by a sequence, one after the other, and found by an index.
pub async fn ready(client: &Client) -> Result<()> {
    let rows = client.rows(include_str!("../../sql/handoff/ready.sql"), &[]).await;
    for row in rows.doing("looking at the registry's ids")? {
        let table: String = row.get("table");
        let sequence: Option<String> = row.get("sequence");
        let sequence = sequence.unwrap_or_else(|| "no sequence that is known".to_owned());
        let problem = if !row.get::<_, bool>("is_integer") {
            format!("{table}.id is no integer")
        } else if !row.get::<_, bool>("is_indexed") {
            format!("{table} has no index on id; first: CREATE INDEX CONCURRENTLY ON {table} (id)")
        } else if !row.get::<_, bool>("is_in_order") {
            format!(
                "{table}.id comes from {sequence}, which gives ids out of order; first: ALTER SEQUENCE … CACHE 1 NO CYCLE"
            )
        } else {
            continue;
        };
        return Err(Error::Stale(format!("births cannot be handed off: {problem}")));
    }
    Ok(())
}

/// What events call the database, where nobody says otherwise.
pub async fn source(client: &Client) -> Result<String> {
    schema::require_installed(client).await?;
    Ok(format!("//birthgate/{}", evidence_log::identity(client).await?.database))
}

/// Which server a connection is to, by when it began.
pub(crate) async fn server(client: &Client) -> Result<SystemTime> {
    let row = client.one_row(include_str!("../../sql/handoff/server.sql"), &[]).await;
    Ok(row.doing("asking which server this is")?.get(0))
}

/// Puts the log on disk as far as it is written.
pub(crate) async fn flush(client: &Client) -> Result<()> {
    const DOING: &str = "putting the log on disk";
    client.batch_execute("SET synchronous_commit = local").await.doing(DOING)?;
    client.rows(include_str!("../../sql/handoff/flush.sql"), &[]).await.doing(DOING).map(drop)
}

/// Looks at both tables, again and again: prepared, since it looks often.
pub(crate) struct Looks {
    observe: Statement,
    written: Statement,
}

const LOOKING: &str = "looking for new births";

impl Looks {
    /// Prepares them, on a connection of one's own.
    pub async fn prepare(client: &Client) -> Result<Looks> {
        let observe = client.prepare(include_str!("../../sql/handoff/observe.sql")).await;
        let written = client.prepare(include_str!("../../sql/handoff/written.sql")).await;
        Ok(Looks { observe: observe.doing(LOOKING)?, written: written.doing(LOOKING)? })
    }

    /// Looks once. Fails on a standby, where the locks of the primary cannot be seen.
    pub async fn observe(&self, client: &Client) -> Result<Observation> {
        let observe = client.query_one(&self.observe, &[]);
        let written = client.query_one(&self.written, &[]);
        // Sent together, and answered one after the other, in this order.
        let (seen, written) = futures_util::future::join(observe, written).await;
        observation(&seen.doing(LOOKING)?, &written.doing(LOOKING)?)
    }

    /// How far the log is on disk.
    pub async fn flushed(&self, client: &Client) -> Result<i64> {
        let written = client.query_one(&self.written, &[]).await;
        Ok(written.doing(LOOKING)?.get("flushed"))
    }
}

fn observation(seen: &Row, written: &Row) -> Result<Observation> {
    if seen.get("in_recovery") {
        return Err(Error::Stale(
            "this server is a standby: births are handed off from the primary".to_owned(),
        ));
    }
    let set = |column| seen.get::<_, Vec<String>>(column).into_iter().collect();
    Ok(Observation {
        births: seen.get("births"),
        changes: seen.get("changes"),
        births_holders: set("births_holders"),
        changes_holders: set("changes_holders"),
        inserted: written.get("inserted"),
        flushed: written.get("flushed"),
    })
}

/// Reads what is to be handed off, a page at a time.
pub(crate) struct Pages {
    births: Statement,
    changes: Statement,
}

impl Pages {
    /// Prepares them, on a connection of one's own.
    pub async fn prepare(client: &Client) -> Result<Pages> {
        const DOING: &str = "preparing to read births";
        Ok(Pages {
            births: client.prepare(BIRTHS).await.doing(DOING)?,
            changes: client.prepare(CHANGES).await.doing(DOING)?,
        })
    }

    /// The next events between what is done and what is settled, births first, then changes; and what is done with them.
    pub async fn next(
        &self,
        client: &Client,
        cursor: &Cursor,
        done: Settled,
        settled: Settled,
        most: i64,
        envelope: &Envelope,
    ) -> Result<(Vec<Event>, Settled)> {
        if done == settled {
            return Ok((Vec::new(), done));
        }
        let is_birth = done.births < settled.births;
        let rows = match is_birth {
            true => client.query(&self.births, &[&done.births, &settled.births, &most]).await,
            false => client.query(&self.changes, &[&done.changes, &settled.changes, &most]).await,
        };
        let rows = rows.doing("reading what is to be handed off")?;
        let mut events: Vec<Event> = Vec::with_capacity(rows.len());
        for row in &rows {
            let happened = if is_birth { Happened::birth(row) } else { Happened::change(row) };
            let before = events.last().map_or(cursor, |event| &event.cursor);
            events.push(happened.event(before, envelope)?);
        }
        let last = rows.last().filter(|_| rows.len() as i64 == most).map(|row| row.get("id"));
        Ok(match is_birth {
            true => (events, Settled { births: last.unwrap_or(settled.births), ..done }),
            false => (events, Settled { changes: last.unwrap_or(settled.changes), ..done }),
        })
    }
}

/// The mark of a row, where it is there.
async fn mark(client: &Client, sql: &str, id: Option<i64>) -> Result<Option<Mark>> {
    let Some(id) = id else { return Ok(None) };
    let rows = client.rows(sql, &[&(id.saturating_sub(1)), &id, &1_i64]).await;
    let rows = rows.doing("looking at a row that was handed off")?;
    Ok(rows.first().map(|row| match sql == BIRTHS {
        true => Happened::birth(row).mark(),
        false => Happened::change(row).mark(),
    }))
}

/// The cursor of a sink that has these as its last.
async fn cursor_at(client: &Client, birth: Option<i64>, change: Option<i64>) -> Result<Cursor> {
    Ok(Cursor {
        birth: mark(client, BIRTHS, birth).await?,
        change: mark(client, CHANGES, change).await?,
    })
}

/// The cursor of a sink that has all that is settled.
pub(crate) async fn cursor_of(client: &Client, settled: Settled) -> Result<Cursor> {
    let known = |id: i64| (id != i64::MIN).then_some(id);
    cursor_at(client, known(settled.births), known(settled.changes)).await
}

/// The cursor of a sink that has everything before a time.
pub(crate) async fn before(client: &Client, time: SystemTime) -> Result<Cursor> {
    let row = client.one_row(include_str!("../../sql/handoff/before.sql"), &[&time]).await;
    let row = row.doing("looking for what happened since")?;
    cursor_at(client, row.get("birth"), row.get("change")).await
}

/// The cursor of a sink that has everything before an event.
pub(crate) async fn before_event(client: &Client, id: &str) -> Result<Cursor> {
    let unknown = |why: &str| Error::BadInput(format!("{id:?} {why}"));
    let (sql, mark_text) = match id.split_once('-') {
        Some(("birth", mark)) => (BIRTHS, mark),
        Some(("change", mark)) => (CHANGES, mark),
        _ => return Err(unknown("is no id of an event: birth-N-hash or change-N-hash")),
    };
    let named: Mark = mark_text.parse().map_err(|()| unknown("is no id of an event"))?;
    let rows = client.rows(sql, &[&(named.id.saturating_sub(1)), &named.id, &1_i64]).await;
    let rows = rows.doing("looking for the event")?;
    let Some(row) = rows.first() else { return Err(unknown("is not in this database")) };
    let is_birth = sql == BIRTHS;
    let happened = if is_birth { Happened::birth(row) } else { Happened::change(row) };
    if happened.mark() != named {
        return Err(unknown(
            "is another event in this database: it was restored, or is another one",
        ));
    }
    // Of the other table, what came at the same time or later; all of it, where this one has no time.
    let other = match row.get::<_, Option<SystemTime>>("at") {
        Some(at) => before(client, at).await?,
        None => Cursor::default(),
    };
    let sql = include_str!("../../sql/handoff/previous.sql");
    let row = client.one_row(sql, &[&named.id, &named.id]).await.doing("looking for the event")?;
    Ok(match is_birth {
        true => Cursor { birth: mark(client, BIRTHS, row.get("birth")).await?, ..other },
        false => Cursor { change: mark(client, CHANGES, row.get("change")).await?, ..other },
    })
}

/// Fails unless what the cursor says was delivered is in this database, as it was delivered.
pub async fn check(client: &Client, cursor: &Cursor) -> Result<()> {
    for (what, sql, known) in
        [("birth", BIRTHS, &cursor.birth), ("change", CHANGES, &cursor.change)]
    {
        let Some(known) = known else { continue };
        if mark(client, sql, Some(known.id)).await?.as_ref() != Some(known) {
            return Err(Error::Stale(format!(
                "it was given {what}-{known}, and this database has no such {what}: it was restored to an earlier time, is another database, or lost what it had committed. Say from where on the sink is to be given everything again: birthgate handoff replay SINK --from TIME"
            )));
        }
    }
    Ok(())
}

/// How much a sink still has to be given.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Behind {
    /// Events.
    pub events: i64,
    /// How long ago the oldest of them happened, in seconds.
    pub seconds: Option<f64>,
}

/// How much there is after a cursor, committed or not yet settled.
pub async fn behind(client: &Client, cursor: &Cursor) -> Result<Behind> {
    let sql = include_str!("../../sql/handoff/behind.sql");
    let row = client.one_row(sql, &[&cursor.births(), &cursor.changes()]).await;
    let row = row.doing("counting what is still to be handed off")?;
    let oldest: Option<SystemTime> = row.get("oldest");
    let age = oldest.map(|at| at.elapsed().unwrap_or(Duration::ZERO).as_secs_f64());
    Ok(Behind { events: row.get::<_, i64>("births") + row.get::<_, i64>("changes"), seconds: age })
}

/// A transaction that the fence waits for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Holder {
    /// Its virtual transaction id.
    pub transaction: String,
    /// Its backend; null where it is prepared.
    pub pid: Option<i32>,
    /// The name that it was prepared under.
    pub prepared: Option<String>,
    /// Its login; null where it is prepared, or this role may not see it.
    pub login: Option<String>,
    /// What its session calls itself.
    pub application: Option<String>,
    /// `active`, `idle in transaction` …
    pub state: Option<String>,
    /// When the transaction began (RFC 3339, UTC).
    pub since: Option<String>,
    /// When its last statement began (RFC 3339, UTC).
    pub query_start: Option<String>,
    /// The first 200 characters of that statement.
    pub query: Option<String>,
}

/// Who these virtual transactions are, and since when they run where this role may see that; of those that are gone, nothing.
pub(crate) async fn holders(
    client: &Client,
    transactions: &[String],
) -> Result<Vec<(Holder, Option<SystemTime>)>> {
    let sql = include_str!("../../sql/handoff/holders.sql");
    let rows = client.rows(sql, &[&transactions]).await.doing("asking whom the fence waits for")?;
    let time =
        |at: Option<SystemTime>| at.map(|at| humantime::format_rfc3339_micros(at).to_string());
    Ok(rows
        .iter()
        .map(|row| {
            let holder = Holder {
                transaction: row.get("virtualtransaction"),
                pid: row.get("pid"),
                prepared: row.get("gid"),
                login: row.get("login"),
                application: row.get("application_name"),
                state: row.get("state"),
                since: time(row.get("since")),
                query_start: time(row.get("query_start")),
                query: row.get("query"),
            };
            (holder, row.get("since"))
        })
        .collect())
}

/// Who holds the fence now, in transactions that are older than a second; for how long, that is the age of the oldest.
pub async fn stalled(client: &Client) -> Result<Option<Stalled>> {
    let seen = Looks::prepare(client).await?.observe(client).await?;
    let all: Vec<String> = seen.births_holders.union(&seen.changes_holders).cloned().collect();
    let row = client.one_row(include_str!("../../sql/query/now.sql"), &[]).await;
    let now: SystemTime = row.doing("asking for the time")?.get(0);
    let mut found = Stalled { seconds: 0.0, holders: Vec::new() };
    for (holder, since) in holders(client, &all).await? {
        let age = since.and_then(|since| now.duration_since(since).ok()).unwrap_or_default();
        if since.is_none() || age >= STALLED {
            found.seconds = found.seconds.max(age.as_secs_f64());
            found.holders.push(holder);
        }
    }
    Ok((!found.holders.is_empty()).then_some(found))
}
