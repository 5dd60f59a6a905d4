//! The owner-gated apply: in order, as rehearsed, before each door it stops, and back again.

use std::time::Duration;

use birthgate::Error;
use birthgate::apply::{self, Ended, Event, Options, Phase};
use birthgate::evidence_log;
use birthgate::fingerprint::{self, Scope};
use testkit::{Db, until};

use crate::signed::{DOORS, FILES, ORDERS, PACKET, Prepared, STEPS, options, orders, outcomes};

async fn objects(db: &Db) -> fingerprint::Fingerprint {
    let mut taken = fingerprint::take(&db.dba().await, &Scope::All).await.unwrap();
    // Roles and other databases are other tests' as well.
    let others = ["birthgate_evidence", "database ", "role ", "password "];
    taken.objects.retain(|name, _| !others.iter().any(|what| name.contains(what)));
    taken
}

fn stale<T: std::fmt::Debug>(outcome: Result<T, Error>, says: &str) {
    match outcome {
        Err(Error::Stale(why) | Error::Busy(why) | Error::NotSigned(why)) => {
            assert!(why.contains(says), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_stops_before_each_door_and_goes_back_as_far_as_none_is_shut() {
    let (db, prepared) = orders().await;
    let (database, client) = (db.database("postgres"), db.dba().await);
    let before = objects(&db).await;
    stale(prepared.apply(&database).await, "nobody has approved");
    prepared.approve(&client, &[]).await;

    let dry = prepared
        .apply_as(&database, &Options { dry_run: true, ..options() }, &mut |_| {})
        .await
        .unwrap();
    assert_eq!((dry.ended, dry.next.as_deref()), (Ended::DryRun, Some("check")));
    assert_eq!(before.diff(&objects(&db).await), [], "a dry run changes nothing");

    let until = Options { until: Some("index".to_owned()), ..options() };
    let first = prepared.apply_as(&database, &until, &mut |_| {}).await.unwrap();
    assert_eq!(outcomes(&first), ["column done", "index done"]);
    assert_eq!((first.ended, first.next.as_deref()), (Ended::Stopped, Some("function")));

    let second = prepared.apply(&database).await.unwrap();
    assert_eq!(outcomes(&second), ["column before", "index before", "function done", "rows done"]);
    assert_eq!((second.ended, second.next.as_deref()), (Ended::Stopped, Some("check")));
    assert!(second.why.unwrap().contains("the packet stops before it"));
    // Called again it stands where it stood.
    assert_eq!(prepared.apply(&database).await.unwrap().ended, Ended::Stopped);

    // All the way back: the database is what it was.
    let undone = prepared.undo(&database).await.unwrap();
    assert_eq!(
        outcomes(&undone),
        ["rows undone", "function undone", "index undone", "column undone"]
    );
    assert_eq!(undone.ended, Ended::Undone);
    assert_eq!(before.diff(&objects(&db).await), []);
    assert_eq!(db.value::<i64>("SELECT count(*) FROM orders WHERE note IS NOT NULL").await, 0);
    stale(prepared.undo(&database).await, "nothing of ORDERS is applied");

    // The approval is spent; a new one, with one door, then with the other.
    stale(prepared.apply(&database).await, "used by an apply that ended");
    prepared.approve(&client, &["check"]).await;
    let third = prepared.apply(&database).await.unwrap();
    assert_eq!((third.ended, third.next.as_deref()), (Ended::Stopped, Some("drop")));
    assert!(third.why.unwrap().contains("no way back through it"));
    prepared.approve(&client, &["drop"]).await;
    let done = prepared.apply(&database).await.unwrap();
    assert_eq!((done.ended, done.next.as_deref()), (Ended::Done, Some("AFTER")));
    assert_eq!(db.value::<i64>("SELECT count(*) FROM orders WHERE note = 'x'").await, 100);
    stale(prepared.apply(&database).await, "is applied already");

    // Back to the door that is shut, and no further.
    let back = prepared.undo(&database).await.unwrap();
    assert_eq!((back.ended, back.next.as_deref()), (Ended::Stopped, Some("drop")));
    assert!(back.why.unwrap().contains("no way back through drop"));

    let log = evidence_log::entries(&client, 0, None).await.unwrap();
    assert_eq!(evidence_log::verify(&log), Vec::<String>::new());
    assert_eq!(evidence_log::verify_signatures(&log, &prepared.owners), Vec::<String>::new());
    let status = apply::status(&database).await.unwrap();
    let ended: Vec<_> =
        status.runs.iter().map(|run| (run.ended.as_deref(), run.done.len())).collect();
    assert_eq!(ended, [(Some("undone"), 0), (Some("stopped"), 6)]);
}

#[tokio::test]
async fn what_changed_since_the_rehearsal_is_named() {
    for (change, says) in [
        ("ALTER TABLE orders ADD COLUMN mine int", "table public.orders: column mine changed"),
        ("CREATE INDEX mine ON orders (note)", "index public.mine should not be there"),
        (
            "CREATE OR REPLACE FUNCTION order_count() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 1::bigint'",
            "function public.order_count()",
        ),
        ("ALTER TABLE orders ENABLE ROW LEVEL SECURITY", "row security changed"),
        ("GRANT DELETE ON orders TO app", "acl app=DELETE/postgres changed"),
        (
            "CREATE TRIGGER mine BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "trigger mine on public.orders should not be there",
        ),
        (
            "CREATE RULE mine AS ON DELETE TO orders DO INSTEAD NOTHING",
            "rule mine on public.orders should not be there",
        ),
        ("ALTER TABLE orders RENAME TO others", "table public.orders is not there"),
    ] {
        let db = Db::empty().await;
        db.sql(ORDERS).await;
        let prepared = Prepared::new(&db, PACKET, FILES).await;
        prepared.approve(&db.dba().await, &[]).await;
        db.sql(change).await;
        let before = objects(&db).await;
        stale(prepared.apply(&db.database("postgres")).await, says);
        assert_eq!(before.diff(&objects(&db).await), [], "{change}");
    }
}

#[tokio::test]
async fn what_it_does_not_touch_may_change() {
    let (db, prepared) = orders().await;
    prepared.approve(&db.dba().await, &[]).await;
    db.sql("CREATE TABLE other (a int); INSERT INTO orders (code) VALUES ('new'); ANALYZE").await;
    db.sql("VACUUM orders").await;
    assert_eq!(prepared.apply(&db.database("postgres")).await.unwrap().ended, Ended::Stopped);
}

/// Two appliers: one carries on, the other is told who is at it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_one_applies_at_a_time() {
    let (db, prepared) = orders().await;
    let database = db.database("postgres");
    prepared.approve(&db.dba().await, &[]).await;
    let (there, wait) = std::sync::mpsc::channel::<()>();
    let (go, told) = std::sync::mpsc::channel::<()>();
    let other = db.database("postgres");
    let runtime = tokio::runtime::Handle::current();
    let subject = (prepared.packet.clone(), prepared.rehearsed.clone(), prepared.owners.clone());
    let second = std::thread::spawn(move || {
        wait.recv().unwrap();
        let subject_of = birthgate::approval::Subject { packet: &subject.0, rehearsed: &subject.1 };
        let outcome =
            runtime.block_on(apply::apply(&other, subject_of, &subject.2, &options(), &mut |_| {}));
        let status = runtime.block_on(apply::status(&other)).unwrap();
        go.send(()).unwrap();
        (outcome, status)
    });
    let mut once = false;
    let applied = prepared
        .apply_as(&database, &options(), &mut move |event| {
            if matches!(event, Event::Step { step: "function", phase: Phase::Performed }) && !once {
                once = true;
                there.send(()).unwrap();
                told.recv().unwrap();
            }
        })
        .await
        .unwrap();
    assert_eq!(applied.ended, Ended::Stopped);
    let (outcome, status) = second.join().unwrap();
    stale(outcome, "is applying in this database");
    assert!(status.running.is_some());
    assert_eq!(status.runs[0].ended, None, "it goes on");
    assert_eq!(status.runs[0].done, ["column", "index"]);
}

#[tokio::test]
async fn another_packet_waits_until_the_first_is_finished() {
    let (db, prepared) = orders().await;
    let database = db.database("postgres");
    let client = db.dba().await;
    prepared.approve(&client, &[]).await;
    prepared.apply(&database).await.unwrap();
    let packet = "macro = 'OTHER'\n[[step]]\nid = 'a'\ndo = 'a.sql'\nundo = 'u.sql'";
    let files = [("a.sql", "CREATE TABLE other (a int)"), ("u.sql", "DROP TABLE other")];
    let other = Prepared::new(&db, packet, &files).await;
    other.approve(&client, &[]).await;
    stale(other.apply(&database).await, "ORDERS is not finished here (4 of its steps are done)");
    prepared.undo(&database).await.unwrap();
    assert_eq!(other.apply(&database).await.unwrap().ended, Ended::Done);
}

/// A long transaction holds a lock: the apply tries again with short waits, nobody queues for longer than the budget, it
/// says who holds it, and goes through once it is let go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_not_to_be_had_is_waited_for_in_short_turns() {
    let (db, prepared) = orders().await;
    let database = db.database("postgres");
    prepared.approve(&db.dba().await, &[]).await;
    let holder = db.dba().await;
    holder.batch_execute("BEGIN; LOCK TABLE orders IN ROW EXCLUSIVE MODE").await.unwrap();

    let few = Options { attempts: 2, max_block: Duration::from_millis(100), ..options() };
    let given_up = prepared.apply_as(&database, &few, &mut |_| {}).await.unwrap();
    assert_eq!((given_up.ended, given_up.next.as_deref()), (Ended::Failed, Some("column")));
    let why = given_up.why.unwrap();
    assert!(why.contains("given up after 3 attempts") && why.contains("held by pid"), "{why}");
    let status = apply::status(&database).await.unwrap();
    assert_eq!((status.runs[0].ended.as_deref(), status.runs[0].done.len()), (Some("failed"), 0));

    // A writer comes in between all the time.
    let mut waited = Duration::ZERO;
    let writer = crate::rehearsal::writer(
        &db,
        "INSERT INTO orders (code) SELECT 'w' || random(); DELETE FROM orders WHERE code LIKE 'w%'",
    );
    let mut attempts = 0;
    let holder = std::sync::Mutex::new(Some(holder));
    let applied = prepared
        .apply_as(
            &database,
            &Options { max_block: Duration::from_millis(100), ..options() },
            &mut |event| {
                if let Event::Again { why, .. } = event {
                    assert!(why.contains("held by") || why.contains("it blocked"), "{why}");
                    attempts += 1;
                    if attempts == 2 {
                        // The connection closes, and the transaction ends.
                        holder.lock().unwrap().take();
                    }
                }
            },
        )
        .await
        .unwrap();
    writer.0.send(()).unwrap();
    let (times, longest) = writer.1.await.unwrap();
    waited = waited.max(longest);
    assert_eq!(applied.ended, Ended::Stopped, "{applied:?}");
    assert!(attempts >= 2 && times > 5, "{attempts} {times}");
    assert!(waited < Duration::from_millis(900), "a writer waited {waited:?}");
}

/// A transaction locks in another order than the step: nobody is a deadlock's victim, however large the budget; the step lets go
/// before PostgreSQL looks for one. Of a partitioned table the parent is locked first, as everybody does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_the_victim_of_a_deadlock() {
    let db = Db::empty().await;
    db.sql("CREATE TABLE b (x int); CREATE TABLE parted (x int) PARTITION BY LIST (x); CREATE TABLE a_part PARTITION OF parted DEFAULT").await;
    let packet = "macro = 'BOTH'\n[[step]]\nid = 'both'\ndo = 'a.sql'\nundo = 'u.sql'";
    let files = [
        ("a.sql", "ALTER TABLE b ADD y int; ALTER TABLE parted ADD y int"),
        ("u.sql", "ALTER TABLE b DROP y; ALTER TABLE parted DROP y"),
    ];
    let prepared = Prepared::new(&db, packet, &files).await;
    for (holds, wants) in [("b", "parted"), ("parted", "b"), ("parted", "a_part"), ("a_part", "b")]
    {
        let other = db.dba().await;
        prepared.approve(&other, &[]).await;
        let lock = |table: &str| format!("LOCK TABLE ONLY {table} IN ROW EXCLUSIVE MODE");
        other.batch_execute(&format!("BEGIN; {}", lock(holds))).await.unwrap();
        let database = db.database("postgres");
        let waits = async {
            let sql =
                "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted";
            until(&format!("the step waits for {holds}"), async || db.value::<i64>(sql).await > 0)
                .await;
            other.batch_execute(&lock(wants)).await.unwrap();
            other.batch_execute("COMMIT").await.unwrap();
        };
        let options = Options { max_block: Duration::from_secs(10), ..options() };
        let mut see = |event: &Event<'_>| {
            if let Event::Again { why, .. } = event {
                assert!(!why.contains("deadlock"), "{holds}, {wants}: {why}");
            }
        };
        let (applied, ()) = tokio::join!(prepared.apply_as(&database, &options, &mut see), waits);
        assert_eq!(applied.unwrap().ended, Ended::Done, "{holds}, {wants}");
        assert_eq!(prepared.undo(&database).await.unwrap().ended, Ended::Undone);
    }
}

