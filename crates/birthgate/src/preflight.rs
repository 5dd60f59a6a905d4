//! What stands in the way of an action, found by looking: of authority, which people clear, apart from engineering; each with
//! what it blocks and the command that clears it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use crate::apply::journal;
use crate::approval::Subject;
use crate::block;
use crate::collection;
use crate::drift;
use crate::error::{Doing, Error, Result};
use crate::evidence::Rehearsed;
use crate::evidence_log;
use crate::leader;
use crate::owner::Owners;
use crate::plan::packet::Packet;
use crate::schema;
use crate::unprepared::Unprepared;

/// The actions that blockers stand before, besides those that BLOCK dimensions name.
pub const ACTIONS: [&str; 4] = ["apply", "birth", "activation", "drift"];

/// Where human approvals are on record, which activate governance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ospa {
    /// The table.
    pub table: String,
    /// The column that says who approved.
    pub column: String,
    /// The values of that column that are people.
    pub humans: Vec<String>,
}

impl Default for Ospa {
    fn default() -> Ospa {
        Ospa {
            table: "public.os_proposal_approvals".to_owned(),
            column: "approver_kind".to_owned(),
            humans: vec!["human".to_owned()],
        }
    }
}

/// Whose it is to clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Somebody has to say yes, or to give somebody a right.
    Authority,
    /// Something has to be built, seen or mended.
    Engineering,
}

/// Something that stands in the way.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Blocker {
    /// Whose it is to clear.
    pub kind: Kind,
    /// What it is.
    pub what: String,
    /// The actions that it stands before.
    pub blocks: Vec<String>,
    /// What clears it.
    pub clear: String,
}

/// What it comes to for one action.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Preflight {
    /// The action that was asked for.
    pub action: String,
    /// Whether nothing that was found blocks it.
    pub go: bool,
    /// Everything that was found, whatever it blocks.
    pub blockers: Vec<Blocker>,
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Subjects<'a> {
    /// The packet.
    pub packet: &'a Packet,
    /// How the user names it.
    pub path: &'a str,
    /// Its rehearsal, where there is evidence of one.
    pub rehearsed: Option<&'a Rehearsed>,
    /// The owners, where there are some.
    pub owners: Option<&'a Owners>,
    /// Where human approvals are on record.
    pub ospa: &'a Ospa,
}

/// What was found, in order.
struct Found(Vec<Blocker>);

impl Found {
    fn add(
        &mut self,
        kind: Kind,
        blocks: &[&str],
        what: impl Into<String>,
        clear: impl Into<String>,
    ) {
        let blocks = blocks.iter().map(|action| (*action).to_owned()).collect();
        self.0.push(Blocker { kind, what: what.into(), blocks, clear: clear.into() });
    }
}

const DOING: &str = "looking for what stands in the way";

/// Looks for everything that stands in the way. Reads only.
pub async fn look(client: &Client, subjects: Subjects<'_>) -> Result<Vec<Blocker>> {
    let mut found = Found(Vec::new());
    packet_blockers(client, subjects, &mut found).await?;
    let installed = schema::installed_version(client).await?.is_some();
    registrars(client, &mut found).await?;
    schedule(client, installed, &mut found).await?;
    ospa(client, subjects.ospa, &mut found).await?;
    if installed {
        identities(client, &mut found).await?;
        gate_drift(client, &mut found).await?;
        dimensions(client, &mut found).await?;
    }
    Ok(found.0)
}

