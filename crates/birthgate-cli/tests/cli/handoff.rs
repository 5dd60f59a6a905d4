//! The handoff as it is run: several writers, while everything that can be killed is killed.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use futures_util::StreamExt;
use testkit::{Nats, Server, connect};
use tokio_postgres::{Client, Config};

use crate::run::run;

const STREAM: &str = "birthgate";

/// A program that is killed when it is let go.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(command: &mut Command, why: &str) -> Running {
    Running(command.spawn().unwrap_or_else(|error| panic!("{why} ({error})")))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What was posted to an endpoint that can be shut.
#[derive(Clone, Default)]
struct Endpoint {
    events: Arc<Mutex<Vec<serde_json::Value>>>,
    is_shut: Arc<AtomicBool>,
}

impl Endpoint {
    async fn serve(self, port: u16) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let take = move |body: Bytes| {
            let this = self.clone();
            async move {
                if this.is_shut.load(Ordering::Relaxed) {
                    return axum::http::StatusCode::SERVICE_UNAVAILABLE;
                }
                let said: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let mut events = this.events.lock().unwrap();
                match said {
                    serde_json::Value::Array(all) => events.extend(all),
                    one => events.push(one),
                }
                axum::http::StatusCode::NO_CONTENT
            }
        };
        let app = axum::Router::new().route("/events", axum::routing::post(take));
        axum::serve(listener, app).await.unwrap();
    }
}

/// A small generator: what it makes is known by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

/// One writer: births, retirements and renames, some of them rolled back, prepared, or left open.
async fn write(config: Config, number: u64, over: Arc<AtomicBool>) -> usize {
    let mut dice = Dice(number * 7919);
    let (mut committed, mut serial) = (0, 0_usize);
    let mut mine: Vec<String> = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let Ok((client, connection)) = config.connect(tokio_postgres::NoTls).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        tokio::spawn(connection);
        while !client.is_closed() && !over.load(Ordering::Relaxed) {
            serial += 1;
            let Some(born) = transact(&client, &mut dice, number, serial, &mut mine).await else {
                continue;
            };
            committed += 1;
            mine.extend(born);
        }
    }
    committed
}

async fn transact(
    client: &Client,
    dice: &mut Dice,
    number: u64,
    serial: usize,
    mine: &mut Vec<String>,
) -> Option<Vec<String>> {
    let durability = if dice.below(10) == 0 { "SET LOCAL synchronous_commit = off;" } else { "" };
    client.batch_execute(&format!("BEGIN; {durability}")).await.ok()?;
    let mut born = Vec::new();
    for n in 0..=dice.below(3) {
        let code = format!("W-{number}-{serial}-{n}");
        let bear = format!(
            "INSERT INTO thing (code) SELECT '{code}' FROM birthgate.permit_hold('thing', '{code}')"
        );
        let sql = match dice.below(10) {
            0 if !mine.is_empty() => {
                format!(
                    "SELECT birthgate.retire('thing', '{}')",
                    mine.swap_remove(dice.below(mine.len()))
                )
            }
            1 if !mine.is_empty() => {
                let old = mine.swap_remove(dice.below(mine.len()));
                born.push(format!("{code}-renamed"));
                format!("SELECT birthgate.rename('thing', '{old}', '{code}-renamed')")
            }
            2 => format!("SAVEPOINT s; {bear}; ROLLBACK TO s"),
            _ => {
                born.push(code);
                bear
            }
        };
        if client.batch_execute(&sql).await.is_err() {
            let _ = client.batch_execute("ROLLBACK").await;
            return None;
        }
    }
    let pause = match dice.below(200) {
        0 => 2.0,
        1..40 => 0.02,
        _ => 0.0,
    };
    let end = match dice.below(100) {
        0..15 => "ROLLBACK".to_owned(),
        15..25 => {
            let name = format!("'{number}-{serial}'");
            client.batch_execute(&format!("PREPARE TRANSACTION {name}")).await.ok()?;
            format!("{} PREPARED {name}", if dice.below(4) == 0 { "ROLLBACK" } else { "COMMIT" })
        }
        _ => "COMMIT".to_owned(),
    };
    tokio::time::sleep(Duration::from_secs_f64(pause)).await;
    client.batch_execute(&end).await.ok()?;
    end.starts_with("COMMIT").then_some(born)
}

