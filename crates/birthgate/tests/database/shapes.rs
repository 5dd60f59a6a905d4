//! Tables as they come: keys of several columns and types, partitions, codes that the database makes,
//! permits bound to a row, row level security, foreign keys, names that need quotes.

use birthgate::collection::{self, Govern, Mode};
use testkit::{Db, sqlstate};
use tokio_postgres::Client;

/// A database with one table governed as the collection c, open to app.
async fn governed(table: &str, code: &[&str], change: impl FnOnce(&mut Govern)) -> (Db, Client) {
    let db = Db::birth().await;
    db.sql(table).await;
    let name: String =
        db.value("SELECT max(oid::regclass::text) FROM pg_class WHERE oid = (SELECT max(oid) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace)").await;
    db.sql(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO app, other_app")).await;
    let mut govern = Govern {
        collection: "c".to_owned(),
        table: name,
        code_columns: code.iter().map(|&column| column.to_owned()).collect(),
        mode: Mode::Enforce,
        form: None,
        finalize: "required".to_owned(),
        critical: false,
        rule: None,
        replaces: Vec::new(),
        open_permits: false,
        bound_columns: Vec::new(),
    };
    change(&mut govern);
    let mut dba = db.dba().await;
    collection::govern(&mut dba, &govern).await.unwrap();
    collection::grant(&dba, "c", "app", None).await.unwrap();
    let app = db.connect("app").await;
    (db, app)
}

async fn refused(app: &Client, sql: &str) -> String {
    let error = app.batch_execute(sql).await.expect_err(sql);
    sqlstate(&error).to_owned()
}

async fn works(app: &Client, sql: &str) {
    app.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

async fn finalized(db: &Db) -> Vec<String> {
    db.value("SELECT coalesce(array_agg(entity_code ORDER BY entity_code), '{}') FROM birthgate.birth_registry
               WHERE status = 'finalized' AND collection_name = 'c'")
        .await
}

/// A value as its code, and another spelling that the column's own operator calls equal.
#[tokio::test]
async fn a_code_is_canonical_whatever_its_type() {
    let cases = [
        ("integer", "'007'", "7", "7"),
        ("bigint", "'-9'", "-9", "-9"),
        ("numeric", "'1.50'", "1.5", "1.500"),
        ("numeric(10,3)", "'2'", "2", "2.000"),
        (
            "uuid",
            "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "{a0eebc999c0b4ef8bb6d6bb9bd380a11}",
        ),
        ("char(5)", "'ab'", "ab", "ab   "),
        ("varchar(9)", "'ab'", "ab", "ab"),
        ("citext", "'StraSSe'", "strasse", "STRASSE"),
        ("public.shout", "'A-1'", "A-1", "A-1"),
    ];
    for (r#type, value, code, again) in cases {
        let table = format!(
            "CREATE EXTENSION citext; CREATE DOMAIN shout AS text CHECK (VALUE = upper(VALUE));
             CREATE TABLE t (id {type} NOT NULL UNIQUE, note text)"
        );
        let (db, app) = governed(&table, &["id"], |_| {}).await;
        assert_eq!(
            refused(&app, &format!("INSERT INTO t (id) VALUES ({value})")).await,
            "PB001",
            "{type}"
        );
        works(
            &app,
            &format!("INSERT INTO t (id) SELECT {value} FROM birthgate.permit_hold('c', '{code}')"),
        )
        .await;
        assert_eq!(finalized(&db).await, [code], "{type}");
        // The other spelling is the same entity: no key change, and its delete is the same retirement.
        works(&app, &format!("UPDATE t SET id = '{again}'")).await;
        assert_eq!(refused(&app, "DELETE FROM t").await, "PB008", "{type}");
        works(&app, &format!("SELECT birthgate.retire('c', '{code}')")).await;
        assert_eq!(db.value::<i64>("SELECT count(*) FROM t").await, 0, "{type}");
    }
}

#[tokio::test]
async fn a_code_of_several_columns_is_a_json_array() {
    for form in ["statement", "row"] {
        let (db, app) = governed(
            "CREATE TABLE public.\"Mixed Case\" (\"Reg ion\" text, \"select\" int, note text, PRIMARY KEY (\"select\", \"Reg ion\"))",
            &["Reg ion", "select"],
            |govern| {
                govern.form = Some(form.to_owned());
            },
        )
        .await;
        let table = "\"Mixed Case\"";
        assert_eq!(
            refused(&app, &format!("INSERT INTO {table} VALUES ('a\"b', 1)")).await,
            "PB001"
        );
        works(&app, &format!(r#"INSERT INTO {table} SELECT 'a"b', 1 FROM birthgate.permit_hold('c', '["a\"b", "1"]')"#)).await;
        works(&app, r#"SELECT birthgate.admit('c', '{"Reg ion": "x", "select": 2, "note": "n"}')"#)
            .await;
        assert_eq!(finalized(&db).await, [r#"["a\"b", "1"]"#, r#"["x", "2"]"#]);
        assert_eq!(
            refused(&app, &format!("UPDATE {table} SET \"select\" = 3 WHERE \"select\" = 2")).await,
            "PB009"
        );
        works(&app, r#"SELECT birthgate.rename('c', '["x", "2"]', '["y", "3"]')"#).await;
        works(&app, r#"SELECT birthgate.retire('c', '["a\"b", "1"]')"#).await;
        assert_eq!(finalized(&db).await, [r#"["y", "3"]"#]);
    }
}

#[tokio::test]
async fn partitions_come_and_go() {
    let (db, app) = governed(
        "CREATE TABLE parts (region text, id int, PRIMARY KEY (region, id)) PARTITION BY LIST (region)",
        &["region", "id"],
        |_| {},
    )
    .await;
    // A partition made, and one attached, after the gate: rows in them are gated.
    db.sql("CREATE TABLE part_a PARTITION OF parts FOR VALUES IN ('a');
            CREATE TABLE part_b (region text NOT NULL, id int NOT NULL); INSERT INTO part_b VALUES ('b', 9);
            ALTER TABLE parts ATTACH PARTITION part_b FOR VALUES IN ('b');
            GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON part_a, part_b TO app")
        .await;
    for leaf in ["part_a", "part_b"] {
        let region = &leaf[5..];
        assert_eq!(
            refused(&app, &format!("INSERT INTO {leaf} VALUES ('{region}', 1)")).await,
            "PB001"
        );
        works(&app, &format!(r#"INSERT INTO {leaf} SELECT '{region}', 1 FROM birthgate.permit_hold('c', '["{region}", "1"]')"#)).await;
    }
    // A row that moves to another partition changes its code.
    assert_eq!(
        refused(&app, "UPDATE parts SET region = 'a', id = 2 WHERE region = 'b' AND id = 1").await,
        "PB008"
    );
    // No trigger of a root fires for the TRUNCATE of a leaf: rearm gives each leaf its own guard, and
    // until then the list says that it is missing.
    works(&app, "BEGIN; TRUNCATE part_a; ROLLBACK").await;
    let trust = collection::list(&db.dba().await).await.unwrap()[0].trust.clone();
    assert!(trust.contains("zz_birthgate_guard_truncate of public.part_a is gone"), "{trust}");
    collection::rearm(&mut db.dba().await, "c", None, None).await.unwrap();
    assert_eq!(refused(&app, "TRUNCATE part_a").await, "PB010");
    works(&app, r#"SELECT birthgate.retire('c', '["a", "1"]')"#).await;
    // Detached, a table is nobody's.
    db.sql("ALTER TABLE parts DETACH PARTITION part_b").await;
    works(&app, "INSERT INTO part_b VALUES ('b', 77)").await;
    collection::ungovern(&mut db.dba().await, "c").await.unwrap();
    works(&app, "TRUNCATE part_a").await;
}

#[tokio::test]
async fn codes_that_the_database_makes_take_open_permits() {
    for form in ["statement", "row"] {
        let (db, app) = governed(
            "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text)",
            &["id"],
            |govern| {
                govern.open_permits = true;
                govern.form = Some(form.to_owned());
                govern.rule = Some("^[1-9]$".to_owned());
            },
        )
        .await;
        assert_eq!(refused(&app, "INSERT INTO t (note) VALUES ('x')").await, "PB001");
        works(&app, "INSERT INTO t (note) SELECT 'one' FROM birthgate.permit_hold('c', NULL)")
            .await;
        works(&app, "SELECT birthgate.admit('c', '{\"note\": \"two\"}', 'my-key')").await;
        assert_eq!(db.value::<String>("SELECT entity_code FROM birthgate.birth_admission_permit WHERE idempotency_key = 'my-key'").await, "3");
        works(&app, "SELECT birthgate.permit_reserve_many(birthgate.permit_request_many('c', ARRAY[NULL, NULL, NULL]))").await;
        works(&app, "INSERT INTO t (note) VALUES ('a'), ('b')").await;
        // One open permit is left, and one code named: two rows need both.
        assert_eq!(refused(&app, "INSERT INTO t (note) VALUES ('c'), ('d')").await, "PB001");
        works(&app, "INSERT INTO t (note) VALUES ('c')").await;
        assert_eq!(finalized(&db).await, ["2", "3", "4", "5", "8"]);
        // The rule is judged when the code is there; nobody else's permit is taken.
        works(&app, "SELECT birthgate.permit_hold('c', NULL)").await;
        works(&app, "INSERT INTO t (note) VALUES ('nine')").await;
        works(&app, "SELECT birthgate.permit_hold('c', NULL)").await;
        assert_eq!(refused(&app, "INSERT INTO t (note) VALUES ('ten')").await, "PB004");
        let other = db.connect("other_app").await;
        assert_eq!(
            refused(&other, "INSERT INTO t (id, note) OVERRIDING SYSTEM VALUE VALUES (1, 'x')")
                .await,
            "PB001"
        );
        // An open permit is bound once.
        db.sql("SET ROLE birthgate_owner; ALTER TABLE birthgate.birth_admission_permit DISABLE TRIGGER permit_guard_update").await;
        let dba = db.dba().await;
        dba.batch_execute("SET ROLE birthgate_owner").await.unwrap();
        assert_eq!(refused(&dba, "UPDATE birthgate.birth_admission_permit SET entity_code = '77' WHERE entity_code = '2'").await, "PB011");
        assert_eq!(refused(&dba, "UPDATE birthgate.birth_admission_permit SET entity_code = '77' WHERE entity_code IS NULL").await, "PB011");
        // Without the guard it would be bound again.
        works(&dba, "DROP TRIGGER permit_guard_code ON birthgate.birth_admission_permit; UPDATE birthgate.birth_admission_permit SET entity_code = '77' WHERE entity_code = '2'").await;
    }
    let (_db, app) = governed(
        "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text)",
        &["id"],
        |_| {},
    )
    .await;
    assert_eq!(refused(&app, "SELECT birthgate.permit_hold('c', NULL)").await, "PB004");
}

#[tokio::test]
async fn a_generated_column_can_be_the_code() {
    let (db, app) = governed(
        "CREATE TABLE t (a text, b text, code text GENERATED ALWAYS AS (a || '-' || b) STORED NOT NULL UNIQUE)",
        &["code"],
        |_| {},
    )
    .await;
    assert_eq!(refused(&app, "INSERT INTO t (a, b) VALUES ('x', 'y')").await, "PB001");
    works(&app, "INSERT INTO t (a, b) SELECT 'x', 'y' FROM birthgate.permit_hold('c', 'x-y')")
        .await;
    assert_eq!(refused(&app, "UPDATE t SET a = 'z'").await, "PB009");
    assert_eq!(finalized(&db).await, ["x-y"]);
}

#[tokio::test]
async fn a_permit_bound_to_a_row_admits_no_other() {
    for form in ["statement", "row"] {
        let (db, app) = governed(
            "CREATE TABLE t (code text PRIMARY KEY, price numeric(10,2), tags jsonb, note text)",
            &["code"],
            |govern| {
                govern.bound_columns = vec!["price".to_owned(), "tags".to_owned()];
                govern.form = Some(form.to_owned());
            },
        )
        .await;
        works(&app, r#"SELECT birthgate.permit_reserve(birthgate.permit_request_row('c', '{"code": "A", "price": "10", "tags": {"b": 1, "a": 2}}'))"#).await;
        assert_eq!(
            refused(&app, r#"INSERT INTO t VALUES ('A', 10.01, '{"a": 2, "b": 1}')"#).await,
            "PB021"
        );
        assert_eq!(refused(&app, r#"INSERT INTO t VALUES ('A', 10, '{}')"#).await, "PB021");
        assert_eq!(
            refused(
                &app,
                "SET TimeZone = 'Asia/Ho_Chi_Minh'; INSERT INTO t VALUES ('A', NULL, NULL)"
            )
            .await,
            "PB021"
        );
        works(&app, r#"INSERT INTO t VALUES ('A', 10.00, '{"a": 2, "b": 1}', 'free')"#).await;
        assert_eq!(finalized(&db).await, ["A"]);
        assert_eq!(
            refused(
                &app,
                r#"SELECT birthgate.permit_request_row('c', '{"code": "B", "price": 1}')"#
            )
            .await,
            "PB025"
        );
        // Without the comparison another row would be born under it.
        works(&app, r#"SELECT birthgate.permit_reserve(birthgate.permit_request_row('c', '{"code": "D", "price": "1", "tags": null}'))"#).await;
        db.sql("CREATE OR REPLACE FUNCTION birthgate.check_bound(p_collection birthgate.collection, p_permit_ids bigint[], p_entity_codes text[], p_row_hashes bytea[]) RETURNS boolean LANGUAGE sql RETURN true").await;
        works(&app, "INSERT INTO t VALUES ('D', 2)").await;
    }
}

#[tokio::test]
async fn rows_behind_a_policy_are_seen_by_the_reader() {
    let (db, app) = governed(
        "ALTER ROLE birthgate_reader BYPASSRLS;
         CREATE TABLE t (code text PRIMARY KEY, who text DEFAULT session_user); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
         ALTER TABLE t FORCE ROW LEVEL SECURITY;
         CREATE POLICY own ON t USING (who = session_user) WITH CHECK (true)",
        &["code"],
        |_| {},
    )
    .await;
    // The row is not visible to whom inserted it; the commit's check sees it all the same.
    works(&app, "INSERT INTO t SELECT 'A', 'other_app' FROM birthgate.permit_hold('c', 'A')").await;
    assert_eq!(finalized(&db).await, ["A"]);
    assert_eq!(refused(&app, "INSERT INTO t VALUES ('B', 'other_app')").await, "PB001");
    // Its own retirement deletes nothing that it cannot see, and says so.
    assert_eq!(refused(&app, "SELECT birthgate.retire('c', 'A')").await, "PB008");
    db.sql("ALTER ROLE birthgate_reader NOBYPASSRLS").await;
}

#[tokio::test]
async fn foreign_keys_with_every_action() {
    for (action, expected) in [
        ("ON DELETE CASCADE ON UPDATE CASCADE", "PB008"),
        ("ON DELETE SET NULL", ""),
        ("ON DELETE SET DEFAULT", ""),
        ("ON DELETE RESTRICT", "23503"),
        ("ON DELETE NO ACTION", "23503"),
        ("DEFERRABLE INITIALLY DEFERRED", "23503"),
    ] {
        let (db, app) =
            governed("CREATE TABLE child (code text PRIMARY KEY, parent text)", &["code"], |_| {})
                .await;
        db.govern_thing(|_| {}).await;
        db.sql(&format!(
            "ALTER TABLE child ADD FOREIGN KEY (parent) REFERENCES thing (code) {action}"
        ))
        .await;
        works(&app, "INSERT INTO thing (code) SELECT 'P' FROM birthgate.permit_hold('thing', 'P')")
            .await;
        works(&app, "INSERT INTO child SELECT 'K', 'P' FROM birthgate.permit_hold('c', 'K')").await;
        let retire = "SELECT birthgate.retire('thing', 'P')";
        if expected.is_empty() {
            works(&app, retire).await;
            assert_eq!(finalized(&db).await, ["K"], "{action}");
        } else {
            // PostgreSQL 18 has a code of its own for RESTRICT.
            let code = refused(&app, retire).await.replace("23001", "23503");
            assert_eq!(code, expected, "{action}");
            assert_eq!(finalized(&db).await, ["K"], "{action}");
            works(&app, "SELECT birthgate.retire('thing', 'P', p_cascade => true)").await;
            assert_eq!(finalized(&db).await, [] as [&str; 0], "{action}");
        }
        assert_eq!(
            db.value::<i64>("SELECT count(*) FROM thing WHERE code = 'P'").await,
            0,
            "{action}"
        );
    }
}

#[tokio::test]
async fn a_rename_keeps_the_history() {
    for form in ["statement", "row"] {
        let db = Db::governed(form).await;
        let app = db.connect("app").await;
        works(&app, "INSERT INTO thing (code) SELECT 'A' FROM birthgate.permit_hold('thing', 'A')")
            .await;
        assert_eq!(refused(&app, "UPDATE thing SET code = 'B' WHERE code = 'A'").await, "PB009");
        works(&app, "SELECT birthgate.rename('thing', 'A', 'B', 'k'); SELECT birthgate.rename('thing', 'A', 'B', 'k')").await;
        let history: Vec<String> = db.value("SELECT array_agg(format('%s %s %s', entity_code, status, renamed_to) ORDER BY id) FROM birthgate.birth_registry").await;
        assert_eq!(history, ["A retired B", "B finalized "]);
        assert!(db.value::<bool>("SELECT a.retire_permit_id = b.permit_id FROM birthgate.birth_registry a, birthgate.birth_registry b WHERE a.entity_code = 'A' AND b.entity_code = 'B'").await);
        assert_eq!(
            db.value::<String>(
                "SELECT action || ' ' || entity_code FROM birthgate.registry_changelog"
            )
            .await,
            "rename A"
        );
        assert_eq!(
            refused(&app, "SELECT birthgate.permit_request('thing', 'C', 'rename')").await,
            "PB025"
        );
        assert_eq!(
            refused(
                &app,
                "SELECT birthgate.permit_request('thing', 'C', 'birth', p_from_entity_code => 'B')"
            )
            .await,
            "PB025"
        );
        assert_eq!(
            refused(&app, "SELECT birthgate.permit_request('thing', 'C', 'resurrect')").await,
            "PB025"
        );
        // Not back, not onto another, not of a row that was not born, not without its own permit.
        assert_eq!(refused(&app, "SELECT birthgate.rename('thing', 'B', 'A')").await, "PB005");
        assert_eq!(refused(&app, "SELECT birthgate.rename('thing', 'O-1', 'O-2')").await, "PB024");
        works(&app, "SELECT birthgate.permit_reserve(birthgate.permit_request('thing', 'C', 'rename', p_from_entity_code => 'B'))").await;
        assert_eq!(refused(&app, "UPDATE thing SET code = 'C' WHERE code = 'O-1'").await, "PB009");
        assert_eq!(refused(&app, "INSERT INTO thing (code) VALUES ('C')").await, "PB001");
        // The classic way around a deferred check: renamed, fired early, and back again.
        assert_eq!(refused(&app, "BEGIN; UPDATE thing SET code = 'C' WHERE code = 'B'; SET CONSTRAINTS ALL IMMEDIATE; UPDATE thing SET code = 'B' WHERE code = 'C'").await, "PB009");
        works(&app, "ROLLBACK; UPDATE thing SET code = 'C' WHERE code = 'B'").await;
    }
}

#[tokio::test]
async fn a_row_without_a_birth_is_discarded_under_a_permit() {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    assert_eq!(refused(&app, "DELETE FROM thing WHERE code = 'O-1'").await, "PB008");
    works(&app, "SELECT birthgate.discard('thing', 'O-1')").await;
    assert_eq!(db.value::<i64>("SELECT count(*) FROM thing").await, 0);
    assert_eq!(refused(&app, "SELECT birthgate.discard('thing', 'O-1')").await, "PB024");
}

#[tokio::test]
async fn permits_that_ended_are_archived_and_their_keys_honoured() {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    works(&app, "SELECT birthgate.admit('thing', '{\"code\": \"A\"}', 'k'); SELECT birthgate.permit_hold('thing', 'B')").await;
    let id = db
        .value::<i64>("SELECT id FROM birthgate.birth_admission_permit WHERE idempotency_key = 'k'")
        .await;
    assert_eq!(db.value::<i64>("SELECT birthgate.permit_archive(clock_timestamp())").await, 1);
    assert_eq!(db.value::<i64>("SELECT id FROM birthgate.permit_archive").await, id);
    assert_eq!(
        db.value::<String>(
            "SELECT string_agg(entity_code, ' ') FROM birthgate.birth_admission_permit"
        )
        .await,
        "B"
    );
    let row = app
        .query_one("SELECT birthgate.admit('thing', '{\"code\": \"A\"}', 'k')", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), id);
    assert_eq!(
        refused(&app, "SELECT birthgate.admit('thing', '{\"code\": \"C\"}', 'k')").await,
        "PB013"
    );
    let dba = db.dba().await;
    dba.batch_execute("SET ROLE birthgate_owner").await.unwrap();
    assert_eq!(refused(&dba, "DELETE FROM birthgate.birth_admission_permit").await, "PB011");
}
