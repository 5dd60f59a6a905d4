//! The estate of the guide's pictures: a shop's orders on the way from one key to another.

use std::process::Command;
use std::time::Duration;

use birthgate::approval::Subject;
use birthgate::block::{self, NewDimension};
use birthgate::declaration::{Binding, Signed};
use birthgate::drift;
use birthgate::evidence::{self, Sources};
use birthgate::owner::Owners;
use birthgate::plan::packet;
use birthgate::rehearsal::{self, Live, Options, Rows};
use birthgate_server::page::{ServiceLive, SinkLive};
use testkit::Db;

use crate::estate::Estate;

const PACKET: &str = "macro = 'ORDERS_BY_NUMBER'
next = 'ORDERS_WITHOUT_CODE'
[[watch]]
object = 'table public.orders'
[[step]]
id = 'add-number'
do = 'add.sql'
undo = 'unadd.sql'
[[step]]
id = 'fill-number'
do = 'fill.sql'
undo = 'unfill.sql'
[[step]]
id = 'unique-number'
do = 'unique.sql'
undo = 'ununique.sql'
[[step]]
id = 'forget-code'
do = 'forget.sql'
stop = 'before'
";

/// The second step holds its lock until somebody has waited for it, where anybody can.
const FILES: [(&str, &str); 8] = [
    ("packet.toml", PACKET),
    ("add.sql", "ALTER TABLE orders ADD COLUMN number bigint"),
    ("unadd.sql", "ALTER TABLE orders DROP COLUMN number"),
    (
        "fill.sql",
        "LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE;
         UPDATE orders SET number = id;
         DO $$ BEGIN FOR v_try IN 1..2000 LOOP
           EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'till 7')
             OR EXISTS (SELECT FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted AND waitstart < clock_timestamp() - interval '60 ms');
           PERFORM pg_sleep(0.005);
         END LOOP; END $$",
    ),
    ("unfill.sql", "UPDATE orders SET number = NULL"),
    ("unique.sql", "CREATE UNIQUE INDEX orders_number ON orders (number)"),
    ("ununique.sql", "DROP INDEX orders_number"),
    ("forget.sql", "UPDATE orders SET code = '#' || number"),
];

/// With a packet that was rehearsed while a till sold, and approved by ada; and with a gate that has drifted.
pub async fn estate() -> Estate {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    // Each in a transaction of its own: what is born is not renamed in the same one.
    for sql in [
        "SELECT birthgate.permit_hold('thing', 'ORD-' || n) FROM generate_series(1000, 1120) AS n",
        "INSERT INTO thing (code) SELECT 'ORD-' || n FROM generate_series(1000, 1120) AS n",
        "SELECT birthgate.rename('thing', 'ORD-1101', 'ORD-1121')",
        "SELECT birthgate.permit_hold('thing', 'ORD-' || n) FROM generate_series(1122, 1125) AS n",
        "SELECT birthgate.permit_cancel(birthgate.permit_hold('thing', 'ORD-1126'), 'the customer changed her mind')",
    ] {
        app.batch_execute(sql).await.unwrap();
    }
    let mut dba = db.dba().await;
    for (name, description, value, bound, blocks) in [
        ("unpaid_orders", "orders that nobody has paid for a month", 7, 3, "rp_cleanup"),
        ("open_exports", "exports that were not fetched", 0, 0, "birth_admit:thing"),
    ] {
        let query = format!("SELECT {value}::bigint");
        let (query, blocks) = (Some(query.as_str()), &[blocks][..]);
        let max_age_seconds = 3_600.0;
        let one = NewDimension { name, description, query, bound, max_age_seconds, blocks };
        block::put(&dba, &one).await.unwrap();
    }
    drift::take_baseline(&dba, None).await.unwrap();
    block::refresh(&mut dba).await.unwrap();
    app.batch_execute("SET application_name = 'till 7'").await.unwrap();
    let till = "INSERT INTO orders (code) VALUES ('new')";
    db.sql("CREATE TABLE orders (id bigserial PRIMARY KEY, code text); GRANT ALL ON orders, orders_id_seq TO app; INSERT INTO orders (code) SELECT 'ORD-' || n FROM generate_series(1, 5000) AS n").await;

    let estate = Estate::on(db, None).await;
    let root = estate.folder.path();
    std::fs::remove_dir_all(root.join("orders-2026-01-31-r1")).unwrap();
    let work = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        std::fs::write(work.path().join(name), text).unwrap();
    }
    let packet = packet::read(&work.path().join("packet.toml")).unwrap();
    let options = Options {
        observer: Default::default(),
        strict_columns: false,
        confined: false,
        walls: Default::default(),
        rows: Rows::All,
        live: Live::AfterSandbox,
        max_block: Duration::from_secs(5),
        max_time: Duration::from_secs(60),
        sandbox_time: Duration::from_secs(300),
        max_clone: 1_000_000_000,
        burns: vec!["public.orders_id_seq".to_owned()],
        search: testkit::search(),
        folder: std::env::temp_dir(),
    };
    let (end, mut ended) = tokio::sync::oneshot::channel();
    let sells = tokio::spawn(async move {
        while ended.try_recv().is_err() {
            app.batch_execute(till).await.unwrap();
        }
    });
    let database = estate.db.database("postgres");
    let said = rehearsal::rehearse(&database, &packet.plan, &options).await.unwrap();
    end.send(()).unwrap();
    sells.await.unwrap();
    let sources = Sources { packet: &packet, rehearsal: &said, key_change: None, dimensions: None };
    let written = evidence::write(root, sources).unwrap();
    let rehearsed = evidence::read(&written.folder).unwrap();

    let ssh_keygen = |arguments: &[&str]| {
        let made = Command::new("ssh-keygen").args(arguments).current_dir(work.path()).output();
        assert!(made.unwrap().status.success());
    };
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", "ada"]);
    let key = std::fs::read_to_string(work.path().join("ada.pub")).unwrap();
    let owners = root.join("allowed_signers");
    std::fs::write(&owners, format!("ada namespaces=\"birthgate\" {key}")).unwrap();
    let owners = Owners::read(&owners).unwrap();
    let subject = Subject { packet: &packet, rehearsed: &rehearsed };
    subject.record(&dba).await.unwrap();
    let binding = Binding::make(&dba, Duration::from_secs(24 * 3600)).await.unwrap();
    let text = subject.declaration(&[], &binding).unwrap().text();
    std::fs::write(work.path().join("text"), &text).unwrap();
    ssh_keygen(&["-q", "-Y", "sign", "-n", "birthgate", "-f", "ada", "text"]);
    let signature = std::fs::read_to_string(work.path().join("text.sig")).unwrap();
    subject.add(&dba, &owners, &Signed { text, signature }).await.unwrap();

    let now: String = estate
        .db
        .value("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
        .await;
    let service = |name: &str| ServiceLive {
        name: name.to_owned(),
        running: false,
        last: Some(now.clone()),
        problem: None,
    };
    estate.live.send_modify(|live| {
        live.sinks = vec![SinkLive {
            name: "governance".to_owned(),
            delivered: 122,
            problem: None,
            behind: Some(0),
        }];
        live.services = ["drift", "dimensions", "expiry", "retention"].map(service).to_vec();
    });
    // Last, so that the gate was found whole before.
    estate.db.sql("ALTER TABLE thing DISABLE TRIGGER USER").await;
    estate
}
