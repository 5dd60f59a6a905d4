//! What moves outside of a transaction: the table knows every function, and what a statement reaches is found.

use std::collections::BTreeSet;

use birthgate::effects::{self, Effect, Place, Reach, Sequence, named_in, reachable};
use testkit::{Db, sqlstate};

/// Extensions of languages that need what is not installed here.
const NEED_OTHERS: [&str; 4] = ["plperl", "plpython", "pltcl", "hstore_plpython"];

async fn major(db: &Db) -> i32 {
    db.value("SELECT current_setting('server_version_num')::int / 10000").await
}

/// Everything that is installed and can be made.
async fn with_every_extension() -> Db {
    let db = Db::empty().await;
    let available: Vec<String> =
        db.value("SELECT array_agg(name::text ORDER BY name) FROM pg_available_extensions").await;
    let dba = db.dba().await;
    let mut made = 0;
    for name in available {
        let sql = format!("CREATE EXTENSION IF NOT EXISTS \"{name}\" CASCADE");
        match dba.batch_execute(&sql).await {
            Ok(()) => made += 1,
            Err(error) => {
                assert!(NEED_OTHERS.iter().any(|other| name.contains(other)), "{name}: {error:?}");
            }
        }
    }
    // Contrib is there at all.
    assert!(made > 35, "{made} extensions");
    db
}

#[tokio::test]
async fn every_function_of_the_server_and_of_contrib_is_known() {
    let db = with_every_extension().await;
    let reach = Reach::read(&db.dba().await).await.unwrap();
    let unknown: Vec<&str> = reach.unknown().collect();
    assert!(
        unknown.is_empty(),
        "in no list: add them to effects/functions.rs, with their effect or as harmless: {unknown:#?}"
    );
}

#[tokio::test]
async fn a_function_that_no_list_has_is_unknown() {
    let db = with_every_extension().await;
    db.sql(
        "CREATE FUNCTION alias() RETURNS boolean LANGUAGE internal AS 'pg_reload_conf';
         CREATE FUNCTION harmless(text) RETURNS text LANGUAGE internal AS 'upper';
         CREATE FUNCTION reaches(text) RETURNS text LANGUAGE c IMMUTABLE AS '$libdir/dblink', 'dblink_exec';
         CREATE FUNCTION unpackaged(text, text) RETURNS real LANGUAGE c IMMUTABLE AS '$libdir/pg_trgm', 'similarity'",
    )
    .await;
    let reach = Reach::read(&db.dba().await).await.unwrap();
    assert_eq!(reach.unknown().collect::<Vec<_>>(), ["function unpackaged(text,text)"]);
    for (sql, effect) in [
        ("SELECT alias()", Some(Effect::ServerControl)),
        ("SELECT harmless('x')", None),
        ("SELECT reaches('x')", Some(Effect::OtherServer)),
        ("SELECT unpackaged('x', 'y')", Some(Effect::Unknown)),
        ("SELECT similarity('x', 'y'), gen_random_bytes(3)", None),
        ("CREATE VIEW v AS SELECT alias()", None),
    ] {
        let reached: Vec<Effect> = reach.of(sql).iter().map(|reached| reached.effect).collect();
        assert_eq!(reached, Vec::from_iter(effect), "{sql}");
    }
}

