//! Evidence: what is in it, what is not, and that any changed byte is found.

use std::path::Path;

use birthgate::evidence::{self, Evidence, Sources};
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
