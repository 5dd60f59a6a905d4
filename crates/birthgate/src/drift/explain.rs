//! What a drift means: the likely cause of each difference, who did it where that was recorded, and what brings the object
//! back.

use std::collections::BTreeSet;

use serde::Serialize;
use tokio_postgres::Client;

use super::{Drift, kept, seen};
use crate::error::{Doing, Result};
use crate::fingerprint::Difference;
use crate::unprepared::Unprepared;

/// A drift with everything that is known of it.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// When the gate was last found to be as the baseline says: it changed after that.
    pub after: String,
    /// Who could have changed it.
    pub who_could: Vec<String>,
    /// What it means that of some object nothing was recorded; `None` when something was of each.
    pub unseen: Option<String>,
    /// The differences.
    pub findings: Vec<Finding>,
}

/// One object that differs.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The object.
    pub object: String,
    /// What differs, in words.
    pub what: Vec<String>,
    /// What probably did it.
    pub cause: String,
    /// What brings it back.
    pub restore: String,
    /// What the DDL guard recorded that may have done it, the newest first: the command, by whom, when.
    pub seen: Vec<String>,
}

/// A kind of cause.
struct Rule {
    holds: fn(&Difference, &Drift) -> bool,
    cause: &'static str,
    /// `{object}`, `{name}`, `{table}` are the object's, `{before}` what the attribute was.
    restore: &'static str,
}

/// Whether the difference is of this attribute of an object of that kind.
fn of(one: &Difference, kind: &str, attribute: &str) -> bool {
    one.object.starts_with(kind) && one.attribute.as_deref() == Some(attribute)
}

fn is_new(one: &Difference, kind: &str) -> bool {
    one.object.starts_with(kind) && one.attribute.is_none() && one.before.is_none()
}

fn is_gone(one: &Difference, kind: &str) -> bool {
    one.object.starts_with(kind) && one.attribute.is_none() && one.after.is_none()
}

fn became_ordinary(one: &Difference) -> bool {
    of(one, "trigger ", "enabled")
        && one.before.as_deref() == Some("always")
        && one.after.as_deref() == Some("yes")
}

fn circumstance(drift: &Drift, words: &str) -> bool {
    drift.circumstances.iter().any(|what| what.contains(words))
}

/// Whether several triggers of the table went the same way.
fn with_others_of_its_table(one: &Difference, drift: &Drift) -> bool {
    let table =
        |one: &Difference| one.object.rsplit_once(" on ").map(|(_, table)| table.to_owned());
    let same = |other: &&Difference| became_ordinary(other) && table(other) == table(one);
    drift.differences.iter().filter(same).count() > 1
}