/// What reads on from where it was; what it has seen.
async fn read_naively(config: Config, over: Arc<AtomicBool>) -> HashSet<i64> {
    let (mut cursor, mut seen) = (0_i64, HashSet::new());
    while !over.load(Ordering::Relaxed) {
        let Ok((client, connection)) = config.connect(tokio_postgres::NoTls).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        tokio::spawn(connection);
        while !over.load(Ordering::Relaxed) {
            let read = "SELECT id FROM birthgate.birth_registry WHERE id > $1 ORDER BY id";
            let Ok(rows) = client.query(read, &[&cursor]).await else { break };
            for row in rows {
                cursor = row.get(0);
                seen.insert(cursor);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    seen
}

fn handing_off(folder: &Path, database: &str) -> Running {
    spawn(
        Command::new(env!("CARGO_BIN_EXE_birthgate"))
            .args(["handoff", "run"])
            .current_dir(folder)
            .env("DATABASE_URL", database)
            .stdout(Stdio::null())
            .stderr(
                std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(folder.join("log"))
                    .unwrap(),
            ),
        "birthgate",
    )
}

/// What one sink has, in the order in which it was given it.
fn verify(
    what: &str,
    given: &[serde_json::Value],
    there: &HashMap<String, String>,
    exactly_once: bool,
) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut of_entity: HashMap<&str, (usize, i64)> = HashMap::new();
    for event in given {
        let id = event["id"].as_str().unwrap();
        let row = id.rsplit_once('-').unwrap().0;
        let subject = event["subject"].as_str().unwrap();
        assert_eq!(
            there.get(row).map(String::as_str),
            Some(subject),
            "{what}: {id} was rolled back, or is another's"
        );
        let times = first.entry(id).or_insert(0);
        *times += 1;
        if *times > 1 {
            continue;
        }
        // Births are before changes, and changes in order.
        let rank = (
            usize::from(row.starts_with("change")),
            row.rsplit_once('-').unwrap().1.parse().unwrap(),
        );
        if let Some(before) = of_entity.insert(subject, rank) {
            assert!(before < rank, "{what}: {id} comes after what came later");
        }
    }
    let rows: HashSet<&str> = first.keys().map(|id| id.rsplit_once('-').unwrap().0).collect();
    assert_eq!(rows.len(), first.len(), "{what}: one row has two ids");
    let missing: Vec<&String> = there.keys().filter(|row| !rows.contains(row.as_str())).collect();
    assert!(
        missing.is_empty(),
        "{what} lacks {} of {}: {:?}",
        missing.len(),
        there.len(),
        missing.iter().take(5).collect::<Vec<_>>()
    );
    assert!(!exactly_once || first.values().all(|times| *times == 1), "{what} has something twice");
}

fn lines(folder: &Path) -> Vec<serde_json::Value> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ndjson"))
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()
        })
        .collect()
}

async fn stream(url: &str) -> Vec<serde_json::Value> {
    let client = async_nats::connect(url).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let stream = context.get_stream(STREAM).await.unwrap();
    let count = stream.get_info().await.unwrap().state.messages as usize;
    let consumer = stream
        .create_consumer(async_nats::jetstream::consumer::pull::OrderedConfig::default())
        .await
        .unwrap();
    let messages = consumer.messages().await.unwrap().take(count);
    messages
        .map(|message| serde_json::from_slice(&message.unwrap().payload).unwrap())
        .collect()
        .await
}

