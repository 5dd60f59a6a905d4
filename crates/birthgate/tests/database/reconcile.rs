//! Week one: observing, bearing what was there, and comparing rows, births and permits.

use birthgate::collection::{self, Mode};
use birthgate::entity::{self, End, FileRows};
use birthgate::registry::{self, Finding};
use birthgate::{RefusalCode, permit};
use testkit::{Db, refusal, sqlstate};

async fn findings(db: &Db) -> Vec<(String, i64, Option<String>)> {
    let found = registry::reconcile(&db.dba().await, Some("thing")).await.unwrap();
    found.into_iter().map(|f: Finding| (f.finding, f.count, f.examples[0].clone())).collect()
}

fn found(finding: &str, code: &str) -> (String, i64, Option<String>) {
    (finding.to_owned(), 1, Some(code.to_owned()))
}

#[tokio::test]
async fn week_one_from_observe_to_enforce() {
    let db = Db::birth().await;
    db.sql("INSERT INTO thing (code) SELECT 'B-' || g FROM generate_series(1, 1000) g").await;
    db.govern_thing(|govern| govern.mode = Mode::Observe).await;
    let app = db.connect("app").await;
    app.batch_execute(
        "INSERT INTO thing (code) VALUES ('X-1'), ('X-2'); DELETE FROM thing WHERE code = 'X-2'",
    )
    .await
    .unwrap();
    let mut dba = db.dba().await;
    let observed = collection::observed(&dba, Some("thing")).await.unwrap();
    let seen: Vec<(&str, &str, i64)> =
        observed.iter().map(|o| (o.operation.as_str(), o.refusal.as_str(), o.times)).collect();
    assert_eq!(seen, [("INSERT", "PB001", 2), ("DELETE", "PB008", 1)]);
    assert_eq!(observed[0].meaning, "the act has no permit");

    assert_eq!(findings(&db).await[0].1, 1002);
    let done = collection::backfill(&db.database("postgres"), "thing", 64, |_| {}).await.unwrap();
    assert_eq!((done.born, done.left_over), (1002, 0));
    assert_eq!(findings(&db).await, []);
    let again = collection::backfill(&db.database("postgres"), "thing", 64, |_| {}).await.unwrap();
    assert_eq!(again.born, 0);
    assert_eq!(db.value::<i64>("SELECT count(*) FROM birthgate.birth_registry WHERE origin = 'backfill' AND status = 'finalized'").await, 1002);

    let armed = collection::rearm(&mut dba, "thing", None, Some(Mode::Enforce)).await.unwrap();
    assert_eq!(armed.mode, "enforce");
    let refused = app.batch_execute("INSERT INTO thing (code) VALUES ('X-3')").await.unwrap_err();
    assert_eq!(sqlstate(&refused), "PB001");
    let refused = app.batch_execute("DELETE FROM thing WHERE code = 'B-1'").await.unwrap_err();
    assert_eq!(sqlstate(&refused), "PB008");
    app.batch_execute("SELECT birthgate.retire('thing', 'B-1')").await.unwrap();
    assert_eq!(findings(&db).await, []);
}

#[tokio::test]
async fn a_backfill_waits_for_no_writer_and_bears_no_phantom() {
    let db = Db::birth().await;
    db.sql("INSERT INTO thing (code) SELECT 'B-' || g FROM generate_series(1, 300) g").await;
    db.govern_thing(|govern| govern.mode = Mode::Observe).await;
    // A writer is in the middle of deleting a row: the backfill passes over it.
    let writer = db.connect("app").await;
    writer.batch_execute("BEGIN; DELETE FROM thing WHERE code = 'B-7'").await.unwrap();
    let done = collection::backfill(&db.database("postgres"), "thing", 50, |_| {}).await.unwrap();
    assert_eq!(done.born, 300);
    writer.batch_execute("COMMIT").await.unwrap();
    assert_eq!(findings(&db).await, []);

    // The other way round: while a batch is borne, its rows cannot go away.
    db.sql("INSERT INTO thing (code) VALUES ('C-1')").await;
    let bearing = db.dba().await;
    bearing
        .batch_execute("BEGIN; SELECT * FROM birthgate.backfill('thing', NULL, 10)")
        .await
        .unwrap();
    let refused = writer
        .batch_execute("SET lock_timeout = '20ms'; DELETE FROM thing WHERE code = 'C-1'")
        .await;
    assert_eq!(sqlstate(&refused.unwrap_err()), "55P03");
    writer.batch_execute("UPDATE thing SET name = 'not stopped' WHERE code = 'C-1'").await.unwrap();
    bearing.batch_execute("COMMIT").await.unwrap();
    assert_eq!(findings(&db).await, []);
}

