//! What ROLLBACK does not bring back and others move as well: sequences, slots, prepared transactions,
//! advisory locks. Compared with who moved it, and never part of a fingerprint.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::Client;

use crate::error::{Doing, Result};
use crate::unprepared::Unprepared;

/// Everything of it that can be looked at, by kind and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State(BTreeMap<(String, String), String>);

/// Something that the rehearsal would leave behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Leak {
    /// What, such as `sequence public.thing_id_seq`.
    pub object: String,
    /// What it was, and what it is.
    pub by: String,
    #[serde(skip)]
    pub(crate) sequence: Option<String>,
}

impl State {
    pub async fn take(client: &Client) -> Result<State> {
        let rows = client
            .rows(include_str!("../../sql/rehearsal/state.sql"), &[])
            .await
            .doing("looking at sequences, slots and locks")?;
        Ok(State(
            rows.iter().map(|row| ((row.get("kind"), row.get("name")), row.get("value"))).collect(),
        ))
    }

    /// Whether the position of a sequence is known.
    pub fn sees(&self, sequence: &str) -> bool {
        self.0.contains_key(&("sequence".to_owned(), sequence.to_owned()))
    }

    /// What differs afterwards. A sequence that is new or gone is in the fingerprint.
    pub fn diff(&self, after: &State) -> Vec<Leak> {
        let keys: BTreeSet<&(String, String)> = self.0.keys().chain(after.0.keys()).collect();
        keys.into_iter()
            .filter_map(|key| {
                let (kind, name) = key;
                let (old, new) = (self.0.get(key), after.0.get(key));
                if old == new || kind == "sequence" && (old.is_none() || new.is_none()) {
                    return None;
                }
                let by = match (old, new) {
                    (None, Some(_)) => "is new".to_owned(),
                    (Some(_), None) => "is gone".to_owned(),
                    (old, new) => moved(old.map_or("", |x| x), new.map_or("", |x| x)),
                };
                let sequence = (kind == "sequence").then(|| name.clone());
                Some(Leak { object: format!("{kind} {name}"), by, sequence })
            })
            .collect()
    }
}

fn moved(old: &str, new: &str) -> String {
    match (old.parse::<i128>(), new.parse::<i128>()) {
        (Ok(before), Ok(after)) => format!("moved by {}: {old} to {new}", after - before),
        _ => format!("was {old}, is {new}"),
    }
}
