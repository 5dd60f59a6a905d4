//! `--rows auto`: the sandbox has the rows of what a plan touches, and a verdict never rests on rows that it lacks.

use std::time::Duration;

use birthgate::plan;
use birthgate::rehearsal::{self, Live, Options, Rehearsal, RowBudget, Rows, Verdict, Where};
use testkit::Db;

async fn rehearse(db: &Db, does: &str, budget: RowBudget) -> Rehearsal {
    let plan = plan::of_text(does, None).unwrap();
    let options = Options {
        rows: Rows::Auto(budget),
        live: Live::AfterSandbox,
        ..crate::rehearsal::options()
    };
    rehearsal::rehearse(&db.database("postgres"), &plan, &options).await.unwrap()
}

async fn database() -> Db {
    let db = Db::empty().await;
    db.sql(
        "CREATE TABLE parent (id int PRIMARY KEY, name text);
         CREATE TABLE child (id serial PRIMARY KEY, parent int REFERENCES parent, name text);
         CREATE TABLE totals (name text PRIMARY KEY, count int);
         INSERT INTO parent SELECT i, 'p' || i % 50 FROM generate_series(1, 100) AS i;
         INSERT INTO child (parent, name) SELECT i, 'c' || i FROM generate_series(1, 100) AS i;
         INSERT INTO totals VALUES ('parents', 100);
         CREATE FUNCTION counts() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE v_rows int; BEGIN
           EXECUTE 'UPDATE public.' || 'tot' || 'als SET count = count + 1 WHERE name = ''parents''';
           GET DIAGNOSTICS v_rows = ROW_COUNT;
           IF v_rows = 0 THEN RAISE EXCEPTION 'no total'; END IF;
           RETURN NULL;
         END $$;
         CREATE TRIGGER counts AFTER INSERT ON parent FOR EACH ROW EXECUTE FUNCTION counts()",
    )
    .await;
    db
}

#[tokio::test]
async fn what_a_plan_touches_is_there() {
    let db = database().await;
    let before = db.seen_from_outside().await;
    for (does, verdict, says) in [
        // Its parent is a row of the live table.
        ("INSERT INTO child (parent, name) VALUES (7, 'new')", Verdict::Pass, ""),
        ("INSERT INTO child (parent, name) VALUES (777, 'new')", Verdict::Fail, "foreign key"),
        ("ALTER TABLE parent ADD UNIQUE (name)", Verdict::Fail, "could not create unique index"),
        ("CREATE UNIQUE INDEX CONCURRENTLY ON child (name)", Verdict::Pass, ""),
        ("DELETE FROM parent WHERE id = 7", Verdict::Fail, "foreign key"),
        ("TRUNCATE parent CASCADE", Verdict::Pass, ""),
        // A name that is put together: the first run shows what it touches, the second has its rows.
        ("INSERT INTO parent VALUES (101, 'new')", Verdict::Pass, ""),
        (
            "DO $$ BEGIN IF (SELECT count(*) FROM parent) <> 100 THEN RAISE EXCEPTION 'rows are missing'; END IF; END $$",
            Verdict::Pass,
            "",
        ),
    ] {
        let said = rehearse(&db, does, RowBudget::default()).await;
        assert_eq!(said.verdict, verdict, "{does}: {said:#?}");
        let told = said.reasons.iter().any(|reason| reason.message.contains(says));
        assert!(says.is_empty() || told, "{does}: {said:#?}");
        assert_eq!(said.steps[0].seen, Where::Sandbox, "{does}: {said:#?}");
        assert_eq!(before, db.seen_from_outside().await, "{does}");
    }
}

#[tokio::test]
async fn what_a_part_of_the_rows_says_is_no_verdict() {
    let db = database().await;
    // A small table is copied whole, whatever the budget.
    db.sql(
        "INSERT INTO child (parent, name) SELECT 1, 'd' || i FROM generate_series(1, 20000) AS i",
    )
    .await;
    let none = RowBudget { bytes: 0, time: Duration::from_secs(10) };
    for does in [
        "CREATE UNIQUE INDEX CONCURRENTLY ON child (name)",
        "DO $$ BEGIN IF (SELECT count(*) FROM child) <> 20100 THEN RAISE EXCEPTION 'rows are missing'; END IF; END $$",
        "UPDATE child SET name = 'c1' WHERE id = 20100",
    ] {
        let said = rehearse(&db, does, none).await;
        assert_ne!(said.verdict, Verdict::Fail, "{does}: {said:#?}");
        let is_whole = said.steps[0].seen != Where::Sandbox;
        let tells = said.reasons.iter().any(|reason| reason.message.contains("--rows all"));
        assert!(is_whole || said.verdict == Verdict::Incomplete && tells, "{does}: {said:#?}");
    }
}

#[tokio::test]
async fn large_objects_are_missed_by_what_reads_them_alone() {
    let db = database().await;
    for does in ["ANALYZE", "BEGIN; ANALYZE; COMMIT", "VACUUM", "SELECT lo_create(0)"] {
        let said = rehearse(&db, does, RowBudget::default()).await;
        assert_eq!(said.verdict, Verdict::Pass, "{does}: {said:#?}");
    }
    db.sql("SELECT lo_from_bytea(4242, 'abc')").await;
    for (does, verdict, says) in [
        ("ANALYZE", Verdict::Pass, ""),
        ("SELECT lo_create(0)", Verdict::Incomplete, "large objects"),
        // The sandbox has none, the live database has one.
        (
            "SELECT 1 / (1 - count(*)) FROM pg_largeobject_metadata",
            Verdict::Fail,
            "in the live database: division by zero",
        ),
    ] {
        let said = rehearse(&db, does, RowBudget::default()).await;
        assert_eq!(said.verdict, verdict, "{does}: {said:#?}");
        let told = said.reasons.iter().any(|reason| reason.message.contains(says));
        assert!(says.is_empty() || told, "{does}: {said:#?}");
    }
}
