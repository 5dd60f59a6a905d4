//! Who changed an object of the gate, as far as the DDL guard recorded it. An event trigger does not see everything of a
//! command: DISABLE TRIGGER is an ALTER TABLE without the trigger's name, GRANT names no object, RENAME only the new name.

use std::collections::BTreeSet;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::ddl_guard::{self, DdlEvent, State};
use crate::error::{Error, Result};
use crate::fingerprint::Difference;

/// How many commands are said of one object.
const MOST: usize = 5;

/// What the guard recorded, and what it means where that is nothing.
pub(super) struct Recorded {
    pub events: Vec<DdlEvent>,
    pub unseen: String,
}

/// What was recorded since a time.
pub(super) async fn recorded(client: &Client, since: &str) -> Result<Recorded> {
    let events = match ddl_guard::recent(client, since).await {
        Err(Error::Database { source, .. })
            if source.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) =>
        {
            let unseen =
                "this role may not read what the DDL guard recorded: GRANT birthgate_auditor";
            return Ok(Recorded { events: Vec::new(), unseen: unseen.to_owned() });
        }
        other => other?,
    };
    let unseen = match ddl_guard::state(client).await? {
        State::Absent => "nobody recorded it: the DDL guard is off (birthgate drift guard on)".to_owned(),
        State::Weakened { how } => {
            format!("the DDL guard may have missed it: {} (birthgate drift guard on)", how.join("; "))
        }
        State::Stands => "it was done in a way that event triggers do not see: a superuser's write to a catalog, REASSIGN OWNED, a role or its membership, ALTER SYSTEM or ROLE or DATABASE … SET, an event trigger itself, rows, or with event_triggers off or birthgate.ddl_event locked".to_owned(),
    };
    Ok(Recorded { events, unseen })
}

/// The commands that may have done it, in words, the newest first. One that came before the gate was last found good is said
/// only where there is no other: its transaction may have ended later.
pub(super) fn of(
    object: &str,
    differences: &[Difference],
    events: &[DdlEvent],
    known: &BTreeSet<String>,
) -> Vec<String> {
    let object = Object::of(object, differences);
    let may_be = |event: &&DdlEvent| object.may_be_of(event, known);
    let mut told: Vec<String> = Vec::new();
    for event in events.iter().filter(|event| event.since_seen).filter(may_be) {
        let words = event.to_string();
        if !told.contains(&words) {
            told.push(words);
        }
    }
    if told.is_empty() {
        let before = events.iter().filter(|event| !event.since_seen).find(may_be);
        told.extend(before.map(|event| {
            format!(
                "{event}, before the gate was last found good: its transaction may have ended later"
            )
        }));
    }
    told.truncate(MOST);
    told
}

/// What differs, as the guard would name it.
struct Object<'a> {
    kind: &'a str,
    name: &'a str,
    /// What it stands on.
    table: Option<&'a str>,
    /// Its attributes that differ.
    attributes: Vec<&'a str>,
    is_gone: bool,
}

impl<'a> Object<'a> {
    fn of(object: &'a str, differences: &'a [Difference]) -> Object<'a> {
        let of_it = || differences.iter().filter(|one| one.object == object);
        let words = object.strip_prefix("written ").unwrap_or(object);
        let kind = ["event trigger", "default privileges", "materialized view", "foreign table"]
            .into_iter()
            .find(|kind| words.starts_with(kind))
            .or_else(|| words.split(' ').next())
            .unwrap_or_default();
        let name = words.get(kind.len()..).unwrap_or_default().trim_start();
        let stands = matches!(kind, "trigger" | "constraint" | "rule" | "policy");
        Object {
            kind,
            name,
            table: name.rsplit_once(" on ").filter(|_| stands).map(|(_, table)| table),
            attributes: of_it().filter_map(|one| one.attribute.as_deref()).collect(),
            is_gone: of_it().any(|one| one.attribute.is_none() && one.after.is_none()),
        }
    }

    fn may_be_of(&self, event: &DdlEvent, known: &BTreeSet<String>) -> bool {
        let object_type = event.object_type.as_deref().unwrap_or_default();
        let Some(identity) = &event.object else { return self.may_be_of_tag(event, object_type) };
        // A function's arguments are written otherwise there.
        if let "function" | "procedure" | "aggregate" = self.kind {
            let bare = |name: &str| name.split('(').next().map(str::to_owned);
            if bare(identity) == bare(self.name) && identity.contains('(') {
                return true;
            }
        }
        let table = self.table.unwrap_or(self.name);
        let inside = |outer: &str, name: &str| {
            name.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'))
        };
        let renamed_here = || {
            let was_there = |kind: &str| known.contains(&format!("{kind} {identity}"));
            self.is_gone
                && event.tag.starts_with("ALTER ")
                && (object_type == self.kind || object_type == "table" && self.table.is_some())
                && !was_there(object_type)
        };
        match object_type {
            "schema" => {
                (self.kind == "schema" && *identity == self.name) || inside(identity, table)
            }
            "table column" => event.tag == "ALTER TABLE" && inside(table, identity),
            "event trigger" if self.kind != "event trigger" => false,
            _ => *identity == self.name || self.table == Some(identity) || renamed_here(),
        }
    }

    /// By the command alone.
    fn may_be_of_tag(&self, event: &DdlEvent, object_type: &str) -> bool {
        let grantable = match self.kind {
            "view" | "materialized view" | "foreign table" | "table" | "sequence" => {
                ["TABLE", "SEQUENCE"].contains(&object_type)
            }
            "function" | "procedure" | "aggregate" => {
                ["FUNCTION", "PROCEDURE", "ROUTINE"].contains(&object_type)
            }
            kind => kind.eq_ignore_ascii_case(object_type),
        };
        let differs =
            |attribute: &str| self.attributes.iter().any(|one| one.starts_with(attribute));
        match event.tag.as_str() {
            "GRANT" | "REVOKE" => differs("acl") && grantable,
            "ALTER DEFAULT PRIVILEGES" => self.kind == "default privileges",
            "DROP OWNED" => differs("acl"),
            _ => event.more.is_some() && self.is_gone,
        }
    }
}
