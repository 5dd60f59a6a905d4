//! Server and sandbox of different minor releases: some write into the catalogs what others do not.

use birthgate::apply::Ended;
use birthgate::fingerprint::{self, Scope};
use birthgate::private_server::{Binaries, Search};
use testkit::{Db, Server};

use crate::signed::{ORDERS, Prepared};

const PACKET: &str = "
macro = 'MINORS'
[[step]]
id = 'table'
do = 'table.sql'
undo = 'table.undo.sql'
[[step]]
id = 'column'
do = 'column.sql'
undo = 'column.undo.sql'
[[step]]
id = 'type'
do = 'type.sql'
undo = 'type.undo.sql'
[[step]]
id = 'view'
do = 'view.sql'
undo = 'view.undo.sql'
";

const FILES: &[(&str, &str)] = &[
    (
        "table.sql",
        "CREATE TABLE lines (id serial PRIMARY KEY, order_id int REFERENCES orders, what text DEFAULT 'x') WITH (fillfactor = 80, toast.autovacuum_enabled = off)",
    ),
    ("table.undo.sql", "DROP TABLE lines"),
    ("column.sql", "ALTER TABLE orders ADD COLUMN paid_at timestamptz"),
    ("column.undo.sql", "ALTER TABLE orders DROP COLUMN paid_at"),
    ("type.sql", "ALTER TABLE orders ALTER COLUMN code TYPE varchar(80)"),
    ("type.undo.sql", "ALTER TABLE orders ALTER COLUMN code TYPE text"),
    ("view.sql", "DROP VIEW open_orders; CREATE VIEW open_orders AS SELECT id FROM orders"),
    (
        "view.undo.sql",
        "DROP VIEW open_orders; CREATE VIEW open_orders AS SELECT id, note FROM orders",
    ),
];

/// The two ways round, of what is to be had here: the installed one beside the pinned build of its major version, and the two
/// newest.
fn pairs() -> Vec<(Binaries, Binaries)> {
    let mut pairs = vec![(testkit::pinned(18), testkit::wheel())];
    pairs.extend(
        testkit::installed().map(|installed| (testkit::pinned(installed.major), installed)),
    );
    pairs.into_iter().filter(|(one, other)| one.version != other.version).collect()
}

#[tokio::test]
async fn a_packet_is_rehearsed_applied_and_undone_where_the_sandbox_is_another_minor_release() {
    let pairs = tokio::task::spawn_blocking(pairs).await.unwrap();
    for (one, other) in pairs {
        for (live, sandbox) in [(&one, &other), (&other, &one)] {
            let what = format!("{} with a sandbox of {}", live.version, sandbox.version);
            println!("{what}");
            let binaries = live.clone();
            let server = std::thread::spawn(move || Server::of(binaries, &[])).join().unwrap();
            there_and_back(&Db::empty_on(server).await, sandbox, &what).await;
        }
    }
}

async fn there_and_back(db: &Db, sandbox: &Binaries, what: &str) {
    db.sql(ORDERS).await;
    db.sql("CREATE VIEW open_orders AS SELECT id, note FROM orders").await;
    let before = fingerprint::take(&db.dba().await, &Scope::All).await.unwrap();
    let search = Search { bin_dir: Some(sandbox.bin_dir.clone()), ..testkit::search() };
    let prepared = Prepared::new_with(db, PACKET, FILES, search).await;
    prepared.approve(&db.dba().await, &[]).await;
    let database = db.database("postgres");
    let applied = prepared.apply(&database).await.unwrap();
    assert_eq!(applied.ended, Ended::Done, "{what}: {applied:#?}");
    let undone = prepared.undo(&database).await.unwrap();
    assert_eq!((undone.ended, &undone.notes), (Ended::Undone, &Vec::new()), "{what}: {undone:#?}");
    let after = fingerprint::take(&db.dba().await, &Scope::All).await.unwrap();
    let left = before.diff(&after).into_iter().map(|one| one.to_string());
    let left: Vec<String> = left.filter(|one| !one.contains("birthgate_evidence")).collect();
    assert_eq!(left, Vec::<String>::new(), "{what}");
}
