//! One user's way through the commands, against a real database.

use birthgate::private_server::{Binaries, Folder, Options, PrivateServer, Search};
use serde_json::Value;

use crate::run::{Ended, birthgate, run};

pub struct User {
    server: PrivateServer,
    runtime: tokio::runtime::Runtime,
}

impl User {
    pub fn new() -> User {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let path = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect();
        let binaries = Binaries::find(&Search { path, ..Search::default() }).unwrap();
        let folder = Folder::Temporary(std::env::temp_dir());
        let options = Options {
            binaries,
            folder,
            disposable: true,
            cache: None,
            settings: Vec::new(),
            walls: None,
        };
        let server = runtime.block_on(PrivateServer::start(options)).unwrap();
        let user = User { server, runtime };
        user.sql("CREATE TABLE thing (id bigint GENERATED ALWAYS AS IDENTITY, code text PRIMARY KEY, name text)");
        user.sql("CREATE ROLE app LOGIN; GRANT SELECT, INSERT, DELETE ON thing TO app");
        user
    }

    pub fn sql(&self, sql: &str) {
        self.runtime.block_on(async {
            let database = birthgate::Database::new(self.server.config("postgres")).unwrap();
            database.connect_for_others().await.unwrap().batch_execute(sql).await.unwrap();
        });
    }

    /// One text that the superuser reads.
    pub fn text(&self, sql: &str) -> String {
        self.runtime.block_on(async {
            let database = birthgate::Database::new(self.server.config("postgres")).unwrap();
            let client = database.connect_for_others().await.unwrap();
            client.query_one(sql, &[]).await.unwrap().get(0)
        })
    }

    pub fn url(&self, role: &str) -> String {
        self.url_of(role, "postgres")
    }

    pub fn url_of(&self, role: &str, database: &str) -> String {
        let host = self.server.socket_folder().to_str().unwrap().replace('/', "%2F");
        format!("postgresql://{role}@{host}/{database}")
    }

    pub fn run_as(&self, role: &str, arguments: &[&str]) -> Ended {
        let url = self.url(role);
        let mut all = vec!["--database-url", url.as_str()];
        all.extend(arguments);
        birthgate(&all)
    }

    pub fn json_as(&self, role: &str, arguments: &[&str]) -> Value {
        let mut all = vec!["--format", "json"];
        all.extend(arguments);
        self.run_as(role, &all).expect(0).json()["result"].take()
    }
}

