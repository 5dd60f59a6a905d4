//! Browsing: births and permits a page at a time, and how many were born lately. Nothing scans a registry: each query walks an
//! index from where the page before ended, and looks at no more rows than it is allowed to.

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::{Client, Row};

use crate::error::{Doing, Result};
use crate::permit::Permit;
use crate::unprepared::Unprepared;

/// How many rows one page may look at to find those that it shows.
const LOOKED: i64 = 10_000;
/// The same of births in the order of their codes, each in another place of the table.
const LOOKED_BY_CODE: i64 = 2_000;
/// How many births are counted by the minute: a page of so many, and so many pages.
const RATE_PAGE: i64 = 2_000;
const RATE_PAGES: usize = 20;

/// A birth. Times are ISO 8601 with the session's offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Birth {
    /// Its number.
    pub id: i64,
    /// The collection; a legacy birth may have none.
    pub collection_name: Option<String>,
    /// The entity.
    pub entity_code: String,
    /// `born`, `finalized` or `retired`.
    pub status: String,
    /// `permit`, `legacy`, `backfill` or `decision`.
    pub origin: Option<String>,
    /// The permit that made it.
    pub permit_id: Option<i64>,
    /// The permit that ended it.
    pub retire_permit_id: Option<i64>,
    /// When it was born.
    pub born_at: Option<String>,
    /// When it was finalised.
    pub finalized_at: Option<String>,
    /// When it was retired.
    pub retired_at: Option<String>,
    /// The entity that it became, in the same collection, where it was retired by a rename.
    pub renamed_to: Option<String>,
}

/// A page of what was looked for.
#[derive(Clone, Debug)]
pub struct Page<T, C> {
    /// What was found.
    pub found: Vec<T>,
    /// Where the next page begins; `None`: there is no more.
    pub next: Option<C>,
    /// How many rows were looked at.
    pub looked: i64,
}

/// How many were born in each of the last 60 minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// The minute that is going on first.
    pub minutes: Vec<i64>,
    /// How many of the minutes were counted to their end: of a busy registry only the newest births are.
    pub counted: usize,
}

/// A collection, as every role of Birthgate sees it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Collection {
    /// Its name in the registry.
    pub collection_name: String,
    /// Its table, quoted as SQL writes it.
    pub table: String,
    /// The columns that make the entity code.
    pub code_columns: Vec<String>,
    /// listed, observe, enforce or disarmed.
    pub mode: String,
    /// Whether births are finalised at the commit: required or off.
    pub finalize: String,
    /// Whether its orphans are critical.
    pub critical: bool,
    /// The pattern that its codes must match; `None`: any will do.
    pub rule: Option<String>,
}

/// An owner's stop.
#[derive(Clone, Debug, Serialize)]
pub struct Stop {
    /// The collection in which no permit is reserved.
    pub collection_name: String,
    /// Why.
    pub reason: String,
    /// By whom.
    pub stopped_by: String,
    /// Since when (ISO 8601).
    pub since: String,
}

/// Makes a session of this name one that can only read, waits for nobody for long, and tells times in UTC.
pub async fn read_only(client: &Client, name: &str) -> Result<()> {
    client
        .batch_execute(&include_str!("../sql/browse/session.sql").replace("{name}", name))
        .await
        .doing("making the session read-only")
}

/// The server's clock (ISO 8601).
pub async fn now(client: &Client) -> Result<String> {
    let row = client.one_row(include_str!("../sql/browse/now.sql"), &[]).await;
    Ok(row.doing("asking for the time")?.get("now"))
}

/// About how many births there are; `None` where the planner does not know.
pub async fn estimate(client: &Client) -> Result<Option<f64>> {
    let row = client.optional_row(include_str!("../sql/browse/estimate.sql"), &[]).await;
    let row = row.doing("asking about how many births there are")?;
    Ok(row.map(|row| row.get(0)).filter(|births| *births >= 0.0))
}

