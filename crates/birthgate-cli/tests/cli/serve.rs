//! The daemon as it is run: what it does, who may ask it, and what it refuses. Who leads: `serve/lead.rs`.

mod lead;

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use birthgate::{Database, collection, ddl_guard, drift};
use testkit::{Server, connect, until};
use tokio_postgres::Client;

use crate::run::birthgate;

/// A daemon that is killed when it is let go, and its page.
struct Daemon {
    process: Child,
    port: u16,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Daemon {
    /// Starts one that looks each second.
    fn start(folder: &Path, url: &str) -> Daemon {
        let often = ["drift", "dimensions", "expiry"].map(|service| {
            format!("[serve.service.{service}]\nschedule = \"* * * * * *\"\njitter = \"0s\"\n")
        });
        Daemon::configured(folder, url, &often.concat())
    }

    fn configured(folder: &Path, url: &str, config: &str) -> Daemon {
        Daemon::limited(folder, url, config, "ulimit -n 512")
    }

    /// Starts one after a command of the shell that limits it.
    fn limited(folder: &Path, url: &str, config: &str, limit: &str) -> Daemon {
        std::fs::write(folder.join("birthgate.toml"), config).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log"));
        let process = Command::new("sh")
            .args(["-c", &format!("{limit}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_birthgate")])
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--database-url", url])
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        Daemon { process, port }
    }

    /// What it answers; nothing while it cannot be reached.
    async fn get(&self, path: &str) -> String {
        self.get_with(path, "").await
    }

    async fn get_with(&self, path: &str, header: &str) -> String {
        let port = self.port;
        let (path, header) = (path.to_owned(), header.to_owned());
        let asked = tokio::task::spawn_blocking(move || -> std::io::Result<String> {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            write!(
                stream,
                "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{header}Connection: close\r\n\r\n"
            )?;
            std::io::read_to_string(stream)
        });
        asked.await.unwrap().unwrap_or_default()
    }

    /// Waits until it answers so.
    async fn says(&self, path: &str, what: &str) {
        until(what, async || self.get(path).await.contains(what)).await;
    }
}

async fn prepared(server: &Server, name: &str) -> Client {
    let database = Database::new(server.config(name, "postgres")).unwrap();
    let mut client = database.connect_for_others().await.unwrap();
    collection::govern(&mut client, &testkit::govern_thing()).await.unwrap();
    for role in ["app", "postgres"] {
        collection::grant(&client, "thing", role, None).await.unwrap();
    }
    drift::take_baseline(&client, Some(&["birth_admit:thing".to_owned()])).await.unwrap();
    client
}

async fn value<T: for<'a> tokio_postgres::types::FromSql<'a>>(
    client: &Client,
    sql: &str,
) -> Option<T> {
    client.query_opt(sql, &[]).await.unwrap().and_then(|row| row.get(0))
}

const GATE_DRIFT: &str =
    "SELECT value FROM birthgate.block_observation WHERE dimension = 'gate_drift'";

#[test]
fn the_ddl_guard_wakes_the_monitor() {
    let server = Server::own(&[]);
    let name = server.make_database(true);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("host={} user=postgres dbname={name}", server.socket_folder().display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let guard = Database::new(server.config(&name, "postgres")).unwrap();
        ddl_guard::install(&guard.connect_for_others().await.unwrap()).await.unwrap();
        let client = prepared(&server, &name).await;
        // Its own time comes once a year.
        let config = "[serve.service.drift]\nschedule = \"0 0 0 29 2 *\"\n";
        let daemon = Daemon::configured(folder.path(), &url, config);
        daemon.says("/metrics", "birthgate_service_runs_total{service=\"drift\"} 1").await;
        client.batch_execute("ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate").await.unwrap();
        until("drift", async || value::<i64>(&client, GATE_DRIFT).await > Some(0)).await;
    });
}

