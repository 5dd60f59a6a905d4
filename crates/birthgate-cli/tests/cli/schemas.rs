//! The JSON Schemas in `docs/schemas` are those of the documents that `--format json` prints.

use birthgate::apply::{Applied, Status};
use birthgate::doctor::Finding;
use birthgate::drift::Drift;
use birthgate::evidence_log::Entry;
use birthgate::fingerprint::Fingerprint;
use birthgate::preflight::Preflight;
use birthgate::rehearsal::Rehearsal;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};

#[derive(JsonSchema)]
#[schemars(description = "What `birthgate --format json` prints: one document.")]
#[allow(dead_code)]
struct Document<T> {
    /// The version of this envelope.
    schema: String,
    /// The command.
    command: String,
    /// What it says.
    result: T,
}

fn committed<T: JsonSchema>(command: &str) {
    let generator: SchemaGenerator = SchemaSettings::draft2020_12().for_serialize().into();
    agrees(command, &generator.into_root_schema_for::<Document<T>>());
}

fn agrees(name: &str, schema: &schemars::Schema) {
    let text = serde_json::to_string_pretty(schema).unwrap() + "\n";
    let file = format!("{}/../../docs/schemas/{name}.json", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BIRTHGATE_UPDATE_SCHEMAS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == text, "{file} is not as the code has it: BIRTHGATE_UPDATE_SCHEMAS=1 ./test");
}

#[test]
fn of_an_event() {
    let generator: SchemaGenerator = SchemaSettings::draft2020_12().for_serialize().into();
    let schema = generator.into_root_schema_for::<birthgate::handoff::CloudEvent>();
    agrees("event", &schema);
}

#[test]
fn of_every_document() {
    committed::<Applied>("apply");
    committed::<Status>("status");
    committed::<Preflight>("preflight");
    committed::<Vec<Finding>>("doctor");
    committed::<Drift>("drift-check");
    committed::<Vec<Entry>>("evidence-log");
    committed::<birthgate_cli::HandoffReport>("handoff-status");
    committed::<Rehearsal>("rehearse");
    committed::<Fingerprint>("fingerprint-take");
}
