//! What a birth costs in a registry that holds many: the same births beside so many others, in databases of their
//! own, in an order that turns; and in one whose registry was partitioned.

use std::path::PathBuf;

use birthgate::Error;
use clap::Args;
use tokio_postgres::Client;

use crate::births::{ADMIT, BLOCK, GROWTH_BULK, Result};
use crate::chart::{self, Panel, Point};
use crate::report::{Bar, Report, Settings, median};
use crate::server::{Server, run};
use crate::side::{OURS, Side};

/// What to measure.
#[derive(Args)]
pub struct Scale {
    /// Births that are there already, a database each; all are compared with the first
    #[arg(long, value_delimiter = ',', default_value = "100000,1000000,10000000")]
    sizes: Vec<i64>,
    /// Births of one more database, whose registry is partitioned; 0 leaves it out
    #[arg(long, default_value_t = 1_000_000)]
    partitioned: i64,
    /// Its partitions
    #[arg(long, default_value_t = 8)]
    partitions: i32,
    /// Runs that count, after one that does not
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Single births in each database in a run
    #[arg(long, default_value_t = 400)]
    singles: usize,
    /// Draw it into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// A database that is measured.
struct Place {
    births: i64,
    is_partitioned: bool,
    side: Side,
    app: Client,
    /// Bytes a birth: registry, its indexes, permits, theirs.
    bytes: [f64; 4],
    /// Microseconds a birth, one value a run.
    bulk: Vec<f64>,
    single: Vec<f64>,
}

impl Scale {
    /// Measures everything.
    pub async fn measure(&self) -> Result<Report> {
        if self.sizes.is_empty() {
            return Err("--sizes names none".into());
        }
        eprintln!("starting a server");
        let server = Server::start().await?;
        let mut report = Report::new(Settings {
            fsync: server.setting("fsync").await?,
            version: server.setting("server_version").await?,
            runs: self.runs,
            births: Some(GROWTH_BULK),
            growth: self.sizes.iter().max().copied(),
        });
        let mut places = Vec::new();
        for (number, births) in self.sizes.iter().enumerate() {
            places.push(Place::load(&server, &format!("s{number}"), *births, None).await?);
        }
        if self.partitioned > 0 {
            let partitions = Some(self.partitions);
            places.push(Place::load(&server, "parted", self.partitioned, partitions).await?);
        }
        for number in 0..=self.runs {
            self.run(&server, &mut places, number).await?;
        }
        for place in &places {
            place.side.verify().await?;
        }
        self.fill_in(&mut report, &places);
        if let Some(file) = &self.svg {
            std::fs::write(file, self.drawn(&places))?;
        }
        drop(places);
        server.stop().await?;
        Ok(report)
    }

    async fn run(&self, server: &Server, places: &mut [Place], number: usize) -> Result<()> {
        let turned = |at: usize, of: usize| if number % 2 == 1 { of - 1 - at } else { at };
        let of = places.len();
        for at in 0..of {
            let place = &mut places[turned(at, of)];
            server.checkpoint().await?;
            let took = place.side.bulk(GROWTH_BULK).await?;
            place.bulk.push(took.as_secs_f64() * 1e6 / GROWTH_BULK as f64);
        }
        server.checkpoint().await?;
        let mut latencies = vec![Vec::new(); of];
        for block in 0..self.singles.div_ceil(BLOCK) {
            for turn in 0..of {
                let at = (turn + block + number) % of;
                let place = &places[at];
                let statement = place.app.prepare(ADMIT).await;
                let statement = statement.map_err(|source| Error::database("preparing", source))?;
                for _ in 0..BLOCK {
                    let took = place.side.single(&place.app, &statement).await?;
                    latencies[at].push(took.as_secs_f64() * 1e6);
                }
            }
        }
        for (place, latencies) in places.iter_mut().zip(&latencies) {
            place.single.push(median(latencies));
            if number == 0 {
                // The first run only warms up.
                (place.bulk, place.single) = (Vec::new(), Vec::new());
            }
        }
        let told: Vec<String> = places.iter().map(Place::told).collect();
        eprintln!(
            "run {number}{}: {}",
            if number == 0 { " (not counted)" } else { "" },
            told.join("; ")
        );
        Ok(())
    }

    fn fill_in(&self, report: &mut Report, places: &[Place]) {
        let base = &places[0];
        for place in places {
            let bar = Bar::AtMost(if place.is_partitioned { 2.0 } else { 1.3 });
            let ratios = |of: &[f64], base: &[f64]| -> Vec<f64> {
                of.iter().zip(base).map(|(of, base)| of / base).collect()
            };
            let [registry, indexes, permits, permit_indexes] = place.bytes.map(f64::round);
            let name = place.name();
            report.add(
                format!("bulk_{name}"),
                bar,
                &ratios(&place.bulk, &base.bulk),
                format!("{:.1} us a birth", median(&place.bulk)),
            );
            report.add(
                format!("single_{name}"),
                bar,
                &ratios(&place.single, &base.single),
                format!(
                    "p50 {:.0} us; bytes a birth: registry {registry} + indexes {indexes}, permits {permits} + indexes {permit_indexes}",
                    median(&place.single)
                ),
            );
        }
    }

    fn drawn(&self, places: &[Place]) -> String {
        let panel = |title: &'static str, of: fn(&Place) -> &[f64]| Panel {
            title,
            points: places
                .iter()
                .map(|place| Point {
                    births: place.births,
                    is_partitioned: place.is_partitioned,
                    microseconds: median(of(place)),
                })
                .collect(),
        };
        chart::draw(&[
            panel("in a statement of 20,000", |place| &place.bulk),
            panel("in a transaction of its own", |place| &place.single),
        ])
    }
}

impl Place {
    async fn load(
        server: &Server,
        name: &str,
        births: i64,
        partitions: Option<i32>,
    ) -> Result<Place> {
        eprintln!("{name}: loading {births} births");
        server.database(name).await?;
        let root = server.connect(name, "postgres").await?;
        let sql = include_str!("../sql/load.sql").replace("{births}", &births.to_string());
        run(&root, "loading births", &sql).await?;
        if let Some(partitions) = partitions {
            eprintln!("{name}: partitioning");
            let sql = include_str!("../sql/partition.sql");
            for statement in sql.replace("{partitions}", &partitions.to_string()).split("\n\n") {
                run(&root, "partitioning", statement).await?;
            }
        }
        run(&root, "analysing", "VACUUM (ANALYZE)").await?;
        let row = root
            .query_one(include_str!("../sql/sizes.sql"), &[])
            .await
            .map_err(|source| Error::database("measuring sizes", source))?;
        let bytes = [0, 1, 2, 3].map(|column| row.get::<_, f64>(column) / births as f64);
        let app = server.connect(name, "bench_app").await?;
        let side = Side::new(OURS, root, server.connect(name, "bench_app").await?, births);
        Ok(Place {
            births,
            is_partitioned: partitions.is_some(),
            side,
            app,
            bytes,
            bulk: Vec::new(),
            single: Vec::new(),
        })
    }

    fn name(&self) -> String {
        format!("{}{}", self.births, if self.is_partitioned { "_partitioned" } else { "" })
    }

    fn told(&self) -> String {
        let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
        format!(
            "{} {:.1} us a birth, alone {:.0}",
            self.name(),
            last(&self.bulk),
            last(&self.single)
        )
    }
}
