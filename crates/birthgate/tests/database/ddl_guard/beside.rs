//! Beside the drift monitor, which says who did it, and beside packets, which it does not touch.

use std::time::Duration;

use birthgate::apply::Ended;
use birthgate::ddl_guard;
use birthgate::plan::packet;
use birthgate::rehearsal::{self, Live, Mutated, Options, Rows, Verdict, Where};
use birthgate::{block, drift};

use super::{events, recorded, watched};
use crate::signed::{self, Prepared};

#[tokio::test]
async fn its_own_end_is_drift() {
    for tamper in [
        "DROP EVENT TRIGGER birthgate_ddl_drop",
        "ALTER EVENT TRIGGER birthgate_ddl_drop DISABLE",
        "ALTER EVENT TRIGGER birthgate_ddl_drop ENABLE",
        "DROP FUNCTION birthgate.ddl_guard_drop() CASCADE",
    ] {
        let db = watched().await;
        let client = db.dba().await;
        block::assert_safe(&client, "cleanup").await.unwrap();
        db.sql(tamper).await;
        let found = drift::check(&client).await.unwrap();
        let explained = drift::explain(&client, &found).await.unwrap();
        let finding = explained
            .findings
            .iter()
            .find(|one| one.object == "event trigger birthgate_ddl_drop")
            .unwrap_or_else(|| panic!("{tamper}: {found:?}"));
        assert_eq!(finding.restore, "birthgate drift guard on");
        assert!(explained.unseen.is_some(), "{tamper}");
        block::assert_safe(&client, "cleanup").await.unwrap_err();
        if !tamper.contains("FUNCTION") {
            ddl_guard::install(&client).await.unwrap();
            assert_eq!(drift::check(&client).await.unwrap().differences, [], "{tamper}");
        }
    }
}

/// What is done, the object, and what is said of who did it; nothing where event triggers do not see it.
const SEEN: &[(&str, &str, &str)] = &[
    (
        "ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate",
        "trigger zz_birthgate_gate on public.thing",
        "ALTER TABLE public.thing by ",
    ),
    (
        "DROP TRIGGER zz_birthgate_gate ON thing",
        "trigger zz_birthgate_gate on public.thing",
        "DROP TRIGGER zz_birthgate_gate on public.thing by ",
    ),
    (
        "DROP FUNCTION birthgate.guard_delete() CASCADE",
        "trigger zz_birthgate_guard_delete on public.thing",
        "DROP FUNCTION, and with it trigger zz_birthgate_guard_delete on public.thing, by ",
    ),
    (
        "ALTER TRIGGER zz_birthgate_gate ON thing RENAME TO away",
        "trigger zz_birthgate_gate on public.thing",
        "ALTER TRIGGER away on public.thing by ",
    ),
    (
        "CREATE TRIGGER aa BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "trigger aa on public.thing",
        "CREATE TRIGGER aa on public.thing by ",
    ),
    (
        "CREATE RULE away AS ON INSERT TO thing DO INSTEAD NOTHING",
        "rule away on public.thing",
        "CREATE RULE away on public.thing by ",
    ),
    (
        "CREATE POLICY p ON thing USING (true)",
        "policy p on public.thing",
        "CREATE POLICY p on public.thing by ",
    ),
    (
        "ALTER TABLE thing SET UNLOGGED",
        "table public.thing",
        "ALTER TABLE public.thing, which rewrote it, by ",
    ),
    (
        "ALTER TABLE thing RENAME name TO title",
        "table public.thing",
        "ALTER TABLE public.thing.title by ",
    ),
    ("ALTER TABLE thing RENAME TO other", "table public.thing", "ALTER TABLE public.other by "),
    ("ALTER TABLE thing SET SCHEMA evil", "table public.thing", "ALTER TABLE evil.thing by "),
    ("GRANT TRIGGER ON thing TO app", "table public.thing", "GRANT on some TABLE by "),
    (
        "CREATE TABLE child () INHERITS (thing)",
        "table public.child",
        "CREATE TABLE public.child by ",
    ),
    (
        "GRANT EXECUTE ON FUNCTION birthgate.gate_statement() TO PUBLIC",
        "function birthgate.gate_statement()",
        "GRANT on some FUNCTION by ",
    ),
    ("GRANT CREATE ON SCHEMA birthgate TO app", "schema birthgate", "GRANT on some SCHEMA by "),
    (
        "ALTER FUNCTION birthgate.admit(text, jsonb, text) RESET search_path",
        "function birthgate.admit(p_collection text, p_row jsonb, p_idempotency_key text)",
        "ALTER FUNCTION birthgate.admit(",
    ),
    (
        "DROP INDEX birthgate.birth_registry_permit_key",
        "index birthgate.birth_registry_permit_key",
        "DROP INDEX birthgate.birth_registry_permit_key by ",
    ),
    (
        "ALTER TABLE birthgate.birth_registry DROP CONSTRAINT birth_has_permit",
        "constraint birth_has_permit on birthgate.birth_registry",
        "birthgate.birth_registry",
    ),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA birthgate GRANT ALL ON TABLES TO app",
        "default privileges of postgres in birthgate on r",
        "ALTER DEFAULT PRIVILEGES on some TABLES by ",
    ),
    (
        "SET session_replication_role = replica; ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate",
        "trigger zz_birthgate_gate on public.thing",
        "ALTER TABLE public.thing by ",
    ),
    ("REASSIGN OWNED BY thing_owner TO app", "table public.thing", ""),
    (
        "UPDATE pg_trigger SET tgenabled = 'D' WHERE tgname = 'zz_birthgate_gate'",
        "trigger zz_birthgate_gate on public.thing",
        "",
    ),
    (
        "SET ROLE birthgate_owner; UPDATE birthgate.collection SET mode = 'observe'",
        "collection thing",
        "",
    ),
];

