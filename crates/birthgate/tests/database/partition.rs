//! Partitioning the registry: rehearsed, signed and applied while births go on, undone before the door, and the gate afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use birthgate::apply::{self, Ended, Options};
use birthgate::handoff::Start;
use birthgate::plan::packet;
use birthgate::rehearsal::{self, Mutated, Rows, Verdict};
use birthgate::{Error, block, browse, collection, drift, partition, permit, registry, schema};
use testkit::{Db, sqlstate, until};
use tokio_postgres::Client;

use crate::handoff::{Memory, handoff};
use crate::life;
use crate::signed::{self, Key, Prepared, outcomes, owners};

/// With so many births.
async fn with_births(births: usize) -> Db {
    let db = Db::governed("statement").await;
    let sql = format!(
        "INSERT INTO thing (code) SELECT 'A-' || n FROM generate_series(1, {births}) n, birthgate.permit_hold('thing', 'A-' || n)"
    );
    db.connect("app").await.batch_execute(&sql).await.unwrap();
    let dba = db.dba().await;
    collection::grant(&dba, "thing", "postgres", None).await.unwrap();
    dba.batch_execute("SELECT birthgate.discard('thing', 'O-1')").await.unwrap();
    db
}

/// A writer who bears one after the other, retires every third and renames every fifth, and one of those that were there before;
/// nothing of it may fail. Answers the codes that it bore.
async fn write(client: Client, number: usize, over: Arc<AtomicBool>) -> BTreeSet<String> {
    let mut born = BTreeSet::new();
    for n in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let code = format!("W-{number}-{n}");
        let mut sql = vec![format!(
            "INSERT INTO thing (code) SELECT '{code}' FROM birthgate.permit_hold('thing', '{code}')"
        )];
        if n % 3 == 0 {
            sql.push(format!("SELECT birthgate.retire('thing', '{code}')"));
        } else if n % 5 == 0 {
            sql.push(format!("SELECT birthgate.rename('thing', '{code}', '{code}-B')"));
            born.insert(format!("{code}-B"));
        }
        let old = format!("A-{}", number + 8 * n);
        sql.push(format!(
            "SELECT birthgate.retire('thing', '{old}') FROM thing WHERE code = '{old}'"
        ));
        born.insert(code);
        for sql in sql {
            client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
    }
    born
}

/// The packet that partitions that database's registry, rehearsed.
async fn prepared(db: &Db, partitions: u32) -> Prepared {
    let folder = tempfile::tempdir().unwrap();
    let found = partition::examine(&db.dba().await, partitions).await.unwrap();
    let path = folder.path().join("packet");
    found.write_packet(&path).unwrap();
    let evidence = folder.path().join("evidence");
    let path = path.join("packet.toml");
    let (packet, rehearsed) = signed::rehearse(&db.database("postgres"), &path, &evidence).await;
    let key = Key::ed25519("ada");
    let owners = owners(&[&key]);
    Prepared { folder, packet, rehearsed, key, owners }
}

/// Partitions that database's registry, to the end.
async fn partition(db: &Db) {
    let prepared = prepared(db, 4).await;
    prepared.approve(&db.dba().await, &["dropped"]).await;
    let applied = prepared.apply_as(&db.database("postgres"), &patient(), &mut |_| {}).await;
    let applied = applied.unwrap();
    assert_eq!(applied.ended, Ended::Done, "{applied:?}");
    assert_eq!(kind(db).await, "p");
}

#[tokio::test]
async fn it_is_rehearsed_and_leaves_nothing_behind() {
    let db = with_births(2500).await;
    let before = db.seen_from_outside().await;
    let folder = tempfile::tempdir().unwrap();
    let found = partition::examine(&db.dba().await, 4).await.unwrap();
    assert_eq!(found.findings, [] as [String; 0]);
    found.write_packet(folder.path()).unwrap();
    let packet = packet::read(&folder.path().join("packet.toml")).unwrap();
    let options = rehearsal::Options { rows: Rows::All, ..crate::rehearsal::options() };
    let said = rehearsal::rehearse(&db.database("postgres"), &packet.plan, &options).await.unwrap();
    assert_eq!((said.verdict, said.mutated), (Verdict::Pass, Mutated::None), "{:#?}", said.reasons);
    assert_eq!(before, db.seen_from_outside().await);
}

