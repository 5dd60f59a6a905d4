//! What is signed is what runs: code that a step can run is replaced after the signature, in every way that there is.
//! Each attack moves a sequence where it succeeds, which no ROLLBACK moves back.

use birthgate::Error;
use birthgate::apply::{Ended, Event, Phase};
use testkit::Db;

use crate::signed::{Prepared, outcomes};

/// What the evil code calls.
const RAN: &str =
    "CREATE SEQUENCE public.ran; CREATE TABLE orders (id int PRIMARY KEY, code text, note text);
    INSERT INTO orders SELECT n, 'O-' || n, 'x' FROM generate_series(1, 5) AS n;
    CREATE FUNCTION f(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN x; END';
    CREATE FUNCTION f_of_f(x text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN f(x); END';";

/// Replaces f.
const EVIL_F: &str = "CREATE OR REPLACE FUNCTION f(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM nextval(''public.ran''); RETURN x; END'";
const GOOD_F: &str = "CREATE OR REPLACE FUNCTION f(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN x; END'";

/// A packet of one step, which is a door: it has no undo, or is approved as if it had none.
async fn prepared(setup: &str, step: &str, undo: Option<&str>) -> (Db, Prepared) {
    let db = Db::empty().await;
    db.sql(RAN).await;
    db.sql(setup).await;
    let packet = "macro = 'CALLS'\n[[step]]\nid = 'a'\ndo = 'a.sql'\nstop = 'before'\n";
    let prepared = match undo {
        Some(undo) => {
            let files = [("a.sql", step), ("u.sql", undo)];
            Prepared::new(&db, &format!("{packet}undo = 'u.sql'\n"), &files).await
        }
        None => Prepared::new(&db, packet, &[("a.sql", step)]).await,
    };
    (db, prepared)
}

async fn has_run(db: &Db) -> bool {
    db.value("SELECT is_called FROM public.ran").await
}

/// An attack: what is there, what the step does, what is changed after the signature, and how the apply names it.
struct Attack {
    name: &'static str,
    setup: &'static str,
    step: &'static str,
    change: &'static str,
    says: &'static str,
}

const UPDATE: &str = "UPDATE orders SET note = 'y'";

const ATTACKS: &[Attack] = &[
    Attack {
        name: "a function of an UPDATE",
        setup: "",
        step: "UPDATE orders SET note = f(code)",
        change: EVIL_F,
        says: "function public.f(x text) was replaced",
    },
    Attack {
        name: "one that is called by a function",
        setup: "",
        step: "UPDATE orders SET note = f_of_f(code)",
        change: EVIL_F,
        says: "function public.f(x text) was replaced",
    },
    Attack {
        name: "a function of a CHECK",
        setup: "",
        step: "ALTER TABLE orders ADD CONSTRAINT c CHECK (f(code) <> '')",
        change: EVIL_F,
        says: "function public.f(x text) was replaced",
    },
    Attack {
        name: "a function of a DEFAULT",
        setup: "",
        step: "ALTER TABLE orders ADD COLUMN d text DEFAULT f('x')",
        change: EVIL_F,
        says: "function public.f(x text) was replaced",
    },
    Attack {
        name: "a function of a verify that stands in a string",
        setup: "",
        step: "DO $$ BEGIN EXECUTE 'UPDATE orders SET note = f(code)'; END $$",
        change: EVIL_F,
        says: "function public.f(x text) was replaced",
    },
    Attack {
        name: "t.f as a call",
        setup: "CREATE FUNCTION whole(o orders) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN o.code; END';",
        step: "UPDATE orders AS o SET note = o.whole",
        change: "CREATE OR REPLACE FUNCTION whole(o orders) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''public.ran''); RETURN o.code; END'",
        says: "function public.whole(o public.orders) was replaced",
    },
    Attack {
        name: "a function of a cast",
        setup: "CREATE TYPE pair AS (a text); CREATE FUNCTION pair_text(p pair) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN p.a; END'; CREATE CAST (pair AS text) WITH FUNCTION pair_text(pair);",
        step: "UPDATE orders SET note = ROW(code)::pair::text",
        change: "CREATE OR REPLACE FUNCTION pair_text(p pair) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''public.ran''); RETURN p.a; END'",
        says: "function public.pair_text(p public.pair) was replaced",
    },
    Attack {
        name: "another cast",
        setup: "CREATE TYPE pair AS (a text); CREATE FUNCTION pair_text(p pair) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN p.a; END'; CREATE CAST (pair AS text) WITH FUNCTION pair_text(pair);
            CREATE FUNCTION other(p pair) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''public.ran''); RETURN p.a; END';",
        step: "UPDATE orders SET note = ROW(code)::pair::text",
        change: "DROP CAST (pair AS text); CREATE CAST (pair AS text) WITH FUNCTION other(pair)",
        says: "cast public.pair as text was replaced",
    },
    Attack {
        name: "an operator",
        setup: "CREATE FUNCTION joined(a text, b text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN a; END'; CREATE OPERATOR @@@ (LEFTARG = text, RIGHTARG = text, FUNCTION = joined);
            CREATE FUNCTION other(a text, b text) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''public.ran''); RETURN a; END';",
        step: "UPDATE orders SET note = code @@@ 'x'",
        change: "DROP OPERATOR @@@ (text, text); CREATE OPERATOR @@@ (LEFTARG = text, RIGHTARG = text, FUNCTION = other)",
        says: "operator public.@@@(text,text) was replaced",
    },
    Attack {
        name: "a domain's check",
        setup: "CREATE DOMAIN tame AS text CHECK (VALUE <> '');",
        step: "UPDATE orders SET note = code::tame",
        change: "CREATE FUNCTION evil(x text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM nextval(''public.ran''); RETURN true; END'; ALTER DOMAIN tame ADD CONSTRAINT e CHECK (evil(VALUE)); ALTER SEQUENCE ran RESTART",
        says: "constraint e on public.tame is new",
    },
    Attack {
        name: "a part of an aggregate",
        setup: "CREATE FUNCTION add(a text, b text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN b; END'; CREATE AGGREGATE last_of(text) (SFUNC = add, STYPE = text);
            CREATE FUNCTION other(a text, b text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM nextval(''public.ran''); RETURN b; END';",
        step: "UPDATE orders SET note = (SELECT last_of(code) FROM orders)",
        change: "CREATE OR REPLACE AGGREGATE last_of(text) (SFUNC = other, STYPE = text)",
        says: "aggregate public.last_of(text) was replaced",
    },
    Attack {
        name: "a view that is read",
        setup: "CREATE TABLE other (x text); INSERT INTO other VALUES ('x'); CREATE VIEW v AS SELECT x FROM other;",
        step: "UPDATE orders SET note = (SELECT x FROM v)",
        change: "CREATE FUNCTION evil(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM nextval(''public.ran''); RETURN x; END'; CREATE OR REPLACE VIEW v AS SELECT evil(x) AS x FROM other",
        says: "definition of view public.v was replaced",
    },
    Attack {
        name: "a policy of a table that is read",
        setup: "CREATE TABLE other (x text); INSERT INTO other VALUES ('x'); ALTER TABLE other ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON other USING (x <> '');",
        step: "UPDATE orders SET note = (SELECT x FROM other)",
        change: "ALTER POLICY p ON other USING (f(x) <> '')",
        says: "policy p on public.other",
    },
    Attack {
        name: "a trigger two calls away",
        setup: "CREATE TABLE audit (x text); CREATE FUNCTION noted(x text) RETURNS text LANGUAGE sql AS 'INSERT INTO audit VALUES (x) RETURNING x';
            CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''public.ran''); RETURN NEW; END';",
        step: "UPDATE orders SET note = noted(code)",
        change: "CREATE TRIGGER t BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION other()",
        says: "trigger t on public.audit",
    },
    Attack {
        name: "a default two calls away",
        setup: "CREATE TABLE audit (x text, y bigint); CREATE FUNCTION noted(x text) RETURNS text LANGUAGE sql AS 'INSERT INTO audit VALUES (x) RETURNING x';",
        step: "UPDATE orders SET note = noted(code)",
        change: "ALTER TABLE audit ALTER y SET DEFAULT nextval('public.ran')",
        says: "public.audit",
    },
    Attack {
        name: "a rule of a table that a function writes",
        setup: "CREATE TABLE audit (x text); CREATE FUNCTION noted(x text) RETURNS void LANGUAGE sql AS 'INSERT INTO audit VALUES (x)';",
        step: "UPDATE orders SET note = concat(noted(code))",
        change: "CREATE RULE r AS ON INSERT TO audit DO ALSO SELECT nextval('public.ran')",
        says: "rule r on public.audit",
    },
    Attack {
        name: "an event trigger",
        setup: "CREATE FUNCTION fired() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''public.ran''); END';",
        step: "ALTER TABLE orders ADD COLUMN d text",
        change: "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION fired()",
        says: "event trigger e is new",
    },
    Attack {
        name: "a function of an index",
        setup: "CREATE INDEX i ON orders (f(note));",
        step: UPDATE,
        change: EVIL_F,
        says: "function public.f(x text) was replaced",
    },
    Attack {
        name: "a function of an operator class",
        setup: "CREATE TYPE pair AS (a text); CREATE FUNCTION less(a pair, b pair) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN a.a < b.a; END';
            CREATE FUNCTION compared(a pair, b pair) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN CASE WHEN a.a < b.a THEN -1 WHEN a.a > b.a THEN 1 ELSE 0 END; END';
            CREATE OPERATOR <<< (LEFTARG = pair, RIGHTARG = pair, FUNCTION = less);
            CREATE OPERATOR CLASS pair_ops DEFAULT FOR TYPE pair USING btree AS OPERATOR 1 <<<, FUNCTION 1 compared(pair, pair);",
        step: "UPDATE orders SET note = (SELECT (array_agg(p ORDER BY p))[1]::text FROM (SELECT ROW(code)::pair AS p FROM orders) AS x)",
        change: "CREATE OR REPLACE FUNCTION compared(a pair, b pair) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM nextval(''public.ran''); RETURN 0; END'",
        says: "function public.compared(a public.pair, b public.pair) was replaced",
    },
    Attack {
        name: "a function that fits better",
        setup: "",
        step: "UPDATE orders SET note = f(code::varchar(10))",
        change: "CREATE FUNCTION f(x varchar) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM nextval(''public.ran''); RETURN x; END'",
        says: "function public.f(x character varying) is new",
    },
    Attack {
        name: "a function that fits better than the server's own",
        setup: "",
        step: "UPDATE orders SET note = lower(code::varchar(10))",
        change: "CREATE FUNCTION lower(x varchar) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM nextval(''public.ran''); RETURN x; END'",
        says: "function public.lower(x character varying) is new",
    },
    Attack {
        name: "a function in an earlier schema",
        setup: "CREATE SCHEMA app; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = app, public', current_database()); END $$;",
        step: "UPDATE public.orders SET note = f(code)",
        change: "CREATE FUNCTION app.f(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM nextval(''public.ran''); RETURN x; END'",
        says: "function app.f(x text) is new",
    },
    Attack {
        name: "another search_path",
        setup: "CREATE SCHEMA app; CREATE FUNCTION app.f(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM nextval(''public.ran''); RETURN x; END';",
        step: "UPDATE public.orders SET note = f(code)",
        change: "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = app, public', current_database()); END $$",
        says: "names are looked up in app, public",
    },
    Attack {
        name: "a table in an earlier schema",
        setup: "CREATE SCHEMA app; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = app, public', current_database()); END $$;
            CREATE FUNCTION public.fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''public.ran''); RETURN NEW; END';",
        step: UPDATE,
        change: "CREATE TABLE app.orders (note text); INSERT INTO app.orders VALUES ('x'); CREATE TRIGGER t BEFORE UPDATE ON app.orders FOR EACH ROW EXECUTE FUNCTION public.fired()",
        says: "trigger t on app.orders is new",
    },
    Attack {
        name: "SQL that is put together",
        setup: "CREATE TABLE names (name text); INSERT INTO names VALUES ('f');",
        step: "DO $$ DECLARE n text; BEGIN SELECT name INTO n FROM names; EXECUTE 'UPDATE orders SET note = ' || quote_ident(n) || '(code)'; END $$",
        change: EVIL_F,
        says: "function public.f(x text) was replaced",
    },
    Attack {
        name: "SQL that is put together, of a new function",
        setup: "CREATE TABLE names (name text); INSERT INTO names VALUES ('f');",
        step: "DO $$ DECLARE n text; BEGIN SELECT name INTO n FROM names; EXECUTE 'UPDATE orders SET note = ' || quote_ident(n) || '(code)'; END $$",
        change: "CREATE FUNCTION evil(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM nextval(''public.ran''); RETURN x; END'; UPDATE names SET name = 'evil'",
        says: "function public.evil(x text) is new",
    },
    Attack {
        name: "a partition with a trigger",
        setup: "CREATE TABLE parted (x int, y text) PARTITION BY LIST (x); CREATE TABLE one PARTITION OF parted FOR VALUES IN (1); INSERT INTO parted VALUES (1, 'x'); CREATE TABLE two (x int, y text);
            CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''public.ran''); RETURN NEW; END'; CREATE TRIGGER t BEFORE UPDATE ON two FOR EACH ROW EXECUTE FUNCTION fired(); INSERT INTO two VALUES (2, 'y');",
        step: "UPDATE parted SET y = 'z'",
        change: "ALTER TABLE parted ATTACH PARTITION two FOR VALUES IN (2)",
        says: "trigger t on public.two",
    },
];

