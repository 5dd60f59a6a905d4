//! Several clients at once, each doing what it likes, while backends and the server are killed.
//! Afterwards rows, births and permits agree, and nothing that was acknowledged is lost.

use std::collections::HashSet;

use birthgate::collection;
use birthgate::registry;
use testkit::{Db, Server, connect};
use tokio_postgres::{Client, Config};

use crate::dice::Dice;

const CLIENTS: u64 = 6;

fn code(dice: &mut Dice) -> String {
    format!("S-{}", dice.below(transactions()))
}

/// One statement of a transaction.
fn statement(dice: &mut Dice) -> String {
    let (code, other) = (code(dice), code(dice));
    match dice.below(16) {
        0..=4 => format!(
            "INSERT INTO thing (code) SELECT '{code}' FROM birthgate.permit_hold('thing', '{code}')"
        ),
        5 => format!("INSERT INTO thing (code) VALUES ('{code}')"),
        6 => format!(
            "INSERT INTO thing (code) VALUES ('{code}') ON CONFLICT (code) DO UPDATE SET name = 'again'"
        ),
        7 => format!("SELECT birthgate.retire('thing', '{code}')"),
        8 => format!("DELETE FROM thing WHERE code = '{code}'"),
        9 => format!("UPDATE thing SET code = '{other}' WHERE code = '{code}'"),
        10 => format!("SELECT birthgate.rename('thing', '{code}', '{other}')"),
        11 => "SET CONSTRAINTS ALL IMMEDIATE".to_owned(),
        12 => "SET CONSTRAINTS ALL DEFERRED".to_owned(),
        13 => format!(
            "SAVEPOINT s; INSERT INTO thing (code) SELECT '{code}' FROM birthgate.permit_hold('thing', '{code}'); ROLLBACK TO s"
        ),
        14 => format!("SELECT birthgate.permit_hold('thing', '{code}')"),
        _ => format!(
            "SELECT birthgate.permit_cancel(id) FROM birthgate.birth_admission_permit WHERE entity_code = '{code}' AND active"
        ),
    }
}

/// What a client was told that is done: the permits that its committed transactions consumed.
type Acknowledged = HashSet<i64>;

/// One client: transactions until so many are over. A lost connection is made again.
async fn client(config: Config, number: u64, transactions: usize) -> Acknowledged {
    let mut dice = Dice(number);
    let mut acknowledged = Acknowledged::new();
    let mut connection = reconnect(&config).await;
    for transaction in 0..transactions {
        if connection.is_closed() {
            connection = reconnect(&config).await;
        }
        if let Some(consumed) = transact(&connection, &mut dice, number, transaction).await {
            acknowledged.extend(consumed);
        }
    }
    acknowledged
}