/// Without a budget the same step would keep everybody waiting for as long as it takes.
#[tokio::test]
async fn a_step_that_keeps_others_waiting_is_rolled_back() {
    let db = Db::empty().await;
    db.sql(ORDERS).await;
    let packet =
        "macro = 'SLOW'\n[[step]]\nid = 'a'\ndo = 'a.sql'\nundo = 'u.sql'\nverify = 'v.sql'";
    let files = [
        ("a.sql", "ALTER TABLE orders ADD COLUMN size integer"),
        ("u.sql", "ALTER TABLE orders DROP COLUMN size"),
        ("v.sql", "SELECT pg_sleep(0.4) IS NOT NULL"),
    ];
    let prepared = Prepared::new(&db, packet, &files).await;
    prepared.approve(&db.dba().await, &[]).await;
    let database = db.database("postgres");
    for (max_block, ended) in [(100, Ended::Failed), (5_000, Ended::Done)] {
        let writer =
            crate::rehearsal::writer(&db, "INSERT INTO orders (code) SELECT 'w' || random()");
        let options =
            Options { max_block: Duration::from_millis(max_block), attempts: 1, ..options() };
        let applied = prepared.apply_as(&database, &options, &mut |_| {}).await.unwrap();
        writer.0.send(()).unwrap();
        let (_, longest) = writer.1.await.unwrap();
        assert_eq!(applied.ended, ended, "{applied:?}");
        let kept_short = longest < Duration::from_millis(300);
        assert_eq!(kept_short, ended == Ended::Failed, "{longest:?}");
    }
}

