//! What must work, observing, finalising, retiring, and living with legacy triggers.

use testkit::{Db, server, sqlstate};

async fn states(db: &Db) -> Vec<String> {
    let sql =
        "SELECT coalesce(array_agg(DISTINCT state), '{}') FROM birthgate.birth_admission_permit";
    db.value(sql).await
}

async fn births(db: &Db, status: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM birthgate.birth_registry WHERE status = '{status}'");
    db.value(&sql).await
}

/// Each of them admits with permits held before; the number is of rows that must be born.
const MUST_WORK: &[(&str, u32, i64, &str)] = &[
    ("several rows", 14, 2, "INSERT INTO thing (code) VALUES ('A-1'), ('A-2')"),
    (
        "MERGE",
        15,
        1,
        "MERGE INTO thing t USING (VALUES ('A-1')) v(c) ON t.code = v.c WHEN NOT MATCHED THEN INSERT (code) VALUES (v.c)",
    ),
    (
        "several CTEs",
        14,
        2,
        "WITH a AS (INSERT INTO thing (code) VALUES ('A-1')), b AS (INSERT INTO thing (code) VALUES ('A-2')) SELECT 1",
    ),
    ("RETURNING", 14, 1, "INSERT INTO thing (code) VALUES ('A-1') RETURNING id"),
    (
        "ON CONFLICT DO NOTHING that inserts",
        14,
        1,
        "INSERT INTO thing (code) VALUES ('A-1') ON CONFLICT DO NOTHING",
    ),
    (
        "ON CONFLICT DO UPDATE of another column",
        14,
        1,
        "INSERT INTO thing (code) VALUES ('A-1'), ('O-1') ON CONFLICT (code) DO UPDATE SET name = 'x'",
    ),
    (
        "a savepoint rolled back, then again",
        14,
        1,
        "BEGIN; SAVEPOINT s; INSERT INTO thing (code) VALUES ('A-1'); ROLLBACK TO s; INSERT INTO thing (code) VALUES ('A-1'); COMMIT",
    ),
    (
        "SET CONSTRAINTS ALL IMMEDIATE between two inserts",
        14,
        2,
        "BEGIN; INSERT INTO thing (code) VALUES ('A-1'); SET CONSTRAINTS ALL IMMEDIATE; INSERT INTO thing (code) VALUES ('A-2'); COMMIT",
    ),
    (
        "two-phase commit",
        14,
        1,
        "BEGIN; INSERT INTO thing (code) VALUES ('A-1'); PREPARE TRANSACTION 't'; COMMIT PREPARED 't'",
    ),
    (
        "an update of another column",
        14,
        1,
        "INSERT INTO thing (code) VALUES ('A-1'); UPDATE thing SET name = 'x'",
    ),
];

#[tokio::test]
async fn what_must_work_works_in_both_forms() {
    let major = std::thread::spawn(|| server().major()).join().unwrap();
    for form in ["statement", "row"] {
        for (name, since, rows, sql) in MUST_WORK.iter().filter(|case| case.1 <= major) {
            let db = Db::governed(form).await;
            let app = db.connect("app").await;
            app.batch_execute("SELECT birthgate.permit_hold('thing', 'A-1'), birthgate.permit_hold('thing', 'A-2')").await.unwrap();
            // Statement by statement: PREPARE TRANSACTION takes no company.
            for statement in sql.split("; ") {
                let outcome = app.batch_execute(statement).await;
                outcome.unwrap_or_else(|error| panic!("{name} ({since}), {form}: {error:?}"));
            }
            assert_eq!(births(&db, "finalized").await, *rows, "{name}, {form}");
            assert_eq!(births(&db, "born").await, 0, "{name}, {form}");
            let resting: i64 = db
                .value("SELECT count(*) FROM birthgate.birth_admission_permit WHERE state = 'CONSUMED'")
                .await;
            assert_eq!(resting, 0, "{name}, {form}");
            let left: i64 = db.value("SELECT count(*) FROM birthgate.finalization").await;
            assert_eq!(left, 0, "{name}, {form}");
        }
    }
}

#[tokio::test]
async fn copy_is_gated_and_admitted() {
    use std::pin::pin;
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    for (held, options) in [(false, ""), (true, "")] {
        if held {
            app.batch_execute("SELECT birthgate.permit_hold('thing', 'A-1')").await.unwrap();
        }
        let sink =
            app.copy_in::<_, &[u8]>(&format!("COPY thing (code) FROM STDIN {options}")).await;
        let mut sink = pin!(sink.unwrap());
        futures_util::SinkExt::send(&mut sink, &b"A-1\n"[..]).await.unwrap();
        let outcome = sink.finish().await;
        match outcome {
            Ok(rows) => assert!(held && rows == 1),
            Err(error) => assert!(!held && sqlstate(&error) == "PB001", "{error:?}"),
        }
    }
    assert_eq!(births(&db, "finalized").await, 1);
}

