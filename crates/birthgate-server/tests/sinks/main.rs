//! The sinks, with the real things behind them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod consumers;
mod events;
mod jetstream;
mod ndjson;
mod webhook;

#[test]
fn every_file_is_a_module() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sinks");
    let main = std::fs::read_to_string(format!("{folder}/main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(name == "main" || main.contains(&format!("mod {name};")), "{name}.rs is forgotten");
    }
}
