//! Events as the library makes them, without a database.

use birthgate::handoff::{Cursor, Event, Mark, Sink, SinkError};
use birthgate_server::sink::SinkConfig;
use std::path::Path;

/// Births with these ids.
pub fn births(ids: std::ops::Range<i64>) -> Vec<Event> {
    ids.map(|id| {
        let mark = Mark { id, hash: format!("{id:016x}") };
        let cursor = Cursor { birth: Some(mark.clone()), change: None };
        let id = format!("birth-{mark}");
        let json = serde_json::json!({ "id": id, "subject": format!("thing/{}", mark.id), "cursor": cursor.to_string() });
        Event { id, kind: "birth", collection: Some("thing.a b".to_owned()), key: None, cursor, json: json.to_string() }
    })
    .collect()
}

/// A sink, as birthgate.toml would have it.
pub fn sink(folder: &Path, config: serde_json::Value) -> Box<dyn Sink> {
    serde_json::from_value::<SinkConfig>(config).unwrap().make(folder)
}

/// The id of the last birth that a sink has.
pub fn last(cursor: Result<Option<Cursor>, SinkError>) -> Option<i64> {
    cursor.unwrap().map(|cursor| cursor.birth.unwrap().id)
}