/// The births below an id, of one collection or of all, the newest first.
pub async fn births(
    client: &Client,
    collection: Option<&str>,
    before: Option<i64>,
    most: i64,
) -> Result<Page<Birth, i64>> {
    // One more than is shown says whether there is a next page.
    let looked = if collection.is_some() { LOOKED.max(most + 1) } else { most + 1 };
    let rows = client
        .rows(
            include_str!("../sql/browse/births.sql"),
            &[&before.unwrap_or(i64::MAX), &collection, &looked, &(most + 1)],
        )
        .await
        .doing("reading births")?;
    Ok(page(&rows, "id", most, looked, birth, |one| one.id, |row| row.get("lowest")))
}

/// The births of an entity code, in one collection or in all.
pub async fn births_of(
    client: &Client,
    entity_code: &str,
    collection: Option<&str>,
) -> Result<Vec<Birth>> {
    let rows = client
        .rows(include_str!("../sql/browse/births_of.sql"), &[&entity_code, &collection, &1_000_i64])
        .await
        .doing("looking for an entity's births")?;
    Ok(rows.iter().map(birth).collect())
}

/// The births whose code begins with a text, in the order of the codes, after a code and its collection.
pub async fn births_from(
    client: &Client,
    prefix: &str,
    collection: Option<&str>,
    after: Option<&(String, String)>,
    most: i64,
) -> Result<Page<Birth, (String, String)>> {
    let (code, its) = after.map_or((prefix, ""), |(code, its)| (code.as_str(), its.as_str()));
    let rows = client
        .rows(
            include_str!("../sql/browse/births_from.sql"),
            &[&prefix, &code, &its, &collection, &LOOKED_BY_CODE, &(most + 1)],
        )
        .await
        .doing("looking for births by their codes")?;
    let cursor =
        |one: &Birth| (one.entity_code.clone(), one.collection_name.clone().unwrap_or_default());
    let last = |row: &Row| {
        let collection: Option<String> = row.get("last_collection");
        Some((row.get::<_, Option<String>>("last_code")?, collection.unwrap_or_default()))
    };
    Ok(page(&rows, "id", most, LOOKED_BY_CODE, birth, cursor, last))
}

/// The births that a permit made or ended.
pub async fn births_of_permit(client: &Client, permit: i64) -> Result<Vec<Birth>> {
    let rows = client.rows(include_str!("../sql/browse/births_of_permit.sql"), &[&permit]).await;
    Ok(rows.doing("looking for a permit's births")?.iter().map(birth).collect())
}

/// How many were born in each of the last 60 minutes, as far back as the newest births tell.
pub async fn births_by_minute(client: &Client) -> Result<Rate> {
    let mut rate = Rate { minutes: vec![0; 60], counted: 60 };
    let mut before = i64::MAX;
    let mut reached = 0;
    for _ in 0..RATE_PAGES {
        let rows = client
            .rows(include_str!("../sql/browse/births_by_minute.sql"), &[&before, &RATE_PAGE])
            .await
            .doing("counting the newest births")?;
        let Some(first) = rows.first() else { return Ok(rate) };
        for row in &rows {
            if let (Some(minute), Some(births)) =
                (row.get::<_, Option<i64>>("minute"), row.get::<_, Option<i64>>("births"))
                && let Some(sum) =
                    usize::try_from(minute).ok().and_then(|m| rate.minutes.get_mut(m))
            {
                *sum += births;
            }
        }
        reached = usize::try_from(first.get::<_, i64>("newest_minute")).unwrap_or_default();
        if first.get("is_older") || first.get::<_, i64>("looked") < RATE_PAGE {
            return Ok(rate);
        }
        before = first.get::<_, Option<i64>>("lowest").unwrap_or(i64::MIN);
    }
    rate.counted = reached.min(60);
    Ok(rate)
}

