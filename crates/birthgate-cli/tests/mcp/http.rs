//! HTTP: who is let in.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::client::Client;
use crate::estate::{Estate, Listening};

/// A token and its hash.
pub fn token() -> (String, String) {
    let token = "a-token-of-the-tests".to_owned();
    let hash = format!("{:x}", Sha256::digest(&token));
    (token, hash)
}

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;

/// The status that a request gets, and all of the answer.
pub fn post(server: &Listening, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!(
        "POST /mcp HTTP/1.1\r\n{headers}Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    // It may have been answered before all of it was read.
    let _ = stream.write_all(body.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer: {answer:?}")), answer)
}

#[test]
fn only_who_brings_the_token_under_a_known_name_is_let_in() {
    let estate = Estate::new();
    let (secret, hash) = token();
    estate.configure(&format!("token_sha256 = \"{hash}\"\nhosts = [\"agents.example\"]\n"));
    let server = estate.listening("agent");
    let here = format!("127.0.0.1:{}", server.port);
    let bearer = format!("Authorization: Bearer {secret}\r\n");
    let with = |host: &str, more: &str| post(&server, &format!("Host: {host}\r\n{more}"), LIST).0;
    assert_eq!(with(&here, &bearer), 200);
    assert_eq!(with("agents.example", &bearer), 200);
    assert_eq!(with(&here, &format!("{bearer}Origin: http://{here}\r\n")), 200);
    assert_eq!(with(&here, ""), 401);
    assert_eq!(with(&here, "Authorization: Bearer wrong\r\n"), 401);
    assert_eq!(with(&here, &format!("Authorization: Bearer {hash}\r\n")), 401);
    assert_eq!(with(&here, &format!("Cookie: birthgate_token={secret}\r\n")), 401);
    assert_eq!(with("evil.example", &bearer), 421);
    assert_eq!(with(&format!("evil.example:{}", server.port), &bearer), 421);
    assert_eq!(with(&here, &format!("{bearer}Host: evil.example\r\n")), 421);
    assert_eq!(with(&here, &format!("{bearer}Origin: http://evil.example\r\n")), 403);
    assert_eq!(with(&here, &format!("{bearer}Origin: null\r\n")), 403);
    assert_eq!(with(&here, &format!("{bearer}Sec-Fetch-Site: cross-site\r\n")), 403);
    let client = Client::try_connect(&[&format!("http://{here}/mcp")], None);
    assert!(client.hello["error"].is_object(), "{}", client.hello);
}

#[test]
fn on_loopback_without_a_token_other_sites_are_kept_out_too() {
    let estate = Estate::new();
    let server = estate.listening("agent");
    let here = format!("Host: 127.0.0.1:{}\r\n", server.port);
    assert_eq!(post(&server, &here, LIST).0, 200);
    assert_eq!(post(&server, "Host: evil.example\r\n", LIST).0, 421);
    assert_eq!(post(&server, &format!("{here}Origin: http://evil.example\r\n"), LIST).0, 403);
    assert_eq!(post(&server, &here, "{not json").0 / 100, 4);
    let large = format!("{{\"x\": \"{}\"}}", "x".repeat(10_000_000));
    assert_eq!(post(&server, &here, &large).0, 413);
    assert_eq!(post(&server, &here, LIST).0, 200, "it is there still");
}

#[test]
fn beyond_loopback_it_takes_a_token() {
    let run = |arguments: &[&str]| {
        let mut birthgate = Command::new(env!("CARGO_BIN_EXE_birthgate"));
        birthgate.args(arguments).env_remove("DATABASE_URL").env("PGHOST", "/nowhere");
        birthgate.output().unwrap()
    };
    let ended = run(&["mcp", "--listen", "0.0.0.0:0"]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("mcp --new-token"));
    let made = run(&["mcp", "--new-token", "--format", "json"]);
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let token = made["result"]["token"].as_str().unwrap();
    let hash = made["result"]["token_sha256"].as_str().unwrap();
    assert_eq!(format!("{:x}", Sha256::digest(token)), hash);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("birthgate.toml");
    for (config, says) in [
        ("token_sha256 = \"x\"\n", "is no SHA-256"),
        ("rehearse_lively = true\n", "rehearse_lively"),
    ] {
        std::fs::write(&file, format!("[mcp]\n{config}")).unwrap();
        let ended = run(&["mcp", "--config", file.to_str().unwrap()]);
        assert_eq!(ended.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&ended.stderr).contains(says), "{config}");
    }
}