/// A DBA changes the same object between two steps, and between the look and the step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dba_changes_meanwhile_stops_it() {
    let change = "CREATE OR REPLACE FUNCTION order_count() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 2::bigint'";
    let (db, prepared) = orders().await;
    let database = db.database("postgres");
    prepared.approve(&db.dba().await, &[]).await;
    let runtime = tokio::runtime::Handle::current();
    let dba = db.dba().await;
    let applied = prepared
        .apply_as(&database, &options(), &mut |event| {
            if matches!(event, Event::Step { step: "function", phase: Phase::Begins }) {
                let run = async { dba.batch_execute(change).await.unwrap() };
                tokio::task::block_in_place(|| runtime.block_on(run));
            }
        })
        .await
        .unwrap();
    assert_eq!((applied.ended, applied.next.as_deref()), (Ended::Failed, Some("function")));
    assert!(applied.why.unwrap().contains("function public.order_count()"));
    let source: String = db.value("SELECT prosrc FROM pg_proc WHERE proname = 'order_count'").await;
    assert_eq!(source, "SELECT 2::bigint", "what the DBA did is not overwritten");
    stale(prepared.apply(&database).await, "function public.order_count()");
    db.sql("CREATE OR REPLACE FUNCTION order_count() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.orders'").await;
    assert_eq!(prepared.apply(&database).await.unwrap().ended, Ended::Stopped);
}

