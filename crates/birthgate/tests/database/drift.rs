//! The baseline and its drift: what weakens the gate is found and explained, what does not is no alarm, and an apply moves it
//! in its own transaction.

use birthgate::apply::{Ended, Event, Phase};
use birthgate::declaration::{Binding, Signed};
use birthgate::drift::{self, Monitor, Takes, Tick};
use birthgate::{Error, RefusalCode, block, collection, evidence_log, permit};
use testkit::{Db, Server, refusal};
use tokio_postgres::Client;

use crate::signed::{Key, Prepared, owners};
use crate::tampers::TAMPERS;

/// Governed, with a baseline whose drift blocks a cleanup and births.
async fn watched() -> Db {
    let db = Db::birth_on(testkit::quiet_server().await).await;
    // A column of a type of its own, and a table that refers to it, unlogged, so that thing may become so.
    db.sql("CREATE TYPE colour AS ENUM ('red'); ALTER TABLE thing ADD colour colour; CREATE UNLOGGED TABLE of_things (code text REFERENCES thing (code))").await;
    watch(&db).await;
    db
}

async fn watch(db: &Db) {
    db.govern_thing(|_| {}).await;
    let client = db.dba().await;
    let actions = ["cleanup".to_owned(), "birth_admit:thing".to_owned()];
    drift::take_baseline(&client, Some(&actions)).await.unwrap();
    let found = drift::look(&client).await.unwrap();
    assert_eq!((found.differences, found.circumstances), (Vec::new(), Vec::new()));
    block::assert_safe(&client, "cleanup").await.unwrap();
}

/// A monitor that compares only when something moved.
const NEVER: std::time::Duration = std::time::Duration::MAX;

#[tokio::test]
async fn what_weakens_the_gate_is_found_and_explained() {
    for (tamper, object, cause) in TAMPERS {
        let db = watched().await;
        let client = db.dba().await;
        let mut monitor = Monitor::new(db.dba().await, NEVER);
        let Tick::Compared(found) = monitor.tick().await.unwrap() else { panic!("{tamper}") };
        assert_eq!((&found.differences, &found.circumstances), (&Vec::new(), &Vec::new()));
        assert!(matches!(monitor.tick().await.unwrap(), Tick::Quiet(0)));
        db.sql(tamper).await;
        // At the next tick already: it moved something that the comparison reads.
        let Tick::Compared(found) = monitor.tick().await.unwrap() else { panic!("{tamper}") };
        let objects: Vec<&str> = found.differences.iter().map(|one| one.object.as_str()).collect();
        assert!(objects.contains(object), "{tamper}: {objects:?}");
        let explained = drift::explain(&client, &found).await.unwrap();
        let finding = explained.findings.iter().find(|one| one.object == *object).unwrap();
        assert!(finding.cause.contains(cause), "{tamper}: {finding:?}");
        assert!(!finding.restore.contains(['{', '}']), "{finding:?}");
        assert!(
            explained.who_could.iter().any(|who| who == "postgres (superuser)"),
            "{explained:?}"
        );
        // Guarded actions fail closed, and so do reservations.
        assert_eq!(
            refusal(block::assert_safe(&client, "cleanup").await),
            RefusalCode::Blocked,
            "{tamper}"
        );
    }
}