/// The rehearsal, the approvals, and whether the database is still what was rehearsed.
async fn packet_blockers(client: &Client, subjects: Subjects<'_>, found: &mut Found) -> Result<()> {
    use Kind::{Authority, Engineering};
    let Subjects { packet, path, .. } = subjects;
    let rehearse = format!("birthgate rehearse {path} --rows all --evidence");
    let Some(rehearsed) = subjects.rehearsed else {
        found.add(
            Engineering,
            &["apply"],
            "the packet was not rehearsed, or there is no evidence of it",
            rehearse,
        );
        return Ok(());
    };
    let subject = Subject { packet, rehearsed };
    if let Err(error) = subject.holds() {
        found.add(Engineering, &["apply"], error.to_string(), rehearse);
        return Ok(());
    }
    let log = evidence_log::entries(client, 0, None).await?;
    for flaw in evidence_log::verify(&log) {
        found.add(
            Engineering,
            &["apply"],
            format!("the evidence log is not as it was written: {flaw}"),
            "find out who wrote it, and restore it from its export",
        );
    }
    let runs = journal::runs(&log);
    for other in runs.iter().filter(|run| !run.is_finished() && run.digest != packet.digest) {
        found.add(
            Engineering,
            &["apply"],
            format!("{} is not finished here", other.packet),
            "apply it to its end, or: birthgate undo",
        );
    }
    let run = runs.iter().rev().find(|run| run.digest == packet.digest);
    let done = run.map_or(0, |run| run.done.len());
    let is_done = run.is_some_and(|run| run.ended.as_deref() == Some("done"));
    let look = rehearsed.states.look();
    let differs = rehearsed.states.differs(done, &look, &look.at(client, false).await?).exactly();
    if !differs.is_empty() {
        let told = differs.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
        found.add(
            Engineering,
            &["apply"],
            format!("STALE: since the rehearsal this changed: {told}"),
            format!("{rehearse}, and approve again"),
        );
    }
    match subject.code_differs(client, &log).await {
        Ok(differs) if differs.is_empty() => {}
        Ok(differs) => {
            let told = differs.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
            found.add(
                Engineering,
                &["apply"],
                format!(
                    "STALE: since the rehearsal the code changed that its steps can run: {told}"
                ),
                format!("{rehearse}, and approve again"),
            );
        }
        Err(Error::NotSigned(why)) => found.add(Engineering, &["apply"], why, rehearse.clone()),
        Err(error) => return Err(error),
    }
    let approve = format!("birthgate approve {path} --sign KEY");
    let Some(owners) = subjects.owners else {
        found.add(Authority, &["apply"], "there are no owners", "birthgate owner add NAME KEY.pub");
        return Ok(());
    };
    if is_done {
        return Ok(());
    }
    let identity = evidence_log::identity(client).await?;
    let standing = subject.standing(owners, &identity, &log, &journal::spent(&runs));
    if !standing.approves() {
        // An owner who signs an INCOMPLETE rehearsal signs each of its reasons.
        for reason in &rehearsed.checkpoint.reasons {
            found.add(
                Engineering,
                &["apply"],
                format!("the rehearsal is {}: {reason}", rehearsed.checkpoint.final_status),
                rehearse.clone(),
            );
        }
        found.add(
            Authority,
            &["apply"],
            format!("owner approval: {}", standing.missing()),
            approve.clone(),
        );
    }
    let steps = packet.plan.steps.iter().enumerate().skip(done);
    for (_, step) in steps.filter(|(at, step)| subject.is_door(*at) && !standing.opens(&step.id)) {
        found.add(
            Authority,
            &[format!("apply:{}", step.id).as_str()],
            format!("the door {} waits for an approval of its own", step.id),
            format!("birthgate approve {path} --door {} --sign KEY", step.id),
        );
    }
    Ok(())
}

async fn registrars(client: &Client, found: &mut Found) -> Result<()> {
    let row =
        client.one_row(include_str!("../sql/preflight/registrars.sql"), &[]).await.doing(DOING)?;
    if row.get::<_, i64>("logins") == 0 {
        let what = match row.get("is_there") {
            true => "registrar credentials: no login may register what is found outside",
            false => "registrar credentials: the role birthgate_registrar is not there",
        };
        found.add(Kind::Authority, &["birth"], what, "CREATE ROLE registrar LOGIN; GRANT birthgate_registrar TO registrar (after birthgate init)");
    }
    Ok(())
}

/// Whether something counts the dimensions again is seen by their age alone: neither a daemon nor pg_cron says that it does.
async fn schedule(client: &Client, installed: bool, found: &mut Found) -> Result<()> {
    let is_counted = installed && {
        let dimensions = block::list(client).await?;
        !dimensions.is_empty()
            && dimensions.iter().all(|one| !matches!(one.state.as_str(), "unknown" | "too old"))
    };
    if is_counted {
        return Ok(());
    }
    let (what, clears) = match leader::leads(client).await? {
        true => ("a daemon leads, but not every dimension", "its log, and the page, say why"),
        false => ("no daemon leads, and not every dimension", "birthgate serve"),
    };
    let what = format!("scheduler: {what} is counted in time");
    found.add(Kind::Authority, &["drift"], what, clears);
    Ok(())
}

/// How many approvals of people are on record; `None` where the table is not there, or counting would run code of its owner.
pub async fn count_ospa(client: &Client, ospa: &Ospa) -> Result<Option<i64>> {
    const DOING: &str = "counting human approvals";
    client.batch_execute(include_str!("../sql/preflight/ospa_begin.sql")).await.doing(DOING)?;
    let counted = count_plain(client, ospa).await;
    client.batch_execute("ROLLBACK").await.doing(DOING)?;
    counted
}

