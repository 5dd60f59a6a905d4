//! The DDL guard: it records who changes the schema, and breaks, delays and betrays nobody.

mod beside;

use birthgate::ddl_guard::{self, DdlEvent, Guard, State};
use birthgate::{drift, schema};
use testkit::{Db, sqlstate};
use tokio_postgres::Client;

/// With Birthgate and its guard.
async fn guarded() -> Db {
    let db = Db::birth().await;
    assert_eq!(ddl_guard::install(&db.dba().await).await.unwrap(), Guard::Stands);
    db
}

/// Governed, guarded, with a baseline.
async fn watched() -> Db {
    let db = Db::birth_on(testkit::quiet_server().await).await;
    db.govern_thing(|_| {}).await;
    let client = db.dba().await;
    assert_eq!(ddl_guard::install(&client).await.unwrap(), Guard::Stands);
    drift::take_baseline(&client, Some(&["cleanup".to_owned()])).await.unwrap();
    db
}

async fn events(client: &Client) -> Vec<DdlEvent> {
    ddl_guard::recent(client, "-infinity").await.unwrap()
}

/// Command, kind and object of what was recorded, each once, in no order.
async fn recorded(client: &Client) -> Vec<String> {
    let mut told: Vec<String> = events(client)
        .await
        .iter()
        .map(|one| {
            let what = [one.object_type.as_deref(), one.object.as_deref()];
            let what: Vec<&str> = what.into_iter().flatten().collect();
            format!("{}: {} {}", one.event, one.tag, what.join(" ")).trim_end().to_owned()
        })
        .collect();
    told.sort();
    told.dedup();
    told
}

