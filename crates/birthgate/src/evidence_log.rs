//! The evidence log: what was rehearsed, approved, applied, undone, decided and accepted, in the database, each entry
//! with the hash of the one before. A superuser can write it anew; each signed text holds its newest hash, so that this
//! shows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use crate::declaration::{Declaration, Signed};
use crate::error::{Doing, Error, Result};
use crate::owner::Owners;
use crate::unprepared::Unprepared;

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Its number, from 1.
    pub number: i64,
    /// When (RFC 3339, UTC, microseconds), by the server's clock.
    pub at: String,
    /// What: `rehearsal`, `approval`, `apply`, `step`, `end`, `undo`, `decision`, `break-glass`, `baseline`, `drift`,
    /// `handoff`, `claim`.
    pub kind: String,
    /// By which login.
    pub login: String,
    /// A JSON object, as it was written.
    pub body: String,
    /// The hash of the entry before.
    pub previous: String,
    /// Its own.
    pub hash: String,
}

/// The newest entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Head {
    /// Its number; 0 of an empty log.
    pub number: i64,
    /// Its hash.
    pub hash: String,
}

/// Which database this is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Identity {
    /// Its name.
    pub database: String,
    /// Its server's identifier; a copy of its files keeps it.
    pub system_identifier: String,
    /// Its server's timeline; a promoted standby begins another.
    pub timeline: String,
    /// The id of the life that was claimed for it; `None` where it was not claimed, or is elsewhere now.
    pub instance: Option<String>,
    /// The server's clock (RFC 3339, UTC, seconds).
    pub now: String,
    /// Whether it is a standby.
    pub in_recovery: bool,
    #[serde(skip)]
    facts: Value,
}

impl Head {
    /// Of an empty log.
    pub fn none() -> Head {
        Head { number: 0, hash: "0".repeat(64) }
    }

    /// As a signed text has it.
    pub fn text(&self) -> String {
        format!("{} {}", self.number, self.hash)
    }
}

impl Entry {
    /// What it says.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The hash that it must have.
    fn true_hash(&self) -> String {
        let text = format!(
            "{}\n{}\n{}\n{}\n{}\n{}",
            self.number, self.at, self.kind, self.login, self.previous, self.body
        );
        format!("{:x}", Sha256::digest(text))
    }
}

/// Whether the log is in this database.
pub async fn is_installed(client: &Client) -> Result<bool> {
    Ok(found(client).await?.is_readable)
}

/// Whether there is a log to be read; fails where there is one that this role may not read: what is in it is then not known.
async fn readable(client: &Client) -> Result<bool> {
    let there = found(client).await?;
    match there.is_there && !there.is_readable {
        true => Err(Error::NotSigned(
            "this role may not read the evidence log: GRANT birthgate_auditor, or act as who made it".to_owned(),
        )),
        false => Ok(there.is_there),
    }
}

/// What is there under the log's name.
struct Found {
    is_there: bool,
    is_readable: bool,
    /// Whether this role may act as its owner, or could make it.
    is_own: bool,
}

/// Looks for the log. One that somebody made whom we have no reason to trust is not touched: its views and triggers would run
/// as us.
async fn found(client: &Client) -> Result<Found> {
    let row = client.one_row(include_str!("../sql/evidence_log/is_installed.sql"), &[]).await;
    let row = row.doing("looking for the evidence log")?;
    if !row.get::<_, bool>("is_trusted") {
        return Err(Error::NotSigned(
            "the schema birthgate_evidence is not as Birthgate makes it, or belongs to a role whose code is not to run as yours: find out who made it, and what for; a superuser's it may be (ALTER … OWNER TO)".to_owned(),
        ));
    }
    let is_there = row.get("is_there");
    Ok(Found {
        is_there,
        is_readable: is_there && row.get("is_readable"),
        is_own: row.get("is_own"),
    })
}

/// Makes the log, where it is not there yet, and claims this database's life where that was not done here. By a role
/// that may make a schema.
pub async fn install(client: &Client) -> Result<Identity> {
    ensure(client).await?;
    let identity = identity(client).await?;
    if identity.instance.is_some() {
        return Ok(identity);
    }
    claim(client, identity).await
}

/// Makes the log as this program knows it, and lets Birthgate's roles at it that are there.
pub(crate) async fn ensure(client: &Client) -> Result<()> {
    let there = found(client).await?;
    // Who may only write it leaves it as it is.
    if there.is_there && !there.is_own {
        return Ok(());
    }
    let sql = format!("BEGIN; {} COMMIT", include_str!("../sql/evidence_log/install.sql"));
    if let Err(error) = client.batch_execute(&sql).await {
        let _ = client.batch_execute("ROLLBACK").await;
        return Err(Error::database("making the evidence log", error));
    }
    Ok(())
}

/// Claims this database's life: what was signed for another, of which this may be a copy, does not hold here.
async fn claim(client: &Client, identity: Identity) -> Result<Identity> {
    const DOING: &str = "claiming this database";
    let row = client.one_row("SELECT gen_random_uuid()::text", &[]).await.doing(DOING)?;
    let id: String = row.get(0);
    let claim = include_str!("../sql/evidence_log/claim.sql");
    client.rows(claim, &[&id, &identity.facts]).await.doing(DOING)?;
    Ok(Identity { instance: Some(id), ..identity })
}