async fn count_plain(client: &Client, ospa: &Ospa) -> Result<Option<i64>> {
    let keep = include_str!("../sql/preflight/ospa_keep.sql");
    client.rows(keep, &[&ospa.table]).await.doing("looking for human approvals")?;
    let sql = include_str!("../sql/preflight/ospa.sql");
    let row = client
        .one_row(sql, &[&ospa.table, &ospa.column])
        .await
        .doing("looking for human approvals")?;
    let (Some(table), Some(column)) =
        (row.get::<_, Option<String>>("table"), row.get::<_, Option<String>>("column"))
    else {
        return Ok(None);
    };
    let sql = format!("SELECT count(*) FROM {table} WHERE {column}::text = ANY ($1)");
    Ok(Some(client.one_row(&sql, &[&ospa.humans]).await.doing("counting human approvals")?.get(0)))
}

async fn ospa(client: &Client, ospa: &Ospa, found: &mut Found) -> Result<()> {
    let what = match count_ospa(client, ospa).await? {
        Some(count) if count > 0 => return Ok(()),
        Some(_) => format!(
            "human OSPA: {} holds no approval of a person; governance is capture-only",
            ospa.table
        ),
        None => format!(
            "human OSPA: there is no plain table {} with a column {}; governance is capture-only",
            ospa.table, ospa.column
        ),
    };
    found.add(
        Kind::Authority,
        &["activation"],
        what,
        "a person approves a proposal; birthgate.toml says where: [ospa] table, column, humans",
    );
    Ok(())
}

async fn identities(client: &Client, found: &mut Found) -> Result<()> {
    let undecided =
        client.rows(include_str!("../sql/preflight/undecided.sql"), &[]).await.doing(DOING)?;
    for row in undecided {
        let name: String = row.get(0);
        let orphans = count(client, &name, "orphan").await?;
        if orphans > 0 {
            found.add(
                Kind::Authority,
                &["rp_cleanup"],
                format!("identity decision: {orphans} rows of {name} have no birth"),
                format!("birthgate collection decide {name} --identity own|alias-of=C|excluded|retired --sign KEY"),
            );
        }
    }
    for collection in collection::list(client).await? {
        let phantoms = count(client, &collection.collection_name, "phantom").await?;
        if phantoms > 0 {
            found.add(
                Kind::Authority,
                &["rp_cleanup"],
                format!("{phantoms} births of {} lack their row", collection.collection_name),
                format!(
                    "birthgate registry reconcile {0} names them; birthgate entity retire {0} CODE",
                    collection.collection_name
                ),
            );
        }
        if collection.trust.starts_with("broken") {
            found.add(
                Kind::Engineering,
                &["birth", "apply"],
                format!("the gate of {} is {}", collection.collection_name, collection.trust),
                format!("birthgate collection rearm {}", collection.collection_name),
            );
        }
    }
    Ok(())
}

async fn count(client: &Client, collection: &str, finding: &str) -> Result<i64> {
    let row = client
        .one_row(include_str!("../sql/preflight/orphans.sql"), &[&collection, &finding])
        .await;
    Ok(row.doing(DOING)?.get(0))
}

async fn gate_drift(client: &Client, found: &mut Found) -> Result<()> {
    let drift = drift::look(client).await?;
    if drift.baseline.is_none() {
        found.add(
            Kind::Engineering,
            &["drift"],
            "the gate has no baseline",
            "birthgate drift baseline",
        );
    } else if !drift.differences.is_empty() || !drift.circumstances.is_empty() {
        found.add(
            Kind::Engineering,
            &["drift", "apply"],
            format!("gate drift: {} objects are not as the baseline says", drift.objects()),
            "birthgate drift explain",
        );
    }
    Ok(())
}

async fn dimensions(client: &Client, found: &mut Found) -> Result<()> {
    for one in block::list(client)
        .await?
        .iter()
        .filter(|one| one.state != "within" && !one.blocks.is_empty())
    {
        let blocks: Vec<&str> = one.blocks.iter().map(String::as_str).collect();
        let value = one.value.map_or_else(|| "not counted".to_owned(), |value| value.to_string());
        found.add(
            Kind::Engineering,
            &blocks,
            format!("the dimension {} is {}: {value}, bound {}", one.name, one.state, one.bound),
            match one.state.as_str() {
                "over" => one.description.clone(),
                _ => "birthgate block list --refresh, block scan, drift check".to_owned(),
            },
        );
    }
    Ok(())
}
