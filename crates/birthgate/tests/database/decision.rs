//! What a collection's entities are: decided and signed by its owner, recorded, and felt by the dimensions.

use std::time::Duration;

use birthgate::collection::{self, Mode};
use birthgate::decision::{self, Identity};
use birthgate::declaration::Binding;
use birthgate::{Error, RefusalCode, evidence_log};
use testkit::{Db, refusal};

use crate::signed::{Key, owners};

/// Two tables without births, one of which has rows that are born in the other.
async fn listed() -> Db {
    let db = Db::governed("statement").await;
    db.sql("CREATE TABLE catalogue (code text NOT NULL UNIQUE); INSERT INTO catalogue VALUES ('A-1'), ('A-2')").await;
    let mut dba = db.dba().await;
    let mut govern = testkit::govern_thing();
    (govern.collection, govern.table) = ("catalogue".to_owned(), "public.catalogue".to_owned());
    (govern.mode, govern.critical) = (Mode::Listed, true);
    collection::govern(&mut dba, &govern).await.unwrap();
    db
}

async fn orphans(db: &Db) -> i64 {
    db.value("SELECT birthgate.count_orphans()").await
}

async fn decide(db: &Db, key: &Key, identity: &str) -> Result<decision::Decided, Error> {
    let identity: Identity = identity.parse().unwrap();
    let client = db.dba().await;
    let binding = Binding::make(&client, Duration::from_secs(60)).await.unwrap();
    let signed = key.sign(&decision::declaration("catalogue", &identity, &binding));
    decision::decide(&db.database("postgres"), "catalogue", &identity, &owners(&[key]), &[signed])
        .await
}

#[tokio::test]
async fn own_entities_are_born() {
    let db = listed().await;
    assert_eq!(orphans(&db).await, 2);
    let ada = Key::ed25519("ada");
    let decided = decide(&db, &ada, "own").await.unwrap();
    assert_eq!((decided.births.born, decided.principals), (2, vec!["ada".to_owned()]));
    assert_eq!(orphans(&db).await, 0);
    let origins: String = db.value("SELECT string_agg(DISTINCT origin || ' ' || status, ', ') FROM birthgate.birth_registry WHERE collection_name = 'catalogue'").await;
    assert_eq!(origins, "decision finalized");
    let changed: String = db
        .value(
            "SELECT action FROM birthgate.registry_changelog WHERE collection_name = 'catalogue'",
        )
        .await;
    assert_eq!(changed, "decided own");
    let log = evidence_log::entries(&db.dba().await, 0, None).await.unwrap();
    assert_eq!(log.last().unwrap().kind, "decision");
    assert_eq!(evidence_log::verify_signatures(&log, &owners(&[&ada])), Vec::<String>::new());
}

#[tokio::test]
async fn other_decisions_say_that_no_birth_is_missing() {
    let ada = Key::ed25519("ada");
    for (identity, says) in
        [("excluded", "excluded"), ("retired", "retired"), ("alias-of=thing", "alias of thing")]
    {
        let db = listed().await;
        if identity.starts_with("alias") {
            let not_yet = decide(&db, &ada, identity).await;
            assert_eq!(refusal(not_yet), RefusalCode::BadArgument, "its codes are not born there");
            let app = db.connect("app").await;
            app.batch_execute("INSERT INTO thing (code) SELECT 'A-' || n FROM generate_series(1, 2) AS n, birthgate.permit_hold('thing', 'A-' || n)").await.unwrap();
        }
        decide(&db, &ada, identity).await.unwrap();
        assert_eq!(orphans(&db).await, 0, "{identity}");
        let known = decision::list(&db.dba().await).await.unwrap();
        assert_eq!((known[0].0.as_str(), known[0].1.as_str()), ("catalogue", says));
    }
}

#[tokio::test]
async fn nobody_else_decides() {
    let db = listed().await;
    let (ada, mallory) = (Key::ed25519("ada"), Key::ed25519("mallory"));
    let client = db.dba().await;
    let binding = Binding::make(&client, Duration::from_secs(60)).await.unwrap();
    let own = decision::declaration("catalogue", &Identity::Own, &binding);
    let database = db.database("postgres");
    for (signed, identity, says) in [
        (vec![], Identity::Own, "0 of the owners"),
        (vec![mallory.sign(&own)], Identity::Own, "is no owner's"),
        (vec![ada.sign(&own)], Identity::Excluded, "another identity"),
    ] {
        match decision::decide(&database, "catalogue", &identity, &owners(&[&ada]), &signed).await {
            Err(Error::NotSigned(why)) => assert!(why.contains(says), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    let signed = [ada.sign(&own)];
    decision::decide(&database, "catalogue", &Identity::Own, &owners(&[&ada]), &signed)
        .await
        .unwrap();
    match decision::decide(&database, "catalogue", &Identity::Own, &owners(&[&ada]), &signed).await
    {
        Err(Error::NotSigned(why)) => assert!(why.contains("was used already"), "{why}"),
        other => panic!("{other:?}"),
    }
    // In SQL it takes the role that owns Birthgate.
    let refused = db
        .connect("app")
        .await
        .batch_execute("SELECT birthgate.decide_identity('catalogue', 'excluded', NULL, '{}')")
        .await;
    assert_eq!(testkit::sqlstate(&refused.unwrap_err()), "42501");
}

/// An emergency admission is in the evidence log, in its own transaction.
#[tokio::test]
async fn breaking_the_glass_is_in_the_evidence_log() {
    let db = Db::governed("statement").await;
    let client = db.dba().await;
    collection::grant(&client, "thing", "postgres", None).await.unwrap();
    let app = db.connect("app").await;
    let ask = "SELECT birthgate.permit_request('thing', 'A-1', p_break_glass => 'the registry is on fire')";
    client.batch_execute(&format!("BEGIN; {ask}; ROLLBACK")).await.unwrap();
    let noted =
        async || evidence_log::entries(&db.dba().await, 0, Some(&["break-glass"])).await.unwrap();
    assert_eq!(noted().await.len(), 0);
    client.batch_execute(ask).await.unwrap();
    let entries = noted().await;
    assert_eq!((entries.len(), entries[0].login.as_str()), (1, "postgres"));
    assert_eq!(entries[0].json()["reason"], "the registry is on fire");
    // Nobody but Birthgate's own functions writes there.
    let refused = app.batch_execute("SELECT birthgate_evidence.append('break-glass', '{}')").await;
    assert_eq!(testkit::sqlstate(&refused.unwrap_err()), "42501");
}
