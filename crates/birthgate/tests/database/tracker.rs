//! The tracker's looks are what whole fingerprints are, whatever moved in between.

use std::sync::OnceLock;
use std::time::Instant;

use birthgate::fingerprint::{self, Scope, Tracker};
use testkit::{Db, Server};
use tokio_postgres::Client;

use crate::dice::Dice;

/// A server whose roles and databases no other test changes, so that what it looks like stands still.
async fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let start = || {
        SERVER.get_or_init(|| {
            std::thread::spawn(|| Server::own(&[("max_locks_per_transaction", "1000")]))
                .join()
                .unwrap()
        })
    };
    tokio::task::spawn_blocking(start).await.unwrap()
}

/// Roles and databases belong to a server: one test at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Statements to choose from; of each name one of several is put in: # a number, @ a relation, $ a schema, % a type, ! a role,
/// ^ a function.
const STATEMENTS: &str = include_str!("tracker/statements.sql");

/// Puts the names in.
fn fill(dice: &mut Dice, template: &str) -> String {
    let mut sql = String::new();
    for letter in template.chars() {
        let number = dice.below(3);
        match letter {
            '#' => sql.push_str(&number.to_string()),
            '@' => sql.push_str(&format!("{}.t{number}", schema(dice))),
            '~' => sql.push_str(&format!("t{number}")),
            '$' => sql.push_str(schema(dice)),
            '%' => sql.push_str(&format!("{}.d{number}", schema(dice))),
            '!' => sql.push_str(&format!("r{number}")),
            '^' => sql.push_str(&format!("{}.f{number}", schema(dice))),
            letter => sql.push(letter),
        }
    }
    sql
}

fn schema(dice: &mut Dice) -> &'static str {
    ["public", "public", "s0", "s1"][dice.below(4)]
}

/// The tracker's look and a whole fingerprint, within the transaction.
async fn compare_inside(tracker: &mut Tracker, client: &Client, log: &[String]) {
    let look = tracker.look_inside(client).await.unwrap();
    let mut whole = Tracker::default();
    let expected = whole.look_inside(client).await.unwrap();
    let differences = whole.now().diff(tracker.now());
    assert_eq!(differences, [], "after {:#?}", &log[log.len().saturating_sub(8)..]);
    assert_eq!(look.root, expected.root);
}

async fn compare(tracker: &mut Tracker, client: &Client, log: &[String]) {
    let look = tracker.look(client).await.unwrap();
    let whole = fingerprint::take(client, &Scope::All).await.unwrap();
    let differences = whole.diff(tracker.now());
    assert_eq!(differences, [], "after {:#?}", &log[log.len().saturating_sub(8)..]);
    assert_eq!(look.root, whole.root);
}

/// One walk: statements in transactions with savepoints, some rolled back, and a look after each.
async fn walk(seed: u64, steps: usize) {
    let db = Db::empty_on(server().await).await;
    let client = db.dba().await;
    client.batch_execute(include_str!("tracker/begin.sql")).await.unwrap();
    let statements: Vec<&str> =
        STATEMENTS.split("\n").filter(|line| !line.is_empty() && !line.starts_with("--")).collect();
    let mut dice = Dice(seed);
    let mut tracker = Tracker::by_versions();
    let first = tracker.look(&client).await.unwrap();
    let entry = tracker.now().clone();
    let mut log: Vec<String> = Vec::new();
    let mut succeeded = 0;
    let mut depth = 0;
    for _ in 0..steps {
        let moves = dice.below(12);
        let sql = match (depth, moves) {
            (0, 0..=2) => "BEGIN".to_owned(),
            (1.., 0) => format!("SAVEPOINT at_{depth}"),
            (2.., 1) => format!("ROLLBACK TO SAVEPOINT at_{}", 1 + dice.below(depth - 1)),
            (1.., 2) => ["COMMIT", "ROLLBACK"][dice.below(2)].to_owned(),
            _ => {
                let template = statements[dice.below(statements.len())];
                fill(&mut dice, template)
            }
        };
        let control = sql.split(' ').next().unwrap();
        if depth > 0 && !["SAVEPOINT", "ROLLBACK", "COMMIT"].contains(&control) {
            client.batch_execute("SAVEPOINT one").await.unwrap();
        }
        let outcome = client.batch_execute(&sql).await;
        match &outcome {
            Ok(()) => {
                match control {
                    "BEGIN" => depth = 1,
                    "SAVEPOINT" => depth += 1,
                    "ROLLBACK" if sql.contains("TO") => {
                        depth = 1 + sql.rsplit('_').next().unwrap().parse::<usize>().unwrap();
                    }
                    "ROLLBACK" | "COMMIT" => depth = 0,
                    _ => succeeded += 1,
                }
                log.push(sql.clone());
            }
            Err(error) => {
                if std::env::var_os("TRACKER_SAYS").is_some() {
                    eprintln!("{sql}: {}", error.as_db_error().map_or("?", |e| e.message()));
                }
                if depth > 0 && ["ROLLBACK", "COMMIT"].contains(&control) {
                    depth = 0;
                } else if depth > 0 {
                    client.batch_execute("ROLLBACK TO SAVEPOINT one").await.unwrap();
                }
            }
        }
        if dice.below(3) > 0 {
            match depth {
                0 => compare(&mut tracker, &client, &log).await,
                _ => compare_inside(&mut tracker, &client, &log).await,
            }
        }
    }
    if depth > 0 {
        client.batch_execute("ROLLBACK").await.unwrap();
    }
    compare(&mut tracker, &client, &log).await;
    assert_eq!(tracker.fingerprint(&first), entry, "history is lost");
    println!("{seed}: {succeeded} of {steps} succeeded, {} whole reads", tracker.whole_reads());
    assert!(succeeded * 5 > steps, "too many statements fail: {succeeded} of {steps}");
}

