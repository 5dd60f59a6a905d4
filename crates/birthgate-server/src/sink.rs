//! The sinks: where births and changes are handed off to.

mod jetstream;
mod ndjson;
mod webhook;

use std::path::Path;

use birthgate::handoff::Sink;
use serde::Deserialize;

pub use jetstream::JetStream;
pub use ndjson::Ndjson;
pub use webhook::Webhook;

/// A sink, as birthgate.toml says it.
#[derive(Clone, Debug, Deserialize)]
pub struct SinkConfig {
    /// Its name: its lock's, and that of its metrics.
    pub name: String,
    /// Whether it is served before governance is active.
    #[serde(default)]
    pub capture: bool,
    /// Which kind it is, and where.
    #[serde(flatten)]
    pub kind: SinkKind,
}

/// Which kind of sink.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SinkKind {
    /// Files of lines of JSON.
    Ndjson(ndjson::Config),
    /// A stream of NATS JetStream.
    Jetstream(jetstream::Config),
    /// An HTTP endpoint.
    Webhook(webhook::Config),
}

impl SinkConfig {
    /// Makes it; relative paths are taken from this folder. Nothing is opened yet.
    pub fn make(&self, folder: &Path) -> Box<dyn Sink> {
        match &self.kind {
            SinkKind::Ndjson(config) => Box::new(Ndjson::new(config.clone(), folder)),
            SinkKind::Jetstream(config) => Box::new(JetStream::new(config.clone(), folder)),
            SinkKind::Webhook(config) => Box::new(Webhook::new(config.clone(), folder)),
        }
    }
}

/// The cursor that a CloudEvent carries.
fn cursor_of(json: &[u8]) -> Option<birthgate::handoff::Cursor> {
    #[derive(Deserialize)]
    struct Carrier {
        cursor: String,
    }
    serde_json::from_slice::<Carrier>(json).ok()?.cursor.parse().ok()
}
