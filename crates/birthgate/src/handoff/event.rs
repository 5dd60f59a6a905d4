//! An event, as CloudEvents 1.0 has it (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>). Its id is made
//! of what never changes of its row, so that it is the same whenever and wherever it is delivered again.

use std::time::SystemTime;

use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_postgres::Row;

use super::cursor::{Cursor, Mark};
use crate::error::{Error, Result};

/// An event.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CloudEvent<'a> {
    /// `1.0`.
    pub specversion: &'a str,
    /// `birth-` or `change-`, the row's id, and a hash of what never changes of it. Twice the same id is twice the same event.
    pub id: &'a str,
    /// Which database, as its configuration calls it: a URI.
    pub source: &'a str,
    /// `birthgate.birth.v1` or `birthgate.change.v1`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// `collection/entity code`: of one such, events come in order. Absent for what is about no single entity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// When it happened (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<&'a str>,
    /// `application/json`.
    pub datacontenttype: &'a str,
    /// Same as `subject`; the extension by which partitions are chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitionkey: Option<&'a str>,
    /// `capture_only` until a person has approved, then `active`; as of the delivery.
    pub activation: &'a str,
    /// How far the sink had come with it. Not the same in every delivery.
    pub cursor: &'a str,
    /// What happened.
    pub data: Data<'a>,
}

/// What happened.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Data<'a> {
    /// An entity was born.
    Birth(BirthData<'a>),
    /// Something happened to one, or to a collection.
    Change(ChangeData<'a>),
}

/// An entity was born.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BirthData<'a> {
    /// The birth's id in the registry.
    pub birth_id: i64,
    /// Its collection; null where the registry has none.
    pub collection_name: Option<&'a str>,
    /// Its code.
    pub entity_code: Option<&'a str>,
    /// `permit`, `legacy`, `backfill` or `decision`.
    pub origin: Option<&'a str>,
    /// The permit that it was born under.
    pub permit_id: Option<i64>,
}

/// Something happened to an entity, or to a collection.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ChangeData<'a> {
    /// The change's id in the changelog.
    pub change_id: i64,
    /// Its collection.
    pub collection_name: Option<&'a str>,
    /// Whose change; null where it is the collection's.
    pub entity_code: Option<&'a str>,
    /// `retire`, `rename`, `discard`, `decided …`, or what an adopted changelog says.
    pub action: Option<&'a str>,
    /// The permit that it was made under.
    pub permit_id: Option<i64>,
    /// The login.
    pub changed_by: Option<&'a str>,
}

/// An event that is ready to be delivered.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// `birth` or `change`.
    pub kind: &'static str,
    /// Its collection.
    pub collection: Option<String>,
    /// What decides its partition, where there are some.
    pub key: Option<String>,
    /// How far a sink has come that has it and everything before.
    pub cursor: Cursor,
    /// The CloudEvent: one line of JSON, without the line's end.
    pub json: String,
}

/// What the events of a run have in common.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub source: String,
    pub activation: &'static str,
}

/// A row of one of the two tables.
pub(crate) struct Happened<'r> {
    row: &'r Row,
    is_birth: bool,
    id: i64,
    at: Option<SystemTime>,
}

impl<'r> Happened<'r> {
    /// A row of births.sql.
    pub fn birth(row: &'r Row) -> Happened<'r> {
        Happened { row, is_birth: true, id: row.get("id"), at: row.get("at") }
    }

    /// A row of changes.sql.
    pub fn change(row: &'r Row) -> Happened<'r> {
        Happened { row, is_birth: false, id: row.get("id"), at: row.get("at") }
    }

    fn text(&self, column: &str) -> Option<&'r str> {
        self.row.get(column)
    }

    /// Its time, where it can be written as RFC 3339.
    fn time(&self) -> Option<String> {
        let since = self.at?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        const YEAR_10000: u64 = 253_402_300_800;
        (since.as_secs() < YEAR_10000)
            .then(|| humantime::format_rfc3339_micros(SystemTime::UNIX_EPOCH + since).to_string())
    }

    /// The row, and a hash of what never changes of it.
    pub fn mark(&self) -> Mark {
        // PostgreSQL's times are microseconds in 64 bits.
        let at = self.at.map(|at| match at.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => since.as_micros() as i64,
            Err(before) => -(before.duration().as_micros() as i64),
        });
        let what = if self.is_birth { "origin" } else { "action" };
        let content = serde_json::json!([
            self.is_birth,
            self.id,
            self.text("collection_name"),
            self.text("entity_code"),
            self.text(what),
            self.row.get::<_, Option<i64>>("permit_id"),
            at,
        ]);
        let digest = Sha256::digest(content.to_string());
        let hash = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Mark { id: self.id, hash }
    }

    /// The event that a sink gets which has everything before this cursor.
    pub fn event(&self, before: &Cursor, envelope: &Envelope) -> Result<Event> {
        let mark = self.mark();
        let (collection, code) = (self.text("collection_name"), self.text("entity_code"));
        let permit_id = self.row.get("permit_id");
        let mut cursor = before.clone();
        let (kind, kind_v1, data) = if self.is_birth {
            let data = BirthData {
                birth_id: self.id,
                collection_name: collection,
                entity_code: code,
                origin: self.text("origin"),
                permit_id,
            };
            cursor.birth = Some(mark.clone());
            ("birth", "birthgate.birth.v1", Data::Birth(data))
        } else {
            let data = ChangeData {
                change_id: self.id,
                collection_name: collection,
                entity_code: code,
                action: self.text("action"),
                permit_id,
                changed_by: self.text("changed_by"),
            };
            cursor.change = Some(mark.clone());
            ("change", "birthgate.change.v1", Data::Change(data))
        };
        let key = code.map(|code| format!("{}/{code}", collection.unwrap_or_default()));
        let id = format!("{kind}-{mark}");
        let time = self.time();
        let said = CloudEvent {
            specversion: "1.0",
            id: &id,
            source: &envelope.source,
            kind: kind_v1,
            subject: key.as_deref(),
            time: time.as_deref(),
            datacontenttype: "application/json",
            partitionkey: key.as_deref(),
            activation: envelope.activation,
            cursor: &cursor.to_string(),
            data,
        };
        let json = serde_json::to_string(&said)
            .map_err(|error| Error::Unexpected(format!("an event is no JSON: {error}")))?;
        Ok(Event { id, kind, collection: collection.map(str::to_owned), key, cursor, json })
    }
}
