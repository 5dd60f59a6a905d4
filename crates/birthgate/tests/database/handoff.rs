//! The handoff: everything that was committed, in order of each entity, to each sink, whatever happens.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use birthgate::exposition::Exposition;
use birthgate::handoff::{self, Cursor, Event, Handoff, Since, Sink, SinkError, Start};
use birthgate::preflight::Ospa;
use birthgate::{Database, Error, evidence_log};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use testkit::{Db, PhysicalCopy, Server, connect, until};

/// A sink that keeps what it is given in memory.
#[derive(Clone, Default)]
pub struct Memory {
    events: Arc<Mutex<Vec<Event>>>,
    /// Why it takes nothing.
    fails: Arc<Mutex<Option<String>>>,
}

impl Memory {
    pub fn json(&self) -> Vec<serde_json::Value> {
        let events = self.events.lock().unwrap();
        events.iter().map(|event| serde_json::from_str(&event.json).unwrap()).collect()
    }

    /// What happened, in words: `birth thing/A`.
    pub fn told(&self) -> Vec<String> {
        let word = |event: &serde_json::Value| {
            let subject = event["subject"].as_str().unwrap_or("-");
            let what = event["data"]["action"].as_str().unwrap_or("birth");
            format!("{what} {subject}")
        };
        self.json().iter().map(word).collect()
    }
}

impl Sink for Memory {
    fn open(&mut self) -> BoxFuture<'_, Result<Option<Cursor>, SinkError>> {
        self.position()
    }

    fn position(&mut self) -> BoxFuture<'_, Result<Option<Cursor>, SinkError>> {
        let last = self.events.lock().unwrap().last().map(|event| event.cursor.clone());
        async { Ok(last) }.boxed()
    }

    fn deliver<'a>(&'a mut self, events: &'a [Event]) -> BoxFuture<'a, Result<(), SinkError>> {
        let why = self.fails.lock().unwrap().clone();
        if why.is_none() {
            self.events.lock().unwrap().extend_from_slice(events);
        }
        async { why.map_or(Ok(()), |why| Err(SinkError::Unavailable(why))) }.boxed()
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}

pub fn handoff(database: Database, start: Start) -> Handoff {
    Handoff::new(database, "//birthgate/test".to_owned(), Ospa::default(), start)
}

/// Hands off to a capture sink what there is.
async fn once(db: &Db, sink: &Memory) -> Result<(), Error> {
    let mut handoff = handoff(db.database("postgres"), Start::Everything);
    handoff.add("memory", true, Box::new(sink.clone()), None);
    handoff.run(true).await
}

const BEAR: &str = "INSERT INTO thing (code) SELECT c FROM unnest(ARRAY[{codes}]) AS c, LATERAL birthgate.permit_hold('thing', c)";

fn bear(codes: &str) -> String {
    BEAR.replace("{codes}", codes)
}

#[tokio::test]
async fn births_and_what_became_of_them() {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    let sink = Memory::default();
    app.batch_execute(&bear("'A', 'B', 'C'")).await.unwrap();
    once(&db, &sink).await.unwrap();
    assert_eq!(sink.told(), ["birth thing/A", "birth thing/B", "birth thing/C"]);
    app.batch_execute(
        "SELECT birthgate.retire('thing', 'A'); SELECT birthgate.rename('thing', 'B', 'D')",
    )
    .await
    .unwrap();
    once(&db, &sink).await.unwrap();
    assert_eq!(sink.told()[3..], ["birth thing/D", "retire thing/A", "rename thing/B"]);
    // Nothing new, nothing given.
    once(&db, &sink).await.unwrap();
    assert_eq!(sink.told().len(), 6);

    let birth = &sink.json()[0];
    let permit = db
        .value::<i64>("SELECT permit_id FROM birthgate.birth_registry WHERE entity_code = 'A'")
        .await;
    assert_eq!(birth["specversion"], "1.0");
    assert_eq!(birth["source"], "//birthgate/test");
    assert_eq!(birth["type"], "birthgate.birth.v1");
    assert_eq!(birth["activation"], "capture_only");
    assert_eq!(birth["data"]["permit_id"], permit);
    assert_eq!(birth["data"]["origin"], "permit");
    // Whatever became of a birth, its event is the same.
    let again = Memory::default();
    once(&db, &again).await.unwrap();
    assert_eq!(again.json()[0], *birth);
    let ids = |sink: &Memory| {
        let mut ids: Vec<String> =
            sink.events.lock().unwrap().iter().map(|event| event.id.clone()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&again), ids(&sink));
}

