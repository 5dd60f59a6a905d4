//! Who leads: one session at a time, for as long as it lasts.

use birthgate::leader;
use testkit::Db;

#[tokio::test]
async fn one_session_leads_until_it_ends() {
    let db = Db::birth().await;
    let (first, second) = (db.dba().await, db.dba().await);
    assert!(leader::take(&first).await.unwrap());
    assert!(!leader::take(&second).await.unwrap());
    assert!(leader::holds(&first).await.unwrap());
    // What a pooler of transactions does: another session answers.
    assert!(!leader::holds(&second).await.unwrap());
    // Another database has another leader.
    let other = Db::birth().await;
    assert!(leader::take(&other.dba().await).await.unwrap());
    let pid: i32 = first.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    second.execute("SELECT pg_terminate_backend($1, 10000)", &[&pid]).await.unwrap();
    assert!(leader::take(&second).await.unwrap());
    assert!(leader::holds(&first).await.is_err());
}

#[tokio::test]
async fn where_birthgate_is_not_nobody_leads() {
    let db = Db::empty().await;
    assert!(leader::take(&db.dba().await).await.is_err());
}