/// On a busy machine a short lock may take its time.
fn patient() -> Options {
    Options { max_block: std::time::Duration::from_secs(5), attempts: 20, ..signed::options() }
}

async fn kind(db: &Db) -> String {
    db.value("SELECT relkind::text FROM pg_class WHERE oid = 'birthgate.birth_registry'::regclass")
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn births_go_on_while_it_is_applied_undone_and_applied_again() {
    const BEFORE: usize = 4000;
    let db = with_births(BEFORE).await;
    let prepared = prepared(&db, 4).await;
    let (database, dba) = (db.database("postgres"), db.dba().await);

    let sink = Memory::default();
    let mut tail = handoff(db.database("postgres"), Start::Everything);
    tail.add("memory", true, Box::new(sink.clone()), None);
    let tailing = tokio::spawn(tail.run(false));
    let over = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for number in 0..8 {
        writers.push(tokio::spawn(write(db.connect("app").await, number, over.clone())));
    }

    prepared.approve(&dba, &[]).await;
    let applied = prepared.apply_as(&database, &patient(), &mut |_| {}).await.unwrap();
    assert_eq!(outcomes(&applied), ["beside done", "copied done", "exchanged done"], "{applied:?}");
    assert_eq!((applied.ended, applied.next.as_deref()), (Ended::Stopped, Some("dropped")));
    assert_eq!(kind(&db).await, "p");
    // What is aside goes on to be what the registry is.
    let is_carried = "SELECT birthgate.is_carried('birthgate.birth_registry_unpartitioned')";
    assert!(db.value::<bool>(is_carried).await);

    let undone =
        apply::undo(&database, prepared.subject(), &prepared.owners, &patient(), &mut |_| {})
            .await
            .unwrap();
    assert_eq!(
        outcomes(&undone),
        ["exchanged undone", "copied undone", "beside undone"],
        "{undone:?}"
    );
    assert_eq!(kind(&db).await, "r");
    prepared.approve(&dba, &["dropped"]).await;
    let applied = prepared.apply_as(&database, &patient(), &mut |_| {}).await.unwrap();
    assert_eq!(applied.ended, Ended::Done, "{applied:?}");
    assert_eq!(kind(&db).await, "p");

    over.store(true, Ordering::Relaxed);
    let mut born: BTreeSet<String> = (1..=BEFORE).map(|n| format!("A-{n}")).collect();
    for writer in writers {
        let theirs = writer.await.unwrap();
        assert!(theirs.len() > 10, "only {} births", theirs.len());
        born.extend(theirs);
    }
    let births: Vec<String> =
        db.value("SELECT array_agg(entity_code) FROM birthgate.birth_registry").await;
    assert_eq!(births.len(), born.len(), "no birth is doubled");
    assert_eq!(births.into_iter().collect::<BTreeSet<_>>(), born);
    assert_eq!(registry::reconcile(&dba, None).await.unwrap(), []);

    // Each birth, and each thing that became of one, once.
    let changes: i64 = db.value("SELECT count(*) FROM birthgate.registry_changelog").await;
    let expected = born.len() + usize::try_from(changes).unwrap();
    until("the handoff has everything", async || sink.told().len() >= expected).await;
    let told = sink.told();
    assert_eq!(told.len(), expected);
    let handed: BTreeSet<String> =
        told.iter().filter_map(|one| one.strip_prefix("birth thing/")).map(str::to_owned).collect();
    assert_eq!(handed, born);
    tailing.abort();
    // A later version is installed over it as over any other.
    schema::init(&mut db.dba().await).await.unwrap();
    assert_eq!(kind(&db).await, "p");
}

/// Killed in the middle of the copy, it goes on where it stood; and the copy goes on beside a birth that somebody holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_copy_it_goes_on() {
    let db = with_births(3000).await;
    let prepared = Arc::new(prepared(&db, 4).await);
    let (database, dba) = (db.database("postgres"), db.dba().await);
    prepared.approve(&dba, &["dropped"]).await;
    let beside = Options { until: Some("beside".to_owned()), ..patient() };
    prepared.apply_as(&database, &beside, &mut |_| {}).await.unwrap();
    // This one is carried, and nobody else can bring it until its transaction ends.
    let holder = db.connect("app").await;
    holder.batch_execute("BEGIN; SELECT birthgate.retire('thing', 'A-1500')").await.unwrap();

    let (applying, there) = (prepared.clone(), database.clone());
    let killed =
        tokio::spawn(async move { applying.apply_as(&there, &patient(), &mut |_| {}).await });
    let copied = "SELECT count(*) FROM birthgate.birth_registry_partitioned";
    // As far as to the one that is held, and not an id further.
    let held = "SELECT count(*) FROM birthgate.birth_registry WHERE id < (SELECT id FROM birthgate.birth_registry WHERE entity_code = 'A-1500')";
    let held: i64 = db.value(held).await;
    until("the copy stands before the birth that is held", async || {
        db.value::<i64>(copied).await == held
    })
    .await;
    let running = apply::status(&database).await.unwrap().running.unwrap();
    db.sql(&format!("SELECT pg_terminate_backend({}, 5000)", running.pid)).await;
    assert!(killed.await.unwrap().is_err());
    assert_eq!(db.value::<i64>(copied).await, held);
    holder.batch_execute("COMMIT").await.unwrap();

    let applied = prepared.apply_as(&database, &patient(), &mut |_| {}).await.unwrap();
    assert_eq!(applied.ended, Ended::Done, "{applied:?}");
    let seen = "SELECT concat_ws(' ', count(*), count(DISTINCT (entity_code, collection_name)), count(DISTINCT id), count(*) FILTER (WHERE status = 'retired'))
                  FROM birthgate.birth_registry";
    assert_eq!(db.value::<String>(seen).await, "3000 3000 3000 1");
    assert_eq!(registry::reconcile(&dba, None).await.unwrap(), []);
}