/// What holds an id back, and how it then ends.
async fn held_back(hold: &str, release: &str, then: &[&str]) {
    let db = Db::governed("statement").await;
    let (first, second) = (db.connect("app").await, db.connect("app").await);
    let sink = Memory::default();
    let mut handoff = handoff(db.database("postgres"), Start::Everything);
    let view = handoff.view();
    handoff.add("memory", true, Box::new(sink.clone()), None);
    let running = tokio::spawn(handoff.run(false));
    first.batch_execute(&bear("'before'")).await.unwrap();
    until("the first birth", async || sink.told().len() == 1).await;
    first.batch_execute(&hold.replace("{bear}", &bear("'held'"))).await.unwrap();
    second.batch_execute(&bear("'after'")).await.unwrap();
    // The one that looks past what it saw takes the later one, and has lost the other.
    let naive: i64 = db.value("SELECT max(id) FROM birthgate.birth_registry").await;
    let held = "SELECT min(n) FROM generate_series(1, 100) AS n WHERE NOT EXISTS (SELECT FROM birthgate.birth_registry WHERE id = n)";
    assert!(db.value::<i32>(held).await < naive as i32, "the held id is below");
    until("the stall is told", async || view.borrow().stalled.is_some()).await;
    assert_eq!(sink.told(), ["birth thing/before"]);
    let stalled = view.borrow().stalled.clone().unwrap();
    let seen = handoff::stalled(&db.dba().await).await.unwrap().unwrap();
    for told in [&stalled, &seen] {
        assert!(told.seconds >= 1.0);
        let holder = &told.holders[0];
        match hold.contains("PREPARE") {
            true => assert_eq!(holder.prepared.as_deref(), Some("held")),
            false => {
                assert_eq!(holder.login.as_deref(), Some("app"));
                assert!(holder.pid.is_some() && holder.query_start.is_some());
                assert_eq!(holder.state.as_deref(), Some("idle in transaction"));
            }
        }
    }
    first.batch_execute(release).await.unwrap();
    until("the rest", async || sink.told().len() == then.len()).await;
    assert_eq!(sink.told(), then);
    until("the stall is over", async || view.borrow().stalled.is_none()).await;
    running.abort();
}

#[tokio::test]
async fn nothing_is_passed_over_that_commits_later() {
    let both = ["birth thing/before", "birth thing/held", "birth thing/after"];
    held_back("BEGIN; {bear}", "COMMIT", &both).await;
}

#[tokio::test]
async fn what_rolls_back_is_waited_for_and_never_told() {
    let one = ["birth thing/before", "birth thing/after"];
    held_back("BEGIN; {bear}", "ROLLBACK", &one).await;
    let savepoint = "BEGIN; SAVEPOINT s; {bear}";
    held_back(savepoint, "ROLLBACK TO s; COMMIT", &one).await;
}

#[tokio::test]
async fn a_prepared_transaction_is_waited_for() {
    let both = ["birth thing/before", "birth thing/held", "birth thing/after"];
    held_back("BEGIN; {bear}; PREPARE TRANSACTION 'held'", "COMMIT PREPARED 'held'", &both).await;
}

#[tokio::test]
async fn preparing_a_transaction_does_not_get_it_past_the_fence() {
    let db = Db::governed("statement").await;
    let (first, second) = (db.connect("app").await, db.connect("app").await);
    let sink = Memory::default();
    let mut handoff = handoff(db.database("postgres"), Start::Everything);
    let view = handoff.view();
    handoff.add("memory", true, Box::new(sink.clone()), None);
    let running = tokio::spawn(handoff.run(false));
    first.batch_execute(&format!("BEGIN; {}", bear("'held'"))).await.unwrap();
    second.batch_execute(&bear("'after'")).await.unwrap();
    until("the fence waits", async || view.borrow().stalled.is_some()).await;
    // It was waited for as a session's; now no session has it any more.
    first.batch_execute("PREPARE TRANSACTION 'moved'").await.unwrap();
    until("the fence waits for what was prepared", async || {
        let view = view.borrow();
        view.stalled.as_ref().is_some_and(|stalled| {
            stalled.holders.first().is_some_and(|one| one.prepared.as_deref() == Some("moved"))
        })
    })
    .await;
    assert_eq!(sink.told(), [""; 0]);
    second.batch_execute("COMMIT PREPARED 'moved'").await.unwrap();
    until("both", async || sink.told() == ["birth thing/held", "birth thing/after"]).await;
    running.abort();
}