/// Somebody carried a step out by hand, exactly as it was rehearsed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_somebody_did_by_hand_is_recognised() {
    let (db, prepared) = orders().await;
    let database = db.database("postgres");
    prepared.approve(&db.dba().await, &[]).await;
    let runtime = tokio::runtime::Handle::current();
    let dba = db.dba().await;
    let mut done: Vec<String> = Vec::new();
    let applied = prepared
        .apply_as(&database, &options(), &mut |event| {
            let Event::Step { step, phase: Phase::Begins } = event else { return };
            let by_hand = FILES.iter().find(|(name, _)| *name == format!("{step}.sql"));
            if let (Some((_, sql)), false) =
                (by_hand, done.contains(&(*step).to_owned()) || *step == "rows")
            {
                done.push((*step).to_owned());
                tokio::task::block_in_place(|| runtime.block_on(dba.batch_execute(sql)).unwrap());
            }
        })
        .await
        .unwrap();
    assert_eq!(
        outcomes(&applied),
        ["column recognised", "index recognised", "function recognised", "rows done"]
    );
}

/// A step that does something else than it did in the rehearsal leaves nothing behind.
#[tokio::test]
async fn a_step_that_ends_otherwise_than_rehearsed_is_rolled_back() {
    let db = Db::empty().await;
    db.sql(ORDERS).await;
    // What it does depends on rows, which change after the rehearsal.
    let packet = "macro = 'FICKLE'\n[[step]]\nid = 'a'\ndo = 'a.sql'\nundo = 'u.sql'";
    let files = [
        (
            "a.sql",
            "DO $$ BEGIN IF (SELECT count(*) FROM orders) = 500 THEN ALTER TABLE orders ADD COLUMN size integer; ELSE ALTER TABLE orders ADD COLUMN size text; END IF; END $$",
        ),
        ("u.sql", "ALTER TABLE orders DROP COLUMN size"),
    ];
    let prepared = Prepared::new(&db, packet, &files).await;
    prepared.approve(&db.dba().await, &[]).await;
    db.sql("DELETE FROM orders WHERE id = 1").await;
    let before = objects(&db).await;
    let applied = prepared.apply(&db.database("postgres")).await.unwrap();
    assert_eq!(applied.ended, Ended::Failed);
    assert!(
        applied
            .why
            .unwrap()
            .contains("after a this is not as rehearsed: table public.orders: column size changed")
    );
    assert_eq!(before.diff(&objects(&db).await), []);
    db.sql("INSERT INTO orders (code) VALUES ('again')").await;
    assert_eq!(prepared.apply(&db.database("postgres")).await.unwrap().ended, Ended::Done);
}