/// What is done to roles would be drift in every other test.
#[test]
fn roles_and_settings_of_the_server_are_found() {
    let server = Server::own(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let name = server.make_database(true);
    runtime.block_on(async {
        let database = birthgate::Database::new(server.config(&name, "postgres")).unwrap();
        let mut client = database.connect().await.unwrap();
        collection::govern(&mut client, &testkit::govern_thing()).await.unwrap();
        // They act as an owner already, as weakly as can be.
        let weakly = if server.major() >= 16 { " WITH INHERIT FALSE, SET FALSE" } else { "" };
        let grant =
            format!("ALTER ROLE cleaner NOINHERIT; GRANT birthgate_owner TO cleaner{weakly}");
        client.batch_execute(&grant).await.unwrap();
        drift::take_baseline(&client, None).await.unwrap();
        let mut monitor = Monitor::new(database.connect().await.unwrap(), NEVER);
        monitor.tick().await.unwrap();
        let mut tampers = vec![
            ("ALTER ROLE app SUPERUSER", "role app", "ALTER ROLE app NOSUPERUSER"),
            ("ALTER ROLE app BYPASSRLS", "role app", "ALTER ROLE app NOBYPASSRLS"),
            ("ALTER ROLE app CREATEROLE", "role app", "ALTER ROLE app NOCREATEROLE"),
            ("GRANT birthgate_owner TO app", "role app", "REVOKE birthgate_owner FROM app"),
            ("GRANT thing_owner TO app", "role app", "REVOKE thing_owner FROM app"),
            (
                "GRANT birthgate_breakglass TO app",
                "role app",
                "REVOKE birthgate_breakglass FROM app",
            ),
            ("GRANT pg_write_all_data TO app", "role app", "REVOKE pg_write_all_data FROM app"),
            (
                "ALTER ROLE thing_owner SUPERUSER",
                "role thing_owner",
                "ALTER ROLE thing_owner NOSUPERUSER",
            ),
            (
                "ALTER ROLE app SET session_replication_role = replica",
                "settings of app in every database",
                "ALTER ROLE app RESET ALL",
            ),
            ("CREATE ROLE other SUPERUSER LOGIN", "role other", "DROP ROLE other"),
            (
                "GRANT pg_write_all_data TO thing_owner",
                "role thing_owner",
                "REVOKE pg_write_all_data FROM thing_owner",
            ),
            (
                "GRANT birthgate_owner TO cleaner WITH ADMIN OPTION",
                "role cleaner",
                "REVOKE ADMIN OPTION FOR birthgate_owner FROM cleaner",
            ),
        ];
        tampers.extend(match server.major() {
            ..16 => {
                vec![("ALTER ROLE cleaner INHERIT", "role cleaner", "ALTER ROLE cleaner NOINHERIT")]
            }
            16.. => vec![
                (
                    "GRANT birthgate_owner TO cleaner WITH INHERIT TRUE",
                    "role cleaner",
                    "GRANT birthgate_owner TO cleaner WITH INHERIT FALSE",
                ),
                (
                    "GRANT birthgate_owner TO cleaner WITH SET TRUE",
                    "role cleaner",
                    "GRANT birthgate_owner TO cleaner WITH SET FALSE",
                ),
            ],
        });
        for (tamper, object, back) in tampers {
            client.batch_execute(tamper).await.unwrap();
            let Tick::Compared(found) = monitor.tick().await.unwrap() else { panic!("{tamper}") };
            assert!(
                found.differences.iter().any(|one| one.object == object),
                "{tamper}: {found:?}"
            );
            client.batch_execute(back).await.unwrap();
            let Tick::Compared(found) = monitor.tick().await.unwrap() else { panic!("{back}") };
            assert_eq!(found.differences, [], "{back}");
        }
        if server.major() >= 15 {
            client
                .batch_execute("GRANT SET ON PARAMETER session_replication_role TO app")
                .await
                .unwrap();
            let Tick::Compared(found) = monitor.tick().await.unwrap() else { panic!("GRANT SET") };
            assert_eq!(found.differences[0].object, "parameter session_replication_role");
        }
        // The monitor's session is told of it, when it is.
        let set = "ALTER SYSTEM SET row_security = off";
        client.batch_execute(set).await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        for _ in 0..1_000 {
            if let Tick::Compared(found) = monitor.tick().await.unwrap() {
                assert!(found.differences.iter().any(|one| one.object == "setting row_security"));
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{set}");
    });
}

/// Autovacuum comes as often as it can, and finds something to do everywhere.
const RESTLESS: &[(&str, &str)] = &[
    ("autovacuum_naptime", "1s"),
    ("autovacuum_vacuum_threshold", "0"),
    ("autovacuum_vacuum_scale_factor", "0"),
    ("autovacuum_vacuum_insert_threshold", "0"),
    ("autovacuum_vacuum_insert_scale_factor", "0"),
    ("autovacuum_analyze_threshold", "0"),
    ("autovacuum_analyze_scale_factor", "0"),
    ("autovacuum_vacuum_cost_delay", "0"),
    ("deadlock_timeout", "50ms"),
];

/// What moves nothing of the gate costs no comparison.
#[tokio::test]
async fn what_moves_nothing_is_not_compared() {
    let db = Db::birth_on(testkit::quiet_server().await).await;
    db.sql("CREATE TABLE elsewhere (code text)").await;
    watch(&db).await;
    let (client, app) = (db.dba().await, db.connect("app").await);
    let mut monitor = Monitor::new(db.dba().await, NEVER);
    monitor.tick().await.unwrap();
    for work in [
        "SELECT",
        "ANALYZE",
        "VACUUM",
        "VACUUM FREEZE birthgate.birth_registry",
        "VACUUM FREEZE pg_trigger",
        "CREATE TEMP TABLE mine (LIKE thing); DROP TABLE mine",
        "CREATE INDEX CONCURRENTLY elsewhere_code ON elsewhere (code)",
        "DROP INDEX CONCURRENTLY elsewhere_code",
        "CREATE TABLE new (a int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP TABLE new",
        "GRANT SELECT ON elsewhere TO app",
    ] {
        let birth =
            "SELECT birthgate.admit('thing', jsonb_build_object('code', gen_random_uuid()))";
        app.batch_execute(birth).await.unwrap();
        client.batch_execute(work).await.unwrap();
        let tick = monitor.tick().await.unwrap();
        assert!(matches!(tick, Tick::Quiet(0)), "{work}: {tick:?}");
    }
}

/// Everyday work is no drift.
#[tokio::test]
async fn everyday_work_is_no_drift() {
    let (ticks, packets) = match std::env::var_os("BIRTHGATE_TEST_ALL") {
        Some(_) => (1_000, 10),
        None => (60, 2),
    };
    let server = std::thread::spawn(|| Server::own(RESTLESS));
    let server = tokio::task::spawn_blocking(|| server.join().unwrap()).await.unwrap();
    let db = Db::birth_on(Box::leak(Box::new(server))).await;
    db.sql("CREATE TABLE elsewhere (code text); CREATE TABLE parts (code text PRIMARY KEY) PARTITION BY LIST (code)").await;
    let parts = collection::Govern {
        collection: "parts".to_owned(),
        table: "public.parts".to_owned(),
        ..testkit::govern_thing()
    };
    collection::govern(&mut db.dba().await, &parts).await.unwrap();
    watch(&db).await;
    let is_made = std::cell::Cell::new(false);
    let make = async {
        for part in 0..packets {
            make_partition(&db, part).await;
        }
        is_made.set(true);
    };
    let watch = async {
        let client = db.dba().await;
        let app = db.connect("app").await;
        let mut monitor = Monitor::new(db.dba().await, NEVER);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(300);
        let (mut tick, mut quiet, mut on_code) = (0, 0, 0);
        while tick < ticks || on_code < 2 || !is_made.get() || !autovacuum_ran(&client).await {
            assert!(
                std::time::Instant::now() < deadline,
                "autovacuum does not run, or no partition is made"
            );
            app.batch_execute(&format!("INSERT INTO thing (code) SELECT 'A-{tick}' FROM birthgate.permit_hold('thing', 'A-{tick}')")).await.unwrap();
            // Under a packet that could run it, a function that somebody touches is STALE.
            let may_touch_code = is_made.get();
            on_code += i32::from(may_touch_code && matches!(tick % 20, 15 | 16));
            let work = match tick % 20 {
                15 | 16 if !may_touch_code => "SELECT",
                0 => "ANALYZE",
                1 => "CREATE TEMP TABLE mine (LIKE thing); DROP TABLE mine",
                3 => "VACUUM FULL thing",
                5 => "CREATE ROLE guest LOGIN IN ROLE pg_monitor; DROP ROLE guest",
                6 => "VACUUM FREEZE birthgate.birth_registry",
                8 => "VACUUM FULL pg_trigger",
                9 => "REINDEX TABLE thing",
                10 => "CREATE INDEX CONCURRENTLY elsewhere_code ON elsewhere (code)",
                11 => "DROP INDEX CONCURRENTLY elsewhere_code",
                12 => "VACUUM FREEZE pg_trigger",
                14 => "REINDEX TABLE CONCURRENTLY thing",
                15 => {
                    "CREATE TABLE new (a int); CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP TABLE new"
                }
                16 => {
                    "GRANT SELECT ON elsewhere TO app; GRANT EXECUTE ON FUNCTION pg_ls_waldir() TO app"
                }
                18 => "VACUUM",
                _ => "SELECT",
            };
            client.batch_execute(work).await.unwrap();
            if tick == 5 {
                collection::grant(&client, "thing", "other_app", None).await.unwrap();
                permit::archive(&client, 0.0, 100).await.unwrap();
            }
            match monitor.tick().await.unwrap() {
                Tick::Quiet(count) => {
                    assert_eq!(count, 0, "tick {tick}: {work}");
                    quiet += 1;
                }
                Tick::Compared(found) => {
                    assert_eq!(found.differences, [], "tick {tick}: {work}");
                    assert_eq!(found.circumstances, Vec::<String>::new());
                }
                Tick::NoBaseline => panic!("the baseline is gone"),
            }
            tick += 1;
        }
        // How many depends on what autovacuum and the packets do at the same time.
        assert!(quiet > 0, "none of {tick} ticks was quiet");
    };
    tokio::join!(make, watch);
}

/// Whether it came to tables of the gate and to catalogs that the monitor reads.
async fn autovacuum_ran(client: &Client) -> bool {
    let sql = "SELECT min(autovacuum_count) > 0 FROM pg_stat_all_tables
         WHERE relid = ANY (ARRAY['thing', 'birthgate.birth_registry', 'birthgate.birth_admission_permit', 'pg_class', 'pg_attribute']::regclass[])";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

async fn make_partition(db: &Db, part: usize) {
    let packet =
        format!("macro = 'PART-{part}'\n[[step]]\nid = 'part'\ndo = 'a.sql'\nundo = 'u.sql'");
    let make = format!("CREATE TABLE part_{part} PARTITION OF parts FOR VALUES IN ('{part}')");
    let files = [("a.sql", make.as_str()), ("u.sql", &format!("DROP TABLE part_{part}"))];
    let prepared = Prepared::new(db, &packet, &files).await;
    prepared.approve(&db.dba().await, &[]).await;
    let applied = prepared.apply(&db.database("postgres")).await.unwrap();
    assert_eq!(applied.ended, Ended::Done, "{applied:?}");
}

/// An index is nothing until it is valid: REINDEX CONCURRENTLY is no drift while it runs, and a new one is when it stands.
#[tokio::test]
async fn an_index_that_is_being_built_is_no_drift() {
    let db = watched().await;
    let mut monitor = Monitor::new(db.dba().await, NEVER);
    monitor.tick().await.unwrap();
    for (build, adds) in [
        ("REINDEX TABLE CONCURRENTLY thing", None),
        ("CREATE INDEX CONCURRENTLY thing_name ON thing (name)", Some("index public.thing_name")),
    ] {
        let (holder, builder) = (db.dba().await, db.dba().await);
        holder.batch_execute("BEGIN; LOCK TABLE thing IN ROW EXCLUSIVE MODE").await.unwrap();
        let building = tokio::spawn(async move { builder.batch_execute(build).await });
        let begun = "SELECT EXISTS (SELECT FROM pg_index WHERE indrelid = 'thing'::regclass AND NOT indisvalid)";
        testkit::until(build, async || db.value(begun).await).await;
        let Tick::Compared(found) = monitor.tick().await.unwrap() else { panic!("{build}") };
        assert_eq!(found.differences, [], "{build}");
        holder.batch_execute("COMMIT").await.unwrap();
        building.await.unwrap().unwrap();
        let Tick::Compared(found) = monitor.tick().await.unwrap() else { panic!("{build}") };
        let objects: Vec<&str> = found.differences.iter().map(|one| one.object.as_str()).collect();
        assert_eq!(objects, Vec::from_iter(adds), "{build}");
    }
}

/// What the prefilter cannot see is found when the time for a comparison has come.
#[tokio::test]
async fn now_and_then_it_compares_whatever_moved() {
    let db = watched().await;
    let mut monitor = Monitor::new(db.dba().await, std::time::Duration::ZERO);
    for _ in 0..3 {
        assert!(matches!(monitor.tick().await.unwrap(), Tick::Compared(_)));
    }
}

async fn acceptance(db: &Db, key: &Key, reason: &str) -> Signed {
    taking(db, key, reason, Takes::This).await
}

async fn taking(db: &Db, key: &Key, reason: &str, takes: Takes) -> Signed {
    let client = db.dba().await;
    let found = drift::look(&client).await.unwrap();
    let binding = Binding::make(&client, std::time::Duration::from_secs(60)).await.unwrap();
    key.sign(&drift::declaration(&found, reason, takes, &binding).unwrap())
}

#[tokio::test]
async fn what_drifted_is_taken_over_by_an_owner_alone() {
    let db = watched().await;
    let client = db.dba().await;
    let (ada, mallory) = (Key::ed25519("ada"), Key::ed25519("mallory"));
    let owners = owners(&[&ada]);
    db.sql("GRANT TRIGGER ON thing TO app").await;
    let refused = async |signed: &[Signed], says: &str| match drift::accept(
        &client,
        &owners,
        signed,
        Takes::This,
    )
    .await
    {
        Err(Error::NotSigned(why)) => assert!(why.contains(says), "{why}"),
        other => panic!("{other:?}"),
    };
    refused(&[], "0 of the owners have signed").await;
    refused(&[acceptance(&db, &mallory, "it is mine").await], "is no owner's").await;
    let early = acceptance(&db, &ada, "a partition, CHG-1").await;
    // It changes again: what was signed is not what is there.
    db.sql("GRANT TRUNCATE ON thing TO app").await;
    refused(std::slice::from_ref(&early), "another now-sha256").await;
    let signed = acceptance(&db, &ada, "both of them, CHG-2").await;
    drift::accept(&client, &owners, std::slice::from_ref(&signed), Takes::This).await.unwrap();
    assert_eq!(drift::look(&client).await.unwrap().differences, []);
    block::assert_safe(&client, "cleanup").await.unwrap();
    // Once is enough for one text; and a rebase takes whatever is there.
    refused(&[signed], "another baseline-sha256").await;
    let rebase = taking(&db, &ada, "after the upgrade", Takes::Everything).await;
    let small = acceptance(&db, &ada, "only what is there").await;
    db.sql("REVOKE TRUNCATE ON thing FROM app").await;
    // What was signed for one is not for the other.
    match drift::accept(&client, &owners, &[small], Takes::Everything).await {
        Err(Error::NotSigned(why)) => assert!(why.contains("another takes"), "{why}"),
        other => panic!("{other:?}"),
    }
    drift::accept(&client, &owners, &[rebase], Takes::Everything).await.unwrap();
    assert_eq!(drift::look(&client).await.unwrap().differences, []);
    let log = evidence_log::entries(&client, 0, Some(&["drift", "baseline"])).await.unwrap();
    let kinds: Vec<&str> = log.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["baseline", "drift", "drift"]);
    let all = evidence_log::entries(&client, 0, None).await.unwrap();
    assert_eq!(evidence_log::verify_signatures(&all, &owners), Vec::<String>::new());
}

/// An apply that changes the gate moves the baseline in the step's own transaction; one on a gate that has drifted does not
/// begin.
#[tokio::test]
async fn an_apply_moves_the_baseline() {
    let db = watched().await;
    let client = db.dba().await;
    let packet = "macro = 'MORE'\n[[step]]\nid = 'column'\ndo = 'a.sql'\nundo = 'u.sql'\n[[step]]\nid = 'index'\ndo = 'i.sql'\nundo = 'j.sql'\ntransaction = false\n[[step]]\nid = 'rule'\ndo = 'r.sql'\nundo = 's.sql'";
    let files = [
        ("a.sql", "ALTER TABLE thing ADD COLUMN size integer"),
        ("u.sql", "ALTER TABLE thing DROP COLUMN size"),
        ("i.sql", "CREATE INDEX CONCURRENTLY thing_name ON thing (name)"),
        ("j.sql", "DROP INDEX CONCURRENTLY thing_name"),
        ("r.sql", "SELECT birthgate.code_rule_set('thing', '^A')"),
        ("s.sql", "SELECT birthgate.code_rule_set('thing', NULL)"),
    ];
    let prepared = Prepared::new(&db, packet, &files).await;
    prepared.approve(&client, &[]).await;
    let database = db.database("postgres");
    // By hand it is drift, and nothing is applied on it.
    db.sql("ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate").await;
    match prepared.apply(&database).await {
        Err(Error::Stale(why)) => assert!(why.contains("the gate has drifted"), "{why}"),
        other => panic!("{other:?}"),
    }
    let key = &prepared.key;
    db.sql("ALTER TABLE thing ENABLE ALWAYS TRIGGER zz_birthgate_gate").await;
    drift::accept(
        &client,
        &prepared.owners,
        &[acceptance(&db, key, "switched back on").await],
        Takes::This,
    )
    .await
    .unwrap();
    let mut monitor = Monitor::new(db.dba().await, NEVER);
    monitor.tick().await.unwrap();
    let applied = prepared.apply(&database).await.unwrap();
    assert_eq!(applied.ended, Ended::Done, "{applied:?}");
    let Tick::Compared(found) = monitor.tick().await.unwrap() else { panic!("nothing moved") };
    assert_eq!((found.differences.len(), found.count()), (0, 0), "what was signed is no drift");
    assert_eq!(prepared.undo(&database).await.unwrap().ended, Ended::Undone);
    assert_eq!(drift::check(&client).await.unwrap().differences, []);
}

/// Drift blocks reservations where it is listed for them; a reserved permit is still spent.
#[tokio::test]
async fn drift_stops_reservations_and_no_insert() {
    let db = watched().await;
    let client = db.dba().await;
    let app = db.connect("app").await;
    app.batch_execute("SELECT birthgate.permit_hold('thing', 'A-1')").await.unwrap();
    db.sql("GRANT TRUNCATE ON thing TO app").await;
    drift::check(&client).await.unwrap();
    let refused =
        app.batch_execute("SELECT birthgate.permit_hold('thing', 'A-2')").await.unwrap_err();
    assert_eq!(testkit::sqlstate(&refused), "PB017");
    app.batch_execute("INSERT INTO thing (code) VALUES ('A-1')").await.unwrap();
    db.sql("REVOKE TRUNCATE ON thing FROM app").await;
    drift::check(&client).await.unwrap();
    app.batch_execute("SELECT birthgate.permit_hold('thing', 'A-2')").await.unwrap();
}

/// Drift fails closed when nobody looks any more; where no daemon looks, that is said, and what was seen last holds.
#[tokio::test]
async fn what_nobody_looked_at_for_long_blocks() {
    let db = watched().await;
    let client = db.dba().await;
    let old = "SET ROLE birthgate_owner; UPDATE birthgate.block_observation SET observed_at = observed_at - interval '10 minutes'; RESET ROLE";
    block::set_grace(&client, "gate_drift", Some(std::time::Duration::from_secs(300)))
        .await
        .unwrap();
    block::assert_safe(&client, "cleanup").await.unwrap();
    client.batch_execute(old).await.unwrap();
    assert_eq!(refusal(block::assert_safe(&client, "cleanup").await), RefusalCode::Blocked);
    block::set_grace(&client, "gate_drift", None).await.unwrap();
    block::assert_safe(&client, "cleanup").await.unwrap();
    db.sql("ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate").await;
    drift::check(&client).await.unwrap();
    client.batch_execute(old).await.unwrap();
    assert_eq!(refusal(block::assert_safe(&client, "cleanup").await), RefusalCode::Blocked);
    assert_eq!(refusal(block::set_grace(&client, "nothing", None).await), RefusalCode::BadArgument);
    // Not for those whom it guards against.
    let app = db.connect("app").await;
    assert!(block::set_grace(&app, "gate_drift", None).await.is_err());
}

/// Killed between an index on a governed table and its note: it is recognised, and the baseline moves with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_leaves_no_drift_behind() {
    let db = watched().await;
    let client = db.dba().await;
    let packet = "macro = 'INDEX'\n[[step]]\nid = 'index'\ndo = 'i.sql'\nundo = 'j.sql'\ntransaction = false";
    let files = [
        ("i.sql", "CREATE INDEX CONCURRENTLY thing_name ON thing (name)"),
        ("j.sql", "DROP INDEX CONCURRENTLY thing_name"),
    ];
    let prepared = std::sync::Arc::new(Prepared::new(&db, packet, &files).await);
    prepared.approve(&client, &[]).await;
    let (killed, database) = (prepared.clone(), db.database("postgres"));
    let there = database.clone();
    let task = tokio::spawn(async move {
        let mut observe = |event: &Event<'_>| {
            if matches!(event, Event::Step { phase: Phase::Performed, .. }) {
                std::panic::panic_any("killed");
            }
        };
        killed.apply_as(&there, &crate::signed::options(), &mut observe).await
    });
    assert!(task.await.is_err());
    assert_ne!(drift::look(&client).await.unwrap().differences, [], "it is done, and not noted");
    let applied = prepared.apply(&database).await.unwrap();
    assert_eq!((applied.ended, applied.steps[0].outcome), (Ended::Done, "before"));
    assert_eq!(drift::look(&client).await.unwrap().differences, []);
}

/// What somebody else does to the gate while a packet is applied does not become the baseline with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apply_takes_over_nothing_but_its_own() {
    let db = watched().await;
    let client = db.dba().await;
    let packet = "macro = 'MORE'\n[[step]]\nid = 'column'\ndo = 'a.sql'\nundo = 'u.sql'";
    let files = [
        ("a.sql", "ALTER TABLE thing ADD COLUMN size integer"),
        ("u.sql", "ALTER TABLE thing DROP COLUMN size"),
    ];
    let prepared = Prepared::new(&db, packet, &files).await;
    prepared.approve(&client, &[]).await;
    let runtime = tokio::runtime::Handle::current();
    let dba = db.dba().await;
    let tamper = "ALTER TABLE birthgate.birth_admission_permit DISABLE TRIGGER permit_guard_insert";
    let applied = prepared
        .apply_as(&db.database("postgres"), &crate::signed::options(), &mut |event| {
            if matches!(event, Event::Step { phase: Phase::Performed, .. }) {
                tokio::task::block_in_place(|| {
                    runtime.block_on(dba.batch_execute(tamper)).unwrap()
                });
            }
        })
        .await
        .unwrap();
    assert_eq!(applied.ended, Ended::Failed, "{applied:?}");
    // The trigger is a piece of code as well, and that is compared first.
    let why = applied.why.unwrap();
    assert!(why.contains("permit_guard_insert"), "{why}");
    let found = drift::look(&client).await.unwrap();
    assert!(
        found.differences.iter().any(|one| one.object.contains("permit_guard_insert")),
        "it is still drift"
    );
    assert!(!db.value::<bool>("SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'thing'::regclass AND attname = 'size')").await);
}