#[tokio::test]
async fn an_insert_into_a_part_of_the_registry_is_waited_for() {
    let db = Db::governed("statement").await;
    db.sql("CREATE TABLE birthgate.part () INHERITS (birthgate.birth_registry)").await;
    let (first, second) = (db.dba().await, db.connect("app").await);
    first
        .batch_execute("BEGIN; INSERT INTO birthgate.part (id, entity_code, collection_name) SELECT nextval('birthgate.birth_registry_id_seq'), 'held', 'elsewhere'")
        .await
        .unwrap();
    second.batch_execute(&bear("'after'")).await.unwrap();
    let sink = Memory::default();
    let mut handoff = handoff(db.database("postgres"), Start::Everything);
    let view = handoff.view();
    handoff.add("memory", true, Box::new(sink.clone()), None);
    let running = tokio::spawn(handoff.run(false));
    until("the fence waits", async || view.borrow().stalled.is_some()).await;
    assert_eq!(sink.told(), [""; 0]);
    first.batch_execute("COMMIT").await.unwrap();
    until("both", async || sink.told() == ["birth elsewhere/held", "birth thing/after"]).await;
    running.abort();
}

#[tokio::test]
async fn a_change_never_comes_before_its_birth() {
    let db = Db::governed("statement").await;
    let (first, second) = (db.connect("app").await, db.connect("app").await);
    let sink = Memory::default();
    let mut handoff = handoff(db.database("postgres"), Start::Everything);
    handoff.add("memory", true, Box::new(sink.clone()), None);
    let mut running = tokio::spawn(handoff.run(false));
    // The births wait for somebody; the change of one of them waits for nobody.
    first.batch_execute(&format!("BEGIN; {}", bear("'held'"))).await.unwrap();
    second.batch_execute(&bear("'A'")).await.unwrap();
    second.batch_execute("SELECT birthgate.retire('thing', 'A')").await.unwrap();
    // Long enough for many looks.
    let looks = tokio::time::timeout(Duration::from_millis(400), &mut running).await;
    assert!(looks.is_err());
    assert_eq!(sink.told(), [""; 0]);
    running.abort();
    let _ = running.await;
    first.batch_execute("COMMIT").await.unwrap();
    until("let go", async || once(&db, &sink).await.is_ok()).await;
    assert_eq!(sink.told(), ["birth thing/held", "birth thing/A", "retire thing/A"]);
}