#[tokio::test]
async fn looks_equal_whole_fingerprints_after_anything() {
    let _alone = ALONE.lock().await;
    let seeds = std::env::var("TRACKER_SEEDS").map_or(2, |seeds| seeds.parse().unwrap());
    for seed in 1..=seeds {
        walk(seed, 250).await;
    }
}

/// Each statement alone, after a look at a database in which everything is: none is seen only because another came with it.
#[tokio::test]
async fn each_statement_alone_is_seen() {
    let _alone = ALONE.lock().await;
    let db = Db::empty_on(server().await).await;
    let client = db.dba().await;
    client.batch_execute(include_str!("tracker/begin.sql")).await.unwrap();
    client.batch_execute(include_str!("tracker/full.sql")).await.unwrap();
    let mut tracker = Tracker::by_versions();
    tracker.look(&client).await.unwrap();
    for sql in include_str!("tracker/alone.sql").lines() {
        if sql.is_empty() || sql.starts_with("--") {
            continue;
        }
        let before = tracker.look(&client).await.unwrap();
        let begun = Instant::now();
        client.batch_execute("BEGIN").await.unwrap();
        client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let log = [sql.to_owned()];
        compare_inside(&mut tracker, &client, &log).await;
        let after = tracker.look_inside(&client).await.unwrap();
        assert_ne!(before, after, "{sql} is not seen at all");
        assert_ne!(tracker.diff(&before, &after), [], "{sql}");
        client.batch_execute("ROLLBACK").await.unwrap();
        compare(&mut tracker, &client, &log).await;
        let back = tracker.look(&client).await.unwrap();
        assert_eq!(back.root, before.root, "{sql}");
        assert_eq!(tracker.diff(&before, &back), [], "{sql}");
        if std::env::var_os("TRACKER_SAYS").is_some() {
            eprintln!("{:?} {sql}", begun.elapsed());
        }
    }
}

#[tokio::test]
async fn a_look_that_finds_nothing_reads_nothing_and_leaves_nothing() {
    let _alone = ALONE.lock().await;
    let db = Db::empty_on(server().await).await;
    let client = db.dba().await;
    client.batch_execute(include_str!("tracker/begin.sql")).await.unwrap();
    let mut tracker = Tracker::by_versions();
    let first = tracker.look(&client).await.unwrap();
    // Rows, statistics and the like are no change.
    client.batch_execute("INSERT INTO t0 VALUES (1, 2); ANALYZE; REINDEX TABLE t0").await.unwrap();
    client.batch_execute("BEGIN; SET LOCAL \"TimeZone\" = 'Asia/Tokyo'").await.unwrap();
    let locks = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()";
    let before: i64 = client.query_one(locks, &[]).await.unwrap().get(0);
    let inside = tracker.look_inside(&client).await.unwrap();
    let after: i64 = client.query_one(locks, &[]).await.unwrap().get(0);
    assert_eq!(before, after);
    let zone: String = client.query_one("SHOW \"TimeZone\"", &[]).await.unwrap().get(0);
    assert_eq!(zone, "Asia/Tokyo");
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(inside, first);
    assert_eq!(tracker.whole_reads(), 1);
}

/// The time of a look beside whole fingerprints, in a database of this many tables.
async fn beside(tables: usize) {
    let db = Db::empty_on(server().await).await;
    let client = db.dba().await;
    let sql = include_str!("tracker/many.sql").replace("{tables}", &tables.to_string());
    client.batch_execute(&sql).await.unwrap();
    let begun = Instant::now();
    let (mut tracker, before) = Tracker::start(&client).await.unwrap();
    let started = begun.elapsed();
    let begun = Instant::now();
    fingerprint::take(&client, &Scope::All).await.unwrap();
    let whole = begun.elapsed();
    let mut times = Vec::new();
    for at in 0..5 {
        client.batch_execute(&format!("ALTER TABLE t7 ADD COLUMN more_{at} int")).await.unwrap();
        let begun = Instant::now();
        let after = tracker.look(&client).await.unwrap();
        let moved = begun.elapsed();
        assert_ne!(tracker.diff(&before, &after), []);
        let begun = Instant::now();
        tracker.look(&client).await.unwrap();
        times.push((moved, begun.elapsed()));
    }
    println!(
        "{tables} tables: start {started:?}, whole {whole:?}, looks after ADD COLUMN and after nothing {times:?}"
    );
    assert!(tables < 100 || tracker.whole_reads() == 1);
    let moved = times.iter().map(|(moved, _)| *moved).min().unwrap();
    assert!(tables < 1000 || moved * 3 < whole, "{moved:?} is not much less than {whole:?}");
}

#[tokio::test]
async fn a_look_costs_what_moved() {
    let _alone = ALONE.lock().await;
    for tables in [1, 30, 100, 1000] {
        beside(tables).await;
    }
}

#[tokio::test]
#[ignore = "makes 5,000 tables"]
async fn a_look_costs_what_moved_beside_5000_tables() {
    let _alone = ALONE.lock().await;
    beside(5000).await;
}
