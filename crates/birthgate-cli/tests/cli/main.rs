//! The commands, run as a user runs them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod commands;
mod demo;
mod directus;
mod doctor;
mod environment;
mod guide;
mod handoff;
mod help;
mod install;
mod interrupt;
mod options;
mod owner_gated;
mod reference;
mod run;
mod schemas;
mod serve;
mod streams;
mod tls;
mod uninstall;

#[test]
fn every_file_is_a_module() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli");
    let main = std::fs::read_to_string(format!("{folder}/main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_module =
            path.extension().is_some_and(|extension| extension == "rs") && name != "main";
        assert!(!is_module || main.contains(&format!("mod {name};")), "{name}.rs is forgotten");
    }
}
