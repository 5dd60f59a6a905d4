//! Keeping watch: a quiet tick of the drift monitor beside `pg_dump --schema-only`, the dimensions of the full estate, the
//! assertion of an action, and what births lose while the daemon runs.

use std::time::{Duration, Instant};

use birthgate::collection::{self, Govern, Mode};
use birthgate::drift::{self, Monitor, Tick};
use birthgate::handoff::Start;
use birthgate::preflight::Ospa;
use birthgate::{block, registry, schema};
use birthgate_server::daemon::{Daemon, ServeConfig};
use clap::Args;
use estate_kb_3a66 as estate;

use crate::births::Result;
use crate::report::{Bar, Report, median};
use crate::server::{Server, run};
use crate::throughput::{Beside, Throughput};

/// What to measure.
#[derive(Args)]
pub struct Drift {
    /// Runs that count, after one that does not
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Objects in the database, in thousands
    #[arg(long, default_value_t = 40)]
    thousands: usize,
    /// The part of the estate's rows
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Clients at once
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Seconds that the clients are at it, with the daemon and without, in each run
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
}

impl Drift {
    /// Measures everything.
    pub async fn measure(&self) -> Result<Report> {
        let server = Server::start().await?;
        let mut report = Report::of(&server, self.runs).await?;
        self.ticks(&server, &mut report).await?;
        self.dimensions(&server, &mut report).await?;
        self.births(&server, &mut report).await?;
        server.stop().await?;
        Ok(report)
    }

    async fn ticks(&self, server: &Server, report: &mut Report) -> Result<()> {
        server.database("objects").await?;
        let root = server.connect("objects", "postgres").await?;
        eprintln!("making {} thousand objects", self.thousands);
        crate::rehearse::make_objects(&root, self.thousands).await?;
        drift::take_baseline(&root, None).await?;
        let mut monitor = Monitor::new(server.connect("objects", "postgres").await?, Duration::MAX);
        monitor.tick().await?;
        let (mut ratios, mut ticks) = (Vec::new(), Vec::new());
        for number in 0..=self.runs {
            let dump = crate::rehearse::pg_dump(server, "objects")?;
            let begun = Instant::now();
            let said = monitor.tick().await?;
            let tick = begun.elapsed().as_secs_f64();
            if !matches!(said, Tick::Quiet(0)) {
                return Err(format!("the tick was not quiet: {said:?}").into());
            }
            eprintln!("run {number}: pg_dump {dump:.2} s, a quiet tick {:.1} ms", tick * 1e3);
            if number > 0 {
                ratios.push(dump / tick);
                ticks.push(tick * 1e3);
            }
        }
        let note = format!("{} thousand objects", self.thousands);
        report.add("pg_dump_vs_quiet_tick", Bar::AtLeast(20.0), &ratios, note.clone());
        report.add("quiet_tick_ms", Bar::AtMost(100.0), &ticks, note);
        Ok(())
    }

    async fn dimensions(&self, server: &Server, report: &mut Report) -> Result<()> {
        server.empty_database("estate").await?;
        let mut root = server.connect("estate", "postgres").await?;
        eprintln!("building the estate");
        estate::build(&root, self.scale, &mut |_, _, _| {}).await?;
        schema::init(&mut root).await?;
        registry::adopt(&mut root, "public.birth_registry", Some("public.registry_changelog"))
            .await?;
        for row in root.query(estate::story::LIST_COLLECTIONS, &[]).await? {
            let (name, table): (String, String) = (row.get(0), row.get(1));
            let list = Govern {
                collection: name,
                table,
                code_columns: vec![row.get(2)],
                mode: Mode::Listed,
                form: None,
                finalize: "required".to_owned(),
                critical: row.get(3),
                rule: None,
                replaces: Vec::new(),
                bound_columns: Vec::new(),
                open_permits: false,
            };
            collection::govern(&mut root, &list).await?;
        }
        run(&root, "making the dimensions known", estate::story::DIMENSIONS).await?;
        run(&root, "analysing", "VACUUM (ANALYZE)").await?;
        let (mut refreshes, mut assertions) = (Vec::new(), Vec::new());
        for number in 0..=self.runs {
            let begun = Instant::now();
            let counted = block::count_all(&mut root).await?;
            let refresh = begun.elapsed().as_secs_f64();
            let begun = Instant::now();
            // The estate's answer is no; that is an answer.
            let answer = block::assert_safe(&root, "rp_cleanup").await;
            let assertion = begun.elapsed().as_secs_f64() * 1e3;
            if answer.is_ok() {
                return Err("the estate's cleanup is said to be safe".into());
            }
            eprintln!(
                "run {number}: {counted} dimensions {refresh:.2} s, an assertion {assertion:.2} ms"
            );
            if number > 0 {
                refreshes.push(refresh);
                assertions.push(assertion);
            }
        }
        let note = format!("the estate at {}", self.scale);
        report.add("seconds_for_the_dimensions", Bar::AtMost(1.0), &refreshes, note.clone());
        report.add("assertion_ms", Bar::AtMost(1.0), &assertions, note);
        Ok(())
    }

    async fn births(&self, server: &Server, report: &mut Report) -> Result<()> {
        server.database("load").await?;
        let root = server.connect("load", "postgres").await?;
        drift::take_baseline(&root, None).await?;
        let throughput =
            Throughput { clients: self.clients, seconds: self.seconds, runs: self.runs };
        let beside = async || -> Result<Beside> {
            let daemon = Daemon {
                database: server.reach("load", "postgres")?,
                config: ServeConfig {
                    listen: ([127, 0, 0, 1], 0).into(),
                    ..ServeConfig::default()
                },
                evidence: std::env::temp_dir(),
                allowed_signers: None,
                sinks: Vec::new(),
                folder: std::env::temp_dir(),
                source: None,
                ospa: Ospa::default(),
                start: Start::Everything,
            };
            let now: std::time::SystemTime =
                root.query_one("SELECT clock_timestamp()", &[]).await?.get(0);
            let beside = Beside::start(async move {
                if let Ok(listening) = daemon.listen().await {
                    let _ = listening.run(std::future::pending()).await;
                }
            })?;
            // What it does once, when it begins to lead, is not what it costs from then on.
            let counted = "SELECT count(*) FROM birthgate.block_observation WHERE observed_at > $1";
            while root.query_one(counted, &[&now]).await?.get::<_, i64>(0) < 3 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(beside)
        };
        let (ratios, with, without) = throughput.compare(server, "load", beside).await?;
        let note = format!(
            "{} clients: {:.0} births a second with the daemon, {:.0} without",
            self.clients,
            median(&with),
            median(&without)
        );
        report.add("births_with_the_daemon_vs_without", Bar::AtLeast(0.98), &ratios, note);
        Ok(())
    }
}
