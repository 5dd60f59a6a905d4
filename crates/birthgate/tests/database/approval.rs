//! Approvals: what is signed holds for this packet, as it was rehearsed, in this database, until it expires, once; and only
//! by those whom the file outside the database names.

use std::time::Duration;

use birthgate::apply::{Ended, Event, Phase};
use birthgate::approval::Subject;
use birthgate::declaration::{Binding, Declaration, Signed};
use birthgate::evidence_log;
use birthgate::owner::{Change, Owners};
use birthgate::{Database, Error};
use testkit::{Db, PhysicalCopy, Server, connect};

use crate::signed::{self, FILES, Key, ORDERS, PACKET, Prepared, orders, owners};

fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, says: &str) {
    match outcome {
        Err(Error::NotSigned(why)) => assert!(why.contains(says), "{why}"),
        other => panic!("{other:?} does not say {says}"),
    }
}

#[tokio::test]
async fn only_what_was_signed_is_approved() {
    let (db, prepared) = orders().await;
    let client = db.dba().await;
    let subject = prepared.subject();
    let declaration = prepared.declaration(&client, &[]).await;
    let add = async |signed: &Signed| subject.add(&client, &prepared.owners, signed).await;

    // Another namespace, a stranger's key, a changed byte, a text of one's own.
    refused(
        add(&prepared.key.sign_in(&declaration.text(), "file")).await,
        "for the namespace \"file\"",
    );
    refused(add(&Key::ed25519("mallory").sign(&declaration)).await, "is no owner's");
    let good = prepared.key.sign(&declaration);
    let text = declaration.text();
    for (old, new) in [
        ("packet: ORDERS", "packet: 0RDERS"),
        ("verdict: PASS", "verdict: FAIL"),
        ("doors: none", "doors: check"),
        ("timeline: 1", "timeline: 2"),
        ("steps: column, index", "steps: index, column"),
    ] {
        assert!(text.contains(old), "{text}");
        let changed = Signed { text: text.replace(old, new), ..good.clone() };
        refused(add(&changed).await, "");
        // Signed by an owner, it is still not what is here; but for doors, which are the owner's to open.
        if new.starts_with("doors") {
            continue;
        }
        refused(add(&prepared.key.sign_in(&text.replace(old, new), "birthgate")).await, "");
    }
    for byte in (0..text.len()).step_by(97) {
        let mut bytes = text.clone().into_bytes();
        bytes[byte] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        refused(add(&Signed { text: changed, ..good.clone() }).await, "");
    }
    // The good one, and only once.
    add(&good).await.unwrap();
    refused(add(&good).await, "is in the evidence log already");
}

#[tokio::test]
async fn what_has_expired_or_was_revoked_is_no_approval() {
    let (db, prepared) = orders().await;
    let (client, database) = (db.dba().await, db.database("postgres"));
    prepared.subject().record(&client).await.unwrap();
    let binding = Binding::make(&client, Duration::ZERO).await.unwrap();
    let expired = prepared.subject().declaration(&[], &binding).unwrap();
    refused(
        prepared.subject().add(&client, &prepared.owners, &prepared.key.sign(&expired)).await,
        "has expired at",
    );
    // Approved, then the key is revoked: it approves nothing any more.
    prepared.approve(&client, &[]).await;
    let bob = Key::ed25519("bob");
    let two = owners(&[&prepared.key, &bob]);
    let now = evidence_log::identity(&client).await.unwrap().now;
    let revoke = Change::Revoke { who: "ada".to_owned() };
    let text = two.propose(&revoke, &now, "2999-01-01T00:00:00Z").unwrap();
    let without =
        Owners::parse("f", &two.change(&revoke, &now, &[bob.sign(&text)]).unwrap()).unwrap();
    let other = Prepared { owners: without, ..prepared };
    refused(other.apply(&database).await, "has expired or was revoked");
    // With the owners as they were it goes through: it was the revocation that kept it.
    let before = Prepared { owners: owners(&[&other.key]), ..other };
    assert_eq!(before.apply(&database).await.unwrap().ended, Ended::Stopped);
}

