//! The online key change on the estate's registry, under load, beside the naive ALTER TABLE: how long a writer stalls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use birthgate::key_change;
use clap::Args;
use estate_kb_3a66 as estate;
use tokio_postgres::Client;

use crate::births::Result;
use crate::packet::Prepared;
use crate::report::{Bar, Report, median};
use crate::server::{Server, run};

const TABLE: &str = "public.birth_registry";

/// What clients write: births by the legacy triggers, and by themselves; none names the old key.
const WRITES: [&str; 3] = [
    "INSERT INTO public.workflow_task (title) VALUES ('bench')",
    "INSERT INTO public.dot_tools (code, name, domain, verb) SELECT 'DOT-' || n, 'bench-' || n, 'bench', 'run' FROM (SELECT 1000000 + nextval('public.birth_registry_id_seq') AS n) AS next",
    "INSERT INTO public.birth_registry (entity_code, collection_name) SELECT 'BENCH-' || nextval('public.birth_registry_id_seq'), 'bench' ON CONFLICT DO NOTHING",
];

/// What to measure.
#[derive(Args)]
pub struct KeyChange {
    /// Runs that count, each of ours and of the naive one
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// The part of the estate's rows
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Clients that write meanwhile
    #[arg(long, default_value_t = 4)]
    writers: usize,
}

/// What the writers saw.
#[derive(Default)]
struct Seen {
    writes: AtomicU64,
    failed: AtomicU64,
    /// The longest write, in microseconds.
    longest: AtomicU64,
    ended: AtomicBool,
}

impl KeyChange {
    /// Measures it.
    pub async fn measure(&self) -> Result<Report> {
        let server = Server::start().await?;
        let mut report = Report::of(&server, self.runs).await?;
        server.empty_database("estate").await?;
        let root = server.connect("estate", "postgres").await?;
        eprintln!("building the estate");
        estate::build(&root, self.scale, &mut |_, _, _| {}).await?;
        let naive = naive(&root).await?;
        let prepared = prepare(&server, &root).await?;
        drop(root);

        let (mut ours, mut theirs, mut ratio, mut failed) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut writes, mut seconds) = (0, Vec::new());
        for number in 0..=self.runs {
            let begun = Instant::now();
            let one = self
                .under_load(&server, number, async |client, database| {
                    prepared.apply(client, database).await
                })
                .await?;
            let took = begun.elapsed().as_secs_f64();
            let other = self
                .under_load(&server, number, async |client, _| {
                    run(client, "the naive ALTER TABLE", &naive).await
                })
                .await?;
            eprintln!(
                "run {number}: ours stalled {:.1} ms ({} writes, {} failed), naive {:.1} ms ({} writes, {} failed)",
                one.0, one.1, one.2, other.0, other.1, other.2
            );
            if number > 0 {
                ours.push(one.0);
                theirs.push(other.0);
                ratio.push(other.0 / one.0);
                failed.push(one.2 as f64);
                writes += one.1;
                seconds.push(took);
            }
        }
        let note = format!("naive {:.0} ms; {writes} writes beside ours", median(&theirs));
        report.add("writers_stall_ms", Bar::AtMost(100.0), &ours, note);
        report.add(
            "naive_stall_vs_ours",
            Bar::AtLeast(1.0),
            &ratio,
            format!("{:.1} s with the copy of the database", median(&seconds)),
        );
        report.add(
            "failed_writes",
            Bar::AtMost(0.0),
            &failed,
            "of clients whose SQL does not name the old target".to_owned(),
        );
        server.stop().await?;
        Ok(report)
    }

    /// Changes the key of a copy of the estate while clients write; answers the longest write in milliseconds, how many
    /// there were, and how many failed.
    async fn under_load(
        &self,
        server: &Server,
        number: usize,
        change: impl AsyncFnOnce(&Client, &birthgate::Database) -> Result<()>,
    ) -> Result<(f64, u64, u64)> {
        let name = format!("copy_{number}");
        server.copy_database("estate", &name).await?;
        let database = server.reach(&name, "postgres")?;
        let client = database.connect_for_others().await?;
        let before = oids(&client).await?;
        let seen = Arc::new(Seen::default());
        let mut writers = Vec::new();
        for writer in 0..self.writers {
            let client = server.connect(&name, "postgres").await?;
            writers.push(tokio::spawn(write(client, WRITES[writer % WRITES.len()], seen.clone())));
        }
        // They are at it before the change begins, and after it has ended.
        while seen.writes.load(Ordering::Relaxed) < 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        change(&client, &database).await?;
        let until = seen.writes.load(Ordering::Relaxed) + 200;
        while seen.writes.load(Ordering::Relaxed) < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        seen.ended.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await?;
        }
        if oids(&client).await? != before {
            return Err("the functions' OIDs are not what they were".into());
        }
        let single: i64 = client
            .query_one("SELECT count(*) FROM pg_index WHERE indrelid = 'public.birth_registry'::regclass AND indisunique AND indnkeyatts = 1 AND NOT indisprimary", &[])
            .await?
            .get(0);
        if single != 0 {
            return Err("the old key is still there".into());
        }
        drop(client);
        server.drop_database(&name).await?;
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        Ok((load(&seen.longest) as f64 / 1e3, load(&seen.writes), load(&seen.failed)))
    }
}

async fn write(client: Client, sql: &'static str, seen: Arc<Seen>) {
    while !seen.ended.load(Ordering::Relaxed) {
        let begun = Instant::now();
        if client.batch_execute(sql).await.is_err() {
            seen.failed.fetch_add(1, Ordering::Relaxed);
        }
        let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        seen.longest.fetch_max(took, Ordering::Relaxed);
        seen.writes.fetch_add(1, Ordering::Relaxed);
    }
}

async fn oids(client: &Client) -> Result<Vec<u32>> {
    let sql = "SELECT oid FROM pg_proc WHERE proname IN ('fn_birth_registry_auto', 'fn_birth_registry_auto_id') ORDER BY oid";
    Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// The same in one transaction, as one would write it down.
async fn naive(client: &Client) -> Result<String> {
    let (from, to) =
        (["entity_code".to_owned()], ["entity_code".to_owned(), "collection_name".to_owned()]);
    let found = key_change::decide(client, TABLE, &from, &to, false).await?;
    let patches: String = found
        .code
        .iter()
        .filter_map(|code| code.patch.as_ref())
        .map(|patch| format!("{};\n", patch.trim_end()))
        .collect();
    Ok(format!(
        "BEGIN; ALTER TABLE {TABLE} ADD CONSTRAINT birth_registry_naive_key UNIQUE (entity_code, collection_name);
         {patches} ALTER TABLE {TABLE} DROP CONSTRAINT birth_registry_entity_code_key; COMMIT"
    ))
}

/// Writes the packet of the key change, and rehearses it on the whole estate.
async fn prepare(server: &Server, client: &Client) -> Result<Prepared> {
    let folder = tempfile::tempdir()?;
    let (from, to) =
        (["entity_code".to_owned()], ["entity_code".to_owned(), "collection_name".to_owned()]);
    let found = key_change::decide(client, TABLE, &from, &to, false).await?;
    found.write_packet(&folder.path().join("packet"))?;
    Prepared::new(folder, &server.reach("estate", "postgres")?, Some(&found)).await
}
