//! The server for agents, spoken to by a client that is not ours, and by nobody's.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

mod client;
mod estate;
mod hostile;
mod http;
mod rehearsals;
mod roles;
mod tools;

/// Longer than anything here takes; only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}: it did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn every_file_is_a_module() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mcp");
    let main = std::fs::read_to_string(format!("{folder}/main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_module =
            path.extension().is_some_and(|extension| extension == "rs") && name != "main";
        assert!(!is_module || main.contains(&format!("mod {name};")), "{name}.rs is forgotten");
    }
}