#[tokio::test]
async fn what_is_rolled_back_was_never_there() {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    app.batch_execute("SELECT birthgate.permit_hold('thing', 'A-1')").await.unwrap();
    app.batch_execute("BEGIN; INSERT INTO thing (code) VALUES ('A-1'); ROLLBACK").await.unwrap();
    assert_eq!(states(&db).await, ["RESERVED"]);
    assert_eq!(births(&db, "born").await, 0);
    // A backend that is killed takes everything back as well.
    app.batch_execute("BEGIN; INSERT INTO thing (code) VALUES ('A-1')").await.unwrap();
    db.sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app' AND datname = current_database()").await;
    assert_eq!(states(&db).await, ["RESERVED"]);
    db.connect("app").await.batch_execute("INSERT INTO thing (code) VALUES ('A-1')").await.unwrap();
    assert_eq!(states(&db).await, ["FINALIZED"]);
}

#[tokio::test]
async fn finalize_off_finalises_at_once() {
    for form in ["statement", "row"] {
        let db = Db::birth().await;
        db.govern_thing(|govern| {
            govern.finalize = "off".to_owned();
            govern.form = Some(form.to_owned());
        })
        .await;
        let app = db.connect("app").await;
        app.batch_execute("BEGIN; INSERT INTO thing (code) SELECT 'A-1' FROM birthgate.permit_hold('thing', 'A-1')")
            .await
            .unwrap();
        let row =
            app.query_one("SELECT state FROM birthgate.birth_admission_permit", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "FINALIZED");
        app.batch_execute("COMMIT").await.unwrap();
        assert_eq!(births(&db, "finalized").await, 1);
    }
}

#[tokio::test]
async fn observing_refuses_nothing_and_records_it() {
    for form in ["statement", "row"] {
        let db = Db::birth().await;
        db.govern_thing(|govern| {
            govern.mode = birthgate::collection::Mode::Observe;
            govern.form = Some(form.to_owned());
        })
        .await;
        let app = db.connect("app").await;
        app.batch_execute("SELECT birthgate.permit_hold('thing', 'A-1')").await.unwrap();
        app.batch_execute("INSERT INTO thing (code) VALUES ('A-1'), ('X-1')").await.unwrap();
        app.batch_execute("UPDATE thing SET code = 'X-2' WHERE code = 'X-1'").await.unwrap();
        app.batch_execute("DELETE FROM thing WHERE code = 'X-2'").await.unwrap();
        db.connect("cleaner").await.batch_execute("TRUNCATE thing").await.unwrap();
        assert_eq!(births(&db, "finalized").await, 1);
        let seen: Vec<String> = db
            .value("SELECT array_agg(concat_ws(' ', operation, entity_code, refusal, login) ORDER BY id) FROM birthgate.observed")
            .await;
        assert_eq!(
            seen,
            [
                "INSERT X-1 PB001 app",
                "UPDATE X-2 PB009 app",
                "DELETE X-2 PB008 app",
                "TRUNCATE PB010 cleaner"
            ],
            "{form}"
        );
    }
}

#[tokio::test]
async fn retiring_ends_a_birth_once_and_for_all() {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    app.batch_execute(
        "INSERT INTO thing (code) SELECT 'A-1' FROM birthgate.permit_hold('thing', 'A-1')",
    )
    .await
    .unwrap();
    app.batch_execute("SELECT birthgate.retire('thing', 'A-1', 'key')").await.unwrap();
    app.batch_execute("SELECT birthgate.retire('thing', 'A-1', 'key')").await.unwrap();
    assert_eq!(births(&db, "retired").await, 1);
    assert_eq!(states(&db).await, ["FINALIZED"]);
    let again =
        app.batch_execute("SELECT birthgate.permit_hold('thing', 'A-1')").await.unwrap_err();
    assert_eq!(sqlstate(&again), "PB005");
    let changes: Vec<String> = db
        .value("SELECT array_agg(action || ' ' || entity_code) FROM birthgate.registry_changelog")
        .await;
    assert_eq!(changes, ["retire A-1"]);

    // A row without a birth is discarded.
    app.batch_execute("SELECT birthgate.permit_hold('thing', 'O-1', 'discard')").await.unwrap();
    app.batch_execute("DELETE FROM thing WHERE code = 'O-1'").await.unwrap();

    // A phantom has no row; an entity with one is none.
    app.batch_execute(
        "INSERT INTO thing (code) SELECT 'A-2' FROM birthgate.permit_hold('thing', 'A-2')",
    )
    .await
    .unwrap();
    let no_phantom = app
        .batch_execute(
            "SELECT birthgate.retire_phantom(birthgate.permit_hold('thing', 'A-2', 'retire'))",
        )
        .await
        .unwrap_err();
    assert_eq!(sqlstate(&no_phantom), "PB008");
    db.sql("ALTER TABLE thing DISABLE TRIGGER zz_birthgate_guard_delete; DELETE FROM thing; ALTER TABLE thing ENABLE ALWAYS TRIGGER zz_birthgate_guard_delete").await;
    assert_eq!(db.value::<i64>("SELECT birthgate.count_phantoms()").await, 1);
    app.batch_execute("SELECT birthgate.retire('thing', 'A-2')").await.unwrap();
    assert_eq!(db.value::<i64>("SELECT birthgate.count_phantoms()").await, 0);
}

