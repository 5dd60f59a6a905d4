//! The product in the database, on a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod admission;
mod admit_many;
mod adoption;
mod apply;
mod approval;
mod bypass;
mod catalogs;
mod clones;
mod columns;
mod confined;
mod crash;
mod ddl_guard;
mod decision;
mod dice;
mod doctor;
mod drift;
mod effects;
mod estate;
mod evidence;
mod fingerprint;
mod gate;
mod govern;
mod handoff;
mod hostile;
mod key_change;
mod ladder;
mod leader;
mod life;
mod minors;
mod owners;
mod ownership;
mod partition;
mod permit;
mod plan;
mod pooler;
mod preflight;
mod protocol;
mod reconcile;
mod refusal;
mod rehearsal;
mod replication;
mod rows;
mod scale;
mod schema;
mod shapes;
mod signed;
mod signed_code;
mod storm;
mod tampers;
mod tracker;
mod twin;
mod walls;

#[test]
fn every_file_is_a_module() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/database");
    let main = std::fs::read_to_string(format!("{folder}/main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_module =
            path.extension().is_some_and(|extension| extension == "rs") && name != "main";
        assert!(!is_module || main.contains(&format!("mod {name};")), "{name}.rs is forgotten");
    }
}
