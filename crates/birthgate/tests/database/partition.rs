//! Partitioning the registry: rehearsed, signed and applied while births go on, undone before the door, and the gate afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use birthgate::apply::{self, Ended, Options};
use birthgate::handoff::Start;
use birthgate::plan::packet;
use birthgate::rehearsal::{self, Mutated, Rows, Verdict};
use birthgate::{partition, registry, schema};
use testkit::Db;
use tokio_postgres::Client;

use crate::handoff::{Memory, handoff, until};
use crate::signed::{self, Key, Prepared, outcomes, owners};

/// With so many births.
async fn with_births(births: usize) -> Db {
    let db = Db::governed("statement").await;
    let sql = format!("INSERT INTO thing (code) SELECT 'A-' || n FROM generate_series(1, {births}) n, birthgate.permit_hold('thing', 'A-' || n)");
    db.connect("app").await.batch_execute(&sql).await.unwrap();
    let dba = db.dba().await;
    birthgate::collection::grant(&dba, "thing", "postgres", None).await.unwrap();
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
        let mut sql = vec![format!("INSERT INTO thing (code) SELECT '{code}' FROM birthgate.permit_hold('thing', '{code}')")];
        if n % 3 == 0 {
            sql.push(format!("SELECT birthgate.retire('thing', '{code}')"));
        } else if n % 5 == 0 {
            sql.push(format!("SELECT birthgate.rename('thing', '{code}', '{code}-B')"));
            born.insert(format!("{code}-B"));
        }
        let old = format!("A-{}", number + 8 * n);
        sql.push(format!("SELECT birthgate.retire('thing', '{old}') FROM thing WHERE code = '{old}'"));
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
    db.value("SELECT relkind::text FROM pg_class WHERE oid = 'birthgate.birth_registry'::regclass").await
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

    let undone = apply::undo(&database, prepared.subject(), &prepared.owners, &patient(), &mut |_| {}).await.unwrap();
    assert_eq!(outcomes(&undone), ["exchanged undone", "copied undone", "beside undone"], "{undone:?}");
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
    let births: Vec<String> = db.value("SELECT array_agg(entity_code) FROM birthgate.birth_registry").await;
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