/// Each metric that the dashboard asks for is there, with the labels that it goes by.
#[test]
fn the_dashboard_asks_for_what_there_is() {
    let server = Server::own(&[]);
    let name = server.make_database(true);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("host={} user=postgres dbname={name}", server.socket_folder().display());
    let dashboard = include_str!("../../../../integrations/grafana/birthgate.json");
    let dashboard: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let queries = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries: Vec<&str> = queries.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(queries.len() >= 10, "{queries:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = prepared(&server, &name).await;
        let hold = "SELECT birthgate.permit_hold('thing', 'A-1')";
        connect(server.config(&name, "app")).await.batch_execute(hold).await.unwrap();
        drop(client);
        let sink = "[[handoff.sink]]\nname = \"archive\"\nkind = \"ndjson\"\nfolder = \"out\"\ncapture = true\n";
        let daemon = Daemon::configured(folder.path(), &url, sink);
        daemon.says("/metrics", "birthgate_handoff_delivered_total{").await;
        daemon.says("/metrics", "birthgate_service_runs_total{service=\"drift\"} 1").await;
        let told = daemon.get("/metrics").await;
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        for query in queries {
            let metric = query.split(word).find(|word| word.starts_with("birthgate_"));
            let metric = metric.unwrap_or_else(|| panic!("{query} asks for nothing of ours"));
            let mut samples = told.lines().filter(|line| {
                line.strip_prefix(metric).is_some_and(|rest| rest.starts_with([' ', '{']))
            });
            let by = query.split_once(" by (").and_then(|(_, rest)| rest.split_once(')'));
            let label = by.map_or(String::new(), |(label, _)| format!("{label}=\""));
            assert!(samples.any(|sample| sample.contains(&label)), "{query}: not in\n{told}");
        }
        let mut page = "`/metrics` of `birthgate serve`.\n\n| metric | kind | what it is | labels |\n| --- | --- | --- | --- |\n".to_owned();
        let mut help = "";
        for line in told.lines() {
            if let Some(said) = line.strip_prefix("# HELP ") {
                help = said.split_once(' ').unwrap().1;
            } else if let Some((metric, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                let sample = told.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix('{'));
                let labels = sample.map_or(Vec::new(), |sample| sample.split(',').filter_map(|label| label.split_once("=\"")).map(|(label, _)| format!("`{label}`")).collect());
                page += &format!("| `{metric}` | {kind} | {help} | {} |\n", labels.join(", "));
            }
        }
        crate::reference::agrees("metrics", "Metrics", &page);
    });
}

#[test]
fn a_crowd_that_takes_every_file_descriptor_does_not_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // No database is needed for that.
        let url = "host=127.0.0.1 port=1 user=nobody dbname=nothing";
        let daemon = Daemon::limited(folder.path(), url, "", "ulimit -n 40");
        daemon.says("/healthz", "the process runs").await;
        let address = ("127.0.0.1", daemon.port);
        let crowd: Vec<_> = (0..80).map(|_| std::net::TcpStream::connect(address)).collect();
        let log = || std::fs::read_to_string(folder.path().join("log")).unwrap();
        until("the last one", async || log().contains("no connection can be taken")).await;
        drop(crowd);
        daemon.says("/healthz", "the process runs").await;
    });
}

#[test]
fn beyond_loopback_it_takes_a_token() {
    let ended = birthgate(&["serve", "--listen", "0.0.0.0:0"]).expect(2);
    assert!(ended.stderr.contains("--new-token"), "{}", ended.stderr);
    let made = birthgate(&["serve", "--new-token", "--format", "json"]);
    let made = made.expect(0).json();
    let (token, hash) = (&made["result"]["token"], &made["result"]["token_sha256"]);
    assert_eq!((token.as_str().unwrap().len(), hash.as_str().unwrap().len()), (64, 64));
}

#[test]
fn with_a_token_only_health_is_told_to_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let made = birthgate(&["serve", "--new-token", "--format", "json"]).expect(0).json();
    let config = format!("[serve]\ntoken_sha256 = {}\n", made["result"]["token_sha256"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let daemon = Daemon::configured(folder.path(), "host=/nowhere user=nobody", &config);
        daemon.says("/healthz", "200 OK").await;
        assert!(daemon.get("/readyz").await.contains("503"), "the database is away");
        for path in ["/metrics", "/", "/registry"] {
            assert!(daemon.get(path).await.contains(" 401 "), "{path}");
        }
        let token = made["result"]["token"].as_str().unwrap();
        let with = daemon.get_with("/metrics", &format!("Authorization: Bearer {token}\r\n")).await;
        assert!(with.contains("birthgate_database_up 0"), "{with}");
        let wrong = daemon.get_with("/metrics", "Authorization: Bearer other\r\n").await;
        assert!(wrong.contains(" 401 "), "{wrong}");
    });
}

#[test]
fn a_port_in_use_and_what_makes_no_sense_are_said_at_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = birthgate(&["serve", "--listen", &address, "--database-url", "host=/nowhere"]);
    assert!(ended.expect(2).stderr.contains(&address));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("birthgate.toml");
    for (config, says) in [
        ("[serve.service.drift]\nschedule = \"sometimes\"\n", "no schedule of cron"),
        ("[serve]\ntoken_sha256 = \"secret\"\n", "is no SHA-256"),
        ("[serve.service.handoff]\ntimeout = \"1s\"\n", "runs all the time"),
        ("[serve.service.drifts]\nenabled = false\n", "drifts"),
    ] {
        std::fs::write(&file, config).unwrap();
        let ended = birthgate(&["serve", "--config", file.to_str().unwrap()]).expect(2);
        assert!(ended.stderr.contains(says), "{config}: {}", ended.stderr);
    }
}
