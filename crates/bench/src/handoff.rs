//! The handoff: what births lose while they are tailed, how fast a sink catches up, how late an event is, and what it holds
//! in memory of a backlog.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use birthgate::Error;
use birthgate::handoff::{self, Cursor, Event, Sink, SinkError, Start};
use birthgate::preflight::Ospa;
use birthgate_server::sink::SinkConfig;
use clap::Args;
use futures_util::future::BoxFuture;
use testkit::Nats;

use crate::births::Result;
use crate::report::{Bar, Report, median};
use crate::server::{Server, run};
use crate::throughput::{Beside, Throughput};

/// What to measure.
#[derive(Args)]
pub struct Handoff {
    /// Runs that count, after one that does not
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Births that are there and were never handed off
    #[arg(long, default_value_t = 1_000_000)]
    backlog: i64,
    /// Clients at once
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Seconds that the clients are at it, with the tail and without, in each run
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Births a second, when it is measured how late events are
    #[arg(long, default_value_t = 1000)]
    rate: u32,
}

/// When something happened to an entity, by its subject.
type Times = Arc<Mutex<HashMap<String, Instant>>>;

/// A sink that notes when it had delivered what.
struct Noting {
    sink: Box<dyn Sink>,
    times: Times,
}

impl Sink for Noting {
    fn open(&mut self) -> BoxFuture<'_, std::result::Result<Option<Cursor>, SinkError>> {
        self.sink.open()
    }

    fn position(&mut self) -> BoxFuture<'_, std::result::Result<Option<Cursor>, SinkError>> {
        self.sink.position()
    }

    fn deliver<'a>(
        &'a mut self,
        events: &'a [Event],
    ) -> BoxFuture<'a, std::result::Result<(), SinkError>> {
        Box::pin(async {
            self.sink.deliver(events).await?;
            let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            times.extend(events.iter().filter_map(|event| Some((event.key.clone()?, now))));
            Ok(())
        })
    }

    fn place(&self) -> String {
        self.sink.place()
    }
}

fn sink(folder: &Path, config: serde_json::Value) -> Result<Box<dyn Sink>> {
    Ok(serde_json::from_value::<SinkConfig>(config)?.make(folder))
}

fn files(folder: &Path, name: &str) -> Result<Box<dyn Sink>> {
    sink(folder, serde_json::json!({ "name": name, "kind": "ndjson", "folder": name }))
}

/// Hands off on a thread of its own, once everything that is there was seen.
async fn tail(handoff: handoff::Handoff) -> Result<Beside> {
    let mut view = handoff.view();
    let tail = Beside::start(async { drop(handoff.run(false).await) })?;
    view.wait_for(|view| view.caught_up).await?;
    Ok(tail)
}

/// The most memory that this process has had, in MiB.
fn peak() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no VmHWM")?;
    let kib: f64 = line.split_whitespace().nth(1).ok_or("no VmHWM")?.parse()?;
    Ok(kib / 1024.0)
}

impl Handoff {
    /// Measures everything.
    pub async fn measure(&self) -> Result<Report> {
        let server = Server::start().await?;
        let folder = tempfile::tempdir()?;
        let mut report = Report::of(&server, self.runs).await?;
        for name in ["backlog", "small", "load"] {
            server.database(name).await?;
        }
        for (name, births) in [("backlog", self.backlog), ("small", 10_000)] {
            eprintln!("loading {births} births");
            let root = server.connect(name, "postgres").await?;
            let load = include_str!("../sql/load.sql").replace("{births}", &births.to_string());
            run(&root, "loading births", &load).await?;
            run(&root, "analysing", "VACUUM (ANALYZE)").await?;
        }
        self.catch_up(&server, folder.path(), &mut report).await?;
        self.throughput(&server, folder.path(), &mut report).await?;
        self.lag(&server, folder.path(), &mut report).await?;
        server.stop().await?;
        Ok(report)
    }

    fn handoff(&self, server: &Server, database: &str) -> Result<handoff::Handoff> {
        let source = format!("//birthgate/{database}");
        let reach = server.reach(database, "postgres")?;
        Ok(handoff::Handoff::new(reach, source, Ospa::default(), Start::Everything))
    }

    /// Events a second into a sink that has nothing.
    async fn fill(
        &self,
        server: &Server,
        database: &str,
        sink: Box<dyn Sink>,
        events: i64,
    ) -> Result<f64> {
        let mut handoff = self.handoff(server, database)?;
        handoff.add("catching-up", true, sink, None);
        let statuses = handoff.statuses();
        let begun = Instant::now();
        handoff.run(true).await?;
        let delivered = statuses[0].lock().unwrap_or_else(PoisonError::into_inner).delivered;
        if delivered != events as u64 {
            return Err(format!("{delivered} events were delivered, not {events}").into());
        }
        Ok(events as f64 / begun.elapsed().as_secs_f64())
    }