/// Does it, and answers what was recorded of it.
async fn after(db: &Db, client: &Client, sql: &str) -> Vec<String> {
    db.sql("SET ROLE birthgate_owner; DELETE FROM birthgate.ddl_event").await;
    for statement in sql.split(";; ") {
        client.batch_execute(statement).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
    recorded(&db.dba().await).await
}

#[tokio::test]
async fn what_is_done_to_the_schema_is_recorded() {
    let db = guarded().await;
    let client = db.dba().await;
    db.sql("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TABLE parted (a int) PARTITION BY LIST (a)")
        .await;
    for (does, says) in [
        ("CREATE TABLE x (a int)", vec!["ddl_command_end: CREATE TABLE table public.x"]),
        ("ALTER TABLE x ADD b int", vec!["ddl_command_end: ALTER TABLE table public.x"]),
        (
            "ALTER TABLE x ALTER a TYPE bigint",
            vec![
                "ddl_command_end: ALTER TABLE table public.x",
                "table_rewrite: ALTER TABLE table public.x",
            ],
        ),
        (
            "CREATE TRIGGER t AFTER INSERT ON x FOR EACH ROW EXECUTE FUNCTION f()",
            vec!["ddl_command_end: CREATE TRIGGER trigger t on public.x"],
        ),
        ("ALTER TABLE x DISABLE TRIGGER t", vec!["ddl_command_end: ALTER TABLE table public.x"]),
        ("GRANT SELECT ON x TO app", vec!["ddl_command_end: GRANT TABLE"]),
        ("DROP TRIGGER t ON x", vec!["sql_drop: DROP TRIGGER trigger t on public.x"]),
        (
            "CREATE TRIGGER t AFTER INSERT ON x FOR EACH ROW EXECUTE FUNCTION f();; DROP FUNCTION f() CASCADE",
            vec![
                "ddl_command_end: CREATE TRIGGER trigger t on public.x",
                "sql_drop: DROP FUNCTION function public.f()",
                "sql_drop: DROP FUNCTION trigger t on public.x",
            ],
        ),
        (
            "CREATE TABLE x1 AS SELECT 1 AS a",
            vec!["ddl_command_end: CREATE TABLE AS table public.x1"],
        ),
        (
            "CREATE TABLE part PARTITION OF parted DEFAULT",
            vec!["ddl_command_end: CREATE TABLE table public.part"],
        ),
        (
            "CREATE INDEX CONCURRENTLY i ON x (a);; DROP INDEX CONCURRENTLY i",
            vec![
                "ddl_command_end: CREATE INDEX index public.i",
                "sql_drop: DROP INDEX index public.i",
            ],
        ),
        (
            "BEGIN;; SAVEPOINT a;; CREATE TABLE undone ();; ROLLBACK TO a;; CREATE TABLE done ();; COMMIT",
            vec!["ddl_command_end: CREATE TABLE table public.done"],
        ),
        (
            "DO $$ BEGIN CREATE TABLE from_within (); EXECUTE 'DROP TABLE from_within'; END $$",
            vec![
                "ddl_command_end: CREATE TABLE table public.from_within",
                "sql_drop: DROP TABLE table public.from_within",
            ],
        ),
        // No event trigger sees it, on 18 neither.
        ("REASSIGN OWNED BY cleaner TO cleaner", vec![]),
        ("DROP OWNED BY cleaner", vec!["ddl_command_end: DROP OWNED"]),
        (
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO app",
            vec!["ddl_command_end: ALTER DEFAULT PRIVILEGES TABLES"],
        ),
        (
            "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;; REFRESH MATERIALIZED VIEW m",
            vec!["ddl_command_end: CREATE MATERIALIZED VIEW materialized view public.m"],
        ),
        // A name cannot hide it.
        (
            r#"CREATE TABLE "a on pg_temp.b" ()"#,
            vec![r#"ddl_command_end: CREATE TABLE table public."a on pg_temp.b""#],
        ),
        (
            r#"CREATE TABLE "a on pg_temp.""b" ()"#,
            vec![r#"ddl_command_end: CREATE TABLE table public."a on pg_temp.""b""#],
        ),
        // What is a session's own is nobody's business.
        (
            "CREATE TEMP TABLE t (a int);; CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';; \
             CREATE TRIGGER t AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.f();; ALTER TABLE t ALTER a TYPE bigint;; \
             CREATE INDEX ON t (a);; DROP TRIGGER t ON t;; DROP TABLE t",
            vec![],
        ),
        (
            "TRUNCATE x;; VACUUM FULL x;; ANALYZE x;; REINDEX TABLE x;; REINDEX TABLE CONCURRENTLY thing",
            vec![],
        ),
    ] {
        assert_eq!(after(&db, &client, does).await, says, "{does}");
    }
}

#[tokio::test]
async fn it_says_who() {
    let db = guarded().await;
    let mut config = db.config("thing_owner");
    config.application_name("a tool");
    let (owner, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    owner.batch_execute("CREATE TABLE mine ()").await.unwrap();
    let client = db.dba().await;
    let one = &events(&client).await[0];
    assert_eq!((one.login.as_str(), one.role.as_str()), ("thing_owner", "thing_owner"));
    let words = one.to_string();
    assert!(
        words.starts_with("CREATE TABLE public.mine by thing_owner (a tool) at 2")
            && words.ends_with('Z'),
        "{words}"
    );
    // As another role, within a function of a third.
    db.sql("CREATE FUNCTION does() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN CREATE TABLE third (); END'; GRANT USAGE, CREATE ON SCHEMA public TO PUBLIC").await;
    client.batch_execute("SET ROLE thing_owner; SELECT does(); RESET ROLE").await.unwrap();
    let one = &events(&client).await[0];
    assert_eq!((one.login.as_str(), one.role.as_str()), ("postgres", "thing_owner"));
    assert!(one.to_string().contains(" by postgres as thing_owner"), "{one}");
}

/// More than a hundred objects of one command are counted, and the triggers among them are named.
#[tokio::test]
async fn a_flood_is_cut_and_hides_no_trigger() {
    let db = guarded().await;
    let client = db.dba().await;
    let flood = "CREATE SCHEMA flood;; CREATE FUNCTION flood.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';; \
                 DO $$ BEGIN FOR n IN 1..300 LOOP EXECUTE format('CREATE FUNCTION flood.f%s() RETURNS int LANGUAGE sql AS ''SELECT 1''', n); END LOOP; END $$;; \
                 CREATE TRIGGER zz AFTER INSERT ON thing FOR EACH STATEMENT EXECUTE FUNCTION flood.f()";
    after(&db, &client, flood).await;
    let said = after(&db, &client, "DROP SCHEMA flood CASCADE").await;
    assert_eq!(said.len(), 101, "{said:?}");
    assert!(said.contains(&"sql_drop: DROP SCHEMA schema flood".to_owned()), "{said:?}");
    assert!(
        said.contains(&"sql_drop: DROP SCHEMA trigger zz on public.thing".to_owned()),
        "{said:?}"
    );
    let more = events(&client).await.into_iter().find_map(|one| one.more);
    assert_eq!(more, Some(203));
}

/// More than 64 numbers of subtransactions in one transaction make everybody's snapshots slow: a long one takes fewer, and what
/// it does to the gate is recorded all the same.
#[tokio::test]
async fn a_long_transaction_takes_few_numbers() {
    let db = watched().await;
    let client = db.dba().await;
    let before = events(&client).await.len();
    let many = "BEGIN;; DO $$ BEGIN FOR n IN 1..200 LOOP EXECUTE format('CREATE TABLE t_%s ()', n); END LOOP; END $$;; \
                ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate;; GRANT SELECT ON thing TO app;; GRANT SELECT ON t_1 TO app;; \
                DROP TRIGGER zz_birthgate_guard_key ON thing;; CREATE TABLE last ();; COMMIT";
    let said = after(&db, &client, many).await;
    assert_ne!(before, 0);
    for one in [
        "ddl_command_end: CREATE TABLE table public.t_33",
        "ddl_command_end: CREATE TABLE",
        "ddl_command_end: ALTER TABLE table public.thing",
        "ddl_command_end: GRANT TABLE",
        "sql_drop: DROP TRIGGER trigger zz_birthgate_guard_key on public.thing",
    ] {
        assert!(said.contains(&one.to_owned()), "{one}: {said:?}");
    }
    assert_eq!(said.len(), 33 + 4, "{said:?}");
    let numbers =
        "SELECT count(*) FROM (SELECT FROM birthgate.ddl_event GROUP BY ddl_event.xmin) AS numbers";
    assert_eq!(db.value::<i64>(numbers).await, 33 + 3);
    let more = events(&client).await.into_iter().find(|one| one.more == Some(0)).unwrap();
    assert!(
        more.to_string()
            .contains("CREATE TABLE, and more after it in the same transaction, by postgres"),
        "{more}"
    );
}

#[tokio::test]
async fn replica_role_and_two_phases_hide_nothing() {
    let db = guarded().await;
    let client = db.dba().await;
    let said =
        after(&db, &client, "SET session_replication_role = replica;; CREATE TABLE r ()").await;
    assert_eq!(said, ["ddl_command_end: CREATE TABLE table public.r"]);
    client.batch_execute("RESET session_replication_role").await.unwrap();
    let said = after(&db, &client, "BEGIN;; CREATE TABLE p ();; PREPARE TRANSACTION 'p'").await;
    assert_eq!(said, Vec::<String>::new());
    // A monitor that saw something newer meanwhile sees this one too.
    db.sql("CREATE TABLE later ()").await;
    let newest = ddl_guard::newest(&client).await.unwrap().unwrap();
    assert_eq!(ddl_guard::newest(&client).await.unwrap(), Some(newest.clone()));
    client.batch_execute("COMMIT PREPARED 'p'").await.unwrap();
    assert_ne!(ddl_guard::newest(&client).await.unwrap(), Some(newest));
    assert!(
        recorded(&client)
            .await
            .contains(&"ddl_command_end: CREATE TABLE table public.p".to_owned())
    );
}

/// Whatever is done to its table, everybody's changes go through, and nobody waits.
#[tokio::test]
async fn it_breaks_and_delays_nobody() {
    let changes = "CREATE TABLE x (a int); ALTER TABLE x ALTER a TYPE bigint; GRANT SELECT ON x TO app; DROP TABLE x";
    for harm in [
        "ALTER TABLE birthgate.ddl_event RENAME TO elsewhere",
        "ALTER TABLE birthgate.ddl_event SET SCHEMA evil",
        "ALTER TABLE birthgate.ddl_event ADD must text NOT NULL DEFAULT ''; ALTER TABLE birthgate.ddl_event ALTER must DROP DEFAULT",
        "ALTER TABLE birthgate.ddl_event DROP COLUMN login",
        "ALTER TABLE birthgate.ddl_event ADD CHECK (false) NOT VALID",
        "ALTER TABLE birthgate.ddl_event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE FUNCTION evil.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'; \
         CREATE TRIGGER no BEFORE INSERT ON birthgate.ddl_event FOR EACH ROW EXECUTE FUNCTION evil.no()",
        "ALTER TABLE birthgate.ddl_event OWNER TO postgres; REVOKE ALL ON birthgate.ddl_event FROM birthgate_owner",
        "REVOKE EXECUTE ON FUNCTION pg_event_trigger_ddl_commands() FROM PUBLIC",
        "DROP FUNCTION birthgate.ddl_event_put",
        "DROP TABLE birthgate.ddl_event",
        "DROP SCHEMA birthgate CASCADE",
    ] {
        let db = guarded().await;
        let owner = db.connect("thing_owner").await;
        owner.batch_execute(changes).await.unwrap();
        db.sql(harm).await;
        owner.batch_execute(changes).await.unwrap_or_else(|error| panic!("{harm}: {error:?}"));
    }
}

#[tokio::test]
async fn a_lock_on_its_table_delays_nobody() {
    let db = guarded().await;
    let client = db.dba().await;
    let (holder, waiter) = (db.dba().await, db.dba().await);
    holder
        .batch_execute("BEGIN; LOCK TABLE birthgate.ddl_event IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    // Nor does one that is only waited for.
    let waiting = tokio::spawn(async move {
        waiter
            .batch_execute("BEGIN; LOCK TABLE birthgate.ddl_event IN ACCESS EXCLUSIVE MODE; COMMIT")
            .await
    });
    // A cancellation is what the guard cannot end: it would be seen.
    client.batch_execute("SET statement_timeout = '5s'").await.unwrap();
    for change in [
        "CREATE TABLE y (a int)",
        "ALTER TABLE y ALTER a TYPE bigint",
        "DROP TABLE y",
        "CREATE TABLE y ()",
    ] {
        client.batch_execute(change).await.unwrap();
    }
    holder.batch_execute("COMMIT").await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(events(&client).await.len(), 0);
    client.batch_execute("DROP TABLE y").await.unwrap();
    assert_eq!(recorded(&client).await, ["sql_drop: DROP TABLE table public.y"]);
}

/// A change in a transaction that turned read-only fails or passes as it does without the guard.
#[tokio::test]
async fn read_only_is_as_it_was() {
    let (with, without) = (guarded().await, Db::birth().await);
    let mut outcomes = Vec::new();
    for db in [&without, &with] {
        let client = db.dba().await;
        let mut of_it = Vec::new();
        for change in [
            "CREATE TEMP TABLE t ()",
            "REINDEX TABLE thing",
            "CREATE TABLE x ()",
            "DO $$ BEGIN CREATE TABLE y (); PERFORM set_config('transaction_read_only', 'on', true); CREATE TABLE z (); END $$",
            "CREATE TABLE w (); SET TRANSACTION READ ONLY; COMMIT",
        ] {
            let begin = if change.starts_with("DO") || change.ends_with("COMMIT") {
                "BEGIN"
            } else {
                "BEGIN READ ONLY"
            };
            client.batch_execute(begin).await.unwrap();
            let outcome = client.batch_execute(change).await;
            of_it.push(outcome.err().map(|error| sqlstate(&error).to_owned()));
            client.batch_execute("ROLLBACK").await.unwrap();
        }
        outcomes.push(of_it);
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0][1], None, "{outcomes:?}");
}

#[tokio::test]
async fn who_may_not_make_it_is_told_so() {
    let db = Db::birth_on(testkit::quiet_server().await).await;
    db.govern_thing(|_| {}).await;
    let app = db.connect("app").await;
    match ddl_guard::install(&app).await.unwrap() {
        Guard::Polls { why } => assert!(why.contains("may make no event trigger"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(ddl_guard::state(&app).await.unwrap(), State::Absent);
    let client = db.dba().await;
    for _ in 0..2 {
        assert_eq!(ddl_guard::install(&client).await.unwrap(), Guard::Stands);
    }
    // What stands needs nobody to make it.
    assert_eq!(ddl_guard::install(&app).await.unwrap(), Guard::Stands);
    assert_eq!(ddl_guard::state(&app).await.unwrap(), State::Stands);
    for weaker in [
        "ALTER EVENT TRIGGER birthgate_ddl_end DISABLE",
        "ALTER EVENT TRIGGER birthgate_ddl_drop ENABLE",
        "DROP EVENT TRIGGER birthgate_ddl_rewrite",
        "DROP EVENT TRIGGER birthgate_ddl_end; CREATE EVENT TRIGGER birthgate_ddl_end ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION birthgate.ddl_guard_end()",
        "CREATE FUNCTION evil.nothing() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; DROP EVENT TRIGGER birthgate_ddl_end; \
         CREATE EVENT TRIGGER birthgate_ddl_end ON ddl_command_end EXECUTE FUNCTION evil.nothing()",
    ] {
        db.sql(weaker).await;
        match ddl_guard::state(&client).await.unwrap() {
            State::Weakened { how } => assert_eq!(how.len(), 1, "{weaker}: {how:?}"),
            other => panic!("{weaker}: {other:?}"),
        }
        assert_eq!(ddl_guard::install(&client).await.unwrap(), Guard::Stands);
        assert_eq!(ddl_guard::state(&client).await.unwrap(), State::Stands);
    }
    for _ in 0..2 {
        ddl_guard::remove(&client).await.unwrap();
        assert_eq!(ddl_guard::state(&client).await.unwrap(), State::Absent);
    }
}

#[tokio::test]
async fn nobody_forges_or_deletes_what_is_recorded() {
    let db = guarded().await;
    db.govern_thing(|_| {}).await;
    for role in ["app", "other_app", "thing_owner", "writer", "postgres"] {
        let client = db.connect(role).await;
        for forgery in [
            "INSERT INTO birthgate.ddl_event (event, tag, login, role) VALUES ('sql_drop', 'DROP TABLE', 'ada', 'ada')",
            "UPDATE birthgate.ddl_event SET login = 'ada'",
            "DELETE FROM birthgate.ddl_event",
            "TRUNCATE birthgate.ddl_event",
            "SELECT birthgate.ddl_guard_end()",
            "SET session_replication_role = replica; DELETE FROM birthgate.ddl_event",
        ] {
            let refused = client.batch_execute(forgery).await.expect_err(forgery);
            let code = sqlstate(&refused);
            assert!(["42501", "PB012", "0A000"].contains(&code), "{role}: {forgery}: {refused:?}");
        }
        if role != "postgres" {
            for own in [
                "SELECT birthgate.ddl_event_prune('0')",
                "SELECT birthgate.ddl_event_put('sql_drop', ARRAY['DROP TABLE'], ARRAY['table'], ARRAY['x'], 0)",
            ] {
                let refused = client.batch_execute(own).await.expect_err(own);
                assert_eq!(sqlstate(&refused), "42501", "{role}: {own}");
            }
        }
    }
    assert_ne!(events(&db.dba().await).await.len(), 0);
}

#[tokio::test]
async fn only_what_is_old_and_settled_is_pruned() {
    let db = watched().await;
    let client = db.dba().await;
    db.sql("CREATE TABLE a (); CREATE TABLE b (); CREATE TABLE c ()").await;
    let count = async || db.value::<i64>("SELECT count(*) FROM birthgate.ddl_event").await;
    let before = count().await;
    let old = "SET ROLE birthgate_owner; UPDATE birthgate.ddl_event SET at = at - interval '3 days' WHERE object_identity IS DISTINCT FROM 'public.c'";
    assert_eq!(ddl_guard::prune(&client, 0.0, 10).await.unwrap(), 0, "nothing of today");
    db.sql(old).await;
    assert_eq!(ddl_guard::prune(&client, 400_000.0, 1).await.unwrap(), 0);
    // The gate was not found good since.
    let seen = |when: &str| {
        format!(
            "SET ROLE birthgate_owner; UPDATE birthgate.baseline SET seen_at = now() - interval '{when}'"
        )
    };
    db.sql(&seen("4 days")).await;
    assert_eq!(ddl_guard::prune(&client, 0.0, 1).await.unwrap(), 0);
    db.sql(&seen("0 days")).await;
    assert_eq!(ddl_guard::prune(&client, 0.0, 1).await.unwrap(), before - 1);
    assert_eq!(recorded(&client).await, ["ddl_command_end: CREATE TABLE table public.c"]);
}

#[tokio::test]
async fn uninstall_leaves_no_event_trigger_behind() {
    let db = guarded().await;
    db.govern_thing(|_| {}).await;
    schema::uninstall(&mut db.dba().await, false).await.unwrap();
    assert_eq!(db.value::<i64>("SELECT count(*) FROM pg_event_trigger").await, 0);
    db.sql("CREATE TABLE x (); DROP TABLE x").await;
}

#[tokio::test]
async fn an_older_schema_is_brought_up_to_date() {
    let db = Db::birth().await;
    let mut client = db.dba().await;
    db.sql(
        "DROP TABLE birthgate.ddl_event;
         DROP FUNCTION birthgate.ddl_guard_end, birthgate.ddl_guard_drop, birthgate.ddl_guard_rewrite, birthgate.ddl_event_put, birthgate.ddl_event_prune;
         SET ROLE birthgate_owner; DELETE FROM birthgate.schema_version WHERE version >= 4",
    )
    .await;
    match ddl_guard::install(&client).await.unwrap() {
        Guard::Polls { why } => assert!(why.contains("birthgate init"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(ddl_guard::newest(&client).await.unwrap(), None);
    assert_eq!(events(&client).await.len(), 0);
    let installed = schema::init(&mut client).await.unwrap();
    assert_eq!((installed.from, installed.to), (Some(3), schema::VERSION));
    assert_eq!(ddl_guard::install(&client).await.unwrap(), Guard::Stands);
    // Init itself is a change of the schema as any other.
    schema::init(&mut client).await.unwrap();
    let said = recorded(&client).await;
    assert!(said.iter().any(|one| one.contains("birthgate.ddl_guard_end()")), "{said:?}");
}