/// The first that holds is said.
const RULES: &[Rule] = &[
    Rule {
        holds: |one, drift| one.object.starts_with("written ") && circumstance(drift, "PostgreSQL"),
        cause: "pg_upgrade wrote the catalogs anew",
        restore: "look at the rest, and take it over: birthgate drift rebase",
    },
    Rule {
        holds: |one, drift| {
            one.object.starts_with("written ")
                && (circumstance(drift, "another life") || circumstance(drift, "is a copy"))
        },
        cause: "the database was restored or copied, or a gate was set again",
        restore: "look at the rest, and take it over: birthgate drift rebase",
    },
    Rule {
        holds: |one, drift| became_ordinary(one) && with_others_of_its_table(one, drift),
        cause: "ALTER TABLE … ENABLE TRIGGER ALL or USER, or pg_restore --disable-triggers: they make ordinary triggers of ours",
        restore: "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name} (or birthgate collection rearm); then: birthgate registry reconcile",
    },
    Rule {
        holds: |one, _| of(one, "trigger ", "enabled") && one.after.as_deref() == Some("no"),
        cause: "ALTER TABLE … DISABLE TRIGGER: rows may have been written past the gate since",
        restore: "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}; then: birthgate registry reconcile",
    },
    Rule {
        holds: |one, _| of(one, "trigger ", "enabled"),
        cause: "ALTER TABLE … ENABLE TRIGGER, or CREATE OR REPLACE TRIGGER, which resets it: it no longer fires for everybody",
        restore: "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}; then: birthgate registry reconcile",
    },
    Rule {
        holds: |one, _| one.object.starts_with("trigger \"RI_FKey_"),
        cause: "a foreign key of this table or onto it came, went, was renamed or switched",
        restore: "make the foreign key as it was, or take it over: birthgate drift accept",
    },
    Rule {
        holds: |one, _| is_gone(one, "trigger "),
        cause: "DROP TRIGGER, or DROP FUNCTION … CASCADE",
        restore: "birthgate collection rearm COLLECTION; then: birthgate registry reconcile",
    },
    Rule {
        holds: |one, _| is_new(one, "trigger "),
        cause: "CREATE TRIGGER: it may change rows before the gate sees them, or keep them from it",
        restore: "DROP TRIGGER {name} ON {table}",
    },
    Rule {
        holds: |one, _| of(one, "trigger ", "definition"),
        cause: "CREATE OR REPLACE TRIGGER, or an UPDATE of pg_trigger by a superuser",
        restore: "birthgate collection rearm COLLECTION; then: birthgate registry reconcile",
    },
    Rule {
        holds: |one, _| of(one, "written ", "by transaction"),
        cause: "the trigger was written since: switched off and on again, or replaced by the same",
        restore: "birthgate registry reconcile shows whether rows passed; then take it over: birthgate drift accept",
    },
    Rule {
        holds: |one, _| one.object.starts_with("written "),
        cause: "its trigger came or went",
        restore: "see the trigger itself",
    },
    Rule {
        holds: |one, _| is_new(one, "function pg_catalog."),
        cause: "CREATE FUNCTION in pg_catalog: the gate's own functions may call it instead of the built-in one",
        restore: "DROP FUNCTION {name}",
    },
    Rule {
        holds: |one, _| one.object.starts_with("built-in "),
        cause: "a write of a superuser to what is built in, or CREATE OPERATOR or CAST for it: the gate's own code means something else",
        restore: "make what is built in as on another server of this version; or take it over: birthgate drift accept",
    },
    Rule {
        holds: |one, _| of(one, "function ", "source") || of(one, "function ", "body"),
        cause: "CREATE OR REPLACE FUNCTION, or an UPDATE of pg_proc by a superuser",
        restore: "birthgate init writes Birthgate's own functions again; others from their source",
    },
    Rule {
        holds: |one, _| {
            of(one, "function ", "settings") || of(one, "function ", "security definer")
        },
        cause: "ALTER FUNCTION",
        restore: "birthgate init writes Birthgate's own functions again",
    },
    Rule {
        holds: |one, _| one.attribute.as_deref() == Some("owner"),
        cause: "ALTER … OWNER TO, or a restore with --no-owner",
        restore: "ALTER {object} OWNER TO {before}",
    },
    Rule {
        holds: |one, _| one.attribute.as_deref() == Some("acl"),
        cause: "GRANT or REVOKE",
        restore: "GRANT or REVOKE on {object} until it is again: {before}",
    },
    Rule {
        holds: |one, _| of(one, "role ", "acts as"),
        cause: "GRANT or REVOKE of a role",
        restore: "REVOKE from {name} what is too much; it acted as: {before}",
    },
    Rule {
        holds: |one, _| is_new(one, "role "),
        cause: "CREATE ROLE, ALTER ROLE or GRANT gave a role power over the gate",
        restore: "take it from {name}, or take it over: birthgate drift accept",
    },
    Rule {
        holds: |one, _| one.object.starts_with("role "),
        cause: "ALTER ROLE",
        restore: "ALTER ROLE {name} back; it was: {before}",
    },
    Rule {
        holds: |one, _| {
            ["settings ", "setting ", "parameter "].iter().any(|kind| one.object.starts_with(kind))
        },
        cause: "ALTER ROLE or DATABASE … SET, ALTER SYSTEM, or GRANT SET ON PARAMETER",
        restore: "RESET or REVOKE it ({object}); it was: {before}",
    },
    Rule {
        holds: |one, _| is_new(one, "rule "),
        cause: "CREATE RULE: writes may go elsewhere",
        restore: "DROP RULE {name} ON {table}",
    },
    Rule {
        holds: |one, _| is_new(one, "policy "),
        cause: "CREATE POLICY: its expressions run with the rows",
        restore: "DROP POLICY {name} ON {table}",
    },
    Rule {
        holds: |one, _| of(one, "table ", "row security"),
        cause: "ALTER TABLE … ROW LEVEL SECURITY: it hides rows from who counts them",
        restore: "ALTER {object} DISABLE ROW LEVEL SECURITY, or as it was: {before}",
    },
    Rule {
        holds: |one, _| of(one, "table ", "persistence"),
        cause: "ALTER TABLE … SET UNLOGGED: a crash empties it",
        restore: "ALTER {object} SET LOGGED",
    },
    Rule {
        holds: |one, _| is_gone(one, "table "),
        cause: "the table was dropped, renamed or moved: the gate stands elsewhere, or nowhere",
        restore: "rename it back, or: birthgate collection rearm COLLECTION",
    },
    Rule {
        holds: |one, _| is_new(one, "table "),
        cause: "a partition, a child or another table came to stand in the gate: its rows may not be gated",
        restore: "birthgate collection rearm COLLECTION, or take it over: birthgate drift accept",
    },
    Rule {
        holds: |one, _| is_new(one, "subscription "),
        cause: "CREATE or ALTER SUBSCRIPTION: rows come past the statement form of the gate",
        restore: "take {table} out of the subscription {name}, or take it over: birthgate drift accept",
    },
    Rule {
        holds: |one, _| one.object == "dimension gate_drift",
        cause: "block dimension, or a write as birthgate_owner: drift blocks something else, or from another bound on",
        restore: "set {name} back to: {before}; or take it over: birthgate drift accept",
    },
    Rule {
        holds: |one, _| one.object.starts_with("event trigger birthgate_ddl_"),
        cause: "DROP or ALTER EVENT TRIGGER, or DROP FUNCTION … CASCADE: the DDL guard no longer records who changes the schema",
        restore: "birthgate drift guard on",
    },
    Rule {
        holds: |one, _| one.object.starts_with("event trigger "),
        cause: "CREATE, ALTER or DROP EVENT TRIGGER",
        restore: "make {object} as it was ({before}), or take it over: birthgate drift accept",
    },
    Rule {
        holds: |one, _| one.object.starts_with("collection "),
        cause: "collection govern, rearm or rule, or a write as birthgate_owner",
        restore: "set {name} back to: {before}; or take it over: birthgate drift accept",
    },
];

