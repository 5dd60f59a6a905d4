//! Gate drift: whether what enforces the gate is what it was when it was found good. The baseline holds every object of it
//! by name, with every attribute. It is only compared: nothing is repaired here.

mod explain;
mod monitor;
mod seen;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::declaration::{Binding, Declaration, Signed};
use crate::error::{Doing, Error, Result};
use crate::evidence_log;
use crate::fingerprint::{self, Difference, Fingerprint, Object};
use crate::owner::Owners;
use crate::schema;
use crate::unprepared::Unprepared;

pub use explain::{Explained, explain};
pub use monitor::{Monitor, Tick};

/// When and of what a baseline was taken.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Baseline {
    /// The hash over all of it.
    pub root: String,
    /// The major version of PostgreSQL.
    pub major: i32,
    /// This database's life.
    pub incarnation: String,
    /// The instance that was claimed for it.
    pub instance: String,
    /// When (RFC 3339, UTC).
    pub taken_at: String,
    /// By whom.
    pub taken_by: String,
    /// When the gate was last found to be so.
    pub seen_at: String,
}

/// How much an owner takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// What differs when the text is made, and nothing else.
    This,
    /// Whatever is there when the text is used.
    Everything,
}

impl Takes {
    fn words(self) -> &'static str {
        match self {
            Takes::This => "this and nothing else",
            Takes::Everything => "whatever is there",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Drift {
    /// What it was compared with; `None` when there is no baseline.
    pub baseline: Option<Baseline>,
    /// The hash of what is there now.
    pub now: String,
    /// What differs. Empty when nothing does.
    pub differences: Vec<Difference>,
    /// What may be behind all of it: another version, another life, another place.
    pub circumstances: Vec<String>,
}

impl Drift {
    /// How many objects differ.
    pub fn objects(&self) -> usize {
        let mut objects: Vec<&str> =
            self.differences.iter().map(|one| one.object.as_str()).collect();
        objects.dedup();
        objects.len()
    }

    /// How much there is to say of it: what is stored as the observation of `gate_drift`.
    pub fn count(&self) -> i64 {
        i64::try_from(self.objects() + self.circumstances.len()).unwrap_or(i64::MAX)
    }
}

const DOING: &str = "comparing the gate with its baseline";

/// Without indexes that are being built, by CREATE INDEX or REINDEX CONCURRENTLY, or were left so: they are nothing yet.
fn without_unfinished(mut now: Fingerprint, before: &Fingerprint) -> Fingerprint {
    now.objects.retain(|name, object| {
        object.kind != "index"
            || object.attributes.get("valid") != Some(&Value::Bool(false))
            || before.objects.contains_key(name)
    });
    Fingerprint::of(now.objects, now.absent)
}

/// The baseline, where there is one.
pub async fn baseline(client: &Client) -> Result<Option<Baseline>> {
    if schema::installed_version(client).await?.is_none_or(|version| version < 2) {
        return Ok(None);
    }
    let row = client.optional_row(include_str!("../sql/drift/baseline.sql"), &[]).await;
    Ok(row.doing("reading the baseline")?.map(|row| Baseline {
        root: row.get("root"),
        major: row.get("major"),
        incarnation: row.get("incarnation"),
        instance: row.get("instance"),
        taken_at: row.get("taken"),
        taken_by: row.get("taken_by"),
        seen_at: row.get("seen_at"),
    }))
}

/// The objects of the baseline.
struct Kept {
    /// The root of what is stored, whichever release of Birthgate stored it.
    root: String,
    /// As they are looked at now.
    fingerprint: Fingerprint,
}

async fn kept(client: &Client) -> Result<Kept> {
    let rows = client
        .rows(include_str!("../sql/drift/objects.sql"), &[])
        .await
        .doing("reading the baseline")?;
    let (mut objects, mut as_stored) = (BTreeMap::new(), BTreeMap::new());
    for row in rows {
        let Value::Object(attributes) = row.get("attributes") else {
            return Err(Error::Unexpected(
                "an object of the baseline has no attributes".to_owned(),
            ));
        };
        let (object, kind): (String, String) = (row.get("object"), row.get("kind"));
        // Of what is kept, not of what is said to be its hash.
        as_stored.insert(object.clone(), Object::new(&object, kind.clone(), attributes.clone()));
        let attributes = fingerprint::earlier::read(attributes);
        objects.insert(object.clone(), Object::new(&object, kind, attributes));
    }
    let root = Fingerprint::of(as_stored, Vec::new()).root;
    Ok(Kept { root, fingerprint: Fingerprint::of(objects, Vec::new()) })
}

/// The names of the baseline's objects.
pub(crate) async fn objects(client: &Client) -> Result<BTreeSet<String>> {
    Ok(kept(client).await?.fingerprint.objects.into_keys().collect())
}

/// The baseline, and the gate to be compared with it.
struct Both {
    baseline: Baseline,
    /// The root of what is stored.
    root: String,
    before: Fingerprint,
    now: Fingerprint,
    /// The root of the newest baseline that the evidence log knows.
    logged: Option<String>,
}

/// All of it in one snapshot, since an apply moves all of it at once; `None` where there is no baseline.
async fn both(client: &Client) -> Result<Option<Both>> {
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await.doing(DOING)?;
    let both = async {
        let Some(baseline) = baseline(client).await? else { return Ok(None) };
        let Kept { root, fingerprint: before } = kept(client).await?;
        let logged = logged_root(client).await?;
        let now = without_unfinished(fingerprint::surrounded_gate(client).await?, &before);
        Ok(Some(Both { baseline, root, before, now, logged }))
    };
    let both = both.await;
    client.batch_execute("ROLLBACK").await.doing(DOING)?;
    both
}

/// Compares the gate with its baseline, and writes nothing. What is read while somebody changes it can be torn: only what is
/// seen twice is drift.
pub async fn look(client: &Client) -> Result<Drift> {
    schema::require_installed(client).await?;
    let none = Drift {
        baseline: None,
        now: String::new(),
        differences: Vec::new(),
        circumstances: Vec::new(),
    };
    let Some(mut seen) = both(client).await? else { return Ok(none) };
    // What is read while somebody changes it can be torn: an object is said to differ that differs in two reads, whatever
    // it is in each. One that differs otherwise at every look is not left out either.
    let mut differences = seen.before.diff(&seen.now);
    for _ in 0..2 {
        if differences.is_empty() {
            break;
        }
        let known: BTreeSet<String> = differences.iter().map(|one| one.object.clone()).collect();
        let Some(again) = both(client).await? else { return Ok(none) };
        seen = again;
        differences = seen.before.diff(&seen.now);
        if differences.iter().any(|one| known.contains(&one.object)) {
            differences.retain(|one| known.contains(&one.object));
            break;
        }
    }
    let Both { baseline, root, now, logged, .. } = seen;
    let row = client.one_row(include_str!("../sql/drift/now.sql"), &[]).await.doing(DOING)?;
    let (major, incarnation): (i32, Option<String>) = (row.get("major"), row.get("incarnation"));
    let mut circumstances = Vec::new();
    if major != baseline.major {
        circumstances.push(format!("the server was PostgreSQL {}, and is {major}", baseline.major));
    }
    if incarnation.as_deref() != Some(&baseline.incarnation) {
        circumstances.push(
            "the database has begun another life since: it was restored, or a gate was set again"
                .to_owned(),
        );
    }
    let identity = evidence_log::identity(client).await?;
    if identity.instance.as_deref() != Some(&baseline.instance) {
        circumstances.push("the database is a copy, or was moved".to_owned());
    }
    // Somebody wrote the baseline by hand: its rows, or its root.
    if root != baseline.root {
        circumstances.push("the baseline's own objects are not those that were kept".to_owned());
    }
    if logged.is_some_and(|root| root != baseline.root) {
        circumstances.push("the baseline is not the one that the evidence log knows".to_owned());
    }
    Ok(Drift { baseline: Some(baseline), now: now.root, differences, circumstances })
}

/// The root of the newest baseline that the evidence log knows; `None` where this role may not read it.
async fn logged_root(client: &Client) -> Result<Option<String>> {
    if !evidence_log::is_installed(client).await? {
        return Ok(None);
    }
    let kinds = ["baseline", "drift", "step"];
    let log = evidence_log::entries(client, 0, Some(&kinds)).await?;
    Ok(log.iter().rev().find_map(|entry| entry.json()["root"].as_str().map(str::to_owned)))
}

/// Compares the gate with its baseline, and stores the outcome as the observation of `gate_drift`.
pub async fn check(client: &Client) -> Result<Drift> {
    let drift = look(client).await?;
    if drift.baseline.is_some() {
        store(client, drift.count()).await?;
    }
    Ok(drift)
}

/// Stores how much of the gate differs; where nothing does, also when it was last found to hold.
async fn store(client: &Client, differences: i64) -> Result<()> {
    client
        .rows(
            include_str!("../sql/query/block_observe.sql"),
            &[&"gate_drift", &Some(differences), &None::<String>],
        )
        .await
        .doing("storing the observation of gate_drift")?;
    if differences == 0 {
        client
            .rows(include_str!("../sql/drift/seen.sql"), &[])
            .await
            .doing("noting that the gate holds")?;
    }
    Ok(())
}

/// Takes the first baseline, and makes `gate_drift` a dimension that blocks these actions; `None`: every action that
/// something blocks already.
pub async fn take_baseline(client: &Client, blocks: Option<&[String]>) -> Result<Baseline> {
    schema::require_installed(client).await?;
    if baseline(client).await?.is_some() {
        return Err(Error::Busy(
            "there is a baseline: drift accept takes over what has changed, drift rebase all of it"
                .to_owned(),
        ));
    }
    evidence_log::install(client).await?;
    client.batch_execute("BEGIN").await.doing(DOING)?;
    let outcome = async {
        // It is in the baseline itself.
        client
            .rows(include_str!("../sql/drift/dimension.sql"), &[&blocks])
            .await
            .doing("making gate_drift a dimension")?;
        let root = move_inside(client, |_| true).await?;
        let body = json!({ "root": root, "why": "the first" });
        evidence_log::append(client, "baseline", &body).await
    };
    moved_on(client, outcome.await).await
}

/// Ends the transaction in which the baseline was moved, and compares with it.
async fn moved_on<T>(client: &Client, outcome: Result<T>) -> Result<Baseline> {
    match outcome {
        Ok(_) => client.batch_execute("COMMIT").await.doing(DOING)?,
        Err(error) => {
            client.batch_execute("ROLLBACK").await.doing(DOING)?;
            return Err(error);
        }
    }
    check(client).await?;
    baseline(client).await?.ok_or_else(|| Error::Unexpected("the baseline is gone".to_owned()))
}

async fn put(client: &Client, now: Fingerprint, instance: Option<&str>) -> Result<Baseline> {
    let row = client.one_row(include_str!("../sql/drift/now.sql"), &[]).await.doing(DOING)?;
    let header = json!({ "root": now.root, "major": row.get::<_, i32>("major"), "instance": instance.unwrap_or_default() });
    let objects: Vec<Value> = now
        .objects
        .iter()
        .map(|(name, object)| json!({ "object": name, "kind": object.kind, "hash": object.hash, "attributes": object.attributes }))
        .collect();
    client
        .rows(include_str!("../sql/drift/put.sql"), &[&Some(header), &Value::Array(objects)])
        .await
        .doing("storing the baseline")?;
    baseline(client)
        .await?
        .ok_or_else(|| Error::Unexpected("the baseline that was stored is not there".to_owned()))
}

/// Takes the gate as the transaction that is open leaves it for the new baseline, and answers its root; `None` where the
/// transaction has taken the baseline itself away. Only `its` objects may differ from the baseline: what an apply does was
/// rehearsed and signed, and what somebody else did meanwhile is drift.
pub(crate) async fn move_inside(
    client: &Client,
    its: impl Fn(&str) -> bool,
) -> Result<Option<String>> {
    let there = include_str!("../sql/drift/is_there.sql");
    if !client.one_row(there, &[]).await.doing(DOING)?.get::<_, bool>(0) {
        return Ok(None);
    }
    client.batch_execute("SAVEPOINT birthgate_baseline").await.doing(DOING)?;
    let now = fingerprint::surrounded_gate(client).await;
    client
        .batch_execute(
            "ROLLBACK TO SAVEPOINT birthgate_baseline; RELEASE SAVEPOINT birthgate_baseline",
        )
        .await
        .doing(DOING)?;
    let before = kept(client).await?.fingerprint;
    let now = without_unfinished(now?, &before);
    let others: Vec<String> = before
        .diff(&now)
        .into_iter()
        .filter(|one| !its(&one.object))
        .map(|one| one.to_string())
        .collect();
    if !others.is_empty() {
        return Err(Error::Stale(format!("the gate has drifted meanwhile: {}", others.join("; "))));
    }
    let identity = evidence_log::identity(client).await?;
    put(client, now, identity.instance.as_deref()).await.map(|baseline| Some(baseline.root))
}

/// The text that an owner signs to take over what has drifted.
pub fn declaration(
    drift: &Drift,
    reason: &str,
    takes: Takes,
    binding: &Binding,
) -> Result<Declaration> {
    let Some(baseline) = &drift.baseline else {
        return Err(Error::Stale("there is no baseline: birthgate drift baseline".to_owned()));
    };
    let mut fields = vec![
        ("takes", takes.words().to_owned()),
        ("reason", reason.to_owned()),
        ("baseline-sha256", baseline.root.clone()),
        ("now-sha256", drift.now.clone()),
    ];
    fields.extend(drift.differences.iter().map(|one| ("accepts", one.to_string())));
    fields.extend(drift.circumstances.iter().map(|one| ("accepts", one.clone())));
    Ok(Declaration::bound("drift", &fields, binding))
}

/// Takes over what has drifted, as a quorum of owners has signed it.
pub async fn accept(
    client: &Client,
    owners: &Owners,
    signed: &[Signed],
    takes: Takes,
) -> Result<Baseline> {
    let drift = look(client).await?;
    let here = evidence_log::identity(client).await?;
    let log = evidence_log::entries(client, 0, None).await?;
    let (principals, text) = owners.agree(signed, &here.now, |said| {
        said.holds_here("drift", &here, &log)?;
        let baseline =
            drift.baseline.as_ref().map(|baseline| baseline.root.clone()).unwrap_or_default();
        said.says("baseline-sha256", &baseline)?;
        said.says("takes", takes.words())?;
        if takes == Takes::This {
            said.says("now-sha256", &drift.now)?;
        }
        evidence_log::unused(&log, said)
    })?;
    client.batch_execute("BEGIN").await.doing(DOING)?;
    let outcome = async {
        let root = move_inside(client, |_| true).await?;
        if takes == Takes::This && root.as_ref() != Some(&drift.now) {
            return Err(Error::Stale(
                "the gate has changed again: look, and sign again".to_owned(),
            ));
        }
        let body = json!({
            "id": text.get("id")?, "principals": principals, "text": text.text(), "root": root,
            "signatures": signed.iter().map(|one| one.signature.clone()).collect::<Vec<_>>(),
        });
        evidence_log::append(client, "drift", &body).await
    };
    moved_on(client, outcome.await).await
}