#[tokio::test]
async fn governance_begins_with_a_first_approval_and_misses_nothing() {
    let db = Db::governed("statement").await;
    db.sql("CREATE TABLE os_proposal_approvals (approver_kind text)").await;
    let app = db.connect("app").await;
    let (capture, governance) = (Memory::default(), Memory::default());
    let mut handoff = handoff(db.database("postgres"), Start::Now);
    app.batch_execute(&bear("'before'")).await.unwrap();
    let told = handoff.governance();
    handoff.add("capture", true, Box::new(capture.clone()), None);
    handoff.add("governance", false, Box::new(governance.clone()), None);
    let statuses = handoff.statuses();
    let running = tokio::spawn(handoff.run(false));
    until("it has begun", async || told.borrow().activation.is_some()).await;
    app.batch_execute(&bear("'A'")).await.unwrap();
    until("captured", async || capture.told() == ["birth thing/A"]).await;
    // An agent is no person.
    db.sql("INSERT INTO os_proposal_approvals VALUES ('agent')").await;
    app.batch_execute(&bear("'B'")).await.unwrap();
    until("captured", async || capture.told().len() == 2).await;
    assert_eq!(governance.told(), [""; 0]);
    assert!(statuses[1].lock().unwrap().problem.as_deref().unwrap().contains("capture-only"));
    db.sql("INSERT INTO os_proposal_approvals VALUES ('human')").await;
    until("active", async || governance.told().len() == 2).await;
    app.batch_execute(&bear("'C'")).await.unwrap();
    until("both", async || governance.told().len() == 3 && capture.told().len() == 3).await;
    // From where the capture began, not from before, and not from now.
    assert_eq!(governance.told(), ["birth thing/A", "birth thing/B", "birth thing/C"]);
    let activations = |sink: &Memory| -> Vec<String> {
        sink.json().iter().map(|event| event["activation"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(activations(&capture), ["capture_only", "capture_only", "active"]);
    assert_eq!(activations(&governance), ["active", "active", "active"]);
    running.abort();
    let log = evidence_log::entries(&db.dba().await, 0, Some(&["handoff"])).await.unwrap();
    let what: Vec<String> =
        log.iter().map(|entry| entry.json()["what"].as_str().unwrap().to_owned()).collect();
    assert_eq!(what, ["beginning", "activation"]);
    // What was activated stays so.
    db.sql("DELETE FROM os_proposal_approvals").await;
    assert!(handoff::activation(&db.dba().await).await.unwrap().active.is_some());
}

/// With no sink that captures, a run that is to end does not end before the approvals were looked at.
#[tokio::test]
async fn one_run_is_enough_to_see_an_approval() {
    let db = Db::governed("statement").await;
    db.sql("CREATE TABLE os_proposal_approvals AS SELECT 'human' AS approver_kind").await;
    db.connect("app").await.batch_execute(&bear("'A'")).await.unwrap();
    let governance = Memory::default();
    let mut handoff = handoff(db.database("postgres"), Start::Everything);
    handoff.add("governance", false, Box::new(governance.clone()), None);
    handoff.run(true).await.unwrap();
    assert_eq!(governance.told(), ["birth thing/A"]);
}

#[tokio::test]
async fn one_sink_that_fails_stops_no_other() {
    let db = Db::governed("statement").await;
    let (good, bad) = (Memory::default(), Memory::default());
    *bad.fails.lock().unwrap() = Some("out of order".to_owned());
    let mut handoff = handoff(db.database("postgres"), Start::Everything);
    handoff.add("bad", true, Box::new(bad.clone()), None);
    handoff.add("good", true, Box::new(good.clone()), None);
    let (view, governance, statuses) = (handoff.view(), handoff.governance(), handoff.statuses());
    let running = tokio::spawn(handoff.run(false));
    db.connect("app").await.batch_execute(&bear("'A', 'B'")).await.unwrap();
    until("the good one", async || good.told().len() == 2).await;
    until("the bad one", async || statuses[0].lock().unwrap().problem.is_some()).await;
    until("the metrics", async || {
        let mut metrics = Exposition::default();
        handoff::metrics(&view.borrow(), &governance.borrow(), &statuses, &mut metrics);
        let metrics = metrics.text();
        metrics.contains("birthgate_handoff_sink_up{sink=\"bad\"} 0")
            && metrics.contains("birthgate_handoff_delivered_total{sink=\"good\"} 2")
    })
    .await;
    *bad.fails.lock().unwrap() = None;
    until("the other one", async || bad.told() == good.told()).await;
    running.abort();
    *bad.fails.lock().unwrap() = Some("out of order".to_owned());
    db.connect("app").await.batch_execute(&bear("'C'")).await.unwrap();
    let failed = once(&db, &bad).await;
    assert!(matches!(failed, Err(Error::Sink { .. })), "{failed:?}");
}

#[tokio::test]
async fn a_sink_is_served_by_one_run_at_a_time() {
    let db = Db::governed("statement").await;
    let sink = Memory::default();
    let mut first = handoff(db.database("postgres"), Start::Everything);
    first.add("memory", true, Box::new(sink.clone()), None);
    let running = tokio::spawn(first.run(false));
    db.connect("app").await.batch_execute(&bear("'A'")).await.unwrap();
    until("served", async || sink.told().len() == 1).await;
    let second = once(&db, &sink).await;
    assert!(matches!(second, Err(Error::Busy(_))), "{second:?}");
    running.abort();
    let _ = running.await;
    until("let go", async || once(&db, &sink).await.is_ok()).await;
    assert_eq!(sink.told().len(), 1);
}

#[tokio::test]
async fn replays_from_an_event_and_from_a_time() {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    let sink = Memory::default();
    app.batch_execute(&bear("'A', 'B'")).await.unwrap();
    let time: SystemTime = db.value("SELECT clock_timestamp()").await;
    app.batch_execute("SELECT birthgate.retire('thing', 'A')").await.unwrap();
    app.batch_execute(&bear("'C'")).await.unwrap();
    once(&db, &sink).await.unwrap();
    let all = sink.told();
    assert_eq!(all, ["birth thing/A", "birth thing/B", "birth thing/C", "retire thing/A"]);
    let ids: Vec<String> = sink.events.lock().unwrap().iter().map(|one| one.id.clone()).collect();
    let dba = db.dba().await;
    let again = async |since: Since| {
        let from = handoff::rewind(&dba, &since).await.unwrap();
        let told = sink.told().len();
        let mut handoff = handoff(db.database("postgres"), Start::Everything);
        handoff.add("memory", true, Box::new(sink.clone()), Some(from));
        handoff.run(true).await.unwrap();
        sink.told()[told..].to_vec()
    };
    assert_eq!(again(Since::Everything).await, all);
    assert_eq!(again(Since::Time(time)).await, ["birth thing/C", "retire thing/A"]);
    assert_eq!(again(Since::Event(ids[1].clone())).await, all[1..]);
    assert_eq!(again(Since::Event(ids[3].clone())).await, ["birth thing/C", "retire thing/A"]);
    assert_eq!(again(Since::Time(SystemTime::now() + Duration::from_secs(60))).await, [""; 0]);
    // Afterwards it goes on where it was.
    once(&db, &sink).await.unwrap();
    assert_eq!(sink.told().len(), 4 + (4 + 2 + 3 + 2));
    for bad in ["birth-1", "birth-1-0000000000000000", "death-1-0000000000000000", ""] {
        let refused = handoff::rewind(&dba, &Since::Event(bad.to_owned())).await;
        assert!(matches!(refused, Err(Error::BadInput(_))), "{bad}: {refused:?}");
    }
}

#[tokio::test]
async fn a_database_that_lost_what_was_handed_off_is_found_out() {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    let sink = Memory::default();
    app.batch_execute(&bear("'A', 'B'")).await.unwrap();
    once(&db, &sink).await.unwrap();
    // As a restore to an earlier time leaves it, and then as it goes on with the same ids.
    let lose = "SET session_replication_role = replica; ALTER TABLE birthgate.birth_registry DISABLE TRIGGER ALL;
                DELETE FROM birthgate.birth_registry WHERE entity_code = 'B'; ALTER TABLE birthgate.birth_registry ENABLE ALWAYS TRIGGER zz_birthgate_birth_bound";
    db.sql(lose).await;
    let lost = once(&db, &sink).await;
    assert!(matches!(&lost, Err(Error::Stale(why)) if why.contains("restored")), "{lost:?}");
    db.sql("SET session_replication_role = replica; INSERT INTO birthgate.birth_registry (id, entity_code, collection_name) VALUES (2, 'other', 'elsewhere')").await;
    let lost = once(&db, &sink).await;
    assert!(matches!(&lost, Err(Error::Stale(why)) if why.contains("restored")), "{lost:?}");
    assert_eq!(sink.told().len(), 2);
}

#[tokio::test]
async fn ids_that_are_not_given_in_order_are_refused() {
    let db = Db::governed("statement").await;
    db.sql("ALTER SEQUENCE birthgate.birth_registry_id_seq CACHE 20").await;
    let refused = once(&db, &Memory::default()).await;
    assert!(refused.unwrap_err().to_string().contains("CACHE 1"));
    db.sql("ALTER SEQUENCE birthgate.birth_registry_id_seq CACHE 1; ALTER TABLE birthgate.registry_changelog DROP CONSTRAINT registry_changelog_pkey").await;
    let refused = once(&db, &Memory::default()).await;
    assert!(refused.unwrap_err().to_string().contains("no index on id"));
}

#[tokio::test]
async fn who_may_hand_off_needs_no_more_than_a_registrar_has() {
    let db = Db::governed("statement").await;
    db.sql("DO $$ BEGIN IF to_regrole('handing_off') IS NULL THEN CREATE ROLE handing_off LOGIN; END IF; END $$;
            GRANT birthgate_registrar, birthgate_auditor TO handing_off")
        .await;
    db.connect("app").await.batch_execute(&bear("'A'")).await.unwrap();
    let sink = Memory::default();
    let mut one = handoff(db.database("handing_off"), Start::Everything);
    one.add("memory", true, Box::new(sink.clone()), None);
    one.run(true).await.unwrap();
    assert_eq!(sink.told(), ["birth thing/A"]);
    // Approvals that it may not read hold up governance, and not the capture.
    db.sql("CREATE TABLE os_proposal_approvals (approver_kind text)").await;
    db.connect("app").await.batch_execute(&bear("'B'")).await.unwrap();
    let mut one = handoff(db.database("handing_off"), Start::Everything);
    let governance = one.governance();
    one.add("memory", true, Box::new(sink.clone()), None);
    let running = tokio::spawn(one.run(false));
    until("captured", async || sink.told().len() == 2).await;
    until("told why", async || {
        governance.borrow().problem.as_ref().is_some_and(|why| why.contains("permission denied"))
    })
    .await;
    running.abort();
    // An application's role sees none of it.
    let mut one = handoff(db.database("app"), Start::Everything);
    one.add("memory", true, Box::new(Memory::default()), None);
    assert!(one.run(true).await.is_err());
}

#[tokio::test]
async fn a_standby_is_no_place_to_look_from() {
    let server = tokio::task::spawn_blocking(|| {
        std::thread::spawn(|| Box::leak(Box::new(Server::own(&[])))).join().unwrap()
    });
    let server: &'static Server = server.await.unwrap();
    let db = Db::birth_on(server).await;
    db.govern_thing(|_| {}).await;
    db.connect("app").await.batch_execute(&bear("'A'")).await.unwrap();
    let sink = Memory::default();
    once(&db, &sink).await.unwrap();
    let name = db.config("postgres").get_dbname().unwrap().to_owned();
    let folder = PhysicalCopy::take(server).await;
    let copy = PhysicalCopy::start(server, folder, Some("standby.signal"), "").await;
    let standby = Database::new(copy.config(&name, "postgres")).unwrap();
    let mut handoff = handoff(standby, Start::Everything);
    handoff.add("memory", true, Box::new(sink.clone()), None);
    let refused = handoff.run(true).await.unwrap_err().to_string();
    assert!(refused.contains("standby"), "{refused}");
}

#[tokio::test]
async fn a_sink_does_not_read_from_a_server_that_was_left() {
    let server = tokio::task::spawn_blocking(|| {
        std::thread::spawn(|| Box::leak(Box::new(Server::own(&[])))).join().unwrap()
    });
    let server: &'static Server = server.await.unwrap();
    let db = Db::birth_on(server).await;
    db.govern_thing(|_| {}).await;
    let app = db.connect("app").await;
    app.batch_execute(&bear("'A'")).await.unwrap();
    let name = db.config("postgres").get_dbname().unwrap().to_owned();
    let folder = PhysicalCopy::take(server).await;
    let copy =
        PhysicalCopy::start(server, folder, Some("recovery.signal"), "restore_command = 'false'")
            .await;
    let new = connect(copy.config(&name, "postgres")).await;
    until("promoted", async || {
        let row = new.query_one("SELECT pg_is_in_recovery()", &[]).await.unwrap();
        !row.get::<_, bool>(0)
    })
    .await;
    // Both answer: an address that led to the old one, and leads to the new one for who connects again.
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join(".s.PGSQL.5432");
    let socket = |config: tokio_postgres::Config| {
        let tokio_postgres::config::Host::Unix(path) = config.get_hosts()[0].clone() else {
            panic!()
        };
        path.join(".s.PGSQL.5432")
    };
    std::os::unix::fs::symlink(socket(db.config("postgres")), &link).unwrap();
    let mut address = tokio_postgres::Config::new();
    address.host_path(folder.path()).dbname(&name).user("postgres").application_name("moving");
    let sink = Memory::default();
    let mut handoff = handoff(Database::new(address).unwrap(), Start::Everything);
    let (mut view, governance) = (handoff.view(), handoff.governance());
    handoff.add("memory", true, Box::new(sink.clone()), None);
    let running = tokio::spawn(handoff.run(false));
    until("the first", async || sink.told().len() == 1).await;
    let old = view.borrow().server;
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(socket(copy.config(&name, "postgres")), &link).unwrap();
    birthgate::collection::grant(&new, "thing", "postgres", None).await.unwrap();
    new.batch_execute(&bear("'B'")).await.unwrap();
    // The tail's connection is lost, and the sink's is not: the one whose last statement looks at the holders.
    let root = db.dba().await;
    until("the tail has moved", async || {
        let lost = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'moving' AND query LIKE '%pg_current_wal_flush_lsn%'";
        root.query_one(lost, &[]).await.unwrap();
        view.borrow_and_update().server != old
    })
    .await;
    until("the sink has moved", async || sink.told() == ["birth thing/A", "birth thing/B"]).await;
    drop(governance);
    running.abort();
}

#[test]
fn what_a_crash_takes_back_was_never_told() {
    let mut server = Server::own(&[("wal_writer_delay", "10s")]);
    let name = server.make_database(true);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = server.config(&name, "postgres");
        let database = Database::new(config.clone()).unwrap();
        let mut root = database.connect_for_others().await.unwrap();
        birthgate::collection::govern(&mut root, &testkit::govern_thing()).await.unwrap();
        birthgate::collection::grant(&root, "thing", "postgres", None).await.unwrap();
        drop(root);
        let mut taken_back = 0;
        for attempt in 0..20 {
            let root = connect(config.clone()).await;
            root.batch_execute(&bear(&format!("'sure-{attempt}'"))).await.unwrap();
            let sink = Memory::default();
            let mut handoff = handoff(database.clone(), Start::Everything);
            handoff.add("memory", true, Box::new(sink.clone()), None);
            let mut running = tokio::spawn(handoff.run(false));
            let sure = format!("birth thing/sure-{attempt}");
            until("the sure one", async || sink.told().contains(&sure)).await;
            let unsure = bear(&format!("'unsure-{attempt}'"));
            root.batch_execute(&format!("SET synchronous_commit = off; {unsure}")).await.unwrap();
            // It is visible to everybody, and several looks pass.
            let looks = tokio::time::timeout(Duration::from_millis(120), &mut running).await;
            assert!(looks.is_err());
            running.abort();
            let told = sink.told();
            server.crash().await;
            let root = connect(config.clone()).await;
            let births = "SELECT 'birth thing/' || entity_code FROM birthgate.birth_registry";
            let rows = root.query(births, &[]).await.unwrap();
            let there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            for one in &told {
                assert!(
                    there.contains(one),
                    "told, and then taken back: {one}; there is {there:?}"
                );
            }
            taken_back += usize::from(!there.contains(&format!("birth thing/unsure-{attempt}")));
            if taken_back == 2 {
                return;
            }
        }
        panic!("the crashes took back {taken_back}: this shows nothing");
    });
}

#[tokio::test]
async fn a_quiet_server_keeps_nobody_waiting_for_its_disk() {
    let server = tokio::task::spawn_blocking(|| {
        let start = || Box::leak(Box::new(Server::own(&[("wal_writer_delay", "10s")])));
        std::thread::spawn(start).join().unwrap()
    });
    let server: &'static Server = server.await.unwrap();
    let db = Db::birth_on(server).await;
    db.govern_thing(|_| {}).await;
    db.sql("DO $$ BEGIN CREATE ROLE handing_off LOGIN; END $$; GRANT birthgate_registrar, birthgate_auditor TO handing_off").await;
    let app = db.connect("app").await;
    let unsure = format!("SET synchronous_commit = off; {}", bear("'A'"));
    app.batch_execute(&unsure).await.unwrap();
    let sink = Memory::default();
    let mut handoff = handoff(db.database("handing_off"), Start::Everything);
    handoff.add("memory", true, Box::new(sink.clone()), None);
    let running = tokio::spawn(handoff.run(false));
    let told = tokio::time::timeout(Duration::from_secs(5), async {
        while sink.told().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(told.await.is_ok(), "it waited for the writer of the log");
    running.abort();
}
