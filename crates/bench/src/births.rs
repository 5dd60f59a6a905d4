//! The plan: every run measures each side, in an order that turns, on one server.

use std::cell::Cell;
use std::time::{Duration, Instant};

use birthgate::Error;
use clap::Args;
use tokio_postgres::Client;

use crate::report::{Bar, Report, Settings, median};
use crate::server::{Server, run};
use crate::side::{FLOOR, NAIVE, OURS, Side};

/// Whatever went wrong.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const HOLD: &str = include_str!("../sql/hold_single.sql");
/// One birth, given as JSON.
pub const ADMIT: &str = include_str!("../sql/admit_single.sql");
/// The same rows, plainly inserted.
pub const FLOOR_SINGLE: &str = include_str!("../sql/floor_single.sql");
/// Single births in a row before the other side has its turn.
pub const BLOCK: usize = 50;
/// The births of a bulk beside many or few others.
pub const GROWTH_BULK: i64 = 20_000;
/// The births in the smaller of the two databases of the growth.
const FEW: i64 = 10_000;

/// What to measure.
#[derive(Args)]
pub struct Births {
    /// Runs that count, after one that does not
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Births in a bulk
    #[arg(long, default_value_t = 100_000)]
    births: i64,
    /// Single births of each kind in a run
    #[arg(long, default_value_t = 400)]
    singles: usize,
    /// Clients at once
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Seconds that the clients are at it, each side in each run
    #[arg(long, default_value_t = 2.5)]
    seconds: f64,
    /// Births in the larger of the two databases of the growth
    #[arg(long, default_value_t = 1_000_000)]
    growth: i64,
    /// Leaves the naive gate out: it takes the longest
    #[arg(long)]
    no_naive: bool,
}

/// The figures of one run.
#[derive(Default)]
struct Run {
    ours_bulk: f64,
    floor_bulk: f64,
    naive_bulk: f64,
    hold: f64,
    admit: f64,
    floor_single: f64,
    ours_tps: f64,
    floor_tps: f64,
    few: f64,
    many: f64,
}

/// The sides, and the connections beside theirs.
struct Bench {
    server: Server,
    ours: Side,
    floor: Side,
    naive: Side,
    few: Side,
    many: Side,
    root: Client,
    app: Client,
    clients: Vec<Client>,
}

impl Births {
    /// Measures everything.
    pub async fn measure(&self) -> Result<Report> {
        let bench = self.prepare().await?;
        let mut report = Report::new(Settings {
            fsync: bench.server.setting("fsync").await?,
            version: bench.server.setting("server_version").await?,
            runs: self.runs,
            births: Some(self.births),
            growth: Some(self.growth),
        });
        let mut runs = Vec::new();
        for number in 0..=self.runs {
            let run = self.run(&bench, number).await?;
            eprintln!("run {number}{}: {run}", if number == 0 { " (not counted)" } else { "" });
            if number > 0 {
                runs.push(run);
            }
        }
        for side in [&bench.ours, &bench.floor, &bench.naive, &bench.few, &bench.many] {
            side.verify().await?;
        }
        self.fill_in(&mut report, &runs);
        bench.end().await?;
        Ok(report)
    }

    async fn prepare(&self) -> Result<Bench> {
        eprintln!("starting a server");
        let server = Server::start().await?;
        for name in ["births", "few", "many"] {
            server.database(name).await?;
        }
        let root = server.connect("births", "postgres").await?;
        run(&root, "making the floor", include_str!("../sql/floor.sql")).await?;
        run(&root, "making the naive gate", include_str!("../sql/naive.sql")).await?;
        for (name, births) in [("few", FEW), ("many", self.growth)] {
            eprintln!("loading {births} births");
            let root = server.connect(name, "postgres").await?;
            let sql = include_str!("../sql/load.sql").replace("{births}", &births.to_string());
            run(&root, "loading births", &sql).await?;
            run(&root, "analysing", "VACUUM (ANALYZE)").await?;
        }
        let side = async |way, database: &str, born| -> Result<Side> {
            let root = server.connect(database, "postgres").await?;
            Ok(Side::new(way, root, server.connect(database, "bench_app").await?, born))
        };
        let mut clients = Vec::new();
        for _ in 0..self.clients {
            clients.push(server.connect("births", "bench_app").await?);
        }
        Ok(Bench {
            ours: side(OURS, "births", 0).await?,
            floor: side(FLOOR, "births", 0).await?,
            naive: side(NAIVE, "births", 0).await?,
            few: side(OURS, "few", FEW).await?,
            many: side(OURS, "many", self.growth).await?,
            app: server.connect("births", "bench_app").await?,
            root,
            clients,
            server,
        })
    }

    async fn run(&self, bench: &Bench, number: usize) -> Result<Run> {
        let mut figures = Run::default();
        run(&bench.root, "vacuuming", "VACUUM (ANALYZE)").await?;
        let mut bulks = vec![
            (&bench.ours, &mut figures.ours_bulk, self.births),
            (&bench.floor, &mut figures.floor_bulk, self.births),
            (&bench.few, &mut figures.few, GROWTH_BULK),
            (&bench.many, &mut figures.many, GROWTH_BULK),
        ];
        if !self.no_naive {
            bulks.push((&bench.naive, &mut figures.naive_bulk, self.births));
        }
        if number % 2 == 1 {
            bulks.reverse();
        }
        for (side, figure, births) in bulks {
            bench.server.checkpoint().await?;
            *figure = side.bulk(births).await?.as_secs_f64();
        }
        run(&bench.root, "vacuuming", "VACUUM (ANALYZE)").await?;
        bench.server.checkpoint().await?;
        self.singles(bench, number, &mut figures).await?;
        for side in 0..2 {
            bench.server.checkpoint().await?;
            if (side + number).is_multiple_of(2) {
                figures.ours_tps = self.tps(bench, &bench.ours, self.better(&figures)).await?;
            } else {
                figures.floor_tps = self.tps(bench, &bench.floor, FLOOR_SINGLE).await?;
            }
        }
        let most = bench.ours.born().max(bench.floor.born()).max(bench.naive.born());
        bench.ours.fill(most).await?;
        bench.floor.fill(most).await?;
        if !self.no_naive {
            bench.naive.fill(most).await?;
        }
        Ok(figures)
    }

