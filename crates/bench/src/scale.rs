//! What a birth costs in a registry that holds many, beside the plain inserts into tables that hold as many: the same births in
//! databases of different sizes, in an order that turns, and in one whose registry was partitioned while births went on.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use birthgate::{Error, partition};
use clap::Args;
use tokio_postgres::Client;

use crate::births::{ADMIT, BLOCK, FLOOR_SINGLE, GROWTH_BULK, Result};
use crate::chart::{self, Panel, Point, Series};
use crate::packet::Prepared;
use crate::report::{Bar, Report, Settings, median};
use crate::server::{Server, run};
use crate::side::{FLOOR, OURS, Side};

/// How long the writers are at it before the partitioning begins, to see what they wait without it.
const BEFORE: Duration = Duration::from_secs(5);

/// What to measure.
#[derive(Args)]
pub struct Scale {
    /// Births that are there already, a database each; growth is told from the first
    #[arg(long, value_delimiter = ',', default_value = "100000,1000000,10000000")]
    sizes: Vec<i64>,
    /// Births of one more database, whose registry is partitioned; 0 leaves it out
    #[arg(long, default_value_t = 1_000_000)]
    partitioned: i64,
    /// Its partitions
    #[arg(long, default_value_t = 8)]
    partitions: u32,
    /// Clients that bear while it is partitioned
    #[arg(long, default_value_t = 4)]
    writers: usize,
    /// Runs that count, after one that does not
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Single births of each side, in each database, in a run
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
    ours: Side,
    floor: Side,
    app: Client,
    /// Microseconds a birth, ours and the floor's, one pair a run.
    bulk: Vec<[f64; 2]>,
    single: Vec<[f64; 2]>,
}

/// What writers saw of the partitioning.
struct Stall {
    /// Births meanwhile, and seconds that it took.
    births: usize,
    seconds: f64,
    /// The longest birth before and during it, in milliseconds.
    before: f64,
    during: f64,
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
            places.push(Place::load(&server, &format!("s{number}"), *births).await?);
        }
        if self.partitioned > 0 {
            let mut place = Place::load(&server, "parted", self.partitioned).await?;
            let stall = self.partition(&server, &mut place).await?;
            report.add(
                "partitioning_stall_ms",
                Bar::AtMost(1000.0),
                &[stall.during],
                format!(
                    "longest of {} births meanwhile, in {:.0} s; before it {:.0} ms",
                    stall.births, stall.seconds, stall.before
                ),
            );
            places.push(place);
        }
        for number in 0..=self.runs {
            self.run(&server, &mut places, number).await?;
        }
        eprintln!("counting");
        for place in &places {
            place.ours.verify().await?;
            place.floor.verify().await?;
        }
        fill_in(&mut report, &places);
        if let Some(file) = &self.svg {
            std::fs::write(file, drawn(&places))?;
        }
        drop(places);
        server.stop().await?;
        Ok(report)
    }

    /// Partitions the registry by its packet, beside writers.
    async fn partition(&self, server: &Server, place: &mut Place) -> Result<Stall> {
        // The rehearsal binds what it saw of the objects, not the rows: a database without births will do.
        server.database("rehearsed").await?;
        let folder = tempfile::tempdir()?;
        let empty = server.reach("rehearsed", "postgres")?;
        partition::examine(&empty.connect_for_others().await?, self.partitions)
            .await?
            .write_packet(&folder.path().join("packet"))?;
        let prepared = Prepared::new(folder, &empty, None).await?;
        let database = server.reach("parted", "postgres")?;
        let root = database.connect_for_others().await?;
        let mut clients = Vec::new();
        for _ in 0..self.writers {
            clients.push(server.connect("parted", "bench_app").await?);
        }
        eprintln!("partitioning");
        let (is_over, is_going_on) = (Cell::new(false), Cell::new(false));
        let seen = Cell::new((0_usize, Duration::ZERO, Duration::ZERO));
        let writing = clients.iter().map(|client| {
            let (is_over, is_going_on, seen, ours) = (&is_over, &is_going_on, &seen, &place.ours);
            async move {
                let statement = client.prepare(ADMIT).await;
                let statement = statement.map_err(|source| Error::database("preparing", source))?;
                while !is_over.get() {
                    let took = ours.single(client, &statement).await?;
                    let (births, before, during) = seen.get();
                    seen.set(match is_going_on.get() {
                        true => (births + 1, before, during.max(took)),
                        false => (births, before.max(took), during),
                    });
                }
                Result::Ok(())
            }
        });
        let partitioning = async {
            tokio::time::sleep(BEFORE).await;
            is_going_on.set(true);
            let begun = Instant::now();
            let applied = prepared.apply(&root, &database).await;
            is_over.set(true);
            applied.map(|()| begun.elapsed())
        };
        let (written, took) =
            tokio::join!(futures_util::future::try_join_all(writing), partitioning);
        written?;
        let (births, before, during) = seen.get();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        place.is_partitioned = true;
        place.floor.fill(place.ours.born()).await?;
        run(&root, "analysing", "VACUUM (ANALYZE)").await?;
        Ok(Stall { births, seconds: took?.as_secs_f64(), before: ms(before), during: ms(during) })
    }

    async fn run(&self, server: &Server, places: &mut [Place], number: usize) -> Result<()> {
        let of = places.len();
        let turned = |at: usize, of: usize| if number % 2 == 1 { of - 1 - at } else { at };
        for at in 0..of {
            let place = &mut places[turned(at, of)];
            let mut took = [0.0; 2];
            for side in [turned(0, 2), turned(1, 2)] {
                server.checkpoint().await?;
                let side_of = [&place.ours, &place.floor][side];
                let time = side_of.bulk(GROWTH_BULK).await?;
                took[side] = time.as_secs_f64() * 1e6 / GROWTH_BULK as f64;
            }
            place.bulk.push(took);
        }
        server.checkpoint().await?;
        let mut latencies = vec![Vec::new(); 2 * of];
        for block in 0..self.singles.div_ceil(BLOCK) {
            for turn in 0..2 * of {
                let at = (turn + block + number) % (2 * of);
                let place = &places[at / 2];
                let (side, sql) = [(&place.ours, ADMIT), (&place.floor, FLOOR_SINGLE)][at % 2];
                let statement = place.app.prepare(sql).await;
                let statement = statement.map_err(|source| Error::database("preparing", source))?;
                // The first call plans, which is not measured.
                side.single(&place.app, &statement).await?;
                for _ in 0..BLOCK {
                    let took = side.single(&place.app, &statement).await?;
                    latencies[at].push(took.as_secs_f64() * 1e6);
                }
            }
        }
        for (place, latencies) in places.iter_mut().zip(latencies.chunks(2)) {
            place.single.push([median(&latencies[0]), median(&latencies[1])]);
            if number == 0 {
                // The first run only warms up.
                (place.bulk, place.single) = (Vec::new(), Vec::new());
            } else {
                eprintln!("run {number}: {}", place.told());
            }
        }
        Ok(())
    }
}