/// An apply can take hours. The door was approved when it began, and no more when it comes to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_is_judged_at_the_door() {
    let (db, prepared) = orders().await;
    let (client, database) = (db.dba().await, db.database("postgres"));
    prepared.approve(&client, &[]).await;
    let binding = Binding::make(&client, Duration::from_secs(5)).await.unwrap();
    let door = prepared.subject().declaration(&["check".to_owned()], &binding).unwrap();
    prepared.subject().add(&client, &prepared.owners, &prepared.key.sign(&door)).await.unwrap();
    let runtime = tokio::runtime::Handle::current();
    let expiry = format!("SELECT pg_sleep_until('{}')", binding.expires);
    let applied = prepared
        .apply_as(&database, &crate::signed::options(), &mut |event| {
            if matches!(event, Event::Step { step: "function", phase: Phase::Begins }) {
                let run = async { client.batch_execute(&expiry).await.unwrap() };
                tokio::task::block_in_place(|| runtime.block_on(run));
            }
        })
        .await
        .unwrap();
    assert_eq!((applied.ended, applied.next.as_deref()), (Ended::Stopped, Some("check")));
    assert!(applied.why.unwrap().contains("the packet stops before it"));
}

/// The database's owner writes a key of his own, and signed texts, into the database: apply asks the file outside of it.
#[tokio::test]
async fn who_owns_the_database_is_no_owner_of_the_change() {
    let (db, prepared) = orders().await;
    let (client, database) = (db.dba().await, db.database("postgres"));
    let mallory = Key::ed25519("ada");
    let declaration = prepared.declaration(&client, &["check", "drop"]).await;
    let signed = mallory.sign(&declaration);
    // As `approve --add` writes it, and with a principal that is an owner's.
    let body = serde_json::json!({
        "packet": "ORDERS", "digest": prepared.packet.digest, "rehearsal": prepared.rehearsed.hash,
        "principal": "ada", "text": signed.text, "signature": signed.signature,
    });
    evidence_log::append(&client, "approval", &body).await.unwrap();
    db.sql("CREATE TABLE birthgate_evidence.owner (principal text, key text)").await;
    client
        .execute("INSERT INTO birthgate_evidence.owner VALUES ('ada', $1)", &[&mallory.public()])
        .await
        .unwrap();
    refused(prepared.apply(&database).await, "is no owner's");
    // Were his key in the file, it would be enough: so it is the file that keeps him out.
    let his = Prepared { owners: owners(&[&mallory]), ..prepared };
    assert_eq!(his.apply(&database).await.unwrap().ended, Ended::Done);
}