async fn reconnect(config: &Config) -> Client {
    for _ in 0..1000 {
        if let Ok((client, connection)) = config.connect(tokio_postgres::NoTls).await {
            tokio::spawn(connection);
            return client;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the server is not coming back");
}

/// One transaction; the permits that it consumed, when it was told that it committed.
async fn transact(
    client: &Client,
    dice: &mut Dice,
    number: u64,
    transaction: usize,
) -> Option<Vec<i64>> {
    client.batch_execute("BEGIN").await.ok()?;
    for _ in 0..=dice.below(3) {
        let sql = statement(dice);
        if let Err(error) = client.batch_execute(&sql).await {
            let code = error.code().map_or("", |code| code.code()).to_owned();
            assert!(
                !code.starts_with("XX") && !code.starts_with("42") && !code.starts_with("22"),
                "{sql}: {error:?}"
            );
            let _ = client.batch_execute("ROLLBACK").await;
            return None;
        }
    }
    let consumed = client
        .query("SELECT id FROM birthgate.birth_admission_permit WHERE consumed_xid = pg_current_xact_id_if_assigned()", &[])
        .await
        .ok()?;
    let end = match dice.below(8) {
        0 => "ROLLBACK".to_owned(),
        1 => {
            let name = format!("'storm-{number}-{transaction}'");
            client.batch_execute(&format!("PREPARE TRANSACTION {name}")).await.ok()?;
            let verb = if dice.below(2) == 0 { "COMMIT" } else { "ROLLBACK" };
            format!("{verb} PREPARED {name}")
        }
        _ => "COMMIT".to_owned(),
    };
    // A transaction that an error has aborted answers COMMIT with a ROLLBACK; none gets here.
    client.batch_execute(&end).await.ok()?;
    end.starts_with("COMMIT").then(|| consumed.iter().map(|row| row.get(0)).collect())
}

async fn calm(root: &Client, acknowledged: &Acknowledged) {
    // What was prepared and whose client is gone.
    for row in root
        .query("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()", &[])
        .await
        .unwrap()
    {
        let gid: String = row.get(0);
        root.batch_execute(&format!("COMMIT PREPARED '{gid}'")).await.unwrap();
    }
    assert_eq!(registry::reconcile(root, Some("thing")).await.unwrap(), []);
    let count =
        |sql: &'static str| async move { root.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) };
    // Said once more, without our own functions: a birth permit is FINALIZED if and only if one birth
    // has it, and its row is there or the birth has ended.
    let unequal = count(
        "SELECT count(*) FROM birthgate.birth_admission_permit p
          WHERE (p.state = 'FINALIZED' AND p.kind IN ('birth', 'rename'))
             <> ((SELECT count(*) FROM birthgate.birth_registry b
                   WHERE b.permit_id = p.id AND b.entity_code = p.entity_code
                     AND (b.status = 'retired' AND b.retire_permit_id IS NOT NULL
                          OR b.status = 'finalized' AND EXISTS (SELECT FROM thing t WHERE t.code = b.entity_code))) = 1)",
    );
    assert_eq!(unequal.await, 0);
    assert_eq!(count("SELECT count(*) FROM birthgate.finalization").await, 0);
    let ids: Vec<i64> = acknowledged.iter().copied().collect();
    let lost = root
        .query_one("SELECT count(*) FROM unnest($1::bigint[]) AS a(id) WHERE NOT EXISTS (SELECT FROM birthgate.birth_admission_permit p WHERE p.id = a.id AND p.state = 'FINALIZED')", &[&ids])
        .await
        .unwrap();
    assert_eq!(lost.get::<_, i64>(0), 0);
    assert!(acknowledged.len() > 20, "only {} acts were acknowledged", acknowledged.len());
}

async fn storm(mut config: Config, number: u64, transactions: usize) -> Acknowledged {
    // A client that dies between PREPARE and COMMIT PREPARED leaves its locks behind.
    config.options("-c lock_timeout=300ms");
    let clients =
        (0..CLIENTS).map(|n| tokio::spawn(client(config.clone(), number * 100 + n, transactions)));
    let mut acknowledged = Acknowledged::new();
    for one in clients.collect::<Vec<_>>() {
        acknowledged.extend(one.await.unwrap());
    }
    acknowledged
}

/// Kills a backend of app's again and again, until told that it is over.
async fn kill_backends(root: &Client, over: &std::sync::atomic::AtomicBool) {
    while !over.load(std::sync::atomic::Ordering::Relaxed) {
        root.batch_execute(
            "SELECT pg_sleep(0.05), pg_terminate_backend(pid, 1000) FROM (SELECT pid FROM pg_stat_activity
              WHERE datname = current_database() AND usename = 'app' AND query <> '' ORDER BY random() LIMIT 1) AS victim",
        )
        .await
        .unwrap();
    }
}

fn transactions() -> usize {
    if std::env::var_os("BIRTHGATE_TEST_ALL").is_some() { 1000 } else { 100 }
}

#[tokio::test]
async fn backends_are_killed() {
    for (number, form) in ["statement", "row"].into_iter().enumerate() {
        let db = Db::governed(form).await;
        let (root, killer) = (db.dba().await, db.dba().await);
        collection::grant(&root, "thing", "postgres", None).await.unwrap();
        root.batch_execute("SELECT birthgate.discard('thing', 'O-1')").await.unwrap();
        let over = std::sync::atomic::AtomicBool::new(false);
        let raging = async {
            let acknowledged = storm(db.config("app"), number as u64 + 1, transactions()).await;
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            acknowledged
        };
        let (acknowledged, ()) = tokio::join!(raging, kill_backends(&killer, &over));
        calm(&root, &acknowledged).await;
    }
}

#[test]
fn the_server_is_killed() {
    let mut server = Server::own(&[]);
    let name = server.make_database(true);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let as_role = |role: &str| server.config(&name, role);
        let (app, postgres) = (as_role("app"), as_role("postgres"));
        let database = birthgate::Database::new(postgres.clone()).unwrap();
        let mut root = database.connect_for_others().await.unwrap();
        let govern = testkit::govern_thing();
        collection::govern(&mut root, &govern).await.unwrap();
        for role in ["app", "postgres"] {
            collection::grant(&root, "thing", role, None).await.unwrap();
        }
        root.batch_execute("SELECT birthgate.discard('thing', 'O-1')").await.unwrap();
        let raging = tokio::spawn(storm(app, 7, transactions()));
        for _ in 0..3 {
            // Into the middle of it: when something more was born.
            let root = connect(postgres.clone()).await;
            root.batch_execute(
                "DO $$ DECLARE v_before bigint := (SELECT max(id) FROM birthgate.birth_registry);
                 BEGIN FOR v_try IN 1..1000 LOOP
                   EXIT WHEN (SELECT max(id) FROM birthgate.birth_registry) IS DISTINCT FROM v_before;
                   PERFORM pg_sleep(0.005);
                 END LOOP; END $$",
            )
            .await
            .unwrap();
            server.crash().await;
        }
        let acknowledged = raging.await.unwrap();
        calm(&connect(postgres).await, &acknowledged).await;
    });
    drop(runtime);
}