fn fill_in(report: &mut Report, places: &[Place]) {
    for place in places {
        let kinds = [
            ("bulk", &place.bulk, &places[0].bulk, 2.0),
            ("single", &place.single, &places[0].single, 1.5),
        ];
        for (kind, taken, first, bar) in kinds {
            let name = place.name();
            report.add(
                format!("{kind}_vs_floor_{name}"),
                Bar::AtMost(bar),
                &taken.iter().map(|[ours, floor]| ours / floor).collect::<Vec<_>>(),
                format!("{:.1} us a birth, floor {:.1}", middle(taken, 0), middle(taken, 1)),
            );
            if place.births != places[0].births {
                report.add(
                    format!("{kind}_growth_{name}"),
                    Bar::AtMost(1.3),
                    &taken
                        .iter()
                        .zip(first)
                        .map(|(here, there)| here[0] / there[0])
                        .collect::<Vec<_>>(),
                    format!(
                        "{:.1} us a birth beside {}, {:.1} beside {}",
                        middle(taken, 0),
                        place.births,
                        middle(first, 0),
                        places[0].births
                    ),
                );
            }
        }
    }
}

fn middle(taken: &[[f64; 2]], side: usize) -> f64 {
    median(&taken.iter().map(|pair| pair[side]).collect::<Vec<_>>())
}

fn drawn(places: &[Place]) -> String {
    let panel = |title, of: fn(&Place) -> &[[f64; 2]]| {
        let series = |name, is_partitioned, side| Series {
            name,
            points: places
                .iter()
                .filter(|place| place.is_partitioned == is_partitioned)
                .map(|place| Point { births: place.births, microseconds: middle(of(place), side) })
                .collect(),
        };
        Panel {
            title,
            ours: series("Birthgate", false, 0),
            partitioned: series("partitioned", true, 0),
            floor: series("plain inserts", false, 1),
        }
    };
    chart::draw(&[
        panel("of 20,000 in a statement", |place| &place.bulk),
        panel("in a transaction of its own", |place| &place.single),
    ])
}

impl Place {
    async fn load(server: &Server, name: &str, births: i64) -> Result<Place> {
        eprintln!("{name}: loading {births} births, and as many plain rows");
        server.database(name).await?;
        let root = server.connect(name, "postgres").await?;
        run(&root, "making the floor", include_str!("../sql/floor.sql")).await?;
        run(&root, "making it dense", include_str!("../sql/dense.sql")).await?;
        let side = async |way, born| -> Result<Side> {
            let root = server.connect(name, "postgres").await?;
            Ok(Side::new(way, root, server.connect(name, "bench_app").await?, born))
        };
        let (ours, floor) = (side(OURS, births).await?, side(FLOOR, 0).await?);
        let sql = include_str!("../sql/load.sql").replace("{births}", &births.to_string());
        tokio::try_join!(run(&root, "loading births", &sql), floor.fill(births))?;
        run(&root, "making room again", include_str!("../sql/roomy.sql")).await?;
        run(&root, "analysing", "VACUUM (ANALYZE)").await?;
        let app = server.connect(name, "bench_app").await?;
        let (bulk, single) = (Vec::new(), Vec::new());
        Ok(Place { births, is_partitioned: false, ours, floor, app, bulk, single })
    }

    fn name(&self) -> String {
        let power = self.births.max(1).ilog10();
        let births = match self.births == 10_i64.pow(power) {
            true => format!("1e{power}"),
            false => self.births.to_string(),
        };
        format!("{births}{}", if self.is_partitioned { "_partitioned" } else { "" })
    }

    fn told(&self) -> String {
        let last = |taken: &[[f64; 2]]| taken.last().copied().unwrap_or([f64::NAN; 2]);
        let ([bulk, floor_bulk], [single, floor_single]) = (last(&self.bulk), last(&self.single));
        format!(
            "{}: {bulk:.1} us a birth, floor {floor_bulk:.1}; alone {single:.0}, floor {floor_single:.0}",
            self.name()
        )
    }
}