/// Says of each difference what it means.
pub async fn explain(client: &Client, drift: &Drift) -> Result<Explained> {
    let rows = client.rows(include_str!("../../sql/drift/who_could.sql"), &[]).await;
    let mut objects: Vec<&str> = Vec::new();
    for one in &drift.differences {
        if !objects.contains(&one.object.as_str()) {
            objects.push(&one.object);
        }
    }
    let who_could =
        rows.doing("asking who could have")?.iter().map(|row| row.get(0)).collect::<Vec<String>>();
    let taken_at = drift.baseline.as_ref().map(|baseline| baseline.taken_at.as_str());
    let recorded = seen::recorded(client, taken_at.unwrap_or("infinity")).await?;
    let known: BTreeSet<String> = kept(client).await?.fingerprint.objects.into_keys().collect();
    let findings: Vec<Finding> = objects
        .into_iter()
        .map(|object| Finding {
            seen: seen::of(object, &drift.differences, &recorded.events, &known),
            ..finding(object, drift)
        })
        .collect();
    let is_unseen = findings.iter().any(|finding| finding.seen.is_empty());
    Ok(Explained {
        after: drift.baseline.as_ref().map(|baseline| baseline.seen_at.clone()).unwrap_or_default(),
        who_could,
        unseen: is_unseen.then_some(recorded.unseen),
        findings,
    })
}

/// What the differences of one object come to: the first rule that holds for one of them says it.
fn finding(object: &str, drift: &Drift) -> Finding {
    let of_it: Vec<&Difference> =
        drift.differences.iter().filter(|one| one.object == object).collect();
    let holds = |rule: &'static Rule| {
        of_it.iter().find(|one| (rule.holds)(one, drift)).map(|one| (rule, *one))
    };
    let (cause, restore, one) = match RULES.iter().find_map(holds) {
        Some((rule, one)) => (rule.cause, rule.restore, Some(one)),
        None => (
            "a change of the schema",
            "bring {object} back, or take it over: birthgate drift accept",
            of_it.first().copied(),
        ),
    };
    let bare = object.split_once(' ').map_or("", |(_, bare)| bare);
    let (name, table) = bare.rsplit_once(" on ").unwrap_or((bare, ""));
    let before = one.and_then(|one| one.before.as_deref()).unwrap_or("nothing");
    Finding {
        object: object.to_owned(),
        what: of_it.iter().map(ToString::to_string).collect(),
        cause: cause.to_owned(),
        restore: restore
            .replace("{object}", object)
            .replace("{name}", name)
            .replace("{table}", table)
            .replace("{before}", before),
        seen: Vec::new(),
    }
}
