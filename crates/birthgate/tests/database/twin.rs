//! The sandbox is the database's twin: what a plan asks there is answered as it would be in the original. Each probe is
//! a plan of one statement that raises where it does not hold.

use std::time::Duration;

use birthgate::Database;
use birthgate::plan;
use birthgate::rehearsal::{self, Live, Options, Rehearsal, RowBudget, Rows, Verdict};
use testkit::Db;

fn options(rows: Rows) -> Options {
    Options { rows, live: Live::Never, ..crate::rehearsal::options() }
}

async fn rehearse(database: &Database, does: &str, options: &Options) -> Rehearsal {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("1.sql");
    std::fs::write(&file, does).unwrap();
    let plan = plan::read(&[file]).unwrap();
    rehearsal::rehearse(database, &plan, options).await.unwrap()
}

/// What the sandbox says against a condition.
async fn denied(database: &Database, condition: &str, options: &Options) -> Option<String> {
    let does = format!(
        "DO $probe$ BEGIN IF ({condition}) IS NOT TRUE THEN RAISE 'the probe does not hold'; END IF; END $probe$"
    );
    let said = rehearse(database, &does, options).await;
    let against = said.reasons.iter().find(|reason| {
        !reason.message.contains("seen in the sandbox only") && reason.verdict != Verdict::Pass
    });
    against.map(|reason| format!("{condition}: {}", reason.message))
}