#[tokio::test]
async fn nothing_runs_that_was_not_signed() {
    for attack in ATTACKS {
        let (db, prepared) = prepared(attack.setup, attack.step, None).await;
        prepared.approve(&db.dba().await, &["a"]).await;
        db.sql(attack.change).await;
        assert!(!has_run(&db).await, "{}: it ran too early", attack.name);
        let outcome = prepared.apply(&db.database("postgres")).await;
        assert!(!has_run(&db).await, "{}: it ran: {outcome:?}", attack.name);
        match outcome {
            Err(Error::Stale(why)) => assert!(why.contains(attack.says), "{}: {why}", attack.name),
            other => panic!("{}: {other:?}", attack.name),
        }
    }
}

/// Nothing of it happens, and each can be applied.
#[tokio::test]
async fn what_is_as_it_was_signed_is_applied() {
    for attack in ATTACKS {
        let (db, prepared) = prepared(attack.setup, attack.step, None).await;
        prepared.approve(&db.dba().await, &["a"]).await;
        // What has nothing to do with it, unless everything counts.
        if !attack.name.starts_with("SQL that is put together") {
            db.sql("CREATE FUNCTION unrelated() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE VIEW unrelated AS SELECT unrelated(); ANALYZE").await;
            db.sql("VACUUM FREEZE pg_proc").await;
        }
        let applied = prepared.apply(&db.database("postgres")).await;
        assert_eq!(applied.map(|one| one.ended).ok(), Some(Ended::Done), "{}", attack.name);
    }
}