/// Which permits to look for.
#[derive(Clone, Debug, Default)]
pub struct PermitSearch {
    /// Only of this collection.
    pub collection: Option<String>,
    /// Only in this state.
    pub state: Option<String>,
    /// Only of this entity.
    pub entity_code: Option<String>,
}

/// The permits below a number, the newest first; of an entity first those that an index finds.
pub async fn permits(
    client: &Client,
    search: &PermitSearch,
    before: Option<i64>,
    most: i64,
) -> Result<Page<Permit, i64>> {
    const DOING: &str = "looking for permits";
    let rows = client
        .rows(
            include_str!("../sql/browse/permits.sql"),
            &[
                &before.unwrap_or(i64::MAX),
                &search.collection,
                &search.state,
                &search.entity_code,
                &LOOKED,
                &(most + 1),
            ],
        )
        .await
        .doing(DOING)?;
    let mut page =
        page(&rows, "id", most, LOOKED, Permit::of, |one| one.id, |row| row.get("lowest"));
    if let (None, Some(code)) = (before, &search.entity_code) {
        let found = client
            .rows(
                include_str!("../sql/browse/permits_of.sql"),
                &[code, &search.collection, &search.state],
            )
            .await
            .doing(DOING)?;
        let known: Vec<i64> = page.found.iter().map(|one| one.id).collect();
        page.found.extend(found.iter().map(Permit::of).filter(|one| !known.contains(&one.id)));
    }
    Ok(page)
}

/// Every collection, by name.
pub async fn collections(client: &Client) -> Result<Vec<Collection>> {
    let rows = client.rows(include_str!("../sql/browse/collections.sql"), &[]).await;
    let collection = |row: &Row| Collection {
        collection_name: row.get("collection_name"),
        table: row.get("table"),
        code_columns: row.get("code_columns"),
        mode: row.get("mode"),
        finalize: row.get("finalize"),
        critical: row.get("critical"),
        rule: row.get("rule"),
    };
    Ok(rows.doing("listing collections")?.iter().map(collection).collect())
}

/// The owners' stops.
pub async fn stops(client: &Client) -> Result<Vec<Stop>> {
    let rows = client.rows(include_str!("../sql/browse/stops.sql"), &[]).await;
    let stop = |row: &Row| Stop {
        collection_name: row.get("collection_name"),
        reason: row.get("reason"),
        stopped_by: row.get("stopped_by"),
        since: row.get("since"),
    };
    Ok(rows.doing("reading the owners' stops")?.iter().map(stop).collect())
}

/// A page out of rows that each say how many were looked at; the only row of an empty page has no `key`.
fn page<T, C>(
    rows: &[Row],
    key: &str,
    most: i64,
    allowed: i64,
    one: fn(&Row) -> T,
    cursor: impl Fn(&T) -> C,
    last: impl Fn(&Row) -> Option<C>,
) -> Page<T, C> {
    let looked: i64 = rows.first().map_or(0, |row| row.get("looked"));
    let is_found = |row: &&Row| row.get::<_, Option<i64>>(key).is_some();
    let mut found: Vec<T> = rows.iter().filter(is_found).map(one).collect();
    let most = usize::try_from(most).unwrap_or_default();
    let next = if found.len() > most {
        found.truncate(most);
        found.last().map(cursor)
    } else if looked >= allowed {
        rows.first().and_then(last)
    } else {
        None
    };
    Page { found, next, looked }
}

fn birth(row: &Row) -> Birth {
    Birth {
        id: row.get("id"),
        collection_name: row.get("collection_name"),
        entity_code: row.get("entity_code"),
        status: row.get("status"),
        origin: row.get("origin"),
        permit_id: row.get("permit_id"),
        retire_permit_id: row.get("retire_permit_id"),
        born_at: row.get("born_at"),
        finalized_at: row.get("finalized_at"),
        retired_at: row.get("retired_at"),
        renamed_to: row.get("renamed_to"),
    }
}
