//! The product in the database: the embedded .sql files, installing and uninstalling them.

use tokio_postgres::Client;

use crate::collection;
use crate::error::{Doing, Error, Result};
use crate::evidence_log;
use crate::unprepared::Unprepared;

/// The newest schema version that this program knows: the number of the last migration.
pub const VERSION: i32 = MIGRATIONS.len() as i32;

/// Tables, once each, in order.
const MIGRATIONS: &[&str] = &[
    include_str!("../sql/migrations/0001.sql"),
    include_str!("../sql/migrations/0002.sql"),
    include_str!("../sql/migrations/0003.sql"),
    include_str!("../sql/migrations/0004.sql"),
    include_str!("../sql/migrations/0005.sql"),
];
/// What each role may do, once, after the functions of the same version.
const GRANTS: &[&str] = &[
    include_str!("../sql/grants/0001.sql"),
    include_str!("../sql/grants/0002.sql"),
    include_str!("../sql/grants/0003.sql"),
    include_str!("../sql/grants/0004.sql"),
    include_str!("../sql/grants/0005.sql"),
];
/// Run by whoever installs, before anything else.
const ROLES: &str = include_str!("../sql/000_roles.sql");
/// Makes the schema and its table of versions.
const SCHEMA: &str = include_str!("../sql/001_schema.sql");
/// Functions, triggers and views: re-applied by every `init`.
const FUNCTIONS: &[&str] = &[
    include_str!("../sql/010_identity.sql"),
    include_str!("../sql/015_plain.sql"),
    include_str!("../sql/020_collection.sql"),
    include_str!("../sql/030_permit.sql"),
    include_str!("../sql/040_birth.sql"),
    include_str!("../sql/050_gate.sql"),
    include_str!("../sql/055_look.sql"),
    include_str!("../sql/060_finalize.sql"),
    include_str!("../sql/070_guard.sql"),
    include_str!("../sql/080_entity.sql"),
    include_str!("../sql/085_decision.sql"),
    include_str!("../sql/090_block.sql"),
    include_str!("../sql/095_replication.sql"),
    include_str!("../sql/097_drift.sql"),
    include_str!("../sql/098_handoff.sql"),
    include_str!("../sql/099_ddl_guard.sql"),
    include_str!("../sql/100_govern.sql"),
    include_str!("../sql/110_adopt.sql"),
    include_str!("../sql/115_partition.sql"),
    include_str!("../sql/120_reconcile.sql"),
    include_str!("../sql/900_privileges.sql"),
];

/// The role that owns the schema.
const OWNER: &str = "birthgate_owner";

/// Drops the schema and the roles that nothing else uses, once nothing is governed or adopted.
pub(crate) const UNINSTALL: &str = concat!(
    include_str!("../sql/query/uninstall.sql"),
    include_str!("../sql/remains/drop_roles.sql")
);

/// What an `init` did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Installed {
    /// The version that was there; `None` in a database without Birthgate.
    pub from: Option<i32>,
    /// The version that is there now.
    pub to: i32,
}

/// The statements that take a database from a version (0: none) to ours, as one script.
pub fn script(from: i32) -> String {
    let from = usize::try_from(from).unwrap_or(0).min(MIGRATIONS.len());
    let mut parts = vec![ROLES, SCHEMA];
    parts.extend(&MIGRATIONS[from..]);
    parts.extend(FUNCTIONS);
    parts.extend(&GRANTS[from..]);
    parts.push("RESET ROLE;\n");
    parts.join("\n")
}

/// The installed version; `None` when Birthgate is not in the database.
pub async fn installed_version(client: &Client) -> Result<Option<i32>> {
    if !is_there(client).await? {
        return Ok(None);
    }
    let row = client
        .one_row(include_str!("../sql/query/installed_version.sql"), &[])
        .await
        .doing("reading the installed version")?;
    Ok(row.get(0))
}

/// Whether the tables of Birthgate are there, be it without their rows: a schema-only dump brings them so.
pub(crate) async fn is_there(client: &Client) -> Result<bool> {
    let row = client
        .one_row(include_str!("../sql/query/is_installed.sql"), &[])
        .await
        .doing("looking for the schema birthgate")?;
    match row.get::<_, Option<String>>("owner") {
        Some(owner) if owner != OWNER => Err(Error::SomebodyElses { owner }),
        _ => Ok(row.get("is_there")),
    }
}

/// Fails unless Birthgate is installed, in a version that this program knows.
pub async fn require_installed(client: &Client) -> Result<()> {
    match installed_version(client).await? {
        None => Err(Error::NotInstalled),
        Some(found) if found > VERSION => Err(Error::NewerSchema { found, known: VERSION }),
        Some(_) => Ok(()),
    }
}

/// Installs Birthgate, or brings an older version up to date, in one transaction. Idempotent.
pub async fn init(client: &mut Client) -> Result<Installed> {
    let transaction = client.transaction().await.doing("beginning the installation")?;
    transaction
        .batch_execute(include_str!("../sql/query/lock_installation.sql"))
        .await
        .doing("waiting for another init in this database")?;
    let from = installed_version(transaction.client()).await?;
    if let Some(found) = from.filter(|found| *found > VERSION) {
        return Err(Error::NewerSchema { found, known: VERSION });
    }
    transaction
        .batch_execute(&script(from.unwrap_or(0)))
        .await
        .doing("installing the schema birthgate")?;
    transaction.commit().await.doing("committing the installation")?;
    // Emergency admissions are written there, from the first one on.
    evidence_log::install(client).await?;
    Ok(Installed { from, to: VERSION })
}

/// Takes Birthgate out of the database: every table is given back as it was, rows and births stay.
/// Refuses while births are retired, unless `retired_exported` says that they are kept elsewhere.
pub async fn uninstall(client: &mut Client, retired_exported: bool) -> Result<()> {
    require_installed(client).await?;
    let retired: i64 = client
        .one_row(include_str!("../sql/query/count_retired.sql"), &[])
        .await
        .doing("counting retired births")?
        .get(0);
    if retired > 0 && !retired_exported {
        return Err(Error::RetiredBirths(retired));
    }
    for collection in collection::list(client).await? {
        collection::ungovern(client, &collection.collection_name).await?;
    }
    let plan = client
        .rows(include_str!("../sql/query/unadopt_plan.sql"), &[])
        .await
        .doing("planning the uninstallation")?;
    let transaction = client.transaction().await.doing("beginning the uninstallation")?;
    for row in plan {
        transaction.batch_execute(row.get(0)).await.doing("giving the registry back")?;
    }
    transaction.batch_execute(UNINSTALL).await.doing("dropping the schema birthgate")?;
    transaction.commit().await.doing("committing the uninstallation")
}
