//! Admitting from outside: keys, retries, failures on record.

use birthgate::admission::{self, Admission};
use birthgate::{RefusalCode, collection};
use serde_json::json;
use testkit::{Db, refusal};

fn admission(code: &str, key: &str) -> Admission {
    let row = json!({ "code": code, "name": "n" });
    Admission {
        collection: "thing".to_owned(),
        row: row.as_object().unwrap().clone(),
        idempotency_key: key.to_owned(),
        break_glass: None,
    }
}

#[tokio::test]
async fn the_same_key_admits_once() {
    let db = Db::governed("statement").await;
    let app = db.database("app");
    let first = admission::admit(&app, &admission("A-1", "k")).await.unwrap();
    assert_eq!((first.state.as_str(), first.attempts), ("FINALIZED", 1));
    assert_eq!(admission::admit(&app, &admission("A-1", "k")).await.unwrap(), first);
    assert_eq!(db.value::<i64>("SELECT count(*) FROM thing WHERE code = 'A-1'").await, 1);
    assert_eq!(db.value::<i64>("SELECT count(*) FROM birthgate.birth_admission_permit").await, 1);
}

#[tokio::test]
async fn a_failure_is_recorded_on_the_permit() {
    let db = Db::governed("statement").await;
    db.sql("ALTER TABLE thing ADD CHECK (code <> 'A-1')").await;
    let app = db.database("app");
    admission::admit(&app, &admission("A-1", "k")).await.unwrap_err();
    let recorded: String =
        db.value("SELECT state || ' ' || ended_why FROM birthgate.birth_admission_permit").await;
    assert!(recorded.starts_with("FAILED inserting the entity: 23514"), "{recorded}");
    // The key has had its answer; a new key is a new request.
    let again = admission::admit(&app, &admission("A-1", "k")).await;
    assert_eq!(refusal(again), RefusalCode::IllegalTransition);
}

#[tokio::test]
async fn a_rule_that_changes_makes_a_code_legal() {
    let db = Db::governed("statement").await;
    let dba = db.dba().await;
    collection::set_rule(&dba, "thing", Some("^[A-Z]+-[0-9]+$")).await.unwrap();
    let app = db.database("app");
    let refused = admission::admit(&app, &admission("dot-birth-admit", "k1")).await;
    assert_eq!(refusal(refused), RefusalCode::CodeAgainstRule);
    collection::set_rule(&dba, "thing", Some("^dot-[a-z-]+$")).await.unwrap();
    admission::admit(&app, &admission("dot-birth-admit", "k2")).await.unwrap();
    collection::set_rule(&dba, "thing", Some("(")).await.unwrap_err();
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_is_survived() {
    let db = Db::governed("statement").await;
    // The insert waits for a lock; its backend is terminated while it does; the lock is let go.
    let holder = db.dba().await;
    holder.batch_execute("BEGIN; LOCK TABLE thing IN SHARE MODE").await.unwrap();
    let app = db.database("app");
    let admitting =
        tokio::spawn(async move { admission::admit(&app, &admission("A-1", "k")).await });
    // pg_locks is looked at anew each time; pg_stat_activity would be a snapshot of this transaction.
    let kill = "DO $$ DECLARE v_pid int; BEGIN
        WHILE v_pid IS NULL LOOP
          PERFORM pg_sleep(0.005);
          SELECT pid INTO v_pid FROM pg_locks WHERE NOT granted AND relation = 'thing'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
        END LOOP;
        PERFORM pg_terminate_backend(v_pid, 5000); END $$";
    holder.batch_execute(kill).await.unwrap();
    holder.batch_execute("COMMIT").await.unwrap();
    let admitted = admitting.await.unwrap().unwrap();
    assert_eq!(admitted.state, "FINALIZED");
    assert!(admitted.attempts > 1);
    assert_eq!(db.value::<i64>("SELECT count(*) FROM birthgate.birth_registry").await, 1);
}

#[tokio::test]
async fn an_abandoned_admission_is_cancelled_or_found_born() {
    let db = Db::governed("statement").await;
    let app = db.database("app");
    let client = db.connect("app").await;
    client
        .batch_execute("SELECT birthgate.permit_hold('thing', 'A-1', 'birth', 'k1')")
        .await
        .unwrap();
    assert_eq!(admission::abandon(&app, "k1").await.unwrap(), None);
    assert_eq!(
        db.value::<String>("SELECT state FROM birthgate.birth_admission_permit").await,
        "CANCELLED"
    );
    let admitted = admission::admit(&app, &admission("A-2", "k2")).await.unwrap();
    assert_eq!(admission::abandon(&app, "k2").await.unwrap(), Some(admitted.permit_id));
    assert_eq!(admission::abandon(&app, "k3").await.unwrap(), None);
}
