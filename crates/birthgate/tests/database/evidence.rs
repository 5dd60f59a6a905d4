//! Evidence: what is in it, what is not, and that any changed byte is found.

use std::path::Path;
use std::time::Duration;

use birthgate::evidence::{self, Evidence, Sources, Steps};
use birthgate::plan::packet::{self, Packet};
use birthgate::rehearsal::{self, Rehearsal};
use testkit::Db;

async fn rehearsed(verify: &str) -> (Packet, Rehearsal) {
    let db = Db::empty().await;
    db.sql("CREATE TABLE orders (code text UNIQUE); INSERT INTO orders VALUES ('SECRET-1'), ('SECRET-2')")
        .await;
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        (
            "packet.toml",
            "macro = 'ORDERS'\nnext = 'AFTER'\n[[watch]]\nobject = 'table public.orders'\n[[step]]\nid = 'note'\ndo = 'do.sql'\nundo = 'undo.sql'\nverify = 'v.sql'\nstop = 'before'",
        ),
        ("do.sql", "ALTER TABLE orders ADD COLUMN note text DEFAULT 'pass-word'"),
        ("undo.sql", "ALTER TABLE orders DROP COLUMN note"),
        ("v.sql", verify),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let packet = packet::read(&folder.path().join("packet.toml")).unwrap();
    let options = rehearsal::Options { rows: rehearsal::Rows::All, ..crate::rehearsal::options() };
    let said = rehearsal::rehearse(&db.database("postgres"), &packet.plan, &options).await.unwrap();
    (packet, said)
}

fn write(root: &Path, packet: &Packet, rehearsal: &Rehearsal) -> Evidence {
    let sources = Sources { packet, rehearsal, key_change: None, dimensions: None };
    evidence::write(root, sources).unwrap()
}

#[tokio::test]
async fn every_changed_byte_is_found() {
    let (packet, said) = rehearsed("SELECT true").await;
    let root = tempfile::tempdir().unwrap();
    let first = write(root.path(), &packet, &said);
    let second = write(root.path(), &packet, &said);
    assert_eq!((first.revision, second.revision), (1, 2));
    assert_eq!(evidence::verify_all(root.path()).unwrap(), []);
    let numbered = std::fs::read_dir(&first.folder)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "md"))
        .count();
    assert_eq!(numbered, 16, "00 to 14, and the checkpoint");

    for name in evidence::export(&first.folder).unwrap().into_keys() {
        let path = first.folder.join(&name);
        let bytes = std::fs::read(&path).unwrap();
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            let found = evidence::verify(&first.folder).unwrap();
            assert!(!found.is_empty(), "byte {at} of {name}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(evidence::verify(&first.folder).map_or(true, |found| !found.is_empty()), "{name}");
        std::fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(evidence::verify_all(root.path()).unwrap(), []);
    std::fs::write(first.folder.join("15-more.md"), "more").unwrap();
    assert_eq!(evidence::verify(&first.folder).unwrap().len(), 1);
    std::fs::remove_file(first.folder.join("15-more.md")).unwrap();

    // A first revision that was made anew, hash and all, is not the one that the second names.
    let path = first.folder.join("checkpoint.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("\"PASS\"", "\"FAIL\"");
    std::fs::write(&path, &text).unwrap();
    let hash = evidence::open(&first.folder).unwrap().hash;
    std::fs::write(first.folder.join("checkpoint.sha256"), format!("{hash}  checkpoint.json\n"))
        .unwrap();
    assert_eq!(evidence::verify(&first.folder).unwrap(), []);
    let found = evidence::verify_all(root.path()).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].problem, "the revision before it was changed");
}

