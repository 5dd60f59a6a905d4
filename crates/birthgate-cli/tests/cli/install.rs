//! What it takes to build this.

use std::process::Command;

use serde_json::Value;

fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().unwrap()).collect()
}

/// No crate that we build with wants a newer Rust than we say, and whoever is told a version is told this one.
#[test]
fn the_rust_that_is_asked_for_is_the_least_that_builds_it() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let ended = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let metadata: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let wanted = |package: &Value| package["rust_version"].as_str().map(version);
    let (ours, theirs): (Vec<&Value>, Vec<&Value>) =
        packages.iter().partition(|package| package["source"].is_null());
    let ours: Vec<&str> = ours.iter().map(|it| it["rust_version"].as_str().unwrap()).collect();
    let said = ours[0];
    assert!(ours.len() > 5 && ours.iter().all(|one| *one == said), "{ours:?}");
    let newest = theirs.iter().max_by_key(|package| wanted(package)).unwrap();
    assert_eq!(wanted(newest), Some(version(said)), "{} wants another", newest["name"]);

    for file in ["README.md", "test"] {
        let text = std::fs::read_to_string(format!("{root}/{file}")).unwrap();
        assert!(text.contains(&format!("Rust {said} or newer")), "{file} says another than {said}");
    }
}
