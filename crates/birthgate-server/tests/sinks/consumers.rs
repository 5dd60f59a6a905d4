//! The consumers that are shown to users, in Rust and in Python, with what the sinks really write.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use testkit::Nats;

use crate::events::{births, sink};

/// A version of nats-py that was seen to run.
const NATS_PY: &str = "nats-py==2.16.0";

/// A consumer in Rust: cargo builds it beside this test.
fn rust(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    Command::new(tests.parent().unwrap().parent().unwrap().join("examples").join(name))
}

/// A consumer in Python.
fn python(name: &str) -> Command {
    let file = format!("{}/../../integrations/consumers/{name}.py", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("python3");
    command.arg(file);
    command
}

fn said(command: &mut Command) -> Vec<String> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn expected(ids: std::ops::Range<i64>) -> Vec<String> {
    births(ids)
        .iter()
        .map(|event| {
            let said: serde_json::Value = serde_json::from_str(&event.json).unwrap();
            format!("{} {}", said["id"], said["subject"])
        })
        .collect()
}

#[tokio::test]
async fn of_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = sink(
        folder.path(),
        json!({ "name": "files", "kind": "ndjson", "folder": "files", "rotate_mib": 1 }),
    );
    files.open().await.unwrap();
    files.deliver(&births(1..30_000)).await.unwrap();
    let events = folder.path().join("files");
    let states = [folder.path().join("rust"), folder.path().join("python")];
    let consume = |ids: std::ops::Range<i64>| {
        for (mut command, state) in
            [rust("consume_ndjson"), python("consume_ndjson")].into_iter().zip(&states)
        {
            assert!(said(command.arg(&events).arg(state)) == expected(ids.clone()), "{command:?}");
        }
    };
    consume(1..30_000);
    files.deliver(&births(30_000..30_010)).await.unwrap();
    consume(30_000..30_010);
    consume(0..0);
}

#[tokio::test]
async fn of_a_stream() {
    let nats = Nats::start().await;
    let mut stream =
        sink(nats.folder(), json!({ "name": "stream", "kind": "jetstream", "url": nats.url() }));
    stream.open().await.unwrap();
    stream.deliver(&births(1..250)).await.unwrap();
    let consume = |ids: std::ops::Range<i64>| {
        let url = nats.url();
        assert_eq!(
            said(rust("consume_jetstream").args([&url, "birthgate"])),
            expected(ids.clone())
        );
        let mut command = python("consume_jetstream");
        command
            .args([&url, "birthgate", "birthgate.>"])
            .env("PYTHONPATH", testkit::fetched::pip(&[NATS_PY]));
        assert_eq!(said(&mut command), expected(ids));
    };
    consume(1..250);
    stream.deliver(&births(250..260)).await.unwrap();
    consume(250..260);
}

/// A program that ends with the test.
struct Endpoint(Child);

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn of_a_webhook() {
    for consumer in [rust, python] {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "a secret of a test's own\n").unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = consumer("consume_webhook");
        let child =
            command.arg(port.to_string()).arg(&secret).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut endpoint = Endpoint(child.spawn().unwrap());
        let lines = BufReader::new(endpoint.0.stdout.take().unwrap()).lines();
        let hook = |secret: &Path| {
            let config = json!({ "name": "hook", "kind": "webhook", "url": format!("http://127.0.0.1:{port}/events"), "secret_file": secret, "state": "hook", "attempts": 1, "batch": 4 });
            sink(folder.path(), config)
        };
        for _ in 0..500 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        // Who has another secret is not believed.
        let other = folder.path().join("other");
        std::fs::write(&other, "a secret of somebody else").unwrap();
        let mut forger = hook(&other);
        forger.open().await.unwrap();
        forger.deliver(&births(1..2)).await.unwrap();
        let letters =
            std::fs::read_to_string(folder.path().join("hook/dead-letters.ndjson")).unwrap();
        assert!(letters.contains("401"), "{letters}");
        let mut honest = hook(&secret);
        honest.open().await.unwrap();
        honest.deliver(&births(2..12)).await.unwrap();
        let said: Vec<String> = lines.take(10).map(Result::unwrap).collect();
        assert_eq!(said, expected(2..12));
    }
}
