//! Collections: governing a table, giving it back, its rule and its grants.

use serde::Serialize;
use tokio_postgres::Client;

use crate::database::{Database, attempts, is_transient, waits};
use crate::error::{Doing, Error, Result};
use crate::refusal::RefusalCode;
use crate::unprepared::Unprepared;

/// How long a statement of a plan waits for a lock, so that nobody queues behind it for longer.
const LOCK_TIMEOUT: &str = "200ms";
const ATTEMPTS: usize = 20;

/// What a collection's gate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Known, without a gate.
    Listed,
    /// A gate that refuses nothing and records what it would have refused.
    Observe,
    /// A gate that refuses.
    Enforce,
}

impl Mode {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Listed => "listed",
            Mode::Observe => "observe",
            Mode::Enforce => "enforce",
        }
    }
}

/// A request to govern a table.
#[derive(Clone, Debug)]
pub struct Govern {
    /// The collection's name in the registry.
    pub collection: String,
    /// The table, as SQL writes it (`public.dot_tools`).
    pub table: String,
    /// The columns that make the entity code.
    pub code_columns: Vec<String>,
    /// What the gate does.
    pub mode: Mode,
    /// `statement` or `row`; `None` chooses.
    pub form: Option<String>,
    /// Whether births are finalised at the commit boundary (`required`) or at once (`off`).
    pub finalize: String,
    /// Whether orphans of this collection count as critical.
    pub critical: bool,
    /// The rule of its codes: a POSIX regular expression.
    pub rule: Option<String>,
    /// Triggers of the table that the gate replaces; `ungovern` puts them back.
    pub replaces: Vec<String>,
    /// Whether a birth permit may leave the code to the database.
    pub open_permits: bool,
    /// The columns that a permit can be bound to.
    pub bound_columns: Vec<String>,
}

/// A collection as it stands.
#[derive(Clone, Debug, Serialize)]
pub struct Collection {
    /// Its name in the registry.
    pub collection_name: String,
    /// Its table, quoted as SQL writes it.
    pub table: String,
    /// The columns that make the entity code.
    pub code_columns: Vec<String>,
    /// listed, observe, enforce or disarmed.
    pub mode: String,
    /// statement or row; none while listed.
    pub form: Option<String>,
    /// required or off.
    pub finalize: String,
    /// Whether its orphans are critical.
    pub critical: bool,
    /// The rule of its codes.
    pub rule: Option<String>,
    /// `enforced`, or `detect-only` with who could weaken the gate.
    pub trust: String,
}

/// Every collection, by name.
pub async fn list(client: &Client) -> Result<Vec<Collection>> {
    let rows = client
        .rows(include_str!("../sql/query/collections.sql"), &[])
        .await
        .doing("listing collections")?;
    Ok(rows
        .iter()
        .map(|row| Collection {
            collection_name: row.get("collection_name"),
            table: row.get("table"),
            code_columns: row.get("code_columns"),
            mode: row.get("mode"),
            form: row.get("form"),
            finalize: row.get("finalize"),
            critical: row.get("critical"),
            rule: row.get("rule"),
            trust: row.get("trust"),
        })
        .collect())
}

/// Governs a table: its whole plan in one transaction, with short locks and retries.
pub async fn govern(client: &mut Client, govern: &Govern) -> Result<Collection> {
    let plan = client
        .rows(
            include_str!("../sql/query/govern_plan.sql"),
            &[
                &govern.collection,
                &govern.table,
                &govern.code_columns,
                &govern.mode.as_str(),
                &govern.form,
                &govern.finalize,
                &govern.critical,
                &govern.rule,
                &govern.replaces,
                &govern.open_permits,
                &govern.bound_columns,
            ],
        )
        .await
        .doing("planning to govern")?;
    let statements: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    run_with_short_locks(client, &statements, "governing").await?;
    find(client, &govern.collection).await
}

/// The collection of that name.
async fn find(client: &Client, collection: &str) -> Result<Collection> {
    let collections = list(client).await?;
    collections
        .into_iter()
        .find(|known| known.collection_name == collection)
        .ok_or_else(|| Error::BadRow(format!("the collection {collection} is gone again")))
}

/// Sets the gate of a collection again: after its table was renamed, moved or restored, or got new
/// partitions; in another mode, if one is given.
pub async fn rearm(
    client: &mut Client,
    collection: &str,
    table: Option<&str>,
    mode: Option<Mode>,
) -> Result<Collection> {
    let mode = mode.map(Mode::as_str);
    let plan = client
        .rows(include_str!("../sql/query/rearm_plan.sql"), &[&collection, &table, &mode])
        .await
        .doing("planning to rearm")?;
    let statements: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    run_with_short_locks(client, &statements, "rearming").await?;
    find(client, collection).await
}

/// Gives a table back as it was before it was governed, and forgets the collection.
pub async fn ungovern(client: &mut Client, collection: &str) -> Result<()> {
    let plan = client
        .rows(include_str!("../sql/query/ungovern_plan.sql"), &[&collection])
        .await
        .doing("planning to ungovern")?;
    let statements: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    run_with_short_locks(client, &statements, "ungoverning").await
}

/// Sets the rule of a collection's codes; `None` takes it away.
pub async fn set_rule(client: &Client, collection: &str, pattern: Option<&str>) -> Result<()> {
    client
        .rows(include_str!("../sql/query/code_rule_set.sql"), &[&collection, &pattern])
        .await
        .doing("setting the code rule")
        .map(drop)
}