#[tokio::test]
async fn what_was_done_behind_the_gate_is_found() {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    for code in ["A", "B", "C", "D", "E", "F"] {
        app.batch_execute(&format!("SELECT birthgate.admit('thing', '{{\"code\": \"{code}\"}}')"))
            .await
            .unwrap();
    }
    app.batch_execute(
        "SELECT birthgate.retire('thing', 'B'); SELECT birthgate.discard('thing', 'O-1')",
    )
    .await
    .unwrap();
    assert_eq!(findings(&db).await, []);
    // Rows behind the gate, as pg_restore --disable-triggers or an owner leaves them.
    db.sql("ALTER TABLE thing DISABLE TRIGGER ALL; DELETE FROM thing WHERE code = 'A'; INSERT INTO thing (code) VALUES ('B'), ('Z')").await;
    assert_eq!(
        findings(&db).await,
        [found("ghost", "B"), found("orphan", "Z"), found("phantom", "A")]
    );
    // Births and permits behind their guards.
    db.sql(
        "SET session_replication_role = replica;
         ALTER TABLE birthgate.birth_admission_permit DISABLE TRIGGER ALL; ALTER TABLE birthgate.birth_registry DISABLE TRIGGER ALL;
         DELETE FROM birthgate.birth_admission_permit WHERE entity_code = 'C';
         DELETE FROM birthgate.birth_registry WHERE entity_code = 'D';
         UPDATE birthgate.birth_admission_permit SET state = 'CONSUMED', finalized_at = NULL WHERE entity_code = 'E';
         UPDATE birthgate.birth_registry SET status = 'born' WHERE entity_code = 'F';
         UPDATE birthgate.birth_registry SET status = 'finalized', retire_permit_id = NULL, retired_at = NULL WHERE entity_code = 'B'",
    )
    .await;
    let all = findings(&db).await;
    for expected in [
        found("birth not finalized", "F"),
        found("permit consumed and not finalized", "E"),
        found("permit without its birth", "D"),
        found("permit without its retirement", "B"),
    ] {
        assert!(all.contains(&expected), "{expected:?} in {all:?}");
    }
    assert!(
        all.contains(&("birth without its permit".to_owned(), 2, Some("C".to_owned())))
            || all.contains(&("birth without its permit".to_owned(), 2, Some("E".to_owned()))),
        "{all:?}"
    );
}

#[tokio::test]
async fn a_folder_is_registered_by_a_registrar_only() {
    let db = Db::governed("statement").await;
    let folder = tempfile::tempdir().unwrap();
    for name in ["dot-iu-count", "dot-kd-find", ".hidden"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let what = FileRows {
        collection: "thing".to_owned(),
        name_column: "name".to_owned(),
        columns: vec![("code".to_owned(), "DOT-{2}-{n}".to_owned())],
    };
    let app = db.connect("app").await;
    db.sql("GRANT SELECT ON thing TO app; GRANT EXECUTE ON FUNCTION birthgate.names_missing(text, text, text[]), birthgate.register(text, jsonb, text), birthgate.acts_as(name, text) TO app").await;
    let refused = entity::register_folder(&app, &what, folder.path()).await;
    assert_eq!(refusal(refused), RefusalCode::NotGranted);
    db.sql("GRANT birthgate_registrar TO app").await;
    let registered = entity::register_folder(&app, &what, folder.path()).await.unwrap();
    let codes: Vec<&str> = registered.iter().filter_map(|r| r.row["code"].as_str()).collect();
    assert_eq!(codes, ["DOT-iu-1", "DOT-kd-1"]);
    assert!(entity::register_folder(&app, &what, folder.path()).await.unwrap().is_empty());
    db.sql("REVOKE birthgate_registrar FROM app").await;
    entity::end(&app, End::Retire, "thing", "DOT-iu-1", Some("k"), false).await.unwrap();
    let again =
        entity::end(&app, End::Retire, "thing", "DOT-iu-1", Some("k"), false).await.unwrap();
    let shown = entity::show(&db.dba().await, "thing", "DOT-iu-1").await.unwrap();
    assert_eq!(shown["births"][0]["retire_permit_id"], again);
    assert_eq!(permit::archive(&db.dba().await, 0.0, 2).await.unwrap(), 3);
    assert_eq!(findings(&db).await, [found("orphan", "O-1")]);
}
