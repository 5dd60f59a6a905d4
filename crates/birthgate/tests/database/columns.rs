//! A column that is added again stands last: that is a note of an undo, and no difference, unless it is to be strict.

use birthgate::Error;
use birthgate::apply::{self, Ended, Options};
use birthgate::fingerprint::{self, Scope};
use birthgate::plan::packet;
use birthgate::rehearsal::{self, Live, Verdict};
use testkit::Db;

use crate::rehearsal::WAYS;
use crate::signed::{Prepared, options, write};

const TABLE: &str = "
    CREATE TABLE item (id int PRIMARY KEY, kind text NOT NULL DEFAULT 'x', name text);
    INSERT INTO item (id, name) SELECT n, 'n' || n FROM generate_series(1, 50) AS n;";
const DROP: &str = "ALTER TABLE item DROP COLUMN kind";
const ADD: &str = "ALTER TABLE item ADD COLUMN kind text NOT NULL DEFAULT 'x'";
const NOTE: &str = "table public.item: column order was id, kind, name, is id, name, kind";

async fn rehearse(db: &Db, undo: &str, live: Live, strict_columns: bool) -> rehearsal::Rehearsal {
    let folder = tempfile::tempdir().unwrap();
    let packet = "macro = 'DROP'\n[[step]]\nid = 'drop'\ndo = 'drop.sql'\nundo = 'undo.sql'\n";
    let path = write(folder.path(), packet, &[("drop.sql", DROP), ("undo.sql", undo)]);
    let plan = packet::read(&path).unwrap().plan;
    let options = rehearsal::Options {
        live,
        strict_columns,
        rows: rehearsal::Rows::All,
        ..crate::rehearsal::options()
    };
    rehearsal::rehearse(&db.database("postgres"), &plan, &options).await.unwrap()
}

#[tokio::test]
async fn an_undo_that_adds_a_dropped_column_again_brings_back_what_was() {
    let db = Db::empty().await;
    db.sql(TABLE).await;
    for live in WAYS {
        let said = rehearse(&db, ADD, live, false).await;
        assert_eq!(said.verdict, Verdict::Pass, "{said:#?}");
        let undo = said.steps[0].undo.as_ref().unwrap();
        assert!(undo.restores && undo.notes == [NOTE], "{undo:#?}");
        assert!(said.notes.iter().any(|note| note.contains(NOTE)), "{:?}", said.notes);

        let strict = rehearse(&db, ADD, live, true).await;
        assert_eq!(strict.verdict, Verdict::Fail, "{strict:#?}");
        assert_eq!(strict.steps[0].undo.as_ref().unwrap().differences, [NOTE]);
    }
}

#[tokio::test]
async fn what_else_differs_is_told_beside_it() {
    let db = Db::empty().await;
    db.sql(TABLE).await;
    for (undo, says) in [
        (
            ADD.replace("kind text NOT NULL", "kind varchar"),
            "table public.item: column kind was text NOT NULL",
        ),
        // The rows are not those that were.
        (
            ADD.replace("'x'", "'y'") + "; ALTER TABLE item ALTER kind SET DEFAULT 'x'",
            "table public.item does not hold the same rows",
        ),
        (
            "SELECT 1".to_owned(),
            "table public.item: column kind was text NOT NULL DEFAULT 'x'::text, is nothing",
        ),
    ] {
        let said = rehearse(&db, &undo, Live::AfterSandbox, false).await;
        assert_eq!(said.verdict, Verdict::Fail, "{undo}");
        let found = said.steps[0].undo.as_ref().unwrap();
        assert!(found.differences.iter().any(|one| one.starts_with(says)), "{undo}: {found:#?}");
    }
}

const PACKET: &str = "
macro = 'COLUMNS'
[[step]]
id = 'before'
do = 'before.sql'
undo = 'before.undo.sql'
[[step]]
id = 'drop'
do = 'drop.sql'
undo = 'drop.undo.sql'
";

#[tokio::test]
async fn the_undo_of_an_apply_judges_alike() {
    let files = [
        ("before.sql", "ALTER TABLE item ADD COLUMN size int"),
        ("before.undo.sql", "ALTER TABLE item DROP COLUMN size"),
        // What lists the columns of the table by their places stands by their names.
        ("drop.sql", "DROP STATISTICS item_stats; ALTER TABLE item DROP COLUMN kind"),
        (
            "drop.undo.sql",
            "ALTER TABLE item ADD COLUMN kind text NOT NULL DEFAULT 'x'; CREATE STATISTICS item_stats ON kind, name FROM item",
        ),
    ];
    let db = Db::empty().await;
    db.sql(TABLE).await;
    db.sql("CREATE STATISTICS item_stats ON kind, name FROM item").await;
    let (database, client) = (db.database("postgres"), db.dba().await);
    let before = fingerprint::take(&client, &Scope::Objects(vec!["table public.item".to_owned()]))
        .await
        .unwrap();
    let prepared = Prepared::new(&db, PACKET, &files).await;
    prepared.approve(&client, &[]).await;
    assert_eq!(prepared.apply(&database).await.unwrap().ended, Ended::Done);

    let strict = Options { strict_columns: true, ..options() };
    let kept = apply::undo(&database, prepared.subject(), &prepared.owners, &strict, &mut |_| {})
        .await
        .unwrap();
    assert_eq!(kept.ended, Ended::Failed);
    assert!(kept.why.unwrap().contains("its columns stand in another order"));

    // The step before it is undone as well, from another order than it left.
    let undone = prepared.undo(&database).await.unwrap();
    assert_eq!(undone.ended, Ended::Undone, "{undone:#?}");
    assert_eq!(undone.notes, ["table public.item: its columns stand in another order"]);
    let after = fingerprint::take(&client, &Scope::Objects(vec!["table public.item".to_owned()]))
        .await
        .unwrap();
    assert_eq!(before.diff_of_use(&after), []);
    assert_eq!(before.diff(&after).iter().map(ToString::to_string).collect::<Vec<_>>(), [NOTE]);

    // Forwards it is another table: a step may rely on the order.
    prepared.approve(&client, &[]).await;
    match prepared.apply(&database).await {
        Err(Error::Stale(why)) => {
            assert!(why.contains("its columns stand in another order"), "{why}")
        }
        other => panic!("{other:?}"),
    }
}