/// A unique index whose rows do not allow it, in the middle of its build: what is half made goes, and it says why.
#[tokio::test]
async fn a_half_made_index_is_cleaned_away() {
    let (db, prepared) = orders().await;
    let database = db.database("postgres");
    prepared.approve(&db.dba().await, &[]).await;
    db.sql("INSERT INTO orders (code) VALUES ('O-1')").await;
    let applied = prepared.apply(&database).await.unwrap();
    assert_eq!((applied.ended, applied.next.as_deref()), (Ended::Failed, Some("index")));
    let why = applied.why.unwrap();
    assert!(
        why.contains("could not create unique index")
            && why.contains("public.orders_code was half made"),
        "{why}"
    );
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(db.value::<i64>(invalid).await, 0);
    let log = evidence_log::entries(&db.dba().await, 0, None).await.unwrap();
    assert!(
        log.iter().all(|entry| !entry.body.contains("O-1")),
        "no row's value is in the evidence log"
    );
    db.sql("DELETE FROM orders WHERE id > 500").await;
    assert_eq!(
        outcomes(&prepared.apply(&database).await.unwrap()),
        ["column before", "index done", "function done", "rows done"]
    );
}

#[tokio::test]
async fn who_owns_the_objects_can_apply() {
    let db = Db::empty().await;
    db.sql(ORDERS).await;
    db.sql("ALTER TABLE orders OWNER TO thing_owner; ALTER FUNCTION order_count() OWNER TO thing_owner; GRANT CREATE ON SCHEMA public TO thing_owner; DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO thing_owner', current_database()); END $$").await;
    let folder = tempfile::tempdir().unwrap();
    let path = crate::signed::write(&folder.path().join("packet"), PACKET, FILES);
    let owner = db.database("thing_owner");
    let (packet, rehearsed) =
        crate::signed::rehearse(&owner, &path, &folder.path().join("evidence")).await;
    let key = crate::signed::Key::ed25519("ada");
    let owners = crate::signed::owners(&[&key]);
    let prepared = Prepared { folder, packet, rehearsed, key, owners };
    let client = db.connect("thing_owner").await;
    prepared.approve(&client, &DOORS).await;
    let applied = prepared.apply(&owner).await.unwrap();
    assert_eq!(applied.ended, Ended::Done, "{applied:?}");
    assert_eq!(applied.steps.len(), STEPS.len());
}