/// A drift that blocks nothing any more is drift itself.
#[tokio::test]
async fn what_pulls_its_teeth_is_found() {
    let db = watched().await;
    let client = db.dba().await;
    let mut monitor = Monitor::new(db.dba().await, NEVER);
    monitor.tick().await.unwrap();
    for tamper in [
        "UPDATE birthgate.block_dimension SET bound = 1000000 WHERE name = 'gate_drift'",
        "DELETE FROM birthgate.block_rule WHERE dimension = 'gate_drift'",
        "DELETE FROM birthgate.block_dimension WHERE name = 'gate_drift'",
    ] {
        db.sql(&format!("SET ROLE birthgate_owner; {tamper}")).await;
        // Without its dimension the outcome cannot be stored: the daemon says so.
        match monitor.tick().await {
            Ok(Tick::Compared(found)) => {
                assert_eq!(found.differences[0].object, "dimension gate_drift", "{tamper}");
                let explained = drift::explain(&client, &found).await.unwrap();
                assert!(explained.findings[0].cause.contains("drift blocks something else"));
            }
            Err(error) => {
                assert!(tamper.contains("DELETE FROM birthgate.block_dimension"), "{error}")
            }
            other => panic!("{tamper}: {other:?}"),
        }
    }
}

/// A baseline that was written by hand, rows and root, is not the one that the evidence log knows.
#[tokio::test]
async fn a_baseline_that_was_written_by_hand_is_found() {
    let db = watched().await;
    let client = db.dba().await;
    db.sql("ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate").await;
    let mut monitor = Monitor::new(db.dba().await, NEVER);
    monitor.tick().await.unwrap();
    let as_owner = "SET ROLE birthgate_owner; UPDATE birthgate.baseline_object SET attributes = jsonb_set(attributes, '{enabled}', '\"no\"')
                     WHERE object = 'trigger zz_birthgate_gate on public.thing'";
    db.sql(as_owner).await;
    let Tick::Compared(half) = monitor.tick().await.unwrap() else { panic!("nothing moved") };
    assert!(
        half.circumstances.iter().any(|what| what.contains("are not those that were kept")),
        "{half:?}"
    );
    // A careful forger writes its root as well.
    let root = &half.now;
    client.execute("SELECT set_config('role', 'birthgate_owner', false)", &[]).await.unwrap();
    client.execute("UPDATE birthgate.baseline SET root = $1", &[root]).await.unwrap();
    client.batch_execute("RESET ROLE").await.unwrap();
    let Tick::Compared(whole) = monitor.tick().await.unwrap() else { panic!("nothing moved") };
    assert!(
        whole
            .circumstances
            .iter()
            .any(|what| what.contains("is not the one that the evidence log knows")),
        "{whole:?}"
    );
}
