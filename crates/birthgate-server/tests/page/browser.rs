//! The page in a real browser. BIRTHGATE_TEST_PICTURES names a folder that keeps the pictures; BIRTHGATE_UPDATE_PICTURES renews
//! those of the guide.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::estate::Estate;
use crate::guide;

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

/// Node.js, to be run with the views that it looks at.
async fn node(estate: &Estate, pictures: &Path) -> Command {
    let mut node = Command::new("node");
    node.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page/browser.mjs"))
        .arg(format!("http://{}", estate.address))
        .arg(pictures)
        .arg(tokio::task::spawn_blocking(browser).await.unwrap())
        .env(
            "MODULES",
            tokio::task::spawn_blocking(|| testkit::fetched::npm(&MODULES)).await.unwrap(),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    node
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guide_has_its_pictures() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/pictures"));
    if std::env::var_os("BIRTHGATE_UPDATE_PICTURES").is_some() {
        let estate = guide::estate().await;
        let rehearsed = birthgate::evidence::list(estate.folder.path()).unwrap().remove(0).id;
        std::fs::create_dir_all(folder).unwrap();
        let mut node = node(&estate, folder).await;
        node.env("GUIDE", "1").args([
            "overview=/".to_owned(),
            "permits=/permits?code=&collection=thing".to_owned(),
            "registry=/registry?code=ORD-110&match=begins".to_owned(),
            format!("packets=/packets/{rehearsed}"),
            "drift=/drift".to_owned(),
            format!("evidence=/evidence/{rehearsed}/00-summary.md"),
        ]);
        let done = tokio::task::spawn_blocking(move || node.output()).await.unwrap().unwrap();
        let seen: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(seen["problems"], serde_json::json!([]));
    }
    for view in ["overview", "permits", "registry", "packets", "drift", "evidence"] {
        for scheme in ["light", "dark"] {
            let picture = std::fs::read(folder.join(format!("{view}-{scheme}.png"))).unwrap();
            assert!(picture.len() < 150_000, "{view}-{scheme}.png has {} bytes", picture.len());
        }
    }
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
    let mut node = node(&estate, &pictures).await;
    node.args(views);
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