/// The objects are those after the step, and its rows are not: it is not taken for done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_a_step_done_by_hand_is_not_recognised() {
    let packet = |verify: &str| {
        format!("macro = 'HALF'\n[[step]]\nid = 'a'\ndo = 'a.sql'\nundo = 'u.sql'\n{verify}")
    };
    let files = [
        ("a.sql", "ALTER TABLE orders ADD COLUMN size integer; UPDATE orders SET size = 1"),
        ("u.sql", "ALTER TABLE orders DROP COLUMN size"),
        ("v.sql", "SELECT count(*) = 0 FROM orders WHERE size IS NULL"),
    ];
    for (verify, whole, says) in [
        ("", false, "nothing tells whether its rows are"),
        ("verify = 'v.sql'", false, "nothing tells whether its rows are"),
        ("verify = 'v.sql'", true, "recognised"),
    ] {
        let db = Db::empty().await;
        db.sql(ORDERS).await;
        let prepared = Prepared::new(&db, &packet(verify), &files).await;
        prepared.approve(&db.dba().await, &[]).await;
        let runtime = tokio::runtime::Handle::current();
        let dba = db.dba().await;
        let by_hand = if whole { files[0].1 } else { "ALTER TABLE orders ADD COLUMN size integer" };
        let mut done = false;
        let applied = prepared
            .apply_as(&db.database("postgres"), &options(), &mut |event| {
                if matches!(event, Event::Step { phase: Phase::Begins, .. }) && !done {
                    done = true;
                    tokio::task::block_in_place(|| {
                        runtime.block_on(dba.batch_execute(by_hand)).unwrap()
                    });
                }
            })
            .await
            .unwrap();
        let told = format!("{:?} {:?}", applied.why, outcomes(&applied));
        assert!(told.contains(says), "{verify} {whole}: {told}");
        assert_eq!(applied.ended, if whole { Ended::Done } else { Ended::Failed });
    }
}