/// The copy brings a birth just when a change of it is being carried: between the look for it and the keys of its own row.
#[tokio::test]
async fn what_the_copy_brings_at_the_same_moment_is_carried_all_the_same() {
    // An index that comes first, and in which the writer stands still for as long as the lock is held.
    const STAND_STILL: &str = "
        CREATE FUNCTION stand_still(code text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
          BEGIN IF current_setting('test.stands_still', true) = 'on' THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN code; END $$;
        ALTER TABLE birthgate.birth_registry_partitioned DROP CONSTRAINT birth_registry_partitioned_pkey,
          DROP CONSTRAINT birth_registry_partitioned_entity_code_collection_name_key;
        DROP INDEX birthgate.birth_registry_partitioned_permit_key, birthgate.birth_registry_partitioned_retire_permit_key;
        CREATE INDEX ON birthgate.birth_registry_partitioned (public.stand_still(entity_code));
        ALTER TABLE birthgate.birth_registry_partitioned ADD PRIMARY KEY (id, entity_code), ADD UNIQUE (entity_code, collection_name);";
    let db = with_births(20).await;
    db.sql("SELECT birthgate.registry_partition(2)").await;
    db.sql(STAND_STILL).await;
    let (holder, writer) = (db.dba().await, db.connect("app").await);
    writer.batch_execute("SET test.stands_still = on").await.unwrap();
    holder.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
    let writing = tokio::spawn(async move {
        writer.batch_execute("SELECT birthgate.retire('thing', 'A-7')").await
    });
    let stands = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";
    until("the writer stands still", async || db.value::<bool>(stands).await).await;
    let last: Option<i64> = db.value("SELECT birthgate.copy_births(0, 1000, 1000)").await;
    assert!(last.is_some_and(|last| last > 0), "the copy waits for nobody: {last:?}");
    holder.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    writing.await.unwrap().unwrap();
    let carried = "SELECT birthgate.is_carried('birthgate.birth_registry_partitioned')";
    assert!(db.value::<bool>(carried).await);
    let retired = "SELECT entity_code FROM birthgate.birth_registry_partitioned WHERE status = 'retired' AND entity_code = 'A-7'";
    assert_eq!(db.value::<String>(retired).await, "A-7");
}

/// Ways to write a birth past the gate, or to make away with some, by way of a partition, with the trigger that is in their way.
const ATTACKS: [(&str, &str, &str); 5] = [
    ("TRUNCATE birthgate.birth_registry_1", "zz_birthgate_birth_truncate", "PB012"),
    ("DELETE FROM birthgate.birth_registry_1", "zz_birthgate_birth_delete", "PB012"),
    ("UPDATE birthgate.birth_registry_1 SET status = 'born'", "zz_birthgate_birth_update", "PB012"),
    (
        "INSERT INTO birthgate.birth_registry_1 (entity_code, collection_name, status, origin)
         SELECT 'B-' || n, 'thing', 'finalized', 'backfill' FROM generate_series(1, 99) n
          WHERE satisfies_hash_partition('birthgate.birth_registry'::regclass, 4, 1, 'B-' || n)",
        "zz_birthgate_birth_insert",
        "PB012",
    ),
    (
        "INSERT INTO birthgate.birth_registry_1 (entity_code, collection_name)
         SELECT 'B-' || n, 'thing' FROM generate_series(1, 99) n
          WHERE satisfies_hash_partition('birthgate.birth_registry'::regclass, 4, 1, 'B-' || n); SET CONSTRAINTS ALL IMMEDIATE",
        "zz_birthgate_birth_bound",
        "PB023",
    ),
];

#[tokio::test]
async fn a_partition_is_guarded_as_the_registry_is() {
    let db = with_births(200).await;
    partition(&db).await;
    let (dba, app) = (db.dba().await, db.connect("app").await);
    for (attack, trigger, code) in ATTACKS {
        let refused = app.batch_execute(attack).await.unwrap_err();
        assert_eq!(sqlstate(&refused), "42501", "{attack}");
        dba.batch_execute("BEGIN").await.unwrap();
        let refused = dba.batch_execute(attack).await.unwrap_err();
        assert_eq!(sqlstate(&refused), code, "{attack}");
        // Without the guard it would succeed, and that the guard is off is seen.
        let off =
            format!("ALTER TABLE birthgate.birth_registry_1 DISABLE TRIGGER {trigger}; {attack}");
        dba.batch_execute(&format!("ROLLBACK; BEGIN; {off}")).await.unwrap();
        let gate = &collection::list(&dba).await.unwrap()[0].trust;
        let seen = format!("{trigger} of birthgate.birth_registry_1 does not fire always");
        assert!(gate.contains(&seen), "{gate}");
        dba.batch_execute("ROLLBACK").await.unwrap();
    }
    // Rearmed, it is whole again.
    db.sql("ALTER TABLE birthgate.birth_registry_2 DISABLE TRIGGER USER").await;
    let armed = collection::rearm(&mut db.dba().await, "thing", None, None).await.unwrap();
    assert!(!armed.trust.starts_with("broken"), "{}", armed.trust);
}

/// What weakens the gate of a partitioned registry, one after the other, and what is then found.
const TAMPERS: [(&str, &str); 5] = [
    (
        "ALTER TABLE birthgate.birth_registry_0 DISABLE TRIGGER zz_birthgate_birth_delete",
        "trigger zz_birthgate_birth_delete on birthgate.birth_registry_0",
    ),
    (
        "DROP TRIGGER zz_birthgate_birth_truncate ON birthgate.birth_registry_1",
        "trigger zz_birthgate_birth_truncate on birthgate.birth_registry_1",
    ),
    ("GRANT DELETE ON birthgate.birth_registry_3 TO app", "table birthgate.birth_registry_3"),
    (
        "ALTER TABLE birthgate.birth_registry DETACH PARTITION birthgate.birth_registry_2",
        "table birthgate.birth_registry_2",
    ),
    ("DROP TABLE birthgate.birth_registry_0", "table birthgate.birth_registry_0"),
];

#[tokio::test]
async fn it_is_no_drift_and_what_is_done_to_a_partition_is() {
    let db = Db::birth_on(testkit::quiet_server().await).await;
    db.govern_thing(|_| {}).await;
    let client = db.dba().await;
    drift::take_baseline(&client, Some(&["cleanup".to_owned()])).await.unwrap();
    let mut monitor = drift::Monitor::new(db.dba().await, std::time::Duration::MAX);
    monitor.tick().await.unwrap();
    partition(&db).await;
    let compared = async |monitor: &mut drift::Monitor| match monitor.tick().await.unwrap() {
        drift::Tick::Compared(found) => found,
        other => panic!("{other:?}"),
    };
    let found = compared(&mut monitor).await;
    assert_eq!((found.differences, found.circumstances), (Vec::new(), Vec::new()));
    block::assert_safe(&client, "cleanup").await.unwrap();
    let mut objects = Vec::new();
    for (tamper, object) in TAMPERS {
        assert!(!objects.contains(&object.to_owned()), "{tamper}: {objects:?}");
        db.sql(tamper).await;
        // At the next tick already.
        let found = compared(&mut monitor).await;
        objects = found.differences.into_iter().map(|one| one.object).collect();
        assert!(objects.contains(&object.to_owned()), "{tamper}: {objects:?}");
    }
    assert!(block::assert_safe(&client, "cleanup").await.is_err());
}

#[tokio::test]
async fn everything_goes_on_beside_it_dumped_and_after_its_end() {
    let db = life::lived().await;
    partition(&db).await;
    let restored = Db::empty().await;
    db.copy_into(&restored, &[]).await;
    life::holds(&restored).await;
    life::holds(&db).await;
    assert_eq!(kind(&restored).await, "p");

    // A page at a time, the newest first, nothing twice.
    let dba = db.dba().await;
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let page = browse::births(&dba, None, before, 2).await.unwrap();
        seen.extend(page.found.iter().map(|one| one.id));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let ids: Vec<i64> =
        db.value("SELECT array_agg(id ORDER BY id DESC) FROM birthgate.birth_registry").await;
    assert_eq!(seen, ids);
    let funnel = permit::funnel(&dba).await.unwrap();
    assert!(funnel.iter().any(|(state, count)| state == "FINALIZED" && *count > 3), "{funnel:?}");
    db.sql("ANALYZE birthgate.birth_registry").await;
    assert_eq!(browse::estimate(&dba).await.unwrap(), Some(ids.len() as f64));

    let mut dba = db.dba().await;
    assert!(matches!(schema::uninstall(&mut dba, false).await, Err(Error::RetiredBirths(_))));
    assert!(!registry::retired(&dba).await.unwrap().is_empty());
    schema::uninstall(&mut dba, true).await.unwrap();
    schema::init(&mut dba).await.unwrap();
    assert_eq!(kind(&db).await, "r");
}

/// What stands in the way, and what is said of it.
const OBSTACLES: [(&str, &str); 10] = [
    ("CREATE VIEW v AS SELECT * FROM birthgate.birth_registry", "the view public.v stands on it"),
    (
        "CREATE TABLE r (id bigint REFERENCES birthgate.birth_registry)",
        "the foreign key r_id_fkey of public.r points to it",
    ),
    (
        "CREATE TRIGGER mine AFTER INSERT ON birthgate.birth_registry EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "the trigger mine stands on it",
    ),
    (
        "CREATE INDEX mine ON birthgate.birth_registry (status)",
        "the index birthgate.mine stands on it",
    ),
    ("CREATE PUBLICATION all_of_it FOR ALL TABLES", "the publication all_of_it publishes it"),
    ("ALTER TABLE birthgate.birth_registry ENABLE ROW LEVEL SECURITY", "row level security"),
    (
        "GRANT UPDATE (renamed_to) ON birthgate.birth_registry TO app",
        "renamed_to is granted by itself",
    ),
    ("GRANT INSERT ON birthgate.birth_registry TO app", "app may insert into it by hand"),
    ("CREATE TABLE child () INHERITS (birthgate.birth_registry)", "public.child inherits from it"),
    ("SELECT birthgate.registry_partition(2)", "an earlier partitioning has not ended"),
];

#[tokio::test]
async fn what_stands_in_the_way_is_said() {
    let db = Db::governed("statement").await;
    let dba = db.dba().await;
    for (obstacle, said) in OBSTACLES {
        dba.batch_execute("BEGIN").await.unwrap();
        dba.batch_execute(obstacle).await.unwrap();
        let found = partition::examine(&dba, 2).await.unwrap();
        assert!(found.findings.iter().any(|one| one.contains(said)), "{obstacle}: {found:?}");
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(found.write_packet(folder.path()), Err(Error::BadInput(_))));
        let refused = dba.batch_execute("SELECT birthgate.registry_partition(2)").await;
        assert_eq!(sqlstate(&refused.unwrap_err()), "PB020", "{obstacle}");
        dba.batch_execute("ROLLBACK").await.unwrap();
    }
    assert!(matches!(partition::examine(&dba, 1).await, Err(Error::BadInput(_))));
}

