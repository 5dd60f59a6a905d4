//! The page, over real HTTP and with a real database.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod approvals;
mod browser;
mod estate;
mod guide;
mod http;
mod live;
mod views;

#[test]
fn every_file_is_a_module() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page");
    let main = std::fs::read_to_string(format!("{folder}/main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        assert!(
            !is_rust || name == "main" || main.contains(&format!("mod {name};")),
            "{name}.rs is forgotten"
        );
    }
}
