//! A client that is not ours: the official SDK of TypeScript.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A version that was seen to run.
const SDK: &str = "@modelcontextprotocol/sdk@1.32.2";

/// Where it is, fetched once.
fn modules() -> PathBuf {
    let place = testkit::search().cache.join("mcp-sdk-1.32.2");
    if !place.exists() {
        let new = place.with_extension(format!("new-{}", std::process::id()));
        std::fs::create_dir_all(&new).unwrap();
        let fetched = Command::new("npm")
            .args(["install", "--silent", "--no-save", "--ignore-scripts", "--prefix"])
            .arg(&new)
            .arg(SDK)
            .status();
        assert!(
            fetched.expect("npm is needed: install Node.js 20 or newer").success(),
            "npm cannot fetch {SDK}"
        );
        // Another test may have been quicker.
        let _ = std::fs::rename(&new, &place);
    }
    place
}

/// JavaScript knows one kind of number.
fn numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(values) => values.into_iter().map(numbers).collect(),
        Value::Object(values) => {
            values.into_iter().map(|(name, value)| (name, numbers(value))).collect()
        }
        other => other,
    }
}

pub struct Client {
    node: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    /// What it was told when it connected.
    pub hello: Value,
}

impl Drop for Client {
    fn drop(&mut self) {
        // Its end of input closes the connection.
        self.input.take();
        let _ = self.node.wait();
    }
}

impl Client {
    /// Connects: to a URL, or to a program that it starts.
    pub fn connect(arguments: &[&str], token: Option<&str>) -> Client {
        let mut client = Client::try_connect(arguments, token);
        assert!(client.hello["ok"].is_object(), "{}", client.hello);
        client.hello = client.hello["ok"].take();
        client
    }

    pub fn try_connect(arguments: &[&str], token: Option<&str>) -> Client {
        let mut node = Command::new("node");
        node.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mcp/client.mjs"))
            .args(arguments)
            .env("MODULES", modules())
            .env_remove("DATABASE_URL")
            .env_remove("PGHOST")
            .envs(token.map(|token| ("TOKEN", token)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut node = node.spawn().expect("Node.js 20 or newer is needed");
        let input = node.stdin.take();
        let lines = BufReader::new(node.stdout.take().unwrap()).lines();
        let mut client = Client { node, input, lines, hello: Value::Null };
        client.hello = client.read();
        client
    }

    fn read(&mut self) -> Value {
        let line = self.lines.next().expect("the client ended").unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Asks for a method of the SDK; what it answers, or `{"error": …}`.
    pub fn ask(&mut self, method: &str, with: Value) -> Value {
        let line = json!({ "do": method, "with": with }).to_string();
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
        let mut said = self.read();
        match said.get_mut("ok") {
            Some(ok) => ok.take(),
            None => said,
        }
    }

    fn tool(&mut self, name: &str, arguments: Value) -> Value {
        self.ask("callTool", json!({ "name": name, "arguments": arguments }))
    }

    /// Calls a tool that must succeed.
    pub fn call(&mut self, name: &str, arguments: Value) -> Value {
        let mut said = self.tool(name, arguments);
        assert_eq!(said["isError"], false, "{name}: {said}");
        let text = said["content"][0]["text"].as_str().unwrap_or_default();
        let same: Value = serde_json::from_str(text).unwrap();
        assert_eq!(numbers(same), numbers(said["structuredContent"].clone()), "text and structure");
        said["structuredContent"].take()
    }

    /// Calls a tool that must answer an error of its own.
    pub fn refused(&mut self, name: &str, arguments: Value) -> Value {
        let mut said = self.tool(name, arguments);
        assert_eq!(said["isError"], true, "{name}: {said}");
        let error = said["structuredContent"].take();
        assert!(error["what_next"].as_str().is_some_and(|next| !next.is_empty()), "{error}");
        error
    }

    /// Calls a tool in a way that makes no sense.
    pub fn malformed(&mut self, name: &str, arguments: Value) {
        let refused = self.refused(name, arguments);
        assert_eq!(refused["code"], "bad_arguments", "{name}: {refused}");
    }
}
