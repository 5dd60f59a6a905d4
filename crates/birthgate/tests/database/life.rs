//! The life of a database: dumped and restored, moved, rewritten. Afterwards the gate holds, or says
//! what to run.

use birthgate::{collection, registry};
use testkit::{Db, sqlstate};

/// A database with a born, a retired and an old row, and an unspent permit.
async fn lived() -> Db {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    for sql in [
        "SELECT birthgate.admit('thing', '{\"code\": \"A\"}', 'k')",
        "SELECT birthgate.admit('thing', '{\"code\": \"B\"}')",
        "SELECT birthgate.retire('thing', 'B')",
        "SELECT birthgate.permit_hold('thing', 'C')",
    ] {
        app.batch_execute(sql).await.unwrap();
    }
    db
}

/// The gate refuses and admits as it should, and everything agrees but the old row.
async fn holds(db: &Db) {
    let app = db.connect("app").await;
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
    let found = registry::reconcile(&db.dba().await, Some("thing")).await.unwrap();
    let found: Vec<&str> = found.iter().map(|one| one.finding.as_str()).collect();
    assert_eq!(found, ["orphan"]);
    // Also for who would switch ordinary triggers off.
    let root = db.dba().await;
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
