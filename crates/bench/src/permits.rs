//! How large the table of permits becomes: beside a transaction that stays open, and with an archive.

use birthgate::permit;
use clap::Args;
use tokio_postgres::Client;

use crate::births::Result;
use crate::report::{Bar, Report, Settings};
use crate::server::{Server, run};

/// What to measure.
#[derive(Args)]
pub struct Permits {
    /// Permits, each of them spent
    #[arg(long, default_value_t = 1_000_000)]
    permits: i64,
    /// Births in one statement
    #[arg(long, default_value_t = 1000)]
    batch: i64,
}

impl Permits {
    /// Measures everything, once: sizes do not vary.
    pub async fn measure(&self) -> Result<Report> {
        let server = Server::start().await?;
        let mut report = Report::new(Settings {
            fsync: server.setting("fsync").await?,
            version: server.setting("server_version").await?,
            runs: 1,
            births: Some(self.batch),
            growth: Some(self.permits),
        });
        for name in ["quiet", "held"] {
            server.database(name).await?;
        }
        let quiet = self.spend(&server, "quiet", 1).await?;
        let holder = server.connect("held", "postgres").await?;
        let hold = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM public.item";
        run(&holder, "holding a snapshot", hold).await?;
        let held = self.spend(&server, "held", 1).await?;
        run(&holder, "letting it go", "COMMIT").await?;
        report.add(
            "size_beside_a_long_transaction",
            Bar::AtMost(1.5),
            &[held / quiet],
            format!("bytes a permit, with indexes: {held:.0}, without that transaction {quiet:.0}"),
        );

        let root = server.connect("quiet", "postgres").await?;
        eprintln!("archiving {} permits", self.permits);
        let moved = permit::archive(&root, 0.0, 10_000).await?;
        run(&root, "vacuuming", "VACUUM birthgate.birth_admission_permit").await?;
        let refilled = self.spend(&server, "quiet", self.permits + 1).await?;
        report.add(
            "size_after_archive_and_refill",
            Bar::AtMost(1.1),
            &[refilled / quiet],
            format!("{moved} permits archived, as many spent again: {refilled:.0} bytes a permit"),
        );
        server.stop().await?;
        Ok(report)
    }

    /// Requests and spends the permits, with a VACUUM after each tenth, as autovacuum would; answers the
    /// size of their table and its indexes, in bytes for each.
    async fn spend(&self, server: &Server, database: &str, first: i64) -> Result<f64> {
        eprintln!("{database}: spending {} permits", self.permits);
        let app = server.connect(database, "bench_app").await?;
        let root = server.connect(database, "postgres").await?;
        for batch in 0..self.permits / self.batch {
            let from = first + batch * self.batch;
            let sql = include_str!("../sql/ours_bulk.sql")
                .replace("{from}", &from.to_string())
                .replace("{to}", &(from + self.batch - 1).to_string());
            run(&app, "spending permits", &sql).await?;
            if batch % (self.permits / self.batch / 10).max(1) == 0 {
                run(&root, "vacuuming", "VACUUM birthgate.birth_admission_permit").await?;
            }
        }
        size(&root, self.permits).await
    }
}

async fn size(root: &Client, permits: i64) -> Result<f64> {
    let sql = "SELECT pg_total_relation_size('birthgate.birth_admission_permit')::float8";
    let bytes: f64 = root.query_one(sql, &[]).await?.get(0);
    Ok(bytes / permits as f64)
}