/// While it goes on, no birth is deleted or given another key by hand, which would not be carried.
#[tokio::test]
async fn what_could_not_be_carried_waits() {
    let db = with_births(20).await;
    db.sql("SELECT birthgate.registry_partition(2); SELECT birthgate.copy_births(0, 1000, 1000)")
        .await;
    let dba = db.dba().await;
    for attack in [
        "DELETE FROM birthgate.birth_registry WHERE entity_code = 'A-1'",
        "UPDATE birthgate.birth_registry SET entity_code = 'Z' WHERE entity_code = 'A-1'",
    ] {
        let by_hand = format!("BEGIN; SET ROLE birthgate_owner; {attack}");
        assert_eq!(sqlstate(&dba.batch_execute(&by_hand).await.unwrap_err()), "PB012", "{attack}");
        let uncarried = format!(
            "ROLLBACK; BEGIN; ALTER TABLE birthgate.birth_registry DISABLE TRIGGER zz_birthgate_birth_carry; SET ROLE birthgate_owner; {attack}; ROLLBACK"
        );
        dba.batch_execute(&uncarried).await.unwrap();
    }
    // What cannot be carried is not passed over.
    let in_its_place = "ALTER TABLE birthgate.birth_registry_partitioned DISABLE TRIGGER USER;
        UPDATE birthgate.birth_registry_partitioned SET collection_name = 'other' WHERE entity_code = 'A-2';
        ALTER TABLE birthgate.birth_registry_partitioned ENABLE TRIGGER USER";
    db.sql(in_its_place).await;
    let retire = "SELECT birthgate.retire('thing', 'A-2')";
    let refused = db.connect("app").await.batch_execute(retire).await.unwrap_err();
    assert_eq!(sqlstate(&refused), "23505");
    // Nobody writes what is aside.
    for attack in [
        "DELETE FROM birthgate.birth_registry_partitioned",
        "TRUNCATE birthgate.birth_registry_0",
        "INSERT INTO birthgate.birth_registry_partitioned (entity_code, collection_name) VALUES ('Z', 'thing')",
    ] {
        assert_eq!(sqlstate(&dba.batch_execute(attack).await.unwrap_err()), "PB012", "{attack}");
    }
}
