//! What an uninstallation leaves: the evidence log, which outlives Birthgate, and roles that other databases use.

use serde::Serialize;
use tokio_postgres::Client;

use crate::error::{Doing, Error, Result};
use crate::schema;
use crate::unprepared::Unprepared;

/// Takes away what the roles were granted here, and the roles that nothing uses.
const DROP_ROLES: &str = include_str!("../sql/remains/drop_roles.sql");

/// What is left of Birthgate in a database and on its server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remains {
    /// Whether the schema `birthgate_evidence` is there.
    pub evidence: bool,
    /// The roles that are there.
    pub roles: Vec<Role>,
}

/// A role of Birthgate. Roles belong to the whole server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Role {
    /// Such as `birthgate_owner`.
    pub name: String,
    /// The roles that were made a member of it, Birthgate's own left out.
    pub members: Vec<String>,
    /// The databases in which it owns something or was granted something.
    pub databases: Vec<String>,
}

/// Looks for what is left.
pub async fn look(client: &Client) -> Result<Remains> {
    const DOING: &str = "looking for what is left";
    let evidence = client.one_row(include_str!("../sql/remains/evidence.sql"), &[]).await;
    let roles = client.rows(include_str!("../sql/remains/roles.sql"), &[]).await.doing(DOING)?;
    Ok(Remains {
        evidence: evidence.doing(DOING)?.get(0),
        roles: roles
            .iter()
            .map(|row| Role {
                name: row.get("name"),
                members: row.get("members"),
                databases: row.get("databases"),
            })
            .collect(),
    })
}

/// Drops the evidence log: what was rehearsed, signed and applied is not known here any more. Not while Birthgate is installed,
/// which writes it.
pub async fn drop_evidence(client: &Client) -> Result<()> {
    not_installed(client).await?;
    let sql = "DROP SCHEMA IF EXISTS birthgate_evidence CASCADE";
    client.batch_execute(sql).await.doing("dropping the evidence log")
}

/// Drops the roles that nothing uses any more, with their memberships. Not while Birthgate is installed.
pub async fn drop_roles(client: &mut Client) -> Result<()> {
    not_installed(client).await?;
    let transaction = client.transaction().await.doing("beginning to drop the roles")?;
    transaction.batch_execute(DROP_ROLES).await.doing("dropping the roles")?;
    transaction.commit().await.doing("committing that the roles are dropped")
}

async fn not_installed(client: &Client) -> Result<()> {
    match schema::is_there(client).await? {
        true => Err(Error::BadInput(
            "Birthgate is installed here; first: birthgate uninstall".to_owned(),
        )),
        false => Ok(()),
    }
}