fn at<'a>(
    db: &'a Db,
    runtime: &'a tokio::runtime::Handle,
    moments: &'a [(Phase, &'a str)],
) -> impl FnMut(&Event<'_>) + Send + 'a {
    move |event| {
        let Event::Step { phase, .. } = event else { return };
        for (_, sql) in moments.iter().filter(|(when, _)| when == phase) {
            tokio::task::block_in_place(|| runtime.block_on(db.sql(sql)));
        }
    }
}

/// Replaced before the step, by somebody who commits it, and put back before it is compared again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_replaced_and_put_back_meanwhile_is_found() {
    let runtime = tokio::runtime::Handle::current();
    let cast = "CREATE TYPE pair AS (a text); CREATE FUNCTION pair_text(p pair) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN p.a; END'; CREATE CAST (pair AS text) WITH FUNCTION pair_text(pair);
            CREATE FUNCTION other(p pair) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''public.ran''); RETURN p.a; END';";
    let cases: [(&str, &str, &str, &str, &str); 4] = [
        (
            "",
            "UPDATE orders SET note = f(code)",
            EVIL_F,
            GOOD_F,
            "function public.f(x text) was replaced",
        ),
        (
            "",
            "UPDATE orders SET note = f_of_f(code)",
            EVIL_F,
            GOOD_F,
            "function public.f(x text) was replaced",
        ),
        (
            cast,
            "UPDATE orders SET note = ROW(code)::pair::text",
            "DROP CAST (pair AS text); CREATE CAST (pair AS text) WITH FUNCTION other(pair)",
            "DROP CAST (pair AS text); CREATE CAST (pair AS text) WITH FUNCTION pair_text(pair)",
            "cast public.pair as text",
        ),
        // The step replaces it itself.
        (
            "",
            "UPDATE orders SET note = f(code); CREATE OR REPLACE FUNCTION f(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN x || 1; END'",
            EVIL_F,
            "SELECT 1",
            "function public.f(x text)",
        ),
    ];
    for (setup, step, replace, put_back, says) in cases {
        for from in [Phase::Begins, Phase::Locked, Phase::Compared] {
            let (db, prepared) = prepared(setup, step, None).await;
            prepared.approve(&db.dba().await, &["a"]).await;
            let moments = [(from, replace), (Phase::Performed, put_back)];
            let mut observe = at(&db, &runtime, &moments);
            let database = db.database("postgres");
            let applied = prepared
                .apply_as(&database, &crate::signed::options(), &mut observe)
                .await
                .unwrap();
            let why = applied.why.clone().unwrap_or_default();
            assert_eq!(applied.ended, Ended::Failed, "{from:?} {step}");
            assert!(why.contains(says), "{from:?} {step}: {why}");
            let changed = "SELECT count(*) FROM orders WHERE note <> 'x'";
            assert_eq!(db.value::<i64>(changed).await, 0, "nothing of it is left");
        }
    }
}