/// Lets a role request permits in a collection, at most `quota` active ones at once.
pub async fn grant(
    client: &Client,
    collection: &str,
    role: &str,
    quota: Option<i64>,
) -> Result<()> {
    client
        .rows(include_str!("../sql/query/admission_grant.sql"), &[&role, &collection, &quota])
        .await
        .doing("granting admission")
        .map(drop)
}

/// Takes a role's grant for a collection back, and cancels the permits that were requested on it and are not spent; answers how
/// many. What a transaction that is still open requested or is spending stays.
pub async fn revoke(client: &Client, collection: &str, role: &str) -> Result<i64> {
    let row = client
        .one_row(include_str!("../sql/query/admission_grant_drop.sql"), &[&role, &collection])
        .await
        .doing("revoking admission")?;
    Ok(row.get(0))
}

/// Runs statements in one transaction that never waits long for a lock, again and again until it
/// gets them all.
pub(crate) async fn run_with_short_locks(
    client: &mut Client,
    statements: &[String],
    doing: &str,
) -> Result<()> {
    let mut attempts = 1;
    for wait in waits(ATTEMPTS) {
        match run_once(client, statements, doing).await {
            Err(error) if is_transient(&error) && !client.is_closed() => {
                tokio::time::sleep(wait).await;
                attempts += 1;
            }
            outcome => return outcome,
        }
    }
    run_once(client, statements, doing)
        .await
        .map_err(|last| Error::GaveUp { attempts, last: Box::new(last) })
}

async fn run_once(client: &mut Client, statements: &[String], doing: &str) -> Result<()> {
    let transaction = client.transaction().await.doing(doing)?;
    transaction
        .batch_execute(&format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        .await
        .doing(doing)?;
    for statement in statements {
        transaction.batch_execute(statement).await.doing(doing)?;
    }
    transaction.commit().await.doing(doing)
}

/// What observing would have refused, added up.
#[derive(Clone, Debug, Serialize)]
pub struct Observed {
    /// The collection.
    pub collection_name: String,
    /// INSERT, UPDATE, DELETE, TRUNCATE or COMMIT.
    pub operation: String,
    /// The SQLSTATE that it would have met.
    pub refusal: String,
    /// What that means.
    pub meaning: String,
    /// Who did it.
    pub login: String,
    /// How often.
    pub times: i64,
    /// Up to five of the codes.
    pub examples: Vec<Option<String>>,
    /// When first.
    pub first_seen: String,
    /// When last.
    pub last_seen: String,
}

/// What would have been refused in the observed collections, or in one of them.
pub async fn observed(client: &Client, collection: Option<&str>) -> Result<Vec<Observed>> {
    let rows = client
        .rows(include_str!("../sql/query/observed.sql"), &[&collection])
        .await
        .doing("reading what was observed")?;
    Ok(rows
        .iter()
        .map(|row| {
            let refusal: String = row.get("refusal");
            let meaning = RefusalCode::from_sqlstate(&refusal).map(RefusalCode::meaning);
            Observed {
                collection_name: row.get("collection_name"),
                operation: row.get("operation"),
                meaning: meaning.unwrap_or("an error of the database").to_owned(),
                refusal,
                login: row.get("login"),
                times: row.get("times"),
                examples: row.get("examples"),
                first_seen: row.get("first_seen"),
                last_seen: row.get("last_seen"),
            }
        })
        .collect())
}

/// How far a backfill has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Backfilled {
    /// Rows that were given a birth.
    pub born: i64,
    /// Rows whose code is born in another collection, while the registry's key is the code alone.
    pub left_over: i64,
}

/// Bears the rows of a collection that have no birth, in batches of a transaction each, as rows that
/// were there before the gate. Writers are not stopped: a row that somebody holds is left for the next
/// pass. A run that was broken off can be started again.
pub async fn backfill(
    database: &Database,
    collection: &str,
    batch: i64,
    mut progress: impl FnMut(Backfilled),
) -> Result<Backfilled> {
    let mut done = Backfilled::default();
    // Passes, until one finds nothing to bear: what was held, or came, during the one before.
    loop {
        let mut last_key: Option<serde_json::Value> = None;
        let mut pass = Backfilled::default();
        loop {
            let (key, seen, born) = page(database, collection, last_key.as_ref(), batch).await?;
            pass.born += born;
            pass.left_over += seen - born;
            progress(Backfilled { born: done.born + pass.born, left_over: pass.left_over });
            match key {
                Some(key) => last_key = Some(key),
                None => break,
            }
        }
        done = Backfilled { born: done.born + pass.born, left_over: pass.left_over };
        if pass.born == 0 {
            return Ok(done);
        }
    }
}

async fn page(
    database: &Database,
    collection: &str,
    after: Option<&serde_json::Value>,
    most: i64,
) -> Result<(Option<serde_json::Value>, i64, i64)> {
    let attempt = async || {
        let client = database.connect().await?;
        let row = client
            .one_row(include_str!("../sql/query/backfill.sql"), &[&collection, &after, &most])
            .await
            .doing("backfilling")?;
        Ok((row.get("last_key"), row.get("seen"), row.get("born")))
    };
    let mut attempts = attempts(ATTEMPTS);
    loop {
        match attempt().await {
            Ok(page) => return Ok(page),
            Err(error) => attempts.after(error).await?,
        }
    }
}