    fn better(&self, figures: &Run) -> &'static str {
        if figures.hold <= figures.admit { HOLD } else { ADMIT }
    }

    /// The median latency of one birth, in microseconds, for each kind.
    async fn singles(&self, bench: &Bench, number: usize, figures: &mut Run) -> Result<()> {
        let mut kinds = Vec::new();
        let all = [(HOLD, &bench.ours), (ADMIT, &bench.ours), (FLOOR_SINGLE, &bench.floor)];
        for (sql, side) in all {
            let statement = bench.app.prepare(sql).await;
            let statement = statement.map_err(|source| Error::database("preparing", source))?;
            kinds.push((statement, side, Vec::new()));
        }
        for block in 0..self.singles.div_ceil(BLOCK) {
            for turn in 0..kinds.len() {
                let kind = (turn + block + number) % kinds.len();
                let (statement, side, latencies) = &mut kinds[kind];
                for _ in 0..BLOCK {
                    let took = side.single(&bench.app, statement).await?;
                    latencies.push(took.as_secs_f64() * 1e6);
                }
            }
        }
        let p50: Vec<f64> = kinds.iter().map(|(_, _, latencies)| median(latencies)).collect();
        [figures.hold, figures.admit, figures.floor_single] = [p50[0], p50[1], p50[2]];
        Ok(())
    }

    /// Births a second from all clients at once.
    async fn tps(&self, bench: &Bench, side: &Side, sql: &str) -> Result<f64> {
        let born = Cell::new(0_u32);
        let begun = Instant::now();
        let until = Duration::from_secs_f64(self.seconds);
        let at_work = bench.clients.iter().map(|client| {
            let born = &born;
            async move {
                let statement = client.prepare(sql).await;
                let statement = statement.map_err(|source| Error::database("preparing", source))?;
                while begun.elapsed() < until {
                    side.single(client, &statement).await?;
                    born.set(born.get() + 1);
                }
                Result::Ok(())
            }
        });
        futures_util::future::try_join_all(at_work).await?;
        Ok(f64::from(born.get()) / begun.elapsed().as_secs_f64())
    }

    fn fill_in(&self, report: &mut Report, runs: &[Run]) {
        let all = |figure: fn(&Run) -> f64| runs.iter().map(figure).collect::<Vec<f64>>();
        let mid = |figure: fn(&Run) -> f64| median(&all(figure));
        let (ours, floor) = (mid(|r| r.ours_bulk), mid(|r| r.floor_bulk));
        report.add(
            "bulk_vs_floor",
            Bar::AtMost(2.0),
            &all(|r| r.ours_bulk / r.floor_bulk),
            format!("ours {ours:.2} s, floor {floor:.2} s"),
        );
        if !self.no_naive {
            report.add(
                "bulk_vs_naive",
                Bar::AtLeast(4.0),
                &all(|r| r.naive_bulk / r.ours_bulk),
                format!("naive {:.2} s, ours {ours:.2} s", mid(|r| r.naive_bulk)),
            );
        }
        let (hold, admit) = (mid(|r| r.hold), mid(|r| r.admit));
        let floor = mid(|r| r.floor_single);
        let (better, name): (fn(&Run) -> f64, _) = if hold <= admit {
            (|r| r.hold / r.floor_single, "INSERT ... FROM permit_hold")
        } else {
            (|r| r.admit / r.floor_single, "admit")
        };
        report.add(
            "single_p50_vs_floor",
            Bar::AtMost(1.5),
            &all(better),
            format!("{name}: hold {hold:.0} us, admit {admit:.0} us, floor {floor:.0} us"),
        );
        report.add(
            "eight_clients_tps_vs_floor",
            Bar::AtLeast(0.65),
            &all(|r| r.ours_tps / r.floor_tps),
            format!(
                "{} clients: ours {:.0}/s, floor {:.0}/s",
                self.clients,
                mid(|r| r.ours_tps),
                mid(|r| r.floor_tps)
            ),
        );
        report.add(
            "growth_1m_vs_10k",
            Bar::AtMost(1.3),
            &all(|r| r.many / r.few),
            format!(
                "{GROWTH_BULK} births beside {}: {:.2} s, beside {FEW}: {:.2} s",
                self.growth,
                mid(|r| r.many),
                mid(|r| r.few)
            ),
        );
    }
}

impl Bench {
    /// Lets the connections go, and ends the server.
    async fn end(self) -> Result<()> {
        let Bench { server, .. } = self;
        server.stop().await
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "bulk {:.2} s, floor {:.2}, naive {:.2}; one {:.0} us by hold, {:.0} by admit, \
             floor {:.0}; {:.0} tps, floor {:.0}; beside many {:.2} s, few {:.2}",
            self.ours_bulk,
            self.floor_bulk,
            self.naive_bulk,
            self.hold,
            self.admit,
            self.floor_single,
            self.ours_tps,
            self.floor_tps,
            self.many,
            self.few
        )
    }
}