/// Put back before the apply: the row is another version, and what was signed is not there any more.
#[tokio::test]
async fn what_was_replaced_and_put_back_before_is_another() {
    let (db, prepared) = prepared("", "UPDATE orders SET note = f(code)", None).await;
    prepared.approve(&db.dba().await, &["a"]).await;
    db.sql(EVIL_F).await;
    db.sql(GOOD_F).await;
    match prepared.apply(&db.database("postgres")).await {
        Err(Error::Stale(why)) => assert!(why.contains("was replaced, and put back"), "{why}"),
        other => panic!("{other:?}"),
    }
}

/// Outside of a transaction: before, and while it runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_outside_of_a_transaction_are_compared_as_well() {
    let runtime = tokio::runtime::Handle::current();
    for moments in [
        vec![(Phase::Begins, EVIL_F)],
        vec![(Phase::Announced, EVIL_F)],
        vec![(Phase::Announced, EVIL_F), (Phase::Performed, GOOD_F)],
    ] {
        let db = Db::empty().await;
        db.sql(RAN).await;
        let packet = "macro = 'CALLS'\n[[step]]\nid = 'a'\ndo = 'a.sql'\nundo = 'u.sql'\ntransaction = false\n[[step]]\nid = 'b'\ndo = 'b.sql'\nundo = 'bu.sql'";
        let files = [
            ("a.sql", "CREATE INDEX CONCURRENTLY i ON orders (f(code))"),
            ("u.sql", "DROP INDEX CONCURRENTLY i"),
            ("b.sql", "ALTER TABLE orders ADD COLUMN d int"),
            ("bu.sql", "ALTER TABLE orders DROP COLUMN d"),
        ];
        let prepared = Prepared::new(&db, packet, &files).await;
        prepared.approve(&db.dba().await, &[]).await;
        let database = db.database("postgres");
        let mut observe = at(&db, &runtime, &moments);
        let applied =
            prepared.apply_as(&database, &crate::signed::options(), &mut observe).await.unwrap();
        let why = applied.why.clone().unwrap_or_default();
        assert_eq!(applied.ended, Ended::Failed, "{moments:?}");
        assert!(why.contains("function public.f(x text) was replaced"), "{why}");
        if moments[0].0 == Phase::Announced {
            assert!(why.contains("stays announced"), "{why}");
        }
        // It does not go on afterwards either.
        let again = prepared.apply(&database).await;
        assert!(matches!(again, Err(Error::Stale(_))), "{again:?}");
    }
}

