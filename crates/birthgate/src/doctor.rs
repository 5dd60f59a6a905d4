//! What a database lacks for what Birthgate can do there, found by looking; each with what mends it. Needs nothing installed, and
//! leaves nothing.

mod alike;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::{Client, Row};

use crate::error::{Doing, Result};
use crate::private_server::SUPPORTED;
use crate::unprepared::Unprepared;
use crate::{block, collection, ddl_guard, drift, evidence_log, leader, schema};

pub use alike::{Private, try_out};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Rehearse a change of the schema.
    Rehearse,
    /// Govern tables.
    Govern,
    /// Sign a change and apply it.
    Apply,
    /// Know when the gate is weakened.
    Watch,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    /// It is as it has to be.
    Good,
    /// It works, but for what is said.
    Limited,
    /// The purpose is not to be had like this.
    Lacking,
    /// It was not begun: nothing is wrong with it.
    Absent,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// What it is needed for.
    pub purpose: Purpose,
    /// What was found.
    pub found: Found,
    /// What it is, in a line.
    pub what: String,
    /// What mends it, or begins it.
    pub mend: Option<String>,
}

/// The findings, in order.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds what is as it has to be.
    pub fn good(&mut self, purpose: Purpose, what: impl Into<String>) {
        self.0.push(Finding { purpose, found: Found::Good, what: what.into(), mend: None });
    }

    /// Adds what is not.
    pub fn add(
        &mut self,
        purpose: Purpose,
        found: Found,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.0.push(Finding { purpose, found, what: what.into(), mend: Some(mend.into()) });
    }
}

/// What the database is, for whoever has to look beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its major version.
    pub major: u32,
}

/// Looks at the database.
pub async fn look(client: &Client, findings: &mut Findings) -> Result<Server> {
    let row = client
        .one_row(include_str!("../sql/doctor/login.sql"), &[])
        .await
        .doing("looking at the login and the server")?;
    let server = Server { major: u32::try_from(row.get::<_, i32>("major")).unwrap_or(0) };
    rehearse(&row, &server, findings);
    let installed = schema::installed_version(client).await?;
    install(&row, installed, findings);
    if installed.is_some_and(|found| found <= schema::VERSION) {
        collections(client, findings).await?;
        apply(client, findings).await?;
        watch(client, &row, findings).await?;
    }
    Ok(server)
}

fn rehearse(row: &Row, server: &Server, findings: &mut Findings) {
    use Found::{Lacking, Limited};
    use Purpose::Rehearse;
    let (version, login): (String, String) = (row.get("version"), row.get("login"));
    let database: String = row.get("database");
    let who = format!("PostgreSQL {version}, database {database}, as {login}");
    if SUPPORTED.contains(&server.major) {
        findings.good(Rehearse, who);
    } else {
        findings.add(Rehearse, Lacking, who, "Birthgate works with PostgreSQL 14 to 18");
    }
    if row.get("standby") {
        let mend = "connect to the primary: host=one,two target_session_attrs=read-write";
        findings.add(Rehearse, Lacking, "this server is a standby", mend);
    }
    if row.get("superuser") {
        findings.add(
            Rehearse,
            Limited,
            "this login is a superuser: PostgreSQL holds it back from nothing that a script does",
            "rehearse as a role that owns the tables and no more",
        );
    }
    if !row.get::<_, bool>("makes_temporary") {
        findings.add(
            Rehearse,
            Limited,
            "this login makes no temporary tables: what is rehearsed on clones stays in the sandbox",
            format!("GRANT TEMPORARY ON DATABASE {database} TO {login}"),
        );
    }
    if row.get("sees_sessions") {
        findings.good(Rehearse, "it sees whom a rehearsal keeps waiting");
    } else {
        findings.add(
            Rehearse,
            Limited,
            "it does not see who other sessions are",
            format!("GRANT pg_read_all_stats TO {login}"),
        );
    }
    let unreadable: Vec<String> = row.get("unreadable");
    if !unreadable.is_empty() {
        findings.add(
            Rehearse,
            Limited,
            format!("it cannot read {}: the sandbox cannot copy their rows", some(&unreadable)),
            format!("GRANT SELECT ON {} TO {login}", unreadable[0]),
        );
    }
}

fn install(row: &Row, installed: Option<i32>, findings: &mut Findings) {
    use Found::{Absent, Lacking};
    use Purpose::Govern;
    match installed {
        Some(version) if version == schema::VERSION => {
            findings.good(Govern, format!("Birthgate is installed, version {version}"));
        }
        Some(version) if version > schema::VERSION => findings.add(
            Govern,
            Lacking,
            format!(
                "the installed version {version} is newer than this program's {}",
                schema::VERSION
            ),
            "use the newer birthgate",
        ),
        Some(version) => findings.add(
            Govern,
            Found::Limited,
            format!("the installed version is {version}; this program brings {}", schema::VERSION),
            "birthgate init",
        ),
        None => {
            findings.add(Govern, Absent, "Birthgate is not installed here", "birthgate init");
            for (may, what) in [
                ("makes_schemas", "make a schema: CREATE on the database"),
                ("makes_roles", "make roles: CREATEROLE"),
            ] {
                if !row.get::<_, bool>(may) {
                    findings.add(
                        Govern,
                        Lacking,
                        format!("this login may not {what}; init needs it"),
                        "run init as the database's owner with CREATEROLE, or have a DBA run what `birthgate init --packet DIR` writes",
                    );
                }
            }
        }
    }
}

