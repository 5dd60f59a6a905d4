//! Doctor tries out whether the same DDL makes the same objects, and names what differs.

use birthgate::doctor::{Finding, Findings, Found, Private, try_out};
use birthgate::private_server::Binaries;
use testkit::Db;

async fn tried(db: &Db, role: &str) -> Finding {
    let search = testkit::search();
    let binaries = Binaries::find(&search).unwrap();
    let private = Private { binaries, folder: std::env::temp_dir(), cache: search.cache };
    let mut findings = Findings::default();
    try_out(&db.connect(role).await, private, &mut findings).await.unwrap();
    // What confines the sandbox comes first.
    assert_eq!(findings.0.len(), 2, "{findings:#?}");
    findings.0.remove(1)
}

#[tokio::test]
async fn a_server_that_makes_other_objects_of_the_same_ddl_is_named_with_the_attribute() {
    let db = Db::empty().await;
    let before = db.seen_from_outside().await;
    let same = tried(&db, "postgres").await;
    assert_eq!((same.found, &same.mend), (Found::Good, &None), "{same:#?}");
    assert_eq!(before, db.seen_from_outside().await, "nothing stays");
    // Who may make no schema is told so.
    let may_not = tried(&db, "app").await;
    assert_eq!(may_not.found, Found::Limited, "{may_not:#?}");

    // As if the server stamped what is made.
    db.sql("CREATE FUNCTION stamp() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
              IF to_regclass('birthgate_doctor.sample') IS NOT NULL THEN
                UPDATE pg_attribute SET attoptions = '{stamped=7}' WHERE attrelid = to_regclass('birthgate_doctor.sample') AND attname = 'kind' AND attoptions IS DISTINCT FROM '{stamped=7}';
              END IF;
            END $$;
            CREATE EVENT TRIGGER stamp ON ddl_command_end EXECUTE FUNCTION stamp()").await;
    let other = tried(&db, "postgres").await;
    assert_eq!(other.found, Found::Lacking, "{other:#?}");
    assert!(other.what.contains("table birthgate_doctor.sample: column kind"), "{other:#?}");
    // Options of the server's own are nothing.
    db.sql("CREATE OR REPLACE FUNCTION stamp() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
              UPDATE pg_attribute SET attoptions = array_append(attoptions, 'pg_stamp=' || txid_current())
               WHERE attrelid = to_regclass('birthgate_doctor.part') AND attnum > 0 AND attoptions::text !~ 'pg_stamp' IS NOT FALSE;
              UPDATE pg_class SET reloptions = array_append(reloptions, 'pg_stamp=' || txid_current())
               WHERE oid IN (to_regclass('birthgate_doctor.sample_note'), to_regclass('birthgate_doctor.seen')) AND reloptions::text !~ 'pg_stamp' IS NOT FALSE;
            END $$").await;
    let own = tried(&db, "postgres").await;
    assert_eq!(own.found, Found::Good, "{own:#?}");
}