/// What runs on the way back is what was signed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_runs_what_was_signed() {
    let runtime = tokio::runtime::Handle::current();
    let step = "UPDATE orders SET note = 'y'";
    let undo = "UPDATE orders SET note = f(left(note, 0) || 'x')";
    let (db, prepared) = prepared("", step, Some(undo)).await;
    let database = db.database("postgres");
    prepared.approve(&db.dba().await, &["a"]).await;
    assert_eq!(prepared.apply(&database).await.unwrap().ended, Ended::Done);
    db.sql(EVIL_F).await;
    let undone = prepared.undo(&database).await.unwrap();
    let why = undone.why.unwrap_or_default();
    assert_eq!(undone.ended, Ended::Failed, "{why}");
    assert!(why.contains("function public.f(x text) was replaced"), "{why}");
    assert!(!has_run(&db).await);
    drop(prepared);

    // What has nothing to do with the undo keeps nobody from taking it back.
    let (db, prepared) =
        self::prepared("", "UPDATE orders SET note = f('y')", Some("UPDATE orders SET note = 'x'"))
            .await;
    let database = db.database("postgres");
    prepared.approve(&db.dba().await, &["a"]).await;
    assert_eq!(prepared.apply(&database).await.unwrap().ended, Ended::Done);
    db.sql(EVIL_F).await;
    assert_eq!(prepared.undo(&database).await.unwrap().ended, Ended::Undone);

    // Replaced and put back while it runs.
    let (db, prepared) = self::prepared("", step, Some(undo)).await;
    let database = db.database("postgres");
    prepared.approve(&db.dba().await, &["a"]).await;
    assert_eq!(prepared.apply(&database).await.unwrap().ended, Ended::Done);
    let moments = [(Phase::Compared, EVIL_F), (Phase::Performed, GOOD_F)];
    let mut observe = at(&db, &runtime, &moments);
    let (subject, options) = (prepared.subject(), crate::signed::options());
    let undo = birthgate::apply::undo(&database, subject, &prepared.owners, &options, &mut observe);
    let undone = undo.await.unwrap();
    assert_eq!(undone.ended, Ended::Failed, "{undone:?}");
    assert_eq!(db.value::<i64>("SELECT count(*) FROM orders WHERE note = 'y'").await, 5);
}