#[tokio::test]
async fn rows_and_secrets_are_not_in_it() {
    // The server's message about bad data quotes the value.
    for verify in ["SELECT true", "SELECT code::int = 1 FROM orders"] {
        let (packet, said) = rehearsed(verify).await;
        let root = tempfile::tempdir().unwrap();
        let written = write(root.path(), &packet, &said);
        for (name, text) in evidence::export(&written.folder).unwrap() {
            assert!(!text.contains("SECRET-1"), "{name}: {text}");
            assert!(!text.contains("pass-word"), "{name}: {text}");
        }
    }
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let (packet, said) = rehearsed("SELECT true").await;
    let root = tempfile::tempdir().unwrap();
    let written = write(root.path(), &packet, &said);
    let page = std::fs::read_to_string(written.folder.join("index.html")).unwrap();
    for reach in ["http:", "https:", "src=", "href=", "@import", "url(", "<script"] {
        assert!(!page.contains(reach), "{reach}");
    }
    for said in ["PASS", "ORDERS", "note", "AccessExclusiveLock", "<svg", "two-way"] {
        assert!(page.contains(said), "{said}");
    }
    let checkpoint = std::fs::read_to_string(written.folder.join("checkpoint.md")).unwrap();
    let sections = checkpoint.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(sections, 12);
    assert!(checkpoint.contains("APPLY — OWNER-GATED"), "{checkpoint}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waited_is_told_at_the_step_that_was_waited_for() {
    let db = Db::empty().await;
    db.sql("CREATE TABLE orders (code text)").await;
    let folder = tempfile::tempdir().unwrap();
    // Its lock is held until somebody has waited for it.
    let lock = "LOCK TABLE orders IN SHARE MODE;
        DO $$ BEGIN FOR v_try IN 1..2000 LOOP
          EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted AND waitstart < clock_timestamp() - interval '100 ms');
          PERFORM pg_sleep(0.005);
        END LOOP; END $$";
    for (name, text) in [
        (
            "packet.toml",
            "macro = 'ORDERS'\n[[step]]\nid = 'quiet'\ndo = 'quiet.sql'\nundo = 'unquiet.sql'\n[[step]]\nid = 'lock'\ndo = 'lock.sql'\n[[step]]\nid = 'elsewhere'\ndo = 'elsewhere.sql'\nrehearse = 'sandbox'",
        ),
        ("quiet.sql", "CREATE TABLE quiet (a int)"),
        ("unquiet.sql", "DROP TABLE quiet"),
        ("lock.sql", lock),
        ("elsewhere.sql", "CREATE TABLE elsewhere (a int)"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let packet = packet::read(&folder.path().join("packet.toml")).unwrap();
    let mut till = db.config("postgres");
    till.application_name("till");
    let till = testkit::connect(till).await;
    let pid: i32 = till.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let options = rehearsal::Options {
        live: rehearsal::Live::First,
        max_block: Duration::from_secs(20),
        max_time: Duration::from_secs(60),
        ..crate::rehearsal::options()
    };
    let (end, mut ended) = tokio::sync::oneshot::channel();
    let sells = tokio::spawn(async move {
        while ended.try_recv().is_err() {
            till.batch_execute("INSERT INTO orders VALUES ('A')").await.unwrap();
        }
    });
    let said = rehearsal::rehearse(&db.database("postgres"), &packet.plan, &options).await.unwrap();
    end.send(()).unwrap();
    sells.await.unwrap();

    let root = tempfile::tempdir().unwrap();
    let written = write(root.path(), &packet, &said);
    let text = std::fs::read_to_string(written.folder.join(Steps::FILE)).unwrap();
    let Steps { steps, blocked } = serde_json::from_str(&text).unwrap();
    assert_eq!(steps[0].blocked.as_deref(), Some(&[][..]), "{said:#?}");
    let [it] = steps[1].blocked.as_deref().unwrap() else { panic!("{said:#?}") };
    assert_eq!((it.pid, it.role.as_str(), it.application.as_str()), (pid, "postgres", "till"));
    assert_eq!(
        (it.object.as_deref(), it.mode.as_str()),
        (Some("public.orders"), "RowExclusiveLock")
    );
    assert!(it.waited_ms > 0.0 && it.waited_ms <= said.blocked_ms, "{said:#?}");
    assert_eq!(steps[2].blocked, None, "it was not run where anybody waits");
    assert_eq!(blocked.len(), 1);
    assert_eq!(steps[0].stops, None);
    assert_eq!(steps[1].stops.as_deref(), Some("there is no way back through it"));
    let held = &steps[1].locks[0];
    assert_eq!((held.object.as_str(), held.mode.as_str()), ("public.orders", "ShareLock"));
    // What was asked for may hold values.
    assert!(!text.contains("INSERT INTO"), "{text}");
    let page = std::fs::read_to_string(written.folder.join("index.html")).unwrap();
    assert!(page.contains("1 session, at most") && page.contains("not run there"), "{page}");
}
