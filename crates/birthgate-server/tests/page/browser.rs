//! The page in a real browser. BIRTHGATE_TEST_PICTURES names a folder that keeps the pictures.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::estate::Estate;

/// Versions that were seen to run.
const MODULES: [&str; 2] = ["playwright-core@1.65.1", "axe-core@4.14.1"];

fn browser() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut places = std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .filter(|place| place.is_file());
    places.next().expect("a browser is needed: apt-get install chromium")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_view_is_well_in_a_browser() {
    let estate = Estate::new().await;
    let folder = tempfile::tempdir().unwrap();
    let pictures = std::env::var_os("BIRTHGATE_TEST_PICTURES")
        .map_or_else(|| folder.path().to_owned(), PathBuf::from);
    let views = [
        "/",
        "/permits",
        "/permits/1",
        "/registry",
        "/packets",
        "/packets/orders-2026-01-31-r1",
        "/drift",
        "/evidence",
        "/evidence/orders-2026-01-31-r1",
        "/login",
    ];
    let mut node = Command::new("node");
    node.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page/browser.mjs"))
        .arg(format!("http://{}", estate.address))
        .arg(&pictures)
        .arg(tokio::task::spawn_blocking(browser).await.unwrap())
        .args(views)
        .env(
            "MODULES",
            tokio::task::spawn_blocking(|| testkit::fetched::npm(&MODULES)).await.unwrap(),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut node = node.spawn().expect("Node.js 20 or newer is needed");
    let mut input = node.stdin.take().unwrap();
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
    let (said, mut lines) =
        tokio::task::spawn_blocking(move || (lines.next(), lines)).await.unwrap();
    assert_eq!(said.unwrap().unwrap(), "listening");
    estate.bear("C-1").await;
    input.write_all(b"it is born\n").unwrap();
    let said = tokio::task::spawn_blocking(move || lines.next()).await.unwrap().unwrap().unwrap();
    node.wait().unwrap();
    let seen: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(seen, serde_json::json!({ "problems": [], "foreign": [], "live": true }));
}