/// Steps that make, replace and drop code, with what leads to it, and make it anew as it was: forth, back and forth again.
#[tokio::test]
async fn what_the_packet_changes_itself_is_no_difference() {
    let db = Db::empty().await;
    db.sql(RAN).await;
    db.sql("CREATE VIEW v AS SELECT f(code) AS c FROM orders; CREATE TABLE audit (x text DEFAULT f('x'), CHECK (f(x) <> '')); CREATE TRIGGER t BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger(); CREATE DOMAIN tame AS text CHECK (f(VALUE) <> '')").await;
    let packet = "macro = 'MAKES'
[[step]]
id = 'replace'
do = '1.sql'
undo = '1u.sql'
[[step]]
id = 'again'
do = '2.sql'
undo = '2u.sql'
[[step]]
id = 'make'
do = '3.sql'
undo = '3u.sql'
[[step]]
id = 'use'
do = '4.sql'
undo = '4u.sql'
[[step]]
id = 'type'
do = '5.sql'
undo = '5u.sql'
[[step]]
id = 'extension'
do = '6.sql'
undo = '6u.sql'
[[step]]
id = 'last'
do = '7.sql'
undo = '7u.sql'
";
    let again = "CREATE OR REPLACE FUNCTION f_of_f(x text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN f(x); END'; DROP VIEW v; CREATE VIEW v AS SELECT f(code) AS c FROM orders; DROP TRIGGER t ON orders; CREATE TRIGGER t BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()";
    let files = [
        (
            "1.sql",
            "CREATE OR REPLACE FUNCTION f(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN x || ''''; END'",
        ),
        ("1u.sql", GOOD_F),
        ("2.sql", again),
        ("2u.sql", again),
        (
            "3.sql",
            "CREATE SCHEMA postgres; CREATE FUNCTION postgres.made(x text) RETURNS text LANGUAGE sql AS 'SELECT f_of_f(x)'; CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := made(NEW.note); RETURN NEW; END'; CREATE TRIGGER fires BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION fired()",
        ),
        (
            "3u.sql",
            "DROP TRIGGER fires ON orders; DROP FUNCTION fired(); DROP SCHEMA postgres CASCADE",
        ),
        ("4.sql", "UPDATE orders SET note = made(f_of_f('x'))"),
        ("4u.sql", "UPDATE orders SET note = 'x'"),
        ("5.sql", "ALTER TABLE audit ALTER x TYPE varchar(100)"),
        ("5u.sql", "ALTER TABLE audit ALTER x TYPE text"),
        ("6.sql", "CREATE EXTENSION citext"),
        ("6u.sql", "DROP EXTENSION citext"),
        (
            "7.sql",
            "ALTER TABLE orders ADD COLUMN c citext DEFAULT f('x'); ALTER TABLE orders ADD COLUMN d tame",
        ),
        ("7u.sql", "ALTER TABLE orders DROP COLUMN c; ALTER TABLE orders DROP COLUMN d"),
    ];
    let prepared = Prepared::new(&db, packet, &files).await;
    let (client, database) = (db.dba().await, db.database("postgres"));
    for _ in 0..2 {
        prepared.approve(&client, &prepared.subject().doors()).await;
        let applied = prepared.apply(&database).await.unwrap();
        assert_eq!(applied.ended, Ended::Done, "{applied:?}");
        let undone = prepared.undo(&database).await.unwrap();
        assert_eq!((undone.ended, outcomes(&undone).len()), (Ended::Undone, 7), "{undone:?}");
    }
}

