//! The clients that docs/clients.md shows, each against a governed database; and that the page shows what is run here.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;

use birthgate::collection::{self, Govern};
use birthgate::registry;
use testkit::{Db, fetched, govern_thing};
use tokio_postgres::config::Host;

#[path = "../rust/admit.rs"]
mod admit;

const HERE: &str = env!("CARGO_MANIFEST_DIR");
/// Versions that were seen to run.
const PYTHON: [&str; 3] = ["psycopg[binary]==3.3.9", "sqlalchemy==2.1.9", "django==5.2.19"];
const NODE: [&str; 1] = ["pg@8.23.1"];
const PRISMA: [&str; 3] = ["prisma@7.10.1", "@prisma/client@7.10.0", "@prisma/adapter-pg@7.10.1"];

/// What every client is told that inserts without a permit.
const REFUSED: &str = "refused:|PB001|no permit for the birth of 'DOT-1' in the collection 'dot_tools'|There is no active permit for this entity.|Request and reserve one first: SELECT birthgate.permit_hold('dot_tools', 'DOT-1')";

/// A database with the tables of the page, governed.
struct Estate {
    db: Db,
    host: String,
    database: String,
}

impl Estate {
    async fn new() -> Estate {
        let db = Db::birth().await;
        let mut dba = db.dba().await;
        dba.batch_execute(
            "CREATE TABLE dot_tools (code text PRIMARY KEY, name text);
             CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);
             GRANT SELECT, INSERT, UPDATE, DELETE ON dot_tools, orders TO app;
             -- The first transaction that inserts this code fails as one that met another does.
             CREATE SEQUENCE attempts;
             CREATE FUNCTION fail_at_first() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
             BEGIN
               IF nextval('attempts') = 1 THEN
                 RAISE serialization_failure USING MESSAGE = 'could not serialize access';
               END IF;
               RETURN NEW;
             END $$;
             CREATE TRIGGER fail_at_first BEFORE INSERT ON dot_tools
               FOR EACH ROW WHEN (NEW.code = 'DOT-40001') EXECUTE FUNCTION fail_at_first()",
        )
        .await
        .unwrap();
        for (name, code, open_permits) in [("dot_tools", "code", false), ("orders", "id", true)] {
            let govern = Govern {
                collection: name.to_owned(),
                table: format!("public.{name}"),
                code_columns: vec![code.to_owned()],
                open_permits,
                ..govern_thing()
            };
            collection::govern(&mut dba, &govern).await.unwrap();
            collection::grant(&dba, name, "app", None).await.unwrap();
        }
        let config = db.config("app");
        let Host::Unix(socket_folder) = &config.get_hosts()[0] else { panic!("no socket") };
        let host = socket_folder.to_str().unwrap().to_owned();
        let database = config.get_dbname().unwrap().to_owned();
        Estate { db, host, database }
    }

    /// What a program says that connects as its environment says.
    fn run(&self, command: &mut Command) -> Vec<String> {
        let output = command
            .env("PGHOST", &self.host)
            .env("PGUSER", "app")
            .env("PGDATABASE", &self.database)
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(
            output.status.success(),
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Fails unless a client was told what every client is told, and left what every client leaves.
    async fn verify(&self, said: &[String]) {
        assert_eq!(said, [REFUSED, "made:|1", "once:|True", "in a savepoint:|PB001",]);
        self.holds("DOT-1 DOT-2 DOT-3 DOT-4 DOT-40001 DOT-5").await;
        let attempts: i64 = self.db.value("SELECT last_value FROM attempts").await;
        assert_eq!(attempts, 2, "it was not tried again");
    }

    /// Fails unless there are these codes, each born, and no permit is left.
    async fn holds(&self, codes: &str) {
        let rows: String =
            self.db.value("SELECT string_agg(code, ' ' ORDER BY code) FROM dot_tools").await;
        assert_eq!(rows, codes);
        assert!(
            registry::reconcile(&self.db.dba().await, Some("dot_tools")).await.unwrap().is_empty()
        );
        let left = "SELECT count(*) FROM birthgate.birth_admission_permit WHERE active";
        assert_eq!(self.db.value::<i64>(left).await, 0);
    }
}

/// Runs a program while others may fetch and connect.
async fn said(estate: &Estate, make: impl FnOnce() -> Command + Send + 'static) -> Vec<String> {
    let mut command = tokio::task::spawn_blocking(make).await.unwrap();
    tokio::task::block_in_place(|| estate.run(&mut command))
}

async fn python(name: &'static str) {
    let estate = Estate::new().await;
    let make = move || {
        let mut command = Command::new("python3");
        command.arg(format!("{HERE}/python/{name}_admit.py"));
        command.env("PYTHONPATH", fetched::pip(&PYTHON));
        command
    };
    estate.verify(&said(&estate, make).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn psycopg() {
    python("psycopg").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlalchemy() {
    python("sqlalchemy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn django() {
    python("django").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node() {
    let estate = Estate::new().await;
    let make = || {
        let mut command = Command::new("node");
        command.arg(format!("{HERE}/node/admit.mjs")).env("MODULES", fetched::npm(&NODE));
        command
    };
    estate.verify(&said(&estate, make).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "fetches Prisma, 310 MB"]
async fn prisma() {
    let estate = Estate::new().await;
    let make = || {
        let modules = fetched::npm_then(&PRISMA, |folder| {
            // It looks for its client beside the schema.
            let schema = folder.join("schema.prisma");
            std::fs::copy(format!("{HERE}/node/schema.prisma"), schema).unwrap();
            let mut generate = Command::new("npx");
            generate
                .args(["prisma", "generate", "--schema", "schema.prisma"])
                .current_dir(folder)
                // It would fetch an engine that a client is not made with.
                .env("PRISMA_SCHEMA_ENGINE_BINARY", "/bin/true");
            fetched::succeed(&mut generate, "npm is needed: install Node.js 20 or newer");
        });
        let mut command = Command::new("node");
        command.arg(format!("{HERE}/node/prisma_admit.mjs")).env("MODULES", modules);
        command
    };
    assert_eq!(said(&estate, make).await, [REFUSED, "made:|1"]);
    estate.holds("DOT-1 DOT-2 DOT-3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlx() {
    let estate = Estate::new().await;
    let options = sqlx::postgres::PgConnectOptions::new_without_pgpass()
        .socket(&estate.host)
        .username("app")
        .database(&estate.database);
    estate.verify(&admit::run(options).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn psql() {
    let estate = Estate::new().await;
    let make = || {
        let mut command = Command::new("psql");
        command.args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-f"]).arg(format!("{HERE}/sql/admit.sql"));
        command
    };
    let said = said(&estate, make).await;
    let [reserved, order, permit, same] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((reserved.as_str(), order.as_str(), permit), ("t", "1", same));
    estate.holds("DOT-1 DOT-2 DOT-3 DOT-4").await;
    let name: String = estate.db.value("SELECT name FROM dot_tools WHERE code = 'DOT-1'").await;
    assert_eq!(name, "uno");
}

/// What stands between a file's anchors.
fn anchored(file: &str, anchor: &str) -> String {
    let text = std::fs::read_to_string(format!("{HERE}/{file}")).unwrap();
    let lines =
        text.lines().skip_while(|line| !line.trim_end().ends_with(&format!("ANCHOR: {anchor}")));
    let lines: Vec<&str> = lines
        .skip(1)
        .take_while(|line| !line.trim_end().ends_with(&format!("ANCHOR_END: {anchor}")))
        .collect();
    assert!(!lines.is_empty(), "{file} has no anchor {anchor}");
    let indent = lines
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min();
    lines.iter().map(|line| format!("{}\n", line.get(indent.unwrap()..).unwrap_or(""))).collect()
}

#[test]
fn the_page_shows_what_is_run() {
    let page = include_str!("../../../docs/clients.md");
    let mut shown = 0;
    let mut blocks = page.split("\n```");
    let mut before = blocks.next().unwrap();
    while let (Some(block), Some(after)) = (blocks.next(), blocks.next()) {
        let name = before.lines().last().unwrap();
        if let Some(place) = name.strip_prefix("<!-- integrations/clients/") {
            let (file, anchor) = place.strip_suffix(" -->").unwrap().split_once('#').unwrap();
            let (_, code) = block.split_once('\n').unwrap();
            assert_eq!(
                format!("{code}\n"),
                anchored(file, anchor),
                "docs/clients.md shows {file}#{anchor} otherwise"
            );
            shown += 1;
        }
        before = after;
    }
    assert_eq!(shown, page.matches("<!-- integrations/clients/").count());
    assert!(shown > 10, "{shown}");
}