#[test]
fn from_init_to_uninstall() {
    let user = User::new();
    let refused = user.run_as("postgres", &["collection", "list"]).expect(1);
    assert!(refused.stderr.contains("birthgate init"), "{}", refused.stderr);

    let installed = user.json_as("postgres", &["init"]);
    let version = birthgate::schema::VERSION;
    assert_eq!((&installed["from"], &installed["to"]), (&Value::Null, &Value::from(version)));
    assert_eq!(user.json_as("postgres", &["init"])["from"], version);

    let govern = ["collection", "govern", "public.thing", "--code", "code", "--rule", "^T-[0-9]+$"];
    let governed = user.json_as("postgres", &govern);
    assert_eq!(governed["mode"], "enforce");
    assert_eq!(governed["trust"], "enforced");
    user.run_as("postgres", &["collection", "grant", "thing", "app", "--quota", "2"]).expect(0);

    // The same key admits once; another row under the same key is refused.
    let admit = ["entity", "admit", "thing", "code=T-1", "name=one", "--key", "first"];
    let admitted = user.json_as("app", &admit);
    assert_eq!(admitted["state"], "FINALIZED");
    assert_eq!(user.json_as("app", &admit)["permit_id"], admitted["permit_id"]);

    let refused = user.run_as("app", &["entity", "admit", "thing", "code=x", "name=two"]).expect(3);
    assert!(refused.stderr.contains("PB004"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint:"), "{}", refused.stderr);

    // A failing insert leaves a FAILED permit behind, in a transaction of its own.
    user.sql("ALTER TABLE thing ADD CHECK (name <> 'bad')");
    let failed =
        user.run_as("app", &["entity", "admit", "thing", "code=T-2", "name=bad", "--key", "k2"]);
    assert_eq!(failed.expect(1).code, 1);
    let permits = user.json_as("app", &["permit", "list", "--state", "FAILED"]);
    assert_eq!(permits[0]["entity_code"], "T-2");
    assert!(permits[0]["ended_why"].as_str().unwrap().contains("23514"), "{permits}");

    // Permits by hand, through the quota.
    let requested = user.json_as("app", &["permit", "request", "thing", "T-3"]);
    let id = requested["id"].to_string();
    user.run_as("app", &["permit", "reserve", &id]).expect(0);
    user.run_as("app", &["permit", "request", "thing", "T-4"]).expect(0);
    let over = user.run_as("app", &["permit", "request", "thing", "T-5"]).expect(3);
    assert!(over.stderr.contains("PB015"), "{}", over.stderr);
    user.run_as("app", &["permit", "cancel", &id, "--why", "changed my mind"]).expect(0);
    let shown = user.run_as("app", &["permit", "show", &id]).expect(0);
    assert!(shown.stdout.contains("CANCELLED"), "{}", shown.stdout);
    assert!(shown.stdout.contains("changed my mind"), "{}", shown.stdout);

    // Breaking the glass takes the role and a reason.
    let broken = ["entity", "admit", "thing", "code=T-6", "name=six", "--break-glass", "--reason"];
    let with = |reason| [&broken[..], &[reason]].concat();
    user.run_as("app", &with("short")).expect(2);
    let refused = user.run_as("app", &with("the registry is on fire")).expect(3);
    assert!(refused.stderr.contains("PB016"), "{}", refused.stderr);
    user.sql("GRANT birthgate_breakglass TO app");
    user.run_as("app", &with("the registry is on fire")).expect(0);
    let listed = user.json_as("app", &["permit", "list", "--break-glass"]);
    assert_eq!(listed[0]["break_glass"], "the registry is on fire");

    // Dimensions: nothing known is NO-GO.
    let unknown = user.run_as("postgres", &["block", "assert", "cleanup"]).expect(3);
    assert!(unknown.stderr.contains("NO-GO"), "{}", unknown.stderr);
    let dimensions = user.json_as("postgres", &["block", "list", "--refresh"]);
    assert_eq!(dimensions[0]["name"], "orphan_critical");
    assert_eq!(dimensions[0]["value"], 0);

    // `dot-birth-admit` is the same, under its own name, with the row on stdin.
    let ended = run(
        env!("CARGO_BIN_EXE_dot-birth-admit"),
        &["thing", "--json", "-", "--format", "json"],
        &[("DATABASE_URL", &user.url("app"))],
        r#"{"code": "T-7", "name": "seven"}"#,
    );
    assert_eq!(ended.expect(0).json()["result"]["entity_code"], "T-7");

    // Names and ends, each under a permit.
    user.sql("GRANT UPDATE ON thing TO app");
    user.run_as("postgres", &["collection", "grant", "thing", "app"]).expect(0);
    user.run_as("app", &["entity", "rename", "thing", "T-7", "T-70"]).expect(0);
    user.run_as("app", &["entity", "retire", "thing", "T-70"]).expect(0);
    let shown = user.json_as("app", &["entity", "show", "thing", "T-7"]);
    assert_eq!(shown["births"][0]["renamed_to"], "T-70");
    user.sql(
        "ALTER TABLE thing DISABLE TRIGGER USER; INSERT INTO thing (code) VALUES ('T-8'), ('T-9')",
    );
    let findings = user.run_as("postgres", &["registry", "reconcile"]).expect(3);
    assert!(findings.stdout.contains("orphan"), "{}", findings.stdout);
    user.run_as("postgres", &["collection", "rearm", "thing", "--mode", "observe"]).expect(0);
    user.sql("INSERT INTO thing (code) VALUES ('T-10')");
    let observed = user.json_as("postgres", &["collection", "observed"]);
    assert_eq!(observed[0]["examples"][0], "T-10");
    user.run_as("postgres", &["collection", "grant", "thing", "postgres"]).expect(0);
    user.run_as("postgres", &["entity", "discard", "thing", "T-8"]).expect(0);
    assert_eq!(user.json_as("postgres", &["collection", "backfill", "thing"])["born"], 2);
    user.run_as("postgres", &["registry", "reconcile"]).expect(0);
    user.run_as("postgres", &["collection", "rearm", "thing", "--mode", "enforce"]).expect(0);
    let archived = user.json_as("postgres", &["permit", "archive", "--older-than", "0"]);
    assert!(archived["moved"].as_i64().unwrap() > 5, "{archived}");
    user.run_as("postgres", &["registry", "reconcile"]).expect(0);

    user.run_as("postgres", &["collection", "ungovern", "thing"]).expect(0);
    user.run_as("postgres", &["uninstall"]).expect(3);
    let export = std::env::temp_dir().join(format!("retired-{}.ndjson", std::process::id()));
    user.run_as("postgres", &["uninstall", "--export", export.to_str().unwrap()]).expect(0);
    std::fs::remove_file(&export).unwrap();
    user.sql("INSERT INTO thing (code) VALUES ('anything')");
    user.run_as("postgres", &["uninstall"]).expect(1);
}

#[test]
fn a_killed_admission_of_many_goes_on_where_it_was() {
    let user = User::new();
    user.run_as("postgres", &["init"]).expect(0);
    user.run_as("postgres", &["collection", "govern", "public.thing", "--code", "code"]).expect(0);
    user.run_as("postgres", &["collection", "grant", "thing", "app"]).expect(0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("things.csv");
    let rows: String = (0..3000).map(|n| format!("T-{n},thing {n}\n")).collect();
    std::fs::write(&file, format!("code,name\n{rows}")).unwrap();
    let admit = ["entity", "admit", "thing", "--batch", "10", "--from", file.to_str().unwrap()];

    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_birthgate"))
        .args(["--database-url", &user.url("app")])
        .args(admit)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    user.sql("DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM thing) LOOP PERFORM pg_sleep(0.002); END LOOP; END $$");
    child.kill().unwrap();
    child.wait().unwrap();

    let summary = user.json_as("app", &admit);
    let count = |fate: &str| summary[fate].as_u64().unwrap();
    assert!(count("already") > 0 && count("admitted") > 0, "{summary}");
    assert_eq!(count("already") + count("admitted"), 3000);
    let outcomes =
        std::fs::read_to_string(folder.path().join("things.csv.outcome.ndjson")).unwrap();
    assert_eq!(outcomes.lines().count(), 3000);

    // A refused row is told, and is exit code 3; - is stdin.
    let ended = run(
        env!("CARGO_BIN_EXE_birthgate"),
        &[
            "--database-url",
            &user.url("app"),
            "entity",
            "admit",
            "thing",
            "--from",
            "-",
            "--outcome",
            "/dev/null",
        ],
        &[],
        "{\"code\": \"T-1\", \"name\": \"again\"}\n",
    );
    assert!(ended.expect(3).stderr.contains("1 rows were not admitted"));
}

#[test]
fn usage_errors_say_what_is_wrong() {
    let nowhere = ["--database-url", "postgresql://nobody@%2Fnowhere/x", "init"];
    let ended = birthgate(&nowhere).expect(1);
    let place = "cannot connect to PostgreSQL at /nowhere/.s.PGSQL.5432, database x, as nobody: ";
    assert!(ended.stderr.contains(place), "{}", ended.stderr);
    let ended = birthgate(&["--database-url", "what?", "init"]).expect(2);
    assert!(ended.stderr.contains("cannot be read"), "{}", ended.stderr);
    birthgate(&["entity", "admit", "thing"]).expect(2);
    birthgate(&["no-such-command"]).expect(2);
}

#[test]
fn a_change_is_rehearsed_and_a_difference_named() {
    let user = User::new();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| -> String {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (before, after) = (path("before.json"), path("after.json"));
    user.run_as("postgres", &["fingerprint", "take", "--out", &before]).expect(0);

    let good = file("1.up.sql", "ALTER TABLE thing ADD COLUMN note text");
    file("1.down.sql", "ALTER TABLE thing DROP COLUMN note");
    let said = user.json_as("postgres", &["rehearse", &good]);
    assert_eq!((&said["verdict"], &said["mutated"]), (&Value::from("PASS"), &Value::from("none")));
    assert_eq!(said["entry"], said["exit"]);
    let step = &said["steps"][0];
    assert_eq!(
        (&step["where"], &step["door"]["kind"]),
        (&Value::from("live"), &Value::from("two-way"))
    );
    assert_eq!(step["locks"][0]["mode"], "AccessExclusiveLock");
    for field in ["id", "why", "duration_ms", "rewrites", "undo", "statements"] {
        assert!(!step[field].is_null(), "{field}: {step}");
    }
    assert!(said["leaks"].is_array() && said["blocked_ms"].is_number(), "{said}");

    let bad = file("2.sql", "CREATE TABLE x (a int);\nALTER TABLE x ADDD b int;");
    let ended = user.run_as("postgres", &["rehearse", &bad]).expect(3);
    assert!(ended.stdout.contains("2.sql:2:15: in the sandbox: "), "{}", ended.stdout);
    assert!(ended.stdout.contains("  ALTER TABLE x ADDD b int;\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains(&format!("\n{:16}^\n", "")), "{}", ended.stdout);
    let empty = file("0.sql", "-- to do\n");
    let ended = user.run_as("postgres", &["rehearse", &empty]).expect(4);
    assert!(ended.stdout.contains("it holds no statement"), "{}", ended.stdout);
    let part = file("3.sql", "CREATE INDEX CONCURRENTLY thing_name ON thing (name)");
    user.run_as("postgres", &["rehearse", &part, "--rows", "none"]).expect(4);
    let markdown = user.run_as("postgres", &["rehearse", &part, "--markdown"]).expect(0);
    assert!(markdown.stdout.starts_with("### Rehearsal: PASS"), "{}", markdown.stdout);
    let unreadable = file("4.sql", "\\i 3.sql");
    let ended = user.run_as("postgres", &["--format", "json", "rehearse", &unreadable]).expect(4);
    assert_eq!(ended.json()["result"]["verdict"], "INCOMPLETE");
    let foreign = file("5.sql", "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;");
    let ended = user.run_as("postgres", &["--format", "json", "rehearse", &foreign]).expect(4);
    let reason = &ended.json()["result"]["reasons"][0];
    assert!(reason["message"].as_str().unwrap().starts_with("this is goose's"), "{reason}");

    user.run_as("postgres", &["fingerprint", "take", "--out", &after]).expect(0);
    user.run_as("postgres", &["fingerprint", "diff", &before, &after]).expect(0);
    user.sql("ALTER TABLE thing ALTER name SET DEFAULT 'n'");
    user.run_as("postgres", &["fingerprint", "take", "--out", &after]).expect(0);
    let ended = user.run_as("postgres", &["fingerprint", "diff", &before, &after]).expect(3);
    assert!(
        ended
            .stdout
            .contains("table public.thing: column name was text, is text DEFAULT 'n'::text"),
        "{}",
        ended.stdout
    );

    let packet = path("packet");
    user.run_as("postgres", &["packet", "import", &good, &packet, "NOTE"]).expect(0);
    let shown = user.json_as("postgres", &["packet", "show", &packet]);
    assert_eq!(shown["macro"], "NOTE");
    user.run_as("postgres", &["packet", "check", &packet]).expect(0);
    assert_eq!(user.json_as("postgres", &["rehearse", &packet])["verdict"], "PASS");
    let ended = user.run_as("postgres", &["packet", "check", &path("nowhere")]).expect(2);
    assert!(ended.stderr.contains("nowhere"), "{}", ended.stderr);
}