#[tokio::test]
async fn another_packet_and_another_rehearsal_are_not_approved() {
    let (db, prepared) = orders().await;
    let (client, database) = (db.dba().await, db.database("postgres"));
    prepared.approve(&client, &["check", "drop"]).await;

    // One byte of one file: the rehearsal is of another packet.
    let changed: Vec<(&str, &str)> = FILES
        .iter()
        .map(|(name, text)| {
            (*name, if *name == "drop.sql" { "ALTER TABLE orders DROP COLUMN note" } else { *text })
        })
        .collect();
    let path = signed::write(&prepared.folder.path().join("changed"), PACKET, &changed);
    let packet = birthgate::plan::packet::read(&path).unwrap();
    let subject = Subject { packet: &packet, rehearsed: &prepared.rehearsed };
    let outcome = birthgate::apply::apply(
        &database,
        subject,
        &prepared.owners,
        &signed::options(),
        &mut |_| {},
    )
    .await;
    refused(outcome, "the packet was changed since the rehearsal");

    // Rehearsed again it is another rehearsal, which nobody has signed.
    let (packet, again) =
        signed::rehearse(&database, &path, &prepared.folder.path().join("evidence")).await;
    let subject = Subject { packet: &packet, rehearsed: &again };
    let outcome = birthgate::apply::apply(
        &database,
        subject,
        &prepared.owners,
        &signed::options(),
        &mut |_| {},
    )
    .await;
    refused(outcome, "0 of 1 owners have signed");

    // Evidence in which a byte was changed is not read at all.
    let states = std::fs::read_dir(prepared.folder.path().join("evidence"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
        .join("states.json");
    let text = std::fs::read_to_string(&states).unwrap();
    std::fs::write(&states, text.replace("\"undone\": false", "\"undone\": true")).unwrap();
    refused(
        birthgate::evidence::read(states.parent().unwrap()),
        "states.json is not as it was written",
    );
}

/// A copy of the database, by template or by its files, is another database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_is_not_approved() {
    let server =
        tokio::task::spawn_blocking(|| Server::own(&[("wal_level", "replica")])).await.unwrap();
    let root = connect(server.config("postgres", "postgres")).await;
    root.batch_execute("CREATE DATABASE orders").await.unwrap();
    let database = Database::new(server.config("orders", "postgres")).unwrap();
    let client = database.connect_for_others().await.unwrap();
    client.batch_execute(ORDERS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = signed::write(&folder.path().join("packet"), PACKET, FILES);
    let (packet, rehearsed) =
        signed::rehearse(&database, &path, &folder.path().join("evidence")).await;
    let key = Key::ed25519("ada");
    let prepared = Prepared { folder, packet, rehearsed, owners: owners(&[&key]), key };
    prepared.approve(&client, &["check", "drop"]).await;
    drop(client);

    let refuses = async |other: Database| match prepared.apply(&other).await {
        Err(Error::NotSigned(why)) => why,
        other => panic!("{other:?}"),
    };
    // By template, on the same server. The client that was there may still be leaving.
    let clone = "CREATE DATABASE cloned TEMPLATE orders";
    for _ in 0..200 {
        if root.batch_execute(clone).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let why = refuses(Database::new(server.config("cloned", "postgres")).unwrap()).await;
    assert!(why.contains("is a copy, or was moved"), "{why}");
    // By its files: restored with its log it has another timeline, and stands elsewhere.
    let copy = PhysicalCopy::take(&server).await;
    let copy = PhysicalCopy::start(
        &server,
        copy,
        Some("recovery.signal"),
        "restore_command = 'false'\nrecovery_target_action = 'promote'",
    )
    .await;
    let config = copy.config("orders", "postgres");
    let there = connect(config.clone()).await;
    for _ in 0..500 {
        let row = there.query_one("SELECT pg_is_in_recovery()", &[]).await.unwrap();
        if !row.get::<_, bool>(0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let why = refuses(Database::new(config.clone()).unwrap()).await;
    assert!(why.contains("is a copy, or was moved"), "{why}");
    // Claimed there by a new approval it may be applied there; the old text does not count.
    let clone = Database::new(config).unwrap();
    let there = clone.connect_for_others().await.unwrap();
    let declaration = prepared.declaration(&there, &[]).await;
    prepared
        .subject()
        .add(&there, &prepared.owners, &prepared.key.sign(&declaration))
        .await
        .unwrap();
    assert_eq!(
        prepared.apply(&clone).await.unwrap().next.as_deref(),
        Some("check"),
        "the doors of the old text stay shut"
    );
    // And the original is what it was.
    assert_eq!(prepared.apply(&database).await.unwrap().ended, Ended::Done);
    tokio::task::spawn_blocking(move || drop((copy, server))).await.unwrap();
}

#[tokio::test]
async fn a_quorum_is_of_different_owners() {
    let db = Db::empty().await;
    db.sql(ORDERS).await;
    let prepared = Prepared::new(
        &db,
        &PACKET.replace("next = 'AFTER'", "next = 'AFTER'\nowners = { quorum = 2 }"),
        FILES,
    )
    .await;
    let bob = Key::ed25519("bob");
    let prepared = Prepared { owners: owners(&[&prepared.key, &bob]), ..prepared };
    let (client, database) = (db.dba().await, db.database("postgres"));
    prepared.approve(&client, &[]).await;
    prepared.approve(&client, &["check"]).await;
    refused(prepared.apply(&database).await, "1 of 2 owners");
    // The same text, signed by the other one.
    let declaration = prepared.declaration(&client, &["check"]).await;
    prepared.subject().add(&client, &prepared.owners, &bob.sign(&declaration)).await.unwrap();
    let applied = prepared.apply(&database).await.unwrap();
    assert_eq!((applied.ended, applied.next.as_deref()), (Ended::Stopped, Some("drop")));
    // A packet cannot ask for less than the owners do.
    let strict =
        Owners::parse("f", &format!("# birthgate: quorum = 3\n{}", prepared.owners.text()))
            .unwrap();
    let strict = Prepared { owners: strict, ..prepared };
    refused(strict.apply(&database).await, "2 of 3 owners");
}

/// A superuser writes the evidence log anew, with every hash right: what was signed since names entries that are gone.
#[tokio::test]
async fn a_log_that_was_written_anew_is_found() {
    let (db, prepared) = orders().await;
    let (client, database) = (db.dba().await, db.database("postgres"));
    prepared.approve(&client, &[]).await;
    for sql in [
        "UPDATE birthgate_evidence.log SET body = '{}' WHERE number = 2",
        "DELETE FROM birthgate_evidence.log",
        "TRUNCATE birthgate_evidence.log",
    ] {
        let error = client.batch_execute(sql).await.unwrap_err();
        assert_eq!(testkit::sqlstate(&error), "PB012", "{sql}");
    }
    let log = evidence_log::entries(&client, 0, None).await.unwrap();
    // One byte, as only a superuser can, who takes the guard away.
    db.sql("ALTER TABLE birthgate_evidence.log DISABLE TRIGGER ALL; UPDATE birthgate_evidence.log SET body = replace(body, 'ORDERS', '0RDERS') WHERE number = 2").await;
    refused(prepared.apply(&database).await, "entry 2 was changed");
    // All of it anew, so that every hash is right again.
    db.sql(
        "DO $$ DECLARE e record; v_previous text := repeat('0', 64); v_hash text; BEGIN
           FOR e IN SELECT * FROM birthgate_evidence.log ORDER BY number LOOP
             v_hash := birthgate_evidence.entry_hash(e.number, e.at, e.kind, e.login, e.body, v_previous);
             UPDATE birthgate_evidence.log SET previous = v_previous, hash = v_hash WHERE number = e.number;
             v_previous := v_hash;
           END LOOP; END $$",
    )
    .await;
    let anew = evidence_log::entries(&client, 0, None).await.unwrap();
    assert_eq!(evidence_log::verify(&anew), Vec::<String>::new(), "every hash is right");
    refused(prepared.apply(&database).await, "does not hold the entry that was signed");
    let flaws = evidence_log::verify_signatures(&anew, &prepared.owners);
    assert!(
        flaws.iter().any(|flaw| flaw.contains("does not hold the entry that was signed")),
        "{flaws:?}"
    );
    // Offline, an export in which an entry is left out, moved or changed.
    for change in 0..4 {
        let mut broken = log.clone();
        match change {
            0 => drop(broken.remove(1)),
            1 => broken.swap(0, 1),
            2 => broken[1].at.push('0'),
            _ => broken[2].login.push('x'),
        }
        assert_ne!(evidence_log::verify(&broken), Vec::<String>::new(), "{change}");
    }
    let declaration = Declaration::parse(log[2].json()["text"].as_str().unwrap()).unwrap();
    assert_eq!(declaration.kind, "approval");
}

/// The same text again, with a byte more around its signature, or appended by hand: used up is used up.
#[tokio::test]
async fn an_approval_that_was_used_is_not_used_again() {
    let (db, prepared) = orders().await;
    let (client, database) = (db.dba().await, db.database("postgres"));
    let signed = prepared.key.sign(&prepared.declaration(&client, &["check", "drop"]).await);
    prepared.subject().add(&client, &prepared.owners, &signed).await.unwrap();
    let twin = Signed { signature: format!("\n{}\n", signed.signature), ..signed.clone() };
    refused(
        prepared.subject().add(&client, &prepared.owners, &twin).await,
        "is in the evidence log already",
    );
    let until = birthgate::apply::Options { until: Some("rows".to_owned()), ..signed::options() };
    prepared.apply_as(&database, &until, &mut |_| {}).await.unwrap();
    prepared.undo(&database).await.unwrap();
    let log = evidence_log::entries(&client, 0, Some(&["approval"])).await.unwrap();
    evidence_log::append(&client, "approval", &log[0].json()).await.unwrap();
    refused(prepared.apply(&database).await, "used by an apply that ended");
}

/// Somebody who may make a schema makes ours before us: nothing of it is read, or written to.
#[tokio::test]
async fn a_log_that_somebody_else_made_is_not_touched() {
    let makes = [
        "CREATE SCHEMA birthgate_evidence; CREATE FUNCTION birthgate_evidence.evil() RETURNS text LANGUAGE plpgsql AS 'BEGIN CREATE TABLE public.owned (a int); RETURN 1; END';
         CREATE TABLE birthgate_evidence.log (number bigint, at text, kind text, login text, body text, previous text, hash text);
         CREATE VIEW birthgate_evidence.instance AS SELECT birthgate_evidence.evil() AS id, NULL::jsonb AS facts",
        "CREATE SCHEMA birthgate_evidence; CREATE TABLE birthgate_evidence.log (number bigint PRIMARY KEY, at text, kind text, login text, body text, previous text, hash text);
         CREATE FUNCTION birthgate_evidence.evil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN CREATE TABLE public.owned (a int); RETURN NEW; END';
         CREATE TRIGGER append_only BEFORE INSERT ON birthgate_evidence.log FOR EACH ROW EXECUTE FUNCTION birthgate_evidence.evil();
         CREATE TABLE birthgate_evidence.instance (only_row boolean PRIMARY KEY DEFAULT true, id text, facts jsonb)",
    ];
    for make in makes {
        let (db, prepared) = orders().await;
        db.sql("DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO app', current_database()); END $$").await;
        db.connect("app").await.batch_execute(make).await.unwrap();
        let (client, database) = (db.dba().await, db.database("postgres"));
        let says = "find out who made it";
        refused(birthgate::apply::status(&database).await, says);
        refused(prepared.subject().record(&client).await, says);
        refused(prepared.apply(&database).await, says);
        refused(birthgate::schema::init(&mut db.dba().await).await, says);
        assert!(db.value::<bool>("SELECT to_regclass('public.owned') IS NULL").await);
    }
}
