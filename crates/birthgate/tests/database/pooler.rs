//! Through PgBouncer in transaction mode, where each transaction can have another connection; and
//! transactions in two phases.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};

use birthgate::admission::input::{self, InputFormat};
use birthgate::admission::many::{self, Batches};
use birthgate::admission::{self, Admission};
use birthgate::entity::{self, End};
use birthgate::{Database, registry};
use serde_json::json;
use testkit::{Db, connect, sqlstate};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// A PgBouncer in front of the tests' server; ends with the test.
struct Pooler {
    process: Child,
    folder: tempfile::TempDir,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Pooler {
    async fn start(server: &Config) -> Pooler {
        let folder = tempfile::tempdir().unwrap();
        let Host::Unix(socket_folder) = &server.get_hosts()[0] else { panic!("no socket") };
        let settings = format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\n\
             unix_socket_dir = {folder}\nauth_type = trust\nauth_file = {folder}/users\npool_mode = transaction\n\
             default_pool_size = 2\nmax_client_conn = 200\nlogfile = {folder}/log\n",
            socket_folder.display(),
            server.get_ports().first().unwrap_or(&5432),
            folder = folder.path().display(),
        );
        let write = |name: &str, text: &str| {
            std::fs::File::create(folder.path().join(name))
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
        };
        write("settings", &settings);
        write("users", "\"app\" \"\"\n\"postgres\" \"\"\n");
        // It refuses to be root, and the server's socket is the server's own.
        Command::new("chmod").args(["-R", "777"]).arg(folder.path()).status().unwrap();
        let mut command = Command::new("pgbouncer");
        if nix::unistd::geteuid().is_root() {
            let owner = std::fs::metadata(socket_folder).unwrap().uid().into();
            let owner = nix::unistd::User::from_uid(owner).unwrap().unwrap();
            command.args(["--user", &owner.name]);
        }
        let process = command
            .arg(folder.path().join("settings"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pgbouncer is needed: apt-get install pgbouncer, or brew install pgbouncer");
        let pooler = Pooler { process, folder };
        for _ in 0..500 {
            let config = pooler.config(server);
            let connecting = config.connect(tokio_postgres::NoTls);
            if let Ok(Ok(_)) =
                tokio::time::timeout(std::time::Duration::from_secs(5), connecting).await
            {
                return pooler;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{:?}", std::fs::read_to_string(pooler.folder.path().join("log")));
    }

    /// The same database and role, through the pooler.
    fn config(&self, server: &Config) -> Config {
        let mut config = Config::new();
        config.host_path(self.folder.path()).port(6432);
        config.dbname(server.get_dbname().unwrap()).user(server.get_user().unwrap());
        config
    }
}

#[tokio::test]
async fn births_through_a_pooler_in_transaction_mode() {
    let db = Db::governed("statement").await;
    let server = db.config("app");
    let pooler = Pooler::start(&server).await;
    let through = Database::new(pooler.config(&server)).unwrap();

    // More clients than connections, so that each statement can land on another one.
    let clients = (0..12).map(|client| {
        let through = through.clone();
        tokio::spawn(async move {
            for n in 0..8 {
                let row = json!({ "code": format!("A-{client}-{n}"), "name": "n" });
                let admission = Admission {
                    collection: "thing".to_owned(),
                    row: row.as_object().unwrap().clone(),
                    idempotency_key: format!("{client}-{n}"),
                    break_glass: None,
                };
                let admitted = admission::admit(&through, &admission).await.unwrap();
                assert_eq!(admitted.state, "FINALIZED");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let rows: String = (0..500).map(|n| format!("B-{n}\n")).collect();
    let input = format!("code\n{rows}");
    let columns = many::columns(&through, "thing").await.unwrap();
    let what = Batches { collection: "thing".to_owned(), columns, batch: 64, max_failures: 0 };
    let records = input::records(input.as_bytes(), InputFormat::Csv, &what.columns).unwrap();
    let records = futures_util::stream::iter(records);
    let never = std::future::pending();
    let admitted = many::admit_many(&through, &what, records, |_| Ok(()), never).await;
    assert_eq!(admitted.unwrap().admitted, 500);

    // Another client's transaction, with its permit requested and reserved in transactions of their own.
    let plain = connect(pooler.config(&server)).await;
    for sql in [
        "SELECT birthgate.permit_request('thing', 'C-1', 'birth', 'plain')",
        "SELECT birthgate.permit_hold('thing', 'C-1', 'birth', 'plain')",
        "BEGIN; INSERT INTO thing (code) VALUES ('C-1'); COMMIT",
    ] {
        plain.simple_query(sql).await.unwrap();
    }
    let client = through.connect().await.unwrap();
    entity::end(&client, End::Retire, "thing", "C-1", None, false).await.unwrap();
    let found = registry::reconcile(&db.dba().await, Some("thing")).await.unwrap();
    let found: Vec<&str> = found.iter().map(|one| one.finding.as_str()).collect();
    assert_eq!(found, ["orphan"], "the template's own row");
    assert_eq!(db.value::<i64>("SELECT count(*) FROM thing").await, 12 * 8 + 500 + 1);
}

#[tokio::test]
async fn two_phases_are_one_act() {
    for form in ["statement", "row"] {
        let db = Db::governed(form).await;
        let (app, other) = (db.connect("app").await, db.connect("app").await);
        let state = async || {
            db.value::<String>(
                "SELECT state FROM birthgate.birth_admission_permit ORDER BY id DESC LIMIT 1",
            )
            .await
        };
        let insert = "INSERT INTO thing (code) VALUES ('A')";
        app.batch_execute("SELECT birthgate.permit_hold('thing', 'A')").await.unwrap();
        app.batch_execute(&format!("BEGIN; {insert}; PREPARE TRANSACTION 'one'")).await.unwrap();
        // Prepared is not committed: outside nothing is there, and nobody else can spend the permit.
        assert_eq!(state().await, "RESERVED");
        let waits = other.batch_execute(&format!("SET lock_timeout = '20ms'; {insert}")).await;
        assert_eq!(sqlstate(&waits.unwrap_err()), "55P03");
        other.batch_execute("ROLLBACK PREPARED 'one'").await.unwrap();
        assert_eq!(state().await, "RESERVED");
        assert_eq!(db.value::<i64>("SELECT count(*) FROM birthgate.birth_registry").await, 0);
        app.batch_execute(&format!("BEGIN; {insert}; PREPARE TRANSACTION 'two'")).await.unwrap();
        other.batch_execute("COMMIT PREPARED 'two'").await.unwrap();
        assert_eq!(state().await, "FINALIZED");
        assert_eq!(
            db.value::<String>("SELECT status FROM birthgate.birth_registry").await,
            "finalized"
        );
        // What the commit boundary refuses is refused at PREPARE, while it can still be undone.
        db.sql("ALTER TABLE thing DISABLE TRIGGER zz_birthgate_guard_delete").await;
        let refused = app
            .batch_execute("BEGIN; INSERT INTO thing (code) SELECT 'B' FROM birthgate.permit_hold('thing', 'B'); DELETE FROM thing WHERE code = 'B'; PREPARE TRANSACTION 'three'")
            .await;
        assert_eq!(sqlstate(&refused.unwrap_err()), "PB007");
    }
}
