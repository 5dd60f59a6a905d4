//! What the entities of a collection are: its owner decides, signs, and the decision is recorded.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::json;
use tokio_postgres::Client;

use crate::collection::{self, Backfilled};
use crate::database::Database;
use crate::declaration::{Binding, Declaration, Signed};
use crate::error::{Doing, Error, Result};
use crate::evidence_log;
use crate::owner::Owners;
use crate::unprepared::Unprepared;

/// What the entities of a collection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Entities of their own: each of its rows has a birth.
    Own,
    /// Other names of the entities of that collection.
    AliasOf(String),
    /// No entities: none of its rows is to have a birth.
    Excluded,
    /// Entities that ended, all of them.
    Retired,
}

impl Identity {
    fn parts(&self) -> (&'static str, Option<&str>) {
        match self {
            Identity::Own => ("own", None),
            Identity::AliasOf(other) => ("alias", Some(other)),
            Identity::Excluded => ("excluded", None),
            Identity::Retired => ("retired", None),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::AliasOf(other) => write!(f, "alias-of={other}"),
            other => f.write_str(other.parts().0),
        }
    }
}

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Identity, String> {
        match text {
            "own" => Ok(Identity::Own),
            "excluded" => Ok(Identity::Excluded),
            "retired" => Ok(Identity::Retired),
            other => match other.strip_prefix("alias-of=").filter(|name| !name.is_empty()) {
                Some(name) => Ok(Identity::AliasOf(name.to_owned())),
                None => Err("own, alias-of=COLLECTION, excluded or retired".to_owned()),
            },
        }
    }
}

/// A decision that was recorded.
#[derive(Clone, Debug, Serialize)]
pub struct Decided {
    /// The collection.
    pub collection: String,
    /// What its entities are.
    pub identity: String,
    /// Its entry in the evidence log.
    pub entry: i64,
    /// Who signed.
    pub principals: Vec<String>,
    /// The births of rows that had none.
    pub births: Backfilled,
}

/// The text that an owner signs.
pub fn declaration(collection: &str, identity: &Identity, binding: &Binding) -> Declaration {
    let fields = [("collection", collection.to_owned()), ("identity", identity.to_string())];
    Declaration::bound("decision", &fields, binding)
}

/// Records what a quorum of owners has decided. Rows of a collection whose entities are its own are born.
pub async fn decide(
    database: &Database,
    collection: &str,
    identity: &Identity,
    owners: &Owners,
    signed: &[Signed],
) -> Result<Decided> {
    let client = database.connect().await?;
    let here = evidence_log::identity(&client).await?;
    let log = evidence_log::entries(&client, 0, None).await?;
    let (principals, text) = owners.agree(signed, &here.now, |said| {
        said.holds_here("decision", &here, &log)?;
        said.says("collection", collection)?;
        said.says("identity", &identity.to_string())?;
        evidence_log::unused(&log, said)
    })?;
    let entry = record(&client, collection, identity, &principals, &text, signed).await?;
    let births = match identity {
        Identity::Own => collection::backfill(database, collection, 10_000, |_| {}).await?,
        _ => Backfilled::default(),
    };
    Ok(Decided {
        collection: collection.to_owned(),
        identity: identity.to_string(),
        entry,
        principals,
        births,
    })
}

async fn record(
    client: &Client,
    collection: &str,
    identity: &Identity,
    principals: &[String],
    text: &Declaration,
    signed: &[Signed],
) -> Result<i64> {
    let evidence = json!({
        "id": text.get("id")?, "principals": principals, "text": text.text(),
        "signatures": signed.iter().map(|one| one.signature.clone()).collect::<Vec<_>>(),
    });
    let (word, other) = identity.parts();
    let sql = include_str!("../sql/query/decide_identity.sql");
    let row = client.one_row(sql, &[&collection, &word, &other, &evidence]).await;
    row.map_err(|source| Error::database("recording the decision", source)).map(|row| row.get(0))
}

/// What was decided, by collection.
pub async fn list(client: &Client) -> Result<Vec<(String, String, i64)>> {
    let rows = client.rows(include_str!("../sql/query/identity_decisions.sql"), &[]).await;
    Ok(rows
        .doing("reading the decisions")?
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect())
}