/// Where it cannot be told what a step calls, the owner signs that.
#[tokio::test]
async fn the_owner_signs_what_cannot_be_seen() {
    let step = "DO $$ DECLARE n text; BEGIN SELECT 'f' INTO n; EXECUTE 'UPDATE orders SET note = ' || n || '(code)'; END $$";
    let (db, prepared) = prepared("", step, None).await;
    let text = prepared.declaration(&db.dba().await, &["a"]).await.text();
    let line = "accepts: step a: what it calls cannot be told, since its own text puts SQL together when it runs";
    assert!(text.contains(line), "{text}");
    let (db, prepared) = self::prepared("", UPDATE, None).await;
    let text = prepared.declaration(&db.dba().await, &["a"]).await.text();
    assert!(!text.contains("cannot be told") && text.contains("\ncode-sha256: "), "{text}");
}

/// A rehearsal of an earlier release says nothing of the code: it is not signed, not applied, and can be taken back.
#[tokio::test]
async fn a_rehearsal_without_the_code_is_to_be_made_again() {
    let (db, mut prepared) = prepared("", UPDATE, Some("UPDATE orders SET note = 'x'")).await;
    let (client, database) = (db.dba().await, db.database("postgres"));
    prepared.approve(&client, &["a"]).await;
    let code = prepared.rehearsed.states.code.take();
    for outcome in [prepared.apply(&database).await.map(drop), {
        let binding =
            birthgate::declaration::Binding::make(&client, std::time::Duration::from_secs(60))
                .await
                .unwrap();
        prepared.subject().declaration(&[], &binding).map(drop)
    }] {
        match outcome {
            Err(Error::NotSigned(why)) => {
                assert!(
                    why.contains("earlier release") && why.contains("rehearse the packet again"),
                    "{why}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    prepared.rehearsed.states.code = code;
    assert_eq!(prepared.apply(&database).await.unwrap().ended, Ended::Done);
    prepared.rehearsed.states.code = None;
    let undone = prepared.undo(&database).await.unwrap();
    assert_eq!(undone.ended, Ended::Undone);
    assert!(undone.notes[0].contains("were not compared"), "{undone:?}");
}
