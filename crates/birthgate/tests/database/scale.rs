//! Much at once: large under BIRTHGATE_TEST_ALL, small otherwise.

use birthgate::registry;
use testkit::{Db, sqlstate};

fn size(all: usize, small: usize) -> usize {
    if std::env::var_os("BIRTHGATE_TEST_ALL").is_some() { all } else { small }
}

async fn agrees(db: &Db, births: usize) {
    let finalized = db
        .value::<i64>("SELECT count(*) FROM birthgate.birth_registry WHERE status = 'finalized'")
        .await;
    assert_eq!(finalized, births as i64);
    let found = registry::reconcile(&db.dba().await, Some("thing")).await.unwrap();
    assert_eq!(found.len(), 1, "only the template's own row: {found:?}");
}

/// The peak of a backend's memory, in bytes.
async fn peak(client: &tokio_postgres::Client) -> i64 {
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap() * 1024
}

#[tokio::test]
async fn many_rows_in_one_insert() {
    let rows = size(1_000_000, 20_000);
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    app.batch_execute(&format!(
        "SELECT cardinality(birthgate.permit_request_many('thing', ARRAY(SELECT 'R-' || g FROM generate_series(1, {rows}) g)));
         SELECT birthgate.permit_reserve_many(ARRAY(SELECT id FROM birthgate.birth_admission_permit));
         INSERT INTO thing (code) SELECT 'R-' || g FROM generate_series(1, {rows}) g"
    ))
    .await
    .unwrap();
    // Arrays of the codes and the ids, a few times over: some hundred bytes a row, and shared buffers.
    let most = 512 * (1 << 20) + rows as i64 * 1024;
    assert!(peak(&app).await < most, "{} bytes", peak(&app).await);
    agrees(&db, rows).await;
}

#[tokio::test]
async fn many_savepoints_in_one_transaction() {
    let savepoints = size(100_000, 2_000);
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    app.batch_execute("BEGIN").await.unwrap();
    let mut born = 0;
    for first in (0..savepoints).step_by(500) {
        let sql: String = (first..first + 500)
            .map(|n| {
                let end = if n % 5 == 0 { "ROLLBACK TO s" } else { "RELEASE s" };
                born += usize::from(n % 5 != 0);
                format!("SAVEPOINT s; INSERT INTO thing (code) SELECT 'S-{n}' FROM birthgate.permit_hold('thing', 'S-{n}'); {end};")
            })
            .collect();
        app.batch_execute(&sql).await.unwrap();
    }
    app.batch_execute("COMMIT").await.unwrap();
    agrees(&db, born).await;
    // PostgreSQL keeps a memory context of 8 kB for each subtransaction that left something behind.
    let most = 512 * (1 << 20) + savepoints as i64 * 12 * 1024;
    assert!(peak(&app).await < most, "{} bytes", peak(&app).await);
}

#[tokio::test]
async fn many_connections_want_one_entity() {
    let db = Db::governed("statement").await;
    let mut clients = Vec::new();
    for _ in 0..size(200, 40) {
        clients.push(db.connect("app").await);
    }
    clients[0].batch_execute("SELECT birthgate.permit_hold('thing', 'ONE')").await.unwrap();
    let wanting = clients.into_iter().map(|client| {
        tokio::spawn(async move {
            client.batch_execute("INSERT INTO thing (code) VALUES ('ONE')").await
        })
    });
    let mut born = 0;
    for one in wanting.collect::<Vec<_>>() {
        match one.await.unwrap() {
            Ok(()) => born += 1,
            Err(error) => assert!(["23505", "PB001"].contains(&sqlstate(&error)), "{error:?}"),
        }
    }
    assert_eq!(born, 1);
    agrees(&db, 1).await;
}

#[tokio::test]
async fn a_transaction_that_outlives_its_permit() {
    // The permit is judged when the row is inserted; however long the transaction then takes, it is spent.
    let db = Db::governed("statement").await;
    let (app, other) = (db.connect("app").await, db.connect("app").await);
    app.batch_execute("BEGIN; SELECT birthgate.permit_reserve(birthgate.permit_request('thing', 'A', p_ttl => '2 seconds'))").await.unwrap();
    app.batch_execute("INSERT INTO thing (code) VALUES ('A'); SELECT pg_sleep_until(expires_at) FROM birthgate.birth_admission_permit").await.unwrap();
    assert_eq!(db.value::<i64>("SELECT birthgate.permit_expire()").await, 0);
    let waits = other
        .batch_execute("SET lock_timeout = '20ms'; SELECT birthgate.permit_hold('thing', 'A')")
        .await;
    assert_eq!(sqlstate(&waits.unwrap_err()), "55P03");
    app.batch_execute("COMMIT").await.unwrap();
    agrees(&db, 1).await;
}