/// Which database this is. Without the log it has no instance.
pub async fn identity(client: &Client) -> Result<Identity> {
    const DOING: &str = "asking which database this is";
    let row =
        client.one_row(include_str!("../sql/evidence_log/identity.sql"), &[]).await.doing(DOING)?;
    let facts: Value = row.get("facts");
    let mut instance = None;
    if is_installed(client).await? {
        let claimed = client
            .optional_row(include_str!("../sql/evidence_log/instance.sql"), &[])
            .await
            .doing(DOING)?;
        instance = claimed.and_then(|row| is_here(&row.get(1), &facts).then(|| row.get(0)));
    }
    Ok(Identity {
        database: row.get("database"),
        system_identifier: row.get("system_identifier"),
        timeline: row.get("timeline"),
        now: row.get("now"),
        in_recovery: row.get("in_recovery"),
        instance,
        facts,
    })
}

/// Whether the facts that both know are the same.
fn is_here(claimed: &Value, now: &Value) -> bool {
    let (Some(claimed), Some(now)) = (claimed.as_object(), now.as_object()) else { return false };
    claimed.iter().all(|(name, value)| now.get(name).is_none_or(|now| now == value))
}

/// Appends an entry; answers its number. In the transaction that is open, if one is.
pub async fn append(client: &Client, kind: &str, body: &Value) -> Result<i64> {
    let row = client.one_row(include_str!("../sql/evidence_log/append.sql"), &[&kind, body]).await;
    Ok(row.doing("writing the evidence log")?.get(0))
}

/// The entries after a number, of these kinds or of all; empty where there is no log.
pub async fn entries(client: &Client, after: i64, kinds: Option<&[&str]>) -> Result<Vec<Entry>> {
    if !readable(client).await? {
        return Ok(Vec::new());
    }
    let rows =
        client.rows(include_str!("../sql/evidence_log/entries.sql"), &[&after, &kinds]).await;
    let entry = |row: &tokio_postgres::Row| Entry {
        number: row.get("number"),
        at: row.get("at"),
        kind: row.get("kind"),
        login: row.get("login"),
        body: row.get("body"),
        previous: row.get("previous"),
        hash: row.get("hash"),
    };
    Ok(rows.doing("reading the evidence log")?.iter().map(entry).collect())
}

/// The newest entry.
pub async fn head(client: &Client) -> Result<Head> {
    if !readable(client).await? {
        return Ok(Head::none());
    }
    let row = client.optional_row(include_str!("../sql/evidence_log/head.sql"), &[]).await;
    let row = row.doing("reading the evidence log")?;
    Ok(row.map_or_else(Head::none, |row| Head { number: row.get(0), hash: row.get(1) }))
}

/// What is wrong with a whole log, in words; empty when every entry is as it was written, in order, and none is missing.
pub fn verify(entries: &[Entry]) -> Vec<String> {
    let mut flaws = Vec::new();
    let mut previous = Head::none();
    for entry in entries {
        if entry.number != previous.number + 1 {
            flaws.push(format!("entry {} follows entry {}", entry.number, previous.number));
        }
        if entry.previous != previous.hash {
            flaws.push(format!(
                "entry {} does not hold the hash of the entry before it",
                entry.number
            ));
        }
        if entry.hash != entry.true_hash() {
            flaws
                .push(format!("entry {} was changed: its hash is not its content's", entry.number));
        }
        previous = Head { number: entry.number, hash: entry.hash.clone() };
    }
    flaws
}

/// Fails when a signed text was used before: each has an id of its own.
pub fn unused(log: &[Entry], declaration: &Declaration) -> Result<()> {
    let id = declaration.get("id")?;
    match log.iter().find(|entry| entry.json()["id"] == id) {
        Some(entry) => {
            Err(Error::NotSigned(format!("the text was used already (entry {})", entry.number)))
        }
        None => Ok(()),
    }
}

/// Which signatures in a log do not hold, in words: each is verified as of when it was kept, so that a key which has
/// expired or was revoked since does not unsay what it said; and each signed text must name an entry of this log.
pub fn verify_signatures(entries: &[Entry], owners: &Owners) -> Vec<String> {
    let mut flaws = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let body = entry.json();
        let Some(text) = body["text"].as_str() else { continue };
        let at = entry.at.get(..19).unwrap_or_default().to_owned() + "Z";
        let said = |value: &Value| value.as_str().map(str::to_owned);
        let signatures = body["signatures"]
            .as_array()
            .into_iter()
            .flatten()
            .chain([&body["signature"]])
            .filter_map(said);
        let mut held: Vec<String> = Vec::new();
        let mut flaw = |why: String| flaws.push(format!("entry {}: {why}", entry.number));
        for signature in signatures {
            match owners.signer(&Signed { text: text.to_owned(), signature }, &at) {
                Ok(owner) => held.push(owner.principal.clone()),
                Err(error) => flaw(error.to_string()),
            }
        }
        let named = body["principals"]
            .as_array()
            .into_iter()
            .flatten()
            .chain([&body["principal"]])
            .filter_map(said);
        for principal in named.filter(|principal| !held.contains(principal)) {
            flaw(format!("{principal} is named, and has not signed"));
        }
        if let Err(error) =
            Declaration::parse(text).and_then(|declaration| declaration.knows(&entries[..place]))
        {
            flaw(error.to_string());
        }
    }
    flaws
}