async fn collections(client: &Client, findings: &mut Findings) -> Result<()> {
    use Purpose::Govern;
    let all = collection::list(client).await?;
    if all.is_empty() {
        let mend = "birthgate collection govern public.TABLE --code COLUMN --mode observe";
        findings.add(Govern, Found::Absent, "no table is governed", mend);
    }
    let (listed, gated): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.mode == "listed");
    if !listed.is_empty() {
        let names: Vec<String> = listed.into_iter().map(|one| one.collection_name).collect();
        let what = format!("listed, without a gate: {}", some(&names));
        let mend = "birthgate collection govern TABLE --code COLUMN --mode observe";
        findings.add(Govern, Found::Absent, what, mend);
    }
    for one in gated {
        let (name, mode) = (&one.collection_name, one.mode.as_str());
        match mode {
            "enforce" if one.trust.starts_with("enforced") => {
                findings.good(Govern, format!("{name}: enforced"));
            }
            "enforce" => findings.add(
                Govern,
                Found::Limited,
                format!("{name}: {}", one.trust),
                "give the table to a role that the application is not",
            ),
            "disarmed" => findings.add(
                Govern,
                Found::Lacking,
                format!("{name} is disarmed"),
                format!("birthgate collection rearm {name}"),
            ),
            _ => findings.add(
                Govern,
                Found::Limited,
                format!("{name}: {mode}, so nothing is refused"),
                format!("birthgate collection rearm {name} --mode enforce"),
            ),
        }
    }
    Ok(())
}

async fn apply(client: &Client, findings: &mut Findings) -> Result<()> {
    use Purpose::Apply;
    let entries = match evidence_log::entries(client, 0, None).await {
        Ok(entries) => entries,
        Err(error) => {
            let what = format!("the evidence log cannot be read: {error}");
            findings.add(Apply, Found::Lacking, what, "GRANT birthgate_auditor to this login");
            return Ok(());
        }
    };
    let flaws = evidence_log::verify(&entries);
    match flaws.first() {
        Some(flaw) => findings.add(
            Apply,
            Found::Lacking,
            format!("the evidence log is not as it was written: {flaw}"),
            "compare it with the newest export: birthgate evidence verify --log",
        ),
        None => findings.good(Apply, format!("the evidence log's {} entries hold", entries.len())),
    }
    Ok(())
}

async fn watch(client: &Client, row: &Row, findings: &mut Findings) -> Result<()> {
    use Found::{Absent, Lacking, Limited};
    use Purpose::Watch;
    match drift::baseline(client).await? {
        Some(baseline) => {
            findings.good(Watch, format!("the gate has a baseline of {}", baseline.taken_at))
        }
        None => findings.add(Watch, Absent, "the gate has no baseline", "birthgate drift baseline"),
    }
    match ddl_guard::state(client).await? {
        ddl_guard::State::Stands if row.get("event_triggers_off") => findings.add(
            Watch,
            Lacking,
            "event_triggers is off: the DDL guard sees nothing",
            "ALTER SYSTEM RESET event_triggers",
        ),
        ddl_guard::State::Stands => findings.good(Watch, "the DDL guard stands"),
        ddl_guard::State::Weakened { how } => findings.add(
            Watch,
            Lacking,
            format!("the DDL guard is weakened: {}", how.join("; ")),
            "birthgate drift guard on",
        ),
        ddl_guard::State::Absent if row.get("superuser") => findings.add(
            Watch,
            Absent,
            "there is no DDL guard: nobody says who changed the schema",
            "birthgate drift guard on",
        ),
        ddl_guard::State::Absent => findings.add(
            Watch,
            Limited,
            "there is no DDL guard, and this login may not make event triggers: drift is found by looking alone",
            "a superuser can: birthgate drift guard on",
        ),
    }
    if leader::leads(client).await? {
        findings.good(Watch, "a daemon leads");
    } else {
        let mend = "birthgate serve; or birthgate block grace DIMENSION none, where something else observes";
        findings.add(Watch, Absent, "no daemon leads: nobody observes the dimensions", mend);
    }
    let stale: Vec<String> = block::list(client)
        .await?
        .into_iter()
        .filter(|one| ["unknown", "too old"].contains(&one.state.as_str()))
        .map(|one| format!("{} ({})", one.name, one.state))
        .collect();
    if !stale.is_empty() {
        let what = format!("dimensions that block since nobody looked: {}", stale.join(", "));
        findings.add(Watch, Limited, what, "birthgate block list --refresh");
    }
    if !row.get::<_, bool>("acts_as_owner") {
        findings.add(
            Watch,
            Limited,
            "this login does not act as birthgate_owner: it cannot store whether the gate has drifted",
            "GRANT birthgate_owner TO the daemon's login",
        );
    }
    let prepared: Vec<String> = row.get("prepared");
    if !prepared.is_empty() {
        findings.add(
            Watch,
            Limited,
            format!("transactions prepared long ago hold up the handoff: {}", some(&prepared)),
            format!("ROLLBACK PREPARED '{}', or COMMIT PREPARED", prepared[0]),
        );
    }
    Ok(())
}

/// The first three, and that there are more.
fn some(names: &[String]) -> String {
    let shown = names[..names.len().min(3)].join(", ");
    if names.len() > 3 { format!("{shown} and more") } else { shown }
}