/// Ways from a statement to an effect.
const FIXTURE: &str = "
CREATE SEQUENCE loose;
CREATE FUNCTION inner_one() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SELECT pg_stat_' || 'reset()'; END $$;
CREATE FUNCTION outer_one() RETURNS void LANGUAGE sql AS 'SELECT public.inner_one()';
CREATE FUNCTION plain() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION atomic() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT setval('loose', 7); END;
CREATE FUNCTION locks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(1); RETURN NEW; END $$;
CREATE FUNCTION writes_logged() RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO logged VALUES (1); END $$;
CREATE FUNCTION writes_any(t text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('INSERT INTO %I VALUES (1)', t); PERFORM 1 FROM logged; END $$;
CREATE FUNCTION copies() RETURNS void LANGUAGE plpgsql AS $$ BEGIN COPY logged TO '/nowhere/at/all'; END $$;
CREATE FUNCTION step(int, int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_switch_wal(); RETURN 1; END $$;
CREATE AGGREGATE switches(int) (SFUNC = step, STYPE = int);
CREATE OPERATOR !@# (LEFTARG = int, RIGHTARG = int, FUNCTION = step);
CREATE TABLE logged (a int);
CREATE TRIGGER locks BEFORE INSERT ON logged FOR EACH ROW EXECUTE FUNCTION locks();
CREATE TABLE serial (id serial PRIMARY KEY, a int);
CREATE TABLE identity (id int GENERATED ALWAYS AS IDENTITY, a int);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent ON DELETE CASCADE);
CREATE TRIGGER locks AFTER DELETE ON child FOR EACH ROW EXECUTE FUNCTION locks();
CREATE TABLE whole (a int) PARTITION BY LIST (a);
CREATE TABLE part PARTITION OF whole DEFAULT;
CREATE TRIGGER locks BEFORE UPDATE ON part FOR EACH ROW EXECUTE FUNCTION locks();
CREATE VIEW moving AS SELECT nextval('loose') AS n;
CREATE VIEW updatable AS SELECT * FROM logged;
CREATE TABLE ruled (a int);
CREATE RULE ruled AS ON INSERT TO ruled DO ALSO INSERT INTO logged VALUES (1);
CREATE DOMAIN checked AS int CHECK (step(VALUE, 1) = 1);
CREATE TABLE checks (a checked);
CREATE TABLE checks_too (a int CHECK (step(a, 1) = 1));
CREATE SCHEMA other;
CREATE FUNCTION other.plain() RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('loose') $$;
CREATE FUNCTION \"Odd Name\"() RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('loose') $$;
CREATE FUNCTION defaulted(a bigint DEFAULT nextval('loose')) RETURNS bigint LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION round_and_round() RETURNS void LANGUAGE sql AS 'SELECT round_and_round()';
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE filed (a text) SERVER files OPTIONS (filename '/nowhere/at/all');
";

#[tokio::test]
async fn what_a_statement_reaches_is_found() {
    let db = Db::empty().await;
    db.sql(&format!("SET check_function_bodies = off; {FIXTURE}")).await;
    let reach = Reach::read(&db.dba().await).await.unwrap();
    use Effect::{MovesSequence, ReadsFile, ServerControl, SessionState, Statistics, WritesFile};
    for (sql, effect) in [
        ("SELECT outer_one()", Some(Statistics)),
        ("DO $$ BEGIN PERFORM public . outer_one(); END $$", Some(Statistics)),
        ("DO $$ BEGIN EXECUTE 'SELECT ' || 'outer_one()'; END $$", Some(Statistics)),
        ("SELECT round_and_round()", None),
        // A name without its schema may be any of them.
        ("SELECT plain()", Some(MovesSequence)),
        ("SELECT public.plain()", None),
        ("SELECT other.plain()", Some(MovesSequence)),
        ("SELECT \"Odd Name\"()", Some(MovesSequence)),
        ("SELECT odd_name()", None),
        ("SELECT atomic()", Some(MovesSequence)),
        ("SELECT defaulted()", Some(MovesSequence)),
        ("SELECT copies()", Some(WritesFile)),
        ("SELECT switches(a) FROM serial", Some(ServerControl)),
        ("SELECT 1 !@# 2", Some(ServerControl)),
        ("SELECT 1 <> 2", None),
        ("INSERT INTO logged VALUES (1)", Some(SessionState)),
        ("INSERT INTO serial (a) SELECT a FROM logged", Some(MovesSequence)),
        ("SELECT count(*) FROM logged", None),
        ("UPDATE logged SET a = 1", None),
        ("SELECT writes_logged()", Some(SessionState)),
        ("SELECT writes_any('logged')", Some(SessionState)),
        ("UPDATE serial SET a = 1", None),
        ("ALTER TABLE serial ADD COLUMN b int", None),
        ("INSERT INTO identity (a) VALUES (1)", Some(MovesSequence)),
        ("COPY identity (a) FROM stdin", Some(MovesSequence)),
        ("DELETE FROM parent", Some(SessionState)),
        ("INSERT INTO parent VALUES (1)", None),
        ("UPDATE whole SET a = 1", Some(SessionState)),
        ("DELETE FROM whole", None),
        ("SELECT * FROM moving", Some(MovesSequence)),
        ("INSERT INTO updatable VALUES (1)", Some(SessionState)),
        ("SELECT * FROM updatable", None),
        ("INSERT INTO ruled VALUES (1)", Some(SessionState)),
        ("INSERT INTO checks VALUES (1)", Some(ServerControl)),
        ("SELECT 1::checked", Some(ServerControl)),
        ("INSERT INTO checks_too VALUES (1)", Some(ServerControl)),
        ("SELECT * FROM filed", Some(ReadsFile)),
        ("SELECT last_value FROM loose", None),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT outer_one()'", None),
    ] {
        let reached = reach.of(sql);
        let effects: Vec<Effect> = reached.iter().map(|reached| reached.effect).collect();
        assert_eq!(effects, Vec::from_iter(effect), "{sql}: {reached:#?}");
    }
    let reached = reach.of("INSERT INTO serial (a) VALUES (1)");
    assert_eq!(reached[0].sequence, Some(Sequence::Named("public.serial_id_seq".to_owned())));
    let reached = reach.of("SELECT outer_one()");
    assert_eq!(reached[0].path, ["function outer_one()", "function inner_one()"]);
    assert_eq!(reached[0].what, "pg_stat_reset");
    assert_eq!(reach.of_tables(["public.logged"])[0].effect, SessionState);
    assert!(reach.of_tables(["public.parent", "public.nowhere"]).len() == 1, "the child's trigger");
    let all = reachable(&db.dba().await).await.unwrap();
    assert!(all.iter().any(|one| one.effect == WritesFile && one.path == ["function copies()"]));
    assert!(!all.iter().any(|one| one.path.iter().any(|name| name == "function plain()")));
}

#[tokio::test]
async fn an_event_trigger_is_reached_by_changes_of_the_schema() {
    let db = Db::empty().await;
    db.sql(
        "CREATE FUNCTION watches() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(1); END $$;
         CREATE TABLE t (a int);
         CREATE EVENT TRIGGER watches ON ddl_command_end EXECUTE FUNCTION watches()",
    )
    .await;
    let reach = Reach::read(&db.dba().await).await.unwrap();
    for (sql, count) in [
        ("CREATE TABLE x (a int)", 1),
        ("DO $$ BEGIN EXECUTE format('ALTER TABLE %I ADD b int', 't'); END $$", 1),
        ("SELECT * INTO x FROM t", 1),
        ("INSERT INTO t SELECT 1", 0),
        ("SELECT comment FROM t", 0),
    ] {
        assert_eq!(reach.of(sql).len(), count, "{sql}");
    }
}

#[tokio::test]
async fn what_is_said_to_be_harmless_is_undone() {
    let db = Db::empty().await;
    db.sql("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 1000); ANALYZE t")
        .await;
    let dba = db.dba().await;
    let since_18 = major(&db).await >= 18;
    let mut tries = vec![
        (
            "SELECT pg_replication_origin_create('o')",
            "SELECT count(*)::text FROM pg_replication_origin",
        ),
        ("SELECT pg_import_system_collations('public')", "SELECT count(*)::text FROM pg_collation"),
        (
            "SELECT lo_put(lo_create(7), 0, 'x')",
            "SELECT count(*)::text FROM pg_largeobject_metadata",
        ),
        (
            "SELECT pg_advisory_xact_lock(7)",
            "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory'",
        ),
        ("SELECT set_config('work_mem', '7MB', false)", "SHOW work_mem"),
        ("SELECT pg_export_snapshot()", "SELECT count(*)::text FROM pg_ls_dir('pg_snapshots')"),
    ];
    if since_18 {
        tries.push((
            "SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', 't', 'relpages', 99::int)",
            "SELECT relpages::text FROM pg_class WHERE relname = 't'",
        ));
        tries.push((
            "SELECT pg_clear_attribute_stats('public', 't', 'a', false)",
            "SELECT count(*)::text FROM pg_stats WHERE tablename = 't'",
        ));
    }
    for (sql, look) in tries {
        assert_eq!(named_in(sql), [], "{sql}");
        let before: String = dba.query_one(look, &[]).await.unwrap().get(0);
        dba.batch_execute(&format!("BEGIN; {sql}")).await.unwrap();
        dba.batch_execute("ROLLBACK").await.unwrap();
        let after: String = dba.query_one(look, &[]).await.unwrap().get(0);
        assert_eq!(before, after, "{sql}");
    }
}

#[tokio::test]
async fn what_is_said_to_have_an_effect_has_one() {
    let db = Db::empty().await;
    db.sql("CREATE SEQUENCE s; CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await;
    let dba = db.dba().await;
    for (sql, look) in [
        ("SELECT setval('s', 7)", "SELECT last_value::text FROM s"),
        ("SELECT ('s'::regclass).nextval", "SELECT concat(last_value, is_called) FROM s"),
        (
            "SELECT pg_advisory_lock(7)",
            "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory'",
        ),
        ("SELECT pg_create_restore_point('here')", "SELECT pg_current_wal_insert_lsn()::text"),
    ] {
        assert_eq!(named_in(sql)[0].place(), Place::SandboxOnly, "{sql}");
        let before: String = dba.query_one(look, &[]).await.unwrap().get(0);
        dba.batch_execute(&format!("BEGIN; {sql}")).await.unwrap();
        dba.batch_execute("ROLLBACK").await.unwrap();
        let after: String = dba.query_one(look, &[]).await.unwrap().get(0);
        assert_ne!(before, after, "{sql}");
    }
}

/// A database that is watched as a sandbox is.
async fn sandbox(restored: &str) -> Db {
    let db = Db::empty().await;
    db.sql(&effects::tripwires_sql()).await;
    db.sql(restored).await;
    db.sql(&effects::ways_out_sql()).await;
    db
}

/// The traces that a statement leaves, and what it ended in.
async fn traces(db: &Db, sql: &str) -> (Vec<String>, Result<(), tokio_postgres::Error>) {
    const LOOK: &str = "SELECT relname::text, pg_sequence_last_value(oid) FROM pg_class WHERE relnamespace = 'birthgate_tripwire'::regnamespace AND relkind = 'S'";
    let dba = db.dba().await;
    let look = async || {
        let rows = dba.query(LOOK, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect::<BTreeSet<(String, i64)>>()
    };
    let before = look().await;
    let outcome = db.dba().await.batch_execute(sql).await;
    let moved = look().await.difference(&before).map(|(name, _)| name.clone()).collect();
    (moved, outcome)
}

#[tokio::test]
async fn in_the_sandbox_what_stays_in_it_runs_and_leaves_a_trace() {
    let db = sandbox(
        "CREATE FUNCTION alias(bigint) RETURNS void LANGUAGE internal AS 'pg_advisory_lock_int8';
         CREATE FUNCTION ends(int) RETURNS boolean LANGUAGE internal AS 'pg_cancel_backend';
         CREATE EXTENSION pg_visibility; CREATE TABLE t (a int);
         CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
         CREATE FOREIGN TABLE filed (a text) SERVER files OPTIONS (filename '/etc/passwd')",
    )
    .await;
    for (sql, trace) in [
        ("SELECT pg_advisory_lock(7)", "pg_advisory_lock"),
        ("SELECT pg_advisory_lock(7, 8)", "pg_advisory_lock"),
        ("DO $$ BEGIN EXECUTE 'SELECT pg_advi' || 'sory_lock(7)'; END $$", "pg_advisory_lock"),
        (
            "DO $$ BEGIN PERFORM pg_switch_wal(); RAISE 'x'; EXCEPTION WHEN OTHERS THEN NULL; END $$",
            "pg_switch_wal",
        ),
        ("BEGIN; SELECT pg_stat_reset(); ROLLBACK", "pg_stat_reset"),
        ("SELECT pg_stat_reset_shared('bgwriter')", "pg_stat_reset_shared"),
        ("SELECT pg_reload_conf()", "pg_reload_conf"),
        (
            "SELECT slot_name FROM pg_create_physical_replication_slot(slot_name => 'x')",
            "pg_create_physical_replication_slot",
        ),
        ("SELECT pg_drop_replication_slot('x')", "pg_drop_replication_slot"),
        (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
            "pg_terminate_backend",
        ),
        ("SELECT alias(7)", "alias"),
        ("SELECT pg_truncate_visibility_map('t')", "pg_truncate_visibility_map"),
        ("SELECT ends(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()", "ends"),
        (
            "DO $$ BEGIN EXECUTE 'CREATE FUNCTION pg_temp.f() RETURNS boolean LANGUAGE int' || 'ernal AS ''pg_reload_conf'''; END $$",
            "a function in C or internal",
        ),
        ("CREATE EXTENSION dblink", "a function in C or internal"),
        (
            "ALTER FOREIGN DATA WRAPPER file_fdw HANDLER file_fdw_handler",
            "a foreign-data wrapper with a handler",
        ),
        // While a type is made, the language's own validator is back.
        (
            "CREATE TYPE r AS RANGE (SUBTYPE = int); DO $$ BEGIN EXECUTE 'CREATE FUNCTION pg_temp.g() RETURNS boolean LANGUAGE int' || 'ernal AS ''pg_reload_conf'''; END $$",
            "a function in C or internal",
        ),
        (
            "CREATE FUNCTION sneaks() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
               EXECUTE 'CREATE FUNCTION pg_temp.h() RETURNS boolean LANGUAGE int' || 'ernal AS ''pg_reload_conf'''; END $$;
             CREATE EVENT TRIGGER zz_sneaks ON ddl_command_start WHEN TAG IN ('CREATE TYPE') EXECUTE FUNCTION sneaks();
             CREATE TYPE e AS ENUM ('a'); DROP EVENT TRIGGER zz_sneaks",
            "a function in C or internal",
        ),
    ] {
        let (traces, outcome) = traces(&db, sql).await;
        outcome.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(traces, [trace], "{sql}");
    }
    for sql in [
        "SELECT pg_advisory_xact_lock(7), set_config('a.b', 'c', false)",
        "CREATE EXTENSION pg_trgm; CREATE EXTENSION pg_stat_statements; CREATE EXTENSION intarray",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT f()",
        "CREATE TYPE span AS RANGE (SUBTYPE = float8); SELECT span(1, 2)",
        "SET session_replication_role = replica; CREATE TYPE others AS RANGE (SUBTYPE = float8)",
        "DO $$ BEGIN CREATE TYPE bad AS RANGE (SUBTYPE = nothing); EXCEPTION WHEN OTHERS THEN NULL; END $$",
    ] {
        let (traces, outcome) = traces(&db, sql).await;
        outcome.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert!(traces.is_empty(), "{sql}: {traces:?}");
    }
    let read = db.dba().await.batch_execute("SELECT * FROM filed").await;
    assert_eq!(sqlstate(&read.expect_err("a foreign table is read")), "55000");
    if major(&db).await == 14 {
        return;
    }
    // Whatever checkpoints there are.
    let dba = db.dba().await;
    dba.batch_execute("CHECKPOINT; BEGIN; SELECT pg_advisory_lock(9)").await.unwrap();
    let sql = "SELECT pg_current_xact_id_if_assigned()::text, (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 9)";
    let row = dba.query_one(sql, &[]).await.unwrap();
    let said: (Option<String>, i64) = (row.get(0), row.get(1));
    assert_eq!(said, (None, 1), "a wire made it a transaction that has written");
}

#[tokio::test]
async fn in_the_sandbox_what_reaches_out_fails() {
    let db = sandbox(
        "CREATE EXTENSION dblink;
         -- Until 16, and in pg_catalog.
         DO $$ BEGIN CREATE EXTENSION adminpack; EXCEPTION WHEN undefined_file OR feature_not_supported THEN NULL; END $$;
         CREATE FUNCTION reaches(text) RETURNS text LANGUAGE c IMMUTABLE AS '$libdir/dblink', 'dblink_exec';
         CREATE FUNCTION exports(oid, text) RETURNS int LANGUAGE internal AS 'be_lo_export'",
    )
    .await;
    for (sql, trace) in [
        ("SELECT lo_export(lo_create(0), '/nowhere/at/all')", "lo_export"),
        ("SELECT exports(1, '/nowhere/at/all')", "exports"),
        ("SELECT pg_read_file('PG_VERSION')", "pg_read_file"),
        ("SELECT dblink_connect('dbname=postgres')", "dblink_connect"),
        ("SELECT reaches('SELECT 1')", "reaches"),
        ("SELECT pg_file_write('x', 'y', false)", "pg_file_write"),
    ] {
        if trace == "pg_file_write" && major(&db).await > 16 {
            continue;
        }
        let (traces, outcome) = traces(&db, sql).await;
        let error = outcome.expect_err(sql);
        assert_eq!(sqlstate(&error), "PB027", "{sql}");
        assert_eq!(traces, [trace], "{sql}");
    }
}

#[tokio::test]
async fn in_the_sandbox_the_server_says_what_it_says_elsewhere() {
    let (db, plain) = (sandbox("").await, Db::empty().await);
    for sql in [
        "SET ROLE app; SELECT pg_reload_conf()",
        "GRANT EXECUTE ON FUNCTION pg_reload_conf() TO app; SET ROLE app; SELECT pg_reload_conf()",
        "SELECT pg_promote()",
        "SELECT pg_advisory_lock('x')",
        "SELECT pg_terminate_backend(NULL)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE internal AS 'no_such_function'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '$libdir/dblink', 'no_such_function'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '$libdir/no_such_library', 'f'",
        "SELECT pg_logical_slot_get_changes('no_such_slot', NULL, NULL, 'a', 'b')",
        "CREATE VIEW v AS SELECT pg_stat_reset(); SELECT * FROM v",
    ] {
        let mut said = Vec::new();
        for db in [&db, &plain] {
            let outcome = db.dba().await.batch_execute(sql).await;
            said.push(outcome.err().map(|error| match error.as_db_error() {
                Some(error) => format!("{} {}", error.code().code(), error.message()),
                None => error.to_string(),
            }));
        }
        assert_eq!(said[0], said[1], "{sql}");
    }
}