#[test]
fn nothing_is_lost_whatever_is_killed() {
    let all = std::env::var_os("BIRTHGATE_TEST_ALL").is_some();
    let (seconds, kills) = if all { (60, 50) } else { (8, 5) };
    let mut server = Server::own(&[]);
    let name = server.make_database(true);
    let folder = tempfile::tempdir().unwrap();
    let hook_port = free_port();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let mut nats = runtime.block_on(Nats::start());
    let config = format!(
        "[[handoff.sink]]\nname = \"files\"\nkind = \"ndjson\"\ncapture = true\nfolder = \"files\"\nrotate_mib = 1\n\
         [[handoff.sink]]\nname = \"stream\"\nkind = \"jetstream\"\ncapture = true\nurl = \"{}\"\nstream = \"{STREAM}\"\n\
         [[handoff.sink]]\nname = \"hook\"\nkind = \"webhook\"\ncapture = true\nurl = \"http://127.0.0.1:{hook_port}/events\"\nsecret_file = \"secret\"\nstate = \"hook\"\n",
        nats.url(),
    );
    std::fs::File::create(folder.path().join("birthgate.toml"))
        .unwrap()
        .write_all(config.as_bytes())
        .unwrap();
    std::fs::write(folder.path().join("secret"), "a secret of a test's own").unwrap();
    let endpoint = Endpoint::default();
    runtime.block_on(async {
        let as_role = |role: &str| server.config(&name, role);
        let (app, dba) = (as_role("app"), as_role("postgres"));
        let url = format!("host={} user=postgres dbname={name}", server.socket_folder().display());
        let mut root = birthgate::Database::new(dba.clone()).unwrap().connect_for_others().await.unwrap();
        birthgate::collection::govern(&mut root, &testkit::govern_thing()).await.unwrap();
        for role in ["app", "postgres"] {
            birthgate::collection::grant(&root, "thing", role, None).await.unwrap();
        }
        tokio::spawn(endpoint.clone().serve(hook_port));
        let mut tail = Some(handing_off(folder.path(), &url));
        let over = Arc::new(AtomicBool::new(false));
        let naive = tokio::spawn(read_naively(dba.clone(), over.clone()));
        let writers: Vec<_> =
            (1..=8).map(|n| tokio::spawn(write(app.clone(), n, over.clone()))).collect();
        let (mut dice, begun, killed) = (Dice(2026), Instant::now(), AtomicUsize::new(0));
        let every = Duration::from_secs_f64(f64::from(seconds) / f64::from(kills + 1));
        for _ in 0..kills {
            tokio::time::sleep(every.mul_f64(0.5 + dice.below(100) as f64 / 100.0)).await;
            match dice.below(8) {
                0..4 => {
                    drop(tail.take());
                    tail = Some(handing_off(folder.path(), &url));
                }
                4..6 => nats.crash(),
                6 => {
                    let shut = endpoint.is_shut.load(Ordering::Relaxed);
                    endpoint.is_shut.store(!shut, Ordering::Relaxed);
                }
                _ => server.crash().await,
            }
            killed.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_secs(seconds as u64).saturating_sub(begun.elapsed())).await;
        over.store(true, Ordering::Relaxed);
        let mut committed = 0;
        for writer in writers {
            committed += writer.await.unwrap();
        }
        let seen = naive.await.unwrap();
        endpoint.is_shut.store(false, Ordering::Relaxed);
        drop(tail.take());
        // Whose client was killed between the two phases.
        let root = connect(dba).await;
        for row in root.query("SELECT gid FROM pg_prepared_xacts", &[]).await.unwrap() {
            root.batch_execute(&format!("COMMIT PREPARED '{}'", row.get::<_, String>(0))).await.unwrap();
        }
        nats.wait().await;
        let config = folder.path().join("birthgate.toml");
        let arguments = ["--config", config.to_str().unwrap(), "handoff", "run", "--once"];
        let ended = tokio::task::block_in_place(|| {
            run(env!("CARGO_BIN_EXE_birthgate"), &arguments, &[("DATABASE_URL", &url)], "")
        });
        ended.expect(0);
        let rows = "SELECT 'birth-' || id, collection_name || '/' || entity_code FROM birthgate.birth_registry
                     UNION ALL SELECT 'change-' || id, collection_name || '/' || entity_code FROM birthgate.registry_changelog";
        let there: HashMap<String, String> =
            root.query(rows, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
        assert!(committed > 50 && there.len() > 100, "{committed} transactions, {} rows: no load", there.len());
        verify("files", &lines(&folder.path().join("files")), &there, true);
        verify("stream", &stream(&nats.url()).await, &there, true);
        verify("hook", &endpoint.events.lock().unwrap().clone(), &there, false);
        // What looks past what it saw loses rows under this very load, or the test would show nothing.
        let births: HashSet<i64> = there.keys().filter_map(|row| row.strip_prefix("birth-")?.parse().ok()).collect();
        let lost = births.difference(&seen).count();
        assert!(lost > 0, "the naive reader lost none of {}", births.len());
        eprintln!(
            "{committed} transactions, {} events, {} kills; the naive reader lost {lost} of {} births",
            there.len(),
            killed.load(Ordering::Relaxed),
            births.len()
        );
    });
}