/// Fails for each condition that the sandbox denies.
async fn probe(database: &Database, rows: Rows, conditions: &[&str]) {
    let options = options(rows);
    let mut wrong = Vec::new();
    for condition in conditions {
        wrong.extend(denied(database, condition, &options).await);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn auto(megabytes: u64) -> Rows {
    Rows::Auto(RowBudget { bytes: megabytes * 1_000_000, time: Duration::from_secs(20) })
}

#[tokio::test]
async fn owner_settings_and_paths_are_the_original_s() {
    let db = Db::empty().await;
    let name: String = db.value("SELECT current_database()::text").await;
    db.sql(&format!(
        "DROP ROLE IF EXISTS twin_owner; CREATE ROLE twin_owner LOGIN CONNECTION LIMIT 7 VALID UNTIL '2100-01-01 00:00:00+00';
         COMMENT ON ROLE twin_owner IS 'owns';
         ALTER DATABASE \"{name}\" OWNER TO twin_owner;
         ALTER DATABASE \"{name}\" CONNECTION LIMIT 99;
         COMMENT ON DATABASE \"{name}\" IS 'a twin';
         REVOKE TEMPORARY ON DATABASE \"{name}\" FROM PUBLIC;
         CREATE SCHEMA app AUTHORIZATION twin_owner; CREATE SCHEMA \"O'dd, one\";
         CREATE TABLE app.t (a int); ALTER TABLE app.t OWNER TO twin_owner;
         ALTER DATABASE \"{name}\" SET search_path = app, \"O'dd, one\", public;
         ALTER DATABASE \"{name}\" SET app.custom = 'x, y';
         ALTER ROLE twin_owner SET lock_timeout = '7s';
         ALTER ROLE twin_owner IN DATABASE \"{name}\" SET work_mem = '7MB';
         ALTER ROLE twin_owner IN DATABASE \"{name}\" SET \"DateStyle\" = 'SQL, DMY'"
    ))
    .await;
    let owner = db.database("twin_owner");
    probe(
        &owner,
        Rows::None,
        &[
            "(SELECT pg_get_userbyid(datdba) = 'twin_owner' AND datconnlimit = 99 FROM pg_database WHERE datname = current_database())",
            "pg_has_role('pg_database_owner', 'usage')",
            "shobj_description((SELECT oid FROM pg_database WHERE datname = current_database()), 'pg_database') = 'a twin'",
            "NOT EXISTS (SELECT FROM pg_database d, aclexplode(d.datacl) x WHERE datname = current_database() AND x.grantee = 0 AND x.privilege_type = 'TEMPORARY')",
            "current_setting('search_path') = 'app, \"O''dd, one\", public'",
            "'t'::regclass = 'app.t'::regclass",
            "current_setting('app.custom') = 'x, y'",
            "current_setting('work_mem') = '7MB'",
            "current_setting('DateStyle') = 'SQL, DMY'",
            "(SELECT rolconnlimit = 7 AND rolvaliduntil = '2100-01-01 00:00:00+00' FROM pg_roles WHERE rolname = 'twin_owner')",
            "shobj_description((SELECT oid FROM pg_roles WHERE rolname = 'twin_owner'), 'pg_authid') = 'owns'",
        ],
    )
    .await;
    // A bare name, as a migration of theirs has it; nobody else owns what it makes.
    let said =
        rehearse(&owner, "ALTER TABLE t ADD b int; CREATE TABLE u (a int)", &options(Rows::None))
            .await;
    assert!(said.reasons.iter().all(|one| one.verdict != Verdict::Fail), "{:#?}", said.reasons);
    // What the connection asks for stands above all of it.
    let mut config = db.config("twin_owner");
    config.options("-c search_path=public -c app.of_the_session=1");
    let asked = Database::new(config).unwrap();
    probe(
        &asked,
        Rows::None,
        &[
            "current_setting('search_path') = 'public'",
            "current_setting('app.of_the_session') = '1'",
        ],
    )
    .await;
    db.sql("DROP OWNED BY twin_owner CASCADE").await;
}

#[tokio::test]
async fn a_plain_owner_creates_in_public() {
    let db = Db::empty().await;
    let name: String = db.value("SELECT current_database()::text").await;
    db.sql(&format!(
        "DROP ROLE IF EXISTS twin_plain; CREATE ROLE twin_plain LOGIN; ALTER DATABASE \"{name}\" OWNER TO twin_plain"
    ))
    .await;
    let options = Options { live: Live::AfterSandbox, ..options(Rows::None) };
    let said = rehearse(&db.database("twin_plain"), "CREATE TABLE t (a int)", &options).await;
    assert_eq!(said.verdict, Verdict::Pass, "{:#?}", said.reasons);
}

#[tokio::test]
async fn materialized_views_are_filled_in_their_order() {
    let db = Db::empty().await;
    db.sql(
        "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 10);
         CREATE MATERIALIZED VIEW z_first AS SELECT count(*) AS n FROM t;
         CREATE VIEW between AS SELECT n FROM z_first;
         CREATE MATERIALIZED VIEW a_last AS SELECT n + 1 AS n FROM between;
         CREATE MATERIALIZED VIEW never AS SELECT 1 WITH NO DATA",
    )
    .await;
    let database = db.database("postgres");
    let populated = "(SELECT bool_and(relispopulated = (relname <> 'never')) FROM pg_class WHERE relkind = 'm')";
    probe(&database, Rows::None, &[populated, "(SELECT n = 1 FROM a_last)"]).await;
    probe(&database, Rows::All, &[populated, "(SELECT n = 11 FROM a_last)"]).await;
    probe(&database, auto(100), &["(SELECT n = 11 FROM a_last)"]).await;
}

#[tokio::test]
async fn what_this_role_may_not_read_is_left_out_and_named() {
    let db = Db::empty().await;
    db.sql(
        "DROP ROLE IF EXISTS twin_reader; CREATE ROLE twin_reader LOGIN; CREATE SCHEMA mine AUTHORIZATION twin_reader;
         CREATE TABLE mine.t (a int); ALTER TABLE mine.t OWNER TO twin_reader;
         CREATE TABLE secret (id int PRIMARY KEY); CREATE VIEW shows AS SELECT * FROM secret;
         CREATE SCHEMA closed; CREATE TABLE closed.too (a int); GRANT SELECT ON closed.too TO twin_reader;
         CREATE FUNCTION takes(secret) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    )
    .await;
    let reader = db.database("twin_reader");
    let options = Options { live: Live::AfterSandbox, ..options(Rows::None) };
    let said = rehearse(&reader, "ALTER TABLE mine.t ADD b int", &options).await;
    assert_eq!(said.verdict, Verdict::Pass, "{:#?}", said.reasons);
    for does in ["DROP TABLE IF EXISTS secret", "ALTER TABLE mine.t ADD b int REFERENCES secret"] {
        let said = rehearse(&reader, does, &options).await;
        assert_eq!(said.verdict, Verdict::Incomplete, "{does}: {:#?}", said.reasons);
        assert!(
            said.reasons.iter().any(|one| one.message.contains("GRANT ")),
            "{does}: {:#?}",
            said.reasons
        );
    }
    db.sql("DROP OWNED BY twin_reader CASCADE").await;
}

#[tokio::test]
async fn sequences_stand_where_they_stand_there() {
    let db = Db::empty().await;
    db.sql(
        "CREATE SEQUENCE used; SELECT nextval('used'), nextval('used'); CREATE SEQUENCE fresh;
         CREATE SEQUENCE moved; SELECT setval('moved', 7, false)",
    )
    .await;
    probe(
        &db.database("postgres"),
        Rows::None,
        &[
            "(SELECT last_value = 2 AND is_called FROM used)",
            "(SELECT last_value = 1 AND NOT is_called FROM fresh)",
            "(SELECT last_value = 7 AND NOT is_called FROM moved)",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_time_limit_ends_what_never_ends() {
    let db = Db::empty().await;
    let options = Options { sandbox_time: Duration::from_secs(4), ..options(Rows::None) };
    let said =
        rehearse(&db.database("postgres"), "DO $$ BEGIN LOOP END LOOP; END $$", &options).await;
    assert_eq!(said.verdict, Verdict::Incomplete);
    assert!(
        said.reasons[0].message.contains("the sandbox's time limit of 4 s"),
        "{:#?}",
        said.reasons
    );
}

#[tokio::test]
async fn rows_come_with_what_they_refer_to() {
    let db = Db::empty().await;
    db.sql(
        "CREATE TABLE country (id int PRIMARY KEY); INSERT INTO country SELECT generate_series(1, 5);
         CREATE TABLE city (id int PRIMARY KEY, country int REFERENCES country, twin_of int REFERENCES city);
         INSERT INTO city SELECT n, n % 5 + 1, NULLIF(n - 1, 0) FROM generate_series(1, 3000) AS n;
         CREATE TABLE street (id int PRIMARY KEY, city int REFERENCES city, ok boolean);
         INSERT INTO street SELECT n, n % 3000 + 1 FROM generate_series(1, 4000) AS n;
         ALTER TABLE street ADD CONSTRAINT old CHECK (ok IS NOT NULL) NOT VALID;
         COMMENT ON CONSTRAINT old ON street IS 'not held by old rows';
         CREATE TABLE unrelated (a int); INSERT INTO unrelated VALUES (1);
         CREATE TABLE odd (id bigint GENERATED ALWAYS AS IDENTITY, double int GENERATED ALWAYS AS (2 * base) STORED, base int, kind regclass, acl aclitem);
         INSERT INTO odd (base, kind) VALUES (21, 'city')",
    )
    .await;
    let database = db.database("postgres");
    probe(
        &database,
        auto(100),
        &[
            "(SELECT count(*) = 4000 FROM street)",
            "(SELECT double = 42 AND kind = 'city'::regclass FROM odd)",
            "(SELECT count(*) = 4000 FROM street) AND obj_description((SELECT oid FROM pg_constraint WHERE conname = 'old' AND NOT convalidated), 'pg_constraint') = 'not held by old rows'",
            "(SELECT count(*) = 3000 FROM city)",
        ],
    )
    .await;
    // A part, in which every key that is there is one of a row that is there.
    let some = Rows::Auto(RowBudget { bytes: 60_000, time: Duration::from_secs(20) });
    for rows in [some, Rows::Some(7)] {
        probe(
            &database,
            rows,
            &["(SELECT count(*) BETWEEN 1 AND 3999 FROM street)
               AND NOT EXISTS (SELECT FROM street WHERE city NOT IN (SELECT id FROM city))
               AND NOT EXISTS (SELECT FROM city WHERE country NOT IN (SELECT id FROM country))
               AND NOT EXISTS (SELECT FROM city WHERE twin_of NOT IN (SELECT id FROM city))"],
        )
        .await;
    }
}

#[tokio::test]
async fn rows_that_a_policy_would_hide_are_not_taken_for_all() {
    let db = Db::empty().await;
    db.sql(
        "DROP ROLE IF EXISTS twin_policed; CREATE ROLE twin_policed LOGIN; GRANT CREATE, USAGE ON SCHEMA public TO twin_policed;
         CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (1, 'y'); ALTER TABLE t OWNER TO twin_policed;
         ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY;
         CREATE POLICY one ON t USING (b = 'x')",
    )
    .await;
    let said =
        rehearse(&db.database("twin_policed"), "CREATE UNIQUE INDEX ON t (a)", &options(auto(100)))
            .await;
    assert_eq!(said.verdict, Verdict::Incomplete, "{:#?}", said.reasons);
    assert!(
        said.reasons.iter().any(|one| one.message.contains("row-level security")),
        "{:#?}",
        said.reasons
    );
    db.sql("DROP OWNED BY twin_policed CASCADE").await;
}

#[tokio::test]
async fn partitions_come_with_their_table() {
    let db = Db::empty().await;
    db.sql(
        "CREATE TABLE p (id int PRIMARY KEY, a int) PARTITION BY RANGE (id);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
         INSERT INTO p SELECT n, n FROM generate_series(0, 19) AS n;
         CREATE TABLE refers (p int REFERENCES p); INSERT INTO refers VALUES (5), (15);
         CREATE TABLE base (a int); CREATE TABLE derived () INHERITS (base); INSERT INTO derived VALUES (1)",
    )
    .await;
    probe(
        &db.database("postgres"),
        auto(100),
        &[
            "(SELECT count(*) = 20 FROM p)",
            "(SELECT count(*) = 2 FROM refers) AND (SELECT count(*) = 20 FROM p)",
            "(SELECT count(*) = 1 FROM base)",
        ],
    )
    .await;
}

#[tokio::test]
async fn event_triggers_do_not_see_the_copy_being_made() {
    let db = Db::empty().await;
    db.sql(
        "CREATE FUNCTION forbids() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no DDL here'; END $$;
         CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE MATERIALIZED VIEW m AS SELECT a FROM t;
         CREATE EVENT TRIGGER forbids ON ddl_command_start EXECUTE FUNCTION forbids();
         ALTER EVENT TRIGGER forbids ENABLE ALWAYS",
    )
    .await;
    probe(
        &db.database("postgres"),
        auto(100),
        &["(SELECT count(*) = 1 FROM m) AND (SELECT evtenabled = 'A' FROM pg_event_trigger WHERE evtname = 'forbids')"],
    )
    .await;
    db.sql("DROP EVENT TRIGGER forbids").await;
}

#[tokio::test]
async fn extensions_have_the_version_and_the_owner_that_they_have_there() {
    let db = Db::empty().await;
    let name: String = db.value("SELECT current_database()::text").await;
    db.sql(&format!(
        "DROP ROLE IF EXISTS twin_extender; CREATE ROLE twin_extender LOGIN; GRANT CREATE ON DATABASE \"{name}\" TO twin_extender;
         CREATE SCHEMA extra AUTHORIZATION twin_extender; SET ROLE twin_extender; CREATE EXTENSION hstore SCHEMA extra VERSION '1.4'"
    ))
    .await;
    probe(
        &db.database("postgres"),
        Rows::None,
        &["(SELECT extversion = '1.4' AND extowner = 'twin_extender'::regrole AND extnamespace = 'extra'::regnamespace FROM pg_extension WHERE extname = 'hstore')"],
    )
    .await;
    db.sql("DROP OWNED BY twin_extender CASCADE").await;
}

#[tokio::test]
async fn an_extension_that_is_missing_keeps_nothing_else_from_being_copied() {
    let db = Db::empty().await;
    db.sql(
        "CREATE TYPE geometry AS ENUM ('point'); CREATE TABLE place (at geometry); CREATE INDEX place_at ON place (at);
         CREATE VIEW seen AS SELECT * FROM place; CREATE TABLE other (a int);
         INSERT INTO pg_extension SELECT 99999, 'postgis', 10, 'public'::regnamespace, true, '3.3.2', NULL, NULL;
         ALTER EXTENSION postgis ADD TYPE geometry",
    )
    .await;
    let options = Options { live: Live::AfterSandbox, ..options(Rows::None) };
    let said = rehearse(&db.database("postgres"), "ALTER TABLE other ADD b int", &options).await;
    assert_eq!(said.verdict, Verdict::Pass, "{:#?}", said.reasons);
    for does in ["ALTER TABLE place ADD b int", "CREATE TABLE u (a geometry)"] {
        let said = rehearse(&db.database("postgres"), does, &options).await;
        assert_eq!(said.verdict, Verdict::Incomplete, "{does}: {:#?}", said.reasons);
    }
    let said = rehearse(&db.database("postgres"), "ALTER EXTENSION postgis UPDATE", &options).await;
    let package = said.reasons.iter().find(|one| one.message.contains("-postgis-3"));
    assert!(package.is_some(), "{:#?}", said.reasons);
}

/// A database in which a whole copy takes its time.
async fn large() -> Db {
    let db = Db::empty().await;
    db.sql(
        "DO $$ BEGIN FOR i IN 1..400 LOOP
           EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, parent int)', i);
           EXECUTE format('ALTER TABLE t%s ADD FOREIGN KEY (parent) REFERENCES t%s', i, greatest(i / 2, 1));
         END LOOP; END $$;
         CREATE FUNCTION touches() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO T7 VALUES (1); RETURN NEW; END $$;
         CREATE TABLE triggered (a int); CREATE TRIGGER touches BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION touches();
         CREATE VIEW of_two AS SELECT t11.id FROM t11 JOIN t12 USING (id); CREATE TABLE \"two words\" (a int);
         INSERT INTO t1 VALUES (1, 1)",
    )
    .await;
    db
}

#[tokio::test]
async fn of_a_large_database_the_sandbox_has_what_the_plan_reaches() {
    let db = large().await;
    let database = db.database("postgres");
    let options = Options { live: Live::AfterSandbox, ..options(auto(10)) };
    for does in [
        "ALTER TABLE t50 ADD COLUMN note text",
        "INSERT INTO triggered VALUES (1)",
        "DROP VIEW of_two; ALTER TABLE \"t12\" DROP COLUMN parent",
        "INSERT INTO \"two words\" VALUES (1)",
        "DO $$ BEGIN EXECUTE 'ALTER TABLE t' || 99 || ' ADD COLUMN note text'; END $$",
        "CREATE TABLE u (a int REFERENCES t33); DROP TABLE t40 CASCADE",
    ] {
        let said = rehearse(&database, does, &options).await;
        assert!(
            said.reasons.iter().all(|one| one.verdict != Verdict::Fail),
            "{does}: {:#?}",
            said.reasons
        );
    }
    // What is not there was not needed; what could be asked for without its name is.
    let denied = denied(
        &database,
        "(SELECT count(*) = 402 FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace)",
        &options,
    )
    .await;
    assert_eq!(denied, None);
}

#[tokio::test]
async fn what_lies_on_another_server_is_no_word_against_a_plan() {
    let db = Db::empty().await;
    db.sql(
        "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
         CREATE FOREIGN TABLE filed (a text) SERVER files OPTIONS (filename '/nowhere/at/all');
         CREATE VIEW seen AS SELECT * FROM filed",
    )
    .await;
    let database = db.database("postgres");
    for does in [
        "CREATE TABLE copied AS SELECT * FROM filed",
        "CREATE MATERIALIZED VIEW kept AS SELECT * FROM seen",
        "ALTER FOREIGN DATA WRAPPER file_fdw HANDLER file_fdw_handler; SELECT * FROM filed",
    ] {
        let said = rehearse(&database, does, &options(auto(100))).await;
        assert_eq!(said.verdict, Verdict::Incomplete, "{does}: {said:#?}");
        let told = |says: &str| said.reasons.iter().any(|reason| reason.message.contains(says));
        assert!(told("reaches no other server"), "{does}: {said:#?}");
    }
}