#[tokio::test]
async fn a_drift_s_explanation_says_who_did_it() {
    for (tamper, object, says) in SEEN {
        let db = watched().await;
        let client = db.dba().await;
        // What was done before is somebody else's.
        db.sql("CREATE TABLE noise (); GRANT SELECT ON noise TO app; DROP TABLE noise").await;
        drift::check(&client).await.unwrap();
        db.sql(tamper).await;
        let found = drift::check(&client).await.unwrap();
        let explained = drift::explain(&client, &found).await.unwrap();
        let finding = explained
            .findings
            .iter()
            .find(|one| one.object == *object)
            .unwrap_or_else(|| panic!("{tamper}: {found:?}"));
        if says.is_empty() {
            let unseen = explained.unseen.clone().unwrap();
            assert!(unseen.contains("do not see"), "{unseen}");
            let new = finding.seen.iter().filter(|one| !one.contains("before the gate"));
            assert_eq!(new.count(), 0, "{tamper}: {finding:?}");
        } else {
            let said =
                finding.seen.iter().any(|one| one.contains(says) && one.contains(" by postgres"));
            assert!(said, "{tamper}: {finding:?} {:?}", recorded(&client).await);
        }
    }
}

/// Its rows are no step's: rehearsals pass in every place, the baseline moves as it does without, and an undo is clean.
#[tokio::test]
async fn a_packet_passes_beside_it() {
    let db = watched().await;
    let client = db.dba().await;
    let database = db.database("postgres");
    db.sql("CREATE TABLE orders (code text); INSERT INTO orders VALUES ('O-1')").await;
    let before = events(&client).await.len();
    let table = "macro = 'TABLE'\n[[step]]\nid = 'table'\ndo = 'a.sql'\nundo = 'u.sql'";
    let index = "\n[[step]]\nid = 'index'\ndo = 'i.sql'\nundo = 'j.sql'\ntransaction = false";
    let cloned = "macro = 'CLONE'\n[[step]]\nid = 'cloned'\ndo = 'c.sql'\nundo = 'd.sql'\nrehearse = 'clone'";
    let files = [
        (
            "a.sql",
            "CREATE TABLE other (a int); CREATE TEMP TABLE notes (a int); DROP TABLE notes; ALTER TABLE thing ADD COLUMN size integer",
        ),
        ("u.sql", "ALTER TABLE thing DROP COLUMN size; DROP TABLE other"),
        ("i.sql", "CREATE INDEX CONCURRENTLY thing_name ON thing (name)"),
        ("j.sql", "DROP INDEX CONCURRENTLY thing_name"),
        ("c.sql", "ALTER TABLE orders ALTER COLUMN code TYPE varchar(99)"),
        ("d.sql", "ALTER TABLE orders ALTER COLUMN code TYPE text"),
    ];
    let both = format!("{table}{index}");
    for (packet, live, rows, place) in [
        (table, Live::AfterSandbox, Rows::None, Where::Live),
        (table, Live::First, Rows::None, Where::Live),
        (cloned, Live::AfterSandbox, Rows::None, Where::Clone),
        (&both, Live::AfterSandbox, Rows::All, Where::Live),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let plan = packet::read(&signed::write(folder.path(), packet, &files)).unwrap().plan;
        let options = Options {
            live,
            rows,
            max_block: Duration::from_secs(10),
            max_time: Duration::from_secs(20),
            ..crate::rehearsal::options()
        };
        let said = rehearsal::rehearse(&database, &plan, &options).await.unwrap();
        assert_eq!((said.verdict, said.mutated), (Verdict::Pass, Mutated::None), "{said:#?}");
        assert_eq!(said.steps[0].seen, place, "{said:#?}");
        let told = format!("{:?}", said.steps);
        assert!(!told.contains("ddl_event"), "{told}");
    }
    let prepared = Prepared::new(&db, &both, &files).await;
    assert_eq!(events(&client).await.len(), before, "a rehearsal leaves nothing");
    prepared.approve(&client, &[]).await;
    let applied = prepared.apply(&database).await.unwrap();
    assert_eq!(applied.ended, Ended::Done, "{applied:?}");
    assert_eq!(drift::check(&client).await.unwrap().differences, []);
    let said = recorded(&client).await;
    assert!(
        said.contains(&"ddl_command_end: CREATE TABLE table public.other".to_owned()),
        "{said:?}"
    );
    assert_eq!(prepared.undo(&database).await.unwrap().ended, Ended::Undone);
    assert_eq!(drift::check(&client).await.unwrap().differences, []);
}