/// A registry as the estate has it, with a legacy trigger that writes births.
const LEGACY: &str = "
    CREATE TABLE registry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, entity_code text NOT NULL UNIQUE,
      collection_name text, status text NOT NULL DEFAULT 'born', born_at timestamptz NOT NULL DEFAULT now());
    INSERT INTO registry (entity_code, collection_name) VALUES ('T-1', 'other');
    CREATE FUNCTION legacy() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
      INSERT INTO public.registry (entity_code, collection_name) VALUES (NEW.code, 'thing') ON CONFLICT (entity_code) DO NOTHING;
      RETURN NULL; END $$;";

#[tokio::test]
async fn a_birth_that_a_legacy_trigger_wrote_is_bound_and_not_doubled() {
    for form in ["statement", "row"] {
        for name in ["aaa_legacy", "zzz_legacy"] {
            let db = Db::birth().await;
            db.sql(LEGACY).await;
            birthgate::registry::adopt(&mut db.dba().await, "registry", None).await.unwrap();
            db.govern_thing(|govern| govern.form = Some(form.to_owned())).await;
            db.sql(&format!(
                "CREATE TRIGGER {name} AFTER INSERT ON thing FOR EACH ROW EXECUTE FUNCTION legacy()"
            ))
            .await;
            let app = db.connect("app").await;
            app.batch_execute(
                "INSERT INTO thing (code) SELECT 'A-1' FROM birthgate.permit_hold('thing', 'A-1')",
            )
            .await
            .unwrap();
            let seen: Vec<String> = db
                .value("SELECT array_agg(concat_ws(' ', entity_code, status, origin) ORDER BY id) FROM birthgate.birth_registry")
                .await;
            assert_eq!(seen, ["T-1 born legacy", "A-1 finalized permit"], "{form}, {name}");
            let without =
                app.batch_execute("INSERT INTO thing (code) VALUES ('X-1')").await.unwrap_err();
            assert_eq!(sqlstate(&without), "PB001");
            // The code is born in another collection, and the registry's key is the code alone.
            let elsewhere = app
                .batch_execute("SELECT birthgate.permit_hold('thing', 'T-1')")
                .await
                .unwrap_err();
            assert_eq!(sqlstate(&elsewhere), "PB006");
            app.batch_execute("SELECT birthgate.rename('thing', 'A-1', 'A-2')").await.unwrap();
            let renamed: Vec<String> = db
                .value("SELECT array_agg(concat_ws(' ', entity_code, status, renamed_to) ORDER BY id) FROM birthgate.birth_registry WHERE id > 1")
                .await;
            assert_eq!(renamed, ["A-1 retired A-2", "A-2 finalized"], "{form}, {name}");
        }
    }
}

#[tokio::test]
async fn an_unbound_birth_in_an_enforced_collection_is_refused_at_commit() {
    let db = Db::birth().await;
    db.sql(LEGACY).await;
    birthgate::registry::adopt(&mut db.dba().await, "registry", None).await.unwrap();
    db.govern_thing(|_| {}).await;
    let dba = db.dba().await;
    dba.batch_execute(
        "BEGIN; INSERT INTO registry (entity_code, collection_name) VALUES ('X-1', 'thing')",
    )
    .await
    .unwrap();
    assert_eq!(sqlstate(&dba.batch_execute("COMMIT").await.unwrap_err()), "PB023");
    dba.batch_execute(
        "INSERT INTO registry (entity_code, collection_name) VALUES ('X-1', 'other')",
    )
    .await
    .unwrap();
}