    async fn catch_up(&self, server: &Server, folder: &Path, report: &mut Report) -> Result<()> {
        let (mut to_files, mut to_stream, mut grown) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..=self.runs {
            let name = format!("files-{number}");
            self.fill(server, "small", files(folder, &format!("small-{number}"))?, 10_000).await?;
            let before = peak()?;
            let files = self.fill(server, "backlog", files(folder, &name)?, self.backlog).await?;
            grown.push(peak()? - before);
            std::fs::remove_dir_all(folder.join(name))?;
            let nats = Nats::start().await;
            let config =
                serde_json::json!({ "name": "stream", "kind": "jetstream", "url": nats.url() });
            let stream = self.fill(server, "backlog", sink(folder, config)?, self.backlog).await?;
            eprintln!(
                "run {number}: {files:.0} events a second to NDJSON, {stream:.0} to JetStream"
            );
            if number > 0 {
                to_files.push(files);
                to_stream.push(stream);
            }
        }
        let note = format!("{} births that are there", self.backlog);
        report.add("ndjson_events_a_second", Bar::AtLeast(50_000.0), &to_files, note.clone());
        report.add("jetstream_events_a_second", Bar::AtLeast(20_000.0), &to_stream, note);
        let note =
            format!("the peak, MiB above that of a backlog of 10000; it is at {:.0} MiB", peak()?);
        report.add("memory_growth_of_the_backlog_mib", Bar::AtMost(32.0), &grown[..1], note);
        Ok(())
    }

    async fn throughput(&self, server: &Server, folder: &Path, report: &mut Report) -> Result<()> {
        let throughput =
            Throughput { clients: self.clients, seconds: self.seconds, runs: self.runs };
        let beside = async || {
            let mut handoff = self.handoff(server, "load")?;
            handoff.add("load", true, files(folder, "load")?, None);
            tail(handoff).await
        };
        let (ratios, with, without) = throughput.compare(server, "load", beside).await?;
        let note = format!(
            "{} clients: {:.0} births a second with the tail, {:.0} without",
            self.clients,
            median(&with),
            median(&without)
        );
        report.add("births_with_the_tail_vs_without", Bar::AtLeast(0.98), &ratios, note);
        Ok(())
    }

    /// How long after its commit an event is delivered, in milliseconds.
    async fn lag(&self, server: &Server, folder: &Path, report: &mut Report) -> Result<()> {
        let mut clients = Vec::new();
        for _ in 0..self.clients {
            clients.push(server.connect("load", "bench_app").await?);
        }
        let (mut p99, mut p50, mut rates) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..=self.runs {
            let times = Times::default();
            let mut handoff = self.handoff(server, "load")?;
            let noting = Noting { sink: files(folder, "load")?, times: times.clone() };
            handoff.add("load", true, Box::new(noting), None);
            let tail = tail(handoff).await?;
            let begun = Instant::now();
            let pause =
                Duration::from_secs_f64(f64::from(self.clients as u32) / f64::from(self.rate));
            let rounds = (f64::from(self.rate) * self.seconds) as usize / self.clients;
            let at_work = clients.iter().enumerate().map(|(at, client)| async move {
                let statement = client.prepare(include_str!("../sql/admit_single.sql")).await?;
                let mut committed = Vec::with_capacity(rounds);
                for round in 0..rounds as u32 {
                    let due = begun + pause * round + pause * at as u32 / self.clients as u32;
                    tokio::time::sleep_until(due.into()).await;
                    let code = format!("L-{number}{at:02}{round:06}");
                    client.execute(&statement, &[&code]).await?;
                    committed.push((format!("item/{code}"), Instant::now()));
                }
                std::result::Result::<_, tokio_postgres::Error>::Ok(committed)
            });
            let committed = futures_util::future::try_join_all(at_work).await;
            let committed: Vec<_> =
                committed.map_err(|source| Error::database("bearing", source))?.concat();
            let rate = committed.len() as f64 / begun.elapsed().as_secs_f64();
            let mut lags = Vec::new();
            for (subject, at) in &committed {
                let delivered = loop {
                    let known =
                        times.lock().unwrap_or_else(PoisonError::into_inner).get(subject).copied();
                    match known {
                        Some(delivered) => break delivered,
                        None => tokio::time::sleep(Duration::from_millis(5)).await,
                    }
                };
                lags.push(delivered.saturating_duration_since(*at).as_secs_f64() * 1e3);
            }
            drop(tail);
            lags.sort_by(f64::total_cmp);
            let (half, most) = (lags[lags.len() / 2], lags[lags.len() * 99 / 100]);
            eprintln!(
                "run {number}: at {rate:.0} births a second p50 {half:.1} ms, p99 {most:.1} ms"
            );
            if number > 0 {
                p50.push(half);
                p99.push(most);
                rates.push(rate);
            }
        }
        let note = format!("{:.0} births a second; p50 {:.1} ms", median(&rates), median(&p50));
        report.add("lag_p99_ms", Bar::AtMost(100.0), &p99, note);
        Ok(())
    }
}
